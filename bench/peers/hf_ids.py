"""A digest of the ids from the Python package tokenizers. usage: hf_ids.py MODEL_DIR TEXTS.jsonl"""
import hashlib
import json
import sys

from tokenizers import Tokenizer

tokenizer = Tokenizer.from_file(f'{sys.argv[1]}/tokenizer.json')
digest = hashlib.sha256()
for line in open(sys.argv[2], encoding='utf-8'):
    digest.update(json.dumps(tokenizer.encode(json.loads(line)['text']).ids).encode())
print(json.dumps({'sha256': digest.hexdigest()}))
