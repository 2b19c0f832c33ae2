"""The closed form of a new customer's value, against customers simulated from birth."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ltvforecast.errors import ForecastError
from ltvforecast.fit_types import FittedModel
from ltvforecast.forecast.newcomer_parameters import newcomer_parameters
from ltvforecast.forecast.newcomer_value import expected_new_customer_value, expected_repeats
from ltvforecast.formulas.bgnbd import expected_purchases
from tests.forecast.made_model import CDNOW, made_customers, made_model, made_summary
from tests.forecast.made_newcomers import purchases


def known(parameters: dict[str, float] | None = None, *, spread: float = 0.0) -> FittedModel:
    # a customer whose average purchase is so high that the limit on it takes nothing away
    customers = made_customers([0.0], [0.0], [9.0], first=1e6)
    summary = made_summary(customers)
    return made_model(summary, CDNOW | (parameters or {}), draws=40, spread=spread)


@pytest.mark.parametrize("rate", [0.0, 0.3])
def test_the_value_is_that_of_customers_simulated_from_birth(rate: float) -> None:
    """200,000 lives of two years, in weeks; a heavy tail of spend gives 1 % of error."""
    rng = np.random.default_rng(5)
    law = CDNOW
    customer, week, amount = purchases(rng, np.zeros(200_000), 104.0, law)
    worth = amount * np.exp(-np.log1p(rate) * 7.0 * week / 365.25)
    value = np.bincount(customer, worth, minlength=200_000)
    expected = expected_new_customer_value(known(), days=728.0, discount_rate=rate, draws=1)
    z = (value.mean() - expected[0, 0]) / (value.std() / np.sqrt(len(value)))
    assert abs(z) < 4.0


def test_no_time_leaves_the_first_purchase() -> None:
    """The published mean of the gamma-gamma model, p v / (q - 1)."""
    value = expected_new_customer_value(known(), days=0.0, draws=3)
    np.testing.assert_allclose(value, 6.25 * 15.44 / 2.74, rtol=1e-9)


def test_value_rises_with_time_and_falls_with_the_discount_rate() -> None:
    model = known(spread=0.1)
    values = [
        expected_new_customer_value(model, days=days, discount_rate=rate, draws=20)
        for days, rate in ((30.0, 0.0), (365.0, 0.0), (365.0, 0.5), (365.0, 5.0))
    ]
    assert (values[0] < values[1]).all()
    assert (values[3] < values[2]).all()
    assert (values[2] < values[1]).all()


def test_each_partner_has_a_value_of_its_own() -> None:
    customers = made_customers([0.0, 0.0], [0.0, 0.0], [9.0, 9.0], first=1e6)
    model = made_model(made_summary(customers, shares=[{"p": 1.0}, {"q": 1.0}]), draws=10)
    v = np.repeat(model.spend.draws["v"], 2, axis=1) * np.array([1.0, 3.0])
    own = replace(model, spend=replace(model.spend, draws={**model.spend.draws, "v": v}))
    value = expected_new_customer_value(own, days=365.0, draws=10)
    assert value.shape == (10, 2)
    np.testing.assert_allclose(value[:, 1], 3.0 * value[:, 0], rtol=1e-9)


def test_many_horizons_are_interpolated_closely() -> None:
    law = newcomer_parameters(known(spread=0.2), 20, seed=1).law(0)
    horizon = np.tile(np.linspace(0.5, 104.0, 24), (20, 1))
    columns = [values[:, None] for values in (law.r, law.alpha, law.a, law.b)]
    exact = expected_purchases(horizon, 0.0, 0.0, 0.0, *columns)
    np.testing.assert_allclose(expected_repeats(law, horizon), exact, rtol=1e-5)


def test_what_has_no_mean_is_refused() -> None:
    with pytest.raises(ForecastError, match="q = 1"):
        expected_new_customer_value(known({"q": 1.0}), days=9.0, draws=3)
    with pytest.raises(ForecastError, match="days"):
        expected_new_customer_value(known(), days=-1.0)
