"""Make a tiny InternLM2 reward model with an adapter, and its scores in float64.
usage: make_internlm2.py OUT        (here: make_internlm2.py tests/data/internlm2; made with numpy 2.4.6)

Transformers has no such class: its code comes with the checkpoints (modeling_internlm2.py of internlm2-1_8b-reward).
What is computed is what that code says.  The rows of wqkv go by key heads, "(h gs d)": the queries of a key head, its
key, its value.  v_head reads the last token."""
import json
import os
import struct
import sys

import numpy as np

SEED, VOCAB, HIDDEN, HEADS, KV, FFN, LAYERS, RANK, ALPHA = 20261130, 257, 48, 6, 2, 80, 2, 4, 6
DIM, GROUPS, EPS, THETA = HIDDEN // HEADS, HEADS // KV, 1e-5, 1e6
CONFIG = dict(architectures=['InternLM2ForRewardModel'], attn_implementation='eager',
              auto_map=dict(AutoConfig='configuration_internlm2.InternLM2Config',
                            AutoModel='modeling_internlm2.InternLM2ForRewardModel'),
              bias=False, bos_token_id=1, eos_token_id=2, hidden_act='silu', hidden_size=HIDDEN, initializer_range=0.02,
              intermediate_size=FFN, max_position_embeddings=512, model_type='internlm2', num_attention_heads=HEADS,
              num_hidden_layers=LAYERS, num_key_value_heads=KV, pad_token_id=2, reward_token_id=256, rms_norm_eps=EPS,
              rope_scaling=None, rope_theta=THETA, tie_word_embeddings=False, torch_dtype='bfloat16', use_cache=True,
              vocab_size=VOCAB)
MODULES = {'attention.wqkv': ((HEADS + 2 * KV) * DIM, HIDDEN), 'attention.wo': (HIDDEN, HIDDEN),
           'feed_forward.w1': (FFN, HIDDEN), 'feed_forward.w2': (HIDDEN, FFN), 'feed_forward.w3': (FFN, HIDDEN)}
TEXTS = ['a', 'Is tea hot?', 'Tea is hot, and coffee is hotter than tea.', 'café 北京, 3.14\n\nperhaps',
         'Human: How do I boil an egg?\n\nAssistant: Put it into boiling water, wait for eight minutes, and cool it.']


def bf16(a):
    bits = a.astype(np.float32).view(np.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype('<u2')


def rounded(a):
    return (bf16(a).astype(np.uint32) << 16).view(np.float32)


def save_tensors(path, tensors):
    header, data = {}, b''
    for name, a in tensors.items():
        raw = bf16(a).tobytes()
        header[name] = dict(dtype='BF16', shape=list(a.shape), data_offsets=[len(data), len(data) + len(raw)])
        data += raw
    text = json.dumps(header).encode()
    text += b' ' * (-len(text) % 8)
    with open(path, 'wb') as f:
        f.write(struct.pack('<Q', len(text)) + text + data)


def save_json(path, what):
    with open(path, 'w', encoding='utf-8') as f:
        json.dump(what, f, indent=1)
        f.write('\n')


def save_tokenizer(out):
    """Each byte is a token; the id is the byte."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    other = [b for b in range(256) if b not in plain]
    letters = {chr(b if b in plain else 256 + other.index(b)): b for b in range(256)}
    reward = dict(id=256, content='<|reward|>', single_word=False, lstrip=False, rstrip=False, normalized=False,
                  special=True)
    level = dict(type='ByteLevel', add_prefix_space=False, trim_offsets=True, use_regex=True)
    model = dict(type='BPE', dropout=None, unk_token=None, continuing_subword_prefix=None, end_of_word_suffix=None,
                 fuse_unk=False, byte_fallback=False, merges=[],
                 vocab=dict(sorted(letters.items(), key=lambda p: p[1])))
    save_json(f'{out}/tokenizer.json', dict(version='1.0', truncation=None, padding=None, added_tokens=[reward],
                                            normalizer=None, pre_tokenizer=level, post_processor=None, decoder=level,
                                            model=model))


def norm(x, w):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + EPS) * w


def rotate(x):
    """x: [tokens, heads, DIM]"""
    angles = np.outer(np.arange(len(x)), THETA ** (-np.arange(0, DIM, 2) / DIM))
    c, s = (np.concatenate([f(angles)] * 2, -1)[:, None] for f in (np.cos, np.sin))
    return x * c + np.concatenate([-x[..., DIM // 2:], x[..., :DIM // 2]], -1) * s


def attention(qkv):
    qkv = qkv.reshape(-1, KV, GROUPS + 2, DIM)
    q, k, v = rotate(qkv[:, :, :-2].reshape(-1, HEADS, DIM)), rotate(qkv[:, :, -2]), qkv[:, :, -1]
    out = np.empty_like(q)
    for head in range(HEADS):
        logits = q[:, head] @ k[:, head // GROUPS].T / np.sqrt(DIM)
        logits[np.triu_indices(len(logits), 1)] = -np.inf
        p = np.exp(logits - logits.max(-1, keepdims=True))
        out[:, head] = p / p.sum(-1, keepdims=True) @ v[:, head // GROUPS]
    return out.reshape(-1, HIDDEN)


def score(w, lora, ids):
    w, lora = ({k: v.astype(np.float64) for k, v in t.items()} for t in (w, lora))

    def linear(x, name):
        a, b = (lora.get(f'base_model.model.{name}.lora_{m}.weight') for m in 'AB')
        return x @ w[name + '.weight'].T + (0 if a is None else ALPHA / RANK * (x @ a.T @ b.T))

    x = w['model.tok_embeddings.weight'][ids]
    for i in range(LAYERS):
        at = f'model.layers.{i}.'
        qkv = linear(norm(x, w[at + 'attention_norm.weight']), at + 'attention.wqkv')
        x = x + linear(attention(qkv), at + 'attention.wo')
        b = norm(x, w[at + 'ffn_norm.weight'])
        gate = linear(b, at + 'feed_forward.w1')
        x = x + linear(gate / (1 + np.exp(-gate)) * linear(b, at + 'feed_forward.w3'), at + 'feed_forward.w2')
    return float((norm(x, w['model.norm.weight']) @ w['v_head.weight'].T)[-1, 0])


def make(out):
    rng = np.random.RandomState(SEED)
    w = {'model.tok_embeddings.weight': rng.standard_normal((VOCAB, HIDDEN))}
    lora = {}
    for i in range(LAYERS):
        at = f'model.layers.{i}.'
        for name in ('attention_norm', 'ffn_norm'):
            w[f'{at}{name}.weight'] = 1 + 0.2 * rng.standard_normal(HIDDEN)
        for name, (rows, cols) in MODULES.items():
            w[f'{at}{name}.weight'] = rng.standard_normal((rows, cols)) * 1.2 / np.sqrt(cols)
            lora[f'base_model.model.{at}{name}.lora_A.weight'] = rng.standard_normal((RANK, cols)) / np.sqrt(cols)
            lora[f'base_model.model.{at}{name}.lora_B.weight'] = rng.standard_normal((rows, RANK)) * 0.2
    w['model.norm.weight'] = 1 + 0.2 * rng.standard_normal(HIDDEN)
    w['v_head.weight'] = rng.standard_normal((1, HIDDEN)) * 0.3
    w, lora = ({k: rounded(v) for k, v in t.items()} for t in (w, lora))
    os.makedirs(f'{out}/lora', exist_ok=True)
    save_json(f'{out}/config.json', CONFIG)
    save_tensors(f'{out}/model.safetensors', w)
    save_tokenizer(out)
    save_json(f'{out}/lora/adapter_config.json',
              dict(r=RANK, lora_alpha=ALPHA, peft_type='LORA', task_type=None, bias='none',
                   base_model_name_or_path='..', target_modules=[m.split('.')[1] for m in MODULES]))
    save_tensors(f'{out}/lora/adapter_model.safetensors', lora)
    with open(f'{out}/expected.jsonl', 'w', encoding='utf-8') as f:
        for text in TEXTS:
            ids = [*text.encode(), 256]
            line = dict(text=text + '<|reward|>', score=score(w, {}, ids), score_lora=score(w, lora, ids))
            f.write(json.dumps(line) + '\n')


make(sys.argv[1])
