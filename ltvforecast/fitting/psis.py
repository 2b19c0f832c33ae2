"""Pareto-smoothed importance sampling by ArviZ, whichever of its generations is installed."""

from __future__ import annotations

import warnings
from importlib import import_module
from importlib.util import find_spec

import numpy as np

from ltvforecast.types import FloatArray

__all__ = ["pareto_smooth"]


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
    shifted = log_weights - log_weights.max()
    if find_spec("arviz_stats") is not None:
        smoothed, k_hat = import_module("arviz_stats.base").array_stats.psislw(-shifted)
    else:
        with warnings.catch_warnings():
            # ArviZ 0.23 announces its own next generation when it is imported
            warnings.filterwarnings("ignore", category=FutureWarning)
            smoothed, k_hat = import_module("arviz").psislw(shifted)
    weights: FloatArray = np.exp(np.asarray(smoothed, dtype=np.float64))
    return weights / weights.sum(), float(k_hat)
