"""Daily counts add up, and the expected ones are the formula's."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from ltvforecast.data.summary import summarize
from ltvforecast.data.synthetic import simulate_programme
from ltvforecast.fit_types import Calendar
from ltvforecast.fitting.calendar import history_on_clock
from ltvforecast.fitting.repeat_counts import daily_counts, first_days, seen_repeats
from ltvforecast.formulas.bgnbd import expected_purchases
from ltvforecast.formulas.clock import day_rates
from ltvforecast.transaction_types import CustomerSummary
from ltvforecast.types import TimeUnit
from tests.fitting.made_counts import made_season
from tests.fitting.made_summary import cdnow_customers, summary_of

POINT = {"r": 0.8, "alpha": 60.0, "a": 0.8, "b": 4.0}


def made(*, doubled: bool = False, time_unit: TimeUnit = "day") -> CustomerSummary:
    programme = simulate_programme(partners=3, customers=400, days=500, seed=2)
    rows = programme.transactions
    if doubled:  # every order in two lines
        rows = pd.concat([rows, rows.assign(amount=rows["amount"] + 1.0)])
    return summarize(rows, as_of=programme.as_of, time_unit=time_unit)


def test_repeat_purchases_are_all_purchases_less_the_first_ones() -> None:
    summary = made()
    seen = seen_repeats(summary)
    assert seen is not None
    assert seen.sum() == pytest.approx(summary.customers["frequency"].sum())
    assert len(seen) == (summary.as_of - dt.date(1970, 1, 1)).days - first_days(summary).min() + 1


def test_orders_of_two_lines_count_once() -> None:
    once, twice = seen_repeats(made()), seen_repeats(made(doubled=True))
    assert once is not None
    assert twice is not None
    assert np.allclose(once, twice)


@pytest.mark.parametrize("time_unit", ["day", "week", "month"])
def test_first_days_survive_the_unit(time_unit: TimeUnit) -> None:
    assert first_days(made(time_unit=time_unit)).tolist() == first_days(made()).tolist()


def test_a_history_that_does_not_hold_the_purchases_gives_none() -> None:
    assert seen_repeats(summary_of(cdnow_customers())) is None


@pytest.mark.parametrize("index", [np.empty(0), made_season(0.5), made_season(0.5, bins=52)])
def test_expected_counts_are_those_of_customers_of_whom_only_the_age_is_known(
    index: np.ndarray[tuple[int], np.dtype[np.float64]],
) -> None:
    summary = made()
    seen = seen_repeats(summary)
    assert seen is not None
    calendar = Calendar(kind="given", index=index)
    counts = daily_counts(summary, seen, POINT, calendar)
    _, _, age = history_on_clock(summary, calendar)
    rates = day_rates(index, np.empty((0, 3)), first_day=counts.first_day, days=len(seen))
    total = expected_purchases(age, 0, 0, 0, *POINT.values()).sum()
    assert (counts.expected * rates).sum() == pytest.approx(total, rel=1e-4)


def test_a_known_closure_is_expected() -> None:
    summary = made()
    seen = seen_repeats(summary)
    assert seen is not None
    closed = (summary.as_of - dt.timedelta(days=20), summary.as_of - dt.timedelta(days=11), 0.0)
    counts = daily_counts(summary, seen, POINT, Calendar(kind="given", events=(closed,)))
    assert counts.expected[-21:-11].tolist() == [0.0] * 10
    assert (counts.expected[-11:] > 0.0).all()
