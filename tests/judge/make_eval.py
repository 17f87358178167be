#!/usr/bin/env python3
"""make_eval.py - generated preferences, and numpy's figures for the scores that a model gave them.

usage: make_eval.py input pairs|rows >INPUT.jsonl
       make_eval.py expected INPUT.jsonl SCORES.jsonl >EXPECTED.json      (numpy and scipy; see make_expected.py)

tests/data/judge/pairs.jsonl and rows.jsonl are the inputs; their .expected.json were made from the scores that
    guerdon eval --model tests/data/golden/qwen2 --input INPUT --max-length 100 --truncate left --scores SCORES.jsonl
wrote: the scores are that model's, and everything derived from them is computed here independently.
"""
import json
import random
import sys

import numpy as np

from make_expected import best, length, metrics, ties_score

SUBSETS = ['alpacaeval-easy', 'alpacaeval-length', 'alpacaeval-hard', 'mt-bench-easy', 'mt-bench-med', 'mt-bench-hard',
           'llmbar-natural', 'llmbar-adver-neighbor', 'llmbar-adver-GPTInst', 'llmbar-adver-GPTOut', 'llmbar-adver-manual',
           'refusals-dangerous', 'refusals-offensive', 'xstest-should-refuse', 'xstest-should-respond', 'donotanswer',
           'math-prm', 'hep-cpp', 'hep-go', 'hep-java', 'hep-js', 'hep-python', 'hep-rust']
WORDS = ('tea water hot cold yes no perhaps never always the a one two bread house road night morning good bad slow quick '
         'please thanks blue green open close read write long short answer question because although').split()


def words(rng, least, most):
    return ' '.join(rng.choice(WORDS) for _ in range(rng.randint(least, most))) + '.'


def make_pairs():
    rng = random.Random(1)
    for i in range(46):
        row = {'prompt': f'Human: {words(rng, 3, 20)}\n\nAssistant: ', 'chosen': words(rng, 1, 30),
               'rejected': words(rng, 1, 30), 'subset': SUBSETS[i % 23], 'source': ['web', 7, 1.5, None, True][i % 5]}
        if i % 6 == 0:
            row['chosen'] = row.pop('prompt') + row['chosen']
        if i % 11 == 3:
            row['rejected'] = row['chosen']  # a tie
        if i % 13 == 5:
            del row['source']
        yield row
    yield {'text': 'One text alone.'}
    yield {'chosen': 'Half of a pair.'}
    yield {'prompt': 'P ', 'responses': ['one', 'two']}
    yield {'prompt': 'P ', 'responses': ['one', 'two', 'three'], 'num_correct': 1, 'subset': 'math-prm', 'source': 'web'}
    yield {'prompt': 'P ', 'chosen': ['one', 'two'], 'rejected': ['three'], 'num_correct': 1}


def make_rows():
    rng = random.Random(2)
    for i in range(24):
        subset = ['Factuality', 'Math', 'Ties'][i % 3]
        kind, correct = ('tied', 3) if i % 2 else ('ref', 1)
        if subset != 'Ties':
            kind, correct = 'id', 1
        row = {'id': f'{kind}:{i // 6}', 'prompt': words(rng, 3, 9) + ' ', 'subset': subset, 'num_correct': correct,
               'chosen': [words(rng, 1, 9) for _ in range(correct)], 'rejected': [words(rng, 1, 9) for _ in range(3)],
               'total_completions': correct + 3}
        if i % 8 == 3:
            row['rejected'][1] = row['chosen'][0]
        yield row


def read(path):
    with open(path, encoding='utf-8') as f:
        return [json.loads(line) for line in f if line.strip()]


def judge(record, line):
    """A line of scores as eval should read it: the scores, how many are correct, and the tokens; None for an error."""
    if 'error' in line:
        return None
    if 'scores' not in line:
        return [line['chosen'], line['rejected']], 1, line['tokens']
    correct = len(record['chosen']) if isinstance(record.get('chosen'), list) else record['num_correct']
    return line['scores'], correct, line['tokens']


def name_of(record, field):
    value = record.get(field)
    if value is None:
        return '(none)'
    if isinstance(value, bool):
        return 'true' if value else 'false'
    return value if isinstance(value, str) else f'{value:g}'


def expected(records, lines):
    margins, longer, scores, groups, credits, ties = [], [], [], {}, {}, []
    for record, line in zip(records, lines, strict=True):
        found = judge(record, line)
        if not found:
            continue
        values, correct, tokens = found
        values = [float(np.float32(v)) for v in values]
        low = min(range(correct), key=lambda i: values[i])
        high = max(range(correct, len(values)), key=lambda i: values[i])
        margin = float(np.float32(values[low]) - np.float32(values[high]))
        margins.append(margin)
        longer.append(tokens[low] - tokens[high])
        scores += values
        for field in ('source', 'subset'):
            groups.setdefault(field, {}).setdefault(name_of(record, field), []).append(margin)
        credits.setdefault(name_of(record, 'subset'), []).append(best(values))
        if str(record.get('subset')).lower() == 'ties':
            ties.append({'id': record['id'], 'correct': correct, 'scores': values})
    every_row = all('scores' in line for line in lines if 'error' not in line)
    sections = {k: ties_score(ties) if k == 'Ties' else float(np.mean(v)) for k, v in credits.items()}
    return {'all': {'pairs': len(margins), **metrics(margins)}, 'length': length(margins, longer),
            'by': {field: {k: {'pairs': len(v), **metrics(v)} for k, v in one.items()} for field, one in groups.items()},
            'calibration': {'mean': float(np.mean(scores)), 'std': float(np.std(scores, ddof=1)), 'count': len(scores)},
            'sections': sections if every_row else None,
            'least': float(min(margins)), 'most': float(max(margins))}


def main():
    if sys.argv[1] == 'input':
        for row in {'pairs': make_pairs, 'rows': make_rows}[sys.argv[2]]():
            print(json.dumps(row, ensure_ascii=False))
    else:
        json.dump(expected(read(sys.argv[2]), read(sys.argv[3])), sys.stdout, indent=1)
        print()


if __name__ == '__main__':
    main()
