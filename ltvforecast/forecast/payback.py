"""Whether a partner pays: LTV against CAC, payback, and the highest cost that still pays."""

from __future__ import annotations

import math

import numpy as np

from ltvforecast.types import FloatArray

__all__ = [
    "PAYS_WITH",
    "highest_that_pays",
    "inverted_cdf",
    "ltv_over_cac",
    "ltv_to_cac",
    "max_affordable_cac",
    "max_affordable_commission",
    "p_ltv_exceeds_cac",
    "payback_months",
]

PAYS_WITH = 0.9
"""Probability with which the highest affordable CAC and commission still pay."""


def ltv_to_cac(ltv: FloatArray, cac: FloatArray) -> FloatArray:
    """Mean value over mean cost.

    Parameters
    ----------
    ltv : float64 array, shape (draw, partner)
    cac : float64 array, shape (partner,) or (draw, partner)
        NaN: not known.

    Returns
    -------
    float64 array, shape (partner,)
        NaN where the cost is 0 or not known: nothing can be divided by it.

    Notes
    -----
    Not the mean of the ratios, which a cost that is sometimes near 0 would blow up.

    Examples
    --------
    >>> ltv_to_cac(np.array([[100.0, 5.0], [300.0, 7.0]]), np.array([50.0, 0.0]))
    array([ 4., nan])
    """
    mean_cac = np.broadcast_to(cac, ltv.shape).mean(axis=0)
    ratio = np.full(ltv.shape[1], math.nan)
    np.divide(ltv.mean(axis=0), mean_cac, out=ratio, where=mean_cac > 0)
    return ratio


def ltv_over_cac(ltv: FloatArray, cac: FloatArray) -> FloatArray:
    """Value over cost in each draw, for its median and interval.

    Parameters
    ----------
    ltv, cac
        As in :func:`ltv_to_cac`.

    Returns
    -------
    float64 array, shape (draw, partner)
        NaN in all draws of a partner whose cost is 0 in any draw, or not known.
    """
    cost = np.broadcast_to(cac, ltv.shape)
    ratio = np.full(ltv.shape, math.nan)
    np.divide(ltv, cost, out=ratio, where=(cost > 0).all(axis=0))
    return ratio


def p_ltv_exceeds_cac(ltv: FloatArray, cac: FloatArray) -> FloatArray:
    """Probability that a partner is worth more than it cost; NaN if the cost is not known.

    Parameters
    ----------
    ltv, cac
        As in :func:`ltv_to_cac`.

    Returns
    -------
    float64 array, shape (partner,)
        Its Monte-Carlo standard error is ``sqrt(p (1 - p) / draws)``.

    Examples
    --------
    >>> p_ltv_exceeds_cac(np.array([[1.0], [2.0], [3.0], [4.0]]), np.array([2.0]))
    array([0.5])
    """
    cost = np.broadcast_to(cac, ltv.shape)
    return np.where(np.isnan(cost).any(axis=0), math.nan, (ltv > cost).mean(axis=0))


def highest_that_pays(limits: FloatArray, *, probability: float = PAYS_WITH) -> FloatArray:
    """Give the highest cost that pays with this probability, from the limit of each draw.

    Parameters
    ----------
    limits : float64 array, shape (draw, partner)
        In each draw, a cost pays if it is not above the limit; may be infinite.
    probability : float

    Returns
    -------
    float64 array, shape (partner,)
        The highest number that at least this share of the limits reaches.

    Examples
    --------
    >>> highest_that_pays(np.arange(1.0, 11.0)[:, None])  # 9 of 10 are 2 or more
    array([2.])
    """
    draws = len(limits)
    place = min(math.floor((1.0 - probability) * draws + 1e-9), draws - 1)
    return np.asarray(np.partition(limits, place, axis=0)[place])


def max_affordable_cac(ltv: FloatArray, *, probability: float = PAYS_WITH) -> FloatArray:
    """Give the highest recruitment cost that a partner still earns back with this probability.

    Parameters
    ----------
    ltv : float64 array, shape (draw, partner)
    probability : float

    Returns
    -------
    float64 array, shape (partner,)
        0 where the partner does not pay even for nothing.

    Examples
    --------
    >>> max_affordable_cac(np.arange(1.0, 11.0)[:, None] * 100)
    array([200.])
    """
    return np.maximum(highest_that_pays(ltv, probability=probability), 0.0)


def max_affordable_commission(
    before_commission: FloatArray,
    discounted_base: FloatArray,
    cac: FloatArray,
    *,
    probability: float = PAYS_WITH,
) -> FloatArray:
    """Give the highest flat share of revenue that still pays with this probability.

    Parameters
    ----------
    before_commission, discounted_base : float64 array, shape (draw, partner)
        As in :class:`ltvforecast.forecast.economics.PartnerMoney`.
    cac : float64 array, shape (partner,) or (draw, partner)
        NaN counts as 0: then commission has to leave something above the running costs.
    probability : float

    Returns
    -------
    float64 array, shape (partner,)
        From 0 to 1; 0 also where not even no commission pays.

    Notes
    -----
    A flat share of all revenue in place of the present commission, bounties included; all other
    costs stay. Value is linear in it, so that each draw has one break-even share, and no search
    is needed: ``(value before commission - CAC) / discounted revenue``.

    Examples
    --------
    >>> revenue = np.arange(1.0, 11.0)[:, None] * 100
    >>> max_affordable_commission(0.5 * revenue, revenue, np.array([20.0])).round(3)
    array([0.4])
    """
    left = before_commission - np.nan_to_num(np.broadcast_to(cac, before_commission.shape))
    limits = np.where(left >= 0, math.inf, -math.inf)
    np.divide(left, discounted_base, out=limits, where=discounted_base > 0)
    return np.clip(highest_that_pays(limits, probability=probability), 0.0, 1.0)


def payback_months(cumulative_net: FloatArray, cac: FloatArray, months: FloatArray) -> FloatArray:
    """Months until a partner has earned back its cost for the first time.

    Parameters
    ----------
    cumulative_net : float64 array, shape (draw, partner, period)
        Discounted.
    cac : float64 array, shape (partner,) or (draw, partner)
        NaN: not known.
    months : float64 array, shape (period,)
        Length of each period (:func:`ltvforecast.forecast.economics.months_of_periods`).

    Returns
    -------
    float64 array, shape (draw, partner)
        To the end of the first period in which the cost is covered; 0 for a cost of 0, infinite
        if not within the horizon, NaN if the cost is not known.

    Examples
    --------
    >>> net = np.array([[[40.0, 80.0, 120.0]], [[10.0, 20.0, 30.0]]])
    >>> payback_months(net, np.array([100.0]), np.ones(3))[:, 0]
    array([ 3., inf])
    """
    cost = np.broadcast_to(cac, cumulative_net.shape[:2])
    reached = cumulative_net >= cost[..., None]
    ends = np.cumsum(months)
    found = np.where(reached.any(axis=2), ends[np.argmax(reached, axis=2)], math.inf)
    return np.where(np.isnan(cost), math.nan, np.where(cost <= 0, 0.0, found))


def inverted_cdf(draws: FloatArray, probabilities: FloatArray) -> FloatArray:
    """Quantiles that are one of the draws each, so that they may be infinite.

    Parameters
    ----------
    draws : float64 array, shape (draw, partner)
        NaN gives NaN.
    probabilities : float64 array, shape (k,)

    Returns
    -------
    float64 array, shape (k, partner)

    References
    ----------
    Hyndman, R. J. and Fan, Y. (1996). Sample quantiles in statistical packages. The American
    Statistician 50(4), definition 1. Between a number and infinity no line can be drawn.

    Examples
    --------
    >>> inverted_cdf(np.array([[3.0], [np.inf], [5.0], [np.inf]]), np.array([0.5, 0.75]))
    array([[ 5.],
           [inf]])
    """
    ordered = np.sort(draws, axis=0)
    place = np.ceil(probabilities * len(draws) - 1e-9).astype(np.int64) - 1
    quantiles = ordered[np.clip(place, 0, len(draws) - 1)]
    return np.where(np.isnan(draws).any(axis=0), math.nan, quantiles)
