"""Partners that differ, by Markov chains: the records of the fast posterior."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ltvforecast.fitting.effect_columns import Covariates
from ltvforecast.fitting.hierarchy import PartnerPurchases
from ltvforecast.fitting.hierarchy_spend import PartnerSpend
from ltvforecast.fitting.sampled_fit import (
    ChainSettings,
    Partners,
    Variables,
    sample_purchase,
    sample_spend,
)
from ltvforecast.types import FloatArray

__all__ = [
    "sample_partner_purchases",
    "sample_partner_spend",
]


_ENOUGH = 4
"""Draws for each shared parameter, from which on a regression on these is to be trusted."""


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
    fit, drawn = sample_purchase(
        *history, settings, partners=partners, covariates=covariates, rng=rng
    )
    rate, dropout = (_level(drawn, kind, ("log_r", "log_phi")) for kind in ("rate", "dropout"))
    return PartnerPurchases(
        purchase=fit,
        shared={
            "log_r": drawn.draws["log_r"],
            "log_phi": drawn.draws["log_phi"],
            "mean_log_rate": rate.mean - math.log(drawn.unit),
            "mean_dropout_logit": dropout.mean,
            "sd_log_rate": rate.sd,
            "sd_dropout_logit": dropout.sd,
        },
        shrinkage={"log_rate": rate.shrinkage, "dropout_logit": dropout.shrinkage},
        segment_names=partners.groups.segments,
        segment=partners.groups.segment_of,
        effects=drawn.effects or None,
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
    fit, drawn = sample_spend(
        customers, settings, partners=partners, covariates=covariates, rng=rng
    )
    spend = _level(drawn, "spend", ("log_p", "log_q_minus_1"))
    return PartnerSpend(
        spend=fit,
        shared={
            "log_p": drawn.draws["log_p"],
            "log_excess": drawn.draws["log_q_minus_1"],
            "mean_log_spend": spend.mean + math.log(drawn.unit),
            "sd_log_spend": spend.sd,
        },
        shrinkage={"log_spend": spend.shrinkage},
        segment_names=partners.groups.segments,
        segment=partners.groups.segment_of,
        effects=drawn.effects or None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Level:
    mean: FloatArray
    sd: FloatArray
    shrinkage: FloatArray


def _level(drawn: Variables, kind: str, shapes: Sequence[str]) -> _Level:
    """Segment means, spread of partners, and how much of each partner is its own."""
    draws = drawn.draws
    spread, mean = draws[f"sd_{kind}"], draws[f"segment_{kind}"]
    log_spread = np.log(spread)
    shared = [
        mean, log_spread, log_spread**2, *(draws[name] for name in shapes), *drawn.effects.values()
    ]  # fmt: skip
    return _Level(mean=mean, sd=spread, shrinkage=_own(draws[f"z_{kind}"], shared))


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
