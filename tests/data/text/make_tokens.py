#!/usr/bin/env python3
"""Writes tokens.txt, with which tests/text/test_tokens compares what ids stand for.

usage: make_tokens.py [FOLDER]  (in any folder; with the Python packages tokenizers 0.22.2 and transformers 5.3.0)

A line is "FOLDER IDS SPECIAL HASH", of a folder in tests/data: the number of ids from 0 on, how many of them are special,
and a hash of the lines "ID SPECIAL CONTENT" of all of them, where SPECIAL is 0 or 1.  With FOLDER, its line is printed.
"""
import pathlib
import sys

import tokenizers
import transformers

FOLDERS = ('golden/blocks', 'golden/qwen2', 'internlm2', 'qwen2.5', 'text')
DATA = pathlib.Path(__file__).resolve().parent.parent
MASK = (1 << 64) - 1


def read(folder):
    """As Transformers reads it, or, where there is nothing but a tokenizer.json, as the package tokenizers does."""
    if (folder / 'tokenizer.model').exists():  # make_characters.py has had Transformers read it
        return tokenizers.Tokenizer.from_file(str(folder / 'characters.json'))
    if (folder / 'config.json').exists():
        return transformers.PreTrainedTokenizerFast.from_pretrained(folder).backend_tokenizer
    return tokenizers.Tokenizer.from_file(str(folder / 'tokenizer.json'))


def line(name):
    tokenizer = read(DATA / name)
    added = tokenizer.get_added_tokens_decoder()
    count, specials, h = max(tokenizer.get_vocab().values()) + 1, 0, 0xCBF29CE484222325
    for token in range(count):
        special = token in added and added[token].special
        specials += special
        for byte in f'{token} {special:d} {tokenizer.id_to_token(token)}\n'.encode():
            h = (h ^ byte) * 0x100000001B3 & MASK
    return f'{name} {count} {specials} {h:016x}\n'


def main():
    assert (tokenizers.__version__, transformers.__version__) == ('0.22.2', '5.3.0')
    if sys.argv[1:]:
        sys.exit(print(line(sys.argv[1]), end=''))
    with open(DATA / 'text/tokens.txt', 'w', encoding='utf-8') as out:
        out.writelines(map(line, FOLDERS))


if __name__ == '__main__':
    main()
