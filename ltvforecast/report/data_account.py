"""The data the forecast stands on: every row and every unit of money, and what was odd."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ltvforecast.plots.labels import display_name
from ltvforecast.report.basis import Basis, listed, whole
from ltvforecast.report.document import Cell, Column, Fact, Section, Table
from ltvforecast.report.wording import count, exact_money, long_date

__all__ = ["data_quality", "money_gap_micros"]

Line = Mapping[str, Any]


def data_quality(basis: Basis) -> Section:
    """Account for every row and every unit of money.

    Parameters
    ----------
    basis : Basis

    Returns
    -------
    Section
    """
    account = basis.account
    lines = _lines(basis)
    rows = {name: _sum(lines, "rows", name) for name in ("kept", "adjusted", "rejected")}
    read = int(str(account["rows_read"]))
    said = (
        f"{count(read, 'row')} were read: {rows['kept']:,} kept as they were, "
        f"{rows['adjusted']:,} adjusted and {rows['rejected']:,} left out. "
        + (
            "That is every row."
            if sum(rows.values()) == read
            else f"That leaves {read - sum(rows.values()):,} rows unexplained."
        ),
        f"Money on these rows: {exact_money(_sum(lines, 'money_in_micros'), basis.currency)}. "
        f"Of it, {exact_money(_sum(lines, 'money_out_micros'), basis.currency)} became revenue "
        f"up to {long_date(basis.as_of)}; the table says where the rest went. "
        + _reconciled(basis),
    )
    return Section(
        key="data",
        title="Data quality and reconciliation",
        paragraphs=said,
        tables=(_account_table(basis, lines), _programme_table(basis)),
        facts=_facts(account),
    )


def money_gap_micros(basis: Basis) -> int:
    """Compare the account's revenue with that of the partners.

    Parameters
    ----------
    basis : Basis

    Returns
    -------
    int
        Partners' revenue to date less the account's, in millionths.
    """
    kept = _sum(_lines(basis), "money_out_micros")
    return round(1e6 * float(basis.ranked["revenue_to_date"].sum())) - kept


def _reconciled(basis: Basis) -> str:
    gap = money_gap_micros(basis)
    if abs(gap) < 5_000:
        return "The partners' revenue to date adds up to the same."
    return (
        "The partners' revenue to date adds up to "
        f"{exact_money(abs(gap), basis.currency)} {'more' if gap > 0 else 'less'} than that."
    )


def _account_table(basis: Basis, lines: tuple[Line, ...]) -> Table:
    totals = [_sum(lines, key) for key in ("rows", "money_in_micros", "money_out_micros")]
    return Table(
        name="account-table",
        caption="Where every row and all money went"
        + (f" (amounts in {basis.currency})" if basis.currency else ""),
        columns=(
            Column(heading="What was found", numeric=False),
            Column(heading="What was done", numeric=False),
            Column(heading="Rows"),
            Column(heading="Money on them"),
            Column(heading="Counted as revenue"),
            Column(heading="For example", numeric=False, meaning="Row and what stood there."),
        ),
        rows=tuple(_account_row(line) for line in lines),
        total=(
            Cell(text="All rows"),
            Cell(text=""),
            Cell(text=f"{totals[0]:,}", value=totals[0]),
            Cell(text=exact_money(totals[1]), value=totals[1] / 1e6),
            Cell(text=exact_money(totals[2]), value=totals[2] / 1e6),
            Cell(text=""),
        ),
    )


def _account_row(line: Line) -> tuple[Cell, ...]:
    money = [int(line[key]) for key in ("money_in_micros", "money_out_micros")]
    rejected = line["disposition"] == "rejected"
    return (
        Cell(text=display_name(line["explanation"], width=400)),
        Cell(text="left out" if rejected else str(line["disposition"])),
        Cell(text=f"{int(line['rows']):,}", value=int(line["rows"])),
        Cell(text=exact_money(money[0]), value=money[0] / 1e6),
        Cell(text=exact_money(money[1]), value=money[1] / 1e6),
        Cell(text=_examples(line)),
    )


def _examples(line: Line) -> str:
    if line["disposition"] == "kept":
        return ""
    rows, examples = line.get("first_rows"), list(listed(line.get("examples")))
    numbers = list(rows)[:3] if isinstance(rows, list | tuple) else []
    told = [
        f"row {number}" + (f": {display_name(examples[i], width=60)}" if i < len(examples) else "")
        for i, number in enumerate(numbers)
    ]
    return "; ".join(told)


def _programme_table(basis: Basis) -> Table:
    """Set the sums over partners against the programme's own figures."""
    rows = []
    for label, quantity in (
        ("Expected revenue", "future_revenue"),
        ("Worth today", "ltv"),
    ):
        parts, total = float(basis.ranked[quantity].sum()), whole(basis, quantity)
        rows.append(
            (
                Cell(text=label),
                *(
                    Cell(text=f"{value:,.2f}".replace("-", "−"), value=value)
                    for value in (parts, total)
                ),
                Cell(text="yes" if abs(parts - total) < 0.01 else "no"),
            )
        )
    return Table(
        name="programme-table",
        caption="Do the partners add up to the programme?",
        columns=(
            Column(heading="Figure", numeric=False),
            Column(heading="Sum over partners"),
            Column(heading="Whole programme"),
            Column(heading="To the cent?", numeric=False),
        ),
        rows=tuple(rows),
    )


def _facts(account: Mapping[str, object]) -> tuple[Fact, ...]:
    columns = account.get("columns")
    mapped = (
        ", ".join(f"{role} from “{display_name(name)}”" for role, name in columns.items())
        if isinstance(columns, Mapping)
        else ""
    )
    facts = (
        ("Source", display_name(account.get("source") or "not named")),
        ("Columns used", mapped),
        ("Days begin at midnight in", display_name(account.get("timezone") or "")),
        ("Notes", " ".join(listed(account.get("notes")))),
    )
    return tuple(
        Fact(term=term, text=text) for term, text in facts if text and text != "(empty name)"
    )


def _lines(basis: Basis) -> tuple[Line, ...]:
    lines = basis.account["lines"]
    return (
        tuple(line for line in lines if isinstance(line, Mapping))
        if isinstance(lines, list | tuple)
        else ()
    )


def _sum(lines: tuple[Line, ...], key: str, disposition: str | None = None) -> int:
    return sum(int(line[key]) for line in lines if disposition in (None, line["disposition"]))
