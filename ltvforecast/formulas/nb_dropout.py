"""NB-dropout: how many new customers a partner brings per period, and whether it still does.

While it is active a partner brings a negative binomial number of new customers per period; at a
time of its own in the calendar it stops for good. In each period k of exposure ``e_k``::

    y_k | active ~ NB(mean = rate level_k e_k, size = kappa)     variance = mean + mean^2 / kappa
    rate ~ Gamma(r, alpha)                                       over partners
    S(t) = (beta / (beta + t))^s                                 chance to be active at age t
    L    = S(K) E[f(y_1 ... y_K)]
           + sum_{tau >= l - 1} (S(tau) - S(tau + 1)) E[f(y_1 ... y_tau) f_half(y_tau+1)]

where ``l`` is the last period with anybody new and ``f_half`` has half of the exposure: a partner
that stops within a period was active for half of it. Without that, everybody with a new customer
in the last period would be active for certain. As kappa grows and periods shrink this becomes the
Pareto/NBD model with acquisitions in place of purchases: unlike in BG/NBD the clock of stopping
runs in calendar time, so that a partner ten times as large does not stop ten times as soon.

=================  =================================================================================
``counts``         y_k, new customers per period
``exposure``       e_k, share of the period in which the partner was there and which counts
``level``          seasonal and growth factor of each period, the same for all partners
``r, alpha``       gamma law of the rate over partners; mean r / alpha new customers a period
``kappa``          size of the negative binomial: small = campaigns and lulls, infinite = Poisson
``s, beta``        Pareto law of the life: the hazard of stopping is s / (beta + t) a period
=================  =================================================================================

Time is in periods. Gamma(shape, rate) throughout. Inputs are not checked here: parameters > 0,
counts whole and 0 where the exposure is 0.

References
----------
Schmittlein, D. C., Morrison, D. G. and Colombo, R. (1987), "Counting your customers: who are they
and what will they do next?", Management Science 33(1), 1-24: gamma rates, Pareto lives. [SMC]
Anscombe, F. J. (1949), "The statistical analysis of insect counts based on the negative binomial
distribution", Biometrics 5(2), 165-173: the parameters mean and size of the negative binomial.
"""

from __future__ import annotations

import numpy as np

from ltvforecast.formulas.compiling import FloatArray
from ltvforecast.formulas.nb_dropout_kernels import (
    Histories,
    IntArray,
    Parameters,
    fill_log_likelihood,
    fill_posterior,
)

__all__ = [
    "PARAMETERS",
    "Histories",
    "Parameters",
    "expected_new_customers_active",
    "log_likelihood",
    "p_active",
    "partner_posterior",
    "period_level",
    "remaining_life",
    "simulate_new_customers",
]

PARAMETERS = ("r", "alpha", "kappa", "s", "beta")

_MOST_EXPECTED = 1e7
"""Poisson means are capped here; weak priors can ask for more."""


def log_likelihood(histories: Histories, parameters: Parameters) -> FloatArray:
    """Log-likelihood of each partner's counts, for each parameter draw.

    Parameters
    ----------
    histories : Histories
    parameters : Parameters

    Returns
    -------
    float64 array, shape (draw, partner)

    Notes
    -----
    With ``n`` periods of zeros appended to the counts, the difference of the log-likelihoods is
    the log-probability that the partner brings nobody new in the next ``n`` periods.

    Examples
    --------
    One period that counts in full, nobody new, a life so long that it does not matter and a very
    large kappa: the chance of zero is ``(alpha / (alpha + 1))^r``.

    >>> histories = Histories(np.zeros((1, 1)), np.ones((1, 1)), np.array([0.0, 1.0]),
    ...                       np.zeros(1), np.zeros(1, np.int64))
    >>> one = lambda value: np.array([value])
    >>> parameters = Parameters(one(2.0), one([3.0]), one(1e9), one(1.0), one(1e12), one([1.0]))
    >>> round(float(np.exp(log_likelihood(histories, parameters)[0, 0])), 6)
    0.5625
    """
    alive = np.empty((len(parameters.r), len(histories.start)))
    stopped = np.empty_like(alive)
    fill_log_likelihood(histories, parameters, alive, stopped)
    return np.logaddexp(alive, stopped)


def p_active(histories: Histories, parameters: Parameters) -> FloatArray:
    """Probability that each partner still brings new customers at the end of its history.

    Parameters
    ----------
    histories : Histories
    parameters : Parameters

    Returns
    -------
    float64 array, shape (draw, partner)
    """
    alive = np.empty((len(parameters.r), len(histories.start)))
    stopped = np.empty_like(alive)
    fill_log_likelihood(histories, parameters, alive, stopped)
    return np.exp(alive - np.logaddexp(alive, stopped))


def partner_posterior(
    histories: Histories, parameters: Parameters, uniform: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Posterior of each partner's activity and rate, given each parameter draw.

    Parameters
    ----------
    histories : Histories
    parameters : Parameters
    uniform : float64 array, shape (draw, partner)
        Between 0 and 1: at which quantile to draw the rate.

    Returns
    -------
    active : float64 array, shape (draw, partner)
        Probability that the partner is active.
    rate : float64 array, shape (draw, partner)
        A draw of its rate a period, given that it is; at ``level`` 1.
    mean_rate : float64 array, shape (draw, partner)
        The mean of that law.
    """
    shape = (len(parameters.r), len(histories.start))
    active, rate, mean_rate = np.empty(shape), np.empty(shape), np.empty(shape)
    fill_posterior(histories, parameters, uniform, active, rate, mean_rate)
    return active, rate, mean_rate


def period_level(
    years: FloatArray, phase: FloatArray, growth: FloatArray, season: FloatArray
) -> FloatArray:
    """Factor on every partner's rate by growth and season.

    Parameters
    ----------
    years : float64 array, shape (period,)
        Middle of each period, in years from the moment at which growth is 1.
    phase : float64 array, shape (period,)
        Its place in the year, 0 to 1.
    growth : float64 array, shape (draw, 1)
        Log-linear growth a year.
    season : float64 array, shape (draw, 2 harmonics)
        Cosine and sine coefficients of the first harmonic, then of the second, ...; may have no
        columns.

    Returns
    -------
    float64 array, shape (draw, period)

    Examples
    --------
    >>> level = period_level(np.array([0.0, 1.0]), np.array([0.0, 0.5]), np.array([[0.1]]),
    ...                      np.array([[0.2, 0.0]]))
    >>> np.log(level).round(6).tolist()
    [[0.2, -0.1]]
    """
    log_level = growth * years[None, :]
    for harmonic in range(1, season.shape[1] // 2 + 1):
        angle = 2.0 * np.pi * harmonic * phase[None, :]
        log_level = log_level + season[:, 2 * harmonic - 2, None] * np.cos(angle)
        log_level = log_level + season[:, 2 * harmonic - 1, None] * np.sin(angle)
    return np.exp(log_level)


def remaining_life(
    uniform: FloatArray, age: float | FloatArray, s: FloatArray, beta: FloatArray
) -> FloatArray:
    """Quantile of how long a partner of this age, active now, will go on.

    Parameters
    ----------
    uniform : float64 array
        Between 0 and 1, exclusive of 0; the probability to go on for longer.
    age : float or float64 array
        Periods since the partner's start.
    s, beta : float64 array

    Returns
    -------
    float64 array
        In periods; at most 1e12.

    Notes
    -----
    Given survival to ``age`` the life beyond is Pareto with ``beta + age`` in place of beta
    (SMC, from their equations 8 and 9).

    Examples
    --------
    >>> remaining_life(np.array([0.25]), 6.0, np.array([2.0]), np.array([10.0]))
    array([16.])
    """
    with np.errstate(over="ignore"):
        return np.minimum((beta + age) * np.expm1(-np.log(uniform) / s), 1e12)


def expected_new_customers_active(
    mean_rate: FloatArray,
    *,
    age: float,
    s: FloatArray,
    beta: FloatArray,
    edges: FloatArray,
    level: FloatArray,
) -> FloatArray:
    """Work out the expected new customers per coming period of a partner active now.

    Parameters
    ----------
    mean_rate : float64 array, shape (draw,)
        Posterior mean of its rate a period, given that it is active.
    age : float
        Periods since its start.
    s, beta : float64 array, shape (draw,)
    edges : float64 array, shape (period + 1,)
        Where the coming periods begin and end, in periods from now.
    level : float64 array, shape (draw, period)

    Returns
    -------
    float64 array, shape (draw, period)

    Notes
    -----
    ``mean_rate level`` times the integral of the chance to be active still,
    ``((beta + age) / (beta + age + u))^s``; with ``w = log(1 + u / (beta + age))`` that is
    ``(beta + age)`` times the integral of ``exp((1 - s) w)``, exact through s = 1.

    Examples
    --------
    >>> one = np.ones(1)
    >>> expected_new_customers_active(3 * one, age=4.0, s=2 * one, beta=6 * one,
    ...                               edges=np.array([0.0, 10.0]), level=np.ones((1, 1)))
    array([[15.]])
    """
    base = (beta + age)[:, None]
    w = np.log1p(edges[None, :] / base)
    low, wide = w[:, :-1], np.diff(w, axis=1)
    power = (1.0 - s)[:, None]
    # (exp(power wide) - 1) / power, which is wide where power is 0
    flat = np.abs(power * wide) < 1e-12
    grown = np.where(flat, wide, np.expm1(power * wide) / np.where(flat, 1.0, power))
    return np.asarray(mean_rate[:, None] * level * base * np.exp(power * low) * grown)


def simulate_new_customers(
    rng: np.random.Generator,
    *,
    rate: FloatArray,
    life: FloatArray,
    kappa: FloatArray,
    edges: FloatArray,
    period: IntArray,
    level: FloatArray,
) -> FloatArray:
    """Simulate one partner's new customers per piece of the future, draw by draw.

    Parameters
    ----------
    rng : numpy.random.Generator
    rate : float64 array, shape (draw,)
        New customers a period at ``level`` 1.
    life : float64 array, shape (draw,)
        Periods until the partner stops; 0 if it has already stopped.
    kappa : float64 array, shape (draw,)
    edges : float64 array, shape (piece + 1,)
        In periods from now.
    period : int64 array, shape (piece,)
        Which period each piece belongs to, counted from 0 and rising. The pieces of one period
        share its good or bad luck, so that it does not matter how the future is cut up.
    level : float64 array, shape (draw, piece)

    Returns
    -------
    float64 array, shape (draw, piece)
        Whole numbers.

    Notes
    -----
    The negative binomial as a Poisson of a gamma: each period's rate is multiplied with a
    Gamma(kappa, kappa) number (Greenwood & Yule 1920).
    """
    luck = rng.standard_gamma(kappa[:, None], (len(rate), int(period[-1]) + 1)) / kappa[:, None]
    there = np.clip(life[:, None] - edges[None, :-1], 0.0, np.diff(edges)[None, :])
    expected = rate[:, None] * level * luck[:, period] * there
    counts = rng.poisson(np.minimum(expected, _MOST_EXPECTED))
    return np.asarray(counts, dtype=np.float64)
