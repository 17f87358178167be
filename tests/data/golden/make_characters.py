"""Scores by Transformers, in float64, of golden models whose tokenizer merges characters, as Mistral's and Gemma's do.
usage: make_characters.py GOLDEN_DIR      (writes characters.json into it; in the environment of make_models.py)
The vocabulary is that of ../text/characters.json, with the rest of the published tokenizer.json of each family; what is
set in it is in characters.json, too, with the texts, so that tests/reward/test_character_models.c sets the same."""
import json
import os
import sys

import torch
from tokenizers import Tokenizer
from transformers import AutoModelForSequenceClassification

MARK = '\u2581'
MISTRAL = {'normalizer': {'type': 'Sequence', 'normalizers': [
    {'type': 'Prepend', 'prepend': MARK}, {'type': 'Replace', 'pattern': {'String': ' '}, 'content': MARK}]},
    'pre_tokenizer': None}
GEMMA = {'normalizer': {'type': 'Replace', 'pattern': {'String': ' '}, 'content': MARK},
         'pre_tokenizer': {'type': 'Split', 'pattern': {'String': ' '}, 'behavior': 'MergedWithPrevious', 'invert': False}}
TEXTS = ['Is tea hot?', '  Tea is hot,\n\n and coffee\tis hotter.', 'caf\u00e9 \u4e2d\u6587 \U0001f600', '<turn> Human: 12345',
         'x' * 40, 'Why do people who know better still say that the earth is flat, when it is so plainly round?']

here = sys.argv[1]
out = []
for name, sets in (('mistral', MISTRAL), ('gemma', GEMMA), ('gemma2', GEMMA), ('gemma3', GEMMA)):
    with open(os.path.join(here, '../text/characters.json')) as f:
        tokenizer = json.load(f)
    tokenizer.update(sets)
    tokenizer = Tokenizer.from_str(json.dumps(tokenizer))
    model = AutoModelForSequenceClassification.from_pretrained(os.path.join(here, name), dtype=torch.float64,
                                                               attn_implementation='eager').eval()
    for module in model.modules():  # Gemma 3's factor was made in bf16
        if torch.is_tensor(getattr(module, 'embed_scale', None)):
            module.embed_scale = torch.tensor(model.config.hidden_size ** 0.5, dtype=torch.float64)
    with torch.no_grad():
        scores = [float(model(input_ids=torch.tensor([tokenizer.encode(text).ids])).logits[0, 0]) for text in TEXTS]
    out.append({'model': name, 'set': sets, 'texts': TEXTS, 'scores': scores})
with open(os.path.join(here, 'characters.json'), 'w') as f:
    json.dump(out, f, indent=1)
    f.write('\n')
