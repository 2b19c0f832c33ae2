"""Gamma-Gamma spend: likelihood of the amounts, expected spend, and the law of a future total.

The amounts of a customer are Gamma(p, nu), with nu ~ Gamma(q, v) over customers and independent
of how often they buy. Given n amounts with sum S, nu ~ Gamma(p n + q, v + S). Symbols and
assumptions: see :mod:`ltvforecast.formulas`; amounts are positive.

References
----------
Fader, P. S., Hardie, B. G. S. and Lee, K. L. (2005), "RFM and CLV: using iso-value curves for
customer base analysis", Journal of Marketing Research 42(4), 415-430. [FHL]
Fader, P. S. and Hardie, B. G. S. (2013), "The Gamma-Gamma model of monetary value",
brucehardie.com/notes/025. [FH]
"""

# n, total, p, q, v stand in the literature's order, as positions
# ruff: noqa: PLR0917

from __future__ import annotations

import math

import numpy as np
from scipy.special import betainccinv, betaincinv, psi

from ltvforecast.formulas.compiling import FloatArray, Numbers, compiled, elementwise
from ltvforecast.formulas.special import log_beta, log_gamma, log_gamma_ratio

__all__ = [
    "PARAMETERS",
    "expected_spend",
    "log_likelihood",
    "log_likelihood_gradient",
    "log_likelihood_mean",
    "log_likelihood_mean_gradient",
    "total_spend_quantile",
]

PARAMETERS = ("p", "q", "v")
"""Order of the parameters in every signature and gradient."""


@compiled
def _log_likelihood_scalar(
    n: float, total: float, log_total: float, p: float, q: float, v: float
) -> float:
    if n == 0.0:
        return 0.0
    within = (p - 1.0) * log_total - n * log_gamma(p) - p * n * math.log(v + total)
    return within + log_gamma_ratio(q, p * n) - q * math.log1p(total / v)


@compiled
def _log_likelihood_mean_scalar(n: float, mean: float, p: float, q: float, v: float) -> float:
    if n == 0.0:
        return 0.0
    total = n * mean
    tails = q * math.log1p(total / v) + p * n * math.log1p(v / total)
    return -log_beta(p * n, q) - tails - math.log(mean)


_log_likelihood = elementwise(_log_likelihood_scalar)
_log_likelihood_mean = elementwise(_log_likelihood_mean_scalar)


def log_likelihood(
    n: Numbers, total: Numbers, log_total: Numbers, p: Numbers, q: Numbers, v: Numbers
) -> FloatArray:
    """Log-likelihood of each customer's individual amounts.

    Parameters
    ----------
    n : array_like
        Number of amounts, >= 0.
    total, log_total : array_like
        Their sum and the sum of their logarithms; both 0 if there are none.
    p, q, v : array_like
        Parameters, positive.

    Returns
    -------
    float64 array
        Of the broadcast shape; 0 for ``n = 0``.

    Notes
    -----
    The mean is not sufficient for the shape p, so this knows several times more about it than
    :func:`log_likelihood_mean`, and it is the default. A change of the unit of money divides the
    likelihood by unit^n.

    References
    ----------
    From FH's assumptions: the product of gamma densities, integrated over nu.

    Examples
    --------
    Amounts 1 and 3 with p = 1 have density q (q+1) v^q / (v+4)^(q+2):

    >>> exact = np.log(2 * 3 * 5**2 / 9**4)
    >>> bool(np.isclose(log_likelihood(2, 4.0, np.log(3.0), 1.0, 2.0, 5.0), exact))
    True
    """
    return _log_likelihood(n, total, log_total, p, q, v)


def log_likelihood_gradient(
    n: Numbers, total: Numbers, log_total: Numbers, p: Numbers, q: Numbers, v: Numbers
) -> FloatArray:
    """Gradient of :func:`log_likelihood` with respect to the parameters.

    Parameters
    ----------
    n, total, log_total : array_like
        Number of amounts, their sum, the sum of their logarithms.
    p, q, v : array_like
        Parameters, positive.

    Returns
    -------
    float64 array, shape (3, ...)
        Derivatives by ``p, q, v`` in this order, each of the broadcast shape.

    Examples
    --------
    >>> log_likelihood_gradient(0, 0.0, 0.0, 1.0, 2.0, 5.0) + 0.0
    array([0., 0., 0.])
    """
    arrays = (np.asarray(value, dtype=np.float64) for value in (n, total, log_total, p, q, v))
    n, total, log_total, p, q, v = arrays
    by_p = log_total + n * (psi(p * n + q) - psi(p) - np.log(v + total))
    by_q = psi(p * n + q) - psi(q) - np.log1p(total / v)
    by_v = (q * total / v - p * n) / (v + total)
    return np.stack(np.broadcast_arrays(by_p, by_q, by_v))


def log_likelihood_mean(
    n: Numbers, mean: Numbers, p: Numbers, q: Numbers, v: Numbers
) -> FloatArray:
    """Log-likelihood of each customer's mean amount, as published.

    Parameters
    ----------
    n : array_like
        Number of amounts in the mean, >= 0.
    mean : array_like
        Their mean, > 0; any number if there are none.
    p, q, v : array_like
        Parameters, positive.

    Returns
    -------
    float64 array
        Of the broadcast shape; 0 for ``n = 0``.

    References
    ----------
    FH, equation 1a.

    Examples
    --------
    The density of the mean of one amount, at p = 1, is q v^q / (v + mean)^(q+1):

    >>> bool(np.isclose(log_likelihood_mean(1, 3.0, 1.0, 2.0, 5.0), np.log(2 * 5**2 / 8**3)))
    True
    """
    return _log_likelihood_mean(n, mean, p, q, v)


def log_likelihood_mean_gradient(
    n: Numbers, mean: Numbers, p: Numbers, q: Numbers, v: Numbers
) -> FloatArray:
    """Gradient of :func:`log_likelihood_mean` with respect to the parameters.

    Parameters
    ----------
    n, mean : array_like
        Number of amounts, and their mean.
    p, q, v : array_like
        Parameters, positive.

    Returns
    -------
    float64 array, shape (3, ...)
        Derivatives by ``p, q, v`` in this order, each of the broadcast shape.

    Examples
    --------
    >>> log_likelihood_mean_gradient(0, 0.0, 1.0, 2.0, 5.0) + 0.0
    array([0., 0., 0.])
    """
    n, mean, p, q, v = (np.asarray(value, dtype=np.float64) for value in (n, mean, p, q, v))
    count = np.where(n > 0.0, n, 1.0)
    total = np.where(n > 0.0, n * mean, 1.0)
    by_p = count * (psi(p * count + q) - psi(p * count) - np.log1p(v / total))
    by_q = psi(p * count + q) - psi(q) - np.log1p(total / v)
    by_v = (q * total / v - p * count) / (v + total)
    return np.where(n > 0.0, np.stack(np.broadcast_arrays(by_p, by_q, by_v)), 0.0)


def expected_spend(n: Numbers, total: Numbers, p: Numbers, q: Numbers, v: Numbers) -> FloatArray:
    """Return the expected amount of a customer's future purchase, given the amounts so far.

    Parameters
    ----------
    n, total : array_like
        Number of amounts known, and their sum; 0 and 0 for a new customer.
    p, q, v : array_like
        Parameters, positive.

    Returns
    -------
    float64 array
        Infinite where ``p n + q <= 1``: there the mean does not exist (for new customers this is
        ``q <= 1``), and the negative number that the formula would give is no answer.

    Notes
    -----
    ``p (v + S) / (p n + q - 1)``: a weighted mean of the customer's own mean and p v / (q - 1).

    References
    ----------
    FH, equation 5.

    Examples
    --------
    A CDNOW customer with two repeat purchases of 22.35 on average:

    >>> round(float(expected_spend(2, 2 * 22.35, 6.25, 3.74, 15.44)), 1)
    24.7
    """
    n, total, p, q, v = (np.asarray(value, dtype=np.float64) for value in (n, total, p, q, v))
    surplus = p * n + q - 1.0
    return np.where(surplus > 0.0, p * (v + total) / np.where(surplus > 0.0, surplus, 1.0), np.inf)


def total_spend_quantile(
    probability: Numbers,
    future_n: Numbers,
    n: Numbers,
    total: Numbers,
    p: Numbers,
    q: Numbers,
    v: Numbers,
) -> FloatArray:
    """Quantile of the total amount of a customer's next purchases, given the amounts so far.

    Parameters
    ----------
    probability : array_like
        Between 0 and 1, exclusive.
    future_n : array_like
        Number of future purchases, >= 0.
    n, total : array_like
        Number of amounts known, and their sum; 0 and 0 for a new customer.
    p, q, v : array_like
        Parameters, positive.

    Returns
    -------
    float64 array
        0 for ``future_n = 0``; never above the largest double.

    Notes
    -----
    The total is (v + S) times a beta-prime variate with shapes ``p future_n`` and ``p n + q``;
    with y the quantile of the corresponding beta law, y / (1 - y), where 1 - y comes from the
    complementary function so that nothing cancels.

    References
    ----------
    Johnson, N. L., Kotz, S. and Balakrishnan, N. (1995), Continuous Univariate Distributions 2,
    2nd ed., chapter 27 (beta-prime as a ratio of gamma variates).

    Examples
    --------
    With p = q = 1 one amount exceeds z with probability v / (v + z):

    >>> round(float(total_spend_quantile(0.75, 1, 0, 0.0, 1.0, 1.0, 10.0)), 9)
    30.0
    """
    values = (probability, future_n, n, total, p, q, v)
    probability, future_n, n, total, p, q, v = (np.asarray(x, dtype=np.float64) for x in values)
    shape, known = np.where(future_n > 0.0, p * future_n, 1.0), p * n + q
    tiny = np.finfo(np.float64).tiny
    odds = betaincinv(shape, known, probability) / np.maximum(
        betainccinv(known, shape, probability), tiny
    )
    largest = np.finfo(np.float64).max
    capped = np.minimum(odds, largest / np.maximum(v + total, 1.0))
    return np.where(future_n > 0.0, (v + total) * capped, 0.0)
