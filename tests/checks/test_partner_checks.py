"""Fit checks of models whose partners differ."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from ltvforecast.checks.fit_checks import check_fit
from ltvforecast.checks.frequency import purchase_frequencies
from ltvforecast.checks.tracking import check_tracking
from ltvforecast.data.summary import summarize
from ltvforecast.data.synthetic import simulate_programme
from ltvforecast.fit_types import FittedModel
from ltvforecast.fitting.fit_model import fit_model

KNOWN = {
    "frequency", "one_time_buyers", "heaviest_buyer", "dispersion", "partner_inequality",
    "partner_spread", "partner_differences", "dependence", "tracking", "trend", "regularity",
}  # fmt: skip


@pytest.fixture(scope="module")
def pooled() -> FittedModel:
    programme = simulate_programme(partners=4, customers=600, seed=1)
    return fit_model(summarize(programme.transactions), draws=200, calendar="off")


def repeated(model: FittedModel, **factor: float) -> FittedModel:
    """Give the first half of partners the pooled draws, the others these times a factor."""
    size = len(model.summary.partner_ids)

    def by_partner(name: str, values: np.ndarray) -> np.ndarray:
        half = np.where(np.arange(size) < size // 2, 1.0, factor.get(name, 1.0))
        return values * half

    draws = {name: by_partner(name, values) for name, values in model.purchase.draws.items()}
    return dataclasses.replace(model, purchase=dataclasses.replace(model.purchase, draws=draws))


def test_partners_of_the_same_parameters_are_checked_like_the_programme(
    pooled: FittedModel,
) -> None:
    one, other = check_fit(pooled), check_fit(repeated(pooled))
    left = {check.name for check in one.done} - {check.name for check in other.done}
    assert left == {check.name for check in one.done if check.name not in KNOWN}
    for name in ("frequency", "one_time_buyers", "tracking"):
        assert one[name].verdict == other[name].verdict
    left = purchase_frequencies(pooled)["expected"]
    right = purchase_frequencies(repeated(pooled))["expected"]
    # the point is the maximum, the middle of the posterior is near it
    np.testing.assert_allclose(left, right, rtol=0.1)
    assert any("backtest" in reason for reason in other.left_out)


def test_partners_whose_parameters_are_wrong_are_found_out(pooled: FittedModel) -> None:
    found = check_fit(repeated(pooled, alpha=0.25))
    assert found["frequency"].verdict != "fine"
    assert found["one_time_buyers"].verdict != "fine"


def test_periods_follow_each_customers_own_parameters(pooled: FittedModel) -> None:
    from ltvforecast.checks.sample import take_sample

    sample = take_sample(pooled, rng=np.random.default_rng(1))
    tables = [
        check_tracking(model, sample, rng=np.random.default_rng(2))[0].table
        for model in (pooled, repeated(pooled), repeated(pooled, alpha=0.25))
    ]
    totals = [table["expected"].sum() for table in tables]
    assert totals[1] == pytest.approx(totals[0], rel=0.05)
    assert totals[2] > 1.2 * totals[0]
    for table in tables:
        inside = (table["expected"] >= table["expected_lo_90"]) & (
            table["expected"] <= table["expected_hi_90"]
        )
        assert inside.mean() > 0.9
