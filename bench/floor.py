"""guerdon score against Transformers at batch 1, in bf16 and in fp32 (its fastest on a CPU without AVX512_BF16), on the same 32 texts, interleaved in one run.

usage: floor.py PEERS_ENV GUERDON MODEL_DIR PAIRS.jsonl.gz [ROUNDS]
PEERS_ENV is made by bench/peers/setup, MODEL_DIR by bench/peers/random_model.py 0.5b. Prints JSON: tokens per second of
each tool as the median of its rounds, and the ratio. guerdon's time is the whole process, start and tokenizer included
(`process`), and without sharing prefixes; Transformers' is the scoring alone, after a warm-up."""
import gzip
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

env, guerdon, model, pairs = sys.argv[1:5]
rounds = int(sys.argv[5]) if len(sys.argv) > 5 else 3
here = os.path.dirname(os.path.abspath(__file__))

with tempfile.TemporaryDirectory() as tmp:
    texts = f'{tmp}/texts.jsonl'
    with open(texts, 'w') as f:
        for _, line in zip(range(16), gzip.open(pairs, 'rt')):
            pair = json.loads(line)
            for key in ('chosen', 'rejected'):
                f.write(json.dumps({'text': pair[key]}) + '\n')

    def ours(*flags):
        start = time.perf_counter()
        out = subprocess.run([guerdon, 'score', '--model', model, '--input', texts, '--max-length', '512',
                              '--truncate', 'right', *flags], check=True, capture_output=True, text=True).stdout
        seconds = time.perf_counter() - start
        return sum(json.loads(line)['tokens'] for line in out.splitlines()) / seconds

    def theirs(dtype):
        out = subprocess.run([f'{env}/bin/python', f'{here}/peers/hf_score.py', model, pairs, '16', dtype, '1'],
                             check=True, capture_output=True, text=True).stdout
        return json.loads(out.splitlines()[-1])['tokens_per_s']

    rates = {'guerdon': [], 'guerdon --share-prefix off': [], 'transformers bf16': [], 'transformers fp32': []}
    for n in range(rounds):
        rates['guerdon'].append(ours())
        rates['guerdon --share-prefix off'].append(ours('--share-prefix', 'off'))
        rates['transformers fp32'].append(theirs('f32'))
        # Without bf16 instructions Transformers takes ten minutes for these texts: once is enough to see that.
        if n == 0 or rates['transformers bf16'][0] > rates['transformers fp32'][0] / 2:
            rates['transformers bf16'].append(theirs('bf16'))

print(json.dumps(rates), file=sys.stderr)
medians = {name: round(statistics.median(r), 1) for name, r in rates.items()}
print(json.dumps({'tokens_per_s': medians, 'rounds': rounds,
                  'ratio': round(medians['guerdon --share-prefix off'] /
                                 max(medians['transformers bf16'], medians['transformers fp32']), 2)}))
