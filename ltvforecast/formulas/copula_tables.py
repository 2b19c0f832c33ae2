"""The margins of the copula, tabulated: gamma quantiles, normal scores, dropout probabilities.

See :mod:`ltvforecast.formulas.copula`, for which they are made. Whatever a customer's history, what
is known of the purchase rate, the spend level and the dropout probability depends on times and
money through a scale only, and otherwise on a number of purchases: one row a number.

References
----------
Golub, G. H. and Welsch, J. H. (1969), "Calculation of Gauss quadrature rules", Mathematics of
Computation 23, 221-230.
"""

# parameters stand in the literature's order

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.special import gammainc, gammaincc, gammainccinv, gammaincinv, gammaln, ndtr, ndtri

from ltvforecast.formulas.compiling import FloatArray

__all__ = [
    "DROPOUT_NODES",
    "HIGHEST_SCORE",
    "NODES",
    "SCORES",
    "CopulaTables",
    "IntArray",
    "beta_nodes",
    "copula_tables",
    "gamma_log_nodes",
    "limit_spend",
    "normal_scores",
]

IntArray = npt.NDArray[np.int64]

HIGHEST_SCORE = 6.0
"""Normal scores are cut here: one in a billion, where no margin is known that well."""
NODES = 12
DROPOUT_NODES = 4
SCORES = 8192
"""Length of a table of normal scores, which are interpolated linearly."""
LEAST_CUT = 1e-6
"""Share of the law beyond a limit from which on the limit is minded."""
SMALLEST_PROBABILITY = 1e-250
"""Below it a gamma quantile comes from the leading term of its series."""

_Z, _MASS = np.polynomial.hermite_e.hermegauss(NODES)
_MASS /= _MASS.sum()


class CopulaTables(NamedTuple):
    """What the copula needs of the margins, tabulated by the number of purchases.

    Attributes
    ----------
    rate_score, spend_score : float64 array, shape (SCORES,)
        Normal score of ``alpha lambda`` and of ``v nu`` at equal steps of their logarithm.
    rate_range, spend_range : tuple of float
        First logarithm and step.
    rate_nodes : float64 array, shape (row of x, node)
        Log of Gamma(r + x, 1) at the nodes.
    dropout, dropout_mass : float64 array, shape (row of x, dropout node)
        Nodes and weights of Beta(a, b + x).
    spend_nodes, biased_nodes : float64 array, shape (row of n, node)
        Log of Gamma(p n + q, 1), and of Gamma(p n + q - 1, 1), at the nodes.
    mass : float64 array, shape (node,)
        Weights of the nodes; they add to one.
    """

    rate_score: FloatArray
    rate_range: tuple[float, float]
    rate_nodes: FloatArray
    dropout: FloatArray
    dropout_mass: FloatArray
    spend_score: FloatArray
    spend_range: tuple[float, float]
    spend_nodes: FloatArray
    biased_nodes: FloatArray
    mass: FloatArray


def gamma_log_nodes(shape: FloatArray, least: FloatArray | None = None) -> FloatArray:
    """Logarithm of Gamma(shape, 1) where its normal score is a Gauss-Hermite node.

    Parameters
    ----------
    shape : float64 array, shape (k,)
        Positive.
    least : float64 array, shape (k,), optional
        Take the law given that the variable is at least this, positive.

    Returns
    -------
    float64 array, shape (k, NODES)
        Rising along the nodes.

    Examples
    --------
    The nodes average functions of the variable, here its mean:

    >>> nodes = gamma_log_nodes(np.array([3.0]))
    >>> round(float(np.exp(nodes[0]) @ copula_tables(1, 1, 1, 1, 1, n=3).mass), 7)
    3.0
    """
    k, z = np.asarray(shape, dtype=np.float64)[:, None], _Z[None, :]
    lower, upper = ndtr(z), ndtr(-z)
    if least is not None:
        low = np.asarray(least, dtype=np.float64)[:, None]
        kept = gammaincc(k, low)
        beyond = low - np.log(upper) / (1.0 - np.minimum((k - 1.0) / low, 0.9))  # far out: a tail
        with np.errstate(divide="ignore"):
            inside = gammainccinv(k, kept * upper)
        return np.asarray(np.log(np.where(kept < SMALLEST_PROBABILITY, beyond, inside)))
    leading = (np.log(lower) + gammaln(k + 1.0)) / k  # P(k, y) = y^k / Gamma(k + 1) (1 - ...)
    with np.errstate(divide="ignore"):
        exact = np.log(np.where(z < 0.0, gammaincinv(k, lower), gammainccinv(k, upper)))
    return np.where(leading < math.log(SMALLEST_PROBABILITY), leading, exact)


def normal_scores(shape: float) -> tuple[FloatArray, tuple[float, float]]:
    """Tabulate the normal score of Gamma(shape, 1) by the logarithm of the variable.

    Parameters
    ----------
    shape : float
        Positive.

    Returns
    -------
    scores : float64 array, shape (SCORES,)
        From ``-HIGHEST_SCORE`` to ``HIGHEST_SCORE``.
    first, step : tuple of float
        Logarithm at the first entry, and between neighbours.

    Examples
    --------
    >>> scores, (first, step) = normal_scores(2.0)
    >>> median = np.interp(np.log(1.678347), first + step * np.arange(SCORES), scores)
    >>> bool(abs(median) < 1e-5)
    True
    """
    edge = float(ndtr(-HIGHEST_SCORE))
    low = min(
        (math.log(edge) + float(gammaln(shape + 1.0))) / shape,
        math.log(max(float(gammaincinv(shape, edge)), SMALLEST_PROBABILITY)),
    )
    high = math.log(float(gammainccinv(shape, edge)))
    log_y = np.linspace(low, high, SCORES)
    y = np.exp(log_y)
    above = gammaincc(shape, y)
    scores = np.where(above < 0.5, -ndtri(above), ndtri(gammainc(shape, y)))
    return np.clip(scores, -HIGHEST_SCORE, HIGHEST_SCORE), (low, (high - low) / (SCORES - 1))


def beta_nodes(a: float | FloatArray, b: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Gauss-Jacobi nodes and weights of Beta(a, b), for many b.

    Parameters
    ----------
    a : float or float64 array, shape (k, 1)
    b : float64 array, shape (k,)

    Returns
    -------
    nodes, weights : float64 array, shape (k, DROPOUT_NODES)
        Exact for polynomials up to degree ``2 DROPOUT_NODES - 1``; weights add to one.

    References
    ----------
    Golub & Welsch (1969); recurrence of the Jacobi polynomials: DLMF 18.9.2, moved to [0, 1].

    Examples
    --------
    >>> nodes, weights = beta_nodes(2.0, np.array([3.0]))
    >>> round(float(weights[0] @ nodes[0]), 12), round(float(weights[0] @ nodes[0] ** 2), 12)
    (0.4, 0.2)
    """
    b = np.asarray(b, dtype=np.float64)[:, None]
    k = np.arange(DROPOUT_NODES, dtype=np.float64)[None, :]
    total = a + b - 2.0  # exponents a - 1 at 0 and b - 1 at 1
    twice = 2.0 * k + total
    first = a / (a + b)
    with np.errstate(divide="ignore", invalid="ignore"):
        centre = 0.5 + 0.5 * ((a - 1.0) ** 2 - (b - 1.0) ** 2) / (twice * (twice + 2.0))
        coupling = (
            k * (k + a - 1.0) * (k + b - 1.0) * (k + total)
            / (twice**2 * (twice + 1.0) * (twice - 1.0))
        )  # fmt: skip
        # the first coupling with the common factor a + b - 1 taken out: it may be 0
        coupling[:, 1:2] = a * b / ((a + b) ** 2 * (a + b + 1.0))
    matrix = np.zeros((len(b), DROPOUT_NODES, DROPOUT_NODES))
    place = np.arange(DROPOUT_NODES)
    matrix[:, place, place] = np.concatenate([first, centre[:, 1:]], axis=1)
    matrix[:, place[1:], place[:-1]] = np.sqrt(coupling[:, 1:])
    nodes, vectors = np.linalg.eigh(matrix)
    return np.clip(nodes, 1e-300, 1.0), vectors[:, 0, :] ** 2


def copula_tables(
    r: float,
    a: float,
    b: float,
    p: float,
    q: float,
    *,
    n: npt.ArrayLike,
    x: npt.ArrayLike = 0,
) -> CopulaTables:
    """Tabulate the margins for these numbers of purchases.

    Parameters
    ----------
    r, a, b, p, q : float
        Parameters; ``alpha`` and ``v`` are scales and come in later.
    n : array_like, shape (rows of n,)
        Numbers of known amounts, ``p n + q > 1``.
    x : array_like, shape (rows of x,)
        Numbers of repeat purchases.

    Returns
    -------
    CopulaTables

    Examples
    --------
    >>> copula_tables(0.5, 0.8, 2.4, 4.0, 4.0, n=[0, 1], x=[0, 1, 5]).rate_nodes.shape
    (3, 12)
    """
    n, x = (np.atleast_1d(np.asarray(value, dtype=np.float64)) for value in (n, x))
    rate_score, rate_range = normal_scores(r)
    spend_score, spend_range = normal_scores(q)
    dropout, dropout_mass = beta_nodes(a, b + x)
    return CopulaTables(
        rate_score=rate_score,
        rate_range=rate_range,
        rate_nodes=gamma_log_nodes(r + x),
        dropout=dropout,
        dropout_mass=dropout_mass,
        spend_score=spend_score,
        spend_range=spend_range,
        spend_nodes=gamma_log_nodes(p * n + q),
        biased_nodes=gamma_log_nodes(np.maximum(p * n + q - 1.0, 1e-3)),
        mass=_MASS,
    )


def limit_spend(
    tables: CopulaTables, row_n: IntArray, shape: FloatArray, least: FloatArray
) -> tuple[CopulaTables, IntArray]:
    """Leave out mean purchases beyond a limit, where that takes anything away.

    Parameters
    ----------
    tables : CopulaTables
    row_n : int64 array, shape (customer,)
    shape, least : float64 array, shape (customer,)
        ``p n + q``, and the least that Gamma(p n + q, 1) may be: ``p (v + S)`` over the limit.

    Returns
    -------
    tables : CopulaTables
        With a row more for each customer whom the limit concerns.
    row_n : int64 array, shape (customer,)

    Examples
    --------
    >>> tables = copula_tables(0.5, 0.8, 2.4, 4.0, 4.0, n=1)
    >>> row, shape = np.zeros(2, dtype=np.int64), np.full(2, 8.0)
    >>> limit_spend(tables, row, shape, np.array([0.0, 9.0]))[1]
    array([0, 1])
    """
    cut = gammainc(shape - 1.0, least) > LEAST_CUT
    if not cut.any():
        return tables, row_n
    row_n = row_n.copy()
    row_n[cut] = len(tables.spend_nodes) + np.arange(np.count_nonzero(cut))
    added = [gamma_log_nodes(shape[cut] - less, least[cut]) for less in (0.0, 1.0)]
    return (
        tables._replace(
            spend_nodes=np.concatenate([tables.spend_nodes, added[0]]),
            biased_nodes=np.concatenate([tables.biased_nodes, added[1]]),
        ),
        row_n,
    )
