from __future__ import annotations

import warnings
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from ltvforecast.errors import ConfigError, ConvergenceError, SummaryError
from ltvforecast.fitting.lifetimes_bridge import (
    from_lifetimes,
    lifetimes_purchase,
    lifetimes_spend,
)
from ltvforecast.forecast.predict import predict
from tests.fitting.made_summary import summary_of

# Fader, Hardie & Lee (2005), table 2; Fader & Hardie (2013), note 025
PURCHASE = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}
SPEND = {"p": 6.25, "q": 3.74, "v": 15.44}


def fitted(kind: str, *columns, penalty: float = 0.0, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # lifetimes 0.11.3 is older than the pandas it runs on
        import lifetimes

        fitter = getattr(lifetimes, kind)(penalizer_coef=penalty)
        return fitter.fit(*columns, **options)


@pytest.fixture(scope="module")
def bgf(cdnow):
    return fitted("BetaGeoFitter", cdnow["frequency"], cdnow["recency"], cdnow["T"])


@pytest.fixture(scope="module")
def ggf(cdnow):
    again = cdnow[(cdnow["frequency"] > 0) & (cdnow["monetary_value"] > 0)]
    return fitted("GammaGammaFitter", again["frequency"], again["monetary_value"])


def spoiled(fitter, **changes):
    """A fitter with something changed."""
    held = {"params_": fitter.params_, "data": fitter.data, "penalizer_coef": 0.0, **changes}
    made = type(type(fitter).__name__, (SimpleNamespace,), {})
    return made(**held)


def test_fits_with_lifetimes_give_the_published_parameters(cdnow: pd.DataFrame) -> None:
    purchase = lifetimes_purchase(cdnow["frequency"], cdnow["recency"], cdnow["T"])
    for name, value in PURCHASE.items():
        assert purchase.point[name] == pytest.approx(value, abs=1.1e-3)
        assert purchase.draws[name].shape == (1, 1)
    assert purchase.log_likelihood == pytest.approx(-9582.43, abs=0.01)
    spend = lifetimes_spend(cdnow)
    for name, value in SPEND.items():
        assert spend.point[name] == pytest.approx(value, abs=0.02)
    assert spend.model == "gamma-gamma-mean"
    assert "those that lifetimes found" in purchase.diagnostics.verdict


def test_a_fitted_model_is_taken_over_and_forecasts(cdnow: pd.DataFrame, bgf, ggf) -> None:
    model = from_lifetimes(bgf, ggf, summary=summary_of(cdnow))
    for name, value in PURCHASE.items():
        assert model.purchase.point[name] == float(bgf.params_[name])
        assert model.purchase.point[name] == pytest.approx(value, abs=1.1e-3)
    assert model.spend.point["q"] == float(ggf.params_["q"])
    assert model.purchase.diagnostics.flags == ()
    assert model.settings.method == "lifetimes"
    assert model.purchase.log_likelihood == pytest.approx(-9582.43, abs=0.01)
    forecast = predict(model, horizon="39w", draws=50)
    # expected purchases times expected spend, as lifetimes has them for this easy case
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        purchases = bgf.conditional_expected_number_of_purchases_up_to_time(
            39, cdnow["frequency"], cdnow["recency"], cdnow["T"]
        )
        value = ggf.conditional_expected_average_profit(cdnow["frequency"], cdnow["monetary_value"])
    expected = float((purchases * value).sum())
    assert forecast.programme["existing_revenue"] == pytest.approx(expected, rel=0.05)


def test_times_in_another_unit_are_recognised_and_converted(cdnow: pd.DataFrame, ggf) -> None:
    days = fitted("BetaGeoFitter", cdnow["frequency"], cdnow["recency"] * 7, cdnow["T"] * 7)
    for unit in (None, "day"):
        model = from_lifetimes(days, ggf, summary=summary_of(cdnow), time_unit=unit)
        assert model.purchase.point["alpha"] == pytest.approx(PURCHASE["alpha"], abs=2e-3)
        assert model.purchase.log_likelihood == pytest.approx(-9582.43, abs=0.01)
    half = fitted("BetaGeoFitter", cdnow["frequency"], cdnow["recency"] / 2, cdnow["T"] / 2)
    with pytest.raises(ConfigError, match="old on average"):
        from_lifetimes(half, ggf, summary=summary_of(cdnow))


def test_weights_count_customers(cdnow: pd.DataFrame) -> None:
    table = cdnow.groupby(["frequency", "recency", "T"]).size().reset_index(name="count")
    columns = [table[name] for name in ("frequency", "recency", "T")]
    fitter = fitted("BetaGeoFitter", *columns, weights=table["count"])
    model = from_lifetimes(fitter, summary=summary_of(cdnow))
    assert model.purchase.log_likelihood == pytest.approx(-9582.43, abs=0.01)
    assert model.purchase.diagnostics.flags == ()


def test_without_a_spend_model_spend_is_fitted_here(cdnow: pd.DataFrame, bgf) -> None:
    model = from_lifetimes(bgf, summary=summary_of(cdnow))
    assert model.spend.model == "gamma-gamma"
    assert model.spend.point["p"] == pytest.approx(3.61, rel=0.05)
    assert len(model.spend.draws["p"]) == 1


def test_a_penalty_is_told(cdnow: pd.DataFrame) -> None:
    summary = summary_of(cdnow)
    fitter = fitted("BetaGeoFitter", cdnow["frequency"], cdnow["recency"], cdnow["T"], penalty=0.1)
    taken = from_lifetimes(fitter, summary=summary)
    assert "penalty of 0.1" in taken.purchase.diagnostics.verdict
    ours = lifetimes_purchase(cdnow["frequency"], cdnow["recency"], cdnow["T"], penalty=0.1)
    assert ours.point["a"] == pytest.approx(taken.purchase.point["a"], rel=1e-3)
    assert ours.point["a"] < 0.9 * PURCHASE["a"]
    with pytest.raises(ConfigError, match="penalty"):
        lifetimes_spend(cdnow, penalty=-1.0)


def test_unfitted_and_foreign_objects_are_refused(cdnow: pd.DataFrame, bgf, ggf) -> None:
    summary = summary_of(cdnow)
    unfitted = spoiled(bgf, params_=None)
    with pytest.raises(ConfigError, match="without parameters"):
        from_lifetimes(unfitted, summary=summary)
    with pytest.raises(ConfigError, match="without its data"):
        from_lifetimes(spoiled(bgf, data=None), summary=summary)
    with pytest.raises(ConfigError, match="a GammaGammaFitter"):
        from_lifetimes(ggf, summary=summary)
    with pytest.raises(ConfigError, match="a str"):
        from_lifetimes(bgf, "no", summary=summary)


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0, -1.0])
def test_parameters_that_mean_nothing_are_refused(cdnow, bgf, ggf, value: float) -> None:
    for fitter, name in ((bgf, "alpha"), (ggf, "q")):
        held = fitter.params_.copy()
        held[name] = value
        bad = spoiled(fitter, params_=held)
        pair = (bad, ggf) if fitter is bgf else (bgf, bad)
        with pytest.raises(ConvergenceError, match=name):
            from_lifetimes(*pair, summary=summary_of(cdnow))


def test_mean_spend_without_a_mean_is_refused(cdnow: pd.DataFrame, bgf, ggf) -> None:
    held = ggf.params_.copy()
    held["q"] = 0.8
    with pytest.raises(ConvergenceError, match="infinite"):
        from_lifetimes(bgf, spoiled(ggf, params_=held), summary=summary_of(cdnow))


def test_parameters_of_another_fit_are_refused(cdnow: pd.DataFrame, bgf) -> None:
    held = bgf.params_.copy()
    held["alpha"] *= bgf._scale  # as if it had been left in scaled time
    other = spoiled(
        bgf,
        params_=held,
        _scale=bgf._scale,
        _negative_log_likelihood_=bgf._negative_log_likelihood_,
    )
    with pytest.raises(ConvergenceError, match="own data"):
        from_lifetimes(other, summary=summary_of(cdnow))


def test_a_fit_that_stopped_too_early_is_told(cdnow: pd.DataFrame, bgf) -> None:
    held = bgf.params_ * 1.2
    told = from_lifetimes(spoiled(bgf, params_=held), summary=summary_of(cdnow))
    assert "before the maximum" in told.purchase.diagnostics.verdict


def test_data_of_another_kind_are_refused_or_told(cdnow: pd.DataFrame, bgf, ggf) -> None:
    summary = summary_of(cdnow)
    counted = bgf.data.assign(frequency=bgf.data["frequency"] + 1)
    counted.loc[counted["recency"] == 0, "recency"] = 1e-6
    with pytest.raises(SummaryError, match="frequency of 0"):
        from_lifetimes(spoiled(bgf, data=counted), summary=summary)
    cents = ggf.data.assign(monetary_value=ggf.data["monetary_value"] * 100)
    with pytest.raises(SummaryError, match="100 times"):
        from_lifetimes(bgf, spoiled(ggf, data=cents), summary=summary)
    fewer = spoiled(bgf, data=bgf.data.iloc[:2000])
    told = from_lifetimes(fewer, summary=summary).purchase.diagnostics
    assert "2,000 customers" in told.verdict


def test_no_repeat_purchase_is_refused_before_lifetimes_is_asked() -> None:
    with pytest.raises(ConvergenceError, match="second day"):
        lifetimes_purchase([0, 0], [0, 0], [5, 7])
