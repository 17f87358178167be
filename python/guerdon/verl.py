"""Rewards for verl.  The class, with all of the conversation (recommended):

    reward.reward_manager.source=importlib reward.reward_manager.name=RewardManager
    reward.reward_manager.module.path=pkg://guerdon.verl  +guerdon.model=DIR  (or +guerdon.url=http://..)

or the function, which verl doesn't give the prompt, so that the data must have it in extra_info:

    reward.custom_reward_function.path=pkg://guerdon.verl  reward.custom_reward_function.name=compute_score
    +reward.custom_reward_function.reward_kwargs.model=DIR

Without these settings, the environment says what to score with: GUERDON_URL, or GUERDON_MODEL and GUERDON_ADAPTER.
"""

from __future__ import annotations

import os
from functools import lru_cache
from typing import Any, Mapping, Optional

from ._errors import UsageError
from ._scorer import Gathered, Scorer, answer, plain


def _settings(given: Optional[Mapping[str, Any]]) -> dict[str, Any]:
    """Keywords for a Scorer: the given ones, or those of the environment."""
    if given:
        return {name: value for name, value in given.items() if value is not None}
    found = {name: os.environ.get(f'GUERDON_{name.upper()}') for name in ('url', 'model', 'adapter')}
    if not found['url'] and not found['model']:
        raise UsageError(
            'nothing says what to score with: set guerdon.model or guerdon.url in the configuration, or '
            'GUERDON_MODEL or GUERDON_URL in the environment'
        )
    return {'url': found['url']} if found['url'] else {name: value for name, value in found.items() if value}


@lru_cache(maxsize=None)
def _gathered(settings: tuple[tuple[str, Any], ...]) -> Gathered:
    """One for each model of this process."""
    return Gathered(Scorer(**dict(settings)))


def gathered(given: Optional[Mapping[str, Any]]) -> Gathered:
    return _gathered(tuple(sorted(_settings(given).items())))


async def _reward(scores: Gathered, item: Any) -> float:
    (score,) = await scores.scores([item])
    return float('nan') if score is None else score


class RewardManager:
    """Scores raw_prompt and the response.  Samples that verl asks for at the same time are scored together."""

    def __init__(
        self,
        config: Any,
        tokenizer: Any,
        compute_score: Any = None,
        reward_router_address: Optional[str] = None,
        reward_model_tokenizer: Any = None,
    ) -> None:
        self.config, self.tokenizer = config, tokenizer
        self.reward_model_tokenizer = reward_model_tokenizer
        self.scores = gathered(config.get('guerdon'))

    @classmethod
    def assemble_rm_scores(cls, data: Any, scores: list[float]) -> Any:
        from verl.experimental.reward_loop.reward_manager.base import RewardManagerBase

        return RewardManagerBase.assemble_rm_scores(data, scores)

    def conversation(self, sample: Any) -> list[Any]:
        """The messages of the prompt, and the response without padding and without the end-of-sequence token."""
        ids = sample.batch['responses']
        valid = sample.batch['attention_mask'][-ids.shape[-1] :].sum()
        response = self.tokenizer.decode(ids[:valid])
        if self.tokenizer.eos_token:
            response = response.replace(self.tokenizer.eos_token, '')
        return [*plain(list(sample.non_tensor_batch['raw_prompt'])), {'role': 'assistant', 'content': response}]

    def item(self, sample: Any) -> Any:
        """A conversation, for the chat format of Guerdon's model; with verl's tokenizer of the reward model, the text
        that verl sends to its own servers, which has no beginning-of-sequence token."""
        messages, tokenizer = self.conversation(sample), self.reward_model_tokenizer
        if tokenizer is None:
            return {'messages': messages}
        text = tokenizer.apply_chat_template(messages, add_generation_prompt=False, tokenize=False)
        return text.removeprefix(tokenizer.bos_token) if tokenizer.bos_token else text

    async def run_single(self, data: Any) -> dict[str, Any]:
        reward = await _reward(self.scores, self.item(data[-1:][0]))  # the last of several outputs, as verl's own do
        return {'reward_score': reward, 'reward_extra_info': {'acc': reward}}


async def compute_score(
    data_source: Any,
    solution_str: str,
    ground_truth: Any,
    extra_info: Any = None,
    *,
    prompt_key: str = 'prompt',
    reward_router_address: Any = None,
    reward_model_tokenizer: Any = None,
    **settings: Any,
) -> float:
    """A custom_reward_function; prompt_key: the member of extra_info with the prompt, a text or messages."""
    prompt = (extra_info or {}).get(prompt_key)
    if prompt is None:
        raise UsageError(
            f'extra_info has no {prompt_key!r}: verl gives a reward function no prompt; put it there when the data '
            'are made, or use guerdon.verl.RewardManager'
        )
    return await _reward(gathered(settings), answer(prompt, solution_str))
