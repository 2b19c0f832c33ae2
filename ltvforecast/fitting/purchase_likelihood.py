"""Log-likelihood of BG/NBD summed over a table of histories, for one parameter vector or many.

Fader, Hardie & Lee (2005), equation 6, in the form that neither overflows nor cancels::

    L = log1p((T - t_x) / (alpha + t_x)),   D = log(a / (b + x - 1)) + (r + x) L   (x > 0)
    log-likelihood = lgamma(r + x) - lgamma(r) - (r + x) log1p(T / alpha) - x log(alpha)
                     + betaln(a, b + x) - betaln(a, b) + log(1 + exp(D))

What depends on ``x`` alone is summed over the distinct ``x``. The optimiser and the sampler work
in four coordinates: ``log r``, ``u = log(r / alpha)``, ``logit(a / (a + b))``, ``log(a + b)``.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import expit, gammaln, psi

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
    count_x, count : float64 arrays, shape (n_distinct_x,)
        Distinct numbers of repeat purchases, and customers with each.
    T0, weight0 : float64 arrays
        Age and weight of the rows with no repeat purchase.
    x, t_x, T, weight : float64 arrays
        The rows with repeat purchases.
    """

    count_x: FloatArray
    count: FloatArray
    T0: FloatArray
    weight0: FloatArray
    x: FloatArray
    t_x: FloatArray
    T: FloatArray
    weight: FloatArray

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.T0) + len(self.x)

    @property
    def customers(self) -> float:
        """Number of customers behind the rows."""
        return float(self.count.sum())


def purchase_table(rows: HistoryRows) -> PurchaseTable:
    """Split rows by whether there are repeat purchases.

    Parameters
    ----------
    rows : HistoryRows
        Unique rows or spectral nodes, sorted by ``x``.

    Returns
    -------
    PurchaseTable
    """
    count_x, which = np.unique(rows.x, return_inverse=True)
    once = rows.x == 0
    again = ~once
    return PurchaseTable(
        count_x=count_x,
        count=np.rint(np.bincount(which, weights=rows.weight)),
        T0=rows.T[once],
        weight0=rows.weight[once],
        x=rows.x[again],
        t_x=rows.t_x[again],
        T=rows.T[again],
        weight=rows.weight[again],
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
            total[part] = _count_part(table, *columns) + _time_part(table, *columns)
    return np.where(np.isfinite(total), total, -np.inf)


def _count_part(
    table: PurchaseTable, r: FloatArray, alpha: FloatArray, a: FloatArray, b: FloatArray
) -> FloatArray:
    x = table.count_x
    terms = gammaln(r + x) - gammaln(r) - x * np.log(alpha)
    terms += gammaln(b + x) - gammaln(b) - gammaln(a + b + x) + gammaln(a + b)
    summed: FloatArray = terms @ table.count
    return summed


def _time_part(
    table: PurchaseTable, r: FloatArray, alpha: FloatArray, a: FloatArray, b: FloatArray
) -> FloatArray:
    once: FloatArray = -r[:, 0] * (np.log1p(table.T0 / alpha) @ table.weight0)
    if len(table.x) == 0:
        return once
    shape = r + table.x
    gap = np.log1p((table.T - table.t_x) / (alpha + table.t_x))
    gap *= shape
    gap += np.log(a) - np.log(b + table.x - 1.0)
    term = np.log1p(table.T / alpha)
    term *= -shape
    term += np.maximum(gap, 0.0)
    np.abs(gap, out=gap)
    np.negative(gap, out=gap)
    # exp(-40) is lost beside 1, and the processor is slow where exp underflows
    np.maximum(gap, -40.0, out=gap)
    np.exp(gap, out=gap)
    np.log1p(gap, out=gap)
    term += gap
    return once + term @ table.weight


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
    x, count = table.count_x, table.count
    lost = psi(a + b) - psi(a + b + x)
    in_r = (psi(r + x) - psi(r)) @ count - np.log1p(table.T0 / alpha) @ table.weight0
    in_alpha = (r / alpha) * ((table.T0 / (alpha + table.T0)) @ table.weight0)
    in_a = lost @ count
    in_b = (lost + psi(b + x) - psi(b)) @ count
    shape = r + table.x
    lag = np.log1p((table.T - table.t_x) / (alpha + table.t_x))
    dead = expit(np.log(a) - np.log(b + table.x - 1.0) + shape * lag) * table.weight
    in_r += dead @ lag - np.log1p(table.T / alpha) @ table.weight
    pull = (r * table.T / alpha - table.x) / (alpha + table.T)
    in_alpha += pull @ table.weight - dead @ (
        shape * (table.T - table.t_x) / ((alpha + table.T) * (alpha + table.t_x))
    )
    in_a += dead.sum() / a
    in_b -= dead @ (1.0 / (b + table.x - 1.0))
    value = float(log_likelihood(theta[None, :], table)[0])
    return value, np.array([in_r, in_alpha, in_a, in_b])


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
