#!/usr/bin/env python3
"""Compare `guerdon merge` with PEFT: does it write what merge_and_unload() returns, for each model with an adapter?
usage: check_merge.py GUERDON [GOLDEN]     GUERDON: the program; GOLDEN: tests/data/golden (default: beside this folder)

For every MODEL with a MODEL-lora in GOLDEN: merges both ways, loads the output with Transformers, and prints how many of
the weights that the adapter changes differ, and by how many steps of their type at most. All other tensors and the head
must be equal, including names and shapes. For information, it also prints how many weights differ from what PEFT makes
with autocast_adapter_dtype=False, which rounds A, B and the product to bf16 first.
The status is 1 if more than 1 weight in 1,000 differs, or any weight by more than one step.
Needs torch, transformers and peft; checked with 2.15, 5.3.0 and 0.21.2."""
import os
import subprocess
import sys
import tempfile

import torch
import transformers
from peft import PeftModel
from transformers import AutoModelForSequenceClassification

transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()
BITS = {torch.bfloat16: torch.int16, torch.float16: torch.int16, torch.float32: torch.int32}


def steps(a, b):
    """The distance from a to b in representable numbers of their type, for each element."""
    def order(x):
        i = x.contiguous().view(BITS[x.dtype]).long()
        low = torch.iinfo(BITS[x.dtype]).min
        return torch.where(i < 0, low - i, i)
    return (order(a) - order(b)).abs()


def by_peft(model, adapter, autocast):
    base = AutoModelForSequenceClassification.from_pretrained(model, num_labels=1)
    return PeftModel.from_pretrained(base, adapter, autocast_adapter_dtype=autocast).merge_and_unload()


def load(path):
    model, info = AutoModelForSequenceClassification.from_pretrained(path, output_loading_info=True)
    for what in ('missing_keys', 'unexpected_keys', 'mismatched_keys'):
        if info[what]:
            sys.exit(f'{path}: {what}: {info[what]}')
    return model


def check(guerdon, golden, name, out):
    adapter = f'{golden}/{name}-lora'
    subprocess.run([guerdon, 'merge', '--model', f'{golden}/{name}', '--adapter', adapter, '--output', out], check=True)
    merged = load(out)
    peft = by_peft(f'{golden}/{name}', adapter, True)
    ours, theirs = merged.state_dict(), peft.state_dict()
    base = AutoModelForSequenceClassification.from_pretrained(f'{golden}/{name}', num_labels=1).state_dict()
    assert ours.keys() == theirs.keys(), ours.keys() ^ theirs.keys()
    other = by_peft(f'{golden}/{name}', adapter, False).state_dict()
    weights = differ = most = rounded = 0
    for key, tensor in theirs.items():
        assert ours[key].dtype == tensor.dtype and ours[key].shape == tensor.shape, key
        if key == 'score.weight' or torch.equal(tensor, base[key]):
            assert torch.equal(ours[key], tensor), key
            continue
        apart = steps(ours[key], tensor)
        weights += apart.numel()
        differ += int((apart != 0).sum())
        most = max(most, int(apart.max()))
        rounded += int((ours[key] != other[key]).sum())
    good = weights > 0 and differ * 1000 <= weights and most <= 1
    print(f'{"ok" if good else "FAILED"} {name}: {differ} of {weights} weights differ, by {most} steps at most; '
          f'{rounded} from autocast_adapter_dtype=False; {len(theirs)} tensors, pad {merged.config.pad_token_id}',
          flush=True)
    return good


def main():
    guerdon = os.path.abspath(sys.argv[1])
    golden = sys.argv[2] if len(sys.argv) > 2 else os.path.join(os.path.dirname(os.path.abspath(__file__)), '../golden')
    names = sorted(n for n in os.listdir(golden) if os.path.isdir(f'{golden}/{n}-lora'))
    good = True
    with tempfile.TemporaryDirectory() as work:
        for name in names:
            good = check(guerdon, golden, name, f'{work}/{name}') and good
    return 0 if good and names else 1


if __name__ == '__main__':
    sys.exit(main())
