"""The seasonal clock of a programme: estimated beside the purchase process, given, or off.

The purchase process is fitted, its expected repeat purchases of each day are set beside those
seen, the ratio gives an index of the year, and the process is fitted again on the clock that this
index makes; twice round is enough, as the index changes the expected counts only a little.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from ltvforecast.errors import ConfigError
from ltvforecast.fit_types import Calendar
from ltvforecast.fitting.purchase import purchase_mode
from ltvforecast.fitting.repeat_counts import DailyCounts, daily_counts, seen_repeats
from ltvforecast.fitting.season import draw_index, fit_season
from ltvforecast.fitting.season_choice import CYCLE_DAYS, choose_season, is_short
from ltvforecast.formulas.clock import (
    DAYS_PER_UNIT,
    bin_lengths,
    day_rates,
    normalised,
    operational_history,
)
from ltvforecast.transaction_types import CustomerSummary
from ltvforecast.types import FloatArray

__all__ = ["CalendarChoice", "fit_calendar", "history_on_clock", "season_words"]

CalendarChoice = Literal["auto", "off"] | Calendar

_PASSES = 2
_MEAN_DRAWS = 1000
_FEWEST_REPEATS = 24
_LARGEST_FACTOR = 100.0
_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip


def fit_calendar(
    summary: CustomerSummary,
    asked: CalendarChoice,
    *,
    draws: int | None,
    rng: np.random.Generator,
) -> Calendar:
    """Find the clock of a programme.

    Parameters
    ----------
    summary : CustomerSummary
    asked : {"auto", "off"} or Calendar
        A calendar with an index is taken as it is; with events alone, the season is estimated
        beside them.
    draws : int or None
        Draws of an estimated index; None: its mean alone, for a point fit.
    rng : numpy.random.Generator

    Returns
    -------
    Calendar
        ``how`` says in a sentence what was found, or why there is none.

    Raises
    ------
    ConfigError
        A calendar that means nothing, or purchases on days that it says are closed.
    """
    if not isinstance(asked, Calendar) and asked not in ("auto", "off"):
        raise ConfigError(
            f"calendar {asked!r}",
            expected="auto, off or a Calendar",
            remedy="choose one of these; read_calendar() makes one from a file",
        )
    if asked == "off":
        return Calendar(how="off: not asked for")
    given = _checked(asked) if isinstance(asked, Calendar) else Calendar()
    if given.kind == "given":
        _refuse_purchases_when_closed(summary, given)
    if len(given.index):
        return given
    found, why = _estimate(summary, given, draws=draws, rng=rng)
    if given.kind == "off":
        return Calendar(
            kind="off" if found is None else "estimated",
            index=np.empty(0) if found is None else found.index,
            draws=np.empty((0, 0)) if found is None else found.draws,
            how=f"off: {why}" if found is None else f"{season_words(found.index)}; {why}",
        )
    season = f"no season beside them: {why}" if found is None else season_words(found.index)
    return Calendar(
        kind="given",
        index=np.empty(0) if found is None else found.index,
        draws=np.empty((0, 0)) if found is None else found.draws,
        events=given.events,
        how=f"{len(given.events)} given events; {season}" + ("" if found is None else f"; {why}"),
    )


def history_on_clock(
    summary: CustomerSummary, calendar: Calendar
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Give ``x, t_x, T`` with times on the clock.

    Parameters
    ----------
    summary : CustomerSummary
    calendar : Calendar

    Returns
    -------
    x, t_x, T : float64 array, shape (n_customers,)
        In the summary's unit; as they stand if the calendar is off.
    """
    x, recency, age = (
        summary.customers[name].to_numpy(dtype=np.float64) for name in ("frequency", "recency", "T")
    )
    t_x, T = operational_history(
        recency,
        age,
        as_of_day=int(np.datetime64(summary.as_of, "D").astype(np.int64)),
        days_per_unit=DAYS_PER_UNIT[summary.time_unit],
        index=calendar.index,
        events=calendar.event_days,
    )
    return x, t_x, T


def season_words(index: FloatArray) -> str:
    """Say which part of the year is strongest and weakest.

    Parameters
    ----------
    index : float64 array, shape (12,) or (52,)

    Returns
    -------
    str

    Examples
    --------
    >>> season_words(np.array([0.5] * 6 + [1.5] * 6))
    'season by month: strongest July (1.50 of the mean), weakest January (0.50)'
    """
    high, low = int(np.argmax(index)), int(np.argmin(index))
    kind = "month" if len(index) == len(_MONTHS) else "week"

    def name(place: int) -> str:
        return _MONTHS[place] if kind == "month" else f"week {place + 1} of the year"

    return (
        f"season by {kind}: strongest {name(high)} ({index[high]:.2f} of the mean), "
        f"weakest {name(low)} ({index[low]:.2f})"
    )


def _estimate(
    summary: CustomerSummary, given: Calendar, *, draws: int | None, rng: np.random.Generator
) -> tuple[Calendar | None, str]:
    """Estimate the season beside the given events; None and the reason if there is none."""
    seen = seen_repeats(summary)
    if seen is None:
        return None, "the history by day does not hold all purchases"
    if len(seen) < CYCLE_DAYS:
        return None, f"{len(seen)} days of history are less than one cycle ({CYCLE_DAYS} days)"
    repeats = int(summary.customers["frequency"].sum())
    if repeats < _FEWEST_REPEATS:
        return None, f"{repeats} repeat purchases are too few to show a season"
    choice = choose_season(_counts(summary, seen, given))
    if choice.chosen is None:
        return None, choice.why
    fitted = choice.chosen
    for _ in range(_PASSES):
        index = draw_index(fitted, draws=_MEAN_DRAWS, rng=rng).mean(axis=0)
        clock = Calendar(index=index, events=given.events)
        counts = _counts(summary, seen, clock)
        fitted = fit_season(counts, fitted.bins, careful=is_short(counts))
    sample = draw_index(fitted, draws=max(_MEAN_DRAWS, draws or 1), rng=rng)
    index = sample.mean(axis=0)
    kept = index[None, :] if draws is None else sample[:draws]
    return Calendar(index=index, draws=kept), choice.why


def _counts(summary: CustomerSummary, seen: FloatArray, calendar: Calendar) -> DailyCounts:
    point = purchase_mode(*history_on_clock(summary, calendar))
    return daily_counts(summary, seen, point, calendar)


def _checked(given: Calendar) -> Calendar:
    """Refuse a calendar that means nothing; scale its index to mean one."""
    factors = np.array([factor for _, _, factor in given.events])
    if not np.all((factors >= 0.0) & (factors <= _LARGEST_FACTOR)):
        raise ConfigError(
            f"a calendar with a factor of {factors.max():g} or {factors.min():g}",
            expected=f"factors from 0 (closed) to {_LARGEST_FACTOR:g}; 1 changes nothing",
            remedy="correct the factor",
        )
    backwards = [(first, last) for first, last, _ in given.events if last < first]
    if backwards:
        raise ConfigError(
            f"an event that ends on {backwards[0][1]} before it begins on {backwards[0][0]}",
            expected="the first day, then the last",
            remedy="swap the two dates",
        )
    index = np.asarray(given.index, dtype=np.float64)
    if len(index) == 0:
        return Calendar(kind="given" if given.events else "off", events=given.events)
    if len(index) not in (12, 52) or not (np.isfinite(index).all() and (index >= 0.0).all()):
        raise ConfigError(
            f"an index of {len(index)} numbers",
            expected="12 (months) or 52 (weeks) numbers, 0 or more",
            remedy="give one number for each month or week of the year",
        )
    if not index @ bin_lengths(len(index)) > 0.0:
        raise ConfigError(
            "an index of zeros", expected="some part of the year above 0", remedy="correct it"
        )
    index = normalised(index)
    return Calendar(
        kind="given",
        index=index,
        events=given.events,
        how=f"given {season_words(index)}, and {len(given.events)} given events",
    )


def _refuse_purchases_when_closed(summary: CustomerSummary, given: Calendar) -> None:
    days = np.unique(summary.history["day"].to_numpy(dtype=np.int64))
    if len(days) == 0:
        return
    first = int(days[0])
    rates = day_rates(
        given.index, given.event_days, first_day=first, days=int(days[-1]) - first + 1
    )
    closed = days[rates[days - first] <= 0.0]
    if len(closed):
        raise ConfigError(
            f"purchases on {len(closed)} days that the calendar says are closed, the first on "
            f"{np.datetime64(int(closed[0]), 'D')}",
            expected="no purchases where the factor is 0",
            remedy="correct the dates, or give a small factor such as 0.05",
        )
