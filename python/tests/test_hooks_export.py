"""python -m guerdon export: every number of a training log, in TensorBoard's and wandb's own files."""

import contextlib
import io
import json
import os
import shutil
import tempfile
import unittest
from unittest import mock

from common import Case
from guerdon import __main__ as command
from guerdon import _export
from hooks import MODEL, need, some_pairs


class Export(Case):
    def setUp(self):
        self.addCleanup(os.chdir, os.getcwd())
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        os.chdir(folder)

    def train(self):
        """A log as guerdon train writes it."""
        from guerdon import Model

        with Model(MODEL) as model:
            model.train(
                some_pairs(8), 'OUT', evals=[self.held_out()], max_steps=3, lora_r=2, batch_size=2, grad_accum=1
            )
        with open('OUT/log.jsonl', encoding='utf-8') as file:
            return [line for line in map(json.loads, file) if 'step' in line]

    def held_out(self):
        with open('held-out.jsonl', 'w', encoding='utf-8') as file:
            file.writelines(json.dumps(one) + '\n' for one in some_pairs(4))
        return 'held-out.jsonl'

    def export(self, *arguments):
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as errors:
            return command.main(['export', *arguments]), errors.getvalue()

    def wanted(self, lines):
        return sorted((name, line['step'], value) for line in lines for name, value in _export.values(line))

    def test_names(self):
        self.assertEqual(
            list(_export.values({'loss': 1.5, 'epoch': 2, 'note': 'x', 'step': 3})),
            [('train/loss', 1.5), ('train/epoch', 2)],
        )
        self.assertEqual(list(_export.values({'eval_loss': 1.5, 'epoch': 2, 'step': 3})), [('eval/loss', 1.5)])

    def test_tensorboard(self):
        need('torch.utils.tensorboard')
        events = need('tensorboard.backend.event_processing.event_accumulator')
        lines = self.train()
        self.assertEqual(self.export('OUT/log.jsonl', '--tensorboard', 'events')[0], 0)
        read = events.EventAccumulator('events')
        read.Reload()
        found = sorted((name, one.step, one.value) for name in read.Tags()['scalars'] for one in read.Scalars(name))
        wanted = self.wanted(lines)
        self.assertGreater(len(wanted), 30)
        self.assertEqual([one[:2] for one in found], [one[:2] for one in wanted])
        self.assertBits([one[2] for one in found], [one[2] for one in wanted])
        self.assertIn('eval/loss', read.Tags()['scalars'])
        self.assertIn('train/grad_norm', read.Tags()['scalars'])

    def test_wandb(self):
        wandb = need('wandb')
        lines, logged = self.train(), []
        with mock.patch.dict(os.environ, {'WANDB_MODE': 'offline', 'WANDB_SILENT': 'true', 'WANDB_DIR': os.getcwd()}):
            own = wandb.init

            def init(**how):
                run = own(**how)
                log = run.log
                run.log = lambda values, step: (logged.append((step, values)), log(values, step=step))
                return run

            with mock.patch.object(wandb, 'init', init):
                self.assertEqual(self.export('OUT/log.jsonl', '--wandb', 'tea')[0], 0)
        self.assertEqual(
            sorted((name, step, value) for step, values in logged for name, value in values.items()), self.wanted(lines)
        )
        self.assertTrue([name for name in os.listdir('wandb') if name.startswith('offline-run')])

    def test_refusals(self):
        for name, text in (
            ('cut.jsonl', '{"loss":1,"step":1}\n{"loss":2,"st'),
            ('bad.jsonl', '{"loss":\n{"loss":1,"step":1}\n'),
            ('none.jsonl', '{"score":1}\n'),
        ):
            with open(name, 'w', encoding='utf-8') as file:
                file.write(text)
        self.assertEqual(_export.read('cut.jsonl')[1], [{'loss': 1, 'step': 1}])
        for status, words, *arguments in (
            (2, 'expected OUT/log.jsonl', 'cut.jsonl'),
            (3, 'line 1', 'bad.jsonl', '--tensorboard', 'x'),
            (3, 'no line with a step', 'none.jsonl', '--tensorboard', 'x'),
            (3, 'missing.jsonl', 'missing.jsonl', '--tensorboard', 'x'),
            (2, 'expected OUT', 'cut.jsonl', '--tensorboard', 'x', '--wandb', 'y'),
        ):
            found, errors = self.export(*arguments)
            self.assertEqual(found, status, errors)
            self.assertIn(words, errors)


if __name__ == '__main__':
    unittest.main()
