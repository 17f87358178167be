"""Records in memory where the library reads a file."""
from __future__ import annotations

import contextlib
import json
import os
import tempfile
from typing import Any, Iterable, Iterator, Mapping, Union

from . import _items
from ._errors import UsageError, shown
from ._results import Item

Input = Union[str, 'os.PathLike[str]', Iterable[Any]]


def record(value: Any, where: str) -> Any:
    """What stands for this item in a file: texts, conversations and pairs become records."""
    if isinstance(value, str):
        return {'text': value}
    if _items.is_conversation(value):
        return {'messages': list(value)}
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (tuple, list)) and len(value) in (2, 3):
        return _items.pair(value, where)
    raise UsageError(f'{where} is {shown(value)}: expected a text, a conversation, a pair or a record')


def write(path: str, values: Iterable[Any]) -> None:
    """Writes JSON lines."""
    with open(path, 'w', encoding='utf-8') as file:
        for one in records(values):
            json.dump(one, file, default=_items.plain)
            file.write('\n')


@contextlib.contextmanager
def as_path(given: Input) -> Iterator[str]:
    """A path as it is; records as a file of JSON lines, for as long as the call lasts."""
    if isinstance(given, (str, os.PathLike)):
        if not os.fspath(given):
            raise UsageError('the path of the records is empty: expected a file, or a list of records')
        yield os.fspath(given)
        return
    with tempfile.TemporaryDirectory(prefix='guerdon-') as folder:
        path = os.path.join(folder, 'records.jsonl')
        write(path, given)
        yield path


def read(path: str) -> list[Any]:
    """Reads JSON lines."""
    with open(path, encoding='utf-8') as file:
        return [json.loads(line) for line in file]


def _line(item: Item) -> dict[str, Any]:
    if item.error is not None:
        return {'index': item.index, 'error': item.error}
    scores = [float(f'{score:.9g}') for score in item.scores]
    if len(scores) == 2:
        named = {'chosen': scores[0], 'rejected': scores[1], 'margin': float(f'{item.margin:.9g}')}
        return {'index': item.index, **named, 'tokens': item.tokens}
    return {'index': item.index, 'scores': scores, 'tokens': item.tokens}


def write_scores(path: str, items: Iterable[Item]) -> None:
    """Writes scores of pairs as `guerdon score` does; items that were dropped have no line."""
    with open(path, 'w', encoding='utf-8') as file:
        for item in (one for one in items if not one.dropped):
            file.write(json.dumps(_line(item)) + '\n')


def records(given: Input) -> list[Any]:
    """Records in memory, or those of a file of JSON lines."""
    if isinstance(given, (str, os.PathLike)):
        return read(os.fspath(given))
    return [record(one, f'record {index}') for index, one in enumerate(_items.listed(given, 'record'))]
