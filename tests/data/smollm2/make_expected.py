"""Last hidden states of SmolLM2-135M, computed by Transformers in float32, for tests/reward/test_smollm2.c.
usage: make_expected.py MODEL_DIR PAIRS.jsonl.gz OUT.safetensors     (packages: torch, transformers 5.3.0, safetensors)

For the chosen and rejected texts of the first 12 pairs, truncated to 512 tokens: `hidden` [24, 576] is the output of the
final norm at the last token, `tokens` [24] the number of tokens. The model is the directory that tools/smollm2.py writes."""
import gzip
import json
import sys

import torch
from safetensors.torch import save_file
from transformers import AutoModel, AutoTokenizer

model_dir, pairs, out = sys.argv[1:4]
tok = AutoTokenizer.from_pretrained(model_dir)
model = AutoModel.from_pretrained(model_dir, dtype=torch.float32, attn_implementation='eager').eval()
texts = [json.loads(line)[k] for _, line in zip(range(12), gzip.open(pairs)) for k in ('chosen', 'rejected')]
hidden, tokens = [], []
with torch.no_grad():
    for text in texts:
        ids = tok(text, truncation=True, max_length=512)['input_ids']
        hidden.append(model(input_ids=torch.tensor([ids])).last_hidden_state[0, -1])
        tokens.append(float(len(ids)))
save_file({'hidden': torch.stack(hidden), 'tokens': torch.tensor(tokens)}, out)
