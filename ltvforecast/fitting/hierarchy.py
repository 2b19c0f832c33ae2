"""Fits the purchase process of every partner, each borrowing strength from its segment.

Partner ``p`` has its own mean purchase rate ``u_p = log(r / alpha_p)`` and its own dropout
``v_p = logit(a_p / (a_p + b_p))``, normal around its segment's means; how much customers differ
within a partner (``r``, ``a + b``) is shared, because it takes hundreds of customers to see it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.special import expit

from ltvforecast.errors import SummaryError
from ltvforecast.fit_types import PurchaseFit
from ltvforecast.fitting.compress import unique_rows
from ltvforecast.fitting.covariate_design import CovariateDesign
from ltvforecast.fitting.hierarchy_cells import Cells, make_cells
from ltvforecast.fitting.hierarchy_diagnostics import hierarchy_diagnostics
from ltvforecast.fitting.hierarchy_gates import HierarchyChecks, Refused
from ltvforecast.fitting.hierarchy_levels import APART, LevelPriors
from ltvforecast.fitting.hierarchy_likelihood import PartnerRows, partner_rows, purchase_values
from ltvforecast.fitting.hierarchy_place import HierarchyProblem, HierarchyStart
from ltvforecast.fitting.hierarchy_posterior import HierarchyDraws, Progress, sample_hierarchy
from ltvforecast.fitting.hierarchy_tables import levels_of_all
from ltvforecast.fitting.priors import PURCHASE_PRIOR, NormalPrior
from ltvforecast.fitting.purchase import fit_purchase
from ltvforecast.fitting.purchase_likelihood import purchase_parameters
from ltvforecast.partner_types import PartnerPooling
from ltvforecast.types import FloatArray, IntArray

__all__ = [
    "PARTNER_PURCHASE_PRIORS",
    "PartnerPurchases",
    "fit_partner_purchases",
    "home_numbers",
    "new_partner_purchases",
    "segment_numbers",
    "segment_place",
]

_WHAT = "the partners' purchase processes"
_LEVELS = ("how often customers buy", "how soon customers stop")

PARTNER_PURCHASE_PRIORS = LevelPriors(
    shapes=NormalPrior(
        names=(PURCHASE_PRIOR.names[0], PURCHASE_PRIOR.names[3]),
        mean=(PURCHASE_PRIOR.mean[0], PURCHASE_PRIOR.mean[3]),
        sd=(PURCHASE_PRIOR.sd[0], PURCHASE_PRIOR.sd[3]),
    ),
    means=NormalPrior(
        names=(PURCHASE_PRIOR.names[1], PURCHASE_PRIOR.names[2]),
        mean=(PURCHASE_PRIOR.mean[1], PURCHASE_PRIOR.mean[2]),
        sd=(PURCHASE_PRIOR.sd[1], PURCHASE_PRIOR.sd[2]),
    ),
)
"""Of ``log r, log(a+b)`` and of the mean ``log(r/alpha), logit a/(a+b)``; time in mean ages."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerPurchases:
    """Fitted purchase process of every partner, and what the partners share.

    Attributes
    ----------
    purchase : PurchaseFit
        ``alpha, a, b`` of shape (draw, partner) and ``r``, which is shared, of shape (draw, 1);
        ``point`` is the programme's average partner.
    shared : mapping of str to float64 array
        ``log_r, log_phi`` of shape (draw,); ``mean_log_rate, mean_dropout_logit`` of shape
        (draw, segment), the rate in purchases per unit of time; ``sd_log_rate, sd_dropout_logit``
        of shape (draw,); with several segments ``tau_log_rate, tau_dropout_logit``, the spread of
        segments, too.
    shrinkage : mapping of str to float64 array, shape (n_partners,)
        ``log_rate, dropout_logit``: 1 where the partner's own data decide, 0 where it is given the
        segment's average; below .2 say "mostly the segment average".
    segment_names : tuple of str
    segment : int64 array, shape (n_partners,)
    checks : HierarchyChecks or None
        None of Markov chains.
    effects : mapping of str to float64 array, shape (draw, column), or None
        ``log_rate, dropout_logit``: what covariates go with. The parameters above are those of
        customers whose columns are 0, and the means those of such partners.
    """

    purchase: PurchaseFit
    shared: Mapping[str, FloatArray]
    shrinkage: Mapping[str, FloatArray]
    segment_names: tuple[str, ...]
    segment: IntArray
    checks: HierarchyChecks | None = None
    effects: Mapping[str, FloatArray] | None = None


def fit_partner_purchases(
    x: npt.ArrayLike,
    t_x: npt.ArrayLike,
    T: npt.ArrayLike,
    partner: npt.ArrayLike,
    *,
    partners: int,
    segments: Sequence[str] | None = None,
    apart: bool = False,
    covariates: CovariateDesign | None = None,
    draws: int = 1000,
    rng: np.random.Generator,
    progress: Progress | None = None,
) -> PartnerPurchases | Refused:
    """Fit BG/NBD with partial pooling of partners.

    Parameters
    ----------
    x, t_x, T : array_like, shape (n_customers,)
        Repeat purchases, time of the last one and age, in one unit of time.
    partner : array_like of int, shape (n_customers,)
        Each customer's home partner, from 0; a customer counts once.
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
    PartnerPurchases or Refused
        Refused: a gate failed, and NUTS should be used.

    Raises
    ------
    ConfigError
        Covariates make too many kinds of customers.
    ConvergenceError
        There is nothing to fit.
    SummaryError
        A history is impossible, or a customer's partner is none.

    Notes
    -----
    Priors are free of scale: time counts in mean ages. ``sd ~ HalfNormal(.75)``, ``tau ~
    HalfNormal(.5)``, effects of covariates ``~ Normal(0, .5)``; the others are those of the fit
    without partners. Covariates of partners move the mean of their levels, and those of customers
    the levels themselves; all parameters have one joint posterior.
    """
    columns = tuple(np.asarray(column, dtype=np.float64) for column in (x, t_x, T))
    every = unique_rows(*columns)
    home = home_numbers(partner, len(columns[0]), partners)
    names, segment = segment_numbers(segments, partners)
    pooled = fit_purchase(*columns, draws=400, rng=rng)
    unit = float(np.sum(every.T * every.weight) / every.weight.sum())
    scaled = columns[0], columns[1] / unit, columns[2] / unit
    pattern = None if covariates is None else covariates.customer_pattern
    cells, cell = make_cells(home, segment, len(names), design=covariates, pattern=pattern)
    rows = partner_rows(*scaled, cell, partners=len(cells.pattern))
    priors = replace(PARTNER_PURCHASE_PRIORS, apart=APART if apart else None)
    problem = _problem(rows, cells, len(names), priors)
    some = cells.pilot()
    pilot = None if some is None else _problem(rows.part(some[1]), some[0], len(names), priors)
    start = _start(pooled, unit, columns=len(cells.names))
    found = sample_hierarchy(problem, start, pilot=pilot, draws=draws, rng=rng, progress=progress)
    if isinstance(found, Refused):
        return found
    levels = levels_of_all(
        found.levels, found.shared, cells=cells, segment=segment, design=covariates, rng=rng
    )
    found = replace(found, levels=levels)
    effect = found.shared.effect
    return PartnerPurchases(
        purchase=_purchase_fit(found, rows, cells, unit),
        shared=_shared(found, cells, unit),
        shrinkage={
            "log_rate": found.levels.shrinkage[:, 0],
            "dropout_logit": found.levels.shrinkage[:, 1],
        },
        segment_names=names,
        segment=segment,
        checks=found.checks,
        effects=None
        if covariates is None
        else {"log_rate": effect[:, :, 0], "dropout_logit": effect[:, :, 1]},
    )


def new_partner_purchases(
    fit: PartnerPurchases | PartnerPooling, segment: str, rng: np.random.Generator
) -> dict[str, FloatArray]:
    """Draw the parameters of a partner of whom nothing is known but its segment.

    Parameters
    ----------
    fit : PartnerPurchases or PartnerPooling
    segment : str
        One of ``fit.segment_names``.
    rng : numpy.random.Generator

    Returns
    -------
    dict of str to float64 array, shape (draw,)
        ``r, alpha, a, b``, drawn with the same shared parameters as the fit's draws.

    Raises
    ------
    SummaryError
        There is no such segment.
    """
    place = segment_place(fit.segment_names, segment)
    shared = fit.shared
    count = len(shared["log_r"])
    theta = np.empty((count, 4))
    theta[:, 0], theta[:, 3] = shared["log_r"], shared["log_phi"]
    for column, name in ((1, "log_rate"), (2, "dropout_logit")):
        mean = shared[f"mean_{name}"][:, place]
        theta[:, column] = mean + shared[f"sd_{name}"] * rng.standard_normal(count)
    return dict(zip(("r", "alpha", "a", "b"), purchase_parameters(theta), strict=True))


def segment_numbers(
    segments: Sequence[str] | None, partners: int
) -> tuple[tuple[str, ...], IntArray]:
    """Give the segments numbers, in the order of their names.

    Parameters
    ----------
    segments : sequence of str, or None
        Each partner's segment.
    partners : int

    Returns
    -------
    names : tuple of str
    segment : int64 array, shape (n_partners,)

    Raises
    ------
    SummaryError
        Not as many as partners.

    Examples
    --------
    >>> segment_numbers(["shop", "blog", "shop"], 3)
    (('blog', 'shop'), array([1, 0, 1]))
    """
    if segments is None:
        return ("all partners",), np.zeros(partners, dtype=np.int64)
    if len(segments) != partners:
        raise SummaryError(
            f"{len(segments):,} segments for {partners:,} partners",
            expected="one segment for each partner",
            remedy="give the segments in the order of the partners",
        )
    names, segment = np.unique(np.asarray(segments, dtype=str), return_inverse=True)
    return tuple(str(name) for name in names), segment.astype(np.int64)


def segment_place(names: tuple[str, ...], segment: str) -> int:
    """Find a segment's number.

    Parameters
    ----------
    names : tuple of str
    segment : str

    Returns
    -------
    int

    Raises
    ------
    SummaryError
        There is no such segment.
    """
    if segment not in names:
        raise SummaryError(
            f"segment {segment!r}",
            expected=f"one of {', '.join(names)}",
            remedy="give the new partner one of the segments that the model was fitted with",
        )
    return names.index(segment)


def home_numbers(partner: npt.ArrayLike, customers: int, partners: int) -> IntArray:
    """Check the customers' home partners.

    Parameters
    ----------
    partner : array_like of int, shape (n_customers,)
    customers, partners : int
        How many there are.

    Returns
    -------
    int64 array, shape (n_customers,)

    Raises
    ------
    SummaryError
        Not one whole number from 0 to ``partners - 1`` for every customer.
    """
    home = np.asarray(partner)
    whole = np.issubdtype(home.dtype, np.integer) and home.shape == (customers,)
    if whole and np.all((home >= 0) & (home < partners)):
        return home.astype(np.int64)
    raise SummaryError(
        f"home partners that are not numbers from 0 to {partners - 1}, one a customer",
        expected="the number of each customer's home partner",
        remedy="take the place of customers['partner_id'] in the summary's partner_ids",
    )


def _problem(
    rows: PartnerRows, cells: Cells, segments: int, priors: LevelPriors
) -> HierarchyProblem:
    def values(log_r: FloatArray, log_phi: FloatArray, u: FloatArray, v: FloatArray) -> FloatArray:
        return purchase_values(rows, log_r, log_phi, u, v)

    return HierarchyProblem(
        values=values,
        customers=rows.customers,
        cells=cells,
        segments=segments,
        priors=priors,
        what=_WHAT,
    )


def _start(pooled: PurchaseFit, unit: float, *, columns: int) -> HierarchyStart:
    """Where the fit without partners is, in mean ages, and how uncertain it is."""
    r, alpha, a, b = (pooled.draws[name][:, 0] for name in ("r", "alpha", "a", "b"))
    shapes = np.stack([np.log(r), np.log(a + b)])
    centre = shapes.mean(axis=1)
    return HierarchyStart(
        shapes=centre,
        shapes_half=np.clip(6.0 * shapes.std(axis=1), [0.4, 0.8], 6.0),
        means=np.array([np.log(r / alpha).mean() + np.log(unit), np.log(a / b).mean()]),
        effect=np.zeros((columns, 2)),
    )


def _purchase_fit(
    found: HierarchyDraws, rows: PartnerRows, cells: Cells, unit: float
) -> PurchaseFit:
    levels = cells.reference_levels(found.levels.draws, found.shared.effect)
    shapes = found.shared.shapes
    r, phi = np.exp(shapes[:, :1]), np.exp(shapes[:, 1:])
    shape, overall = found.peak.shapes[0], found.peak.overall[0]
    peak = np.concatenate([shape[:1], overall, shape[1:]])
    point = dict(zip(("r", "alpha", "a", "b"), purchase_parameters(peak), strict=True))
    point["alpha"] = point["alpha"] * unit
    return PurchaseFit(
        model="bg-nbd",
        draws={
            "r": r,
            "alpha": r * np.exp(-levels[:, :, 0]) * unit,
            "a": phi * expit(levels[:, :, 1]),
            "b": phi * expit(-levels[:, :, 1]),
        },
        point={name: float(value) for name, value in point.items()},
        log_likelihood=_log_likelihood(found, rows, cells, unit),
        diagnostics=hierarchy_diagnostics(found, what=_WHAT, levels=_LEVELS),
    )


def _log_likelihood(found: HierarchyDraws, rows: PartnerRows, cells: Cells, unit: float) -> float:
    """At the peak, with every partner the average of those with its covariates."""
    at = cells.average_levels(found.peak.overall, found.peak.effect)
    grid = (at[:, :1].copy(), at[:, 1:].copy())
    shapes = found.peak.shapes[0]
    total = float(purchase_values(rows, shapes[:1], shapes[1:], *grid).sum())
    return total - float(np.sum(rows.x * rows.weight)) * float(np.log(unit))


def _shared(found: HierarchyDraws, cells: Cells, unit: float) -> dict[str, FloatArray]:
    """Shared parameters by name, in the data's unit of time."""
    shared = found.shared
    means = cells.reference_means(shared.mean, shared.effect)
    named = {"log_r": shared.shapes[:, 0], "log_phi": shared.shapes[:, 1]}
    for d, (name, shift) in enumerate((("log_rate", float(np.log(unit))), ("dropout_logit", 0.0))):
        named[f"mean_{name}"] = means[:, :, d] - shift
        named[f"sd_{name}"] = shared.sd[:, d]
        if shared.mean.shape[1] > 1:
            named[f"tau_{name}"] = shared.tau[:, d]
    return named
