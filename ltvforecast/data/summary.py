"""Transactions to customer summary: what each customer did up to the as-of date, and for whom."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import numpy.typing as npt
import pandas as pd
from narwhals.stable.v2.typing import IntoFrame

from ltvforecast.data.acquisitions import first_purchases
from ltvforecast.data.attribution import Attribution, Shares, allocation_by_rule, customer_shares
from ltvforecast.data.covariate_columns import customer_covariates
from ltvforecast.data.fitness import fitness_warnings
from ltvforecast.data.partner_merge import merge_partners
from ltvforecast.data.partner_table import PartnerTable, read_partners
from ltvforecast.data.refunds import net_refunds
from ltvforecast.data.stream_history import stream_history, stream_notes
from ltvforecast.data.transactions import read_transactions
from ltvforecast.errors import SummaryError
from ltvforecast.transaction_types import MICROS, CustomerSummary, Transactions
from ltvforecast.types import IntArray, TimeUnit

__all__ = ["DAYS_PER_UNIT", "customer_table", "summarize"]

DAYS_PER_UNIT: dict[TimeUnit, float] = {"day": 1.0, "week": 7.0, "month": 365.25 / 12}
EPOCH = dt.date(1970, 1, 1)


def summarize(
    transactions: Transactions | IntoFrame,
    *,
    as_of: dt.date | str | None = None,
    attribution: Attribution = "share",
    time_unit: TimeUnit = "day",
    partners: PartnerTable | IntoFrame | str | Path | None = None,
) -> CustomerSummary:
    """Summarise every customer's purchases up to a date, and share its value among its partners.

    Purchases are counted on whole customers, whatever the number of their partners; several on
    one day are one purchase.

    Parameters
    ----------
    transactions : Transactions or dataframe
        Validated transactions; a dataframe (pandas, Polars, PyArrow, DuckDB, ...) is first read
        with :func:`ltvforecast.read_transactions`.
    as_of : datetime.date, ISO date text or None
        End of the last day the summary may know of. None: the last day in the data.
    attribution : {"share", "first", "last", "linear", "position", "error"}
        How a customer with several partners is shared out
        (see :func:`ltvforecast.data.attribution.customer_shares`).
    time_unit : {"day", "week", "month"}
        Unit of ``recency`` and ``T``. A month is 365.25 / 12 days.
    partners : PartnerTable, dataframe, str or pathlib.Path, optional
        Segments, covariates and money terms of partners; anything but a
        :class:`ltvforecast.data.partner_table.PartnerTable` is first read with
        :func:`ltvforecast.read_partners`.

    Returns
    -------
    CustomerSummary

    Raises
    ------
    SummaryError
        No purchases up to ``as_of``, a date that can't be read, or, with ``"error"``, customers
        with several partners; a partner table that can't be used, or of which no partner has a
        transaction.
    TransactionError
        From reading a dataframe that can't be trusted as it is.

    References
    ----------
    Fader, Hardie & Lee (2005), Marketing Science 24(2), 275-284, section 3: the customer history
    is (x, t_x, T).

    Examples
    --------
    >>> frame = pd.DataFrame({"partner_id": ["p", "p", "q"], "customer_id": ["c", "c", "d"],
    ...                       "date": ["2025-01-01", "2025-01-11", "2025-01-05"],
    ...                       "amount": [10.0, 30.0, 20.0]})
    >>> summary = summarize(frame, as_of="2025-01-31")
    >>> summary.customers[["customer_id", "frequency", "recency", "T", "monetary_value"]]
      customer_id  frequency  recency     T  monetary_value
    0           c          1     10.0  30.0            30.0
    1           d          0      0.0  26.0             0.0
    """
    if time_unit not in DAYS_PER_UNIT:
        raise SummaryError(
            f"time unit {time_unit!r}", expected="day, week or month", remedy="choose one of these"
        )
    if isinstance(transactions, Transactions):
        known = transactions
    else:
        known = read_transactions(transactions)
    end = _as_of_date(as_of, known)
    as_of_day = (end - EPOCH).days
    netted = net_refunds(known, as_of=end)
    purchases = netted.frame[netted.frame["day"] <= as_of_day]
    if purchases.empty:
        raise SummaryError(
            f"no purchase is left up to {end} ({len(known.frame):,} rows were read)",
            expected="at least one purchase that was not wholly refunded",
            remedy="choose a later as-of date, or look at the account of refunds and rejected rows",
        )
    allocation = allocation_by_rule(purchases, attribution, as_of_day=as_of_day)
    shares = customer_shares(purchases, allocation, as_of_day=as_of_day)
    days = _exact_days(purchases)
    table = customer_table(days, as_of_day=as_of_day)
    unit = DAYS_PER_UNIT[time_unit]
    customers = table.assign(recency=table["recency"] / unit, T=table["T"] / unit)
    customers.insert(1, "partner_id", _main_partner(shares))
    credit = None if allocation.rule == "share" else _credit(shares)
    history = _history(purchases, credit)
    streams = stream_history(purchases, as_of_day=as_of_day, credit=credit)
    partner_customers = _partner_customers(purchases)
    starts = first_purchases(purchases).customers  # sorted by customer, as the table is
    told = _told(partners, shares.partner_ids, known, table["customer_id"], as_of_day=as_of_day)
    return CustomerSummary(
        customers=customers.assign(first_partner=starts["first_partner"]),
        partner_ids=shares.partner_ids,
        share_start=shares.share_start,
        share_partner=shares.share_partner,
        share_weight=shares.share_weight,
        programme_share=shares.programme_share,
        history=history,
        partner_customers=partner_customers,
        as_of=end,
        time_unit=time_unit,
        allocation=allocation,
        account=replace(
            netted.account, notes=(*netted.account.notes, *stream_notes(purchases), *told.notes)
        ),
        warnings=(*fitness_warnings(purchases, table, as_of_day=as_of_day), *told.warnings),
        fingerprint=_fingerprint(
            [end.isoformat(), time_unit, repr(allocation), *shares.partner_ids],
            [customers, history, *([] if streams is None else [streams]), *told.as_text()],
            [*shares[2:], partner_customers],
        ),
        transactions=_until(known, as_of_day),
        stream_history=streams,
        partner_table=told.partners,
        covariates=told.covariates,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """What is told of partners and customers beside their purchases."""

    partners: pd.DataFrame | None
    covariates: pd.DataFrame | None
    notes: tuple[str, ...]
    warnings: tuple[str, ...]

    def as_text(self) -> list[pd.DataFrame]:
        """Give both tables as text, missing cells as none of the texts there can be."""
        return [
            frame.astype(object).where(frame.notna(), "\x01").astype(str)
            for frame in (self.partners, self.covariates)
            if frame is not None
        ]


def _told(
    partners: PartnerTable | IntoFrame | str | Path | None,
    partner_ids: Sequence[str],
    known: Transactions,
    customer_ids: Iterable[str],
    *,
    as_of_day: int,
) -> _Told:
    covariates, notes = customer_covariates(known.frame, list(customer_ids), as_of_day=as_of_day)
    if partners is None:
        return _Told(partners=None, covariates=covariates, notes=notes, warnings=())
    table = partners if isinstance(partners, PartnerTable) else read_partners(partners)
    merged = merge_partners(table, partner_ids)
    return _Told(
        partners=merged.frame,
        covariates=covariates,
        notes=(*merged.notes, *notes),
        warnings=merged.warnings,
    )


def _until(transactions: Transactions, day: int) -> Transactions:
    """Leave out every row dated after a day; nothing is copied if there is none."""
    later = transactions.frame["day"] > day
    return replace(transactions, frame=transactions.frame[~later]) if later.any() else transactions


def customer_table(frame: IntoFrame, *, as_of_day: int) -> pd.DataFrame:
    """Count and add up each customer's purchases: one expression, run where the data is.

    Parameters
    ----------
    frame : dataframe
        Anything Narwhals knows, eager or lazy (pandas, Polars, PyArrow, DuckDB relation, PySpark,
        ...), with columns ``customer_id``, ``day`` (whole days since 1970-01-01) and ``amount``
        (>= 0). Rows of one customer and day are one purchase; rows after ``as_of_day`` are left
        out.
    as_of_day : int
        The last day that counts.

    Returns
    -------
    pandas.DataFrame
        Sorted by ``customer_id``: ``customer_id``, ``frequency`` (int64), ``recency``, ``T``
        (float64, days), ``monetary_value`` (mean over repeat purchase days, free ones included;
        0 without any), ``first_value``, ``spend_n`` (int64, purchase days with value > 0),
        ``spend_sum``, ``spend_log_sum`` (over those days), ``revenue_to_date`` (float64).

    Raises
    ------
    SummaryError
        A column is missing, or a value is missing or negative.

    Examples
    --------
    >>> import pyarrow as pa
    >>> purchases = pa.table({"customer_id": ["c", "c", "c"], "day": [10, 10, 40],
    ...                       "amount": [5.0, 1.0, 8.0]})
    >>> customer_table(purchases, as_of_day=50).T[0].to_dict()  # doctest: +NORMALIZE_WHITESPACE
    {'customer_id': 'c', 'frequency': 1, 'recency': 30.0, 'T': 40.0, 'monetary_value': 8.0,
     'first_value': 6.0, 'spend_n': 2, 'spend_sum': 14.0, 'spend_log_sum': 3.8712010109078907,
     'revenue_to_date': 14.0}
    """
    lazy = nw.from_native(frame).lazy()
    missing = [c for c in ("customer_id", "day", "amount") if c not in lazy.collect_schema()]
    if missing:
        raise SummaryError(
            f"no column {', '.join(missing)}",
            expected="columns customer_id, day and amount",
            remedy="name the columns so, or start from read_transactions",
        )
    table = _by_customer(lazy, as_of_day=as_of_day).collect().to_pandas()
    if (table["unusable"] != 0).any():
        raise SummaryError(
            "a customer, day or amount is missing, or an amount is negative",
            expected="complete rows with amounts of at least 0",
            remedy="start from read_transactions, which nets refunds and rejects unreadable rows",
        )
    return _in_days(table, as_of_day=as_of_day)


def _by_customer(lazy: nw.LazyFrame[Any], *, as_of_day: int) -> nw.LazyFrame[Any]:
    """Add up days, then customers; only what every engine can do, and nothing is run yet."""
    day, amount = nw.col("day"), nw.col("amount").cast(nw.Float64)
    unusable = (
        nw.col("customer_id").is_null() | day.is_null() | amount.is_null()
        | amount.is_nan() | (amount < 0)
    )  # fmt: skip
    by_day = (
        lazy.with_columns(amount=amount, unusable=unusable.cast(nw.Int64))
        .filter((nw.col("unusable") == 1) | (day <= as_of_day))
        .group_by("customer_id", "day")
        .agg(nw.col("amount").sum(), nw.col("unusable").max())
        .with_columns(first_day=day.min().over("customer_id"))
    )
    paid = nw.col("amount") > 0
    is_first = day == nw.col("first_day")
    return (
        by_day.with_columns(
            paid=nw.when(paid).then(1).otherwise(0),
            log_amount=nw.when(paid).then(nw.col("amount")).otherwise(1.0).log(),
            first_value=nw.when(is_first).then(nw.col("amount")).otherwise(0.0),
            repeat_value=nw.when(is_first).then(0.0).otherwise(nw.col("amount")),
        )
        .group_by("customer_id")
        .agg(
            nw.col("unusable").max(),
            first_day=nw.col("first_day").min(),
            last_day=day.max(),
            days=nw.len(),
            first_value=nw.col("first_value").sum(),
            repeat_value=nw.col("repeat_value").sum(),
            spend_n=nw.col("paid").sum(),
            spend_sum=nw.col("amount").sum(),
            spend_log_sum=nw.col("log_amount").sum(),
        )
    )


def _in_days(table: pd.DataFrame, *, as_of_day: int) -> pd.DataFrame:
    table = table.astype({"customer_id": str}).sort_values("customer_id", ignore_index=True)
    first, last, days, spend_n = (
        table[c].to_numpy(np.int64) for c in ("first_day", "last_day", "days", "spend_n")
    )
    total, first_value, repeat_value, log_sum = (
        table[c].to_numpy(np.float64)
        for c in ("spend_sum", "first_value", "repeat_value", "spend_log_sum")
    )
    frequency = days - 1
    return pd.DataFrame(
        {
            "customer_id": table["customer_id"],
            "frequency": frequency,
            "recency": (last - first).astype(np.float64),
            "T": (as_of_day - first).astype(np.float64),
            "monetary_value": repeat_value / np.maximum(frequency, 1),
            "first_value": first_value,
            "spend_n": spend_n,
            "spend_sum": total,
            "spend_log_sum": log_sum,
            "revenue_to_date": total,
        }
    )


def _as_of_date(as_of: dt.date | str | None, transactions: Transactions) -> dt.date:
    frame = transactions.frame
    if frame.empty:
        raise SummaryError(
            "no transactions",
            expected="at least one purchase",
            remedy="check which rows were rejected, and why",
        )
    if as_of is None:
        return EPOCH + dt.timedelta(days=int(frame["day"].max()))
    try:
        end = as_of if isinstance(as_of, dt.date) else dt.datetime.fromisoformat(as_of)
    except ValueError as error:
        raise SummaryError(
            f"as-of date {as_of!r}",
            expected="a date such as 2025-12-31",
            remedy="write it as year-month-day",
        ) from error
    end = end.date() if isinstance(end, dt.datetime) else end
    first = EPOCH + dt.timedelta(days=int(frame["day"].min()))
    if end < first:
        raise SummaryError(
            f"the as-of date {end} is before the first transaction ({first})",
            expected=f"a date from {first} on",
            remedy="choose a later as-of date, or leave it out to use the last day in the data",
        )
    return end


def _exact_days(purchases: pd.DataFrame) -> pd.DataFrame:
    """Add up each customer's day in whole millionths: exact, and sorted, whatever the row order."""
    days = purchases.groupby(["customer_id", "day"], sort=True)["amount_micros"].sum()
    return (days / MICROS).rename("amount").reset_index()


def _history(purchases: pd.DataFrame, credit: pd.DataFrame | None) -> pd.DataFrame:
    """Add up revenue by partner and day, under the rule that the future will be shared by.

    With ``share`` (no ``credit``) a purchase counts for the partner that made it; with every
    other rule a customer's past goes where its future goes.
    """
    credited = purchases[["customer_id", "partner_id", "day", "amount_micros"]]
    if credit is not None:
        credited = credited.drop(columns="partner_id").merge(credit, on="customer_id")
        credited["amount_micros"] = credited["amount_micros"] * credited["weight"]
    grouped = credited.groupby(["partner_id", "day"], sort=True)["amount_micros"]
    history = grouped.agg(["sum", "size"]).reset_index()
    return pd.DataFrame(
        {
            "partner_id": history["partner_id"].astype(str),
            "day": history["day"].to_numpy(np.int64),
            "revenue": history["sum"].to_numpy(np.float64) / MICROS,
            "purchases": history["size"].to_numpy(np.int64),
        }
    )


def _credit(shares: Shares) -> pd.DataFrame:
    """List customer, partner and weight, one row a share."""
    return pd.DataFrame(
        {
            "customer_id": np.repeat(
                np.array(shares.customer_ids, dtype=object), np.diff(shares.share_start)
            ).astype(str),
            "partner_id": np.array(shares.partner_ids, dtype=object)[shares.share_partner].astype(
                str
            ),
            "weight": shares.share_weight,
        }
    )


def _partner_customers(purchases: pd.DataFrame) -> IntArray:
    counts = purchases.groupby("partner_id", sort=True)["customer_id"].nunique()
    return np.asarray(counts, dtype=np.int64)


def _main_partner(shares: Shares) -> npt.NDArray[np.object_]:
    customer = np.repeat(np.arange(len(shares.customer_ids)), np.diff(shares.share_start))
    order = np.lexsort((shares.share_partner, -shares.share_weight, customer))
    largest = order[shares.share_start[:-1]]
    return np.array(shares.partner_ids, dtype=object)[shares.share_partner[largest]]


def _fingerprint(
    texts: Iterable[str],
    frames: Iterable[pd.DataFrame],
    arrays: Iterable[npt.NDArray[np.generic]],
) -> str:
    """SHA-256 over names, columns and arrays, each led by its length."""
    digest = hashlib.sha256()

    def add(content: bytes) -> None:
        digest.update(len(content).to_bytes(8, "little"))
        digest.update(content)

    for text in texts:
        add(text.encode())
    for frame in frames:
        for name, column in frame.items():
            add(str(name).encode())
            if pd.api.types.is_numeric_dtype(column):
                add(column.to_numpy().astype(column.to_numpy().dtype.newbyteorder("<")).tobytes())
            else:
                add("\x00".join(column.astype(str)).encode())
    for array in arrays:
        add(np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).tobytes())
    return digest.hexdigest()
