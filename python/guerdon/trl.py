"""A reward function for TRL's GRPOTrainer, RLOOTrainer and others that take reward_funcs.

from guerdon.trl import reward_func

trainer = GRPOTrainer(model=.., reward_funcs=reward_func('path/of/a/reward/model'), ..)
"""

from __future__ import annotations

from typing import Any, Optional, Sequence

from ._errors import UsageError
from ._scorer import Scorer, answer


class RewardFunction:
    """Scores the whole generation batch in one call: what the answers to a prompt share is computed once."""

    def __init__(self, scorer: Scorer, name: str) -> None:
        self.scorer = scorer
        self.__name__ = name  # TRL reports rewards/NAME/mean

    def __call__(self, prompts: Sequence[Any], completions: Sequence[Any], **columns: Any) -> list[Optional[float]]:
        if len(prompts) != len(completions):
            raise UsageError(f'there are {len(prompts)} prompts and {len(completions)} completions: expected one each')
        return self.scorer.scores([answer(*both) for both in zip(prompts, completions)])


def reward_func(
    model: Any = None, *, url: Optional[str] = None, name: Optional[str] = None, errors: str = 'raise', **options: Any
) -> RewardFunction:
    """A reward function, of a model (a path, or an open guerdon.Model) or of a server.

    Texts are joined, or become turns with turns="on"; lists of messages become text by the reward model's chat format.
    A completion that is None gets None, for which TRL has no reward; so do, with errors="none", items that can't be
    scored, with a warning.  name: in TRL's metrics; that of the model by default.  Other keywords are those of
    guerdon.Model, such as adapter or truncate, or of guerdon.Client.
    """
    scorer = Scorer(model, url, errors, **options)
    return RewardFunction(scorer, name or scorer.name)
