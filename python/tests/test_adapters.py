"""Several adapters over one model: each has the scores that it has alone."""
import os
import threading
import unittest

from common import GOLDEN, Case
from guerdon import Model, UsageError

BASE = os.path.join(GOLDEN, 'qwen2')
FOLDERS = {'helpful': os.path.join(GOLDEN, 'qwen2-lora'), 'harmless': os.path.join(GOLDEN, 'train-ga1', 'final')}
TEXTS = [f'Is tea hot? {"No. " * i}' for i in range(6)]
PAIRS = [{'chosen': f'Yes, {i}.', 'rejected': f'No, {i}.'} for i in range(8)]


class Adapters(Case):
    def setUp(self):
        self.model = Model(BASE, adapters=FOLDERS)
        self.addCleanup(self.model.close)

    def test_each_has_its_scores(self):
        for name, folder in FOLDERS.items():
            one = self.model.adapter(name)
            with Model(BASE, adapter=folder) as alone:
                self.assertBits(one.score(TEXTS), alone.score(TEXTS))
                self.assertBits(one.rank('Is tea hot? ', ['Yes.', 'No.']).scores,
                                alone.rank('Is tea hot? ', ['Yes.', 'No.']).scores)
                self.assertBits(one.score_pairs(PAIRS).chosen, alone.score_pairs(PAIRS).chosen)
                self.assertEqual(one.tokenize(TEXTS), alone.tokenize(TEXTS))
                judged, wanted = one.eval(PAIRS), alone.eval(PAIRS)
                for figure in ('pairs', 'accuracy', 'margin'):
                    self.assertIn(figure, judged)
                    self.assertEqual(judged[figure], wanted[figure])

    def test_the_first_is_the_models_own(self):
        self.assertBits(self.model.score(TEXTS), self.model.adapter('helpful').score(TEXTS))

    def test_an_adapter_without_a_name(self):
        with Model(BASE, adapter=FOLDERS['harmless'], adapters={'helpful': FOLDERS['helpful']}) as model:
            self.assertBits(model.score(TEXTS), self.model.adapter('harmless').score(TEXTS))
            self.assertBits(model.adapter('helpful').score(TEXTS), self.model.adapter('helpful').score(TEXTS))

    def test_threads(self):
        want = {name: self.model.adapter(name).score(TEXTS).tolist() for name in FOLDERS}
        wrong = []

        def work(name):
            one = self.model.adapter(name)
            wrong.extend(name for _ in range(5) if one.score(TEXTS).tolist() != want[name])

        threads = [threading.Thread(target=work, args=(name,)) for name in FOLDERS for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])

    def test_it_is_open_as_long_as_the_model(self):
        one = self.model.adapter('harmless')
        with one:
            self.assertIn('harmless', repr(one))
        self.assertFalse(one.closed or self.model.closed)
        self.model.close()
        self.assertTrue(one.closed)
        self.assertSays(UsageError, 'is closed', one.score, TEXTS)

    def test_what_is_refused(self):
        self.assertSays(UsageError, "there is no adapter 'honest': expected 'helpful', 'harmless'", self.model.adapter,
                        'honest')
        self.assertSays(UsageError, 'to continue its training', self.model.adapter('harmless').train, PAIRS, 'out')
        self.assertSays(UsageError, 'there is no keyword more_adapters', Model, BASE, more_adapters=[BASE])
        self.assertSays(UsageError, 'expected names and directories', Model, BASE, adapters=[FOLDERS['helpful']])
        with Model(BASE) as model:
            self.assertSays(UsageError, 'expected none', model.adapter, 'helpful')


if __name__ == '__main__':
    unittest.main()
