"""Fits the purchase process (BG/NBD): by its posterior, or by maximum likelihood."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
import numpy.typing as npt

from ltvforecast.errors import ConvergenceError
from ltvforecast.fit_types import PurchaseFit
from ltvforecast.fitting.compress import HistoryRows, spectral_rows, thin_rows, unique_rows
from ltvforecast.fitting.diagnostics import (
    edge_flags,
    point_diagnostics,
    posterior_diagnostics,
    prior_dominated,
)
from ltvforecast.fitting.laplace import sample_posterior
from ltvforecast.fitting.mle import Objective, Optimum, flat_directions, maximise
from ltvforecast.fitting.priors import PURCHASE_PRIOR
from ltvforecast.fitting.purchase_likelihood import (
    PurchaseTable,
    coordinate_gradient,
    log_likelihood,
    log_likelihood_gradient,
    purchase_parameters,
    purchase_table,
)
from ltvforecast.types import FloatArray

__all__ = ["LIMITS", "fit_purchase", "purchase_mode"]

_WHAT = "the purchase process"
_EXACT_ROWS = 8_000
"""Up to this many unique rows nothing is compressed further."""
_PILOT_CUSTOMERS = 30_000
_LARGEST_ERROR = 1e-3
"""Of the log-likelihood on nodes, within three posterior standard deviations."""

_LOWER = np.array([-10.0, -40.0, -13.0, -10.0])
_UPPER = np.array([12.0, 40.0, 13.0, 13.0])

LIMITS: tuple[tuple[int, int, str], ...] = (
    (0, 1, "boundary: customers do not differ in how often they buy (r, alpha could be infinite)"),
    (2, -1, "boundary: no customer is seen to stop buying (a could be 0)"),
    (2, 1, "boundary: every customer is seen to stop at the first chance (b could be 0)"),
    (3, 1, "boundary: customers do not differ in how soon they stop (a, b could be infinite)"),
)


def fit_purchase(
    x: npt.ArrayLike,
    t_x: npt.ArrayLike,
    T: npt.ArrayLike,
    *,
    method: Literal["laplace", "mle"] = "laplace",
    draws: int = 1000,
    rng: np.random.Generator,
) -> PurchaseFit:
    """Fit BG/NBD to customers' purchase histories.

    Parameters
    ----------
    x, t_x, T : array_like, shape (n_customers,)
        Repeat purchases, time of the last one and age, in one unit of time.
    method : {"laplace", "mle"}
        Posterior under weak priors, or the maximum of the likelihood.
    draws : int
        Posterior draws.
    rng : numpy.random.Generator

    Returns
    -------
    PurchaseFit
        ``alpha`` is in the unit of ``T``.

    Raises
    ------
    ConvergenceError
        There is nothing to fit, or the fit is not to be trusted.
    SummaryError
        A history is impossible.

    References
    ----------
    Fader, Hardie & Lee (2005), "Counting your customers" the easy way: an alternative to the
    Pareto/NBD model, Marketing Science 24(2), 275-284.
    """
    rows = unique_rows(x, t_x, T)
    _refuse_hopeless(rows, method)
    unit = float(np.sum(rows.T * rows.weight) / rows.weight.sum())
    rows = rows.rescaled(unit)
    posterior = method == "laplace"
    table, optimum = _locate(rows, posterior=posterior)
    flat = flat_directions(
        lambda trial: log_likelihood(trial, table),
        optimum.theta,
        [(coordinate, sign) for coordinate, sign, _ in LIMITS],
    )
    if posterior:
        found = sample_posterior(
            lambda theta: log_likelihood(theta, table) + PURCHASE_PRIOR.log_density(theta),
            optimum,
            prior=PURCHASE_PRIOR,
            draws=draws,
            rng=rng,
            what=_WHAT,
        )
        theta = found.theta
        dominated = prior_dominated(found, PURCHASE_PRIOR)
        flags = edge_flags(flat, LIMITS, prior=PURCHASE_PRIOR, dominated=dominated)
        diagnostics = posterior_diagnostics(found, optimum, what=_WHAT, flags=flags)
    else:
        theta = optimum.theta[None, :]
        flags = edge_flags(flat, LIMITS, prior=PURCHASE_PRIOR)
        diagnostics = point_diagnostics(optimum, what=_WHAT, flags=flags)
    shift = float(np.sum(rows.x * rows.weight)) * float(np.log(unit))
    return PurchaseFit(
        model="bg-nbd",
        draws={name: value[:, None] for name, value in _named(theta, unit).items()},
        point={name: float(value) for name, value in _named(optimum.theta, unit).items()},
        log_likelihood=float(log_likelihood(optimum.theta[None, :], table)[0]) - shift,
        diagnostics=diagnostics,
    )


def purchase_mode(x: npt.ArrayLike, t_x: npt.ArrayLike, T: npt.ArrayLike) -> dict[str, float]:
    """Most probable parameters of BG/NBD, from at most 30,000 of the customers: a quick look.

    Parameters
    ----------
    x, t_x, T : array_like, shape (n_customers,)
        As in :func:`fit_purchase`.

    Returns
    -------
    dict of str to float
        ``r, alpha, a, b``; ``alpha`` in the unit of ``T``.

    Raises
    ------
    ConvergenceError
        There is nothing to fit.
    SummaryError
        A history is impossible.

    Examples
    --------
    >>> sorted(purchase_mode([0, 1, 3], [0, 4, 20], [30, 30, 25]))
    ['a', 'alpha', 'b', 'r']
    """
    rows = unique_rows(x, t_x, T)
    _refuse_hopeless(rows, "laplace")
    rows = thin_rows(rows, customers=_PILOT_CUSTOMERS)
    unit = float(np.sum(rows.T * rows.weight) / rows.weight.sum())
    rows = rows.rescaled(unit)
    theta = _maximum(purchase_table(rows), _starts(rows), posterior=True).theta
    return {name: float(value) for name, value in _named(theta, unit).items()}


def _named(theta: FloatArray, unit: float) -> dict[str, FloatArray]:
    r, alpha, a, b = purchase_parameters(theta)
    return {"r": r, "alpha": alpha * unit, "a": a, "b": b}


def _refuse_hopeless(rows: HistoryRows, method: str) -> None:
    if len(rows) == 0 or float(rows.T.max()) <= 0.0:
        raise ConvergenceError(
            f"{int(rows.weight.sum()):,} customers, none of them seen for longer than a day",
            expected="customers whose first purchase lies before the as-of date",
            remedy="choose a later as-of date, or add earlier transactions",
        )
    if method == "mle" and not (rows.x > 0).any():
        raise ConvergenceError(
            f"none of {int(rows.weight.sum()):,} customers has bought on a second day, so maximum "
            "likelihood can't tell how customers stop buying",
            expected="at least one customer with a repeat purchase",
            remedy="use method='laplace', whose weak priors say what the data can't, and read its "
            "verdict",
        )


def _objective(table: PurchaseTable, *, posterior: bool) -> Objective:
    def evaluate(theta: FloatArray) -> tuple[FloatArray, FloatArray]:
        with np.errstate(all="ignore"):
            value, by_parameter = log_likelihood_gradient(theta, table)
            gradient = coordinate_gradient(theta, by_parameter)
        if posterior:
            value += PURCHASE_PRIOR.log_density(theta)
            gradient += PURCHASE_PRIOR.gradient(theta)
        return value, gradient

    return evaluate


def _maximum(table: PurchaseTable, starts: list[FloatArray], *, posterior: bool) -> Optimum:
    return maximise(
        _objective(table, posterior=posterior), starts, lower=_LOWER, upper=_UPPER, what=_WHAT
    )


def _starts(rows: HistoryRows) -> list[FloatArray]:
    """Start from the raw purchase rate, with customers alike and different, loyal and not."""
    bought, waited = np.sum(rows.x * rows.weight), np.sum(rows.T * rows.weight)
    rate = float(np.log((bought + 0.5) / waited))
    return [
        np.array([log_r, rate + lift, logit, log_phi])
        for log_r, lift, logit, log_phi in (
            (-1.0, 0.5, -1.0, 1.0),
            (0.5, 0.0, -2.0, 2.0),
            (2.0, 1.0, 0.0, 0.0),
        )
    ]


def _locate(rows: HistoryRows, *, posterior: bool) -> tuple[PurchaseTable, Optimum]:
    """Find the maximum, on nodes that are checked against the exact rows if there are many."""
    exact = purchase_table(rows)
    if len(rows) <= _EXACT_ROWS:
        return exact, _maximum(exact, _starts(rows), posterior=posterior)
    pilot = purchase_table(thin_rows(rows, customers=_PILOT_CUSTOMERS))
    centre = _maximum(pilot, _starts(rows), posterior=posterior).theta
    for nodes in ((11, 5), (16, 8)):
        r, alpha, a, b = (float(value) for value in purchase_parameters(centre))
        small = spectral_rows(exact.rows, r=r, alpha=alpha, a=a, b=b, nodes=nodes)
        table = replace(exact, rows=small)
        if len(table) > 0.7 * len(exact):
            break
        optimum = _maximum(table, [centre], posterior=posterior)
        centre = optimum.theta
        if node_error(table, exact, optimum) < _LARGEST_ERROR:
            return table, optimum
    return exact, _maximum(exact, [centre, *_starts(rows)], posterior=posterior)


def node_error(table: PurchaseTable, exact: PurchaseTable, optimum: Optimum) -> float:
    """Largest error of the log-likelihood at the maximum and three sd from it on every axis.

    Parameters
    ----------
    table, exact : PurchaseTable
        The same customers on nodes and on unique rows.
    optimum : Optimum

    Returns
    -------
    float
    """
    values, vectors = np.linalg.eigh(optimum.curvature)
    axes = (vectors * (3.0 / np.sqrt(np.maximum(values, 1.0)))).T
    points = np.concatenate([optimum.theta[None, :], optimum.theta + axes, optimum.theta - axes])
    gap = np.abs(log_likelihood(points, table) - log_likelihood(points, exact))
    return float(gap.max()) if np.isfinite(gap).all() else np.inf
