from __future__ import annotations

import math
import warnings

import numpy as np

from ltvforecast.formulas.compiling import apply, elementwise
from ltvforecast.formulas.special import log_gamma


def inverse_or_zero(value: float) -> float:
    return 0.0 if value == 0.0 else 1.0 / value


def test_elementwise_broadcasts_and_takes_whole_numbers_as_floats() -> None:
    ours = elementwise(log_gamma)([[1], [5]])
    assert ours.shape == (2, 1)
    assert ours.dtype == np.float64
    np.testing.assert_allclose(ours[:, 0], [0.0, math.log(24)], atol=1e-14)
    assert elementwise(log_gamma)([]).shape == (0,)


# The compiled code may divide before it looks; NumPy would then warn of a quotient not used.
def test_flags_of_branches_not_taken_are_silent() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(
            elementwise(inverse_or_zero)(np.arange(8)[::-1] * 0.0), np.zeros(8)
        )
        assert apply(np.log, 0.0) == -np.inf
