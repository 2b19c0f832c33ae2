"""At which past dates to replay a forecast, given how far it looks ahead and how much is known."""

from __future__ import annotations

import math

from ltvforecast.errors import ConfigError
from ltvforecast.forecast_types import Horizon

__all__ = ["plan_origins", "window_days"]

CLOSEST = 0.25
"""Origins are never closer than this part of the horizon: their windows would be nearly one."""
WHOLE_WEEKS_FROM = 28


def window_days(horizon: Horizon) -> int:
    """Whole days in which the forecast is compared with what came.

    Examples
    --------
    >>> window_days(Horizon(text="3mo", days=91.3125))
    91
    """
    return math.floor(horizon.days + 0.5)


def plan_origins(
    *, first_day: int, last_day: int, horizon: Horizon, origins: int
) -> tuple[tuple[int, ...], int]:
    """Spread origins over the history: each with a window before it and one after it.

    Parameters
    ----------
    first_day, last_day : int
        Of the data, in days since 1970-01-01. The last window ends with ``last_day``.
    horizon : Horizon
    origins : int
        How many.

    Returns
    -------
    days : tuple of int
        Rising; the forecast begins when the day ends.
    step : int
        Days between them: a whole horizon if the history is long enough, so that windows do not
        overlap, otherwise as much as there is; whole weeks if it is four weeks or more, and they
        are not too close then.

    Raises
    ------
    ConfigError
        The history is too short; says the longest horizon and the most origins that work.

    Notes
    -----
    An origin has at least as much history before it as it has horizon after it, and origins are
    at least a quarter of the horizon apart (half a horizon or more is better, see
    Tashman 2000, International Journal of Forecasting 16, 437-450, on rolling origins).

    Examples
    --------
    >>> horizon = Horizon(text="13w", days=91.0)
    >>> plan_origins(first_day=0, last_day=364, horizon=horizon, origins=4)
    ((105, 161, 217, 273), 56)
    """
    days = window_days(horizon)
    history = last_day - first_day + 1
    room = history - 2 * days
    closest = max(1, math.ceil(CLOSEST * days))
    if origins < 1:
        raise ConfigError(
            f"{origins} origins", expected="at least one origin", remedy="give --origins 3 or more"
        )
    if room < (origins - 1) * closest:
        raise _too_short(history, days, origins, horizon)
    step = days if origins == 1 else min(days, room // (origins - 1))
    if step >= WHOLE_WEEKS_FROM and step - step % 7 >= closest:
        step -= step % 7
    latest = last_day - days
    return tuple(latest - step * back for back in reversed(range(origins))), step


def _too_short(history: int, days: int, origins: int, horizon: Horizon) -> ConfigError:
    longest = math.floor(history / (2 + (origins - 1) * CLOSEST))
    while longest > 0 and history - 2 * longest < (origins - 1) * math.ceil(CLOSEST * longest):
        longest -= 1
    most = 1 + (history - 2 * days) // max(1, math.ceil(CLOSEST * days))
    if longest < 1:
        remedy = "wait for more history"
    elif most >= 1:
        remedy = (
            f"give --horizon {longest}d or shorter, or keep {horizon.text} with --origins {most}"
        )
    else:
        remedy = f"give --horizon {longest}d or shorter"
    return ConfigError(
        f"{history:,} days of history for a horizon of {horizon.text} at {origins} "
        f"origin{'s' if origins != 1 else ''}",
        expected="a horizon before the first origin and one after the last, and origins at least "
        f"a quarter of a horizon apart; with {origins}, the longest horizon that works is "
        f"{max(longest, 0)}d",
        remedy=remedy,
    )
