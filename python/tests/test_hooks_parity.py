"""guerdon.parity against Transformers, and its verdict on what is not equal."""

import contextlib
import io
import json
import unittest
from unittest import mock

from common import ADAPTER, MODEL as LLAMA, Case
from guerdon import Error
from hooks import MODEL, PAIRS, POLICY, need


class Verdict(Case):
    """judge(), which needs no other package but pyarrow."""

    def setUp(self):
        need('pyarrow')
        self.parity = need('guerdon.parity')
        self.ids = [[1, 2, 3], [4, 5]]

    def judge(self, theirs=None, **scores):
        reference = [1.0, 2.0]
        runs = {name: list(reference) for name in ('guerdon fp32', 'guerdon bf16', 'transformers fp32', 'reference')}
        runs['transformers bf16'] = [1.0, 2.01]
        runs.update({name.replace('_', ' '): values for name, values in scores.items()})
        return self.parity.judge(self.ids, theirs or self.ids, runs, ['a', 'b'])

    def test_equal(self):
        result = self.judge()
        self.assertTrue(result['equal'])
        self.assertEqual(result['nearer'], {'fp32': 'equal', 'bf16': 'guerdon'})
        self.assertTrue(self.judge(guerdon_fp32=[1.0009, 2.0])['equal'])
        self.assertTrue(self.judge(guerdon_bf16=[1.0, 2.039])['equal'])

    def test_ids(self):
        result = self.judge([[1, 2, 9], [4, 5]])
        self.assertEqual(
            result['ids'], {'equal': 1, 'parted': [{'text': 0, 'at': 2, 'guerdon': [3], 'transformers': [9]}]}
        )
        self.assertFalse(result['equal'])
        self.assertEqual(self.judge([[1, 2, 3], [4, 5, 6]])['ids']['parted'][0]['at'], 2)
        self.assertIn('text 0 parts at token 2', self.parity.table(result))

    def test_scores(self):
        self.assertFalse(self.judge(guerdon_fp32=[1.0, 2.01])['equal'])
        self.assertFalse(self.judge(guerdon_bf16=[1.0, 2.041])['equal'])
        self.assertFalse(self.judge(guerdon_bf16=[1.0, float('nan')])['equal'])
        self.assertFalse(self.judge(guerdon_fp32=[1.0, float('nan')])['equal'])
        swapped = self.judge(guerdon_bf16=[2.0, 1.0])
        self.assertEqual([swapped['runs']['guerdon bf16']['flips'], swapped['runs']['guerdon fp32']['flips']], [1, 0])
        self.assertEqual(swapped['nearer']['bf16'], 'transformers')
        self.assertIn('in bf16 differ by more than rounding explains', self.parity.table(swapped))


class Command(Case):
    def setUp(self):
        need('pyarrow', 'torch', 'transformers')
        self.parity = need('guerdon.parity')

    def run_it(self, *arguments):
        out, errors = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(errors):
            status = self.parity.main(arguments)
        return status, out.getvalue(), errors.getvalue()

    def test_model(self):
        status, out, errors = self.run_it(MODEL, '--json')
        self.assertEqual(status, 0, out + errors)
        result = json.loads(out)
        self.assertEqual([result['texts'], result['ids']['equal']], [9, 9])
        self.assertLess(result['runs']['guerdon fp32']['largest'], 1e-4)
        self.assertLess(0, result['runs']['guerdon bf16']['largest'])

    def test_adapter(self):
        need('peft')
        status, out, errors = self.run_it(LLAMA, '--adapter', ADAPTER, '--texts', PAIRS, '--count', '5')
        self.assertEqual(status, 0, out + errors)
        self.assertIn('5 texts; the same ids: 5', out)
        self.assertIn('equal within the bounds', out)

    def test_other_tokenizer(self):
        with mock.patch.object(self.parity._parity_sides, 'transformers_ids', lambda path, texts: [[1]] * len(texts)):
            status, out, errors = self.run_it(MODEL)
        self.assertEqual(status, 1, errors)
        self.assertIn('text 0 parts at token 0', out)
        self.assertIn('NOT equal', out)

    def test_no_head(self):
        """Transformers would take random numbers for a head that isn't there."""
        words = 'Transformers finds no score.weight'
        self.assertSays(Error, words, self.parity._parity_sides.transformers, POLICY, None, [[1]])

    def test_refusals(self):
        for status, words, *arguments in (
            (2, 'expected one model', '--json'),
            (2, 'not a flag', MODEL, '--colour', 'red'),
            (3, 'no such directory', 'missing'),
            (3, 'missing.jsonl', MODEL, '--texts', 'missing.jsonl'),
            (3, 'score.weight', POLICY),
        ):
            found, _, errors = self.run_it(*arguments)
            self.assertEqual(found, status, errors)
            self.assertIn(words, errors)


if __name__ == '__main__':
    unittest.main()
