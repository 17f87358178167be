"""What calls return."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Iterator, Optional

from ._arrays import float32, floats
from ._call import STATUSES, text_of
from ._errors import Error, UsageError, make
from ._guerdon import ffi


@dataclass(frozen=True)
class Item:
    """The result of an item: a text, a pair (the chosen text first), or several answers."""

    index: int
    status: str  # "GD_OK", or what was wrong, such as "GD_ETOOLONG"
    error: Optional[str]  # a sentence, if the item failed
    scores: list[float]  # one for each text; none if the item failed or was dropped
    tokens: list[int]  # the number of tokens of each text
    truncated: bool = False
    dropped: bool = False
    steps: Optional[list[list[float]]] = None  # of each text, for a model that scores steps
    labels: Optional[list[dict[str, float]]] = None  # of each text, for a model that has values with names
    ids: Optional[list[list[int]]] = None  # of each text, where they were asked for in place of scores

    @property
    def score(self) -> float:
        """The first score; NaN if there is none."""
        return self.scores[0] if self.scores else float('nan')

    @property
    def margin(self) -> float:
        """The first score minus the second, in float32; NaN if there aren't two."""
        return float32(self.scores[0] - self.scores[1]) if len(self.scores) > 1 else float('nan')

    def failure(self) -> Optional[Error]:
        """The item's error as an exception, or None."""
        return make(self.status, f'item {self.index}: {self.error}', self) if self.error is not None else None


@dataclass(frozen=True)
class Pairs:
    """Scores of preference pairs, each an array of float32."""

    chosen: Any
    rejected: Any
    margins: Any  # chosen - rejected

    def __len__(self) -> int:
        return len(self.margins)


@dataclass(frozen=True)
class Ranking:
    """Answers to a prompt, ranked as `guerdon rank` does."""

    scores: Any  # of each answer, an array of float32
    ranks: list[int]  # of each answer, from 1; equal scores share a rank
    order: list[int]  # indices of the answers, the best one first
    best: int  # the index of the best answer, the first if several are equal
    margin: float  # between the best two; 0 with one answer
    ties: int  # how many answers share the best score; 0 if only one has it
    tokens: list[int]
    truncated: bool = False


def read(index: int, result: Any) -> Item:
    """A gd_item_result as an Item."""
    count = result.count
    steps = labels = ids = None
    if result.steps != ffi.NULL:
        steps = [ffi.unpack(result.steps[i], result.step_counts[i]) for i in range(count)]
    if result.labels != ffi.NULL:
        names = [text_of(result.label_names[k]) or '' for k in range(result.label_count)]
        values = ffi.unpack(result.labels, count * len(names))
        labels = [dict(zip(names, values[i * len(names):])) for i in range(count)]
    if result.ids != ffi.NULL:
        ids = [ffi.unpack(result.ids[i], result.tokens[i]) for i in range(count)]
    scores = ffi.unpack(result.scores, count) if result.scores != ffi.NULL else []
    tokens = ffi.unpack(result.tokens, count) if count else []
    return Item(index, STATUSES[result.status], text_of(result.error), scores, tokens,
                bool(result.truncated), bool(result.dropped), steps, labels, ids)


def whole(items: list[Item]) -> list[Item]:
    """Results none of which may be an error: the first one is raised, with all results."""
    for item in items:
        failure = item.failure()
        if failure is not None:
            failure.results = items
            raise failure
    return items


def single(items: list[Item]) -> Iterator[float]:
    """The scores of items with one text each."""
    for item in items:
        if len(item.scores) > 1:
            raise UsageError(f'item {item.index} has {len(item.scores)} scores: use score_pairs, rank or items')
        yield item.score


def single_ids(items: list[Item]) -> Iterator[list[int]]:
    """The token ids of items with one text each; none of one that was dropped."""
    for item in items:
        if len(item.ids or []) > 1:
            raise UsageError(f'item {item.index} has {len(item.tokens)} texts: expected one')
        yield item.ids[0] if item.ids else []


def _sides(item: Item) -> tuple[float, float]:
    """The two scores of a pair; NaN if it was dropped."""
    if item.dropped:
        return float('nan'), float('nan')
    if len(item.scores) != 2:
        many = len(item.scores)
        raise UsageError(f'item {item.index} has {many} score{"s" * (many != 1)}: a pair has two')
    return item.scores[0], item.scores[1]


def pairs(items: list[Item]) -> Pairs:
    sides = [_sides(item) for item in items]
    return Pairs(floats(side[0] for side in sides), floats(side[1] for side in sides), floats(c - r for c, r in sides))


def ranking(item: Item) -> Ranking:
    scores = item.scores
    order = sorted(range(len(scores)), key=lambda i: -scores[i])
    ranks = [0] * len(scores)
    for place, i in enumerate(order):
        same = place > 0 and scores[i] == scores[order[place - 1]]
        ranks[i] = ranks[order[place - 1]] if same else place + 1
    shared = ranks.count(1)
    margin = float32(scores[order[0]] - scores[order[1]]) if len(order) > 1 else 0.0
    return Ranking(floats(scores), ranks, order, order[0] if order else -1, margin, shared if shared > 1 else 0,
                   item.tokens, item.truncated)
