"""The examples of doc/python.md and of README.md's section run as they stand."""
import doctest
import os
import re
import unittest
import warnings

from common import ROOT, Case
from guerdon import Note


class Docs(Case):
    def setUp(self):
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(ROOT)

    def run_examples(self, name, text):
        with warnings.catch_warnings():
            warnings.simplefilter('ignore', Note)
            test = doctest.DocTestParser().get_doctest(text, {}, name, name, 0)
            found = []
            failures, count = doctest.DocTestRunner(verbose=False).run(test, out=found.append)
        self.assertEqual(failures, 0, ''.join(found))
        return count

    def test_page(self):
        with open('doc/python.md', encoding='utf-8') as file:
            self.assertGreater(self.run_examples('doc/python.md', file.read()), 15)

    def test_readme(self):
        with open('README.md', encoding='utf-8') as file:
            section = re.search(r'^## From Python$.*?^## ', file.read(), re.M | re.S)[0]
        self.assertGreater(self.run_examples('README.md', section), 2)


if __name__ == '__main__':
    unittest.main()
