"""What the tests of hooks share: a small model with a chat format, pairs, and other people's packages."""

import importlib
import json
import os
import subprocess
import unittest
import warnings

from common import GOLDEN, PROGRAM, ROOT

MODEL = os.path.join(GOLDEN, 'qwen2')  # a reward model
POLICY = os.path.join(GOLDEN, 'qwen2-causal')  # a language model of the same tokenizer
PAIRS = os.path.join(ROOT, 'tests', 'data', 'relevance', 'pairs.jsonl')
CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
TURNS = [{'role': 'user', 'content': 'Is tea hot?'}, {'role': 'assistant', 'content': 'Usually.'}]
CHAT = {'chat_format': 'chatml'}


def need(*modules):
    """The modules, or the test is skipped with a sentence that names what is missing."""
    found = []
    for name in modules:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter('ignore')
                found.append(importlib.import_module(name))
        except ImportError as missing:
            raise unittest.SkipTest(f'{name} cannot be imported: {missing}')
    return found[0] if len(found) == 1 else found


def some_pairs(count=16):
    with open(PAIRS, encoding='utf-8') as file:
        return [
            {name: one[name] for name in ('prompt', 'chosen', 'rejected')}
            for one in map(json.loads, list(file)[:count])
        ]


def program_lines(records, *arguments, command='score', ok=(0,)):
    """What the program prints for these records, with this model."""
    text = ''.join(json.dumps(one) + '\n' for one in records)
    done = subprocess.run(
        [PROGRAM, command, '--model', MODEL, '--quiet', '--input', '-', *arguments],
        input=text.encode(),
        capture_output=True,
        check=False,
    )
    if done.returncode not in ok:
        raise AssertionError(f'guerdon {command}: {done.returncode}: {done.stderr.decode()}')
    return [json.loads(line) for line in done.stdout.splitlines()]


def program_scores(records, *arguments):
    """Scores by the program, of records with one text."""
    return [line['score'] for line in program_lines(records, *arguments)]
