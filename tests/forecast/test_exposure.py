"""Periods on the clock: exact exposure, calendar discounting, draws against closed forms."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pytest

from ltvforecast.economics_types import Economics
from ltvforecast.errors import ForecastError
from ltvforecast.fit_types import Calendar, FittedModel
from ltvforecast.forecast.exposure import forecast_clock
from ltvforecast.forecast.horizon import parse_horizon, split_periods
from ltvforecast.forecast.predict import predict
from ltvforecast.formulas.clock import normalised
from tests.forecast.made_model import AS_OF, CDNOW, made_cohort, made_model, made_summary

SEASON = normalised(np.exp(np.cos(2.0 * np.pi * np.arange(12) / 12)))


def calendar(*, spread: float = 0.0, draws: int = 50) -> Calendar:
    noise = np.exp(spread * np.random.default_rng(3).standard_normal((draws, 12)))
    return Calendar(kind="estimated", index=SEASON, draws=normalised(SEASON * noise), how="made")


def model(chosen: Calendar, *, customers: int = 300, draws: int = 100) -> FittedModel:
    cohort = made_cohort(customers, CDNOW, observed=60.0, seed=5)
    return replace(made_model(made_summary(cohort), draws=draws), calendar=chosen)


def test_each_period_has_the_exposure_of_its_days() -> None:
    periods = split_periods(parse_horizon("12mo", AS_OF), AS_OF)
    chosen = calendar(spread=0.2)
    clock, _ = forecast_clock(model(chosen), periods, draws=50, discount=0.0)
    assert clock.edges.shape == (50, 13)
    days = np.diff(periods.edges_days)
    assert np.allclose(np.diff(clock.edges, axis=1)[:, :11] * 7.0, days[:11] * chosen.draws[:, :11])
    assert np.allclose(clock.factors, 1.0)


def test_without_a_clock_nothing_changes() -> None:
    periods = split_periods(parse_horizon("90d", AS_OF), AS_OF)
    clock, lag = forecast_clock(model(Calendar()), periods, draws=50, discount=1e-3)
    assert clock.edges.tolist() == [(periods.edges_days / 7.0).tolist()]
    assert lag is None


def test_a_flat_clock_forecasts_what_none_does() -> None:
    """The same random numbers meet the same edges, but for rounding."""
    flat = Calendar(kind="given", index=np.ones(12), how="flat")
    on, off = (
        predict(model(each), horizon="6mo", draws=100, seed=2) for each in (flat, Calendar())
    )
    for name in ("expected_purchases", "future_revenue", "ltv", "p_active", "p_alive"):
        assert np.allclose(on.customers[name], off.customers[name], rtol=1e-6)
    assert np.allclose(on.draws["existing_revenue"], off.draws["existing_revenue"], rtol=1e-6)


def test_draws_and_closed_form_agree_and_worth_is_discounted_by_the_calendar() -> None:
    """A season with its whole mass at the end of the horizon: worth less than an even one."""
    late = normalised(np.array([1e-3] * 11 + [1.0]))
    found = predict(
        model(Calendar(kind="given", index=late, how="made"), customers=2000, draws=400),
        horizon="12mo",
        economics=Economics(discount_rate=0.5),
        draws=400,
    )
    check = found.provenance["self_check"]
    assert isinstance(check, dict)
    assert abs(check["purchases"]["z"]) < 4.0
    ratio = found.customers["ltv"].sum() / found.customers["future_revenue"].sum()
    # 31 days of December around day 349.5 at the rate 1, the 334 before them at a thousandth
    share = 31.0 / (31.0 + 0.334)
    expected = share * 1.5 ** -(349.5 / 365.25) + (1.0 - share) * 1.5**-0.45
    assert ratio == pytest.approx(expected, rel=0.005)
    drawn = found.draws["ltv"].sum() / found.draws["existing_revenue"].sum()
    assert float(drawn) == pytest.approx(ratio, rel=0.005)


def test_the_uncertainty_of_the_index_is_in_the_ranges() -> None:
    widths = []
    for spread in (0.0, 0.5):
        chosen = calendar(spread=spread, draws=400)
        found = predict(model(chosen, customers=3000, draws=400), horizon="31d", draws=400)
        total = found.draws["existing_revenue"].sum("partner").to_numpy()
        widths.append(total.std() / total.mean())
    assert widths[1] > 1.5 * widths[0]


def test_a_closure_in_the_future_takes_its_days_away() -> None:
    shut = Calendar(
        kind="given",
        events=((AS_OF + dt.timedelta(days=1), AS_OF + dt.timedelta(days=45), 0.0),),
        how="made",
    )
    open_, closed = (
        predict(model(each, customers=500), horizon="90d", draws=100) for each in (Calendar(), shut)
    )
    ahead = [found.customers["expected_purchases"].sum() for found in (closed, open_)]
    half = ahead[0] / ahead[1]
    assert 0.5 < half < 0.56  # rates fall with age, so that the first half holds more


def test_a_calendar_that_closes_all_of_it_is_refused() -> None:
    shut = Calendar(kind="given", events=((AS_OF, AS_OF + dt.timedelta(days=99), 0.0),), how="shut")
    with pytest.raises(ForecastError, match="closes the whole horizon"):
        predict(model(shut), horizon="90d", draws=50)
