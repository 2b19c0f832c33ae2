"""Is the relation of frequency and spend found where there is one, and only there?"""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from ltvforecast.errors import ConfigError
from ltvforecast.fit_types import Dependence, FittedModel
from ltvforecast.fitting import dependence
from ltvforecast.fitting.dependence import estimate_dependence
from ltvforecast.fitting.fit_model import fit_model
from ltvforecast.fitting.purchase import fit_purchase
from ltvforecast.fitting.spend import fit_spend
from ltvforecast.fitting.store import load_model, save_model
from tests.fitting.made_summary import summary_of
from tests.forecast.made_dependence import TRUTH, dependent_cohort


def logs(table: pd.DataFrame) -> pd.DataFrame:
    """Add sums of logs as of amounts that vary by Gamma(p): near enough for a fit to start."""
    p = TRUTH["p"]
    n = table["spend_n"]
    mean_log = np.log(table["spend_sum"] / n) - np.where(n > 1, (1 - 1 / n) / (2 * p), 0.0)
    return table.assign(spend_log_sum=n * mean_log)


def estimate(table: pd.DataFrame, *, method: str = "laplace", seed: int = 1) -> Dependence:
    """From point fits, of which a posterior one is given several equal draws."""
    rng = np.random.default_rng(seed)
    history = (table[name] for name in ("frequency", "recency", "T"))
    purchase = fit_purchase(*history, method="mle", rng=rng)
    spend = fit_spend(table, method="mle", rng=rng)
    if method == "laplace":
        draws = {name: np.repeat(values, 50, axis=0) for name, values in spend.draws.items()}
        spend = dataclasses.replace(spend, draws=draws)
    return estimate_dependence(table, purchase, spend, rng=rng)


@pytest.mark.parametrize("rho", [-0.5, 0.0, 0.5])
def test_the_correlation_is_recovered(rho: float) -> None:
    found = estimate(logs(dependent_cohort(3_000, rho, seed=5)[0]))
    assert abs(found.rho - rho) < 3.5 * found.sd
    assert 0.01 < found.sd < 0.05
    assert found.used == (rho != 0.0)
    assert found.likelihood_ratio > 100 if rho else found.likelihood_ratio < 6.6
    assert ("more" in found.how, "less" in found.how) == (rho > 0, rho < 0)


def test_an_estimate_at_the_edge_is_not_told_as_if_it_were_one() -> None:
    assert "can't be told" in dependence._sentence(np.tanh(-dependence.EDGE), 0.05, used=False)
    assert "+0.90" in dependence._sentence(0.9, 0.05, used=False)
    assert "spend more" in dependence._sentence(np.tanh(dependence.EDGE), 0.05, used=True)


def test_amounts_of_two_kinds_are_not_taken_for_a_relation() -> None:
    # within a customer one purchase in five is 16 times as large: not a gamma law, but unrelated
    table, _ = dependent_cohort(4_000, 0.0, seed=6)
    rng = np.random.default_rng(7)
    x = table["frequency"].to_numpy()
    owner = np.repeat(np.arange(len(x)), x + 1)
    level = np.exp(3.0 + 0.5 * rng.standard_normal(len(x)))
    amount = level[owner] * np.where(rng.random(len(owner)) < 0.2, 4.0, 0.25)
    amount *= rng.gamma(8.0, 1 / 8.0, len(owner))
    start = np.cumsum(x + 1) - x - 1
    total, first = np.add.reduceat(amount, start), amount[start]
    table = table.assign(
        first_value=first,
        spend_sum=total,
        spend_log_sum=np.add.reduceat(np.log(amount), start),
        monetary_value=np.where(x > 0, (total - first) / np.maximum(x, 1), 0.0),
    )
    found = estimate(table)
    assert not found.used
    assert abs(found.rho) < 3.5 * found.sd


def test_a_point_fit_has_one_correlation_and_a_larger_programme_is_sampled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = logs(dependent_cohort(2_000, 0.5, seed=8)[0])
    whole = estimate(table, method="mle")
    assert whole.draws.tolist() == [whole.rho]
    monkeypatch.setattr(dependence, "MOST_CUSTOMERS", 500)
    some, again = estimate(table), estimate(table)
    assert some.rho == again.rho != whole.rho
    assert 1.5 < some.sd / whole.sd < 3.0  # half as sure with a quarter of the customers


def test_first_purchases_at_another_level_are_brought_to_that_of_later_ones() -> None:
    table = logs(dependent_cohort(3_000, 0.5, seed=9)[0])
    shifted = table.assign(
        first_value=3 * table["first_value"],
        spend_sum=table["spend_sum"] + 2 * table["first_value"],
        spend_log_sum=table["spend_log_sum"] + np.log(3.0),
    )
    found = estimate(shifted)
    assert found.rho == pytest.approx(estimate(table).rho, abs=0.05)


def test_cdnow_buyers_spend_more_the_more_often_they_buy(cdnow_model: FittedModel) -> None:
    found = cdnow_model.dependence
    assert found is not None
    assert found.rho == pytest.approx(0.228, abs=0.01)  # regression value, 2,357 customers
    assert found.likelihood_ratio > 30
    assert found.used
    assert found.draws.shape == (500,)
    assert found.draws.mean() == pytest.approx(found.rho, abs=0.01)
    assert found.draws.std() == pytest.approx(found.sd, rel=0.1)
    assert cdnow_model.posterior["rho"].shape == (1, 500)


def test_it_can_be_switched_off_and_needs_single_amounts(cdnow: pd.DataFrame) -> None:
    summary = summary_of(cdnow.head(600))
    assert fit_model(summary, dependence="off", method="mle").dependence is None
    assert fit_model(summary, spend="gamma-gamma-mean", method="mle").dependence is None
    with pytest.raises(ConfigError, match="dependence"):
        fit_model(summary, dependence="perhaps")


def test_a_saved_model_keeps_it(cdnow_model: FittedModel, tmp_path) -> None:
    save_model(cdnow_model, tmp_path / "m")
    before, after = cdnow_model.dependence, load_model(tmp_path / "m").dependence
    assert before is not None
    assert after is not None
    assert (after.draws == before.draws).all()
    assert (after.rho, after.sd, after.likelihood_ratio, after.used, after.how) == (
        before.rho,
        before.sd,
        before.likelihood_ratio,
        before.used,
        before.how,
    )
    assert "Customers who buy often spend more" in (tmp_path / "m" / "MODEL_CARD.md").read_text()
