"""Scores as columns of Arrow: which ones a table gets, and their values from what the library wrote or returned."""

from __future__ import annotations

from typing import Any, Iterable, Mapping, Sequence

import pyarrow as pa

from ._errors import UsageError

RECORD = ('text', 'prompt', 'response', 'responses', 'chosen', 'rejected', 'messages', 'system', 'tools')
ONE, LIST = pa.float32(), pa.list_(pa.float32())
KINDS = {
    'text': [('score', ONE), ('tokens', pa.int32())],
    'pair': [
        ('score_chosen', ONE),
        ('score_rejected', ONE),
        ('score_margin', ONE),
        ('tokens_chosen', pa.int32()),
        ('tokens_rejected', pa.int32()),
    ],
    'answers': [('scores', LIST), ('tokens', pa.list_(pa.int32()))],
    'ranking': [
        ('scores', LIST),
        ('ranks', pa.list_(pa.int32())),
        ('best', pa.int32()),
        ('score_margin', ONE),
        ('ties', pa.int32()),
        ('tokens', pa.list_(pa.int32())),
    ],
}
ALWAYS = [('truncated', pa.bool_()), ('error', pa.string())]


def mapping(fields: Any) -> dict[str, str]:
    """fields="chosen=good,prompt=_" as a dict."""
    return (
        dict(one.split('=', 1) for one in fields.split(',') if '=' in one)
        if isinstance(fields, str)
        else dict(fields or {})
    )


def kind_of(names: Iterable[str], fields: Any = None) -> str:
    """What the rows of a table are, by the names of its columns."""
    names, renamed = set(names), mapping(fields)
    there = {name for name in RECORD if renamed.get(name, name) in names}
    if {'chosen', 'rejected'} <= there:
        return 'pair'
    if 'responses' in there:
        return 'answers'
    if there & {'text', 'messages', 'response'}:
        return 'text'
    raise UsageError(
        f'the table has the columns {", ".join(sorted(names))}: expected text, or messages, or prompt and response, '
        'or chosen and rejected, or prompt and responses; fields="text=COLUMN" names another'
    )


def schema(kind: str, prefix: str = '') -> 'pa.Schema':
    """The columns that a table of this kind gets."""
    return pa.schema([(prefix + name, type_) for name, type_ in KINDS[kind] + ALWAYS])


def widened(table: 'pa.Schema', kind: str, prefix: str = '') -> 'pa.Schema':
    """The schema of a table with its new columns."""
    new = schema(kind, prefix)
    taken = sorted(set(table.names) & set(new.names))
    if taken:
        raise UsageError(
            f'the table has the column {taken[0]} already, which the scores would get: give another prefix, such as '
            'prefix="guerdon_"'
        )
    return pa.schema([*table, *new], metadata=table.metadata)


def _values(kind: str, line: Mapping[str, Any]) -> list[Any]:
    """The values of a line that the library wrote, in the order of KINDS; none if it is of another kind."""
    tokens = line.get('tokens')
    if kind == 'text' and 'score' in line:
        return [line['score'], tokens]
    if kind == 'pair' and 'chosen' in line:
        return [line['chosen'], line['rejected'], line['margin'], *(tokens or (None, None))]
    if kind == 'answers' and 'scores' in line:
        return [line['scores'], tokens]
    if kind == 'ranking' and 'ranks' in line:
        return [line['scores'], line['ranks'], line['best'], line['margin'], line['ties'], tokens]
    return []


def _row(kind: str, line: Mapping[str, Any]) -> list[Any]:
    values, error = _values(kind, line), line.get('error')
    if not values and not line.get('dropped') and error is None:
        error = f'this row has other fields than most: its scores do not belong into columns for {kind}'
    return (values or [None] * len(KINDS[kind])) + [bool(line.get('truncated')), error]


def arrays(kind: str, lines: Sequence[Mapping[str, Any]]) -> list['pa.Array']:
    """The new columns for these lines, one of which stands for each row."""
    rows = [_row(kind, line) for line in lines]
    columns = zip(*rows) if rows else [[] for _ in KINDS[kind] + ALWAYS]
    return [pa.array(list(values), type_) for values, (_, type_) in zip(columns, KINDS[kind] + ALWAYS)]


def line_of(item: Any) -> dict[str, Any]:
    """A guerdon.Item as the line that the library writes for it."""
    line: dict[str, Any] = {'error': item.error, 'truncated': item.truncated, 'dropped': item.dropped}
    return line if item.error is not None or item.dropped else {**line, 'scores': item.scores, 'tokens': item.tokens}


def lines_of(kind: str, items: Iterable[Any]) -> list[dict[str, Any]]:
    """Results of items of one kind as lines."""
    lines = [line_of(item) for item in items]
    for line in lines:
        scores, tokens = line.get('scores'), line.get('tokens')
        if scores is None or tokens is None:
            continue
        if kind == 'text' and len(scores) == 1:
            line.update(score=scores[0], tokens=tokens[0])
        elif kind == 'pair' and len(scores) == 2:
            line.update(chosen=scores[0], rejected=scores[1], margin=scores[0] - scores[1])
    return lines
