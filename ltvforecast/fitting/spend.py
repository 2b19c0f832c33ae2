"""Fits the spend per purchase (Gamma-Gamma): by its posterior, or by maximum likelihood."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

from ltvforecast.fit_types import Diagnostics, SpendFit
from ltvforecast.fitting.diagnostics import (
    edge_flags,
    point_diagnostics,
    posterior_diagnostics,
    prior_dominated,
)
from ltvforecast.fitting.laplace import sample_posterior
from ltvforecast.fitting.mle import Optimum, flat_directions, maximise
from ltvforecast.fitting.priors import SPEND_PRIOR
from ltvforecast.fitting.spend_data import SpendData, amounts_data, means_data
from ltvforecast.fitting.spend_likelihood import (
    SpendTable,
    amounts_table,
    coordinate_gradient,
    log_likelihood,
    log_likelihood_gradient,
    means_table,
    spend_parameters,
)
from ltvforecast.types import FloatArray

__all__ = ["LIMITS", "fit_spend"]

_WHAT = "the spend per purchase"
_LOWER = np.array([-8.0, -40.0, -12.0])
_LOWER_POINT = np.array([-8.0, -40.0, np.log(0.01)])
"""Without a prior ``q`` is kept at 1.01 or more: mean spend has the factor ``1 / (q - 1)``."""
_UPPER = np.array([11.0, 40.0, 11.0])
_HEAVY_TAIL = 1.1
"""Below this ``q`` the mean rests on the few largest customers."""
_FEWEST_REPEATERS = 50
_ENOUGH_REPEATERS = 50_000

LIMITS: tuple[tuple[int, int, str], ...] = (
    (0, 1, "boundary: the amounts of one customer hardly vary (p could be infinite)"),
    (2, 1, "boundary: customers do not differ in what they spend (q, v could be infinite)"),
)


def fit_spend(
    customers: pd.DataFrame,
    *,
    method: Literal["laplace", "mle"] = "laplace",
    spend: Literal["gamma-gamma", "gamma-gamma-mean"] = "gamma-gamma",
    draws: int = 1000,
    rng: np.random.Generator,
) -> SpendFit:
    """Fit Gamma-Gamma to customers' amounts.

    Parameters
    ----------
    customers : pandas.DataFrame
        ``frequency, monetary_value, first_value, spend_n, spend_sum, spend_log_sum`` of a
        customer summary, in one currency.
    method : {"laplace", "mle"}
        Posterior under weak priors, or the maximum of the likelihood.
    spend : {"gamma-gamma", "gamma-gamma-mean"}
        Likelihood of every amount, or the published one of the mean repeat purchase.
    draws : int
        Posterior draws.
    rng : numpy.random.Generator

    Returns
    -------
    SpendFit
        ``v`` is in the unit of the amounts; ``q`` is above 1, so that mean spend exists.

    Raises
    ------
    ConvergenceError
        No amount is positive, or the fit is not to be trusted.
    SummaryError
        An amount is impossible.

    References
    ----------
    Fader & Hardie (2013), The gamma-gamma model of monetary value, note 025.
    """
    single = spend == "gamma-gamma"
    data = amounts_data(customers) if single else means_data(customers)
    table = _table(data, single=single)
    if method == "laplace":
        optimum, theta, diagnostics = _posterior(table, data, customers, draws=draws, rng=rng)
        zero_draws = rng.beta(1.0 + data.zeros, 1.0 + data.purchases - data.zeros, draws)
    else:
        optimum = _maximum(table, data, posterior=False)
        theta = optimum.theta[None, :]
        flags = [*data.flags, *_findings(table, optimum, theta)]
        diagnostics = point_diagnostics(optimum, what=_WHAT, flags=flags)
        zero_draws = np.array([data.zero_share])
    named = {**_named(theta, data.unit), "zero_share": zero_draws}
    best = _named(optimum.theta, data.unit)
    amounts = float(data.n.sum()) if single else float(len(data.n))
    return SpendFit(
        model=spend,
        first_purchase=data.first_purchase,
        draws={name: value[:, None] for name, value in named.items()},
        point={
            **{name: float(value) for name, value in best.items()},
            "zero_share": data.zero_share,
        },
        log_likelihood=float(log_likelihood(optimum.theta[None, :], table)[0])
        - amounts * float(np.log(data.unit)),
        diagnostics=diagnostics,
    )


def _posterior(
    table: SpendTable,
    data: SpendData,
    customers: pd.DataFrame,
    *,
    draws: int,
    rng: np.random.Generator,
) -> tuple[Optimum, FloatArray, Diagnostics]:
    optimum = _maximum(table, data, posterior=True)
    found = sample_posterior(
        lambda theta: log_likelihood(theta, table) + SPEND_PRIOR.log_density(theta),
        optimum,
        prior=SPEND_PRIOR,
        draws=draws,
        rng=rng,
        what=_WHAT,
    )
    dominated = prior_dominated(found, SPEND_PRIOR)
    flags = [*data.flags, *_findings(table, optimum, found.theta, dominated=dominated)]
    if table.single and not flags:
        log_p = found.theta[:, 0]
        flags = _shape_misfit(customers, float(log_p.mean()), float(log_p.var()))
    diagnostics = posterior_diagnostics(found, optimum, what=_WHAT, flags=flags)
    return optimum, found.theta, diagnostics


def _named(theta: FloatArray, unit: float) -> dict[str, FloatArray]:
    p, q, v = spend_parameters(theta)
    return {"p": p, "q": q, "v": v * unit}


def _table(data: SpendData, *, single: bool) -> SpendTable:
    if single:
        return amounts_table(data.n, data.total, data.log_total)
    return means_table(data.n, data.total / data.n)


def _maximum(table: SpendTable, data: SpendData, *, posterior: bool) -> Optimum:
    def evaluate(theta: FloatArray) -> tuple[FloatArray, FloatArray]:
        with np.errstate(all="ignore"):
            value, by_parameter = log_likelihood_gradient(theta, table)
            gradient = coordinate_gradient(theta, by_parameter)
        if posterior:
            value += SPEND_PRIOR.log_density(theta)
            gradient += SPEND_PRIOR.gradient(theta)
        return value, gradient

    mean = float(np.log(data.total.sum() / data.n.sum()))
    starts = [
        np.array([log_p, level, log_excess])
        for log_p, level, log_excess in ((1.0, mean, 1.0), (0.0, 0.3, 0.0), (3.0, mean, 3.0))
    ]
    lower = _LOWER if posterior else _LOWER_POINT
    return maximise(evaluate, starts, lower=lower, upper=_UPPER, what=_WHAT)


def _findings(
    table: SpendTable, optimum: Optimum, theta: FloatArray, *, dominated: Sequence[int] = ()
) -> list[str]:
    """Edges that the fit presses on, in plain words."""
    flat = flat_directions(
        lambda trial: log_likelihood(trial, table),
        optimum.theta,
        [(coordinate, sign) for coordinate, sign, _ in LIMITS],
    )
    flags = edge_flags(flat, LIMITS, prior=SPEND_PRIOR, dominated=dominated)
    smallest_q = float(np.quantile(spend_parameters(theta)[1], 0.05))
    if smallest_q < _HEAVY_TAIL:
        flags.append(
            "heavy-tailed spend: a few customers spend so much more than the rest that the mean is "
            f"not reliably estimable (q may be as low as {smallest_q:.3f})"
        )
    return flags


def _shape_misfit(customers: pd.DataFrame, log_p: float, variance: float) -> list[str]:
    """Compare how amounts vary within customers with how their means vary.

    Both likelihoods estimate the same ``p`` if the model is right.
    """
    repeaters = customers[(customers["frequency"] > 0) & (customers["monetary_value"] > 0)]
    if len(repeaters) < _FEWEST_REPEATERS:
        return []
    data = means_data(repeaters.iloc[:: 1 + len(repeaters) // _ENOUGH_REPEATERS])
    if data.flags:
        return []
    optimum = _maximum(_table(data, single=False), data, posterior=True)
    its_variance = float(np.linalg.inv(optimum.curvature)[0, 0])
    gap = float(optimum.theta[0]) - log_p
    if not (its_variance > 0 and abs(gap) > 3.0 * np.sqrt(variance + its_variance)):
        return []
    sentence = (
        "amounts vary within a customer in another way than the model assumes "
        f"(p {np.exp(log_p):.3g} from single amounts, {np.exp(optimum.theta[0]):.3g} from means): "
        "averages are little affected, but intervals of a customer's totals may come out too "
        f"{'narrow' if gap < 0 else 'wide'}"
    )
    return [sentence]
