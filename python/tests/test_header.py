"""What Python knows of guerdon.h is what it says, and the written types have every keyword."""
import os
import re
import sys
import typing
import unittest

from common import ROOT, Case
from guerdon import _options, _types
from guerdon._guerdon import ffi, lib

sys.path.insert(0, os.path.join(ROOT, 'python'))
import build_header  # noqa: E402 - after the path

HEADER = os.path.join(ROOT, 'src', 'include', 'guerdon.h')


class Header(Case):
    def test_every_function(self):
        with open(HEADER, encoding='utf-8') as file:
            names = re.findall(r'^GD_API .*?\b(gd_\w+)\(', file.read(), re.M)
        self.assertGreater(len(names), 35)
        for name in names:
            self.assertTrue(hasattr(lib, name), name)

    def test_comments_and_directives_go(self):
        found = build_header.declarations(
            '#ifndef A\n#define A \\\n    1\n/* int no(void); */\n#ifdef __cplusplus\nextern "C" {\n#endif\n'
            'GD_API int yes(int a, /* b */ int c);\n#ifdef __cplusplus\n}\n#endif\n#endif\n')
        self.assertEqual(found.split(), ['int', 'yes(int', 'a,', 'int', 'c);'])

    def test_version(self):
        import guerdon
        with open(HEADER, encoding='utf-8') as file:
            self.assertIn(f'#define GD_VERSION "{guerdon.__version__}"', file.read())


class Types(Case):
    """The keywords that type checkers know are those that there are, with the words of each."""

    def test_keywords(self):
        for kind, written, fixed in (('gd_options', _types.ModelOptions, {'model'}),
                                     ('gd_eval_options', _types.EvalOptions, {'input'}),
                                     ('gd_train_options', _types.TrainOptions, {'train', 'output'})):
            self.assertEqual(set(_options.Options(kind, {}).names()) - fixed, set(written.__annotations__), kind)

    def test_words(self):
        hints = typing.get_type_hints(_types.ModelOptions) | typing.get_type_hints(_types.EvalOptions)
        for name, kind in (('truncate', 'gd_truncate'), ('add_eos', 'gd_add_eos'), ('format', 'gd_format')):
            self.assertEqual(set(typing.get_args(hints[name])), set(_options.words(ffi.typeof(kind))), name)


if __name__ == '__main__':
    unittest.main()
