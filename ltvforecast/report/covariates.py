"""What goes with buying more: factors of covariates, and that they are no causes."""

from __future__ import annotations

from collections.abc import Mapping

from ltvforecast.report.basis import Basis
from ltvforecast.report.document import Cell, Column, Section, Table

__all__ = ["covariates"]

QUANTITIES = ("log_rate", "dropout_logit", "log_spend")
"""In the order of the table's columns."""


def covariates(basis: Basis) -> Section | None:
    """Show what covariates of customers and partners go with.

    Parameters
    ----------
    basis : Basis

    Returns
    -------
    Section or None
        None where the model has no covariates.
    """
    found = basis.forecast.provenance.get("covariates")
    rows = found.get("effects") if isinstance(found, Mapping) else None
    words = found.get("words") if isinstance(found, Mapping) else None
    if not isinstance(rows, list) or not isinstance(words, list) or not rows:
        return None
    said = (
        (
            "Some customers and partners buy more than others. These factors tell by how much, "
            "all else in the table being the same: 1.20 is a fifth more, 0.80 a fifth less."
        ),
        str(words[-1]),
    )
    return Section(
        key="covariates",
        title="What goes with buying more",
        paragraphs=said,
        tables=(_table(rows),),
    )


def _table(rows: list[Mapping[str, object]]) -> Table:
    by_column: dict[str, dict[str, Mapping[str, object]]] = {}
    for row in rows:
        by_column.setdefault(str(row["column"]), {})[str(row["quantity"])] = row
    return Table(
        name="covariate-table",
        caption="Factors by which groups differ, with their 90% ranges",
        columns=(
            Column(heading="Difference", numeric=False),
            Column(heading="Whose", numeric=False, meaning="Of the customer or of its partner."),
            Column(heading="Purchases", meaning="Per unit of time, while a customer is active."),
            Column(heading="Leaving", meaning="Odds that a customer stops after a purchase."),
            Column(heading="Spend", meaning="Mean amount of a purchase."),
        ),
        rows=tuple(_row(found) for found in by_column.values()),
        notes=("A difference is clear where the whole range lies above 1, or below it.",),
    )


def _row(found: Mapping[str, Mapping[str, object]]) -> tuple[Cell, ...]:
    first = found[QUANTITIES[0]]
    return (
        Cell(text=str(first["difference"]), value=str(first["difference"])),
        Cell(text=str(first["level"]), value=str(first["level"])),
        *(_factor(found[name]) for name in QUANTITIES),
    )


def _factor(row: Mapping[str, object]) -> Cell:
    middle, low, high = (
        float(str(row[name])) for name in ("factor", "factor_lo_90", "factor_hi_90")
    )
    detail = f"{low:.2f} to {high:.2f}" if high > low else "no range"
    return Cell(text=f"× {middle:.2f}", value=middle, detail=detail)
