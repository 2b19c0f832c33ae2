"""The records a report is made of, apart from any way of showing them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ltvforecast.forecast_types import PartnerForecast

__all__ = ["Card", "Cell", "Chart", "ChartName", "Column", "Fact", "Report", "Section", "Table"]

ChartName = Literal["partners", "pareto", "watch-list", "months", "economics", "commission"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One cell of a table.

    Attributes
    ----------
    text : str
        What is shown.
    value : float, str or None
        What is sorted by, and what a spreadsheet would hold.
    detail : str
        Shown smaller under the text, such as an interval.
    """

    text: str
    value: float | str | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column's heading, whether it holds numbers, and what it means."""

    heading: str
    numeric: bool = True
    meaning: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """A table.

    Attributes
    ----------
    name : str
        Letters, digits and hyphens; unique in a report.
    caption : str
    columns : tuple of Column
    rows : tuple of tuple of Cell
        Each as long as ``columns``.
    heads : int
        Which column names the row.
    total : tuple of Cell
        A last row that is not sorted with the others; may be empty.
    notes : tuple of str
    searchable : bool
        Whether to offer sorting and a search, where the format can.
    """

    name: str
    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    heads: int = 0
    total: tuple[Cell, ...] = ()
    notes: tuple[str, ...] = ()
    searchable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """Which chart, and what is said in its place to those who can't see it."""

    name: ChartName
    title: str
    description: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """A term with its explanation, or a label with its value."""

    term: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part of the report: words, a chart, tables, facts, in this order."""

    key: str
    title: str
    paragraphs: tuple[str, ...] = ()
    chart: Chart | None = None
    tables: tuple[Table, ...] = ()
    facts: tuple[Fact, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """A figure that should be seen at a glance."""

    label: str
    figure: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Everything a report says: the numbers are computed and the sentences written.

    Attributes
    ----------
    title : str
    headline : str
        What the programme is worth, in one sentence.
    summary : str
        How that comes about, in a few more.
    scope : tuple of Fact
        What is counted and what is not.
    cards : tuple of Card
    alerts : tuple of str
        What to know before using the figures.
    sections : tuple of Section
    level : int
        Of the intervals shown, in percent.
    forecast : PartnerForecast
        What the charts are drawn from.
    """

    title: str
    headline: str
    summary: str
    scope: tuple[Fact, ...]
    cards: tuple[Card, ...]
    alerts: tuple[str, ...]
    sections: tuple[Section, ...]
    level: int
    forecast: PartnerForecast
