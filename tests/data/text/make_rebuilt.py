#!/usr/bin/env python3
"""Writes rebuilt.json, with which tests/text/test_directories checks what is said of Transformers 5's own tokenizers.

usage: make_rebuilt.py            (in any folder; with the Python packages transformers 5.3.0 and tokenizers 0.22.2)

Each case is a directory: the tokenizer.json of ../golden/qwen2 with the fields of "set" replaced, and those of "model" in
its field "model"; and the other files, as they are in "files". "rebuilt" is the class of
AutoTokenizer.from_pretrained(directory), or null if its normalizer, pre-tokenizer and model are those of the file.
"""
import json
import os
import tempfile

os.environ['TRANSFORMERS_VERBOSITY'] = 'error'
from transformers import AutoTokenizer

HERE = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(HERE, '../golden/qwen2/tokenizer.json'), encoding='utf-8') as f:
    GOLDEN = json.load(f)
with open(os.path.join(HERE, 'characters.json'), encoding='utf-8') as f:
    CHARACTERS = json.load(f)
SPLIT, BYTES = GOLDEN['pre_tokenizer']['pretokenizers']
TYPES = ['qwen2', 'qwen3', 'llama', 'mistral', 'gemma2']
CLASSES = [None, 'Qwen2Tokenizer', 'Qwen2TokenizerFast', 'GPT2Tokenizer', 'GPT2TokenizerFast', 'GPTNeoXTokenizerFast',
           'LlamaTokenizer', 'LlamaTokenizerFast', 'GemmaTokenizer', 'PreTrainedTokenizerFast', 'TokenizersBackend',
           'NoSuchTokenizer']


def sequence(*steps):
    return {'type': 'Sequence', 'pretokenizers': list(steps)}


def byte_level(**fields):
    return dict(BYTES, **fields)


GPT2 = byte_level(use_regex=True)
DIGITS = {'type': 'Digits', 'individual_digits': True}
THREE = dict(SPLIT, pattern={'Regex': SPLIT['pattern']['Regex'].replace(r'|\p{N}|', r'|\p{N}{1,3}|')})
# name: fields of tokenizer.json, of its model, of tokenizer_config.json
EDITS = {
    'as it is': ({}, {}, {}),
    'other digits': ({'pre_tokenizer': sequence(THREE, BYTES)}, {}, {}),
}
MORE = {
    'gpt2': ({'pre_tokenizer': GPT2, 'normalizer': None}, {}, {}),
    'gpt-neox': ({'pre_tokenizer': GPT2}, {}, {}),
    'digits first': ({'pre_tokenizer': sequence(DIGITS, SPLIT, BYTES)}, {}, {}),
    'digits before gpt2': ({'pre_tokenizer': sequence(DIGITS, GPT2), 'normalizer': None}, {}, {}),
    'no normalizer': ({'normalizer': None}, {}, {}),
    'removed': ({'pre_tokenizer': sequence(dict(SPLIT, behavior='Removed'), BYTES)}, {}, {}),
    'inverted': ({'pre_tokenizer': sequence(dict(SPLIT, invert=True), BYTES)}, {}, {}),
    'merges ignored': ({}, {'ignore_merges': True}, {}),
    'a space': ({'pre_tokenizer': sequence(SPLIT, byte_level(add_prefix_space=True))}, {}, {}),
    'a space in both': ({'pre_tokenizer': sequence(SPLIT, byte_level(add_prefix_space=True))}, {},
                        {'add_prefix_space': True}),
    'a space in the other': ({}, {}, {'add_prefix_space': True}),
    'gpt2 with a space': ({'pre_tokenizer': byte_level(use_regex=True, add_prefix_space=True), 'normalizer': None}, {},
                          {'add_prefix_space': True}),
}
MARK = '\u2581'
LEGACY = {'normalizer': {'type': 'Sequence', 'normalizers': [
    {'type': 'Prepend', 'prepend': MARK}, {'type': 'Replace', 'pattern': {'String': ' '}, 'content': MARK}]}, 'pre_tokenizer': None}
GEMMA = {'normalizer': {'type': 'Replace', 'pattern': {'String': ' '}, 'content': MARK},
         'pre_tokenizer': {'type': 'Split', 'pattern': {'String': ' '}, 'behavior': 'MergedWithPrevious', 'invert': False}}
ALWAYS = {'pre_tokenizer': dict(CHARACTERS['pre_tokenizer'], prepend_scheme='always')}
NEVER = {'pre_tokenizer': dict(CHARACTERS['pre_tokenizer'], prepend_scheme='never')}
WITH_CHARACTERS = {
    'metaspace': ({}, {}, {}),
    'metaspace, legacy': ({}, {}, {'legacy': True}),
    'metaspace, no space': ({}, {}, {'add_prefix_space': False}),
    'always': (ALWAYS, {}, {'legacy': False}),
    'always, legacy': (ALWAYS, {}, {'legacy': True, 'add_prefix_space': True}),
    'never, no space': (NEVER, {}, {'legacy': True, 'add_prefix_space': False}),
    'prepended': (LEGACY, {}, {}),
    'gemma': (GEMMA, {}, {}),
    'gemma without fallback': (GEMMA, {'byte_fallback': False, 'unk_token': '<unk>'}, {}),
    'merges of characters ignored': ({}, {'ignore_merges': True}, {}),
}


def without(value, key):
    """Without the field, which changes no id."""
    if isinstance(value, list):
        return [without(v, key) for v in value]
    return {k: without(v, key) for k, v in value.items() if k != key} if isinstance(value, dict) else value


def parts(tokenizer):
    split = tokenizer['pre_tokenizer']
    return (tokenizer['normalizer'], without(split, 'trim_offsets'), tokenizer['model'].get('ignore_merges', False),
            tokenizer['model'].get('byte_fallback', False))


def run(name, edit, class_name, kind, base=None):
    fields, model, config = edit
    tokenizer = dict(base or GOLDEN, **fields)
    tokenizer['model'] = dict(tokenizer['model'], **model)
    config = dict({'eos_token': '</s>' if base else '<|im_end|>'}, **config)
    if class_name:
        config['tokenizer_class'] = class_name
    with tempfile.TemporaryDirectory() as folder:
        for file, value in (('tokenizer', tokenizer), ('tokenizer_config', config), ('config', {'model_type': kind})):
            with open(os.path.join(folder, file + '.json'), 'w', encoding='utf-8') as f:
                json.dump(value, f)
        made = AutoTokenizer.from_pretrained(folder)
    same = parts(json.loads(made.backend_tokenizer.to_str())) == parts(tokenizer)
    return {'name': f'{name}, {class_name}, {kind}', **({'base': 'characters'} if base else {}), 'set': fields, 'model': model, 'type': kind,
            'files': {'tokenizer_config.json': config}, 'rebuilt': None if same else type(made).__name__}


def main():
    cases = [run(name, edit, c, kind) for name, edit in EDITS.items() for c in CLASSES for kind in TYPES]
    cases += [run(name, edit, c, 'llama') for name, edit in MORE.items() for c in CLASSES]
    cases += [run(name, edit, c, kind, CHARACTERS) for name, edit in WITH_CHARACTERS.items()
              for c, kind in (('LlamaTokenizer', 'llama'), ('LlamaTokenizerFast', 'mistral'), ('GemmaTokenizer', 'gemma2'), (None, 'llama'))]
    with open(os.path.join(HERE, 'rebuilt.json'), 'w', encoding='utf-8') as f:
        f.write('[\n' + ',\n'.join(json.dumps(case) for case in cases) + '\n]\n')


if __name__ == '__main__':
    main()
