"""guerdon.trl, alone and in TRL's GRPOTrainer."""

import asyncio
import math
import os
import pickle
import tempfile
import unittest
import warnings

from common import Case
from guerdon import Error, Model, UsageError
from guerdon.trl import reward_func
from hooks import CHAT, CHATML, MODEL, POLICY, TURNS, need, program_scores

PROMPTS = ['Is tea hot? ', 'Is tea hot? ', 'Is ice cold? ']
ANSWERS = ['Yes.', 'No.', 'Usually.']


class Alone(Case):
    def test_texts(self):
        wanted = program_scores([{'text': prompt + answer} for prompt, answer in zip(PROMPTS, ANSWERS)])
        reward = reward_func(MODEL)
        self.assertBits(
            reward(
                prompts=PROMPTS, completions=ANSWERS, completion_ids=[[1]] * 3, trainer_state=None, colour=['r'] * 3
            ),
            wanted,
        )
        self.assertEqual(reward.__name__, 'qwen2')
        self.assertFalse(asyncio.iscoroutinefunction(reward))
        with Model(MODEL) as model:
            self.assertBits(reward_func(model, name='mine')(PROMPTS, ANSWERS), wanted)

    def test_messages(self):
        wanted = program_scores([{'messages': TURNS}], '--chat-format', 'chatml')
        reward = reward_func(MODEL, **CHAT)
        self.assertBits(reward([TURNS[:1]], [TURNS[1:]]), wanted)
        self.assertBits(reward([TURNS[:1]], [TURNS[1]['content']]), wanted)
        parts = [{'role': 'user', 'content': [{'type': 'text', 'text': 'Is tea hot?'}], 'tool_calls': None}]
        self.assertBits(reward([parts], [TURNS[1:]]), wanted)

    def test_none(self):
        reward = reward_func(MODEL)
        found = reward(PROMPTS, ['Yes.', None, 'Usually.'])
        self.assertIsNone(found[1])
        self.assertBits(
            [found[0], found[2]], program_scores([{'text': 'Is tea hot? Yes.'}, {'text': 'Is ice cold? Usually.'}])
        )
        self.assertEqual(reward(['a'], [None]), [None])
        self.assertEqual(reward([], []), [])

    def test_one_call(self):
        with Model(MODEL) as model:
            calls = []
            items, model.items = model.items, lambda values, **rest: calls.append(len(values)) or items(values, **rest)
            reward_func(model)(PROMPTS, ANSWERS)
        self.assertEqual(calls, [3])

    def test_errors(self):
        long = ['word ' * 50, 'a', 'b']
        self.assertSays(UsageError, '3 prompts and 2 completions', reward_func(MODEL), PROMPTS, ANSWERS[:2])
        self.assertSays(UsageError, 'model', reward_func)
        self.assertSays(UsageError, 'errors=', reward_func, MODEL, errors='zero')
        with self.assertRaises(Error):
            reward_func(MODEL, max_length=20)(PROMPTS, long)
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter('always')
            found = reward_func(MODEL, max_length=20, errors='none')(PROMPTS, long)
        self.assertEqual([one is None for one in found], [True, False, False])
        self.assertTrue(any('it gets no reward' in str(one.message) for one in said))

    def test_pickle(self):
        reward = reward_func(MODEL)
        wanted = reward(PROMPTS, ANSWERS)
        again = pickle.loads(pickle.dumps(reward))
        self.assertEqual(again.__name__, 'qwen2')
        self.assertBits(again(PROMPTS, ANSWERS), wanted)


class Spy:
    """A reward function that remembers what it was asked."""

    def __init__(self, reward):
        self.reward, self.__name__, self.calls = reward, reward.__name__, []

    def __call__(self, prompts, completions, **columns):
        rewards = self.reward(prompts=prompts, completions=completions, **columns)
        self.calls.append((prompts, completions, rewards))
        return rewards


class Trainer(Case):
    def train(self, prompts, reward):
        trl, datasets, transformers, _ = need('trl', 'datasets', 'transformers', 'trl.trainer.grpo_trainer')
        spy = Spy(reward)
        tokenizer = transformers.AutoTokenizer.from_pretrained(POLICY, padding_side='left')
        tokenizer.chat_template = CHATML
        with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
            warnings.simplefilter('ignore')
            how = trl.GRPOConfig(
                output_dir=folder,
                max_steps=2,
                per_device_train_batch_size=4,
                num_generations=4,
                use_cpu=True,
                max_completion_length=8,
                logging_steps=1,
                report_to=[],
                bf16=False,
                disable_tqdm=True,
                save_strategy='no',
                seed=1,
            )
            model = transformers.AutoModelForCausalLM.from_pretrained(POLICY, dtype='float32')
            trainer = trl.GRPOTrainer(
                model=model,
                reward_funcs=spy,
                args=how,
                processing_class=tokenizer,
                train_dataset=datasets.Dataset.from_list([{'prompt': one, 'colour': 'red'} for one in prompts]),
            )
            trainer.train()
        return spy, [line for line in trainer.state.log_history if f'rewards/{spy.__name__}/mean' in line]

    def check(self, spy, log, items, *flags):
        self.assertEqual([len(completions) for _, completions, _ in spy.calls], [4, 4])
        self.assertEqual(len(log), 2)
        for (prompts, completions, rewards), line in zip(spy.calls, log):
            self.assertBits(rewards, program_scores([items(*both) for both in zip(prompts, completions)], *flags))
            self.assertTrue(
                math.isclose(line[f'rewards/{spy.__name__}/mean'], sum(rewards) / 4, rel_tol=1e-5, abs_tol=1e-6)
            )

    def test_texts(self):
        spy, log = self.train(PROMPTS, reward_func(MODEL, name='tea'))
        self.check(spy, log, lambda prompt, answer: {'prompt': prompt, 'response': answer})

    def test_messages(self):
        prompts = [[{'role': 'user', 'content': one}] for one in PROMPTS]
        spy, log = self.train(prompts, reward_func(MODEL, **CHAT))
        self.check(spy, log, lambda prompt, answer: {'messages': prompt + answer}, '--chat-format', 'chatml')


if __name__ == '__main__':
    os.environ.setdefault('HF_HUB_OFFLINE', '1')
    unittest.main()
