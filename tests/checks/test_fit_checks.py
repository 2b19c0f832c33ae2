from __future__ import annotations

import dataclasses
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import ltvforecast as ltv
from ltvforecast.check_types import FitChecks
from ltvforecast.checks.sample import take_sample
from ltvforecast.fit_types import FittedModel
from tests.checks.made_orders import World, made_fit


def test_data_of_the_model_are_fine(right_checks: FitChecks) -> None:
    assert right_checks.noteworthy == ()
    assert right_checks.left_out == ()
    names = [check.name for check in right_checks.done]
    assert len(names) == len(set(names)) == 15
    assert all(np.isfinite([check.size, check.p_value]).all() for check in right_checks.done)


def test_same_model_same_checks(right_model: FittedModel, right_checks: FitChecks) -> None:
    again = ltv.check_fit(right_model)
    for one, other in zip(right_checks.done, again.done, strict=True):
        assert (one.size, one.p_value, one.sentence) == (other.size, other.p_value, other.sentence)
        pd.testing.assert_frame_equal(one.table, other.table)


def test_checks_survive_saving(
    right_model: FittedModel, cdnow_checks: FitChecks, tmp_path: Path
) -> None:
    model = dataclasses.replace(right_model, checks=cdnow_checks)
    ltv.save_model(model, tmp_path / "model")
    loaded = ltv.load_model(tmp_path / "model").checks
    assert loaded.left_out == cdnow_checks.left_out
    for one, other in zip(cdnow_checks.done, loaded.done, strict=True):
        pd.testing.assert_frame_equal(one.table, other.table)
        assert dataclasses.replace(one, table=other.table) == other
    card = (tmp_path / "model" / "MODEL_CARD.md").read_text(encoding="utf-8")
    assert "## Fit checks" in card
    assert "| tracking | look |" in card


def test_a_loaded_model_says_what_cannot_be_checked(
    right_model: FittedModel, tmp_path: Path
) -> None:
    ltv.save_model(right_model, tmp_path / "model")
    loaded = ltv.load_model(tmp_path / "model")
    assert loaded.checks == FitChecks()
    checks = ltv.check_fit(loaded)
    assert "frequency" in {check.name for check in checks.done}
    assert "single purchases are not kept" in checks.left_out[0]
    with pytest.raises(KeyError):
        checks["tracking"]


def test_a_notebook_shows_verdicts_and_escapes_names(right_checks: FitChecks) -> None:
    strange = dataclasses.replace(right_checks.done[0], sentence="<script>")
    shown = FitChecks(done=(strange,), left_out=("a & b",))._repr_html_()
    assert "<script>" not in shown
    assert "a &amp; b" in shown
    assert "<td>fine</td>" in shown


def test_parameters_by_partner_are_checked_as_each_customers_own(
    right_model: FittedModel,
) -> None:
    size = len(right_model.summary.partner_ids)
    draws = {
        name: np.repeat(values[:, :1], size, axis=1)
        for name, values in right_model.purchase.draws.items()
    }
    purchase = dataclasses.replace(right_model.purchase, draws=draws)
    checks = ltv.check_fit(dataclasses.replace(right_model, purchase=purchase))
    assert {"frequency", "one_time_buyers", "tracking"} <= {check.name for check in checks.done}
    assert "backtest" in checks.left_out[-1]


def test_many_customers_are_sampled(right_model: FittedModel) -> None:
    sample = take_sample(right_model, rng=np.random.default_rng(1), most=300)
    assert len(sample.customers) == 300
    assert sample.share == 300 / len(right_model.summary)
    assert sample.transactions is not None
    assert sample.purchases is not None
    theirs = set(sample.customers["customer_id"])
    assert set(sample.transactions.frame["customer_id"]) == theirs
    counts = np.bincount(sample.purchases.customer, minlength=300) - 1
    assert counts.tolist() == sample.customers["frequency"].tolist()


def test_cdnow(cdnow_checks: FitChecks) -> None:
    """The histogram fits, weeks are lumpy, and those who buy more spend more."""
    assert [check.name for check in cdnow_checks.noteworthy] == ["dependence", "tracking"]


@pytest.mark.slow
@pytest.mark.parametrize("customers", [300, 3000])
def test_false_alarms_are_rare(customers: int) -> None:
    """Fifteen checks at .005: at most 7 programmes of 100; 40 give 6 at most with 99 %."""
    alarmed = [
        tuple(c.name for c in ltv.check_fit(made_fit("model", customers=customers, seed=k)).done
              if c.verdict != "fine")
        for k in range(40)
    ]  # fmt: skip
    assert sum(bool(names) for names in alarmed) <= 6, alarmed
    assert max(Counter(sum(alarmed, ())).values(), default=0) <= 3, alarmed


@pytest.mark.slow
@pytest.mark.parametrize(
    ("world", "seen_by"),
    [
        ("regular", "regularity"),
        ("clumpy", "regularity"),
        ("spend_more", "dependence"),
        ("spend_less", "dependence"),
        ("trend", "tracking"),
        ("season", "tracking"),
        ("partners", "partner_differences"),
    ],
)
def test_wrong_worlds_are_seen(world: World, seen_by: str) -> None:
    found = [ltv.check_fit(made_fit(world, customers=2500, seed=k)) for k in range(5)]
    assert sum(checks[seen_by].verdict != "fine" for checks in found) >= 4
