"""Likelihood tables partner by partner, in one piece: what a hierarchical model is fitted to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ltvforecast.fitting.compress import HistoryRows, unique_rows
from ltvforecast.fitting.purchase_likelihood import PurchaseTable, purchase_table
from ltvforecast.fitting.spend_data import SpendData
from ltvforecast.fitting.spend_likelihood import SpendTable, amounts_table
from ltvforecast.types import FloatArray, IntArray

__all__ = [
    "PartnerPurchases",
    "PartnerSpend",
    "group_table",
    "partner_purchases",
    "partner_spend",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerPurchases:
    """The purchase tables of all partners, one after another.

    Attributes
    ----------
    table : PurchaseTable
    x_partner, T_partner, row_partner : int64 arrays
        Partner of every entry of ``table.x``, ``table.T`` and ``table.rows``.
    """

    table: PurchaseTable
    x_partner: IntArray
    T_partner: IntArray
    row_partner: IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerSpend:
    """The spend tables of all partners, one after another.

    Attributes
    ----------
    table : SpendTable
    S_partner : int64 array
        Partner of every entry of ``table.S``. The distribution of ``n`` is the programme's: what
        depends on ``n`` depends on no partner.
    amounts : float64 array, shape (n_partners,)
        Number of amounts of each partner.
    """

    table: SpendTable
    S_partner: IntArray
    amounts: FloatArray


def partner_purchases(
    x: FloatArray, t_x: FloatArray, T: FloatArray, partner: IntArray, *, partners: int
) -> PartnerPurchases:
    """Compress the histories of each partner's customers.

    Parameters
    ----------
    x, t_x, T : float64 array, shape (n_customers,)
        Repeat purchases, time of the last one and age, times in multiples of the mean age.
    partner : int64 array, shape (n_customers,)
        Partner of each customer, 0 to ``partners - 1``.
    partners : int
        Some may have no customer.

    Returns
    -------
    PartnerPurchases

    Raises
    ------
    SummaryError
        A history is impossible.

    Examples
    --------
    >>> x, t_x, T = np.array([0.0, 2.0, 0.0]), np.array([0.0, 0.5, 0.0]), np.ones(3)
    >>> made = partner_purchases(x, t_x, T, np.array([0, 2, 2]), partners=3)
    >>> made.x_partner.tolist(), made.row_partner.tolist()
    ([0, 2, 2], [2])
    """
    tables = [
        group_table(unique_rows(x[members], t_x[members], T[members]))
        for members in _members(partner, partners)
    ]
    rows = HistoryRows(
        x=np.concatenate([table.rows.x for table in tables]),
        t_x=np.concatenate([table.rows.t_x for table in tables]),
        T=np.concatenate([table.rows.T for table in tables]),
        weight=np.concatenate([table.rows.weight for table in tables]),
    )
    return PartnerPurchases(
        table=PurchaseTable(
            x=np.concatenate([table.x for table in tables]),
            customers_by_count=np.concatenate([table.customers_by_count for table in tables]),
            T=np.concatenate([table.T for table in tables]),
            customers_by_age=np.concatenate([table.customers_by_age for table in tables]),
            purchases_by_age=np.concatenate([table.purchases_by_age for table in tables]),
            rows=rows,
        ),
        x_partner=_repeated([len(table.x) for table in tables]),
        T_partner=_repeated([len(table.T) for table in tables]),
        row_partner=_repeated([len(table.rows) for table in tables]),
    )


def partner_spend(data: SpendData, partner: IntArray, *, partners: int) -> PartnerSpend:
    """Compress the amounts of each partner's customers.

    Parameters
    ----------
    data : SpendData
        Of the customers below, in their order.
    partner : int64 array, shape (n_customers,)
    partners : int
        Some may have no customer with an amount.

    Returns
    -------
    PartnerSpend
    """
    whole = amounts_table(data.n, data.total, data.log_total)
    parts: list[tuple[FloatArray, FloatArray, FloatArray]] = []
    amounts = np.zeros(partners)
    for number, members in enumerate(_members(partner, partners)):
        amounts[number] = data.n[members].sum()
        if len(members) == 0:
            parts.append((np.empty(0), np.empty(0), np.empty(0)))
            continue
        table = amounts_table(data.n[members], data.total[members], data.log_total[members])
        parts.append((table.S, table.weight, table.weight_n))
    return PartnerSpend(
        table=SpendTable(
            n=whole.n,
            count=whole.count,
            constant=whole.constant,
            slope=whole.slope,
            single=True,
            S=np.concatenate([part[0] for part in parts]),
            weight=np.concatenate([part[1] for part in parts]),
            weight_n=np.concatenate([part[2] for part in parts]),
        ),
        S_partner=_repeated([len(part[0]) for part in parts]),
        amounts=amounts,
    )


def _members(partner: IntArray, partners: int) -> list[IntArray]:
    order = np.argsort(partner, kind="stable")
    return np.split(order, np.cumsum(np.bincount(partner, minlength=partners))[:-1])


def group_table(rows: HistoryRows) -> PurchaseTable:
    """Make the table of customers of whom there may be none, or none older than a day.

    Parameters
    ----------
    rows : HistoryRows

    Returns
    -------
    PurchaseTable
    """
    if len(rows) > 0 and float(rows.T.max()) > 0.0:
        return purchase_table(rows)
    empty = np.empty(0)
    x, count = (rows.x[:1], rows.weight[:1]) if len(rows) else (empty, empty)
    return PurchaseTable(
        x=x,
        customers_by_count=count,
        T=empty,
        customers_by_age=empty,
        purchases_by_age=empty,
        rows=rows.part(rows.x > 0.0),
    )


def _repeated(sizes: Sequence[int]) -> IntArray:
    return np.repeat(np.arange(len(sizes)), sizes)
