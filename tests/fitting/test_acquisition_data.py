"""Closed cohorts and data that begin too late are recognised; healthy programmes are not."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from ltvforecast.acquisition_types import AcquisitionCounts
from ltvforecast.data.acquisitions import first_purchases
from ltvforecast.data.datasets import load_cdnow_sample, load_complete_journey
from ltvforecast.data.summary import customer_table
from ltvforecast.fitting.acquisition_counts import count_acquisitions
from ltvforecast.fitting.acquisition_data import judge_acquisitions, programme_open
from ltvforecast.fitting.left_truncation import Newness, judge_newness
from ltvforecast.fitting.purchase import fit_purchase

EPOCH = dt.date(1970, 1, 1)


def table_of(frame: pd.DataFrame, as_of: dt.date) -> tuple[AcquisitionCounts, pd.DataFrame]:
    day = (frame["date"] - pd.Timestamp(0)).dt.days
    micros = (frame["amount"] * 1e6).round().astype("int64")
    purchases = frame.assign(day=day, amount_micros=micros)
    purchases = purchases[day <= (as_of - EPOCH).days]
    starts = first_purchases(purchases)
    return count_acquisitions(starts.customers, starts.partners, as_of=as_of), purchases


def newness_of(purchases: pd.DataFrame, as_of: dt.date) -> Newness:
    end = (as_of - EPOCH).days
    table = customer_table(purchases[["customer_id", "day", "amount"]], as_of_day=end)
    x, t_x, T = (table[name].to_numpy(np.float64) for name in ("frequency", "recency", "T"))
    point = fit_purchase(x, t_x, T, method="mle", rng=np.random.default_rng(1)).point
    return judge_newness(x, t_x, T, point, first_day=end - T)


def scattered(days: list[int], *, partners: int, as_of: int) -> AcquisitionCounts:
    """New customers on these days, handed round among the partners, who were there on day 0."""
    names = [f"p{k % partners:03d}" for k in range(len(days))]
    customers = pd.DataFrame({"first_day": days, "first_partner": names})
    every = pd.DataFrame({"partner_id": sorted(set(names)), "first_day": 0})
    return count_acquisitions(
        customers, every, as_of=EPOCH + dt.timedelta(days=as_of), unit="month"
    )


def test_cdnow_is_a_closed_cohort() -> None:
    table, _ = table_of(load_cdnow_sample(), dt.date(1998, 6, 30))
    judged = judge_acquisitions(table)
    assert judged.status == "closed"
    assert judged.p_open < 1e-6
    assert "Closed cohort: nobody new since 1997-03-25, 66 weeks in a row" in judged.reason


def test_complete_journey_cannot_tell_who_was_new() -> None:
    as_of = dt.date(2017, 12, 31)
    table, purchases = table_of(load_complete_journey(), as_of)
    judged = judge_acquisitions(table, newness_of(purchases, as_of))
    assert judged.status == "unknown"
    assert "of 2,469 customers about 2,3" in judged.reason
    assert judged.p_open > 0.95


def test_many_small_partners_that_fall_silent_together_are_a_closed_programme() -> None:
    # 100 partners with two or three customers each in 24 months, and then a silent year: of no
    # single one would a year without anybody be surprising
    days = np.linspace(0, 730, 250).astype(int).tolist()
    assert programme_open(scattered(days, partners=100, as_of=740)) > 0.98
    assert programme_open(scattered(days, partners=100, as_of=1100)) < 0.01


def test_a_slow_programme_may_be_silent_for_a_while() -> None:
    days = [0, 90, 200, 290, 410, 480, 640, 730]
    assert programme_open(scattered(days, partners=2, as_of=820)) > 0.8
    chances = [programme_open(scattered(days, partners=2, as_of=end)) for end in (760, 900, 1500)]
    assert chances[0] > chances[1] > chances[2]


def test_a_bursty_programme_is_not_closed_between_bursts() -> None:
    days = [start + k % 28 for start in (10, 375, 740) for k in range(40)]
    table = scattered(days, partners=4, as_of=1030)
    assert judge_acquisitions(table).status == "open"


def newness(days: np.ndarray, probability: np.ndarray) -> Newness:
    return Newness(
        probability=probability, first_day=days, old_customers=float((1 - probability).sum()),
        evidence=99.0,
    )  # fmt: skip


def test_the_first_periods_are_left_out_until_most_are_new() -> None:
    days = np.concatenate([np.zeros(300, dtype=np.int64), np.linspace(1, 729, 400).astype(int)])
    probability = np.concatenate([np.full(300, 0.02), np.linspace(0.7, 0.98, 400)])
    table = scattered(days.tolist(), partners=10, as_of=729)
    judged = judge_acquisitions(table, newness(days, probability))
    assert judged.status == "open"
    assert judged.counts.left_out == 1
    assert not judged.counts.exposure[:, 0].any()
    assert "from 1970-02-01 on" in judged.reason
    # the remaining exposure is blown up by the old customers that are still among them
    later = judged.counts.exposure[0, 1:] / table.exposure[0, 1:]
    assert np.all(np.diff(later) <= 1e-12)
    assert later[0] == pytest.approx(1 / 0.71, rel=0.05)
    assert later[-1] == pytest.approx(1 / 0.975, rel=0.02)


def test_a_doubtful_silence_is_told() -> None:
    table = scattered([0, 90, 200, 290, 410, 480, 640, 730], partners=2, as_of=1000)
    judged = judge_acquisitions(table)
    assert judged.status == "open"
    assert "still takes in new customers with a probability of" in judged.reason
