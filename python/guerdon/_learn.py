"""python -m guerdon train: from tables, whose rows become JSON lines in the folder OUTPUT.guerdon.  It stays, since an
interrupted run continues with the same files."""

from __future__ import annotations

import json
import os
import sys
from typing import Any, Sequence

from . import _run, data
from ._call import Training
from ._command import flags_of, parse
from ._errors import UsageError
from ._tools import train


def _told(done: Training) -> None:
    """A line for each step, or the library's own."""
    line = done.note or f'step {done.step}/{done.steps}: loss {done.loss:.4f}, accuracy {done.accuracy:.3f}'
    if done.note or not done.to_score:
        print(line, file=sys.stderr)


def _as_lines(path: str, folder: str, name: str) -> str:
    """The path of JSON lines with the rows of this table; another file's own path."""
    if not data.is_table(path):
        return path
    os.makedirs(folder, exist_ok=True)
    lines = os.path.join(folder, name + '.jsonl')
    data.write_records(lines + '.part', data.read(path))
    os.replace(lines + '.part', lines)
    return lines


def _evaluation(given: str, folder: str, number: int) -> str:
    """NAME=FILE, or FILE."""
    name, _, path = given.rpartition('=')
    lines = _as_lines(path, folder, f'eval-{number}')
    return f'{name}={lines}' if name else given if lines == path else f'{os.path.basename(path).split(".")[0]}={lines}'


def run(arguments: Sequence[str]) -> int:
    """The exit status."""
    model = {**flags_of('gd_options'), 'share_prefix': 'onoff'}
    call = {**flags_of('gd_train_options'), 'by': 'text', 'eval': 'texts', 'quiet': 'switch'}
    keywords, rest = parse(arguments, {**model, **call})
    for name in ('model', 'train', 'output'):
        if not keywords.get(name):
            raise UsageError(f'--{name} is missing')
    if rest:
        raise UsageError(f'{rest[0]} is not a flag')
    how = {name: keywords.pop(name) for name in call if name in keywords}
    source, output, evals, quiet = how.pop('train'), how.pop('output'), how.pop('eval', []), how.pop('quiet', False)
    _run.check_outputs(keywords, [source, *(one.rpartition('=')[2] for one in evals)], [])
    folder = output.rstrip('/') + '.guerdon'
    path = keywords.pop('model')
    how['evals'] = [_evaluation(one, folder, number) for number, one in enumerate(evals)] or None
    result = train(
        path, _as_lines(source, folder, 'train'), output, progress=None if quiet else _told, model=keywords, **how
    )
    result.pop('details', None)
    print(json.dumps(result, indent=2))
    return 0
