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
from ltvforecast.fitting.sampled_fit import ChainSettings, sample_purchase, sample_spend
from ltvforecast.fitting.spend import fit_spend
from ltvforecast.fitting.spend_data import amounts_data
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

    def known(self, home: IntArray) -> Covariates | None:
        """Give the covariates of customers of these partners, if there are any."""
        return None if self.design is None else Covariates(design=self.design, home=home)


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
    method, draws = asked.settings.method, asked.settings.draws
    if method in ("nuts", "advi"):
        known = asked.known(home)
        fit, drawn = sample_purchase(*history, asked.chains, covariates=known, rng=rng)
        return fit, drawn.effects
    if asked.design is not None:
        return fit_purchase_effects(
            history, home, asked.design, method=_fast(asked), draws=draws, rng=rng
        )
    if method == "lifetimes":
        return lifetimes_purchase(*history), {}
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
        ``log_spend``; empty without covariates, and 0 if all customers spend (nearly) the same.

    Raises
    ------
    ConvergenceError
        No amount is positive, or the fit is not to be trusted.
    SummaryError
        An amount is impossible.
    """
    settings, draws = asked.settings, asked.settings.draws
    if settings.method in ("nuts", "advi"):
        return _spend_by_chains(customers, asked, home=home, rng=rng)
    if asked.design is not None:
        fit, effect = fit_spend_effects(
            customers, home, asked.design, method=_fast(asked), draws=draws, rng=rng
        )
        return fit, {"log_spend": effect}
    if settings.method == "lifetimes":
        return lifetimes_spend(customers), {}
    return fit_spend(customers, method=_fast(asked), spend=settings.spend, draws=draws, rng=rng), {}


def _spend_by_chains(
    customers: pd.DataFrame, asked: Asked, *, home: IntArray, rng: np.random.Generator
) -> tuple[SpendFit, dict[str, FloatArray]]:
    known = asked.known(home)
    if known is not None and amounts_data(customers).rows is None:
        fit, _ = sample_spend(customers, asked.chains, rng=rng)
        return fit, {"log_spend": np.zeros((asked.chains.draws, len(known.design.names)))}
    fit, drawn = sample_spend(
        customers, asked.chains, spend=asked.settings.spend, covariates=known, rng=rng
    )
    return fit, drawn.effects


def _fast(asked: Asked) -> Literal["laplace", "mle"]:
    return "mle" if asked.settings.method == "mle" else "laplace"
