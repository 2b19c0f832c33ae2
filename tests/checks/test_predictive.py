from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from ltvforecast.check_types import FitCheck, FitChecks
from ltvforecast.checks.predictive import check_predictive
from ltvforecast.checks.sample import take_sample
from ltvforecast.fit_types import FittedModel
from ltvforecast.fitting.fit_model import fit_model
from tests.checks.made_orders import made_fit


def checks_of(model: FittedModel) -> dict[str, FitCheck]:
    sample = take_sample(model, rng=np.random.default_rng(1))
    return {c.name: c for c in check_predictive(model, sample, rng=np.random.default_rng(2))}


def test_figures_of_the_data_are_those_of_the_summary(
    right_model: FittedModel, right_checks: FitChecks
) -> None:
    customers = right_model.summary.customers
    frequency = customers["frequency"]
    known = {
        "one_time_buyers": (frequency == 0).mean(),
        "heaviest_buyer": frequency.max(),
        "dispersion": frequency.var(ddof=0) / frequency.mean(),
    }
    totals = customers.groupby("partner_id")["revenue_to_date"].sum().to_numpy()
    known["partner_spread"] = np.log(totals).std()
    apart = np.abs(totals[:, None] - totals[None, :]).mean()
    known["partner_inequality"] = apart / (2 * totals.mean())
    for name, value in known.items():
        assert right_checks[name].table["actual"].iloc[0] == pytest.approx(float(value))


def test_data_of_the_model_are_typical(right_checks: FitChecks) -> None:
    for name in ("one_time_buyers", "heaviest_buyer", "dispersion", "partner_inequality"):
        check = right_checks[name]
        assert check.verdict == "fine"
        assert "typical of the model" in check.sentence
        assert check.table["simulated"].is_monotonic_increasing


def test_one_monstrous_customer_is_not_like_the_model(right_model: FittedModel) -> None:
    customers = right_model.summary.customers.copy()
    customers.loc[customers["T"].idxmax(), "frequency"] = 650
    summary = dataclasses.replace(right_model.summary, customers=customers)
    found = checks_of(dataclasses.replace(right_model, summary=summary))
    assert found["heaviest_buyer"].verdict == "fails"
    assert "650, not like the model" in found["heaviest_buyer"].sentence
    assert "test accounts" in found["heaviest_buyer"].remedy


def test_partners_that_differ_are_seen() -> None:
    found = checks_of(made_fit("partners", customers=2500, seed=2))
    assert found["partner_differences"].verdict != "fine"
    assert "partners differ" in found["partner_differences"].remedy


def test_a_programme_of_one_partner_has_no_figures_of_partners(cdnow_checks: FitChecks) -> None:
    assert not [check for check in cdnow_checks.done if check.name.startswith("partner")]


def test_partners_with_parameters_of_their_own_are_like_the_model() -> None:
    pooled = made_fit("partners", customers=2500, seed=2)
    own = fit_model(pooled.summary, draws=400, calendar="off", dependence="off")
    assert checks_of(own)["partner_differences"].verdict == "fine"
