"""Fits by NUTS or ADVI: customers in, the same records out as from every other fit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from ltvforecast.errors import ConfigError, ConvergenceError
from ltvforecast.fit_types import Diagnostics, PurchaseFit, SpendFit
from ltvforecast.fitting.chain_diagnostics import judge_chains, judge_quick_look
from ltvforecast.fitting.compress import unique_rows
from ltvforecast.fitting.customer_draws import moved_by_effects
from ltvforecast.fitting.diagnostics import PRIOR_DOMINATED, edge_flags
from ltvforecast.fitting.effect_columns import Covariates, EffectColumns, effect_columns
from ltvforecast.fitting.mcmc import Sampled, Sampling, approximate, sample_chains, thinned
from ltvforecast.fitting.partner_tables import partner_purchases, partner_spend
from ltvforecast.fitting.prior_settings import (
    DEFAULT_PRIORS,
    PURCHASE_COORDINATES,
    SPEND_COORDINATES,
    Priors,
)
from ltvforecast.fitting.priors import NormalPrior
from ltvforecast.fitting.purchase_likelihood import purchase_parameters, purchase_table
from ltvforecast.fitting.pymc_models import (
    Groups,
    covariate_purchase_model,
    covariate_spend_model,
    partner_groups,
    partner_purchase_model,
    partner_spend_model,
    purchase_model,
    spend_model,
)
from ltvforecast.fitting.spend_data import SpendData, amounts_data, means_data
from ltvforecast.fitting.spend_likelihood import amounts_table, means_table, spend_parameters
from ltvforecast.formulas import bgnbd, gamma_gamma
from ltvforecast.transaction_types import CustomerSummary
from ltvforecast.types import FloatArray, IntArray

__all__ = [
    "ChainSettings",
    "Partners",
    "SampledMethod",
    "Variables",
    "home_partners",
    "sample_purchase",
    "sample_spend",
]

SampledMethod = Literal["nuts", "advi"]
Progress = Callable[[str, int, int], None]

EFFECT_VARIABLES: Mapping[str, str] = {
    "log_rate": "effect_rate",
    "dropout_logit": "effect_dropout",
    "log_spend": "effect_spend",
}
"""Names of the effects of covariates, and of the variables of the PyMC models."""

_LARGE_PARTNER = 80
"""Customers from which on a partner's data say more of its level than the other partners do."""
_CAREFUL = 0.95
"""Acceptance aimed at where partners differ: what is known of small spreads has a narrow neck."""
_MOST_CAREFUL = 0.99
"""Tried once more where steps have diverged all the same."""
_PURCHASES = "the purchase process"
_SPEND = "the spend per purchase"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainSettings:
    """What Markov chains and ADVI are asked for.

    Attributes
    ----------
    method : {"nuts", "advi"}
        ``advi`` is a quick look, and marked as such.
    draws : int
        To keep, evenly spread over the chains.
    priors : Priors
    sampling : Sampling or None
        Of NUTS; None: as usual.
    accept_unconverged : bool
        Mark chains that fail their gate instead of refusing them.
    progress : callable or None
        Called with a label, steps done and steps in all.
    """

    method: SampledMethod = "nuts"
    draws: int = 1000
    priors: Priors = DEFAULT_PRIORS
    sampling: Sampling | None = None
    accept_unconverged: bool = False
    progress: Progress | None = None


_AS_USUAL = ChainSettings()


@dataclass(frozen=True, slots=True, kw_only=True)
class Variables:
    """Everything that was drawn.

    Attributes
    ----------
    draws : mapping of str to float64 array, shape (draw, ...)
        The kept draws of every variable of the model.
    unit : float
        What one unit of the model's times, or of its amounts, is.
    """

    draws: Mapping[str, FloatArray]
    unit: float

    @property
    def effects(self) -> dict[str, FloatArray]:
        """Draws of the effects of covariates by the names of the fast posterior, if any."""
        return {
            name: self.draws[theirs]
            for name, theirs in EFFECT_VARIABLES.items()
            if theirs in self.draws
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Partners:
    """For partial pooling: the partners, and which of them each customer belongs to.

    Attributes
    ----------
    groups : Groups
    home : int64 array, shape (n_customers,)
        Partner of each customer, 0 to the number of partners less 1.
    """

    groups: Groups
    home: IntArray


def home_partners(summary: CustomerSummary, segments: Mapping[str, str] | None = None) -> Partners:
    """Give each customer its main partner, and each partner its segment.

    Parameters
    ----------
    summary : CustomerSummary
    segments : mapping of str to str, optional
        Segment of each partner; partners that are not in it are a segment of their own, "other".

    Returns
    -------
    Partners
        In the order of ``summary.partner_ids``, those without a customer of their own included.
    """
    ids = summary.partner_ids
    named = None if segments is None else [segments.get(name, "other") for name in ids]
    place = {name: number for number, name in enumerate(ids)}
    home: IntArray = np.array(
        [place[name] for name in summary.customers["partner_id"]], dtype=np.int64
    )
    return Partners(groups=partner_groups(ids, named), home=home)


def sample_purchase(
    x: npt.ArrayLike,
    t_x: npt.ArrayLike,
    T: npt.ArrayLike,
    settings: ChainSettings = _AS_USUAL,
    *,
    partners: Partners | None = None,
    covariates: Covariates | None = None,
    rng: np.random.Generator,
) -> tuple[PurchaseFit, Variables]:
    """Fit BG/NBD to customers' purchase histories by Markov chains, or by ADVI.

    Parameters
    ----------
    x, t_x, T : array_like, shape (n_customers,)
        Repeat purchases, time of the last one and age, in one unit of time.
    settings : ChainSettings
    partners : Partners, optional
        Partners differ and borrow strength from each other; without it all customers are one group.
    covariates : Covariates, optional
        What purchase rate and dropout of partners and customers differ by.
    rng : numpy.random.Generator

    Returns
    -------
    fit : PurchaseFit
        Draws of shape (draws, n_partners), or (draws, 1) of what all partners share; of customers
        whose columns are 0. ``point`` is the posterior mean in the coordinates of the fit, of the
        mean partner if there are several; ``log_likelihood`` is at the mean of each partner.
    variables : Variables

    Raises
    ------
    ConvergenceError
        There is nothing to fit, or the chains have not converged.
    SummaryError
        A history is impossible.
    ConfigError
        A setting means nothing.

    References
    ----------
    Fader, Hardie & Lee (2005), Marketing Science 24(2), 275-284.
    """
    history = tuple(np.asarray(column, dtype=np.float64) for column in (x, t_x, T))
    large = partners is not None and _mostly_large(partners)
    build = partial(
        _purchase_model,
        *history,
        partners=partners,
        covariates=covariates,
        priors=settings.priors,
    )
    model, unit = build(centred=large)
    again = (lambda: build(centred=False)[0]) if large else None
    found = _sampled(model, settings, rng=rng, what=_PURCHASES, again=again)
    theta = _coordinates(found, PURCHASE_COORDINATES)
    names = ("r", "alpha", "a", "b")
    parameters = (float(value) for value in purchase_parameters(theta.mean(axis=0)))
    point = dict(zip(names, parameters, strict=True))
    point["alpha"] *= unit
    drawn = _drawn(found, unit, settings.draws)
    kept = _of_partners(drawn, names)
    at = _at_customers(found, point, kept, partners=partners, covariates=covariates)
    flags = _dominated(theta, settings.priors.purchase)
    fit = PurchaseFit(
        model="bg-nbd",
        draws=kept,
        point=point,
        log_likelihood=float(bgnbd.log_likelihood(*history, *(at[name] for name in names)).sum()),
        diagnostics=_judged(found, settings, _PURCHASES, flags),
    )
    return fit, drawn


def sample_spend(
    customers: pd.DataFrame,
    settings: ChainSettings = _AS_USUAL,
    *,
    spend: Literal["gamma-gamma", "gamma-gamma-mean"] = "gamma-gamma",
    partners: Partners | None = None,
    covariates: Covariates | None = None,
    rng: np.random.Generator,
) -> tuple[SpendFit, Variables]:
    """Fit Gamma-Gamma to customers' amounts by Markov chains, or by ADVI.

    Parameters
    ----------
    customers : pandas.DataFrame
        ``frequency, monetary_value, first_value, spend_n, spend_sum, spend_log_sum`` of a
        customer summary, in one currency.
    settings : ChainSettings
    spend : {"gamma-gamma", "gamma-gamma-mean"}
        Likelihood of every amount, or the published one of the mean repeat purchase, which can't
        be had by partner or with covariates.
    partners : Partners, optional
    covariates : Covariates, optional
    rng : numpy.random.Generator
        All as for :func:`sample_purchase`.

    Returns
    -------
    fit : SpendFit
        As of :func:`sample_purchase`; ``zero_share`` is the programme's.
    variables : Variables

    Raises
    ------
    ConvergenceError
        No amount is positive, customers of different partners or covariates spend (nearly) the
        same, or the chains have not converged.
    SummaryError
        An amount is impossible.
    ConfigError
        A setting means nothing.

    References
    ----------
    Fader & Hardie (2013), The gamma-gamma model of monetary value, note 025.
    """
    single = spend == "gamma-gamma"
    data = amounts_data(customers) if single else means_data(customers)
    large = partners is not None and _mostly_large(partners)
    build = partial(
        _spend_model,
        data,
        single=single,
        partners=partners,
        covariates=covariates,
        priors=settings.priors,
    )
    again = (lambda: build(centred=False)) if large else None
    found = _sampled(build(centred=large), settings, rng=rng, what=_SPEND, again=again)
    theta = _coordinates(found, SPEND_COORDINATES)
    names = ("p", "q", "v")
    parameters = (float(value) for value in spend_parameters(theta.mean(axis=0)))
    point = dict(zip(names, parameters, strict=True))
    point["v"] *= data.unit
    drawn = _drawn(found, data.unit, settings.draws)
    kept = _of_partners(drawn, names)
    at = _at_customers(found, point, kept, partners=partners, covariates=covariates, rows=data.rows)
    zeros = rng.beta(1.0 + data.zeros, 1.0 + data.purchases - data.zeros, (settings.draws, 1))
    flags = [*data.flags, *_dominated(theta, settings.priors.spend)]
    fit = SpendFit(
        model=spend,
        first_purchase=data.first_purchase,
        draws={**kept, "zero_share": zeros},
        point={**point, "zero_share": data.zero_share},
        log_likelihood=_spend_log_likelihood(data, [at[name] for name in names], single=single),
        diagnostics=_judged(found, settings, _SPEND, flags),
    )
    return fit, drawn


def _purchase_model(
    x: FloatArray,
    t_x: FloatArray,
    T: FloatArray,
    *,
    partners: Partners | None,
    covariates: Covariates | None = None,
    priors: Priors,
    centred: bool = False,
) -> tuple[Any, float]:
    """Build the model, pooled or by partner; with the mean age, its unit of time."""
    rows = unique_rows(x, t_x, T)
    if len(rows) == 0 or float(rows.T.max()) <= 0.0:
        raise ConvergenceError(
            f"{len(x):,} customers, none of them seen for longer than a day",
            expected="customers whose first purchase lies before the as-of date",
            remedy="choose a later as-of date, or add earlier transactions",
        )
    unit = float(np.sum(rows.T * rows.weight) / rows.weight.sum())
    scaled = x, t_x / unit, T / unit
    columns, cell, count = _cells(partners, covariates)
    if partners is not None:
        model = partner_purchase_model(
            partner_purchases(*scaled, cell, partners=count),
            partners.groups,
            unit=unit,
            priors=priors,
            centred=centred,
            columns=columns,
        )
    elif columns is not None:
        tables = partner_purchases(*scaled, cell, partners=count)
        model = covariate_purchase_model(tables, columns, unit=unit, priors=priors)
    else:
        model = purchase_model(purchase_table(rows.rescaled(unit)), unit=unit, priors=priors)
    return model, unit


def _spend_model(
    data: SpendData,
    *,
    single: bool,
    partners: Partners | None,
    covariates: Covariates | None = None,
    priors: Priors,
    centred: bool = False,
) -> Any:
    """Build the model, pooled or by partner."""
    alike = partners is None and covariates is None
    if not alike and not single:
        raise ConfigError(
            "spend 'gamma-gamma-mean' by partner, or with covariates",
            expected="spend 'gamma-gamma', or one group of all customers",
            remedy="choose one of the two",
        )
    if not alike and data.rows is None:
        raise ConvergenceError(
            "customers spend (nearly) the same, whatever their partner",
            expected="amounts that differ between customers",
            remedy="fit the spend of all partners together (complete pooling)",
        )
    columns, cell, count = _cells(partners, covariates, data.rows)
    if partners is not None:
        model = partner_spend_model(
            partner_spend(data, cell, partners=count),
            partners.groups,
            unit=data.unit,
            priors=priors,
            centred=centred,
            columns=columns,
        )
    elif columns is not None:
        tables = partner_spend(data, cell, partners=count)
        model = covariate_spend_model(tables, columns, unit=data.unit, priors=priors)
    else:
        table = (
            amounts_table(data.n, data.total, data.log_total)
            if single
            else means_table(data.n, data.total / data.n)
        )
        model = spend_model(table, unit=data.unit, priors=priors)
    return model


def _cells(
    partners: Partners | None, covariates: Covariates | None, rows: IntArray | None = None
) -> tuple[EffectColumns | None, IntArray, int]:
    """Columns of covariates, the cell of each customer, and how many; else the partners are cells.

    ``rows`` are the customers, if not all.
    """
    chosen: IntArray | slice = slice(None) if rows is None else rows
    if covariates is not None:
        home, pattern = covariates.home[chosen], covariates.design.customer_pattern[chosen]
        columns, cell = effect_columns(covariates.design, home, pattern, apart=partners is not None)
        return columns, cell, len(columns.of_cells)
    if partners is not None:
        return None, partners.home[chosen], len(partners.groups.partner_ids)
    return None, np.empty(0, dtype=np.int64), 1


def _mostly_large(partners: Partners) -> bool:
    customers = np.bincount(partners.home, minlength=len(partners.groups.partner_ids))
    return bool(np.median(customers) >= _LARGE_PARTNER)


def _spend_log_likelihood(
    data: SpendData, at: Sequence[float | FloatArray], *, single: bool
) -> float:
    total = data.total * data.unit
    if not single:
        return float(gamma_gamma.log_likelihood_mean(data.n, total / data.n, *at).sum())
    log_total = data.log_total + data.n * np.log(data.unit)
    return float(gamma_gamma.log_likelihood(data.n, total, log_total, *at).sum())


def _sampled(
    model: Any,
    settings: ChainSettings,
    *,
    rng: np.random.Generator,
    what: str,
    again: Callable[[], Any] | None = None,
) -> Sampled:
    """Draw; where steps diverge, once more with smaller ones, and by ``again``'s form if given.

    Levels themselves are quick to sample where partners are large, and diverge where these hardly
    differ; deviations in units of their spread do not.
    """
    seed, draws, progress = int(rng.integers(2**31 - 1)), settings.draws, settings.progress
    if settings.method == "advi":
        return approximate(model, seed=seed, draws=draws, what=what, progress=progress)
    chosen = settings.sampling or Sampling()
    by_partner = chosen.target_accept is None and "partner" in model.coords
    enough = replace(
        chosen,
        steps=max(chosen.steps, -(-draws // max(chosen.chains, 1))),
        target_accept=_CAREFUL if by_partner else chosen.target_accept,
    )
    found = sample_chains(model, seed=seed, sampling=enough, what=what, progress=progress)
    if by_partner and found.numbers is not None and found.numbers.divergences > 0:
        smaller = replace(enough, target_accept=_MOST_CAREFUL)
        model = model if again is None else again()
        return sample_chains(model, seed=seed + 1, sampling=smaller, what=what, progress=progress)
    return found


def _coordinates(found: Sampled, names: Sequence[str]) -> FloatArray:
    """All draws of the coordinates, shape (n, n_coordinates)."""
    return np.stack([found.draws[name].ravel() for name in names], axis=1)


def _drawn(found: Sampled, unit: float, draws: int) -> Variables:
    kept = {name: thinned(values, draws) for name, values in found.draws.items()}
    return Variables(draws=kept, unit=unit)


def _of_partners(drawn: Variables, names: Sequence[str]) -> dict[str, FloatArray]:
    """Draws of shape (draws, partner), or (draws, 1) of what all partners share."""
    return {name: drawn.draws[name].reshape(len(drawn.draws[name]), -1) for name in names}


def _at_customers(
    found: Sampled,
    point: Mapping[str, float],
    kept: Mapping[str, FloatArray],
    *,
    partners: Partners | None,
    covariates: Covariates | None,
    rows: IntArray | None = None,
) -> dict[str, FloatArray]:
    """Give customers the posterior means of their partner, with their covariates' effects.

    Where all are alike it is the point; ``rows`` are the customers, if not all.
    """
    told = partners or covariates
    if told is None:
        return {name: np.array(value) for name, value in point.items()}
    chosen: IntArray | slice = slice(None) if rows is None else rows
    means = {name: values.mean(axis=0) for name, values in kept.items()}
    theirs = {
        name: values[told.home[chosen]] if len(values) > 1 else values
        for name, values in means.items()
    }
    if covariates is None:
        return theirs
    has = covariates.design.patterns[covariates.design.customer_pattern[chosen]]
    shift = {
        ours: has @ found.draws[name].mean(axis=(0, 1))
        for ours, name in EFFECT_VARIABLES.items()
        if name in found.draws
    }
    return moved_by_effects(theirs, shift)


def _dominated(theta: FloatArray, prior: NormalPrior) -> list[str]:
    ratio = theta.std(axis=0) / np.asarray(prior.sd)
    dominated = [int(k) for k in np.flatnonzero(ratio > PRIOR_DOMINATED)]
    return edge_flags([], [], prior=prior, dominated=dominated)


def _judged(
    found: Sampled, settings: ChainSettings, what: str, flags: Sequence[str]
) -> Diagnostics:
    if found.numbers is None:
        return judge_quick_look(what=what, flags=flags)
    return judge_chains(
        found.numbers, what=what, flags=flags, accept_unconverged=settings.accept_unconverged
    )
