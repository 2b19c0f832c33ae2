"""Closed forms of single customers: alive or not, a purchase or none, what a purchase is worth."""

from __future__ import annotations

import numpy as np
from scipy.special import gammaincc

from ltvforecast.forecast.records import Customers, Draws
from ltvforecast.types import FloatArray

__all__ = ["expected_spend", "probabilities"]


def probabilities(
    customers: Customers, draws: Draws, horizon: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Work out P(alive), and P(a purchase in the horizon, given alive).

    Parameters
    ----------
    customers : Customers
    draws : Draws
        Of these customers, or of all.
    horizon : float64 array, shape (1,) or (draw,)
        On the clock, in the model's unit.

    Returns
    -------
    p_alive, p_buy : float64 array, shape (customer, draw)

    References
    ----------
    Fader, Hardie and Lee (2008), "Computing P(alive) using the BG/NBD model"; the second is the
    Lomax survival of the time to the next purchase.
    """
    x, t_x, T = (values[:, None] for values in customers[:3])
    idle = np.log1p((T - t_x) / (draws.alpha + t_x))
    with np.errstate(over="ignore", divide="ignore"):
        odds = np.exp((draws.r + x) * idle) * (draws.a / np.maximum(draws.b + x - 1.0, 0.0))
    p_alive = np.where(x > 0, 1.0 / (1.0 + odds), 1.0)
    p_buy = -np.expm1(-(draws.r + x) * np.log1p(horizon / (draws.alpha + T)))
    return p_alive, p_buy


def expected_spend(customers: Customers, draws: Draws, highest_spend: float) -> FloatArray:
    """Work out the expected value of a purchase, zeros included.

    Parameters
    ----------
    customers : Customers
    draws : Draws
        Of these customers, or of all.
    highest_spend : float
        What a customer's average purchase can't exceed; infinite for no limit.

    Returns
    -------
    float64 array, shape (customer, draw)

    Notes
    -----
    Fader and Hardie (2013) eq. 5, times what the limit on the average purchase takes away: for
    nu ~ Gamma(k, beta) the mean of 1/nu given nu > c is ``beta / (k - 1)`` times
    ``Q(k - 1, beta c) / Q(k, beta c)``, Q being the regularised upper incomplete gamma function.

    References
    ----------
    Fader & Hardie (2013), The gamma-gamma model of monetary value.
    """
    n, total = customers.spend_n[:, None], customers.spend_sum[:, None]
    shape = draws.p * n + draws.q
    mean = draws.p * (draws.v + total) / (shape - 1.0)
    least = draws.p * (draws.v + total) / highest_spend
    # Chernoff: log P(Gamma(k - 1) < least); below -23 the limit takes less than 1e-10 away
    with np.errstate(divide="ignore"):
        below = shape - 1.0 - least + (shape - 1.0) * np.log(least / (shape - 1.0))
    cut = (least >= shape - 1.0) | (below > -23.0)
    mean[cut] *= _kept(shape[cut], least[cut])
    return np.asarray(mean * (1.0 - draws.zero_share))


def _kept(shape: FloatArray, least: FloatArray) -> FloatArray:
    """Give ``Q(shape - 1, least) / Q(shape, least)``, and its limit where both vanish."""
    above = gammaincc(shape, least)
    vanishing = above < 1e-280
    ratio = gammaincc(shape - 1.0, least) / np.where(vanishing, 1.0, above)
    return np.where(vanishing, (shape - 1.0) / least, ratio)
