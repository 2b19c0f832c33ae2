"""How far ahead: a horizon from text, and the calendar periods it is cut into."""

from __future__ import annotations

import datetime as dt
import math
import re
from dataclasses import dataclass

import numpy as np

from ltvforecast.errors import ConfigError
from ltvforecast.forecast_types import Horizon
from ltvforecast.types import FloatArray

__all__ = [
    "DAYS_PER_MONTH",
    "DAYS_PER_YEAR",
    "Periods",
    "checked_horizon",
    "parse_horizon",
    "split_periods",
]

DAYS_PER_YEAR = 365.25
DAYS_PER_MONTH = DAYS_PER_YEAR / 12
MAX_YEARS = 100
WEEKLY_BELOW_DAYS = 62
"""Shorter horizons are shown by week, longer ones by calendar month."""
SHORTEST_PERIOD_DAYS = 5
"""A first or last fragment shorter than this joins its neighbour."""

_UNITS = {"d": 1.0, "w": 7.0, "mo": DAYS_PER_MONTH, "y": DAYS_PER_YEAR}
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(d|w|mo|y)", re.ASCII)
_EXPECTED = "a length such as 90d, 26w, 12mo or 2y, or an end date such as 2026-12-31"


@dataclass(frozen=True, slots=True, kw_only=True)
class Periods:
    """The horizon in calendar pieces.

    Attributes
    ----------
    starts, ends : tuple of datetime.date
        First and last day of each period, both included. The last end is to the nearest day:
        12mo is 365.25 days.
    edges_days : float64 array, shape (n_periods + 1,)
        Days after the end of the ``as_of`` day; from 0 to exactly the horizon.
    """

    starts: tuple[dt.date, ...]
    ends: tuple[dt.date, ...]
    edges_days: FloatArray

    def __len__(self) -> int:
        """Count the periods."""
        return len(self.starts)


def parse_horizon(text: str, as_of: dt.date) -> Horizon:
    """Read a horizon.

    Parameters
    ----------
    text : str
        ``90d``, ``26w``, ``12mo``, ``2y`` or an end date ``2026-12-31``. A month is 365.25/12
        days, a year 365.25 days.
    as_of : datetime.date
        The day after whose end the future begins; an end date counts from here.

    Returns
    -------
    Horizon

    Raises
    ------
    ConfigError
        No unit, not positive, past, or longer than 100 years.

    Examples
    --------
    >>> parse_horizon("12mo", dt.date(2025, 12, 31))
    Horizon(text='12mo', days=365.25)
    >>> parse_horizon("2026-12-31", dt.date(2025, 12, 31)).days
    365.0
    """
    asked = text.strip()
    days = _days(asked, as_of)
    if days <= 0:
        raise ConfigError(
            f"the horizon {asked!r} is {days:g} days after {as_of}",
            expected="a horizon that lies in the future",
            remedy="give a longer horizon, such as 12mo",
        )
    if days < 1:
        raise ConfigError(
            f"the horizon {asked!r} is shorter than a day",
            expected="at least 1d; purchases are dated by day",
            remedy="give a longer horizon, such as 7d",
        )
    if days > MAX_YEARS * DAYS_PER_YEAR:
        raise ConfigError(
            f"the horizon {asked!r} is {days / DAYS_PER_YEAR:,.0f} years",
            expected=f"at most {MAX_YEARS} years",
            remedy="give a shorter horizon; with discounting, years beyond the 30th hardly count",
        )
    return Horizon(text=asked, days=days)


def checked_horizon(horizon: str | Horizon, as_of: dt.date) -> Horizon:
    """Read a horizon that is written, or refuse one that means nothing.

    Parameters
    ----------
    horizon : str or Horizon
    as_of : datetime.date

    Returns
    -------
    Horizon

    Raises
    ------
    ConfigError
        It means nothing.

    Examples
    --------
    >>> checked_horizon("90d", dt.date(2025, 12, 31)).days
    90.0
    """
    if isinstance(horizon, str):
        return parse_horizon(horizon, as_of)
    parse_horizon(f"{float(horizon.days)}d", as_of)
    return horizon


def _days(asked: str, as_of: dt.date) -> float:
    duration = _DURATION.fullmatch(asked.lower())
    if duration:
        return float(duration[1]) * _UNITS[duration[2]]
    if re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", asked, re.ASCII):
        try:
            return float((dt.date.fromisoformat(asked) - as_of).days)
        except ValueError:
            pass
    elif re.fullmatch(r"[0-9]+(\.[0-9]+)?", asked, re.ASCII):
        raise ConfigError(
            f"the horizon {asked!r} has no unit",
            expected=_EXPECTED,
            remedy=f"say {asked}d, {asked}w, {asked}mo or {asked}y",
        )
    raise ConfigError(
        f"the horizon {asked!r} can't be understood",
        expected=_EXPECTED,
        remedy="correct the horizon",
    )


def split_periods(horizon: Horizon, as_of: dt.date) -> Periods:
    """Cut a horizon into calendar months, or into weeks if it is shorter than 62 days.

    Parameters
    ----------
    horizon : Horizon
    as_of : datetime.date
        The future begins when this day ends.

    Returns
    -------
    Periods
        Fragments shorter than 5 days at either end are part of their neighbour.

    Raises
    ------
    ConfigError
        The horizon ends after the year 9999.

    Examples
    --------
    >>> periods = split_periods(parse_horizon("12mo", dt.date(2025, 12, 31)), dt.date(2025, 12, 31))
    >>> len(periods), periods.starts[0].isoformat(), periods.ends[-1].isoformat()
    (12, '2026-01-01', '2026-12-31')
    """
    last = math.floor(horizon.days + 0.5)
    if as_of.toordinal() + last > dt.date.max.toordinal():
        raise ConfigError(
            f"the horizon {horizon.text!r} after {as_of} ends beyond the year 9999",
            expected="a horizon within the calendar",
            remedy="check the dates of the transactions, or give a shorter horizon",
        )
    inner = _weeks(horizon) if horizon.days < WEEKLY_BELOW_DAYS else _months(horizon, as_of)
    if inner and inner[0] < SHORTEST_PERIOD_DAYS:
        inner = inner[1:]
    if inner and horizon.days - inner[-1] < SHORTEST_PERIOD_DAYS:
        inner = inner[:-1]
    after_start = [0, *inner]
    ends = [*inner, last]
    return Periods(
        starts=tuple(as_of + dt.timedelta(days=day + 1) for day in after_start),
        ends=tuple(as_of + dt.timedelta(days=day) for day in ends),
        edges_days=np.array([0.0, *inner, horizon.days]),
    )


def _weeks(horizon: Horizon) -> list[int]:
    return [day for day in range(7, math.ceil(horizon.days), 7) if day < horizon.days]


def _months(horizon: Horizon, as_of: dt.date) -> list[int]:
    """Month ends inside the horizon, in days after ``as_of``."""
    edges: list[int] = []
    year, month = as_of.year, as_of.month
    while True:
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)
        if year > dt.MAXYEAR:
            return edges
        day = (dt.date(year, month, 1) - as_of).days - 1
        if day >= horizon.days:
            return edges
        if day > 0:
            edges.append(day)
