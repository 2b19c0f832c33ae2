"""What people forecast partners with today: seven named baselines, by partner and by customer.

Each sees only purchases up to the origin. Those that carry forward what came through a partner
speak of its revenue in all; those that count customers, of the customers known then.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ltvforecast.errors import ForecastError
from ltvforecast.evaluate.lifetimes_baseline import lifetimes_forecast
from ltvforecast.transaction_types import MICROS
from ltvforecast.types import FloatArray, IntArray

__all__ = [
    "BASELINES",
    "KNOWN_ONLY",
    "History",
    "PointForecast",
    "baseline_forecast",
    "history_until",
]

DAYS_PER_YEAR = 365.25


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Purchases known at an origin, as codes.

    Attributes
    ----------
    partner_ids, customer_ids : tuple of str
        Sorted.
    partner, customer : int64 array, shape (n_purchases,)
        Indices into these.
    day : int64 array, shape (n_purchases,)
        Days since 1970-01-01, up to ``origin_day``.
    amount : float64 array, shape (n_purchases,)
    origin_day, first_day : int
        The data begin with ``first_day``.
    segment : int64 array, shape (n_partners,)
        Segment of each partner; all 0 without segments.
    """

    partner_ids: tuple[str, ...]
    customer_ids: tuple[str, ...]
    partner: IntArray
    customer: IntArray
    day: IntArray
    amount: FloatArray
    origin_day: int
    first_day: int
    segment: IntArray

    @property
    def span(self) -> int:
        """Days of history up to the end of the origin."""
        return self.origin_day - self.first_day + 1

    def by_partner(self, weight: FloatArray) -> FloatArray:
        """Sum over each partner's purchases."""
        return np.bincount(self.partner, weight, len(self.partner_ids)).astype(np.float64)

    def by_customer(self, weight: FloatArray) -> FloatArray:
        """Sum over each customer's purchases."""
        return np.bincount(self.customer, weight, len(self.customer_ids)).astype(np.float64)

    def between(self, after: float, until: float) -> FloatArray:
        """1 for purchases after one day, until and including another; else 0."""
        return ((self.day > after) & (self.day <= until)).astype(np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class PointForecast:
    """Point forecasts of revenue in the window.

    Attributes
    ----------
    partner : float64 array, shape (n_partners,)
    customer : float64 array, shape (n_customers,), or None
        None where the baseline says nothing of single customers.
    """

    partner: FloatArray
    customer: FloatArray | None = None


def history_until(
    purchases: pd.DataFrame, origin_day: int, *, segments: Mapping[str, str] | None = None
) -> History:
    """Code the purchases up to an origin.

    Parameters
    ----------
    purchases : pandas.DataFrame
        Netted purchases: ``partner_id``, ``customer_id``, ``day``, ``amount_micros``. Later rows
        are not looked at.
    origin_day : int
        Days since 1970-01-01.
    segments : mapping of str to str, optional
        Segment of each partner.

    Returns
    -------
    History
    """
    known = purchases[purchases["day"] <= origin_day]
    partner, partner_ids = pd.factorize(known["partner_id"].to_numpy(dtype=object), sort=True)
    customer, customer_ids = pd.factorize(known["customer_id"].to_numpy(dtype=object), sort=True)
    labels = [(segments or {}).get(str(name), "") for name in partner_ids]
    return History(
        partner_ids=tuple(map(str, partner_ids)),
        customer_ids=tuple(map(str, customer_ids)),
        partner=partner.astype(np.int64),
        customer=customer.astype(np.int64),
        day=known["day"].to_numpy(np.int64),
        amount=known["amount_micros"].to_numpy(np.float64) / MICROS,
        origin_day=origin_day,
        first_day=int(known["day"].min()) if len(known) else origin_day,
        segment=np.unique(np.array(labels, dtype=str), return_inverse=True)[1].astype(np.int64),
    )


def baseline_forecast(name: str, history: History, *, days: int) -> PointForecast | None:
    """Forecast with a named baseline.

    Parameters
    ----------
    name : str
        One of ``BASELINES``.
    history : History
    days : int
        Length of the window after the origin.

    Returns
    -------
    PointForecast or None
        None where the history does not allow this baseline (no window a year ago, a model that
        does not converge).

    Raises
    ------
    ForecastError
        No baseline of that name.

    Examples
    --------
    >>> purchases = pd.DataFrame({"partner_id": ["p", "p", "q"], "customer_id": ["c", "c", "d"],
    ...                           "day": [0, 25, 28],
    ...                           "amount_micros": [40_000_000, 20_000_000, 5_000_000]})
    >>> history = history_until(purchases, 29)
    >>> baseline_forecast("last_window", history, days=10).partner.tolist()
    [20.0, 5.0]
    >>> baseline_forecast("historical_mean_rate", history, days=10).partner.tolist()
    [20.0, 5.0]
    """
    if name not in BASELINES:
        raise ForecastError(
            f"baseline {name!r}",
            expected=f"one of {', '.join(BASELINES)}",
            remedy="choose among these",
        )
    return BASELINES[name](history, days)


def last_window(history: History, days: int) -> PointForecast:
    """Carry the last window forward: what came in the last ``days`` will come again.

    Where there is less history than that, it is scaled up to ``days``.
    """
    recent = history.amount * history.between(history.origin_day - days, history.origin_day)
    scale = days / min(days, history.span)
    return PointForecast(
        partner=history.by_partner(recent) * scale, customer=history.by_customer(recent) * scale
    )


def same_window_last_year(history: History, days: int) -> PointForecast | None:
    """Repeat the same window a year ago (or as many years as the window is long, rounded up)."""
    back = round(DAYS_PER_YEAR * int(np.ceil(days / DAYS_PER_YEAR)))
    start = history.origin_day - back
    if start < history.first_day - 1:
        return None
    then = history.amount * history.between(start, start + days)
    return PointForecast(partner=history.by_partner(then), customer=history.by_customer(then))


def historical_mean_rate(history: History, days: int) -> PointForecast:
    """Go on at the mean rate since the first sale; a start less than ``days`` ago counts as that.

    Without this floor a partner that began yesterday would get its first order every day.
    """

    def rate(key: IntArray, size: int, totals: FloatArray) -> FloatArray:
        age = history.origin_day - _first(key, history.day, size, history.origin_day) + 1
        return totals / np.maximum(age, days)

    return PointForecast(
        partner=days
        * rate(history.partner, len(history.partner_ids), history.by_partner(history.amount)),
        customer=days
        * rate(history.customer, len(history.customer_ids), history.by_customer(history.amount)),
    )


def aov_x_retention(history: History, days: int) -> PointForecast:
    """Average order value × purchase frequency × retention × customers: the blog formula.

    For each partner, over the last year (or all there is): average order value = revenue /
    orders; purchase frequency = orders per customer, scaled to the window; customers = those who
    ordered in that time; retention = share of the partner's customers of the last window but one
    who ordered there again in the last window. Where nobody ordered in the last window but one,
    the programme's retention, or 1 if that is unknown, too.

    Notes
    -----
    Revenue per customer times customers is revenue, so this is the mean rate of the last year
    times retention: customers who come back after a pause are lost for good, and none is won
    back, which is why it falls short.
    """
    period = min(history.span, round(DAYS_PER_YEAR))
    counted = history.between(history.origin_day - period, history.origin_day)
    orders, revenue = history.by_partner(counted), history.by_partner(counted * history.amount)
    pairs, pair = _pairs(history)
    customers = np.bincount(
        pairs[:, 0], np.bincount(pair, counted) > 0, minlength=len(history.partner_ids)
    )
    value = revenue / np.maximum(orders, 1)
    frequency = orders / np.maximum(customers, 1) * days / period
    return PointForecast(partner=customers * value * frequency * _retention(history, days))


def partner_mean(history: History, days: int) -> PointForecast:
    """Give each customer of a partner the mean revenue of its customers for that time."""
    return _mean_of(history, days, np.arange(len(history.partner_ids)))


def segment_mean(history: History, days: int) -> PointForecast:
    """Give each customer the mean revenue of all customers of the partner's segment.

    Without segments, of the whole programme.
    """
    return _mean_of(history, days, history.segment)


def lifetimes_point(history: History, days: int) -> PointForecast | None:
    """Maximum likelihood BG/NBD and Gamma-Gamma of the lifetimes package, in plain shares.

    A customer's expected revenue is shared among its partners as its past revenue was (or its
    orders, if that is zero).
    """
    customer = lifetimes_forecast(
        history.customer, history.day, history.amount, origin_day=history.origin_day, days=days
    )
    if customer is None:
        return None
    past = history.by_customer(history.amount)
    orders = history.by_customer(np.ones(len(history.day)))
    share = np.where(
        past[history.customer] > 0,
        history.amount / np.where(past > 0, past, 1.0)[history.customer],
        1.0 / orders[history.customer],
    )
    return PointForecast(
        partner=history.by_partner(share * customer[history.customer]), customer=customer
    )


BASELINES: dict[str, Callable[[History, int], PointForecast | None]] = {
    "last_window": last_window,
    "same_window_last_year": same_window_last_year,
    "historical_mean_rate": historical_mean_rate,
    "aov_x_retention": aov_x_retention,
    "partner_mean": partner_mean,
    "segment_mean": segment_mean,
    "lifetimes": lifetimes_point,
}

KNOWN_ONLY = ("aov_x_retention", "partner_mean", "segment_mean", "lifetimes")
"""Baselines that speak of customers known at the origin only."""


def _first(key: IntArray, day: IntArray, size: int, default: int) -> IntArray:
    first = np.full(size, default, dtype=np.int64)
    np.minimum.at(first, key, day)
    return first


def _pairs(history: History) -> tuple[IntArray, IntArray]:
    """Distinct (partner, customer), and the one of each purchase."""
    code = history.partner * len(history.customer_ids) + history.customer
    distinct, pair = np.unique(code, return_inverse=True)
    pairs = np.column_stack(np.divmod(distinct, max(len(history.customer_ids), 1)))
    return pairs.astype(np.int64), pair.astype(np.int64)


def _retention(history: History, days: int) -> FloatArray:
    pairs, pair = _pairs(history)
    end = history.origin_day
    last = np.bincount(pair, history.between(end - days, end)) > 0
    before = np.bincount(pair, history.between(end - 2 * days, end - days)) > 0
    size = len(history.partner_ids)
    there = np.bincount(pairs[:, 0], before, minlength=size)
    again = np.bincount(pairs[:, 0], before & last, minlength=size)
    programme = float(again.sum() / there.sum()) if there.sum() else 1.0
    return np.where(there > 0, again / np.maximum(there, 1), programme)


def _mean_of(history: History, days: int, group: IntArray) -> PointForecast:
    """Revenue per day as a customer, over each group of partners; a stay counts for ``days``."""
    pairs, pair = _pairs(history)
    first = _first(pair, history.day, len(pairs), history.origin_day)
    stay = np.maximum(history.origin_day - first + 1, days)
    of_pair = group[pairs[:, 0]]
    revenue = np.bincount(of_pair, np.bincount(pair, history.amount))
    rate = revenue / np.maximum(np.bincount(of_pair, stay), 1)
    customers = np.bincount(pairs[:, 0], minlength=len(history.partner_ids))
    return PointForecast(partner=days * rate[group] * customers)
