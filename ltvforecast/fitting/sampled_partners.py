"""Partners that differ, fitted by Markov chains: the same records as of the fast posterior."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from ltvforecast.fitting.hierarchy import PartnerPurchases
from ltvforecast.fitting.hierarchy_spend import PartnerSpend
from ltvforecast.fitting.prior_settings import DEFAULT_PRIORS, Priors
from ltvforecast.fitting.sampled_fit import (
    Partners,
    SampledMethod,
    sample_purchase,
    sample_spend,
)
from ltvforecast.types import FloatArray

__all__ = ["ChainSettings", "sample_partner_purchases", "sample_partner_spend"]


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
    rng: np.random.Generator,
) -> PartnerPurchases:
    """Fit BG/NBD with partial pooling of partners by Markov chains.

    Parameters
    ----------
    history : tuple of float64 array, shape (n_customers,)
        ``x, t_x, T``.
    partners : Partners
    settings : ChainSettings
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
        priors=settings.priors,
        accept_unconverged=settings.accept_unconverged,
        progress=settings.progress,
        also=also,
    )
    rate, dropout = _level(also, "rate", "log_rate"), _level(also, "dropout", "logit_dropout")
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
    )


def sample_partner_spend(
    customers: pd.DataFrame,
    partners: Partners,
    settings: ChainSettings,
    *,
    rng: np.random.Generator,
) -> PartnerSpend:
    """Fit Gamma-Gamma with partial pooling of partners by Markov chains.

    Parameters
    ----------
    customers : pandas.DataFrame
        As for :func:`ltvforecast.fitting.sampled_fit.sample_spend`.
    partners : Partners
    settings : ChainSettings
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
        priors=settings.priors,
        accept_unconverged=settings.accept_unconverged,
        progress=settings.progress,
        also=also,
    )
    spend = _level(also, "spend", "log_mean_spend")
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
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Level:
    mean: FloatArray
    sd: FloatArray
    shrinkage: FloatArray


def _level(also: dict[str, FloatArray], kind: str, mean: str) -> _Level:
    """Segment means, spread of partners, and how much of each partner is its own."""
    means, spread = also[mean][:, None], also[f"sd_{kind}"]
    if f"segment_sd_{kind}" in also:
        means = means + also[f"segment_sd_{kind}"][:, None] * also[f"segment_z_{kind}"]
    open_still = also[f"partner_{kind}"].var(axis=0) / np.mean(spread**2)
    return _Level(mean=means, sd=spread, shrinkage=np.clip(1.0 - open_still, 0.0, 1.0))
