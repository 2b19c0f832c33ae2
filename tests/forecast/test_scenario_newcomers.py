"""Both futures of customers still to come: the base as forecast, the change as its own model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ltvforecast.fit_types import FittedModel
from ltvforecast.forecast.horizon import Periods, parse_horizon, split_periods
from ltvforecast.forecast.newcomers import simulate_newcomers
from ltvforecast.forecast.scenario_newcomer_paths import Effect
from ltvforecast.forecast.scenario_newcomers import NewcomerPair, simulate_newcomer_futures
from ltvforecast.types import FloatArray
from tests.forecast.made_model import AS_OF
from tests.forecast.made_scenario import made_acquisition, made_programme

QUANTUM = 2.0**-20
NOTHING = Effect(1.0, 1.0, 1.0, 1.0)
EVERYBODY = np.ones(3, dtype=np.int64)


@pytest.fixture(scope="module")
def model() -> FittedModel:
    return made_programme(spread=0.0)


@pytest.fixture(scope="module")
def periods() -> Periods:
    return split_periods(parse_horizon("6mo", AS_OF), AS_OF)


def futures(
    model: FittedModel,
    periods: Periods,
    effect: Effect,
    *,
    draws: int = 200,
    seed: int = 1,
    concerned: np.ndarray = EVERYBODY,
    workers: int = 1,
) -> NewcomerPair:
    found = simulate_newcomer_futures(
        model, periods, effect, concerned=concerned, draws=draws, seed=seed, quantum=QUANTUM,
        workers=workers,
    )  # fmt: skip
    assert found is not None
    return found


def test_the_base_is_the_forecast_and_without_a_change_both_are(
    model: FittedModel, periods: Periods
) -> None:
    plain = simulate_newcomers(model, periods, draws=200, seed=1, quantum=QUANTUM, workers=1)
    both = futures(model, periods, NOTHING)
    for future in range(2):
        np.testing.assert_array_equal(both.customers[future], plain.customers)
        np.testing.assert_array_equal(both.first_revenue[future], plain.first_revenue)
        np.testing.assert_array_equal(both.revenue[future], plain.revenue)
    assert plain.revenue.sum() > 0


@pytest.mark.parametrize(
    "effect",
    [
        Effect(1.4, 1.0, 1.0, 1.0),
        Effect(0.7, 1.0, 1.0, 1.0),
        Effect(1.0, 0.6, 1.0, 1.0),
        Effect(1.0, 1.3, 1.0, 1.0),
        Effect(1.2, 0.8, 1.1, 1.0),
    ],
)
def test_each_future_is_what_its_own_model_forecasts(
    model: FittedModel, periods: Periods, effect: Effect
) -> None:
    draws = 1500
    both = futures(model, periods, effect, draws=draws, seed=2)
    a, b = model.purchase.draws["a"], model.purchase.draws["b"]
    changed = {
        **model.purchase.draws,
        "alpha": model.purchase.draws["alpha"] / effect.purchase_rate,
        "a": effect.dropout * a,
        "b": b + (1.0 - effect.dropout) * a,
    }
    spend = {**model.spend.draws, "v": model.spend.draws["v"] * effect.order_value}
    other = replace(
        model,
        purchase=replace(model.purchase, draws=changed),
        spend=replace(model.spend, draws=spend),
    )
    for future, as_forecast in enumerate((model, other)):
        alone = simulate_newcomers(
            as_forecast, periods, draws=draws, seed=3 + future, quantum=QUANTUM, workers=1
        )
        for period in (slice(0, 2), slice(0, None)):
            z = distance(both.revenue[future][..., period], alone.revenue[..., period])
            assert abs(z) < 4.0, (future, period, z)


def distance(one: np.ndarray, other: np.ndarray) -> float:
    totals: list[FloatArray] = [x.sum(axis=(0, 2)) * QUANTUM for x in (one, other)]
    spread = np.hypot(*(total.std() / np.sqrt(len(total)) for total in totals))
    return float((totals[0].mean() - totals[1].mean()) / spread)


@pytest.mark.parametrize(
    "effect",
    [
        Effect(1.3, 1.0, 1.0, 1.0),
        Effect(1.0, 0.5, 1.0, 1.0),
        Effect(1.0, 1.0, 1.2, 1.0),
        Effect(1.0, 1.0, 1.0, 1.7),
        Effect(1.2, 0.9, 1.1, 2.5),
    ],
)
def test_more_never_brings_less_in_any_draw(
    model: FittedModel, periods: Periods, effect: Effect
) -> None:
    both = futures(model, periods, effect)
    now, then = (revenue.sum(axis=(0, 2)) for revenue in both.revenue)
    assert (then >= now).all()
    assert (then > now).any()


@pytest.mark.parametrize("factor", [0.0, 0.4, 1.5, 3.25])
def test_so_many_times_as_many_come_and_the_base_is_untouched(
    model: FittedModel, periods: Periods, factor: float
) -> None:
    both = futures(model, periods, Effect(1.0, 1.0, 1.0, factor), draws=600)
    plain = futures(model, periods, NOTHING, draws=600)
    np.testing.assert_array_equal(both.revenue[0], plain.revenue[0])
    np.testing.assert_array_equal(both.customers[0], plain.customers[0])
    now, then = both.customers
    if factor < 1.0:
        assert (then <= now).all()
    else:
        assert (then >= now).all()
    # given the base, each newcomer adds or leaves with a variance of at most 1/4
    error = 0.5 * np.sqrt(now.sum())
    assert abs(then.sum() - factor * now.sum()) <= 4.0 * error + 1e-9
    mean = both.revenue[1].sum() / max(both.customers[1].sum(), 1)
    if factor > 0:
        assert mean == pytest.approx(both.revenue[0].sum() / now.sum(), rel=0.05)


def test_partners_whom_it_does_not_concern_bring_the_same(
    model: FittedModel, periods: Periods
) -> None:
    loyal = replace(model.summary.allocation, novelty=0.0)
    alone = replace(model, summary=replace(model.summary, allocation=loyal))
    both = futures(
        alone, periods, Effect(1.5, 0.8, 1.2, 2.0), concerned=np.array([0, 1, 0], dtype=np.int64)
    )
    np.testing.assert_array_equal(both.revenue[0][[0, 2]], both.revenue[1][[0, 2]])
    assert both.revenue[1][1].sum() > both.revenue[0][1].sum()


def test_of_very_many_some_stand_for_all_in_both_futures(periods: Periods) -> None:
    many = replace(made_programme(spread=0.0), acquisition=made_acquisition(rate=1500.0))
    plain = simulate_newcomers(many, periods, draws=4, seed=1, quantum=QUANTUM, workers=1)
    assert plain.customers.sum(axis=2).max() > 2000
    both = futures(many, periods, Effect(1.0, 1.0, 1.0, 1.5), draws=4)
    np.testing.assert_array_equal(both.revenue[0], plain.revenue)
    ratio = both.customers[1].sum() / plain.customers.sum()
    assert ratio == pytest.approx(1.5, abs=0.02)
    assert both.revenue[1].sum() / plain.revenue.sum() == pytest.approx(1.5, abs=0.05)


def test_workers_change_nothing(model: FittedModel, periods: Periods) -> None:
    effect = Effect(1.1, 0.9, 1.0, 1.3)
    one, two = (futures(model, periods, effect, draws=100, workers=n) for n in (1, 2))
    for future in range(2):
        np.testing.assert_array_equal(one.revenue[future], two.revenue[future])
