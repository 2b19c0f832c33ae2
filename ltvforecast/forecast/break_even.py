"""How large an effect must be to bring its cost back, from the gain at a few sizes."""

from __future__ import annotations

import numpy as np
from scipy.interpolate import PchipInterpolator

from ltvforecast.forecast.scenario_change import LIMITS, Change, scaled_change
from ltvforecast.types import FloatArray

__all__ = ["SIZES", "break_even_sizes", "possible_sizes"]

SIZES = (0.0, 1.0, 2.0, 4.0)
"""Multiples of the assumed effect that are tried."""
_STEPS = 2000


def possible_sizes(change: Change, sizes: tuple[float, ...]) -> tuple[float, ...]:
    """Keep the sizes of an effect at which every factor is within its limits.

    Parameters
    ----------
    change : Change
    sizes : tuple of float

    Returns
    -------
    tuple of float

    Examples
    --------
    >>> possible_sizes(Change(retention=1.4), (0.0, 1.0, 2.0, 4.0))
    (0.0, 1.0, 2.0)
    """

    def possible(size: float) -> bool:
        scaled = scaled_change(change, size)
        return all(low <= getattr(scaled, name) <= high for name, (low, high) in LIMITS.items())

    return tuple(size for size in sizes if possible(size))


def break_even_sizes(sizes: FloatArray, gains: FloatArray, cost: float) -> FloatArray:
    """Find the smallest size at which the gain is the cost.

    Parameters
    ----------
    sizes : float64 array, shape (k,)
        Rising from 0; two at least.
    gains : float64 array, shape (k, partner)
        Expected gain at each.
    cost : float

    Returns
    -------
    float64 array, shape (partner,)
        0 where it pays even without the effect and the effect only adds to it; NaN where no size
        up to the largest makes gain and cost equal.

    Notes
    -----
    Between the sizes the gain follows a monotone piecewise cubic.

    References
    ----------
    Fritsch, F. N. and Carlson, R. E. (1980). Monotone piecewise cubic interpolation. SIAM Journal
    on Numerical Analysis 17(2), 238-246.

    Examples
    --------
    >>> sizes = np.array([0.0, 1.0, 2.0])
    >>> break_even_sizes(sizes, np.array([[0.0, 0.0], [10.0, 1.0], [20.0, 2.0]]), 15.0)
    array([1.5, nan])
    """
    fine = np.linspace(0.0, sizes[-1], _STEPS + 1)
    above = PchipInterpolator(sizes, gains, axis=0)(fine) - cost
    positive = above >= 0.0
    crossed = positive[1:] != positive[:-1]
    place = np.argmax(crossed, axis=0)
    column = np.arange(gains.shape[1])
    low, high = above[place, column], above[place + 1, column]
    step = np.where(high != low, high - low, 1.0)
    found = fine[place] - low / step * (fine[place + 1] - fine[place])
    result = np.where(crossed.any(axis=0), found, np.nan)
    free = (gains[0] >= cost) & (gains[-1] >= gains[0]) & ~crossed.any(axis=0)
    return np.where(free, 0.0, result)
