#!/usr/bin/env python3
"""train_data.py - two tasks to train on, made of the pairs in tests/data/hh-rlhf.  usage: train_data.py DIRECTORY

    hh-train.jsonl, hh-eval.jsonl                  the pairs as they are: which answer did people prefer?
    relevance-train.jsonl, relevance-eval.jsonl    the answer that was given, against that of another conversation which
                                                   is about as long: which one belongs to the question?

312 pairs are held out: those whose first question has the smallest hashes, so that no conversation, and none that
begins like it, is in both.  Nothing is random.
"""
import gzip
import hashlib
import json
import os
import sys

SOURCE = 'tests/data/hh-rlhf/harmless-base-test.jsonl.gz'
HELD_OUT = 312
TURN = '\n\nAssistant:'


def rows():
    path = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), SOURCE)
    with gzip.open(path, 'rt', encoding='utf-8') as f:
        return [json.loads(line) for line in f]


def split(text):
    """The conversation up to its last answer, and the answer."""
    at = text.rindex(TURN) + len(TURN)
    return text[:at], text[at:]


def question(row):
    return split(row['chosen'])[0].split(TURN)[0]


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()


def hold_out(all_rows):
    """Groups of rows with one first question, by its hash, until there are enough."""
    groups = {}
    for row in all_rows:
        groups.setdefault(question(row), []).append(row)
    held = set()
    count = 0
    for name in sorted(groups, key=digest):
        if count + len(groups[name]) <= HELD_OUT:
            held.add(name)
            count += len(groups[name])
    return [r for r in all_rows if question(r) not in held], [r for r in all_rows if question(r) in held]


def relevance(part):
    """Answers of equal rank in the order of their lengths are exchanged with a neighbour some places away."""
    answers = [split(row['chosen']) for row in part]
    order = sorted(range(len(answers)), key=lambda i: (len(answers[i][1]), i))
    place = {i: p for p, i in enumerate(order)}
    pairs = []
    for i, (prompt, answer) in enumerate(answers):
        for away in range(1, len(order)):
            other = order[(place[i] + (away if i % 2 else -away)) % len(order)]
            if answers[other][1].strip() != answer.strip() and question(part[other]) != question(part[i]):
                break
        if answer.strip():
            pairs.append({'prompt': prompt, 'chosen': answer, 'rejected': answers[other][1]})
    return pairs


def write(folder, name, part):
    with open(os.path.join(folder, name), 'w', encoding='utf-8') as f:
        for row in part:
            f.write(json.dumps(row, ensure_ascii=False) + '\n')


def main():
    folder = sys.argv[1]
    os.makedirs(folder, exist_ok=True)
    train, held = hold_out(rows())
    write(folder, 'hh-train.jsonl', train)
    write(folder, 'hh-eval.jsonl', held)
    write(folder, 'relevance-train.jsonl', relevance(train))
    write(folder, 'relevance-eval.jsonl', relevance(held))


if __name__ == '__main__':
    main()
