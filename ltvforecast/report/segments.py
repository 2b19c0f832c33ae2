"""Segments side by side: what kinds of partners there are, and what each kind is worth."""

from __future__ import annotations

import numpy as np

from ltvforecast.report.basis import Basis, Row, amount, between, named, records, whole
from ltvforecast.report.cells import estimate, figure, heads, name_cell, part, probability
from ltvforecast.report.document import Cell, Column, Section, Table
from ltvforecast.report.wording import count, odds, share_text

__all__ = ["segments"]

EVEN = (0.1, 0.9)
"""Between these chances it can't be said which of two segments is worth more."""


def segments(basis: Basis) -> Section | None:
    """Put the segments side by side.

    Parameters
    ----------
    basis : Basis

    Returns
    -------
    Section or None
        None where all partners are of one segment.
    """
    if len(basis.segments) < 2:
        return None
    rows = records(basis.forecast.segments)
    first = rows[0]
    said = (
        (
            f"The {count(len(basis.ranked), 'partner')} are of {count(len(rows), 'segment')}. "
            f"{named(first['segment'])} brings the most: {share_text(float(first['share']))} of "
            f"the worth, with {int(first['partners']):,} of the partners."
        ),
        _per_partner_words(basis, rows),
        (
            "Each segment's range is its own: partners are added up inside each simulated future, "
            "so the outcome of the whole segment should lie in it "
            f"{odds(basis.level)}. A customer who buys through partners of two segments counts as "
            "a customer of both; the money is shared out between them."
        ),
    )
    return Section(
        key="segments",
        title="Segments side by side",
        paragraphs=said,
        tables=(_table(basis, rows),),
    )


def _per_partner_words(basis: Basis, rows: list[Row]) -> str:
    """Compare the segments by partner, and say whether the order is more than chance."""
    ordered = sorted(rows, key=lambda row: -float(row["ltv_per_partner"]))
    best, least = ordered[0], ordered[-1]
    told = (
        f"By partner, {named(best['segment'])} is worth the most, "
        f"{amount(basis, best['ltv_per_partner'])} each ({between(basis, best, 'ltv_per_partner')})"
        f", and {named(least['segment'])} the least, "
        f"{amount(basis, least['ltv_per_partner'])} ({between(basis, least, 'ltv_per_partner')}). "
    )
    chance = _chance_of_more(basis, str(best["segment"]), str(least["segment"]))
    futures = f"in {probability(chance).text} of the simulated futures"
    if EVEN[0] < chance < EVEN[1]:
        return f"{told}Which of the two comes out ahead is open: {futures} it is the first."
    return f"{told}The first comes out ahead {futures}."


def _chance_of_more(basis: Basis, one: str, other: str) -> float:
    """Probability that a partner of one segment is worth more on average than of the other."""
    table = basis.forecast.partners
    means = []
    for segment in (one, other):
        inside = table.loc[table["segment"] == segment, "partner_id"].tolist()
        means.append(basis.forecast.draws["ltv"].sel(partner=inside).mean("partner").to_numpy())
    return float(np.mean(means[0] > means[1]))


def _table(basis: Basis, rows: list[Row]) -> Table:
    columns = (
        Column(heading="Segment", numeric=False),
        Column(heading="Partners"),
        Column(heading="Customers", meaning="Who ever bought through a partner of the segment."),
        Column(heading="Worth today"),
        Column(heading="Worth per partner"),
        Column(heading="Share of worth"),
        Column(heading="Expected revenue", meaning=f"In the {basis.horizon} ahead."),
        *((Column(heading="New customers"),) if basis.newcomers else ()),
        *((Column(heading="Revenue from new customers"),) if basis.newcomers else ()),
        *((Column(heading="Commission"),) if basis.paid else ()),
        Column(heading="Revenue to date"),
        Column(
            heading="Chance of halving",
            meaning="That the revenue of the whole segment falls below half of the "
            f"{basis.horizon} before.",
        ),
    )
    return Table(
        name="segment-table",
        caption="Segments, the most valuable first"
        + (f" (amounts in {basis.currency})" if basis.currency else ""),
        columns=columns,
        rows=tuple(_row(basis, row) for row in rows),
        total=_total(basis),
        searchable=True,
    )


def _row(basis: Basis, row: Row) -> tuple[Cell, ...]:
    return (
        name_cell(row["segment"]),
        *_counts(int(row["partners"]), int(row["customers"])),
        estimate(basis, row, "ltv"),
        estimate(basis, row, "ltv_per_partner"),
        part(float(row["share"])),
        estimate(basis, row, "future_revenue"),
        *_newcomer_cells(basis, row),
        *((estimate(basis, row, "commission"),) if basis.paid else ()),
        figure(float(row["revenue_to_date"])),
        probability(float(row["p_decline"])),
    )


def _total(basis: Basis) -> tuple[Cell, ...]:
    programme, partners = basis.forecast.programme, len(basis.ranked)
    each = {f"ltv{end}": whole(basis, f"ltv{end}") / partners for end in ("", *_ends(basis))}
    decline = programme.get("p_decline")
    return (
        Cell(text="Whole programme"),
        *_counts(partners, len(basis.forecast.customers)),
        estimate(basis, programme, "ltv"),
        estimate(basis, each, "ltv"),
        Cell(text="100%"),
        estimate(basis, programme, "future_revenue"),
        *_newcomer_cells(basis, programme),
        *((estimate(basis, programme, "commission"),) if basis.paid else ()),
        figure(float(basis.ranked["revenue_to_date"].sum())),
        Cell(text="") if decline is None else probability(float(str(decline))),
    )


def _ends(basis: Basis) -> tuple[str, str]:
    return f"_lo_{basis.level}", f"_hi_{basis.level}"


def _counts(*numbers: int) -> tuple[Cell, ...]:
    return tuple(Cell(text=f"{number:,}", value=number) for number in numbers)


def _newcomer_cells(basis: Basis, row: Row) -> tuple[Cell, ...]:
    if not basis.newcomers:
        return ()
    return heads(basis, row, "new_customers"), estimate(basis, row, "new_revenue")
