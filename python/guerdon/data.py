"""Tables of records: Parquet, Arrow IPC, saved `datasets`, and what Python holds them in, through pyarrow.

    from guerdon import Model, data

    scored = data.score(Model(..), datasets.load_dataset(..)['train'])     # the same kind of table, with more columns
    data.write('scored.parquet', data.score(Model(..), data.read('data.parquet')))

Conversations are columns of LIST<STRUCT<role, content, ..>>, or of LIST<MAP>.  A null counts as absent: a struct has
all its members in every row.  Score, tokens and error become columns: score for texts; score_chosen, score_rejected
and score_margin for pairs; scores, a list, for answers to a prompt.
"""

from __future__ import annotations

import glob
import json
import os
import tempfile
from typing import Any, Iterable, Iterator

try:
    import pyarrow as pa
except ImportError as missing:
    raise ImportError('guerdon.data needs pyarrow: pip install pyarrow', name='pyarrow') from missing

from . import _columns, _run
from ._errors import FileError, FormatError, UsageError
from ._scorer import plain

ARROW = ('.arrow', '.feather', '.ipc')
ROWS = 1024  # of a batch


def is_file(path: Any) -> bool:
    """Whether this is the name of a table that is one file."""
    return bool(os.fspath(path).lower().endswith(('.parquet', *ARROW)))


def is_table(path: Any) -> bool:
    """Whether this is a file or folder that is read here: what the library can't read itself."""
    return is_file(path) or os.path.isfile(os.path.join(path, 'state.json'))


def read(path: 'str | os.PathLike[str]') -> 'pa.RecordBatchReader':
    """The batches of a Parquet or Arrow file, or of several by a pattern, sorted by their names; or of a data set that
    `datasets` saved to disk."""
    try:
        paths = [os.fspath(path)] if os.path.exists(path) else sorted(glob.glob(os.fspath(path)))
        if not paths:
            raise FileError(f'{path}: no such file or directory', 'GD_EIO')
        return _read(paths[0]) if len(paths) == 1 else _several(paths)
    except (OSError, pa.ArrowInvalid) as failure:
        raise FileError(f'{path} cannot be read: {failure}', 'GD_EIO') from failure


def _several(paths: list[str]) -> 'pa.RecordBatchReader':
    """The batches of several files, which have the same columns."""
    schema = _read(paths[0]).schema
    for path in paths[1:]:
        if not _read(path).schema.equals(schema):
            what = f'{path} has other columns than {paths[0]}: expected the same names and types'
            raise FormatError(what, 'GD_EFORMAT')
    return pa.RecordBatchReader.from_batches(schema, (batch for path in paths for batch in _read(path)))


def _read(path: str) -> 'pa.RecordBatchReader':
    if path.lower().endswith('.parquet'):
        import pyarrow.parquet as parquet

        file = parquet.ParquetFile(path)
        return pa.RecordBatchReader.from_batches(file.schema_arrow, file.iter_batches(ROWS))
    if os.path.isdir(path):
        import datasets

        return reader(datasets.load_from_disk(path))
    source = pa.memory_map(path)
    try:
        return (
            pa.ipc.open_file(source).to_reader() if hasattr(pa.ipc.RecordBatchFileReader, 'to_reader') else _ipc(source)
        )
    except pa.ArrowInvalid:  # the other form of Arrow's files, that of `datasets`
        source.seek(0)
        return pa.ipc.open_stream(source)


def _ipc(source: Any) -> 'pa.RecordBatchReader':
    file = pa.ipc.open_file(source)
    batches = (file.get_batch(i) for i in range(file.num_record_batches))
    return pa.RecordBatchReader.from_batches(file.schema, batches)


def reader(source: Any) -> 'pa.RecordBatchReader':
    """The batches of a table: of pyarrow, polars, pandas or `datasets`, or anything else with __arrow_c_stream__."""
    if isinstance(source, (str, os.PathLike)):
        return read(source)
    if isinstance(source, pa.RecordBatch):
        return pa.RecordBatchReader.from_batches(source.schema, [source])
    if hasattr(source, 'with_format') and hasattr(source, 'features'):  # a Dataset, whose rows may be chosen by indices
        table = source.with_format('arrow')
        batches = (batch for part in table.iter(ROWS) for batch in part.to_batches())
        return pa.RecordBatchReader.from_batches(source.features.arrow_schema, batches)
    if hasattr(source, 'to_reader'):
        return source.to_reader(ROWS)
    if hasattr(source, '__arrow_c_stream__'):
        return pa.RecordBatchReader.from_stream(source)
    if hasattr(source, 'iloc'):
        return pa.Table.from_pandas(source, preserve_index=False).to_reader(ROWS)
    raise UsageError(
        f'{type(source).__name__} is not a table: expected one of pyarrow, pandas, polars or datasets, or a path'
    )


def records(batch: Any) -> Iterator[dict[str, Any]]:
    """The rows of a batch or table as records, without what is null and without columns of bytes."""
    wanted = [
        field.name
        for field in batch.schema
        if not pa.types.is_binary(field.type) and not pa.types.is_large_binary(field.type)
    ]
    for row in batch.select(wanted).to_pylist(maps_as_pydicts='lossy'):
        yield plain(row)


def write_records(path: str, batches: Iterable[Any]) -> None:
    """Writes the rows of batches as JSON lines, for the library."""
    with open(path, 'w', encoding='utf-8') as file:
        for batch in batches:
            for record in records(batch):
                file.write(json.dumps(record, default=str) + '\n')


def lines(model: Any, batch: Any, kind: str, **how: Any) -> list[dict[str, Any]]:
    """What the library writes for each row of a batch.  A server is sent the fields that make up the record."""
    if not hasattr(model, '_use'):
        renamed = _columns.mapping(how.get('fields'))
        items = [
            {ours: row[renamed.get(ours, ours)] for ours in _columns.RECORD if renamed.get(ours, ours) in row}
            for row in records(batch)
        ]
        return _columns.lines_of(kind, model.items(items))
    with tempfile.TemporaryDirectory(prefix='guerdon-') as folder:
        source, output = os.path.join(folder, 'in.jsonl'), os.path.join(folder, 'out.jsonl')
        write_records(source, [batch])
        _run.score(model, source, output, **how)
        return list(_run.spread(_run.read(output), batch.num_rows))


def scored(model: Any, batches: 'pa.RecordBatchReader', *, prefix: str = '', **how: Any) -> 'pa.RecordBatchReader':
    """The same batches with more columns, each scored when it is asked for."""
    kind = _columns.kind_of(batches.schema.names, how.get('fields'))
    schema = _columns.widened(batches.schema, kind, prefix)

    def widen() -> Iterator['pa.RecordBatch']:
        for batch in batches:
            new = _columns.arrays(kind, lines(model, batch, kind, **how))
            yield pa.RecordBatch.from_arrays([*batch.columns, *new], schema=schema)

    return pa.RecordBatchReader.from_batches(schema, widen())


def score(model: Any, source: Any, *, prefix: str = '', **how: Any) -> Any:
    """A table with its scores: a Dataset for a Dataset, a DataFrame of pandas or polars for one, else a pyarrow.Table.

    model: a guerdon.Model or Client; prefix: of the names of the new columns; fields: as --fields, for a Model.
    """
    table = scored(model, reader(source), prefix=prefix, **how).read_all()
    if hasattr(source, 'with_format') and hasattr(source, 'features'):
        return type(source)(table)
    if hasattr(source, 'iloc'):
        return table.to_pandas()
    if type(source).__module__.split('.')[0] == 'polars':
        import polars

        return polars.from_arrow(table)
    return table


def write(path: 'str | os.PathLike[str]', source: Any) -> int:
    """Writes a table to a Parquet or Arrow file, or to a folder for `datasets`, and returns its number of rows.  A file
    is there when it is complete."""
    batches, path = reader(source), os.fspath(path)
    if not is_file(path):
        import datasets

        table = batches.read_all()
        datasets.Dataset(table).save_to_disk(path)
        return int(table.num_rows)
    rows, unfinished = 0, path + '.part'
    try:
        with _writer(path, unfinished, batches.schema) as to:
            for batch in batches:
                to.write_batch(batch)
                rows += batch.num_rows
        os.replace(unfinished, path)
    except BaseException:
        if os.path.exists(unfinished):
            os.remove(unfinished)
        raise
    return rows


def _writer(path: str, unfinished: str, schema: 'pa.Schema') -> Any:
    if path.lower().endswith('.parquet'):
        import pyarrow.parquet as parquet

        return parquet.ParquetWriter(unfinished, schema)
    return pa.ipc.new_file(unfinished, schema)


def like(batch: Any, table: 'pa.Table') -> Any:
    """The table in the form that a framework gave a batch in: a dict of arrays, a DataFrame or a table."""
    if isinstance(batch, dict):
        new = [name for name in table.column_names if name not in batch]
        return {**batch, **{name: table[name].to_numpy(zero_copy_only=False) for name in new}}
    return table.to_pandas() if hasattr(batch, 'iloc') else table


def table_of(batch: Any) -> 'pa.Table':
    """A batch of a framework as a table."""
    if isinstance(batch, dict):
        numbers = {name for name, values in batch.items() if getattr(values, 'ndim', 0) == 1 and values.dtype != object}
        return pa.table(
            {name: pa.array(values if name in numbers else plain(values)) for name, values in batch.items()}
        )
    return reader(batch).read_all()


def records_of(path: 'str | os.PathLike[str]') -> Iterator[dict[str, Any]]:
    """The records of a table, or of JSON lines."""
    if is_table(path):
        for batch in read(path):
            yield from records(batch)
        return
    try:
        with open(path, encoding='utf-8') as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield _record(line, f'{path}: line {number}')
    except OSError as failure:
        raise FileError(f'{path} cannot be read: {failure.strerror}', 'GD_EIO') from failure


def _record(line: str, where: str) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except ValueError as failure:
        raise FormatError(f'{where} is not JSON: {failure}', 'GD_EFORMAT') from failure
    if not isinstance(record, dict):
        raise FormatError(f'{where} is {line[:40]!r}: expected a JSON object', 'GD_EFORMAT')
    return record
