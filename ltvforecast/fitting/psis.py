"""Pareto-smoothed importance sampling by ArviZ, whichever of its generations is installed."""

from __future__ import annotations

import warnings
from importlib import import_module
from importlib.util import find_spec

import numpy as np
from scipy.special import logsumexp

from ltvforecast.types import FloatArray

__all__ = ["leave_one_out", "pareto_smooth"]


def pareto_smooth(log_weights: FloatArray) -> tuple[FloatArray, float]:
    """Smooth importance weights by ArviZ, whichever of its generations is installed.

    Parameters
    ----------
    log_weights : float64 array, shape (n,)
        Log of target over proposal density, up to a constant.

    Returns
    -------
    weights : float64 array, shape (n,)
        Smoothed; they add to one.
    k_hat : float
        Pareto shape of the largest weights.

    Notes
    -----
    ``arviz.psislw`` of ArviZ 0.x takes log weights. Its successor in arviz-stats takes the
    log-likelihood of leave-one-out validation, whose *negative* is the log weight.

    References
    ----------
    Vehtari, Simpson, Gelman, Yao & Gabry (2024), Pareto smoothed importance sampling, Journal of
    Machine Learning Research 25(72).
    """
    smoothed, k_hat = _smoothed(log_weights - log_weights.max())
    weights: FloatArray = np.exp(smoothed)
    return weights / weights.sum(), float(k_hat)


def leave_one_out(log_likelihood: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Predict each observation from all others, by smoothed weights of the posterior draws.

    Parameters
    ----------
    log_likelihood : float64 array, shape (n, draw)
        Of each observation in independent draws from the posterior given all of them.

    Returns
    -------
    elpd : float64 array, shape (n,)
        Log predictive density of each observation given all others.
    k_hat : float64 array, shape (n,)
        Pareto shape of the weights; above .7 the density is not to be trusted.

    References
    ----------
    Vehtari, Gelman & Gabry (2017), Practical Bayesian model evaluation using leave-one-out
    cross-validation and WAIC, Statistics and Computing 27, 1413-1432, equation 10.
    """
    smoothed, k_hat = _smoothed(-log_likelihood)
    return np.asarray(logsumexp(smoothed + log_likelihood, axis=-1)), k_hat


def _smoothed(log_weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Smooth along the last axis; give normalised log weights and k-hat."""
    if find_spec("arviz_stats") is not None:
        smoothed, k_hat = import_module("arviz_stats.base").array_stats.psislw(-log_weights)
    else:
        with warnings.catch_warnings():
            # ArviZ 0.23 announces its own next generation when it is imported
            warnings.filterwarnings("ignore", category=FutureWarning)
            smoothed, k_hat = import_module("arviz").psislw(log_weights)
    return np.asarray(smoothed, dtype=np.float64), np.asarray(k_hat, dtype=np.float64)
