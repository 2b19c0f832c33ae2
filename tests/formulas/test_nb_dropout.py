"""NB-dropout: against plain numerical integration, its limits, and its laws."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import gammaln, logsumexp
from scipy.stats import kstest

from ltvforecast.formulas.compiling import FloatArray
from ltvforecast.formulas.nb_dropout import (
    Histories,
    Parameters,
    expected_new_customers_active,
    log_likelihood,
    p_active,
    partner_posterior,
    period_level,
    remaining_life,
    simulate_new_customers,
)

Case = tuple[list[int], list[float], tuple[float, float, float, float, float]]
"""Counts, exposures, and r, alpha, kappa, s, beta."""

CASES: dict[str, Case] = {
    "ordinary": ([3, 0, 2, 1], [0.4, 1, 1, 1], (0.5, 1.0, 2.0, 0.6, 10.0)),
    "nobody yet, small r": ([0, 0, 0], [1, 1, 1], (0.05, 2.0, 2.0, 1.0, 5.0)),
    "once, then quiet": ([1, 0, 0, 0, 0], [1] * 5, (0.3, 0.2, 30.0, 1.0, 5.0)),
    "large, then quiet": ([600, 550, 0, 0, 0], [1] * 5, (1.0, 0.01, 40.0, 1.0, 20.0)),
    "large, then falling": ([600, 550, 30, 0], [1] * 4, (1.0, 0.01, 5.0, 1.0, 20.0)),
    "one month": ([1000], [0.5], (0.4, 1.0, 0.5, 1.0, 20.0)),
    "left out, then counted": ([0, 0, 7, 0, 0, 0], [0, 0, 1, 1, 1.3, 1], (3, 4, 0.7, 30, 300)),
}


def histories_of(counts: Sequence[float], exposure: Sequence[float]) -> Histories:
    size = len(counts)
    return Histories(
        np.array([counts], dtype=np.float64),
        np.array([exposure], dtype=np.float64),
        np.arange(size + 1.0),
        np.zeros(1),
        np.zeros(1, dtype=np.int64),
    )


def parameters_of(
    r: float, alpha: float, kappa: float, s: float, beta: float, *, periods: int
) -> Parameters:
    one = np.ones(1)
    level = np.ones((1, periods))
    return Parameters(r * one, np.array([[alpha]]), kappa * one, s * one, beta * one, level)


def plain(case: Case) -> tuple[float, FloatArray, FloatArray]:
    """Log-likelihood by the module's formula on a fine grid; the grid and P(rate, alive) on it."""
    counts, exposure, (r, alpha, kappa, s, beta) = case
    u = np.linspace(-400.0 if r < 0.2 else -60.0, 12.0, 80_001)
    rate = np.exp(u)
    y, e = np.array(counts), np.array(exposure, dtype=np.float64)

    def log_f(k: int, share: float) -> FloatArray:
        if e[k] == 0.0:
            return np.zeros_like(u)
        mean = rate * e[k] * share
        choose = gammaln(y[k] + kappa) - gammaln(kappa) - gammaln(y[k] + 1)
        log_share = u + np.log(e[k] * share) - np.log(kappa + mean)
        return np.asarray(choose + y[k] * log_share - kappa * np.log1p(mean / kappa))

    density = r * np.log(alpha) - gammaln(r) + r * u - alpha * rate + np.log(u[1] - u[0])
    survival = (beta / (beta + np.arange(len(y) + 1))) ** s
    last = max((k + 1 for k in range(len(y)) if y[k] > 0), default=0)
    before, stopped = density, []
    for k in range(len(y)):
        if k >= max(last - 1, 0):
            stopped.append(before + log_f(k, 0.5) + np.log(survival[k] - survival[k + 1]))
        before = before + log_f(k, 1.0)
    alive = before + np.log(survival[-1])
    return float(logsumexp(np.concatenate([alive, *stopped]))), u, alive


@pytest.mark.parametrize("name", CASES)
def test_likelihood_is_the_integral_in_the_docstring(name: str) -> None:
    counts, exposure, values = CASES[name]
    histories = histories_of(counts, exposure)
    parameters = parameters_of(*values, periods=len(counts))
    exact, _, alive = plain(CASES[name])
    assert log_likelihood(histories, parameters)[0, 0] == pytest.approx(exact, abs=2e-6)
    chance = np.exp(logsumexp(alive) - exact)
    assert p_active(histories, parameters)[0, 0] == pytest.approx(chance, rel=1e-5, abs=1e-12)


def test_likelihood_with_thirty_digits() -> None:
    # the formula of the module's docstring, integrated by mpmath with 30 digits
    for counts, exposure, values, alive, stopped in (
        ([3, 0, 2, 1], [0.4, 1, 1, 1], (0.5, 1.0, 2.0, 0.6, 10.0),
         -9.550392886343216, -12.600053926435166),
        ([600, 550, 30, 0], [1] * 4, (1.0, 0.01, 5.0, 1.0, 20.0),
         -49.10765442190259, -28.52550856237668),
        ([0, 0, 7, 0, 0, 0, 0, 0, 0, 0], [0, 0] + [1] * 8, (3.0, 4.0, 0.7, 30.0, 300.0),
         -10.919471676924115, -7.928258334228928),
    ):  # fmt: skip
        parameters = parameters_of(*values, periods=len(counts))
        found = log_likelihood(histories_of(counts, exposure), parameters)[0, 0]
        assert found == pytest.approx(np.logaddexp(alive, stopped), abs=1e-6)


@pytest.mark.parametrize("times", [[], [3.2], [0.4, 2.9, 3.1, 6.5, 7.1]])
def test_short_periods_without_overdispersion_are_pareto_nbd(times: list[float]) -> None:
    # Schmittlein, Morrison & Colombo (1987), the likelihood as an integral over the time of death
    r, alpha, s, beta, T = 0.7, 1.3, 0.9, 6.0, 9.0
    x, t_x = len(times), max(times, default=0.0)

    def at(age: float) -> float:
        return float(np.exp(gammaln(r + x) - gammaln(r) - x * np.log(alpha + age)
                            - r * np.log1p(age / alpha)))  # fmt: skip

    dying, _ = quad(
        lambda age: at(age) * s / beta * (1 + age / beta) ** (-s - 1), t_x, T, epsabs=1e-14
    )
    exact = np.log(at(T) * (1 + T / beta) ** -s + dying)
    bins = 2000
    width = T / bins
    counts = np.histogram(times, np.linspace(0.0, T, bins + 1))[0]
    histories = histories_of(counts.tolist(), [1.0] * bins)
    in_bins = parameters_of(r, alpha / width, 1e9, s, beta / width, periods=bins)
    found = float(log_likelihood(histories, in_bins)[0, 0]) - x * np.log(width)
    assert found == pytest.approx(exact, abs=2e-3)  # the error falls with the width of the bins


@given(
    counts=st.lists(st.integers(0, 20), min_size=0, max_size=6),
    r=st.floats(0.2, 5.0),
    kappa=st.floats(0.5, 50.0),
    hazard=st.floats(0.01, 0.5),
)
@settings(max_examples=10)
def test_the_chances_of_all_next_counts_add_to_one(
    counts: list[int], r: float, kappa: float, hazard: float
) -> None:
    size = len(counts) + 1
    most = 1500
    table = np.array([[*counts, last] for last in range(most)], dtype=np.float64)
    histories = Histories(
        table, np.ones((most, size)), np.arange(size + 1.0), np.zeros(most),
        np.zeros(most, dtype=np.int64),
    )  # fmt: skip
    parameters = parameters_of(r, 0.5, kappa, 1.5, 1.5 / hazard, periods=size)
    every = logsumexp(log_likelihood(histories, parameters)[0])
    before = 0.0
    if counts:
        known = histories_of(counts, [1.0] * len(counts))
        shorter = parameters._replace(level=np.ones((1, len(counts))))
        before = float(log_likelihood(known, shorter)[0, 0])
    # heavy tails: what lies beyond 1,500 is small but not nothing
    assert every == pytest.approx(before, abs=1e-4)
    assert every <= before + 1e-6


@given(
    counts=st.lists(st.integers(0, 50), min_size=1, max_size=8).filter(any),
    r=st.floats(0.1, 5.0),
    kappa=st.floats(0.2, 1e6),
    s=st.floats(0.2, 5.0),
)
@settings(max_examples=20)
def test_silence_lowers_the_chance_to_be_active(
    counts: list[int], r: float, kappa: float, s: float
) -> None:
    counts = [*counts, 1]
    chances = []
    for quiet in range(6):
        histories = histories_of(counts + [0] * quiet, [1.0] * (len(counts) + quiet))
        parameters = parameters_of(r, r, kappa, s, 20.0, periods=len(counts) + quiet)
        chances.append(float(p_active(histories, parameters)[0, 0]))
    assert all(0.0 <= chance <= 1.0 for chance in chances)
    assert all(np.diff(chances) < 1e-9)


def test_two_periods_are_one_of_twice_the_length_when_only_chance_is_at_work() -> None:
    # Poisson, nobody stops: 3 + 5 is 8, split in two by a fair coin
    apart = histories_of([3, 5, 2], [1.0, 1.0, 1.0])
    joined = histories_of([8, 2], [2.0, 1.0])
    first = log_likelihood(apart, parameters_of(2.0, 0.4, 1e10, 1.0, 1e12, periods=3))[0, 0]
    second = log_likelihood(joined, parameters_of(2.0, 0.4, 1e10, 1.0, 1e12, periods=2))[0, 0]
    coin = np.log(56) - 8 * np.log(2)
    assert first == pytest.approx(second + coin, abs=1e-5)


def test_partners_are_independent_of_their_order_and_company() -> None:
    rng = np.random.default_rng(1)
    counts = rng.poisson(2.0, (5, 4)).astype(np.float64)
    start = np.array([0.0, 0.5, 1.25, 2.0, 3.9])
    edges = np.arange(5.0)
    exposure = np.clip(edges[1:] - start[:, None], 0.0, 1.0)
    counts[exposure == 0.0] = 0.0
    group = np.array([0, 1, 0, 1, 1])
    parameters = Parameters(
        np.array([0.8, 1.5]), np.array([[0.5, 0.2], [0.6, 1.0]]), np.array([2.0, 9.0]),
        np.array([1.0, 2.0]), np.array([20.0, 30.0]), np.exp(rng.normal(0, 0.2, (2, 4))),
    )  # fmt: skip
    every = log_likelihood(Histories(counts, exposure, edges, start, group), parameters)
    order = np.array([3, 0, 4, 1, 2])
    shuffled = Histories(counts[order], exposure[order], edges, start[order], group[order])
    np.testing.assert_array_equal(log_likelihood(shuffled, parameters), every[:, order])
    alone = Histories(counts[2:3], exposure[2:3], edges, start[2:3], group[2:3])
    np.testing.assert_array_equal(log_likelihood(alone, parameters)[:, 0], every[:, 2])


@pytest.mark.parametrize("name", ["ordinary", "nobody yet, small r", "large, then falling"])
def test_draws_of_the_rate_follow_its_posterior(name: str) -> None:
    counts, exposure, values = CASES[name]
    _, u, alive = plain(CASES[name])
    weight = np.exp(alive - logsumexp(alive))
    cumulated = np.cumsum(weight)
    size = 1000
    one = parameters_of(*values, periods=len(counts))
    many = Parameters(*(np.repeat(value, size, axis=0) for value in one))
    uniform = ((np.arange(size) + 0.5) / size)[:, None]
    active, rate, mean = partner_posterior(histories_of(counts, exposure), many, uniform)
    placed = np.interp(np.log(rate[:, 0]), u, cumulated)
    # even quantiles must come out even: the largest gap is the error of the interpolation; with
    # a tiny r half of the rates are zero for all purposes, where nodes lie far apart
    assert kstest(placed, "uniform").statistic < (0.03 if values[0] < 0.2 else 0.012)
    assert mean[0, 0] == pytest.approx(float(np.sum(weight * np.exp(u))), rel=1e-5)
    assert active[0, 0] == pytest.approx(p_active(histories_of(counts, exposure), one)[0, 0])


def test_remaining_life_is_the_rest_of_a_pareto_life() -> None:
    rng = np.random.default_rng(3)
    s, beta, age = 1.7, 12.0, 8.0
    whole = beta * (rng.random(400_000) ** (-1 / s) - 1.0)
    rest = whole[whole > age] - age
    drawn = remaining_life(1 - rng.random(20_000), age, np.array(s), np.array(beta))
    chance = lambda life: 1.0 - ((beta + age) / (beta + age + life)) ** s  # noqa: E731
    assert kstest(rest, chance).pvalue > 1e-3
    assert kstest(drawn, chance).pvalue > 1e-3


def test_simulated_new_customers_have_the_closed_form_mean_and_chance_of_none() -> None:
    counts, exposure = [4, 1, 3, 0, 2, 0], [1.0] * 6
    values = (0.8, 0.3, 2.0, 1.5, 25.0)
    size, coming = 60_000, 5
    rng = np.random.default_rng(7)
    one = parameters_of(*values, periods=6)
    uniform = rng.random((size, 1))
    many = Parameters(*(np.repeat(value, size, axis=0) for value in one))
    active, rate, mean = partner_posterior(histories_of(counts, exposure), many, uniform)
    life = remaining_life(1 - rng.random(size), 6.0, many.s, many.beta)
    life = np.where(rng.random(size) < active[:, 0], life, 0.0)
    level = np.array([1.0, 1.4, 0.6, 1.0, 1.2])
    edges = np.arange(coming + 1.0)
    simulated = simulate_new_customers(
        rng, rate=rate[:, 0], life=life, kappa=many.kappa, edges=edges,
        period=np.arange(coming), level=np.tile(level, (size, 1)),
    )  # fmt: skip
    closed = active[0, 0] * expected_new_customers_active(
        mean[:1, 0], age=6.0, s=one.s, beta=one.beta, edges=edges, level=level[None, :]
    )
    z = (simulated.mean(axis=0) - closed[0]) / (simulated.std(axis=0) / np.sqrt(size))
    assert np.abs(z).max() < 4.0
    longer = histories_of(counts + [0] * coming, exposure + [1.0] * coming)
    ahead = one._replace(level=np.concatenate([np.ones((1, 6)), level[None, :]], axis=1))
    known = log_likelihood(histories_of(counts, exposure), one)
    none = float(np.exp(log_likelihood(longer, ahead) - known)[0, 0])
    # the likelihood lets a partner stop at half of a period, the simulation at any time in it
    assert (simulated.sum(axis=1) == 0).mean() == pytest.approx(none, abs=0.008)


def test_cutting_a_period_up_changes_nothing() -> None:
    size = 100_000
    one = np.ones(size)
    whole = simulate_new_customers(
        np.random.default_rng(1), rate=4 * one, life=1.7 * one, kappa=0.8 * one,
        edges=np.array([0.0, 1.0, 2.0]), period=np.array([0, 1]), level=np.ones((size, 2)),
    )  # fmt: skip
    pieces = simulate_new_customers(
        np.random.default_rng(2), rate=4 * one, life=1.7 * one, kappa=0.8 * one,
        edges=np.array([0.0, 0.3, 1.0, 1.1, 2.0]), period=np.array([0, 0, 1, 1]),
        level=np.ones((size, 4)),
    )  # fmt: skip
    # NB variance: mean + mean^2 / kappa, here 4 + 20 and 2.8 + 9.8
    for found in (whole, np.stack([pieces[:, :2].sum(axis=1), pieces[:, 2:].sum(axis=1)], axis=1)):
        assert found.mean(axis=0) == pytest.approx([4.0, 2.8], rel=0.015)
        assert found.var(axis=0) == pytest.approx([24.0, 12.6], rel=0.05)
        assert np.corrcoef(found.T)[0, 1] == pytest.approx(0.0, abs=0.013)


def test_expected_new_customers_pass_smoothly_through_s_one() -> None:
    edges, one = np.array([0.0, 2.0, 30.0]), np.ones(1)
    around = [
        expected_new_customers_active(
            one, age=3.0, s=s * one, beta=7 * one, edges=edges, level=np.ones((1, 2))
        )[0]
        for s in (1.0 - 1e-7, 1.0, 1.0 + 1e-7)
    ]
    np.testing.assert_allclose(around[0], around[1], rtol=1e-6)
    np.testing.assert_allclose(around[1], [10 * np.log(1.2), 10 * np.log(40 / 12)], rtol=1e-12)
    np.testing.assert_allclose(around[2], around[1], rtol=1e-6)


def test_period_level_of_nothing_is_one() -> None:
    level = period_level(np.arange(3.0), np.zeros(3), np.zeros((2, 1)), np.zeros((2, 0)))
    np.testing.assert_array_equal(level, np.ones((2, 3)))
