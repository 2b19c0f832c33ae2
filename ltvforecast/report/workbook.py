"""The report as an Excel workbook: the same tables as numbers, on named sheets."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from ltvforecast.errors import ConfigError
from ltvforecast.plots.chart_data import as_of_date
from ltvforecast.report.document import Cell, Report, Section, Table

if TYPE_CHECKING:
    from xlsxwriter import Workbook
    from xlsxwriter.worksheet import Worksheet

__all__ = ["number_format", "write_workbook"]

MOST_ROWS = 1_000_000
"""Of a sheet; Excel takes 1,048,576."""
LONGEST_TEXT = 32_000
"""Of a cell; Excel takes 32,767 characters."""
WIDEST = 60
BEYOND = "not within the horizon"
"""What stands for an infinite number of months."""
_FULL_TABLES = ("partners", "months", "segments", "economics")
"""Sections whose tables are written in full from the forecast, not as rounded for reading."""


def write_workbook(report: Report, path: Path) -> None:
    """Write a report as an Excel workbook.

    Parameters
    ----------
    report : Report
    path : pathlib.Path
        Replaced if it is there.

    Raises
    ------
    ConfigError
        The package XlsxWriter is not installed.

    Notes
    -----
    Text is written as text: a name that looks like a formula, a link or a number stays what it
    is. The same report gives the same bytes. A cell is empty where a figure is not known; a
    payback that the horizon does not reach is :data:`BEYOND`.
    """
    try:
        import xlsxwriter
    except ImportError as missing:
        raise ConfigError(
            "the package XlsxWriter is not installed",
            expected="it, for reports that end in .xlsx",
            remedy='install it with: pip install "ltvforecast[excel]"',
        ) from missing
    with xlsxwriter.Workbook(
        path,
        {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False},
    ) as book:
        midnight = dt.datetime.combine(as_of_date(report.forecast), dt.time())
        book.set_properties({"title": report.title, "created": midnight})
        sheets = _Sheets(book)
        sheets.summary(report)
        sheets.frame("Partners", report.forecast.partners, bars="ltv")
        sheets.frame("Periods", report.forecast.periods)
        sheets.frame("Segments", report.forecast.segments, bars="ltv")
        sheets.frame("Economics", _economics(report.forecast.partners))
        for section in report.sections:
            if section.tables and section.key not in _FULL_TABLES:
                sheets.section(section)
        sheets.words(report.sections)


def _economics(partners: pd.DataFrame) -> pd.DataFrame:
    """Pick the columns of money, those that cost the most to win first."""
    prefixes = ("ltv", "commission", "cac", "p_ltv", "payback", "p_payback", "max_affordable")
    columns = [name for name in partners if str(name).startswith(prefixes)]
    ordered = partners.sort_values(
        ["cac", "ltv", "partner_id"], ascending=[False, False, True], ignore_index=True
    )
    return ordered[["partner_id", "segment", *columns]]


def number_format(name: str) -> str:
    """Choose how Excel shows a column of numbers, from its name.

    Parameters
    ----------
    name : str
        As in ``partners.csv``.

    Returns
    -------
    str

    Examples
    --------
    >>> [number_format(name) for name in ("p_churn", "customers", "ltv_lo_90", "payback_months")]
    ['0.0%', '#,##0', '#,##0.00', '0.0']
    """
    if name.startswith("p_") or "share" in name or name == "max_affordable_commission":
        return "0.0%"
    if "_months" in name or "lifespan" in name or name.startswith("ltv_to_cac"):
        return "0.0"
    if "customers" in name or name in ("frequency", "partners"):
        return "#,##0"
    return "#,##0.00"


class _Sheets:
    """A workbook being written, and its formats."""

    def __init__(self, book: Workbook) -> None:
        self.book = book
        self.head = book.add_format({"bold": True, "text_wrap": True, "bottom": 1, "valign": "top"})
        self.bold = book.add_format({"bold": True})
        self.wrap = book.add_format({"text_wrap": True, "valign": "top"})
        self.numbers = {
            name: book.add_format({"num_format": name})
            for name in ("0.0%", "#,##0", "#,##0.00", "0.0", "General")
        }

    def summary(self, report: Report) -> None:
        """Write what the report says first."""
        sheet = self.book.add_worksheet("Summary")
        sheet.set_column(0, 0, 36)
        sheet.set_column(1, 2, WIDEST, self.wrap)
        rows: list[tuple[str, ...]] = [(report.title,), (report.headline,), (report.summary,), ()]
        rows += [(card.label, card.figure, card.detail) for card in report.cards]
        rows += [(), *((fact.term, fact.text) for fact in report.scope), ()]
        rows += [("What to know first", alert) for alert in report.alerts]
        for number, row in enumerate(rows):
            for column, text in enumerate(row):
                self._text(sheet, number, column, text, bold=column == 0)

    def frame(self, name: str, table: pd.DataFrame, *, bars: str = "") -> None:
        """Write a table of the forecast with all its columns."""
        sheet = self.book.add_worksheet(name)
        shown = table.head(MOST_ROWS)
        for column, heading in enumerate(shown.columns):
            self._text(sheet, 0, column, str(heading), heading=True)
            values = shown[heading]
            if pd.api.types.is_numeric_dtype(values):
                shape = number_format(str(heading))
                sheet.set_column(column, column, 14, self.numbers[shape])
                _numbers(sheet, column, values.tolist())
            else:
                sheet.set_column(column, column, _width(values.astype(str)))
                for row, text in enumerate(values.tolist(), start=1):
                    self._text(sheet, row, column, "" if pd.isna(text) else str(text))
        sheet.freeze_panes(1, 1)
        sheet.autofilter(0, 0, max(len(shown), 1), len(shown.columns) - 1)
        if bars in shown.columns and len(shown):
            place = list(shown.columns).index(bars)
            sheet.conditional_format(1, place, len(shown), place, {"type": "data_bar"})

    def section(self, section: Section) -> None:
        """Write the tables of one section, one under the other."""
        sheet = self.book.add_worksheet(_sheet_name(section.title))
        sheet.set_column(0, 0, 28)
        sheet.set_column(1, 30, 18)
        row = 0
        for table in section.tables:
            row = self._table(sheet, row, table) + 1

    def words(self, sections: Sequence[Section]) -> None:
        """Write every paragraph and fact of the report."""
        sheet = self.book.add_worksheet("Words")
        sheet.set_column(0, 1, 28, self.wrap)
        sheet.set_column(2, 2, 110, self.wrap)
        for column, heading in enumerate(("section", "term", "text")):
            self._text(sheet, 0, column, heading, heading=True)
        said = [
            (section.title, term, text)
            for section in sections
            for term, text in (
                *(("", paragraph) for paragraph in section.paragraphs),
                *((fact.term, fact.text) for fact in section.facts),
            )
        ]
        for row, cells in enumerate(said, start=1):
            for column, text in enumerate(cells):
                self._text(sheet, row, column, text)
        sheet.freeze_panes(1, 0)

    def _table(self, sheet: Worksheet, row: int, table: Table) -> int:
        """Write one table; a column of ranges follows each column that has some."""
        self._text(sheet, row, 0, table.caption, bold=True)
        rows = [*table.rows, *([table.total] if table.total else [])]
        ranged = {
            place for cells in rows for place, cell in enumerate(cells) if cell.detail
        }  # fmt: skip
        column = 0
        for place, heading in enumerate(table.columns):
            self._text(sheet, row + 1, column, heading.heading, heading=True)
            for below, cells in enumerate(rows, start=row + 2):
                if place < len(cells):
                    self._cell(sheet, below, column, cells[place], numeric=heading.numeric)
            if place in ranged:
                column += 1
                words = "range" if heading.numeric else "remarks"
                self._text(sheet, row + 1, column, f"{heading.heading}: {words}", heading=True)
                for below, cells in enumerate(rows, start=row + 2):
                    if place < len(cells):
                        self._text(sheet, below, column, cells[place].detail)
            column += 1
        return row + 2 + len(rows)

    def _cell(self, sheet: Worksheet, row: int, column: int, cell: Cell, *, numeric: bool) -> None:
        value = cell.value
        if numeric and isinstance(value, int | float) and math.isfinite(value):
            share = cell.text.endswith("%")
            if not (share and value < 0):
                shape = "0.0%" if share else ("#,##0" if float(value).is_integer() else "#,##0.00")
                sheet.write_number(row, column, value, self.numbers[shape])
                return
        self._text(sheet, row, column, cell.text)

    def _text(
        self,
        sheet: Worksheet,
        row: int,
        column: int,
        text: str,
        *,
        heading: bool = False,
        bold: bool = False,
    ) -> None:
        if text:
            shape: Any = self.head if heading else self.bold if bold else None
            sheet.write_string(row, column, text[:LONGEST_TEXT], shape)


def _numbers(sheet: Worksheet, column: int, values: Iterable[float]) -> None:
    for row, value in enumerate(values, start=1):
        if math.isfinite(value):
            sheet.write_number(row, column, value)
        elif math.isinf(value):
            sheet.write_string(row, column, BEYOND)


def _width(texts: pd.Series[str]) -> int:
    longest = int(texts.str.len().max()) if len(texts) else 0
    return min(max(longest + 2, 12), WIDEST)


def _sheet_name(title: str) -> str:
    """Take out what Excel forbids in the name of a sheet, and cut it to 31 characters."""
    return "".join(letter for letter in title if letter not in "[]:*?/\\'")[:31].strip()
