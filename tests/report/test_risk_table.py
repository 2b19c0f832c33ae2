from __future__ import annotations

from dataclasses import replace

import pytest

from ltvforecast.forecast_types import Horizon
from ltvforecast.report.basis import build_basis
from ltvforecast.report.outlook import watch_list
from ltvforecast.report.risk_table import risk_table, risk_words
from tests.report.made_forecast import make_forecast


def band(*values, days=182.0):
    low, high, partners, expected, silent, low_90, high_90 = values
    return {
        "horizon_days": days, "windows": 4, "low": low, "high": high, "partners": partners,
        "expected": expected, "silent": silent, "silent_lo_90": low_90, "silent_hi_90": high_90,
    }  # fmt: skip


BANDS = (
    band(0.0, 0.01, 400, 0.002, 1, 0.0005, 0.011),
    band(0.2, 0.5, 60, 0.33, 19, 0.22, 0.42),
    band(0.8, 1.0, 40, 0.92, 36, 0.8, 0.96),
)


def basis_with(bands=BANDS, days=182.0):
    forecast = make_forecast(horizon=Horizon(text="26w", days=days))
    layers = {
        "on": [], "how": "", "origins": [], "estimate": {}, "track_record": [],
        "risk_bands": list(bands),
    }  # fmt: skip
    return build_basis(replace(forecast, provenance={**forecast.provenance, "layers": layers}))


def test_the_words_hold_what_was_said_against_what_came():
    (words,) = risk_words(basis_with())
    assert "182 days" in words
    assert "4 past dates" in words
    assert "500 such chances" in words
    assert "57 partners should have fallen silent; 56 did" in words
    assert "Of the 60 partners with a chance of 20–50%, 32% did." in words
    assert "clearly" not in words
    assert "could not be tried" not in words


def test_chances_that_were_wrong_are_admitted():
    (words,) = risk_words(basis_with((band(0.05, 0.2, 80, 0.1, 30, 0.28, 0.47),)))
    assert "Where the chance was 5–20%, clearly more fell silent" in words
    (words,) = risk_words(basis_with((band(0.8, 1.0, 80, 0.9, 30, 0.28, 0.47),)))
    assert "80–100%, clearly fewer fell silent" in words


def test_what_chance_alone_may_do_is_not_called_clear():
    """Beyond the 90 % interval, but not beyond one of 99 %: of six bands one is, now and then."""
    (words,) = risk_words(basis_with((band(0.05, 0.2, 80, 0.1, 14, 0.115, 0.26),)))
    assert "clearly" not in words


def test_a_band_of_few_partners_proves_nothing():
    (words,) = risk_words(basis_with((band(0.05, 0.2, 3, 0.1, 3, 0.5, 1.0),)))
    assert "clearly" not in words
    assert "Of the" not in words


@pytest.mark.parametrize(("days", "far"), [(182.0, False), (365.25, False), (1000.0, True)])
def test_a_horizon_that_could_not_be_tried_is_admitted(days, far):
    (words,) = risk_words(basis_with(days=days))
    assert ("could not be tried yet" in words) is far


def test_the_bands_of_the_nearest_horizon_are_shown():
    bands = (*BANDS, band(0.0, 0.01, 7, 0.0, 0, 0.0, 0.3, days=28.0))
    assert len(risk_table(basis_with(bands))[0].rows) == 3
    assert len(risk_table(basis_with(bands, days=30.0))[0].rows) == 1


def test_the_table_has_sortable_numbers_and_ranges():
    table = risk_table(basis_with())[0]
    row = table.rows[1]
    assert [cell.text for cell in row] == ["20–50%", "60", "33%", "19", "32%"]
    assert row[4].detail == "22% to 42%"
    assert row[4].value == pytest.approx(19 / 60)
    assert all(len(each) == len(table.columns) for each in table.rows)


def test_it_stands_in_the_watch_list():
    section = watch_list(basis_with())
    assert [table.name for table in section.tables] == ["watch-table", "risk-table"]
    assert any("How far to trust" in words for words in section.paragraphs)


def test_without_past_forecasts_nothing_is_said():
    for basis in (basis_with(()), build_basis(make_forecast())):
        assert risk_words(basis) == ()
        assert risk_table(basis) == ()
        assert all(table.name != "risk-table" for table in watch_list(basis).tables)
