"""Scores of every 36th pair of the HH file, computed by Transformers in float32, for tests/reward/test_hh.c.
usage: make_hh_expected.py MODEL_DIR PAIRS.jsonl.gz OUT.safetensors     (packages: torch, transformers 5.3.0, safetensors)

`f32` [65, 2] has the scores of the chosen and the rejected text of pairs 0, 36, 72 ... 2304, each scored by itself,
truncated to 512 tokens, with eager attention; the head is score.weight of the directory that tools/smollm2.py writes with --head 1."""
import gzip
import json
import sys

import torch
from safetensors.torch import save_file
from transformers import AutoModelForSequenceClassification, AutoTokenizer

model_dir, pairs, out = sys.argv[1:4]
tok = AutoTokenizer.from_pretrained(model_dir)
model = AutoModelForSequenceClassification.from_pretrained(model_dir, num_labels=1, dtype=torch.float32,
                                                           attn_implementation='eager').eval()
lines = [line for i, line in enumerate(gzip.open(pairs)) if i % 36 == 0]
texts = [json.loads(line)[key] for line in lines for key in ('chosen', 'rejected')]
with torch.no_grad():
    ids = [tok(text, truncation=True, max_length=512)['input_ids'] for text in texts]
    scores = [model(input_ids=torch.tensor([i])).logits[0, 0] for i in ids]
save_file({'f32': torch.stack(scores).view(-1, 2)}, out)
