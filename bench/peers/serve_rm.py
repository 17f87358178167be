"""A reward server of FastAPI and Transformers, in the shape of OpenRLHF's serve_rm: POST /get_reward {"query": [..]}.

usage: serve_rm.py MODEL_DIR bf16|f32 BATCH PORT      (in setup's environment)

Like that server, it scores one request at a time, in batches of BATCH, padded, truncated to 512 tokens."""
import os
import sys

import torch
import uvicorn
from fastapi import FastAPI, Request
from transformers import AutoModelForSequenceClassification, AutoTokenizer

directory, dtype, batch, port = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
torch.set_num_threads(len(os.sched_getaffinity(0)))
tokenizer = AutoTokenizer.from_pretrained(directory)
tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
model = AutoModelForSequenceClassification.from_pretrained(
    directory, num_labels=1, dtype={'bf16': torch.bfloat16, 'f32': torch.float32}[dtype],
    attn_implementation='sdpa').eval()
model.config.pad_token_id = tokenizer.pad_token_id
app = FastAPI()


def rewards(texts):
    out = []
    with torch.no_grad():
        for i in range(0, len(texts), batch):
            b = tokenizer(texts[i:i + batch], return_tensors='pt', padding=True, truncation=True, max_length=512)
            b.pop('token_type_ids', None)
            out += model(**b).logits[:, 0].float().tolist()
    return out


@app.get('/health')
def health():
    return {}


@app.post('/get_reward')
async def get_reward(request: Request):
    found = rewards((await request.json())['query'])
    return {'rewards': found, 'scores': found, 'extra_logs': {'dummy_scores': found}}


uvicorn.run(app, host='127.0.0.1', port=port, log_level='error')
