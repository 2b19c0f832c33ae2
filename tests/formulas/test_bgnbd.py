from __future__ import annotations

import mpmath
import numpy as np
import pytest

from ltvforecast.formulas import bgnbd
from tests.formulas.conftest import Histories
from tests.formulas.reference import reference

# Fader, Hardie & Lee (2005), table 2, and the optimum to seven digits (CDNOW, weeks).
FHL = (0.243, 4.414, 0.793, 2.426)
OPTIMUM = (0.2425945, 4.4136017, 0.7929221, 2.4259068)


# --- reference values: see tests/formulas/reference.py for where they come from ------------------


def test_log_likelihood_against_reference_values() -> None:
    rows = reference("bgnbd", "loglik")
    ours = bgnbd.log_likelihood(*rows["x t_x T r alpha a b"])
    np.testing.assert_array_less(np.abs(ours - rows.values), 1e-12 * (1 + np.abs(rows.values)))


def test_p_alive_against_reference_values() -> None:
    rows = reference("bgnbd", "p_alive")
    ours = bgnbd.p_alive(*rows["x t_x T r alpha a b"])
    np.testing.assert_allclose(ours, rows.values, rtol=1e-12)


@pytest.mark.parametrize(("nodes", "tolerance"), [(48, 1e-13), (16, 1e-9)])
def test_expected_purchases_alive_against_reference_values(nodes: int, tolerance: float) -> None:
    rows = reference("bgnbd", "cond_exp_alive")
    ours = bgnbd.expected_purchases_alive(*rows["t x T r alpha a b"], nodes=nodes)
    np.testing.assert_allclose(ours, rows.values, rtol=tolerance)


def test_expected_purchases_against_reference_values() -> None:
    rows = reference("bgnbd", "cond_exp")
    assert len(rows.values) == 340
    ours = bgnbd.expected_purchases(*rows["t x t_x T r alpha a b"])
    np.testing.assert_allclose(ours, rows.values, rtol=2e-13)


def test_purchase_counts_against_reference_values() -> None:
    rows = reference("bgnbd", "cond_pmf")
    ours = bgnbd.purchase_count_pmf(*rows["n t x t_x T r alpha a b"])
    np.testing.assert_allclose(ours, rows.values, rtol=1e-11)


def test_residual_transactions_against_reference_values() -> None:
    rows = reference("bgnbd", "dert_alive")
    ours = bgnbd.residual_transactions(*rows["delta x t_x T r alpha a b"])
    alive = bgnbd.p_alive(*rows["x t_x T r alpha a b"])
    np.testing.assert_allclose(ours, alive * rows.values, rtol=1e-13)


# --- published results ---------------------------------------------------------------------------


def test_cdnow_calibration_is_the_published_one(cdnow: Histories) -> None:
    assert len(cdnow.x) == 2357
    assert np.sum(cdnow.x > 0) == 946
    assert np.sum(cdnow.x) == 2457


# FHL report -9582.4 at the rounded estimates; the digits are this package's own optimum, which
# CLVTools' test suite confirms to -9582.429.
def test_cdnow_log_likelihood(cdnow: Histories) -> None:
    at = bgnbd.log_likelihood(cdnow.x, cdnow.t_x, cdnow.T, *OPTIMUM).sum()
    assert at == pytest.approx(-9582.4292, abs=1e-4)
    rounded = bgnbd.log_likelihood(cdnow.x, cdnow.t_x, cdnow.T, *FHL).sum()
    assert rounded == pytest.approx(-9582.43, abs=0.01)
    assert rounded < at


def test_cdnow_gradient_vanishes_at_the_optimum(cdnow: Histories) -> None:
    gradient = bgnbd.log_likelihood_gradient(cdnow.x, cdnow.t_x, cdnow.T, *OPTIMUM).sum(axis=1)
    # half a unit of the last digit given times the curvature, which is at most 1e4 (d2/dr2)
    np.testing.assert_allclose(gradient, 0.0, atol=1e-3)


# Four weeks as the unit: alpha / 4 and 2457 log 4 more (Hardie's spreadsheet re-done in months).
def test_cdnow_log_likelihood_in_four_week_units(cdnow: Histories) -> None:
    r, alpha, a, b = OPTIMUM
    total = bgnbd.log_likelihood(cdnow.x, cdnow.t_x / 4, cdnow.T / 4, r, alpha / 4, a, b).sum()
    assert total == pytest.approx(-6176.3040, abs=1e-4)


# CRAN BTYD 2.4.3, walkthrough vignette. Its estimates differ from ours in the sixth digit, and
# the exponents of 10 to 25 magnify that: hence 1e-4.
def test_published_predictions_of_the_btyd_walkthrough() -> None:
    assert bgnbd.expected_purchases(52, 0, 0, 0, *OPTIMUM) == pytest.approx(1.444004, rel=1e-5)
    customer_1516 = (26, 30.85714, 31)
    assert bgnbd.expected_purchases(52, *customer_1516, *OPTIMUM) == pytest.approx(
        25.75659, rel=1e-4
    )
    assert bgnbd.p_alive(*customer_1516, *OPTIMUM) == pytest.approx(0.9688523, rel=1e-5)


# The "increasing frequency paradox": the same silence weighs more against a frequent buyer.
def test_published_paradox_values() -> None:
    ours = bgnbd.expected_purchases(52, [10, 15, 20, 25], 20, 39, *OPTIMUM)
    published = [0.3474606, 0.04283391, 0.004158973, 0.0003583685]
    np.testing.assert_allclose(ours, published, rtol=1e-4)


# FHL's worked example and Hardie's spreadsheet, as frozen in the tests of lifetimes 0.11.3.
def test_published_spreadsheet_values() -> None:
    assert bgnbd.expected_purchases(39, 2, 30.43, 38.86, *FHL) == pytest.approx(1.226, abs=5e-4)
    ours = bgnbd.expected_purchases([0.1429, 1, 3, 31.8571, 32, 78], 0, 0, 0, *OPTIMUM)
    published = [0.0078, 0.0532, 0.1506, 1.0405, 1.0437, 1.8576]
    np.testing.assert_allclose(ours, published, atol=4e-4)


# pymc-marketing 1.3.0, tests of the BG/NBD model, at FHL's rounded parameters.
def test_published_new_customer_values() -> None:
    ours = bgnbd.expected_purchases([1, 3, 6], 0, 0, 0, *FHL)
    np.testing.assert_allclose(ours, [0.0532678912, 0.1508652309, 0.2807558936], atol=5e-11)


# BTYD walkthrough and the tests of lifetimes, at FHL's rounded parameters.
def test_published_count_probabilities() -> None:
    assert bgnbd.purchase_count_pmf(10, 2, 0, 0, 0, *FHL) == pytest.approx(1.07869e-7, rel=1e-5)
    assert bgnbd.purchase_count_pmf(0, 39, 0, 0, 0, *FHL) == pytest.approx(0.5737864, abs=1e-7)
    ours = bgnbd.purchase_count_pmf(np.arange(11, 21), 30, 0, 0, 0, *FHL)
    published = """0.0019995214 0.0015170236 0.0011633150 0.0009003148 0.0007023638
                   0.0005517902 0.0004361913 0.0003467171 0.0002769613 0.0002222260"""
    np.testing.assert_allclose(ours, [float(text) for text in published.split()], atol=5e-11)


# (4.414+38.86)^.243 / (4.414+38.86+39)^.243: nobody leaves without a purchase.
# (pymc-marketing 1.3.0 returns .9266 here.)
def test_no_purchase_in_39_weeks_of_a_one_time_buyer() -> None:
    nothing = 1 - bgnbd.p_active(39, 0, 0, 38.86, *FHL)
    assert nothing == pytest.approx((43.274 / 82.274) ** 0.243, rel=1e-13)
    assert nothing == pytest.approx(0.8554, abs=1e-4)
    assert bgnbd.p_alive(0, 0, 38.86, *FHL) == 1.0


# BTYD walkthrough, table of conditional expectations by calibration frequency 0, 1, ..., 6, 7+.
def test_published_conditional_expectations_by_frequency(cdnow: Histories) -> None:
    expected = bgnbd.expected_purchases(39, cdnow.x, cdnow.t_x, cdnow.T, *OPTIMUM)
    group = np.minimum(cdnow.x, 7).astype(int)
    np.testing.assert_array_equal(np.bincount(group), [1411, 439, 214, 100, 62, 38, 29, 64])
    ours = np.bincount(group, expected) / np.bincount(group)
    published = [0.2251, 0.5231, 1.0441, 1.5203, 2.1638, 2.6538, 3.5040, 6.1570]
    np.testing.assert_allclose(ours, published, rtol=2e-4)
    actual = np.bincount(group, cdnow.holdout) / np.bincount(group)
    np.testing.assert_allclose(actual[:3], [0.2367, 0.6970, 1.3925], atol=5e-5)


# Totals reproduced from two independent programs (CLVTools 0.12.1 and lifetimes 0.11.3).
def test_cdnow_totals(cdnow: Histories) -> None:
    alive = bgnbd.p_alive(cdnow.x, cdnow.t_x, cdnow.T, *OPTIMUM)
    expected = bgnbd.expected_purchases(39, cdnow.x, cdnow.t_x, cdnow.T, *OPTIMUM)
    assert alive.mean() == pytest.approx(0.81344, abs=5e-6)
    assert expected.sum() == pytest.approx(1653.4, abs=0.05)


# --- two derivations -----------------------------------------------------------------------------


# The Euler form of FHL equation 10, with the value of 2F1 that SciPy 1.17.1 gives as infinite:
# 2F1(a-1, a+b-r-1; a+b+x-1; z) with a = .05, b = r, a+b+x-1 = 99.1, z = t / (alpha+T+t).
def test_expected_purchases_where_scipy_returns_infinity() -> None:
    rows = reference("scipy_bug", "hyp2f1")
    z, value = rows["z"][0][1], rows.values[1]
    r = 0.05
    x, t = 99.1 + 1 - 0.05 - r, z / (1 - z)
    published = 99.1 / (0.05 - 1) * (1 - (1 - z) ** (0.05 - 1) * value)
    ours = bgnbd.expected_purchases_alive(t, x, 0.0, r, 1.0, 0.05, r)
    assert ours == pytest.approx(published, rel=1e-9)


@pytest.mark.parametrize(
    ("x", "t_x", "T", "parameters"),
    [
        (0, 0.0, 38.86, FHL),
        (2, 30.43, 38.86, FHL),
        (1, 0.01, 700.0, (0.05, 0.5, 0.05, 0.05)),
        (300, 80.0, 100.0, (2.0, 1.0, 200.0, 300.0)),
        (5, 100.0, 100.0, (50.0, 1000.0, 0.02, 3.0)),
    ],
)
def test_gradient_against_forty_digit_differentiation(
    x: int, t_x: float, T: float, parameters: tuple[float, ...]
) -> None:
    def exact(*theta: mpmath.mpf) -> mpmath.mpf:
        r, alpha, a, b = theta
        stays = mpmath.beta(a, b + x) * (alpha + T) ** -(r + x)
        leaves = mpmath.beta(a + 1, b + x - 1) * (alpha + t_x) ** -(r + x) if x else mpmath.mpf(0)
        law = mpmath.rf(r, x) * alpha**r / mpmath.beta(a, b)
        return mpmath.log(law * (stays + leaves))

    ours = bgnbd.log_likelihood_gradient(x, t_x, T, *parameters)
    with mpmath.workdps(40):
        for k in range(4):
            order = tuple(int(k == j) for j in range(4))
            derivative = float(mpmath.diff(exact, [mpmath.mpf(p) for p in parameters], order))
            assert ours[k] == pytest.approx(derivative, rel=1e-11, abs=1e-13)


def test_shapes_broadcast() -> None:
    draws = [np.full((3, 1), value) for value in FHL]
    x, t_x, T = np.array([0, 2]), np.array([0, 30.43]), np.array([38.86, 38.86])
    assert bgnbd.log_likelihood(x, t_x, T, *draws).shape == (3, 2)
    assert bgnbd.log_likelihood_gradient(x, t_x, T, *draws).shape == (4, 3, 2)
    assert bgnbd.expected_purchases(39, x, t_x, T, *draws, delta=0.002, nodes=16).shape == (3, 2)
    counts = bgnbd.purchase_count_pmf(np.arange(5)[:, None, None], 39, x, t_x, T, *draws)
    assert counts.shape == (5, 3, 2)
    assert bgnbd.survival(np.empty(0), 2, 38.86, *FHL).shape == (0,)


def test_an_empty_future_and_an_empty_past() -> None:
    assert bgnbd.expected_purchases(0, 2, 30.43, 38.86, *FHL) == 0.0
    assert bgnbd.p_active(0, 2, 30.43, 38.86, *FHL) == 0.0
    assert bgnbd.survival(0, 2, 38.86, *FHL) == 1.0
    np.testing.assert_array_equal(bgnbd.purchase_count_pmf([0, 1], 0, 0, 0, 5, *FHL), [1.0, 0.0])
    assert bgnbd.log_likelihood(0, 0, 0, *FHL) == 0.0
    assert bgnbd.log_likelihood_gradient(0, 0, 0, *FHL) == pytest.approx(0.0, abs=1e-15)
