"""Rewards for verifiers and prime-rl.

    rubric = vf.Rubric(funcs=[group_reward('path/of/a/reward/model')])      # verifiers before 0.2: all rollouts of a prompt

    class Judged(vf.Task):                                                  # verifiers.v1: one trace at a time
        guerdon = vf.reward()(trace_reward('path/of/a/reward/model'))
"""
from __future__ import annotations

from typing import Any, Optional, Sequence

from ._errors import UsageError
from ._scorer import Gathered, Scorer, answer, plain


def _floats(scores: Sequence[Optional[float]]) -> list[float]:
    return [float('nan') if score is None else score for score in scores]


def group_reward(model: Any = None, *, url: Optional[str] = None, name: str = 'guerdon', errors: str = 'raise',
                 **options: Any) -> Any:
    """A group reward function for a Rubric: f(prompts, completions) -> a list of floats.

    Groups that ask while a call is under way are scored together by the next one.  Keywords are those of guerdon.Model or
    guerdon.Client.  A Rubric turns an exception into a message in its log and rewards of 0 for the whole group; with
    errors="none" only the rollout that can't be scored is left without a reward, as NaN.
    """
    gathered = Gathered(Scorer(model, url, errors, **options))

    async def reward(prompts: Sequence[Any], completions: Sequence[Any], **rest: Any) -> list[float]:
        return _floats(await gathered.scores(answer(*both) for both in zip(prompts, completions, strict=True)))

    reward.__name__ = name
    return reward


def conversation(trace: Any) -> list[Any]:
    """The messages of a trace of verifiers.v1, which must not have branched."""
    if len(trace.branches) != 1:
        raise UsageError(f'the trace has {len(trace.branches)} branches: expected one conversation')
    return [message for message in plain(list(trace.branches[0].messages))]


def trace_reward(model: Any = None, *, url: Optional[str] = None, name: str = 'guerdon', errors: str = 'raise',
                 **options: Any) -> Any:
    """A reward for verifiers.v1: f(task, trace) -> a float.  Traces that ask at the same time are scored together."""
    gathered = Gathered(Scorer(model, url, errors, **options))

    async def reward(task: Any, trace: Any) -> float:
        return _floats(await gathered.scores([answer(conversation(trace), [])]))[0]

    reward.__name__ = name
    return reward
