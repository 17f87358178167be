"""guerdon.data and `python -m guerdon` over tables: the scores of the program, row by row."""

import contextlib
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

from common import Case
from guerdon import FileError, FormatError, Model, UsageError, __main__
from hooks import CHAT, MODEL, TURNS, need, program_lines, some_pairs

pa = None  # pyarrow, once it is known to be there


def setUpModule():
    global pa, data
    pa = need('pyarrow')
    need('pyarrow.parquet')
    from guerdon import data  # noqa: F811 - needs pyarrow


class Folder(Case):
    def setUp(self):
        self.addCleanup(os.chdir, os.getcwd())
        folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, folder)
        os.chdir(folder)
        self.pairs = some_pairs()

    def save(self, name, rows):
        """A file of batches of five rows."""
        table = pa.Table.from_pylist(rows)
        data.write(name, pa.RecordBatchReader.from_batches(table.schema, table.to_batches(max_chunksize=5)))
        return name

    def guerdon(self, *arguments, status=0, says=''):
        """Standard output of a command, in this process: a new one takes longer than the command."""
        model = () if '--model' in arguments else ('--model', MODEL)
        with contextlib.redirect_stderr(io.StringIO()) as said, contextlib.redirect_stdout(io.StringIO()) as out:
            found = __main__.main([*arguments, *model])
        self.assertEqual(found, status, said.getvalue())
        self.assertIn(says, said.getvalue())
        return out.getvalue()

    def lines(self, *arguments):
        """What a command writes to standard output, which is the library, in a process of its own."""
        command = [sys.executable, '-m', 'guerdon', *arguments, '--output', '-', '--quiet', '--model', MODEL]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        self.assertEqual(done.stderr, '')
        return [json.loads(line) for line in done.stdout.splitlines()]

    def script(self, source, *arguments):
        return subprocess.run(
            [sys.executable, '-c', source, *arguments], capture_output=True, text=True, check=False
        )

    def table(self, name):
        return data.read(name).read_all()

    def assertPairs(self, table, lines):
        for name, of in (('score_chosen', 'chosen'), ('score_rejected', 'rejected'), ('score_margin', 'margin')):
            self.assertBits(table[name].to_pylist(), [line[of] for line in lines])
        self.assertEqual(
            [list(both) for both in zip(table['tokens_chosen'].to_pylist(), table['tokens_rejected'].to_pylist())],
            [line['tokens'] for line in lines],
        )


class Tables(Folder):
    """guerdon.data"""

    def setUp(self):
        super().setUp()
        self.model = Model(MODEL)
        self.addCleanup(self.model.close)

    def test_kinds_of_tables(self):
        lines, table = program_lines(self.pairs), pa.Table.from_pylist(self.pairs)
        self.assertPairs(data.score(self.model, table), lines)
        pandas, datasets = need('pandas', 'datasets')
        frame = data.score(self.model, table.to_pandas())
        self.assertIsInstance(frame, pandas.DataFrame)
        self.assertPairs(pa.Table.from_pandas(frame), lines)
        found = data.score(self.model, datasets.Dataset.from_list(self.pairs).select([5, 3]))
        self.assertIsInstance(found, datasets.Dataset)
        self.assertPairs(found.with_format('arrow')[:], [lines[5], lines[3]])

    def test_files(self):
        lines = program_lines(self.pairs)
        for name in ('pairs.parquet', 'pairs.arrow'):
            self.save(name, self.pairs)
            self.assertPairs(data.score(self.model, name), lines)
        need('datasets').Dataset.from_list(self.pairs).save_to_disk('saved')
        self.assertPairs(data.score(self.model, 'saved'), lines)
        stream = os.path.join('saved', next(name for name in os.listdir('saved') if name.endswith('.arrow')))
        self.assertEqual(data.read(stream).read_all().num_rows, len(lines))

    def test_several_files(self):
        for part, rows in enumerate((self.pairs[:7], self.pairs[7:])):
            self.save(f'part-{part}.parquet', rows)
        found = data.score(self.model, 'part-*.parquet')
        self.assertPairs(found, program_lines(self.pairs))
        self.save('part-2.parquet', [{**self.pairs[0], 'id': 3}])
        self.assertSays(FormatError, 'part-2.parquet has other columns', data.read, 'part-*.parquet')

    def test_conversations(self):
        """A struct has all its members in every row: those that are null count as absent."""
        extra = [{**TURNS[0], 'name': None, 'tool_calls': None}, {**TURNS[1], 'name': None, 'tool_calls': None}]
        kind = pa.list_(
            pa.struct(
                [
                    ('role', pa.string()),
                    ('content', pa.string()),
                    ('name', pa.string()),
                    ('tool_calls', pa.list_(pa.string())),
                ]
            )
        )
        table = pa.table({'messages': pa.array([extra, extra[:2]], kind), 'system': [None, 'Be brief.']})
        wanted = program_lines(
            [{'messages': TURNS}, {'messages': TURNS, 'system': 'Be brief.'}], '--chat-format', 'chatml'
        )
        with Model(MODEL, **CHAT) as model:
            found = data.score(model, table)
        self.assertBits(found['score'].to_pylist(), [line['score'] for line in wanted])
        self.assertNotEqual(*found['score'].to_pylist())

    def test_tools(self):
        """Arguments of calls to different tools are one struct, in which each call has only some members."""

        def turns(**arguments):
            call = {'type': 'function', 'function': {'name': 'f', 'arguments': arguments}}
            return [TURNS[0], {'role': 'assistant', 'content': '', 'tool_calls': [call]}, TURNS[1]]

        rows = [{'messages': turns(a=1)}, {'messages': turns(b='x')}]
        wanted = program_lines(rows, '--chat-format', 'qwen2.5')
        with Model(MODEL, chat_format='qwen2.5') as model:
            found = data.score(model, pa.Table.from_pylist(rows))
        self.assertIn("'a': None", str(pa.Table.from_pylist(rows).to_pylist()[1]))
        self.assertBits(found['score'].to_pylist(), [line['score'] for line in wanted])

    def test_answers(self):
        rows = [{'prompt': 'Is tea hot? ', 'responses': ['Yes.', 'No.']}, {'prompt': 'Is ice? ', 'responses': ['No.']}]
        found = data.score(self.model, pa.Table.from_pylist(rows))
        for scores, line in zip(found['scores'].to_pylist(), program_lines(rows)):
            self.assertBits(scores, line['scores'])

    def test_failed_and_dropped(self):
        rows = [{'text': 'a'}, {'text': 'word ' * 50}, {'text': 'b'}, {'text': 'word ' * 50}]
        for truncate, error in (('error', True), ('drop', False)):
            with Model(MODEL, max_length=20, truncate=truncate) as model:
                found = data.score(model, pa.Table.from_pylist(rows))
            self.assertEqual([score is None for score in found['score'].to_pylist()], [False, True, False, True])
            self.assertEqual([one is not None for one in found['error'].to_pylist()], [False, error, False, error])

    def test_refusals(self):
        self.assertSays(
            UsageError,
            'score_margin already',
            data.score,
            self.model,
            pa.table({'chosen': ['a'], 'rejected': ['b'], 'score_margin': [1]}),
        )
        found = data.score(self.model, pa.table({'text': ['a'], 'score': [1]}), prefix='guerdon_')
        self.assertEqual(found.column_names[:3], ['text', 'score', 'guerdon_score'])
        self.assertSays(UsageError, 'expected text', data.score, self.model, pa.table({'question': ['a']}))
        self.assertBits(
            data.score(self.model, pa.table({'question': ['a']}), fields='text=question')['score'].to_pylist(),
            [program_lines([{'text': 'a'}])[0]['score']],
        )
        self.assertSays(FileError, 'missing.parquet', data.read, 'missing.parquet')
        self.assertSays(UsageError, 'int is not a table', data.reader, 3)

    def test_incomplete_file(self):
        def fails():
            yield pa.RecordBatch.from_pydict({'text': ['a']})
            there.extend(os.listdir())
            raise OSError('a disk')

        there = []
        with self.assertRaises(OSError):
            data.write('x.parquet', pa.RecordBatchReader.from_batches(pa.schema([('text', pa.string())]), fails()))
        self.assertEqual([there, os.listdir()], [['x.parquet.part'], []])


class Commands(Folder):
    """python -m guerdon"""

    def test_score(self):
        self.save('pairs.parquet', self.pairs)
        lines = program_lines(self.pairs)
        self.guerdon('score', 'pairs.parquet', '--output', 'scored.parquet', says='16 rows')
        self.assertPairs(self.table('scored.parquet'), lines)
        self.assertEqual(self.table('scored.parquet')['chosen'].to_pylist(), [one['chosen'] for one in self.pairs])
        self.guerdon('score', '--input=pairs.parquet', '--output', 'scored.jsonl', '--quiet')
        with open('scored.jsonl', encoding='utf-8') as file:
            self.assertEqual([json.loads(line) for line in file], lines)
        parts = [self.lines('score', 'pairs.parquet', '--shard', f'{i}/2') for i in (1, 2)]
        self.assertEqual([line for part in parts for line in part], lines)
        self.assertEqual(self.lines('score', '--input=pairs.parquet'), lines)
        self.assertEqual(sorted(os.listdir()), ['pairs.parquet', 'scored.jsonl', 'scored.parquet'])

    def test_saved_folder(self):
        datasets = need('datasets')
        datasets.Dataset.from_list(self.pairs).save_to_disk('saved')
        self.guerdon('score', 'saved', '--output', 'scored')
        self.assertPairs(datasets.load_from_disk('scored').with_format('arrow')[:], program_lines(self.pairs))

    def test_damaged(self):
        self.save('pairs.parquet', self.pairs)
        with open('pairs.parquet', 'r+b') as file:
            file.write(b'PAR1' + bytes(300))
        self.guerdon('score', 'pairs.parquet', '--output', 'x.parquet', status=3, says='pairs.parquet: ')
        with open('pairs.parquet', 'w', encoding='utf-8') as file:
            file.write('text')
        self.guerdon('score', 'pairs.parquet', '--output', 'x.parquet', status=3, says='pairs.parquet cannot be read')
        self.assertEqual(os.listdir(), ['pairs.parquet'])

    def test_failures(self):
        self.save('texts.parquet', [{'text': 'a'}, {'text': 'word ' * 50}])
        self.guerdon(
            'score',
            'texts.parquet',
            '--output',
            'x.parquet',
            '--max-length',
            '20',
            status=1,
            says='1 of 2 items failed',
        )
        self.assertEqual([one is None for one in self.table('x.parquet')['error'].to_pylist()], [True, False])

    def test_rank(self):
        rows = [{'prompt': 'Is tea hot? ', 'responses': ['Yes.', 'No.', 'Now and then.'], 'id': 7}]
        self.save('rows.parquet', rows)
        self.guerdon('rank', 'rows.parquet', '--output', 'ranked.parquet', '--pairs', 'best-worst')
        (line,) = program_lines(rows, command='rank')
        (found,) = self.table('ranked.parquet').to_pylist()
        self.assertEqual([found['ranks'], found['best'], found['id']], [line['ranks'], line['best'], 7])
        self.assertBits(found['scores'] + [found['score_margin']], line['scores'] + [line['margin']])
        (pair,) = self.table('ranked.pairs.parquet').to_pylist()
        self.assertEqual(pair['chosen'], rows[0]['responses'][line['best']])

    def test_filter(self):
        self.save('pairs.arrow', self.pairs)
        margins = [line['margin'] for line in program_lines(self.pairs)]
        limit = sorted(margins)[8]
        self.guerdon(
            'filter',
            'pairs.arrow',
            '--output',
            'kept.parquet',
            '--rejects',
            'rejects.parquet',
            '--min-margin',
            repr(limit),
            says='8 kept',
        )
        self.assertEqual(
            self.table('kept.parquet').to_pylist(), [one for one, margin in zip(self.pairs, margins) if margin >= limit]
        )
        self.assertEqual(
            self.table('rejects.parquet').to_pylist(),
            [one for one, margin in zip(self.pairs, margins) if margin < limit],
        )

    def test_flip(self):
        self.save('pairs.arrow', self.pairs)
        lines = program_lines(self.pairs)
        self.guerdon('filter', 'pairs.arrow', '--output', 'kept.parquet', '--flip-below', '0', '--annotate')
        found = self.table('kept.parquet').to_pylist()
        self.assertEqual(len(found), 16)
        for before, after, line in zip(self.pairs, found, lines):
            sides = ('chosen', 'rejected') if line['margin'] >= 0 else ('rejected', 'chosen')
            self.assertEqual([after['chosen'], after['rejected']], [before[side] for side in sides])
            self.assertBits([after['score_chosen'], after['score_rejected']], [line[side] for side in sides])

    def test_eval(self):
        self.save('pairs.parquet', self.pairs)
        lines = program_lines(self.pairs)
        result = json.loads(self.guerdon('eval', 'pairs.parquet', '--scores', 'scores.parquet'))
        self.assertEqual(result['accuracy'], sum(line['margin'] > 0 for line in lines) / 16)
        self.assertPairs(self.table('scores.parquet'), lines)

    def test_tokenize_and_lines(self):
        self.save('texts.parquet', [{'text': 'Is tea hot?'}])
        self.guerdon('tokenize', 'texts.parquet', '--output', 'ids.parquet')
        self.assertEqual(
            self.table('ids.parquet').to_pylist(), program_lines([{'text': 'Is tea hot?'}], command='tokenize')
        )
        with open('texts.jsonl', 'w', encoding='utf-8') as file:
            file.write('{"text":"Is tea hot?","id":"x"}\n')
        self.guerdon('score', 'texts.jsonl', '--output', 'scored.parquet', '--keep', 'id')
        self.assertEqual(self.table('scored.parquet')['id'].to_pylist(), ['x'])

    def stopped(self, items, *more):
        """A run that Ctrl-C ends after so many items: the exit status, and how many were done when it began."""
        source = f"""if True:
            import sys
            from guerdon import __main__, _run
            seen = []
            class Stops(_run.Call):
                def __init__(self, progress=None, problem=None):
                    super().__init__(self.stop, problem)
                def stop(self, done):
                    seen.append(done.items)
                    if done.items >= {items}:
                        raise KeyboardInterrupt
            _run.Call = Stops
            status = __main__.main(sys.argv[1:])
            print(status, seen[0])
        """
        done = self.script(source, 'score', 'pairs.parquet', '--output', 'scored.parquet', '--model', MODEL,
                           '--batch-tokens', '200', *more)
        return [int(word) for word in done.stdout.split()]

    def test_train(self):
        """From a table as from JSON lines: the same bytes of weights."""
        self.save('pairs.parquet', self.pairs)
        with open('pairs.jsonl', 'w', encoding='utf-8') as file:
            file.writelines(json.dumps(one) + '\n' for one in self.pairs)
        flags = ['--max-steps', '2', '--lora-r', '2', '--learning-rate', '1e-3']
        for ending in ('parquet', 'jsonl'):
            files = ['--train', f'pairs.{ending}', '--eval', f'pairs.{ending}']
            self.guerdon('train', *files, '--output', ending, *flags, says='step 2/2')
        weights = [open(f'{ending}/adapter_model.safetensors', 'rb') for ending in ('parquet', 'jsonl')]
        self.assertEqual(*[file.read() for file in weights])
        for file in weights:
            file.close()
        result = json.loads(self.guerdon('train', *files, '--output', ending, *flags, '--quiet'))
        self.assertEqual(result['format'], 'guerdon-train/1')

    def test_resume(self):
        """What an interrupted run has done is not done again, and the result is the same."""
        self.save('pairs.parquet', self.pairs)
        self.assertEqual(self.stopped(4)[0], 130)
        self.assertEqual(sorted(os.listdir()), ['pairs.parquet', 'scored.parquet.guerdon'])
        self.guerdon('score', 'pairs.parquet', '--output', 'scored.parquet', '--resume', '--model', 'missing', status=3)
        status, first = self.stopped(99, '--resume')
        self.assertEqual(status, 0)
        self.assertGreaterEqual(first, 4)
        self.assertPairs(self.table('scored.parquet'), program_lines(self.pairs))
        self.assertEqual(sorted(os.listdir()), ['pairs.parquet', 'scored.parquet'])

    def test_refusals(self):
        self.save('pairs.parquet', self.pairs)
        for words, *arguments in (
            ('not a flag', 'score', 'pairs.parquet', '--output', 'x.parquet', '--colour', 'red'),
            ('--output is missing', 'score', 'pairs.parquet'),
            ('--input is missing', 'score', '--output', 'x.parquet'),
            ('needs a value', 'score', 'pairs.parquet', '--model', MODEL, '--output'),
            ('takes no value', 'score', 'pairs.parquet', '--output', 'x.parquet', '--quiet=yes'),
            ('a whole number', 'score', 'pairs.parquet', '--output', 'x.parquet', '--threads', 'two'),
            ('pairs.parquet', 'score', 'pairs.parquet', '--output', 'pairs.parquet'),
            ('0 were given', 'filter', 'pairs.parquet', '--output', 'x.parquet'),
            (
                'JSON lines',
                'filter',
                'pairs.parquet',
                '--output',
                'x.parquet',
                '--min-score',
                '0',
                '--from-scores',
                'pairs.parquet',
            ),
            ('expected I/N', 'score', 'pairs.parquet', '--output', 'x.jsonl', '--shard', '2'),
            ('--train is missing', 'train', '--output', 'x'),
            ('reads no records', 'inspect', 'pairs.parquet'),
        ):
            self.guerdon(*arguments, status=2, says=words)
        for words, source, output in (
            ('missing.parquet: no such file', 'missing.parquet', 'x.parquet'),
            ('the folder no/such is not there', 'pairs.parquet', 'no/such/x.parquet'),
            ('the folder pairs.parquet is not there', 'pairs.parquet', 'pairs.parquet/x.arrow'),
        ):
            self.guerdon('score', source, '--output', output, status=3, says=words)
        self.assertEqual(os.listdir(), ['pairs.parquet'])
        self.assertEqual(self.table('pairs.parquet').to_pylist(), self.pairs)


if __name__ == '__main__':
    unittest.main()
