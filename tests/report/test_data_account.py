from __future__ import annotations

from dataclasses import replace

from ltvforecast.report.basis import build_basis
from ltvforecast.report.data_account import data_quality, money_gap_micros
from tests.report.made_forecast import make_forecast


def test_every_row_and_all_money_is_accounted_for() -> None:
    forecast = make_forecast()
    account = forecast.provenance["account"]
    section = data_quality(build_basis(forecast))
    table = section.tables[0]
    assert sum(row[2].value for row in table.rows) == table.total[2].value == account["rows_read"]
    assert table.total[3].value == sum(line["money_in_micros"] for line in account["lines"]) / 1e6
    assert "12 left out. That is every row." in section.paragraphs[0]
    assert "adds up to the same" in section.paragraphs[1]
    assert money_gap_micros(build_basis(forecast)) == 0


def test_rows_that_are_missing_are_said() -> None:
    forecast = make_forecast()
    account = {**forecast.provenance["account"]}
    account["rows_read"] += 5
    told = replace(forecast, provenance={**forecast.provenance, "account": account})
    assert "leaves 5 rows unexplained" in data_quality(build_basis(told)).paragraphs[0]


def test_partners_are_set_against_the_programme() -> None:
    forecast = make_forecast()
    rows = data_quality(build_basis(forecast)).tables[1].rows
    assert [row[3].text for row in rows] == ["yes", "yes"]
    off = {**forecast.programme, "ltv": forecast.programme["ltv"] + 0.02}
    rows = data_quality(build_basis(replace(forecast, programme=off))).tables[1].rows
    assert [row[3].text for row in rows] == ["yes", "no"]


def test_source_columns_and_notes_are_told() -> None:
    facts = {fact.term: fact.text for fact in data_quality(build_basis(make_forecast())).facts}
    assert facts["Source"] == "orders.csv"
    assert "partner_id from “reseller”" in facts["Columns used"]
    assert facts["Notes"] == "a note on the reading"
