#!/usr/bin/env python3
"""baselines.py - what a preference model must beat on a data set.  usage: baselines.py TRAIN.jsonl EVAL.jsonl

Needs scikit-learn.  Prints the accuracy on EVAL's pairs, with a 95 % interval (bootstrap over pairs, as `guerdon eval`):
    shorter         always the shorter text
    bag of words    a logistic regression on the differences of word and word-pair counts, learnt from TRAIN; its
                    penalty is chosen by cross-validation on TRAIN alone
"""
import json
import re
import sys
import warnings

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegressionCV

ROUNDS, SEED = 2000, 0
warnings.simplefilter('ignore', FutureWarning)


def pairs(path):
    with open(path, encoding='utf-8') as f:
        rows = [json.loads(line) for line in f]
    return [(r['chosen'], r['rejected']) for r in rows if r['chosen'] != r['rejected']]


def ends(pair):
    """The two answers without the words that they begin with in common."""
    words = [re.findall(r'\S+\s*', text) for text in pair]
    same = next((i for i, (a, b) in enumerate(zip(*words)) if a != b), min(map(len, words)))
    return [''.join(w[same:]) for w in words]


def show(name, right):
    right = np.asarray(right, float)
    draws = np.random.default_rng(SEED).integers(0, len(right), (ROUNDS, len(right)))
    low, high = np.percentile(right[draws].mean(axis=1), [2.5, 97.5])
    print(f'{name:14s} {100 * right.mean():.1f} % ({100 * low:.1f} to {100 * high:.1f} %) of {len(right)} pairs')


def bag_of_words(train, held):
    """Each pair is seen both ways round, so that the intercept means nothing."""
    counts = CountVectorizer(ngram_range=(1, 2), min_df=2, max_features=20000, binary=True)
    counts.fit([text for pair in train for text in pair])

    def differences(some):
        return counts.transform([p[0] for p in some]) - counts.transform([p[1] for p in some])

    x = differences(train)
    sides = np.where(np.random.default_rng(SEED).random(len(train)) < 0.5, 1, -1)
    model = LogisticRegressionCV(Cs=np.logspace(-4, 1, 11), cv=5, fit_intercept=False, max_iter=2000)
    model.fit(x.multiply(sides[:, None]).tocsr(), sides)
    return differences(held).dot(model.coef_[0]) > 0


def main():
    train, held = [[ends(p) for p in pairs(path)] for path in sys.argv[1:3]]
    show('shorter', [(len(a) < len(b)) + (len(a) == len(b)) / 2 for a, b in held])
    show('bag of words', bag_of_words(train, held))


if __name__ == '__main__':
    main()
