"""guerdon.ray in a local Ray Data pipeline."""

import os
import unittest
import warnings

from common import Case
from hooks import CHAT, MODEL, TURNS, need, program_lines, program_scores, some_pairs

os.environ.setdefault('RAY_ENABLE_UV_RUN_RUNTIME_ENV', '0')


class Ray(Case):
    @classmethod
    def setUpClass(cls):
        cls.ray, cls.data, cls.hook = need('ray', 'ray.data', 'guerdon.ray')
        cls.ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level='ERROR')
        cls.data.DataContext.get_current().enable_progress_bars = False

    @classmethod
    def tearDownClass(cls):
        cls.ray.shutdown()

    def score(self, rows, batch_format, **how):
        found = self.data.from_items(rows).map_batches(
            self.hook.Scorer,
            fn_constructor_kwargs={'model': MODEL, 'threads': 1, **how},
            batch_size=5,
            batch_format=batch_format,
            compute=self.data.ActorPoolStrategy(size=1),
        )
        return sorted(found.take_all(), key=lambda row: row['id'])

    def test_pairs(self):
        rows = [{**one, 'id': i} for i, one in enumerate(some_pairs())]
        lines = program_lines(rows)
        for batch_format in ('pyarrow', 'numpy', 'pandas'):
            found = self.score(rows, batch_format)
            self.assertEqual([row['chosen'] for row in found], [row['chosen'] for row in rows])
            for name in ('chosen', 'rejected', 'margin'):
                self.assertBits([row[f'score_{name}'] for row in found], [line[name] for line in lines])

    def test_conversations(self):
        found = self.score(
            [{'id': 0, 'messages': TURNS}, {'id': 1, 'messages': TURNS[:1] * 3}], 'numpy', prefix='g_', **CHAT
        )
        self.assertBits([found[0]['g_score']], program_scores([{'messages': TURNS}], '--chat-format', 'chatml'))
        self.assertTrue(found[1]['g_error'])


if __name__ == '__main__':
    warnings.simplefilter('ignore')
    unittest.main()
