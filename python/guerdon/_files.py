"""Records in memory where the library reads a file."""
from __future__ import annotations

import contextlib
import json
import os
import tempfile
from typing import Any, Iterable, Iterator, Union

from ._errors import UsageError
from ._results import Item

Input = Union[str, 'os.PathLike[str]', Iterable[Any]]


def record(value: Any) -> Any:
    """What stands for this item in a file: texts and conversations become records."""
    if isinstance(value, str):
        return {'text': value}
    if isinstance(value, (list, tuple)) and value and all(isinstance(one, dict) for one in value):
        return {'messages': list(value)}
    if isinstance(value, dict):
        return value
    raise UsageError(f'{value!r:.80}: expected a text, a conversation or a record')


def write(path: str, records: Iterable[Any]) -> None:
    """Writes JSON lines."""
    with open(path, 'w', encoding='utf-8') as file:
        for one in records:
            json.dump(record(one), file)
            file.write('\n')


@contextlib.contextmanager
def as_path(given: Input) -> Iterator[str]:
    """A path as it is; records as a file of JSON lines, for as long as the call lasts."""
    if isinstance(given, (str, os.PathLike)):
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
    return [record(one) for one in given]
