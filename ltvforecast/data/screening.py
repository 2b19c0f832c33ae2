"""Which rows are rejected, and what refuses a whole source: the rules, each with its remedy."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping

import numpy as np
import pandas as pd
import pyarrow as pa

from ltvforecast.data.findings import BoolArray, Finding, cells_as_text
from ltvforecast.data.ids import Ids
from ltvforecast.data.ledger import Ledger, Rules
from ltvforecast.data.quoting import shown
from ltvforecast.data.source import SourceTable

__all__ = ["duplicate_finding", "refund_finding", "screen"]

EPOCH = dt.date(1970, 1, 1)


def screen(
    source: SourceTable, roles: Mapping[str, str], ledger: Ledger, rules: Rules
) -> list[Finding]:
    """Judge every row by itself.

    Parameters
    ----------
    source : SourceTable
    roles : mapping of str to str
        Role to column.
    ledger : Ledger
    rules : Rules

    Returns
    -------
    list of Finding
        Those that hold for some row, in order of precedence.
    """
    findings = [
        *_unreadable_amounts(roles, ledger, rules),
        *_unreadable_dates(source, roles, ledger, rules),
        *_missing(roles, ledger),
        *_spaced_ids(roles, ledger),
        *_currency_findings(roles, ledger, rules),
        *_time_findings(roles, ledger, rules),
        *_word_findings(roles, ledger),
        *_refund_oddities(roles, ledger, rules),
        *_covariate_findings(ledger),
    ]
    return [finding for finding in findings if finding.mask.any()]


def _unreadable_amounts(roles: Mapping[str, str], ledger: Ledger, rules: Rules) -> list[Finding]:
    plain = (
        "the decimal mark was said to be a comma; leave out `--decimal comma` if it is a point"
        if rules.decimal == "comma"
        else "`--decimal comma` if 1.234,50 and 12,5 are meant so; otherwise write plain numbers, "
        "without signs of currency or marks of thousands"
    )
    findings = []
    for role, amounts in (("amount", ledger.amounts), ("refunded_amount", ledger.refunded)):
        if amounts is not None:
            name = role.replace("_", " ")
            findings += [
                Finding(
                    reason=f"{role}_not_a_number",
                    kind="bad",
                    text=f"{name} is not a number",
                    remedy=plain,
                    mask=amounts.bad,
                    column=roles[role],
                ),
                Finding(
                    reason=f"{role}_too_large",
                    kind="bad",
                    text=f"{name} is beyond nine million million",
                    remedy="correct it, or express all amounts in thousands",
                    mask=amounts.too_large,
                    column=roles[role],
                ),
            ]
    return findings


def _covariate_findings(ledger: Ledger) -> list[Finding]:
    return [
        Finding(
            reason="covariate_not_a_value",
            kind="bad",
            text=f"the covariate {shown(name)} is a formula, an error of one, or infinite",
            remedy="write the value itself, or leave the cell empty",
            mask=covariate.bad,
            column=name,
        )
        for name, covariate in ledger.covariates.items()
    ]


def _unreadable_dates(
    source: SourceTable, roles: Mapping[str, str], ledger: Ledger, rules: Rules
) -> list[Finding]:
    days, column = ledger.days, roles["date"]
    first = np.flatnonzero(days.bad)[:1]
    example = cells_as_text(source.table[column].take(pa.array(first)))[0] if first.size else None
    naive = ~(days.zoned | days.missing | days.bad | days.number)
    mixed = bool(days.zoned.any()) and bool(naive.any())
    fewer = naive if naive.sum() <= days.zoned.sum() else days.zoned
    return [
        Finding(
            reason="date_unreadable",
            kind="bad",
            text=f"date is not of the declared format {rules.date_format}"
            if rules.date_format
            else "date is neither ISO (2025-03-04) nor of a declared format",
            remedy=_date_remedy(example or "", rules.date_format),
            mask=days.bad,
            column=column,
        ),
        Finding(
            reason="date_is_a_number",
            kind="refuse",
            text="date is a bare number",
            remedy="declare what it means, for example `--date-format %Y%m%d` for 20250304; "
            "in Excel, format the cells as dates",
            mask=days.number,
            column=column,
        ),
        Finding(
            reason="zones_mixed",
            kind="refuse",
            text=f"{int(days.zoned.sum()):,} dates have a time zone or offset and "
            f"{int(naive.sum()):,} have none; the fewer",
            remedy="give all of them an offset, or none",
            mask=fewer & mixed,
            column=column,
        ),
    ]


def _date_remedy(example: str, declared: str | None) -> str:
    mark = re.fullmatch(r"\s*\d{1,2}([/.\-])\d{1,2}[/.\-](\d{4}|\d{2})\b.*", example)
    if declared is not None:
        return "correct `--date-format`, or these rows"
    if mark:
        sep, year = mark[1], "%Y" if len(mark[2]) == 4 else "%y"
        return (
            f"day and month can't be told apart by guessing: `--date-format %d{sep}%m{sep}{year}` "
            f"if the day comes first, `--date-format %m{sep}%d{sep}{year}` if the month does"
        )
    if re.fullmatch(r"\d{8}", example):
        return "`--date-format %Y%m%d` if year, month and day follow each other"
    return "write dates as YYYY-MM-DD, or declare theirs, for example `--date-format %d/%m/%Y`"


def _missing(roles: Mapping[str, str], ledger: Ledger) -> list[Finding]:
    gone = {
        "partner_id": ledger.partner.codes < 0,
        "customer_id": ledger.customer.codes < 0,
        "date": ledger.days.missing,
        "amount": ledger.amounts.missing & (ledger.signed_micros == 0),
    }
    return [
        Finding(
            reason=f"missing_{role}",
            kind="reject",
            text=f"the {role.replace('_', ' ')} is missing (column {shown(roles[role])} is empty)",
            mask=mask,
        )
        for role, mask in gone.items()
    ]


def _spaced_ids(roles: Mapping[str, str], ledger: Ledger) -> list[Finding]:
    columns: dict[str, Ids | None] = {
        "partner_id": ledger.partner,
        "customer_id": ledger.customer,
        "transaction_id": ledger.order,
    }
    return [
        Finding(
            reason=f"{role}_spaces",
            kind="refuse",
            text=f"{role} differs from another one only by spaces",
            remedy="`--trim-ids` if they mean the same",
            mask=ids.spaced,
            column=roles[role],
        )
        for role, ids in columns.items()
        if ids is not None
    ]


def _currency_findings(roles: Mapping[str, str], ledger: Ledger, rules: Rules) -> list[Finding]:
    if ledger.currency is None:
        return []
    codes, column = ledger.currency.codes, roles["currency"]
    names: list[str] = ledger.currency.names.to_pylist()
    counts = np.bincount(codes[codes >= 0], minlength=len(names))
    order = sorted(range(len(names)), key=lambda i: (-counts[i], names[i]))
    told = ", ".join(f"{shown(names[i])[1:-1]} {counts[i]:,}" for i in order)
    everywhere = np.ones(len(codes), dtype=bool)
    wanted = None if rules.currency is None else rules.currency.strip().upper()
    if wanted is None and len(names) > 1:
        return [
            Finding(
                reason="several_currencies",
                kind="refuse",
                text=f"several currencies (rows: {told}), and amounts are never converted",
                remedy=f"choose one, such as `--currency {names[order[0]]}`; rows in others are "
                "then rejected and counted. If all amounts are in one currency after all, say "
                "`--column currency=`",
                mask=everywhere & (codes >= 0),
            )
        ]
    if wanted is not None and wanted not in names:
        return [
            Finding(
                reason="currency_not_there",
                kind="refuse",
                text=f"no row is in {shown(wanted)} (rows: {told})",
                remedy=f"choose one of these, for example `--currency {names[order[0]]}`",
                mask=everywhere,
            )
        ]
    kept = wanted or names[0]
    return [
        Finding(
            reason="missing_currency",
            kind="reject",
            text=f"the currency is missing (column {shown(column)} is empty)",
            mask=codes < 0,
        ),
        *(
            Finding(
                reason="other_currency",
                kind="reject",
                text=f"the amount is in {shown(names[i])[1:-1]}, not in {kept}; its money here is "
                "in its own currency",
                mask=codes == i,
            )
            for i in order
            if names[i] != kept
        ),
    ]


def _time_findings(roles: Mapping[str, str], ledger: Ledger, rules: Rules) -> list[Finding]:
    days = ledger.days
    readable = ~(days.missing | days.bad | days.number)
    return [
        Finding(
            reason="future_date",
            kind="reject",
            text=f"the date is after today, {rules.today}",
            mask=readable & (days.day > (rules.today - EPOCH).days),
            column=roles["date"],
        ),
        Finding(
            reason="pending",
            kind="reject",
            text="the status says that the sale is not settled, and such rows were to be dropped",
            mask=ledger.pending & (rules.pending == "drop"),
            column=roles.get("status"),
        ),
    ]


def _word_findings(roles: Mapping[str, str], ledger: Ledger) -> list[Finding]:
    findings = []
    for role, words in (("type", ledger.type), ("status", ledger.status)):
        if words is None or not words.unknown.any():
            continue
        texts, counts = np.unique(words.codes[words.unknown], return_counts=True)
        findings.append(
            Finding(
                reason=f"unknown_{role}",
                kind="refuse",
                text=f"{len(texts)} unknown word{'s' * (len(counts) > 1)} in the {role} column "
                f"{shown(roles[role])}, where others tell of refunds",
                remedy="leave out the rows that are no sales or refunds, and put known words for "
                f"the others; or say `--column {role}=` if that column tells nothing of refunds",
                mask=_first_of_each(words.codes, words.unknown),
                column=roles[role],
            )
        )
    return findings


def _first_of_each(codes: np.ndarray[tuple[int], np.dtype[np.int64]], mask: BoolArray) -> BoolArray:
    """Keep, of every distinct value under a mask, the first row."""
    series = pd.Series(codes)
    return mask & ~series.where(mask).duplicated().to_numpy()


def _refund_oddities(roles: Mapping[str, str], ledger: Ledger, rules: Rules) -> list[Finding]:
    read = ledger.signed_micros
    refund_rows = (read < 0).any()
    size_told = ledger.refunded is not None or bool(refund_rows)
    reversed_sale = ledger.reversed & ~ledger.typed_refund
    return [
        Finding(
            reason="refund_of_unknown_size",
            kind="refuse",
            text="the status says partly refunded, but nothing says how much",
            remedy="name the column with the money given back, `--column refunded_amount=...`; or "
            "say `--column status=` to count these sales in full",
            mask=ledger.partly_refunded & (not size_told),
            column=roles.get("status"),
        ),
        Finding(
            reason="refund_not_made",
            kind="reject",
            text="a refund whose status says that it never took place",
            mask=ledger.typed_refund & ledger.void,
            column=roles.get("status"),
        ),
        Finding(
            reason="refund_of_nothing",
            kind="reject",
            text="a refund of no money",
            mask=ledger.typed_refund & (read == 0),
        ),
        Finding(
            reason="reversed_without_money",
            kind="reject",
            text="a sale of no money whose status says that it was undone",
            mask=reversed_sale & (read == 0) & (rules.refunds != "drop"),
            column=roles.get("status"),
        ),
    ]


def duplicate_finding(
    rows: pd.DataFrame, *, size: int, rules: Rules, column: str | None
) -> Finding | None:
    """Find rows that repeat an earlier one in everything that counts.

    Parameters
    ----------
    rows : pandas.DataFrame
        The rows not rejected so far: ``place`` (index into the source), ``order``, ``customer``,
        ``partner``, ``day``, ``amount``, ``stream``, ``type``, ``status``, ``refunded``.
    size : int
        Rows of the source.
    rules : Rules
    column : str or None
        The column of the transaction id.

    Returns
    -------
    Finding or None
        None where there are none, or where they are to be kept.

    Notes
    -----
    Several rows with one transaction id are the lines of an order, not duplicates, as soon as they
    differ in partner, customer, day, amount, revenue stream, type or status. Of rows that differ
    in refunded money alone, the one with the most is kept.
    """
    key = ["order", "customer", "partner", "day", "amount", "stream", "type", "status"]
    with_id = rows[rows["order"].duplicated(keep=False) & (rows["order"] >= 0)].sort_values(
        ["refunded", "place"], ascending=[False, True], kind="stable"
    )
    again = with_id.loc[with_id.duplicated(key), "place"].to_numpy()
    if again.size == 0 or rules.duplicates == "keep":
        return None
    mask = np.zeros(size, dtype=bool)
    mask[again] = True
    return Finding(
        reason="duplicate",
        kind="refuse" if rules.duplicates == "error" else "reject",
        text="repeats an earlier row: same transaction, customer, partner, day, amount, revenue "
        "stream, type and status",
        remedy="`--duplicates drop` counts each once, `--duplicates keep` counts all",
        mask=mask,
        column=column,
    )


def refund_finding(refund: BoolArray, *, rules: Rules, column: str) -> Finding | None:
    """Refuse refunds where the user wants to hear of them."""
    if rules.refunds != "error" or not refund.any():
        return None
    return Finding(
        reason="refund",
        kind="refuse",
        text="refunds, which were to be an error",
        remedy="`--refunds net` takes them off the purchases, `--refunds drop` leaves them out",
        mask=refund,
        column=column,
    )
