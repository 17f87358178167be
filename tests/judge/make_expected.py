#!/usr/bin/env python3
"""make_expected.py - random margins, scores and lengths, and the figures that numpy and scipy compute from them.

usage: make_expected.py OUTPUT.json     (numpy 2, scipy 1.1x; the random numbers are numpy's PCG64, seed 20251125)

Independent of the library: the formulas of guerdon.h and src/judge/metrics.h in other code.  The only thing in both is
the bootstrap's generator, SplitMix64, which metrics.h documents.
"""
import json
import sys

import numpy as np
from scipy import special, stats

RNG = np.random.default_rng(20251125)
MASK = (1 << 64) - 1


def splitmix(count):
    """The first `count` outputs, as an array."""
    i = np.arange(1, count + 1, dtype=np.uint64)
    with np.errstate(over='ignore'):
        z = np.uint64(1) + i * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


def bootstrap(hits, count, resamples=1000):
    halves = (count + 1) // 2
    z = splitmix(resamples * halves).reshape(resamples, halves)
    draws = np.stack([z >> np.uint64(32), z & np.uint64(0xFFFFFFFF)], axis=2).reshape(resamples, 2 * halves)[:, :count]
    limit = -(-hits * (1 << 32) // count)
    shares = np.sort((draws < np.uint64(limit)).sum(axis=1)) / count
    return float(shares[25]), float(shares[-26])


def metrics(margins):
    m = np.asarray(margins, np.float64)
    p = special.expit(m)
    confidence = np.maximum(p, special.expit(-m))
    outcome = np.where(m > 0, 1.0, np.where(m == 0, 0.5, 0.0))
    place = np.minimum(((confidence - 0.5) * 20).astype(int), 9)
    ece = sum(abs(outcome[place == b].mean() - confidence[place == b].mean()) * (place == b).sum()
              for b in range(10) if (place == b).any()) / len(m)
    low, high = bootstrap(int((m > 0).sum()), len(m))
    return {'accuracy': float((m > 0).mean()), 'low': low, 'high': high, 'ties': int((m == 0).sum()),
            'margin': float(m.mean()), 'loss': float(np.logaddexp(0, -m).mean()), 'ece': float(ece),
            'brier': float(((special.expit(-m)) ** 2).mean()), 'bins': [int((place == b).sum()) for b in range(10)]}


def margin_cases():
    cases = []
    for count in (1, 2, 3, 10, 61, 400):
        for scale, shift in ((0.01, 0), (1, 0.3), (4, -1), (60, 10)):
            cases.append(RNG.normal(shift, scale, count))
    cases.append(np.round(RNG.normal(0, 1, 300) * 4) / 4)  # with ties
    cases += [np.zeros(5), np.full(7, 2.5), np.full(7, -2.5), np.array([3e38, -3e38, 1e-45, -1e-45, 800, -800])]
    return [np.asarray(c, np.float32) for c in cases]


def length(margins, longer):
    m, d = np.asarray(margins, np.float64), np.asarray(longer)
    told = (d != 0) & (m != 0)
    pearson = None if len(m) < 2 or np.ptp(m) == 0 or np.ptp(d) == 0 else float(stats.pearsonr(m, d)[0])
    return {'pairs': int(told.sum()), 'longer_chosen': int((d[told] > 0).sum()),
            'longer_higher': int(((d > 0) == (m > 0))[told].sum()), 'correlation': pearson}


def length_cases():
    cases = []
    for count, spread in ((1, 10), (5, 3), (40, 2), (200, 50), (333, 400)):
        d = np.round(RNG.normal(spread / 5, spread, count)).astype(int)
        m = (np.round(RNG.normal(0, 1, count) * 8 + d / spread) / 8).astype(np.float32)
        cases.append({'margins': [float(x) for x in m], 'longer': [int(x) for x in d], **length(m, d)})
    return cases


def correlation_cases():
    cases = []
    for count in (2, 3, 50, 300):
        for ties in (False, True):
            a = RNG.normal(5, 2, count).astype(np.float32)
            b = (0.5 * a + RNG.normal(0, 1, count)).astype(np.float32)
            if ties:
                a, b = np.round(a), np.round(b)
            if np.ptp(a) == 0 or np.ptp(b) == 0:
                continue
            cases.append({'a': [float(x) for x in a], 'b': [float(x) for x in b],
                          'pearson': float(stats.pearsonr(a.astype(np.float64), b.astype(np.float64))[0]),
                          'spearman': float(stats.spearmanr(a, b)[0])})
    return cases


def ties_score(rows):
    """The subset Ties of RewardBench 2, from its description in src/judge/rewardbench.h."""
    groups = {}
    for row in rows:
        kind, number = row['id'].split(':')
        right, wrong = groups.setdefault((kind, int(number)), ([], []))
        right += row['scores'][:row['correct']]
        wrong += row['scores'][row['correct']:]
    gap = {key: min(right) - max(wrong) for key, (right, wrong) in groups.items()}
    spread = {key: max(right) - min(right) for key, (right, _) in groups.items()}
    accuracy = [np.mean([gap[k] > 0 for k in gap if k[0] == kind] or [0]) for kind in ('tied', 'ref')]
    both = [n for kind, n in gap if kind == 'tied' and ('ref', n) in gap]
    if not both:
        return None
    d = np.array([spread['tied', n] for n in both])
    a = np.array([gap['tied', n] for n in both])
    s = np.minimum(a, [gap['ref', n] for n in both])
    with np.errstate(divide='ignore', invalid='ignore'):
        close = np.nan_to_num(np.tanh(s / d - 1), nan=0.0)
    return float(0.3 * accuracy[0] + 0.3 * accuracy[1] + 0.2 * np.mean(a > d) + 0.2 * np.mean(s > d)
                 + 0.01 * np.mean(close))


def ties_cases():
    cases = []
    for prompts, scale in ((1, 1.0), (2, 0.3), (30, 0.5), (60, 2.0)):
        rows = []
        for n in range(prompts):
            for kind in ('ref', 'tied'):
                if prompts > 10 and RNG.random() < 0.15:
                    continue  # a prompt without its partner
                correct = 1 if kind == 'ref' else int(RNG.integers(2, 6))
                good = RNG.normal(2, scale, correct)
                bad = RNG.normal(0, 1, int(RNG.integers(1, 5)))
                if RNG.random() < 0.3:
                    good, bad = np.round(good), np.round(bad)
                scores = np.concatenate([good, bad]).astype(np.float32)
                rows.append({'id': f'{kind}:{n}', 'correct': correct, 'scores': [float(x) for x in scores]})
        RNG.shuffle(rows)
        cases.append({'rows': rows, 'score': ties_score(rows)})
    rows = [{'id': 'ref:7', 'correct': 1, 'scores': [1.0, 0.0]}, {'id': 'tied:7', 'correct': 2, 'scores': [3.0, 3.0, 1.0]},
            {'id': 'tied:7', 'correct': 1, 'scores': [2.5, 0.5]},  # one id in two rows
            {'id': 'ref:8', 'correct': 1, 'scores': [1.0, 1.0]}, {'id': 'tied:8', 'correct': 2, 'scores': [2.0, 2.0, 2.0]}]
    cases.append({'rows': rows, 'score': ties_score(rows)})
    rows = [{'id': 'ref:1', 'correct': 1, 'scores': [1.0, 0.0]}, {'id': 'tied:2', 'correct': 2, 'scores': [1.0, 1.0, 0.0]}]
    cases.append({'rows': rows, 'score': None})
    return cases


def best(scores):
    """RewardBench 2: the credit of a row."""
    top = max(scores)
    return 1 / scores.count(top) if scores[0] == top else 0.0


def best_cases():
    rows = [[1.0], [1.0, 0.5], [0.5, 1.0], [1.0, 1.0, 0.0, 1.0], [0.0, 1.0, 1.0], [-1.0, -1.0]]
    rows += [[float(x) for x in np.round(RNG.normal(0, 1, 4) * 2) / 2] for _ in range(40)]
    return [{'scores': row, 'credit': best(row)} for row in rows]


def main():
    result = {
        'metrics': [{'margins': [float(x) for x in m], **metrics(m)} for m in margin_cases()],
        'bootstrap': [[h, n, *bootstrap(h, n)] for h, n in ((0, 1), (1, 1), (0, 9), (9, 9), (1, 2), (33, 100), (99, 101),
                                                            (1234, 2312), (20000, 50000))],
        'length': length_cases(), 'correlation': correlation_cases(), 'ties': ties_cases(), 'best': best_cases(),
    }
    with open(sys.argv[1], 'w', encoding='utf-8') as f:
        json.dump(result, f, separators=(',', ':'))
        f.write('\n')


if __name__ == '__main__':
    main()
