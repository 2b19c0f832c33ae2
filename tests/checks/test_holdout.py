from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import ltvforecast as ltv
from ltvforecast.check_types import FitChecks
from ltvforecast.checks.holdout import HoldOut, check_holdout, hold_out
from ltvforecast.checks.sample import Sample, take_sample
from ltvforecast.fit_types import FittedModel
from tests.checks.made_orders import bare_fit


@pytest.fixture(scope="module")
def sample(right_model: FittedModel) -> Sample:
    return take_sample(right_model, rng=np.random.default_rng(1))


@pytest.fixture(scope="module")
def held(right_model: FittedModel, sample: Sample) -> HoldOut:
    found = hold_out(right_model, sample, rng=np.random.default_rng(2))
    assert isinstance(found, HoldOut)
    return found


def test_the_split_counts_what_was_known_and_what_came(held: HoldOut, sample: Sample) -> None:
    purchases = sample.purchases
    assert purchases is not None
    before = purchases.day <= held.split_day
    known = np.unique(purchases.customer[before])
    assert len(held.x) == len(known)
    assert held.x.sum() + len(known) == before.sum()
    late = np.isin(purchases.customer, known) & ~before
    assert held.actual.sum() == late.sum()
    assert held.end_day == sample.as_of_day
    last = np.full(len(sample.customers), -1)
    np.maximum.at(last, purchases.customer[before], purchases.day[before])
    assert held.silence.tolist() == (held.split_day - last[known]).tolist()


def test_the_future_changes_no_expectation(
    right_model: FittedModel, sample: Sample, held: HoldOut
) -> None:
    assert sample.transactions is not None
    assert sample.purchases is not None
    frame = sample.transactions.frame.copy()
    late = frame["day"] > held.split_day
    frame.loc[late, "amount_micros"] *= 3
    frame.loc[late, "partner_id"] = "somebody new"
    early = sample.purchases.day <= held.split_day + 30
    changed = dataclasses.replace(
        sample,
        transactions=dataclasses.replace(sample.transactions, frame=frame),
        purchases=dataclasses.replace(
            sample.purchases,
            customer=sample.purchases.customer[early],
            day=sample.purchases.day[early],
            amount=sample.purchases.amount[early],
        ),
    )
    again = hold_out(right_model, changed, rng=np.random.default_rng(2))
    assert isinstance(again, HoldOut)
    assert np.array_equal(again.simulated, held.simulated)
    assert np.array_equal(again.partner_size, held.partner_size)
    assert again.actual.sum() < held.actual.sum()


def test_tables_share_out_all_customers_and_purchases(held: HoldOut) -> None:
    checks = {check.name: check for check in check_holdout(held)}
    assert set(checks) == {
        "holdout_total", "holdout_by_frequency", "holdout_by_recency", "holdout_by_partner_size",
    }  # fmt: skip
    for check in checks.values():
        assert check.table["customers"].sum() == len(held.x)
        assert check.table["actual"].sum() == held.actual.sum()
        assert check.table["expected"].sum() == pytest.approx(held.simulated.sum() / 200)
        assert (check.table["expected_lo_90"] <= check.table["expected_hi_90"]).all()
    frequency = checks["holdout_by_frequency"].table
    assert frequency["group"].iloc[0] == "0 repeat purchases"
    assert frequency["customers"].iloc[0] == (held.x == 0).sum()


def test_one_misfit_is_told_once(held: HoldOut) -> None:
    """Half of what was expected comes, of every kind of customer: only the total fails."""
    rng = np.random.default_rng(3)
    half = rng.binomial(held.simulated[100].astype(int), 0.5).astype(float)
    checks = {c.name: c for c in check_holdout(dataclasses.replace(held, actual=half))}
    assert checks["holdout_total"].verdict == "fails"
    assert "fewer" in checks["holdout_total"].sentence
    assert all(c.verdict == "fine" for name, c in checks.items() if name != "holdout_total")


def test_one_group_that_is_off_is_named(held: HoldOut) -> None:
    mean = held.simulated.mean(axis=0)
    wrong = np.where(held.x >= 20, 3.0 * mean, mean).round()
    checks = {c.name: c for c in check_holdout(dataclasses.replace(held, actual=wrong))}
    found = checks["holdout_by_frequency"]
    assert found.verdict != "fine"
    assert "20 to 39 repeat purchases" in found.sentence or "20 or more" in found.sentence


def test_too_little_is_said_so() -> None:
    orders = ltv.simulate_programme(partners=2, customers=40, days=200, seed=1).transactions
    model = bare_fit(ltv.summarize(orders))
    sample = take_sample(model, rng=np.random.default_rng(1))
    found = hold_out(model, sample, rng=np.random.default_rng(1))
    assert isinstance(found, str)
    assert "customers had bought again" in found


def test_cdnow_holds_out(cdnow_checks: FitChecks) -> None:
    assert cdnow_checks["holdout_total"].verdict == "fine"
    assert cdnow_checks["holdout_by_frequency"].verdict == "fine"
