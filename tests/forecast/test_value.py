from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from ltvforecast.errors import ConfigError
from ltvforecast.forecast.value import (
    check_economics,
    daily_discount,
    earned_rate,
    period_factors,
)
from ltvforecast.types import Economics


@pytest.mark.parametrize(
    "economics",
    [
        Economics(margin=1.2),
        Economics(margin=-0.1),
        Economics(margin=float("nan")),
        Economics(commission=15),
        Economics(commission=-0.01),
        Economics(discount_rate=-1.0),
        Economics(discount_rate=10.5),
        Economics(discount_rate=float("nan")),
        Economics(discount_rate=float("inf")),
    ],
)
def test_terms_that_mean_nothing_are_refused(economics: Economics) -> None:
    with pytest.raises(ConfigError):
        check_economics(economics)


def test_terms_at_the_limits_are_taken() -> None:
    for economics in (
        Economics(),
        Economics(margin=0.0, commission=1.0, discount_rate=10.0),
        Economics(discount_rate=-0.5),
    ):
        assert check_economics(economics) is economics
    assert earned_rate(Economics(margin=0.3, commission=0.5)) == pytest.approx(-0.2)


def test_a_year_discounts_by_the_annual_rate() -> None:
    assert np.exp(-365.25 * daily_discount(Economics(discount_rate=0.25))) == pytest.approx(0.8)
    assert daily_discount(Economics(discount_rate=0.0)) == 0.0


@given(
    delta=st.floats(-0.01, 0.01),
    days=st.lists(st.floats(0.01, 400), min_size=1, max_size=5),
)
def test_factors_are_mean_present_values(delta: float, days: list[float]) -> None:
    edges = np.concatenate([[0.0], np.cumsum(days)])
    factors = period_factors(edges, delta)
    for factor, start, end in zip(factors, edges[:-1], edges[1:], strict=True):
        mean = quad(lambda t: np.exp(-delta * t), start, end)[0] / (end - start)
        assert factor == pytest.approx(mean, rel=1e-6)


def test_factors_become_one_as_the_rate_goes_to_zero() -> None:
    edges = np.array([0.0, 30.0, 365.0])
    for delta in (1e-6, 1e-10, 1e-15, 1e-300, 0.0):
        assert np.abs(period_factors(edges, delta) - 1).max() <= 400 * delta
