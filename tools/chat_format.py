#!/usr/bin/env python3
"""chat_format.py - writes the chat format, for guerdon --chat-format FILE.yaml, that does what a chat template does.

usage: chat_format.py TEMPLATE [--bos-token T] [--eos-token T] [--date D] [--name NAME] >FILE.yaml

TEMPLATE is a file in Jinja, a tokenizer_config.json, or the folder of a checkpoint, whose tokens count unless they are
given.  The template is run as Transformers runs it, on conversations that show what it writes around each message.  The
format is compared with it on some hundred others, and written only if all texts are equal; else the program says where
they differ, and the exit status is 1.  Functions and calls are not looked at: doc/chat-formats.md has the key "tools".  (It runs the template, in Jinja's sandbox; guerdon itself never does.)

Needs Python 3.9 and jinja2 3.1.
"""
import argparse
import hashlib
import itertools
import json
import os
import random
import sys

import jinja2
import jinja2.ext
import jinja2.sandbox

ROLES = {'s': 'system', 'u': 'user', 'a': 'assistant'}
BOS, EOS, DATE = 'xBOSx', 'xEOSx', 'xDATEx'  # stand for tokens and the date, until the format is known
BLANKS = ''.join(chr(c) for c in range(0x3001) if chr(c).isspace())


class CannotBe(Exception):
    """What a template does, and no format can."""


# ---- the template ----

class Generation(jinja2.ext.Extension):
    """{% generation %}, which marks what is trained on, writes its body."""
    tags = {'generation'}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(['name:endgeneration'], drop_needle=True)
        return jinja2.nodes.Scope(body).set_lineno(line)


def compile_template(text):
    def fail(message):
        raise jinja2.exceptions.TemplateError(message)

    def tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    environment = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols])
    environment.filters['tojson'] = tojson
    environment.globals['raise_exception'] = fail
    environment.globals['strftime_now'] = lambda form: DATE
    return environment.from_string(text)


class Template:
    def __init__(self, text):
        self.compiled = compile_template(text)
        self.hidden = ''  # is not seen in pieces(): Qwen3's empty thoughts in the last answer

    def render(self, pattern, contents=None):
        """The text of a conversation such as "sua"; None if the template refuses it."""
        contents = contents or [f'c{i}c' for i in range(len(pattern))]
        messages = [{'role': ROLES[p], 'content': c} for p, c in zip(pattern, contents)]
        try:
            return self.compiled.render(messages=messages, add_generation_prompt=False, tools=None, documents=None,
                                        bos_token=BOS, eos_token=EOS)
        except Exception:  # a template may raise anything
            return None

    def pieces(self, pattern):
        """What stands before, between and behind the contents; None if one of them is not there exactly once."""
        text = self.render(pattern)
        if text is None:
            return None
        text = text.replace(self.hidden, '') if self.hidden else text
        pieces = []
        for i in range(len(pattern)):
            piece, mark, text = text.partition(f'c{i}c')
            if not mark or f'c{i}c' in text:
                return None
            pieces.append(piece)
        return pieces + [text]


# ---- a format, as src/text/chat.c writes it ----

def begin_with_system(fmt, messages):
    """What a format writes first, and how many messages that took."""
    system = messages[0][0] == 's'
    if fmt.get('join'):
        return '', int(system)
    opening = fmt.get('opening')
    if opening and (system or fmt.get('default') is not None):
        content = messages[0][1] if system else fmt['default']
        return write_turn(opening, content, system and len(messages) == 1), int(system)
    return '', 0


def write_turn(turn, content, last, joined=''):
    if turn.get('skip_empty') and not content:
        return ''
    content = content.strip() if turn.get('trim') else content
    return turn['before'] + joined + content + (turn['after_last'] if last and 'after_last' in turn else turn['after'])


def answer_of_qwen3(turn, content, current, last):
    thoughts = ''
    if '</think>' in content:
        thoughts = content.split('</think>')[0].rstrip('\n').split('<think>')[-1].lstrip('\n')
        content = content.split('</think>')[-1].lstrip('\n')
    if current and (last or thoughts):
        content = '<think>\n' + thoughts + '\n</think>\n\n' + content.lstrip('\n')
    return turn['before'] + content + turn['after']


def accepts(fmt, messages):
    turn = 0
    for i, (role, _) in enumerate(messages):
        if role == 's' and not (fmt['turns'].get('s') and not fmt['alternating']) and \
                not (i == 0 and (fmt.get('opening') or fmt.get('join'))):
            return False
        if role != 's' and fmt['alternating'] and (role == 'u') != (turn % 2 == 0):
            return False
        turn += role != 's'
    return bool(messages) and not (fmt.get('join') and messages[0][0] == 's' and 'u' not in [m[0] for m in messages])


def write(fmt, messages):
    """The text of a list of (role, content); None if the format refuses it."""
    if not accepts(fmt, messages):
        return None
    joined = None
    if fmt.get('join') and messages[0][0] == 's':
        users = [i for i, m in enumerate(messages) if m[0] == 'u']
        joined = users[0] if fmt['join'] == 'first_user' else len(messages) - 1 if messages[-1][0] == 'u' else None
    questions = [i for i, (role, text) in enumerate(messages) if role == 'u' and
                 not (text.startswith('<tool_response>') and text.endswith('</tool_response>'))]
    text, first = begin_with_system(fmt, messages)
    text = fmt['start'] + text
    for i in range(first, len(messages)):
        role, content = messages[i]
        last = i + 1 == len(messages)
        if fmt.get('thinking') and role == 'a':
            text += answer_of_qwen3(fmt['turns']['a'], content, i > (questions or [len(messages) - 1])[-1], last)
        else:
            before = messages[0][1] + fmt['between'] if i == joined else ''
            text += write_turn(fmt['turns'][role], content, last, before)
    return text + fmt['end']


# ---- what stands around messages ----

def without_end(text, end):
    return text[:len(text) - len(end)] if text.endswith(end) else None


def without_start(text, start):
    return text[len(start):] if text.startswith(start) else None


def splits(seam):
    return [(seam[:i], seam[i:]) for i in range(len(seam) + 1)]


def seams(template):
    """What stands between two messages, for each pair of roles that may follow each other after a question."""
    found = {}
    for pair, pattern in (('ua', 'uaua'), ('au', 'uaua'), ('uu', 'uuua'), ('aa', 'uaaa'), ('us', 'uusua'), ('su', 'uusua')):
        pieces = template.pieces(pattern)
        if pieces:
            found[pair] = pieces[pattern.index(pair, 1) + 1 if pair in pattern[1:] else pattern.index(pair) + 1]
    return found


def guess_turns(found, tails):
    """Ways to divide the seams, the simplest first: (end, turns)."""
    guesses = []
    for (after_u, before_a), (after_a, before_u) in itertools.product(splits(found['ua']), splits(found['au'])):
        if found.get('uu', after_u + before_u) != after_u + before_u or \
                found.get('aa', after_a + before_a) != after_a + before_a:
            continue
        ends = {'u': without_start(tails['u'], after_u), 'a': without_start(tails['a'], after_a)}
        end = ends['u'] if None not in ends.values() and ends['u'] == ends['a'] else ''
        turns = {'u': {'before': before_u, 'after': after_u}, 'a': {'before': before_a, 'after': after_a}}
        for role, turn in turns.items():
            if tails[role] != turn['after'] + end:
                turn['after_last'] = tails[role]
        odd = sum('after_last' in t for t in turns.values())
        starts_with_mark = sum(not b or b[0] in '<[' or b.startswith(' [') for b in (before_u, before_a))
        guesses.append(((odd, bool(end), -starts_with_mark, len(end), -len(before_u) - len(before_a)), end, turns))
    return [g[1:] for g in sorted(guesses, key=lambda g: g[0])]


def guess_system(template, fmt):
    """Adds what a format does with system messages."""
    user = fmt['turns']['u']
    plain, with_system = template.pieces('ua'), template.pieces('sua')
    if with_system is None:
        text, at_end = template.render('sua'), template.render('su')
        if text is not None and 'c0c' in text:
            raise CannotBe('writes a system message more than once, or not as it is')
        if at_end is not None and 'c0c' in at_end:  # only in a conversation that ends with the user
            fmt.update(join='final_user', between=template.pieces('su')[1])
    else:
        head, middle = with_system[:2]
        if fmt['start'] is not None and head == fmt['start'] + user['before']:
            fmt.update(join='first_user', between=middle)
            return
        after = without_end(middle, user['before'])
        if after is None:
            raise CannotBe(f'writes {middle!r} between a system message and the user\'s, which is not how a user\'s turn begins')
        start = BOS if head.startswith(BOS) else ''
        later = seams(template)
        if 'us' in later and 'su' in later and without_start(later['us'], user['after']) is not None:
            before = without_start(later['us'], user['after'])
            fmt['turns']['s'] = {'before': before, 'after': without_end(later['su'], user['before']) or ''}
            start = without_end(head, before) if head.endswith(before) else start
        fmt['opening'] = {'before': head[len(start):], 'after': after}
        rest = without_start(plain[0], start)
        if rest != user['before']:
            default = without_start(rest or '', fmt['opening']['before'])
            default = default if default is None else without_end(default, after + user['before'])
            if default is None:
                raise CannotBe('begins a conversation that has no system message in a way of its own')
            fmt['default'] = default
        fmt['start'] = start


def guess(template):
    plain = template.pieces('ua')
    found, tails = seams(template), {}
    if plain is None or 'ua' not in found or 'au' not in found:
        raise CannotBe('does not write each message of user and assistant as it is, once')
    for role, pattern in (('u', 'uau'), ('a', 'uaua')):
        pieces = template.pieces(pattern)
        if pieces is None:
            raise CannotBe(f'refuses a conversation that ends with the {ROLES[role]}')
        tails[role] = pieces[-1]
    errors = []
    for end, turns in guess_turns(found, tails)[:400]:
        fmt = {'start': without_end(plain[0], turns['u']['before']), 'end': end, 'turns': turns, 'alternating': False}
        if fmt['start'] is None:
            continue
        fmt['alternating'] = template.render('uua') is None and template.render('uaa') is None
        try:
            guess_system(template, fmt)
            return refine(template, fmt)
        except CannotBe as e:
            errors.append(e)
    raise errors[0] if errors else CannotBe('writes turns that depend on the turns around them')


def make(template):
    try:
        return guess(template)
    except CannotBe as error:
        template.hidden = '<think>\n\n</think>\n\n'
        try:
            return guess(template)
        except CannotBe:
            raise error from None


def refine(template, fmt):
    """Adds what contents show, that blanks are stripped; fails unless all is equal."""
    for role, turn in [('s', fmt.get('opening'))] + list(fmt['turns'].items()):
        pattern = {'s': 'sua', 'u': 'ua', 'a': 'ua'}[role]
        contents = [' c ' if r == role else 'x' for r in pattern]
        text = template.render(pattern, contents)
        if turn is not None and text is not None and ' c ' not in text:
            turn['trim'] = True
    if fmt['turns'].get('s') and fmt['opening'].get('trim'):
        fmt['turns']['s']['trim'] = True
    if template.hidden:
        fmt['thinking'] = 'qwen3'
    opening = fmt.get('opening') if fmt.get('default') is None else None
    for turn, pattern, without in ((opening, 'sua', 'ua'), (fmt['turns'].get('s'), 'usua', 'uua')):
        if turn and template.render(pattern, [r.strip('s') for r in pattern]) == template.render(without, without):
            turn['skip_empty'] = True
    differs = first_difference(template, fmt)
    if differs:
        raise CannotBe(differs)
    return fmt


# ---- comparing ----

def conversations():
    r = random.Random(1)
    contents = ['', 'Hi', ' lead', 'trail ', '\n both \n', BLANKS + 'x' + BLANKS, 'é中😀', '<think>\nmm\n</think>\n\nyes', '</think>',
                '<think>', "it's", '\\n', '{{ x }}', '/no_think', '/think x', '<tool_response>4</tool_response>', '\n\n\n']
    for n in range(1, 5):
        for pattern in map(''.join, itertools.product('sua', repeat=n)):
            yield [(p, f'{p}{i}') for i, p in enumerate(pattern)]
    for pattern in ('sua', 'suaua', 'ua', 'uaua', 'uauaua', 'sa', 'su', 'uaau'):
        for content in contents:
            for i in range(len(pattern)):
                yield [(p, content if k == i else f'{p}{k}') for k, p in enumerate(pattern)]
    for _ in range(200):
        pattern = r.choice(['', 's']) + 'ua' * r.randint(1, 4) + r.choice(['', '', 'u'])
        yield [(p, ''.join(r.choice(contents) for _ in range(r.randint(0, 3)))) for p in pattern]


def loses(text, messages):
    """Whether a text lacks a message, so that guerdon refuses what the template drops."""
    return any(content.strip() and content.strip() not in text for _, content in messages)


def short(text):
    return text if len(text) <= 300 else text[:140] + ' .. ' + text[-140:]


def wrote(text):
    return 'raises an error' if text is None else 'writes ' + short(repr(text))


def first_difference(template, fmt):
    for messages in conversations():
        theirs = template.render(''.join(m[0] for m in messages), [m[1] for m in messages])
        ours = write(fmt, messages)
        if ours == theirs or (ours is None and refuses_on_purpose(fmt, theirs, messages)):
            continue
        what = ' '.join(f'{ROLES[r]}:{c!r}' for r, c in messages)
        return f'{wrote(theirs)} for {short(what)}, and the nearest format {wrote(ours)}'
    return None


def refuses_on_purpose(fmt, theirs, messages):
    """A system message where the format has none: the template drops it, or takes it for another role."""
    roles = [m[0] for m in messages]
    later = 's' in roles[1:]
    nothing = fmt.get('join') and 'u' not in roles
    return loses(theirs, messages) or nothing or (later and fmt['alternating']) or theirs is None


# ---- the file ----

def quoted(text):
    out = json.dumps(text, ensure_ascii=False)
    return out.replace('\x7f', '\\x7f')


def yaml_turn(turn):
    keys = [k for k in ('before', 'after', 'after_last') if k in turn]
    return '{' + ', '.join(f'{k}: {quoted(turn[k])}' for k in keys) + \
        ''.join(f', {k}: true' for k in ('trim', 'skip_empty') if turn.get(k)) + '}'


def yaml_of(fmt, name, source, digest):
    lines = [f'# Made by tools/chat_format.py from the chat template of {source},', f'# SHA-256 {digest}.',
             'format: guerdon-chat/1', f'name: {name}']
    if fmt['start']:
        lines.append(f'start: {quoted(fmt["start"])}')
    lines.append('turns:')
    for role in 'sua':
        if fmt['turns'].get(role):
            lines.append(f'  {ROLES[role]}: {yaml_turn(fmt["turns"][role])}')
    if fmt['end']:
        lines.append(f'end: {quoted(fmt["end"])}')
    if fmt.get('opening') and fmt['opening'] != fmt['turns'].get('s'):
        lines.append(f'opening_system: {yaml_turn(fmt["opening"])}')
    if fmt.get('default') is not None:
        lines.append(f'default_system: {quoted(fmt["default"])}')
    if fmt.get('join'):
        lines.append(f'join_system: {{into: {fmt["join"]}, between: {quoted(fmt["between"])}}}')
    if fmt['alternating']:
        lines.append('order: alternating')
    if fmt.get('thinking'):
        lines.append(f'thinking: {fmt["thinking"]}')
    return '\n'.join(lines) + '\n'


def with_values(text, values):
    """Marks become {bos_token} and so on, with the values as keys."""
    for mark, key, value, flag in values:
        if mark not in text:
            continue
        if value is None:
            raise CannotBe(f'writes the {key}: say which with {flag}')
        text = text.replace(mark, '{' + key + '}') + f'{key}: {quoted(value)}\n'
    return text


# ---- the input ----

def of_config(config):
    template = config.get('chat_template')
    if isinstance(template, list):
        template = {t['name']: t['template'] for t in template}.get('default')
    return template


def token_of(config, key):
    value = config.get(key)
    return value.get('content') if isinstance(value, dict) else value


def read_input(path):
    """The template's text, and tokenizer_config.json or {}."""
    config = {}
    folder = path if os.path.isdir(path) else None
    if folder or path.endswith('.json'):
        name = os.path.join(path, 'tokenizer_config.json') if folder else path
        if os.path.exists(name):
            with open(name, encoding='utf-8') as f:
                config = json.load(f)
    files = [os.path.join(path, n) for n in ('additional_chat_templates/default.jinja', 'chat_template.jinja')] if folder else \
        [] if config or path.endswith('.json') else [path]
    for name in files:
        if os.path.exists(name):
            with open(name, encoding='utf-8') as f:
                return f.read(), config
    if not isinstance(of_config(config), str):
        sys.exit(f'chat_format.py: {path}: no chat template')
    return of_config(config), config


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('template', metavar='TEMPLATE')
    parser.add_argument('--bos-token')
    parser.add_argument('--eos-token')
    parser.add_argument('--date', help='what the template is to write as the current date')
    parser.add_argument('--name', default='own')
    args = parser.parse_args()
    text, config = read_input(args.template)
    try:
        fmt = make(Template(text))
        yaml = yaml_of(fmt, args.name, os.path.basename(os.path.abspath(args.template)),
                       hashlib.sha256(text.removesuffix('\n').encode()).hexdigest())
        yaml = with_values(yaml, [(BOS, 'bos_token', args.bos_token or token_of(config, 'bos_token'), '--bos-token'),
                                  (EOS, 'eos_token', args.eos_token or token_of(config, 'eos_token'), '--eos-token'),
                                  (DATE, 'date', args.date, '--date')])
    except jinja2.exceptions.TemplateError as e:
        sys.exit(f'chat_format.py: {args.template}: not a template: {e}')
    except CannotBe as e:
        sys.exit(f'chat_format.py: {args.template}: no format can do this: the template {e}')
    sys.stdout.write(yaml)


if __name__ == '__main__':
    main()
