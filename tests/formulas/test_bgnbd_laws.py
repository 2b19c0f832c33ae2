"""What must hold for all histories and all parameters, by Hypothesis."""

from __future__ import annotations

from dataclasses import astuple, dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import betaln, gammaln

from ltvforecast.formulas import bgnbd
from ltvforecast.formulas.bgnbd_kernels import purchase_rate_scalar


def log_uniform(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(np.log(low), np.log(high)).map(lambda value: float(np.exp(value)))


@dataclass(frozen=True)
class History:
    x: int
    t_x: float
    T: float


def histories(most: int, ages: st.SearchStrategy[float]) -> st.SearchStrategy[History]:
    counts = st.sampled_from([0, 1, 2, 3, 10, 100, 1000, 5000, 100_000]) | st.integers(0, most)
    shares = st.sampled_from([1.0, 0.999999]) | log_uniform(1e-3, 1.0)
    return st.builds(
        lambda x, share, age: History(x, age * share if x else 0.0, age),
        counts.filter(lambda x: x <= most),
        shares,
        ages,
    )


# Everything the package promises: ages and horizons from 0.001 to 1e5, 100,000 purchases.
ANY = histories(100_000, log_uniform(1e-3, 1e5))
FUTURE = log_uniform(1e-3, 1e5)
EXTREME = st.tuples(
    log_uniform(0.05, 300),
    log_uniform(1e-2, 1e4),
    log_uniform(1e-3, 200) | st.sampled_from([1.0, 1.0 + 1e-7, 1.0 - 1e-7]),
    log_uniform(1e-3, 300),
)
# What data look like, with room: sums over n stay short.
USUAL = st.tuples(
    log_uniform(0.05, 20), log_uniform(0.5, 50), log_uniform(0.05, 20), log_uniform(0.05, 50)
)
SHORT = histories(20, log_uniform(0.1, 100))

many = settings(max_examples=100)


@given(history=ANY, t=FUTURE, parameters=EXTREME, delta=log_uniform(1e-6, 10))
@settings(max_examples=250)
def test_everything_is_finite_and_in_range(
    history: History, t: float, parameters: tuple[float, ...], delta: float
) -> None:
    x, t_x, T = astuple(history)
    assert np.isfinite(bgnbd.log_likelihood(x, t_x, T, *parameters))
    assert np.all(np.isfinite(bgnbd.log_likelihood_gradient(x, t_x, T, *parameters)))
    for probability in (
        bgnbd.p_alive(x, t_x, T, *parameters),
        bgnbd.p_active(t, x, t_x, T, *parameters),
        bgnbd.survival(t, x, T, *parameters),
        bgnbd.purchase_count_pmf([0, 1, 2, 50, 1e5], t, x, t_x, T, *parameters),
    ):
        assert np.all((probability >= 0.0) & (probability <= 1.0 + 1e-12))
    most = (parameters[0] + x) / (parameters[1] + T)
    assert 0.0 <= bgnbd.purchase_rate(t, x, T, *parameters) <= most
    for nodes in (16, 48):
        future = bgnbd.expected_purchases_alive(t, x, T, *parameters, nodes=nodes)
        assert 0.0 < future <= most * t * (1 + 1e-9)
    discounted = bgnbd.expected_purchases_alive(t, x, T, *parameters, delta=delta)
    assert 0.0 < discounted <= future * (1 + 1e-9)
    forever = bgnbd.residual_transactions(delta, x, t_x, T, *parameters)
    assert 0.0 <= forever <= most / delta * (1 + 1e-9)


# --- the history ---------------------------------------------------------------------------------


@given(history=ANY, parameters=EXTREME, later=log_uniform(1e-3, 1e3))
@many
def test_p_alive_falls_with_silence(
    history: History, parameters: tuple[float, ...], later: float
) -> None:
    x, t_x, T = astuple(history)
    now, then = bgnbd.p_alive(x, t_x, [T, T * (1 + later)], *parameters)
    assert now == then == 1.0 if x == 0 else then <= now < 1.0
    if x > 0 and 1e-300 < now < 1.0 - 1e-12:
        assert then < now


# The likelihood of a history in which nothing happens for dT more is multiplied by
# 1 - P(alive) E[lambda | alive] dT: this ties three formulas together.
@given(history=SHORT, parameters=USUAL)
@many
def test_silence_costs_p_alive_times_the_rate(
    history: History, parameters: tuple[float, ...]
) -> None:
    x, t_x, T = astuple(history)
    h = 1e-5 * (parameters[1] + T)
    after, before = bgnbd.log_likelihood(x, t_x, [T + 2 * h, T], *parameters)
    rate = bgnbd.p_alive(x, t_x, T + h, *parameters)
    rate *= bgnbd.purchase_rate(0.0, x, T + h, *parameters)
    # central difference: relative error h^2 (r+x)^2 / (alpha+T)^2 and rounding 1e-14 / h
    assert (before - after) / (2 * h) == pytest.approx(float(rate), rel=1e-5, abs=1e-8 / T)


# P(x purchases in (0, T]) is the likelihood integrated over all times of purchase with the last
# at t_x: the x - 1 earlier ones fill a volume of t_x^(x-1) / (x-1)!.
@given(x=st.integers(1, 12), T=log_uniform(0.1, 50), parameters=USUAL)
@settings(max_examples=60)
def test_likelihood_integrates_to_the_count_probability(
    x: int, T: float, parameters: tuple[float, ...]
) -> None:
    def density(share: float) -> float:
        log_volume = (x - 1) * np.log(T * share) - gammaln(x) if x > 1 else 0.0
        return float(T * np.exp(bgnbd.log_likelihood(x, T * share, T, *parameters) + log_volume))

    total, _ = quad(density, 0, 1, epsabs=0, epsrel=1e-10, limit=200)
    counted = bgnbd.purchase_count_pmf(x, T, 0, 0, 0, *parameters)
    assert total == pytest.approx(float(counted), rel=1e-8)


@given(history=SHORT, parameters=USUAL)
@many
def test_gradient_is_the_central_difference(
    history: History, parameters: tuple[float, ...]
) -> None:
    x, t_x, T = astuple(history)
    gradient = bgnbd.log_likelihood_gradient(x, t_x, T, *parameters)
    step = 1e-5
    for k in range(4):
        up, down = list(parameters), list(parameters)
        up[k] *= 1 + step
        down[k] *= 1 - step
        rise = bgnbd.log_likelihood(x, t_x, T, *up) - bgnbd.log_likelihood(x, t_x, T, *down)
        # third derivatives by log-parameters are at most of the size r + x + a + b
        size = sum(parameters) + x
        assert rise / (2 * step) == pytest.approx(
            gradient[k] * parameters[k], abs=1e-9 * size + 1e-8
        )


@given(history=ANY, parameters=EXTREME)
@many
def test_one_time_buyers_say_nothing_about_dropout(
    history: History, parameters: tuple[float, ...]
) -> None:
    gradient = bgnbd.log_likelihood_gradient(0, 0, history.T, *parameters)
    assert np.all(gradient[2:] == 0.0)


# --- the future ----------------------------------------------------------------------------------


@given(history=ANY, t=FUTURE, parameters=EXTREME)
@many
def test_expected_purchases_rise_and_are_concave(
    history: History, t: float, parameters: tuple[float, ...]
) -> None:
    ahead = t * np.array([0.0, 0.25, 0.5, 0.75, 1.0])
    total = bgnbd.expected_purchases_alive(ahead, history.x, history.T, *parameters)
    gains = np.diff(total)
    room = 1e-12 * total[-1]
    assert np.all(gains >= -room)
    assert np.all(np.diff(gains) <= room)


@given(history=ANY, t=FUTURE, parameters=EXTREME)
@many
def test_rate_and_survival_fall_from_their_values_at_once(
    history: History, t: float, parameters: tuple[float, ...]
) -> None:
    x, T = history.x, history.T
    at = t * np.array([0.0, 0.1, 0.5, 1.0])
    rate = bgnbd.purchase_rate(at, x, T, *parameters)
    assert rate[0] == pytest.approx((parameters[0] + x) / (parameters[1] + T), rel=1e-15)
    assert np.all(np.diff(rate) <= 1e-12 * rate[:-1])
    alive = bgnbd.survival(at, x, T, *parameters)
    assert alive[0] == 1.0
    assert np.all(np.diff(alive) <= 1e-12 * alive[:-1])


@given(history=ANY, t=FUTURE, parameters=EXTREME)
@many
def test_scalar_kernel_is_the_array_function(
    history: History, t: float, parameters: tuple[float, ...]
) -> None:
    ours = purchase_rate_scalar(t, float(history.x), history.T, *parameters)
    assert ours == bgnbd.purchase_rate(t, history.x, history.T, *parameters)


# E(t1 + t2) = E(t1) + the integral of the rate over the rest, by a quadrature of its own.
@given(history=ANY, t=FUTURE, more=log_uniform(0.01, 1.0), parameters=EXTREME)
@many
def test_expected_purchases_add_up_over_pieces(
    history: History, t: float, more: float, parameters: tuple[float, ...]
) -> None:
    x, T = history.x, history.T
    first, both = bgnbd.expected_purchases_alive([t, t * (1 + more)], x, T, *parameters)
    positions, weights = np.polynomial.legendre.leggauss(60)
    moments = t * (1 + 0.5 * more * (positions + 1))
    rest = 0.5 * more * t * np.sum(weights * bgnbd.purchase_rate(moments, x, T, *parameters))
    assert both == pytest.approx(first + rest, rel=1e-10)


@given(history=ANY, t=FUTURE, parameters=EXTREME)
@many
def test_sixteen_nodes_are_as_exact_as_stated(
    history: History, t: float, parameters: tuple[float, ...]
) -> None:
    few, default = (
        bgnbd.expected_purchases_alive(t, history.x, history.T, *parameters, nodes=nodes)
        for nodes in (16, 48)
    )
    assert few == pytest.approx(float(default), rel=1e-6 if parameters[0] > 50 else 1e-9)


# 1 - e^(-delta t) <= delta t: discounting at 1e-10 / t changes at most the tenth digit.
@given(history=ANY, t=FUTURE, parameters=EXTREME)
@many
def test_discounting_vanishes_with_its_rate(
    history: History, t: float, parameters: tuple[float, ...]
) -> None:
    plain, discounted, half = bgnbd.expected_purchases_alive(
        t, history.x, history.T, *parameters, delta=[0.0, 1e-10 / t, 0.5 / t]
    )
    assert discounted == pytest.approx(plain, rel=2e-10)
    assert np.exp(-0.5) * plain <= half <= plain


# What comes after t is, seen from T, at most e^(-delta t) h(t) / delta.
@given(history=ANY, t=FUTURE, parameters=EXTREME, strength=st.floats(1.0, 30.0))
@many
def test_residual_transactions_are_the_limit_of_long_horizons(
    history: History, t: float, parameters: tuple[float, ...], strength: float
) -> None:
    x, t_x, T = astuple(history)
    delta = strength / t
    alive = bgnbd.p_alive(x, t_x, T, *parameters)
    forever = bgnbd.residual_transactions(delta, x, t_x, T, *parameters)
    until = bgnbd.expected_purchases(t, x, t_x, T, *parameters, delta=delta)
    tail = alive * np.exp(-strength) * bgnbd.purchase_rate(t, x, T, *parameters) / delta
    assert until <= forever * (1 + 1e-11)
    assert forever <= (until + tail) * (1 + 1e-11)


@given(history=SHORT, share=log_uniform(0.01, 2.0), parameters=USUAL)
@many
def test_counts_add_to_one_and_have_the_expected_mean(
    history: History, share: float, parameters: tuple[float, ...]
) -> None:
    x, t_x, T = astuple(history)
    t = share * (parameters[1] + T)
    n = np.arange(600)  # terms fall faster than n^40 (2/3)^n
    law = bgnbd.purchase_count_pmf(n, t, x, t_x, T, *parameters)
    assert np.all(law >= 0.0)
    assert law.sum() == pytest.approx(1.0, abs=1e-10)
    mean = bgnbd.expected_purchases(t, x, t_x, T, *parameters)
    assert np.sum(n * law) == pytest.approx(float(mean), rel=1e-9, abs=1e-300)
    assert law[1:].sum() == pytest.approx(
        float(bgnbd.p_active(t, x, t_x, T, *parameters)), rel=1e-9, abs=1e-300
    )


# Being alive at T + t1 + t2 = buying n times in t1 and staying, then surviving t2 from there.
@given(history=SHORT, t=st.tuples(*[log_uniform(0.01, 2.0)] * 2), parameters=USUAL)
@many
def test_tower_property_of_survival(
    history: History, t: tuple[float, float], parameters: tuple[float, ...]
) -> None:
    x, T = history.x, history.T
    r, alpha, a, b = parameters
    first, second = (part * (alpha + T) for part in t)
    n = np.arange(600)
    z = first / (alpha + T + first)
    stays = betaln(a, b + x + n) - betaln(a, b + x)
    buys = gammaln(r + x + n) - gammaln(r + x) - gammaln(n + 1)
    buys += n * np.log(z) + (r + x) * np.log1p(-z)
    later = bgnbd.survival(second, x + n, T + first, *parameters)
    whole = bgnbd.survival(first + second, x, T, *parameters)
    assert np.sum(np.exp(stays + buys) * later) == pytest.approx(float(whole), rel=1e-10)


# --- units ---------------------------------------------------------------------------------------


@given(history=ANY, t=FUTURE, parameters=EXTREME, unit=log_uniform(1e-2, 1e2))
@many
def test_the_unit_of_time_does_not_matter(
    history: History, t: float, parameters: tuple[float, ...], unit: float
) -> None:
    x, t_x, T = astuple(history)
    past, scaled_past = (x, t_x, T), (x, t_x * unit, T * unit)
    r, alpha, a, b = parameters
    scaled = (r, alpha * unit, a, b)
    likelihood = bgnbd.log_likelihood(*scaled_past, *scaled) + x * np.log(unit)
    assert likelihood == pytest.approx(
        float(bgnbd.log_likelihood(*past, *parameters)), rel=1e-8, abs=1e-8
    )
    # the argument of P(alive) is (r+x) L, in which rounding of the ages is magnified by r+x
    rounding = 1e-8 + 1e-14 * (r + x)
    assert bgnbd.p_alive(*scaled_past, *scaled) == pytest.approx(
        float(bgnbd.p_alive(*past, *parameters)), rel=rounding, abs=1e-290
    )
    assert bgnbd.purchase_rate(t * unit, x, T * unit, *scaled) * unit == pytest.approx(
        float(bgnbd.purchase_rate(t, x, T, *parameters)), rel=rounding, abs=1e-290
    )
    for delta in (0.0, 1.0 / t):
        ours = bgnbd.expected_purchases_alive(t, x, T, *parameters, delta=delta)
        other = bgnbd.expected_purchases_alive(t * unit, x, T * unit, *scaled, delta=delta / unit)
        assert other == pytest.approx(float(ours), rel=1e-8)
