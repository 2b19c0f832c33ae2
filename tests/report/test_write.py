from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pandas as pd
import pytest

from ltvforecast.economics_types import Economics
from ltvforecast.errors import ConfigError, ForecastError, OutputExistsError
from ltvforecast.forecast_types import PartnerForecast
from ltvforecast.report.content import build_report
from ltvforecast.report.html import render_html
from ltvforecast.report.write import write_report
from tests.report.made_forecast import HOSTILE, make_forecast


@pytest.fixture(scope="module")
def forecast() -> PartnerForecast:
    return make_forecast()


def test_a_report_is_written_whole_or_not_at_all(forecast: PartnerForecast, tmp_path: Path) -> None:
    path, text = tmp_path / "report.html", render_html(build_report(forecast))
    write_report(forecast, path)
    assert path.read_bytes() == text.encode()
    with pytest.raises(OutputExistsError):
        write_report(forecast, path)
    broken = replace(forecast, provenance={"as_of": "2024-12-31"})
    with pytest.raises(ForecastError):
        write_report(broken, path, overwrite=True)
    assert path.read_bytes() == text.encode()
    write_report(forecast, str(path), overwrite=True)
    assert [found.name for found in tmp_path.iterdir()] == ["report.html"]


@pytest.mark.parametrize("name", ["report.docx", "report"])
def test_other_endings_are_refused(forecast: PartnerForecast, tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="report ending in"):
        write_report(forecast, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_folder_is_said(forecast: PartnerForecast, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not there"):
        write_report(forecast, tmp_path / "nowhere" / "report.html")


def sheet_rows(sheet: Any) -> list[tuple[Any, ...]]:
    return list(sheet.iter_rows(values_only=True))


def test_the_workbook_holds_the_forecast_as_numbers(
    forecast: PartnerForecast, tmp_path: Path
) -> None:
    write_report(forecast, tmp_path / "report.xlsx")
    book = openpyxl.load_workbook(tmp_path / "report.xlsx")
    assert book.sheetnames[:5] == ["Summary", "Partners", "Periods", "Segments", "Economics"]
    head, *rows = sheet_rows(book["Partners"])
    told = pd.DataFrame(rows, columns=list(head))
    assert list(told.columns) == list(forecast.partners.columns)
    for name in told.columns:
        values = forecast.partners[name]
        if pd.api.types.is_numeric_dtype(values):
            assert told[name].astype(float).tolist() == pytest.approx(
                values.tolist(), rel=1e-15, nan_ok=True
            ), name
    assert book["Partners"]["A2"].value == forecast.partners["partner_id"].iloc[0]
    place = list(head).index("p_churn") + 1
    assert book["Partners"].cell(2, place).number_format == "0.0%"
    assert book["Partners"].freeze_panes == "B2"
    _, *periods = sheet_rows(book["Periods"])
    assert len(periods) == len(forecast.periods)


def test_segments_and_economics_are_sheets_of_numbers(tmp_path: Path) -> None:
    made = make_forecast(
        segments=("a", "b"),
        costs=(2.0, math.nan, 1e6),
        economics=Economics(margin=0.5, commission=0.1),
        newcomers=True,
    )
    write_report(made, tmp_path / "report.xlsx")
    book = openpyxl.load_workbook(tmp_path / "report.xlsx")
    head, *rows = sheet_rows(book["Segments"])
    told = pd.DataFrame(rows, columns=list(head))
    assert told["ltv_per_partner"].tolist() == pytest.approx(
        made.segments["ltv_per_partner"].tolist(), rel=1e-15
    )
    head, *rows = sheet_rows(book["Economics"])
    told = pd.DataFrame(rows, columns=list(head)).set_index("partner_id")
    partners = made.partners.set_index("partner_id").loc[told.index]
    assert told["cac"].astype(float).tolist() == pytest.approx(partners["cac"], nan_ok=True)
    assert partners["cac"].dropna().is_monotonic_decreasing
    endless = np.isinf(partners["payback_months"])
    assert 0 < endless.sum() < len(partners)
    assert set(told.loc[endless.to_numpy(), "payback_months"]) == {"not within the horizon"}
    unknown = partners["payback_months"].isna().to_numpy()
    assert told.loc[unknown, "payback_months"].isna().all()
    place = list(head).index("max_affordable_commission") + 1
    assert book["Economics"].cell(2, place).number_format == "0.0%"
    assert {"Commission to accrue", "New customers"} <= set(book.sheetnames)


def test_every_paragraph_and_table_of_the_report_is_in_the_workbook(
    forecast: PartnerForecast, tmp_path: Path
) -> None:
    report = build_report(forecast)
    write_report(forecast, tmp_path / "report.xlsx")
    book = openpyxl.load_workbook(tmp_path / "report.xlsx")
    words = {row[2] for row in sheet_rows(book["Words"])}
    every = {row for sheet in book for cells in sheet_rows(sheet) for row in cells}
    for section in report.sections:
        assert set(section.paragraphs) <= words
        assert {fact.text for fact in section.facts if fact.text} <= words
        if section.key not in ("partners", "months", "segments", "economics"):
            assert {table.caption for table in section.tables} <= every
    assert report.headline in every
    assert set(report.alerts) <= every
    numbers = [
        cell.value
        for section in report.sections
        if section.key == "watch-list"
        for row in section.tables[0].rows
        for cell, column in zip(row, section.tables[0].columns, strict=True)
        if column.numeric and isinstance(cell.value, float) and cell.value > 0
    ]
    assert numbers
    found = [value for value in every if isinstance(value, int | float)]
    for number in numbers:
        assert any(math.isclose(number, value, rel_tol=1e-12) for value in found)


def test_hostile_names_are_text_in_the_workbook(tmp_path: Path) -> None:
    made = make_forecast(names=HOSTILE, segments=HOSTILE[:5], costs=(1.0,), newcomers=True)
    write_report(made, tmp_path / "report.xlsx")
    book = openpyxl.load_workbook(tmp_path / "report.xlsx")
    assert all(cell.data_type != "f" for sheet in book for row in sheet for cell in row)
    assert all(cell.hyperlink is None for sheet in book for row in sheet for cell in row)


def test_the_same_report_is_the_same_workbook(forecast: PartnerForecast, tmp_path: Path) -> None:
    for name in ("one.xlsx", "two.xlsx"):
        write_report(forecast, tmp_path / name)
    assert (tmp_path / "one.xlsx").read_bytes() == (tmp_path / "two.xlsx").read_bytes()


def test_the_pdf_is_a_tagged_document_with_its_title(
    forecast: PartnerForecast, tmp_path: Path
) -> None:
    pytest.importorskip("weasyprint", reason="an optional package")
    write_report(forecast, tmp_path / "report.pdf")
    printed = (tmp_path / "report.pdf").read_bytes()
    assert printed.startswith(b"%PDF")
    assert len(printed) > 20_000
    assert b"/MarkInfo" in printed or b"/ObjStm" in printed
