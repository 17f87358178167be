"""guerdon.verifiers, in the Rubric of verifiers before 0.2 and in the Task of verifiers.v1."""

import asyncio
import unittest

from common import Case
from guerdon import Model
from guerdon.verifiers import group_reward, trace_reward
from hooks import CHAT, MODEL, TURNS, need, program_scores

ANSWERS = ['Yes.', 'No.', 'Usually.']


def rollouts():
    return [[TURNS[0]]] * 3, [[{'role': 'assistant', 'content': answer}] for answer in ANSWERS]


def wanted():
    prompts, answers = rollouts()
    return program_scores(
        [{'messages': prompt + answer} for prompt, answer in zip(prompts, answers)], '--chat-format', 'chatml'
    )


class Group(Case):
    def test_alone(self):
        reward = group_reward(MODEL, **CHAT)
        self.assertEqual(reward.__name__, 'guerdon')
        self.assertBits(asyncio.run(reward(*rollouts(), states=[])), wanted())
        self.assertBits(asyncio.run(reward(*rollouts())), wanted())  # in another event loop

    def test_gathered(self):
        """Groups that ask at the same time are one call, and each gets its own scores; an error is its own, too."""
        with Model(MODEL, max_length=40, **CHAT) as model:
            calls = []
            items, model.items = model.items, lambda values, **rest: calls.append(len(values)) or items(values, **rest)
            reward = group_reward(model)
            prompts, answers = rollouts()
            long = [[{'role': 'assistant', 'content': 'word ' * 60}]]

            async def ask():
                return await asyncio.gather(reward(prompts[:1], answers[:1]), reward(prompts[1:], answers[1:]))

            async def ask_again():
                return await reward(prompts, answers), await asyncio.wait_for(reward(prompts, answers), 60)

            async def ask_too_much():
                return await asyncio.gather(reward(prompts, answers), reward(prompts[:1], long), return_exceptions=True)

            first, rest = asyncio.run(ask())
            self.assertEqual(calls, [3])
            self.assertBits(first + rest, wanted())
            for scores in asyncio.run(ask_again()):
                self.assertBits(scores, wanted())
            good, bad = asyncio.run(ask_too_much())
            self.assertBits(good, wanted())
            self.assertIn('tokens', str(bad))

    def test_rubric(self):
        vf = need('verifiers')
        if not hasattr(vf, 'Rubric'):
            self.skipTest(f'verifiers {vf.__version__} has no Rubric: it is of versions before 0.2')
        prompts, answers = rollouts()
        states = [
            {
                'prompt': prompt,
                'completion': answer,
                'answer': '',
                'task': 't',
                'info': {},
                'trajectory': [],
                'timing': {'scoring_ms': 0, 'total_ms': 0},
            }
            for prompt, answer in zip(prompts, answers)
        ]
        states = [vf.State(**state) for state in states]
        asyncio.run(vf.Rubric(funcs=[group_reward(MODEL, **CHAT)], weights=[2.0]).score_group(states))
        self.assertBits([state['metrics']['guerdon'] for state in states], wanted())
        self.assertBits([state['reward'] for state in states], [2 * score for score in wanted()])


class Trace(Case):
    def test_task(self):
        vf = need('verifiers.v1')
        if not hasattr(vf, 'TaskData'):
            self.skipTest('this verifiers.v1 has no TaskData: it is of a version before 0.4')
        helpful = trace_reward(MODEL, **CHAT)

        class Judged(vf.Task):
            @vf.reward(weight=2.0)
            async def helpful(self, trace):
                return await helpful(trace)

        task = Judged(vf.TaskData(idx=0, prompt='Is tea hot?'))
        traces = [self.trace(vf, task, answer) for answer in ANSWERS]

        async def score():
            await asyncio.gather(*(task.score(trace) for trace in traces))

        asyncio.run(score())
        self.assertBits([trace.rewards['helpful'].score for trace in traces], wanted())
        self.assertBits([trace.reward for trace in traces], [2 * score for score in wanted()])
        self.assertBits([asyncio.run(helpful(task=task.data, trace=traces[0]))], wanted()[:1])

    def trace(self, vf, task, answer):
        nodes = [
            vf.MessageNode(message=vf.UserMessage(content=TURNS[0]['content'])),
            vf.MessageNode(parent=0, sampled=True, message=vf.AssistantMessage(content=answer)),
        ]
        about = vf.AgentInfo(config=vf.AgentConfig())
        return vf.Trace(task=vf.TraceTask(type='Judged', data=task.data), agent=about, nodes=nodes)


if __name__ == '__main__':
    unittest.main()
