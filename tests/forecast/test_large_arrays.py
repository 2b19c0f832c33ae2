"""Arrays in memory and in nameless files behave alike."""

from __future__ import annotations

import gc

import numpy as np
import pytest

from ltvforecast.forecast import large_arrays
from ltvforecast.forecast.large_arrays import LargeArrays


@pytest.mark.parametrize("limit", [0, 10**9])
def test_arrays_start_at_zero_and_are_apart(limit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_arrays, "LARGEST_IN_MEMORY", limit)
    arrays = LargeArrays((2, 3, 4), 2)
    one, other = arrays.new(), arrays.new()
    del arrays
    gc.collect()
    one += 5
    assert (one.shape, one.dtype) == ((2, 3, 4), np.dtype(np.int64))
    assert type(one) is np.ndarray
    assert (one == 5).all()
    assert not other.any()


def test_all_arrays_together_decide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(large_arrays, "LARGEST_IN_MEMORY", 8 * 24 * 3)
    assert LargeArrays((2, 3, 4), 3).new().base is None
    assert LargeArrays((2, 3, 4), 4).new().base is not None
