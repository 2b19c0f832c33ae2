"""Refunds taken off the purchases they belong to, as far as they are known at the as-of date."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from ltvforecast.data.account import account_line, money_text
from ltvforecast.data.findings import FIRST, BoolArray
from ltvforecast.transaction_types import Account, AccountLine, Transactions
from ltvforecast.types import IntArray

__all__ = ["NettedPurchases", "net_refunds"]

EPOCH = dt.date(1970, 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class NettedPurchases:
    """Purchases without their refunds, and the complete account.

    Attributes
    ----------
    frame : pandas.DataFrame
        One row a purchase, in the order of the source: ``row``, ``partner_id``, ``customer_id``,
        ``day``, ``amount_micros`` (int64, >= 0, refunds taken off) and, if the source has it,
        ``revenue_stream``.
    account : Account
        Every row read and its money: kept, adjusted or rejected, up to the as-of date.
    """

    frame: pd.DataFrame
    account: Account


@dataclass(frozen=True, slots=True, kw_only=True)
class _Settled:
    """What of each sale is left, and what of each refund found a sale."""

    left: IntArray
    purchase: BoolArray
    matched: IntArray


def net_refunds(transactions: Transactions, *, as_of: dt.date) -> NettedPurchases:
    """Set aside what happened after a date, and take the refunds known by then off the purchases.

    A refund with the transaction id of one of the customer's orders is taken off that order, from
    lines of its own revenue stream first, and not beyond that order's money. Any other refund is
    taken off the customer's nearest earlier purchase (on the same day at the earliest, the largest
    first), and where it is larger, off the one before, and so on. The money leaves the partner of
    the purchase. What is refunded whole is no purchase; a purchase of zero stays one.

    Parameters
    ----------
    transactions : Transactions
    as_of : datetime.date
        End of the last day that may be known of.

    Returns
    -------
    NettedPurchases
        Empty if nothing was bought up to ``as_of``.

    Notes
    -----
    None of it depends on the order of the rows. Refunds told on the sale's own row have no date
    and count as known. With ``refunds="drop"`` sales stay as they are and refunds are rejected.

    Examples
    --------
    >>> from ltvforecast.data.transactions import read_transactions
    >>> frame = pd.DataFrame({"partner_id": "p", "customer_id": "c",
    ...                       "date": ["2025-01-01", "2025-01-05", "2025-01-09"],
    ...                       "amount": [30.0, 20.0, -25.0]})
    >>> netted = net_refunds(read_transactions(frame), as_of=dt.date(2025, 1, 31))
    >>> netted.frame[["row", "day", "amount_micros"]]
       row    day  amount_micros
    0    1  20089       25000000
    """
    frame = transactions.frame.reset_index(drop=True)
    late = (frame["day"] > (as_of - EPOCH).days).to_numpy()
    known = frame[~late].reset_index(drop=True)
    drop = transactions.refunds == "drop"
    settled = _settle(known.assign(refunded_micros=0) if drop else known, ignore_rows=drop)
    lines = [
        *_sale_lines(known, settled),
        *(_ignored_lines(known) if drop else _refund_lines(known, settled)),
        account_line(
            "rejected",
            "after_as_of",
            f"after the as-of date, {as_of}",
            row=frame["row"].to_numpy()[late],
            money_in=frame["amount_micros"].to_numpy()[late],
        ),
        *(line for line in transactions.quality.lines if line.disposition == "rejected"),
    ]
    told = int((known["refunded_micros"] > 0).sum()) if drop else 0
    notes = [
        *transactions.quality.notes,
        *([f"{told:,} sales tell of refunds, which were left out of account"] if told else []),
    ]
    columns = ["row", "partner_id", "customer_id", "day", "amount_micros", "revenue_stream"]
    purchases = known.assign(amount_micros=settled.left)[settled.purchase]
    return NettedPurchases(
        frame=purchases[[name for name in columns if name in frame]].reset_index(drop=True),
        account=replace(
            transactions.quality,
            lines=tuple(line for line in lines if line.rows or line.money_in_micros),
            notes=tuple(notes),
        ),
    )


# --- settling ----------------------------------------------------------------------------------


def _settle(known: pd.DataFrame, *, ignore_rows: bool) -> _Settled:
    """Match refund rows with sales; all money is in whole micros, so all sums are exact."""
    amount = known["amount_micros"].to_numpy()
    is_sale = amount >= 0
    left = np.where(is_sale, amount - known["refunded_micros"].to_numpy(), 0)
    work = known.assign(
        left=left,
        owed=np.where(is_sale, 0, -amount),
        customer=pd.factorize(known["customer_id"])[0],
        order=pd.factorize(known["transaction_id"])[0],  # -1: none
    )
    matched = np.zeros(len(known), dtype=np.int64)
    if not is_sale.all() and not ignore_rows:
        identified = _match_orders(work)
        _match_customers(work, identified)
        left = work["left"].to_numpy()
        matched = -np.minimum(amount, 0) - work["owed"].to_numpy()
    purchase = is_sale & ((left > 0) | ((amount == 0) & ~_in_refunded_order(work)))
    return _Settled(left=left, purchase=purchase, matched=matched)


def _match_orders(work: pd.DataFrame) -> BoolArray:
    """Take refunds off the order they name; say which refunds named one that is there."""
    is_sale = (work["amount_micros"] >= 0).to_numpy()
    place = np.flatnonzero(_shares(work["order"], ~is_sale) & (work["order"] >= 0).to_numpy())
    some = work.iloc[place]
    groups = _codes(some, ["customer", "order"])
    if "revenue_stream" in work:
        _take_latest(work, place, _codes(some, ["customer", "order", "revenue_stream"]))
    _take_latest(work, place, groups)
    _take_any(work, place, groups)  # what is left of refunds dated before their sale
    identified = np.zeros(len(work), dtype=bool)
    identified[place] = np.isin(groups, groups[is_sale[place]])
    return identified


def _match_customers(work: pd.DataFrame, identified: BoolArray) -> None:
    """Take the other refunds off their customer's purchases."""
    loose = ~identified & (work["owed"] > 0).to_numpy()
    theirs = _shares(work["customer"], loose)
    place = np.flatnonzero(theirs & (loose | (work["left"] > 0).to_numpy()))
    _take_latest(work, place, work["customer"].to_numpy()[place])


def _shares(codes: pd.Series[int], mask: BoolArray) -> BoolArray:
    """Mask all rows whose code is one of those under a mask."""
    values = codes.to_numpy()
    wanted = np.zeros(int(values.max(initial=-1)) + 2, dtype=bool)  # the last one is for -1
    wanted[values[mask]] = True
    return wanted[values]


def _codes(rows: pd.DataFrame, key: list[str]) -> IntArray:
    return np.asarray(rows.groupby(key, sort=False, dropna=False).ngroup(), dtype=np.int64)


def _take_latest(work: pd.DataFrame, place: IntArray, groups: IntArray) -> None:
    """Take each refund off the nearest earlier sales of its group, and so on back in time."""
    stream = ["revenue_stream"] if "revenue_stream" in work else []
    events = work.iloc[place].assign(place=place, group=groups)
    # sales before refunds of the same day; of sales the largest last, for it is taken first
    events["refund"] = events["owed"] > 0
    events["size"] = events["amount_micros"].abs()
    content = ["size", "transaction_id", "partner_id", *stream, "row"]
    events = events[events["refund"] | (events["left"] > 0)]
    events = events.sort_values(["group", "day", "refund", *content])
    money = dict(
        zip(events["place"].tolist(), (events["left"] + events["owed"]).tolist(), strict=True)
    )
    standing: list[int] = []
    last = -1
    for at, group, refund in zip(
        events["place"].tolist(), events["group"].tolist(), events["refund"].tolist(), strict=True
    ):
        if group != last:
            standing, last = [], group
        if not refund:
            standing.append(at)
            continue
        while money[at] and standing:
            taken = min(money[at], money[standing[-1]])
            money[at] -= taken
            money[standing[-1]] -= taken
            if not money[standing[-1]]:
                standing.pop()
    left_over = np.array([money[at] for at in events["place"].tolist()], dtype=np.int64)
    for name, mask in (("left", ~events["refund"]), ("owed", events["refund"])):
        values = work[name].to_numpy().copy()
        values[events["place"].to_numpy()[mask.to_numpy()]] = left_over[mask.to_numpy()]
        work[name] = values


def _take_any(work: pd.DataFrame, place: IntArray, groups: IntArray) -> None:
    """Take what is still owed in a group off what is left in it, whatever the dates."""
    stream = ["revenue_stream"] if "revenue_stream" in work else []
    some = work.iloc[place].assign(place=place, group=groups)
    open_groups = some.loc[some["owed"] > 0, "group"].unique()
    if not len(open_groups):
        return
    some = some[some["group"].isin(open_groups)]
    some = some.sort_values(["group", "day", "amount_micros", "partner_id", *stream, "row"])
    by_group = some.groupby("group", sort=False)
    both = by_group[["left", "owed"]].transform("sum").min(axis=1)
    for name in ("left", "owed"):
        before = by_group[name].cumsum() - some[name]
        values = work[name].to_numpy().copy()
        values[some["place"].to_numpy()] -= (
            (both - before).clip(lower=0, upper=some[name]).to_numpy()
        )
        work[name] = values


def _in_refunded_order(work: pd.DataFrame) -> BoolArray:
    """Find the rows of orders of which no money is left although there was some."""
    amount = work["amount_micros"].to_numpy()
    found = np.zeros(len(work), dtype=bool)
    free = (amount == 0) & (work["order"] >= 0).to_numpy()
    place = np.flatnonzero(_shares(work["order"], free) & (work["order"] >= 0) & (amount >= 0))
    if place.size:
        codes = _codes(work.iloc[place], ["customer", "order"])
        money = np.zeros((2, codes.max() + 1), dtype=bool)
        np.logical_or.at(money[0], codes, amount[place] > 0)
        np.logical_or.at(money[1], codes, work["left"].to_numpy()[place] > 0)
        found[place] = (money[0] & ~money[1])[codes]
    return found


# --- the account -------------------------------------------------------------------------------


def _sale_lines(known: pd.DataFrame, settled: _Settled) -> Sequence[AccountLine]:
    row, amount = known["row"].to_numpy(), known["amount_micros"].to_numpy()
    is_sale = amount >= 0
    whole = settled.purchase & (settled.left == amount)
    partly = settled.purchase & ~whole
    gone = is_sale & ~settled.purchase
    return [
        account_line(
            "kept",
            "purchase",
            "purchases, amounts of zero included",
            row=row[whole],
            money_in=amount[whole],
            money_out=settled.left[whole],
        ),
        account_line(
            "adjusted",
            "partly_refunded",
            "sales of which a part was refunded; the rest is the purchase",
            row=row[partly],
            money_in=amount[partly],
            money_out=settled.left[partly],
        ),
        account_line(
            "adjusted",
            "fully_refunded",
            "sales refunded whole or undone, which are no purchases",
            row=row[gone],
            money_in=amount[gone],
        ),
    ]


def _refund_lines(known: pd.DataFrame, settled: _Settled) -> Sequence[AccountLine]:
    row, amount = known["row"].to_numpy(), known["amount_micros"].to_numpy()
    found = settled.matched > 0
    rest = -np.minimum(amount, 0) - settled.matched
    partly = int((found & (rest > 0)).sum())
    explanation = "refunds for which no purchase, or not enough of one, was there to take them off"
    if partly:
        explanation += f"; with the rest of {partly:,} of the rows netted"
    nowhere = account_line(
        "rejected",
        "refund_without_purchase",
        explanation,
        row=row[(rest > 0) & ~found],
        money_in=-rest[rest > 0],
    )
    first = np.sort(row[rest > 0])[:FIRST]
    return [
        account_line(
            "adjusted",
            "refund_netted",
            "refunds, taken off the sales above",
            row=row[found],
            money_in=-settled.matched[found],
        ),
        replace(nowhere, first_rows=tuple(first.tolist())),
    ]


def _ignored_lines(known: pd.DataFrame) -> Sequence[AccountLine]:
    refund = (known["amount_micros"] < 0).to_numpy()
    money = known["amount_micros"].to_numpy()[refund]
    return [
        account_line(
            "rejected",
            "refund_ignored",
            f"refunds worth {money_text(int(-money.sum()))}, which were to be left out of account",
            row=known["row"].to_numpy()[refund],
            money_in=money,
        )
    ]
