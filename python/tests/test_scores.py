"""Scores from Python are those of the program, bit for bit."""
import gzip
import json
import unittest
from array import array

from common import ADAPTER, MODEL, PAIRS, Case, program, python
from guerdon import Model, TooLongError, UsageError

TEXTS = ['Is tea hot?', 'a', 'Human: Is tea hot?\n\nAssistant: Usually.', 'naïve café ☕', 'x\0y']
TURNS = [{'role': 'user', 'content': 'Is tea hot?'}, {'role': 'assistant', 'content': 'Usually.'}]


def some_pairs(count):
    with gzip.open(PAIRS, 'rt', encoding='utf-8') as file:
        return [json.loads(next(file)) for _ in range(count)]


class Scores(Case):
    def setUp(self):
        self.model = Model(MODEL)
        self.addCleanup(self.model.close)

    def test_texts(self):
        wanted = [line['score'] for line in program('score', records=[{'text': text} for text in TEXTS])]
        self.assertBits(self.model.score(TEXTS), wanted)
        self.assertBits(self.model.score(text for text in TEXTS), wanted)
        self.assertBits(self.model.score([text.encode() for text in TEXTS]), wanted)
        for text, score in zip(TEXTS, wanted):
            self.assertBits(self.model.score([text]), [score])

    def test_nothing(self):
        self.assertEqual(len(self.model.score([])), 0)
        self.assertEqual(len(self.model.score_pairs([])), 0)
        self.assertEqual(self.model.items([]), [])

    def test_ids(self):
        ids = self.model.tokenize(TEXTS)
        self.assertEqual(ids, [line['ids'] for line in program('tokenize', records=[{'text': text} for text in TEXTS])])
        self.assertBits(self.model.score(ids), self.model.score(TEXTS))
        self.assertEqual(self.model.pieces(['Is tea hot?', '']),
                         [['I', 's', '\u0120te', 'a', '\u0120h', 'ot', '?'], []])
        self.assertEqual([len(one) for one in self.model.pieces(TEXTS)], [len(one) for one in ids])
        self.assertBits(self.model.score([tuple(one) for one in ids]), self.model.score(TEXTS))
        self.assertBits(self.model.score([array('I', one) for one in ids]), self.model.score(TEXTS))

    def test_pairs(self):
        records = some_pairs(6)
        lines = program('score', records=records)
        for pairs in (records, [(one['chosen'], one['rejected']) for one in records]):
            found = self.model.score_pairs(pairs)
            for name, values in (('chosen', found.chosen), ('rejected', found.rejected), ('margin', found.margins)):
                self.assertBits(values, [line[name] for line in lines])
            self.assertEqual(len(found), 6)

    def test_pairs_with_a_prompt(self):
        record = {'prompt': 'Is tea hot? ', 'chosen': 'Yes.', 'rejected': 'No.'}
        line, = program('score', records=[record])
        found = self.model.score_pairs([('Is tea hot? ', 'Yes.', 'No.'), record])
        self.assertBits(found.margins, [line['margin']] * 2)

    def test_rank(self):
        responses = ['Yes.', 'No.', 'Now and then.', 'No.']
        line, = program('rank', records=[{'prompt': 'Is tea hot? ', 'responses': responses}])
        found = self.model.rank('Is tea hot? ', responses)
        self.assertBits(found.scores, line['scores'])
        self.assertBits([found.margin], [line['margin']])
        self.assertEqual([found.ranks, found.best, found.ties, found.tokens],
                         [line['ranks'], line['best'], line['ties'], line['tokens']])
        self.assertEqual(found.order, sorted(range(4), key=lambda i: (found.ranks[i], i)))

    def test_ties(self):
        line, = program('rank', records=[{'prompt': 'p', 'responses': ['a', 'a', 'a']}])
        found = self.model.rank('p', ['a', 'a', 'a'])
        self.assertEqual([found.ranks, found.best, found.ties], [line['ranks'], line['best'], line['ties']])
        self.assertEqual(found.ties, 3)

    def test_conversations(self):
        with Model(MODEL, chat_format='hh') as model:
            records = [{'messages': TURNS}, {'prompt': TURNS[:1], 'response': 'Usually.'}]
            lines = program('score', '--chat-format', 'hh', records=records)
            self.assertBits(model.score([TURNS, records[1]]), [line['score'] for line in lines])
            self.assertBits(model.score(records), [line['score'] for line in lines])

    def test_records_of_every_kind(self):
        """What a file may have, with tools and parts of contents; fields of others don't matter, nor do their types."""
        tool = {'type': 'function', 'function': {'name': 'boil', 'description': 'Boils.', 'parameters': {}}}
        called = [TURNS[0], {'role': 'assistant', 'content': '', 'tool_calls': [
            {'type': 'function', 'function': {'name': 'boil', 'arguments': {'what': 'tea'}}}]}]
        records = [{'messages': called, 'tools': [tool]},
                   {'messages': [{'role': 'user', 'content': [{'type': 'text', 'text': 'Is tea hot?'}]}, TURNS[1]]},
                   {'prompt': TURNS[:1], 'response': 'Yes.', 'id': 7}]
        with Model(MODEL, chat_format='qwen2.5') as model:
            lines = program('score', '--chat-format', 'qwen2.5', records=records)
            self.assertBits(model.score([*records[:2], {**records[2], 'seen': {1, 2}, 'at': (3,)}]),
                            [line['score'] for line in lines])
            self.assertEqual([item.tokens for item in model.items(records)], [[line['tokens']] for line in lines])

    def test_ids_in_records(self):
        prompt, chosen, rejected = [40, 82], [1315, 64], [278]
        wanted = self.model.score([prompt + chosen, prompt + rejected])
        for pair in ((prompt, chosen, rejected), {'prompt': prompt, 'chosen': chosen, 'rejected': rejected},
                     (prompt + chosen, prompt + rejected)):
            found = self.model.score_pairs([pair])
            self.assertBits([found.chosen[0], found.rejected[0]], wanted)
        self.assertBits(self.model.rank(prompt, [chosen, rejected]).scores, wanted)
        self.assertBits(self.model.score([{'prompt': prompt, 'response': chosen}]), wanted[:1])

    def test_options(self):
        with Model(MODEL, adapter=ADAPTER, precision='fp32', threads=1, memory='1G', share_prefix=False, add_eos='auto',
                   normalize='1,2') as model:
            lines = program('score', '--adapter', ADAPTER, '--precision', 'fp32', '--add-eos', 'auto',
                            '--normalize', '1,2', records=[{'text': text} for text in TEXTS])
            self.assertBits(model.score(TEXTS), [line['score'] for line in lines])

    def test_truncation(self):
        texts = ['word ' * 400, 'a']
        with Model(MODEL, max_length=16, truncate='left') as model:
            lines = program('score', '--max-length', '16', '--truncate', 'left',
                            records=[{'text': text} for text in texts])
            items = model.items(texts)
            self.assertBits([item.score for item in items], [line['score'] for line in lines])
            self.assertEqual([item.truncated for item in items], [True, False])
            self.assertEqual([item.tokens for item in items], [[16], [1]])
        with Model(MODEL, max_length=16, truncate='drop') as model:
            scores = model.score(texts)
            self.assertNotEqual(scores[0], scores[0])
            self.assertTrue(model.items(texts)[0].dropped)
        with Model(MODEL, max_length=16) as model:
            failure = self.assertSays(TooLongError, 'item 0: ', model.score, texts)
            self.assertEqual(failure.status, 'GD_ETOOLONG')
            self.assertBits([failure.results[1].score], self.model.score(['a']))

    def test_errors_of_items(self):
        lines = program('score', records=[{'text': 'word ' * 4000}, {'text': 'a'}], ok=(1,))
        items = self.model.items(['word ' * 4000, 'a', '\ud800', [4000000000]])
        self.assertEqual([item.status for item in items], ['GD_ETOOLONG', 'GD_OK', 'GD_EFORMAT', 'GD_EFORMAT'])
        self.assertTrue(lines[0]['error'].endswith(items[0].error), lines[0])
        self.assertBits([items[1].score], [lines[1]['score']])
        self.assertIsNone(items[1].error)
        self.assertEqual(items[0].scores, [])

    def test_several_scores_for_one(self):
        self.assertSays(UsageError, 'item 1 has 2 scores', self.model.score, ['a', {'chosen': 'a', 'rejected': 'b'}])

    def test_arrays(self):
        try:
            import numpy
        except ImportError:
            self.assertIsInstance(self.model.score(['a']), array)
        else:
            self.assertEqual(self.model.score(['a']).dtype, numpy.float32)
            self.assertTrue(self.model.score(['a']).flags.writeable)

    def test_without_numpy(self):
        status, out, err = python(
            'import sys; sys.modules["numpy"] = None\n'
            'from common import MODEL, bits\n'
            'from guerdon import Model\n'
            'scores = Model(MODEL).score(["Is tea hot?", "a"])\n'
            'print(type(scores).__name__, scores.typecode, bits(scores))')
        self.assertEqual((status, err), (0, ''))
        kind, code, found = out.split()
        self.assertEqual((kind, code), ('array', 'f'))
        self.assertEqual(found, array('f', self.model.score(['Is tea hot?', 'a'])).tobytes().hex())


if __name__ == '__main__':
    unittest.main()
