"""Log-likelihood of Gamma-Gamma spend summed over customers, for one parameter vector or many.

Amounts ``z ~ Gamma(p, nu)`` with ``nu ~ Gamma(q, v)`` (shape, rate) by customer. With ``n``
amounts of sum ``S`` and sum of logs ``SL``::

    amounts:  (p-1) SL - n lgamma(p) + lgamma(pn+q) - lgamma(q) - q log1p(S/v) - pn log(v+S)
    mean:     lgamma(pn+q) - lgamma(pn) - lgamma(q) - log(zbar) + pn log(S)
              - q log1p(S/v) - pn log(v+S)

Both need the customers only through sums, the distribution of ``n``, and two totals over ``S``
that are taken on a few Chebyshev nodes in ``log S``. The coordinates are ``log p``, ``s = log(mean
spend) = log(p v / (q - 1))`` and ``log(q - 1)``, so that the mean always exists.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln, psi

from ltvforecast.fitting.chebyshev import log_nodes, weighted_total
from ltvforecast.types import FloatArray

__all__ = [
    "SpendTable",
    "amounts_table",
    "coordinate_gradient",
    "log_likelihood",
    "log_likelihood_gradient",
    "means_table",
    "spend_parameters",
]

_BLOCK = 16_384


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendTable:
    """Everything the summed log-likelihood needs.

    Attributes
    ----------
    n, count : float64 arrays, shape (n_distinct_n,)
        Distinct numbers of amounts, and customers with each.
    constant : float
        What multiplies nothing: minus the sum of ``SL`` (amounts) or of ``log(zbar)`` (mean).
    slope : float
        What multiplies ``p``: the sum of ``SL`` (amounts) or of ``n log(S)`` (mean).
    single : bool
        Whether each amount has its own likelihood, or only the customer's mean.
    S, weight, weight_n : float64 arrays
        Nodes of the customers' sums, weighted by customers and by amounts.
    """

    n: FloatArray
    count: FloatArray
    constant: float
    slope: float
    single: bool
    S: FloatArray
    weight: FloatArray
    weight_n: FloatArray

    @property
    def customers(self) -> float:
        """Number of customers."""
        return float(self.count.sum())


def amounts_table(n: FloatArray, total: FloatArray, log_total: FloatArray) -> SpendTable:
    """Table for the likelihood of every single amount.

    Parameters
    ----------
    n, total, log_total : float64 array, shape (n_customers,)
        Number of amounts (at least one), their sum, and the sum of their logs.

    Returns
    -------
    SpendTable
    """
    log_sum = float(np.sum(log_total))
    return _table(n, total, constant=-log_sum, slope=log_sum, single=True)


def means_table(n: FloatArray, mean: FloatArray) -> SpendTable:
    """Table for the published likelihood of the customers' means.

    Parameters
    ----------
    n, mean : float64 array, shape (n_customers,)
        Number of amounts (at least one) and their mean, positive.

    Returns
    -------
    SpendTable
    """
    total = n * mean
    slope = float(np.sum(n * np.log(total)))
    return _table(n, total, constant=-float(np.log(mean).sum()), slope=slope, single=False)


def _table(
    n: FloatArray, total: FloatArray, *, constant: float, slope: float, single: bool
) -> SpendTable:
    distinct, count = np.unique(n, return_counts=True)
    S, (weight, weight_n) = log_nodes(total, (np.ones(len(n)), n))
    return SpendTable(
        n=distinct,
        count=count.astype(np.float64),
        constant=constant,
        slope=slope,
        single=single,
        S=S,
        weight=weight,
        weight_n=weight_n,
    )


def spend_parameters(theta: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Turn coordinates into ``p, q, v``.

    Parameters
    ----------
    theta : float64 array, shape (..., 3)
        ``log p, log(p v / (q - 1)), log(q - 1)``.

    Returns
    -------
    tuple of float64 array, shape (...)

    Examples
    --------
    >>> [float(value) for value in spend_parameters(np.zeros(3))]
    [1.0, 2.0, 1.0]
    """
    log_p, log_mean, log_excess = theta[..., 0], theta[..., 1], theta[..., 2]
    return np.exp(log_p), 1.0 + np.exp(log_excess), np.exp(log_mean + log_excess - log_p)


def log_likelihood(theta: FloatArray, table: SpendTable) -> FloatArray:
    """Sum the log-likelihood over the table, for many parameter vectors at once.

    Parameters
    ----------
    theta : float64 array, shape (n_vectors, 3)
        Coordinates.
    table : SpendTable

    Returns
    -------
    float64 array, shape (n_vectors,)
        ``-inf`` where the likelihood can't be evaluated.

    References
    ----------
    Fader & Hardie (2013), The gamma-gamma model of monetary value, note 025.
    """
    total = np.empty(len(theta))
    step = max(1, _BLOCK // (len(table.n) + len(table.S)))
    with np.errstate(all="ignore"):
        p, q, v = (value[:, None] for value in spend_parameters(theta))
        for start in range(0, len(theta), step):
            part = slice(start, start + step)
            total[part] = _block(p[part], q[part], v[part], table)
    return np.where(np.isfinite(total), total, -np.inf)


def _block(p: FloatArray, q: FloatArray, v: FloatArray, table: SpendTable) -> FloatArray:
    pn = p * table.n
    by_count = gammaln(pn + q) - gammaln(q)
    by_count -= table.n * gammaln(p) if table.single else gammaln(pn)
    growth = np.log1p(table.S / v)
    amounts = float(table.n @ table.count)
    summed = weighted_total(by_count, table.count)
    summed -= q[:, 0] * weighted_total(growth, table.weight)
    by_amount = weighted_total(growth, table.weight_n) + amounts * np.log(v[:, 0])
    summed -= p[:, 0] * (by_amount - table.slope)
    return summed + table.constant


def log_likelihood_gradient(theta: FloatArray, table: SpendTable) -> tuple[FloatArray, FloatArray]:
    """Sum the log-likelihood over the table, with its gradient, for one parameter vector or many.

    Parameters
    ----------
    theta : float64 array, shape (..., 3)
        Coordinates.
    table : SpendTable

    Returns
    -------
    value : float64 array, shape (...)
    gradient : float64 array, shape (..., 3)
        With respect to ``p, q, v``.
    """
    p, q, v = (value[..., None] for value in spend_parameters(theta))
    n, count, S = table.n, table.count, table.S
    pn, growth, share = p * n, np.log1p(S / v), 1.0 / (v + S)
    both = psi(pn + q)
    by_n = n * (both - (psi(p) if table.single else psi(pn)))
    by_amount = weighted_total(growth, table.weight_n) + float(n @ count) * np.log(v[..., 0])
    in_p = weighted_total(by_n, count) - by_amount + table.slope
    in_q = weighted_total(both - psi(q), count) - weighted_total(growth, table.weight)
    in_v = (q / v)[..., 0] * weighted_total(S * share, table.weight)
    in_v -= p[..., 0] * weighted_total(share, table.weight_n)
    value = log_likelihood(theta.reshape(-1, 3), table).reshape(theta.shape[:-1])
    return value, np.stack([in_p, in_q, in_v], axis=-1)


def coordinate_gradient(theta: FloatArray, gradient: FloatArray) -> FloatArray:
    """Chain rule from ``p, q, v`` to the three coordinates.

    Parameters
    ----------
    theta, gradient : float64 array, shape (..., 3)

    Returns
    -------
    float64 array, shape (..., 3)
    """
    p, q, v = spend_parameters(theta)
    in_p, in_q, in_v = p * gradient[..., 0], (q - 1.0) * gradient[..., 1], v * gradient[..., 2]
    return np.stack([in_p - in_v, in_v, in_q + in_v], axis=-1)
