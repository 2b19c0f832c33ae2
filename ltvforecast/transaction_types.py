"""The frozen records of transactions: their account, and what is known of every customer.

Money inside :class:`Transactions` is in whole millionths of the currency unit, so that sums are
exact.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd

from ltvforecast.types import FloatArray, IntArray, TimeUnit

__all__ = [
    "MICROS",
    "Account",
    "AccountLine",
    "Allocation",
    "CustomerSummary",
    "Disposition",
    "Transactions",
]

Disposition = Literal["kept", "adjusted", "rejected"]
MICROS = 1_000_000
"""Millionths in one unit of money."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountLine:
    """One reason for which rows were kept, adjusted or rejected, and the money it touched.

    Attributes
    ----------
    disposition : {"kept", "adjusted", "rejected"}
    reason : str
        Short fixed name, for example ``"duplicate"``.
    explanation : str
        The same in plain words, with what was done.
    rows : int
    money_in_micros, money_out_micros : int
        Signed money on these rows as read (refunds negative), and what of it became purchases.
        Rows whose amount can't be read count as 0 money.
    first_rows : tuple of int
        The first few rows concerned, as numbered in the source.
    examples : tuple of str
        What stood there, for the same rows.
    """

    disposition: Disposition
    reason: str
    explanation: str
    rows: int
    money_in_micros: int
    money_out_micros: int
    first_rows: tuple[int, ...] = ()
    examples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Every row and every unit of money of a source: kept, adjusted or rejected; it adds up.

    The rows of ``lines`` sum to ``rows_read``; their ``money_in_micros`` to the money read.
    """

    source: str
    rows_read: int
    columns: Mapping[str, str]
    lines: tuple[AccountLine, ...]
    notes: tuple[str, ...] = ()
    currency: str | None = None
    timezone: str | None = None

    @property
    def money_read_micros(self) -> int:
        """Signed money on all readable rows, in millionths."""
        return sum(line.money_in_micros for line in self.lines)

    @property
    def money_kept_micros(self) -> int:
        """Money that became purchases, in millionths."""
        return sum(line.money_out_micros for line in self.lines)

    def rows_with(self, disposition: Disposition) -> int:
        """Count the rows with this disposition."""
        return sum(line.rows for line in self.lines if line.disposition == disposition)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transactions:
    """Validated rows, refunds not yet netted (what counts as refunded depends on ``as_of``).

    Attributes
    ----------
    frame : pandas.DataFrame
        One row a transaction: ``row`` (int64, as numbered in the source), ``partner_id`` and
        ``customer_id`` (str), ``day`` (int64, days since 1970-01-01), ``amount_micros`` (int64;
        sales >= 0, refunds < 0), ``refunded_micros`` (int64 >= 0, already known to be refunded
        on this very row), ``transaction_id`` (str or missing), ``revenue_stream`` (only if given).
    rejects : pandas.DataFrame
        Rejected rows: ``row``, ``reason``, ``detail`` and the source's own columns as text.
    quality : Account
        Account of the reading alone, before refunds are netted and ``as_of`` is applied.
    refunds : {"net", "drop", "error"}
        What to do with refunds when they are netted.
    """

    frame: pd.DataFrame
    rejects: pd.DataFrame
    quality: Account
    refunds: Literal["net", "drop", "error"] = "net"


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation:
    """How the partner of a future purchase is drawn, for customers with several partners.

    A customer's shares are ``(1 - novelty) * share + novelty * programme share``; in each draw
    they vary as a Dirichlet with this ``concentration`` (infinite: no variation).

    Attributes
    ----------
    rule : {"share", "first", "last", "linear", "position"}
    half_life_days : float
        Recency weighting of past value; infinite = none.
    novelty : float
        Probability that a purchase goes to a partner drawn from the whole programme.
    concentration : float
    how : str
        Plain words: how these were chosen, and from how many purchases.
    """

    rule: str
    half_life_days: float = np.inf
    novelty: float = 0.0
    concentration: float = np.inf
    how: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerSummary:
    """What the models need to know of every customer, and what the roll-up needs of partners.

    Attributes
    ----------
    customers : pandas.DataFrame
        Sorted by ``customer_id``, one row a customer: ``customer_id`` (str), ``partner_id`` (str,
        the main one: largest share), ``frequency`` (int64, repeat purchase days), ``recency`` and
        ``T`` (float64, in ``time_unit``), ``monetary_value`` (float64, mean value of the repeat
        purchase days, 0 if there are none), ``first_value`` (float64, value of the first purchase
        day), ``spend_n`` (int64, purchase days with value > 0, first included), ``spend_sum``,
        ``spend_log_sum`` (float64, over those days), ``revenue_to_date`` (float64),
        ``first_partner`` (str, the acquiring one: of the largest amount on the first day).
    partner_ids : tuple of str
        Sorted. Index into it is "partner" in the arrays below.
    share_start : int64 array, shape (n_customers + 1,)
    share_partner : int64 array, shape (n_shares,)
    share_weight : float64 array, shape (n_shares,)
        Compressed rows: the partners of customer ``i`` are
        ``share_partner[share_start[i]:share_start[i + 1]]``, with weights that add to one.
    programme_share : float64 array, shape (n_partners,)
        Recency-weighted share of each partner in the whole programme; adds to one.
    history : pandas.DataFrame
        ``partner_id``, ``day`` (int64), ``revenue`` (float64), ``purchases`` (int64): one row per
        partner and day with any purchase up to ``as_of``.
    partner_customers : int64 array, shape (n_partners,)
        Distinct customers who ever bought through each partner.
    as_of : datetime.date
        End of the last day the model may know of.
    time_unit : {"day", "week", "month"}
    allocation : Allocation
    account : Account
        Complete account, refunds netted and ``as_of`` applied.
    warnings : tuple of str
        Model-fitness warnings in plain words.
    fingerprint : str
        SHA-256 over the summary's content.
    transactions : Transactions or None
        What it was made from, as far as known at ``as_of``; not saved with a model.
    partner_table : pandas.DataFrame or None
        What the user told of partners: ``partner_id``, ``segment``, and any covariates and money
        terms; one row a partner, those without any transaction included.
    covariates : pandas.DataFrame or None
        Covariates of customers, one row a customer in the order of ``customers``.
    stream_history : pandas.DataFrame or None
        Revenue by partner and revenue stream, first purchases apart
        (see :func:`ltvforecast.data.stream_history.stream_history`); None without streams.
    """

    customers: pd.DataFrame
    partner_ids: tuple[str, ...]
    share_start: IntArray
    share_partner: IntArray
    share_weight: FloatArray
    programme_share: FloatArray
    history: pd.DataFrame
    partner_customers: IntArray
    as_of: dt.date
    time_unit: TimeUnit
    allocation: Allocation
    account: Account
    warnings: tuple[str, ...] = ()
    fingerprint: str = ""
    transactions: Transactions | None = field(default=None, repr=False, compare=False)
    partner_table: pd.DataFrame | None = field(default=None, repr=False, compare=False)
    covariates: pd.DataFrame | None = field(default=None, repr=False, compare=False)
    stream_history: pd.DataFrame | None = field(default=None, repr=False, compare=False)

    def __len__(self) -> int:
        """Count the customers."""
        return len(self.customers)
