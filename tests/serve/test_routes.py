"""Every route, through a server: the score of a text is the same, whatever the client speaks."""
import json
import math
import unittest

from serving import DATA, Server

QUESTION, ANSWERS = 'Is tea hot? ', ['Yes.', 'No.', 'Now and then.']
TEXTS = [QUESTION + answer for answer in ANSWERS]
TALK = [[{'role': 'user', 'content': QUESTION}, {'role': 'assistant', 'content': answer}] for answer in ANSWERS]


def sigmoids(scores):
    return [1 / (1 + math.exp(-score)) for score in scores]


def scores_of(server, items):
    status, answer = server.post('/v1/reward', {'items': items})
    assert status == 200, answer
    return [result['score'] for result in answer['results']]


class Routes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server('--chat-format', 'chatml').__enter__()
        cls.texts = scores_of(cls.server, [{'text': text} for text in TEXTS])
        cls.talks = scores_of(cls.server, [{'messages': talk} for talk in TALK])

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__()

    def post(self, path, body):
        status, answer = self.server.post(path, body)
        self.assertEqual(status, 200, answer)
        return answer

    def test_texts(self):
        raw = {'input': TEXTS, 'use_activation': False}
        self.assertEqual(self.post('/get_reward', {'query': TEXTS})['rewards'], self.texts)
        self.assertEqual([one['probs'] for one in self.post('/classify', raw)['data']], [[s] for s in self.texts])
        self.assertEqual([one['probs'] for one in self.post('/v1/classify', raw)['data']], [[s] for s in self.texts])
        self.assertEqual([one['data'] for one in self.post('/pooling', raw)['data']], [[s] for s in self.texts])
        self.assertEqual([one['embedding'] for one in self.post('/v1/embeddings', raw)['data']],
                         [[s] for s in self.texts])
        self.assertEqual(self.post('/v1/score', {'query': QUESTION, 'items': ANSWERS})['scores'],
                         [[s] for s in self.texts])
        got = self.post('/classify', {'text': TEXTS})
        self.assertEqual([one['embedding'] for one in got], [[s] for s in self.texts])
        self.assertEqual(self.post('/rm', {'prompt': QUESTION, 'response': ANSWERS[0]}), self.texts[0])
        self.assertEqual(self.post('/predict', {'inputs': [[text] for text in TEXTS], 'raw_scores': True}),
                         [[{'score': s, 'label': 'LABEL_0'}] for s in self.texts])

    def test_sigmoid_by_default(self):
        got = [one['probs'][0] for one in self.post('/classify', {'input': TEXTS})['data']]
        for value, want in zip(got, sigmoids(self.texts)):
            self.assertAlmostEqual(value, want, delta=1e-6)
        got = [one[0]['score'] for one in self.post('/predict', {'inputs': [[text] for text in TEXTS]})]
        for value, want in zip(got, sigmoids(self.texts)):
            self.assertAlmostEqual(value, want, delta=1e-6)

    def test_conversations(self):
        pairs = {'text_1': QUESTION, 'text_2': ANSWERS, 'use_activation': False}
        self.assertEqual([one['score'] for one in self.post('/score', pairs)['data']], self.talks)
        best = sorted(range(3), key=lambda i: -self.talks[i])
        ranked = self.post('/v2/rerank', {'query': QUESTION, 'documents': ANSWERS, 'use_activation': False})['results']
        self.assertEqual([(one['index'], one['relevance_score']) for one in ranked], [(i, self.talks[i]) for i in best])
        ranked = self.post('/rerank', {'query': QUESTION, 'texts': ANSWERS, 'raw_scores': True})
        self.assertEqual([(one['index'], one['score']) for one in ranked], [(i, self.talks[i]) for i in best])
        got = self.post('/classify', {'messages': TALK[1], 'use_activation': False})
        self.assertEqual(got['data'][0]['probs'], [self.talks[1]])
        self.assertEqual(self.post('/rm', {'prompt': TALK[0][:1], 'response': ANSWERS[0]}), self.talks[0])
        got = self.post('/verify', {'responses_create_params': {'input': QUESTION},
                                    'response': {'output': [TALK[2][1]]}})
        self.assertEqual(got['reward'], self.talks[2])

    def test_ids(self):
        ids = [self.post('/tokenize', {'prompt': text})['tokens'] for text in TEXTS]
        self.assertEqual(scores_of(self.server, [{'ids': one} for one in ids]), self.texts)
        got = self.post('/classify', {'input': ids, 'use_activation': False})
        self.assertEqual([one['probs'] for one in got['data']], [[s] for s in self.texts])
        self.assertEqual(got['usage']['prompt_tokens'], sum(map(len, ids)))
        got = self.post('/v1/score', {'query': ids[0][:2], 'items': [ids[0][2:]]})
        self.assertEqual(got['scores'], [self.texts[:1]])

    def test_tokens(self):
        """TEI's tokens are vLLM's, and those of the vocabulary."""
        with open(f'{DATA}/golden/qwen2/tokenizer.json', encoding='utf-8') as f:
            tokenizer = json.load(f)
        contents = {i: content for content, i in tokenizer['model']['vocab'].items()}
        special = {token['id']: token['content'] for token in tokenizer['added_tokens'] if token['special']}
        texts = [*TEXTS, '', 'na\u00efve\n\U0001f600<|im_end|>"']
        got = self.post('/tokenize', {'inputs': texts})
        self.assertEqual(len(got), len(texts))
        for text, tokens in zip(texts, got):
            self.assertEqual(self.post('/tokenize', {'inputs': text}), [tokens])
            ids = [token['id'] for token in tokens]
            strings = [special.get(i, contents.get(i)) for i in ids]
            self.assertEqual([(token['text'], token['special']) for token in tokens],
                             [(string, i in special) for i, string in zip(ids, strings)])
            vllm = self.post('/tokenize', {'prompt': text, 'return_token_strs': True})
            self.assertEqual((vllm['tokens'], vllm['token_strs']), (ids, strings))
        self.assertEqual([token['text'] for token in got[-1] if token['special']], ['<|im_end|>'])

    def test_tei_says_what_it_took(self):
        for path, body, characters in (('/rerank', {'query': QUESTION, 'texts': ANSWERS}, 12 * 3 + 4 + 3 + 13),
                                       ('/predict', {'inputs': [[text] for text in TEXTS]}, sum(map(len, TEXTS)))):
            before = self.server.metric('tokens_total')
            status, headers, _ = self.server.ask('POST', path, body)
            self.assertEqual((status, headers['x-compute-type']), (200, 'cpu'))
            self.assertEqual(int(headers['x-compute-characters']), characters)
            self.assertEqual(int(headers['x-compute-tokens']), self.server.metric('tokens_total') - before)
            self.assertEqual(headers['x-total-time'], headers['x-compute-time'])
            parts = sum(int(headers[f'x-{part}-time']) for part in ('tokenization', 'queue', 'inference'))
            self.assertLessEqual(parts, int(headers['x-total-time']))
        long = [[' '.join(str(k * i * 7919 % 997) for k in range(100))] for i in range(1, 100)]
        headers = self.server.ask('POST', '/predict', {'inputs': long})[1]
        self.assertGreater(int(headers['x-inference-time']), 0)
        for path, body in (('/rerank', {'query': QUESTION, 'documents': ANSWERS}), ('/predict', {'inputs': ''}),
                           ('/get_reward', {'query': TEXTS})):
            self.assertFalse([name for name in self.server.ask('POST', path, body)[1] if name.endswith('-time')])

    def test_cuts(self):
        ids = self.post('/tokenize', {'prompt': TEXTS[0]})['tokens']
        last, first = scores_of(self.server, [{'ids': ids[-3:]}, {'ids': ids[:3]}])
        how = {'input': TEXTS[0], 'use_activation': False, 'truncate_prompt_tokens': 3}
        self.assertEqual(self.post('/classify', how)['data'][0]['probs'], [last])
        self.assertEqual(self.post('/classify', {**how, 'truncation_side': 'right'})['data'][0]['probs'], [first])
        got = self.post('/v1/reward', {'items': [{'text': TEXTS[0]}], 'truncate': 'left', 'max_length': 3})['results'][0]
        self.assertEqual((got['score'], got['tokens'], got['truncated']), (last, 3, True))

    def test_one_bad_item(self):
        items = [{'text': TEXTS[0]}, {'text': ''}, {'messages': 'x'}]
        got = self.post('/v1/reward', {'items': items})['results']
        self.assertEqual(got[0]['score'], self.texts[0])
        self.assertTrue(got[1]['error'] and got[2]['error'])
        for path, body in (('/get_reward', {'query': [TEXTS[0], '']}), ('/classify', {'input': [TEXTS[0], '']})):
            status, answer = self.server.post(path, body)
            self.assertEqual(status, 400)
            self.assertIn(f'{list(body)[0]}[1]: ', json.dumps(answer))
        self.assertEqual(self.server.post('/predict', {'inputs': ''})[0], 422)


if __name__ == '__main__':
    unittest.main(verbosity=2)
