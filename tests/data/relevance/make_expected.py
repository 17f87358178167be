"""Scores of adapters/relevance, by PEFT in Transformers in float32 and by guerdon, for tests/reward/test_relevance.c.
usage: make_expected.py GUERDON MODEL_DIR ADAPTER EVAL.jsonl     (packages: torch, transformers 5.3.0, peft)

pairs.jsonl has 16 of the shorter held-out pairs that bench/train_data.py makes, each with PEFT's scores of the chosen and
the rejected text; scores.jsonl is what guerdon makes of them in bf16, the same bytes on every machine. The model is the
directory that tools/smollm2.py writes with --head 1."""
import json
import os
import subprocess
import sys

import torch
from peft import PeftModel
from transformers import AutoModelForSequenceClassification, AutoTokenizer

guerdon, model_dir, adapter, source = sys.argv[1:5]
here = os.path.dirname(os.path.abspath(__file__))
with open(source, encoding='utf-8') as f:
    pairs = [json.loads(line) for line in f]
short = [p for p in pairs if len(p['prompt']) + max(len(p['chosen']), len(p['rejected'])) < 600]
tok = AutoTokenizer.from_pretrained(model_dir)
model = AutoModelForSequenceClassification.from_pretrained(model_dir, num_labels=1, dtype=torch.float32,
                                                           attn_implementation='eager')
model = PeftModel.from_pretrained(model, adapter).eval()
with open(f'{here}/pairs.jsonl', 'w', encoding='utf-8') as out, torch.no_grad():
    for pair in short[::len(short) // 16][:16]:
        ids = [tok(pair['prompt'] + pair[side])['input_ids'] for side in ('chosen', 'rejected')]
        pair['peft'] = [model(input_ids=torch.tensor([i])).logits[0, 0].item() for i in ids]
        out.write(json.dumps(pair, ensure_ascii=False) + '\n')
subprocess.run([guerdon, 'score', '--model', model_dir, '--adapter', adapter, '--input', f'{here}/pairs.jsonl',
                '--output', f'{here}/scores.jsonl', '--quiet'], check=True)
