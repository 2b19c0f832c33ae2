"""Transactions from a file or a dataframe, every row and every unit of money accounted for."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pyarrow as pa
from narwhals.stable.v2.typing import IntoFrame

from ltvforecast.data.account import account_line
from ltvforecast.data.columns import assign_columns
from ltvforecast.data.covariate_columns import PREFIX
from ltvforecast.data.findings import (
    FIRST,
    Finding,
    first_examples,
    refusal,
    rejecting_finding,
)
from ltvforecast.data.ids import Ids, all_text
from ltvforecast.data.ledger import Ledger, Rules, parse_ledger
from ltvforecast.data.notes import order_notes, reading_notes, refund_notes
from ltvforecast.data.quoting import shown
from ltvforecast.data.refund_forms import own_refunds, reversal_rows
from ltvforecast.data.screening import duplicate_finding, refund_finding, screen
from ltvforecast.data.source import SourceTable, read_source
from ltvforecast.errors import ConfigError, TransactionError
from ltvforecast.output import spreadsheet_safe, whole_file
from ltvforecast.transaction_types import Account, Transactions
from ltvforecast.types import IntArray

__all__ = ["read_transactions", "write_rejects"]

MOST_MONEY = 9.0e18  # micros; the sum of all amounts must fit into 64 bits


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    """The rows that stay, and the money and the reason of every row."""

    rows: pd.DataFrame
    money: IntArray
    findings: Sequence[Finding]
    which: IntArray
    notes: Sequence[str]


def read_transactions(
    source: str | Path | IntoFrame,
    *,
    columns: Mapping[str, str] | None = None,
    amount_unit: Literal["units", "cents"] | None = None,
    decimal: Literal["point", "comma"] = "point",
    date_format: str | None = None,
    timezone: str | None = None,
    currency: str | None = None,
    refunds: Literal["net", "drop", "error"] = "net",
    pending: Literal["keep", "drop"] = "keep",
    duplicates: Literal["drop", "keep", "error"] = "drop",
    on_bad_rows: Literal["fail", "reject"] = "fail",
    trim_ids: bool = False,
    sheet: str | None = None,
    covariates: str | Sequence[str] = (),
    today: dt.date | None = None,
) -> Transactions:
    """Read transactions, guess nothing, and account for every row and every unit of money.

    Parameters
    ----------
    source : str, pathlib.Path or dataframe
        A CSV, Parquet or Excel file, or any dataframe that Narwhals knows (pandas, Polars,
        PyArrow, a DuckDB relation, ...). Columns are recognised by the names they have in common
        exports: a partner id, a customer id, a date and an amount are needed; a transaction id,
        a currency, a type, a status, refunded money and a revenue stream are used if there.
    columns : mapping of str to str or None
        Role (``partner_id``, ``customer_id``, ``date``, ``amount``, ``transaction_id``,
        ``currency``, ``status``, ``type``, ``refunded_amount``, ``revenue_stream``) to column name,
        where recognition fails or errs. An empty name says that there is no such column.
    amount_unit : {"units", "cents"} or None
        Unit of the amounts. Needed where a column's name says cents; None: units.
    decimal : {"point", "comma"}
        Decimal mark of amounts in text.
    date_format : str or None
        Format of dates in text or numbers, as for ``datetime.strptime``. None: ISO only.
    timezone : str or None
        Zone in which a day begins, for times with a zone or an offset. None: UTC.
    currency : str or None
        Keep the rows in this currency. None is an error if there are several.
    refunds : {"net", "drop", "error"}
        Take refunds off purchases, ignore them, or refuse them.
    pending : {"keep", "drop"}
        Rows whose status says that they are not settled.
    duplicates : {"drop", "keep", "error"}
        Rows that repeat an earlier one: same transaction id and the same customer, partner, day,
        amount, revenue stream, type and status.
    on_bad_rows : {"fail", "reject"}
        Refuse the source if there are rows that can't be read, or reject and count them.
    trim_ids : bool
        Strip spaces around ids and make runs of spaces inside them one.
    sheet : str or None
        Sheet of an Excel workbook; needed when it has several.
    covariates : str or sequence of str
        Columns to keep as covariates of the customers; other columns without a role are dropped.
    today : datetime.date or None
        Rows after it are rejected. None: the day it is.

    Returns
    -------
    Transactions
        ``.quality`` is the account; ``.rejects`` the rejected rows.

    Raises
    ------
    ConfigError
        An option that means nothing, or a file that is not there.
    TransactionError
        The source can't be read without guessing; all that was found is told at once, and the
        error's ``account`` and ``rejects`` say what would be left.

    Examples
    --------
    >>> frame = pd.DataFrame({"Affiliate": ["p", "p"], "email": ["c", "d"],
    ...                       "Order Date": ["2025-01-31", "2025-02-01"], "total": [12.5, None]})
    >>> transactions = read_transactions(frame)
    >>> transactions.frame[["partner_id", "customer_id", "day", "amount_micros"]]
      partner_id customer_id    day  amount_micros
    0          p           c  20119       12500000
    >>> transactions.rejects[["row", "reason"]]
       row          reason
    0    2  missing_amount
    """
    rules = Rules(
        amount_unit=amount_unit,
        decimal=decimal,
        date_format=date_format,
        timezone=timezone,
        currency=currency or None,
        refunds=refunds,
        pending=pending,
        duplicates=duplicates,
        trim_ids=trim_ids,
        today=today if today is not None else dt.date.today(),  # noqa: DTZ011 - the reader's day
        covariates=tuple(
            dict.fromkeys([covariates] if isinstance(covariates, str) else covariates)
        ),
    )
    _check_rules(rules, on_bad_rows=on_bad_rows)
    table = read_source(source, sheet=sheet)
    roles = assign_columns(table.table.column_names, columns or {})
    _check_covariates(rules.covariates, table.table.column_names, roles)
    ledger = parse_ledger(table, roles, rules)
    judged = _judge(table, roles, ledger, rules)
    account = _reading_account(table, roles, ledger, rules, judged)
    rejects = _rejected_rows(table, judged)
    stops = [
        finding
        for finding in judged.findings
        if finding.kind == "refuse" or (finding.kind == "bad" and on_bad_rows == "fail")
    ]
    if stops or (table.malformed and on_bad_rows == "fail"):
        raise refusal(
            stops,
            source=table,
            malformed_too=on_bad_rows == "fail",
            account=account,
            rejects=rejects,
        )
    if judged.rows.empty:
        raise _nothing_left(account, rejects)
    return Transactions(
        frame=_frame(table, ledger, judged), rejects=rejects, quality=account, refunds=refunds
    )


def _check_rules(rules: Rules, *, on_bad_rows: str) -> None:
    choices = {
        "amount_unit": (rules.amount_unit, ("units", "cents", None)),
        "decimal": (rules.decimal, ("point", "comma")),
        "refunds": (rules.refunds, ("net", "drop", "error")),
        "pending": (rules.pending, ("keep", "drop")),
        "duplicates": (rules.duplicates, ("drop", "keep", "error")),
        "on_bad_rows": (on_bad_rows, ("fail", "reject")),
    }
    for name, (value, allowed) in choices.items():
        if value not in allowed:
            raise ConfigError(
                f"{name} is {value!r}",
                expected=f"one of: {', '.join(str(each) for each in allowed)}",
                remedy="correct it",
            )


def _check_covariates(
    covariates: Sequence[str], names: Sequence[str], roles: Mapping[str, str]
) -> None:
    """Refuse covariates that are no column, or a column that plays a role."""
    played = {column: role for role, column in roles.items()}
    free = [name for name in names if name not in played]
    problems = [
        f"{shown(name)} is no column of the transactions"
        if name not in names
        else f"{shown(name)} is the {played[name]}"
        for name in covariates
        if name not in free
    ]
    if problems:
        raise ConfigError(
            f"covariate {'; '.join(problems)}",
            expected=f"some of: {', '.join(shown(name) for name in free)}"
            if free
            else "a column without a role, and there is none",
            remedy="correct the name; a covariate of partners is a column of the partner table",
        )


def _judge(source: SourceTable, roles: Mapping[str, str], ledger: Ledger, rules: Rules) -> _Judged:
    """Decide of every row whether it stays, and what its money is."""
    size = source.table.num_rows
    findings = screen(source, roles, ledger, rules)
    money = ledger.signed_micros.copy()
    rows = _usable_rows(ledger, money, rejecting_finding(findings, rows=size))
    again = duplicate_finding(rows, size=size, rules=rules, column=roles.get("transaction_id"))
    notes = order_notes(source, roles, rows, again)
    if again is not None:
        findings.append(again)
        if again.kind == "reject":
            rows = rows[~again.mask[rows["place"].to_numpy()]]
    turned = reversal_rows(rows)
    place = rows["place"].to_numpy()
    money[place[turned]] *= -1
    rows = rows.assign(amount=money[place], reversed=rows["reversed"] & ~turned)
    refunded, twice = own_refunds(rows)
    notes += refund_notes(ledger, rows, turned=turned, twice=twice)
    rows = rows.assign(refunded=refunded)
    is_refund = np.zeros(size, dtype=bool)
    is_refund[place] = (money[place] < 0) | (refunded > 0)
    refused = refund_finding(is_refund, rules=rules, column=roles["amount"])
    if refused is not None:
        findings.append(refused)
    return _Judged(
        rows=rows,
        money=money,
        findings=findings,
        which=rejecting_finding(findings, rows=size),
        notes=notes,
    )


def _usable_rows(ledger: Ledger, money: IntArray, which: IntArray) -> pd.DataFrame:
    none = np.full(len(money), -1, dtype=np.int64)
    zero = np.zeros(len(money), dtype=np.int64)
    if np.abs(money).sum(dtype=np.float64) > MOST_MONEY:
        raise TransactionError(
            "the amounts add up to more than nine million million",
            expected="a sum that can be kept exact to the millionth in 64 bits",
            remedy="express all amounts in thousands",
        )
    rows = pd.DataFrame(
        {
            "place": np.arange(len(money)),
            "partner": ledger.partner.codes,
            "customer": ledger.customer.codes,
            "order": none if ledger.order is None else ledger.order.codes,
            "stream": none if ledger.stream is None else ledger.stream.codes,
            "day": ledger.days.day,
            "second": ledger.days.second,
            "amount": money,
            "refunded": zero if ledger.refunded is None else np.abs(ledger.refunded.micros),
            "reversed": ledger.reversed & ~ledger.typed_refund,
            "type": none if ledger.type is None else ledger.type.codes,
            "status": none if ledger.status is None else ledger.status.codes,
        }
    )
    return rows[which < 0]


def _reading_account(
    source: SourceTable,
    roles: Mapping[str, str],
    ledger: Ledger,
    rules: Rules,
    judged: _Judged,
) -> Account:
    kept = judged.which < 0
    lines = [
        account_line(
            "kept",
            reason,
            explanation,
            row=source.row[mask],
            money_in=judged.money[mask],
            money_out=judged.money[mask],
        )
        for reason, explanation, mask in (
            ("sale", "sales, amounts of zero included", kept & (judged.money >= 0)),
            ("refund", "refunds, to be taken off sales", kept & (judged.money < 0)),
        )
    ]
    for i, finding in enumerate(judged.findings):
        mask = judged.which == i
        lines.append(
            account_line(
                "rejected",
                finding.reason,
                finding.text,
                row=source.row[mask],
                money_in=judged.money[mask],
                examples=first_examples(source, mask, finding.column),
            )
        )
    bad = source.malformed
    none = np.zeros(len(bad), dtype=np.int64)
    lines.append(
        account_line(
            "rejected",
            "malformed_line",
            "not as many fields as the header has",
            row=np.array([line.row for line in bad], dtype=np.int64),
            money_in=none,
            examples=[shown(line.text) for line in bad[:FIRST]],
        )
    )
    return Account(
        source=Path(source.name).name,
        rows_read=source.table.num_rows + len(bad),
        columns=roles,
        lines=tuple(line for line in lines if line.rows),
        notes=(*reading_notes(source, roles, ledger, rules), *judged.notes),
        currency=_one_currency(ledger, rules),
        timezone=(rules.timezone or "UTC") if ledger.days.zoned.any() else rules.timezone,
    )


def _one_currency(ledger: Ledger, rules: Rules) -> str | None:
    if rules.currency is not None:
        return rules.currency.strip().upper()
    if ledger.currency is None or len(ledger.currency.names) != 1:
        return None
    return str(ledger.currency.names[0].as_py())


def _nothing_left(account: Account, rejects: pd.DataFrame) -> TransactionError:
    reasons = ", ".join(f"{line.reason} {line.rows:,}" for line in account.lines)
    return TransactionError(
        f"none of the {account.rows_read:,} rows in {account.source} can be used ({reasons})",
        expected="at least one row with partner, customer, date and amount",
        remedy="check the columns used: "
        + ", ".join(f"{role} = {shown(name)}" for role, name in account.columns.items()),
        account=account,
        rejects=rejects,
    )


def _frame(source: SourceTable, ledger: Ledger, judged: _Judged) -> pd.DataFrame:
    rows = judged.rows
    place = rows["place"].to_numpy()
    frame = pd.DataFrame(
        {
            "row": source.row[place],
            "partner_id": _names(ledger.partner, place),
            "customer_id": _names(ledger.customer, place),
            "day": rows["day"].to_numpy(),
            "amount_micros": rows["amount"].to_numpy(),
            "refunded_micros": rows["refunded"].to_numpy(),
            "transaction_id": _names(ledger.order, place),
        }
    )
    if ledger.stream is not None:
        frame["revenue_stream"] = _names(ledger.stream, place)
    for name, covariate in ledger.covariates.items():
        frame[f"{PREFIX}{name}"] = covariate.cells.array[place]
    return frame


def _names(ids: Ids | None, place: IntArray) -> pd.Series[str]:
    if ids is None:
        return pd.Series([None] * len(place), dtype="str")
    codes = ids.codes[place]
    text: pd.Series[str] = ids.names.take(pa.array(codes, mask=codes < 0)).to_pandas()
    return text.astype("str")


def _rejected_rows(source: SourceTable, judged: _Judged) -> pd.DataFrame:
    place = np.flatnonzero(judged.which >= 0)
    table = source.table.take(pa.array(place))
    found = [judged.findings[i] for i in judged.which[place]]
    bad = source.malformed
    rejects = {
        "row": [*source.row[place].tolist(), *(line.row for line in bad)],
        "reason": [*(each.reason for each in found), *("malformed_line" for _ in bad)],
        "detail": [
            *(each.text for each in found),
            *(f"{line.fields} fields instead of {line.expected}: {line.text}" for line in bad),
        ],
    }
    for name in table.column_names:
        label = name
        while label in rejects:
            label = f"source {label}"
        rejects[label] = [*all_text(table[name], name=name), *(None for _ in bad)]
    frame = pd.DataFrame(rejects).astype({"row": "int64"})
    texts = {label: "str" for label in rejects if label != "row"}
    return frame.astype(texts).sort_values("row", kind="stable", ignore_index=True)


def write_rejects(rejects: pd.DataFrame, path: str | Path, *, overwrite: bool = False) -> None:
    """Write rejected rows to a CSV file that is safe to open in a spreadsheet.

    Parameters
    ----------
    rejects : pandas.DataFrame
        ``Transactions.rejects`` or ``TransactionError.rejects``.
    path : str or pathlib.Path
    overwrite : bool
        Replace a file of that name.

    Raises
    ------
    OutputExistsError
        The file is already there and ``overwrite`` is False.
    ConfigError
        The file can't be written.

    Notes
    -----
    Cells and headers that a spreadsheet would take for a formula (they begin with ``= + - @``, a
    tab or a line break) get an apostrophe in front.
    """
    safe = rejects.rename(columns=spreadsheet_safe)
    for label, values in rejects.items():
        if label != "row":
            safe[spreadsheet_safe(str(label))] = [
                None if pd.isna(value) else spreadsheet_safe(str(value)) for value in values
            ]
    with whole_file(Path(path), overwrite=overwrite) as made:
        safe.to_csv(made, index=False, encoding="utf-8", lineterminator="\r\n")
