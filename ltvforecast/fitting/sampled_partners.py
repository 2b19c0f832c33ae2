"""Partners that differ, or covariates, by Markov chains: the records of the fast posterior."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from ltvforecast.errors import ConvergenceError
from ltvforecast.fit_types import PurchaseFit, SpendFit
from ltvforecast.fitting.effect_columns import Covariates
from ltvforecast.fitting.hierarchy import PartnerPurchases
from ltvforecast.fitting.hierarchy_spend import PartnerSpend
from ltvforecast.fitting.partner_tables import kept_customers
from ltvforecast.fitting.prior_settings import DEFAULT_PRIORS, Priors
from ltvforecast.fitting.sampled_fit import (
    EFFECT_VARIABLES,
    Partners,
    SampledMethod,
    sample_purchase,
    sample_spend,
)
from ltvforecast.fitting.spend_data import amounts_data
from ltvforecast.types import FloatArray

__all__ = [
    "ChainSettings",
    "sample_partner_purchases",
    "sample_partner_spend",
    "sample_purchase_effects",
    "sample_spend_effects",
]


_ENOUGH = 4
"""Draws for each shared parameter, from which on a regression on these is to be trusted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainSettings:
    """What Markov chains and ADVI ask for.

    Attributes
    ----------
    method : {"nuts", "advi"}
    draws : int
    priors : Priors
    accept_unconverged : bool
    progress : callable or None
    """

    method: SampledMethod = "nuts"
    draws: int = 1000
    priors: Priors = DEFAULT_PRIORS
    accept_unconverged: bool = False
    progress: Callable[[str, int, int], None] | None = None


def sample_partner_purchases(
    history: tuple[FloatArray, FloatArray, FloatArray],
    partners: Partners,
    settings: ChainSettings,
    *,
    covariates: Covariates | None = None,
    rng: np.random.Generator,
) -> PartnerPurchases:
    """Fit BG/NBD with partial pooling of partners by Markov chains.

    Parameters
    ----------
    history : tuple of float64 array, shape (n_customers,)
        ``x, t_x, T``.
    partners : Partners
    settings : ChainSettings
    covariates : Covariates, optional
    rng : numpy.random.Generator

    Returns
    -------
    PartnerPurchases

    Raises
    ------
    ConvergenceError
        There is nothing to fit, or the chains have not converged.
    SummaryError
        A history is impossible.
    """
    also: dict[str, FloatArray] = {}
    fit = sample_purchase(
        *history,
        method=settings.method,
        draws=settings.draws,
        rng=rng,
        partners=partners,
        covariates=covariates,
        priors=settings.priors,
        accept_unconverged=settings.accept_unconverged,
        progress=settings.progress,
        also=also,
    )
    rate, dropout = (_level(also, kind, ("log_r", "log_phi")) for kind in ("rate", "dropout"))
    shift = float(np.log(also["unit"]))
    return PartnerPurchases(
        purchase=replace(fit, draws={**fit.draws, "r": fit.draws["r"][:, :1].copy()}),
        shared={
            "log_r": also["log_r"],
            "log_phi": also["log_phi"],
            "mean_log_rate": rate.mean - shift,
            "mean_dropout_logit": dropout.mean,
            "sd_log_rate": rate.sd,
            "sd_dropout_logit": dropout.sd,
        },
        shrinkage={"log_rate": rate.shrinkage, "dropout_logit": dropout.shrinkage},
        segment_names=partners.groups.segments,
        segment=partners.groups.segment_of,
        effects=_effects(also),
    )


def sample_partner_spend(
    customers: pd.DataFrame,
    partners: Partners,
    settings: ChainSettings,
    *,
    covariates: Covariates | None = None,
    rng: np.random.Generator,
) -> PartnerSpend:
    """Fit Gamma-Gamma with partial pooling of partners by Markov chains.

    Parameters
    ----------
    customers : pandas.DataFrame
        As for :func:`ltvforecast.fitting.sampled_fit.sample_spend`.
    partners : Partners
    settings : ChainSettings
    covariates : Covariates, optional
    rng : numpy.random.Generator

    Returns
    -------
    PartnerSpend

    Raises
    ------
    ConvergenceError
        No amount is positive, customers spend (nearly) the same, or the chains have not converged.
    SummaryError
        An amount is impossible.
    """
    also: dict[str, FloatArray] = {}
    fit = sample_spend(
        customers,
        method=settings.method,
        draws=settings.draws,
        rng=rng,
        partners=partners,
        covariates=covariates,
        priors=settings.priors,
        accept_unconverged=settings.accept_unconverged,
        progress=settings.progress,
        also=also,
    )
    spend = _level(also, "spend", ("log_p", "log_q_minus_1"))
    one = {name: fit.draws[name][:, :1].copy() for name in ("p", "q", "zero_share")}
    return PartnerSpend(
        spend=replace(fit, draws={**fit.draws, **one}),
        shared={
            "log_p": also["log_p"],
            "log_excess": also["log_q_minus_1"],
            "mean_log_spend": spend.mean + float(np.log(also["unit"])),
            "sd_log_spend": spend.sd,
        },
        shrinkage={"log_spend": spend.shrinkage},
        segment_names=partners.groups.segments,
        segment=partners.groups.segment_of,
        effects=_effects(also),
    )


def sample_purchase_effects(
    history: tuple[FloatArray, FloatArray, FloatArray],
    covariates: Covariates,
    settings: ChainSettings,
    *,
    rng: np.random.Generator,
) -> tuple[PurchaseFit, dict[str, FloatArray]]:
    """Fit BG/NBD with covariates where partners are taken together, by Markov chains.

    Parameters
    ----------
    history : tuple of float64 array, shape (n_customers,)
        ``x, t_x, T``.
    covariates : Covariates
    settings : ChainSettings
    rng : numpy.random.Generator

    Returns
    -------
    fit : PurchaseFit
    effects : dict of str to float64 array, shape (draw, column)
        ``log_rate, dropout_logit``; both as of
        :func:`ltvforecast.fitting.pooled_purchase.fit_purchase_effects`.

    Raises
    ------
    ConvergenceError
        There is nothing to fit, or the chains have not converged.
    SummaryError
        A history is impossible.
    """
    also: dict[str, FloatArray] = {}
    fit = sample_purchase(
        *history,
        method=settings.method,
        draws=settings.draws,
        rng=rng,
        covariates=covariates,
        priors=settings.priors,
        accept_unconverged=settings.accept_unconverged,
        progress=settings.progress,
        also=also,
    )
    fit = replace(fit, draws={**fit.draws, "r": fit.draws["r"][:, :1].copy()})
    return fit, _effects(also) or {}


def sample_spend_effects(
    customers: pd.DataFrame,
    covariates: Covariates,
    settings: ChainSettings,
    *,
    rng: np.random.Generator,
) -> tuple[SpendFit, FloatArray]:
    """Fit Gamma-Gamma with covariates where partners are taken together, by Markov chains.

    Parameters
    ----------
    customers : pandas.DataFrame
        As for :func:`ltvforecast.fitting.sampled_fit.sample_spend`.
    covariates : Covariates
    settings : ChainSettings
    rng : numpy.random.Generator

    Returns
    -------
    fit : SpendFit
    effect : float64 array, shape (draw, column)
        On the log of the mean spend; 0 if all customers spend (nearly) the same. Both as of
        :func:`ltvforecast.fitting.pooled_spend.fit_spend_effects`.

    Raises
    ------
    ConvergenceError
        No amount is positive, or the chains have not converged.
    SummaryError
        An amount is impossible.
    """
    alike = _alike(customers)
    also: dict[str, FloatArray] = {}
    fit = sample_spend(
        customers,
        method=settings.method,
        draws=settings.draws,
        rng=rng,
        covariates=None if alike else covariates,
        priors=settings.priors,
        accept_unconverged=settings.accept_unconverged,
        progress=settings.progress,
        also=also,
    )
    if alike:
        return fit, np.zeros((settings.draws, len(covariates.design.names)))
    one = {name: fit.draws[name][:, :1].copy() for name in ("p", "q", "zero_share")}
    return replace(fit, draws={**fit.draws, **one}), also[EFFECT_VARIABLES["log_spend"]]


def _alike(customers: pd.DataFrame) -> bool:
    try:
        kept_customers(customers, amounts_data(customers))
    except ConvergenceError:
        return True
    return False


def _effects(also: dict[str, FloatArray]) -> dict[str, FloatArray] | None:
    """Draws of the effects of covariates under the names of the fast posterior, if any."""
    found = {name: also[theirs] for name, theirs in EFFECT_VARIABLES.items() if theirs in also}
    return found or None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Level:
    mean: FloatArray
    sd: FloatArray
    shrinkage: FloatArray


def _level(also: dict[str, FloatArray], kind: str, shapes: Sequence[str]) -> _Level:
    """Segment means, spread of partners, and how much of each partner is its own."""
    spread, mean = also[f"sd_{kind}"], also[f"segment_{kind}"]
    log_spread = np.log(spread)
    effects = [values for name, values in also.items() if name.startswith("effect_")]
    shared = [mean, log_spread, log_spread**2, *(also[name] for name in shapes), *effects]
    return _Level(mean=mean, sd=spread, shrinkage=_own(also[f"z_{kind}"], shared))


def _own(z: FloatArray, shared: Sequence[FloatArray]) -> FloatArray:
    """One less the variance of a partner's standardised deviation, given what partners share.

    Given that, the variance is 1 where the partner's data say nothing, and 0 where they say all.
    It is what is left when the deviation is regressed on what partners share, as that is uncertain
    too; with very few draws, it is the whole.
    """
    known = np.column_stack([np.ones(len(z)), *shared])
    open_still: FloatArray = z.var(axis=0)
    if len(z) >= _ENOUGH * known.shape[1]:
        left = z - known @ np.linalg.lstsq(known, z, rcond=None)[0]
        open_still = (left**2).sum(axis=0) / (len(z) - known.shape[1])
    return np.clip(1.0 - open_still, 0.0, 1.0)
