"""Errors of Guerdon as exceptions: each has a sentence, and a status that a program can act on."""
from __future__ import annotations

from typing import Any


class Error(Exception):
    """What Guerdon could not do, in a sentence.

    status: the name of the library's gd_status, such as "GD_EIO"; results: what was finished all the same, or None.
    """

    def __init__(self, sentence: str, status: str = 'GD_EUSAGE', results: Any = None) -> None:
        super().__init__(sentence)
        self.status = status
        self.results = results


class UsageError(Error, ValueError):
    """An argument is wrong: the caller's mistake."""


class FileError(Error):
    """A file could not be opened, read or written."""


class FormatError(Error, ValueError):
    """The content of a file, or a text, is malformed."""


class UnsupportedError(Error):
    """Well-formed, but requires something that this build or machine cannot do."""


class TooLongError(Error, ValueError):
    """A text has more tokens than allowed."""


class ItemError(Error):
    """Some items failed; the others were processed."""


class OutOfMemoryError(Error, MemoryError):
    """Out of memory or another resource; a smaller request may succeed."""


class InterruptedCallError(Error):
    """The progress function asked to stop."""


class DeviceError(Error):
    """The compute device (a GPU) failed: close the model."""


class BusyError(Error):
    """Too much waits to be computed: ask again later."""


class ServerError(Error):
    """A server answered with something else than what was asked for.  http_status: its number, or 0 without one."""

    def __init__(self, sentence: str, status: str = 'GD_EIO', results: Any = None, http_status: int = 0) -> None:
        super().__init__(sentence, status, results)
        self.http_status = http_status


CLASSES = {
    'GD_EUSAGE': UsageError,
    'GD_EIO': FileError,
    'GD_EFORMAT': FormatError,
    'GD_EUNSUPPORTED': UnsupportedError,
    'GD_ETOOLONG': TooLongError,
    'GD_EITEM': ItemError,
    'GD_ENOMEM': OutOfMemoryError,
    'GD_EINTERRUPTED': InterruptedCallError,
    'GD_EDEVICE': DeviceError,
    'GD_EBUSY': BusyError,
}


def shown(value: Any) -> str:
    """A value for a sentence: in one line, and not all of a long one."""
    text = ' '.join(repr(value).split())
    return text if len(text) <= 80 else text[:77] + '...'


def make(status: str, sentence: str, results: Any = None) -> Error:
    """The exception for a status of the library."""
    return CLASSES.get(status, Error)(sentence, status, results)
