"""A baseline's own past errors as its predictive distribution, so that widths compare fairly."""

from __future__ import annotations

import numpy as np

from ltvforecast.types import FloatArray

__all__ = ["earlier_origins", "error_draws"]

MOST_EARLIER = 6
NEIGHBOURS = 50
"""A partner's errors are those of this many partners whose forecasts were nearest to its own."""


def earlier_origins(origin_day: int, *, first_day: int, days: int) -> list[tuple[int, int]]:
    """Dates before an origin at which a baseline's errors were already known at the origin.

    Parameters
    ----------
    origin_day, first_day : int
        Days since 1970-01-01; the data begin with ``first_day``.
    days : int
        Length of the window.

    Returns
    -------
    list of (int, int)
        Origin day and window length, latest first, at most 6, half a window apart. The window is
        ``days`` where two of them fit into the history (one to forecast from, one to compare
        with); otherwise half of the history, whose relative errors then stand for the longer
        window's.

    Examples
    --------
    >>> earlier_origins(99, first_day=0, days=40)
    [(59, 40), (39, 40)]
    >>> earlier_origins(99, first_day=0, days=90)
    [(49, 50)]
    """
    span = origin_day - first_day + 1
    window = min(days, span // 2)
    if window < 1:
        return []
    step = max(1, window // 2)
    latest = origin_day - window
    count = 1 + (latest - first_day + 1 - window) // step
    return [(latest - step * back, window) for back in range(min(count, MOST_EARLIER))]


def error_draws(
    point: FloatArray,
    past_point: FloatArray,
    past_actual: FloatArray,
    *,
    draws: int,
    fewest: int,
    rng: np.random.Generator,
) -> FloatArray | None:
    """Draw what may come, given a point forecast and how such forecasts turned out before.

    Parameters
    ----------
    point : float64 array, shape (n,)
        Point forecasts, >= 0.
    past_point, past_actual : float64 array, shape (m,)
        Earlier forecasts of the same kind and what came; all units and earlier origins together.
    draws : int
    fewest : int
        With fewer past pairs there is no distribution.
    rng : numpy.random.Generator

    Returns
    -------
    float64 array, shape (draw, n), or None

    Notes
    -----
    For a positive forecast: itself times actual / forecast of one of the 50 past pairs nearest to
    it in log forecast (all, if there are fewer). So the errors are relative, and those of
    forecasts of like size. For a forecast of zero: what came of one of the past forecasts of zero
    (zero, if there are none).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> past = np.array([10.0, 20.0, 40.0])
    >>> ahead = error_draws(np.array([8.0]), past, 1.5 * past, draws=4, fewest=3, rng=rng)
    >>> ahead.ravel().tolist()
    [12.0, 12.0, 12.0, 12.0]
    """
    if len(past_point) < fewest or not len(past_point):
        return None
    sold = past_point > 0
    ahead = np.zeros((draws, len(point)))
    nothing = past_actual[~sold]
    zero = point <= 0
    if len(nothing) and zero.any():
        ahead[:, zero] = rng.choice(nothing, size=(draws, int(zero.sum())))
    if not sold.any():
        ahead[:, ~zero] = point[~zero]
        return ahead
    size, ratio = np.log(past_point[sold]), past_actual[sold] / past_point[sold]
    order = np.argsort(size, kind="stable")
    size, ratio = size[order], ratio[order]
    near = min(NEIGHBOURS, len(size))
    for unit in np.flatnonzero(~zero):
        start = _nearest(size, float(np.log(point[unit])), near)
        ahead[:, unit] = point[unit] * rng.choice(ratio[start : start + near], size=draws)
    return ahead


def _nearest(ordered: FloatArray, value: float, count: int) -> int:
    """Start of the ``count`` neighbouring entries nearest to a value."""
    low = max(0, int(np.searchsorted(ordered, value)) - count)
    high = min(len(ordered) - count, low + count)
    starts = np.arange(low, high + 1)
    reach = np.maximum(value - ordered[starts], ordered[starts + count - 1] - value)
    return int(starts[np.argmin(reach)])
