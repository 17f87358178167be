"""Gradients by Transformers and PEFT, for each golden model with its adapter, and for each without one, of all its
weights. usage: make_gradients.py GOLDEN_DIR
The batch is the first eight texts of expected.jsonl, as four pairs (chosen, rejected); the loss is the mean over them of
-log sigmoid(chosen - rejected) + 0.01 (chosen + rejected)^2. In float64 they are written, as float32, into
gradients/MODEL.safetensors; gradients/bf16.json has the error of those of a bf16 model under autocast, as TRL trains
it: by model, the mean over all tensors of the error's Frobenius norm, relative to the tensor's.
Those of all weights are in gradients/MODEL-all.safetensors and bf16-all.json. A matrix's gradient G [n, k] is folded to
G S [n, 8], where S [k, 8] is of 1 and -1 by a hash (tests/engine/learning.c has the same): the Frobenius norm of an
error that is folded is that of the error, but for a factor whose mean is the square root of 8.
heads.safetensors has heads of other forms over qwen2 with its adapter, with the gradients in float64: two linears with
biases and relu between them (mlp), and one linear with a bias (summary). The heads' numbers are in it, too.
phi3.safetensors is of the golden Llama as a Phi-3, its projections put together, with the adapter's likewise."""
import json
import os
import sys

import numpy as np
import torch
from olmo import register
from peft import LoraConfig, PeftModel, get_peft_model, set_peft_model_state_dict
from safetensors.torch import load_file, save_file
from transformers import AutoModelForSequenceClassification, Phi3Config, Phi3ForSequenceClassification

register()
torch.set_num_threads(1)


def signs(count):
    x = np.arange(1, count + 1, dtype=np.uint32) * np.uint32(0x9E3779B1)
    x = (x ^ (x >> 15)) * np.uint32(0x85EBCA6B)
    x ^= x >> 13
    return torch.tensor([[1.0 - 2.0 * (int(v) >> k & 1) for k in range(8)] for v in x], dtype=torch.float64)


def folded(gradient):
    return gradient @ signs(gradient.shape[1]) if gradient.dim() == 2 and gradient.shape[0] > 1 else gradient


def load(name, dtype, adapter):
    base = os.path.join(sys.argv[1], name)
    model = AutoModelForSequenceClassification.from_pretrained(
        base, num_labels=1, dtype=dtype, attn_implementation='eager')
    if adapter:
        model = PeftModel.from_pretrained(model, base + '-lora', is_trainable=True)
    return model.double() if dtype == torch.float64 else model


def texts(name):
    with open(os.path.join(sys.argv[1], name, 'expected.jsonl')) as f:
        return [json.loads(line) for line in f][:8]


def backward(scores):
    scores = [score.double() for score in scores]
    chosen, rejected = torch.stack(scores[0::2]), torch.stack(scores[1::2])
    loss = -torch.nn.functional.logsigmoid(chosen - rejected).mean() + 0.01 * ((chosen + rejected) ** 2).mean()
    loss.backward()


def gradients(name, dtype, adapter):
    model, rows = load(name, dtype, adapter), texts(name)
    with torch.autocast('cpu', torch.bfloat16, enabled=dtype == torch.bfloat16):
        scores = [model(input_ids=torch.tensor([row['ids'][:512]])).logits[0, 0] for row in rows]
    if dtype == torch.float64:
        for score, row in zip(scores, rows):
            want = row['score_lora_f64' if adapter else 'score_f64']
            assert abs(score.item() - want) < 1e-5, (name, score.item(), want)
    backward(scores)
    return {k.replace('.default', '').replace('modules_to_save.', ''): p.grad.double()
            for k, p in model.named_parameters() if p.grad is not None}


def write(name, suffix, errors, adapter, form):
    right, bf16 = gradients(name, torch.float64, adapter), gradients(name, torch.bfloat16, adapter)
    save_file({k: form(g).float().contiguous() for k, g in right.items()},
              os.path.join(sys.argv[1], 'gradients', name + suffix + '.safetensors'))
    off = [((bf16[k] - g).norm() / g.norm()).item() for k, g in right.items()]
    errors[name] = round(sum(off) / len(off), 5)


def linear(inputs, outputs):
    made = torch.nn.Linear(inputs, outputs).float()
    torch.nn.init.normal_(made.bias, std=0.3)
    return made


def pooled(model, row):
    ids = row['ids'][:512]
    last = max(i for i, token in enumerate(ids) if token != model.config.pad_token_id)
    return model(input_ids=torch.tensor([ids])).last_hidden_state[0, last]


def with_head(name, head, adapter):
    """The head's numbers, and the gradients of it and, if wanted, of the adapter."""
    model, out = load('qwen2', torch.float64, True), {}
    for k, p in head.named_parameters():
        out['%s.%s' % (name, k)] = p.detach().clone()
    head.double()
    inner = model.base_model.model.model
    backward([head(pooled(inner, row))[0] for row in texts('qwen2')])
    for k, p in list(head.named_parameters()) + list(inner.named_parameters(prefix='model') if adapter else ()):
        if p.grad is not None:
            out['%s.d.%s' % (name, k.replace('.default', ''))] = p.grad.float()
    return out


def write_heads():
    torch.manual_seed(20261130)
    out = with_head('mlp', torch.nn.Sequential(linear(96, 24), torch.nn.ReLU(), linear(24, 1)), True)
    out.update(with_head('summary', linear(96, 1), False))
    save_file({k: v.contiguous() for k, v in out.items()},
              os.path.join(sys.argv[1], 'gradients', 'heads.safetensors'))


def fused_llama():
    """The golden Llama as a Phi-3, with its adapter: one A for the parts of a fused projection, that of the first."""
    base, adapter = load('llama', torch.float64, False), load_file(os.path.join(sys.argv[1], 'llama-lora/adapter_model.safetensors'))
    config = base.config.to_dict()
    config = {k: config[k] for k in ('vocab_size', 'hidden_size', 'intermediate_size', 'num_hidden_layers',
                                     'num_attention_heads', 'num_key_value_heads', 'max_position_embeddings',
                                     'rms_norm_eps', 'hidden_act', 'pad_token_id', 'bos_token_id', 'eos_token_id')}
    model = Phi3ForSequenceClassification(Phi3Config(**config, num_labels=1, attn_implementation='eager')).double()
    model.model.rotary_emb = base.model.rotary_emb
    state = base.state_dict()
    for layer in range(config['num_hidden_layers']):
        for fused, parts in (('self_attn.qkv_proj', ('self_attn.q_proj', 'self_attn.k_proj', 'self_attn.v_proj')),
                             ('mlp.gate_up_proj', ('mlp.gate_proj', 'mlp.up_proj'))):
            at = 'model.layers.%d.' % layer
            state[at + fused + '.weight'] = torch.cat([state.pop(at + p + '.weight') for p in parts])
            at = 'base_model.model.' + at
            adapter[at + fused + '.lora_A.weight'] = adapter[at + parts[0] + '.lora_A.weight']
            adapter[at + fused + '.lora_B.weight'] = torch.cat([adapter[at + p + '.lora_B.weight'] for p in parts])
            for p in parts:
                del adapter[at + p + '.lora_A.weight'], adapter[at + p + '.lora_B.weight']
    model.load_state_dict(state)
    with open(os.path.join(sys.argv[1], 'llama-lora/adapter_config.json')) as f:
        lora = json.load(f)
    model = get_peft_model(model, LoraConfig(r=lora['r'], lora_alpha=lora['lora_alpha'], task_type='SEQ_CLS',
                                             target_modules=['qkv_proj', 'o_proj', 'gate_up_proj', 'down_proj']))
    print(set_peft_model_state_dict(model, adapter).unexpected_keys)
    return model.double()


def write_fused():
    model = fused_llama()
    backward([model(input_ids=torch.tensor([row['ids'][:512]])).logits[0, 0] for row in texts('llama')])
    save_file({k.replace('.default', '').replace('modules_to_save.', ''): p.grad.float().contiguous()
               for k, p in model.named_parameters() if p.grad is not None},
              os.path.join(sys.argv[1], 'gradients', 'phi3.safetensors'))


write_heads()
write_fused()
for suffix, adapter, form in (('', True, lambda g: g), ('-all', False, folded)):
    errors = {}
    for name in ('gemma', 'gemma2', 'gemma3', 'llama', 'ministral3', 'mistral', 'qwen2', 'qwen2-tied', 'qwen3', 'smollm3',
                 'olmo2', 'olmo3'):
        write(name, suffix, errors, adapter, form)
    with open(os.path.join(sys.argv[1], 'gradients', 'bf16%s.json' % suffix), 'w') as f:
        json.dump(errors, f, indent=1)
        f.write('\n')
