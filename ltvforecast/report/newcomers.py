"""New customers: how many are expected, through which partners, or why nobody can tell."""

from __future__ import annotations

import pandas as pd

from ltvforecast.report.basis import Basis, Row, amount, between, records, whole
from ltvforecast.report.cells import estimate, heads, name_cell, part, probability
from ltvforecast.report.document import Cell, Column, Section, Table
from ltvforecast.report.wording import count, head_count, odds, percent

__all__ = ["new_customers", "newcomer_range"]

SHOWN = 20
SURE, DOUBTFUL = 0.9, 0.5
"""Chances from which on a partner counts as still winning customers, or as rather not."""
_HOW = (
    "A forecast of them needs a model fitted by this version, and data that show when each "
    "customer bought for the first time."
)


def new_customers(basis: Basis) -> Section:
    """Say how many new customers are expected, and through whom; or why that is not known.

    Parameters
    ----------
    basis : Basis

    Returns
    -------
    Section
    """
    title = "New customers"
    if not basis.newcomers:
        return Section(key="new-customers", title=title, paragraphs=_unknown(basis))
    said = (
        f"Besides the customers known today, {head_count(whole(basis, 'new_customers'))} new ones "
        f"are expected in the {basis.horizon} ahead ({newcomer_range(basis)}). They should bring "
        f"{amount(basis, whole(basis, 'new_revenue'))} of revenue in that time "
        f"({between(basis, basis.forecast.programme, 'new_revenue')})" + _share_words(basis) + ".",
        _partners_words(basis),
        "Each partner's pace so far, and how long it has been quiet, tell how many it will still "
        "bring. New customers are then taken to buy, stop and spend like those known. "
        + basis.why_newcomers,
    )
    return Section(key="new-customers", title=title, paragraphs=said, tables=(_table(basis),))


def newcomer_range(basis: Basis) -> str:
    """Write the interval of the number of new customers.

    Parameters
    ----------
    basis : Basis

    Returns
    -------
    str
    """
    low, high = (whole(basis, f"new_customers_{end}_{basis.level}") for end in ("lo", "hi"))
    return f"{head_count(low)} to {head_count(high)}"


def _unknown(basis: Basis) -> tuple[str, ...]:
    if basis.why_newcomers == "switched off":
        why = "New customers were switched off for this forecast."
        how = "To have them forecast, predict again without --no-acquisition."
    else:
        why, how = basis.why_newcomers, _HOW
    left = "What they will bring comes on top of all figures of this report."
    chances = basis.ranked["p_acquiring"].dropna()
    told = (_partners_words(basis),) if len(chances) and chances.max() > 0 else ()
    return (f"{why} {left}".strip(), *told, how)


def _share_words(basis: Basis) -> str:
    everything = whole(basis, "future_revenue")
    if everything <= 0:
        return ""
    return f": {percent(whole(basis, 'new_revenue') / everything)} of all that is expected"


def _partners_words(basis: Basis) -> str:
    chances = basis.ranked["p_acquiring"].dropna()
    sure, ceased = int((chances >= SURE).sum()), int((chances < DOUBTFUL).sum())
    return (
        f"Of the {count(len(chances), 'partner')}, {sure:,} almost surely still win new customers "
        f"(a chance of {percent(SURE)} or more), and {ceased or 'none'} more likely than not have "
        f"ceased to (a chance below {percent(DOUBTFUL)})."
    )


def _table(basis: Basis) -> Table:
    ordered = basis.ranked.sort_values(
        ["new_customers", "partner_id"], ascending=[False, True], ignore_index=True
    )
    shown: pd.DataFrame = ordered.head(SHOWN)
    everything = len(ordered)
    notes = (
        (f"The first {len(shown)} of {everything:,} partners; all of them are in partners.csv.",)
        if len(shown) < everything
        else ()
    )
    return Table(
        name="newcomer-table",
        caption="Who is expected to bring the most new customers"
        + (f" (amounts in {basis.currency})" if basis.currency else ""),
        columns=(
            Column(heading="Partner", numeric=False),
            Column(heading="Customers so far"),
            Column(
                heading="Chance that it still wins customers",
                meaning="That the partner has not ceased to bring new customers.",
            ),
            Column(
                heading="New customers expected",
                meaning=f"Under it, where the number should fall {odds(basis.level)}.",
            ),
            Column(heading="Revenue from them"),
            Column(heading="Of its expected revenue"),
        ),
        rows=tuple(_row(basis, row) for row in records(shown)),
        total=_total(basis),
        notes=notes,
        searchable=True,
    )


def _row(basis: Basis, row: Row) -> tuple[Cell, ...]:
    customers = int(row["customers"])
    return (
        name_cell(row["partner_id"]),
        Cell(text=f"{customers:,}", value=customers),
        probability(float(row["p_acquiring"])),
        heads(basis, row, "new_customers"),
        estimate(basis, row, "new_revenue"),
        _new_part(row),
    )


def _new_part(row: Row) -> Cell:
    everything = float(row["future_revenue"])
    return part(float(row["new_revenue"]) / everything if everything > 0 else float("nan"))


def _total(basis: Basis) -> tuple[Cell, ...]:
    programme = basis.forecast.programme
    known = len(basis.forecast.customers)
    return (
        Cell(text="Whole programme"),
        Cell(text=f"{known:,}", value=known),
        Cell(text=""),
        heads(basis, programme, "new_customers"),
        estimate(basis, programme, "new_revenue"),
        _new_part(programme),
    )
