"""Make two tiny reward models for cases that the others here don't cover, with scores in float64.
usage: make_edges.py OUT        (here: make_edges.py tests/data/golden; made with numpy 2.4.6)

blocks     a Llama of odd sizes whose sums are longer than 512 terms (attention's logits, o_proj, down_proj), with biases
           and linear rotary scaling, stored in bf16. Its adapter's scale, 17 / 10, is not a power of two.
denormals  a Gemma 2, stored in fp32. A few rows of v_proj and up_proj are near 2^-126, so that some sums and products
           are flushed to zero; o_proj and down_proj scale the rest up again, to about 1e-5 of a score. Its adapter's
           scale is 3 / sqrt(5), by rsLoRA.

The float64 scores come from a plain forward pass, which flushes nothing to zero."""
import json
import os
import struct
import sys

import numpy as np

SEED, PAD, VOCAB = 20261130, 256, 260
TARGETS = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj']
COMMON = dict(vocab_size=VOCAB, max_position_embeddings=512, pad_token_id=PAD, eos_token_id=None, bos_token_id=None,
              id2label={'0': 'LABEL_0'}, rms_norm_eps=1e-6)
CONFIGS = {
    'blocks': dict(COMMON, architectures=['LlamaForSequenceClassification'], model_type='llama', dtype='bfloat16',
                   hidden_size=41, intermediate_size=1033, num_hidden_layers=1, num_attention_heads=2,
                   num_key_value_heads=1, head_dim=514, hidden_act='silu', attention_bias=True, mlp_bias=True,
                   rope_parameters=dict(rope_type='linear', rope_theta=1e4, factor=1.5)),
    'denormals': dict(COMMON, architectures=['Gemma2ForSequenceClassification'], model_type='gemma2', dtype='float32',
                      hidden_size=40, intermediate_size=44, num_hidden_layers=2, num_attention_heads=2,
                      num_key_value_heads=1, head_dim=16, hidden_activation='gelu_pytorch_tanh',
                      query_pre_attn_scalar=24, sliding_window=20, attn_logit_softcapping=50.0,
                      rope_parameters=dict(rope_type='default', rope_theta=1e4)),
}
ADAPTERS = {'blocks': dict(r=10, lora_alpha=17, use_rslora=False), 'denormals': dict(r=5, lora_alpha=3, use_rslora=True)}


# ---- files ----

def bf16_bits(a):
    bits = a.astype(np.float32).view(np.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype('<u2')


def stored(a, dtype):
    """The values that a reader of the file gets."""
    if dtype == 'BF16':
        return (bf16_bits(a).astype(np.uint32) << 16).view(np.float32)
    return a.astype('<f4')


def save_tensors(path, tensors, dtype):
    header, data = {}, b''
    for name, a in tensors.items():
        raw = (bf16_bits(a) if dtype == 'BF16' else a.astype('<f4')).tobytes()
        header[name] = dict(dtype=dtype, shape=list(a.shape), data_offsets=[len(data), len(data) + len(raw)])
        data += raw
    text = json.dumps(header).encode()
    text += b' ' * (-len(text) % 8)
    with open(path, 'wb') as f:
        f.write(struct.pack('<Q', len(text)) + text + data)


def save_json(path, what):
    with open(path, 'w', encoding='utf-8') as f:
        json.dump(what, f, indent=1)
        f.write('\n')


def byte_letters():
    """The character that stands for each byte in byte-level BPE."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    other = [b for b in range(256) if b not in plain]
    return {b: chr(b if b in plain else 256 + other.index(b)) for b in range(256)}


def save_tokenizer(folder):
    """Each byte is a token; the id is the byte."""
    level = dict(type='ByteLevel', add_prefix_space=False, trim_offsets=True, use_regex=True)
    pad = dict(id=PAD, content='<|pad|>', single_word=False, lstrip=False, rstrip=False, normalized=False, special=True)
    model = dict(type='BPE', dropout=None, unk_token=None, continuing_subword_prefix=None, end_of_word_suffix=None,
                 fuse_unk=False, byte_fallback=False, vocab={c: b for b, c in byte_letters().items()}, merges=[])
    save_json(f'{folder}/tokenizer.json', dict(version='1.0', truncation=None, padding=None, added_tokens=[pad],
                                               normalizer=None, pre_tokenizer=level, post_processor=None,
                                               decoder=level, model=model))
    save_json(f'{folder}/tokenizer_config.json', dict(pad_token='<|pad|>'))


# ---- their contents ----

def make_texts(rng):
    words = ['tea', 'is', 'hot', 'Human:', 'Assistant:', 'no', 'café', '北京', 'perhaps', '3.14', '\n\n', 'I would say so.']
    texts = [' '.join(words[i] for i in rng.randint(0, len(words), n)) for n in range(1, 31)]
    return texts + ['a', 'ends in pad<|pad|>']


def ids_of(text):
    parts = text.split('<|pad|>')
    return [i for n, part in enumerate(parts) for i in [PAD] * (n > 0) + list(part.encode())]


def shapes(c):
    q, kv, hidden, ffn = (c[k] for k in ('num_attention_heads', 'num_key_value_heads', 'hidden_size',
                                         'intermediate_size'))
    q, kv = q * c['head_dim'], kv * c['head_dim']
    return {'self_attn.q_proj': (q, hidden), 'self_attn.k_proj': (kv, hidden), 'self_attn.v_proj': (kv, hidden),
            'self_attn.o_proj': (hidden, q), 'mlp.gate_proj': (ffn, hidden), 'mlp.up_proj': (ffn, hidden),
            'mlp.down_proj': (hidden, ffn)}


def shrink(w, layer, rng):
    """Scale three rows of v_proj and of up_proj down to about 2^-126, and the columns that read them up (two heads share
    the values)."""
    small = 2.0 ** rng.randint(-129, -124, (3, 1))
    for inner, outer, copies in (('self_attn.v_proj', 'self_attn.o_proj', 2), ('mlp.up_proj', 'mlp.down_proj', 1)):
        w[f'{layer}{inner}.weight'][:3] *= small
        for i in range(copies):
            w[f'{layer}{outer}.weight'][:, 16 * i:16 * i + 3] *= 2.0 ** 107


def make_weights(name, c, rng):
    gemma, hidden = name == 'denormals', c['hidden_size']
    norms = ['input_layernorm', 'post_attention_layernorm'] + \
        (['pre_feedforward_layernorm', 'post_feedforward_layernorm'] if gemma else [])

    def norm():
        return (0 if gemma else 1) + 0.2 * rng.standard_normal(hidden)

    w = {'model.embed_tokens.weight': 0.7 * rng.standard_normal((VOCAB, hidden))}
    for i in range(c['num_hidden_layers']):
        layer = f'model.layers.{i}.'
        for module, shape in shapes(c).items():
            w[f'{layer}{module}.weight'] = rng.standard_normal(shape) * (1.2 / shape[1] ** 0.5)
            if c.get('attention_bias'):
                w[f'{layer}{module}.bias'] = 0.3 * rng.standard_normal(shape[0])
        for n in norms:
            w[f'{layer}{n}.weight'] = norm()
        if gemma:
            shrink(w, layer, rng)
    w['model.norm.weight'] = norm()
    w['score.weight'] = 0.3 * rng.standard_normal((1, hidden))
    return w


def make_lora(c, r, rng):
    lora = {}
    for i in range(c['num_hidden_layers']):
        for module, (out, inner) in shapes(c).items():
            prefix = f'base_model.model.model.layers.{i}.{module}.lora_'
            lora[prefix + 'A.weight'] = rng.standard_normal((r, inner)) / inner ** 0.5
            lora[prefix + 'B.weight'] = 0.15 * rng.standard_normal((out, r))
            if c['model_type'] == 'gemma2' and module in ('self_attn.v_proj', 'mlp.up_proj'):
                lora[prefix + 'B.weight'][:3] *= 2.0 ** -126
            if c['model_type'] == 'gemma2' and module in ('self_attn.o_proj', 'mlp.down_proj'):
                lora[prefix + 'A.weight'][:, :3] = 0
                lora[prefix + 'A.weight'][:, 16:19] = 0
    return lora


# ---- the scores ----

class Forward:
    """One model in float64; lora may be empty."""

    def __init__(self, c, w, lora, scale):
        self.c, self.scale, self.gemma = c, scale, c['model_type'] == 'gemma2'
        self.w = {k: v.astype(np.float64) for k, v in w.items()}
        self.lora = {k.removeprefix('base_model.model.'): v.astype(np.float64) for k, v in lora.items()}

    def linear(self, x, name):
        y = x @ self.w[name + '.weight'].T + self.w.get(name + '.bias', 0)
        if name + '.lora_A.weight' in self.lora:
            y += self.scale * (x @ self.lora[name + '.lora_A.weight'].T @ self.lora[name + '.lora_B.weight'].T)
        return y

    def norm(self, x, name):
        w = self.w[name + '.weight'] + (1 if self.gemma else 0)
        return x / np.sqrt(np.mean(x * x, -1, keepdims=True) + self.c['rms_norm_eps']) * w

    def rope(self, x):
        rope, half, n = self.c['rope_parameters'], x.shape[-1] // 2, len(x)
        frequency = rope['rope_theta'] ** (-np.arange(half) / half) / rope.get('factor', 1)
        angle = (np.arange(n)[:, None] * frequency)[:, None]
        a, b = x[..., :half], x[..., half:]
        return np.concatenate([a * np.cos(angle) - b * np.sin(angle), b * np.cos(angle) + a * np.sin(angle)], -1)

    def attention(self, a, layer, window):
        c, n = self.c, len(a)
        q, k, v = (self.linear(a, f'{layer}self_attn.{m}_proj').reshape(n, -1, c['head_dim']) for m in 'qkv')
        q, k, share = self.rope(q), self.rope(k), c['num_attention_heads'] // c['num_key_value_heads']
        s = np.einsum('qhd,khd->hqk', q, np.repeat(k, share, 1)) / c.get('query_pre_attn_scalar', c['head_dim']) ** 0.5
        if self.gemma:
            s = c['attn_logit_softcapping'] * np.tanh(s / c['attn_logit_softcapping'])
        back = np.arange(n)[:, None] - np.arange(n)
        s = np.where((back >= 0) & (back < window), s, -np.inf)
        e = np.exp(s - s.max(-1, keepdims=True))
        o = np.einsum('hqk,khd->qhd', e / e.sum(-1, keepdims=True), np.repeat(v, share, 1))
        return self.linear(o.reshape(n, -1), layer + 'self_attn.o_proj')

    def mlp(self, b, layer):
        gate, up = self.linear(b, layer + 'mlp.gate_proj'), self.linear(b, layer + 'mlp.up_proj')
        if self.gemma:
            act = 0.5 * gate * (1 + np.tanh((2 / np.pi) ** 0.5 * (gate + 0.044715 * gate ** 3)))
        else:
            act = gate / (1 + np.exp(-gate))
        return self.linear(act * up, layer + 'mlp.down_proj')

    def score(self, ids):
        x = self.w['model.embed_tokens.weight'][ids] * (self.c['hidden_size'] ** 0.5 if self.gemma else 1)
        for i in range(self.c['num_hidden_layers']):
            layer = f'model.layers.{i}.'
            window = self.c['sliding_window'] if self.gemma and i % 2 == 0 else len(ids)
            y = self.attention(self.norm(x, layer + 'input_layernorm'), layer, window)
            x = x + (self.norm(y, layer + 'post_attention_layernorm') if self.gemma else y)
            before = 'pre_feedforward_layernorm' if self.gemma else 'post_attention_layernorm'
            z = self.mlp(self.norm(x, layer + before), layer)
            x = x + (self.norm(z, layer + 'post_feedforward_layernorm') if self.gemma else z)
        last = max(i for i, token in enumerate(ids) if token != PAD)
        return float((self.norm(x[last], 'model.norm') @ self.w['score.weight'].T)[0])


def make(out, name):
    c, adapter, rng = CONFIGS[name], ADAPTERS[name], np.random.RandomState(SEED + len(name))
    dtype = 'BF16' if c['dtype'] == 'bfloat16' else 'F32'
    w = {k: stored(v, dtype) for k, v in make_weights(name, c, rng).items()}
    lora = {k: stored(v, dtype) for k, v in make_lora(c, adapter['r'], rng).items()}
    scale = adapter['lora_alpha'] / (adapter['r'] ** 0.5 if adapter['use_rslora'] else adapter['r'])
    base, tuned = Forward(c, w, {}, 0), Forward(c, w, lora, scale)
    os.makedirs(f'{out}/{name}', exist_ok=True)
    os.makedirs(f'{out}/{name}-lora', exist_ok=True)
    save_json(f'{out}/{name}/config.json', c)
    save_json(f'{out}/{name}-lora/adapter_config.json',
              dict(adapter, peft_type='LORA', task_type='SEQ_CLS', bias='none', target_modules=TARGETS,
                   base_model_name_or_path='../' + name))
    save_tensors(f'{out}/{name}/model.safetensors', w, dtype)
    save_tensors(f'{out}/{name}-lora/adapter_model.safetensors', lora, dtype)
    save_tokenizer(f'{out}/{name}')
    with open(f'{out}/{name}/expected.jsonl', 'w', encoding='utf-8') as f:
        for text in make_texts(rng):
            ids = ids_of(text)
            line = dict(text=text, ids=ids, score_f64=base.score(ids), score_lora_f64=tuned.score(ids))
            f.write(json.dumps(line) + '\n')


for model in CONFIGS:
    make(sys.argv[1], model)
