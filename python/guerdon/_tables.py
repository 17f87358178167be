"""Commands over tables: rows go to the library as JSON lines in a folder beside the output, and what it writes becomes
columns.  The folder is there while the command runs; after it failed or was interrupted, --resume continues from it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
import tempfile
from itertools import islice
from typing import Any, Callable, Iterator, Optional, Sequence

import pyarrow as pa
import pyarrow.compute as compute

from . import _columns, _run, _shard, data
from ._command import FILTERS, Command
from ._errors import FileError, UsageError
from ._model import Model

STRUCTS = {
    'score': 'gd_file_options',
    'rank': 'gd_rank_options',
    'filter': 'gd_filter_options',
    'eval': 'gd_eval_options',
    'tokenize': 'gd_file_options',
}
ROW = 'guerdon row'  # a field that the rows of filter have on their way, to be known again


def _to_table(path: str) -> bool:
    """Whether an output is a table: by its name, or a folder for `datasets`."""
    return data.is_table(path) or (path != '-' and not os.path.splitext(path)[1])


class Run:
    """One command, with the files on its way."""

    def __init__(self, name: str, command: Command) -> None:
        self.name, self.command, self.call = name, command, command.call
        self.source, self.output = command.input, command.output
        self.table = data.is_table(self.source)
        self.lasting = bool(self.output) and self.output != '-'  # whether there is a place to resume from
        self.folder = self.output.rstrip('/') + '.guerdon' if self.lasting else tempfile.mkdtemp(prefix='guerdon-')
        self.prefix = command.own.get('prefix', '')
        self.failed = ''
        self.model: Any = None
        self.marker: Optional[_shard.Marker] = None
        self.rejects: Optional[str] = None
        self.annotate = False  # filter: scores are among the columns
        self.done = False  # a shard was complete before

    def open(self) -> Any:
        keywords = dict(self.command.model)
        return Model(keywords.pop('model'), **keywords) if 'model' in keywords else None

    def path(self, name: str) -> str:
        return os.path.join(self.folder, name)

    def start(self) -> None:
        """The folder, and in it the rows as the library reads them."""
        if not self.call.get('resume'):
            self.remove()
        os.makedirs(self.folder, exist_ok=True)
        self.records = self.path('in.jsonl') if self.table else self.source
        if self.table:
            with open(self.records, 'w', encoding='utf-8') as file:
                for row, record in enumerate(one for batch in data.read(self.source) for one in data.records(batch)):
                    if self.name == 'filter' and _to_table(self.output):
                        record[ROW] = row
                    file.write(json.dumps(record, default=str) + '\n')

    def remove(self) -> None:
        """Removes the folder: the lines first, for without them nothing in it is taken for a run."""
        with contextlib.suppress(OSError):
            os.remove(self.path('out.jsonl'))
        shutil.rmtree(self.folder, ignore_errors=True)

    def end(self, complete: bool) -> None:
        """Removes the folder, unless there is something to resume from."""
        done = self.path('out.jsonl')
        if complete or not self.lasting or not os.path.exists(done) or not os.path.getsize(done):
            self.remove()
        else:
            said = f'what is done is in {self.folder}; with --resume, the same command continues'
            print(f'guerdon: {said}', file=sys.stderr)

    def lines_for(self, key: str) -> tuple[Optional[str], Optional[str]]:
        """Where the library writes an output that the user named: there, or in the folder if it becomes a table."""
        wanted = self.call.get(key)
        if wanted and _to_table(wanted):
            self.call[key] = self.path(key + '.jsonl')
            return wanted, self.call[key]
        return None, wanted

    def ask(self, function: Callable[..., Any], lines: str, *more: Any, **how: Any) -> Any:
        """Calls the library, which writes lines that become a table, or are the output."""
        if _to_table(self.output):
            second = {self.rejects: self.path('rejects.jsonl')} if self.rejects else {}
            self.marker = _shard.Marker({self.output: lines, **second})
            self.marker.lay(bool(self.call.get('resume')))
        with self.marker.named() if self.marker else contextlib.nullcontext():
            result = function(self.model, self.records, lines, *more, **how)
        self.done = bool(self.marker and self.marker.complete(self.call.get('shards')))
        return result

    def rows(self) -> tuple[int, int]:
        """Which rows of the input the result has: the first, and the one after the last."""
        part = self.marker.part() if self.marker and self.call.get('shards') else None
        if part:
            return part
        with open(self.records, encoding='utf-8') as file:
            return 0, sum(1 for _ in file)

    def write(self, path: str, batches: Any) -> None:
        if self.done and self.marker:
            self.marker.check_columns(path, batches.schema)
            said = f'{path} has shard {self.call["shard"]}/{self.call["shards"]}, complete; nothing to do'
            print(f'guerdon: {said}', file=sys.stderr)
            return
        if self.marker:
            self.marker.remove()
        rows = data.write(path, batches)
        if not self.command.own.get('quiet'):
            print(f'{self.name}: {rows:,} rows in {path}', file=sys.stderr)

    def joined(self, lines: str, kind: str) -> 'pa.RecordBatchReader':
        """The input's rows with the columns of these lines."""
        source = data.read(self.source)
        schema = _columns.widened(source.schema, kind, self.prefix)

        def widen() -> Iterator[Any]:
            first, end = self.rows()
            spread = _run.spread(_run.read(lines), end, first)
            for batch in _shard.rows(source, first, end):
                new = _columns.arrays(kind, list(islice(spread, batch.num_rows)))
                yield pa.RecordBatch.from_arrays([*batch.columns, *new], schema=schema)

        return pa.RecordBatchReader.from_batches(schema, widen())

    def kind(self) -> str:
        return _columns.kind_of(data.read(self.source).schema.names, self.call.get('fields'))


def table_of_lines(path: str) -> 'pa.Table':
    """Lines as a table of their own, with a column for each member that some have."""
    lines = list(_run.read(path))
    names = list(dict.fromkeys(name for line in lines for name in line))
    return pa.table({name: pa.array([line.get(name) for line in lines]) for name in names})


def _needs_output(run: Run) -> None:
    if not run.output:
        raise UsageError('--output is missing: a file for the result')


def score(run: Run) -> None:
    if run.table and _to_table(run.output):
        _columns.widened(data.read(run.source).schema, run.kind(), run.prefix)  # before hours of work
    lines = run.path('out.jsonl') if _to_table(run.output) else run.output
    run.failed = run.ask(_run.score, lines, **run.call)
    if _to_table(run.output):
        run.write(run.output, run.joined(lines, run.kind()) if run.table else table_of_lines(lines))


def rank(run: Run) -> None:
    lines = run.path('out.jsonl') if _to_table(run.output) else run.output
    if run.call.get('pairs') and 'pairs_output' not in run.call:
        stem, ending = os.path.splitext(run.output)
        run.call['pairs_output'] = f'{stem}.pairs{ending}'
    pairs, pair_lines = run.lines_for('pairs_output')
    run.failed = run.ask(_run.rank, lines, **run.call)
    if pairs:
        run.write(pairs, table_of_lines(pair_lines or ''))
    if _to_table(run.output):
        own = run.table and not {'group_by', 'top', 'texts'} & set(run.call)
        run.write(run.output, run.joined(lines, 'ranking') if own else table_of_lines(lines))


def _chosen(run: Run, lines: str) -> 'pa.RecordBatchReader':
    """The rows of these lines, with sides swapped as they are there; with scores, if they were asked for."""
    source, renamed = data.read(run.source), _columns.mapping(run.call.get('fields'))
    sides = [renamed.get(side, side) for side in ('chosen', 'rejected')]
    kind, annotate = run.kind(), run.annotate
    new = [name for name in _columns.schema(kind).names if name.startswith('score')] if annotate else []
    schema = source.schema
    for name in new:
        schema = schema.append(pa.field(run.prefix + name, _columns.schema(kind).field(name).type))

    def pick() -> Iterator[Any]:
        found, (first, end) = _run.read(lines), run.rows()
        line = next(found, None)
        for batch in _shard.rows(source, first, end):
            mine = []
            while line is not None and line[ROW] < first + batch.num_rows:
                mine.append(line)
                line = next(found, None)
            kept = batch.take(pa.array([one[ROW] - first for one in mine], pa.int64()))
            first += batch.num_rows
            verdicts = [one.get('guerdon', {}) for one in mine]
            columns = _swapped(kept, sides, [bool(one.get('flipped')) for one in verdicts])
            scores = dict(zip(_columns.schema(kind).names, _columns.arrays(kind, verdicts)))
            yield pa.RecordBatch.from_arrays([*columns, *(scores[name] for name in new)], schema=schema)

    return pa.RecordBatchReader.from_batches(schema, pick())


def _swapped(batch: Any, sides: Sequence[str], flipped: list[bool]) -> list[Any]:
    columns = dict(zip(batch.schema.names, batch.columns))
    if any(flipped):
        mask, (left, right) = pa.array(flipped), [columns[side] for side in sides]
        columns[sides[0]], columns[sides[1]] = compute.if_else(mask, right, left), compute.if_else(mask, left, right)
    return list(columns.values())


def filter(run: Run) -> None:
    by, limit = run.command.filter_by()
    lines = run.path('out.jsonl') if _to_table(run.output) else run.output
    run.rejects, reject_lines = run.lines_for('rejects')
    rejects = run.rejects
    if rejects and not (run.table and _to_table(run.output)):
        raise UsageError('--rejects can be a table only if input and output are tables too')
    run.annotate = run.call.pop('annotate', False)
    annotate = run.annotate or _to_table(run.output)
    problem = (
        None if run.command.own.get('quiet') else lambda _, sentence: print(f'guerdon: {sentence}', file=sys.stderr)
    )
    result, run.failed = run.ask(_run.filter, lines, problem, by=by, limit=limit, annotate=annotate, **run.call)
    if _to_table(run.output):
        run.write(run.output, _chosen(run, lines) if run.table else table_of_lines(lines))
    if rejects:
        run.annotate = False
        run.write(rejects, _chosen(run, reject_lines or ''))
    if not run.command.own.get('quiet') and result and not run.done:
        print(
            ', '.join(f'{result[name]:,} {name}' for name in ('kept', 'flipped', 'rejected', 'failed')), file=sys.stderr
        )


def eval(run: Run) -> None:
    scores, score_lines = run.lines_for('scores')
    result, run.failed = _run.evaluate(run.model, run.records, **run.call)
    result.pop('details', None)
    print(json.dumps(result, indent=2))
    if scores:
        run.write(scores, run.joined(score_lines or '', run.kind()) if run.table else table_of_lines(score_lines or ''))


def tokenize(run: Run) -> None:
    lines = run.path('out.jsonl') if _to_table(run.output) else run.output
    run.failed = run.ask(lambda _, *files, **how: _run.tokenize(run.command.model, *files, **how), lines, **run.call)
    if _to_table(run.output):
        run.write(run.output, table_of_lines(lines))


RUNS = {'score': score, 'rank': rank, 'filter': filter, 'eval': eval, 'tokenize': tokenize}


def _check(run: Run) -> None:
    if run.name != 'eval':
        _needs_output(run)
    for path in (run.output, *(run.call.get(name) for name in ('pairs_output', 'rejects', 'scores'))):
        if path and not os.path.isdir(os.path.dirname(path) or '.'):
            raise FileError(f'{path}: the folder {os.path.dirname(path)} is not there', 'GD_EIO')
    scores = run.call.get('from_scores')
    if scores and data.is_table(scores):
        raise UsageError(
            f'--from-scores {scores}: scores are read from JSON lines, which score and eval write to a .jsonl'
        )
    if run.call.get('shards') and run.output:
        _check_shard(run)
    outputs = [run.output, run.call.get('pairs_output'), run.call.get('rejects'), run.call.get('scores')]
    _run.check_outputs(run.command.model, [run.source], [path for path in outputs if path])


def _check_shard(run: Run) -> None:
    """The parts of a table must have the same columns, and become files."""
    pairs = run.call.get('pairs_output') or (run.call.get('pairs') and run.output)
    if pairs and _to_table(pairs):
        raise UsageError('--shard: pairs of parts are joined as JSON lines: expected --pairs-output pairs-1.jsonl')
    if not _to_table(run.output):
        return
    if not run.table or run.name == 'tokenize' or {'group_by', 'top', 'texts'} & set(run.call):
        raise UsageError(
            '--shard: this command makes columns of what the lines of a part have, and parts may have different ones: '
            'expected an --output such as part-1.jsonl'
        )
    for path in (run.output, run.call.get('rejects')):
        if path and not data.is_file(path):
            raise UsageError(f'--shard: {path} would be a folder: expected a file such as part-1.parquet')


def run(name: str, arguments: Sequence[str]) -> int:
    """Runs a command; the exit status is 1 if some items failed."""
    more = {flag: 'number' for flag in FILTERS} if name == 'filter' else {'by': 'text'} if name == 'eval' else None
    one = Run(name, Command(STRUCTS[name], arguments, more))
    complete = False
    try:
        _check(one)
        one.model = None if name == 'tokenize' else one.open()
        one.start()
        RUNS[name](one)
        if one.marker and not one.done:
            one.marker.write()
        complete = True
    except (pa.ArrowException, OSError) as failure:  # of a damaged table
        if getattr(failure, 'errno', None):
            raise
        raise FileError(f'{one.source}: {" ".join(str(failure).split())}', 'GD_EIO') from failure
    finally:
        one.end(complete)
    if one.failed:
        print(f'guerdon: {one.failed}', file=sys.stderr)
    return 1 if one.failed else 0
