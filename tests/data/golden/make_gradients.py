"""Gradients by Transformers and PEFT, for each golden model with its adapter. usage: make_gradients.py GOLDEN_DIR
The batch is the first eight texts of expected.jsonl, as four pairs (chosen, rejected); the loss is the mean over them of
-log sigmoid(chosen - rejected) + 0.01 (chosen + rejected)^2. In float64 they are written, as float32, into
gradients/MODEL.safetensors; gradients/bf16.json has the error of those of a bf16 model under autocast, as TRL trains
it: by model, the mean over all tensors of the error's Frobenius norm, relative to the tensor's."""
import json
import os
import sys

import torch
from peft import PeftModel
from safetensors.torch import save_file
from transformers import AutoModelForSequenceClassification

torch.set_num_threads(1)


def gradients(name, dtype):
    base = os.path.join(sys.argv[1], name)
    model = AutoModelForSequenceClassification.from_pretrained(
        base, num_labels=1, dtype=dtype, attn_implementation='eager')
    model = PeftModel.from_pretrained(model, base + '-lora', is_trainable=True)
    if dtype == torch.float64:
        model = model.double()
    with open(os.path.join(base, 'expected.jsonl')) as f:
        rows = [json.loads(line) for line in f][:8]
    with torch.autocast('cpu', torch.bfloat16, enabled=dtype == torch.bfloat16):
        scores = [model(input_ids=torch.tensor([row['ids'][:512]])).logits[0, 0] for row in rows]
    if dtype == torch.float64:
        for score, row in zip(scores, rows):
            assert abs(score.item() - row['score_lora_f64']) < 1e-5, (name, score.item(), row['score_lora_f64'])
    scores = [score.double() for score in scores]
    chosen, rejected = torch.stack(scores[0::2]), torch.stack(scores[1::2])
    loss = -torch.nn.functional.logsigmoid(chosen - rejected).mean() + 0.01 * ((chosen + rejected) ** 2).mean()
    loss.backward()
    return {k.replace('.default', '').replace('modules_to_save.', ''): p.grad.double()
            for k, p in model.named_parameters() if p.grad is not None}


errors = {}
for name in ('gemma2', 'llama', 'mistral', 'qwen2', 'qwen2-tied', 'qwen3'):
    right, bf16 = gradients(name, torch.float64), gradients(name, torch.bfloat16)
    save_file({k: g.float().contiguous() for k, g in right.items()},
              os.path.join(sys.argv[1], 'gradients', name + '.safetensors'))
    off = [((bf16[k] - g).norm() / g.norm()).item() for k, g in right.items()]
    errors[name] = round(sum(off) / len(off), 5)
with open(os.path.join(sys.argv[1], 'gradients', 'bf16.json'), 'w') as f:
    json.dump(errors, f, indent=1)
    f.write('\n')
