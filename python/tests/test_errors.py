"""What is refused, by which class, and in which words."""
import copy
import os
import pickle
import platform
import shutil
import tempfile
import unittest

import guerdon
from common import ADAPTER, MODEL, Case, python
from guerdon import Error, FileError, FormatError, Model, UsageError, _options
from guerdon._guerdon import ffi, lib


class Arguments(Case):
    """Keywords of a model, before anything is read."""

    def test_sentences(self):
        for words, keywords in (
                ('there is no keyword threds; did you mean threads?', {'threds': 1}),
                ('there is no keyword struct_size', {'struct_size': 1}),
                ('there is no keyword no_share_prefix', {'no_share_prefix': True}),
                ("truncate='lft': expected error, left, right, drop, oldest-turns", {'truncate': 'lft'}),
                ("add_eos='off': expected", {'add_eos': 'off'}),
                ('truncate=1: expected', {'truncate': 1}),
                ('there is no keyword model', {'model': 'elsewhere'}),
                ('threads=-1: expected a whole number from 1 to 4294967295', {'threads': -1}),
                ('threads=0: expected a whole number from 1', {'threads': 0}),
                ('max_length=0: expected a whole number from 1', {'max_length': 0}),
                ('threads=True: expected a whole number', {'threads': True}),
                ('threads=1.5: expected a whole number', {'threads': 1.5}),
                ('threads=4294967296: expected a whole number', {'threads': 1 << 32}),
                ("memory='2X': expected a number of bytes", {'memory': '2X'}),
                ("memory='': expected a number of bytes", {'memory': ''}),
                ('memory=-1: expected a number of bytes', {'memory': -1}),
                ('memory=True: expected a number of bytes', {'memory': True}),
                ("memory='1e30G': expected a number of bytes", {'memory': '1e30G'}),
                ('share_prefix=2: expected True or False', {'share_prefix': 2}),
                ("share_prefix='on': expected True or False", {'share_prefix': 'on'}),
                ('head=1: expected a text or a path', {'head': 1}),
                ("head='a\\x00b': expected a text without a NUL character", {'head': 'a\0b'}),
                ('precision', {'precision': 'fp8'}),
                ('activation', {'activation': 'tanh'})):
            with self.subTest(keywords):
                self.assertSays(UsageError, words, Model, MODEL, **keywords)

    def test_sizes(self):
        for size in ('1G', '1.5G', '900M', '1GB', '1GiB', '1g', 1 << 30, '1073741824', 1e9):
            with self.subTest(size), Model(MODEL, memory=size) as model:
                self.assertEqual(len(model.score(['a'])), 1)

    def test_bytes(self):
        for size, wanted in (('2G', 2 << 30), ('1.5G', 3 << 29), ('2GB', 2 * 10**9), ('2GiB', 2 << 30),
                             ('900m', 900 << 20), ('1T', 1 << 40), ('512', 512), (7, 7)):
            self.assertEqual(_options.Options('gd_options', {'memory': size}).struct.memory, wanted, size)

    def test_never_wins_over_the_adapter(self):
        self.assertEqual(_options.Options('gd_options', {'add_eos': 'never'}).struct.add_eos, lib.GD_ADD_EOS_OFF)
        self.assertEqual(_options.Options('gd_options', {}).struct.add_eos, lib.GD_ADD_EOS_NEVER)

    def test_lists_and_numbers(self):
        options = _options.Options('gd_train_options', {'evals': ['a', 'NAME=b'], 'epochs': 0.5})
        how = options.struct
        self.assertEqual([ffi.string(how.evals[i]) for i in range(how.eval_count)], [b'a', b'NAME=b'])
        self.assertEqual((how.epochs.given, how.epochs.value, how.clip.given), (1, 0.5, 0))
        self.assertEqual(_options.Options('gd_train_options', {'evals': 'abc'}).struct.eval_count, 1)

    def test_none_is_the_default(self):
        with Model(MODEL, adapter=None, memory=None, truncate=None) as model, Model(MODEL) as other:
            self.assertBits(model.score(['a']), other.score(['a']))


class WithoutTables(Case):
    def test_sentences(self):
        """Without pyarrow, tables alone are refused."""
        status, out, err = python(
            'import sys; sys.modules["pyarrow"] = None\n'
            'from guerdon import __main__\n'
            'print(__main__.main(["score", "x.parquet", "--model", "m", "--output", "y.parquet"]))\n'
            'try:\n'
            '    import guerdon.ray\n'
            'except ImportError as missing:\n'
            '    print(missing, missing.name)\n')
        said = 'guerdon.data needs pyarrow: pip install pyarrow'
        self.assertEqual((status, out.splitlines()), (0, ['3', f'{said} pyarrow']))
        self.assertEqual(err, 'guerdon: pyarrow is needed for tables: pip install pyarrow\n')


class Classes(Case):
    def test_paths(self):
        for path in (None, 3, '', b'', ['a']):
            self.assertSays(UsageError, f'path={path!r}: expected the directory of a model', Model, path)
        with Model(os.fsencode(MODEL)) as model:
            self.assertEqual(model.path, MODEL)

    def test_files(self):
        failure = self.assertSays(FileError, '/nowhere/at/all: no such directory', Model, '/nowhere/at/all')
        self.assertEqual(failure.status, 'GD_EIO')
        with tempfile.TemporaryDirectory() as folder:
            with open(f'{folder}/config.json', 'w', encoding='utf-8') as file:
                file.write('{')
            self.assertSays(FormatError, 'config.json', Model, folder)
        self.assertSays(guerdon.UnsupportedError, 'this CPU does not support', Model, MODEL,
                        isa='avx2' if platform.machine() == 'aarch64' else 'neon')

    def test_bases(self):
        for kind in (UsageError, FormatError, guerdon.TooLongError):
            self.assertTrue(issubclass(kind, Error) and issubclass(kind, ValueError))
        self.assertTrue(issubclass(guerdon.OutOfMemoryError, MemoryError))

    def test_every_status_has_a_class(self):
        from guerdon._call import STATUSES
        from guerdon._errors import CLASSES
        self.assertEqual(set(STATUSES.values()) - {'GD_OK'} - set(CLASSES), set())


class Items(Case):
    def setUp(self):
        self.model = Model(MODEL)
        self.addCleanup(self.model.close)

    def test_sentences(self):
        for words, value in (
                ('item 0 is 3: expected a text', 3),
                ('item 0 is None: expected a text', None),
                ('item 0 is [1, True]: expected a text', [1, True]),
                ("item 0 is ['a', 'b']: expected a text", ['a', 'b']),
                ("item 0 is bytearray(b'a'): expected a text", bytearray(b'a')),
                ("item 0 is ['" + 'x' * 75 + '...: expected', ['x' * 99]),
                ("item 0 is two lines: expected a text", type('Two', (), {'__repr__': lambda _: 'two\nlines'})()),
                ('item 0 is [1.5]: expected a text', [1.5]),
                ('has a token id that is not a number from 0 to 4294967295', [-1]),
                ('has a token id that is not a number from 0 to 4294967295', [1 << 32]),
                ('where one part of a record is token ids, all of its parts are', {'prompt': 'a', 'response': [1]}),
                ('where one part of a record is token ids, all of its parts are', {'chosen': [1], 'rejected': 'b'}),
                ('cannot be written as JSON: keys must be', {'text': 'a', (1,): 'b'}),
                ('cannot be written as JSON: ', {'text': b'\xff'})):
            with self.subTest(value):
                self.assertSays(UsageError, words, self.model.items, [value])

    def test_records_that_cannot_be_read(self):
        """They are errors of their items, in the words of the library for a file."""
        turn = {'role': 'user', 'content': 'a'}
        for words, value in (
                ('no "text", no "messages"', {}),
                ('the field "response" is missing', {'prompt': 'a'}),
                ('the fields "text" and "chosen" don\'t go together', {'text': 'a', 'chosen': 'b'}),
                ('message 1 of the field "messages": its content is missing', [turn, {'role': 'assistant'}]),
                ('the text has no tokens', [])):
            with self.subTest(value):
                good, bad = self.model.items(['a', value])
                self.assertEqual(good.status, 'GD_OK')
                self.assertEqual(bad.status, 'GD_EFORMAT')
                self.assertIn(words, bad.error)
                self.assertSays(FormatError, 'item 0: ', self.model.score, [value])

    def test_one_item_in_place_of_a_list(self):
        model = self.model
        self.assertSays(UsageError, "one item was given, 'abc': expected a list", model.score, 'abc')
        self.assertSays(UsageError, 'one item was given', model.items, {'text': 'a'})
        self.assertSays(UsageError, "one answer was given, 'abc'", model.rank, 'p', 'abc')
        pair = {'chosen': 'a', 'rejected': 'b'}
        self.assertSays(UsageError, "one pair was given, {'chosen'", model.score_pairs, pair)
        turns = [{'role': 'user', 'content': 'a'}, {'role': 'assistant', 'content': 'b'}]
        self.assertSays(UsageError, 'one conversation was given', model.score, turns)
        self.assertSays(UsageError, 'one conversation was given', model.tokenize, turns)
        self.assertSays(UsageError, 'item 0 is 40: expected a text', model.score, [40, 82])
        self.assertEqual(model.items([{**turns[0], 'text': 'a'}])[0].status, 'GD_OK')
        self.assertSays(UsageError, 'item 1 has 1 score: a pair has two', self.model.score_pairs,
                        [('a', 'b'), {'text': 'a'}])
        self.assertSays(UsageError, "item 0 is 'ab': expected a pair", model.score_pairs, ['ab'])
        self.assertSays(UsageError, "item 1 is ('a',): expected a pair", model.score_pairs, [('a', 'b'), ('a',)])

    def test_what_is_no_list(self):
        for value in (None, 3, {'a', 'b'}, frozenset('a'), bytearray(b'ab'), object()):
            for call in (self.model.score, self.model.tokenize, self.model.items, self.model.score_pairs,
                         self.model.eval, lambda given: self.model.rank('p', given)):
                self.assertSays(UsageError, 'was given: expected a list of ', call, value)
        self.assertSays(UsageError, 'expected a list of records', self.model.train, None, 'nowhere')
        self.assertSays(UsageError, 'the path of the records is empty', self.model.eval, '')
        self.assertSays(UsageError, 'record 1 is 3: expected', self.model.eval, [('a', 'b'), 3])

        class Table:
            columns = ('text',)

            def __iter__(self):
                return iter(self.columns)

        for call in (self.model.score, self.model.score_pairs, self.model.eval):
            self.assertSays(UsageError, 'a table was given, a Table: expected a list', call, Table())

    def test_what_is_a_list(self):
        want = self.model.score(['a', 'b'])
        for values in (('a', 'b'), iter(['a', 'b']), (one for one in 'ab'), {'a': 1, 'b': 2}.keys(), [b'a', b'b']):
            self.assertBits(self.model.score(values), want)

        class ByNumber:
            def __getitem__(self, at):
                return ['a', 'b'][at]

        self.assertBits(self.model.score(ByNumber()), want)
        for values in ([('a', 'b')], (pair for pair in [('', 'a', 'b')]), [{'chosen': 'a', 'rejected': b'b'}]):
            self.assertBits(self.model.score_pairs(values).margins, [want[0] - want[1]])
        with self.assertRaises(ZeroDivisionError):
            self.model.score(1 / 0 for _ in 'a')
        try:
            import numpy
        except ImportError:
            return
        self.assertBits(self.model.score(numpy.array(['a', 'b'])), want)
        ids = numpy.array(self.model.tokenize(['a', 'b']))
        self.assertBits(self.model.score(ids), want)
        self.assertSays(UsageError, 'was given: expected a list of items', self.model.score, numpy.array('a'))

    def test_eval_of_pairs(self):
        """As score_pairs() takes them, and with what JSON doesn't know."""
        found = [self.model.eval(records)['margin'] for records in (
            [('p', 'a', 'b')], [{'prompt': 'p', 'chosen': 'a', 'rejected': 'b'}], [['p', b'a', 'b']])]
        self.assertEqual(found[1:], found[:1] * 2)

    def test_closed(self):
        self.model.close()
        self.model.close()
        self.assertTrue(self.model.closed)
        self.assertIn('closed', repr(self.model))
        for call in (lambda: self.model.score(['a']), self.model.inspect):
            self.assertSays(UsageError, f'{MODEL} is closed', call)

        self.assertSays(UsageError, 'is closed', self.model.__enter__)

    def test_copies(self):
        """Two objects of one model would free it twice."""
        for take in (copy.copy, copy.deepcopy, pickle.dumps):
            self.assertSays(UsageError, 'can be neither copied nor sent to another process', take, self.model)
        failure = self.assertSays(UsageError, 'expected', Model, MODEL, truncate='lft')
        self.assertEqual(vars(pickle.loads(pickle.dumps(failure))), vars(failure))

    def test_context(self):
        with self.assertRaises(KeyError), Model(MODEL) as model:
            raise KeyError('mine')
        self.assertTrue(model.closed)

    def test_notes(self):
        with tempfile.TemporaryDirectory() as folder:
            for name in os.listdir(ADAPTER):
                shutil.copy(os.path.join(ADAPTER, name), folder)
            with open(f'{folder}/README.md', 'w', encoding='utf-8') as file:
                file.write('---\ntags:\n- reward-trainer\n---\n')
            with self.assertWarnsRegex(guerdon.Note, 'TRL trained this'), Model(MODEL, adapter=folder) as model:
                self.assertIn('TRL trained this', model.notes[0])
        self.assertEqual(self.model.notes, [])

    def test_training_needs_no_adapter(self):
        with Model(MODEL, adapter=ADAPTER) as model:
            self.assertSays(UsageError, 'this model was opened with an adapter', model.train, [], 'nowhere')


if __name__ == '__main__':
    unittest.main()
