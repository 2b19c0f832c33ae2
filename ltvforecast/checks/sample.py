"""Which customers the checks look at, with their purchase days where these are known."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ltvforecast.checks.clock import ages_on_clock
from ltvforecast.data.refunds import net_refunds
from ltvforecast.data.summary import DAYS_PER_UNIT
from ltvforecast.fit_types import FittedModel
from ltvforecast.transaction_types import MICROS, CustomerSummary, Transactions
from ltvforecast.types import FloatArray, IntArray

__all__ = ["MOST_CUSTOMERS", "Purchases", "Sample", "purchases_until", "take_sample"]

MOST_CUSTOMERS = 20_000
"""More customers than these make the checks slower and no verdict different."""
EPOCH = dt.date(1970, 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchases:
    """Purchase days: one entry for each customer and day on which it bought.

    Attributes
    ----------
    customer : int64 array, shape (n,)
        Index into the customers of the sample; rising.
    day : int64 array, shape (n,)
        Days since 1970-01-01; rising within a customer.
    amount : float64 array, shape (n,)
    """

    customer: IntArray
    day: IntArray
    amount: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The customers that are looked at: all, or as many as are enough.

    Attributes
    ----------
    customers : pandas.DataFrame
        Rows of ``CustomerSummary.customers``, numbered from 0.
    rows : int64 array, shape (n,)
        Their places in the summary.
    share : float
        Of all customers, those looked at.
    first_day : int64 array, shape (n,)
        Day of the first purchase, since 1970-01-01.
    age : float64 array, shape (n,)
        In the model's time unit, by its clock.
    as_of_day : int
    days_per_unit : float
        Of the model's time unit.
    transactions : Transactions or None
        Of these customers; None where the model was made without them.
    purchases : Purchases or None
        Up to ``as_of_day``, refunds taken off as known then.
    """

    customers: pd.DataFrame
    rows: IntArray
    share: float
    first_day: IntArray
    age: FloatArray
    as_of_day: int
    days_per_unit: float
    transactions: Transactions | None = None
    purchases: Purchases | None = None


def take_sample(
    model: FittedModel, *, rng: np.random.Generator, most: int = MOST_CUSTOMERS
) -> Sample:
    """Choose the customers to look at.

    Parameters
    ----------
    model : FittedModel
    rng : numpy.random.Generator
    most : int
        Of more customers than these, so many are drawn.

    Returns
    -------
    Sample
    """
    summary = model.summary
    rows = np.arange(len(summary))
    if len(rows) > most:
        rows = np.sort(rng.choice(rows, most, replace=False))
    customers = summary.customers.iloc[rows].reset_index(drop=True)
    unit = DAYS_PER_UNIT[summary.time_unit]
    as_of_day = (summary.as_of - EPOCH).days
    days = np.round(customers["T"].to_numpy(np.float64) * unit).astype(np.int64)
    theirs = _their_transactions(summary, customers)
    return Sample(
        customers=customers,
        rows=rows,
        share=len(rows) / len(summary),
        first_day=as_of_day - days,
        age=ages_on_clock(model)[rows],
        as_of_day=as_of_day,
        days_per_unit=unit,
        transactions=theirs,
        purchases=None
        if theirs is None
        else purchases_until(theirs, as_of_day, customer_ids=pd.Index(customers["customer_id"])),
    )


def purchases_until(
    transactions: Transactions, as_of_day: int, *, customer_ids: pd.Index[str]
) -> Purchases:
    """List the purchase days up to a date, with refunds as known then.

    Parameters
    ----------
    transactions : Transactions
    as_of_day : int
    customer_ids : pandas.Index
        The customers to number; purchases of others are left out.

    Returns
    -------
    Purchases
    """
    netted = net_refunds(transactions, as_of=EPOCH + dt.timedelta(days=as_of_day)).frame
    netted = netted[netted["day"] <= as_of_day]
    customer = customer_ids.get_indexer(pd.Index(netted["customer_id"]))
    mine = customer >= 0
    day = netted["day"].to_numpy(np.int64)[mine]
    days = (
        pd.DataFrame(
            {
                "customer": customer[mine].astype(np.int64),
                "day": day,
                "amount_micros": netted["amount_micros"].to_numpy(np.int64)[mine],
            }
        )
        .groupby(["customer", "day"], sort=True)["amount_micros"]
        .sum()
        .reset_index()
    )
    return Purchases(
        customer=days["customer"].to_numpy(np.int64),
        day=days["day"].to_numpy(np.int64),
        amount=days["amount_micros"].to_numpy(np.float64) / MICROS,
    )


def _their_transactions(summary: CustomerSummary, customers: pd.DataFrame) -> Transactions | None:
    known = summary.transactions
    if known is None or len(customers) == len(summary):
        return known
    frame = known.frame
    mine = frame["customer_id"].isin(customers["customer_id"])
    return Transactions(
        frame=frame[mine], rejects=known.rejects, quality=known.quality, refunds=known.refunds
    )
