"""Fits by NUTS or ADVI: customers in, the same records out as from every other fit."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from ltvforecast.errors import ConfigError, ConvergenceError
from ltvforecast.fitting.chain_diagnostics import judge_chains, judge_quick_look
from ltvforecast.fitting.compress import unique_rows
from ltvforecast.fitting.diagnostics import PRIOR_DOMINATED, edge_flags
from ltvforecast.fitting.mcmc import Sampled, Sampling, approximate, sample_chains, thinned
from ltvforecast.fitting.partner_tables import (
    kept_customers,
    partner_purchases,
    partner_spend,
)
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
    partner_groups,
    partner_purchase_model,
    partner_spend_model,
    purchase_model,
    spend_model,
)
from ltvforecast.fitting.spend_data import SpendData, amounts_data, means_data
from ltvforecast.fitting.spend_likelihood import amounts_table, means_table, spend_parameters
from ltvforecast.formulas import bgnbd, gamma_gamma
from ltvforecast.types import (
    CustomerSummary,
    Diagnostics,
    FloatArray,
    IntArray,
    PurchaseFit,
    SpendFit,
)

__all__ = ["Partners", "SampledMethod", "home_partners", "sample_purchase", "sample_spend"]

SampledMethod = Literal["nuts", "advi"]
Progress = Callable[[str, int, int], None]

_LARGE_PARTNER = 200
"""Customers from which on a partner's data say more of its level than the other partners do."""
_CAREFUL = 0.95
"""Acceptance aimed at where partners differ: what is known of small spreads has a narrow neck."""
_PURCHASES = "the purchase process"
_SPEND = "the spend per purchase"


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
    *,
    method: SampledMethod = "nuts",
    draws: int = 1000,
    rng: np.random.Generator,
    partners: Partners | None = None,
    priors: Priors = DEFAULT_PRIORS,
    sampling: Sampling | None = None,
    accept_unconverged: bool = False,
    progress: Progress | None = None,
    also: dict[str, FloatArray] | None = None,
) -> PurchaseFit:
    """Fit BG/NBD to customers' purchase histories by Markov chains, or by ADVI.

    Parameters
    ----------
    x, t_x, T : array_like, shape (n_customers,)
        Repeat purchases, time of the last one and age, in one unit of time.
    method : {"nuts", "advi"}
        ``advi`` is a quick look, and marked as such.
    draws : int
        To keep, evenly spread over the chains.
    rng : numpy.random.Generator
    partners : Partners, optional
        Partners differ and borrow strength from each other; without it all customers are one group.
    priors : Priors
    sampling : Sampling, optional
        Of NUTS.
    accept_unconverged : bool
        Mark chains that fail their gate instead of refusing them.
    progress : callable, optional
        Called with a label, steps done and steps in all.
    also : dict, optional
        Is given the kept draws of every variable of the model, and the ``unit`` of its times.

    Returns
    -------
    PurchaseFit
        Draws of shape (draws, 1), or (draws, n_partners). ``point`` is the posterior mean in the
        coordinates of the fit, of the mean partner if there are several; ``log_likelihood`` is at
        the mean of each partner.

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
    model, unit = _purchase_model(*history, partners=partners, priors=priors)
    found = _sampled(
        model, method, draws=draws, rng=rng, sampling=sampling, what=_PURCHASES, progress=progress
    )
    if also is not None:
        also.update(_others(found, draws), unit=np.array(unit))
    theta = _coordinates(found, PURCHASE_COORDINATES)
    names = ("r", "alpha", "a", "b")
    parameters = (float(value) for value in purchase_parameters(theta.mean(axis=0)))
    point = dict(zip(names, parameters, strict=True))
    point["alpha"] *= unit
    kept = _kept(found, names, draws, partners)
    at = [point[name] for name in names] if partners is None else _means(kept, partners.home)
    flags = _dominated(theta, priors.purchase)
    return PurchaseFit(
        model="bg-nbd",
        draws=kept,
        point=point,
        log_likelihood=float(bgnbd.log_likelihood(*history, *at).sum()),
        diagnostics=_judged(found, _PURCHASES, flags, accept_unconverged=accept_unconverged),
    )


def sample_spend(
    customers: pd.DataFrame,
    *,
    method: SampledMethod = "nuts",
    spend: Literal["gamma-gamma", "gamma-gamma-mean"] = "gamma-gamma",
    draws: int = 1000,
    rng: np.random.Generator,
    partners: Partners | None = None,
    priors: Priors = DEFAULT_PRIORS,
    sampling: Sampling | None = None,
    accept_unconverged: bool = False,
    progress: Progress | None = None,
    also: dict[str, FloatArray] | None = None,
) -> SpendFit:
    """Fit Gamma-Gamma to customers' amounts by Markov chains, or by ADVI.

    Parameters
    ----------
    customers : pandas.DataFrame
        ``frequency, monetary_value, first_value, spend_n, spend_sum, spend_log_sum`` of a
        customer summary, in one currency.
    method : {"nuts", "advi"}
        ``advi`` is a quick look, and marked as such.
    spend : {"gamma-gamma", "gamma-gamma-mean"}
        Likelihood of every amount, or the published one of the mean repeat purchase, which can't
        be had by partner.
    draws : int
    rng : numpy.random.Generator
    partners : Partners, optional
    priors : Priors
    sampling : Sampling, optional
    accept_unconverged : bool
    progress : callable, optional
    also : dict, optional
        All as for :func:`sample_purchase`.

    Returns
    -------
    SpendFit
        Draws of shape (draws, 1), or (draws, n_partners); ``zero_share`` is the programme's.

    Raises
    ------
    ConvergenceError
        No amount is positive, or the chains have not converged.
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
    model, home = _spend_model(customers, data, single=single, partners=partners, priors=priors)
    found = _sampled(
        model, method, draws=draws, rng=rng, sampling=sampling, what=_SPEND, progress=progress
    )
    if also is not None:
        also.update(_others(found, draws), unit=np.array(data.unit))
    theta = _coordinates(found, SPEND_COORDINATES)
    names = ("p", "q", "v")
    parameters = (float(value) for value in spend_parameters(theta.mean(axis=0)))
    point = dict(zip(names, parameters, strict=True))
    point["v"] *= data.unit
    kept = _kept(found, names, draws, partners)
    at = [point[name] for name in names] if home is None else _means(kept, home)
    zeros = rng.beta(1.0 + data.zeros, 1.0 + data.purchases - data.zeros, draws)
    flags = [*data.flags, *_dominated(theta, priors.spend)]
    return SpendFit(
        model=spend,
        first_purchase=data.first_purchase,
        draws={**kept, "zero_share": np.tile(zeros[:, None], (1, kept["p"].shape[1]))},
        point={**point, "zero_share": data.zero_share},
        log_likelihood=_spend_log_likelihood(data, at, single=single),
        diagnostics=_judged(found, _SPEND, flags, accept_unconverged=accept_unconverged),
    )


def _purchase_model(
    x: FloatArray, t_x: FloatArray, T: FloatArray, *, partners: Partners | None, priors: Priors
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
    if partners is None:
        return purchase_model(purchase_table(rows.rescaled(unit)), unit=unit, priors=priors), unit
    tables = partner_purchases(
        x, t_x / unit, T / unit, partners.home, partners=len(partners.groups.partner_ids)
    )
    model = partner_purchase_model(
        tables, partners.groups, unit=unit, priors=priors, centred=_mostly_large(partners)
    )
    return model, unit


def _spend_model(
    customers: pd.DataFrame,
    data: SpendData,
    *,
    single: bool,
    partners: Partners | None,
    priors: Priors,
) -> tuple[Any, IntArray | None]:
    """Build the model, pooled or by partner; with the partner of every customer in ``data``."""
    if partners is None:
        table = (
            amounts_table(data.n, data.total, data.log_total)
            if single
            else means_table(data.n, data.total / data.n)
        )
        return spend_model(table, unit=data.unit, priors=priors), None
    if not single:
        raise ConfigError(
            "spend 'gamma-gamma-mean' by partner",
            expected="spend 'gamma-gamma', or one group of all customers",
            remedy="choose one of the two",
        )
    home = partners.home[kept_customers(customers, data)]
    tables = partner_spend(data, home, partners=len(partners.groups.partner_ids))
    model = partner_spend_model(
        tables, partners.groups, unit=data.unit, priors=priors, centred=_mostly_large(partners)
    )
    return model, home


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
    method: SampledMethod,
    *,
    draws: int,
    rng: np.random.Generator,
    sampling: Sampling | None,
    what: str,
    progress: Progress | None,
) -> Sampled:
    seed = int(rng.integers(2**31 - 1))
    if method == "advi":
        return approximate(model, seed=seed, draws=draws, what=what, progress=progress)
    chosen = sampling or Sampling()
    enough = replace(
        chosen,
        steps=max(chosen.steps, -(-draws // max(chosen.chains, 1))),
        target_accept=chosen.target_accept or (_CAREFUL if "partner" in model.coords else None),
    )
    return sample_chains(model, seed=seed, sampling=enough, what=what, progress=progress)


def _coordinates(found: Sampled, names: Sequence[str]) -> FloatArray:
    """All draws of the coordinates, shape (n, n_coordinates)."""
    return np.stack([found.draws[name].ravel() for name in names], axis=1)


def _kept(
    found: Sampled, names: Sequence[str], draws: int, partners: Partners | None
) -> dict[str, FloatArray]:
    """Draws to keep, of shape (draws, group); what all partners share is repeated."""
    groups = 1 if partners is None else len(partners.groups.partner_ids)
    kept = {}
    for name in names:
        values = thinned(found.draws[name], draws)
        kept[name] = np.tile(values[:, None], (1, groups)) if values.ndim == 1 else values
    return kept


def _others(found: Sampled, draws: int) -> dict[str, FloatArray]:
    return {name: thinned(values, draws) for name, values in found.draws.items()}


def _means(kept: Mapping[str, FloatArray], home: IntArray) -> list[FloatArray]:
    """Posterior mean of every parameter, for each customer that of its partner."""
    return [values.mean(axis=0)[home] for values in kept.values()]


def _dominated(theta: FloatArray, prior: NormalPrior) -> list[str]:
    ratio = theta.std(axis=0) / np.asarray(prior.sd)
    dominated = [int(k) for k in np.flatnonzero(ratio > PRIOR_DOMINATED)]
    return edge_flags([], [], prior=prior, dominated=dominated)


def _judged(
    found: Sampled, what: str, flags: Sequence[str], *, accept_unconverged: bool
) -> Diagnostics:
    if found.numbers is None:
        return judge_quick_look(what=what, flags=flags)
    return judge_chains(
        found.numbers, what=what, flags=flags, accept_unconverged=accept_unconverged
    )
