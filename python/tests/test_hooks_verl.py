"""guerdon.verl in verl's own loader, with verl's DataProto, against verl's own rendering."""

import asyncio
import os
import types
import unittest
from unittest import mock

from common import Case
from guerdon import UsageError
from guerdon.verl import RewardManager, compute_score
from hooks import CHAT, CHATML, MODEL, POLICY, need, program_scores

ANSWERS = ['Yes.', 'No, it is not.', 'Usually.']
PROMPT = [{'role': 'user', 'content': 'Is tea hot?'}]


def wanted():
    return program_scores(
        [{'messages': PROMPT + [{'role': 'assistant', 'content': answer}]} for answer in ANSWERS],
        '--chat-format',
        'chatml',
    )


def batch(tokenizer):
    """Samples as verl has them: responses padded on the right, each ended by the end-of-sequence token."""
    torch, numpy, protocol = need('torch', 'numpy', 'verl.protocol')
    ids = [tokenizer(answer)['input_ids'] + [tokenizer.eos_token_id] for answer in ANSWERS]
    longest = max(map(len, ids)) + 2
    responses = torch.tensor([one + [tokenizer.pad_token_id] * (longest - len(one)) for one in ids])
    prompts = torch.tensor([[tokenizer.pad_token_id, *tokenizer('Is tea hot?')['input_ids']]] * len(ids))
    mask = torch.tensor(
        [[0] + [1] * (prompts.shape[1] - 1) + [1] * len(one) + [0] * (longest - len(one)) for one in ids]
    )
    raw = numpy.empty(len(ids), dtype=object)
    raw[:] = [PROMPT] * len(ids)
    return protocol.DataProto.from_dict(
        {'prompts': prompts, 'responses': responses, 'attention_mask': mask}, non_tensors={'raw_prompt': raw}
    )


class Manager(Case):
    def setUp(self):
        self.omegaconf, self.reward = need('omegaconf', 'verl.trainer.ppo.reward')
        self.tokenizer = need('transformers').AutoTokenizer.from_pretrained(POLICY)
        self.tokenizer.chat_template = CHATML

    def load(self, **settings):
        """The manager, as verl's worker makes it from the configuration."""
        config = self.omegaconf.OmegaConf.create(
            {
                'guerdon': settings,
                'reward': {
                    'reward_manager': {
                        'source': 'importlib',
                        'name': 'RewardManager',
                        'module': {'path': 'pkg://guerdon.verl'},
                    },
                    'custom_reward_function': {'path': None},
                },
            }
        )
        return self.reward.load_reward_manager(config, self.tokenizer)

    def test_batch(self):
        manager, data = self.load(model=MODEL, **CHAT), batch(self.tokenizer)
        self.assertIsInstance(manager, RewardManager)

        async def score():
            return await asyncio.gather(*(manager.run_single(data[i : i + 1]) for i in range(len(data))))

        found = [one['reward_score'] for one in asyncio.run(score())]
        self.assertBits(found, wanted())
        last = asyncio.run(manager.run_single(data))  # of several outputs
        self.assertBits([last['reward_score']], wanted()[-1:])
        rewards = manager.assemble_rm_scores(data, found)
        self.assertEqual(rewards.shape, data.batch['responses'].shape)
        self.assertBits(rewards.sum(dim=1).tolist(), wanted())

    def test_rendering(self):
        """With verl's tokenizer of the reward model, the text is the one that verl sends to its own servers."""
        own = need('verl.experimental.reward_loop.reward_loop').RewardLoopWorker._preprocess_reward_inputs
        data, manager = batch(self.tokenizer), self.load(model=MODEL)
        manager.reward_model_tokenizer = self.tokenizer
        for bos in (None, '<|im_start|>'):
            self.tokenizer.bos_token = bos
            stand_in = types.SimpleNamespace(input_tokenizer=self.tokenizer, reward_model_tokenizer=self.tokenizer)
            for i in range(len(data)):
                theirs = asyncio.run(own(stand_in, data[i : i + 1]))
                self.assertEqual(manager.item(data[i : i + 1][0]), theirs)
                self.assertEqual(theirs.startswith('<|im_start|>'), bos is None)

    def test_environment(self):
        with mock.patch.dict(os.environ, {'GUERDON_MODEL': MODEL}):
            self.assertEqual(self.load().scores.scorer.model, MODEL)
        self.assertSays(UsageError, 'GUERDON_MODEL', self.load)


class Function(Case):
    def test_score(self):
        found = asyncio.run(compute_score('x', ANSWERS[0], '', {'prompt': PROMPT}, model=MODEL, **CHAT))
        self.assertBits([found], wanted()[:1])
        with self.assertRaises(UsageError) as caught:
            asyncio.run(compute_score('x', ANSWERS[0], '', {'index': 0}, model=MODEL))
        self.assertIn("extra_info has no 'prompt'", str(caught.exception))

    def test_in_verl(self):
        omegaconf, reward = need('omegaconf', 'verl.trainer.ppo.reward')
        config = omegaconf.OmegaConf.create(
            {
                'reward': {
                    'custom_reward_function': {
                        'path': 'pkg://guerdon.verl',
                        'name': 'compute_score',
                        'reward_kwargs': {'model': MODEL, **CHAT},
                    }
                }
            }
        )
        function = reward.get_custom_reward_fn(config)
        found = asyncio.run(
            function(data_source='x', solution_str=ANSWERS[1], ground_truth='', extra_info={'prompt': PROMPT})
        )
        self.assertBits([found], wanted()[1:2])


if __name__ == '__main__':
    unittest.main()
