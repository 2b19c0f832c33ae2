"""Repeat purchases of every day: as they were, and as the purchase model expects them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ltvforecast.fit_types import Calendar
from ltvforecast.formulas.bgnbd import expected_purchases_alive
from ltvforecast.formulas.clock import DAYS_PER_UNIT, cumulated_rates, day_rates
from ltvforecast.transaction_types import CustomerSummary
from ltvforecast.types import FloatArray, IntArray

__all__ = ["DailyCounts", "daily_counts", "first_days", "seen_repeats"]

_EPOCH = dt.date(1970, 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class DailyCounts:
    """Repeat purchases by day, from the first day of the history to the as-of date.

    Attributes
    ----------
    first_day : int
        Days since 1970-01-01.
    seen : float64 array, shape (n_days,)
    expected : float64 array, shape (n_days,)
        By the purchase model and the known events, without a season.
    """

    first_day: int
    seen: FloatArray
    expected: FloatArray

    @property
    def days(self) -> IntArray:
        """The days, counted from 1970-01-01."""
        return self.first_day + np.arange(len(self.seen))


def first_days(summary: CustomerSummary) -> IntArray:
    """Day of each customer's first purchase.

    Parameters
    ----------
    summary : CustomerSummary

    Returns
    -------
    int64 array, shape (n_customers,)
        Days since 1970-01-01.
    """
    age = summary.customers["T"].to_numpy(dtype=np.float64) * DAYS_PER_UNIT[summary.time_unit]
    return (summary.as_of - _EPOCH).days - np.rint(age).astype(np.int64)


def seen_repeats(summary: CustomerSummary) -> FloatArray | None:
    """Count repeat purchases of each day: all purchases less the customers who were new.

    Parameters
    ----------
    summary : CustomerSummary

    Returns
    -------
    float64 array, shape (n_days,), or None
        None where the history by day does not hold the customers' purchases, or an age is
        impossible.

    Notes
    -----
    A customer's purchases of one day can stand in several rows (orders, partners); all rows are
    divided by the mean number of rows to a purchase day.
    """
    age = summary.customers["T"].to_numpy(dtype=np.float64)
    if summary.history.empty or not (np.isfinite(age).all() and (age >= 0.0).all()):
        return None
    new = first_days(summary)
    first, last = int(new.min()), (summary.as_of - _EPOCH).days
    day = summary.history["day"].to_numpy(dtype=np.int64)
    rows = summary.history["purchases"].to_numpy(dtype=np.float64)
    purchase_days = len(summary) + float(summary.customers["frequency"].sum())
    if day.min() < first or day.max() > last or rows.sum() < purchase_days:
        return None
    length = last - first + 1
    bought = np.bincount(day - first, rows, minlength=length) * (purchase_days / rows.sum())
    return np.asarray(bought - np.bincount(new - first, minlength=length))


def daily_counts(
    summary: CustomerSummary, seen: FloatArray, point: Mapping[str, float], calendar: Calendar
) -> DailyCounts:
    """Set the repeat purchases of each day beside what the purchase model expects.

    Parameters
    ----------
    summary : CustomerSummary
    seen : float64 array, shape (n_days,)
        See :func:`seen_repeats`.
    point : mapping of str to float
        ``r, alpha, a, b``, fitted on the clock of ``calendar``.
    calendar : Calendar
        Its index shapes the customers' ages, and is taken out of the expected counts again.

    Returns
    -------
    DailyCounts

    Notes
    -----
    A customer of whom nothing is known but the age ``t`` buys at the rate
    ``r/alpha 2F1(r+1, a; a+b; -t/alpha)`` (Fader, Hardie & Lee 2005, equation 9, derived by t).
    """
    first = int(first_days(summary).min())
    new = np.bincount(first_days(summary) - first, minlength=len(seen))
    events = calendar.event_days
    clock = cumulated_rates(calendar.index, events, first_day=first, days=len(seen))
    ages = np.arange(np.ceil(clock[-1]) + 2.0)
    alpha = point["alpha"] * DAYS_PER_UNIT[summary.time_unit]
    bought = expected_purchases_alive(ages, 0, 0, point["r"], alpha, point["a"], point["b"])
    expected = np.zeros(len(seen))
    for day in np.flatnonzero(new):
        shown = clock[day + 1 :] - clock[day + 1]
        expected[day + 1 :] += new[day] * np.diff(np.interp(shown, ages, bought))
    rates = day_rates(calendar.index, np.empty((0, 3)), first_day=first, days=len(seen))
    return DailyCounts(first_day=first, seen=seen, expected=expected / np.maximum(rates, 1e-9))
