"""Calls of the library's functions over files, with the flags of the program as keywords."""

from __future__ import annotations

import contextlib
import json
from typing import Any, Callable, Iterable, Iterator, Mapping, Optional, Sequence

from ._call import Call, text_of
from ._guerdon import ffi, lib
from ._options import Options

Problem = Optional[Callable[[int, str], Any]]


@contextlib.contextmanager
def _handle(model: Any) -> Iterator[Any]:
    """The library's model; none, where scores come from a file."""
    if model is None:
        yield ffi.NULL
    else:
        with model._use() as handle:
            yield handle


def _failed(call: Call, status: int) -> str:
    """A sentence if some items failed, else an empty text; any other failure is raised."""
    if status != lib.GD_EITEM or call.raised is not None:
        call.check(status)
        return ''
    return text_of(call.error.text) or 'some items failed'


def _file(function: Any, kind: str, model: Any, source: str, output: str, keywords: Mapping[str, Any]) -> str:
    how, call = Options(kind, keywords, {'input': source, 'output': output}), Call()
    with _handle(model) as handle:
        status = function(handle, how.struct, call.progress(), ffi.NULL, call.error)
    return _failed(call, status)


def score(model: Any, source: str, output: str, **how: Any) -> str:
    """gd_score_file().  Returns a sentence if some items failed, else an empty text."""
    return _file(lib.gd_score_file, 'gd_file_options', model, source, output, how)


def rank(model: Any, source: str, output: str, **how: Any) -> str:
    """gd_rank_file(), as score()."""
    return _file(lib.gd_rank_file, 'gd_rank_options', model, source, output, how)


def filter(model: Any, source: str, output: str, problem: Problem = None, **how: Any) -> tuple[dict[str, Any], str]:
    """gd_filter_file(): its result, and the sentence."""
    call, text = Call(None, problem), ffi.new('char **')
    fixed = {'input': source, 'output': output, 'problem': lib.guerdon_problem, 'context': call.handle}
    options = Options('gd_filter_options', how, fixed)
    with _handle(model) as handle:
        status = lib.gd_filter_file(handle, options.struct, call.progress(), ffi.NULL, text, call.error)
    failed = text_of(call.error.text) or '' if status == lib.GD_EITEM else ''
    return call.json(status, text, accept=(lib.GD_EITEM,)), failed


def evaluate(model: Any, source: str, **how: Any) -> tuple[dict[str, Any], str]:
    """gd_eval(): its result, and the sentence."""
    call, text = Call(), ffi.new('char **')
    options = Options('gd_eval_options', how, {'input': source})
    with _handle(model) as handle:
        status = lib.gd_eval(handle, options.struct, call.progress(), ffi.NULL, text, call.error)
    failed = text_of(call.error.text) or '' if status == lib.GD_EITEM else ''
    return call.json(status, text, accept=(lib.GD_EITEM,)), failed


def tokenize(model: Mapping[str, Any], source: str, output: str, **how: Any) -> str:
    """gd_tokenize_file(), as score(), with keywords for the model."""
    opened, call = Options('gd_options', model), Call()
    options = Options('gd_file_options', how, {'input': source, 'output': output})
    return _failed(call, lib.gd_tokenize_file(opened.struct, options.struct, call.progress(), ffi.NULL, call.error))


def check_outputs(model: Mapping[str, Any], inputs: Sequence[str], outputs: Sequence[str]) -> None:
    """gd_check_outputs(): refuses outputs that are files of the model, inputs, or each other."""
    opened = Options('gd_options', {name: model[name] for name in ('model', 'adapter') if model.get(name)})
    call = Call()
    names = [[ffi.new('char[]', name.encode()) for name in names] for names in (inputs, outputs)]
    lists = [ffi.new('char *[]', one) for one in names]
    call.check(lib.gd_check_outputs(opened.struct, lists[0], len(inputs), lists[1], len(outputs), call.error))


def read(path: str) -> Iterator[dict[str, Any]]:
    """The lines that the library wrote."""
    with open(path, encoding='utf-8') as file:
        for line in file:
            yield json.loads(line)


def spread(lines: Iterable[dict[str, Any]], end: int, row: int = 0) -> Iterator[dict[str, Any]]:
    """A line for each row to before `end`: of those that were dropped, truncate="drop", there is none in the file."""
    for line in lines:
        for row in range(row, line['index']):
            yield {'dropped': True}
        yield line
        row = line['index'] + 1
    for row in range(row, end):
        yield {'dropped': True}
