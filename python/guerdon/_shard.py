"""--shard I/N of a table: which rows a part has, and OUTPUT.done.

The library writes its lines, and beside them lines.done, in the folder of the run.  When the table is written, that
file goes beside it, with the table's own size and digest.  Whatever OUTPUT.done is there before lies beside the lines
when the library begins, so that it says itself whether that is of this run.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from typing import Any, Iterable, Iterator, Optional, Sequence

from . import data
from ._errors import Error, FileError, FormatError

FORMAT = 'guerdon-shard/1'
OUTPUTS = re.compile(r'"outputs":\[[^]]*\]')
LAID = {'bytes': 0, 'sha256': ''}  # an output in a marker that lay() wrote; no run of the library has such a digest


def rows(batches: Iterable[Any], first: int, end: int) -> Iterator[Any]:
    """The rows of batches from number `first` to before `end`."""
    at = 0
    for batch in batches:
        low, high = max(first - at, 0), min(end - at, batch.num_rows)
        if low < high:
            yield batch.slice(low, high - low)
        at += batch.num_rows
        if at >= end:
            return


def _text(path: str) -> str:
    """What a marker has; of a folder, a pipe or a link to nowhere nothing, which no marker has."""
    try:
        with open(path if os.path.isfile(path) else os.devnull, encoding='utf-8', errors='replace') as file:
            return file.read()
    except OSError:
        return ''


def _said(text: str) -> Optional[dict[str, Any]]:
    """What a marker says; None of a file that is another's."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return said if isinstance(said, dict) and said.get('format') == FORMAT else None


def _read(path: str) -> Optional[dict[str, Any]]:
    """What a marker says; None if there is none, or the file is another's."""
    return _said(_text(path))


def _remove(*paths: str) -> None:
    """Removes those of the files that are there."""
    for path in paths:
        if os.path.lexists(path):
            os.remove(path)


def _digest(path: str) -> dict[str, Any]:
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return {'bytes': os.path.getsize(path), 'sha256': digest.hexdigest()}


def _put_outputs(text: str, outputs: Sequence[Any]) -> str:
    """The line of a marker with these outputs, and not a digit of the rest changed."""
    return OUTPUTS.sub('"outputs":' + json.dumps(outputs, separators=(',', ':')), text, count=1)


def _replace(path: str, text: str) -> None:
    """Writes a file at once."""
    with open(path + '.part', 'w', encoding='utf-8') as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(path + '.part', path)


class Marker:
    """OUTPUT.done of tables, each of which is made of lines: {table: lines}, the output first."""

    def __init__(self, tables: dict[str, str]) -> None:
        self.tables = tables
        self.output, self.lines = next(iter(tables.items()))
        self.path, self.inner = self.output + '.done', self.lines + '.done'
        self.there: list[Any] = []  # the outputs of an earlier run, if the library is asked about them

    def lay(self, resume: bool) -> None:
        """Before the library begins: lays what is there beside its lines, unless a run is under way there.  To the
        library, a table that is complete is lines of no bytes."""
        self._take_away()
        if not os.path.lexists(self.path) or os.path.exists(self.lines):
            return
        text = _text(self.path)
        said = _said(text) if resume else None
        if said:
            self.there, count = self._outputs(said), len(self.tables)
            _replace(self.inner, _put_outputs(text, [LAID] * count + self.there[count:]))
            for lines in self.tables.values():
                open(lines, 'w', encoding='utf-8').close()
        else:
            _replace(self.inner, text)

    def _take_away(self) -> None:
        """What a run laid here that was killed: its lines of no bytes must not be taken for those of a part."""
        outputs = (_read(self.inner) or {}).get('outputs')
        if isinstance(outputs, list) and LAID in outputs:
            _remove(*self.tables.values(), self.inner)
        elif not os.path.exists(self.lines):
            _remove(self.inner)

    def _outputs(self, said: dict[str, Any]) -> list[Any]:
        """Of each output, its bytes and digest, or None of a pipe."""
        found = said.get('outputs')
        if isinstance(found, list) and found:
            if all(one is None or (isinstance(one, dict) and isinstance(one.get('bytes'), int)) for one in found):
                return found
        raise self._malformed()

    @contextlib.contextmanager
    def named(self) -> Iterator[None]:
        """What the library says of its lines is about the tables; but a run under way has its journal in the folder."""
        try:
            yield
        except Error as failure:
            said = str(failure)
            for table, lines in self.tables.items():
                said = re.sub(re.escape(lines) + r'(?!\.resume)', table.replace('\\', r'\\'), said)
            failure.args = (said,)
            raise

    def complete(self, shard: Any) -> bool:
        """Whether the library, asked for this shard, found that the tables are those of an earlier run, complete."""
        if not shard or not self.there:
            return False
        if len(self.there) < len(self.tables):
            raise self._malformed()
        for table, was in zip(self.tables, self.there):
            if not os.path.exists(table):
                raise self._differs(f'{table} is not there, but {self.path} says that it is done')
            size = os.path.getsize(table)
            if was and size != was['bytes']:
                what = f'{table} has {size} bytes, but {was["bytes"]} when it was done, as {self.path} says'
                raise self._differs(what)
        return True

    def _malformed(self) -> Error:
        what = f'{self.path} does not say in outputs how many bytes each output has'
        return FormatError(f'{what}; remove it to start afresh', 'GD_EFORMAT')

    def _differs(self, what: str) -> Error:
        return FileError(f'{what}; remove {self.path} to start afresh', 'GD_EIO')

    def check_columns(self, table: str, schema: Any) -> None:
        """Flags for columns, such as --prefix, are none of what the library compares.  Types are not compared: not
        every type of Arrow is the same after it was in a Parquet file."""
        if data.read(table).schema.names != schema.names:
            raise self._differs(f'{table} is complete, but has other columns than this run would write')

    def part(self) -> Optional[tuple[int, int]]:
        """The rows of the part that the library has written: the first, and the one after the last."""
        said = _read(self.inner)
        if said is None:
            return None
        first = said['first'] or 0
        return first, first + said['items']

    def remove(self) -> None:
        """Before a table is written: what the marker says is no longer so.  A file of somebody else's stays."""
        if _read(self.path):
            os.remove(self.path)

    def write(self) -> None:
        """When all tables are written; without a shard, there is no marker."""
        text = _text(self.inner)
        said = _said(text)
        if said is None:
            return
        mine = [_digest(table) for table in self.tables]
        _replace(self.path, _put_outputs(text, mine + said['outputs'][len(mine):]))
