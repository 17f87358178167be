"""Write a Qwen2 model of a real shape with random weights, bf16: speed does not depend on the values.

usage: model.py 0.5b|1.5b|7b|7b14|small OUT_DIR TOKENIZER_JSON [lm]

A reward model with a head of one output; with `lm`, a causal language model, for engines that have no reward head. The
weights are the same in every run. Magnitudes are between 2^-7 and 2^-5, and signs are random:
scores are ordinary numbers.
"""
import json
import os
import random
import shutil
import struct
import sys

SHAPES = {  # hidden, ffn, layers, heads, key heads, vocabulary
    '0.5b': (896, 4864, 24, 14, 2, 151936),
    '1.5b': (1536, 8960, 28, 12, 2, 151936),
    '7b': (3584, 18944, 28, 28, 4, 152064),
    '7b14': (3584, 18944, 14, 28, 4, 152064),
    'small': (512, 1536, 8, 8, 2, 151936),
}
PIECE = 1 << 24  # elements made at a time
# The high byte of a bf16 number holds the sign and most of the exponent, the low byte the rest.
HIGH = bytes(0x3c if i < 128 else 0xbc for i in range(256))


def tensors(shape, language_model):
    hidden, ffn, layers, heads, kv_heads, vocabulary = shape
    head = hidden // heads
    yield 'model.embed_tokens.weight', (vocabulary, hidden)
    for i in range(layers):
        p = f'model.layers.{i}.'
        yield p + 'input_layernorm.weight', (hidden,)
        for name, out in (('q', heads * head), ('k', kv_heads * head), ('v', kv_heads * head)):
            yield f'{p}self_attn.{name}_proj.weight', (out, hidden)
            yield f'{p}self_attn.{name}_proj.bias', (out,)
        yield p + 'self_attn.o_proj.weight', (hidden, hidden)
        yield p + 'post_attention_layernorm.weight', (hidden,)
        yield p + 'mlp.gate_proj.weight', (ffn, hidden)
        yield p + 'mlp.up_proj.weight', (ffn, hidden)
        yield p + 'mlp.down_proj.weight', (hidden, ffn)
    yield 'model.norm.weight', (hidden,)
    if not language_model:
        yield 'score.weight', (1, hidden)
    elif hidden >= 2000:
        yield 'lm_head.weight', (vocabulary, hidden)


def elements(dims):
    count = 1
    for d in dims:
        count *= d
    return count


def write_weights(path, shape, language_model):
    listed, header, at = list(tensors(shape, language_model)), {'__metadata__': {'format': 'pt'}}, 0
    for name, dims in listed:
        header[name] = {'dtype': 'BF16', 'shape': dims, 'data_offsets': [at, at + 2 * elements(dims)]}
        at += 2 * elements(dims)
    text = json.dumps(header, separators=(',', ':')).encode()
    text += b' ' * (-len(text) % 8)
    source = random.Random(0)
    with open(path, 'wb') as f:
        f.write(struct.pack('<Q', len(text)) + text)
        for name, dims in listed:
            left = elements(dims)
            if name.endswith('norm.weight'):
                f.write(b'\x80\x3f' * left)  # 1.0
                continue
            while left:
                count = min(left, PIECE)
                piece = bytearray(2 * count)
                piece[0::2] = source.randbytes(count)
                piece[1::2] = source.randbytes(count).translate(HIGH)
                f.write(piece)
                left -= count


def write_config(out, shape, language_model):
    hidden, ffn, layers, heads, kv_heads, vocabulary = shape
    config = {
        'architectures': ['Qwen2ForCausalLM' if language_model else 'Qwen2ForSequenceClassification'],
        'model_type': 'qwen2', 'hidden_act': 'silu', 'hidden_size': hidden, 'intermediate_size': ffn,
        'num_hidden_layers': layers, 'num_attention_heads': heads, 'num_key_value_heads': kv_heads,
        'vocab_size': vocabulary, 'max_position_embeddings': 32768, 'max_window_layers': layers,
        'rms_norm_eps': 1e-06, 'rope_parameters': {'rope_theta': 1000000.0, 'rope_type': 'default'},
        'tie_word_embeddings': hidden < 2000, 'use_sliding_window': False, 'attention_dropout': 0.0,
        'bos_token_id': 151643, 'eos_token_id': 151645, 'pad_token_id': 151643, 'dtype': 'bfloat16',
    }
    if not language_model:
        config.update(id2label={'0': 'LABEL_0'}, label2id={'LABEL_0': 0})
    with open(f'{out}/config.json', 'w') as f:
        json.dump(config, f, indent=2)
    with open(f'{out}/tokenizer_config.json', 'w') as f:
        json.dump({'tokenizer_class': 'PreTrainedTokenizerFast', 'eos_token': '<|im_end|>',
                   'pad_token': '<|endoftext|>'}, f, indent=2)


def make(name, out, tokenizer, language_model=False):
    os.makedirs(out, exist_ok=True)
    shutil.copyfile(tokenizer, f'{out}/tokenizer.json')
    write_config(out, SHAPES[name], language_model)
    write_weights(f'{out}/model.safetensors.part', SHAPES[name], language_model)
    os.rename(f'{out}/model.safetensors.part', f'{out}/model.safetensors')  # a directory that has weights is complete


if __name__ == '__main__':
    if len(sys.argv) not in (4, 5) or sys.argv[1] not in SHAPES or sys.argv[4:] not in ([], ['lm']):
        sys.exit(__doc__)
    make(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4:] == ['lm'])
