#!/usr/bin/env python3
"""Trains a small vocabulary of SentencePiece, and writes what tests/text/test_characters.c compares.

usage: make_characters.py     (in any folder; with sentencepiece, protobuf, transformers 5.3.0 and tokenizers 0.22.2)

tokenizer.model: the vocabulary. characters.json: what Transformers makes of it; character_bases.json: changes of its
model; character_variants.json: changes of the rest; character_alphabet.json: parts of random strings. characters.txt:
as expected.txt, which make_expected.py describes. A variant whose base is "golden" has the vocabulary of bytes of
../golden/qwen2; one with "config" opens tokenizer.model itself, with this tokenizer_config.json beside it.
"""
import copy
import io
import json
import os
import tempfile

import sentencepiece
from tokenizers import Tokenizer
from transformers import LlamaTokenizer

from make_expected import ALPHABET, DATA, HERE, added, byte_level, chain, digits, hh_texts, lines, random_strings, split, template

MARK = '\u2581'
MODEL = os.path.join(HERE, 'tokenizer.model')
OTHERS = ['\u4e2d\u6587\u5b57\u7b26\u548c\u4e2d\u6587\u6587\u672c', '\u0440\u0443\u0441\u0441\u043a\u0438\u0439 \u0442\u0435\u043a\u0441\u0442', '\u00e9t\u00e9 e\u0301te\u0301 na\u00efve',
          '   indented\n\n\nlines\t\ttabs', '\U0001f600\U0001f600 \U0001f601', '\uac00\ub098\ub2e4 \uac00\ub098', 'x = {"a": [1, 2]};  // code']
EXTRA = [MARK, MARK * 2, ' ' + MARK, '<s>', '</s>', '<unk>', '<turn>', '<0x0A>', '<0xE4>', '\uff21', '\ufb01', '\u2460', '\u1e9b\u0323', '\u3300',
         '\ufdfa', '\u2026', '$\n', '\u6587\u5b57', '\u0442\u0435\u043a', '\ub098\ub2e4', '\U0001f601', '   x', 'Human:', 'qq', '\x07']


def train():
    texts = [t for _, t in zip(range(300), hh_texts())] + OTHERS * 40
    out = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts), model_writer=out, model_type='bpe', vocab_size=1400, byte_fallback=True,
        normalization_rule_name='identity', remove_extra_whitespaces=False, allow_whitespace_only_pieces=True, split_digits=True,
        user_defined_symbols=['<turn>'], character_coverage=0.9999, num_threads=1, minloglevel=2)
    with open(MODEL, 'wb') as f:
        f.write(out.getvalue())


def from_model(config):
    """What Transformers makes of tokenizer.model with this tokenizer_config.json."""
    with tempfile.TemporaryDirectory() as folder:
        with open(MODEL, 'rb') as f, open(os.path.join(folder, 'tokenizer.model'), 'wb') as g:
            g.write(f.read())
        return json.loads(LlamaTokenizer.from_pretrained(folder, **config).backend_tokenizer.to_str())


def make_bases(model):
    """Fields to replace in the model: with gaps among the bytes, with merges of bytes, with a token that no merge makes."""
    gaps = [t for t in model['vocab'] if t not in ('<0xE4>', '<0xC3>', '<0x01>')]
    joined = dict(model['vocab'], **{'<0xE4><0xB8>': len(model['vocab']), 'qq<0xE4>': len(model['vocab']) + 1})
    merges = [['<0xE4>', '<0xB8>']] + model['merges']
    whole = dict(model['vocab'], **{'qq': len(model['vocab']), MARK + 'a b': len(model['vocab']) + 1, 'aab': len(model['vocab']) + 2})
    return {'gaps': {'vocab': {t: i for i, t in enumerate(gaps)}, 'unk_token': '<unk>'},
            'joined': {'vocab': joined, 'merges': merges},
            'whole': {'vocab': whole, 'ignore_merges': True}}


def metaspace(scheme, is_split, **more):
    return dict({'type': 'Metaspace', 'replacement': MARK, 'prepend_scheme': scheme, 'split': is_split}, **more)


def punctuation(behavior):
    return {'type': 'Punctuation', 'behavior': behavior}


def replace(pattern, content, kind='String'):
    return {'type': 'Replace', 'pattern': {kind: pattern}, 'content': content}


def sequence(*parts):
    return {'type': 'Sequence', 'normalizers': list(parts)}


PREPEND = {'type': 'Prepend', 'prepend': MARK}
LLAMA = {'normalizer': sequence(PREPEND, replace(' ', MARK)), 'pre_tokenizer': None}
GEMMA = {'normalizer': replace(' ', MARK), 'pre_tokenizer': split(' ', 'MergedWithPrevious', kind='String')}
NFKC = sequence({'type': 'NFKC'}, replace(' {2,}', MARK, 'Regex'), replace('a', ''), PREPEND, replace(' ', MARK))
OLD = {'type': 'Metaspace', 'replacement': MARK, 'str_rep': MARK, 'add_prefix_space': True}


def make_variants(vocab):
    flags = added(vocab, ('the', 'single_word'), ('a', 'lstrip'), ('b', 'rstrip'), ('\u00e9', 'normalized'), ('<turn>', ''),
                  ('e\u0301s', 'normalized special'), ('Hello', 'lstrip rstrip single_word normalized'), ('ing x', 'normalized'),
                  (MARK + 'and', 'normalized'), ('  ', 'rstrip'), ('</s>', 'special'))
    unknown = {'byte_fallback': False, 'unk_token': '<unk>'}
    no_bytes = {'type': 'Sequence', 'pretokenizers': [split('[0-9]+'), punctuation('Removed'), digits(True)]}
    out = [
        {'name': 'llama', 'set': dict(LLAMA, post_processor=template([1], []))},
        {'name': 'llama-added', 'set': dict(LLAMA, added_tokens=flags)},
        {'name': 'gemma', 'set': GEMMA},
        {'name': 'gemma-added', 'set': dict(GEMMA, added_tokens=flags)},
        {'name': 'first', 'set': {'pre_tokenizer': metaspace('first', False)}},
        {'name': 'first-split', 'set': {'pre_tokenizer': metaspace('first', True), 'added_tokens': flags}},
        {'name': 'first-both', 'set': {'pre_tokenizer': metaspace('first', True), 'normalizer': {'type': 'NFKC'},
                                       'added_tokens': flags}},
        {'name': 'always', 'set': {'pre_tokenizer': metaspace('always', False)}},
        {'name': 'always-split', 'set': {'pre_tokenizer': metaspace('always', True), 'added_tokens': flags}},
        {'name': 'never-split', 'set': {'pre_tokenizer': metaspace('never', True)}},
        {'name': 'pieces-first', 'set': {'pre_tokenizer': chain(split(r'[.!?\n]+'), metaspace('first', True), digits(False))}},
        {'name': 'old', 'set': {'pre_tokenizer': OLD}},
        {'name': 'nfkc', 'set': {'normalizer': NFKC, 'pre_tokenizer': None}},
        {'name': 'nothing', 'set': {'normalizer': None, 'pre_tokenizer': None}},
        {'name': 'removed', 'set': dict(LLAMA, pre_tokenizer=no_bytes)},
        {'name': 'unknown', 'set': LLAMA, 'model': dict(unknown, fuse_unk=False)},
        {'name': 'unknown-fused', 'set': LLAMA, 'model': unknown},
        {'name': 'gaps', 'base': 'gaps', 'set': LLAMA, 'model': {'fuse_unk': False}},
        {'name': 'gaps-fused', 'base': 'gaps', 'set': LLAMA},
        {'name': 'joined', 'base': 'joined', 'set': LLAMA},
        {'name': 'whole', 'base': 'whole', 'set': LLAMA},
        {'name': 'whole-split', 'base': 'whole', 'set': {'pre_tokenizer': metaspace('always', True)}},
        {'name': 'falcon', 'base': 'golden', 'set': {'normalizer': None, 'pre_tokenizer': chain(
            punctuation('Contiguous'), byte_level(False, True), digits(False), split('[0-9][0-9][0-9]'))}},
        {'name': 'after-bytes', 'base': 'golden', 'set': {'normalizer': {'type': 'NFKC'}, 'pre_tokenizer': chain(
            metaspace('first', False), byte_level(True, False), split('\u00c3|\u0120', 'MergedWithNext'), punctuation('Isolated'))}},
        {'name': 'end-of-line', 'base': 'golden', 'set': {'normalizer': None, 'pre_tokenizer': chain(
            split(r'\s+$|[a-z]$'), split(r'(?:\p{L}|,$)+'), byte_level(True))}},
        {'name': 'model', 'config': {'add_bos_token': True}},
        {'name': 'model-legacy', 'config': {'add_bos_token': True, 'add_eos_token': True, 'legacy': True}},
        {'name': 'model-bare', 'config': {'add_bos_token': False, 'add_prefix_space': False}},
    ]
    for behavior in ('Isolated', 'Removed', 'Contiguous', 'MergedWithPrevious', 'MergedWithNext'):
        out.append({'name': 'Punctuation-' + behavior, 'set': {'pre_tokenizer': chain(punctuation(behavior), metaspace('always', False))}})
    return out


def write(name, value, by_line):
    with open(os.path.join(HERE, name), 'w') as f:
        f.write('[\n' + ',\n'.join(json.dumps(v) for v in value) + '\n]\n' if by_line else json.dumps(value, separators=(',', ':')))


def make(variant, base, bases, golden):
    kind = variant.get('base')
    out = copy.deepcopy(golden if kind == 'golden' else base)
    out['model'].update(bases.get(kind, {}))
    out['model'].update(variant.get('model', {}))
    out.update(variant.get('set', {}))
    out['truncation'] = None
    return out


def main():
    train()
    base = dict(from_model({'add_bos_token': False}), decoder=None, post_processor=None)
    with open(os.path.join(DATA, 'golden', 'qwen2', 'tokenizer.json'), encoding='utf-8') as f:
        golden = json.load(f)
    bases, variants, alphabet = make_bases(base['model']), make_variants(base['model']['vocab']), ALPHABET + EXTRA
    # a variant of other ids numbers its added tokens by itself
    for name, value, by_line in (('characters.json', base, False), ('character_bases.json', bases, False),
                                 ('character_variants.json', variants, True), ('character_alphabet.json', alphabet, True)):
        write(name, value, by_line)
    strings = list(random_strings(10000, alphabet))
    with open(os.path.join(HERE, 'characters.txt'), 'w') as out:
        for variant in variants:
            made = from_model(variant['config']) if 'config' in variant else make(variant, base, bases, golden)
            lines(out, variant['name'], Tokenizer.from_str(json.dumps(made)), strings)


main()
