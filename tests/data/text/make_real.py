#!/usr/bin/env python3
"""Makes a tokenizer.json of each real vocabulary that Python packages bring, to compare with compare_real.py.

usage: make_real.py FOLDER FILE...

FILE is a ggml-vocab-*.gguf of the source of llama-cpp-python (pip download --no-deps --no-binary :all:
llama-cpp-python), or a tokenizer.model or tekken.json of mistral-common (its folder data). Each becomes
FOLDER/NAME/tokenizer.json; a vocabulary of SentencePiece becomes three, as Transformers' converters write them: NAME
(Prepend and Replace), NAME-metaspace (Metaspace, first) and NAME-split (Metaspace, always, split), and a
tokenizer.model also becomes NAME-model: the file alone, and in reference.json what Transformers makes of it.
Needs gguf, sentencepiece, protobuf, transformers 5.3.0 and tokenizers 0.22.2.
"""
import json
import os
import re
import shutil
import sys
import tempfile

from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, processors
from transformers.convert_slow_tokenizer import MistralConverter, generate_merges

MARK = '\u2581'
LETTERS = r'\s?\p{L}+'
CJK = '[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+'
QWEN35 = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|"
          r"\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
LLAMA3 = QWEN2.replace(r'|\p{N}|', r'|\p{N}{1,3}|')
TEKKEN = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|"
          r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|"
          r"\s*[\r\n]+|\s+(?!\S)|\s+")
DEEPSEEK_LETTERS = r'\s?[A-Za-z\u00b5\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u01ba\u0370-\u0373\u0400-\u0481\u1e00-\u1f15\uff21-\uff3a]+'
DEEPSEEK_SIGNS = r'\s?[!-/:-~\uff01-\uff0f\uff1a-\uff5e\u2018-\u201f\u3000-\u3002]+'


def split(pattern):
    return pre_tokenizers.Split(Regex(pattern), 'isolated')


def byte_level(regex):
    return pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=regex)


def digits():
    return pre_tokenizers.Digits(individual_digits=True)


PIPELINES = {       # those of the models' own tokenizer.json: normalizer, pre-tokenizers, ignore_merges
    'gpt-2': (None, [byte_level(True)], False),
    'aquila': (None, [byte_level(True)], False),
    'gpt-neox': ('NFC', [byte_level(True)], False),
    'mpt': ('NFC', [byte_level(True)], False),
    'starcoder': (None, [digits(), byte_level(True)], False),
    'refact': (None, [digits(), byte_level(True)], False),
    'command-r': ('NFC', [digits(), byte_level(True)], False),
    'falcon': (None, [pre_tokenizers.Punctuation('contiguous'), byte_level(True),
                      pre_tokenizers.Digits(individual_digits=False), split('[0-9][0-9][0-9]')], False),
    'deepseek-llm': (None, [split(r'[\r\n]'), split(DEEPSEEK_LETTERS), split(DEEPSEEK_SIGNS), split(r'\s+$'), split(CJK),
                            digits(), byte_level(False)], False),
    'deepseek-coder': (None, [split(r'[\r\n]'), split(LETTERS), split(r'\s?\p{P}+'), split(CJK), digits(), byte_level(False)],
                       False),
    'qwen2': ('NFC', [split(QWEN2), byte_level(False)], False),
    'qwen35': ('NFC', [split(QWEN35), byte_level(False)], False),
    'llama-bpe': (None, [split(LLAMA3), byte_level(False)], True),
    'tekken': (None, [split(TEKKEN), byte_level(False)], True),
}


def save(folder, name, tokenizer, added):
    tokenizer.add_tokens([AddedToken(t, normalized=False, special=special) for t, special in added])
    os.makedirs(os.path.join(folder, name), exist_ok=True)
    tokenizer.save(os.path.join(folder, name, 'tokenizer.json'))
    print(name)


def save_bytes(folder, name, kind, vocab, merges, added):
    form, parts, ignore = PIPELINES[kind]
    tokenizer = Tokenizer(models.BPE(vocab, merges, ignore_merges=ignore))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(parts) if len(parts) > 1 else parts[0]
    if form:
        tokenizer.normalizer = normalizers.NFC()
    save(folder, name, tokenizer, added)


def characters(vocab, merges, unknown):
    return Tokenizer(models.BPE(vocab, merges, unk_token=unknown, fuse_unk=True, byte_fallback=True))


def save_sentencepiece(folder, name, vocab, merges, unknown, added):
    tokenizer = characters(vocab, merges, unknown)
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend(MARK), normalizers.Replace(' ', MARK)])
    tokenizer.post_processor = processors.TemplateProcessing(
        single='<s> $A', pair='<s> $A $B', special_tokens=[('<s>', vocab['<s>'])])
    save(folder, name, tokenizer, added)
    for kind, scheme, is_split in (('metaspace', 'first', False), ('split', 'always', True)):
        tokenizer = characters(vocab, merges, unknown)
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(MARK, scheme, split=is_split)
        save(folder, name + '-' + kind, tokenizer, added)


def save_gemma(folder, name, vocab, merges, added):
    tokenizer = characters(vocab, merges, '<unk>')
    tokenizer.normalizer = normalizers.Replace(' ', MARK)
    tokenizer.pre_tokenizer = pre_tokenizers.Split(' ', 'merged_with_previous')
    save(folder, name, tokenizer, added)


def first_places(tokens):
    vocab = {}
    for i, token in enumerate(tokens):
        vocab.setdefault(token, i)
    return vocab


def from_gguf(folder, path):
    from gguf import GGUFReader
    name = re.sub(r'^ggml-vocab-|\.gguf$', '', os.path.basename(path))
    fields = GGUFReader(path).fields
    kind = fields['tokenizer.ggml.model'].contents()
    tokens = fields['tokenizer.ggml.tokens'].contents()
    types = fields['tokenizer.ggml.token_type'].contents()
    vocab = first_places(tokens)
    added = [(t, k == 3) for t, k in zip(tokens, types) if k in (3, 4)]
    if kind == 'llama':
        scores = dict(zip(tokens, fields['tokenizer.ggml.scores'].contents()))
        save_sentencepiece(folder, name, vocab, generate_merges(vocab, scores), '<unk>', added)
        return
    if kind not in ('gpt2', 'gemma4'):
        print('%s: not BPE, but %s' % (name, kind))
        return
    merges = [tuple(m.split(' ', 1)) for m in fields['tokenizer.ggml.merges'].contents()]
    if kind == 'gemma4':
        save_gemma(folder, name, vocab, merges, added)
    else:
        save_bytes(folder, name, name, vocab, merges, added)


def from_sentencepiece(folder, path):
    from sentencepiece import sentencepiece_model_pb2
    name = 'mistral-' + path.rsplit('.', 1)[1]
    proto = sentencepiece_model_pb2.ModelProto()
    with open(path, 'rb') as f:
        proto.ParseFromString(f.read())
    vocab = first_places(p.piece for p in proto.pieces)
    merges = generate_merges(vocab, {p.piece: p.score for p in proto.pieces})
    from_model_alone(os.path.join(folder, name + '-model'), path)
    save_sentencepiece(folder, name, vocab, merges, '<unk>', [(p.piece, p.type == 3) for p in proto.pieces if p.type in (3, 4)])


def from_model_alone(folder, path):
    """The file alone, and what Transformers makes of it."""
    from transformers import LlamaTokenizer
    os.makedirs(folder, exist_ok=True)
    shutil.copy(path, os.path.join(folder, 'tokenizer.model'))
    LlamaTokenizer.from_pretrained(folder, add_bos_token=True).backend_tokenizer.save(os.path.join(folder, 'reference.json'))
    print(os.path.basename(folder))


def from_tekken(folder, path):
    name = os.path.splitext(os.path.basename(path))[0]
    with open(path, encoding='utf-8') as f:
        content = dict(json.load(f), special_tokens=[])     # older ones have none, and the converter needs the field
    with tempfile.NamedTemporaryFile('w', suffix='.json') as f:
        json.dump(content, f)
        f.flush()
        vocab, merges = MistralConverter(vocab_file=f.name).extract_vocab_merges_from_model(f.name)
    save_bytes(folder, name, 'tekken', vocab, merges, [])


def main():
    folder = sys.argv[1]
    for path in sys.argv[2:]:
        if path.endswith('.gguf'):
            from_gguf(folder, path)
        elif 'tekken' in os.path.basename(path):
            from_tekken(folder, path)
        else:
            from_sentencepiece(folder, path)


main()
