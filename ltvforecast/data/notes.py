"""What a reader should know of the reading besides the account of rows and money."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import pyarrow as pa

from ltvforecast.data.account import money_text
from ltvforecast.data.columns import is_commission
from ltvforecast.data.findings import FIRST, BoolArray, Finding, cells_as_text
from ltvforecast.data.ids import Ids, all_text, same_but_case
from ltvforecast.data.ledger import Ledger, Rules
from ltvforecast.data.quoting import shown
from ltvforecast.data.source import SourceTable
from ltvforecast.types import IntArray

__all__ = ["order_notes", "reading_notes", "refund_notes"]


def order_notes(
    source: SourceTable, roles: Mapping[str, str], rows: pd.DataFrame, again: Finding | None
) -> list[str]:
    """Say what is odd about transaction ids.

    Parameters
    ----------
    source : SourceTable
    roles : mapping of str to str
    rows : pandas.DataFrame
        Usable rows, duplicates included.
    again : Finding or None
        The duplicates.

    Returns
    -------
    list of str
    """
    notes = []
    if again is not None:
        unlike = _differing_columns(source, roles, rows, again)
        if unlike:
            names = ", ".join(shown(name) for name in unlike[:FIRST])
            notes.append(
                f"some duplicates differ in {names}; if they are lines of one order, say "
                "`--duplicates keep`"
            )
    with_id = rows[rows["order"].duplicated(keep=False) & (rows["order"] >= 0)]
    customers = with_id.drop_duplicates(["order", "customer"]).groupby("order").size()
    shared = customers[customers > 1].index
    if len(shared):
        first = with_id.loc[with_id["order"].isin(shared), "place"].to_numpy()[:1]
        name = cells_as_text(source.table[roles["transaction_id"]].take(pa.array(first)))[0]
        notes.append(
            f"{len(shared):,} transaction ids stand for several customers, for example "
            f"{shown(name)}; each customer's rows were taken as a transaction of its own"
        )
    return notes


def _differing_columns(
    source: SourceTable, roles: Mapping[str, str], rows: pd.DataFrame, again: Finding
) -> list[str]:
    """Name the columns without a role in which duplicates differ from what they repeat."""
    orders = rows.loc[again.mask[rows["place"].to_numpy()], "order"]
    group = rows[rows["order"].isin(orders)]
    key = ["order", "customer", "partner", "day", "amount", "stream", "type", "status"]
    names = group.groupby(key).ngroup().to_numpy()
    table = source.table.take(pa.array(group["place"].to_numpy()))
    unlike = []
    for column in source.table.column_names:
        if column not in roles.values():
            text = np.array(all_text(table[column], name=column), dtype=object)
            pairs = pd.DataFrame({"group": names, "text": text}).drop_duplicates()
            if pairs["group"].duplicated().any():
                unlike.append(column)
    return unlike


def refund_notes(
    ledger: Ledger, rows: pd.DataFrame, *, turned: BoolArray, twice: IntArray
) -> list[str]:
    """Say how refunds were told and understood.

    Parameters
    ----------
    ledger : Ledger
    rows : pandas.DataFrame
        The rows that stay, with signed ``amount``, ``refunded`` as told and ``reversed``.
    turned : bool array, shape (n,)
        Rows read as the refund of another row.
    twice : int64 array, shape (n,)
        Money told by the row and by refund rows too.

    Returns
    -------
    list of str
    """
    place = rows["place"].to_numpy()
    notes = []
    chargebacks = ledger.chargeback[place]
    if chargebacks.any():
        money = int(rows["amount"].abs().to_numpy()[chargebacks].sum())
        notes.append(
            f"of the refunds, {int(chargebacks.sum()):,} rows worth {money_text(money)} are "
            "chargebacks or disputes"
        )
    positive = ledger.typed_refund[place] & (ledger.amounts.micros[place] > 0)
    if positive.any():
        notes.append(
            f"{int(positive.sum()):,} refund rows had positive amounts, which were read as minus"
        )
    if turned.any():
        notes.append(
            f"{int(turned.sum()):,} rows with a status of refund reverse another row of the same "
            "transaction, and were read as its refund"
        )
    if twice.any():
        notes.append(
            f"{int((twice > 0).sum()):,} sales tell of refunds that are rows of their own too, "
            f"worth {money_text(int(twice.sum()))}; these were counted once"
        )
    if rows["reversed"].any() or rows["refunded"].any():
        notes.append(
            "refunds told on the sale's own row have no date, and count as known at any as-of date"
        )
    if ledger.refunded is not None:
        over = rows["refunded"].to_numpy() - np.maximum(rows["amount"].to_numpy(), 0)
        over = over[(over > 0) & (rows["amount"].to_numpy() >= 0)]
        if over.size:
            notes.append(
                f"{over.size:,} sales tell of more money refunded than they brought, by "
                f"{money_text(int(over.sum()))}; the excess was left out"
            )
    pending = ledger.pending[place]
    if pending.any():
        notes.append(
            f"{int(pending.sum()):,} pending rows were kept; `--pending drop` rejects them"
        )
    return notes


def reading_notes(
    source: SourceTable, roles: Mapping[str, str], ledger: Ledger, rules: Rules
) -> list[str]:
    """Say how the source was read: row numbers, columns, currency, dates, ids.

    Parameters
    ----------
    source : SourceTable
    roles : mapping of str to str
    ledger : Ledger
    rules : Rules

    Returns
    -------
    list of str
    """
    numbered = {
        "line": "rows are numbered as the lines of the file, the header being line 1",
        "sheet row": "rows are numbered as in the sheet",
        "data row": "rows are numbered from 1, the header not counted",
    }
    notes = [numbered[source.row_word]]
    if source.blank_lines:
        notes.append(f"{source.blank_lines:,} blank lines were passed over")
    if is_commission(roles["amount"]):
        notes.append(
            f"the amount is column {shown(roles['amount'])}, which looks like what the partner is "
            "paid; commission is not revenue"
        )
    for covariate in ledger.covariates.values():
        notes += covariate.notes
    for role, words in (("type", ledger.type), ("status", ledger.status)):
        if words is not None and not words.is_signal:
            notes.append(
                f"column {shown(roles[role])} holds no known word for sales or refunds, and was "
                "not used"
            )
    if rules.currency and ledger.currency is None:
        notes.append(f"no row tells its currency; all amounts were taken as {rules.currency}")
    if ledger.amounts.rounded.any():
        notes.append(
            f"{int(ledger.amounts.rounded.sum()):,} amounts with more than six decimals were "
            "rounded to millionths"
        )
    notes += _date_notes(ledger, rules)
    for role, ids in (("partner_id", ledger.partner), ("customer_id", ledger.customer)):
        notes += _id_notes(role, ids)
    return notes


def _date_notes(ledger: Ledger, rules: Rules) -> list[str]:
    if ledger.days.zoned.any():
        return [f"times with a zone or offset were converted to {rules.timezone or 'UTC'} first"]
    if rules.timezone:
        return [f"no date has a zone or offset; all were taken as local in {rules.timezone}"]
    return []


def _id_notes(role: str, ids: Ids) -> list[str]:
    notes = []
    if ids.trimmed.any():
        notes.append(f"{int(ids.trimmed.sum()):,} rows had their {role} trimmed of spaces")
    alike = same_but_case(ids.names)
    if alike:
        notes.append(
            f"{len(alike):,} values of {role} differ from another one only by case, "
            f"and were kept apart: {', '.join(shown(name) for name in alike[:FIRST])}"
        )
    return notes
