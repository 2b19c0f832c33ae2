"""Expected purchases of every customer in every parameter draw, by interpolation in x and T.

Given alive, the expected number of purchases in the horizon depends on a customer only through
its frequency and its age, and smoothly so. It is computed by :mod:`ltvforecast.formulas.bgnbd` at
a few hundred nodes for all draws, and its logarithm is interpolated for the customers by
polynomials through Chebyshev nodes: a cost that hardly grows with their number.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ltvforecast.forecast.records import DiscountLag, Draws
from ltvforecast.forecast.simulate import interpolate
from ltvforecast.formulas import bgnbd
from ltvforecast.types import FloatArray, IntArray

__all__ = ["ExpectedPurchases", "chebyshev_nodes", "chebyshev_weights", "tabulate_purchases"]

EXACT_BELOW = 16
"""Frequencies below this have rows of their own; higher ones are interpolated in log x."""
NODE_COUNTS = (6, 9, 13, 19, 28, 42)
TOLERANCE = 1e-6
"""Of the interpolated logarithm, against the formula between the nodes."""
QUADRATURE_NODES = 16
TRIAL_DRAWS = 16
LARGEST_CALL = 50_000
"""Elements handed to the formula at once: its working arrays are this times the nodes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedPurchases:
    """The table, and how to read it.

    Attributes
    ----------
    plain, discounted : float64 array, shape (row, age node, draw)
        Logarithm of the expected purchases in the horizon given alive; the latter discounted.
    few : float64 array
        Frequencies with a row of their own, rising; the other rows are at nodes.
    log_x : tuple of float
        Range of the nodes of high frequency, by log x.
    shift : float
        Ages are spread by ``log(shift + T)``.
    log_age : tuple of float
        Range of the age nodes.
    """

    plain: FloatArray
    discounted: FloatArray
    few: FloatArray
    log_x: tuple[float, float]
    shift: float
    log_age: tuple[float, float]

    def purchases(self, x: FloatArray, T: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Interpolate expected purchases given alive.

        Parameters
        ----------
        x, T : float64 array, shape (customer,)
            Among those the table was made for.

        Returns
        -------
        plain, discounted : float64 array, shape (customer, draw)
        """
        weights = self._weights(x, T)
        plain = np.exp(interpolate(self.plain, *weights))
        if self.discounted is self.plain:
            return plain, plain
        return plain, np.exp(interpolate(self.discounted, *weights))

    def purchases_in_draw(self, x: FloatArray, T: FloatArray, draw: int) -> FloatArray:
        """Interpolate for one draw, undiscounted: shape (customer,)."""
        table = np.ascontiguousarray(self.plain[:, :, draw : draw + 1])
        return np.exp(interpolate(table, *self._weights(x, T))[:, 0])

    def _weights(
        self, x: FloatArray, T: FloatArray
    ) -> tuple[IntArray, IntArray, FloatArray, FloatArray]:
        """First row, number of rows, and weights of rows and ages, for each customer."""
        nodes = len(self.plain) - len(self.few)
        own = x < EXACT_BELOW
        row_weight = np.zeros((len(x), max(nodes, 1)))
        row_weight[own, 0] = 1.0
        if nodes:
            row_weight[~own] = chebyshev_weights(np.log(x[~own]), *self.log_x, nodes)
        return (
            np.where(own, np.searchsorted(self.few, x), len(self.few)),
            np.where(own, 1, nodes),
            row_weight,
            chebyshev_weights(np.log(self.shift + T), *self.log_age, self.plain.shape[1]),
        )


def tabulate_purchases(
    x: FloatArray,
    T: FloatArray,
    draws: Draws,
    *,
    horizon: float | FloatArray,
    discount: float,
    lag: DiscountLag | None = None,
) -> ExpectedPurchases:
    """Compute the table for these customers and parameter draws.

    Parameters
    ----------
    x, T : float64 array, shape (n_customers,)
    draws : Draws
        Parameters, each of shape (draw,).
    horizon : float or float64 array, shape (1,) or (draw,)
        In the model's time unit, on the clock.
    discount : float
        Continuous rate per time unit; with 0 both tables are the same.
    lag : DiscountLag, optional
        Where the clock is not the calendar.

    Returns
    -------
    ExpectedPurchases

    Notes
    -----
    Ages are spread by ``log(min alpha + T)`` and high frequencies by ``log x``, in which the
    logarithm of the expectation is nearly linear at both ends. The number of nodes is raised
    until the formula is met to a millionth halfway between them. Discounting by the calendar is
    the closed form with discounting on the clock, and a small correction: the purchase rate
    summed over ``lag``.
    """
    horizon = np.atleast_1d(np.asarray(horizon, dtype=np.float64))
    shift = float(draws.alpha.min())
    some = _spread(len(draws.r))
    trial, trial_horizon = Draws(*(values[some] for values in draws)), horizon
    if len(horizon) > 1:
        trial_horizon = horizon[some]
    few, many = np.unique(x[x < EXACT_BELOW]), x[x >= EXACT_BELOW]
    log_age = _log_range(shift + T)
    ends = np.unique([x.min(), x.max()])

    def age(y: FloatArray) -> FloatArray:
        return np.maximum(np.exp(y) - shift, 0.0)

    def at_ages(y: FloatArray) -> FloatArray:
        return np.moveaxis(_log_purchases(ends, age(y), trial, trial_horizon, 0.0), 1, 0)

    ages = age(chebyshev_nodes(*log_age, _enough_nodes(*log_age, at_ages)))

    def at_frequencies(y: FloatArray) -> FloatArray:
        return _log_purchases(np.exp(y), ages[[0, -1]], trial, trial_horizon, 0.0)

    log_x, rows = (0.0, 0.0), few
    if len(many):
        log_x = _log_range(many)
        nodes = chebyshev_nodes(*log_x, _enough_nodes(*log_x, at_frequencies))
        rows = np.concatenate([few, np.exp(nodes)])
    plain = discounted = _log_purchases(rows, ages, draws, horizon, 0.0)
    if discount != 0:
        discounted = _log_purchases(rows, ages, draws, horizon, discount)
        if lag is not None:
            discounted = np.log(np.exp(discounted) + _lagged(rows, ages, draws, lag))
    return ExpectedPurchases(
        plain=plain,
        discounted=discounted,
        few=few,
        log_x=log_x,
        shift=shift,
        log_age=log_age,
    )


def _log_range(values: FloatArray) -> tuple[float, float]:
    return float(np.log(values.min())), float(np.log(values.max()))


def _log_purchases(
    x: FloatArray, T: FloatArray, draws: Draws, horizon: FloatArray, discount: float
) -> FloatArray:
    """Logarithm of the formula on a grid, shape (x, T, draw), piece by piece."""
    result = np.empty((len(x) * len(T), len(draws.r)))
    grid_x, grid_T = np.repeat(x, len(T))[:, None], np.tile(T, len(x))[:, None]
    step = max(1, LARGEST_CALL // len(draws.r))
    for first in range(0, len(result), step):
        piece = slice(first, first + step)
        result[piece] = bgnbd.expected_purchases_alive(
            horizon,
            grid_x[piece],
            grid_T[piece],
            draws.r,
            draws.alpha,
            draws.a,
            draws.b,
            delta=discount,
            nodes=QUADRATURE_NODES,
        )
    np.maximum(result, 1e-300, out=result)
    return np.log(result, out=result).reshape(len(x), len(T), -1)


def _lagged(x: FloatArray, T: FloatArray, draws: Draws, lag: DiscountLag) -> FloatArray:
    """Purchase rate summed over the lag, on a grid: shape (x, T, draw)."""
    result = np.zeros((len(x), len(T), len(draws.r)))
    for times, weights in zip(lag.times, lag.weights, strict=True):
        result += weights * bgnbd.purchase_rate(
            times, x[:, None, None], T[:, None], draws.r, draws.alpha, draws.a, draws.b
        )
    return result


def _spread(count: int) -> IntArray:
    return np.unique(np.linspace(0, count - 1, TRIAL_DRAWS).astype(np.int64))


def _enough_nodes(low: float, high: float, values: Callable[[FloatArray], FloatArray]) -> int:
    """Find how many Chebyshev nodes meet ``values`` (nodes along its first axis)."""
    if high - low < 1e-12 * max(1.0, abs(high)):
        return 1
    for count in NODE_COUNTS:
        between = chebyshev_nodes(low, high, 2 * count)
        weights = chebyshev_weights(between, low, high, count)
        here = np.tensordot(weights, values(chebyshev_nodes(low, high, count)), axes=1)
        if np.max(np.abs(here - values(between))) < TOLERANCE:
            return count
    return 2 * NODE_COUNTS[-1]


def chebyshev_nodes(low: float, high: float, count: int) -> FloatArray:
    """Chebyshev nodes of the first kind on [low, high], rising.

    Examples
    --------
    >>> chebyshev_nodes(0.0, 2.0, 2).round(4)
    array([0.2929, 1.7071])
    """
    angle = (2 * np.arange(count)[::-1] + 1) * np.pi / (2 * count)
    return np.asarray((low + high) / 2 + (high - low) / 2 * np.cos(angle))


def chebyshev_weights(at: FloatArray, low: float, high: float, count: int) -> FloatArray:
    """Weights of the node values in the interpolating polynomial, shape (at, node).

    Parameters
    ----------
    at : float64 array, shape (n,)
        Inside [low, high].
    low, high : float
    count : int
        Number of nodes.

    Returns
    -------
    float64 array, shape (n, count)
        Rows add to one.

    References
    ----------
    Berrut, J.-P. and Trefethen, L. N. (2004). Barycentric Lagrange interpolation. SIAM Review
    46(3), section 5.3.

    Examples
    --------
    >>> nodes = chebyshev_nodes(0.0, 1.0, 4)
    >>> weights = chebyshev_weights(np.array([0.3]), 0.0, 1.0, 4)
    >>> (weights @ nodes**3).round(12)
    array([0.027])
    """
    nodes = chebyshev_nodes(low, high, count)
    angle = (2 * np.arange(count)[::-1] + 1) * np.pi / (2 * count)
    sign = np.where(np.arange(count) % 2 == 0, 1.0, -1.0)
    distance = at[:, None] - nodes
    hit = distance == 0
    terms = sign * np.sin(angle) / np.where(hit, 1.0, distance)
    weights = terms / terms.sum(axis=1, keepdims=True)
    on_node = hit.any(axis=1)
    weights[on_node] = hit[on_node]
    return np.asarray(weights)
