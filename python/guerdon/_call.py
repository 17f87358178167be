"""A call of the library: its progress function, what that raises, and its failure as an exception."""
from __future__ import annotations

import json
from typing import Any, Callable, NamedTuple, Optional

from . import _errors
from ._guerdon import ffi, lib

STATUSES = ffi.typeof('gd_status').elements


class Progress(NamedTuple):
    """How far a call is."""

    items: int
    bytes: int
    bytes_total: int
    tokens: int


class Training(NamedTuple):
    """How far a training run is; note is None, or a line for the user."""

    note: Optional[str]
    step: int
    steps: int
    epoch: float
    loss: float
    accuracy: float
    learning_rate: float
    gradient_norm: float
    pairs_per_second: float
    seconds_left: float
    scored: int
    to_score: int


def text_of(pointer: Any) -> Optional[str]:
    """A C string of the library as text; None for NULL."""
    return None if pointer == ffi.NULL else ffi.string(pointer).decode('utf-8', 'replace')


class Call:
    """Holds what one call needs.  An exception that the progress function raises, or Ctrl-C, stops the call after a
    batch, and check() raises it."""

    def __init__(self, progress: Optional[Callable[[Any], Any]] = None,
                 problem: Optional[Callable[[int, str], Any]] = None) -> None:
        if progress is not None and not callable(progress):
            raise _errors.UsageError(f'progress is {progress!r}: expected a function')
        self.on_progress = progress
        self.on_problem = problem
        self.raised: Optional[BaseException] = None
        self.handle = ffi.new_handle(self)
        self.error = ffi.new('gd_error *')

    def progress(self) -> Any:
        """The gd_progress to give to the library."""
        progress = ffi.new('gd_progress *')
        lib.gd_progress_init_sized(progress, ffi.sizeof('gd_progress'))
        progress.report = lib.guerdon_progress
        progress.context = self.handle
        return progress

    def failed(self, status: int) -> Optional[BaseException]:
        """The exception for this status, or None."""
        if self.raised is not None:
            return self.raised
        return None if status == lib.GD_OK else _errors.make(STATUSES[status], text_of(self.error.text) or '')

    def check(self, status: int) -> None:
        failure = self.failed(status)
        if failure is not None:
            raise failure

    def json(self, status: int, text: Any, accept: tuple[int, ...] = ()) -> dict[str, Any]:
        """What the library returned as JSON, which is freed."""
        try:
            if self.raised is not None or status not in accept:
                self.check(status)
            return {} if text[0] == ffi.NULL else dict(json.loads(ffi.string(text[0])))
        finally:
            lib.gd_string_free(text[0])


def _stop(kind: Any, value: BaseException, trace: Any) -> int:
    """An exception in a function that the library called ends the call, and waits there for check()."""
    frame = trace.tb_frame if trace is not None else None
    context = frame.f_locals.get('context') if frame is not None else None
    if context is None:
        return 1
    call = ffi.from_handle(context)
    call.raised = call.raised or value
    return 1


@ffi.def_extern(error=1, onerror=_stop)
def guerdon_progress(context: Any, items: int, done: int, total: int, tokens: int) -> int:
    call = ffi.from_handle(context)
    if call.on_progress is not None:
        call.on_progress(Progress(items, done, total, tokens))
    return 0


@ffi.def_extern(error=1, onerror=_stop)
def guerdon_training(context: Any, report: Any) -> int:
    call = ffi.from_handle(context)
    if call.on_progress is not None:
        values = {name: getattr(report, name) for name in Training._fields}
        values['note'] = text_of(report.note)
        call.on_progress(Training(**values))
    return 0


@ffi.def_extern(onerror=_stop)
def guerdon_problem(context: Any, index: int, sentence: Any) -> None:
    call = ffi.from_handle(context)
    if call.on_problem is not None:
        call.on_problem(index, text_of(sentence))
