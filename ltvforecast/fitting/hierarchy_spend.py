"""Fits the spend per purchase of every partner, each borrowing strength from its segment.

Partner ``p`` has its own level ``s_p = log(mean spend) = log(p v_p / (q - 1))``, normal around its
segment's mean. How much one customer's amounts vary (``p``) and how much customers differ within a
partner (``q``) is shared.
"""

# the compiled function takes its arrays as positions
# ruff: noqa: PLR0917

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from ltvforecast.fit_types import SpendFit
from ltvforecast.fitting.covariate_design import CovariateDesign
from ltvforecast.fitting.hierarchy import home_numbers, segment_numbers, segment_place
from ltvforecast.fitting.hierarchy_cells import Cells, make_cells
from ltvforecast.fitting.hierarchy_diagnostics import hierarchy_diagnostics
from ltvforecast.fitting.hierarchy_gates import HierarchyChecks, Refused
from ltvforecast.fitting.hierarchy_levels import APART, LevelPriors
from ltvforecast.fitting.hierarchy_place import HierarchyProblem, HierarchyStart
from ltvforecast.fitting.hierarchy_posterior import HierarchyDraws, Progress, sample_hierarchy
from ltvforecast.fitting.hierarchy_tables import levels_of_all
from ltvforecast.fitting.priors import SPEND_PRIOR, NormalPrior
from ltvforecast.fitting.spend import fit_spend
from ltvforecast.fitting.spend_data import SpendData, amounts_data
from ltvforecast.fitting.spend_likelihood import spend_parameters
from ltvforecast.formulas.compiling import compiled
from ltvforecast.formulas.special import log_gamma, log_gamma_ratio
from ltvforecast.partner_types import PartnerPooling
from ltvforecast.types import FloatArray, IntArray

__all__ = [
    "PARTNER_SPEND_PRIORS",
    "PartnerSpend",
    "SpendRows",
    "fit_partner_spend",
    "new_partner_spend",
    "spend_rows",
    "spend_values",
]

_WHAT = "the partners' spend per purchase"
_LEVELS = ("what customers spend",)

PARTNER_SPEND_PRIORS = LevelPriors(
    shapes=NormalPrior(
        names=(SPEND_PRIOR.names[0], SPEND_PRIOR.names[2]),
        mean=(SPEND_PRIOR.mean[0], SPEND_PRIOR.mean[2]),
        sd=(SPEND_PRIOR.sd[0], SPEND_PRIOR.sd[2]),
    ),
    means=NormalPrior(
        names=(SPEND_PRIOR.names[1],), mean=(SPEND_PRIOR.mean[1],), sd=(SPEND_PRIOR.sd[1],)
    ),
)
"""Of ``log p, log(q-1)`` and of the mean ``log(mean spend)``; money in typical amounts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendRows:
    """Customers' amounts, partner by partner, sorted by their number.

    Attributes
    ----------
    start : int64 array, shape (n_partners + 1,)
        The customers of partner ``p`` are ``start[p]`` to ``start[p + 1] - 1``.
    n, total : float64 array, shape (n_customers,)
        Number of amounts and their sum.
    log_total : float64 array, shape (n_partners,)
        Sum of the logs of all amounts of a partner.
    """

    start: IntArray
    n: FloatArray
    total: FloatArray
    log_total: FloatArray

    def part(self, chosen: IntArray) -> SpendRows:
        """Give the customers of some partners."""
        counts = np.diff(self.start)[chosen]
        start = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
        rows = np.repeat(self.start[chosen] - start[:-1], counts) + np.arange(start[-1])
        return SpendRows(
            start=start, n=self.n[rows], total=self.total[rows], log_total=self.log_total[chosen]
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerSpend:
    """Fitted spend of every partner, and what the partners share.

    Attributes
    ----------
    spend : SpendFit
        ``v`` of shape (draw, partner), and ``p, q, zero_share``, which are shared, of shape
        (draw, 1); ``point`` is the average partner.
    shared : mapping of str to float64 array
        ``log_p, log_excess`` (log of ``q - 1``) of shape (draw,); ``mean_log_spend`` of shape
        (draw, segment); ``sd_log_spend`` of shape (draw,); with several segments
        ``tau_log_spend``, the spread of segments, too.
    shrinkage : mapping of str to float64 array, shape (n_partners,)
        ``log_spend``: 1 where the partner's own data decide, 0 where it is given the segment's
        average.
    segment_names : tuple of str
    segment : int64 array, shape (n_partners,)
    checks : HierarchyChecks or None
        None of Markov chains.
    effects : mapping of str to float64 array, shape (draw, column), or None
        ``log_spend``: what covariates go with. The parameters above are those of customers whose
        columns are 0, and the means those of such partners.
    """

    spend: SpendFit
    shared: Mapping[str, FloatArray]
    shrinkage: Mapping[str, FloatArray]
    segment_names: tuple[str, ...]
    segment: IntArray
    checks: HierarchyChecks | None = None
    effects: Mapping[str, FloatArray] | None = None


def fit_partner_spend(
    customers: pd.DataFrame,
    partner: npt.ArrayLike,
    *,
    partners: int,
    segments: Sequence[str] | None = None,
    apart: bool = False,
    covariates: CovariateDesign | None = None,
    draws: int = 1000,
    rng: np.random.Generator,
    progress: Progress | None = None,
) -> PartnerSpend | Refused:
    """Fit Gamma-Gamma to single amounts with partial pooling of partners.

    Parameters
    ----------
    customers : pandas.DataFrame
        ``frequency, monetary_value, first_value, spend_n, spend_sum, spend_log_sum`` of a
        customer summary, in one currency.
    partner : array_like of int, shape (n_customers,)
        Each customer's home partner, from 0.
    partners : int
        Number of partners, those without customers included.
    segments : sequence of str, optional
        Each partner's segment. None: all are of one.
    apart : bool
        Judge every partner by its own data alone.
    covariates : CovariateDesign, optional
        Of these customers and partners.
    draws : int
        Posterior draws.
    rng : numpy.random.Generator
    progress : callable, optional
        Called with what is being done, steps done, and steps in all.

    Returns
    -------
    PartnerSpend or Refused
        Refused: a gate failed, and NUTS should be used; or all customers spend the same, and
        partners have nothing to differ in.

    Raises
    ------
    ConfigError
        Covariates make too many kinds of customers.
    ConvergenceError
        No amount is positive.
    SummaryError
        An amount is impossible, or a customer's partner is none.
    """
    home = home_numbers(partner, len(customers), partners)
    names, segment = segment_numbers(segments, partners)
    data = amounts_data(customers)
    if data.rows is None:
        return Refused(what=_WHAT, gates=("all customers spend (nearly) the same",))
    levelled = _levelled(customers, home, log_mean=np.log(data.total / data.n), rows=data.rows)
    pooled = fit_spend(levelled, draws=400, rng=rng)
    home = home[data.rows]
    pattern = None if covariates is None else covariates.customer_pattern[data.rows]
    cells, cell = make_cells(home, segment, len(names), design=covariates, pattern=pattern)
    rows = spend_rows(data.n, data.total, data.log_total, cell, partners=len(cells.pattern))
    priors = replace(PARTNER_SPEND_PRIORS, apart=APART if apart else None)
    problem = _problem(rows, cells, len(names), priors)
    some = cells.pilot()
    pilot = None if some is None else _problem(rows.part(some[1]), some[0], len(names), priors)
    start = _start(pooled, data.unit, columns=len(cells.names))
    found = sample_hierarchy(problem, start, pilot=pilot, draws=draws, rng=rng, progress=progress)
    if isinstance(found, Refused):
        return found
    levels = levels_of_all(
        found.levels, found.shared, cells=cells, segment=segment, design=covariates, rng=rng
    )
    found = replace(found, levels=levels)
    return PartnerSpend(
        spend=_spend_fit(found, rows, cells, data, rng),
        shared=_shared(found, cells, data.unit),
        shrinkage={"log_spend": found.levels.shrinkage[:, 0]},
        segment_names=names,
        segment=segment,
        checks=found.checks,
        effects=None if covariates is None else {"log_spend": found.shared.effect[:, :, 0]},
    )


def new_partner_spend(
    fit: PartnerSpend | PartnerPooling, segment: str, rng: np.random.Generator
) -> dict[str, FloatArray]:
    """Draw the parameters of a partner of whom nothing is known but its segment.

    Parameters
    ----------
    fit : PartnerSpend or PartnerPooling
    segment : str
        One of ``fit.segment_names``.
    rng : numpy.random.Generator

    Returns
    -------
    dict of str to float64 array, shape (draw,)
        ``p, q, v``, drawn with the same shared parameters as the fit's draws.

    Raises
    ------
    SummaryError
        There is no such segment.
    """
    shared = fit.shared
    mean = shared["mean_log_spend"][:, segment_place(fit.segment_names, segment)]
    level = mean + shared["sd_log_spend"] * rng.standard_normal(len(mean))
    theta = np.stack([shared["log_p"], level, shared["log_excess"]], axis=1)
    return dict(zip(("p", "q", "v"), spend_parameters(theta), strict=True))


def spend_rows(
    n: FloatArray,
    total: FloatArray,
    log_total: FloatArray,
    partner: IntArray,
    *,
    partners: int,
) -> SpendRows:
    """Sort customers' amounts by partner.

    Parameters
    ----------
    n, total, log_total : float64 array, shape (n_customers,)
        Number of amounts (at least one), their sum, and the sum of their logs.
    partner : int64 array, shape (n_customers,)
    partners : int

    Returns
    -------
    SpendRows
    """
    order = np.lexsort((total, n, partner))
    return SpendRows(
        start=np.searchsorted(partner[order], np.arange(partners + 1)).astype(np.int64),
        n=n[order],
        total=total[order],
        log_total=np.bincount(partner, weights=log_total, minlength=partners).astype(np.float64),
    )


def spend_values(
    rows: SpendRows, log_p: FloatArray, log_excess: FloatArray, s: FloatArray, flat: FloatArray
) -> FloatArray:
    """Log-likelihood of every partner on a grid of its own.

    Parameters
    ----------
    rows : SpendRows
    log_p, log_excess : float64 array, shape (n_p,), (n_q,)
        Shared shapes, ``log p`` and ``log(q - 1)``.
    s : float64 array, shape (n_partners, n_s)
        Each partner's grid of ``log(mean spend)``.
    flat : float64 array, shape (n_partners, n_flat)
        A second level on which nothing depends.

    Returns
    -------
    float64 array, shape (n_partners, n_p, n_q, n_s, n_flat)
        Exactly 0 for a partner without amounts.

    References
    ----------
    Fader & Hardie (2013), The gamma-gamma model of monetary value, note 025, for single amounts.
    """
    partners = len(rows.start) - 1
    values = np.empty((partners, len(log_p), len(log_excess), s.shape[1]))
    _fill(rows.start, rows.n, rows.total, rows.log_total, log_p, log_excess, s, values)
    return np.repeat(values[..., None], flat.shape[1], axis=4)


@compiled
def _fill(
    start: IntArray,
    n: FloatArray,
    total: FloatArray,
    log_total: FloatArray,
    log_p: FloatArray,
    log_excess: FloatArray,
    s: FloatArray,
    out: FloatArray,
) -> None:
    for partner in range(out.shape[0]):
        low, high = start[partner], start[partner + 1]
        for i in range(log_p.size):
            p = math.exp(log_p[i])
            for k in range(log_excess.size):
                q = 1.0 + math.exp(log_excess[k])
                by_number, amounts, last, change = 0.0, 0.0, 0.0, 0.0
                for row in range(low, high):
                    if n[row] != last:
                        last = n[row]
                        change = log_gamma_ratio(q, p * last)
                    by_number += change
                    amounts += last
                by_number += (p - 1.0) * log_total[partner] - amounts * log_gamma(p)
                for j in range(s.shape[1]):
                    log_v = s[partner, j] + log_excess[k] - log_p[i]
                    v, growth = math.exp(log_v), 0.0
                    for row in range(low, high):
                        growth += (q + p * n[row]) * math.log1p(total[row] / v)
                    out[partner, i, k, j] = by_number - p * amounts * log_v - growth


def _problem(rows: SpendRows, cells: Cells, segments: int, priors: LevelPriors) -> HierarchyProblem:
    def values(
        log_p: FloatArray, log_excess: FloatArray, s: FloatArray, flat: FloatArray
    ) -> FloatArray:
        return spend_values(rows, log_p, log_excess, s, flat)

    amounts = np.concatenate(([0.0], np.cumsum(rows.n)))
    return HierarchyProblem(
        values=values,
        customers=np.diff(amounts[rows.start]),
        cells=cells,
        segments=segments,
        priors=priors,
        what=_WHAT,
    )


def _levelled(
    customers: pd.DataFrame, home: IntArray, *, log_mean: FloatArray, rows: IntArray
) -> pd.DataFrame:
    """Take off what partners differ in where that is most of it, so that the climb begins near.

    Else a fit without partners takes it for what customers differ in, and its shapes are those of
    another world.
    """
    partner = home[rows]
    size = np.bincount(partner, minlength=int(home.max()) + 1)
    there = np.maximum(size, 1)
    mean = np.bincount(partner, weights=log_mean, minlength=len(size)) / there
    spare = len(partner) - int((size > 0).sum())
    within = float(np.sum((log_mean - mean[partner]) ** 2)) / max(spare, 1)
    middle = float(np.median(mean[size > 0]))
    chance = within * float(np.mean(1.0 / size[size > 0]))
    between = float(np.mean((mean - middle)[size > 0] ** 2)) - chance
    if spare == 0 or between < within:
        return customers
    level = (mean - middle) * size * between / (there * between + within)
    factor = np.exp(-level[home])
    money = ["monetary_value", "first_value", "spend_sum"]
    return customers.assign(
        **customers[money].mul(factor, axis=0),
        spend_log_sum=customers["spend_log_sum"] - customers["spend_n"] * level[home],
    )


def _start(pooled: SpendFit, unit: float, *, columns: int) -> HierarchyStart:
    """Where the fit without partners is, in typical amounts, and how uncertain it is."""
    p, q, v = (pooled.draws[name][:, 0] for name in ("p", "q", "v"))
    shapes = np.stack([np.log(p), np.log(q - 1.0)])
    level = float(np.mean(np.log(p * v / (q - 1.0)))) - float(np.log(unit))
    return HierarchyStart(
        shapes=shapes.mean(axis=1),
        shapes_half=np.clip(6.0 * shapes.std(axis=1), 0.5, 5.0),
        means=np.array([level, 0.0]),
        effect=np.zeros((columns, 2)),
    )


def _spend_fit(
    found: HierarchyDraws,
    rows: SpendRows,
    cells: Cells,
    data: SpendData,
    rng: np.random.Generator,
) -> SpendFit:
    level = cells.reference_levels(found.levels.draws, found.shared.effect)[:, :, 0]
    shapes = found.shared.shapes
    p, excess = np.exp(shapes[:, :1]), np.exp(shapes[:, 1:])
    zero = rng.beta(1.0 + data.zeros, 1.0 + data.purchases - data.zeros, (len(level), 1))
    shape, overall = found.peak.shapes[0], found.peak.overall[0]
    best = spend_parameters(np.array([shape[0], overall[0], shape[1]]))
    average = cells.average_levels(found.peak.overall, found.peak.effect)[:, :1].copy()
    values = spend_values(rows, shape[:1], shape[1:], average, np.zeros_like(average))
    return SpendFit(
        model="gamma-gamma",
        first_purchase=data.first_purchase,
        draws={
            "p": p,
            "q": 1.0 + excess,
            "v": np.exp(level) * (excess / p * data.unit),
            "zero_share": zero,
        },
        point={
            "p": float(best[0]),
            "q": float(best[1]),
            "v": float(best[2]) * data.unit,
            "zero_share": data.zero_share,
        },
        log_likelihood=float(values.sum()) - float(data.n.sum() * np.log(data.unit)),
        diagnostics=hierarchy_diagnostics(found, what=_WHAT, levels=_LEVELS, also=data.flags),
    )


def _shared(found: HierarchyDraws, cells: Cells, unit: float) -> dict[str, FloatArray]:
    """Shared parameters by name, in the data's currency."""
    shared = found.shared
    means = cells.reference_means(shared.mean, shared.effect)
    named = {
        "log_p": shared.shapes[:, 0],
        "log_excess": shared.shapes[:, 1],
        "mean_log_spend": means[:, :, 0] + float(np.log(unit)),
        "sd_log_spend": shared.sd[:, 0],
    }
    if shared.mean.shape[1] > 1:
        named["tau_log_spend"] = shared.tau[:, 0]
    return named
