"""The examples of doc/python-hooks.md run as they stand."""

import doctest
import os
import unittest
import warnings

from common import ROOT, Case
from hooks import need


class Docs(Case):
    def test_page(self):
        need('pyarrow')
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(ROOT)
        with open('doc/python-hooks.md', encoding='utf-8') as file:
            text = file.read()
        found = []
        test = doctest.DocTestParser().get_doctest(text, {}, 'doc/python-hooks.md', None, 0)
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            failures, count = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS).run(test, out=found.append)
        self.assertEqual(failures, 0, ''.join(found))
        self.assertGreater(count, 15)


if __name__ == '__main__':
    unittest.main()
