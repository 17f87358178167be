#!/usr/bin/env python3
"""Compares the ids of guerdon with those of the Python package tokenizers 0.22.2, for any number of tokenizer.json.

usage: compare_real.py WRITE_IDS [--quick] DIR...

WRITE_IDS is the program of tests/text (make tests/text/write_ids), DIR is a folder of make_real.py, or any with a tokenizer.json. The
texts: those of ../hh-rlhf; each code point alone and between letters; 100,000 random strings, half of them of this
tokenizer's own tokens; and texts around its added tokens. With --quick, a tenth of them.
"""
import gzip
import json
import os
import random
import struct
import subprocess
import sys

from tokenizers import Tokenizer

HERE = os.path.dirname(os.path.abspath(__file__))
WORDS = ['a', 'b', 'Z', "'s", ' ', '  ', '   ', '\u2581', '\u2581\u2581', '\t', '\n', '\n\n', '\r\n', '1', '23', '4567', '\u00bd',
         '\u0663', '\u00e9', 'e\u0301', '\u4e2d', '\u4e2d\u6587', '\u00a0', '\u3000', '\x00', '!', '?!', '...', '-', '\U0001f600',
         '\u0301', '\u200b', '\u2028', '<0x0A>', '<unk>', '<s>', '</s>', 'Hello', ' the', 'the ', ' and', 'ing', '\n\nHuman:',
         '\ufb01', '\u2460', '\u1e9b\u0323', '\uac00', '\u1100\u1161', '\u212b', 'x1', '2nd', '$', '$ \n', '\uff01', '\u201c']


def hh_texts():
    with gzip.open(os.path.join(os.path.dirname(HERE), 'hh-rlhf', 'harmless-base-test.jsonl.gz'), 'rt') as f:
        for row in f:
            record = json.loads(row)
            yield record['chosen']
            yield record['rejected']


def random_texts(tokenizer, rng, count):
    own = [t.replace('\u2581', ' ') for t in tokenizer.get_vocab()]
    for i in range(count):
        parts = []
        for _ in range(rng.randrange(16)):
            kind = rng.randrange(20)
            if kind < 8 or (kind < 16 and i % 2):
                parts.append(rng.choice(WORDS))
            elif kind < 16:
                parts.append(rng.choice(own))
            else:
                c = rng.randrange(0x110000 if rng.randrange(2) else 0x3000)
                parts.append('?' if 0xD800 <= c < 0xE000 else chr(c))
        yield ''.join(parts)


def around_added(tokenizer):
    added = [t.content for t in tokenizer.get_added_tokens_decoder().values()]
    for token in added[:300]:
        for before, after in (('', ''), ('a', 'b'), (' ', ' '), ('a ', ' b'), ('', ' b'), ('', 'b'), ('\n', '\n'), (token, token),
                              ('\u2581', '\u2581'), (added[0] + ' ', ' ' + added[-1] + ' c'), ('  ', '  x')):
            yield before + token + after
        yield token[:-1]
        yield token[1:] + token


def texts_for(tokenizer, quick):
    rng = random.Random(7)
    points = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000]
    step = 10 if quick else 1
    yield from list(hh_texts())[::step]
    yield from around_added(tokenizer)
    yield from random_texts(tokenizer, rng, 100000 // step)
    yield from points[::step]
    yield from ('a%sb' % c for c in points[::step])


def own_ids(program, folder, texts):
    encoded = [t.encode() for t in texts]
    data = b''.join(struct.pack('=I', len(t)) + t for t in encoded)
    done = subprocess.run([program, folder], input=data, stdout=subprocess.PIPE, check=True).stdout
    numbers = memoryview(done).cast('I')
    at = 0
    for _ in texts:
        yield numbers[at + 1:at + 1 + numbers[at]].tolist()
        at += 1 + numbers[at]


def compare(program, folder, quick):
    files = [os.path.join(folder, name) for name in ('reference.json', 'tokenizer.json')]
    tokenizer = Tokenizer.from_file([path for path in files if os.path.exists(path)][0])
    texts, wrong, shown = list(texts_for(tokenizer, quick)), 0, 0
    got = own_ids(program, folder, texts)
    for first in range(0, len(texts), 10000):
        block = texts[first:first + 10000]
        for text, want, ids in zip(block, tokenizer.encode_batch(block), got):
            if want.ids != ids:
                wrong += 1
                if shown < 3:
                    shown += 1
                    print('  %r: %s, expected %s' % (text[:200], ids[:40], want.ids[:40]))
    print('%s: %d of %d texts differ' % (os.path.basename(folder.rstrip('/')), wrong, len(texts)), flush=True)
    return wrong


def main():
    quick = '--quick' in sys.argv
    program, *folders = [a for a in sys.argv[1:] if a != '--quick']
    failed = 0
    for folder in folders:
        try:
            failed += compare(program, folder, quick) > 0
        except subprocess.CalledProcessError:
            failed += 1
            print('%s: refused' % folder)
    sys.exit(failed > 0)


main()
