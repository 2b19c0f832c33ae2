"""The clock of a programme: off, estimated or given, and what each says."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from ltvforecast.data.datasets import load_complete_journey
from ltvforecast.data.summary import summarize
from ltvforecast.data.synthetic import simulate_programme
from ltvforecast.errors import ConfigError
from ltvforecast.fit_types import Calendar
from ltvforecast.fitting.calendar import fit_calendar, history_on_clock
from ltvforecast.fitting.fit_model import fit_model
from ltvforecast.transaction_types import CustomerSummary
from ltvforecast.types import TimeUnit
from tests.fitting.made_counts import made_season


def made(
    *,
    days: int = 900,
    season: float | None = 0.4,
    customers: int = 1200,
    time_unit: TimeUnit = "day",
    seed: int = 1,
) -> CustomerSummary:
    programme = simulate_programme(
        partners=3,
        customers=customers,
        days=days,
        seed=seed,
        season=None if season is None else made_season(season).tolist(),
    )
    return summarize(programme.transactions, as_of=programme.as_of, time_unit=time_unit)


def found(summary: CustomerSummary, asked: str | Calendar = "auto") -> Calendar:
    return fit_calendar(
        summary,
        asked,  # type: ignore[arg-type]
        draws=400,
        rng=np.random.default_rng(1),
    )


def test_a_season_is_found_and_told() -> None:
    calendar = found(made())
    assert calendar.kind == "estimated"
    assert calendar.draws.shape == (400, len(calendar.index))
    assert "strongest" in calendar.how
    assert "2.5 cycles" in calendar.how


@pytest.mark.parametrize("time_unit", ["week", "month"])
def test_the_unit_of_time_changes_nothing(time_unit: TimeUnit) -> None:
    in_days, in_units = found(made()), found(made(time_unit=time_unit))
    assert np.abs(in_days.index / in_units.index - 1.0).max() < 1e-3


def test_under_one_cycle_it_is_off_and_says_so() -> None:
    calendar = found(made(days=350, customers=300))
    assert calendar.kind == "off"
    assert "less than one cycle" in calendar.how
    journey = found(summarize(load_complete_journey(), as_of="2017-12-31"))
    assert journey.kind == "off"
    assert "less than one cycle" in journey.how


def test_few_purchases_and_off_say_so() -> None:
    few = found(made(days=800, customers=4))
    assert few.kind == "off"
    assert "too few" in few.how
    assert found(made(days=350, customers=30), "off").how == "off: not asked for"


def test_where_no_season_is_found_the_fit_is_bit_for_bit_that_without_a_clock() -> None:
    summary = made(season=None, customers=300)
    auto, off = (fit_model(summary, calendar=asked, draws=200) for asked in ("auto", "off"))
    assert auto.calendar.kind == "off"
    for name, draws in off.purchase.draws.items():
        assert auto.purchase.draws[name].tolist() == draws.tolist()
    for name, draws in off.spend.draws.items():
        assert auto.spend.draws[name].tolist() == draws.tolist()


def test_a_given_index_is_taken_as_it_is_and_scaled() -> None:
    summary = made(days=350, customers=300)
    given = Calendar(kind="given", index=2.0 * made_season(0.4))
    calendar = found(summary, given)
    assert np.allclose(calendar.index, made_season(0.4))
    assert calendar.kind == "given"
    assert len(calendar.draws) == 0


def test_parameters_on_the_clock_are_those_of_the_truth() -> None:
    """With the true clock the fit of a seasonal programme is that of an even one."""
    summary = made(customers=4000, season=0.8)
    on = fit_model(summary, calendar=Calendar(kind="given", index=made_season(0.8)), draws=400)
    rate = on.purchase.draws["r"] / on.purchase.draws["alpha"]
    low, high = np.quantile(rate, (0.005, 0.995))
    assert low < 0.8 / 60.0 < high


def test_known_events_stand_beside_an_estimated_season() -> None:
    summary = made()
    campaign = (dt.date(2026, 2, 1), dt.date(2026, 2, 28), 2.0)
    calendar = found(summary, Calendar(kind="given", events=(campaign,)))
    assert calendar.kind == "given"
    assert calendar.events == (campaign,)
    assert len(calendar.index) in (12, 52)
    assert "1 given events; season" in calendar.how


def test_purchases_on_closed_days_are_refused() -> None:
    summary = made(days=350, customers=300)
    closed = (summary.as_of - dt.timedelta(days=40), summary.as_of, 0.0)
    with pytest.raises(ConfigError, match="the calendar says are closed"):
        found(summary, Calendar(kind="given", events=(closed,)))


@pytest.mark.parametrize(
    "wrong",
    [
        "sometimes",
        Calendar(kind="given", index=np.ones(7)),
        Calendar(kind="given", index=np.zeros(12)),
        Calendar(kind="given", index=np.array([np.nan] * 12)),
        Calendar(kind="given", events=((dt.date(2025, 1, 2), dt.date(2025, 1, 1), 1.0),)),
        Calendar(kind="given", events=((dt.date(2025, 1, 1), dt.date(2025, 1, 1), -1.0),)),
    ],
)
def test_a_calendar_that_means_nothing_is_refused(wrong: str | Calendar) -> None:
    with pytest.raises(ConfigError):
        found(made(days=100, customers=30), wrong)


def test_histories_on_the_clock_stay_possible() -> None:
    summary = made()
    x, t_x, T = history_on_clock(summary, found(summary))
    assert ((t_x > 0) == (x > 0)).all()
    assert (t_x <= T).all()
