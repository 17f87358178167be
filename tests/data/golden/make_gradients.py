"""Gradients in float64 by Transformers and PEFT, for each golden model with its adapter. usage: make_gradients.py GOLDEN_DIR
The batch is the first eight texts of expected.jsonl, as four pairs (chosen, rejected); the loss is the mean over them of
-log sigmoid(chosen - rejected) + 0.01 (chosen + rejected)^2. Written as float32 into gradients/MODEL.safetensors."""
import json
import os
import sys

import torch
from peft import PeftModel
from safetensors.torch import save_file
from transformers import AutoModelForSequenceClassification

torch.set_num_threads(1)
for name in ('gemma2', 'llama', 'mistral', 'qwen2', 'qwen2-tied', 'qwen3'):
    base = os.path.join(sys.argv[1], name)
    model = AutoModelForSequenceClassification.from_pretrained(
        base, num_labels=1, dtype=torch.float64, attn_implementation='eager')
    model = PeftModel.from_pretrained(model, base + '-lora', is_trainable=True).double()
    with open(os.path.join(base, 'expected.jsonl')) as f:
        rows = [json.loads(line) for line in f][:8]
    scores = [model(input_ids=torch.tensor([row['ids'][:512]])).logits[0, 0] for row in rows]
    for score, row in zip(scores, rows):
        assert abs(score.item() - row['score_lora_f64']) < 1e-5, (name, score.item(), row['score_lora_f64'])
    chosen, rejected = torch.stack(scores[0::2]), torch.stack(scores[1::2])
    loss = -torch.nn.functional.logsigmoid(chosen - rejected).mean() + 0.01 * ((chosen + rejected) ** 2).mean()
    loss.backward()
    save_file({k.replace('.default', '').replace('modules_to_save.', ''): p.grad.float().contiguous()
               for k, p in model.named_parameters() if p.grad is not None},
              os.path.join(sys.argv[1], 'gradients', name + '.safetensors'))
    print(name, loss.item())
