"""Compiled scalar kernels of the BG/NBD model, one customer and one parameter vector at a time.

For use inside other compiled code; :mod:`ltvforecast.formulas.bgnbd` makes array functions of
them and says what each quantity is.
"""

# x, t_x, T, r, alpha, a, b stand in the literature's order, as positions
# ruff: noqa: PLR0917

from __future__ import annotations

import math

import numba
import numpy as np

from ltvforecast.formulas.compiling import FloatArray, compiled
from ltvforecast.formulas.special import (
    expected_beta_power,
    expected_beta_powers,
    log_beta,
    log_beta_change,
    log_gamma_ratio,
    log_one_plus_exp,
)

__all__ = [
    "count_probability_alive_scalar",
    "integrate_rate",
    "log_likelihood_scalar",
    "p_alive_scalar",
    "p_dead_scalar",
    "purchase_rate_scalar",
    "survival_scalar",
]

PANEL = 3.0
"""Longest stretch of log(1 + s / scale) that one Gauss-Legendre rule covers."""
DISCOUNTED_AWAY = 45.0
"""Multiple of 1 / delta after which nothing is left: exp(-45) = 3e-20."""


@compiled
def _log_odds_dead(
    x: float, t_x: float, T: float, r: float, alpha: float, a: float, b: float
) -> float:
    """Return log((1 - P(alive)) / P(alive)): minus infinity for x = 0."""
    if x == 0.0:
        return -np.inf
    silence = math.log1p((T - t_x) / (alpha + t_x))
    return math.log(a / (b + x - 1.0)) + (r + x) * silence


@compiled
def log_likelihood_scalar(
    x: float, t_x: float, T: float, r: float, alpha: float, a: float, b: float
) -> float:
    """Return the log-likelihood of one history.

    Parameters
    ----------
    x, t_x, T : float
        History of the customer.
    r, alpha, a, b : float
        Parameters.

    Returns
    -------
    float
        0 for ``T = 0``.

    Examples
    --------
    >>> round(log_likelihood_scalar(2.0, 30.43, 38.86, 0.243, 4.414, 0.793, 2.426), 6)
    -9.458606
    """
    unobserved = -r * math.log1p(T / alpha)
    if x == 0.0:
        return unobserved
    alive = unobserved + log_gamma_ratio(r, x) - x * math.log(alpha + T) + log_beta_change(a, b, x)
    return alive + log_one_plus_exp(_log_odds_dead(x, t_x, T, r, alpha, a, b))


@compiled
def p_alive_scalar(
    x: float, t_x: float, T: float, r: float, alpha: float, a: float, b: float
) -> float:
    """Return P(alive at T) of one customer.

    Parameters
    ----------
    x, t_x, T : float
        History of the customer.
    r, alpha, a, b : float
        Parameters.

    Returns
    -------
    float
        In [0, 1].

    Examples
    --------
    >>> round(p_alive_scalar(2.0, 30.43, 38.86, 0.243, 4.414, 0.793, 2.426), 4)
    0.7266
    """
    return math.exp(-log_one_plus_exp(_log_odds_dead(x, t_x, T, r, alpha, a, b)))


@compiled
def p_dead_scalar(
    x: float, t_x: float, T: float, r: float, alpha: float, a: float, b: float
) -> float:
    """Return 1 - P(alive at T) of one customer, accurate also where it is small.

    Parameters
    ----------
    x, t_x, T : float
        History of the customer.
    r, alpha, a, b : float
        Parameters.

    Returns
    -------
    float
        In [0, 1]; exactly 0 for ``x = 0``.

    Examples
    --------
    >>> round(p_dead_scalar(2.0, 30.43, 38.86, 0.243, 4.414, 0.793, 2.426), 4)
    0.2734
    """
    return math.exp(-log_one_plus_exp(-_log_odds_dead(x, t_x, T, r, alpha, a, b)))


@compiled
def purchase_rate_scalar(
    s: float, x: float, T: float, r: float, alpha: float, a: float, b: float
) -> float:
    """Return h(s), the expected purchase rate at T + s given alive at T.

    Parameters
    ----------
    s, x, T : float
        Moment of the future, repeat purchases and age.
    r, alpha, a, b : float
        Parameters.

    Returns
    -------
    float
        Purchases per unit of time.

    Examples
    --------
    >>> round(purchase_rate_scalar(0.0, 2.0, 38.86, 0.243, 4.414, 0.793, 2.426), 6)
    0.051833
    """
    now = alpha + T
    return (r + x) / now * expected_beta_power(r + x + 1.0, a, b + x, s / now)


@compiled
def survival_scalar(
    t: float, x: float, T: float, r: float, alpha: float, a: float, b: float
) -> float:
    """Return P(alive at T + t | alive at T).

    Parameters
    ----------
    t, x, T : float
        Length of the future, repeat purchases and age.
    r, alpha, a, b : float
        Parameters.

    Returns
    -------
    float
        In [0, 1].

    Examples
    --------
    >>> round(survival_scalar(39.0, 2.0, 38.86, 0.243, 4.414, 0.793, 2.426), 4)
    0.7806
    """
    return expected_beta_power(r + x, a, b + x, t / (alpha + T))


@compiled
def count_probability_alive_scalar(
    n: float,
    reached: float,
    t: float,
    x: float,
    T: float,
    r: float,
    alpha: float,
    a: float,
    b: float,
) -> float:
    """Return P(n purchases in (T, T + t] | alive at T).

    Parameters
    ----------
    n : float
        Number of purchases, whole.
    reached : float
        I_{t/(alpha+T+t)}(n, r+x), the chance that the n-th purchase would come within t; any
        number for n = 0.
    t, x, T : float
        Length of the future, repeat purchases and age.
    r, alpha, a, b : float
        Parameters.

    Returns
    -------
    float
        In [0, 1].

    Examples
    --------
    >>> FHL = (0.243, 4.414, 0.793, 2.426)
    >>> alive = count_probability_alive_scalar(0.0, 1.0, 39.0, 2.0, 38.86, *FHL)
    >>> round(alive, 4)
    0.2367
    """
    now, shape, d = alpha + T, r + x, b + x
    none = -shape * math.log1p(t / now)
    if n == 0.0:
        return math.exp(none)
    if t == 0.0:
        return 0.0
    bought = none - n * math.log1p(now / t) - math.log(shape + n) - log_beta(shape, n + 1.0)
    still_alive = math.exp(log_beta_change(a, d, n) + bought)
    left_at_last = math.exp(log_beta_change(a, d, n - 1.0)) * a / (a + d + n - 1.0)
    return still_alive + left_at_last * reached


def _integrate_rate(
    t: float,
    x: float,
    T: float,
    r: float,
    alpha: float,
    a: float,
    b: float,
    delta: float,
    positions: FloatArray,
    weights: FloatArray,
    out: FloatArray,
) -> None:
    """Integrate exp(-delta s) h(s) over [0, t] in y = log(1 + s / scale), panel by panel."""
    now, shape, d = alpha + T, r + x, b + x
    end = min(t, DISCOUNTED_AWAY / delta) if delta > 0.0 else t
    scale = now / max(1.0, (shape + 1.0) * a / (a + d))
    scale = min(scale, 1.0 / delta) if delta > 0.0 else scale
    length = math.log1p(end / scale)
    panels = max(1.0, math.ceil(length / PANEL))
    width = length / panels
    w, powers = np.empty(positions.size), np.empty(positions.size)
    total = 0.0
    for panel in range(int(panels)):
        for j in range(positions.size):
            w[j] = scale * math.expm1(width * (panel + positions[j])) / now
        expected_beta_powers(shape + 1.0, a, d, w, powers)
        for j in range(positions.size):
            s = w[j] * now
            total += weights[j] * powers[j] * math.exp(-delta * s) * (scale + s)
    out[0] = total * width * shape / now


integrate_rate = numba.guvectorize(
    "(),(),(),(),(),(),(),(),(k),(k)->()", nopython=True, cache=True
)(_integrate_rate)
"""Generalised ufunc (t, x, T, r, alpha, a, b, delta, positions, weights, out), compiled lazily."""
