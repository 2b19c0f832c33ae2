from __future__ import annotations

from dataclasses import replace

import pandas as pd

from ltvforecast.forecast_types import PartnerForecast
from ltvforecast.report.basis import build_basis
from ltvforecast.report.document import Section
from ltvforecast.report.recruiting import recruiting
from tests.report.made_forecast import make_forecast


def section_of(forecast: PartnerForecast) -> Section:
    section = recruiting(build_basis(forecast))
    assert section is not None
    return section


def changed(forecast: PartnerForecast, **columns: object) -> PartnerForecast:
    table = forecast.new_partners
    assert table is not None
    return replace(forecast, new_partners=table.assign(**columns))


def test_nothing_is_said_where_nothing_is_known() -> None:
    assert recruiting(build_basis(make_forecast())) is None


def test_segments_are_ranked_with_ranges_and_chances() -> None:
    forecast = make_forecast(newcomers=True, segments=("blog", "shop"))
    section = section_of(forecast)
    assert "“\u2068blog\u2069” would be worth the most: USD 3,000" in section.paragraphs[0]
    assert "nearly sure (90%)" in section.paragraphs[0]
    assert "part of the programme's worth" in section.paragraphs[-1]
    (table,) = section.tables
    assert [row[0].text for row in table.rows] == ["blog", "shop"]
    assert all(len(row) == len(table.columns) for row in table.rows)
    assert table.columns[-1].heading == "Chance to be the best"


def test_doubt_is_said() -> None:
    forecast = make_forecast(newcomers=True, segments=("blog", "shop"))
    said = section_of(changed(forecast, p_best=[0.6, 0.4])).paragraphs[0]
    assert "most valuable with a chance of 60%" in said
    said = section_of(changed(forecast, p_best=[0.4, 0.6])).paragraphs[0]
    assert "it is open which segment" in said


def test_one_segment_has_no_rivals() -> None:
    section = section_of(make_forecast(newcomers=True))
    assert section.paragraphs[0].startswith("One more partner would be worth USD 3,000")
    headings = [column.heading for column in section.tables[0].columns]
    assert "Chance to be the best" not in headings


def test_partners_without_data_have_a_table_of_their_own() -> None:
    forecast = make_forecast(newcomers=True, segments=("blog", "shop"))
    table = forecast.new_partners
    assert table is not None
    named = table.iloc[[1, 0]].assign(
        partner_id=["<late>", "b"], segment=["shop", ""], payback_months=[5.0, float("inf")],
        p_payback=[0.8, 0.3],
    )  # fmt: skip
    both = pd.concat([table, named], ignore_index=True)
    section = section_of(replace(forecast, new_partners=both))
    ranked, waiting = section.tables
    assert len(ranked.rows) == 2
    assert waiting.caption.startswith("2 partners without any transaction")
    assert [row[0].text for row in waiting.rows] == ["<late>", "b"]
    assert [row[1].text for row in waiting.rows] == ["shop", "–"]
    assert [row[-1].text for row in waiting.rows] == ["5", "over 12"]
    assert waiting.rows[1][-1].detail == "within the horizon: 30%"
