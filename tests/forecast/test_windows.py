from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from ltvforecast.fit_types import FittedModel
from ltvforecast.forecast.horizon import Periods
from ltvforecast.forecast.prepare import prepare_programme
from ltvforecast.forecast.totals import simulated_totals
from ltvforecast.forecast.windows import simulate_windows
from ltvforecast.forecast_types import ForecastSpec, Horizon
from ltvforecast.types import FloatArray
from tests.forecast.made_model import CDNOW, made_cohort, made_model, made_summary

DAYS, DRAWS, SEED = (28, 91), 40, 3


@pytest.fixture(scope="module")
def model() -> FittedModel:
    customers = made_cohort(150, CDNOW, observed=60.0, seed=2)
    shares = [{"p": 1.0} if number % 3 else {"p": 0.5, "q": 0.5} for number in range(150)]
    return made_model(made_summary(customers, shares=shares))


def with_closed_forms(model: FittedModel) -> FloatArray:
    """The same windows, all results of customers filled in beside."""
    as_of = model.summary.as_of
    edges = [0, *DAYS]
    periods = Periods(
        starts=tuple(as_of + dt.timedelta(days=day + 1) for day in edges[:-1]),
        ends=tuple(as_of + dt.timedelta(days=day) for day in edges[1:]),
        edges_days=np.array(edges, dtype=np.float64),
    )
    spec = ForecastSpec(
        horizon=Horizon(text="91d", days=91.0), draws=DRAWS, levels=(), seed=SEED, layers=()
    )
    programme, _ = prepare_programme(model, spec, periods)
    partners = len(model.summary.partner_ids)
    with simulated_totals(
        programme, partners=partners, draws=DRAWS, periods=2, workers=1
    ) as totals:
        assert programme.results.any()
        revenue = np.cumsum(totals.revenue, axis=2) * programme.money_quantum
    return np.moveaxis(revenue, 2, 0).swapaxes(1, 2)


def test_windows_are_those_of_the_full_forecast_bit_for_bit(model: FittedModel) -> None:
    found = simulate_windows(model, DAYS, draws=DRAWS, seed=SEED, workers=1)
    assert found.shape == (2, DRAWS, 2)
    assert np.array_equal(found, with_closed_forms(model))


def test_longer_windows_hold_the_shorter(model: FittedModel) -> None:
    found = simulate_windows(model, DAYS, draws=DRAWS, seed=SEED, workers=1)
    assert (found[1] >= found[0]).all()
    assert (found[1] > found[0]).any()
