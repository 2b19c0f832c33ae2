"""What revenue is worth today: margin, commission and discounting, draw by draw."""

from __future__ import annotations

import math

import numpy as np

from ltvforecast.errors import ConfigError
from ltvforecast.forecast.horizon import DAYS_PER_YEAR
from ltvforecast.types import Economics, FloatArray

__all__ = ["check_economics", "daily_discount", "earned_rate", "period_factors"]


def check_economics(economics: Economics) -> Economics:
    """Refuse money terms that mean nothing.

    Raises
    ------
    ConfigError
        Margin or commission outside 0 to 1, or a discount rate outside (-1, 10].

    Examples
    --------
    >>> check_economics(Economics(margin=0.8, commission=0.15)).margin
    0.8
    """
    for name in ("margin", "commission"):
        share = getattr(economics, name)
        if not 0.0 <= share <= 1.0:
            raise ConfigError(
                f"{name} {share:g}",
                expected=f"{name} as a share of revenue, from 0 to 1",
                remedy=f"write 15 % as 0.15: {name} = 0.15",
            )
    rate = economics.discount_rate
    if not -1.0 < rate <= 10.0:
        raise ConfigError(
            f"discount rate {rate:g}",
            expected="an effective annual rate above -1 and up to 10 (10 % a year is 0.10)",
            remedy="write 10 % as 0.10",
        )
    return economics


def daily_discount(economics: Economics) -> float:
    """Give the continuous discount rate per day, ``log(1 + annual rate) / 365.25``.

    Examples
    --------
    >>> round(math.exp(-365.25 * daily_discount(Economics(discount_rate=0.10))), 6)
    0.909091
    """
    return math.log1p(economics.discount_rate) / DAYS_PER_YEAR


def earned_rate(economics: Economics) -> float:
    """Give what is kept of one unit of revenue: margin less commission.

    Examples
    --------
    >>> earned_rate(Economics(margin=0.5, commission=0.25))
    0.25
    """
    return economics.margin - economics.commission


def period_factors(edges_days: FloatArray, discount_per_day: float) -> FloatArray:
    r"""Present value of one unit of revenue that falls evenly on each period.

    .. math:: e^{-\delta t_{j-1}} \frac{1 - e^{-\delta d_j}}{\delta d_j}

    Parameters
    ----------
    edges_days : float64 array, shape (n_periods + 1,)
        Days from now.
    discount_per_day : float
        Continuous rate; 0 gives ones.

    Returns
    -------
    float64 array, shape (n_periods,)

    Notes
    -----
    Exact for purchases that are uniform inside a period, as those of a Poisson process are.

    Examples
    --------
    >>> period_factors(np.array([0.0, 30.0, 61.0]), 0.0)
    array([1., 1.])
    >>> period_factors(np.array([0.0, 365.25]), math.log(1.1) / 365.25).round(4)
    array([0.9538])
    """
    exponent = discount_per_day * np.diff(edges_days)
    small = np.abs(exponent) < 1e-12
    safe = np.where(small, 1.0, exponent)
    within = np.where(small, 1.0 - exponent / 2, -np.expm1(-safe) / safe)
    return np.exp(-discount_per_day * edges_days[:-1]) * within
