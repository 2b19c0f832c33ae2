"""Fits a programme: the purchase process and the spend, from a customer summary."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from typing import Literal, get_args

import numpy as np
import pandas as pd

from ltvforecast.covariate_types import CovariateEffects
from ltvforecast.errors import ConfigError, SummaryError
from ltvforecast.fit_types import FitSettings, FittedModel, PurchaseFit, SpendFit
from ltvforecast.fitting.calendar import CalendarChoice, fit_calendar, history_on_clock
from ltvforecast.fitting.covariate_design import (
    covariate_effects,
    design_covariates,
)
from ltvforecast.fitting.dependence import estimate_dependence
from ltvforecast.fitting.hierarchy import PartnerPurchases
from ltvforecast.fitting.hierarchy_spend import PartnerSpend
from ltvforecast.fitting.partner_levels import partner_table, partner_words
from ltvforecast.fitting.pooling import (
    OnRefusal,
    Pooling,
    Together,
    partners_apart,
    pool_purchases,
    pool_spend,
    with_flags,
)
from ltvforecast.fitting.prior_settings import DEFAULT_PRIORS, Priors, changed_words
from ltvforecast.fitting.programme_acquisition import AcquisitionChoice, fit_programme_acquisition
from ltvforecast.fitting.sampled_fit import ChainSettings, Partners
from ltvforecast.fitting.together import Asked, purchase_together, spend_together
from ltvforecast.partner_types import PartnerPooling
from ltvforecast.transaction_types import CustomerSummary
from ltvforecast.types import FloatArray, IntArray

__all__ = [
    "POINT_METHODS",
    "CalendarChoice",
    "DependenceChoice",
    "Method",
    "PurchaseModel",
    "SpendModel",
    "check_covariates",
    "fit_model",
]

Method = Literal["laplace", "mle", "nuts", "advi", "lifetimes"]
PurchaseModel = Literal["bg-nbd"]
SpendModel = Literal["gamma-gamma", "gamma-gamma-mean"]
DependenceChoice = Literal["auto", "off"]

POINT_METHODS = ("mle", "lifetimes")
"""Methods that give one draw: the parameters' uncertainty is left out."""
_MOST_DRAWS = 100_000

Progress = Callable[[str, int, int], None]


def fit_model(
    summary: CustomerSummary,
    *,
    method: Method = "laplace",
    model: PurchaseModel = "bg-nbd",
    spend: SpendModel = "gamma-gamma",
    dependence: DependenceChoice = "auto",
    calendar: CalendarChoice = "auto",
    acquisition: AcquisitionChoice = "off",
    pooling: Pooling = "partial",
    covariates: Sequence[str] = (),
    on_refusal: OnRefusal = "sample",
    priors: Priors = DEFAULT_PRIORS,
    accept_unconverged: bool = False,
    draws: int = 1000,
    seed: int = 20_260_101,
    progress: Progress | None = None,
) -> FittedModel:
    """Fit the purchase process and the spend per purchase to a customer summary.

    Parameters
    ----------
    summary : CustomerSummary
        What :func:`ltvforecast.summarize` gives.
    method : {"laplace", "mle", "nuts", "advi", "lifetimes"}
        ``laplace``: posterior draws under weak, scale-free priors (a Laplace proposal corrected by
        Pareto-smoothed importance sampling). ``nuts``: the same posterior by Markov chains in
        PyMC, with nutpie where it is installed. ``advi``: a quick look at it, not for decisions.
        ``mle``: the point of maximum likelihood, without any uncertainty of the parameters.
        ``lifetimes``: the same by the lifetimes package, which knows spend by its mean only.
    model : {"bg-nbd"}
        Purchase process.
    spend : {"gamma-gamma", "gamma-gamma-mean"}
        Likelihood of every amount, or the published one of the mean repeat purchase.
    dependence : {"auto", "off"}
        ``auto``: estimate whether frequent buyers spend more per purchase or less, and forecast
        accordingly where the evidence is clear
        (:func:`ltvforecast.fitting.dependence.estimate_dependence`); not with
        ``gamma-gamma-mean``. ``off``: take the two as unrelated.
    calendar : {"auto", "off"} or Calendar
        ``auto``: measure customers' time on a seasonal clock where more than a year of history
        shows one (:func:`ltvforecast.fitting.calendar.fit_calendar`). A
        :class:`ltvforecast.fit_types.Calendar` gives the index, or events such as closures and
        campaigns beside which the season is estimated. ``off``: all days are alike.
    acquisition : {"auto", "off"}
        ``auto``: fit how partners bring new customers
        (:func:`ltvforecast.fitting.programme_acquisition.fit_programme_acquisition`), or say why
        that can't be told. ``off``: the model is of known customers alone.
    pooling : {"partial", "complete", "none"}
        ``partial``: every partner has its own purchase rate, dropout and spend, and borrows
        strength from the others of its segment (of ``summary.partner_table``), the more so the
        fewer customers it has. ``complete``: all customers are of one kind, whatever their
        partner; so it is with point methods too, and with fewer than three partners. ``none``:
        every partner by itself, which is no good for small ones and is said so.
    covariates : sequence of str
        What purchase rate, dropout and spend may differ by: columns of the partner table, or
        covariates of customers that the transactions were read with. Not with method
        ``lifetimes``, and with spend by single amounts only.
    on_refusal : {"sample", "together"}
        If the fast posterior of partners fails its gates: run Markov chains, or take all partners
        together.
    priors : Priors
        Of ``nuts`` and ``advi``; ``laplace`` has the default ones.
    accept_unconverged : bool
        Mark chains that have not converged in every verdict, instead of refusing them.
    draws : int
        Posterior draws to keep, 1 to 100,000; a point fit is one draw whatever is asked.
    seed : int
        Same summary and seed, same draws.
    progress : callable, optional
        Called with a label, steps done and steps in all.

    Returns
    -------
    FittedModel
        With diagnostics in plain words on either part.

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
    settings = _settings(
        method=method,
        model=model,
        spend=spend,
        dependence=dependence,
        pooling=pooling,
        covariates=covariates,
        draws=draws,
        seed=seed,
    )
    settings = replace(settings, priors=changed_words(priors))
    if settings.priors and method not in ("nuts", "advi"):
        raise ConfigError(
            f"priors of one's own with method {method!r}",
            expected="method 'nuts' or 'advi', which sample from any priors",
            remedy="choose one of the two, or leave the priors as they are",
        )
    customers = summary.customers
    if len(customers) == 0:
        raise SummaryError(
            "the summary holds no customer",
            expected="at least one customer with a purchase up to the as-of date",
            remedy="choose a later as-of date, or check which rows were rejected",
        )
    design = design_covariates(summary, settings.covariates) if settings.covariates else None
    tell = progress or _silent
    seeds = [np.random.default_rng(each) for each in np.random.SeedSequence(seed).spawn(5)]
    tell("fitting purchases", 0, 2)
    point = method in POINT_METHODS
    clock = fit_calendar(summary, calendar, draws=None if point else draws, rng=seeds[3])
    x, t_x, T = history_on_clock(summary, clock)
    chains = _chains(settings, priors, accept_unconverged=accept_unconverged, progress=progress)
    partners = partners_apart(summary, settings)
    found: dict[str, FloatArray] = {}
    asked = Asked(settings=settings, chains=chains, on_refusal=on_refusal, design=design)
    bought = _purchase((x, t_x, T), partners, asked, home=_home(summary), found=found, rng=seeds[0])
    purchase, apart = _told_apart(bought, partners)
    tell("fitting spend", 1, 2)
    paid = _spend(customers, apart, asked, home=_home(summary), found=found, rng=seeds[1])
    spending = paid.spend if isinstance(paid, PartnerSpend) else paid
    effects = None if design is None else covariate_effects(design, found)
    related = None
    if dependence == "auto" and spending.model == "gamma-gamma":
        related = estimate_dependence(
            customers.assign(recency=t_x, T=T),
            purchase,
            spending,
            home=_home(summary) if isinstance(apart, Partners) or effects else None,
            effects=effects,
            rng=seeds[2],
        )
    joining = None
    if acquisition == "auto":
        joining = fit_programme_acquisition(summary, purchase, draws=draws, rng=seeds[4])
    tell("fitted", 2, 2)
    return FittedModel(
        purchase=purchase,
        spend=spending,
        summary=summary,
        settings=settings,
        package_version=_installed_version(),
        dependence=related,
        calendar=clock,
        partner_levels=_partner_levels(summary, bought, paid, effects),
        effects=effects,
        acquisition=joining,
    )


def _chains(
    settings: FitSettings,
    priors: Priors,
    *,
    accept_unconverged: bool,
    progress: Progress | None,
) -> ChainSettings:
    return ChainSettings(
        method="advi" if settings.method == "advi" else "nuts",
        draws=settings.draws,
        priors=priors,
        accept_unconverged=accept_unconverged,
        progress=progress,
    )


def _home(summary: CustomerSummary) -> IntArray:
    places = pd.Index(summary.partner_ids)
    return places.get_indexer(pd.Index(summary.customers["partner_id"])).astype(np.int64)


def _purchase(
    history: tuple[FloatArray, FloatArray, FloatArray],
    partners: Partners | Together,
    asked: Asked,
    *,
    home: IntArray,
    found: dict[str, FloatArray],
    rng: np.random.Generator,
) -> PartnerPurchases | PurchaseFit:
    """Fit purchases, and put the effects of covariates into ``found``."""
    together = partners
    if isinstance(partners, Partners):
        pooled = pool_purchases(
            history,
            partners,
            asked.settings,
            asked.chains,
            covariates=asked.design,
            on_refusal=asked.on_refusal,
            rng=rng,
        )
        if isinstance(pooled, PartnerPurchases):
            found.update(pooled.effects or {})
            return pooled
        together = pooled
    fit, effects = purchase_together(history, asked, home=home, rng=rng)
    found.update(effects)
    why = together.why if isinstance(together, Together) else ""
    return replace(fit, diagnostics=with_flags(fit.diagnostics, [why, *asked.flags]))


def _told_apart(
    bought: PartnerPurchases | PurchaseFit, partners: Partners | Together
) -> tuple[PurchaseFit, Partners | Together]:
    """Give the purchase process, and whether spend is to tell partners apart as well."""
    if isinstance(bought, PartnerPurchases):
        return bought.purchase, partners
    return bought, Together()


def _spend(
    customers: pd.DataFrame,
    partners: Partners | Together,
    asked: Asked,
    *,
    home: IntArray,
    found: dict[str, FloatArray],
    rng: np.random.Generator,
) -> PartnerSpend | SpendFit:
    """Fit spend, and put the effects of covariates into ``found``."""
    why = ""
    if isinstance(partners, Partners):
        pooled = pool_spend(
            customers,
            partners,
            asked.settings,
            asked.chains,
            covariates=asked.design,
            on_refusal=asked.on_refusal,
            rng=rng,
        )
        if isinstance(pooled, PartnerSpend):
            found.update(pooled.effects or {})
            return pooled
        why = pooled.why
    fit, effects = spend_together(customers, asked, home=home, rng=rng)
    found.update(effects)
    return replace(fit, diagnostics=with_flags(fit.diagnostics, [why, *asked.flags]))


def _partner_levels(
    summary: CustomerSummary,
    bought: PartnerPurchases | PurchaseFit,
    paid: PartnerSpend | SpendFit,
    effects: CovariateEffects | None,
) -> PartnerPooling | None:
    if not isinstance(bought, PartnerPurchases):
        return None
    spend = paid if isinstance(paid, PartnerSpend) else None
    counts = np.bincount(_home(summary), minlength=len(summary.partner_ids)).astype(np.int64)
    return PartnerPooling(
        table=partner_table(
            summary.partner_ids, counts, purchase=bought, spend=spend, effects=effects
        ),
        shared={**bought.shared, **({} if spend is None else spend.shared)},
        segment_names=bought.segment_names,
        how=partner_words(bought, spend),
    )


def _silent(_label: str, _done: int, _total: int) -> None:
    return


def _settings(
    *,
    method: Method,
    model: PurchaseModel,
    spend: SpendModel,
    dependence: DependenceChoice,
    pooling: Pooling,
    covariates: Sequence[str],
    draws: int,
    seed: int,
) -> FitSettings:
    for name, value, choices in (
        ("method", method, get_args(Method)),
        ("model", model, get_args(PurchaseModel)),
        ("spend", spend, get_args(SpendModel)),
        ("dependence", dependence, get_args(DependenceChoice)),
        ("pooling", pooling, get_args(Pooling)),
    ):
        if value not in choices:
            raise ConfigError(
                f"{name} {value!r}",
                expected=f"one of {', '.join(choices)}",
                remedy=f"choose one of these for {name}",
            )
    for name, number, low, high in (("draws", draws, 1, _MOST_DRAWS), ("seed", seed, 0, 2**63)):
        if isinstance(number, bool) or not isinstance(number, int) or not low <= number <= high:
            raise ConfigError(
                f"{name} {number!r}",
                expected=f"a whole number from {low:,} to {high:,}",
                remedy=f"choose another value for {name}",
            )
    if covariates:
        check_covariates(covariates, method, spend)
    if method == "lifetimes":
        spend = "gamma-gamma-mean"
    return FitSettings(
        method=method,
        model=model,
        spend=spend,
        dependence=dependence,
        pooling=pooling,
        covariates=tuple(covariates),
        draws=draws,
        seed=seed,
    )


def check_covariates(covariates: Sequence[str], method: Method, spend: SpendModel) -> None:
    """Refuse covariates where the other options leave no room for any.

    Parameters
    ----------
    covariates : sequence of str
        At least one.
    method, spend : str
        As for :func:`fit_model`.

    Raises
    ------
    ConfigError
    """
    if isinstance(covariates, str):
        raise ConfigError(
            f"covariates {covariates!r}",
            expected="a sequence of names",
            remedy=f"write [{covariates!r}]",
        )
    if method == "lifetimes":
        raise ConfigError(
            f"covariates with method {method!r}, which knows none",
            expected="method 'laplace', 'nuts', 'advi' or 'mle'",
            remedy="choose method 'laplace', whose posterior of the effects is exact and checked",
        )
    if spend != "gamma-gamma":
        raise ConfigError(
            f"covariates with spend {spend!r}",
            expected="spend 'gamma-gamma', the likelihood of every amount",
            remedy="choose spend 'gamma-gamma', or leave the covariates out",
        )


def _installed_version() -> str:
    try:
        return version("ltvforecast")
    except PackageNotFoundError:
        return "unknown"
