"""Scores for Ray Data.

scored = ds.map_batches(guerdon.ray.Scorer, fn_constructor_kwargs={'model': 'path/of/a/reward/model'},
                        batch_size=256, batch_format='pyarrow', compute=ray.data.ActorPoolStrategy(size=1))
"""

from __future__ import annotations

from typing import Any, Optional

from . import data
from ._scorer import Scorer as _Scorer


class Scorer:
    """A class for map_batches: each actor opens the model once.  Batches get the columns of guerdon.data.

    Answers to one prompt in one batch are computed with it once, so sort by the prompt, and let batches be large.
    threads: as many as the actor has CPUs (num_cpus=); prefix and fields as in guerdon.data.score; other keywords are
    those of guerdon.Model, or of guerdon.Client with url.
    """

    def __init__(
        self,
        model: Optional[str] = None,
        url: Optional[str] = None,
        prefix: str = '',
        fields: Any = None,
        **options: Any,
    ) -> None:
        self.model = _Scorer(model, url, **options).open()
        self.how = {'prefix': prefix, **({'fields': fields} if fields else {})}

    def __call__(self, batch: Any) -> Any:
        return data.like(batch, data.score(self.model, data.table_of(batch), **self.how))
