#!/usr/bin/env python3
"""Make with PEFT the files that tests/quant-free/test_merge.c and tests/reward/test_merge.c compare merges with.
usage: make_merge.py OUT [GOLDEN]       (the files beside this script: make_merge.py .)

Three tiny Llama models, each with an adapter, and all weights that PEFT's merge_and_unload() makes of them:
    bf16  a causal-LM base, whose adapter has the head; the adapter is bf16, of rank 3, with a scale of 5/3
    f16   a classifier; the adapter is fp32, with rsLoRA, a rank_pattern and an alpha_pattern
    f32   a classifier; the adapter is f16 and has no head
golden.txt has the golden Llama as a Phi-3, too (llama-as-phi3): its projections put together, and those of its adapter, with one A.
Sizes are not multiples of a vector's, and some weights are denormal or negative zero. golden.txt has, for every golden
model with an adapter, the FNV-1a hash of each tensor's bytes as PEFT merged it.
Made with torch 2.15, transformers 5.3.0, peft 0.21.2 and safetensors."""
import json
import os
import sys

import torch
from peft import LoraConfig, PeftModel, get_peft_model, set_peft_model_state_dict
from safetensors.torch import load_file, save_file
from transformers import (AutoModelForSequenceClassification, LlamaConfig, LlamaForCausalLM, Phi3Config,
                          Phi3ForSequenceClassification)

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), '../golden'))
from olmo import register

LINEARS = ['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj']
CASES = {
    'bf16': (torch.bfloat16, torch.bfloat16, dict(r=3, lora_alpha=5, task_type='SEQ_CLS')),
    'f16': (torch.float16, torch.float32, dict(r=5, lora_alpha=7, task_type='SEQ_CLS', use_rslora=True,
                                               rank_pattern={'q_proj': 2, 'down_proj': 9}, alpha_pattern={'k_proj': 11})),
    'f32': (torch.float32, torch.float16, dict(r=4, lora_alpha=3, task_type='FEATURE_EXTRACTION')),
}


def make_base(path, dtype, causal):
    config = LlamaConfig(vocab_size=12, hidden_size=24, intermediate_size=37, num_hidden_layers=1, num_attention_heads=2,
                         num_key_value_heads=1, max_position_embeddings=64, num_labels=1, pad_token_id=None,
                         bos_token_id=None, eos_token_id=None, tie_word_embeddings=False)
    base = LlamaForCausalLM(config) if causal else AutoModelForSequenceClassification.from_config(config)
    with torch.no_grad():
        for name, p in base.named_parameters():
            p.copy_(torch.randn_like(p) * p.shape[-1] ** -0.5)
        q = base.model.layers[0].self_attn.q_proj.weight
        q[0, :3] = torch.tensor([1e-40, -1e-39, -0.0])      # B's row 0 is made zero below
        if dtype == torch.float16:
            q[0, :3] = torch.tensor([6e-8, -5e-5, -0.0])
    base.to(dtype).save_pretrained(path)
    os.path.exists(f'{path}/generation_config.json') and os.remove(f'{path}/generation_config.json')


def make_adapter(base, path, dtype, config):
    model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=1)
    model = get_peft_model(model, LoraConfig(target_modules=LINEARS, lora_dropout=0.0, **config))
    with torch.no_grad():
        for name, p in model.named_parameters():
            if 'lora_' in name or 'modules_to_save' in name:
                p.copy_(torch.randn_like(p) * (0.2 if 'lora_B' in name else 0.5))
                if 'q_proj.lora_B' in name:
                    p[0] = 0
    model.save_pretrained(path)
    tensors = load_file(f'{path}/adapter_model.safetensors')
    save_file({k: v.to(dtype) for k, v in tensors.items()}, f'{path}/adapter_model.safetensors', {'format': 'pt'})
    with open(f'{path}/adapter_config.json') as f:
        fields = json.load(f)
    fields['base_model_name_or_path'] = '../' + os.path.basename(base)
    fields['target_modules'] = LINEARS
    with open(f'{path}/adapter_config.json', 'w') as f:
        json.dump({k: v for k, v in fields.items() if v not in (None, False, {}, [])}, f, indent=2)
        f.write('\n')
    os.path.exists(f'{path}/README.md') and os.remove(f'{path}/README.md')


def merge(base, adapter):
    model = AutoModelForSequenceClassification.from_pretrained(base, num_labels=1)
    return PeftModel.from_pretrained(model, adapter).merge_and_unload().state_dict()


def merge_fused(golden):
    base = AutoModelForSequenceClassification.from_pretrained(f'{golden}/llama', num_labels=1)
    adapter = load_file(f'{golden}/llama-lora/adapter_model.safetensors')
    state, config = base.state_dict(), base.config.to_dict()
    keys = ('vocab_size', 'hidden_size', 'intermediate_size', 'num_hidden_layers', 'num_attention_heads',
            'num_key_value_heads', 'max_position_embeddings', 'pad_token_id', 'bos_token_id', 'eos_token_id')
    for layer in range(config['num_hidden_layers']):
        for fused, parts in (('self_attn.qkv_proj', ('self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj')),
                             ('mlp.gate_up_proj', ('mlp.gate_proj', 'mlp.up_proj'))):
            at = f'model.layers.{layer}.'
            state[f'{at}{fused}.weight'] = torch.cat([state.pop(f'{at}{p}.weight') for p in parts])
            at = f'base_model.model.{at}'
            a = [adapter.pop(f'{at}{p}.lora_A.weight') for p in parts]
            adapter[f'{at}{fused}.lora_A.weight'] = a[0]
            adapter[f'{at}{fused}.lora_B.weight'] = torch.cat([adapter.pop(f'{at}{p}.lora_B.weight') for p in parts])
    model = Phi3ForSequenceClassification(Phi3Config(**{k: config[k] for k in keys}, num_labels=1)).to(base.dtype)
    model.load_state_dict(state)
    with open(f'{golden}/llama-lora/adapter_config.json') as f:
        lora = json.load(f)
    model = get_peft_model(model, LoraConfig(r=lora['r'], lora_alpha=lora['lora_alpha'], task_type='SEQ_CLS',
                                             target_modules=['qkv_proj', 'o_proj', 'gate_up_proj', 'down_proj']))
    assert not set_peft_model_state_dict(model, adapter).unexpected_keys
    return model.merge_and_unload().state_dict()


def raw(tensor):
    return tensor.contiguous().view(torch.uint8).numpy().tobytes()


def fnv(data):
    h = 0xcbf29ce484222325
    for byte in data:
        h = (h ^ byte) * 0x100000001b3 & 0xffffffffffffffff
    return h


def main():
    out = sys.argv[1]
    golden = sys.argv[2] if len(sys.argv) > 2 else os.path.join(os.path.dirname(os.path.abspath(__file__)), '../golden')
    register()
    torch.manual_seed(20261125)
    for name, (dtype, adapter_dtype, config) in CASES.items():
        make_base(f'{out}/{name}', dtype, name == 'bf16')
        make_adapter(f'{out}/{name}', f'{out}/{name}-lora', adapter_dtype, config)
        merged = merge(f'{out}/{name}', f'{out}/{name}-lora')
        save_file({k: v.contiguous() for k, v in merged.items()}, f'{out}/{name}-merged.safetensors', {'format': 'pt'})
    with open(f'{out}/golden.txt', 'w') as f:
        for name in sorted(n for n in os.listdir(golden) if os.path.isdir(f'{golden}/{n}-lora')):
            for key, tensor in sorted(merge(f'{golden}/{name}', f'{golden}/{name}-lora').items()):
                f.write(f'{name} {key} {fnv(raw(tensor)):016x}\n')
        for key, tensor in sorted(merge_fused(golden).items()):
            f.write(f'llama-as-phi3 {key} {fnv(raw(tensor)):016x}\n')


main()
