"""Log-likelihood of BG/NBD summed over a table of histories, for one parameter vector or many.

Fader, Hardie & Lee (2005), equation 6, in the form that neither overflows nor cancels::

    log-likelihood = lgamma(r + x) - lgamma(r) - x log(alpha) + betaln(a, b + x) - betaln(a, b)
                     - (r + x) log1p(T / alpha)
                     + log(1 + exp(D)),   D = log(a / (b + x - 1)) + (r + x) L   (x > 0),
                                          L = log1p((T - t_x) / (alpha + t_x))

The first line is summed over the distinct ``x``; the second, in two totals, over nodes of ``T``;
the third over rows. The optimiser and the sampler work in four coordinates: ``log r``,
``u = log(r / alpha)``, ``logit(a / (a + b))``, ``log(a + b)``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, gammaln, psi

from ltvforecast.fitting.chebyshev import log_nodes, weighted_total
from ltvforecast.fitting.compress import HistoryRows
from ltvforecast.types import FloatArray

__all__ = [
    "COORDINATES",
    "PurchaseTable",
    "coordinate_gradient",
    "log_likelihood",
    "log_likelihood_gradient",
    "purchase_parameters",
    "purchase_table",
]

COORDINATES = ("log r", "log(r/alpha)", "logit a/(a+b)", "log(a+b)")

_BLOCK = 16_384
"""Numbers in one temporary array: small enough for the processor's cache."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PurchaseTable:
    """Everything the summed log-likelihood needs.

    Attributes
    ----------
    x, customers_by_count : float64 arrays, shape (n_distinct_x,)
        Distinct numbers of repeat purchases, and customers with each.
    T, customers_by_age, purchases_by_age : float64 arrays, shape (n_nodes,)
        Nodes of the age, with signed totals of customers and of their repeat purchases.
    rows : HistoryRows
        Histories with repeat purchases, exact or on nodes: where dropout can have happened.
    """

    x: FloatArray
    customers_by_count: FloatArray
    T: FloatArray
    customers_by_age: FloatArray
    purchases_by_age: FloatArray
    rows: HistoryRows

    def __len__(self) -> int:
        """Count what has to be summed over."""
        return len(self.x) + len(self.T) + len(self.rows)


def purchase_table(rows: HistoryRows) -> PurchaseTable:
    """Arrange unique rows by what each part of the likelihood needs.

    Parameters
    ----------
    rows : HistoryRows
        Unique rows, sorted by ``x``; at least one with positive ``T``.

    Returns
    -------
    PurchaseTable
        Exact to rounding.
    """
    x, which = np.unique(rows.x, return_inverse=True)
    aged = rows.T > 0.0
    weight = rows.weight[aged]
    T, (customers, purchases) = log_nodes(rows.T[aged], (weight, weight * rows.x[aged]))
    return PurchaseTable(
        x=x,
        customers_by_count=np.asarray(np.bincount(which, weights=rows.weight), dtype=np.float64),
        T=T,
        customers_by_age=customers,
        purchases_by_age=purchases,
        rows=rows.part(rows.x > 0.0),
    )


def purchase_parameters(theta: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Turn coordinates into ``r, alpha, a, b``.

    Parameters
    ----------
    theta : float64 array, shape (..., 4)
        ``log r, log(r/alpha), logit a/(a+b), log(a+b)``.

    Returns
    -------
    tuple of float64 array, shape (...)

    Examples
    --------
    >>> [round(float(value), 6) for value in purchase_parameters(np.zeros(4))]
    [1.0, 1.0, 0.5, 0.5]
    """
    log_r, u, logit, log_phi = np.moveaxis(theta, -1, 0)
    r, alpha, phi = np.exp(log_r), np.exp(log_r - u), np.exp(log_phi)
    return r, alpha, phi * expit(logit), phi * expit(-logit)


def log_likelihood(theta: FloatArray, table: PurchaseTable) -> FloatArray:
    """Sum the log-likelihood over the table, for many parameter vectors at once.

    Parameters
    ----------
    theta : float64 array, shape (n_vectors, 4)
        Coordinates.
    table : PurchaseTable

    Returns
    -------
    float64 array, shape (n_vectors,)
        ``-inf`` where the likelihood can't be evaluated.

    References
    ----------
    Fader, Hardie & Lee (2005), Marketing Science 24(2), equation 6.
    """
    total = np.empty(len(theta))
    step = max(1, _BLOCK // max(len(table), 1))
    with np.errstate(all="ignore"):
        r, alpha, a, b = purchase_parameters(theta)
        for start in range(0, len(theta), step):
            part = slice(start, start + step)
            columns = tuple(value[part, None] for value in (r, alpha, a, b))
            total[part] = _count_part(table, *columns) + _age_part(table, *columns[:2])
            total[part] += _dropout_part(table, *columns)
    return np.where(np.isfinite(total), total, -np.inf)


def _count_part(
    table: PurchaseTable, r: FloatArray, alpha: FloatArray, a: FloatArray, b: FloatArray
) -> FloatArray:
    x = table.x
    terms = gammaln(r + x) - gammaln(r) - x * np.log(alpha)
    terms += gammaln(b + x) - gammaln(b) - gammaln(a + b + x) + gammaln(a + b)
    return weighted_total(terms, table.customers_by_count)


def _age_part(table: PurchaseTable, r: FloatArray, alpha: FloatArray) -> FloatArray:
    growth = np.log1p(table.T / alpha)
    once = weighted_total(growth, table.customers_by_age)
    return -r[:, 0] * once - weighted_total(growth, table.purchases_by_age)


def _dropout_part(
    table: PurchaseTable, r: FloatArray, alpha: FloatArray, a: FloatArray, b: FloatArray
) -> FloatArray:
    rows = table.rows
    odds = np.log1p((rows.T - rows.t_x) / (alpha + rows.t_x))
    odds *= r + rows.x
    odds -= np.log((b + rows.x - 1.0) / a)
    term = np.maximum(odds, 0.0)
    np.abs(odds, out=odds)
    np.negative(odds, out=odds)
    # exp(-40) is lost beside 1, and the processor is slow where exp underflows
    np.maximum(odds, -40.0, out=odds)
    np.exp(odds, out=odds)
    np.log1p(odds, out=odds)
    term += odds
    return weighted_total(term, rows.weight)


def log_likelihood_gradient(theta: FloatArray, table: PurchaseTable) -> tuple[float, FloatArray]:
    """Sum the log-likelihood over the table, with its gradient, for one parameter vector.

    Parameters
    ----------
    theta : float64 array, shape (4,)
        Coordinates.
    table : PurchaseTable

    Returns
    -------
    value : float
    gradient : float64 array, shape (4,)
        With respect to ``r, alpha, a, b``.

    Notes
    -----
    With ``w = D's logistic`` (one minus the probability to be alive), per row::

        d/dr     = psi(r+x) - psi(r) - log1p(T/alpha) + w L
        d/dalpha = r/alpha - (r+x)/(alpha+T) + w (r+x) (1/(alpha+T) - 1/(alpha+t_x))
        d/da     = psi(a+b) - psi(a+b+x) + w/a
        d/db     = psi(a+b) - psi(a+b+x) + psi(b+x) - psi(b) - w/(b+x-1)
    """
    r, alpha, a, b = (float(value) for value in purchase_parameters(theta))
    x, T, rows = table.x, table.T, table.rows
    lost = psi(a + b) - psi(a + b + x)
    by_x = np.stack([psi(r + x) - psi(r), np.zeros_like(x), lost, lost + psi(b + x) - psi(b)])
    shape = r + rows.x
    lag = np.log1p((rows.T - rows.t_x) / (alpha + rows.t_x))
    dead = expit(shape * lag - np.log((b + rows.x - 1.0) / a))
    pull = shape * (rows.T - rows.t_x) / ((alpha + rows.T) * (alpha + rows.t_x))
    by_row = np.stack([dead * lag, -dead * pull, dead / a, -dead / (b + rows.x - 1.0)])
    gradient = weighted_total(by_x, table.customers_by_count) + weighted_total(by_row, rows.weight)
    gradient[0] -= weighted_total(np.log1p(T / alpha), table.customers_by_age)
    gradient[1] += weighted_total(r * T / (alpha * (alpha + T)), table.customers_by_age)
    gradient[1] -= weighted_total(1.0 / (alpha + T), table.purchases_by_age)
    value = float(log_likelihood(theta[None, :], table)[0])
    return value, gradient


def coordinate_gradient(theta: FloatArray, gradient: FloatArray) -> FloatArray:
    """Chain rule from ``r, alpha, a, b`` to the four coordinates.

    Parameters
    ----------
    theta, gradient : float64 array, shape (4,)

    Returns
    -------
    float64 array, shape (4,)
    """
    r, alpha, a, b = purchase_parameters(theta)
    share = expit(theta[2])
    in_log = gradient * np.array([r, alpha, a, b])
    return np.array(
        [
            in_log[0] + in_log[1],
            -in_log[1],
            (1.0 - share) * in_log[2] - share * in_log[3],
            in_log[2] + in_log[3],
        ]
    )
