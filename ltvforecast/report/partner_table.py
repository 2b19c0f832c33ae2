"""The table of all partners: rank, revenue, worth and risk, with ranges and remarks."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import numpy.typing as npt

from ltvforecast.plots.labels import display_name
from ltvforecast.report.basis import Basis, Row, listed, records
from ltvforecast.report.cells import estimate, figure, name_cell, part, probability
from ltvforecast.report.document import Cell, Column, Table
from ltvforecast.report.wording import count
from ltvforecast.types import IntArray

__all__ = ["Places", "partner_table"]

ROWS_SHOWN = 2_000
"""Partners in the table; the whole list is in ``partners.csv``."""
FEW_CUSTOMERS = 30
Places = tuple[IntArray, IntArray]
"""Best and worst place of each partner."""


def partner_table(basis: Basis, *, places: Places, unranked: npt.NDArray[np.bool_]) -> Table:
    """List the partners by worth, each with its ranges and what to know of it.

    Parameters
    ----------
    basis : Basis
    places : tuple of int64 arrays, shape (n_partners,)
        Best and worst place of each partner.
    unranked : bool array, shape (n_partners,)
        Whose place is too uncertain for a rank.

    Returns
    -------
    Table
        Of the first 2,000.
    """
    shown = records(basis.ranked.head(ROWS_SHOWN))
    remarks, of_most = _remarks(basis, unranked)
    rows = tuple(
        _partner_row(basis, row, places=(int(low), int(high)), vague=bool(vague), remark=remark)
        for row, low, high, vague, remark in zip(shown, *places, unranked, remarks, strict=False)
    )
    notes = [
        *of_most,
        (
            "Forecasts are rounded to three significant digits; partners.csv has them in full, "
            "with all intervals."
        ),
        (
            "The ranges of the partners do not add up to the programme's range: partners do not "
            "all do badly, or all do well, at once."
        ),
    ]
    if len(basis.ranked) > ROWS_SHOWN:
        notes.insert(
            0,
            f"The table shows the first {ROWS_SHOWN:,} of {len(basis.ranked):,} partners; all of "
            "them are in partners.csv, in the folder of the forecast.",
        )
    return Table(
        name="partner-table",
        caption=f"{count(len(basis.ranked), 'partner')}, the most valuable first"
        + (f" (amounts in {basis.currency})" if basis.currency else ""),
        columns=_partner_columns(basis),
        rows=rows,
        heads=1,
        total=_partner_total(basis),
        notes=tuple(notes),
        searchable=True,
    )


def _remarks(basis: Basis, unranked: npt.NDArray[np.bool_]) -> tuple[list[str], tuple[str, ...]]:
    """Say what to know of each partner; what is true of most is said once for all.

    Returns
    -------
    list of str
        Of each partner.
    tuple of str
        Of most of them, with their numbers left out.
    """
    silent = set(basis.watched.loc[basis.watched["silent"], "partner_id"])
    warned = [
        [part.strip() for text in listed(row.get("warnings")) for part in text.split(";")]
        for row in records(basis.ranked)
    ]
    kinds = Counter(kind for parts in warned for kind in {_kind(part) for part in parts})
    most = {kind for kind, times in kinds.items() if times > max(5, len(warned) / 2)}
    remarks = []
    for row, parts, vague in zip(records(basis.ranked), warned, unranked, strict=True):
        told = [part for part in parts if _kind(part) not in most]
        if vague:
            few = row["customers"] <= FEW_CUSTOMERS
            told.insert(0, f"too {'few customers' if few else 'uncertain'} to rank")
        if row["partner_id"] in silent:
            told.insert(0, "silent more than twice as long as ever before")
        remarks.append("; ".join(told))
    return remarks, tuple(
        f"True of {kinds[kind]:,} of the {len(warned):,} partners, so not repeated in their rows: "
        f"{kind}."
        for kind in sorted(most)
    )


def _kind(remark: str) -> str:
    return re.sub(r"[0-9][0-9,.]*", "…", remark)


def _partner_columns(basis: Basis) -> tuple[Column, ...]:
    commission = (
        (Column(heading="Commission", meaning="Expected commission on that revenue."),)
        if basis.paid
        else ()
    )
    return (
        Column(heading="Rank", meaning="Under it, the places it could well have."),
        Column(heading="Partner", numeric=False),
        *((Column(heading="Segment", numeric=False),) if len(basis.segments) > 1 else ()),
        Column(heading="Customers", meaning="Customers who ever bought through the partner."),
        Column(heading="Revenue to date"),
        Column(heading="Expected revenue", meaning=f"In the {basis.horizon} ahead."),
        *commission,
        Column(heading="Worth today"),
        Column(heading="Share of worth"),
        Column(
            heading="Chance of halving",
            meaning=f"That revenue falls below half of the {basis.horizon} before.",
        ),
        Column(heading="Chance of no revenue"),
        Column(heading="Group", numeric=False),
    )


def _partner_row(
    basis: Basis, row: Row, *, places: tuple[int, int], vague: bool, remark: str
) -> tuple[Cell, ...]:
    number = {
        name: float(row[name])
        for name in ("customers", "revenue_to_date", "future_revenue", "ltv", "rank", "share",
                     "p_churn", "p_decline")
    }  # fmt: skip
    commission = (estimate(basis, row, "commission"),) if basis.paid else ()
    name = display_name(row["partner_id"])
    span = f"{places[0]:,} to {places[1]:,}" if places[0] < places[1] else ""
    return (
        Cell(text="–" if vague else f"{number['rank']:,.0f}", value=number["rank"], detail=span),
        Cell(text=name, value=name, detail=remark),
        *((name_cell(row["segment"]),) if len(basis.segments) > 1 else ()),
        Cell(text=f"{number['customers']:,.0f}", value=number["customers"]),
        figure(number["revenue_to_date"]),
        estimate(basis, row, "future_revenue"),
        *commission,
        estimate(basis, row, "ltv"),
        part(number["share"]),
        probability(number["p_decline"]),
        probability(number["p_churn"]),
        Cell(text="head" if row["tail"] == "head" else "long tail", value=str(row["tail"])),
    )


def _partner_total(basis: Basis) -> tuple[Cell, ...]:
    programme = basis.forecast.programme
    to_date = float(basis.ranked["revenue_to_date"].sum())
    commission = (estimate(basis, programme, "commission"),) if basis.paid else ()
    known = len(basis.forecast.customers)
    return (
        Cell(text=""),
        Cell(text="Whole programme"),
        *((Cell(text=""),) if len(basis.segments) > 1 else ()),
        Cell(text=f"{known:,}", value=known),
        figure(to_date),
        estimate(basis, programme, "future_revenue"),
        *commission,
        estimate(basis, programme, "ltv"),
        Cell(text="100%"),
        Cell(text=""),
        Cell(text=""),
        Cell(text=""),
    )
