"""python -m guerdon .. --shard I/N over tables: the parts, joined in order, have the rows of one run."""

import hashlib
import json
import os
import signal
import unittest

import test_hooks_data
from hooks import MODEL, program_lines
from test_hooks_data import Folder

setUpModule = test_hooks_data.setUpModule


class Shards(Folder):
    def setUp(self):
        super().setUp()
        self.save('pairs.parquet', self.pairs)

    def score(self, output, *more, **expected):
        self.guerdon('score', 'pairs.parquet', '--output', output, *more, **expected)

    def contents(self):
        """Every file here, by its bytes."""
        found = {}
        for name in filter(os.path.isfile, sorted(os.listdir())):
            with open(name, 'rb') as file:
                found[name] = file.read()
        return found

    def marker(self, output):
        with open(f'{output}.done', encoding='utf-8') as file:
            text = file.read()
        self.assertEqual(text.count('\n'), 1)
        return json.loads(text)

    def assertDigests(self, *outputs):
        """The marker has the size and the digest of each output."""
        for path, said in zip(outputs, self.marker(outputs[0])['outputs'], strict=True):
            with open(path, 'rb') as file:
                data = file.read()
            self.assertEqual(said, {'bytes': len(data), 'sha256': hashlib.sha256(data).hexdigest()})

    def test_joined(self):
        """Parts of batches of five rows; there may be more parts than rows, and the last is the longest."""
        self.score('whole.parquet')
        for of in (3, 20):
            parts = [f'{of}.{i:02}.arrow' for i in range(1, of + 1)]
            for i, path in enumerate(parts, 1):
                self.score(path, '--shard', f'{i}/{of}')
                self.assertDigests(path)
            joined = self.table(f'{of}.*.arrow')
            self.assertTrue(joined.equals(self.table('whole.parquet')))
            self.assertEqual([self.table(path).num_rows for path in parts], [self.marker(p)['items'] for p in parts])
            self.assertEqual({self.marker(path)['input'] for path in parts}, {self.marker('3.01.arrow')['input']})
        self.assertPairs(joined, program_lines(self.pairs))
        self.assertFalse([name for name in os.listdir() if name.endswith(('.guerdon', '.part'))])

    def test_marker(self):
        """As the program writes it, but for the output's bytes: the same members in the same order."""
        self.score('lines.jsonl', '--shard', '2/3')
        self.score('part.parquet', '--shard', '2/3')
        ours, theirs = self.marker('part.parquet'), self.marker('lines.jsonl')
        self.assertEqual(list(ours), list(theirs))
        ours.pop('outputs'), theirs.pop('outputs')
        self.assertEqual(ours, theirs)
        self.assertEqual([ours[name] for name in ('items', 'first', 'last', 'all_items')], [5, 5, 9, 16])

    def test_failed_and_dropped(self):
        self.save('pairs.parquet', [{'text': 'a'}, {'text': 'word ' * 50}] * 3)
        for truncate, status in (('error', 1), ('drop', 0)):
            how = ('--max-length', '20', '--truncate', truncate)
            self.score('whole.parquet', *how, status=status)
            for i in range(1, 5):
                failed = status if i > 1 else 0  # the first part is the first row
                self.score(f'{truncate}-{i}.parquet', *how, '--shard', f'{i}/4', status=failed)
            self.assertTrue(self.table(f'{truncate}-?.parquet').equals(self.table('whole.parquet')))
            self.assertEqual(self.marker(f'{truncate}-2.parquet')['failed'], status)

    def test_filter(self):
        how = ('filter', 'pairs.parquet', '--flip-below', '0', '--annotate')
        self.guerdon(*how, '--output', 'whole.parquet')
        for i in range(1, 4):
            self.guerdon(*how, '--output', f'part-{i}.parquet', '--shard', f'{i}/3')
        self.assertTrue(self.table('part-?.parquet').equals(self.table('whole.parquet')))
        how = ('filter', 'pairs.parquet', '--min-margin', '0')
        self.guerdon(*how, '--output', 'kept.arrow', '--rejects', 'out.arrow')
        for i in range(1, 8):
            self.guerdon(*how, '--output', f'kept-{i}.arrow', '--rejects', f'out-{i}.arrow', '--shard', f'{i}/7')
            self.assertDigests(f'kept-{i}.arrow', f'out-{i}.arrow')
        for name in ('kept', 'out'):
            self.assertGreater(self.table(f'{name}.arrow').num_rows, 2)
            self.assertTrue(self.table(f'{name}-?.arrow').equals(self.table(f'{name}.arrow')))
        before = self.contents()
        self.guerdon(*how, '--output', 'kept-2.arrow', '--rejects', 'out-2.arrow', '--shard', '2/7', '--resume',
                     says='out-2.arrow has shard 2/7, complete')
        self.assertEqual(self.contents(), before)

    def test_rank(self):
        self.save('rows.parquet', [{'prompt': 'Is tea hot? ', 'responses': ['Yes.', f'No, {i}.']} for i in range(7)])
        self.guerdon('rank', 'rows.parquet', '--output', 'whole.parquet')
        for i in range(1, 4):
            self.guerdon('rank', 'rows.parquet', '--output', f'part-{i}.parquet', '--shard', f'{i}/3')
        self.assertTrue(self.table('part-?.parquet').equals(self.table('whole.parquet')))

    def test_a_part_that_is_done(self):
        self.score('part.parquet', '--shard', '2/3')
        before = self.contents()
        again = ('--shard', '2/3', '--resume')
        self.score('part.parquet', *again, says='part.parquet has shard 2/3, complete; nothing to do')
        for status, words, *how in (
            (2, 'part.parquet.done: the run was started with another truncate, error; now it is left', *again,
             '--truncate', 'left'),
            (3, 'part.parquet is complete, but has other columns than this run would write', *again, '--prefix', 'x_'),
            (2, 'part.parquet has shard 2/3, as part.parquet.done says, but this run is shard 1/3', '--shard', '1/3'),
            (2, 'but this run is over the whole input'),
        ):
            self.score('part.parquet', *how, status=status, says=words)
        self.assertEqual(self.contents(), before)
        self.save('pairs.parquet', self.pairs[1:])
        self.score('part.parquet', *again, status=2, says='the shard is of another input, which had 16 items')
        self.save('pairs.parquet', self.pairs)
        with open('part.parquet', 'ab') as file:
            file.write(b' ')
        self.score('part.parquet', *again, status=3, says='when it was done, as part.parquet.done says')
        os.remove('part.parquet')
        self.score('part.parquet', *again, status=3, says='part.parquet is not there, but part.parquet.done says')
        self.score('part.parquet', '--shard', '2/3', says='5 rows in part.parquet')
        self.assertEqual(self.contents(), before)

    def test_killed_over_a_part_that_is_done(self):
        """What --resume laid for the library must not be taken for the part's lines, which would be no scores."""
        self.score('part.parquet', '--shard', '2/3')
        before = self.contents()
        again = ('--shard', '2/3', '--resume')
        self.assertEqual(self.shot('_run.score', *again), -signal.SIGKILL)
        self.assertIn('part.parquet.guerdon', os.listdir())
        self.score('part.parquet', *again, says='complete; nothing to do')
        self.assertEqual(self.contents(), before)
        for how in (again, again[:2]):
            self.shot('_run.score', *how)
            os.remove('part.parquet.done')  # to start afresh
            self.score('part.parquet', *again, says='5 rows in part.parquet')
            self.assertEqual(self.contents(), before)

    def test_killed_while_the_folder_is_removed(self):
        self.score('whole.parquet', '--shard', '2/3')
        self.assertEqual(self.shot('_tables.shutil.rmtree', '--shard', '2/3', '--resume'), -signal.SIGKILL)
        os.remove('part.parquet.guerdon/out.jsonl.done')  # it removes in an order of its own
        self.score('part.parquet', '--shard', '2/3', '--resume', says='complete; nothing to do')
        self.assertTrue(self.table('part.parquet').equals(self.table('whole.parquet')))
        self.assertNotIn('part.parquet.guerdon', os.listdir())

    def shot(self, where, *how):
        """The exit status of a run that is killed, and can't clean up, where it calls this."""
        source = f"""if True:
            import os, signal, sys
            from guerdon import __main__, _run, _tables
            {where} = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)
            sys.exit(__main__.main(sys.argv[1:]))
        """
        call = ('score', 'pairs.parquet', '--output', 'part.parquet', '--model', MODEL, *how)
        return self.script(source, *call).returncode

    def test_malformed_marker(self):
        self.score('part.parquet', '--shard', '2/3')
        with open('part.parquet.done', encoding='utf-8') as file:
            good = file.read()
        for words, old, new in (
            ('does not say in outputs', '"outputs"', '"others"'),
            ('does not say in outputs', '"outputs":[', '"outputs":[7,'),
            ('does not say in outputs', '"bytes"', '"size"'),
            ('all_items', '"all_items"', '"everything"'),
            ('the run would overwrite this file', '{', '{{'),
        ):
            with open('part.parquet.done', 'w', encoding='utf-8') as file:
                file.write(good.replace(old, new, 1))
            with self.subTest(new):
                self.score('part.parquet', '--shard', '2/3', '--resume', status=2 if '{' in old else 3, says=words)
                self.assertNotIn('part.parquet.guerdon', os.listdir())

    def test_another_command(self):
        """Whatever makes a table does not write over a part."""
        self.score('part.parquet', '--shard', '2/3')
        with open('pairs.jsonl', 'w', encoding='utf-8') as file:
            file.write('{"chosen":"a","rejected":"b"}\n')
        before = self.contents()
        for command, source in (('tokenize', 'pairs.parquet'), ('score', 'pairs.jsonl')):
            self.guerdon(command, source, '--output', 'part.parquet', status=2,
                         says='part.parquet has shard 2/3, as part.parquet.done says')
        self.assertEqual(self.contents(), before)

    def test_types_that_parquet_changes(self):
        """A part that is done has the columns of its run, although Parquet has no timestamps of seconds."""
        seconds = test_hooks_data.pa.array([1, 2], test_hooks_data.pa.timestamp('s'))
        test_hooks_data.data.write(
            'times.arrow', test_hooks_data.pa.table({'chosen': ['a', 'b'], 'rejected': ['c', 'd'], 'at': seconds})
        )
        how = ('score', 'times.arrow', '--output', 'part.parquet', '--shard', '1/2')
        self.guerdon(*how)
        self.guerdon(*how, '--resume', says='complete; nothing to do')

    def test_a_file_of_the_user(self):
        """It is neither taken for a marker, nor overwritten."""
        with open('part.parquet.done', 'w', encoding='utf-8') as file:
            file.write('mine')
        self.score('part.parquet', '--shard', '2/3', status=2,
                   says='part.parquet.done: the run would overwrite this file')
        self.assertEqual(sorted(os.listdir()), ['pairs.parquet', 'part.parquet.done'])
        self.score('part.parquet')
        self.assertEqual(self.contents()['part.parquet.done'], b'mine')
        os.remove('part.parquet.done')
        for make in (os.mkdir, lambda path: os.symlink('nowhere', path), os.mkfifo):
            make('other.parquet.done')
            self.score('other.parquet', '--shard', '2/3', status=2, says='the run would overwrite this file')
            self.assertNotIn('other.parquet', os.listdir())
            os.replace('other.parquet.done', 'theirs')
            os.rmdir('theirs') if os.path.isdir('theirs') else os.remove('theirs')

    def test_interrupted(self):
        """Ctrl-C, and then --resume; a kill between the table and its marker, which was there before, too."""
        self.score('whole.parquet', '--shard', '2/2')
        for moment in ('lines', 'marker'):
            status = self.killed(moment)
            self.assertEqual(status, 130)
            self.assertIn('part.parquet.guerdon', os.listdir())
            self.assertNotIn('part.parquet.done', os.listdir())
            if moment == 'lines':
                self.score('part.parquet', '--shard', '1/2', '--resume', status=2,
                           says='part.parquet.guerdon/out.jsonl.resume: the run was started with another shard')
            self.score('part.parquet', '--shard', '2/2', '--resume', '--batch-tokens', '200')
            self.assertDigests('part.parquet')
            self.assertTrue(self.table('part.parquet').equals(self.table('whole.parquet')))
            self.assertNotIn('part.parquet.guerdon', os.listdir())

    def test_interrupted_over_a_part_that_is_done(self):
        """Until the new part is whole, the old one is there; --resume continues the new one."""
        self.score('part.parquet', '--shard', '2/2')
        before = self.contents()
        other = ('--truncate', 'left')
        self.assertEqual(self.killed('lines', *other), 130)
        self.assertEqual({**self.contents(), **before}, self.contents())
        self.score('part.parquet', '--shard', '2/2', '--resume', *other, '--batch-tokens', '200')
        self.assertNotEqual(self.marker('part.parquet')['run'], json.loads(before['part.parquet.done'])['run'])
        self.assertDigests('part.parquet')
        self.assertEqual(self.killed('marker'), 130)
        self.assertNotIn('part.parquet.done', os.listdir())  # which would speak of the table before

    def killed(self, moment, *more):
        """A run of part 2 of 2 that Ctrl-C ends, of which some lines are written, or the whole table."""
        source = f"""if True:
            import sys
            from guerdon import __main__, _run, _shard
            class Stops(_run.Call):
                def __init__(self, progress=None, problem=None):
                    super().__init__(self.stop, problem)
                def stop(self, done):
                    if done.items >= 3:
                        raise KeyboardInterrupt
            def stop(*_):
                raise KeyboardInterrupt
            if {moment!r} == 'lines':
                _run.Call = Stops
            else:
                _shard.Marker.write = stop
            sys.exit(__main__.main(sys.argv[1:]))
        """
        return self.script(source, 'score', 'pairs.parquet', '--output', 'part.parquet', '--model', MODEL,
                           '--batch-tokens', '200', '--shard', '2/2', *more).returncode

    def test_no_place(self):
        for path in ('pairs.parquet/part.parquet', '/dev/null/part.parquet'):
            where = os.path.dirname(path)
            self.score(path, '--shard', '1/2', status=3, says=f'guerdon: {path}: the folder {where} is not there')

    def test_refusals(self):
        self.save('texts.arrow', [{'prompt': 'a', 'response': 'b'}])
        with open('pairs.jsonl', 'w', encoding='utf-8') as file:
            file.write('{"chosen":"a","rejected":"b"}\n')
        before = self.contents()
        for words, *arguments in (
            ('parts may have different ones', 'score', 'pairs.jsonl', '--output', 'x.parquet'),
            ('parts may have different ones', 'tokenize', 'pairs.parquet', '--output', 'x.parquet'),
            ('parts may have different ones', 'rank', 'texts.arrow', '--group-by', 'prompt', '--output', 'x.parquet'),
            ('expected --pairs-output', 'rank', 'texts.arrow', '--pairs', 'all', '--output', 'x.parquet'),
            ('expected --pairs-output', 'rank', 'texts.arrow', '--pairs-output', 'y.arrow', '--output', 'x.jsonl'),
            ('x would be a folder', 'score', 'pairs.parquet', '--output', 'x'),
        ):
            self.guerdon(*arguments, '--shard', '1/2', status=2, says=words)
        for bad in ('', '2', '1/', '1/0', '1/3/3', '-1/3', 'a/b', '1/' + '9' * 5000):
            self.score('x.parquet', f'--shard={bad}', status=2, says='expected I/N')
        for bad in ('0/3', '4/3'):
            self.score('x.parquet', '--shard', bad, status=2, says='expected a part from 1 to 3; parts count from 1')
        self.assertEqual(self.contents(), before)


if __name__ == '__main__':
    unittest.main()
