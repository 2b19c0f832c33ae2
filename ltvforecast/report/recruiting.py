"""Recruiting: what one more partner of each segment would be worth, and partners without data."""

from __future__ import annotations

import math

from ltvforecast.report.basis import Basis, Row, amount, between, named, records
from ltvforecast.report.cells import estimate, figure, heads, name_cell, probability
from ltvforecast.report.document import Cell, Column, Section, Table
from ltvforecast.report.wording import count, months_text, odds

__all__ = ["recruiting"]

SURE, OPEN = 0.9, 0.5
"""Chances from which on a segment is surely, or rather, the best one to recruit from."""


def recruiting(basis: Basis) -> Section | None:
    """Say what one more partner would be worth, by segment, and who has no data yet.

    Parameters
    ----------
    basis : Basis

    Returns
    -------
    Section or None
        None where nothing can be said of partners without data.
    """
    table = basis.forecast.new_partners
    if table is None or table.empty:
        return None
    rows = records(table)
    segments = [row for row in rows if not row["partner_id"]]
    waiting = [row for row in rows if row["partner_id"]]
    said = (
        _best_words(basis, segments),
        (
            f"The horizon of {basis.horizon} begins with the partner's first customer, because the "
            "data know partners from then on only: how many were signed who never brought anybody "
            "is not in the figures. A partner is taken to be like those of its segment. Its range "
            "is wide because partners of one segment differ: one in ten brings back less than the "
            "most to pay for recruiting it."
        ),
        "None of these figures is part of the programme's worth.",
    )
    tables = (_table(basis, segments), *((_named(basis, waiting),) if waiting else ()))
    return Section(key="recruiting", title="Recruiting", paragraphs=said, tables=tables)


def _best_words(basis: Basis, rows: list[Row]) -> str:
    best = rows[0]
    worth = f"{amount(basis, best['ltv'])} ({between(basis, best, 'ltv')})"
    if len(rows) == 1:
        return (
            f"One more partner would be worth {worth}: {odds(basis.level)} it comes out inside "
            "that range."
        )
    told = (
        f"One more partner of the segment {named(best['segment'])} would be worth the most: "
        f"{worth}, {odds(basis.level)} inside that range. "
    )
    chance = float(best["p_best"])
    shown = probability(chance).text
    if chance >= SURE:
        return f"{told}That its average partner is the most valuable is nearly sure ({shown})."
    if chance >= OPEN:
        return f"{told}Its average partner is the most valuable with a chance of {shown}."
    return (
        f"{told}But it is open which segment's average partner is the most valuable: for this one "
        f"the chance is {shown}."
    )


def _table(basis: Basis, rows: list[Row]) -> Table:
    several = len(rows) > 1
    return Table(
        name="recruiting-table",
        caption="One more partner of each segment" + _currency(basis),
        columns=(
            Column(heading="Segment", numeric=False),
            Column(heading="Partners in the data"),
            *_shared_columns(basis),
            *(
                (
                    Column(
                        heading="Chance to be the best",
                        meaning="That the segment's average new partner is worth the most; what "
                        "single partners bring differs far more.",
                    ),
                )
                if several
                else ()
            ),
        ),
        rows=tuple(
            (
                name_cell(row["segment"]),
                Cell(text=f"{int(row['partners']):,}", value=int(row["partners"])),
                *_shared(basis, row),
                *((probability(float(row["p_best"])),) if several else ()),
            )
            for row in rows
        ),
    )


def _named(basis: Basis, rows: list[Row]) -> Table:
    return Table(
        name="recruits-table",
        caption=f"{count(len(rows), 'partner')} without any transaction, as if they won a first "
        "customer now" + _currency(basis),
        columns=(
            Column(heading="Partner", numeric=False),
            Column(heading="Segment", numeric=False),
            *_shared_columns(basis),
        ),
        rows=tuple(
            (
                name_cell(row["partner_id"]),
                name_cell(row["segment"]) if row["segment"] else Cell(text="–", value=""),
                *_shared(basis, row),
            )
            for row in rows
        ),
        notes=("Partners of which the same is known have the same figures.",),
        searchable=True,
    )


def _currency(basis: Basis) -> str:
    return f" (amounts in {basis.currency})" if basis.currency else ""


def _shared_columns(basis: Basis) -> tuple[Column, ...]:
    return (
        Column(heading="Worth", meaning=f"Of a single new partner, in {basis.horizon}."),
        Column(heading="Customers"),
        Column(heading="Revenue"),
        Column(
            heading="Most to pay for recruiting it",
            meaning="What it costs to sign the partner is paid back with a chance of 90%.",
        ),
        Column(heading="Months to pay back", meaning="Where the cost of recruiting is known."),
    )


def _shared(basis: Basis, row: Row) -> tuple[Cell, ...]:
    return (
        estimate(basis, row, "ltv"),
        heads(basis, row, "new_customers"),
        estimate(basis, row, "future_revenue"),
        figure(float(row["max_affordable_cac"])),
        _payback(basis, row),
    )


def _payback(basis: Basis, row: Row) -> Cell:
    months = float(row["payback_months"])
    if math.isnan(months):
        return Cell(text="not known", value=-1.0)
    most = basis.forecast.spec.horizon.days / 30.4375
    chance = probability(float(row["p_payback"])).text
    return Cell(
        text=months_text(months, most=most),
        value=months if math.isfinite(months) else 1e9,
        detail=f"within the horizon: {chance}",
    )
