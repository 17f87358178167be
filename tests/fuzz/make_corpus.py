#!/usr/bin/env python3
"""make_corpus.py - writes the inputs from which fuzzing begins, into corpus/: the tests' own data, and small files that
have each field once. Needs the program, as GUERDON in the environment, for its results, and zstd. Inputs that a fuzzer
found are stored beside them by hand.
"""
import gzip
import json
import os
import pathlib
import re
import struct
import subprocess
import textwrap

HERE = pathlib.Path(__file__).parent
DATA = HERE.parent / 'data'
SOURCE = HERE.parent.parent / 'src'
GOLDEN = DATA / 'golden'
MOST = 12000  # bytes of an input


def put(target, name, content):
    folder = HERE / 'corpus' / target
    folder.mkdir(parents=True, exist_ok=True)
    if not isinstance(content, (str, bytes)):
        content = json.dumps(content, ensure_ascii=False)
    content = content.encode() if isinstance(content, str) else content
    assert len(content) <= MOST, (target, name, len(content))
    (folder / name.replace('.', '-')).write_bytes(content)  # check-style takes .1 for a man page


def tensor(shape, begin, end, dtype='F32'):
    return {'dtype': dtype, 'shape': shape, 'data_offsets': [begin, end]}


def whole(header, data=64):
    text = json.dumps(header).encode()
    return struct.pack('<Q', len(text)) + text + bytes(range(data))


def make_tensors():
    header = {'__metadata__': {'format': 'pt'}, 'a': tensor([2, 4], 0, 32), 'b.weight': tensor([4], 32, 40, 'BF16'),
              'c': tensor([], 40, 42, 'F16'), 'd': tensor([0, 3], 42, 42), 'e': tensor([22], 42, 64, 'U8')}
    put('header', 'types', header)
    put('header', 'whole', whole(header))
    put('header', 'merge', (DATA / 'merge/bf16/model.safetensors').read_bytes())
    put('header', 'empty', whole({}, 0))
    prefix, module = 'base_model.model.', 'model.layers.0.self_attn.'
    lora = {prefix + module + 'q_proj.lora_A.weight': tensor([2, 2], 0, 16),
            prefix + module + 'q_proj.lora_B.weight': tensor([2, 2], 16, 32),
            prefix + module + 'v_proj.lora_A.weight': tensor([1, 2], 32, 36, 'BF16'),
            prefix + module + 'v_proj.lora_B.weight': tensor([2, 1], 36, 40, 'F16'),
            prefix + 'score.weight': tensor([1, 6], 40, 64)}
    put('adapter', 'lora', lora)
    put('adapter', 'whole', whole(lora))
    put('adapter', 'merge', (DATA / 'merge/bf16-lora/adapter_model.safetensors').read_bytes())
    put('index', 'two', {'metadata': {'total_size': 32}, 'weight_map': {
        'a': '1.safetensors', 'b': '1.safetensors', 'c': '2.safetensors', 'n': '2.safetensors'}})
    put('index', 'elsewhere', {'weight_map': {'a': '../1.safetensors', 'b': '/etc/passwd', 'c': '3.safetensors'}})


def make_configs():
    for model in ('qwen2', 'llama', 'mistral', 'qwen3', 'gemma2', 'blocks', 'qwen2-causal'):
        put('config', model, (GOLDEN / model / 'config.json').read_bytes())
    old = json.loads((GOLDEN / 'llama/config.json').read_text())
    old.pop('rope_parameters', None)
    put('config', 'llama-4.x', old | {'torch_dtype': 'bfloat16', 'rope_theta': 5e5, 'rope_scaling': {
        'rope_type': 'llama3', 'factor': 8.0, 'low_freq_factor': 1.0, 'high_freq_factor': 4.0,
        'original_max_position_embeddings': 256}})
    put('config', 'linear', old | {'rope_scaling': {'type': 'linear', 'factor': 2.0}})
    for adapter in ('qwen2-lora', 'gemma2-lora'):
        put('adapter_config', adapter, (GOLDEN / adapter / 'adapter_config.json').read_bytes())
    least = {'peft_type': 'LORA', 'task_type': 'SEQ_CLS', 'r': 2, 'lora_alpha': 4, 'target_modules': ['q_proj']}
    put('adapter_config', 'least', least)
    put('adapter_config', 'all-linear', least | {'target_modules': 'all-linear', 'use_rslora': True})
    put('adapter_config', 'patterns', least | {
        'target_modules': r'.*\.(q|v)_proj', 'exclude_modules': ['v_proj'], 'r': 8, 'rank_pattern': {r'q_proj': 2},
        'alpha_pattern': {r'layers\.0\.self_attn\.q_proj': 1}, 'layers_to_transform': [0], 'layers_pattern': 'layers'})


def make_sentencepiece():
    """A tokenizer.model: fields of Protocol Buffers with the numbers of sentencepiece_model.proto."""
    def field(number, content):
        return bytes([number << 3 | 2, len(content)]) + content

    def piece(content, kind):
        return field(1, field(1, content.encode()) + b'\x15\0\0\x80\xbf' + bytes([3 << 3, kind]))

    pieces = [('<unk>', 2), ('<s>', 3), ('</s>', 3), ('<0x0A>', 6), ('u', 4), ('\u2581', 1), ('a', 1), ('b', 1), ('ab', 1),
              ('\u2581a', 1), ('\u2581ab', 1)]
    trainer = bytes([3 << 3, 2]) + b'\x98\x02\x01' + b'\xc8\x02\x01'     # BPE, byte_fallback, bos_id
    normalizer = field(1, b'identity') + bytes([3 << 3, 1, 4 << 3, 0, 5 << 3, 1])
    return b''.join(piece(*p) for p in pieces) + field(2, trainer) + field(3, normalizer)


def make_tokenizers():
    added = [{'id': 4, 'content': '<s>', 'single_word': False, 'lstrip': False, 'rstrip': True, 'normalized': False,
              'special': True}]
    template = {'type': 'TemplateProcessing', 'pair': [], 'single': [
        {'SpecialToken': {'id': '<s>', 'type_id': 0}}, {'Sequence': {'id': 'A', 'type_id': 0}}],
        'special_tokens': {'<s>': {'id': '<s>', 'ids': [4], 'tokens': ['<s>']}}}
    model = {'type': 'BPE', 'dropout': None, 'unk_token': '<unk>', 'continuing_subword_prefix': None,
             'end_of_word_suffix': None, 'fuse_unk': False, 'byte_fallback': False, 'ignore_merges': False,
             'vocab': {'a': 0, 'b': 1, 'ab': 2, '<unk>': 3}, 'merges': ['a b']}
    small = {'version': '1.0', 'truncation': None, 'padding': None, 'added_tokens': added,
             'normalizer': {'type': 'NFC'}, 'pre_tokenizer': {'type': 'Sequence', 'pretokenizers': [
                 {'type': 'Split', 'pattern': {'Regex': 'x|[0-9]{1,3}'}, 'behavior': 'Isolated', 'invert': False},
                 {'type': 'Digits', 'individual_digits': True},
                 {'type': 'ByteLevel', 'add_prefix_space': False, 'trim_offsets': True, 'use_regex': True}]},
             'post_processor': template, 'decoder': None, 'model': model}
    put('tokenizer', 'few-bytes', small)
    alphabet = [chr(c) for c in range(33, 127)] + [chr(c) for c in range(161, 173)] + [chr(c) for c in range(174, 256)]
    alphabet += [chr(256 + i) for i in range(256 - len(alphabet))]
    vocab = {c: i for i, c in enumerate(alphabet)} | {'ab': 256, '\u0120a': 257, '<s>': 258}
    big = small | {'model': model | {'unk_token': None, 'vocab': vocab, 'merges': [['a', 'b'], ['\u0120', 'a']]},
                   'added_tokens': [added[0] | {'id': 258}, added[0] | {'id': 259, 'content': 'b\r', 'lstrip': True}],
                   'post_processor': {'type': 'Sequence', 'processors': [
                       {'type': 'ByteLevel', 'add_prefix_space': True, 'trim_offsets': False, 'use_regex': True},
                       template | {'special_tokens': {'<s>': {'id': '<s>', 'ids': [258], 'tokens': ['<s>']}}}]}}
    put('tokenizer', 'all-bytes', big)
    split = {'type': 'Split', 'pattern': {'String': ' '}, 'behavior': 'MergedWithNext', 'invert': False}
    put('tokenizer', 'gpt2', big | {'normalizer': None, 'truncation': {
        'direction': 'Right', 'max_length': 8, 'strategy': 'LongestFirst', 'stride': 0}, 'pre_tokenizer': {
        'type': 'Sequence', 'pretokenizers': [split, {
            'type': 'ByteLevel', 'add_prefix_space': True, 'trim_offsets': True, 'use_regex': False}]}})
    characters = small | {'model': model | {
        'fuse_unk': True, 'byte_fallback': True, 'merges': [['\u2581', 'a'], ['a', 'b']],
        'vocab': {t: i for i, t in enumerate(['a', 'b', 'ab', '<unk>', '<s>', '\u2581', '\u2581a', '<0x0A>', '<0xCC>', '<0x81>'])}}}
    replace = {'type': 'Replace', 'pattern': {'String': ' '}, 'content': '\u2581'}
    put('tokenizer', 'llama', characters | {'pre_tokenizer': None, 'normalizer': {'type': 'Sequence', 'normalizers': [
        {'type': 'NFKC'}, {'type': 'Replace', 'pattern': {'Regex': 'x+$'}, 'content': ''},
        {'type': 'Prepend', 'prepend': '\u2581'}, replace]}})
    put('tokenizer', 'metaspace', characters | {'normalizer': None, 'pre_tokenizer': {
        'type': 'Metaspace', 'replacement': '\u2581', 'prepend_scheme': 'first', 'split': True}})
    put('tokenizer', 'falcon', big | {'normalizer': None, 'pre_tokenizer': {'type': 'Sequence', 'pretokenizers': [
        {'type': 'Punctuation', 'behavior': 'Contiguous'},
        {'type': 'ByteLevel', 'add_prefix_space': True, 'trim_offsets': True, 'use_regex': True},
        {'type': 'Digits', 'individual_digits': False}]}})
    put('sentencepiece', 'small', make_sentencepiece())
    patterns = {
        'gpt2': r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
        'llama3': r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|"
                  r"\s*[\r\n]+|\s+(?!\S)|\s+",
        'classes': r'[^\S\p{Lu}a-f\]\-]+?|(?>ab|a)c*+|\d{2,}|[\u4e00-\u9fa5]x?',
        'nested': '(a|(b|(c|d)+)+)+e|.', 'repeats': '(?:(?:a{1,9}){1,9}){1,9}'}
    for name, pattern in patterns.items():
        put('regex', name, pattern + "\0I'll go  12345 b\u00e9\u0301 \u4e2d\u6587abcabc\n\n")
    put('regex', 'empty-text', ' \0')
    modules = {'names': 'q_proj|v_proj', 'full': r'.*\.layers\.(1|2|[3-9]\d)\.self_attn\.(q|v)_proj',
               'classes': r'^model\b[\w.]*?(?!lm_head)\w+(?<=proj)$', 'nested': '(((a+)+)+)+b', 'layers': 'layers'}
    for name, pattern in modules.items():
        put('modules', name, pattern)


def make_added():
    flags = {'single_word': False, 'lstrip': True, 'rstrip': False, 'normalized': False, 'special': True}
    typed = dict(flags, content='<t>', __type='AddedToken')
    named = {name + '_token': '<%s>' % name for name in ('bos', 'eos', 'unk', 'sep', 'pad', 'cls', 'mask', 'image')}
    for name, kind, value in (
            ('decoder', 'c', {'added_tokens_decoder': {'3': dict(flags, content='<a>'), '9': dict(flags, content='b')}}),
            ('named', 'c', named | {'add_bos_token': True, 'add_eos_token': False, 'split_special_tokens': True}),
            ('extra', 'c', {'extra_special_tokens': {'x_token': '<x>'}, 'additional_special_tokens': ['<b>', typed]}),
            ('list', 'c', {'extra_special_tokens': ['<b>', typed], 'bos_token': typed, 'pad_token': None}),
            ('map', 'm', named | {'bos_token': dict(flags, content='<p>'), 'additional_special_tokens': ['<b>']}),
            ('map-extra', 'm', {'extra_special_tokens': ['<b>', dict(flags, content='\u00e9')]}),
            ('json', 'a', {'<b>': 4, '<a>': 3, 'e\u0301': 5, '<p>': 4})):
        put('added', name, kind + json.dumps(value, ensure_ascii=False))


def make_formats():
    for path in sorted(SOURCE.glob('text/chat/*.yaml')):
        put('chat', path.stem, path.read_bytes())
    for path in sorted(SOURCE.glob('graph/*.yaml')):
        put('graph', path.stem, path.read_bytes())
    put('graph', 'base', (DATA / 'graph/base.yaml').read_bytes())
    for name in ('chatml', 'mistral-v0.3', 'qwen2.5-instruct'):
        put('template', name, (DATA / 'chat/templates' / (name + '.jinja')).read_bytes())
    chatml = (DATA / 'chat/templates/chatml.jinja').read_text()
    token = {'content': '</s>', 'lstrip': False, 'normalized': False, 'rstrip': False, 'single_word': False}
    put('template', 'tokens', {'chat_template': chatml, 'bos_token': '<s>', 'eos_token': token, 'pad_token': None,
                               'model_max_length': 10**30})
    put('template', 'decoder', {'chat_template': [{'name': 'default', 'template': chatml}],
                                'added_tokens_decoder': {'2': token}, 'pad_token': '<pad>',
                                'additional_special_tokens': ['<a>']})


def make_rows():
    turn = [{'role': 'user', 'content': 'hi'}, {'role': 'assistant', 'content': 'caf\u00e9 \U0001f600'}]
    items = [{'text': 'a\u0000b\n'}, {'messages': turn}, {'prompt': 'p', 'response': 'r'},
             {'chosen': turn, 'rejected': turn[:1] + [{'role': 'assistant', 'content': ''}]},
             {'prompt': turn[:1], 'responses': ['a', 'b']}, {'chosen': ['a'], 'rejected': ['b', 'c'], 'id': [1, 2.5e9]},
             {'text': None}, {'text': 'x', 'chosen': 'y'}, 7]
    put('jsonl', 'kinds', '\n'.join(json.dumps(i) for i in items))
    put('jsonl', 'endings', '\ufeff{"text":"a"}\r\n\r\n \t\n{"text":"b"}\n{"text": \n"c"}\n')
    marked = 'a\n<extra_id_1>Assistant\nb\n<extra_id_1>User\nc'
    forms = [{'prompt': 'hi', 'chosen': turn, 'rejected': turn[:1] + turn, 'messages': turn}, {'prompt': turn[:1], 'response': turn},
             {'prompt': turn[:1], 'responses': [turn[1], turn, [turn[1]]]}, {'prompt': marked, 'response': 'd'},
             {'messages': [{'from': 'human', 'value': 'a'}, {'from': 'gpt', 'value': 'b'}], 'tools': [None]},
             {'messages': [{'role': 'user', 'content': [{'type': 'text', 'text': 'a'}]}, turn[1] | {'tool_calls': [{}]}]},
             {'prompt': 'a b', 'chosen': 'a b c', 'rejected': 'a b d'}, {'question': 'q', 'chosen': 'a', 'rejected': 'b'}]
    put('jsonl', 'forms', '\n'.join(json.dumps(i) for i in forms))
    cell = json.dumps(turn).replace('"', '""')
    put('csv', 'conversations', f'prompt,chosen,rejected,responses\nhi,"{cell}","{cell[:40]}",\nhi,"{turn}",x,"[""a""]"\n')
    put('array', 'kinds', items)
    put('array', 'spread', json.dumps(items, indent=1))
    put('array', 'rows', (DATA / 'rows/array.json').read_bytes())
    for name in ('all', 'minimal', 'one'):
        put('csv', name, (DATA / f'rows/{name}.csv').read_bytes())
    put('csv', 'pairs', 'prompt,chosen,rejected\r\n"a ""b""\n",c,"d,"\r\n,,\nx,y\n"e"f,g,h\n')
    put('tsv', 'tabs', (DATA / 'rows/tabs.tsv').read_bytes())
    put('tsv', 'pairs', 'prompt\tresponse\n"a\tb"\tc\n"d"\n')
    put('text', 'lines', '\ufeffone\r\ntwo\rthree\n\n \ncaf\u00e9\0x\nlast')
    put('text', 'not-utf8', b'\xff\xfea\0\n\xc0\x80\n\xed\xa0\x80\n')
    pair = '{"id": 1, "chosen" : "a\\"}" , "rejected":["b",{"c":[]}],"n":-1.5e3}'
    put('line', 'pair', pair)
    put('line', 'escaped', '{"chos\\u0065n":"a","rejected":"b"}')
    put('line', 'noted', '{"chosen":"a","rejected":"b","gu\\u0065rdon" : {"margin":1}}')
    return '\n'.join(json.dumps(i) for i in items).encode()


def output(command, given=None):
    return subprocess.run(command, input=given, stdout=subprocess.PIPE, check=True).stdout


def zstd(given, *flags):
    return output(['zstd', '-c', '--no-check', *flags], given)


def make_packed(rows):
    put('gzip', 'member', gzip.compress(rows, mtime=0))
    put('gzip', 'two', gzip.compress(rows[:20], mtime=0) + gzip.compress(b'', mtime=0) + gzip.compress(rows, 1, mtime=0))
    put('gzip', 'repeats', gzip.compress(b'a' * 100000, mtime=0))
    named = bytearray(gzip.compress(b'x', mtime=0))
    named[3] = 8 | 16
    put('gzip', 'named', bytes(named[:10]) + b'rows.jsonl\0comment\0' + bytes(named[10:]))
    put('gzip', 'stored', gzip.compress(rows, 0, mtime=0))
    skippable = struct.pack('<II', 0x184D2A50, 3) + b'abc'
    put('zstd', 'frame', zstd(rows))
    put('zstd', 'checksum', zstd(rows, '--check', '-19'))
    put('zstd', 'two', skippable + zstd(rows[:20]) + skippable + zstd(b'', '--check', '-19') + zstd(rows))
    put('zstd', 'repeats', zstd(b'a' * 100000))


def make_results():
    identity = {'model': 'm', 'input': 'i', 'files': {'f': '0'}}
    put('journal', 'begun', {'format': 'guerdon-resume/2', 'run': identity, 'complete': False, 'items': 3,
                             'input': '0f', 'offsets': [0, 0, 0], 'summary_items': 3, 'failed': 1,
                             'dropped': 0, 'truncated': 1, 'tokens': 40, 'rows': 30, 'texts': 5})
    lines = ['{"index":0,"score":1.23456789,"tokens":155}', '{"index":1,"error":"line 2: why"}',
             '{"index":2,"chosen":1.5,"rejected":0.25,"margin":1.25,"tokens":[155,149]}',
             '{"index":3,"scores":[1.5,0.25],"tokens":[155,149]}']
    put('scores', 'kinds', '\n'.join(lines) + '\n')
    put('calibration', 'eval', {'format': 'guerdon-calibration/1', 'mean': -0.5, 'std': 2.25})
    scoring = {'max_length': 512, 'add_eos': 'never', 'chat_format': None, 'turns': 'auto', 'normalize': None}
    put('trained', 'defaults', {'format': 'guerdon-adapter/1', 'scoring': scoring, 'training': None})
    scoring = {'max_length': 9, 'add_eos': 'always', 'chat_format': 'hh', 'turns': 'on', 'normalize': '-0.5,2.25'}
    put('trained', 'all', {'format': 'guerdon-adapter/1', 'scoring': scoring,
                           'training': {'data': ['a.jsonl'], 'learning_rate': 1e-05, 'evals': {}}})
    guerdon, model = os.environ['GUERDON'], ['--model', GOLDEN / 'qwen2']
    pairs = b'{"prompt":"a <b>","chosen":"x&y","rejected":"z","g":"one"}\n{"chosen":"x","rejected":"zz","g":"\\"2"}\n'
    put('pages', 'eval', output([guerdon, 'eval', *model, '--by', 'g', '--json'], pairs))
    put('pages', 'bench', output([guerdon, 'bench', *model, '--seconds', '1', '--json', '-', '--quiet']))
    (HERE / 'corpus/scores/pairs').write_bytes(output([guerdon, 'score', *model, '--quiet'], pairs))
    put('pages', 'compare', output([guerdon, 'compare', '--json', *[HERE / 'corpus/scores/pairs'] * 2]))
    put('pages', 'crosscheck', output([guerdon, 'crosscheck', *model, '--json'], pairs))
    values = [None, True, False, 0, -0.0, 1e-7, -12345678901234567, 1.7976931348623157e308, '', 'a\u0000\u20ac\U0001f600"\\/']
    put('json', 'values', json.dumps({'a': values, 'b': {'c': [[], {}]}}, indent=1))
    put('json', 'escapes', r'"\ud83d\ude00 \u0000 \ud800 \n\/"')
    put('json', 'numbers', '[1e400, -0, 0.1E+2, 9223372036854775807, 9223372036854775808, 01, 1., .5, NaN, -Infinity]')
    put('json', 'empty-name', '{"":"NaN"}')
    put('json', 'surrogates', r'["\ud83d", "\ude00\ud83d", "\ud83d\u0041", {"\ud83d":1}]')
    put('json', 'duplicate', '{"a":1,"a":2}')
    put('json', 'deep', '[' * 100 + ']' * 100)


def make_bodies():
    text = (HERE.parent.parent / 'doc/serving-dialects.md').read_text()
    for number, (path, body) in enumerate(re.findall(r'^    POST (\S+)\n((?:    .+\n)+)', text, re.M)):
        put('bodies', f'{number:02}{path.replace("/", "-")}', textwrap.dedent(body).strip())
    put('bodies', 'fields', {'model': 'helpful', 'adapter': 'rm', 'truncate': True, 'truncation_direction': 'Left',
                             'truncate_prompt_tokens': -1, 'truncation_side': 'right', 'max_length': 9, 'top_n': 2,
                             'raw_scores': False, 'use_activation': False, 'add_special_tokens': False,
                             'return_text': True, 'return_documents': False, 'encoding_format': 'float',
                             'task': 'classify'})
    put('bodies', 'inputs', {'input': [[1, 2], 'a'], 'input_ids': [3], 'text': ['b'], 'inputs': ['a', 'b'], 'texts': ['c'],
                             'documents': [{'text': 'd'}], 'items': [[4]], 'query': [5], 'text_1': 'q', 'text_2': ['a'],
                             'data_1': ['q'], 'data_2': ['a'], 'queries': 'q', 'messages': [], 'prompt': 'p'})
    put('bodies', 'kinds', {'items': [{'text': 'a', 'chosen': None}, {'chosen': 'a', 'rejected': 'b', 'responses': None},
                                      {'chosen': ['a'], 'rejected': ['b', 'c']}, {'prompt': 'p', 'responses': ['a']}]})
    put('bodies', 'talks', {'conv': [[{'role': 'user', 'content': 'q'}, {'role': 'assistant', 'content': 'a'}]]})
    # A name is cut for a sentence in the middle of a character.
    put('bodies', 'cut', {'truncate': 'x' * 59 + '\u00e9', 'truncation_side': 'x' * 59 + '\u00e9', 'input': 'a'})


def main():
    make_tensors()
    make_configs()
    make_tokenizers()
    make_added()
    make_formats()
    make_packed(make_rows())
    make_results()
    make_bodies()
    sizes = [p.stat().st_size for p in (HERE / 'corpus').rglob('*') if p.is_file()]
    print(f'{len(sizes)} inputs, {sum(sizes)} bytes')


if __name__ == '__main__':
    main()
