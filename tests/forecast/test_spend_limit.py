"""The limit on a customer's average purchase: draws and closed form agree, and it bites rarely."""

from __future__ import annotations

import numba
import numpy as np
import pytest
from scipy import stats
from scipy.special import gammaincc

from ltvforecast.forecast.closed_forms import expected_spend
from ltvforecast.forecast.purchase_kernels import draw_spend_level
from ltvforecast.forecast.records import Customers, Draws
from ltvforecast.types import FloatArray


@numba.njit
def levels(stream: np.random.Generator, shape: float, least: float, count: int) -> FloatArray:
    found = np.empty(count)
    for k in range(count):
        found[k] = draw_spend_level(stream, shape, least)
    return found


@pytest.mark.parametrize(
    ("shape", "least"), [(1.03, 1e-9), (1.03, 0.4), (1.5, 4.0), (8.0, 5.0), (8.0, 30.0)]
)
def test_levels_follow_the_truncated_gamma_law(shape: float, least: float) -> None:
    found = levels(np.random.default_rng(7), shape, least, 20_000)
    assert found.min() >= least
    uniform = 1.0 - gammaincc(shape, found) / gammaincc(shape, least)
    assert stats.kstest(uniform, "uniform").pvalue > 1e-4


def spend(q: float, n: float, total: float, highest: float) -> float:
    one = Customers(*(np.array([value]) for value in (2.0, 5.0, 9.0, n, total)))
    draws = Draws(*(np.array([value]) for value in (1.0, 1.0, 1.0, 1.0, 1.3, q, 40.0, 0.0)))
    return float(expected_spend(one, draws, highest)[0, 0])


@pytest.mark.parametrize(
    ("q", "n", "total"), [(1.02, 0.0, 0.0), (1.5, 1.0, 300.0), (4.0, 6.0, 90.0)]
)
def test_the_expected_spend_is_the_mean_of_the_draws(q: float, n: float, total: float) -> None:
    highest = 400.0
    drawn = levels(np.random.default_rng(8), 1.3 * n + q, 1.3 * (40.0 + total) / highest, 200_000)
    means = 1.3 * (40.0 + total) / drawn
    assert means.max() <= highest * (1 + 1e-12)
    error = means.std() / np.sqrt(len(means))
    assert abs(means.mean() - spend(q, n, total, highest)) < 4 * error


def test_the_limit_takes_nothing_from_well_behaved_spend() -> None:
    # CDNOW-like: p 3.6, q 4.5, averages of some 35 and a highest of 500
    free, limited = (spend(4.5, 3.0, 105.0, highest) for highest in (np.inf, 1500.0))
    assert limited == pytest.approx(free, rel=1e-9)


def test_a_mean_that_hardly_exists_becomes_a_plausible_one() -> None:
    assert spend(1.0001, 0.0, 0.0, np.inf) > 100_000
    assert 40 < spend(1.0001, 0.0, 0.0, 400.0) < 400


def test_the_mean_approaches_the_limit_and_never_passes_it() -> None:
    found = [spend(1.5, 0.0, 0.0, highest) for highest in (1e-6, 1e-2, 1.0, 100.0, 1e12)]
    assert np.all(np.diff(found) > 0)
    assert found[0] == pytest.approx(1e-6, rel=1e-3)
    assert found[-1] == pytest.approx(1.3 * 40 / 0.5, rel=1e-3)
