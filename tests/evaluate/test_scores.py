from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ltvforecast.errors import ForecastError
from ltvforecast.evaluate.scores import (
    bias,
    coverage,
    crps_from_draws,
    crps_from_quantiles,
    decile_lift,
    interval_score,
    mean_absolute_error,
    normalised_gini,
    randomised_pit,
    wape,
)

money = st.integers(0, 10**6).map(lambda cents: cents / 100)
amounts = st.lists(money, min_size=2, max_size=30)


def test_errors_of_a_worked_example() -> None:
    actual, forecast = [100.0, 50.0, 0.0, 250.0], [80.0, 70.0, 10.0, 250.0]
    assert wape(actual, forecast) == pytest.approx(50 / 400)
    assert bias(actual, forecast) == pytest.approx(410 / 400 - 1)
    assert mean_absolute_error(actual, forecast) == pytest.approx(12.5)


def test_nothing_bought_leaves_relative_errors_undefined() -> None:
    assert np.isnan(wape([0.0, 0.0], [1.0, 2.0]))
    assert np.isnan(bias([0.0, 0.0], [1.0, 2.0]))
    assert np.isnan(normalised_gini([2.0, 2.0], [1.0, 3.0]))
    assert np.isnan(mean_absolute_error([], []))


@given(amounts, st.floats(0.01, 100))
def test_relative_scores_do_not_depend_on_the_currency_unit(actual: list[float], k: float) -> None:
    y = np.array(actual) + 1.0
    f = y[::-1]
    assert wape(k * y, k * f) == pytest.approx(wape(y, f))
    assert bias(k * y, k * f) == pytest.approx(bias(y, f), abs=1e-12)
    assert np.abs(bias(y, f)) <= wape(y, f) + 1e-12


def test_crps_is_unbiased_for_the_normal_closed_form() -> None:
    # CRPS of N(0, 1) at y: y (2 Phi(y) - 1) + 2 phi(y) - 1/sqrt(pi)
    # (Gneiting & Raftery 2007, section 4.2); 4,000 ensembles of 10 draws.
    rng = np.random.default_rng(7)
    y = 0.8
    got = crps_from_draws(np.full(4000, y), rng.normal(size=(10, 4000)))
    phi, big_phi = stats.norm.pdf(y), stats.norm.cdf(y)
    expected = y * (2 * big_phi - 1) + 2 * phi - 1 / np.sqrt(np.pi)
    z = (got.mean() - expected) / (got.std() / np.sqrt(len(got)))
    assert abs(z) < 4
    # the plain (energy) estimator would be larger by E|X - X'| / (2 M), here many sd away
    assert (1 / np.sqrt(np.pi)) / 10 > 10 * got.std() / np.sqrt(len(got))


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=12),
    st.floats(-1e6, 1e6),
)
def test_crps_is_the_double_sum_of_its_definition(draws: list[float], y: float) -> None:
    x = np.array(draws)
    spread = np.abs(x[:, None] - x[None, :]).sum() / (2 * len(x) * (len(x) - 1))
    direct = np.abs(x - y).mean() - spread
    assert crps_from_draws([y], x[:, None])[0] == pytest.approx(direct, rel=1e-9, abs=1e-6)


def test_crps_of_one_draw_is_the_absolute_error() -> None:
    assert crps_from_draws([3.0, 1.0], [[5.0, 1.0]]).tolist() == [2.0, 0.0]


def test_crps_rewards_the_true_distribution() -> None:
    rng = np.random.default_rng(3)
    y = rng.gamma(2.0, 50.0, 3000)
    true = crps_from_draws(y, rng.gamma(2.0, 50.0, (200, 3000)))
    for scale, shape in ((50.0, 3.0), (70.0, 2.0), (25.0, 4.0)):
        other = crps_from_draws(y, rng.gamma(shape, scale, (200, 3000)))
        difference = other - true
        assert difference.mean() > 3 * difference.std() / np.sqrt(3000)


def test_crps_by_quantiles_agrees_with_the_closed_form() -> None:
    probabilities = np.arange(0.0025, 1, 0.005)
    quantiles = stats.norm.ppf(probabilities)
    y = np.array([-1.0, 0.0, 2.5])
    expected = y * (2 * stats.norm.cdf(y) - 1) + 2 * stats.norm.pdf(y) - 1 / np.sqrt(np.pi)
    got = crps_from_quantiles(y, np.repeat(quantiles[:, None], 3, axis=1), probabilities)
    # midpoint rule: what is beyond the outermost quantiles is all that is missing
    assert got == pytest.approx(expected, abs=2e-3)


def test_interval_score_of_gneiting_and_raftery() -> None:
    # width, and 2/alpha = 20 for each unit outside a 90 % interval
    got = interval_score([0.5, -1.0, 3.0], [0.0] * 3, [1.0] * 3, level=90)
    assert got == pytest.approx([1.0, 21.0, 41.0])


def test_interval_score_is_best_at_the_true_quantiles() -> None:
    y = np.random.default_rng(5).normal(size=40_000)
    ends = stats.norm.ppf([0.05, 0.95])

    def mean_at(shift: float, stretch: float) -> float:
        low, high = ends * stretch + shift
        return float(
            interval_score(y, np.full_like(y, low), np.full_like(y, high), level=90).mean()
        )

    best = mean_at(0.0, 1.0)
    assert all(best < mean_at(*other) for other in ((0.4, 1.0), (0.0, 0.8), (0.0, 1.25)))


def test_pit_is_uniform_when_the_actual_is_one_more_draw() -> None:
    # few draws, and an atom at zero: the two things that break the plain PIT
    rng = np.random.default_rng(11)
    everything = rng.poisson(0.7, (8, 40_000)).astype(float)
    pit = randomised_pit(everything[0], everything[1:], rng=rng)
    assert stats.kstest(pit, "uniform").pvalue > 1e-3
    for level in (50, 80, 90, 95):
        z = (
            (coverage(pit, level=level) - level / 100)
            / np.sqrt(level * (100 - level) / 40_000)
            * 100
        )
        assert abs(z) < 4


def test_pit_of_an_actual_beyond_all_draws() -> None:
    rng = np.random.default_rng(0)
    pit = randomised_pit(np.full(500, 5.0), np.zeros((19, 500)), rng=rng)
    assert pit.min() >= 0.95
    assert pit.max() <= 1.0


def test_revenue_weighted_coverage_sees_a_failure_in_the_big_ones() -> None:
    pit = np.full(100, 0.5)
    pit[0] = 0.999
    weights = np.ones(100)
    weights[0] = 99.0
    assert coverage(pit, level=90) == pytest.approx(0.99)
    assert coverage(pit, level=90, weights=weights) == pytest.approx(0.5)


def test_units_without_a_distribution_are_left_out_of_coverage() -> None:
    assert coverage([np.nan, 0.5], level=50) == 1.0
    assert np.isnan(coverage([np.nan], level=50))


def test_gini_against_the_area_definition() -> None:
    actual = np.array([5.0, 1.0, 3.0, 0.0, 8.0, 2.0])
    forecast = np.array([4.0, 2.0, 9.0, 1.0, 6.0, 3.0])

    def area(order: np.ndarray) -> float:
        share = np.concatenate([[0.0], np.cumsum(actual[order]) / actual.sum()])
        return float(np.trapezoid(share, dx=1 / len(actual)) - 0.5)

    expected = area(np.argsort(-forecast)) / area(np.argsort(-actual))
    assert normalised_gini(actual, forecast) == pytest.approx(expected)


@given(st.lists(money, min_size=2, max_size=25, unique=True))
def test_gini_knows_only_the_order(actual: list[float]) -> None:
    y = np.array(actual)
    assert normalised_gini(y, np.log1p(y)) == pytest.approx(1.0)
    assert normalised_gini(y, -y) == pytest.approx(-1.0)
    assert abs(normalised_gini(y, y[::-1])) <= 1 + 1e-9


@given(st.lists(st.tuples(money, st.integers(0, 3)), min_size=10, max_size=40), st.randoms())
def test_lift_and_gini_do_not_depend_on_the_order_of_rows(pairs, random) -> None:
    y = np.array([a for a, _ in pairs]) + 1.0
    f = np.array([float(b) for _, b in pairs])
    order = np.array(random.sample(range(len(y)), len(y)))
    assert decile_lift(y[order], f[order]) == pytest.approx(decile_lift(y, f))
    if len(set(y)) > 1:
        assert normalised_gini(y[order], f[order]) == pytest.approx(normalised_gini(y, f))


def test_lift_of_a_worked_example() -> None:
    actual = np.arange(20.0)
    lift = decile_lift(actual, actual)
    assert lift[0] == pytest.approx(18.5 / 9.5)
    assert lift[-1] == pytest.approx(0.5 / 9.5)
    assert lift.mean() == pytest.approx(1.0)
    assert decile_lift(actual, np.zeros(20)) == pytest.approx(np.ones(10))


@pytest.mark.parametrize(
    "call",
    [
        lambda: wape([1.0], [1.0, 2.0]),
        lambda: bias([np.nan], [1.0]),
        lambda: crps_from_draws([1.0, 2.0], [[1.0]]),
        lambda: interval_score([1.0], [0.0], [2.0], level=0),
        lambda: coverage([0.5], level=100),
        lambda: decile_lift([1.0], [1.0]),
        lambda: crps_from_draws([1.0], np.empty((0, 1))),
    ],
)
def test_what_cannot_be_scored_is_refused_with_a_remedy(call) -> None:
    with pytest.raises(ForecastError) as caught:
        call()
    assert caught.value.remedy
