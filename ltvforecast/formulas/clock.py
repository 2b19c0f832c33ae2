"""The seasonal clock: operational time, in which a seasonal Poisson process is an even one.

A purchase rate ``lambda s(u)`` with a known index ``s`` is the constant rate ``lambda`` in
operational time, the integral of ``s``. Everything a purchase model says then holds exactly when
ages and horizons are measured on that clock (Cox & Isham 1980, Point Processes, section 4.2).

Days are whole numbers counted from 1970-01-01; day ``d`` lasts from the moment ``d`` to ``d + 1``.
The index has 12 bins (months) or 52 (weeks: seven days each, the last one eight) of a year of 365
days and mean one over it; 29 February runs at the mean. So every year is as long as it is, from
whatever day it is counted. Events multiply the rate of some days: closures 0, campaigns 2, say.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = [
    "DAYS_PER_UNIT",
    "bin_lengths",
    "bins_of_days",
    "calendar_time",
    "cumulated_rates",
    "day_rates",
    "exposure",
    "normalised",
    "operational_history",
    "operational_time",
]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]

DAYS_PER_UNIT = {"day": 1.0, "week": 7.0, "month": 365.25 / 12}

_YEAR = 365
_LEAP_DAY = 59
"""Where 29 February stands in a leap year, counted from 0."""
_MONTHS = np.array([31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
_WEEKS = np.array([7] * 51 + [8])


def bin_lengths(count: int) -> FloatArray:
    """Days of each bin in a year of 365 days.

    Parameters
    ----------
    count : {12, 52}

    Returns
    -------
    float64 array, shape (count,)

    Raises
    ------
    ValueError
        Another number of bins.

    Examples
    --------
    >>> bin_lengths(12)[:3].tolist(), bin_lengths(52).sum().item()
    ([31.0, 28.0, 31.0], 365.0)
    """
    for lengths in (_MONTHS, _WEEKS):
        if len(lengths) == count:
            return lengths.astype(np.float64)
    message = f"{count} bins; a year has 12 months or 52 weeks"
    raise ValueError(message)


def bins_of_days(days: npt.ArrayLike, count: int) -> IntArray:
    """Bin of the year of each day; -1 for 29 February.

    Parameters
    ----------
    days : array_like of int
    count : {12, 52}

    Returns
    -------
    int64 array, of the shape of ``days``

    Examples
    --------
    >>> day = np.datetime64("2024-02-28").astype(int)
    >>> bins_of_days([day, day + 1, day + 2], 12).tolist()
    [1, -1, 2]
    """
    date = np.asarray(days, dtype=np.int64).astype("datetime64[D]")
    year = date.astype("datetime64[Y]")
    start = year.astype("datetime64[D]")
    place = (date - start).astype(np.int64)
    leap = ((year + np.timedelta64(1, "Y")).astype("datetime64[D]") - start).astype(
        np.int64
    ) > _YEAR
    place = place - (leap & (place > _LEAP_DAY))
    ends = np.cumsum(bin_lengths(count)).astype(np.int64)
    bins = np.searchsorted(ends, place, side="right")
    is_leap_day = leap & (np.asarray(date - start).astype(np.int64) == _LEAP_DAY)
    return np.asarray(np.where(is_leap_day, -1, bins), dtype=np.int64)


def normalised(index: npt.ArrayLike) -> FloatArray:
    """Scale an index so that its mean over a year is one.

    Parameters
    ----------
    index : array_like, shape (..., bins)

    Returns
    -------
    float64 array, shape (..., bins)

    Examples
    --------
    >>> normalised([2.0] * 12)[:2].tolist()
    [1.0, 1.0]
    """
    index = np.asarray(index, dtype=np.float64)
    lengths = bin_lengths(index.shape[-1])
    return np.asarray(index * (_YEAR / np.sum(index * lengths, axis=-1, keepdims=True)))


def day_rates(index: FloatArray, events: FloatArray, *, first_day: int, days: int) -> FloatArray:
    """Rate of the clock on each day.

    Parameters
    ----------
    index : float64 array, shape (bins,)
        Mean one; empty: no season.
    events : float64 array, shape (n, 3)
        First day, last day, factor; factors of overlapping events are multiplied.
    first_day, days : int

    Returns
    -------
    float64 array, shape (days,)

    Examples
    --------
    >>> day_rates(np.empty(0), np.array([[1.0, 1.0, 0.5]]), first_day=0, days=3).tolist()
    [1.0, 0.5, 1.0]
    """
    day = np.arange(first_day, first_day + days)
    rates = np.ones(days)
    if len(index):
        rates = np.append(index, 1.0)[bins_of_days(day, len(index))]
    return rates * _event_factors(day, events)


def _event_factors(day: IntArray, events: FloatArray) -> FloatArray:
    factors = np.ones(len(day))
    for first, last, factor in events:
        factors[(day >= first) & (day <= last)] *= factor
    return factors


def cumulated_rates(
    index: FloatArray, events: FloatArray, *, first_day: int, days: int
) -> FloatArray:
    """Operational time of the moments ``first_day, first_day + 1, ...``, from 0 at the first.

    Parameters
    ----------
    index, events, first_day, days
        As in :func:`day_rates`.

    Returns
    -------
    float64 array, shape (days + 1,)
    """
    rates = day_rates(index, events, first_day=first_day, days=days)
    return np.concatenate(([0.0], np.cumsum(rates)))


def operational_time(
    moments: npt.ArrayLike, *, first_day: int, cumulated: FloatArray
) -> FloatArray:
    """Operational time of moments inside the days that were cumulated.

    Parameters
    ----------
    moments : array_like
    first_day : int
    cumulated : float64 array
        See :func:`cumulated_rates`.

    Returns
    -------
    float64 array

    Examples
    --------
    >>> operational_time([0.0, 1.5], first_day=0, cumulated=np.array([0.0, 2.0, 3.0])).tolist()
    [0.0, 2.5]
    """
    at = np.asarray(moments, dtype=np.float64) - first_day
    return np.asarray(np.interp(at, np.arange(len(cumulated)), cumulated))


def calendar_time(times: npt.ArrayLike, *, first_day: int, cumulated: FloatArray) -> FloatArray:
    """Moments at which the clock shows these times: the inverse of :func:`operational_time`.

    Parameters
    ----------
    times : array_like
        From 0 to ``cumulated[-1]``.
    first_day : int
    cumulated : float64 array

    Returns
    -------
    float64 array
        Where the clock stands still, the first such moment.

    Examples
    --------
    >>> calendar_time([2.0, 2.5], first_day=0, cumulated=np.array([0.0, 2.0, 2.0, 3.0])).tolist()
    [1.0, 2.5]
    """
    asked = np.asarray(times, dtype=np.float64)
    place = np.clip(np.searchsorted(cumulated, asked, side="left"), 1, len(cumulated) - 1)
    left, right = cumulated[place - 1], cumulated[place]
    within = (asked - left) / np.where(right > left, right - left, 1.0)
    return np.asarray(first_day + place - 1 + np.clip(within, 0.0, 1.0))


def exposure(edges: npt.ArrayLike, count: int, events: FloatArray) -> FloatArray:
    """Days of each bin between neighbouring moments, each weighted with its event factor.

    Parameters
    ----------
    edges : array_like, shape (n + 1,)
        Moments, rising.
    count : {0, 12, 52}
        Bins; 0: no season.
    events : float64 array, shape (n_events, 3)

    Returns
    -------
    float64 array, shape (n, count + 1)
        The last column has the days at the mean rate (29 February; all days without a season).
        Times ``(index..., 1)`` it is the operational time of each interval, for any index.

    Examples
    --------
    >>> exposure([0.0, 31.0, 59.5], 12, np.empty((0, 3)))[:, :3].tolist()
    [[31.0, 0.0, 0.0], [0.0, 28.0, 0.5]]
    """
    moments = np.asarray(edges, dtype=np.float64)
    first, last = int(np.floor(moments[0])), int(np.ceil(moments[-1]))
    day = np.arange(first, max(last, first + 1))
    bins = bins_of_days(day, count) % (count + 1) if count else np.zeros(len(day), dtype=np.int64)
    weight = np.zeros((len(day) + 1, count + 1))
    weight[np.arange(1, len(day) + 1), bins] = _event_factors(day, events)
    cumulated = np.cumsum(weight, axis=0)
    whole = np.minimum(np.floor(moments).astype(np.int64) - first, len(day) - 1)
    part = (moments - first - whole)[:, None]
    return np.diff(cumulated[whole] + part * weight[whole + 1], axis=0)


def operational_history(
    t_x: FloatArray,
    T: FloatArray,
    *,
    as_of_day: int,
    days_per_unit: float,
    index: FloatArray,
    events: FloatArray,
) -> tuple[FloatArray, FloatArray]:
    """Age at the last purchase and age now, on the clock.

    Parameters
    ----------
    t_x, T : float64 array, shape (n_customers,)
        By the calendar, in units of ``days_per_unit`` days.
    as_of_day : int
        The last day known of; ages end with it.
    days_per_unit : float
    index, events : float64 array
        As in :func:`day_rates`.

    Returns
    -------
    t_x, T : float64 array, shape (n_customers,)
        In the same unit; as they came where there is neither index nor event.

    Examples
    --------
    >>> ages = np.array([[2.0], [9.0]])
    >>> flat = operational_history(*ages, as_of_day=9, days_per_unit=1.0,
    ...                            index=np.ones(12), events=np.array([[9.0, 9.0, 3.0]]))
    >>> [float(age[0]) for age in flat]
    [2.0, 11.0]
    """
    if len(index) == 0 and len(events) == 0:
        return t_x, T
    birth = as_of_day + 1 - T * days_per_unit
    first_day = int(np.floor(birth.min(initial=as_of_day)))
    cumulated = cumulated_rates(index, events, first_day=first_day, days=as_of_day + 1 - first_day)

    def shown(moments: FloatArray) -> FloatArray:
        return operational_time(moments, first_day=first_day, cumulated=cumulated)

    start = shown(birth)
    age = (cumulated[-1] - start) / days_per_unit
    last = (shown(birth + t_x * days_per_unit) - start) / days_per_unit
    return np.minimum(last, age), age
