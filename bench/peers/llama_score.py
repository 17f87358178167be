"""Prompts of 512 tokens through llama.cpp, its best case: one line of JSON per round.

usage: llama_score.py MODEL_DIR bf16|f32 ROUNDS       (in the environment made by setup)

MODEL_DIR holds a causal Qwen2 model (bench/model.py ... lm); bf16.gguf or f32.gguf is made in it if missing.
f32 is for processors without bf16 instructions, where it makes llama.cpp faster."""
import ctypes
import json
import os
import sys
import time

import llama_cpp as lc

TOKENS = 512


def write_gguf(directory, path, dtype):
    import gguf
    import torch
    from safetensors import safe_open

    config = json.load(open(f'{directory}/config.json'))
    w = gguf.GGUFWriter(path + '.part', 'qwen2')
    w.add_block_count(config['num_hidden_layers'])
    w.add_context_length(config['max_position_embeddings'])
    w.add_embedding_length(config['hidden_size'])
    w.add_feed_forward_length(config['intermediate_size'])
    w.add_head_count(config['num_attention_heads'])
    w.add_head_count_kv(config['num_key_value_heads'])
    w.add_rope_freq_base(config['rope_parameters']['rope_theta'])
    w.add_layer_norm_rms_eps(config['rms_norm_eps'])
    w.add_vocab_size(config['vocab_size'])
    w.add_tokenizer_model('none')
    w.add_file_type(gguf.LlamaFileType.MOSTLY_BF16 if dtype == 'bf16' else gguf.LlamaFileType.ALL_F32)
    names = gguf.get_tensor_name_map(gguf.MODEL_ARCH.QWEN2, config['num_hidden_layers'])
    with safe_open(f'{directory}/model.safetensors', 'pt') as f:
        for name in f.keys():
            t = f.get_tensor(name)
            to = names.get_name(name, try_suffixes=('.weight', '.bias'))
            if t.dim() == 1 or dtype == 'f32':
                w.add_tensor(to, t.float().numpy())
            else:
                w.add_tensor(to, t.contiguous().view(torch.uint16).numpy(), raw_dtype=gguf.GGMLQuantizationType.BF16)
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()
    os.rename(path + '.part', path)


def main():
    directory, dtype, rounds = sys.argv[1], sys.argv[2], int(sys.argv[3])
    path = f'{directory}/{dtype}.gguf'
    if not os.path.exists(path):
        write_gguf(directory, path, dtype)
    lc.llama_log_set(QUIET, ctypes.c_void_p(0))
    lc.llama_backend_init()
    model = lc.llama_model_load_from_file(path.encode(), lc.llama_model_default_params())
    if not model:
        sys.exit(f'{path}: llama.cpp cannot load it')
    p = lc.llama_context_default_params()
    threads = len(os.sched_getaffinity(0))
    p.n_ctx, p.n_batch, p.n_ubatch, p.n_threads, p.n_threads_batch = TOKENS, TOKENS, TOKENS, threads, threads
    context = lc.llama_init_from_model(model, p)
    ids = (lc.llama_token * TOKENS)(*(i * 7919 % 100000 for i in range(TOKENS)))
    for i in range(rounds + 1):
        lc.llama_memory_clear(lc.llama_get_memory(context), True)
        start = time.perf_counter()
        if lc.llama_decode(context, lc.llama_batch_get_one(ids, TOKENS)):
            sys.exit('llama.cpp cannot decode the prompt')
        lc.llama_synchronize(context)
        seconds = time.perf_counter() - start
        if i:  # the first is a warm-up
            print(json.dumps({'tool': 'llama.cpp', 'version': lc.__version__, 'dtype': dtype, 'tokens': TOKENS,
                              'seconds': round(seconds, 3), 'tokens_per_s': round(TOKENS / seconds, 1)}), flush=True)


QUIET = lc.llama_log_callback(lambda *_: None)
main()
