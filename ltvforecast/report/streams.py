"""Revenue streams: what comes from first sales, renewals, services and so on."""

from __future__ import annotations

from ltvforecast.report.basis import Basis, Row, amount, between, named, records
from ltvforecast.report.cells import estimate, figure, name_cell, part
from ltvforecast.report.document import Cell, Column, Section, Table
from ltvforecast.report.wording import count, share_text

__all__ = ["streams"]

PROGRAMME = "__programme__"


def streams(basis: Basis) -> Section | None:
    """Split the programme's revenue by stream.

    Parameters
    ----------
    basis : Basis

    Returns
    -------
    Section or None
        None where the transactions tell no streams, or only one.
    """
    table = basis.forecast.streams
    if table is None:
        return None
    rows = records(table[table["partner_id"] == PROGRAMME])
    if len(rows) < 2:
        return None
    first = rows[0]
    return Section(
        key="streams",
        title="Revenue by stream",
        paragraphs=(
            (
                f"The transactions tell {count(len(rows), 'revenue stream')}. "
                f"{named(first['revenue_stream'])} brings the most: "
                f"{amount(basis, first['future_revenue'])} of what is expected "
                f"({between(basis, first, 'future_revenue')}), {share_text(float(first['share']))}."
            ),
            (
                "Each partner's mix so far, the more recent the more, tells how its revenue will "
                "split; partners with few purchases are given mostly the programme's mix. First "
                "purchases have a mix of their own. In every simulated future the streams add up "
                "to the revenue. The split of each partner is in streams.csv."
            ),
        ),
        tables=(_table(basis, rows),),
    )


def _table(basis: Basis, rows: list[Row]) -> Table:
    return Table(
        name="stream-table",
        caption="Revenue by stream" + (f" (amounts in {basis.currency})" if basis.currency else ""),
        columns=(
            Column(heading="Stream", numeric=False),
            Column(heading="Revenue to date"),
            Column(heading="Of revenue to date"),
            Column(heading="Expected revenue", meaning=f"In the {basis.horizon} ahead."),
            Column(heading="Of expected revenue"),
        ),
        rows=tuple(
            _row(basis, row, sum(float(r["revenue_to_date"]) for r in rows)) for row in rows
        ),
        total=(
            Cell(text="All streams"),
            figure(sum(float(row["revenue_to_date"]) for row in rows)),
            Cell(text="100%"),
            estimate(basis, basis.forecast.programme, "future_revenue"),
            Cell(text="100%"),
        ),
        searchable=True,
    )


def _row(basis: Basis, row: Row, everything: float) -> tuple[Cell, ...]:
    to_date = float(row["revenue_to_date"])
    return (
        name_cell(row["revenue_stream"]),
        figure(to_date),
        part(to_date / everything if everything else float("nan")),
        estimate(basis, row, "future_revenue"),
        part(float(row["share"])),
    )
