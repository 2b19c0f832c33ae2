"""Revenue that counts for a commission: purchases before each customer's own limit."""

from __future__ import annotations

import dataclasses
import datetime as dt

import numpy as np
import pytest

from ltvforecast.errors import ForecastError
from ltvforecast.fit_types import Calendar, FittedModel
from ltvforecast.forecast.exposure import eligible_periods
from ltvforecast.forecast.horizon import Periods, parse_horizon, split_periods
from ltvforecast.forecast.predict import simulated_totals
from ltvforecast.forecast.prepare import prepare_programme
from ltvforecast.forecast.records import Eligible, Totals
from ltvforecast.forecast_types import ForecastSpec
from ltvforecast.types import FloatArray
from tests.forecast.made_model import AS_OF
from tests.forecast.made_partners import two_partners
from tests.forecast.test_simulate import COUNTED, PURCHASE, simulate_one, z_of_mean

MODEL = two_partners(200, draws=50)
HORIZON = parse_horizon("26w", AS_OF)
PERIODS = split_periods(HORIZON, AS_OF)


def totals(
    until: FloatArray | None, *, workers: int = 1, model: FittedModel = MODEL, draws: int = 50
) -> Totals:
    spec = ForecastSpec(horizon=HORIZON, draws=draws, layers=(), seed=3)
    programme, _ = prepare_programme(model, spec, PERIODS, eligible_until=until)
    with simulated_totals(
        programme, partners=2, draws=draws, periods=len(PERIODS), workers=workers
    ) as found:
        return found


def test_revenue_is_the_same_whether_it_is_counted_or_not() -> None:
    rng = np.random.default_rng(1)
    plain = totals(None)
    found = totals(rng.uniform(-50, 250, 200))
    assert plain.eligible.size == 0
    assert np.array_equal(plain.revenue, found.revenue)
    assert np.array_equal(plain.active, found.active)
    assert (found.eligible <= found.revenue).all()
    assert (found.eligible >= 0).all()
    assert 0.2 < found.eligible.sum() / found.revenue.sum() < 0.9


def test_limits_beyond_the_horizon_and_before_it() -> None:
    everything = totals(np.full(200, np.inf))
    assert np.array_equal(everything.eligible, everything.revenue)
    assert totals(np.full(200, HORIZON.days)).eligible.sum() == everything.revenue.sum()
    for until in (0.0, -np.inf):
        assert totals(np.full(200, until)).eligible.sum() == 0


def test_whole_periods_before_the_limit_count_and_those_after_do_not() -> None:
    middle = PERIODS.edges_days[3]
    found = totals(np.full(200, middle))
    assert np.array_equal(found.eligible[:, :, :3], found.revenue[:, :, :3])
    assert found.eligible[:, :, 3:].sum() == 0
    within = totals(np.full(200, middle + 1.0))
    assert 0 < within.eligible[:, :, 3].sum() < found.revenue[:, :, 3].sum()
    assert np.array_equal(within.eligible[:, :, :3], found.revenue[:, :, :3])


def test_workers_change_nothing() -> None:
    until = np.linspace(-10.0, 200.0, 200)
    one, two = totals(until), totals(until, workers=3)
    assert np.array_equal(one.eligible, two.eligible)


def test_each_customer_has_its_own_limit() -> None:
    # the first half of customers are the first partner's
    until = np.where(np.arange(200) < 100, np.inf, 0.0)
    found = totals(until)
    assert np.array_equal(found.eligible[0], found.revenue[0])
    assert found.eligible[1].sum() == 0


@pytest.mark.parametrize("history", [(2.0, 30.43, 38.86), (400.0, 350.0, 351.0)])
@pytest.mark.parametrize("spend", [COUNTED, {"p": 0.5, "q": 4.0, "v": 10.0, "zero_share": 0.3}])
def test_the_share_of_a_period_is_the_share_of_its_revenue(
    history: tuple[float, float, float], spend: dict[str, float]
) -> None:
    found = simulate_one(
        history,
        PURCHASE["loyal"],
        np.array([0.0, 2.0, 4.0, 6.0]),
        spend=spend,
        paths=20_000,
        eligible=Eligible(np.array([1]), np.array([0.3])),
    )
    revenue = found.totals_by_period * 2.0**-20
    eligible = found.eligible.sum(axis=0) * 2.0**-20
    assert np.array_equal(eligible[:, 0], revenue[:, 0])
    assert not eligible[:, 2].any()
    assert abs(z_of_mean(eligible[:, 1] - 0.3 * revenue[:, 1], 0.0)) < 4.0
    if spend is COUNTED:  # every purchase is worth 1: binomial
        n = np.rint(revenue[:, 1])
        spread = (np.rint(eligible[:, 1]) - 0.3 * n) ** 2 - n * 0.3 * 0.7
        assert abs(z_of_mean(spread, 0.0)) < 4.0


def test_shares_are_by_the_clock() -> None:
    closed = (AS_OF + dt.timedelta(days=1), AS_OF + dt.timedelta(days=10), 0.0)
    calendar = Calendar(kind="given", events=(closed,), how="by hand")
    model = dataclasses.replace(MODEL, calendar=calendar)
    periods = Periods(
        starts=(AS_OF, AS_OF), ends=(AS_OF, AS_OF), edges_days=np.array([0.0, 20.0, 40.0])
    )
    until = np.full(200, 15.0)
    until[:4] = (-3.0, 5.0, 40.0, 30.0)
    plain = eligible_periods(MODEL, periods, until)
    assert plain.period[:5].tolist() == [0, 0, 1, 1, 0]
    assert plain.share[:5] == pytest.approx([0.0, 0.25, 1.0, 0.5, 0.75])
    found = eligible_periods(model, periods, until)
    assert found.period[:5].tolist() == [0, 0, 1, 1, 0]
    assert found.share[:5] == pytest.approx([0.0, 0.0, 1.0, 0.5, 0.5])


@pytest.mark.parametrize("until", [np.zeros(3), np.full(200, np.nan)])
def test_limits_that_mean_nothing_are_refused(until: FloatArray) -> None:
    with pytest.raises(ForecastError, match="limits of shape"):
        totals(until)
