"""Guerdon: scores texts with reward models in full bf16, with the same bits on every machine.

    from guerdon import Model

    with Model('path/of/a/reward/model') as model:
        scores = model.score(['Human: Is tea hot?\\n\\nAssistant: Usually.'])
"""
from ._call import Progress, Training
from ._errors import (BusyError, DeviceError, Error, FileError, FormatError, InterruptedCallError, ItemError,
                      OutOfMemoryError, ServerError, TooLongError, UnsupportedError, UsageError)
from ._guerdon import ffi as _ffi
from ._guerdon import lib as _lib
from ._model import Model, Note
from ._results import Item, Pairs, Ranking
from ._tools import backends, inspect, models, train

__version__: str = _ffi.string(_lib.gd_version()).decode()
__all__ = ['Model', 'Item', 'Pairs', 'Ranking', 'Progress', 'Training', 'Note', 'inspect', 'backends', 'models',
           'train', 'Error', 'UsageError', 'FileError', 'FormatError', 'UnsupportedError', 'TooLongError', 'ItemError',
           'OutOfMemoryError', 'InterruptedCallError', 'DeviceError', 'BusyError', 'ServerError']
