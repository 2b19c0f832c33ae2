from __future__ import annotations

import mpmath
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import betainc

from ltvforecast.formulas import bgnbd, gamma_gamma
from tests.formulas.conftest import Histories
from tests.formulas.reference import reference
from tests.formulas.test_bgnbd_laws import log_uniform

# Fader & Hardie (2013), and the optimum to six digits (946 repeat buyers of CDNOW).
FH = (6.25, 3.74, 15.44)
OPTIMUM = (6.24957, 3.74422, 15.44353)


# --- reference values ----------------------------------------------------------------------------


def test_log_likelihood_of_the_mean_against_reference_values() -> None:
    rows = reference("gammagamma", "loglik")
    ours = gamma_gamma.log_likelihood_mean(*rows["x zbar p q gamma"])
    np.testing.assert_array_less(np.abs(ours - rows.values), 1e-12 * (1 + np.abs(rows.values)))


def test_expected_spend_against_reference_values() -> None:
    rows = reference("gammagamma", "cond_mean_spend")
    x, zbar, p, q, v = rows["x zbar p q gamma"]
    ours = gamma_gamma.expected_spend(x, x * zbar, p, q, v)
    np.testing.assert_allclose(ours, rows.values, rtol=1e-13)


def test_quantiles_of_totals_against_reference_values() -> None:
    rows = reference("gammagamma", "total_spend_quantile")
    probability, future_n, x, zbar, p, q, v = rows["prob N x zbar p q gamma"]
    ours = gamma_gamma.total_spend_quantile(probability, future_n, x, x * zbar, p, q, v)
    np.testing.assert_allclose(ours, rows.values, rtol=1e-12)


# --- published results ---------------------------------------------------------------------------


# CLVTools 0.12.1 reports -4055.9177 with amounts in exact cents; our sum of the published data.
def test_cdnow_log_likelihood_and_vanishing_gradient(cdnow: Histories) -> None:
    x, zbar = cdnow.x[cdnow.x > 0], cdnow.zbar[cdnow.x > 0]
    total = gamma_gamma.log_likelihood_mean(x, zbar, *OPTIMUM).sum()
    assert total == pytest.approx(-4055.92, abs=0.01)
    gradient = gamma_gamma.log_likelihood_mean_gradient(x, zbar, *OPTIMUM).sum(axis=1)
    np.testing.assert_allclose(gradient * OPTIMUM, 0.0, atol=0.05)


# Hardie's spreadsheet, as frozen in the tests of lifetimes 0.11.3: first ten customers of CDNOW.
def test_published_expected_spend_of_the_first_ten_customers(cdnow: Histories) -> None:
    x, zbar = cdnow.x[:10], cdnow.zbar[:10]
    ours = gamma_gamma.expected_spend(x, x * zbar, *OPTIMUM)
    published = [24.65, 18.91, 35.17, 35.17, 35.17, 71.46, 18.91, 35.17, 27.28, 35.17]
    np.testing.assert_allclose(ours, published, atol=0.015)


# Customer 1 of CDNOW, 12 months at 1 % a month. 36.28 is right; the widely quoted 140.10 counts a
# month as 30 weeks instead of 4.345 (lifetimes issue 180).
@pytest.mark.parametrize(("month", "value"), [(4.345, 36.28), (30.0, 140.10)])
def test_units_oracle_of_customer_1(cdnow: Histories, month: float, value: float) -> None:
    x, t_x, T = 2, 30.43, 38.86
    assert (cdnow.x[0], round(cdnow.t_x[0], 2), round(cdnow.T[0], 2)) == (x, t_x, T)
    months = np.arange(13)
    purchases = bgnbd.expected_purchases(
        month * months, x, t_x, T, 0.2425945, 4.4136017, 0.7929221, 2.4259068
    )
    spend = gamma_gamma.expected_spend(x, x * 22.35, *OPTIMUM)
    discounted = np.sum(spend * np.diff(purchases) / 1.01 ** months[1:])
    assert discounted == pytest.approx(value, abs=0.005 if month < 5 else 0.02)


# --- laws ----------------------------------------------------------------------------------------

PARAMETERS = st.tuples(log_uniform(0.05, 500), log_uniform(0.05, 100), log_uniform(1e-3, 1e6))
AMOUNT = log_uniform(1e-3, 1e6)
many = settings(max_examples=100)


@given(z=AMOUNT, parameters=PARAMETERS)
@many
def test_one_amount_is_its_own_mean(z: float, parameters: tuple[float, ...]) -> None:
    full = gamma_gamma.log_likelihood(1, z, np.log(z), *parameters)
    assert full == pytest.approx(
        float(gamma_gamma.log_likelihood_mean(1, z, *parameters)), rel=1e-10, abs=1e-9
    )
    np.testing.assert_allclose(
        gamma_gamma.log_likelihood_gradient(1, z, np.log(z), *parameters),
        gamma_gamma.log_likelihood_mean_gradient(1, z, *parameters),
        rtol=1e-7,
        atol=1e-10 * (1 + abs(np.log(z))),
    )


# Two amounts: the first, times the second given the first (q grows by p, v by the amount).
@given(first=AMOUNT, second=AMOUNT, parameters=PARAMETERS)
@many
def test_amounts_can_be_taken_one_by_one(
    first: float, second: float, parameters: tuple[float, ...]
) -> None:
    p, q, v = parameters
    both = gamma_gamma.log_likelihood(2, first + second, np.log(first) + np.log(second), p, q, v)
    one = gamma_gamma.log_likelihood(1, first, np.log(first), p, q, v)
    other = gamma_gamma.log_likelihood(1, second, np.log(second), p, q + p, v + first)
    assert both == pytest.approx(float(one + other), rel=1e-10, abs=1e-9)


@given(
    z=st.lists(AMOUNT, min_size=1, max_size=8), parameters=PARAMETERS, unit=log_uniform(0.01, 100)
)
@many
def test_the_unit_of_money_does_not_matter(
    z: list[float], parameters: tuple[float, ...], unit: float
) -> None:
    p, q, v = parameters
    n, total, log_total = len(z), sum(z), float(np.sum(np.log(z)))
    scaled = (n, total * unit, log_total + n * np.log(unit))
    likelihood = gamma_gamma.log_likelihood(*scaled, p, q, v * unit) + n * np.log(unit)
    assert likelihood == pytest.approx(
        float(gamma_gamma.log_likelihood(n, total, log_total, p, q, v)), rel=1e-9, abs=1e-8
    )
    spend = gamma_gamma.expected_spend(n, total, p, q, v)
    assert gamma_gamma.expected_spend(n, total * unit, p, q, v * unit) == pytest.approx(
        float(spend * unit), rel=1e-12
    )
    quantile = gamma_gamma.total_spend_quantile(0.9, 3, n, total, p, q, v)
    other = gamma_gamma.total_spend_quantile(0.9, 3, n, total * unit, p, q, v * unit)
    assert other == pytest.approx(float(quantile * unit), rel=1e-12)


@given(z=st.lists(AMOUNT, min_size=1, max_size=8), parameters=PARAMETERS)
@many
def test_gradients_are_central_differences(z: list[float], parameters: tuple[float, ...]) -> None:
    n, total, log_total = len(z), sum(z), float(np.sum(np.log(z)))
    step = 1e-5
    for likelihood, gradient in (
        (
            lambda *at: gamma_gamma.log_likelihood(n, total, log_total, *at),
            gamma_gamma.log_likelihood_gradient(n, total, log_total, *parameters),
        ),
        (
            lambda *at: gamma_gamma.log_likelihood_mean(n, total / n, *at),
            gamma_gamma.log_likelihood_mean_gradient(n, total / n, *parameters),
        ),
    ):
        for k in range(3):
            up, down = list(parameters), list(parameters)
            up[k] *= 1 + step
            down[k] *= 1 - step
            slope = (likelihood(*up) - likelihood(*down)) / (2 * step)
            # terms of the sum are of the size n p log(v + S) and q log(1 + S / v)
            size = (1 + n * parameters[0] + parameters[1]) * 40
            assert slope == pytest.approx(gradient[k] * parameters[k], abs=1e-9 * size)


@given(
    probability=st.floats(0.001, 0.999),
    future_n=st.integers(1, 200),
    n=st.integers(0, 20),
    mean=AMOUNT,
    parameters=st.tuples(log_uniform(0.3, 500), log_uniform(0.3, 100), log_uniform(1e-3, 1e6)),
)
@many
def test_quantile_inverts_the_distribution(
    probability: float, future_n: int, n: int, mean: float, parameters: tuple[float, ...]
) -> None:
    p, q, v = parameters
    quantile = gamma_gamma.total_spend_quantile(probability, future_n, n, n * mean, p, q, v)
    share = quantile / (quantile + v + n * mean)
    back = betainc(p * future_n, p * n + q, share)
    # the shapes magnify the rounding of share where it is next to 1
    assert back == pytest.approx(probability, rel=1e-9 + 1e-14 * p * future_n / (1 - share))
    more = gamma_gamma.total_spend_quantile(probability + 0.0005, future_n, n, n * mean, p, q, v)
    assert more > quantile


@given(
    n=st.integers(0, 100_000),
    mean=log_uniform(1e-6, 1e7),
    parameters=st.tuples(log_uniform(1e-2, 1e4), log_uniform(1e-2, 1e4), log_uniform(1e-6, 1e9)),
)
@settings(max_examples=300)
def test_everything_is_finite(n: int, mean: float, parameters: tuple[float, ...]) -> None:
    total, log_total = n * mean, n * np.log(mean)
    p, q, _ = parameters
    for value in (
        gamma_gamma.log_likelihood(n, total, log_total, *parameters),
        gamma_gamma.log_likelihood_gradient(n, total, log_total, *parameters),
        gamma_gamma.log_likelihood_mean(n, mean, *parameters),
        gamma_gamma.log_likelihood_mean_gradient(n, mean, *parameters),
        gamma_gamma.total_spend_quantile([0.05, 0.5, 0.95], 7, n, total, *parameters),
    ):
        assert np.all(np.isfinite(value))
    spend = gamma_gamma.expected_spend(n, total, *parameters)
    assert spend > 0.0
    assert np.isfinite(spend) == (p * n + q > 1.0)


# With p = 1 one amount of a new customer exceeds z with probability (v / (v + z))^q: exact also
# where the quantile is 1e20 times v and its share of z + v rounds to 1.
@pytest.mark.parametrize("q", [0.05, 0.5, 3.0])
def test_quantile_of_one_exponential_amount_in_closed_form(q: float) -> None:
    ours = gamma_gamma.total_spend_quantile([0.1, 0.5, 0.9], 1, 0, 0.0, 1.0, q, 15.0)
    exact = 15.0 * np.expm1(-np.log1p(-np.array([0.1, 0.5, 0.9])) / q)
    np.testing.assert_allclose(ours, exact, rtol=1e-12)


def test_nothing_known_says_nothing() -> None:
    assert gamma_gamma.log_likelihood(0, 0.0, 0.0, *FH) == 0.0
    assert gamma_gamma.log_likelihood_mean(0, 0.0, *FH) == 0.0
    assert np.all(gamma_gamma.log_likelihood_gradient(0, 0.0, 0.0, *FH) == 0.0)
    assert np.all(gamma_gamma.log_likelihood_mean_gradient(0, 0.0, *FH) == 0.0)
    assert gamma_gamma.total_spend_quantile(0.5, 0, 2, 44.7, *FH) == 0.0


# Without a mean there is none to report: pymc-marketing 1.3.0 returns -450 at q = .8.
def test_expected_spend_is_infinite_where_there_is_no_mean() -> None:
    np.testing.assert_array_equal(
        gamma_gamma.expected_spend(0, 0.0, 6.0, [0.8, 1.0], 15.0), [np.inf, np.inf]
    )
    assert gamma_gamma.expected_spend(1, 20.0, 6.0, 0.8, 15.0) == pytest.approx(6 * 35 / 5.8)


def test_full_likelihood_against_integration_over_nu() -> None:
    z, (p, q, v) = [3.0, 40.0, 11.5], (mpmath.mpf("3.61"), mpmath.mpf("4.49"), mpmath.mpf("34.1"))

    def density(nu: mpmath.mpf) -> mpmath.mpf:
        prior = v**q * nu ** (q - 1) * mpmath.exp(-v * nu) / mpmath.gamma(q)
        for amount in z:
            prior *= nu**p * amount ** (p - 1) * mpmath.exp(-nu * amount) / mpmath.gamma(p)
        return prior

    with mpmath.workdps(30):
        exact = mpmath.log(mpmath.quad(density, [0, 0.05, 0.2, 0.5, 2, mpmath.inf]))
    ours = gamma_gamma.log_likelihood(3, sum(z), np.log(z).sum(), 3.61, 4.49, 34.1)
    assert ours == pytest.approx(float(exact), rel=1e-12)


# --- simulation ----------------------------------------------------------------------------------


# Customers from birth; fixed seed, |z| < 4 fails by chance once in 16,000.
def test_future_spend_of_simulated_customers() -> None:
    rng, customers, future_n = np.random.default_rng(20_130_331), 200_000, 5
    p, q, v = 2.0, 6.0, 30.0  # q > 4: the mean of totals has a finite variance and a usable error
    nu = rng.gamma(q, 1 / v, customers)
    n = rng.integers(0, 6, customers)
    total = rng.gamma(p * np.maximum(n, 1), 1 / nu) * (n > 0)
    future = rng.gamma(p * future_n, 1 / nu)
    for known in range(6):
        group = n == known
        expected = gamma_gamma.expected_spend(known, total[group], p, q, v)
        difference = future[group] - future_n * expected
        assert abs(difference.mean()) < 4 * difference.std() / np.sqrt(group.sum())
        for probability in (0.05, 0.5, 0.95):
            limit = gamma_gamma.total_spend_quantile(
                probability, future_n, known, total[group], p, q, v
            )
            error = np.sqrt(probability * (1 - probability) / group.sum())
            assert abs(np.mean(future[group] <= limit) - probability) < 4 * error
