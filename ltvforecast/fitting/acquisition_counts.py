"""Counts new customers of every partner, month by month or week by week."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import numpy as np
import pandas as pd

from ltvforecast.acquisition_types import AcquisitionCounts, PeriodUnit
from ltvforecast.errors import SummaryError
from ltvforecast.types import FloatArray, IntArray

__all__ = ["count_acquisitions"]

EPOCH = dt.date(1970, 1, 1)
BUSY_MONTH = 5.0
"""Weeks are used only if the typical month of a partner has more new customers than this ..."""
SHORT_HISTORY_MONTHS = 18
"""... and the history is shorter than this: a campaign lasts for weeks, so that weeks are less
independent of each other than months are, and only a short history needs their finer clock."""


def count_acquisitions(
    customers: pd.DataFrame,
    partners: pd.DataFrame,
    *,
    as_of: dt.date,
    unit: PeriodUnit | None = None,
) -> AcquisitionCounts:
    """Count new customers by acquiring partner and period.

    Parameters
    ----------
    customers : pandas.DataFrame
        ``first_day`` (whole days since 1970-01-01) and ``first_partner``, one row a customer.
    partners : pandas.DataFrame
        ``partner_id`` and ``first_day`` (of any purchase through the partner), one row a partner;
        every acquiring partner is among them.
    as_of : datetime.date
        The last day that counts.
    unit : {"month", "week"} or None
        None: months, unless partners bring many customers in a short history.

    Returns
    -------
    AcquisitionCounts

    Raises
    ------
    SummaryError
        No customer, a day after ``as_of``, an unknown partner or one that starts after its first
        new customer.

    Examples
    --------
    >>> customers = pd.DataFrame({"first_day": [0, 3, 40, 45], "first_partner": ["p"] * 4})
    >>> partners = pd.DataFrame({"partner_id": ["p"], "first_day": [0]})
    >>> table = count_acquisitions(customers, partners, as_of=dt.date(1970, 3, 31))
    >>> table.unit, table.counts.tolist(), table.exposure.tolist()
    ('month', [[1, 2, 0]], [[1.0, 1.0, 1.0]])
    """
    partners = partners.sort_values("partner_id", ignore_index=True)
    names = partners["partner_id"].astype(str).tolist()
    day = customers["first_day"].to_numpy(np.int64)
    began = partners["first_day"].to_numpy(np.int64)
    place = pd.Index(names).get_indexer(pd.Index(customers["first_partner"].astype(str)))
    end = (as_of - EPOCH).days + 1
    _check(day, began, place, end=end)
    if unit is None:
        unit = _choose_unit(day, began, place, end=end)
    edges_day = _months(int(began.min()), end) if unit == "month" else _weeks(int(began.min()), end)
    length = _lengths(edges_day, unit)
    counts = np.zeros((len(names), len(length)), dtype=np.int64)
    np.add.at(counts, (place, np.searchsorted(edges_day, day, side="right") - 1), 1)
    first_period = np.searchsorted(edges_day, began, side="right") - 1
    triggered = np.zeros(len(names), dtype=bool)
    triggered[place[day == began[place]]] = True
    counts[np.flatnonzero(triggered), first_period[triggered]] -= 1
    edges = np.concatenate([[0.0], np.cumsum(np.diff(edges_day) / length)])
    start = np.interp(began, edges_day, edges)
    exposure = np.clip(edges[None, 1:] - start[:, None], 0.0, np.diff(edges)[None, :])
    return AcquisitionCounts(
        partner_ids=tuple(names),
        unit=unit,
        edges_day=edges_day,
        edges=edges,
        counts=counts,
        first_counts=np.bincount(first_period[triggered], minlength=len(length)).astype(np.int64),
        exposure=exposure,
        start=start,
        left_out=0,
        as_of=as_of,
    )


def _check(day: IntArray, began: IntArray, place: IntArray, *, end: int) -> None:
    if len(day) == 0 or len(began) == 0:
        raise SummaryError(
            "no customer was ever acquired",
            expected="at least one customer with a first purchase up to the as-of date",
            remedy="choose a later as-of date, or check which rows were rejected",
        )
    unknown, late = place < 0, np.append(day, began) >= end
    early = ~unknown & (day < began[place])
    if unknown.any() or late.any() or early.any():
        raise SummaryError(
            f"{unknown.sum():,} customers of an unknown partner, {late.sum():,} first days after "
            f"the as-of date, {early.sum():,} customers acquired before their partner's first day",
            expected="the first purchases of one and the same set of transactions",
            remedy="make both tables with first_purchases from the purchases up to the as-of date",
        )


def _choose_unit(day: IntArray, began: IntArray, place: IntArray, *, end: int) -> PeriodUnit:
    months = np.maximum((end - began) / (365.25 / 12), 1.0)
    typical = float(np.median(np.bincount(place, minlength=len(began)) / months))
    short = end - int(began.min()) < SHORT_HISTORY_MONTHS * 365.25 / 12
    return "week" if typical > BUSY_MONTH and short and len(day) > 0 else "month"


def _months(first: int, end: int) -> IntArray:
    begin, last = EPOCH + dt.timedelta(days=first), EPOCH + dt.timedelta(days=end - 1)
    numbers = range(begin.year * 12 + begin.month - 1, last.year * 12 + last.month)
    return _edges([(dt.date(n // 12, n % 12 + 1, 1) - EPOCH).days for n in numbers], end)


def _weeks(first: int, end: int) -> IntArray:
    return _edges([end - 7 * k for k in range(-(-(end - first) // 7), 0, -1)], end)


def _edges(starts: Sequence[int], end: int) -> IntArray:
    return np.array([*starts, end], dtype=np.int64)


def _lengths(edges_day: IntArray, unit: PeriodUnit) -> FloatArray:
    """Days that each period has in full; the last month may be cut short."""
    length = np.diff(edges_day).astype(np.float64)
    if unit == "month":
        begin = EPOCH + dt.timedelta(days=int(edges_day[-2]))
        after = dt.date(begin.year + begin.month // 12, begin.month % 12 + 1, 1)
        length[-1] = (after - begin).days
    return length
