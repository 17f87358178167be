"""Rewards for verifiers and prime-rl.

rubric = vf.Rubric(funcs=[group_reward('path/of/a/reward/model')])      # verifiers before 0.2: all rollouts of a prompt

helpful = trace_reward('path/of/a/reward/model')                        # verifiers.v1: one trace at a time
class Judged(vf.Task):
    @vf.reward
    async def helpful(self, trace):
        return await helpful(trace)
"""

from __future__ import annotations

from typing import Any, Optional, Sequence

from ._scorer import Gathered, Scorer, answer


def _floats(scores: Sequence[Optional[float]]) -> list[float]:
    return [float('nan') if score is None else score for score in scores]


def group_reward(
    model: Any = None, *, url: Optional[str] = None, name: str = 'guerdon', errors: str = 'raise', **options: Any
) -> Any:
    """A group reward function for a Rubric: f(prompts, completions) -> a list of floats.

    Groups that ask while a call is under way are scored together by the next one.  Keywords are those of guerdon.Model
    or guerdon.Client.  A Rubric turns an exception into a message in its log and rewards of 0 for the whole group; with
    errors="none" only the rollout that can't be scored is left without a reward, as NaN.
    """
    gathered = Gathered(Scorer(model, url, errors, **options))

    async def reward(prompts: Sequence[Any], completions: Sequence[Any], **rest: Any) -> list[float]:
        return _floats(await gathered.scores(answer(*both) for both in zip(prompts, completions, strict=True)))

    reward.__name__ = name
    return reward


def trace_reward(
    model: Any = None, *, url: Optional[str] = None, name: str = 'guerdon', errors: str = 'raise', **options: Any
) -> Any:
    """A reward for verifiers.v1: f(trace) -> a float, of the messages on the trace's final branch.  Traces that ask
    at the same time are scored together."""
    gathered = Gathered(Scorer(model, url, errors, **options))

    async def reward(trace: Any, task: Any = None) -> float:
        return _floats(await gathered.scores([answer(list(trace.messages), [])]))[0]

    reward.__name__ = name
    return reward
