"""Fits Gamma-Gamma with covariates where partners are taken together: all parameters at once."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from ltvforecast.fit_types import SpendFit
from ltvforecast.fitting.covariate_design import CovariateDesign
from ltvforecast.fitting.diagnostics import (
    edge_flags,
    point_diagnostics,
    posterior_diagnostics,
    prior_dominated,
)
from ltvforecast.fitting.laplace import sample_posterior
from ltvforecast.fitting.mle import Optimum, flat_directions, maximise
from ltvforecast.fitting.pooled_effects import (
    Kinds,
    KindsLikelihood,
    customer_kinds,
    joint_objective,
    unfolded,
)
from ltvforecast.fitting.priors import SPEND_PRIOR, NormalPrior, with_effects
from ltvforecast.fitting.spend import LIMITS, fit_spend
from ltvforecast.fitting.spend_data import SpendData, amounts_data
from ltvforecast.fitting.spend_likelihood import (
    SpendTable,
    amounts_table,
    coordinate_gradient,
    log_likelihood,
    log_likelihood_gradient,
    spend_parameters,
)
from ltvforecast.types import FloatArray, IntArray

__all__ = ["fit_spend_effects"]

_WHAT = "the spend per purchase with covariates"
_LEVELS = (1,)
"""The coordinate ``log(mean spend)``."""
_LOWER = np.array([-8.0, -40.0, np.log(0.01)])
_UPPER = np.array([11.0, 40.0, 11.0])


def fit_spend_effects(
    customers: pd.DataFrame,
    home: IntArray,
    design: CovariateDesign,
    *,
    method: Literal["laplace", "mle"] = "laplace",
    draws: int = 1000,
    rng: np.random.Generator,
) -> tuple[SpendFit, FloatArray]:
    """Fit Gamma-Gamma to single amounts with covariates of customers and of their partners.

    Parameters
    ----------
    customers : pandas.DataFrame
        As for :func:`ltvforecast.fitting.spend.fit_spend`.
    home : int64 array, shape (n_customers,)
        Each customer's partner.
    design : CovariateDesign
        Of these customers and partners.
    method : {"laplace", "mle"}
    draws : int
    rng : numpy.random.Generator

    Returns
    -------
    fit : SpendFit
        For customers whose own columns are 0: one group, or one for each partner if there are
        covariates of partners. ``point`` is the average customer.
    effect : float64 array, shape (draw, column)
        On the log of the mean spend; 0 if all customers spend (nearly) the same.

    Raises
    ------
    ConvergenceError
        No amount is positive, or the fit is not to be trusted.
    SummaryError
        An amount is impossible.
    """
    data = amounts_data(customers)
    if data.rows is None:
        alike = fit_spend(customers, method=method, draws=draws, rng=rng)
        return alike, np.zeros((len(alike.draws["q"]), len(design.names)))
    kinds = customer_kinds(home[data.rows], design.customer_pattern[data.rows], design)
    likelihood = _likelihood(data, kinds)
    prior = with_effects(SPEND_PRIOR, design.names, _LEVELS)
    posterior = method == "laplace"
    optimum = _maximum(likelihood, prior, data, posterior=posterior)
    flat = flat_directions(
        likelihood.total, optimum.theta, [(coordinate, sign) for coordinate, sign, _ in LIMITS]
    )
    if posterior:
        found = sample_posterior(
            lambda theta: likelihood.total(theta) + prior.log_density(theta),
            optimum,
            prior=prior,
            draws=draws,
            rng=rng,
            what=_WHAT,
        )
        theta = found.theta
        flags = edge_flags(flat, LIMITS, prior=prior, dominated=prior_dominated(found, prior))
        diagnostics = posterior_diagnostics(found, optimum, what=_WHAT, flags=[*data.flags, *flags])
        zero = rng.beta(1.0 + data.zeros, 1.0 + data.purchases - data.zeros, draws)
    else:
        theta, zero = optimum.theta[None, :], np.array([data.zero_share])
        flags = edge_flags(flat, LIMITS, prior=prior)
        diagnostics = point_diagnostics(optimum, what=_WHAT, flags=[*data.flags, *flags])
    p, q, v = spend_parameters(theta[:, :3])
    effect = theta[:, 3:]
    reference, of_partner = unfolded(effect, kinds, design)
    best = spend_parameters(optimum.theta[:3])
    fit = SpendFit(
        model="gamma-gamma",
        first_purchase=data.first_purchase,
        draws={
            "p": p[:, None],
            "q": q[:, None],
            "v": v[:, None] * data.unit * np.exp(reference + of_partner),
            "zero_share": zero[:, None],
        },
        point={
            "p": float(best[0]),
            "q": float(best[1]),
            "v": float(best[2]) * data.unit,
            "zero_share": data.zero_share,
        },
        log_likelihood=float(likelihood.total(optimum.theta[None])[0])
        - float(data.n.sum() * np.log(data.unit)),
        diagnostics=diagnostics,
    )
    return fit, effect


def _gradient(theta: FloatArray, table: SpendTable) -> tuple[FloatArray, FloatArray]:
    value, by_parameter = log_likelihood_gradient(theta, table)
    return value, coordinate_gradient(theta, by_parameter)


def _likelihood(data: SpendData, kinds: Kinds) -> KindsLikelihood[SpendTable]:
    n, total, log_total = data.n, data.total, data.log_total
    return KindsLikelihood(
        tables=[amounts_table(n[m], total[m], log_total[m]) for m in kinds.members()],
        rows=kinds.rows,
        base=3,
        levels=_LEVELS,
        value=log_likelihood,
        gradient=_gradient,
    )


def _maximum(
    likelihood: KindsLikelihood[SpendTable],
    prior: NormalPrior,
    data: SpendData,
    *,
    posterior: bool,
) -> Optimum:
    effects = len(prior.mean) - 3
    mean = float(np.log(data.total.sum() / data.n.sum()))
    far = np.full(effects, 10.0)
    return maximise(
        joint_objective(likelihood, prior if posterior else None),
        [np.concatenate([[1.0, mean, 1.0], np.zeros(effects)])],
        lower=np.concatenate([_LOWER, -far]),
        upper=np.concatenate([_UPPER, far]),
        what=_WHAT,
    )
