"""Calls that are stopped, watched, shared by threads or taken through a fork."""
import multiprocessing
import os
import subprocess
import sys
import tempfile
import threading
import unittest

import guerdon
from common import MODEL, Case, python
from guerdon import Model, UsageError

TEXTS = [f'Is tea number {i} hot?' for i in range(200)]


class Progress(Case):
    def setUp(self):
        self.model = Model(MODEL, batch_tokens=32)
        self.addCleanup(self.model.close)

    def test_is_told(self):
        told = []
        self.model.score(TEXTS, progress=told.append)
        self.assertGreater(len(told), 5)
        self.assertEqual(told, sorted(told))
        self.assertEqual(told[-1].items, len(TEXTS))
        self.assertEqual(told[-1].bytes, told[-1].bytes_total)

    def test_raises(self):
        calls = []

        def stop(progress):
            calls.append(progress)
            if len(calls) == 3:
                raise KeyError('mine')

        with self.assertRaises(KeyError):
            self.model.score(TEXTS, progress=stop)
        self.assertEqual(len(calls), 3)
        self.assertEqual(len(self.model.score(TEXTS[:2])), 2)

    def test_cannot_use_its_model(self):
        self.assertSays(UsageError, 'a progress function cannot use the model', self.model.score, TEXTS,
                        progress=lambda _: self.model.score(['a']))
        self.assertSays(UsageError, 'a progress function cannot close the model', self.model.score, TEXTS,
                        progress=lambda _: self.model.close())

    def test_is_a_function(self):
        self.assertSays(UsageError, 'progress is 3: expected a function', self.model.score, ['a'], progress=3)

    def test_interrupt(self):
        """Ctrl-C during a call, at a moment that is known: the process sends itself the signal while it computes."""
        status, out, err = python(
            'import os, signal\n'
            'from common import MODEL\n'
            'from guerdon import Model\n'
            'from test_calls import TEXTS\n'
            'model = Model(MODEL, batch_tokens=32)\n'
            'told = []\n'
            'def watch(progress):\n'
            '    told.append(progress.items)\n'
            '    if len(told) == 2: os.kill(os.getpid(), signal.SIGINT)\n'
            'try:\n'
            '    model.score(TEXTS, progress=watch)\n'
            'except KeyboardInterrupt:\n'
            '    print("stopped", len(told) <= 3, len(model.score(TEXTS)))\n')
        self.assertEqual((status, out.split(), err), (0, ['stopped', 'True', '200'], ''))

    def test_interrupt_without_a_function(self):
        """A thread sends the signal as soon as the call has begun; nothing else watches it."""
        status, out, err = python(
            'import os, signal, threading\n'
            'from common import MODEL\n'
            'from guerdon import Model\n'
            'from test_calls import TEXTS\n'
            'model = Model(MODEL, batch_tokens=32)\n'
            'def interrupt():\n'
            '    while model._user is None: pass\n'
            '    os.kill(os.getpid(), signal.SIGINT)\n'
            'thread = threading.Thread(target=interrupt)\n'
            'try:\n'
            '    thread.start()\n'
            '    model.score(TEXTS * 50)\n'
            'except KeyboardInterrupt:\n'
            '    print("stopped")\n'
            'thread.join()\n')
        self.assertEqual((status, out.split(), err), (0, ['stopped'], ''))


class Threads(Case):
    def run_all(self, count, work):
        failures = []

        def guarded(number):
            try:
                work(number)
            except BaseException as failure:
                failures.append(failure)

        threads = [threading.Thread(target=guarded, args=(i,)) for i in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return failures

    def test_share_a_model(self):
        with Model(MODEL) as model:
            wanted = model.score(TEXTS)

            def work(number):
                for at in range(number, len(TEXTS), 8):
                    self.assertBits(model.score([TEXTS[at]]), [wanted[at]])
                self.assertBits([model.score_pairs([('a', 'b')]).margins[0]], [model.rank('', ['a', 'b']).scores[0]
                                                                              - model.rank('', ['a', 'b']).scores[1]])

            self.assertEqual(self.run_all(8, work), [])

    def test_close_waits(self):
        """Whoever scores while another thread closes gets all scores, or hears that the model is closed."""
        for _ in range(10):
            model = Model(MODEL, batch_tokens=32)
            started = threading.Event()

            def score(number):
                if number == 0:
                    started.wait()
                    model.close()
                else:
                    scores = model.score(TEXTS, progress=lambda _: started.set())
                    self.assertEqual(len(scores), len(TEXTS))

            for failure in self.run_all(3, score):
                self.assertIsInstance(failure, UsageError)
                self.assertIn('is closed', str(failure))
            self.assertTrue(model.closed)

    def test_the_interpreter_runs_meanwhile(self):
        """The lock of the interpreter is released: another thread counts while a call that nothing watches computes."""
        with Model(MODEL, threads=1) as model:
            counted = []

            def work(number):
                if number == 0:
                    model.score(TEXTS * 5)
                    counted.append(None)
                else:
                    while None not in counted:
                        if model._user is not None:
                            counted.append(number)
                            break

            self.assertEqual(self.run_all(2, work), [])
            self.assertEqual(counted, [1, None])

    def test_processes(self):
        """However a child begins: a model of this process is refused there, and one of its own is right."""
        with tempfile.TemporaryDirectory() as folder:
            script = os.path.join(folder, 'processes.py')
            with open(script, 'w', encoding='utf-8') as file:
                file.write(
                    'import multiprocessing, sys\n'
                    'from guerdon import Model, UsageError\n'
                    'def own(path):\n'
                    '    with Model(path) as model: return model.score(["a"])[0]\n'
                    'def given(model):\n'
                    '    return len(model.score(["a"]))\n'
                    'if __name__ == "__main__":\n'
                    '    model = Model(sys.argv[1])\n'
                    '    for kind in multiprocessing.get_all_start_methods():\n'
                    '        with multiprocessing.get_context(kind).Pool(2) as pool:\n'
                    '            same = pool.map(own, [model.path] * 3) == [model.score(["a"])[0]] * 3\n'
                    '            try:\n'
                    '                pool.map(given, [model])\n'
                    '            except UsageError as why:\n'
                    '                print(same, "sent to another process" in str(why))\n')
            done = subprocess.run([sys.executable, script, MODEL], capture_output=True, text=True, check=False)
        kinds = len(multiprocessing.get_all_start_methods())
        self.assertEqual((done.returncode, done.stdout.split()), (0, ['True', 'True'] * kinds), done.stderr)

    @unittest.skipUnless(hasattr(os, 'fork'), 'there is no fork')
    def test_fork_during_a_call(self):
        status, out, err = python(
            'import os, signal, threading, warnings\n'
            'from common import MODEL\n'
            'from guerdon import Model\n'
            'from test_calls import TEXTS\n'
            'model = Model(MODEL, batch_tokens=32)\n'
            'warnings.simplefilter("ignore")\n'
            'begun = threading.Event()\n'
            'thread = threading.Thread(target=lambda: model.score(TEXTS * 9, progress=lambda _: begun.set()))\n'
            'thread.start()\n'
            'begun.wait()\n'
            'child = os.fork()\n'
            'if child == 0:\n'
            '    signal.alarm(100)\n'
            '    model.close()\n'
            '    with Model(MODEL) as own: print(len(own.score(["a"])), flush=True)\n'
            '    os._exit(0)\n'
            'print(os.waitpid(child, 0)[1])\n'
            'thread.join()\n')
        self.assertEqual((status, out.split(), err), (0, ['1', '0'], ''))

    @unittest.skipUnless(hasattr(os, 'fork'), 'there is no fork')
    def test_fork(self):
        status, out, err = python(
            'import os, warnings\n'
            'from common import MODEL\n'
            'from guerdon import Model, UsageError\n'
            'model = Model(MODEL)\n'
            'model.score(["a"])\n'
            'warnings.simplefilter("ignore")\n'  # of newer interpreters, which tell of threads
            'child = os.fork()\n'
            'if child == 0:\n'
            '    try:\n'
            '        model.score(["a"])\n'
            '    except UsageError as why:\n'
            '        print("refused" if "does not follow a fork" in str(why) else why, flush=True)\n'
            '    model.close()\n'
            '    with Model(MODEL) as own:\n'
            '        print(len(own.score(["a"])), flush=True)\n'
            'else:\n'
            '    _, status = os.waitpid(child, 0)\n'
            '    print(status, len(model.score(["a"])))\n')
        self.assertEqual((status, out.split(), err), (0, ['refused', '1', '0', '1'], ''))


class Long(Case):
    """Calls on files and records."""

    PAIRS = [{'chosen': f'Yes, {i}.', 'rejected': f'No, {i}.', 'kind': 'odd' if i % 2 else 'even'} for i in range(12)]

    def test_eval(self):
        with Model(MODEL) as model:
            margins = model.score_pairs(self.PAIRS).margins
            found = model.eval(self.PAIRS, by='kind')
            self.assertEqual(found['format'], 'guerdon-eval/1')
            self.assertEqual(found['pairs'], 12)
            self.assertAlmostEqual(found['accuracy'], sum(m > 0 for m in margins) / 12)
            self.assertIn('odd', str(found['by']))
            with self.assertWarnsRegex(guerdon.Note, '1 of 13 items failed'):
                self.assertEqual(model.eval([*self.PAIRS, {'text': 'alone'}])['pairs'], 12)
            self.assertSays(UsageError, 'there is no keyword bye; did you mean by?', model.eval, self.PAIRS, bye='kind')

    def test_train(self):
        told = []
        with tempfile.TemporaryDirectory() as folder, Model(MODEL, threads=1) as model:
            result = model.train(self.PAIRS, f'{folder}/out', lora_r=2, max_steps=2, batch_size=2, grad_accum=1, seed=7,
                                 progress=told.append)
            self.assertEqual(result['format'], 'guerdon-train/1')
            self.assertEqual(max(one.step for one in told), 2)
            with Model(MODEL, adapter=f'{folder}/out') as trained:
                self.assertEqual(len(trained.score(['a'])), 1)

            def stop(_):
                raise KeyError('mine')

            with self.assertRaises(KeyError):
                model.train(self.PAIRS, f'{folder}/again', lora_r=2, max_steps=2, batch_size=2, progress=stop)
            self.assertSays(UsageError, 'lora_r=0.5: expected a whole number', model.train, self.PAIRS,
                            f'{folder}/third', lora_r=0.5)

    def test_inspect(self):
        with Model(MODEL) as model:
            self.assertEqual(model.inspect()['architecture'], guerdon.inspect(MODEL)['architecture'])
        self.assertIn('cpu', guerdon.backends())
        self.assertIn('trunks', guerdon.models())


if __name__ == '__main__':
    unittest.main()
