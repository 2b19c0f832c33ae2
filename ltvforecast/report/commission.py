"""Commission by month, as finance accrues it, and as recurring income of the partners."""

from __future__ import annotations

from ltvforecast.report.basis import Basis, Row, amount, between, records, whole
from ltvforecast.report.cells import estimate, name_cell, part, period_cell
from ltvforecast.report.document import Cell, Chart, Column, Section, Table
from ltvforecast.report.economics import horizon_months
from ltvforecast.report.money_terms import has, left_out_words
from ltvforecast.report.wording import count, money, odds, share_text

__all__ = ["commission"]

SHOWN = 20
MONTHS_SHOWN = 72


def commission(basis: Basis) -> Section | None:
    """Say what commission will be owed, by month and to whom.

    Parameters
    ----------
    basis : Basis

    Returns
    -------
    Section or None
        None where none is expected.
    """
    if not basis.paid:
        return None
    unit = "week" if basis.weekly else "month"
    revenue = whole(basis, "future_revenue")
    share = ""
    if revenue > 0:
        share = f": {share_text(whole(basis, 'commission') / revenue)} of the revenue expected"
    bounties = basis.newcomers and has(basis, "bounty")
    said = (
        (
            f"Commission of {amount(basis, whole(basis, 'commission'))} "
            f"({between(basis, basis.forecast.programme, 'commission')}) should fall due for the "
            f"{basis.horizon} ahead{share}."
            + (" Bounties for new customers are in it." if bounties else "")
        ),
        (
            f"The first table gives it by {unit}, for the accruals: it is counted in the {unit} of "
            "the purchase that earns it, and not discounted. When it is paid out is up to the "
            f"contracts. The expected amounts of the {unit}s add up; the ends of their ranges do "
            "not. The second table shows the same from the partners' side: their recurring income."
        ),
        *left_out_words(basis),
    )
    return Section(
        key="commission",
        title="Commission to accrue",
        paragraphs=said,
        chart=Chart(
            name="commission",
            title=f"Commission of the whole programme, by {unit}",
            description=(
                "Bars are the expected commission; the thick line on each holds the outcome half "
                f"of the time, the thin one {odds(basis.level)}. The figures are in the table "
                "below."
            ),
        ),
        tables=(_period_table(basis, unit), _partner_table(basis)),
    )


def _period_table(basis: Basis, unit: str) -> Table:
    shown = records(basis.periods.head(MONTHS_SHOWN))
    cut = len(shown) < len(basis.periods)
    programme = basis.forecast.programme
    return Table(
        name="accrual-table",
        caption=f"Commission to accrue, by {unit}"
        + (f" (amounts in {basis.currency})" if basis.currency else ""),
        columns=(
            Column(heading="From – to", numeric=False),
            Column(heading="Commission", meaning=f"Under it, its {basis.level}% range."),
            Column(heading="Expected revenue"),
        ),
        rows=tuple(
            (
                period_cell(row["start"], row["end"], complete=bool(row["complete"])),
                estimate(basis, row, "commission"),
                estimate(basis, row, "future_revenue"),
            )
            for row in shown
        ),
        total=(
            Cell(text=f"All {basis.horizon}"),
            estimate(basis, programme, "commission"),
            estimate(basis, programme, "future_revenue"),
        ),
        notes=(f"The first {len(shown)} of {len(basis.periods):,} {unit}s; the total is of all.",)
        if cut
        else (),
    )


def _partner_table(basis: Basis) -> Table:
    paid = basis.ranked[basis.ranked["commission"] > 0].sort_values(
        ["commission", "partner_id"], ascending=[False, True]
    )
    shown = records(paid.head(SHOWN))
    total, months = whole(basis, "commission"), horizon_months(basis)
    notes = ("Each partner's commission by period is in periods.csv.",)
    return Table(
        name="income-table",
        caption=f"The partners' income: the {count(len(shown), 'partner')} that should get most"
        + (f" (amounts in {basis.currency})" if basis.currency else ""),
        columns=(
            Column(heading="Partner", numeric=False),
            Column(heading="Commission", meaning=f"In the {basis.horizon} ahead."),
            Column(heading="A month, on average"),
            Column(heading="Of its revenue"),
            Column(heading="Of all commission"),
        ),
        rows=tuple(_partner_row(basis, row, total=total, months=months) for row in shown),
        notes=notes,
        searchable=True,
    )


def _partner_row(basis: Basis, row: Row, *, total: float, months: float) -> tuple[Cell, ...]:
    paid, revenue = float(row["commission"]), float(row["future_revenue"])
    return (
        name_cell(row["partner_id"]),
        estimate(basis, row, "commission"),
        Cell(text=money(paid / months), value=paid / months),
        part(paid / revenue if revenue > 0 else float("nan")),
        part(paid / total if total > 0 else float("nan")),
    )
