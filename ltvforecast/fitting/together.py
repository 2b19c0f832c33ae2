"""Fits of all partners taken together, by whichever method, with covariates or without."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from ltvforecast.fit_types import FitSettings, PurchaseFit, SpendFit
from ltvforecast.fitting.covariate_design import CovariateDesign, narrow_ranges
from ltvforecast.fitting.effect_columns import Covariates
from ltvforecast.fitting.lifetimes_bridge import lifetimes_purchase, lifetimes_spend
from ltvforecast.fitting.pooled_purchase import fit_purchase_effects
from ltvforecast.fitting.pooled_spend import fit_spend_effects
from ltvforecast.fitting.pooling import OnRefusal
from ltvforecast.fitting.purchase import fit_purchase
from ltvforecast.fitting.sampled_fit import sample_purchase, sample_spend
from ltvforecast.fitting.sampled_partners import (
    ChainSettings,
    sample_purchase_effects,
    sample_spend_effects,
)
from ltvforecast.fitting.spend import fit_spend
from ltvforecast.types import FloatArray, IntArray

__all__ = ["Asked", "purchase_together", "spend_together"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What either part of a fit has to mind.

    Attributes
    ----------
    settings : FitSettings
    chains : ChainSettings
    on_refusal : {"sample", "together"}
    design : CovariateDesign or None
    """

    settings: FitSettings
    chains: ChainSettings
    on_refusal: OnRefusal
    design: CovariateDesign | None

    @property
    def flags(self) -> tuple[str, ...]:
        """What is to be said of covariates where partners are taken together."""
        if self.design is None or self.settings.method == "mle":
            return ()
        return (narrow_ranges(self.design, asked=self.settings.pooling == "complete"),)


def purchase_together(
    history: tuple[FloatArray, FloatArray, FloatArray],
    asked: Asked,
    *,
    home: IntArray,
    rng: np.random.Generator,
) -> tuple[PurchaseFit, dict[str, FloatArray]]:
    """Fit purchases of all customers at once.

    Parameters
    ----------
    history : tuple of float64 array, shape (n_customers,)
        ``x, t_x, T``.
    asked : Asked
    home : int64 array, shape (n_customers,)
        Each customer's partner.
    rng : numpy.random.Generator

    Returns
    -------
    fit : PurchaseFit
    effects : dict of str to float64 array, shape (draw, column)
        ``log_rate, dropout_logit``; empty without covariates.

    Raises
    ------
    ConvergenceError
        The fit is not to be trusted.
    SummaryError
        A history is impossible.
    """
    method, draws, chains = asked.settings.method, asked.settings.draws, asked.chains
    if asked.design is not None:
        if method in ("nuts", "advi"):
            known = Covariates(design=asked.design, home=home)
            return sample_purchase_effects(history, known, chains, rng=rng)
        return fit_purchase_effects(
            history, home, asked.design, method=_fast(asked), draws=draws, rng=rng
        )
    if method == "lifetimes":
        return lifetimes_purchase(*history), {}
    if method in ("nuts", "advi"):
        sampled = sample_purchase(
            *history,
            method=chains.method,
            draws=draws,
            rng=rng,
            priors=chains.priors,
            accept_unconverged=chains.accept_unconverged,
            progress=chains.progress,
        )
        return sampled, {}
    return fit_purchase(*history, method=_fast(asked), draws=draws, rng=rng), {}


def spend_together(
    customers: pd.DataFrame, asked: Asked, *, home: IntArray, rng: np.random.Generator
) -> tuple[SpendFit, dict[str, FloatArray]]:
    """Fit the spend of all customers at once.

    Parameters
    ----------
    customers : pandas.DataFrame
        Of a customer summary.
    asked, home, rng
        As for :func:`purchase_together`.

    Returns
    -------
    fit : SpendFit
    effects : dict of str to float64 array, shape (draw, column)
        ``log_spend``; empty without covariates.

    Raises
    ------
    ConvergenceError
        No amount is positive, or the fit is not to be trusted.
    SummaryError
        An amount is impossible.
    """
    settings, chains = asked.settings, asked.chains
    method, draws = settings.method, settings.draws
    if asked.design is not None:
        if method in ("nuts", "advi"):
            known = Covariates(design=asked.design, home=home)
            fit, effect = sample_spend_effects(customers, known, chains, rng=rng)
        else:
            fit, effect = fit_spend_effects(
                customers, home, asked.design, method=_fast(asked), draws=draws, rng=rng
            )
        return fit, {"log_spend": effect}
    if method == "lifetimes":
        return lifetimes_spend(customers), {}
    if method in ("nuts", "advi"):
        sampled = sample_spend(
            customers,
            method=chains.method,
            spend=settings.spend,
            draws=draws,
            rng=rng,
            priors=chains.priors,
            accept_unconverged=chains.accept_unconverged,
            progress=chains.progress,
        )
        return sampled, {}
    return fit_spend(customers, method=_fast(asked), spend=settings.spend, draws=draws, rng=rng), {}


def _fast(asked: Asked) -> Literal["laplace", "mle"]:
    return "mle" if asked.settings.method == "mle" else "laplace"
