#!/usr/bin/env python3
"""Writes directories.json, with which tests/text/test_directories checks the files around a tokenizer.json.

usage: make_directories.py        (in any folder; with the Python packages transformers 5.3.0 and tokenizers 0.22.2)

Each case is a directory: the tokenizer.json of ../golden/qwen2 with the fields of "set" replaced, those of "model" in its
field "model", the tokens of "vocab" added to its vocabulary, and those of "rename" renamed; and the other files, as they are in "files". "texts" are
texts, "ids" what AutoTokenizer.from_pretrained(directory) makes of them, "named" the ids of its bos_token, eos_token and
pad_token by content.
"""
import copy
import json
import os
import tempfile

os.environ['TRANSFORMERS_VERBOSITY'] = 'error'
import transformers
from transformers import AutoTokenizer

HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.path.dirname(HERE)
START, END, TEXT = '<|im_start|>', '<|im_end|>', '<|endoftext|>'
TEXTS = ['a  <|im_start|>  b<|im_end|>', '<|im_start|>user\nHi<|im_end|>\n', 'x<|im_end|><|im_end|> y <|endoftext|>z',
         'a <|b|> <new> the <img>  <img>x', 'caf\u00e9 cafe\u0301 \u00e9\u00e9 \u212b', '[PAD] <pad>\n<s>no</s> <unk><mask>',
         'the other theatre the']


def token(i, content, **flags):
    out = {'content': content, 'single_word': False, 'lstrip': False, 'rstrip': False, 'normalized': False, 'special': True}
    if i is not None:
        out['id'] = i
    return dict(out, **flags)


def typed(content, **flags):
    return dict(flags, content=content, __type='AddedToken')


def decoder(*tokens):
    return {str(t['id']): {k: v for k, v in t.items() if k != 'id'} for t in tokens}


FILE = [token(1500, TEXT), token(1501, START), token(1502, END)]
CONFIG = {'eos_token': END, 'pad_token': TEXT, 'tokenizer_class': 'TokenizersBackend'}
CASES = []


def case(name, config=None, added=None, **more):
    """config: fields of tokenizer_config.json; added: the added tokens of tokenizer.json; more: other files and fields."""
    out = {'name': name, 'set': more.pop('set', {}), 'model': more.pop('model', {}), 'vocab': more.pop('vocab', {}), 'rename': more.pop('rename', {}),
           'files': {}, 'texts': more.pop('texts', TEXTS)}
    if added is not None:
        out['set'] = dict(out['set'], added_tokens=added)
    if config is not False:
        out['files']['tokenizer_config.json'] = dict(CONFIG, **(config or {}))
    for key, value in more.items():
        out['files'][key + '.json'] = value
    CASES.append(out)


def cases():
    special = {'bos_token': '<|b|>', 'pad_token': TEXT, 'eos_token': END}
    case('plain')
    case('no-config', False)
    never = [0xC0, 0xC1] + list(range(0xF5, 0x100))  # stand for the bytes that UTF-8 never uses
    case('without-bytes-never-used', rename={chr(c): '<never%X>' % c for c in never}, texts=TEXTS + ['\u00c0\u00ff \U0010ffff'])
    # added_tokens_decoder
    for flag in ('rstrip', 'lstrip', 'single_word', 'normalized'):
        case('decoder-' + flag, {'added_tokens_decoder': decoder(token(1501, START, **{flag: True}))})
    case('decoder-takes-flags-away', {'added_tokens_decoder': decoder(token(1501, START))},
         added=[token(1500, TEXT), token(1501, START, lstrip=True, rstrip=True), token(1502, END)])
    case('decoder-without-flags', {'added_tokens_decoder': {'1501': {'content': START}, '1503': {'content': '<new>'},
                                                            '1504': {'content': '<img>', 'special': True}}})
    case('decoder-only', {'added_tokens_decoder': decoder(*FILE[1:])}, added=FILE[:1])
    case('decoder-all', {'added_tokens_decoder': decoder(*FILE)}, added=[])
    case('decoder-other-order', {'added_tokens_decoder': dict(reversed(decoder(*FILE).items()))}, added=[])
    case('decoder-sorts-numbers', {'added_tokens_decoder': decoder(token(15030, '<new>'), token(1504, '<img>'))})
    case('decoder-gaps', {'added_tokens_decoder': decoder(token(1510, '<new>', special=False), token(1520, '<img>'))})
    case('decoder-new', {'added_tokens_decoder': decoder(*FILE, token(1503, '<new>', normalized=True, special=False),
                                                         token(1504, '<img>', lstrip=True, rstrip=True))})
    case('decoder-of-vocabulary', {'added_tokens_decoder': decoder(token(1499, 'the', special=False, single_word=True))})
    case('decoder-normalized-twice', {'added_tokens_decoder': decoder(
        token(1503, 'cafe\u0301', normalized=True, special=False))}, added=FILE + [token(1503, 'cafe\u0301', special=False)])
    case('decoder-special-normalized', {'added_tokens_decoder': decoder(
        token(165, '\u00e9', normalized=False, special=True))},
        added=FILE + [token(165, '\u00e9', special=False, normalized=True)])
    case('decoder-special-first', {'added_tokens_decoder': decoder(
        token(1503, '\u212b', normalized=True, special=False))}, added=FILE + [token(1503, '\u212b')])
    case('decoder-twice', {'added_tokens_decoder': decoder(token(1503, '<img>', rstrip=True), token(1504, '<img>', lstrip=True))})
    case('decoder-again-as-before', {'added_tokens_decoder': decoder(
        token(1503, '<img>', rstrip=True), token(1504, '<img>'))}, added=FILE + [token(1503, '<img>')])
    case('decoder-map-unread', {'added_tokens_decoder': decoder(*FILE)}, special_tokens_map=special)
    case('decoder-json-unread', {'added_tokens_decoder': decoder(*FILE)}, added_tokens={'<new>': 1503})
    case('decoder-empty', {'added_tokens_decoder': {}}, special_tokens_map=special)
    case('decoder-empty-content', {'added_tokens_decoder': decoder(token(1503, ''), token(1504, '<new>'))})
    # named tokens
    case('named-bos', {'bos_token': '<|b|>'})
    case('named-in-vocabulary', {'bos_token': START}, added=[t for t in FILE if t['content'] != START],
         vocab={START: 1501, TEXT: 1500, END: 1502})
    case('named-word', {'unk_token': 'the'})
    case('named-all', {'bos_token': '<s>', 'eos_token': '</s>', 'unk_token': '<unk>', 'sep_token': '<new>',
                       'pad_token': '<pad>', 'cls_token': '<img>', 'mask_token': '<mask>'})
    case('named-same', {'bos_token': '<s>', 'unk_token': '<s>', 'cls_token': '<s>'})
    case('named-empty', {'bos_token': '', 'unk_token': None})
    case('named-typed', {'bos_token': typed('<img>', lstrip=True, rstrip=True), 'mask_token': typed('<new>', normalized=True)})
    case('named-typed-known', {'eos_token': typed(END, lstrip=True, rstrip=True)})
    case('named-makes-special', {'bos_token': '<new>', 'split_special_tokens': True},
         added=FILE + [token(1503, '<new>', special=False)])
    case('named-makes-decoded-special', {'bos_token': '<new>', 'split_special_tokens': True, 'added_tokens_decoder': decoder(
        *FILE, token(1503, '<new>', special=False, normalized=True))})
    case('named-file-only-beside-decoder', {'bos_token': '<new>', 'split_special_tokens': True,
                                            'added_tokens_decoder': decoder(*FILE)},
         added=FILE + [token(1503, '<new>', special=False)])
    case('named-others', {'image_token': '<img>', 'boi_token': typed('<new>', rstrip=True), 'add_bos_token': False,
                          'num_token': 5})
    case('named-composed', {'pad_token': '\u00e9'})
    # special_tokens_map.json
    case('map-bos', special_tokens_map=special)
    case('map-pad', {'pad_token': None}, special_tokens_map={'pad_token': '[PAD]'})
    case('map-wins', {'pad_token': '<pad>', 'bos_token': '<new>'}, special_tokens_map={'pad_token': '[PAD]', 'bos_token': None})
    case('map-object', special_tokens_map={'bos_token': {'content': '<img>', 'lstrip': True, 'rstrip': True, 'normalized': False,
                                                         'single_word': False}})
    case('map-object-known', special_tokens_map={'eos_token': {'content': END, 'lstrip': True, 'rstrip': True}})
    case('map-object-not-special', {'split_special_tokens': True},
         special_tokens_map={'bos_token': {'content': '<img>', 'special': False}})
    case('map-additional', special_tokens_map={'additional_special_tokens': ['<img>', '<new>', END]})
    case('map-additional-hidden', {'additional_special_tokens': ['<img>']},
         special_tokens_map={'additional_special_tokens': ['<new>']})
    case('map-additional-hidden-by-null', {'extra_special_tokens': None},
         special_tokens_map={'additional_special_tokens': ['<new>']})
    case('map-additional-beside-dict', {'extra_special_tokens': {'image_token': '<img>'}},
         special_tokens_map={'additional_special_tokens': ['<new>']})
    case('map-extra', {'extra_special_tokens': ['<img>']}, special_tokens_map={'extra_special_tokens': [
        '<new>', {'content': '<|b|>', 'lstrip': True}, '<img>']})
    case('map-extra-dict', {'extra_special_tokens': ['<img>']}, special_tokens_map={'image_token': '<new>'})
    case('map-without-config', False, special_tokens_map=special)
    # extra tokens
    case('additional', {'additional_special_tokens': ['<img>', '<new>', START]})
    case('additional-typed', {'additional_special_tokens': [typed('<img>', lstrip=True), typed('<new>', special=True)]})
    case('additional-word', {'additional_special_tokens': ['the']})
    case('extra', {'extra_special_tokens': ['<new>', '<img>']})
    case('extra-hides-additional', {'extra_special_tokens': ['<new>'], 'additional_special_tokens': ['<img>']})
    case('extra-dict', {'extra_special_tokens': {'image_token': '<img>', 'boi_token': '<new>'}})
    case('extra-after-named', {'extra_special_tokens': ['<new>'], 'bos_token': '<img>'})
    # added_tokens.json
    case('json', added_tokens={'<new>': 1503, '<img>': 1504})
    case('json-order', added_tokens={'<new>': 1504, '<img>': 1503})
    case('json-named', {'pad_token': '<pad>', 'split_special_tokens': True}, added_tokens={'<pad>': 1503, '<new>': 1504})
    case('json-additional', {'additional_special_tokens': ['caf\u00e9'], 'split_special_tokens': True},
         added_tokens={'caf\u00e9': 1503, '<new>': 1504})
    case('json-map-additional', {'split_special_tokens': True}, added_tokens={'<img>': 1503, '<new>': 1504},
         special_tokens_map={'additional_special_tokens': ['<img>']})
    case('json-typed', {'pad_token': typed('<pad>'), 'split_special_tokens': True}, added_tokens={'<pad>': 1503})
    case('json-same-as-file', added_tokens={START: 1501, END: 1502})
    case('json-other-id', added_tokens={START: 1600})
    case('json-normalized', added_tokens={'cafe\u0301': 1503})
    # what is in tokenizer.json besides
    padding = {'strategy': {'Fixed': 32}, 'direction': 'Right', 'pad_to_multiple_of': None, 'pad_id': 1500, 'pad_type_id': 0,
               'pad_token': '[PAD]'}
    truncation = {'direction': 'Right', 'max_length': 4, 'strategy': 'LongestFirst', 'stride': 0}
    case('padding-fixed', set={'padding': padding, 'truncation': truncation})
    case('padding-multiple', set={'padding': dict(padding, strategy='BatchLongest', pad_to_multiple_of=8)})
    case('padding-names-pad', False, set={'padding': padding})
    case('padding-hidden', {'pad_token': None}, set={'padding': padding})
    case('split', {'split_special_tokens': True})
    case('split-keeps-others', {'split_special_tokens': True, 'added_tokens_decoder': decoder(
        *FILE, token(1503, '<new>', special=False), token(1504, '<img>'))})
    case('split-decoded-later', {'split_special_tokens': True, 'added_tokens_decoder': decoder(
        token(1501, START, special=False))})
    frame = {'type': 'TemplateProcessing', 'single': [{'SpecialToken': {'id': TEXT, 'type_id': 0}},
                                                      {'Sequence': {'id': 'A', 'type_id': 0}}],
             'pair': [{'Sequence': {'id': 'A', 'type_id': 0}}, {'Sequence': {'id': 'B', 'type_id': 0}}],
             'special_tokens': {TEXT: {'id': TEXT, 'ids': [1500], 'tokens': [TEXT]}}}
    case('add-bos-true', {'add_bos_token': True, 'bos_token': TEXT}, texts=TEXTS[:2])
    case('add-bos-false', {'add_bos_token': False, 'bos_token': TEXT}, set={'post_processor': frame}, texts=TEXTS[:2])
    case('add-eos-true', {'add_eos_token': True}, set={'post_processor': None}, texts=TEXTS[:2])
    case('add-both-true', {'add_eos_token': True, 'add_bos_token': True, 'bos_token': TEXT}, set={'post_processor': frame},
         texts=TEXTS[:2])


def write(directory, one, base):
    out = copy.deepcopy(base)
    out.update(one['set'])
    out['model'].update(one['model'])
    out['model']['vocab'].update(one['vocab'])
    for old, new in one['rename'].items():
        out['model']['vocab'][new] = out['model']['vocab'].pop(old)
    for name, value in [('tokenizer.json', out)] + list(one['files'].items()):
        with open(os.path.join(directory, name), 'w', encoding='utf-8') as f:
            json.dump(value, f)


def main():
    with open(os.path.join(DATA, 'golden', 'qwen2', 'tokenizer.json'), encoding='utf-8') as f:
        base = json.load(f)
    cases()
    for one in CASES:
        with tempfile.TemporaryDirectory() as directory:
            write(directory, one, base)
            tokenizer = AutoTokenizer.from_pretrained(directory)
        assert type(tokenizer).__name__ == 'TokenizersBackend'
        one['ids'] = [tokenizer(text)['input_ids'] for text in one['texts']]
        named = [tokenizer.bos_token, tokenizer.eos_token, tokenizer.pad_token]
        one['named'] = {content: tokenizer.convert_tokens_to_ids(content) for content in named if content}
    with open(os.path.join(HERE, 'directories.json'), 'w') as f:
        f.write('[\n' + ',\n'.join(json.dumps(one) for one in CASES) + '\n]\n')


assert transformers.__version__ == '5.3.0', transformers.__version__
main()
