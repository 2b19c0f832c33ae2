from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ltvforecast.errors import ConfigError
from ltvforecast.forecast.intervals import (
    check_levels,
    interval_columns,
    quantiles_of_sorted,
    tail_probabilities,
)

numbers = st.floats(-1e12, 1e12)


@given(
    values=hnp.arrays(
        np.float64, st.tuples(st.integers(1, 5), st.integers(1, 40)), elements=numbers
    )
)
def test_quantiles_are_those_of_numpy(values: np.ndarray) -> None:
    probabilities = tail_probabilities((50, 80, 90))
    found = quantiles_of_sorted(np.sort(values, axis=1), probabilities)
    expected = np.quantile(values, probabilities, axis=1).T
    assert np.allclose(found, expected, rtol=1e-12, atol=1e-12 * np.abs(values).max())


@given(
    values=hnp.arrays(
        np.float64, st.tuples(st.integers(2, 40), st.integers(1, 3)), elements=numbers
    )
)
def test_intervals_are_nested_and_leave_the_draws_as_they_are(values: np.ndarray) -> None:
    before = values.copy()
    columns = interval_columns("ltv", values, (50, 80, 90))
    assert np.array_equal(values, before)
    names = ["ltv_lo_90", "ltv_lo_80", "ltv_lo_50", "ltv_hi_50", "ltv_hi_80", "ltv_hi_90"]
    slack = 1e-9 * np.abs(values).max()
    assert (np.diff([columns[name] for name in names], axis=0) >= -slack).all()


def test_a_single_column_is_not_sorted_in_place() -> None:
    values = np.array([[3.0], [1.0], [2.0]])
    interval_columns("ltv", values, (90,))
    assert values[:, 0].tolist() == [3.0, 1.0, 2.0]


@pytest.mark.parametrize("levels", [(), (0,), (100,), (33.3,), (-5,)])
def test_levels_that_mean_nothing_are_refused(levels: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError):
        check_levels(levels)
