"""What a forecast's periods are worth on the seasonal clock, draw by draw."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ltvforecast.errors import ForecastError
from ltvforecast.fit_types import Calendar, FittedModel
from ltvforecast.forecast.horizon import DAYS_PER_MONTH, Periods
from ltvforecast.forecast.records import Clock, DiscountLag, Eligible
from ltvforecast.forecast.value import period_factors
from ltvforecast.formulas.clock import DAYS_PER_UNIT, exposure
from ltvforecast.transaction_types import CustomerSummary
from ltvforecast.types import FloatArray, IntArray

__all__ = ["chosen_rows", "eligible_periods", "first_months", "forecast_clock"]

_PIECE_DAYS = 10.0
_MOST_PIECES = 200


def chosen_rows(available: int, count: int) -> IntArray:
    """Take so many rows: evenly spaced if fewer than there are, else in turn again.

    Examples
    --------
    >>> chosen_rows(4, 2).tolist(), chosen_rows(2, 3).tolist()
    ([0, 2], [0, 1, 0])
    """
    if count <= available:
        return np.arange(count) * available // count
    return np.arange(count) % available


def forecast_clock(
    model: FittedModel, periods: Periods, *, draws: int, discount: float
) -> tuple[Clock, DiscountLag | None]:
    """Put the edges of the periods on the model's clock.

    Parameters
    ----------
    model : FittedModel
    periods : Periods
    draws : int
        Simulated futures; each has an index draw of its own. (Histories are put on the mean
        index: the likelihood was, and what a draw would change there is second order.)
    discount : float
        Continuous rate a day, by the calendar.

    Returns
    -------
    clock : Clock
    lag : DiscountLag or None
        None where clock and calendar are the same.

    Raises
    ------
    ForecastError
        The calendar closes the whole horizon.
    """
    unit = DAYS_PER_UNIT[model.summary.time_unit]
    days, calendar = periods.edges_days, model.calendar
    if len(calendar.index) == 0 and not calendar.events:
        return Clock(days[None, :] / unit, period_factors(days, discount)), None
    now = int(np.datetime64(model.summary.as_of, "D").astype(np.int64)) + 1
    index = calendar.index[None, :]
    if len(calendar.draws):
        index = calendar.draws[chosen_rows(len(calendar.draws), draws)]
    edges = _on_clock(days, calendar, index, now=now) / unit
    if not edges[:, -1].min() > 0.0:
        raise ForecastError(
            "a calendar that closes the whole horizon",
            expected="some day of the horizon with a factor above 0",
            remedy="correct the calendar and fit again, or give a longer horizon",
        )
    factors = _factors(days, calendar, now=now, discount=discount)
    count = min(_MOST_PIECES, max(1, round(days[-1] / _PIECE_DAYS)))
    moments = np.linspace(0.0, days[-1], 2 * count + 1)
    shown = _on_clock(moments, calendar, index, now=now)
    middle = shown[:, 1::2].T
    gap = np.exp(-discount * moments[1::2])[:, None] - np.exp(-discount * middle)
    lag = DiscountLag(middle / unit, gap * np.diff(shown[:, ::2], axis=1).T / unit)
    return Clock(np.ascontiguousarray(edges), factors), lag


def first_months(summary: CustomerSummary, months: FloatArray) -> FloatArray | None:
    """Give the days until which each customer's purchases earn commission.

    Parameters
    ----------
    summary : CustomerSummary
    months : float64 array, shape (partner,)
        Of a customer's life in which they do; infinite for all of it.

    Returns
    -------
    float64 array, shape (n_customers,), or None
        After ``as_of``; None where it ends for nobody.
    """
    if not np.isfinite(months).any():
        return None
    home = pd.Index(summary.partner_ids).get_indexer(pd.Index(summary.customers["partner_id"]))
    age = summary.customers["T"].to_numpy(np.float64) * DAYS_PER_UNIT[summary.time_unit]
    return np.asarray(months[home] * DAYS_PER_MONTH - age)


def eligible_periods(model: FittedModel, periods: Periods, until: FloatArray) -> Eligible:
    """Say which periods lie before each customer's limit, and how much of the one it falls in.

    Parameters
    ----------
    model : FittedModel
    periods : Periods
    until : float64 array, shape (customer,)
        Days after ``as_of``; 0 or less: no period.

    Returns
    -------
    Eligible
        The share of a period is by the clock, on the mean index.

    Raises
    ------
    ForecastError
        A limit that is not a number, or not one for each customer.
    """
    customers = len(model.summary)
    if until.shape != (customers,) or np.isnan(until).any():
        raise ForecastError(
            f"limits of shape {until.shape}, {int(np.isnan(until).sum())} of them not a number",
            expected=f"one number of days for each of {customers} customers",
            remedy="correct the limits",
        )
    days = periods.edges_days
    until = np.clip(until, 0.0, days[-1])
    period = np.minimum(np.searchsorted(days, until, side="right") - 1, len(periods) - 1)
    begin, end = days[period], days[period + 1]
    moments = np.stack([begin, until, end])
    calendar = model.calendar
    if len(calendar.index) > 0 or calendar.events:
        now = int(np.datetime64(model.summary.as_of, "D").astype(np.int64)) + 1
        each, place = np.unique(moments, return_inverse=True)
        shown = _on_clock(np.append(0.0, each), calendar, calendar.index[None, :], now=now)
        moments = shown[0, 1:][place].reshape(moments.shape)
    passed, whole = moments[1] - moments[0], moments[2] - moments[0]
    plain = (until - begin) / (end - begin)
    share = np.where(whole > 0.0, passed / np.where(whole > 0.0, whole, 1.0), plain)
    return Eligible(period=period.astype(np.int64), share=np.clip(share, 0.0, 1.0))


def _on_clock(days: FloatArray, calendar: Calendar, index: FloatArray, *, now: int) -> FloatArray:
    """Operational days at these days from now, shape (row of the index, day)."""
    weight = exposure(now + days, index.shape[1], calendar.event_days)
    rates = np.column_stack([index, np.ones(len(index))])
    gained = np.einsum("mb,pb->mp", rates, weight)
    return np.concatenate([np.zeros((len(index), 1)), np.cumsum(gained, axis=1)], axis=1)


def _factors(days: FloatArray, calendar: Calendar, *, now: int, discount: float) -> FloatArray:
    """Present value of one unit of revenue in each period, spread as the mean index says."""
    moments = np.union1d(np.arange(np.ceil(days[-1])), days)
    gained = np.diff(_on_clock(moments, calendar, calendar.index[None, :], now=now)[0])
    starts = np.searchsorted(moments, days[:-1])
    worth = gained * np.exp(-discount * (moments[1:] + moments[:-1]) / 2.0)
    total = np.add.reduceat(gained, starts)
    plain = period_factors(days, discount)
    known = total > 0.0
    return np.where(known, np.add.reduceat(worth, starts) / np.where(known, total, 1.0), plain)
