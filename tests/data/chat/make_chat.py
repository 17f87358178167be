#!/usr/bin/env python3
"""Writes conversations.jsonl, FORMAT.jsonl, templates.json, tokenizer_fields.json and ids.jsonl, with which tests/text
compares chat formats.

usage: make_chat.py FOLDER    (with the Python packages transformers 5.3.0 and tokenizers 0.22.2)

FOLDER has the templates that are not in this tree, NAME.jinja: templates/README.md says where they are published, and
ELSEWHERE below has the SHA-256 of each.

conversations.jsonl: one list of messages per line. FORMAT.jsonl: for each of them {"text": ...}, the text that
Transformers' apply_chat_template(tokenize=False) returns; {"error": ...}, if it raises; or {"refused": ...}, if the
template returns a text, but silently loses a message or names a role that no model knows: there the library fails on
purpose. All templates of a format must agree. hh has no template, and is implemented here.

templates.json: each template with its format and its special tokens; one that is not in templates/ with its SHA-256,
too. ids.jsonl: the ids that
apply_chat_template(tokenize=True) returns for conversations, and the ids of plain texts. Their tokenizer is that of
../golden/llama with the fields of tokenizer_fields.json, which make it like Llama 3's, plus a token at the end.
"""
import copy
import glob
import hashlib
import json
import os
import random
import sys

from tokenizers import Tokenizer
from transformers import PreTrainedTokenizerFast

HERE = os.path.dirname(os.path.abspath(__file__))
GOLDEN = os.path.join(os.path.dirname(HERE), 'golden', 'llama', 'tokenizer.json')

# template: format, bos_token, eos_token
TEMPLATES = {
    'chatml': ('chatml', None, '<|im_end|>'),
    'chatml-escaped': ('chatml', '<s>', '<|im_end|>'),
    'qwen3-instruct-2507': ('chatml', None, '<|im_end|>'),
    'qwen2-instruct': ('qwen2', None, '<|im_end|>'),
    'qwen2-instruct-escaped': ('qwen2', None, '<|im_end|>'),
    'qwen2.5-base': ('qwen2', None, '<|endoftext|>'),
    'qwen2.5-instruct': ('qwen2.5', None, '<|im_end|>'),
    'qwen3': ('qwen3', None, '<|im_end|>'),
    'qwen3-2025-04': ('qwen3', None, '<|im_end|>'),
    'llama3': ('llama3', '<|begin_of_text|>', '<|eot_id|>'),
    'llama3.1': ('llama3.1', '<|begin_of_text|>', '<|eot_id|>'),
    'llama3.2': ('llama3.2', '<|begin_of_text|>', '<|eot_id|>'),
    'mistral-v0.3': ('mistral', '<s>', '</s>'),
    'mistral-v0.2': ('mistral-v0.1', '<s>', '</s>'),
    'mistral-v0.1-2023': ('mistral-v0.1-2023', '<s>', '</s>'),
    'mistral-v0.2-2023': ('mistral-v0.2-2023', '<s>', '</s>'),
    'gemma-2': ('gemma', '<bos>', '<eos>'),
    'smollm2-instruct': ('smollm2', '<|im_start|>', '<|im_end|>'),
    'qwen2.5-vl': ('qwen2', None, '<|im_end|>'),
    'gemma-3': ('gemma3', '<bos>', '<eos>'),
    'phi4': ('phi4', '<|endoftext|>', '<|im_end|>'),
    'phi4-2024': ('phi4-2024', '<|endoftext|>', '<|endoftext|>'),
    'tulu': ('tulu', '<|begin_of_text|>', '<|end_of_text|>'),
    'olmo2': ('olmo2', '<|endoftext|>', '<|endoftext|>'),
    'zephyr': ('zephyr', '<s>', '</s>'),
    'internlm2-reward': ('internlm2', '<s>', '</s>'),
    'smollm3': ('smollm3', None, '<|im_end|>'),
}

# Templates that are not in templates/, and their SHA-256, without a newline at the end.
ELSEWHERE = {
    'tulu': 'ac7498a36a719da630e99d48e6ebc4409de85a77556c2b6159eeb735bcbd11df',
    'olmo2': 'fe689ffbd6a4e2d0532d7480696b065b10e0e1eff3f9b9fc4bea415761e4bf4a',
    'zephyr': '66291cf0045c2425a3a667cf3cbb7af2b11f09e025c02f97245323ab79119362',
    'internlm2-reward': '7bac6c2b27959cb2c23a76c63310a20dd0310cb557f78177d3e116b3cb0f440f',
    'smollm3': 'e6143bdf3129c6b2a9ac4b6304076041fbb2f6ac39a66172519f18075f0a2a6c',
}

# Templates that write the current date, which auto refuses, and what gives them another.
DATED = {
    'llama3.2': {'date_string': '05 Dec 2025'},
    'smollm3': {'strftime_now': lambda form: {'%d %B %Y': '26 July 2024'}[form]},
}

# Formats that write what tools return.
WITH_TOOLS = ('qwen2.5', 'qwen3', 'llama3.1', 'llama3.2')

BLANKS = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000 and chr(c).isspace()]
NO_BLANKS = ['\u200b', '\ufeff', '\u180e', '\u2060', '\x1b', '\x00', '\x7f', '\u0301']
PIECES = [
    '', '', 'Hi', 'Is tea hot?', ' ', '\n', '\n\n', '\t', '\r\n', ' lead', 'trail ', '\n both \n', '\u00e9\u4e2d\U0001f600',
    '\u00a0nbsp\u00a0', '\u3000\u3000', '\u2028x\u2029', '\x85', 'a\x00b', '\x1c', '\u200b', "it's \"so\"", '\\n',
    '<|im_start|>user\n', '<|im_end|>', '<|eot_id|>', '<|begin_of_text|>', '<s>', '</s>', '[INST]', '[/INST]', '<bos>',
    '<end_of_turn>\n', '{{ bos_token }}', '{% raise %}', '<think>', '</think>', '<think>\nmm\n</think>\n\n', '<think></think>',
    '<tool_response>', '</tool_response>', '\n\nHuman: ', '\n\nAssistant: ', 'x' * 300, 'The rain in Spain.\nStays.', '<<<think>',
    '</think', '\n\n\n', '</</think>>',
]
WORDS = ['yes', 'no', ' perhaps', '\n', 'so', '.', ' ', '\u4e2d', 'Tea', '</think>', '<think>', '\n\n', '<tool_response>', '!']


def conversation(pattern, contents):
    names = {'s': 'system', 'u': 'user', 'a': 'assistant'}
    return [{'role': names[c], 'content': text} for c, text in zip(pattern, contents)]


def with_roles(*roles):
    return [{'role': role, 'content': f'as {role}'} for role in roles]


def regular():
    """With and without a system message, 1 to 6 turns, ending with a question or an answer."""
    for turns in range(1, 7):
        for system in ('', 's'):
            for end in ('', 'u'):
                pattern = system + 'ua' * turns + end
                yield conversation(pattern, [f'{c}{i}' for i, c in enumerate(pattern)])


def irregular():
    """Every order of up to three roles; some longer ones that aren't regular; roles that are unknown or misspelt."""
    for n in range(1, 4):
        for k in range(3 ** n):
            pattern = ''.join('sua'[k // 3 ** i % 3] for i in range(n))
            yield conversation(pattern, [f'{c}{i}' for i, c in enumerate(pattern)])
    for pattern in ('uuaa', 'suau', 'usua', 'uasa', 'ssua', 'suasua', 'auau', 'saua', 'uaau', 'uauua', 'uauaa', 'susa'):
        yield conversation(pattern, [f'{c}{i}' for i, c in enumerate(pattern)])
    for roles in (('user', 'tool'), ('user', 'assistant', 'tool', 'assistant'), ('user', 'ipython'), ('function', 'user'),
                  ('User', 'assistant'), ('user', 'assistant '), ('', 'assistant'), ('user', 'model'), ('developer', 'user'), ('user\0', 'assistant'),
                  ('user', 'assistant', 'usr'), ('user', 'a' * 100), ('human', 'gpt'), ('user', 'assistan')):
        yield with_roles(*roles)
    yield []


def contents():
    """Every kind of content, in every place; thoughts; every kind of blank at both ends."""
    for piece in sorted(set(PIECES)):
        yield conversation('sua', [piece] * 3)
    for thought in ('<think>\n\nmm\n\n</think>\n\nyes\n', 'a<think>b</think>c<think>d</think>e', '</think>', '\n</think>\n',
                    '<think>', 'x</think>y</think>\n\nz', '<think>\n</think>', '\n\nplain\n\n', '<think>a<think>b\n</think>\nc',
                    '</think>\n\n\n<think>'):
        yield conversation('uaua', ['Why?', thought, 'And?', thought])
        yield conversation('uaa', ['Why?', thought, thought])
        yield conversation('sa', ['Be brief.', thought])
        yield conversation('uaua', ['Why?', thought, '<tool_response>\n4\n</tool_response>', thought])
    yield conversation('ua', ['<tool_response>4</tool_response>', '<think>4</think>yes'])
    yield conversation('uaua', ['q', '<think>a</think>b', '<tool_response>4', 'c'])
    yield conversation('uaua', ['q', '<think>a</think>b', '4</tool_response>', 'c'])
    for system in ('/no_think', 'Be /think brief.', '/think/no_think', '/no_/no_thinkthink x', '/system_override Be brief. ',
                   '/system_override/no_think', ' /think ', '/no_think\u3000', '/system_/thinkoverride', '/system_override'):
        yield conversation('sua', [system, 'Hi', '\n\nyes'])
    for some in (BLANKS, NO_BLANKS):
        yield conversation('sua', [''.join(c + 'x' + c for c in some), ''.join(some) + 'x', 'x' + ''.join(some)])
        yield conversation('ua', ['\n'.join(some), ''.join(some)])
    for c in BLANKS:
        yield conversation('ua', [c, c + 'x' + c])


def at_random(count):
    r = random.Random(7)
    for _ in range(count):
        pattern = r.choice(['', 's']) + 'ua' * r.randint(1, 3)
        if r.random() < 0.2:
            pattern = ''.join(r.choice('suua') for _ in range(r.randint(1, 6)))
        yield conversation(pattern, [''.join(r.choice(r.choice([PIECES[:42], WORDS])) for _ in range(r.randint(0, 5)))
                                     for _ in pattern])


def refused(fmt, messages):
    """Why the library refuses messages of which a template may well make a text; None if it doesn't."""
    roles = [m['role'] for m in messages]
    if not messages:
        return 'no messages'
    if set(roles) - {'system', 'user', 'assistant'} - ({'tool'} if fmt in WITH_TOOLS else set()):
        return 'unknown role'
    if fmt in ('gemma', 'hh', 'mistral-v0.1-2023', 'mistral-v0.2-2023') and 'system' in roles:
        return 'no system messages'
    if fmt in ('gemma3', 'smollm3') and 'system' in roles[1:]:
        return 'later system message'  # which Gemma 3's template writes as a turn that it never saw, and SmolLM3's drops
    if fmt in ('mistral', 'mistral-v0.1', 'gemma3') and 'user' not in roles:
        return 'nothing to join'
    return None


def tokenizer(template, bos, eos):
    return PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_file(GOLDEN), bos_token=bos, eos_token=eos,
                                   chat_template=template)


def read_template(name):
    folder = sys.argv[1] if name in ELSEWHERE else os.path.join(HERE, 'templates')
    with open(os.path.join(folder, name + '.jinja'), encoding='utf-8', newline='') as f:
        template = f.read()
    if name in ELSEWHERE:
        assert hashlib.sha256(template.removesuffix('\n').encode()).hexdigest() == ELSEWHERE[name], f'{name} is another'
    return template


def expectation(render, fmt, messages):
    try:
        text = render(messages)
    except Exception as e:  # a template may raise anything
        return {'error': f'{type(e).__name__}: {e}'}
    why = refused(fmt, messages)
    return {'refused': why} if why else {'text': text}


def hh(messages):
    return ''.join({'user': '\n\nHuman: ', 'assistant': '\n\nAssistant: '}[m['role']] + m['content'] for m in messages)


def write_lines(name, values):
    with open(os.path.join(HERE, name), 'w', encoding='utf-8') as f:
        for value in values:
            f.write(json.dumps(value, ensure_ascii=False, separators=(',', ':')) + '\n')


def write_formats(conversations):
    formats = {'hh': [expectation(hh, 'hh', c) for c in conversations]}
    for name, (fmt, bos, eos) in TEMPLATES.items():
        t = tokenizer(read_template(name), bos, eos)
        options = DATED.get(name, {})
        mine = [expectation(lambda m: t.apply_chat_template(m, tokenize=False, **options), fmt, c) for c in conversations]
        texts = [e.get('text') for e in mine]
        if fmt == 'qwen3':  # it says how an answer to be written begins, and nothing else
            other = [expectation(lambda m: t.apply_chat_template(m, tokenize=False, enable_thinking=False), fmt, c)
                     for c in conversations]
            assert [e.get('text') for e in other] == texts
        assert [e.get('text') for e in formats.setdefault(fmt, mine)] == texts, f'{name} and another {fmt} differ'
    for fmt, lines in formats.items():
        write_lines(fmt + '.jsonl', lines)
        print(fmt, {kind: sum(kind in e for e in lines) for kind in ('text', 'error', 'refused')})


def write_ids(conversations):
    added = ['<|begin_of_text|>', '<|end_of_text|>', '<|start_header_id|>', '<|end_header_id|>', '<|eot_id|>']
    with open(GOLDEN, encoding='utf-8') as f:
        golden = json.load(f)
    like = golden['added_tokens'][0]
    first = like['id'] + len(golden['added_tokens'])
    fields = {'added_tokens': golden['added_tokens'] + [dict(like, id=first + i, content=c) for i, c in enumerate(added)]}
    fields['post_processor'] = {
        'type': 'TemplateProcessing',
        'single': [{'SpecialToken': {'id': added[0], 'type_id': 0}}, {'Sequence': {'id': 'A', 'type_id': 0}},
                   {'SpecialToken': {'id': added[1], 'type_id': 0}}],
        'pair': [{'Sequence': {'id': 'A', 'type_id': 0}}, {'Sequence': {'id': 'B', 'type_id': 1}}],
        'special_tokens': {t: {'id': t, 'ids': [first + i], 'tokens': [t]} for i, t in enumerate(added[:2])},
    }
    with open(os.path.join(HERE, 'tokenizer_fields.json'), 'w', encoding='utf-8') as f:
        json.dump(fields, f, indent=1)
        f.write('\n')
    t = PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(json.dumps(dict(golden, **fields))),
                                bos_token=added[0], eos_token=added[4], chat_template=read_template('llama3'))
    lines = []
    for i, c in enumerate(conversations):
        if i % 3 == 0 and refused('llama3', c) is None:
            lines.append({'messages': c, 'ids': t.apply_chat_template(c, tokenize=True, return_dict=True)['input_ids']})
    plain = [{'text': hh(c), 'ids': t(hh(c))['input_ids']} for c in conversations[:20] if refused('hh', c) is None]
    assert plain[0]['ids'][0] == lines[0]['ids'][0] == first and plain[0]['ids'][-1] == first + 1
    write_lines('ids.jsonl', lines + plain)


def main():
    conversations = list(regular()) + list(irregular()) + list(contents()) + list(at_random(60))
    unique = [json.loads(s) for s in dict.fromkeys(json.dumps(c) for c in conversations)]
    known = {os.path.basename(p)[:-6] for p in glob.glob(os.path.join(HERE, 'templates', '*.jinja'))}
    assert known | set(ELSEWHERE) == set(TEMPLATES) and not known & set(ELSEWHERE), known ^ set(TEMPLATES)
    print(len(unique), 'conversations')
    write_lines('conversations.jsonl', unique)
    write_formats(copy.deepcopy(unique))
    write_ids(unique)
    with open(os.path.join(HERE, 'templates.json'), 'w', encoding='utf-8') as f:
        json.dump({n: {'format': v[0], 'bos_token': v[1], 'eos_token': v[2]} | ({'dated': True} if n in DATED else {}) |
                   ({'sha256': ELSEWHERE[n]} if n in ELSEWHERE else {}) for n, v in TEMPLATES.items()}, f, indent=1)
        f.write('\n')


if __name__ == '__main__':
    main()
