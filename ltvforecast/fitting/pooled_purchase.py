"""Fits BG/NBD with covariates where partners are taken together: all parameters at once."""

from __future__ import annotations

from typing import Literal

import numpy as np

from ltvforecast.fit_types import PurchaseFit
from ltvforecast.fitting.compress import unique_rows
from ltvforecast.fitting.covariate_design import CovariateDesign
from ltvforecast.fitting.diagnostics import (
    edge_flags,
    point_diagnostics,
    posterior_diagnostics,
    prior_dominated,
)
from ltvforecast.fitting.laplace import sample_posterior
from ltvforecast.fitting.mle import Optimum, flat_directions, maximise
from ltvforecast.fitting.partner_tables import group_table
from ltvforecast.fitting.pooled_effects import (
    Kinds,
    KindsLikelihood,
    customer_kinds,
    joint_objective,
    unfolded,
)
from ltvforecast.fitting.priors import PURCHASE_PRIOR, NormalPrior, with_effects
from ltvforecast.fitting.purchase import LIMITS
from ltvforecast.fitting.purchase_likelihood import (
    PurchaseTable,
    coordinate_gradient,
    log_likelihood,
    log_likelihood_gradient,
    purchase_parameters,
)
from ltvforecast.types import FloatArray, IntArray

__all__ = ["fit_purchase_effects"]

_WHAT = "the purchase process with covariates"
_LEVELS = (1, 2)
"""Coordinates ``log(r / alpha)`` and ``logit a / (a + b)``."""
_FAR = 40.0


def fit_purchase_effects(
    history: tuple[FloatArray, FloatArray, FloatArray],
    home: IntArray,
    design: CovariateDesign,
    *,
    method: Literal["laplace", "mle"] = "laplace",
    draws: int = 1000,
    rng: np.random.Generator,
) -> tuple[PurchaseFit, dict[str, FloatArray]]:
    """Fit BG/NBD with covariates of customers and of their partners.

    Parameters
    ----------
    history : tuple of float64 array, shape (n_customers,)
        ``x, t_x, T``.
    home : int64 array, shape (n_customers,)
        Each customer's partner.
    design : CovariateDesign
        Of these customers and partners.
    method : {"laplace", "mle"}
    draws : int
    rng : numpy.random.Generator

    Returns
    -------
    fit : PurchaseFit
        For customers whose own columns are 0: one group, or one for each partner if there are
        covariates of partners. ``point`` is the average customer.
    effects : dict of str to float64 array, shape (draw, column)
        ``log_rate, dropout_logit``.

    Raises
    ------
    ConvergenceError
        The fit is not to be trusted.
    SummaryError
        A history is impossible.
    """
    x, t_x, T = history
    unit = float(np.mean(T))
    kinds = customer_kinds(home, design.customer_pattern, design)
    likelihood = _likelihood((x, t_x / unit, T / unit), kinds)
    prior = with_effects(PURCHASE_PRIOR, design.names, _LEVELS)
    posterior = method == "laplace"
    optimum = _maximum(likelihood, prior, posterior=posterior)
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
        diagnostics = posterior_diagnostics(found, optimum, what=_WHAT, flags=flags)
    else:
        theta = optimum.theta[None, :]
        flags = edge_flags(flat, LIMITS, prior=prior)
        diagnostics = point_diagnostics(optimum, what=_WHAT, flags=flags)
    value = float(likelihood.total(optimum.theta[None])[0])
    point = dict(zip(("r", "alpha", "a", "b"), purchase_parameters(optimum.theta[:4]), strict=True))
    point["alpha"] = point["alpha"] * unit
    named, effects = _named(theta, unit, kinds, design)
    fit = PurchaseFit(
        model="bg-nbd",
        draws=named,
        point={name: float(number) for name, number in point.items()},
        log_likelihood=value - float(np.sum(x)) * float(np.log(unit)),
        diagnostics=diagnostics,
    )
    return fit, effects


def _gradient(theta: FloatArray, table: PurchaseTable) -> tuple[FloatArray, FloatArray]:
    value, by_parameter = log_likelihood_gradient(theta, table)
    return value, coordinate_gradient(theta, by_parameter)


def _likelihood(
    history: tuple[FloatArray, FloatArray, FloatArray], kinds: Kinds
) -> KindsLikelihood[PurchaseTable]:
    x, t_x, T = history
    return KindsLikelihood(
        tables=[group_table(unique_rows(x[m], t_x[m], T[m])) for m in kinds.members()],
        rows=kinds.rows,
        base=4,
        levels=_LEVELS,
        value=log_likelihood,
        gradient=_gradient,
    )


def _maximum(
    likelihood: KindsLikelihood[PurchaseTable], prior: NormalPrior, *, posterior: bool
) -> Optimum:
    start = np.concatenate([[-0.5, 0.5, -1.0, 1.0], np.zeros(len(prior.mean) - 4)])
    far = np.full(len(start), 10.0)
    far[:4] = _FAR
    return maximise(
        joint_objective(likelihood, prior if posterior else None),
        [start],
        lower=-far,
        upper=far,
        what=_WHAT,
    )


def _named(
    theta: FloatArray, unit: float, kinds: Kinds, design: CovariateDesign
) -> tuple[dict[str, FloatArray], dict[str, FloatArray]]:
    on_rate, on_dropout = np.split(theta[:, 4:], 2, axis=1)
    reference, of_partner = unfolded(on_rate, kinds, design)
    rate = theta[:, 1:2] + reference + of_partner
    reference, of_partner = unfolded(on_dropout, kinds, design)
    dropout = theta[:, 2:3] + reference + of_partner
    each = np.stack(
        [
            np.broadcast_to(theta[:, :1], rate.shape),
            rate,
            dropout,
            np.broadcast_to(theta[:, 3:4], rate.shape),
        ],
        axis=-1,
    )
    r, alpha, a, b = purchase_parameters(each)
    named = {"r": r[:, :1].copy(), "alpha": alpha * unit, "a": a, "b": b}
    return named, {"log_rate": on_rate, "dropout_logit": on_dropout}
