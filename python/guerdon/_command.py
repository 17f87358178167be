"""A command line as keywords: the flags of the program `guerdon`, by the library's structs."""

from __future__ import annotations

import re
from typing import Any, Optional, Sequence

from ._errors import UsageError
from ._guerdon import ffi
from ._options import SWITCHES

OWN = {'quiet': 'switch', 'prefix': 'text'}
FILTERS = {
    'min_score': 'min-score',
    'min_margin': 'min-margin',
    'top_fraction': 'top-fraction',
    'flip_below': 'flip-below',
}
NO_FLAG = {'struct_size', 'arguments', 'problem', 'report', 'context', 'by', 'limit', 'no_share_prefix', 'dry_run'}
NO_FLAG |= {'evals', 'eval_count', 'shards'}


def flags_of(struct: str) -> dict[str, str]:
    """The flags of a struct of options, with the type of their values."""
    found = {}
    for name, field in ffi.typeof(struct).fields:
        kind = field.type
        if kind.cname in ('char *', 'char * *') or name == 'shard':
            found[name] = 'text'
        elif name in SWITCHES or kind.cname == 'int':
            found[name] = 'switch'
        elif kind.cname in ('float', 'double') or kind.kind == 'struct':
            found[name] = 'number'
        elif kind.kind == 'primitive' and name != 'memory':
            found[name] = 'count'
        else:
            found[name] = 'text'
    return {name: kind for name, kind in found.items() if name not in NO_FLAG}


def _value(flag: str, kind: str, text: str) -> Any:
    try:
        if kind == 'onoff':
            return {'on': True, 'off': False}[text]
        return int(text) if kind == 'count' else float(text) if kind == 'number' else text
    except (ValueError, KeyError):
        expected = {'count': 'a whole number', 'number': 'a number', 'onoff': 'on or off'}[kind]
        raise UsageError(f'{flag} {text}: expected {expected}') from None


def parse(arguments: Sequence[str], known: dict[str, str]) -> tuple[dict[str, Any], list[str]]:
    """Keywords by the flags, and the other arguments."""
    keywords: dict[str, Any] = {}  # of a flag that may be repeated, lists
    rest, queue = [], list(arguments)
    while queue:
        word = queue.pop(0)
        if not word.startswith('--'):
            rest.append(word)
            continue
        flag, _, text = word.partition('=')
        name = flag[2:].replace('-', '_')
        if name not in known:
            raise UsageError(
                f'{flag} is not a flag of this command: expected some of '
                f'{", ".join("--" + one.replace("_", "-") for one in sorted(known))}'
            )
        if known[name] == 'switch':
            if '=' in word:
                raise UsageError(f'{flag} takes no value')
            keywords[name] = True
            continue
        if '=' not in word and not queue:
            raise UsageError(f'{flag} needs a value')
        value = text if '=' in word else queue.pop(0)
        if known[name] == 'texts':
            keywords.setdefault(name, []).append(value)
        else:
            keywords[name] = _value(flag, known[name], value)
    return keywords, rest


def _shard(text: Optional[str]) -> dict[str, int]:
    """--shard I/N as the library has it."""
    if text is None:
        return {}
    found = re.fullmatch('([0-9]{1,9})/([1-9][0-9]{0,8})', text)
    if not found:
        raise UsageError(f'--shard {text}: expected I/N, such as 1/4')
    part, of = int(found[1]), int(found[2])
    if not 1 <= part <= of:
        raise UsageError(f'--shard {text}: expected a part from 1 to {of}; parts count from 1')
    return {'shard': part, 'shards': of}


class Command:
    """What a command was asked to do: keywords for the model, for the call, and of this module."""

    def __init__(self, struct: str, arguments: Sequence[str], more: Optional[dict[str, str]] = None) -> None:
        model = {**flags_of('gd_options'), 'share_prefix': 'onoff'}
        call = {**flags_of(struct), **(more or {})}
        keywords, rest = parse(arguments, {**OWN, **model, **call})
        if rest:
            raise UsageError(f'{rest[0]} is not a flag: texts are scored by the program guerdon, and files by --input')
        self.own = {name: keywords.pop(name) for name in OWN if name in keywords}
        self.call = {name: keywords.pop(name) for name in call if name in keywords}
        self.model = keywords
        self.call.update(_shard(self.call.get('shard')))
        self.input, self.output = self.call.pop('input', None), self.call.pop('output', None)
        if not self.model.get('model') and not self.call.get('from_scores'):
            raise UsageError('--model is missing: a checkpoint directory')
        if not self.input:
            raise UsageError('--input is missing: a file of records')

    def filter_by(self) -> tuple[str, float]:
        """How filter decides, which is one flag of the program."""
        given = [name for name in FILTERS if name in self.call]
        if len(given) != 1:
            raise UsageError(
                f'expected one of {", ".join("--" + word for word in FILTERS.values())}; {len(given)} were given'
            )
        return FILTERS[given[0]], self.call.pop(given[0])
