#!/usr/bin/env python3
"""Writes expected.txt, variants.json, alphabet.json and holes.json, with which tests/text compares tokenizers.

usage: make_expected.py           (in any folder; with the Python package tokenizers 0.22.2)

expected.txt: lines "TOKENIZER KIND INDEX IDS HASH"; IDS is the number of ids, and HASH a hash of the ids, of one text
or of a block of texts, in order. tests/text/corpus.h makes the same texts:
  hh       text INDEX of ../hh-rlhf (chosen, rejected, chosen, ...)
  alone    4,096 code points from INDEX * 4096, each a text by itself
  between  the same, each between "a" and "b"
  lines    the same, 256 per text, each surrounded by letters, a digit and a space
  random   1,000 random strings, from number INDEX * 1000
  runs     one string repeated to about RUN bytes
A variant is the tokenizer.json of ../golden/qwen2 (or holes.json: the same without some bytes) with some fields replaced.
"""
import copy
import gzip
import json
import os

import tokenizers
from tokenizers import Tokenizer

HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.path.dirname(HERE)
MASK = (1 << 64) - 1

ALPHABET = [
    'a', 'b', 'A', 'z', 'B', "'", 's', "'s", "'ll", "'RE", "'T", '\u017f', ' ', '  ', '   ', '\t', '\n', '\n\n', '\r\n',
    '\r', '1', '23', '456', '7890', '\u0663', '\u00bd', '\u2167', '\u00e9', 'e\u0301', '\u4e2d', '\u00a0', '\u3000', '\x85',
    '\x00', '\x1c', '\x7f', '!', '?!', '...', '-', '_', '"', '\U0001f600', '\u0301', '\u0323', '\u0308\u0301', '\u200b',
    '\u2028', '<|im_end|>', '<|endoftext|>', '<|im_start|>', '<tool_call>', '<|', '|>', 'Hello', ' the', 'the ', ' and',
    'ing', '\n\nHuman:', '\n\nAssistant:', '\ufeff', "'\u017fa", '\u00df', '\u0130', 'K', '\u212a', '\u212b', '\u0958', '\ufb2c',
    '\u1e69', '\U0001d15e', '\u1100', '\u1161', '\u11a8', '\uac00', '\u0915\u093c', '\u05d0\u05bc', '\u3099', '\u304b',
    '\u0e33', '\u0f77', '\uac00\u11a7', '\U0001e023', '\u1dfb', '\u0904', '\u0600', '\ua7c0', '\U000323af', '\u00ad', '\u0103', 'http://',
    '.com', '/*', '*/', '=>', '($', '%s', '\\n', "don't", "I'M", 'x1', '2nd', ' 3', '\u0663\u0664',
]
RUNS = ['a', 'A', ' ', '\n', '\t', '1', '.', '\u4e2d', '\U0001f600', '\u0301', '\u0301\u0316', '\x00', "'s", '\r\n x', ' a', '\u00e9']
RUN = 1 << 18

MODERN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|"
          r"\s+(?!\S)|\s+")
LLAMA3 = MODERN.replace(r'|\p{N}|', r'|\p{N}{1,3}|')
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
GPT4O = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
         r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|"
         r"\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
GPT4 = (r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|"
        r"\s+(?!\S)|\s+")
DEEPSEEK = (r"[!\"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|"
            r"\s*[\r\n]+|\s+(?!\S)|\s+")
GROUPS = r"(?:ab?|(?>a|th)e|\d\D)+|(?:[b-z]\S){2,3}|(?=\P{L})\S*?[!?.\-\]]|(?:x1)??2|(?:\u0041|B){0,2}z|[^\p{Ll}\s]+"


def split(pattern, behavior='Isolated', invert=False, kind='Regex'):
    return {'type': 'Split', 'pattern': {kind: pattern}, 'behavior': behavior, 'invert': invert}


def byte_level(prefix=False, regex=False):
    return {'type': 'ByteLevel', 'add_prefix_space': prefix, 'trim_offsets': True, 'use_regex': regex}


def chain(*parts):
    return {'type': 'Sequence', 'pretokenizers': list(parts)}


def digits(individual):
    return {'type': 'Digits', 'individual_digits': individual}


def added(vocab, *tokens):
    """Added tokens with flags, numbered as the library numbers them."""
    out, after = [], len(vocab)
    for content, flags in tokens:
        token = {'id': vocab.get(content, after), 'content': content, 'single_word': False, 'lstrip': False,
                 'rstrip': False, 'normalized': False, 'special': False}
        after += content not in vocab
        out.append(dict(token, **{f: True for f in flags.split()}))
    return out


def template(before, after):
    special = {n: {'id': n, 'ids': ids, 'tokens': [n] * len(ids)} for n, ids in (('X', before), ('Y', after)) if ids}
    single = [{'Sequence': {'id': 'A', 'type_id': 0}}]
    single = [{'SpecialToken': {'id': 'X', 'type_id': 0}}] * bool(before) + single
    single += [{'SpecialToken': {'id': 'Y', 'type_id': 0}}] * bool(after)
    return {'type': 'TemplateProcessing', 'single': single, 'pair': single, 'special_tokens': special}


def make_holes(base):
    """The vocabulary of `base` without some bytes, with an unknown token and a few tokens <0x..>."""
    gone = '\u0100\u0101\u0109\u010a\u00c3\u00a9\u0143'
    keep = [t for t in base['model']['vocab'] if not set(t) & set(gone)]
    keep += ['<unk>', '<0xC4>', '<0x80>', '<0x81>', '<0xC3>', '<0x83>']
    holes = copy.deepcopy(base)
    holes['model'].update(vocab={t: i for i, t in enumerate(keep)}, unk_token='<unk>', added_tokens=[],
                          merges=[m for m in base['model']['merges'] if not set(''.join(m)) & set(gone)])
    del holes['model']['added_tokens']
    holes['added_tokens'] = added(holes['model']['vocab'], ('<|endoftext|>', 'special'), ('<|im_end|>', 'special'))
    return holes


def make_variants(vocab):
    flags = added(vocab, ('the', 'single_word'), ('a', 'lstrip'), ('b', 'rstrip'), ('\u00e9', 'normalized'),
                  ('e\u0301s', 'normalized special'), ('Hello', 'lstrip rstrip single_word normalized'),
                  ("'s", 'single_word normalized'), ('Hel', ''), ('  ', 'rstrip'), (' z', 'lstrip'), ('<|im_end|>', 'special'))
    modern = chain(split(MODERN), byte_level())

    def pieces(*patterns):      # a space before each piece makes the cuts visible in the ids, whatever the merges
        return {'pre_tokenizer': chain(*[split(p) for p in patterns], byte_level(True)), 'normalizer': None}

    out = [
        {'name': 'modern', 'set': {'pre_tokenizer': modern}},
        {'name': 'llama3', 'set': {'pre_tokenizer': chain(split(LLAMA3), byte_level()), 'normalizer': None,
                                   'post_processor': {'type': 'Sequence', 'processors': [byte_level(), template([1499], [])]}},
         'model': {'ignore_merges': True}},
        {'name': 'gpt2', 'set': {'pre_tokenizer': byte_level(False, True), 'normalizer': None, 'post_processor': byte_level()}},
        {'name': 'gpt2-prefix', 'set': {'pre_tokenizer': byte_level(True, True)}},
        {'name': 'smollm2', 'set': {'pre_tokenizer': chain(digits(True), byte_level(False, True)), 'normalizer': None}},
        {'name': 'smollm2-gguf', 'base': 'holes', 'model': {'fuse_unk': True, 'byte_fallback': True},
         'set': {'pre_tokenizer': byte_level(False, True), 'normalizer': {'type': 'Sequence', 'normalizers': []},
                 'post_processor': template([1], [])}},
        {'name': 'unknown', 'base': 'holes', 'set': {'pre_tokenizer': modern}},
        {'name': 'unknown-fused', 'base': 'holes', 'set': {'pre_tokenizer': modern}, 'model': {'fuse_unk': True}},
        {'name': 'fallback', 'base': 'holes', 'set': {'pre_tokenizer': modern}, 'model': {'byte_fallback': True}},
        {'name': 'digit-runs', 'set': {'pre_tokenizer': chain(digits(False), byte_level(True, False)),
                                       'post_processor': template([3, 4], [5])}},
        {'name': 'modern-pieces', 'set': pieces(MODERN)},
        {'name': 'llama3-pieces', 'set': pieces(LLAMA3)},
        {'name': 'gpt2-pieces', 'set': pieces(GPT2)},
        {'name': 'modern-regex', 'set': pieces('(?:%s)' % MODERN)},
        {'name': 'llama3-regex', 'set': pieces('(?:%s)' % LLAMA3)},
        {'name': 'gpt2-regex', 'set': pieces('(%s)' % GPT2)},
        {'name': 'gpt4', 'set': pieces(GPT4)},
        {'name': 'gpt4o', 'set': pieces(GPT4O)},
        {'name': 'deepseek', 'set': pieces(r'\p{N}{1,3}', '[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+', DEEPSEEK)},
        {'name': 'groups', 'set': pieces(GROUPS)},
        {'name': 'added', 'set': {'pre_tokenizer': modern, 'added_tokens': flags}},
        {'name': 'added-prefix', 'set': {'pre_tokenizer': byte_level(True, True), 'added_tokens': flags,
                                         'normalizer': {'type': 'Sequence', 'normalizers': [{'type': 'NFC'}]}}},
    ]
    for behavior in ('Removed', 'Contiguous', 'MergedWithPrevious', 'MergedWithNext'):
        for invert in (False, True):
            parts = chain(split(r'a|[1-9]+|\s', behavior, invert), split(' ', behavior, invert, 'String'), byte_level(True, False))
            out.append({'name': behavior + ('-invert' if invert else ''), 'set': {'pre_tokenizer': parts}})
    return out


def make(base, variant):
    out = dict(copy.deepcopy(base), **variant.get('set', {}))
    out['model'].update(variant.get('model', {}))
    out['truncation'] = None
    return Tokenizer.from_str(json.dumps(out))


class SplitMix:
    def __init__(self, seed):
        self.state = seed

    def below(self, n):
        self.state = (self.state + 0x9E3779B97F4A7C15) & MASK
        z = self.state
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & MASK
        z = (z ^ z >> 27) * 0x94D049BB133111EB & MASK
        return (z ^ z >> 31) % n


def random_strings(count, alphabet=ALPHABET):
    rng = SplitMix(22)
    for _ in range(count):
        parts = []
        for _ in range(rng.below(16)):
            kind = rng.below(20)
            if kind < 14:
                parts.append(alphabet[rng.below(len(alphabet))])
            elif kind < 17:
                parts.append(chr(0x300 + rng.below(0x70)))
            else:
                c = rng.below(0x110000 if rng.below(2) else 0x3000)
                parts.append('?' if 0xD800 <= c < 0xE000 else chr(c))
        yield ''.join(parts)


def code_points(first, count):
    return [chr(c) for c in range(first, first + count) if not 0xD800 <= c < 0xE000]


def line(out, name, kind, index, tokenizer, texts):
    h, n = 0xCBF29CE484222325, 0
    for encoding in tokenizer.encode_batch(texts):
        ids = encoding.ids
        n += len(ids)
        for v in [len(ids)] + ids:
            h = (h ^ v) * 0x100000001B3 & MASK
    out.write('%s %s %d %d %016x\n' % (name, kind, index, n, h))


def lines(out, name, tokenizer, strings):
    for i in list(range(0x32)) + [0xE0, 0x10F]:
        groups = [code_points(i * 4096 + k * 256, 256) for k in range(16)]
        line(out, name, 'lines', i, tokenizer, [''.join('a%sb%s1 %s' % (c, c, c) for c in group) for group in groups if group])
    for i in range(10):
        line(out, name, 'random', i, tokenizer, strings[i * 1000:i * 1000 + 1000])


def hh_texts():
    with gzip.open(os.path.join(DATA, 'hh-rlhf', 'harmless-base-test.jsonl.gz'), 'rt', encoding='utf-8') as f:
        for row in f:
            record = json.loads(row)
            yield record['chosen']
            yield record['rejected']


def main():
    with open(os.path.join(DATA, 'golden', 'qwen2', 'tokenizer.json'), encoding='utf-8') as f:
        base = json.load(f)
    bases = {'golden': base, 'holes': make_holes(base)}
    variants = make_variants(base['model']['vocab'])
    for name, value in (('alphabet', ALPHABET), ('variants', variants), ('holes', bases['holes'])):
        with open(os.path.join(HERE, name + '.json'), 'w') as f:
            if name == 'holes':
                json.dump(value, f, separators=(',', ':'))
            else:
                f.write('[\n' + ',\n'.join(json.dumps(v) for v in value) + '\n]\n')
    strings = list(random_strings(100000))
    with open(os.path.join(HERE, 'expected.txt'), 'w') as out:
        qwen = Tokenizer.from_file(os.path.join(DATA, 'qwen2.5', 'tokenizer.json'))
        for i, text in enumerate(hh_texts()):
            line(out, 'qwen2.5', 'hh', i, qwen, [text])
        for i in range(0x110000 // 4096):
            line(out, 'qwen2.5', 'alone', i, qwen, code_points(i * 4096, 4096))
            line(out, 'qwen2.5', 'between', i, qwen, ['a%sb' % c for c in code_points(i * 4096, 4096)])
        for i in range(100):
            line(out, 'qwen2.5', 'random', i, qwen, strings[i * 1000:i * 1000 + 1000])
        for i, unit in enumerate(RUNS):
            line(out, 'qwen2.5', 'runs', i, qwen, [unit * (RUN // len(unit.encode()))])
        for variant in variants:
            lines(out, variant['name'], make(bases[variant.get('base', 'golden')], variant), strings)


assert tokenizers.__version__ == '0.22.2', tokenizers.__version__
if __name__ == '__main__':
    main()
