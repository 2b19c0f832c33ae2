"""Posterior of a partner hierarchy without a chain: shared parameters first, then every partner.

The partners' own levels are integrated out by quadrature, so that the posterior of what they share
has a handful of coordinates and no funnel; it is sampled like any other (:mod:`laplace`). Given
each draw of it the partners are independent and are drawn one by one. Whatever was approximated
on the way is measured, and a fit that fails a gate is refused, not returned.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ltvforecast.errors import ConvergenceError
from ltvforecast.fitting.hierarchy_gates import (
    LARGEST_ERROR,
    HierarchyChecks,
    Refused,
    check_hierarchy,
    failed_gates,
    finer_tables_help,
    table_errors,
)
from ltvforecast.fitting.hierarchy_levels import (
    Anchors,
    LevelPriors,
    Shared,
)
from ltvforecast.fitting.hierarchy_place import (
    MANY_PARTNERS,
    HierarchyProblem,
    HierarchyStart,
    Place,
    locate,
    start_of,
)
from ltvforecast.fitting.hierarchy_stand_in import Parts, sample_by_stand_in
from ltvforecast.fitting.hierarchy_tables import (
    PartnerLevels,
    PartnerTables,
    marginal_parts,
    sample_levels,
    within,
)
from ltvforecast.fitting.laplace import PosteriorDraws, sample_posterior
from ltvforecast.fitting.mle import Optimum
from ltvforecast.fitting.priors import NormalPrior
from ltvforecast.types import FloatArray

__all__ = ["HierarchyDraws", "Progress", "sample_hierarchy"]

Progress = Callable[[str, int, int], None]

_FINER = (1.0, 1.4, 2.0)
_LOOKED_AT = 12
_FEWEST_PROPOSALS = 1000
_PROPOSALS_PER_DRAW = 2.5
_MOST_PARTS = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class HierarchyDraws:
    """Draws of what partners share, and of the partners' levels.

    Attributes
    ----------
    shared : Shared
    levels : PartnerLevels
    optimum : Optimum
        Peak of the shared parameters, in their coordinates.
    peak : Shared
        The same as parameters, one row.
    checks : HierarchyChecks
    dominated : tuple of str
        Shared parameters about which the data say next to nothing.
    """

    shared: Shared
    levels: PartnerLevels
    optimum: Optimum
    peak: Shared
    checks: HierarchyChecks
    dominated: tuple[str, ...]


def sample_hierarchy(
    problem: HierarchyProblem,
    start: HierarchyStart,
    *,
    pilot: HierarchyProblem | None = None,
    draws: int,
    rng: np.random.Generator,
    progress: Progress | None = None,
) -> HierarchyDraws | Refused:
    """Draw from the posterior of a hierarchy of partners.

    Parameters
    ----------
    problem : HierarchyProblem
    start : HierarchyStart
    pilot : HierarchyProblem, optional
        Some of the partners, on which to find out first where to look.
    draws : int
    rng : numpy.random.Generator
    progress : callable, optional
        Called with what is being done, steps done, and steps in all.

    Returns
    -------
    HierarchyDraws or Refused
    """

    def tell(doing: str, step: int) -> None:
        if progress is not None:
            progress(f"{doing} {problem.what}", step, 4)

    refused = Refused(what=problem.what, gates=())
    eta: FloatArray | None = None
    bends: FloatArray | None = None
    if pilot is not None:
        tell("looking at some of", 0)
        try:
            first = locate(pilot, start, rng=rng)
        except ConvergenceError as error:
            return Refused(what=problem.what, gates=(error.found,))
        start, eta = start_of(pilot, first, wider=0.5), first.optimum.theta
        more = len(problem.cells.group) / len(pilot.cells.group)
        bends = first.optimum.curvature * more if problem.segments == 1 else None
    for finer in _FINER:
        try:
            tell("tabulating", 1)
            place = locate(problem, start, rng=rng, eta=eta, bends=bends, finer=finer)
            if finer < _FINER[-1] and _too_coarse(problem, place):
                eta, start = place.optimum.theta, start_of(problem, place, wider=1.5)
                continue
            tell("drawing what is shared by", 2)
            found, off = _sampled(problem, place, draws=draws, rng=rng)
        except ConvergenceError as error:
            return Refused(what=problem.what, gates=(error.found,))
        tell("drawing one by one", 3)
        shared = problem.shared(found.theta, place.anchors)
        levels = sample_levels(shared, place.tables, rng)
        checks = check_hierarchy(
            problem.values, place.tables, found, shared=shared, levels=levels, stand_in=off
        )
        gates = failed_gates(checks)
        if not gates:
            return HierarchyDraws(
                shared=shared,
                levels=levels,
                optimum=place.optimum,
                peak=problem.shared(place.optimum.theta[None, :], place.anchors),
                checks=checks,
                dominated=_dominated(found, place.guard, problem.priors),
            )
        refused = Refused(what=problem.what, gates=gates, checks=checks)
        if not finer_tables_help(checks):
            break
        eta, start = place.optimum.theta, start_of(problem, place, wider=1.5)
    return refused


def _sampled(
    problem: HierarchyProblem, place: Place, *, draws: int, rng: np.random.Generator
) -> tuple[PosteriorDraws, float]:
    """Draw with a stand-in where the density is the sum of a few parts, and else as it is."""
    parts = _parts_of(problem, place.tables, place.anchors)
    if parts is not None:
        found = sample_by_stand_in(parts, place.optimum, prior=place.guard, draws=draws, rng=rng)
        if found is not None:
            return found.draws, found.error
    direct = sample_posterior(
        place.density,
        place.optimum,
        prior=place.guard,
        draws=draws,
        rng=rng,
        what=problem.what,
        proposals=max(_FEWEST_PROPOSALS, int(_PROPOSALS_PER_DRAW * draws)),
    )
    return direct, 0.0


def _too_coarse(problem: HierarchyProblem, place: Place) -> bool:
    """Whether tables are off near the peak already: nothing that is drawn by them would pass."""
    rng = np.random.default_rng(0)  # of its own: whether it is looked at changes no draw
    values, vectors = np.linalg.eigh(place.optimum.curvature)
    if not values.min() > 0.0:
        return False
    near = rng.standard_normal((_LOOKED_AT, len(values))) @ (vectors / np.sqrt(values)).T
    shared = problem.shared(place.optimum.theta + near, place.anchors)
    inside = np.flatnonzero(within(shared, place.tables))
    if len(inside) < _LOOKED_AT // 2:
        return False
    few = shared.part(inside)
    levels = sample_levels(few, place.tables, rng).draws
    return max(table_errors(problem.values, place.tables, few, levels)) > 2.0 * LARGEST_ERROR


def _parts_of(problem: HierarchyProblem, tables: PartnerTables, anchors: Anchors) -> Parts | None:
    """Take the density apart by segment: shapes, the segment's means, and spreads."""
    cells, priors, segments = problem.cells, problem.priors, problem.segments
    if cells.names or segments > _MOST_PARTS or len(cells.group) < MANY_PARTNERS:
        return None
    levels = priors.levels
    score = 3 + np.arange(levels) * (2 if segments == 1 else 3 + segments)
    own = [*range(levels)]

    def values(eta: FloatArray) -> FloatArray:
        with np.errstate(all="ignore"):
            shared = problem.shared(eta, anchors)
            return marginal_parts(shared, tables, cells.segment, parts=segments)

    def coordinates(eta: FloatArray) -> tuple[FloatArray, FloatArray]:
        with np.errstate(all="ignore"):
            shared = problem.shared(eta, anchors)
        scores = eta[:, score] if priors.apart is None else eta[:, :0]
        made = [
            np.concatenate([eta[:, :2], shared.mean[:, g, own], scores], axis=1)
            for g in range(segments)
        ]
        return np.stack(made), np.where(within(shared, tables), shared.log_prior, -np.inf)

    return Parts(values=values, coordinates=coordinates)


def _dominated(found: PosteriorDraws, guard: NormalPrior, priors: LevelPriors) -> tuple[str, ...]:
    if priors.apart is not None:
        return ()
    ratio = found.theta.std(axis=0) / np.asarray(guard.sd)
    return tuple(name for name, wide in zip(guard.names, ratio > 0.9, strict=True) if wide)
