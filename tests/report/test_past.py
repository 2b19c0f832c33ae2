from __future__ import annotations

from dataclasses import replace

import pytest

from ltvforecast.forecast_types import Horizon
from ltvforecast.report.basis import build_basis
from ltvforecast.report.content import build_report
from ltvforecast.report.past import nearest_record, past, past_words
from tests.report.made_forecast import make_forecast

RECORD = {
    "horizon_days": 182.0,
    "windows": 4,
    "partners": 240,
    "coverage_50": 0.49,
    "coverage_80": 0.81,
    "coverage_90": 0.91,
    "wape": 0.12,
    "wape_last_window": 0.15,
    "bias": -0.031,
}
ESTIMATE = {
    "horizon_days": 365.25,
    "windows": 4,
    "partners": 240,
    "correction": 0.02,
    "programme_spread": 0.11,
    "freedom": 5.0,
    "partner_width": 1.2,
    "partner_swing": 0.06,
    "weight": 0.6,
    "recent": "level",
    "half_life_days": 56.0,
    "gain": 0.05,
}


def basis_with(*, estimate=None, records=(RECORD,), on=("combination", "correction", "width"),
               days=365.25):  # fmt: skip
    forecast = make_forecast(horizon=Horizon(text="12mo", days=days))
    layers = {
        "on": list(on),
        "how": "forecasts from 4 past dates were compared",
        "origins": [],
        "estimate": ESTIMATE | (estimate or {}),
        "track_record": list(records),
    }
    forecast = replace(
        forecast,
        provenance={**forecast.provenance, "layers": layers},
        spec=replace(forecast.spec, layers=tuple(on)),
    )
    return build_basis(forecast)


def facts(basis):
    return {fact.term: fact.text for fact in past(basis).facts}


def test_the_headline_says_what_was_inside_and_compares_with_the_last_window():
    words = past_words(basis_with())
    assert "91%" in words
    assert "4 past dates" in words
    assert "12% off" in words
    assert "15% off" in words
    assert "less than that" in words
    assert "too narrow" not in words


@pytest.mark.parametrize(
    ("inside", "said"), [(0.70, "too narrow"), (0.84, "too narrow"), (0.99, "wide side")]
)
def test_wrong_widths_are_admitted(inside, said):
    assert said in past_words(basis_with(records=(RECORD | {"coverage_90": inside},)))


def test_a_forecast_worse_than_the_last_window_is_admitted():
    assert "more than that" in past_words(basis_with(records=(RECORD | {"wape": 0.2},)))


def test_a_horizon_that_could_not_be_tried_is_admitted():
    far = RECORD | {"horizon_days": 28.0}
    assert "not known from these data" in past_words(basis_with(records=(far,)))
    assert "not known from these data" not in past_words(basis_with())


def test_the_nearest_horizon_is_told():
    records = [RECORD | {"horizon_days": float(days)} for days in (28, 182, 365)]
    assert nearest_record(basis_with(records=records))["horizon_days"] == 365.0
    assert nearest_record(basis_with(records=records, days=30.0))["horizon_days"] == 28.0


def test_nothing_tried_is_said_and_shows_no_table():
    forecast = make_forecast()
    basis = build_basis(replace(forecast, provenance={**forecast.provenance, "layers": None}))
    section = past(basis)
    assert section.tables == ()
    assert "could not be tried" in section.paragraphs[0]


def test_each_layer_is_told_in_plain_words():
    told = facts(basis_with())
    assert "56 days" in told["Recent revenue weighed in"]
    assert "60%" in told["Recent revenue weighed in"]
    assert "up by 2.0%" in told["Correction of the total"]
    widened = told["Ranges widened to what really varied"]
    assert "11%" in widened
    assert "1.2 times" in widened
    assert "6%" in widened


def test_layers_that_do_nothing_say_so():
    told = facts(basis_with(estimate={"weight": 0.0, "correction": 0.0, "partner_width": 1.0,
                                      "partner_swing": 0.0}))  # fmt: skip
    assert "not weighed in" in told["Recent revenue weighed in"]
    assert "nothing is corrected" in told["Correction of the total"]
    assert "times as wide" not in told["Ranges widened to what really varied"]


def test_a_layer_switched_off_is_marked():
    told = facts(basis_with(on=("width",)))
    assert told["Correction of the total"].endswith("(Switched off in this forecast.)")
    assert "Switched off" not in told["Ranges widened to what really varied"]


def test_last_years_window_has_its_own_words():
    told = facts(basis_with(estimate={"recent": "last_year"}))
    assert "a year before" in told["Recent revenue weighed in"]


def test_the_table_has_a_row_for_each_horizon_with_sortable_numbers():
    records = (RECORD, RECORD | {"horizon_days": 28.0})
    table = past(basis_with(records=records)).tables[0]
    assert len(table.rows) == 2
    assert table.rows[0][5].value == 0.91
    assert table.rows[0][-1].text == "−3.1%"


def test_the_report_says_whether_ranges_were_tried():
    tried = build_report(basis_with().forecast)
    assert any("were tried against the past" in fact.text for fact in tried.scope)
    forecast = make_forecast()
    bare = replace(forecast, provenance={**forecast.provenance, "layers": None})
    assert any("have not been tried" in fact.text for fact in build_report(bare).scope)
