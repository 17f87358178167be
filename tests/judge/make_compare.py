#!/usr/bin/env python3
"""make_compare.py - two files of scores, and their correlation by numpy and scipy.

usage: make_compare.py >tests/data/judge/compare.expected.json
"""
import json
import sys

import numpy as np
from scipy import stats

RNG = np.random.default_rng(7)


def digits(value):
    return float(f'{np.float32(value):.9g}')


def line(index, kind, scores):
    if kind == 'error':
        return {'index': index, 'error': 'why'}
    if kind == 'pair':
        a, b = (np.float32(s) for s in scores)
        return {'index': index, 'chosen': digits(a), 'rejected': digits(b), 'margin': digits(a - b), 'tokens': [3, 4]}
    if kind == 'text':
        return {'index': index, 'score': digits(scores[0]), 'tokens': 3}
    return {'index': index, 'scores': [digits(s) for s in scores], 'tokens': [3] * len(scores)}


def make(pairs_alone):
    """Lines of both files."""
    a, b = [], []
    for i in range(200):
        kind = 'pair' if pairs_alone or i % 4 else ('list' if i % 8 else 'text')
        count = {'pair': 2, 'text': 1, 'list': 4}[kind]
        first = RNG.normal(0, 2, count).astype(np.float32)
        second = (first + RNG.normal(0, 1.5, count)).astype(np.float32)
        if i % 9 == 0:
            second = first.copy()
        if i % 17 == 1:
            first[:] = first[0]  # a tie
        a.append(line(i, 'error' if i % 31 == 5 else kind, first))
        b.append(line(i, 'error' if i % 41 == 6 else kind, second))
    return a, b


def scores_of(one):
    if 'score' in one:
        return [one['score']]
    return one['scores'] if 'scores' in one else [one['chosen'], one['rejected']]


def agreement(index, a, b):
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    far = np.abs(a - b)
    return {'pearson': float(stats.pearsonr(a, b)[0]), 'spearman': float(stats.spearmanr(a, b)[0]),
            'mean_difference': float(far.mean()), 'largest_difference': float(far.max()),
            'largest_index': int(index[int(far.argmax())])}


def expected(a, b):
    both = [(x, y) for x, y in zip(a, b) if 'error' not in x and 'error' not in y]
    flat = [(x['index'], np.float32(p), np.float32(q)) for x, y in both for p, q in zip(scores_of(x), scores_of(y))]
    margins = [(x['index'], np.float32(x['chosen']) - np.float32(x['rejected']),
                np.float32(y['chosen']) - np.float32(y['rejected'])) for x, y in both if 'chosen' in x]
    lists = [(x['scores'], y['scores']) for x, y in both if 'scores' in x]
    p, q = (np.array([m[k] for m in margins]) for k in (1, 2))
    return {'items': len(a), 'skipped': len(a) - len(both), 'scores': len(flat),
            'identical': sum(x.tobytes() == y.tobytes() for _, x, y in flat), **agreement(*zip(*flat)),
            'margins': {'pairs': len(margins), **agreement(*zip(*margins)), 'flips': int((np.sign(p) != np.sign(q)).sum()),
                        'accuracy_a': float((p > 0).mean()), 'accuracy_b': float((q > 0).mean()),
                        'ties_a': int((p == 0).sum()), 'ties_b': int((q == 0).sum()),
                        'only_a_right': int(((p > 0) & (q <= 0)).sum()), 'only_b_right': int(((q > 0) & (p <= 0)).sum())},
            'lists': len(lists), 'best_differs': sum(int(np.argmax(x) != np.argmax(y)) for x, y in lists)}


def main():
    cases = []
    for pairs_alone in (True, False):
        a, b = make(pairs_alone)
        cases.append({'a': a, 'b': b, 'expected': expected(a, b)})
    json.dump(cases, sys.stdout, separators=(',', ':'))
    print()


if __name__ == '__main__':
    main()
