"""Forecasts of partners with parameters of their own, against pooled forecasts of each alone."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from ltvforecast.errors import ForecastError
from ltvforecast.fit_types import Dependence, FittedModel
from ltvforecast.forecast.parameters import choose_draws, customer_parameters, typical_parameters
from ltvforecast.forecast.predict import predict
from ltvforecast.forecast.windows import simulate_windows
from ltvforecast.forecast_types import PartnerForecast
from tests.forecast.made_partners import (
    as_partner,
    by_group,
    closed_forms,
    two_partners,
    with_draws,
    with_effects,
)

FIRST = {}
SECOND = {"alpha": 0.5, "a": 0.5, "v": 0.4}


@pytest.fixture(scope="module")
def pooled() -> FittedModel:
    return two_partners()


@pytest.fixture(scope="module")
def differing(pooled: FittedModel) -> FittedModel:
    return by_group(pooled, FIRST, SECOND)


def forecast(model: FittedModel, **changed: object) -> PartnerForecast:
    return predict(model, horizon="26w", workers=1, **{"draws": 100, "seed": 5, **changed})


@pytest.fixture(scope="module")
def before(pooled: FittedModel) -> PartnerForecast:
    return forecast(pooled)


def test_partners_with_the_same_parameters_are_the_pooled_forecast_bit_for_bit(
    pooled: FittedModel, before: PartnerForecast
) -> None:
    repeated = by_group(pooled, {}, {})
    spread = with_draws(
        pooled,
        {n: np.broadcast_to(v, (len(v), 2)) for n, v in pooled.purchase.draws.items()},
        {},
    )
    for model in (spread, with_effects(pooled), repeated):
        after = forecast(model)
        if model is not repeated:
            pd.testing.assert_frame_equal(before.customers, after.customers, check_exact=True)
            assert before.draws.equals(after.draws)
        np.testing.assert_allclose(
            closed_forms(after.customers), closed_forms(before.customers), rtol=1e-9
        )


def test_hardly_different_partners_are_hardly_different_from_pooled(
    pooled: FittedModel, before: PartnerForecast
) -> None:
    # through all that is done for partners: rows of their own, and the formula for expectations
    after = forecast(by_group(pooled, {}, {"alpha": 1 + 1e-12, "a": 1 + 1e-12, "v": 1 + 1e-12}))
    np.testing.assert_allclose(
        closed_forms(after.customers), closed_forms(before.customers), rtol=1e-5
    )
    np.testing.assert_allclose(
        after.draws["existing_revenue"], before.draws["existing_revenue"], rtol=1e-6
    )


def test_each_partner_is_forecast_as_if_it_were_alone(differing: FittedModel) -> None:
    found = forecast(differing)
    mine = found.customers["partner_id"].to_numpy()
    for group, partner in enumerate(("p0", "p1")):
        alone = forecast(as_partner(differing, group))
        theirs = mine == partner
        np.testing.assert_allclose(
            closed_forms(found.customers)[theirs], closed_forms(alone.customers)[theirs], rtol=1e-5
        )
        other = forecast(as_partner(differing, group), seed=6)
        one, two = (
            each.draws["existing_revenue"].sel(partner=partner).to_numpy()
            for each in (found, other)
        )
        z = (one.mean() - two.mean()) / np.sqrt((one.var() + two.var()) / len(one))
        assert abs(z) < 4.0
    assert abs(found.provenance["self_check"]["revenue"]["z"]) < 4.0


def test_purchases_by_partner_and_one_spend_for_all(pooled: FittedModel) -> None:
    model = by_group(pooled, FIRST, {"alpha": 0.5})
    model = dataclasses.replace(model, spend=pooled.spend)
    found, alone = forecast(model), forecast(as_partner(by_group(pooled, FIRST, {"alpha": 0.5}), 1))
    theirs = (found.customers["partner_id"] == "p1").to_numpy()
    np.testing.assert_allclose(
        closed_forms(found.customers)[theirs], closed_forms(alone.customers)[theirs], rtol=1e-5
    )


def test_effects_are_changed_parameters(pooled: FittedModel) -> None:
    found = forecast(with_effects(pooled, rate=0.5, dropout=-0.4, spend=0.3)).customers
    a, b = (pooled.purchase.draws[name] for name in "ab")
    odds = a / b * np.exp(-0.4)
    changed = with_draws(
        pooled,
        {
            "alpha": pooled.purchase.draws["alpha"] * np.exp(-0.5),
            "a": (a + b) * odds / (1 + odds),
            "b": (a + b) / (1 + odds),
        },
        {"v": pooled.spend.draws["v"] * np.exp(0.3)},
    )
    for place, model in enumerate((pooled, changed)):
        np.testing.assert_allclose(
            closed_forms(found)[place::2],
            closed_forms(forecast(model).customers)[place::2],
            rtol=1e-5,
        )


def test_only_spend_that_differs_leaves_purchases_as_they_are(
    pooled: FittedModel, before: PartnerForecast
) -> None:
    after = forecast(with_effects(pooled, spend=0.3)).customers
    for name in ("p_alive", "p_active", "expected_purchases"):
        assert (after[name] == before.customers[name]).all()
    gain = (after["future_revenue"] / before.customers["future_revenue"]).to_numpy()
    assert gain[::2] == pytest.approx(1.0, rel=1e-12)
    assert (gain[1::2] > 1.0).all()


def test_windows_of_partners_end_as_the_forecast_of_the_whole(differing: FittedModel) -> None:
    windows = simulate_windows(differing, [60, 182], draws=100, seed=5, workers=1)
    assert windows.shape == (2, 100, 2)
    assert (windows[0] <= windows[1]).all()
    whole = forecast(differing, layers=()).draws["existing_revenue"].to_numpy()
    z = (windows[1].mean(0) - whole.mean(0)) / np.sqrt(2 * whole.var(0) / len(whole))
    assert np.abs(z).max() < 4.0


def related(model: FittedModel) -> FittedModel:
    found = Dependence(
        rho=0.4, sd=0.0, likelihood_ratio=50.0, used=True, draws=np.array([0.4]), how="made by hand"
    )
    return dataclasses.replace(model, dependence=found)


def test_a_relation_of_rate_and_spend_is_near_that_of_each_partner_alone(
    differing: FittedModel,
) -> None:
    found = forecast(related(differing))
    assert abs(found.provenance["self_check"]["revenue"]["z"]) < 4.0
    plain = forecast(differing)
    ratio = (found.customers["future_revenue"] / plain.customers["future_revenue"]).to_numpy()
    for group in (0, 1):
        one = as_partner(differing, group)
        point = {n: float(np.exp(np.log(v).mean())) for n, v in one.purchase.draws.items()}
        paid = {
            n: float(np.exp(np.log(v).mean())) if v.all() else 0.0
            for n, v in one.spend.draws.items()
        }
        one = dataclasses.replace(
            one,
            purchase=dataclasses.replace(one.purchase, point=point),
            spend=dataclasses.replace(one.spend, point=paid),
        )
        alone = [
            forecast(each).customers["future_revenue"].to_numpy() for each in (related(one), one)
        ]
        mine = (found.customers["partner_id"] == f"p{group}").to_numpy()
        exact = (alone[0] / alone[1])[mine]
        assert np.abs(np.log(exact)).max() > 0.1
        assert np.abs(np.log(ratio[mine] / exact)).max() < 0.005


def test_a_shared_parameter_is_kept_once(differing: FittedModel) -> None:
    draws = choose_draws(differing, 40)
    assert [len(values) for values in draws] == [1, 2, 2, 2, 1, 1, 2, 1]
    assert all(values.flags.c_contiguous and values.shape[1] == 40 for values in draws)
    typical = typical_parameters(customer_parameters(differing, np.arange(300), 40))
    assert typical.alpha[299] == pytest.approx(0.5 * typical.alpha[0])
    assert typical.r.shape == (1,)


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda m: with_draws(m, {"r": np.ones((100, 3))}, {}), "of shape"),
        (lambda m: with_draws(m, {"a": np.full((100, 2), -1.0)}, {}), "parameter a"),
        (lambda m: with_draws(m, {}, {"q": np.tile([4.0, 1e-9], (100, 1))}), "no finite expected"),
        (lambda m: with_effects(m, rate=99.0), "effects log_rate"),
        (lambda m: with_effects(m, spend=np.nan), "effects log_spend"),
        (
            lambda m: dataclasses.replace(
                m,
                effects=dataclasses.replace(
                    with_effects(m).effects, customer_pattern=np.zeros(2, dtype=np.int64)
                ),
            ),
            "covariate patterns",
        ),
    ],
)
def test_parameters_that_mean_nothing_are_refused(
    differing: FittedModel, change: object, word: str
) -> None:
    customers = differing.summary.customers.assign(spend_n=0, spend_sum=0.0)
    summary = dataclasses.replace(differing.summary, customers=customers)
    with pytest.raises(ForecastError, match=word):
        forecast(change(dataclasses.replace(differing, summary=summary)))
