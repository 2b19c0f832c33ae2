"""The copula against the bivariate normal, against brute force, and at its edges."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.special import gammainc, gammaincc, ndtri

from ltvforecast.formulas import bgnbd
from ltvforecast.formulas.compiling import FloatArray
from ltvforecast.formulas.copula import (
    LARGEST_RHO,
    log_copula_density,
    log_likelihood_factor,
    log_spend_factor,
)
from ltvforecast.formulas.copula_tables import HIGHEST_SCORE, copula_tables, limit_spend

# r, alpha, a, b and p, q, v: CDNOW in weeks (Fader, Hardie & Lee 2005; amounts fitted one by one)
CDNOW = (0.243, 4.414, 0.793, 2.426), (3.6, 4.5, 34.0)
LOYAL = (2.0, 10.0, 0.05, 5.0), (20.0, 1.6, 8.0)
SETS = {"CDNOW": CDNOW, "loyal": LOYAL}
# x, t_x, T, n, total
HISTORIES = [
    (0, 0.0, 20.0, 1, 30.0),
    (0, 0.0, 38.86, 0, 0.0),
    (2, 30.43, 38.86, 3, 200.0),
    (6, 5.0, 38.0, 7, 40.0),
    (40, 37.0, 38.0, 41, 3000.0),
]
HORIZON = 26.0

Parameters = tuple[tuple[float, float, float, float], tuple[float, float, float]]
History = tuple[int, float, float, int, float]


def factors(
    history: History, parameters: Parameters, rho: float, *, highest: float = np.inf
) -> tuple[FloatArray, FloatArray]:
    """``log E[c]`` and the log of the spend factor, each with its derivative."""
    (r, alpha, a, b), (p, q, v) = parameters
    x, t_x, T, n, total = history
    tables = copula_tables(r, a, b, p, q, n=[n], x=[x])
    row = np.zeros(1, dtype=np.int64)
    scales = (
        np.array([-np.log1p(T / alpha)]),
        np.array([-np.log1p(t_x / alpha)]),
        np.array([-np.log1p(total / v)]),
    )
    alive = np.array([float(bgnbd.p_alive(x, t_x, T, r, alpha, a, b))])
    least = np.array([p * (v + total) / highest])
    tables, row_n = limit_spend(tables, row, np.array([p * n + q]), least)
    exposure = np.array([HORIZON / (alpha + T)])
    return (
        log_likelihood_factor((row, row_n), scales, alive, rho, tables)[:, 0],
        log_spend_factor((row, row_n), scales, alive, exposure, rho, tables)[:, 0],
    )


@given(s=st.floats(-6, 6), w=st.floats(-6, 6), rho=st.floats(-0.95, 0.95))
def test_the_density_is_the_bivariate_normal_over_its_margins(
    s: float, w: float, rho: float
) -> None:
    both = stats.multivariate_normal([0.0, 0.0], [[1.0, rho], [rho, 1.0]]).logpdf([s, w])
    expected = both - stats.norm.logpdf(s) - stats.norm.logpdf(w)
    assert float(log_copula_density(s, w, rho)) == pytest.approx(expected, rel=1e-9, abs=1e-9)


def brute_force(
    history: History, parameters: Parameters, rho: float, *, highest: float, count: int = 60_000
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Both factors by importance sampling from the independent posterior, with their errors.

    Purchases of the horizon are simulated: nothing is shared with the quadrature but the density.
    """
    (r, alpha, a, b), (p, q, v) = parameters
    x, t_x, T, n, total = history
    rng = np.random.default_rng(11)
    alive = rng.random(count) < float(bgnbd.p_alive(x, t_x, T, r, alpha, a, b))
    rate = rng.gamma(r + x, size=count) / np.where(alive, alpha + T, alpha + t_x)
    nu = rng.gamma(p * n + q, size=count) / (v + total)
    dropout = np.clip(rng.beta(a, b + x, count), 1e-12, 1.0 - 1e-12)
    lives = np.floor(np.log1p(-rng.random(count)) / np.log1p(-dropout)) + 1.0
    bought = np.where(alive, np.minimum(rng.poisson(rate * HORIZON), lives), 0.0)
    s, w = ndtri(gammainc(r, alpha * rate)), ndtri(gammaincc(q, v * nu))
    inside = p / nu <= highest
    density = np.exp(
        log_copula_density(
            np.clip(s, -HIGHEST_SCORE, HIGHEST_SCORE)[inside],
            np.clip(w, -HIGHEST_SCORE, HIGHEST_SCORE)[inside],
            rho,
        )
    )
    bought, spend = bought[inside], p / nu[inside]
    parts = np.stack([bought * spend * density, density, bought, spend])
    mean, spread = parts.mean(axis=1), np.cov(parts) / parts.shape[1]
    slope = np.array([1.0, -1.0, -1.0, -1.0]) / mean  # of log(E[NZc] / (E[c] E[N] E[Z]))
    factor = float(np.log(mean[0]) - np.log(mean[1:]).sum())
    return (
        (float(np.log(mean[1])), float(np.sqrt(spread[1, 1])) / mean[1]),
        (factor, float(np.sqrt(slope @ spread @ slope))),
    )


@pytest.mark.parametrize("history", HISTORIES, ids=str)
@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize(("rho", "highest"), [(0.25, np.inf), (-0.5, np.inf), (0.6, 90.0)])
def test_both_factors_agree_with_brute_force(
    history: History, name: str, rho: float, highest: float
) -> None:
    found = factors(history, SETS[name], rho, highest=highest)
    expected = brute_force(history, SETS[name], rho, highest=highest)
    for (value, _), (truth, error) in zip(found, expected, strict=True):
        assert abs(value - truth) < 4.0 * error + 1e-3


@pytest.mark.parametrize("name", SETS)
@pytest.mark.parametrize("history", HISTORIES, ids=str)
def test_without_correlation_nothing_changes(history: History, name: str) -> None:
    likelihood, spend = factors(history, SETS[name], 0.0)
    assert likelihood[0] == pytest.approx(0.0, abs=1e-13)
    assert spend[0] == pytest.approx(0.0, abs=1e-13)


@pytest.mark.parametrize("rho", [-0.9, -0.3, 0.0, 0.2, 0.8])
@pytest.mark.parametrize("history", HISTORIES, ids=str)
def test_derivatives_agree_with_differences(history: History, rho: float) -> None:
    step = 1e-5
    above, below = (factors(history, CDNOW, rho + sign * step) for sign in (1, -1))
    for here, up, down in zip(factors(history, CDNOW, rho), above, below, strict=True):
        assert here[1] == pytest.approx((up[0] - down[0]) / (2 * step), rel=1e-5, abs=1e-6)


def test_neither_a_hard_shape_nor_an_outlier_gives_nonsense() -> None:
    hard = [
        ((0.01, 5.0, 0.02, 3.0), (0.4, 1.01, 2.0)),
        ((300.0, 600.0, 30.0, 300.0), (500.0, 400.0, 9.0)),
    ]
    outliers: list[History] = [
        (0, 0.0, 0.0, 1, 1e6),
        (1, 1e-3, 1e4, 2, 1e-6),
        (5000, 363.0, 364.0, 5001, 1e9),
    ]
    for parameters in hard:
        for history in outliers:
            for rho in (-LARGEST_RHO, 0.4, LARGEST_RHO):
                for highest in (np.inf, 1.0):
                    assert np.isfinite(factors(history, parameters, rho, highest=highest)).all()
