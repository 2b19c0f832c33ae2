"""Cells of tables: estimates with their range, probabilities, shares and plain figures."""

from __future__ import annotations

import datetime as dt
import math

from ltvforecast.plots.labels import display_name
from ltvforecast.report.basis import Basis, Row, between
from ltvforecast.report.document import Cell
from ltvforecast.report.wording import head_count, money, percent, share_text

__all__ = ["estimate", "figure", "heads", "name_cell", "part", "period_cell", "probability"]


def estimate(basis: Basis, row: Row, quantity: str) -> Cell:
    """Show an expected amount, and its range under it.

    Parameters
    ----------
    basis : Basis
    row : mapping
        A partner's or a period's row, or the programme.
    quantity : str

    Returns
    -------
    Cell
    """
    value = float(row[quantity])
    return Cell(text=money(value), value=value, detail=between(basis, row, quantity))


def heads(basis: Basis, row: Row, quantity: str) -> Cell:
    """Show an expected number of customers, and its range under it.

    Parameters
    ----------
    basis : Basis
    row : mapping
    quantity : str

    Returns
    -------
    Cell
    """
    value = float(row[quantity])
    low, high = (float(row[f"{quantity}_{end}_{basis.level}"]) for end in ("lo", "hi"))
    ends = f"{head_count(low)} to {head_count(high)}"
    return Cell(text=head_count(value), value=value, detail=ends)


def name_cell(name: object) -> Cell:
    """Show a name from the data.

    Parameters
    ----------
    name : object

    Returns
    -------
    Cell
    """
    return Cell(text=display_name(name), value=display_name(name))


def probability(value: float) -> Cell:
    """Show a probability counted in simulated futures, or that it is not known.

    Parameters
    ----------
    value : float
        Perhaps NaN.

    Returns
    -------
    Cell
        Never 0 % or 100 %: what happened in none of the futures can happen.
    """
    if math.isnan(value):
        return Cell(text="not known", value=-1.0)
    return Cell(text=percent(min(max(value, 1e-9), 1 - 1e-9)), value=value)


def part(value: float) -> Cell:
    """Show a share of the whole with a decimal, since most partners' are small.

    Parameters
    ----------
    value : float

    Returns
    -------
    Cell
    """
    if math.isnan(value):
        return Cell(text="–", value=0.0)
    return Cell(text=share_text(value), value=value)


def figure(value: float) -> Cell:
    """Show an amount that is known, in whole units where it is large.

    Parameters
    ----------
    value : float

    Returns
    -------
    Cell
    """
    text = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.2f}"
    return Cell(text=text.replace("-", "−"), value=value)


def period_cell(start: dt.date, end: dt.date, *, complete: bool) -> Cell:
    """Show the first and last day of a period, and whether it is cut short.

    Parameters
    ----------
    start, end : datetime.date
    complete : bool

    Returns
    -------
    Cell
    """
    return Cell(
        text=f"{start.isoformat()} – {end.isoformat()}",
        value=start.isoformat(),
        detail="" if complete else "in part",
    )
