"""Where the posterior of a partner hierarchy lies: a climb, and tables moved to the peak."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from ltvforecast.fitting.hierarchy_cells import Cells
from ltvforecast.fitting.hierarchy_climb import STEP, climb, climb_by_slopes, room
from ltvforecast.fitting.hierarchy_levels import (
    SD_SCALE,
    TAU_SCALE,
    Anchors,
    LevelPriors,
    Shared,
    guard_prior,
    score_of,
    shared_of,
)
from ltvforecast.fitting.hierarchy_tables import (
    Box,
    PartnerTables,
    PartnerValues,
    fill_tables,
    log_marginal,
    partner_ranges,
)
from ltvforecast.fitting.laplace import LogDensity
from ltvforecast.fitting.mle import Optimum
from ltvforecast.fitting.priors import NormalPrior
from ltvforecast.types import FloatArray

__all__ = ["MANY_PARTNERS", "HierarchyProblem", "HierarchyStart", "Place", "locate", "start_of"]

MANY_PARTNERS = 800
"""Of fewer, the posterior is too far from normal for a stand-in."""
_ROUNDS = 8
_PILOT_DRAWS, _FEWER_PILOT_DRAWS = 200, 60
_REACH = 4.5
_WIDE_SD = 1.8
_SHAPE_REACH = 6.0
_MANY_COORDINATES = 14
_ROUGH = 0.75
_ROUGH_SD = 0.8


@dataclass(frozen=True, slots=True, kw_only=True)
class HierarchyProblem:
    """Partners with data, and the priors of what they share.

    Attributes
    ----------
    values : callable
        Exact log-likelihoods on grids (see :data:`hierarchy_tables.PartnerValues`).
    customers : float64 array, shape (n_cells,)
    cells : Cells
    segments : int
    priors : LevelPriors
    what : str
        For messages.
    """

    values: PartnerValues
    customers: FloatArray
    cells: Cells
    segments: int
    priors: LevelPriors
    what: str

    def shared(self, eta: FloatArray, anchors: Anchors) -> Shared:
        """Turn coordinates into shared parameters."""
        return shared_of(eta, self.priors, anchors, columns=len(self.cells.names))


@dataclass(frozen=True, slots=True, kw_only=True)
class HierarchyStart:
    """Where to begin: the fit that makes no difference between partners.

    Attributes
    ----------
    shapes, shapes_half : float64 array, shape (2,)
        And how far off they may be.
    means : float64 array, shape (2,)
        Of the levels.
    effect : float64 array, shape (column, 2)
        Of covariates on the levels.
    """

    shapes: FloatArray
    shapes_half: FloatArray
    means: FloatArray
    effect: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the posterior lies, and tables of the partners' log-likelihoods around there.

    Attributes
    ----------
    tables : PartnerTables
    anchors : Anchors
        What the coordinates are counted from.
    optimum : Optimum
        The peak of what partners share.
    guard : NormalPrior
        Of the coordinates.
    density : callable
        Log posterior density of many points at once.
    """

    tables: PartnerTables
    anchors: Anchors
    optimum: Optimum
    guard: NormalPrior
    density: LogDensity


def start_of(problem: HierarchyProblem, place: Place, *, wider: float) -> HierarchyStart:
    """Begin another search where this one ended.

    Parameters
    ----------
    problem : HierarchyProblem
    place : Place
    wider : float
        Times the width of the tables in the shared shapes.

    Returns
    -------
    HierarchyStart
    """
    theta = place.optimum.theta
    peak = problem.shared(theta[None, :], place.anchors)
    overall = peak.overall[0]
    return HierarchyStart(
        shapes=theta[:2],
        shapes_half=wider * place.tables.box.shapes_half,
        means=np.concatenate([overall, np.zeros(2 - len(overall))]),
        effect=peak.effect[0],
    )


def locate(
    problem: HierarchyProblem,
    start: HierarchyStart,
    *,
    rng: np.random.Generator,
    eta: FloatArray | None = None,
    bends: FloatArray | None = None,
    finer: float = 1.0,
) -> Place:
    """Tabulate, climb, and move the tables to where the posterior turns out to be.

    Parameters
    ----------
    problem : HierarchyProblem
    start : HierarchyStart
    rng : numpy.random.Generator
        For points that show how far the posterior reaches.
    eta : float64 array, shape (d,), optional
        Where to begin the climb.
    bends : float64 array, shape (d, d), optional
        Curvature there, as far as it is known.
    finer : float
        Nodes of the tables, as a multiple of the usual number.

    Returns
    -------
    Place

    Raises
    ------
    ConvergenceError
        The density is not finite near its peak.
    """
    levels = problem.priors.levels
    cells = problem.cells
    guard = guard_prior(problem.priors, problem.segments, columns=cells.names)
    peaks, spread = _rough_peaks(problem, start)
    anchors = _anchors(problem, start, peaks, spread)
    half = np.ones((len(cells.pattern), 2))
    half[:, :levels] = 6.0 * spread[cells.owner, :levels] + 0.2
    centre = peaks[cells.owner] + cells.shifts(start.effect[None])[0, cells.pattern]
    box = Box(shapes=start.shapes, shapes_half=start.shapes_half, centre=centre, half=half)
    eta = _first_eta(problem, start) if eta is None else eta.copy()
    many = len(eta) > _MANY_COORDINATES
    # where there are many coordinates, other points each time would never agree on the boxes
    count = _PILOT_DRAWS if len(cells.group) < MANY_PARTNERS else _FEWER_PILOT_DRAWS
    same = rng.standard_normal((count, len(eta))) if many else None
    for turn in range(_ROUNDS):
        rough = turn == 0
        tables = fill_tables(
            problem.values,
            box,
            customers=problem.customers,
            cells=cells,
            levels=levels,
            finer=_ROUGH * finer if rough else finer,
        )
        density = _density_of(problem, tables, anchors)
        if many or bends is not None:
            optimum = climb_by_slopes(density, eta, tables.box, bends)
        else:
            optimum = climb(density, eta, tables.box)
        eta, bends = optimum.theta, optimum.curvature
        points = rng.standard_normal((count, len(eta))) if same is None else same
        box = _next_box(
            problem, tables, anchors=anchors, optimum=optimum, guard=guard, points=points
        )
        if not rough and _covers(tables.box, box):
            break
    return Place(tables=tables, anchors=anchors, optimum=optimum, guard=guard, density=density)


def _density_of(problem: HierarchyProblem, tables: PartnerTables, anchors: Anchors) -> LogDensity:
    def density(eta: FloatArray) -> FloatArray:
        with np.errstate(all="ignore"):
            return log_marginal(problem.shared(eta, anchors), tables)

    return density


def _first_eta(problem: HierarchyProblem, start: HierarchyStart) -> FloatArray:
    eta = [*start.shapes]
    for d in range(problem.priors.levels):
        if problem.segments == 1:
            eta += [start.means[d], score_of(0.4, SD_SCALE)]
        else:
            eta += [0.0, score_of(0.4, SD_SCALE), score_of(0.2, TAU_SCALE)]
            eta += [0.0] * problem.segments
        eta += [*start.effect[:, d]]
    return np.array(eta)


def _rough_peaks(problem: HierarchyProblem, start: HierarchyStart) -> tuple[FloatArray, FloatArray]:
    """Peak and spread of each partner's levels under a wide prior, by differences."""
    cells, levels = problem.cells, problem.priors.levels
    partners, owner = len(cells.group), cells.owner
    shift = cells.shifts(start.effect[None])[0, cells.pattern]
    middle = start.means + cells.means(np.zeros((1, problem.segments, 2)), start.effect[None])[0]
    middle = middle[cells.group]
    at = middle.copy()
    offsets = np.array([-STEP, 0.0, STEP]) * 2.5
    step = offsets[2]
    precision = _ROUGH_SD**-2.0
    flat = np.zeros(1)
    for _ in range(40):
        there = at[owner] + shift
        every = problem.values(
            start.shapes[:1],
            start.shapes[1:],
            there[:, :1] + offsets,
            there[:, 1:] + (offsets if levels == 2 else flat),
        )[:, 0, 0]
        grid = np.add.reduceat(every, cells.start[:-1], axis=0)
        slope, bend = np.zeros((partners, 2)), np.zeros((partners, 2, 2))
        m = grid.shape[2] // 2
        slope[:, 0] = (grid[:, 2, m] - grid[:, 0, m]) / (2.0 * step)
        bend[:, 0, 0] = (grid[:, 2, m] - 2 * grid[:, 1, m] + grid[:, 0, m]) / step**2
        if levels == 2:
            slope[:, 1] = (grid[:, 1, 2] - grid[:, 1, 0]) / (2.0 * step)
            bend[:, 1, 1] = (grid[:, 1, 2] - 2 * grid[:, 1, 1] + grid[:, 1, 0]) / step**2
            cross = grid[:, 2, 2] - grid[:, 2, 0] - grid[:, 0, 2] + grid[:, 0, 0]
            bend[:, 0, 1] = bend[:, 1, 0] = cross / (4.0 * step**2)
        slope -= (at - middle) * precision
        curvature = _concave(-bend, precision)
        move = np.clip(np.linalg.solve(curvature, slope[:, :, None])[:, :, 0], -1.0, 1.0)
        at = at + move
        if np.abs(move).max(initial=0.0) < 0.02:
            break
    variance = np.linalg.inv(curvature)
    return at, np.sqrt(np.stack([variance[:, 0, 0], variance[:, 1, 1]], axis=1))


def _concave(curvature: FloatArray, precision: float) -> FloatArray:
    """Add the prior's precision to a likelihood's curvature, or to its positive part."""
    values, vectors = np.linalg.eigh(curvature)
    values = np.maximum(values, 0.0) + precision
    return np.asarray(np.einsum("pij,pj,pkj->pik", vectors, values, vectors))


def _anchors(
    problem: HierarchyProblem, start: HierarchyStart, peaks: FloatArray, spread: FloatArray
) -> Anchors:
    """Weigh the partners' own estimates together by segment."""
    levels, segment = problem.priors.levels, problem.cells.segment
    own = np.maximum(spread**-2.0 - _ROUGH_SD**-2.0, 0.0)
    share = 1.0 / (1.0 + own * 0.25)
    moved = problem.cells.columns @ start.effect
    middle = start.means + moved[problem.cells.group]
    pulled = (peaks * spread**-2.0 - middle * _ROUGH_SD**-2.0) * share
    precision = np.zeros((problem.segments, levels))
    total = np.zeros((problem.segments, levels))
    for d in range(levels):
        precision[:, d] = np.bincount(
            segment, weights=(own * share)[:, d], minlength=problem.segments
        )
        total[:, d] = np.bincount(
            segment,
            weights=np.where(own > 0, pulled, 0.0)[:, d],
            minlength=problem.segments,
        )
    estimate = total / np.maximum(precision, 1e-9)
    many = np.maximum(np.bincount(segment, minlength=problem.segments), 1)
    columns = np.zeros((problem.segments, len(problem.cells.names)))
    np.add.at(columns, segment, problem.cells.columns[problem.cells.group])
    return Anchors(estimate=estimate, precision=precision, columns=columns / many[:, None])


def _next_box(
    problem: HierarchyProblem,
    tables: PartnerTables,
    *,
    anchors: Anchors,
    optimum: Optimum,
    guard: NormalPrior,
    points: FloatArray,
) -> Box:
    """Box around where shared parameters and partners may be, as far as is known now."""
    sd = np.asarray(guard.sd)
    values, vectors = np.linalg.eigh(optimum.curvature * np.outer(sd, sd))
    root = sd[:, None] * vectors / np.sqrt(np.maximum(values, 0.5))
    spread = np.sqrt((root[:2] ** 2).sum(axis=1))
    eta = optimum.theta + 1.2 * points @ root.T
    box = tables.box
    eta[:, :2] = np.clip(eta[:, :2], box.shapes - box.shapes_half, box.shapes + box.shapes_half)
    plausible = problem.shared(eta, anchors)
    plausible = replace(plausible, sd=np.minimum(plausible.sd, _WIDE_SD))
    low, high = partner_ranges(plausible, tables, reach=_REACH)
    half = np.maximum((high - low) / 2.0, 1e-3)
    if problem.priors.levels == 1:
        half[:, 1] = 1.0
    wide = np.maximum(_SHAPE_REACH * spread, 3.0 * STEP)
    stopped = np.abs(optimum.theta[:2] - box.shapes) >= 0.999 * room(box)
    return Box(
        shapes=optimum.theta[:2],
        shapes_half=np.where(stopped, np.clip(4.0 * box.shapes_half, wide, 8.0), wide),
        centre=(high + low) / 2.0,
        half=half,
    )


def _covers(box: Box, wanted: Box) -> bool:
    """Whether tables on ``box`` do for ``wanted``, and aren't much too wide."""
    off = np.abs(box.shapes - wanted.shapes)
    good = np.all(off + wanted.shapes_half <= 1.15 * box.shapes_half)
    good &= np.all(box.shapes_half <= 2.0 * wanted.shapes_half)
    off = np.abs(box.centre - wanted.centre)
    good &= np.all(off + wanted.half <= 1.15 * box.half + 0.02)
    return bool(good)
