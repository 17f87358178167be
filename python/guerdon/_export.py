"""The log of a training run for TensorBoard or Weights & Biases, whose names of values it has already.

usage: python -m guerdon export OUT/log.jsonl --tensorboard DIR | --wandb PROJECT [--name RUN]
"""

from __future__ import annotations

import json
import os
from typing import Any, Iterator, Sequence

from ._command import parse
from ._errors import Error, FileError, FormatError, UsageError

FLAGS = {'tensorboard': 'text', 'wandb': 'text', 'name': 'text'}


def read(path: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What a run was asked to do, and its lines with a step.  A line that a crash cut short at the end is left out."""
    try:
        with open(path, encoding='utf-8') as file:
            texts = file.read().split('\n')
    except OSError as failure:
        raise FileError(f'{path} cannot be read: {failure.strerror}', 'GD_EIO') from failure
    about: dict[str, Any] = {}
    steps: list[dict[str, Any]] = []
    for number, text in enumerate(texts, 1):
        try:
            line = json.loads(text) if text else {}
        except ValueError as failure:
            if number == len(texts):
                break
            raise FormatError(f'{path}: line {number} is not JSON: {failure}', 'GD_EFORMAT') from failure
        about = line.get('run', about)
        steps += [line] if 'step' in line else []
    if not steps:
        raise FormatError(f'{path} has no line with a step: expected the log.jsonl of guerdon train', 'GD_EFORMAT')
    return about, steps


def values(line: dict[str, Any]) -> Iterator[tuple[str, float]]:
    """Names and numbers of a line, as Transformers' callbacks report them: eval/.. and train/..."""
    evaluation = any(name.startswith('eval_') for name in line)  # its epoch is in the line of the step before
    for name, value in line.items():
        wanted = name.startswith('eval_') if evaluation else name != 'step'
        if wanted and isinstance(value, (int, float)) and not isinstance(value, bool):
            yield (f'eval/{name[5:]}' if name.startswith('eval_') else f'train/{name}'), value


def _need(module: str, package: str) -> Any:
    import importlib

    try:
        return importlib.import_module(module)
    except ImportError as missing:
        raise Error(f'{package} is not installed: pip install {package}') from missing


def tensorboard(folder: str, about: dict[str, Any], steps: list[dict[str, Any]]) -> None:
    """Writes a file of events, which has the times of writing: the log has none."""
    writer = _need('torch.utils.tensorboard', 'tensorboard').SummaryWriter(folder)
    writer.add_text('run', json.dumps(about, indent=2), 0)
    for line in steps:
        for name, value in values(line):
            writer.add_scalar(name, value, line['step'])
    writer.close()


def wandb(project: str, name: str, about: dict[str, Any], steps: list[dict[str, Any]]) -> None:
    """A run of the project; WANDB_MODE=offline writes it to a folder."""
    run = _need('wandb', 'wandb').init(project=project, name=name, config=about)
    for step in sorted({line['step'] for line in steps}):
        run.log(dict(pair for line in steps if line['step'] == step for pair in values(line)), step=step)
    run.finish()


def main(arguments: Sequence[str]) -> int:
    given, rest = parse(arguments, FLAGS)
    if len(rest) != 1 or ('tensorboard' in given) == ('wandb' in given):
        raise UsageError('expected OUT/log.jsonl, and either --tensorboard DIR or --wandb PROJECT')
    about, steps = read(rest[0])
    if 'tensorboard' in given:
        tensorboard(given['tensorboard'], about, steps)
    else:
        wandb(
            given['wandb'],
            given.get('name') or os.path.basename(os.path.dirname(os.path.abspath(rest[0]))),
            about,
            steps,
        )
    print(f'{len(steps)} lines of {rest[0]} are in {given.get("tensorboard") or given["wandb"]}')
    return 0
