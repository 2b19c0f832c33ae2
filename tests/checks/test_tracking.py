from __future__ import annotations

import dataclasses
import datetime as dt

import numpy as np
import pandas as pd
import pytest

import ltvforecast as ltv
from ltvforecast.check_types import FitChecks
from ltvforecast.checks.clock import ages_on_clock, days_on_clock
from ltvforecast.checks.sample import purchases_until, take_sample
from ltvforecast.checks.tracking import check_tracking, expected_repeat_purchases, period_edges
from ltvforecast.fit_types import Calendar, FittedModel
from ltvforecast.formulas.bgnbd import expected_purchases
from ltvforecast.transaction_types import Transactions
from tests.checks.made_orders import bare_fit


def test_the_known_picture_of_cdnow(cdnow: FittedModel, cdnow_orders: Transactions) -> None:
    """BG/NBD is 4 % low in week 78, fitted to 39 (Fader, Hardie & Lee 2005, section 4)."""
    sample = take_sample(cdnow, rng=np.random.default_rng(0))
    start = int(sample.first_day.min()) - 1
    edges = start + 7 * np.arange(79)
    expected = expected_repeat_purchases(
        cdnow.purchase.point, sample.first_day, edges, days_per_unit=7.0
    )
    purchases = purchases_until(
        cdnow_orders, int(edges[-1]), customer_ids=pd.Index(sample.customers["customer_id"])
    )
    repeat = purchases.day > sample.first_day[purchases.customer]
    actual = np.histogram(purchases.day[repeat], edges + 0.5)[0]
    assert len(purchases.day) - repeat.sum() == 2357
    assert actual[:39].sum() == cdnow.summary.customers["frequency"].sum()
    assert expected.sum() / actual.sum() - 1 == pytest.approx(-0.041, abs=0.002)


def test_expected_purchases_of_two_cohorts() -> None:
    parameters = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}
    found = expected_repeat_purchases(
        parameters, np.array([0, 0, 14]), np.array([7, 21]), days_per_unit=7.0
    )
    mean = expected_purchases([1.0, 3.0], 0, 0, 0, **parameters)
    assert found == pytest.approx([2 * (mean[1] - mean[0]) + mean[0]])


def test_periods_end_with_the_history() -> None:
    edges = period_edges(0, 10 * 365)
    assert edges[-1] == 3650
    assert len(edges) <= 105
    assert set(np.diff(edges)) == {42}
    assert len(period_edges(5, 6)) == 1


def test_the_table_adds_up(right_checks: FitChecks, right_model: FittedModel) -> None:
    table = right_checks["tracking"].table
    assert table is right_checks["trend"].table
    assert table["cumulative_actual"].iloc[-1] == table["actual"].sum()
    in_all = right_model.summary.customers["frequency"].sum()
    # days before the first whole period are left out: less than one period
    assert in_all - table["actual"].max() <= table["actual"].sum() <= in_all
    ends = pd.to_datetime(table["period_end"])
    assert ends.iloc[-1].date() == right_model.summary.as_of
    starts = pd.to_datetime(table["period_start"])
    assert (starts.iloc[1:].to_numpy() - ends.iloc[:-1].to_numpy() == np.timedelta64(1, "D")).all()
    inside = table["actual"].between(table["expected_lo_90"], table["expected_hi_90"]).mean()
    assert inside > 0.75


def test_short_histories_are_left_out() -> None:
    orders = ltv.simulate_programme(partners=2, customers=300, days=40, seed=1, r=2.0).transactions
    model = bare_fit(ltv.summarize(orders))
    sample = take_sample(model, rng=np.random.default_rng(1))
    assert check_tracking(model, sample, rng=np.random.default_rng(1)) == ()


def test_a_closed_month_is_seen_and_a_calendar_explains_it(right_model: FittedModel) -> None:
    """The same orders, one month deleted; then a calendar that says the shop was closed."""
    transactions = right_model.summary.transactions
    assert transactions is not None
    closed = (dt.date(2025, 6, 1), dt.date(2025, 6, 30))
    days = [(day - dt.date(1970, 1, 1)).days for day in closed]
    frame = transactions.frame[~transactions.frame["day"].between(*days)]
    summary = ltv.summarize(
        dataclasses.replace(transactions, frame=frame), as_of=right_model.summary.as_of
    )
    model = bare_fit(summary)
    sample = take_sample(model, rng=np.random.default_rng(1))
    found = check_tracking(model, sample, rng=np.random.default_rng(1))[0]
    assert found.verdict != "fine"
    assert "2025-06" in found.sentence
    calendar = Calendar(kind="given", events=((*closed, 0.0),))
    told = dataclasses.replace(model, calendar=calendar)
    sample = take_sample(told, rng=np.random.default_rng(1))
    found = check_tracking(told, sample, rng=np.random.default_rng(1))[0]
    assert found.verdict == "fine"


def test_the_clock_stands_still_while_the_shop_is_closed(right_model: FittedModel) -> None:
    as_of = right_model.summary.as_of
    closed = (as_of - dt.timedelta(days=9), as_of, 0.0)
    told = dataclasses.replace(right_model, calendar=Calendar(kind="given", events=(closed,)))
    plain, aged = ages_on_clock(right_model), ages_on_clock(told)
    assert aged == pytest.approx(np.maximum(plain - 10.0, 0.0), abs=1e-9)
    day = (as_of - dt.date(1970, 1, 1)).days
    assert days_on_clock(told, [day - 20, day - 10, day - 5, day]).tolist() == [0, 10, 10, 10]
    assert days_on_clock(right_model, [day - 20, day]).tolist() == [0, 20]
