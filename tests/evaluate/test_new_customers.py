from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ltvforecast.data.datasets import load_cdnow_sample, load_complete_journey
from ltvforecast.data.summary import summarize
from ltvforecast.data.synthetic import simulate_programme
from ltvforecast.data.transactions import read_transactions
from ltvforecast.errors import ForecastError
from ltvforecast.evaluate.new_customers import forecast_new_customers
from ltvforecast.fitting.fit_model import fit_model


def fitted(frame, **options):
    return fit_model(
        summarize(read_transactions(frame), **options),
        draws=200,
        pooling="complete",
        acquisition="auto",
    )


@pytest.fixture(scope="module")
def programme():
    made = simulate_programme(partners=10, customers=900, days=720, seed=6)
    model = fitted(made.transactions)
    return model, forecast_new_customers(model, horizon="6mo", draws=300, seed=1)


def test_a_steady_programme_goes_on_as_it_was(programme):
    """Customers are acquired evenly over 720 days: 6 months bring 900 * 182.6 / 720 = 228."""
    _, ahead = programme
    whole = ahead.simulated.counts.sum(axis=(1, 2))
    low, high = np.quantile(whole, (0.05, 0.95))
    assert ahead.fit.status == "open"
    assert low <= 228 <= high
    assert high - low < 228


def test_tables_add_up(programme):
    _, ahead = programme
    whole = ahead.periods[ahead.periods["partner_id"] == "__programme__"]
    rest = ahead.periods[ahead.periods["partner_id"] != "__programme__"]
    assert whole["new_customers"].sum() == pytest.approx(ahead.partners["new_customers"].sum())
    assert rest["new_customers"].sum() == pytest.approx(whole["new_customers"].sum())
    assert ahead.partners["p_acquiring"].between(0, 1).all()
    assert ahead.partners["new_customers"].is_monotonic_decreasing


def test_the_same_seed_gives_the_same_forecast(programme):
    model, ahead = programme
    again = forecast_new_customers(model, horizon="6mo", draws=300, seed=1)
    assert (again.simulated.counts == ahead.simulated.counts).all()


def test_a_closed_cohort_is_recognised():
    ahead = forecast_new_customers(fitted(load_cdnow_sample()), horizon="12mo", draws=100)
    assert ahead.fit.status == "closed"
    assert (ahead.partners["new_customers"] == 0).all()
    assert "nobody new" in ahead.fit.reason


def test_where_nobody_can_tell_who_was_new_no_figure_is_given():
    model = fitted(load_complete_journey(), as_of="2017-12-31")
    ahead = forecast_new_customers(model, horizon="6mo", draws=100)
    assert ahead.fit.status == "unknown"
    assert ahead.partners["new_customers"].isna().all()
    assert ahead.periods["new_customers_lo_90"].isna().all()


def test_a_model_without_acquisition_is_refused_with_a_remedy(programme):
    with pytest.raises(ForecastError, match="fit again"):
        forecast_new_customers(replace(programme[0], acquisition=None), horizon="6mo")
