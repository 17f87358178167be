"""Scores at the places of texts where heads read them, by the plain classes of Transformers in float64.

usage: make_places.py GOLDEN_DIR OUT        (here: make_places.py ../golden expected.jsonl)

Each text is run alone, and the model's own score.weight is applied to the output of the last norm at every token. A
line has the ids and these scores: `every` in float64, `bf16` as torch computes them in bfloat16."""
import json, sys

import torch
from tokenizers import Tokenizer
from transformers import AutoModelForSequenceClassification

TEXTS = [
    "Tea is hot. Coffee is hotter. So there.",
    "First, boil the water. Then wait. Then pour it. Then wait again. Drink.",
    "No end",
    ". . .",
]


def scores(path, ids, dtype):
    """torch's rotary frequencies lose bits in Module.to(bfloat16): the model is loaded so, or converted from float32."""
    model = AutoModelForSequenceClassification.from_pretrained(
        path, dtype=torch.bfloat16 if dtype == torch.bfloat16 else torch.float32, attn_implementation="eager"
    )
    if dtype == torch.float64:
        model = model.double()
    with torch.no_grad():
        hidden = model.model(input_ids=torch.tensor([ids])).last_hidden_state[0]
        return [round(x, 9) for x in (hidden.double() @ model.score.weight.double().T)[:, 0].tolist()]


def main():
    golden, out = sys.argv[1:3]
    with open(out, "w") as f:
        for name in ("qwen2", "gemma2"):
            tokenizer = Tokenizer.from_file(f"{golden}/{name}/tokenizer.json")
            for text in TEXTS:
                ids = tokenizer.encode(text).ids
                line = {"model": name, "text": text, "ids": ids}
                line["bf16"] = scores(f"{golden}/{name}", ids, torch.bfloat16)
                line["every"] = scores(f"{golden}/{name}", ids, torch.float64)
                f.write(json.dumps(line) + "\n")


main()
