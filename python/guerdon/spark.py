"""Scores for Spark.

    scored = guerdon.spark.score(df, model='path/of/a/reward/model')       # the same rows, with more columns
    df.mapInArrow(guerdon.spark.scorer(model=DIR), guerdon.spark.schema(df))       # what that does

The model must be in the same place on all machines.  With Spark's spark.task.cpus=N, give threads=N.
"""

from __future__ import annotations

from typing import Any, Callable, Iterator, Optional

from . import _columns, data
from ._scorer import Scorer


def scorer(
    model: Optional[str] = None,
    url: Optional[str] = None,
    prefix: str = '',
    fields: Optional[str] = None,
    **options: Any,
) -> Callable[[Iterator[Any]], Iterator[Any]]:
    """A function for mapInArrow: opens the model once for each task.  Other keywords are those of guerdon.Model, or of
    guerdon.Client with url."""
    source = Scorer(model, url, **options)
    how = {'prefix': prefix, **({'fields': fields} if fields else {})}

    def run(batches: Iterator[Any]) -> Iterator[Any]:
        opened = source.open()
        for batch in batches:
            yield from data.scored(opened, data.reader(batch), **how)

    return run


def schema(df: Any, prefix: str = '', fields: Optional[str] = None) -> Any:
    """The schema that mapInArrow needs: that of the DataFrame, and the new columns."""
    from pyspark.sql.pandas.types import from_arrow_schema, to_arrow_schema

    before = to_arrow_schema(df.schema)
    _columns.widened(before, _columns.kind_of(df.columns, fields), prefix)  # refuses a name that is taken
    new = from_arrow_schema(_columns.schema(_columns.kind_of(df.columns, fields), prefix))
    return type(df.schema)([*df.schema.fields, *new.fields])


def score(
    df: Any,
    model: Optional[str] = None,
    url: Optional[str] = None,
    prefix: str = '',
    fields: Optional[str] = None,
    **options: Any,
) -> Any:
    """A DataFrame with its scores."""
    return df.mapInArrow(scorer(model, url, prefix, fields, **options), schema(df, prefix, fields))
