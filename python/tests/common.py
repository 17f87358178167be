"""What the tests share: the tree, its golden models, and the program as another way to the same scores."""
import json
import os
import subprocess
import sys
import unittest
from array import array

ROOT = os.environ.get('GUERDON_TREE') or os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
GOLDEN = os.path.join(ROOT, 'tests', 'data', 'golden')
MODEL, ADAPTER = os.path.join(GOLDEN, 'llama'), os.path.join(GOLDEN, 'llama-lora')
PAIRS = os.path.join(ROOT, 'tests', 'data', 'hh-rlhf', 'harmless-base-test.jsonl.gz')
PROGRAM = os.environ.get('GUERDON_PROGRAM', os.path.join(ROOT, 'build', 'guerdon'))


def program(command, *arguments, records=(), ok=(0,)):
    """The lines that the program prints for these records."""
    text = ''.join(json.dumps(one) + '\n' for one in records)
    done = subprocess.run([PROGRAM, command, '--model', MODEL, '--quiet', '--input', '-', *arguments],
                          input=text.encode(), capture_output=True, check=False)
    if done.returncode not in ok:
        raise AssertionError(f'guerdon {command}: {done.returncode}: {done.stderr.decode()}')
    return [json.loads(line) for line in done.stdout.splitlines()]


def bits(values):
    """The bits of float32 values."""
    return array('f', values).tobytes().hex()


# Where a shell starts the tests in the background, SIGINT is ignored, and Python leaves it so.
HEARS = 'import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n'


def python(source, **environment):
    """Runs a script in a process of its own: its exit status, standard output and standard error."""
    done = subprocess.run([sys.executable, '-c', HEARS + source], capture_output=True, text=True, check=False,
                          env={**os.environ, **environment}, cwd=os.path.dirname(os.path.abspath(__file__)))
    return done.returncode, done.stdout, done.stderr


class Case(unittest.TestCase):
    """A test that compares scores by their bits."""

    def assertBits(self, found, wanted):
        self.assertEqual(bits(found), bits(wanted))

    def assertSays(self, kind, words, call, *arguments, **keywords):
        """The call raises this very class, with these words."""
        with self.assertRaises(kind) as caught:
            call(*arguments, **keywords)
        self.assertIs(type(caught.exception), kind, caught.exception)
        self.assertIn(words, str(caught.exception))
        return caught.exception
