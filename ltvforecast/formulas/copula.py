"""Gaussian copula between how often customers buy and what they spend, both margins kept.

BG/NBD and Gamma-Gamma take the purchase rate lambda ~ Gamma(r, alpha) and the rate nu ~ Gamma(q, v)
of the amounts as independent. Here their normal scores

    s = Phi^-1(P(lambda' <= lambda)),        w = -Phi^-1(P(nu' <= nu))

are bivariate normal with correlation ``rho``: above 0, frequent buyers spend more per purchase.
Because both margins stay what they were, the joint density is the independent one times the copula
density ``c(s, w; rho)``, and so is the posterior of one customer; its likelihood gains the factor
``E[c]``, the mean being taken under the independent posterior.

A mean over a gamma variable ``G`` is taken by Gauss-Hermite nodes ``z`` in its own normal score,
``G = F^-1(Phi(z))``: scores of prior and posterior are smooth, nearly linear functions of each
other, so that few nodes suffice, whatever the shape. The nodes depend on the shape alone
(``r + x``, ``p n + q``), so they are tabulated for each number of purchases. The mean purchase
value 1/nu is never averaged: its expectation makes of ``Gamma(k, .)`` exactly ``Gamma(k - 1, .)``.

Symbols: see :mod:`ltvforecast.formulas`.

References
----------
Joe, H. (2014), Dependence Modeling with Copulas, section 4.3.1 (Gaussian copula density).
"""

# parameters stand in the literature's order, and compiled functions are called by position
# ruff: noqa: PLR0917

from __future__ import annotations

import math

import numpy as np

from ltvforecast.formulas.compiling import FloatArray, Numbers, compiled
from ltvforecast.formulas.copula_tables import CopulaTables, IntArray

__all__ = ["LARGEST_RHO", "log_copula_density", "log_likelihood_factor", "log_spend_factor"]

LARGEST_RHO = 0.95
"""Largest correlation considered: beyond it a few nodes no longer resolve the density."""


def log_copula_density(s: Numbers, w: Numbers, rho: Numbers) -> FloatArray:
    """Logarithm of the density of the Gaussian copula, by normal scores.

    Parameters
    ----------
    s, w : array_like
        Normal scores of the two uniform variables.
    rho : array_like
        Correlation of the scores, between -1 and 1, exclusive.

    Returns
    -------
    float64 array
        Of the broadcast shape; 0 for ``rho = 0``.

    References
    ----------
    Joe (2014), section 4.3.1: the bivariate normal density over its margins.

    Examples
    --------
    >>> round(float(log_copula_density(1.0, 1.0, 0.6)), 6)
    0.598144
    """
    s, w, rho = (np.asarray(value, dtype=np.float64) for value in (s, w, rho))
    left = (1.0 - rho) * (1.0 + rho)
    return np.asarray(
        (rho * s * w - 0.5 * rho**2 * (s**2 + w**2)) / left - 0.5 * np.log(left), dtype=np.float64
    )


@compiled
def _score(log_y: float, scores: FloatArray, first: float, step: float) -> float:
    place = (log_y - first) / step
    if not place > 0.0:
        return float(scores[0])
    if place >= len(scores) - 1:
        return float(scores[-1])
    cell = int(place)
    share = place - cell
    return float((1.0 - share) * scores[cell] + share * scores[cell + 1])


@compiled
def _mean_density(
    s: FloatArray, s_mass: FloatArray, w: FloatArray, w_mass: FloatArray, rho: float
) -> tuple[float, float]:
    """Logarithm of the weighted mean of the copula density, and its derivative by rho."""
    left = (1.0 - rho) * (1.0 + rho)
    bend, twist = 0.5 * rho * rho / left, rho / left
    total = products = squares = 0.0
    for j in range(len(s)):
        inner = inner_w = inner_square = 0.0
        slope = twist * s[j]
        for k in range(len(w)):
            value = w_mass[k] * math.exp((slope - bend * w[k]) * w[k])
            inner += value
            inner_w += value * w[k]
            inner_square += value * w[k] * w[k]
        weight = s_mass[j] * math.exp(-bend * s[j] * s[j])
        total += weight * inner
        products += weight * s[j] * inner_w
        squares += weight * (s[j] * s[j] * inner + inner_square)
    change = ((1.0 + rho * rho) * products - rho * squares) / (left * left * total)
    return math.log(total) - 0.5 * math.log(left), rho / left + change


@compiled
def _fill_rate(
    row: int, log_scale: float, mass: float, tables: CopulaTables, s: FloatArray, s_mass: FloatArray
) -> None:
    first, step = tables.rate_range
    for j in range(len(s)):
        s[j] = _score(tables.rate_nodes[row, j] + log_scale, tables.rate_score, first, step)
        s_mass[j] = mass * tables.mass[j]


@compiled
def _fill_spend(nodes: FloatArray, log_scale: float, tables: CopulaTables, w: FloatArray) -> None:
    first, step = tables.spend_range
    for k in range(len(w)):
        w[k] = -_score(nodes[k] + log_scale, tables.spend_score, first, step)


@compiled
def _log_likelihood_factor(
    row_x: IntArray,
    row_n: IntArray,
    rate_alive: FloatArray,
    rate_dead: FloatArray,
    spend: FloatArray,
    p_alive: FloatArray,
    rho: float,
    tables: CopulaTables,
    result: FloatArray,
) -> None:
    size = len(tables.mass)
    s, s_mass, w = np.empty(2 * size), np.empty(2 * size), np.empty(size)
    for i in range(len(row_x)):
        states = 2 if p_alive[i] < 1.0 else 1
        _fill_rate(row_x[i], rate_alive[i], p_alive[i], tables, s[:size], s_mass[:size])
        if states == 2:
            dead = 1.0 - p_alive[i]
            _fill_rate(row_x[i], rate_dead[i], dead, tables, s[size:], s_mass[size:])
        _fill_spend(tables.spend_nodes[row_n[i]], spend[i], tables, w)
        known = states * size
        result[0, i], result[1, i] = _mean_density(s[:known], s_mass[:known], w, tables.mass, rho)


@compiled
def _subtract_from_biased(
    row_x: IntArray,
    row_n: IntArray,
    rate_alive: FloatArray,
    spend: FloatArray,
    exposure: FloatArray,
    rho: float,
    tables: CopulaTables,
    result: FloatArray,
) -> None:
    """From the density's mean weighted by purchases and spend, take off what ``result`` has."""
    size = len(tables.mass)
    s, s_mass, w = np.empty(size), np.empty(size), np.empty(size)
    for i in range(len(row_x)):
        row = row_x[i]
        _fill_rate(row, rate_alive[i], 1.0, tables, s, s_mass)
        total = 0.0
        for j in range(size):
            mean = exposure[i] * math.exp(tables.rate_nodes[row, j])
            purchases = 0.0
            for k in range(tables.dropout.shape[1]):
                dropout = tables.dropout[row, k]
                purchases -= tables.dropout_mass[row, k] * math.expm1(-dropout * mean) / dropout
            s_mass[j] *= purchases
            total += s_mass[j]
        s_mass /= total
        _fill_spend(tables.biased_nodes[row_n[i]], spend[i], tables, w)
        log_mean, slope = _mean_density(s, s_mass, w, tables.mass, rho)
        result[0, i] = log_mean - result[0, i]
        result[1, i] = slope - result[1, i]


def log_likelihood_factor(
    rows: tuple[IntArray, IntArray],
    scales: tuple[FloatArray, FloatArray, FloatArray],
    p_alive: FloatArray,
    rho: float,
    tables: CopulaTables,
) -> FloatArray:
    """Logarithm of what the copula makes of each customer's likelihood, and its derivative.

    Parameters
    ----------
    rows : tuple of int64 array, shape (customer,)
        Row of ``x`` and row of ``n`` in the tables.
    scales : tuple of float64 array, shape (customer,)
        ``log(alpha / (alpha + T))``, ``log(alpha / (alpha + t_x))``, ``log(v / (v + S))``.
    p_alive : float64 array, shape (customer,)
        Under BG/NBD alone. Given alive lambda ~ Gamma(r + x, alpha + T), else
        Gamma(r + x, alpha + t_x).
    rho : float
        At most ``LARGEST_RHO`` in size.
    tables : CopulaTables

    Returns
    -------
    float64 array, shape (2, customer)
        ``log E[c]`` and its derivative by rho; both scale-free in time and money.

    Examples
    --------
    Nothing known of a customer, nothing to learn:

    >>> from ltvforecast.formulas.copula_tables import copula_tables
    >>> tables = copula_tables(0.5, 0.8, 2.4, 4.0, 4.0, n=0, x=0)
    >>> row, one = np.zeros(1, dtype=np.int64), np.zeros(1)
    >>> factor = log_likelihood_factor((row, row), (one, one, one), np.ones(1), 0.5, tables)
    >>> bool(np.all(np.abs(factor) < 1e-6))
    True
    """
    result = np.empty((2, len(p_alive)))
    _log_likelihood_factor(*rows, *scales, p_alive, rho, tables, result)
    return result


def log_spend_factor(
    rows: tuple[IntArray, IntArray],
    scales: tuple[FloatArray, FloatArray, FloatArray],
    p_alive: FloatArray,
    exposure: FloatArray,
    rho: float,
    tables: CopulaTables,
) -> FloatArray:
    """Logarithm of what the copula makes of a customer's expected revenue, and its derivative.

    Parameters
    ----------
    rows, scales, p_alive, rho, tables
        See :func:`log_likelihood_factor`.
    exposure : float64 array, shape (customer,)
        ``H / (alpha + T)`` for a horizon H.

    Returns
    -------
    float64 array, shape (2, customer)
        ``log(E[N Z | copula] / (E[N] E[Z]))`` for the number of purchases N in the horizon and
        the mean purchase Z, and its derivative by rho; 0 at ``rho = 0``.

    Notes
    -----
    ``E[N Z | copula] = E[N Z c] / E[c]``. Given alive, ``N`` has the mean
    ``E[(1 - exp(-lambda p H)) / p]`` over ``p ~ Beta(a, b + x)``; weighting by ``Z = p / nu`` is
    taking nu ~ Gamma(p n + q - 1, v + S) instead.

    Examples
    --------
    A new customer with rho > 0: who buys more also spends more.

    >>> from ltvforecast.formulas.copula_tables import copula_tables
    >>> tables = copula_tables(0.5, 0.8, 2.4, 4.0, 4.0, n=0, x=0)
    >>> row, one = np.zeros(1, dtype=np.int64), np.zeros(1)
    >>> factor = log_spend_factor((row, row), (one, one, one), np.ones(1), np.ones(1), 0.5, tables)
    >>> bool(factor[0, 0] > 0.2)
    True
    """
    result = log_likelihood_factor(rows, scales, p_alive, rho, tables)
    _subtract_from_biased(*rows, scales[0], scales[2], exposure, rho, tables, result)
    return result
