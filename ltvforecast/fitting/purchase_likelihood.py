"""Log-likelihood of BG/NBD summed over a table of histories, for one parameter vector or many.

Fader, Hardie & Lee (2005), equation 6, in the form that neither overflows nor cancels::

    log-likelihood = lgamma(r + x) - lgamma(r) - x log(alpha) + betaln(a, b + x) - betaln(a, b)
                     - (r + x) log1p(T / alpha)
                     + log(1 + exp(D)),   D = log(a / (b + x - 1)) + (r + x) L   (x > 0),
                                          L = log1p((T - t_x) / (alpha + t_x))

The first line is summed over the distinct ``x``, or over all numbers up to the largest; the second,
in two totals, over nodes of ``T``; the third over rows. The optimiser and the sampler work in four
coordinates: ``log r``, ``u = log(r / alpha)``, ``logit(a / (a + b))``, ``log(a + b)``.
"""

from __future__ import annotations

from collections.abc import Iterator
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
_MANY = 64
"""For so many parameter vectors it pays to sort the rows first."""
_CHUNK = 128
"""Rows at a time: a product of so many numbers between 1 and 2 is far from overflow."""
_ABREAST = 256
"""Parameter vectors at a time with a chunk of rows."""
_SHARED = 16_384
"""Up to so many different times their logarithms, for vectors abreast, stay in a large cache."""
_MOST_STEPS = 16
"""For each distinct count: up to this many logarithms are cheaper than log-gamma functions."""


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
    log_r, u, logit, log_phi = theta[..., 0], theta[..., 1], theta[..., 2], theta[..., 3]
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
    with np.errstate(all="ignore"):
        parameters = purchase_parameters(theta)
        for part in _parts(len(theta), max(_steps(table), len(table.x)) + len(table.T)):
            r, alpha, a, b = (value[part, None] for value in parameters)
            total[part] = _count_part(table, r, alpha, a, b) + _age_part(table, r, alpha)
        if len(theta) >= _MANY and _shared_times(table.rows) <= _SHARED:
            total += _dropout_of_many(table.rows, *parameters)
        else:
            for part in _parts(len(theta), len(table.rows)):
                r, alpha, a, b = (value[part, None] for value in parameters)
                total[part] += _dropout_part(table.rows, r, alpha, a, b)
    return np.where(np.isfinite(total), total, -np.inf)


def _parts(size: int, width: int) -> Iterator[slice]:
    """Cut so many vectors into blocks, each of them as wide as given."""
    step = max(1, _BLOCK // max(width, 1))
    return (slice(start, start + step) for start in range(0, size, step))


def _steps(table: PurchaseTable) -> int:
    """Largest ``x``, or nothing where there are better ways than one logarithm for each."""
    most = int(table.x.max())
    return most if most <= _MOST_STEPS * len(table.x) else 0


def _count_part(
    table: PurchaseTable, r: FloatArray, alpha: FloatArray, a: FloatArray, b: FloatArray
) -> FloatArray:
    """Sum what depends on ``x`` alone.

    ``lgamma(r + x) - lgamma(r)`` is the sum of ``log(r + k)`` for k below ``x``, so that over
    customers ``log(r + k)`` counts as often as somebody has bought more than ``k`` times.
    """
    x, count = table.x, table.customers_by_count
    in_alpha = -float(weighted_total(x, count)) * np.log(alpha[:, 0])
    if not _steps(table):
        terms = gammaln(r + x) - gammaln(r)
        terms += gammaln(b + x) - gammaln(b) - gammaln(a + b + x) + gammaln(a + b)
        return in_alpha + weighted_total(terms, count)
    customers = np.bincount(x.astype(np.int64), weights=count)
    more = np.asarray(np.cumsum(customers[:0:-1])[::-1], dtype=np.float64)
    k = np.arange(len(more), dtype=np.float64)
    return in_alpha + weighted_total(np.log((r + k) * ((b + k) / (a + b + k))), more)


def _age_part(table: PurchaseTable, r: FloatArray, alpha: FloatArray) -> FloatArray:
    growth = np.log1p(table.T / alpha)
    once = weighted_total(growth, table.customers_by_age)
    return -r[:, 0] * once - weighted_total(growth, table.purchases_by_age)


def _dropout_part(
    rows: HistoryRows, r: FloatArray, alpha: FloatArray, a: FloatArray, b: FloatArray
) -> FloatArray:
    """Sum ``log(1 + exp(D))`` over rows, row by row."""
    odds = np.log1p((rows.T - rows.t_x) / (alpha + rows.t_x))
    odds *= r + rows.x
    odds -= np.log((b + rows.x - 1.0) / a)
    term = np.maximum(odds, 0.0)
    term += np.log1p(_smaller(odds))
    return weighted_total(term, rows.weight)


def _smaller(odds: FloatArray) -> FloatArray:
    """Turn ``D`` into ``exp(-abs(D))``, in its place."""
    np.abs(odds, out=odds)
    # exp(-40) is lost beside 1, and the processor is slow where exp underflows
    np.minimum(odds, 40.0, out=odds)
    np.negative(odds, out=odds)
    return np.exp(odds, out=odds)


def _shared_times(rows: HistoryRows) -> int:
    """Count the different times that make up the rows."""
    return len(np.unique(rows.T)) + len(np.unique(rows.t_x))


def _dropout_of_many(
    rows: HistoryRows, r: FloatArray, alpha: FloatArray, a: FloatArray, b: FloatArray
) -> FloatArray:
    """Sum the same for parameter vectors of shape (n_vectors,), from what many rows share.

    Few values of ``x``, ``T`` and ``t_x`` make up many rows. Their logarithms are taken once;
    ``L`` is a difference of two, ``log1p(T / alpha) - log1p(t_x / alpha)``, and loses no more
    digits than the sum over ``T`` does. Rows of one weight have one logarithm, of their product.
    """
    order = np.argsort(rows.weight, kind="stable")
    x, at_x = np.unique(rows.x[order], return_inverse=True)
    T, at_T = np.unique(rows.T[order], return_inverse=True)
    t_x, at_t_x = np.unique(rows.t_x[order], return_inverse=True)
    weight = rows.weight[order]
    total = np.zeros(len(r))
    for start in range(0, len(r), _ABREAST):
        part = slice(start, start + _ABREAST)
        shape = r[part] + x[:, None]
        loyal = np.log((b[part] + (x[:, None] - 1.0)) / a[part])
        until_now = np.log1p(T[:, None] / alpha[part])
        until_last = np.log1p(t_x[:, None] / alpha[part])
        for first in range(0, len(weight), _CHUNK):
            chunk = slice(first, first + _CHUNK)
            odds = until_now.take(at_T[chunk], axis=0)
            odds -= until_last.take(at_t_x[chunk], axis=0)
            odds *= shape.take(at_x[chunk], axis=0)
            odds -= loyal.take(at_x[chunk], axis=0)
            total[part] += _weighted_chunk(odds, weight[chunk])
    return total


def _weighted_chunk(odds: FloatArray, weight: FloatArray) -> FloatArray:
    """Sum ``log(1 + exp(D))`` over rows, shape (row, vector), sorted by weight."""
    larger = np.maximum(odds, 0.0)
    smaller = _smaller(odds)
    if weight[0] < weight[-1]:
        larger += np.log1p(smaller)
        return np.asarray(np.einsum("ij,i->j", larger, weight))
    smaller += 1.0
    logs = np.log(np.multiply.reduce(smaller, axis=0))
    return np.asarray(weight[0] * (np.add.reduce(larger, axis=0) + logs))


def log_likelihood_gradient(
    theta: FloatArray, table: PurchaseTable
) -> tuple[FloatArray, FloatArray]:
    """Sum the log-likelihood over the table, with its gradient, for one parameter vector or many.

    Parameters
    ----------
    theta : float64 array, shape (..., 4)
        Coordinates.
    table : PurchaseTable

    Returns
    -------
    value : float64 array, shape (...)
    gradient : float64 array, shape (..., 4)
        With respect to ``r, alpha, a, b``.

    Notes
    -----
    With ``w = D's logistic`` (one minus the probability to be alive), per row::

        d/dr     = psi(r+x) - psi(r) - log1p(T/alpha) + w L
        d/dalpha = r/alpha - (r+x)/(alpha+T) + w (r+x) (1/(alpha+T) - 1/(alpha+t_x))
        d/da     = psi(a+b) - psi(a+b+x) + w/a
        d/db     = psi(a+b) - psi(a+b+x) + psi(b+x) - psi(b) - w/(b+x-1)
    """
    vectors = theta.reshape(-1, 4)
    value, gradient = np.empty(len(vectors)), np.empty_like(vectors)
    parameters = purchase_parameters(vectors)
    for part in _parts(len(vectors), max(len(table.rows), len(table.x) + len(table.T))):
        columns = tuple(column[part, None] for column in parameters)
        value[part], gradient[part] = _dropout_gradient(table.rows, *columns)
        value[part] += _count_part(table, *columns) + _age_part(table, *columns[:2])
        gradient[part] += _shared_gradient(table, *columns)
    value[~np.isfinite(value)] = -np.inf
    return value.reshape(theta.shape[:-1]), gradient.reshape(theta.shape)


def _shared_gradient(
    table: PurchaseTable, r: FloatArray, alpha: FloatArray, a: FloatArray, b: FloatArray
) -> FloatArray:
    """Gradient of what depends on ``x`` alone and on ``T`` alone, shape (n_vectors, 4)."""
    x, T, count = table.x, table.T, table.customers_by_count
    lost = weighted_total(psi(a + b) - psi(a + b + x), count)
    growth = weighted_total(np.log1p(T / alpha), table.customers_by_age)
    slower = weighted_total(r * T / (alpha * (alpha + T)), table.customers_by_age)
    slower -= weighted_total(1.0 / (alpha + T), table.purchases_by_age)
    return np.stack(
        [
            weighted_total(psi(r + x) - psi(r), count) - growth,
            slower,
            lost,
            lost + weighted_total(psi(b + x) - psi(b), count),
        ],
        axis=-1,
    )


def _dropout_gradient(
    rows: HistoryRows, r: FloatArray, alpha: FloatArray, a: FloatArray, b: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Value and gradient of the sum of ``log(1 + exp(D))`` over rows, for some vectors."""
    since, until_last = rows.T - rows.t_x, alpha + rows.t_x
    shape, loyal = r + rows.x, b + (rows.x - 1.0)
    lag = np.log1p(since / until_last)
    odds = shape * lag
    odds -= np.log(loyal / a)
    larger = np.maximum(odds, 0.0)
    won = odds >= 0.0
    smaller = _smaller(odds)
    value = weighted_total(larger + np.log1p(smaller), rows.weight)
    dead = np.where(won, 1.0, smaller) / (1.0 + smaller)
    dead *= rows.weight
    pull = shape * since / ((alpha + rows.T) * until_last)
    by_parameter = [
        np.einsum("nj,nj->n", dead, lag),
        -np.einsum("nj,nj->n", dead, pull),
        dead.sum(axis=1) / a[:, 0],
        -(dead / loyal).sum(axis=1),
    ]
    return value, np.stack(by_parameter, axis=-1)


def coordinate_gradient(theta: FloatArray, gradient: FloatArray) -> FloatArray:
    """Chain rule from ``r, alpha, a, b`` to the four coordinates.

    Parameters
    ----------
    theta, gradient : float64 array, shape (..., 4)

    Returns
    -------
    float64 array, shape (..., 4)
    """
    share = expit(theta[..., 2])
    in_r, in_alpha, in_a, in_b = (
        gradient[..., k] * parameter for k, parameter in enumerate(purchase_parameters(theta))
    )
    return np.stack(
        [in_r + in_alpha, -in_alpha, (1.0 - share) * in_a - share * in_b, in_a + in_b], axis=-1
    )
