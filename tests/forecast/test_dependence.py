"""Forecasts of programmes whose frequent buyers spend more, or less, per purchase."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from ltvforecast.fit_types import Dependence, FittedModel
from ltvforecast.forecast.dependence import tabulate_factors
from ltvforecast.forecast.predict import predict
from ltvforecast.forecast.records import Customers
from ltvforecast.forecast_types import PartnerForecast
from ltvforecast.formulas import bgnbd, gamma_gamma
from ltvforecast.types import FloatArray
from tests.forecast.made_dependence import TRUTH, dependent_cohort
from tests.forecast.made_model import CDNOW, made_cohort, made_model, made_summary


def as_customers(table: pd.DataFrame) -> Customers:
    names = ("frequency", "recency", "T", "spend_n", "spend_sum")
    return Customers(*(table[name].to_numpy(dtype=np.float64) for name in names))


def factors_of(customers: Customers, rho: FloatArray, **changed: float) -> FloatArray:
    return tabulate_factors(
        customers,
        {**TRUTH, **changed},
        rho,
        horizon=changed.get("horizon", 365.0),
        highest_spend=np.inf,
    ).of(customers)


@pytest.mark.parametrize("rho", [-0.5, 0.5])
def test_totals_come_true_where_independence_misses_them(rho: float) -> None:
    table, revenue = dependent_cohort(200_000, rho)
    known = as_customers(table)
    r, alpha, a, b, p, q, v = (TRUTH[name] for name in ("r", "alpha", "a", "b", *"pqv"))
    purchases = bgnbd.expected_purchases(365.0, *known[:3], r, alpha, a, b)
    unrelated = purchases * gamma_gamma.expected_spend(*known[3:], p, q, v)
    related = unrelated * factors_of(known, np.array([rho]))[:, 0]
    z = [
        float(np.sum(revenue - expected) / np.sqrt(np.sum((revenue - expected) ** 2)))
        for expected in (unrelated, related)
    ]
    assert abs(z[1]) < 3.5
    assert z[0] * np.sign(rho) > 3.5  # too low if frequent buyers spend more
    assert np.mean((revenue - related) ** 2) < np.mean((revenue - unrelated) ** 2)


def test_factors_are_free_of_the_units_of_time_and_money() -> None:
    customers = as_customers(dependent_cohort(300, 0.4)[0])
    x, t_x, T, n, total = customers
    rho = np.array([0.2, 0.6])
    scaled = factors_of(
        Customers(x, t_x / 7, T / 7, n, total * 100),
        rho,
        alpha=TRUTH["alpha"] / 7,
        v=TRUTH["v"] * 100,
        horizon=365.0 / 7,
    )
    assert scaled == pytest.approx(factors_of(customers, rho), rel=1e-9)


def test_the_logarithm_of_a_factor_is_nearly_linear_in_the_uncertain_correlation() -> None:
    customers = as_customers(dependent_cohort(300, 0.3)[0])
    around = factors_of(customers, np.array([0.25, 0.31]))
    exact = np.stack([factors_of(customers, np.array([rho]))[:, 0] for rho in (0.25, 0.31)], axis=1)
    assert around == pytest.approx(exact, rel=5e-3)


def related(model: FittedModel, rho: FloatArray, *, used: bool = True) -> FittedModel:
    found = Dependence(
        rho=float(rho.mean()),
        sd=float(rho.std()),
        likelihood_ratio=50.0 if used else 1.0,
        used=used,
        draws=rho,
        how="made by hand",
    )
    return dataclasses.replace(model, dependence=found)


@pytest.fixture(scope="module")
def model() -> FittedModel:
    return made_model(made_summary(made_cohort(400, CDNOW, observed=39.0, seed=3)))


def forecast(model: FittedModel) -> PartnerForecast:
    return predict(model, horizon="26w", draws=200)


def test_a_relation_that_is_not_clear_changes_no_bit(model: FittedModel) -> None:
    before, after = forecast(model), forecast(related(model, np.full(200, 0.3), used=False))
    pd.testing.assert_frame_equal(before.customers, after.customers, check_exact=True)
    pd.testing.assert_frame_equal(before.partners, after.partners, check_exact=True)
    assert before.draws.equals(after.draws)


def test_closed_form_and_draws_both_know_of_the_relation(model: FittedModel) -> None:
    plain = forecast(model)
    rho = 0.4 + 0.05 * np.random.default_rng(2).standard_normal(200)
    found = forecast(related(model, rho))
    check = found.provenance["self_check"]
    assert abs(check["revenue"]["z"]) < 4.0
    gain = found.customers["future_revenue"] / plain.customers["future_revenue"]
    assert gain[found.customers["frequency"] > 3].mean() > 1.05
    simulated = found.draws["existing_revenue"].mean() / plain.draws["existing_revenue"].mean()
    assert float(simulated) == pytest.approx(
        found.programme["future_revenue"] / plain.programme["future_revenue"], abs=0.03
    )
    for same in ("p_alive", "p_active", "expected_purchases"):
        assert (found.customers[same] == plain.customers[same]).all()


def test_an_uncertain_relation_widens_what_is_expected(model: FittedModel) -> None:
    sure = forecast(related(model, np.full(200, 0.3)))
    rho = np.clip(0.3 + 0.3 * np.random.default_rng(4).standard_normal(200), -0.9, 0.9)
    unsure = forecast(related(model, rho))
    low, high = (f"future_revenue_{side}_90" for side in ("lo", "hi"))
    widths = [float(each.programme[high] - each.programme[low]) for each in (sure, unsure)]
    assert widths[1] > widths[0]
