"""Guerdon: scores texts with reward models in full bf16, with the same bits on every machine.

    from guerdon import Model

    with Model('path/of/a/reward/model') as model:
        scores = model.score(['Human: Is tea hot?\\n\\nAssistant: Usually.'])
"""
from typing import TYPE_CHECKING, Any

from ._call import Progress, Training
from ._errors import (BusyError, DeviceError, Error, FileError, FormatError, InterruptedCallError, ItemError,
                      OutOfMemoryError, ServerError, TooLongError, UnsupportedError, UsageError)
from ._guerdon import ffi as _ffi
from ._guerdon import lib as _lib
from ._model import Model, Note
from ._results import Item, Pairs, Ranking
from ._tools import backends, inspect, models, train

if TYPE_CHECKING:
    from ._client import Client

__version__: str = _ffi.string(_lib.gd_version()).decode()
__all__ = ['Model', 'Client', 'Item', 'Pairs', 'Ranking', 'Progress', 'Training', 'Note', 'inspect', 'backends',
           'models', 'train', 'Error', 'UsageError', 'FileError', 'FormatError', 'UnsupportedError', 'TooLongError',
           'ItemError', 'OutOfMemoryError', 'InterruptedCallError', 'DeviceError', 'BusyError', 'ServerError']

for _class in (Model, Item, Pairs, Ranking, Progress, Training, Note, Error, UsageError, FileError, FormatError,
               UnsupportedError, TooLongError, ItemError, OutOfMemoryError, InterruptedCallError, DeviceError,
               BusyError, ServerError):
    _class.__module__ = 'guerdon'  # where users find them


def __getattr__(name: str) -> Any:
    """Client when it is first used: most programs need no HTTP."""
    if name != 'Client':
        raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
    from ._client import Client
    return Client
