"""Amounts of partners' customers with known truth, and what customers do next, draw by draw.

The future is simulated here in plain NumPy, customer by customer: nothing is shared with the
package's own simulation but the model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import expit

Array = np.ndarray


@dataclass(frozen=True, slots=True, kw_only=True)
class Spenders:
    """Customers with amounts, and each one's own scale.

    Attributes
    ----------
    customers : pandas.DataFrame
        The columns of a summary that the spend fits read.
    nu : float64 array, shape (n_customers,)
        A customer's amounts are gamma of shape ``p`` and rate ``nu``.
    p : float
    """

    customers: pd.DataFrame
    nu: Array
    p: float

    def next_money(self, purchases: Array, rng: np.random.Generator) -> Array:
        """What so many more purchases of each customer are worth together."""
        return rng.gamma(self.p * purchases) / self.nu


def spenders(
    frequency: Array, log_mean: Array, *, p: float, q: float, rng: np.random.Generator
) -> Spenders:
    """Draw every amount of customers whose mean spend is around ``exp(log_mean)`` (Gamma-Gamma)."""
    n = frequency.astype(np.int64) + 1
    nu = rng.gamma(q, size=len(n)) * p / (np.exp(log_mean) * (q - 1.0))
    z = np.maximum(rng.gamma(p, size=n.sum()), 1e-300) / np.repeat(nu, n)
    start = np.concatenate(([0], np.cumsum(n)[:-1]))
    total, first = np.add.reduceat(z, start), z[start]
    customers = pd.DataFrame(
        {
            "frequency": frequency.astype(np.float64),
            "monetary_value": np.where(n > 1, (total - first) / np.maximum(n - 1, 1), 0.0),
            "first_value": first,
            "spend_n": n.astype(np.float64),
            "spend_sum": total,
            "spend_log_sum": np.add.reduceat(np.log(z), start),
        }
    )
    return Spenders(customers=customers, nu=nu, p=p)


def future_purchases(
    history: tuple[Array, Array, Array],
    home: Array,
    parameters: Mapping[str, Array],
    horizon: float,
    rng: np.random.Generator,
) -> Array:
    """Purchases of every customer in every draw: BG/NBD given the history.

    Parameters
    ----------
    history : tuple of arrays
        ``x, t_x, T``.
    home : int array, shape (n_customers,)
    parameters : mapping of str to array
        ``r, alpha, a, b`` of shape (draw, partner or 1).
    horizon : float
    rng : numpy.random.Generator

    Returns
    -------
    float64 array, shape (draw, n_customers)
    """
    x, t_x, T = history
    count = len(parameters["r"])
    out = np.empty((count, len(x)))
    for m in range(count):
        r, alpha, a, b = (_of(parameters[name][m], home) for name in ("r", "alpha", "a", "b"))
        odds = np.log(a / (b + np.maximum(x, 1) - 1))
        odds += (r + x) * np.log1p((T - t_x) / (alpha + t_x))
        alive = rng.uniform(size=len(x)) < np.where(x > 0, expit(-odds), 1.0)
        rate = rng.gamma(r + x) / (alpha + T)
        dropout = np.clip(rng.beta(a, b + x), 1e-300, 1 - 1e-16)
        last = np.floor(np.log(rng.uniform(size=len(x))) / np.log1p(-dropout)) + 1
        out[m] = np.minimum(rng.poisson(np.minimum(rate * horizon, 1e7)), last) * alive
    return out


def future_money(
    customers: pd.DataFrame,
    home: Array,
    parameters: Mapping[str, Array],
    purchases: Array,
    rng: np.random.Generator,
    *,
    first_purchase: bool = True,
) -> Array:
    """Worth of the purchases to come, of every customer in every draw: Gamma-Gamma given the past.

    Parameters
    ----------
    customers : pandas.DataFrame
    home : int array, shape (n_customers,)
    parameters : mapping of str to array
        ``p, q, v`` of shape (draw, partner or 1).
    purchases : array, shape (draw, n_customers)
    rng : numpy.random.Generator
    first_purchase : bool
        Whether the fit learnt from first purchases.

    Returns
    -------
    float64 array, shape (draw, n_customers)
    """
    n = customers["spend_n"].to_numpy(np.float64) - (not first_purchase)
    total = customers["spend_sum"].to_numpy(np.float64)
    if not first_purchase:
        total = np.where(n > 0, total - customers["first_value"].to_numpy(np.float64), 0.0)
    out = np.empty_like(purchases)
    for m in range(len(purchases)):
        p, q, v = (_of(parameters[name][m], home) for name in ("p", "q", "v"))
        nu = rng.gamma(q + p * n) / (v + total)
        out[m] = rng.gamma(p * purchases[m]) / nu
    return out


def by_partner(values: Array, home: Array, partners: int) -> Array:
    """Sum customers up by partner, shape (draw, n_customers) to (draw, n_partners)."""
    return values @ (home[:, None] == np.arange(partners)).astype(np.float64)


def for_all(parameters: Mapping[str, Array], partners: int) -> dict[str, Array]:
    """Give every partner the parameters of a fit that makes no difference between them."""
    return {
        name: np.broadcast_to(draws, (len(draws), partners)) for name, draws in parameters.items()
    }


def _of(values: Array, home: Array) -> Array:
    """Take each customer's own parameter, or the one that all share."""
    return values[home] if len(values) > 1 else values
