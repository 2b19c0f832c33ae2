"""Arrays of whole numbers that start at zero, in nameless files where they are large."""

from __future__ import annotations

import tempfile

import numpy as np

from ltvforecast.types import IntArray

__all__ = ["LargeArrays"]

LARGEST_IN_MEMORY = 1_000_000_000
"""Bytes of all arrays together; beyond it they go to nameless temporary files."""


class LargeArrays:
    """Makes arrays of zero, of one shape.

    Parameters
    ----------
    shape : tuple of int
    count : int
        How many there will be: together they decide whether to take memory or files.
    """

    def __init__(self, shape: tuple[int, int, int], count: int) -> None:
        self._shape = shape
        self._in_files = 8 * count * int(np.prod(shape)) > LARGEST_IN_MEMORY

    def new(self) -> IntArray:
        """Make one more; its file, if it has one, is gone with it."""
        if not self._in_files:
            return np.zeros(self._shape, dtype=np.int64)
        with tempfile.TemporaryFile(prefix="ltvforecast-") as file:
            made = np.memmap(file, dtype=np.int64, mode="w+", shape=self._shape)
        return made.view(np.ndarray)
