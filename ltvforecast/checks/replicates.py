"""Data as the fitted model would make them: whole histories from birth, and futures given them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from ltvforecast.formulas.bgnbd import p_alive
from ltvforecast.types import FloatArray, IntArray

__all__ = [
    "REPLICATES",
    "Parameters",
    "parameter_draws",
    "simulate_counts",
    "simulate_future_counts",
    "simulate_times",
    "simulate_totals",
]

REPLICATES = 200
"""Simulated data sets: enough to know the middle 99 %."""
MOST_PURCHASES = 1e7
"""Of one customer in one replicate; weak-prior draws go beyond what a Poisson sampler takes."""

Parameters = Mapping[str, float] | Mapping[str, FloatArray] | Mapping[str, float | FloatArray]
"""Of all customers, or of each: numbers, or arrays of shape (n,)."""


def parameter_draws(
    draws: Mapping[str, FloatArray], *, replicates: int = REPLICATES
) -> Iterator[dict[str, float]]:
    """Take as many parameter vectors as there are replicates, spread over the posterior draws.

    Parameters
    ----------
    draws : mapping of str to float64 array, shape (draw, group)
        The first group is taken.
    replicates : int

    Yields
    ------
    dict of str to float
        A point fit gives the same vector each time.
    """
    count = len(next(iter(draws.values())))
    for place in np.linspace(0, count - 1, replicates).astype(np.int64):
        yield {name: float(values[place, 0]) for name, values in draws.items()}


def simulate_counts(
    parameters: Parameters, T: FloatArray, *, rng: np.random.Generator
) -> FloatArray:
    """Simulate each customer's repeat purchases up to age T, from birth.

    Parameters
    ----------
    parameters : mapping
        ``r, alpha, a, b``.
    T : float64 array, shape (n,)
    rng : numpy.random.Generator

    Returns
    -------
    float64 array, shape (n,)
        Whole numbers.

    References
    ----------
    Fader, Hardie & Lee (2005), Marketing Science 24(2), 275-284, section 3, assumptions (i)-(v).
    """
    rate = rng.gamma(parameters["r"], 1.0 / parameters["alpha"], T.shape)
    bought = rng.poisson(np.minimum(rate * T, MOST_PURCHASES))
    return np.minimum(bought, _last_purchase(parameters["a"], parameters["b"], T.shape, rng=rng))


def simulate_times(
    parameters: Parameters, T: FloatArray, *, rng: np.random.Generator
) -> tuple[IntArray, FloatArray]:
    """Simulate the ages at which each customer makes its repeat purchases.

    Parameters
    ----------
    parameters : mapping
        ``r, alpha, a, b``.
    T : float64 array, shape (n,)
    rng : numpy.random.Generator

    Returns
    -------
    customer : int64 array, shape (purchases,)
    age : float64 array, shape (purchases,)
        Rising within a customer.

    Notes
    -----
    Given their number, the times of a Poisson process are sorted uniforms; the first D of them
    happen, D geometric.
    """
    rate = rng.gamma(parameters["r"], 1.0 / parameters["alpha"], T.shape)
    candidates = rng.poisson(np.minimum(rate * T, MOST_PURCHASES))
    customer = np.repeat(np.arange(len(T)), candidates)
    # one sort for all: customer number before the point, place in its life after it
    place = np.sort(customer + rng.random(len(customer))) - customer
    rank = np.arange(len(customer)) - np.repeat(np.cumsum(candidates) - candidates, candidates)
    last = _last_purchase(parameters["a"], parameters["b"], T.shape, rng=rng)
    happens = rank < last[customer]
    return customer[happens], place[happens] * T[customer[happens]]


def simulate_totals(
    parameters: Parameters, purchases: FloatArray, *, rng: np.random.Generator
) -> FloatArray:
    """Simulate what each customer's purchases are worth together.

    Parameters
    ----------
    parameters : mapping
        ``p, q, v, zero_share``.
    purchases : float64 array, shape (n,)
        How many of them, the first included.
    rng : numpy.random.Generator

    Returns
    -------
    float64 array, shape (n,)
    """
    paid = rng.binomial(purchases.astype(np.int64), 1.0 - parameters["zero_share"])
    level = np.maximum(rng.gamma(parameters["q"], 1.0 / parameters["v"], paid.shape), 1e-300)
    return np.asarray(rng.gamma(parameters["p"] * paid) / level)


def simulate_future_counts(
    parameters: Parameters,
    x: FloatArray,
    t_x: FloatArray,
    T: FloatArray,
    *,
    horizon: float,
    rng: np.random.Generator,
) -> FloatArray:
    """Simulate each customer's purchases in (T, T + horizon], given its history.

    Parameters
    ----------
    parameters : mapping
        ``r, alpha, a, b``.
    x, t_x, T : float64 array, shape (n,)
    horizon : float
        In the unit of T.
    rng : numpy.random.Generator

    Returns
    -------
    float64 array, shape (n,)
        Whole numbers.

    Notes
    -----
    Given alive, everything starts anew with Gamma(r + x, alpha + T) and Beta(a, b + x).
    """
    r, alpha, a, b = (parameters[name] for name in ("r", "alpha", "a", "b"))
    alive = rng.random(x.shape) < p_alive(x, t_x, T, r, alpha, a, b)
    rate = rng.gamma(r + x) / (alpha + T)
    bought = rng.poisson(np.minimum(rate * horizon, MOST_PURCHASES))
    last = _last_purchase(a, b + x, x.shape, rng=rng)
    return np.where(alive, np.minimum(bought, last), 0.0)


def _last_purchase(
    a: FloatArray | float,
    b: FloatArray | float,
    shape: tuple[int, ...],
    *,
    rng: np.random.Generator,
) -> FloatArray:
    """Draw after which repeat purchase each customer leaves, as a float: it may be astronomical."""
    dropout = np.clip(rng.beta(a, b, shape), 1e-300, 1.0 - 1e-16)
    return np.asarray(np.floor(np.log1p(-rng.random(shape)) / np.log1p(-dropout)) + 1.0)
