"""Calls of the library that need no open model."""
from __future__ import annotations

import os
import tempfile
from typing import TYPE_CHECKING, Any, Callable, Iterable, Mapping, Optional

from . import _files
from ._call import Call
from ._errors import ItemError
from ._guerdon import ffi, lib
from ._options import Options

if TYPE_CHECKING:
    from ._types import ModelOptions, TrainOptions, Unpack

Report = Optional[Callable[[Any], Any]]


def inspect(path: 'str | os.PathLike[str]', **options: 'Unpack[ModelOptions]') -> dict[str, Any]:
    """Describes a model without computing anything: what `guerdon inspect --json` prints."""
    call, text = Call(), ffi.new('char **')
    how = Options('gd_options', options, {'model': path})
    return call.json(lib.gd_inspect(how.struct, text, call.error), text)


def backends() -> dict[str, Any]:
    """What this machine can run: instruction sets, libraries, the default choice."""
    call, text = Call(), ffi.new('char **')
    return call.json(lib.gd_backends(text, call.error), text)


def models() -> dict[str, Any]:
    """The trunks, heads and chat formats that are known."""
    call, text = Call(), ffi.new('char **')
    return call.json(lib.gd_models(text, call.error), text)


def tokenize(path: 'str | os.PathLike[str]', texts: Iterable[Any], options: Mapping[str, Any]) -> list[list[int]]:
    """The token ids of texts, conversations, or records with one text; no weights are read."""
    values = list(texts)
    model = Options('gd_options', options, {'model': path})
    with tempfile.TemporaryDirectory(prefix='guerdon-') as folder:
        source, output = os.path.join(folder, 'in.jsonl'), os.path.join(folder, 'out.jsonl')
        _files.write(source, values)
        how, call = Options('gd_file_options', {}, {'input': source, 'output': output}), Call()
        status = lib.gd_tokenize_file(model.struct, how.struct, call.progress(), ffi.NULL, call.error)
        if status != lib.GD_EITEM:
            call.check(status)
        lines = _files.read(output)
    for line in lines:
        if 'ids' not in line:
            raise ItemError(f'item {line["index"]}: {line.get("error", "it has several texts")}', 'GD_EITEM', lines)
    return [line['ids'] for line in lines]


def train(path: 'str | os.PathLike[str]', train: _files.Input, output: 'str | os.PathLike[str]', *,
          progress: Report = None, model: Mapping[str, Any] = {}, **options: 'Unpack[TrainOptions]') -> dict[str, Any]:
    """Trains an adapter, or with full=True all weights, on preferences: a file or records.  Returns what the run did.

    model: keywords for the model, such as threads, memory or max_length.  Ctrl-C stops after a checkpoint; the same
    call continues from there.
    """
    call, text = Call(progress), ffi.new('char **')
    opened = Options('gd_options', model, {'model': path})
    with _files.as_path(train) as source:
        how = Options('gd_train_options', options, {
            'train': source, 'output': output, 'report': lib.guerdon_training, 'context': call.handle})
        status = lib.gd_train(opened.struct, how.struct, text, call.error)
    return call.json(status, text)


def eval_items(scorer: Any, input: _files.Input, progress: Report, options: Mapping[str, Any]) -> dict[str, Any]:
    """What eval says of preferences whose items a model or a server scores."""
    records = _files.records(input)
    with tempfile.TemporaryDirectory(prefix='guerdon-') as folder:
        scores = os.path.join(folder, 'scores.jsonl')
        _files.write_scores(scores, scorer.items(records, progress=progress))
        with _files.as_path(records) as source:
            return _judge(source, scores, options)


def _judge(source: str, scores: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """The figures of eval for records in a file, whose scores are in another."""
    call, text = Call(), ffi.new('char **')
    how = Options('gd_eval_options', options, {'input': source, 'from_scores': scores})
    status = lib.gd_eval(ffi.NULL, how.struct, ffi.NULL, ffi.NULL, text, call.error)
    return call.json(status, text, accept=(lib.GD_EITEM,))
