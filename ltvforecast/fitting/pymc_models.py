"""BG/NBD and Gamma-Gamma as PyMC models on compressed rows; built here, sampled elsewhere.

The pooled models have exactly the posterior of the Laplace fit: same coordinates, same priors,
same compressed tables. In the hierarchical ones partners differ in purchase rate, in dropout and
in spend level around the mean of their segment, and share how much customers differ::

    log(r / alpha_p)     = log_rate       + segment + sd_rate    z_p
    logit a_p/(a_p+b_p)  = logit_dropout  + segment + sd_dropout z_p
    log mean spend_p     = log_mean_spend + segment + sd_spend   z_p       z_p ~ N(0, 1)

This is the non-centred form, which suits partners with few customers; where most partners have
hundreds, the centred form, in which the levels themselves are the variables, suits the sampler
better (Papaspiliopoulos, Roberts & Sköld 2007). The posterior is the same. Random variables are
free of any unit; ``alpha`` and ``v`` are given in the user's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ltvforecast.errors import ConfigError
from ltvforecast.fitting.partner_tables import PartnerPurchases, PartnerSpend
from ltvforecast.fitting.prior_settings import (
    DEFAULT_PRIORS,
    PURCHASE_COORDINATES,
    SPEND_COORDINATES,
    Priors,
)
from ltvforecast.fitting.priors import NormalPrior
from ltvforecast.fitting.purchase_likelihood import PurchaseTable
from ltvforecast.fitting.spend_likelihood import SpendTable
from ltvforecast.types import IntArray

__all__ = [
    "Groups",
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
        r, alpha, a, b = _purchase_parameters(log_r, log_rate, logit_dropout, log_phi)
        for name, value in (("r", r), ("alpha", alpha * unit), ("a", a), ("b", b)):
            pm.Deterministic(name, value)
        value = _purchase_log_likelihood(table, r, (alpha, alpha, alpha), (a, a), (b, b))
        pm.Potential("log_likelihood", value)
    return model


def partner_purchase_model(
    purchases: PartnerPurchases,
    groups: Groups,
    *,
    unit: float,
    priors: Priors = DEFAULT_PRIORS,
    centred: bool = False,
) -> Any:
    """Build the hierarchical BG/NBD model.

    Parameters
    ----------
    purchases : PartnerPurchases
        Times in multiples of ``unit``.
    groups : Groups
    unit : float
        Mean age of the customers, in the user's unit of time.
    priors : Priors
    centred : bool
        Which variables are sampled; the posterior is the same.

    Returns
    -------
    pymc.Model
        ``r`` is shared; ``alpha, a, b`` have the dimension ``partner``.

    References
    ----------
    Fader, Hardie & Lee (2005), Marketing Science 24(2), equation 6.
    """
    import pymc as pm

    with pm.Model(coords=_coords(groups)) as model:
        log_r, log_rate, logit_dropout, log_phi = _normals(PURCHASE_COORDINATES, priors.purchase)
        scale = (priors.partner_spread.rate, priors.segment_spread.rate)
        rate = _levels("rate", log_rate, groups, scale, centred=centred)
        scale = (priors.partner_spread.dropout, priors.segment_spread.dropout)
        dropout = _levels("dropout", logit_dropout, groups, scale, centred=centred)
        r, alpha, a, b = _purchase_parameters(log_r, rate, dropout, log_phi)
        pm.Deterministic("r", r)
        for name, value in (("alpha", alpha * unit), ("a", a), ("b", b)):
            pm.Deterministic(name, value, dims="partner")
        at = (purchases.x_partner, purchases.T_partner, purchases.row_partner)
        value = _purchase_log_likelihood(
            purchases.table,
            r,
            (alpha[at[0]], alpha[at[1]], alpha[at[2]]),
            (a[at[0]], a[at[2]]),
            (b[at[0]], b[at[2]]),
        )
        pm.Potential("log_likelihood", value)
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
        p, q, v = _spend_parameters(log_p, log_mean, log_excess)
        for name, value in (("p", p), ("q", q), ("v", v * unit)):
            pm.Deterministic(name, value)
        amounts = float(table.n @ table.count)
        level = amounts * (log_mean + log_excess - log_p)
        pm.Potential("log_likelihood", _spend_log_likelihood(table, p, q, v, level))
    return model


def partner_spend_model(
    amounts: PartnerSpend,
    groups: Groups,
    *,
    unit: float,
    priors: Priors = DEFAULT_PRIORS,
    centred: bool = False,
) -> Any:
    """Build the hierarchical Gamma-Gamma model.

    Parameters
    ----------
    amounts : PartnerSpend
        In multiples of ``unit``.
    groups : Groups
    unit : float
        Median customer's amount, in the user's unit of money.
    priors : Priors
    centred : bool
        Which variables are sampled; the posterior is the same.

    Returns
    -------
    pymc.Model
        ``p, q`` are shared; ``v`` has the dimension ``partner``.

    References
    ----------
    Fader & Hardie (2013), The gamma-gamma model of monetary value, note 025.
    """
    import pymc as pm

    with pm.Model(coords=_coords(groups)) as model:
        log_p, log_mean, log_excess = _normals(SPEND_COORDINATES, priors.spend)
        scale = (priors.partner_spread.spend, priors.segment_spread.spend)
        mean = _levels("spend", log_mean, groups, scale, centred=centred)
        p, q, v = _spend_parameters(log_p, mean, log_excess)
        pm.Deterministic("p", p)
        pm.Deterministic("q", q)
        pm.Deterministic("v", v * unit, dims="partner")
        level = (amounts.amounts * (mean + log_excess - log_p)).sum()
        value = _spend_log_likelihood(amounts.table, p, q, v[amounts.S_partner], level)
        pm.Potential("log_likelihood", value)
    return model


def _coords(groups: Groups) -> dict[str, tuple[str, ...]]:
    return {"partner": groups.partner_ids, "segment": groups.segments}


def _normals(names: Sequence[str], prior: NormalPrior) -> list[Any]:
    import pymc as pm

    moments = zip(names, prior.mean, prior.sd, strict=True)
    return [pm.Normal(name, mean, sd) for name, mean, sd in moments]


def _levels(
    kind: str, mean: Any, groups: Groups, scale: tuple[float, float], *, centred: bool
) -> Any:
    """Partners around the mean of their segment, segments around the mean of all.

    ``scale`` is of how much partners differ inside a segment, and of how much segments do.
    """
    import pymc as pm

    level = mean
    if len(groups.segments) > 1:
        spread = pm.HalfNormal(f"segment_sd_{kind}", scale[1])
        level = level + (spread * pm.Normal(f"segment_z_{kind}", dims="segment"))[groups.segment_of]
    spread = pm.HalfNormal(f"sd_{kind}", scale[0])
    if centred:
        return pm.Normal(f"partner_{kind}", level, spread, dims="partner")
    levels = level + spread * pm.Normal(f"z_{kind}", dims="partner")
    return pm.Deterministic(f"partner_{kind}", levels, dims="partner")


def _purchase_parameters(
    log_r: Any, log_rate: Any, logit: Any, log_phi: Any
) -> tuple[Any, Any, Any, Any]:
    import pytensor.tensor as pt

    phi = pt.exp(log_phi)
    return (
        pt.exp(log_r),
        pt.exp(log_r - log_rate),
        phi * pt.sigmoid(logit),
        phi * pt.sigmoid(-logit),
    )


def _purchase_log_likelihood(
    table: PurchaseTable,
    r: Any,
    alpha: tuple[Any, Any, Any],
    a: tuple[Any, Any],
    b: tuple[Any, Any],
) -> Any:
    """Sum over a table; parameters are scalars, or given for every entry of its three parts.

    ``alpha`` is given for counts, ages and rows; ``a`` and ``b`` for counts and rows.
    """
    import pytensor.tensor as pt

    x, rows = table.x, table.rows
    by_count = pt.gammaln(r + x) - pt.gammaln(r) - x * pt.log(alpha[0])
    by_count += pt.gammaln(b[0] + x) - pt.gammaln(b[0])
    by_count += pt.gammaln(a[0] + b[0]) - pt.gammaln(a[0] + b[0] + x)
    growth = pt.log1p(table.T / alpha[1])
    by_age = (r * table.customers_by_age + table.purchases_by_age) * growth
    odds = (r + rows.x) * pt.log1p((rows.T - rows.t_x) / (alpha[2] + rows.t_x))
    odds += pt.log(a[1]) - pt.log(b[1] + rows.x - 1.0)
    by_row = rows.weight * pt.softplus(odds)
    return pt.sum(table.customers_by_count * by_count) - pt.sum(by_age) + pt.sum(by_row)


def _spend_parameters(log_p: Any, log_mean: Any, log_excess: Any) -> tuple[Any, Any, Any]:
    import pytensor.tensor as pt

    return pt.exp(log_p), 1.0 + pt.exp(log_excess), pt.exp(log_mean + log_excess - log_p)


def _spend_log_likelihood(table: SpendTable, p: Any, q: Any, v: Any, level: Any) -> Any:
    """Sum over a table; ``level`` is the sum of ``log v`` over all amounts."""
    import pytensor.tensor as pt

    pn = p * table.n
    by_count = pt.gammaln(pn + q) - pt.gammaln(q)
    by_count -= table.n * pt.gammaln(p) if table.single else pt.gammaln(pn)
    growth = pt.log1p(table.S / v)
    value = pt.sum(table.count * by_count) - q * pt.sum(table.weight * growth)
    return value - p * (pt.sum(table.weight_n * growth) + level - table.slope) + table.constant
