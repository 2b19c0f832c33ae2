"""BG/NBD and Gamma-Gamma as PyMC models on compressed rows; built here, sampled elsewhere.

The pooled models have exactly the posterior of the Laplace fit: same coordinates, same priors,
same compressed tables. In the hierarchical ones partners differ in purchase rate, in dropout and
in spend level around the mean of their segment, and share how much customers differ::

    log(r / alpha_p)     = log_rate       + segment + sd_rate    z_p
    logit a_p/(a_p+b_p)  = logit_dropout  + segment + sd_dropout z_p
    log mean spend_p     = log_mean_spend + segment + sd_spend   z_p       z_p ~ N(0, 1)

Covariates of partners are added to the mean that a partner varies around, those of customers to
the level of the customers themselves (:mod:`ltvforecast.fitting.effect_columns`); parameters are
given for customers whose columns are all 0.

This is the non-centred form, which suits partners with few customers; where most partners have
hundreds, the centred form, in which the levels themselves are the variables, suits the sampler
better (Papaspiliopoulos, Roberts & Sköld 2007). The posterior is the same. Random variables are
free of any unit; ``alpha`` and ``v`` are given in the user's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np

from ltvforecast.errors import ConfigError
from ltvforecast.fitting.effect_columns import EffectColumns
from ltvforecast.fitting.partner_tables import PartnerPurchases, PartnerSpend
from ltvforecast.fitting.prior_settings import (
    DEFAULT_PRIORS,
    PURCHASE_COORDINATES,
    SPEND_COORDINATES,
    Priors,
    Spread,
)
from ltvforecast.fitting.priors import NormalPrior
from ltvforecast.fitting.purchase_likelihood import PurchaseTable
from ltvforecast.fitting.pymc_likelihoods import (
    purchase_log_likelihood,
    purchase_parameters,
    spend_log_likelihood,
    spend_parameters,
)
from ltvforecast.fitting.spend_likelihood import SpendTable
from ltvforecast.types import IntArray

__all__ = [
    "Groups",
    "covariate_purchase_model",
    "covariate_spend_model",
    "partner_groups",
    "partner_purchase_model",
    "partner_spend_model",
    "purchase_model",
    "spend_model",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Groups:
    """The partners of a hierarchical model, and the segment of each.

    Attributes
    ----------
    partner_ids : tuple of str
    segments : tuple of str
        Names of the segments; a single one means that all partners vary around one mean.
    segment_of : int64 array, shape (n_partners,)
        Segment of each partner.
    """

    partner_ids: tuple[str, ...]
    segments: tuple[str, ...]
    segment_of: IntArray


def partner_groups(partner_ids: Sequence[str], segments: Sequence[str] | None = None) -> Groups:
    """Make groups from the names of partners and of their segments.

    Parameters
    ----------
    partner_ids : sequence of str
    segments : sequence of str, optional
        Segment of each partner.

    Returns
    -------
    Groups

    Raises
    ------
    ConfigError
        There are not as many segments as partners.

    Examples
    --------
    >>> partner_groups(["p0", "p1"], ["small", "large"]).segment_of.tolist()
    [1, 0]
    """
    named = ["all"] * len(partner_ids) if segments is None else list(segments)
    if len(named) != len(partner_ids):
        raise ConfigError(
            f"{len(named):,} segments for {len(partner_ids):,} partners",
            expected="one segment for each partner",
            remedy="give the segments in the order of the partners",
        )
    names, which = np.unique(np.asarray(named, dtype=str), return_inverse=True)
    return Groups(
        partner_ids=tuple(partner_ids),
        segments=tuple(str(name) for name in names),
        segment_of=which.astype(np.int64),
    )


def purchase_model(table: PurchaseTable, *, unit: float, priors: Priors = DEFAULT_PRIORS) -> Any:
    """Build the pooled BG/NBD model.

    Parameters
    ----------
    table : PurchaseTable
        Times in multiples of ``unit``.
    unit : float
        Mean age of the customers, in the user's unit of time.
    priors : Priors

    Returns
    -------
    pymc.Model
        Free variables :data:`PURCHASE_COORDINATES`; ``r, alpha, a, b`` derived from them.

    References
    ----------
    Fader, Hardie & Lee (2005), Marketing Science 24(2), equation 6.
    """
    import pymc as pm

    with pm.Model() as model:
        log_r, log_rate, logit_dropout, log_phi = _normals(PURCHASE_COORDINATES, priors.purchase)
        r, alpha, a, b = purchase_parameters(log_r, log_rate, logit_dropout, log_phi)
        for name, value in (("r", r), ("alpha", alpha * unit), ("a", a), ("b", b)):
            pm.Deterministic(name, value)
        value = purchase_log_likelihood(table, r, (alpha, alpha, alpha), (a, a), (b, b))
        pm.Potential("log_likelihood", value)
    return model


def partner_purchase_model(
    purchases: PartnerPurchases,
    groups: Groups,
    *,
    unit: float,
    priors: Priors = DEFAULT_PRIORS,
    centred: bool = False,
    columns: EffectColumns | None = None,
) -> Any:
    """Build the hierarchical BG/NBD model.

    Parameters
    ----------
    purchases : PartnerPurchases
        Times in multiples of ``unit``. By cell, if there are columns.
    groups : Groups
    unit : float
        Mean age of the customers, in the user's unit of time.
    priors : Priors
    centred : bool
        Which variables are sampled; the posterior is the same.
    columns : EffectColumns, optional
        Of covariates.

    Returns
    -------
    pymc.Model
        ``r`` is shared; ``alpha, a, b`` have the dimension ``partner``; ``effect_rate,
        effect_dropout`` have the dimension ``covariate``.

    References
    ----------
    Fader, Hardie & Lee (2005), Marketing Science 24(2), equation 6.
    """
    import pymc as pm

    with pm.Model(coords=_coords(groups, columns)) as model:
        log_r, log_rate, logit_dropout, log_phi = _normals(PURCHASE_COORDINATES, priors.purchase)
        around = partial(_partner_levels, groups, priors, centred=centred, columns=columns)
        rate, dropout = around("rate", log_rate), around("dropout", logit_dropout)
        _add_purchases(purchases, (log_r, rate, dropout, log_phi), unit=unit, dims="partner")
    return model


def covariate_purchase_model(
    purchases: PartnerPurchases,
    columns: EffectColumns,
    *,
    unit: float,
    priors: Priors = DEFAULT_PRIORS,
) -> Any:
    """Build the BG/NBD model of customers who differ by covariates, and not by partner.

    Parameters
    ----------
    purchases : PartnerPurchases
        By cell; times in multiples of ``unit``.
    columns : EffectColumns
    unit : float
        Mean age of the customers, in the user's unit of time.
    priors : Priors

    Returns
    -------
    pymc.Model
        ``r`` is shared; ``alpha, a, b`` are of customers whose own columns are 0: one of each, or
        one for each partner.
    """
    import pymc as pm

    with pm.Model(coords={"covariate": columns.names}) as model:
        log_r, log_rate, logit_dropout, log_phi = _normals(PURCHASE_COORDINATES, priors.purchase)
        rate = _moved(log_rate, _effect("rate", priors.covariate_effect), columns)
        dropout = _moved(logit_dropout, _effect("dropout", priors.covariate_effect), columns)
        _add_purchases(purchases, (log_r, rate, dropout, log_phi), unit=unit, dims=None)
    return model


def spend_model(table: SpendTable, *, unit: float, priors: Priors = DEFAULT_PRIORS) -> Any:
    """Build the pooled Gamma-Gamma model.

    Parameters
    ----------
    table : SpendTable
        Amounts in multiples of ``unit``.
    unit : float
        Median customer's amount, in the user's unit of money.
    priors : Priors

    Returns
    -------
    pymc.Model
        Free variables :data:`SPEND_COORDINATES`; ``p, q, v`` derived from them.

    References
    ----------
    Fader & Hardie (2013), The gamma-gamma model of monetary value, note 025.
    """
    import pymc as pm

    with pm.Model() as model:
        log_p, log_mean, log_excess = _normals(SPEND_COORDINATES, priors.spend)
        p, q, v = spend_parameters(log_p, log_mean, log_excess)
        for name, value in (("p", p), ("q", q), ("v", v * unit)):
            pm.Deterministic(name, value)
        amounts = float(table.n @ table.count)
        level = amounts * (log_mean + log_excess - log_p)
        pm.Potential("log_likelihood", spend_log_likelihood(table, p, q, v, level))
    return model


def partner_spend_model(
    amounts: PartnerSpend,
    groups: Groups,
    *,
    unit: float,
    priors: Priors = DEFAULT_PRIORS,
    centred: bool = False,
    columns: EffectColumns | None = None,
) -> Any:
    """Build the hierarchical Gamma-Gamma model.

    Parameters
    ----------
    amounts : PartnerSpend
        In multiples of ``unit``. By cell, if there are columns.
    groups : Groups
    unit : float
        Median customer's amount, in the user's unit of money.
    priors : Priors
    centred : bool
        Which variables are sampled; the posterior is the same.
    columns : EffectColumns, optional
        Of covariates.

    Returns
    -------
    pymc.Model
        ``p, q`` are shared; ``v`` has the dimension ``partner``, ``effect_spend`` the dimension
        ``covariate``.

    References
    ----------
    Fader & Hardie (2013), The gamma-gamma model of monetary value, note 025.
    """
    import pymc as pm

    with pm.Model(coords=_coords(groups, columns)) as model:
        log_p, log_mean, log_excess = _normals(SPEND_COORDINATES, priors.spend)
        around = partial(_partner_levels, groups, priors, centred=centred, columns=columns)
        mean = around("spend", log_mean)
        _add_spend(amounts, (log_p, mean, log_excess), unit=unit, dims="partner")
    return model


def covariate_spend_model(
    amounts: PartnerSpend,
    columns: EffectColumns,
    *,
    unit: float,
    priors: Priors = DEFAULT_PRIORS,
) -> Any:
    """Build the Gamma-Gamma model of customers who differ by covariates, and not by partner.

    Parameters
    ----------
    amounts : PartnerSpend
        By cell; in multiples of ``unit``.
    columns : EffectColumns
    unit : float
        Median customer's amount, in the user's unit of money.
    priors : Priors

    Returns
    -------
    pymc.Model
        ``p, q`` are shared; ``v`` is of customers whose own columns are 0: one, or one for each
        partner.
    """
    import pymc as pm

    with pm.Model(coords={"covariate": columns.names}) as model:
        log_p, log_mean, log_excess = _normals(SPEND_COORDINATES, priors.spend)
        mean = _moved(log_mean, _effect("spend", priors.covariate_effect), columns)
        _add_spend(amounts, (log_p, mean, log_excess), unit=unit, dims=None)
    return model


# --- parts of the models -------------------------------------------------------------------------


_Kind = Literal["rate", "dropout", "spend"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Levels:
    """Symbolic levels: of customers whose columns are 0, by partner, and of each cell."""

    reference: Any
    cells: Any


def _coords(groups: Groups, columns: EffectColumns | None) -> dict[str, tuple[str, ...]]:
    names = {} if columns is None else {"covariate": columns.names}
    return {"partner": groups.partner_ids, "segment": groups.segments, **names}


def _normals(names: Sequence[str], prior: NormalPrior) -> list[Any]:
    import pymc as pm

    moments = zip(names, prior.mean, prior.sd, strict=True)
    return [pm.Normal(name, mean, sd) for name, mean, sd in moments]


def _effect(kind: _Kind, scale: Spread) -> Any:
    import pymc as pm

    return pm.Normal(f"effect_{kind}", 0.0, getattr(scale, kind), dims="covariate")


def _moved(level: Any, effect: Any, columns: EffectColumns) -> _Levels:
    """Levels of partners, or the one of all, with what covariates add."""
    import pytensor.tensor as pt

    own = level if columns.owner is None else level[columns.owner]
    return _Levels(
        reference=level + pt.dot(columns.of_reference, effect),
        cells=own + pt.dot(columns.of_cells, effect),
    )


def _partner_levels(
    groups: Groups,
    priors: Priors,
    kind: _Kind,
    mean: Any,
    *,
    centred: bool,
    columns: EffectColumns | None,
) -> _Levels:
    """Partners around the mean of their segment, segments around the mean of all.

    ``segment_...`` is the mean of partners whose columns are 0, ``partner_...`` the level of a
    partner's average customer.
    """
    import pymc as pm
    import pytensor.tensor as pt

    segment = pt.zeros(len(groups.segments)) + mean
    if len(groups.segments) > 1:
        spread = pm.HalfNormal(f"segment_sd_{kind}", getattr(priors.segment_spread, kind))
        segment = segment + spread * pm.Normal(f"segment_z_{kind}", dims="segment")
    level, reference = segment[groups.segment_of], segment
    effect = None if columns is None else _effect(kind, priors.covariate_effect)
    if columns is not None:
        level = level + pt.dot(columns.of_partners, effect)
        reference = segment - pt.dot(columns.middle, effect)
    pm.Deterministic(f"segment_{kind}", reference, dims="segment")
    spread = pm.HalfNormal(f"sd_{kind}", getattr(priors.partner_spread, kind))
    if centred:
        levels = pm.Normal(f"partner_{kind}", level, spread, dims="partner")
        pm.Deterministic(f"z_{kind}", (levels - level) / spread, dims="partner")
    else:
        levels = level + spread * pm.Normal(f"z_{kind}", dims="partner")
        pm.Deterministic(f"partner_{kind}", levels, dims="partner")
    if columns is None:
        return _Levels(reference=levels, cells=levels)
    return _moved(levels, effect, columns)


def _add_purchases(
    purchases: PartnerPurchases,
    coordinates: tuple[Any, _Levels, _Levels, Any],
    *,
    unit: float,
    dims: str | None,
) -> None:
    """Name the parameters of customers whose columns are 0, and add the likelihood of all."""
    import pymc as pm

    log_r, rate, dropout, log_phi = coordinates
    r, alpha, a, b = purchase_parameters(log_r, rate.reference, dropout.reference, log_phi)
    pm.Deterministic("r", r)
    for name, value in (("alpha", alpha * unit), ("a", a), ("b", b)):
        pm.Deterministic(name, value, dims=dims)
    _, alpha, a, b = purchase_parameters(log_r, rate.cells, dropout.cells, log_phi)
    at = (purchases.x_partner, purchases.T_partner, purchases.row_partner)
    value = purchase_log_likelihood(
        purchases.table,
        r,
        (alpha[at[0]], alpha[at[1]], alpha[at[2]]),
        (a[at[0]], a[at[2]]),
        (b[at[0]], b[at[2]]),
    )
    pm.Potential("log_likelihood", value)


def _add_spend(
    amounts: PartnerSpend,
    coordinates: tuple[Any, _Levels, Any],
    *,
    unit: float,
    dims: str | None,
) -> None:
    """Name the parameters of customers whose columns are 0, and add the likelihood of all."""
    import pymc as pm

    log_p, mean, log_excess = coordinates
    p, q, v = spend_parameters(log_p, mean.reference, log_excess)
    pm.Deterministic("p", p)
    pm.Deterministic("q", q)
    pm.Deterministic("v", v * unit, dims=dims)
    level = (amounts.amounts * (mean.cells + log_excess - log_p)).sum()
    _, _, v = spend_parameters(log_p, mean.cells, log_excess)
    value = spend_log_likelihood(amounts.table, p, q, v[amounts.S_partner], level)
    pm.Potential("log_likelihood", value)
