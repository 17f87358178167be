"""What the clients of other servers have sent, byte for byte, and what their code reads of the answers."""
import json
import unittest

from mixes import Connection, float32, sigmoid, talk
from recorded import RECORDED
from serving import Server, records_of

QUESTION, ANSWERS = 'Is tea hot?', ['No.', 'Yes.', 'Now and then.']
TEXT = '<|im_start|>user\nIs tea hot?<|im_end|>\n<|im_start|>assistant\nYes.<|im_end|>\n'
FLAGS = ('--chat-format', 'chatml')


def ranked(results, key):
    return [(one['index'], float32(one[key])) for one in results]


class Recorded(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        records = [{'text': TEXT}, {'text': QUESTION}, *({'messages': talk(QUESTION, answer)} for answer in ANSWERS)]
        cls.text, cls.question, *cls.talks = [float32(one['score']) for one in records_of(records, *FLAGS)]
        cls.ranks = sorted(enumerate(cls.talks), key=lambda one: -one[1])
        cls.server = Server(*FLAGS).__enter__()
        cls.left = set(RECORDED)

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()
        if cls.left:
            raise AssertionError(f'recorded, but not sent: {cls.left}')

    def answer_to(self, name):
        self.left.discard(name)
        connection = Connection(self.server)
        with connection.socket as c:
            c.sendall(RECORDED[name])
            status, body = connection.answer()
        self.assertEqual(status, 200, body)
        return json.loads(body)

    def test_verl(self):
        self.assertEqual(float32(self.answer_to('verl_vllm')['data'][-1]['probs'][-1]), self.text)
        self.assertEqual(float32(self.answer_to('verl_sglang')['data'][-1]['embedding'][-1]), self.text)

    def test_slime(self):
        self.assertEqual(float32(self.answer_to('slime')), self.text)

    def test_openrlhf(self):
        answer = self.answer_to('openrlhf')
        self.assertEqual([float32(answer[name][0]) for name in ('rewards', 'scores')], [self.text] * 2)
        self.assertIsInstance(answer['extra_logs'], dict)
        answer = self.answer_to('openrlhf_before')
        self.assertEqual([float32(score) for score in answer['rewards']], [self.text, self.question])

    def test_vllm_texts(self):
        self.assertEqual(float32(self.answer_to('vllm_rewards')['data'][0]['data'][0]), sigmoid(self.text))
        got = [float32(one['probs'][0]) for one in self.answer_to('vllm_classes')['data']]
        self.assertEqual(got, [sigmoid(self.text), sigmoid(self.question)])
        self.assertTrue(all(isinstance(token, int) for token in self.answer_to('vllm_tokens')['tokens']))

    def test_vllm_pairs(self):
        want = [sigmoid(score) for score in self.talks]
        self.assertEqual([float32(one['score']) for one in self.answer_to('vllm_scores')['data']], want)
        self.assertEqual([float32(one['score']) for one in self.answer_to('vllm_pairs')['data']], want[:2])

    def test_ranks(self):
        want = [(i, sigmoid(score)) for i, score in self.ranks]
        for name in ('vllm_ranks', 'cohere_1', 'cohere_2'):
            answer = self.answer_to(name)
            self.assertEqual(ranked(answer['results'], 'relevance_score'), want, name)
            self.assertIsInstance(answer['id'], str)
        self.assertIn('api_version', answer['meta'])

    def test_tei(self):
        want = [(i, sigmoid(score)) for i, score in self.ranks]
        self.assertEqual(ranked(self.answer_to('tei_llamaindex'), 'score'), want)
        self.assertEqual(ranked(self.answer_to('tei_ranks'), 'score'), want)
        self.assertEqual([float32(one['score']) for one in self.answer_to('tei_classes')], [sigmoid(self.text)])


if __name__ == '__main__':
    unittest.main(verbosity=2)
