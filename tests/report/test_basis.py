from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from ltvforecast.errors import ForecastError
from ltvforecast.report.basis import between, build_basis, listed, named, told
from tests.report.made_forecast import make_forecast


def test_dates_level_and_currency_are_read_once() -> None:
    basis = build_basis(make_forecast())
    assert (basis.as_of, basis.start, basis.end) == (
        dt.date(2024, 12, 31),
        dt.date(2025, 1, 1),
        dt.date(2025, 12, 31),
    )
    assert (basis.level, basis.horizon, basis.currency) == (90, "12 months", "USD")


def test_a_hostile_currency_is_made_harmless() -> None:
    basis = build_basis(make_forecast(currency="\u202eUSD" * 9))
    assert basis.currency is not None
    assert len(basis.currency) <= 12
    assert "\u202e" not in basis.currency


def test_intervals_are_those_of_the_level() -> None:
    forecast = make_forecast()
    spec = replace(forecast.spec, levels=(50, 80))
    row = {"ltv_lo_80": 1000.0, "ltv_hi_80": 2000.0}
    assert between(build_basis(replace(forecast, spec=spec)), row, "ltv") == "1,000 to 2,000"


def test_an_account_that_is_none_is_missed() -> None:
    forecast = make_forecast()
    odd = replace(forecast, provenance={**forecast.provenance, "account": "lost"})
    with pytest.raises(ForecastError, match="Data quality"):
        build_basis(odd)


def test_what_is_told_is_read_and_what_is_not_is_named() -> None:
    forecast = make_forecast()
    assert told(forecast, "time_unit", section="x") == "day"
    with pytest.raises(ForecastError, match="section “Here” can't be written"):
        told(forecast, "nothing", section="Here")


def test_texts_are_read_one_or_many() -> None:
    assert listed(None) == listed("") == listed(float("nan")) == ()
    assert listed("one") == ("one",)
    assert listed(["one", " ", "two\u202e"]) == ("one", "two\ufffd")


def test_names_in_sentences_stand_apart() -> None:
    assert named("שלום") == "“\u2068שלום\u2069”"
