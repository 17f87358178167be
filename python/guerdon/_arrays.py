"""Arrays of float32: numpy's if it is there, else the standard library's."""
from __future__ import annotations

from array import array
from typing import Any, Iterable


def floats(values: Iterable[float]) -> Any:
    """A numpy array of float32, or array('f') without numpy."""
    numbers = array('f', values)
    try:
        import numpy
    except ImportError:
        return numbers
    return numpy.frombuffer(numbers, dtype=numpy.float32).copy() if numbers else numpy.empty(0, numpy.float32)


def float32(value: float) -> float:
    """The nearest float32."""
    return array('f', (value,))[0]
