#!/usr/bin/env python3
"""Writes tools.jsonl: conversations with functions, calls and results, and the texts that Transformers makes of them.

usage: make_tools.py          (in any folder; with the Python packages transformers 5.3.0 and tokenizers 0.22.2)

Each line has a format, messages, tools if there are any, and {"text": ..}, what apply_chat_template(tokenize=False)
returns; {"error": ..}, if it raises; or {"refused": ..}, where the library fails on purpose, since the template would lose
something. make_chat.py has the rest.
"""
import copy
import random

import make_chat

FORMATS = {'qwen2.5-instruct': 'qwen2.5', 'qwen3': 'qwen3', 'qwen3-2025-04': 'qwen3', 'llama3.1': 'llama3.1',
           'llama3.2': 'llama3.2:05 Dec 2025'}
WEATHER = {'type': 'function', 'function': {
    'name': 'get_weather', 'description': 'The weather "now" in a <city>, é中😀\n', 'parameters': {
        'type': 'object', 'properties': {'city': {'type': 'string'}, 'days': {'type': 'integer', 'default': 3, 'enum': [1, 3]}},
        'required': ['city'], 'additionalProperties': False}}}
EMPTY = {'name': 'f', 'parameters': {}, 'x': [], 'y': None, 'z': [[], {}, [{}]]}
NUMBERS = [0, -1, 1.0, -0.0, 0.1, 1e15, 1e16, 1e17, 123456789012345680.0, 1e22, 1e-4, 1e-5, 0.00012, 1.5e-7, 5e-324, 1.7976931348623157e308,
           2 ** 53 + 1, -2 ** 63, 0.1 + 0.2, 100.0, 12.5, 1 / 3, 9007199254740993.0, 1e21, 3.14159, -2.5e-10, 123456.789]
TEXTS = ['', 'Paris', 'a"b\\c/', '\b\f\n\r\t\x00\x1b\x7f', '\u2028é中😀', '</tool_call>', '{"a": 1}', ' ', '<think>', "it's & <b>"]


def call(name, arguments, bare=False):
    function = {'name': name, 'arguments': arguments}
    return function if bare else {'id': 'c7', 'type': 'function', 'function': function}


def says(role, content, *calls):
    return {'role': role, 'content': content} | ({'tool_calls': list(calls)} if calls else {})


def talks():
    q, a = says('user', ' Is it warm? '), says('assistant', 'It is.')
    one = says('assistant', '', call('get_weather', {'city': 'Paris'}))
    result = {'role': 'tool', 'content': '{"t": 21.5, "é": "\\n"}', 'name': 'get_weather', 'tool_call_id': 'c7'}
    for system in ([], [says('system', ' Be brief. ')], [says('system', '')]):
        yield system + [q, a]
        yield system + [q, one, result, a]
        yield system + [q, one, result, a, q, one, result, result, a]
        yield system + [q, one]
        yield system + [one, result, a]
        yield system + [q, one, says('tool', ''), says('tool', ' x '), one, says('tool', 'y'), a]
        yield system + [q, says('assistant', 'Wait.', call('a', {})), result, a]
        yield system + [q, says('assistant', '\n', call('a', {})), result, a]
        yield system + [q, says('assistant', '', call('a', {}), call('b', {'x': [1]})), result, result, a]
        yield system + [q, says('assistant', 'Two.', call('a', {}), call('b', '{"x": [1]}'), call('c', 'x')), result, a]
        yield system + [q, says('assistant', '<think>\nhm\n</think>\n\nSo.', call('a', {})), result, says('assistant', '<think>ah</think>\nYes.')]
        yield system + [q, says('assistant', '<think>\nhm\n</think>\n\n', call('a', {})), result, a, q, a]
        yield system + [q, says('assistant', '', call('a', {}, bare=True)), result, a]
        yield system + [result, a]
    yield [q, says('assistant', None, call('a', {})), result, a]
    yield [q, says('system', 'Now.'), a]
    yield [a]
    yield [says('system', 'Alone.')]
    for text in TEXTS:
        yield [q, says('assistant', '', call('f', {text.replace('\0', '0'): text, 'l': [text]})), says('tool', text), a]
        yield [q, says('assistant', '', call('f', text)), says('tool', 'ok'), a]
    yield [q, says('assistant', '', call('f', {'n': NUMBERS})), says('tool', '1'), a]
    yield [q, says('assistant', '', call('f', NUMBERS)), says('tool', '1'), a]
    yield [q, says('assistant', '', call('f', {'t': True, 'f': False, 'n': None, 'd': {'a': {'b': {}}, 'c': [[]]}})), says('tool', '1'), a]


def at_random(count):
    r = random.Random(5)
    for _ in range(count):
        yield [says('user', 'q'), says('assistant', '', call('f', {'n': [r.uniform(-1, 1) * 10 ** r.randint(-20, 25) for _ in range(8)]})),
               says('tool', 'r'), says('assistant', 'a')]


def refused(fmt, messages, tools):
    """Why the library refuses what the template makes a text of; None if it doesn't."""
    first = messages[1:] if messages[0]['role'] == 'system' else messages
    if not fmt.startswith('llama'):
        return None
    if tools and (not first or first[0]['role'] != 'user'):
        return 'a message that is not the user\'s becomes the user\'s'
    if any(m.get('tool_calls') and (m['content'] or '').strip() for m in messages):
        return 'the content beside a call is lost'
    if any('function' not in c for m in messages for c in m.get('tool_calls', [])):
        return 'a call without a function is written without a name'
    return None


def expectation(t, fmt, messages, tools, options):
    try:
        text = t.apply_chat_template(copy.deepcopy(messages), tools=tools, tokenize=False, **options)
    except Exception as e:  # a template may raise anything
        return {'error': f'{type(e).__name__}: {e}'}
    why = refused(fmt, messages, tools)
    return {'refused': why} if why else {'text': text}


def main():
    cases = [(m, [WEATHER]) for m in talks()] + [(m, None) for m in list(talks())[::3]] + [(m, None) for m in at_random(6)]
    cases += [(m, tools) for m in list(talks())[:2] for tools in ([EMPTY], [EMPTY, WEATHER], [{'n': NUMBERS, 't': TEXTS}])]
    seen, lines = {}, []
    for name, fmt in FORMATS.items():
        _, bos, eos = make_chat.TEMPLATES[name]
        t = make_chat.tokenizer(make_chat.read_template(name), bos, eos)
        mine = [{'format': fmt, 'messages': m} | ({'tools': tools} if tools else {}) |
                expectation(t, fmt, m, tools, make_chat.DATED.get(name, {})) for m, tools in cases]
        # (Qwen3's first template fails on a content that is null)
        texts = [line.get('text') for line in mine if all(m['content'] is not None for m in line['messages'])]
        if fmt in seen:
            assert seen[fmt] == texts, f'{name} and another {fmt} differ'
            continue
        seen[fmt] = texts
        lines += mine if fmt != 'llama3.2:05 Dec 2025' else mine[:20]
        print(fmt, {kind: sum(kind in line for line in mine) for kind in ('text', 'error', 'refused')})
    make_chat.write_lines('tools.jsonl', lines)


if __name__ == '__main__':
    main()
