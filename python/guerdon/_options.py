"""Keywords of Python as structs of options: the structs say themselves what members they have, and of which type.

A keyword has the name of the program's flag, with _ for -; its value is what the flag takes: a text or a path, a
number, one of some words, True or False.
"""
from __future__ import annotations

import difflib
import os
from typing import Any, Iterable, Mapping

from ._errors import UsageError
from ._guerdon import ffi, lib

SWITCHES = {'dry_run', 'full', 'skip_unscored', 'resume', 'calibrate', 'annotate'}
HIDDEN = {'struct_size', 'report', 'problem', 'context', 'arguments', 'eval_count', 'no_share_prefix', 'more_adapters',
          'more_adapter_count'}
COUNTS = {'evals': 'eval_count', 'more_adapters': 'more_adapter_count'}
POSITIVE = {'threads', 'batch_tokens', 'max_length'}  # of which the structs' 0 says that they weren't given
UNITS = {'': 1, 'K': 1 << 10, 'M': 1 << 20, 'G': 1 << 30, 'T': 1 << 40}


def words(kind: Any) -> dict[str, int]:
    """The words for an enum, as the program has them: GD_TRUNCATE_OLDEST_TURNS is oldest-turns."""
    names = kind.elements
    prefix = os.path.commonprefix(list(names.values()))
    prefix = prefix[:prefix.rindex('_') + 1]
    found = {name[len(prefix):].lower().replace('_', '-'): value for value, name in names.items()}
    if prefix == 'GD_ADD_EOS_':  # "never" wins over what an adapter was trained with; no keyword doesn't
        found['never'] = found.pop('off')
    return found


def path_of(path: Any) -> str:
    """The path of a model, or a sentence."""
    try:
        found = os.fsdecode(os.fspath(path))
    except TypeError:
        found = ''
    if not found:
        raise UsageError(f'path={path!r}: expected the directory of a model, or its org/name')
    return found


def _size(name: str, value: Any) -> int:
    """2G, 1500M, 2GB or a number of bytes."""
    text = str(value).strip().upper()
    decimal = text.endswith('B') and not text.endswith('IB')
    digits = text.removesuffix('IB').removesuffix('B')
    unit = digits[-1:] if digits[-1:] in UNITS and digits[-1:] else ''
    try:
        factor = 1000 ** 'KMGT'.find(unit) * 1000 if decimal and unit else UNITS[unit]
        size = int(float(digits.removesuffix(unit)) * factor)
    except (ValueError, OverflowError):
        size = 0
    if isinstance(value, bool) or not 1 <= size < 1 << 63:
        raise UsageError(f'{name}={value!r}: expected a number of bytes, or a text such as "2G", "1.5G" or "900M"')
    return size


def _count(name: str, value: Any, kind: Any) -> int:
    least, most = int(name in POSITIVE), (1 << 8 * ffi.sizeof(kind)) - 1
    if isinstance(value, bool) or not hasattr(value, '__index__') or not least <= value.__index__() <= most:
        raise UsageError(f'{name}={value!r}: expected a whole number from {least} to {most}')
    return int(value.__index__())


def _number(name: str, value: Any) -> float:
    if isinstance(value, (bool, str, bytes)) or not (hasattr(value, '__float__') or hasattr(value, '__index__')):
        raise UsageError(f'{name}={value!r}: expected a number')
    return float(value)


def _text(name: str, value: Any) -> bytes:
    try:
        text = os.fsencode(os.fspath(value))
    except TypeError:
        raise UsageError(f'{name}={value!r}: expected a text or a path') from None
    if b'\0' in text:
        raise UsageError(f'{name}={value!r}: expected a text without a NUL character')
    return text


def _word(name: str, value: Any, kind: Any) -> int:
    choices = words(kind)
    if not isinstance(value, str) or value not in choices:
        raise UsageError(f'{name}={value!r}: expected {", ".join(sorted(choices, key=choices.__getitem__))}')
    return choices[value]


class Options:
    """A struct of options, and the memory that it points to."""

    def __init__(self, kind: str, keywords: Mapping[str, Any], fixed: Mapping[str, Any] = {}) -> None:
        self.struct = ffi.new(f'{kind} *')
        getattr(lib, f'{kind}_init_sized')(self.struct, ffi.sizeof(kind))
        self.fields = dict(ffi.typeof(kind).fields)
        self.kept: list[Any] = []
        for name in keywords:
            if name in fixed:
                raise UsageError(f'there is no keyword {name} here')
        for name, value in {**keywords, **fixed}.items():
            if value is not None:
                self._set(name, value, keywords)

    def names(self) -> list[str]:
        """The keywords that there are."""
        names = [name for name in self.fields if name not in HIDDEN]
        return names + (['share_prefix'] if 'no_share_prefix' in self.fields else [])

    def _set(self, name: str, value: Any, given: Iterable[str]) -> None:
        if name == 'share_prefix' and 'no_share_prefix' in self.fields:
            self.struct.no_share_prefix = not _switch(name, value)
        elif name not in self.fields or (name in HIDDEN and name in given):
            near = difflib.get_close_matches(name, self.names(), 1)
            hint = f'; did you mean {near[0]}?' if near else f': expected some of {", ".join(self.names())}'
            raise UsageError(f'there is no keyword {name}{hint}')
        else:
            self._convert(name, value, self.fields[name].type)

    def _convert(self, name: str, value: Any, kind: Any) -> None:
        if kind.cname == 'char *':
            setattr(self.struct, name, self._keep(_text(name, value)))
        elif kind.cname == 'char * *':
            self._list(name, value)
        elif kind.kind == 'struct':  # a gd_number
            number = getattr(self.struct, name)
            number.given, number.value = 1, _number(name, value)
        elif kind.kind == 'enum':
            setattr(self.struct, name, _word(name, value, kind))
        elif kind.kind in ('function', 'pointer'):
            setattr(self.struct, name, value)
        elif kind.cname in ('float', 'double'):
            setattr(self.struct, name, _number(name, value))
        elif kind.cname == 'int' or name in SWITCHES:
            setattr(self.struct, name, _switch(name, value))
        elif name == 'memory':
            self.struct.memory = _size(name, value)
        else:
            setattr(self.struct, name, _count(name, value, kind))

    def _keep(self, text: bytes) -> Any:
        self.kept.append(ffi.new('char[]', text))
        return self.kept[-1]

    def _list(self, name: str, value: Any) -> None:
        values = [value] if isinstance(value, (str, bytes, os.PathLike)) else list(value)
        pointers = ffi.new('char *[]', [self._keep(_text(name, one)) for one in values])
        self.kept.append(pointers)
        setattr(self.struct, name, pointers)
        setattr(self.struct, COUNTS[name], len(values))


def _switch(name: str, value: Any) -> int:
    if value not in (True, False):
        raise UsageError(f'{name}={value!r}: expected True or False')
    return int(value)
