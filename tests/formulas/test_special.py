from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
import scipy
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import hyp2f1

from ltvforecast.formulas import special
from tests.formulas.reference import reference


def powers_of_ten(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high).map(lambda exponent: 10.0**exponent)


positive = powers_of_ten(-3, 6)


@given(z=positive)
def test_log_gamma_is_the_standard_librarys(z: float) -> None:
    assert special.log_gamma(z) == pytest.approx(math.lgamma(z), rel=3e-15, abs=2e-14)


# The plain difference of two log-gammas, in 40 digits.
@given(y=positive, n=powers_of_ten(-6, 6))
def test_log_gamma_ratio_keeps_all_digits(y: float, n: float) -> None:
    with mpmath.workdps(40):
        exact = mpmath.loggamma(mpmath.mpf(y) + mpmath.mpf(n)) - mpmath.loggamma(y)
    # the last term: y + n itself is rounded before its logarithm is taken
    assert special.log_gamma_ratio(y, n) == pytest.approx(float(exact), rel=1e-14, abs=1e-14)


@given(p=positive, q=positive)
def test_log_beta_keeps_all_digits_and_is_symmetric(p: float, q: float) -> None:
    with mpmath.workdps(40):
        exact = mpmath.log(mpmath.beta(p, q))
    assert special.log_beta(p, q) == pytest.approx(float(exact), rel=1e-14, abs=2e-14)
    assert special.log_beta(p, q) == special.log_beta(q, p)


# In the homogeneous limit log B(a, b) is 1e8 and its change is a few units. What is subtracted is
# of the size n log(b + n), at most 2e6, or smaller.
@given(a=powers_of_ten(-3, 8), b=powers_of_ten(-3, 8), n=st.integers(0, 100_000))
def test_log_beta_change_survives_the_homogeneous_limit(a: float, b: float, n: int) -> None:
    with mpmath.workdps(50):
        exact = mpmath.log(mpmath.beta(a, mpmath.mpf(b) + n)) - mpmath.log(mpmath.beta(a, b))
    assert special.log_beta_change(a, b, float(n)) == pytest.approx(
        float(exact), rel=1e-9, abs=1e-10
    )


@given(value=st.floats(-1e308, 1e308))
def test_log_one_plus_exp_is_numpys_logaddexp(value: float) -> None:
    assert special.log_one_plus_exp(value) == pytest.approx(np.logaddexp(0.0, value), rel=1e-15)


def test_log_one_plus_exp_of_minus_infinity_is_zero() -> None:
    assert special.log_one_plus_exp(-math.inf) == 0.0


# --- the mean of a power over a beta law ---------------------------------------------------------


def exact_power(m: float, a: float, d: float, w: float) -> float:
    with mpmath.workdps(50):
        m, a, d, w = (mpmath.mpf(value) for value in (m, a, d, w))
        return float(mpmath.hyp2f1(m, a, a + d, -w))


# Chosen to reach both methods, and each of their limits: cancelling series (r = 300, a small),
# z next to 1, a = 1 and its neighbourhood, heavy buyers, a atom-like beta law.
CELLS = [
    (1.243, 0.793, 2.426, 1.0),
    (1.243, 0.793, 2.426, 40.0),
    (1.243, 0.793, 2.426, 1e7),
    (301.0, 0.02, 3.0, 5.0),
    (301.0, 0.02, 3.0, 1e5),
    (1.05, 200.0, 300.0, 1e6),
    (6.05, 0.05, 5.05, 1e8),
    (1.05, 0.001, 0.001, 1e3),
    (5001.5, 1.0, 5002.5, 10.0),
    (5001.5, 1.0000001, 5002.5, 1e6),
    (100_001.0, 5.0, 100_050.0, 1e4),
    (3.0, 3.0, 1.0, 30.0),
    (46.7, 3.7, 5.0, 0.357),
]


@pytest.mark.parametrize("cell", CELLS)
def test_mean_power_against_fifty_digits(cell: tuple[float, float, float, float]) -> None:
    assert special.expected_beta_power(*cell) == pytest.approx(exact_power(*cell), rel=1e-12)


@pytest.mark.parametrize("cell", CELLS)
def test_the_trapezoidal_rule_alone_covers_all_cells(
    cell: tuple[float, float, float, float],
) -> None:
    assert special._trapezoid(*cell) == pytest.approx(exact_power(*cell), rel=1e-12)


def test_the_series_says_where_it_cannot_be_trusted() -> None:
    refused = [cell for cell in CELLS if special._series(*cell) < 0.0]
    assert (301.0, 0.02, 3.0, 5.0) in refused  # cancels
    assert (1.243, 0.793, 2.426, 1e7) in refused  # too slow
    assert (1.243, 0.793, 2.426, 40.0) not in refused


shape = powers_of_ten(-3, 2.3)
power = st.tuples(powers_of_ten(-1.3, 2.5), st.sampled_from([0, 1, 2, 7, 50, 1000, 100_000]))


# The two methods share nothing, so that agreement is evidence for both.
@given(power=power, a=shape, d=shape, w=powers_of_ten(-8, 8))
@settings(max_examples=300)
def test_series_and_integral_agree_wherever_the_series_is_accepted(
    power: tuple[float, int], a: float, d: float, w: float
) -> None:
    m, x = power[0] + power[1] + 1.0, power[1]
    series = special._series(m, a, d + x, w)
    integral = special._trapezoid(m, a, d + x, w)
    assert 0.0 <= integral <= 1.0 + 1e-12
    if series >= 0.0 and integral > 1e-290:
        # relative error of exp(y) is the absolute error of y
        assert series == pytest.approx(integral, rel=2e-12 + 4e-16 * abs(math.log(integral)))


@given(power=power, a=shape, d=shape, top=powers_of_ten(-6, 8))
@settings(max_examples=200)
def test_many_at_once_equal_one_by_one(
    power: tuple[float, int], a: float, d: float, top: float
) -> None:
    w = top * np.array([1e-6, 0.01, 0.3, 0.9, 1.0])
    together = np.empty(5)
    special.expected_beta_powers(power[0] + power[1], a, d + power[1], w, together)
    alone = [special.expected_beta_power(power[0] + power[1], a, d + power[1], at) for at in w]
    np.testing.assert_allclose(together, alone, rtol=5e-12, atol=1e-290)


def test_mean_power_is_one_at_zero() -> None:
    assert special.expected_beta_power(3.0, 0.5, 0.5, 0.0) == 1.0


# --- two errors of scipy 1.17.1 that our forms must not inherit ----------------------------------

SCIPY = reference("scipy_bug", "hyp2f1")


def test_our_form_is_right_where_scipy_returns_infinity() -> None:
    a, b, c, z = (column[0] for column in SCIPY["a b c z"])
    # 2F1(a, b; c; z) = (1-z)^-a E[(1 + p w)^-(c-b)], w = z / (1-z), p ~ Beta(a, c-a)
    ours = (1 - z) ** -a * special.expected_beta_power(c - b, a, c - a, z / (1 - z))
    assert ours == pytest.approx(SCIPY.values[0], rel=1e-12)


@pytest.mark.skipif(not scipy.__version__.startswith("1.17."), reason="seen in SciPy 1.17.1")
def test_scipys_hyp2f1_has_the_error_that_we_go_round() -> None:
    with np.errstate(all="ignore"):
        theirs = hyp2f1(*SCIPY["a b c z"])
    assert np.all(np.isinf(theirs)), theirs
    assert hyp2f1(0.05, -0.95, 100.1, 0.9) == pytest.approx(0.99957, abs=1e-5)
