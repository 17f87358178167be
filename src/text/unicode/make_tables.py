#!/usr/bin/env python3
"""Writes the Unicode tables of this folder by asking the Python package `tokenizers` about every code point.

usage: make_tables.py [FOLDER]        (default: the folder of this script)

Why not utf8proc, PCRE2 or ICU: the ids of a text must be those of the reference, and the reference mixes tables of
three different ages: normalization from Unicode 9 (the crate unicode-normalization-alignments), regular expression
classes from Oniguruma, and is_numeric, \\w and \\s from Rust. So each table is made by testing the code that the
reference runs, as a black box; nothing is taken from the Unicode data files.  Run with tokenizers 0.22.2.
"""
import os
import random
import sys

import tokenizers
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers

CODE_POINTS = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
CATEGORIES = ['Cn', 'Cc', 'Cf', 'Co', 'Lu', 'Ll', 'Lt', 'Lm', 'Lo', 'Mn', 'Mc', 'Me', 'Nd', 'Nl', 'No', 'Pc', 'Pd',
              'Ps', 'Pe', 'Pi', 'Pf', 'Po', 'Sm', 'Sc', 'Sk', 'So', 'Zs', 'Zl', 'Zp']
WIDTH = 110
NFC, NFD = normalizers.NFC().normalize_str, normalizers.NFD().normalize_str
NFKC, NFKD = normalizers.NFKC().normalize_str, normalizers.NFKD().normalize_str


def regex_class(pattern):
    """The code points that one class of the reference's regular expressions contains."""
    text = ''.join(map(chr, CODE_POINTS))
    split = pre_tokenizers.Split(Regex(pattern), 'removed', invert=True)
    return {ord(c) for piece, _ in split.pre_tokenize_str(text) for c in piece}


def numeric():
    """Rust's char::is_numeric, through the Digits pre-tokenizer."""
    digits = pre_tokenizers.Digits(individual_digits=True)
    return {c for c in CODE_POINTS if len(digits.pre_tokenize_str('a' + chr(c) + 'a')) == 3}


def punctuation():
    """What the pre-tokenizer Punctuation isolates."""
    isolated = pre_tokenizers.Punctuation('isolated')
    return {c for c in CODE_POINTS if len(isolated.pre_tokenize_str('a' + chr(c) + 'a')) == 3}


def compatible():
    """[(c, text)] of those that only a compatibility form changes; and a check that NFKC is NFC after that change."""
    steps = [(c, NFKD(chr(c))) for c in CODE_POINTS if NFKD(chr(c)) != NFD(chr(c))]
    texts, rng = dict(steps), random.Random(10)
    every = sorted(texts) + [0x61, 0x301, 0x323, 0x3099, 0x1161, 0x11A8]
    for c in CODE_POINTS:
        if NFC(texts.get(c, chr(c))) != NFKC(chr(c)):
            raise SystemExit('U+%04X is not its own NFKC' % c)
    for _ in range(300000):
        text = [rng.choice(every) for _ in range(rng.randint(2, 6))]
        if NFC(''.join(texts.get(c, chr(c)) for c in text)) != NFKC(''.join(map(chr, text))):
            raise SystemExit('NFKC differs on ' + ascii(text))
    return steps


def added_token_class(flag):
    """\\w through an added token with single_word, \\s through one with lstrip."""
    tokenizer = Tokenizer(models.BPE({'a': 0}, []))
    tokenizer.add_tokens([AddedToken('Q', normalized=False, **{flag: True})])
    found = set()
    for c in CODE_POINTS:
        if c == ord('Q'):
            continue
        hit = [o for i, o in zip(*(lambda e: (e.ids, e.offsets))(tokenizer.encode(chr(c) + 'Q'))) if i == 1]
        if (flag == 'single_word' and not hit) or (flag == 'lstrip' and hit and hit[0][0] == 0):
            found.add(c)
    if flag == 'single_word':
        found.add(ord('Q'))
    return found


def combining_classes():
    """{code point: class}: a mark with a larger class moves after one with a smaller class."""
    probes = {1: 0x334, 7: 0x93C, 8: 0x3099, 9: 0x94D, 10: 0x5B0, 11: 0x5B1, 12: 0x5B2, 13: 0x5B3, 14: 0x5B4, 15: 0x5B5,
              16: 0x5B6, 17: 0x5B7, 18: 0x5B8, 19: 0x5B9, 20: 0x5BB, 21: 0x5BC, 22: 0x5BD, 23: 0x5BF, 24: 0x5C1,
              25: 0x5C2, 26: 0xFB1E, 27: 0x64B, 28: 0x64C, 29: 0x64D, 30: 0x64E, 31: 0x64F, 32: 0x650, 33: 0x651,
              34: 0x652, 35: 0x670, 36: 0x711, 84: 0xC55, 91: 0xC56, 103: 0xE38, 107: 0xE48, 118: 0xEB8, 122: 0xEC8,
              129: 0xF71, 130: 0xF72, 132: 0xF74, 202: 0x327, 214: 0x1DCE, 216: 0x31B, 218: 0x302A, 220: 0x316,
              222: 0x59A, 224: 0x302E, 226: 0x1D16D, 228: 0x302B, 230: 0x300, 232: 0x315, 233: 0x35C, 234: 0x360,
              240: 0x345}

    def swaps(a, b):
        return NFD(chr(a) + chr(b)) == chr(b) + chr(a) != chr(a) + chr(b)

    found = {}
    for c in CODE_POINTS:
        if not swaps(c, probes[1]) and not swaps(probes[240], c):
            continue
        same = [k for k, p in probes.items() if not swaps(c, p) and not swaps(p, c)]
        if len(same) != 1:
            raise SystemExit('U+%04X has no combining class among the probes' % c)
        found[c] = same[0]
    return found


def decompositions():
    """[(c, a, b)]: c becomes a and b (0: a alone), one step at a time; and the set of c that compose again."""
    full = {c: NFD(chr(c)) for c in CODE_POINTS if NFD(chr(c)) != chr(c) and not 0xAC00 <= c < 0xD7A4}
    back = {d: c for c, d in full.items() if len(d) > 1}
    back.update({d: c for c, d in full.items() if NFC(d) == chr(c)})    # U+00C5 rather than U+212B
    steps, composes = [], set()
    for c, d in full.items():
        if len(d) == 1:
            steps.append((c, ord(d), 0))
            continue
        pairs = [(ord(d[0]), ord(d[1]))] if len(d) == 2 else \
            [(back[d[:i] + d[i + 1:]], ord(d[i])) for i in range(len(d) - 1, 0, -1) if d[:i] + d[i + 1:] in back]
        if NFC(d) == chr(c):
            pairs = [p for p in pairs if NFC(chr(p[0]) + chr(p[1])) == chr(c)] + pairs
            composes.add(c)
        if not pairs:
            raise SystemExit('U+%04X has no decomposition in two steps' % c)
        steps.append((c, *pairs[0]))
    return sorted(steps), composes


class Model:
    """The algorithm of nfc.c on these tables, to check the tables against the reference before they are written."""

    def __init__(self, classes, steps, composes):
        self.ccc = classes
        self.down = {c: (a, b) for c, a, b in steps}
        self.up = {(a, b): c for c, a, b in steps if c in composes}

    def decompose(self, c):
        if 0xAC00 <= c < 0xD7A4:
            s = c - 0xAC00
            return [0x1100 + s // 588, 0x1161 + s % 588 // 28] + ([0x11A7 + s % 28] if s % 28 else [])
        if c not in self.down:
            return [c]
        a, b = self.down[c]
        return self.decompose(a) + (self.decompose(b) if b else [])

    def compose(self, a, b):
        if 0x1100 <= a < 0x1113 and 0x1161 <= b < 0x1176:
            return 0xAC00 + (a - 0x1100) * 588 + (b - 0x1161) * 28
        if 0xAC00 <= a < 0xD7A4 and (a - 0xAC00) % 28 == 0 and 0x11A8 <= b < 0x11C3:
            return a + b - 0x11A7
        return self.up.get((a, b))

    def nfc(self, text):
        marks, flat = [], []
        for c in [d for c in text for d in self.decompose(ord(c))]:
            if self.ccc.get(c, 0) == 0:
                flat += sorted(marks, key=lambda m: self.ccc[m])
                marks = []
                flat.append(c)
            else:
                marks.append(c)
        flat += sorted(marks, key=lambda m: self.ccc[m])
        out, starter, last = [], None, 0
        for c in flat:
            k = self.ccc.get(c, 0)
            both = self.compose(out[starter], c) if starter is not None and (last < k or last == 0) else None
            if both is not None:
                out[starter] = both
                continue
            if k == 0:
                starter = len(out)
            last = k
            out.append(c)
        return ''.join(map(chr, out))


def check(model):
    interesting = sorted(set(model.ccc) | set(model.down) | {b for _, b in model.down.values()} |
                         {a for a, _ in model.down.values()} | set(range(0x1100, 0x1200)) | {0xAC00, 0xAC01, 0x61})
    rng = random.Random(9)
    for c in CODE_POINTS:
        if model.nfc(chr(c)) != NFC(chr(c)):
            raise SystemExit('U+%04X alone' % c)
    for _ in range(300000):
        text = ''.join(chr(rng.choice(interesting)) for _ in range(rng.randint(2, 6)))
        if model.nfc(text) != NFC(text):
            raise SystemExit('differs on ' + ascii(text))


def runs(value_of):
    """[(first code point, value)] wherever the value changes."""
    out = []
    for c in CODE_POINTS:
        v = value_of(c)
        if not out or out[-1][1] != v:
            out.append((c, v))
    return out


def array(kind, name, numbers, form):
    lines, line = ['const %s %s[%d] = {' % (kind, name, len(numbers))], '   '
    for n in numbers:
        item = ' ' + form % n + ','
        if len(line) + len(item) > WIDTH:
            lines.append(line)
            line = '   '
        line += item
    return '\n'.join(lines + [line, '};', 'const size_t %s_count = %d;' % (name, len(numbers))]) + '\n'


def write(folder, name, what, arrays):
    with open(os.path.join(folder, name), 'w') as f:
        f.write('/* %s - made by make_tables.py from tokenizers %s; do not edit.\n * %s */\n'
                '#include "text/unicode.h"\n\n' % (name, tokenizers.__version__, what))
        f.write('\n'.join(arrays))


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.path.dirname(os.path.abspath(__file__))
    category = {}
    for index, name in enumerate(CATEGORIES):
        if index:
            category.update((c, index) for c in regex_class(r'\p{%s}' % name))
    for major in 'LMNPSZ':          # what the reference takes for \p{L} must be the union of its parts
        if regex_class(r'\p{%s}' % major) != {c for c, v in category.items() if CATEGORIES[v][0] == major}:
            raise SystemExit('\\p{%s} is not the union of its parts' % major)
    write(folder, 'categories.c', 'General categories of Oniguruma.',
          [array('uint32_t', 'gd_category_runs', [c << 5 | v for c, v in runs(lambda c: category.get(c, 0))], '0x%X')])

    sets = [regex_class(r'\s'), numeric(), added_token_class('single_word'), added_token_class('lstrip')]
    write(folder, 'sets.c', 'Bits: GD_SET_SPACE, GD_SET_NUMERIC, GD_SET_WORD, GD_SET_STRIP.',
          [array('uint32_t', 'gd_set_runs',
                 [c << 4 | v for c, v in runs(lambda c: sum((c in s) << i for i, s in enumerate(sets)))], '0x%X')])

    marks = punctuation()
    write(folder, 'punctuation.c', 'What the pre-tokenizer Punctuation takes for punctuation.',
          [array('uint32_t', 'gd_punctuation_runs', [c << 1 | v for c, v in runs(lambda c: c in marks)], '0x%X')])

    changes, parts = [], []
    for c, text in compatible():
        changes.append(c << 32 | len(text) << 16 | len(parts))
        parts += map(ord, text)
    write(folder, 'compatible.c', 'Full compatibility decompositions, where they differ from the canonical ones.',
          [array('uint64_t', 'gd_compatible', changes, '0x%X'),
           array('uint32_t', 'gd_compatible_parts', parts, '0x%X')])

    classes = combining_classes()
    steps, composes = decompositions()
    check(Model(classes, steps, composes))
    write(folder, 'combining.c', 'Canonical combining classes.',
          [array('uint32_t', 'gd_combining_runs', [c << 8 | v for c, v in runs(lambda c: classes.get(c, 0))], '0x%X')])
    pairs = sorted((a, b, i) for i, (c, a, b) in enumerate(steps) if c in composes)
    write(folder, 'decompositions.c', 'Canonical decompositions, and which of them compose.',
          [array('uint64_t', 'gd_decompositions', [c << 42 | a << 21 | b for c, a, b in steps], '0x%X'),
           array('uint16_t', 'gd_compositions', [i for _, _, i in pairs], '%d')])


main()
