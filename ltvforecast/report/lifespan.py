"""How long partners last: the median, its range, and the chances of one, two and three years."""

from __future__ import annotations

import pandas as pd

from ltvforecast.report.basis import Basis, Row, records
from ltvforecast.report.cells import name_cell, probability
from ltvforecast.report.document import Cell, Column, Section, Table
from ltvforecast.report.wording import count, odds

__all__ = ["lifespan"]

SHOWN = 20
LONGEST = 60
"""Months that are followed; it stands for so many or more."""


def lifespan(basis: Basis) -> Section | None:
    """Say how long partners will go on bringing revenue, the shortest-lived of worth first.

    Parameters
    ----------
    basis : Basis

    Returns
    -------
    Section or None
        None if the forecast has no lifespans.
    """
    table = basis.ranked
    if "median_lifespan_months" not in table:
        return None
    lasting = int(table["lifespan_censored"].sum())
    ended = int((table["median_lifespan_months"] == 0).sum())
    told = table[(table["ltv"] > 0) & ~table["lifespan_censored"].astype(bool)]
    paragraphs = (
        (
            f"Of the {count(len(table), 'partner')}, {lasting:,} will more likely than not still "
            "have revenue in five years, further than which nothing is told; "
            f"{ended or 'none'} more likely than not had {'their' if ended != 1 else 'its'} last "
            "revenue already."
        ),
        (
            "A partner lasts as long as its customers do, those known and those it will still win. "
            "The model knows no partner that closes with all its customers, and a customer who "
            "bought once counts as lasting until it has bought again; so read long lifespans as "
            "“as far as its customers go”."
        ),
    )
    if told.empty:
        return Section(key="lifespan", title="How long partners last", paragraphs=paragraphs)
    return Section(
        key="lifespan",
        title="How long partners last",
        paragraphs=paragraphs,
        tables=(_table(basis, told),),
    )


def _table(basis: Basis, told: pd.DataFrame) -> Table:
    shown = told.sort_values("ltv", ascending=False).head(SHOWN)
    return Table(
        name="lifespan-table",
        caption="The most valuable partners that may not last five years",
        columns=(
            Column(heading="Partner", numeric=False),
            Column(
                heading="Months of revenue to come",
                meaning=f"The median, and under it where the lifespan should fall "
                f"{odds(basis.level)}; 60 stands for 60 or more.",
            ),
            Column(heading="Chance of lasting 1 year"),
            Column(heading="2 years"),
            Column(heading="3 years"),
        ),
        rows=tuple(_row(basis, row) for row in records(shown)),
        notes=()
        if len(shown) == len(told)
        else (f"The first {len(shown)} of {len(told):,}; all partners are in partners.csv.",),
        searchable=True,
    )


def _row(basis: Basis, row: Row) -> tuple[Cell, ...]:
    low, high = (
        float(row[f"expected_lifespan_months_{end}_{basis.level}"]) for end in ("lo", "hi")
    )
    median = float(row["median_lifespan_months"])
    return (
        name_cell(row["partner_id"]),
        Cell(text=_months(median), value=median, detail=f"{_months(low)} to {_months(high)}"),
        probability(float(row["p_lasts_1y"])),
        probability(float(row["p_lasts_2y"])),
        probability(float(row["p_lasts_3y"])),
    )


def _months(value: float) -> str:
    return f"{LONGEST} or more" if value >= LONGEST else f"{value:.0f}"
