"""Fits a programme, and learns from forecasts at past dates how far to trust the model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal

from ltvforecast.engines.local import available_workers
from ltvforecast.evaluate.hindcast import PastForecast, past_forecasts
from ltvforecast.evaluate.learn_layers import learn_layers
from ltvforecast.fit_types import FittedModel
from ltvforecast.fitting.fit_model import (
    CalendarChoice,
    DependenceChoice,
    Method,
    PurchaseModel,
    SpendModel,
    fit_model,
)
from ltvforecast.fitting.pooling import Pooling
from ltvforecast.fitting.prior_settings import DEFAULT_PRIORS, Priors
from ltvforecast.fitting.programme_acquisition import AcquisitionChoice
from ltvforecast.transaction_types import CustomerSummary

__all__ = ["LayerChoice", "add_layers", "fit"]

LayerChoice = Literal["auto", "off"]
MAX_WORKERS = 8
SALES_RULES = ("share",)
"""Attribution rules under which a partner's forecast is compared with its own sales."""


def fit(
    summary: CustomerSummary,
    *,
    method: Method = "laplace",
    model: PurchaseModel = "bg-nbd",
    spend: SpendModel = "gamma-gamma",
    dependence: DependenceChoice = "auto",
    calendar: CalendarChoice = "auto",
    acquisition: AcquisitionChoice = "auto",
    pooling: Pooling = "partial",
    covariates: Sequence[str] = (),
    layers: LayerChoice = "auto",
    priors: Priors = DEFAULT_PRIORS,
    accept_unconverged: bool = False,
    draws: int = 1000,
    seed: int = 20_260_101,
    workers: int | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> FittedModel:
    """Fit the purchase process and the spend, and learn from forecasts at past dates.

    Parameters
    ----------
    summary : CustomerSummary
        What :func:`ltvforecast.summarize` gives.
    method, model, spend, dependence, calendar, acquisition, pooling, covariates, priors, draws,
    seed
        See :func:`ltvforecast.fitting.fit_model.fit_model`.
    accept_unconverged : bool
        See :func:`ltvforecast.fitting.fit_model.fit_model`.
    layers : {"auto", "off"}
        Whether to try forecasts at past dates, and learn from them by how much to correct and
        widen the model's forecasts, and how far to trust recent revenue. It needs the
        transactions, which a summary holds as long as it is in memory, and a loaded one does not.
    workers : int, optional
        Past dates worked on side by side; by default one for each processor, at most 8. Changes
        no number.
    progress : callable, optional
        Called with a label, steps done and steps in all.

    Returns
    -------
    FittedModel

    Raises
    ------
    ConfigError
        An option means nothing.
    ConvergenceError
        The data can't be fitted, or the fit is not to be trusted.
    SummaryError
        The summary holds no customer, or impossible histories or amounts.

    References
    ----------
    Fader, Hardie & Lee (2005), Marketing Science 24(2), 275-284; Fader & Hardie (2013), The
    gamma-gamma model of monetary value, note 025.
    """
    fitted = fit_model(
        summary,
        method=method,
        model=model,
        spend=spend,
        dependence=dependence,
        calendar=calendar,
        acquisition=acquisition,
        pooling=pooling,
        covariates=covariates,
        priors=priors,
        accept_unconverged=accept_unconverged,
        draws=draws,
        seed=seed,
        progress=progress,
    )
    if layers == "off":
        return fitted
    return add_layers(fitted, calendar=calendar, workers=workers, progress=progress)


def add_layers(
    model: FittedModel,
    *,
    calendar: CalendarChoice = "auto",
    workers: int | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> FittedModel:
    """Try forecasts at past dates and learn from them.

    Parameters
    ----------
    model : FittedModel
    calendar : {"auto", "off"} or Calendar
        How to fit at past dates; the rest is as the model was fitted.
    workers : int, optional
    progress : callable, optional

    Returns
    -------
    FittedModel
        Unchanged if its summary was loaded, and so holds no transactions.
    """
    transactions = model.summary.transactions
    if transactions is None:
        return model
    threads = min(available_workers(), MAX_WORKERS) if workers is None else max(1, workers)
    past, refused = past_forecasts(
        model, transactions, calendar=calendar, workers=threads, progress=progress
    )
    shares = model.summary.allocation.rule in SALES_RULES
    layers = learn_layers(past, refused=refused, shares=shares, seed=model.settings.seed)
    how = f"{layers.how}{_together(past)}{_without_covariates(past)}"
    return replace(model, layers=replace(layers, how=how))


def _without_covariates(past: Sequence[PastForecast]) -> str:
    origins = {each.origin_day for each in past if each.without_covariates}
    if not origins:
        return ""
    return (
        f"; at {len(origins)} of the past dates covariates were left out, because too little was "
        "known of them then"
    )


def _together(past: Sequence[PastForecast]) -> str:
    origins = {each.origin_day for each in past if each.together}
    if not origins:
        return ""
    return (
        f"; at {len(origins)} of the past dates partners were taken together, because their "
        "customers were too few to tell them apart, or partners too many to do so in time"
    )
