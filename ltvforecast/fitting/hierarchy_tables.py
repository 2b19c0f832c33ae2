"""Partners' log-likelihoods as Chebyshev tables, and their integrals over the partner's own levels.

The rows of customers are needed only to fill the tables. After that every value of the shared
parameters costs the same, however many customers there are: the table is contracted to one
function of the partner's two levels, whose posterior peak is found by Newton's method and
integrated by Gauss-Hermite nodes that follow the peak (Naylor & Smith 1982; Liu & Pierce 1994).

References
----------
Caffo, B. S., Booth, J. G. and Davis, A. C. (2002), "Empirical supremum rejection sampling",
Biometrika 89(4), 745-754.
Liu, Q. and Pierce, D. A. (1994), "A note on Gauss-Hermite quadrature", Biometrika 81(3), 624-629.
Naylor, J. C. and Smith, A. F. M. (1982), "Applications of a method for the efficient computation
of posterior distributions", Applied Statistics 31(3), 214-225.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln

from ltvforecast.fitting.chebyshev import chebyshev_nodes, chebyshev_polynomials
from ltvforecast.fitting.covariate_design import CovariateDesign
from ltvforecast.fitting.hierarchy_cells import Cells
from ltvforecast.fitting.hierarchy_kernels import (
    draw_levels,
    level_ranges,
    log_marginals,
    table_at,
)
from ltvforecast.fitting.hierarchy_levels import Shared
from ltvforecast.types import FloatArray, IntArray

__all__ = [
    "Box",
    "PartnerLevels",
    "PartnerTables",
    "PartnerValues",
    "fill_tables",
    "levels_of_all",
    "log_marginal",
    "marginal_parts",
    "partner_ranges",
    "sample_levels",
    "table_gap",
    "within",
]

PartnerValues = Callable[[FloatArray, FloatArray, FloatArray, FloatArray], FloatArray]
"""Exact log-likelihoods on grids: shapes (n_1,), (n_2,), levels (n_cells, n_3), (.., n_4)."""

NODES = 5
"""Gauss-Hermite nodes along each level."""
WIDEST = 3.0
"""Spreads of partners above this, four times the scale of their prior, are left out."""
_DF = 7.0
_BANK = 16_384
_ERROR = 3e-3
"""Aimed-at error of a partner's log-likelihood at the edge of its box, relative to its number of
customers plus one; less for more than a few hundred partners, because their errors add up."""
_MANY_PARTNERS = 500.0
_FEWEST, _MOST = 4, 32
_CHUNK_BYTES = 64e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """Where the tables hold.

    Attributes
    ----------
    shapes, shapes_half : float64 array, shape (2,)
        Centre and half width of the shared shapes.
    centre, half : float64 array, shape (n_cells, 2)
        The same of each cell's levels.
    """

    shapes: FloatArray
    shapes_half: FloatArray
    centre: FloatArray
    half: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerTables:
    """Chebyshev coefficients of every partner's log-likelihood.

    Attributes
    ----------
    box : Box
    sizes : tuple of int
        Polynomials in the two shapes and the two levels.
    coefficients : float64 array, shape (n_cells, sizes[0] * sizes[1], sizes[2] * sizes[3])
    cells : Cells
    levels : int
        1: the second level is flat.
    """

    box: Box
    sizes: tuple[int, int, int, int]
    coefficients: FloatArray
    cells: Cells
    levels: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerLevels:
    """Draws of the partners' own levels.

    Attributes
    ----------
    draws : float64 array, shape (n, n_partners, 2)
    even : float64 array, shape (n_partners,)
        Effective share of the proposals behind each draw.
    shrinkage : float64 array, shape (n_partners, 2)
        One minus the mean of the levels' variance given the shared parameters over the segment's:
        0 without data, 1 where the segment doesn't matter.
    """

    draws: FloatArray
    even: FloatArray
    shrinkage: FloatArray


def _size(half: FloatArray, amplitude: FloatArray, error: float) -> int:
    """Polynomials needed: the functions are analytic within pi of the real line."""
    reach = np.pi / np.maximum(half, 1e-6)
    ratio = reach + np.sqrt(1.0 + reach * reach)
    needed = np.log((1.0 + amplitude) / error) / np.log(ratio)
    return int(np.clip(np.ceil(needed.max()), _FEWEST, _MOST))


def fill_tables(
    values: PartnerValues,
    box: Box,
    *,
    customers: FloatArray,
    cells: Cells,
    levels: int,
    finer: float = 1.0,
) -> PartnerTables:
    """Tabulate every cell's log-likelihood on its box.

    Parameters
    ----------
    values : callable
        Exact log-likelihoods on grids.
    box : Box
    customers : float64 array, shape (n_cells,)
        Their number scales the error.
    cells : Cells
    levels : int
    finer : float
        Factor for the number of polynomials.

    Returns
    -------
    PartnerTables
    """
    most = np.array([customers.max(initial=0.0)])
    error = _ERROR / np.sqrt(1.0 + len(customers) / _MANY_PARTNERS)
    first = tuple(_size(box.shapes_half[d : d + 1], most, error) for d in range(2))
    inner = [_size(box.half[:, d], customers, error) for d in range(levels)]
    sizes = [int(np.ceil(finer * n)) for n in (*first, *inner)]
    if levels == 1:
        sizes.append(1)
    nodes = [chebyshev_nodes(n) for n in sizes]
    grid = values(
        box.shapes[0] + box.shapes_half[0] * nodes[0],
        box.shapes[1] + box.shapes_half[1] * nodes[1],
        box.centre[:, :1] + box.half[:, :1] * nodes[2],
        box.centre[:, 1:] + box.half[:, 1:] * nodes[3],
    )
    step = max(1, int(_CHUNK_BYTES / (8.0 * np.prod(sizes))))
    for start in range(0, len(grid), step):
        part = grid[start : start + step]
        for axis, n in enumerate(sizes):
            transform = 2.0 * chebyshev_polynomials(nodes[axis], n) / n
            transform[0] /= 2.0
            part = np.einsum("ai,p...i->pa...", transform, np.moveaxis(part, axis + 1, -1))
            part = np.moveaxis(part, 1, axis + 1)
        grid[start : start + step] = part
    return PartnerTables(
        box=box,
        sizes=(sizes[0], sizes[1], sizes[2], sizes[3]),
        coefficients=grid.reshape(len(grid), sizes[0] * sizes[1], sizes[2] * sizes[3]),
        cells=cells,
        levels=levels,
    )


def _basis(shapes: FloatArray, tables: PartnerTables) -> FloatArray:
    """Polynomials of the shared shapes, shape (n, n_shapes)."""
    z = (shapes - tables.box.shapes) / tables.box.shapes_half
    first = chebyshev_polynomials(z[:, 0], tables.sizes[0])
    second = chebyshev_polynomials(z[:, 1], tables.sizes[1])
    return np.ascontiguousarray(
        np.einsum("an,bn->nab", first, second).reshape(
            len(shapes), tables.sizes[0] * tables.sizes[1]
        )
    )


def _hermite(count: int) -> tuple[FloatArray, FloatArray]:
    nodes, weights = np.polynomial.hermite_e.hermegauss(count)
    log_weights = np.log(weights / np.sqrt(2.0 * np.pi)) + 0.5 * nodes**2
    return nodes, np.asarray(log_weights)


def log_marginal(shared: Shared, tables: PartnerTables, *, nodes: int = NODES) -> FloatArray:
    """Log-posterior of shared parameters, up to a constant: the partners' levels integrated out.

    Parameters
    ----------
    shared : Shared
    tables : PartnerTables
    nodes : int
        Gauss-Hermite nodes along each level.

    Returns
    -------
    float64 array, shape (n,)
        Minus infinity outside of the tables, and where partners would differ absurdly.
    """
    one = np.zeros(len(tables.cells.group), dtype=np.int64)
    total = marginal_parts(shared, tables, one, parts=1, nodes=nodes)[:, 0]
    return np.where(np.isfinite(total), total + shared.log_prior, -np.inf)


def within(shared: Shared, tables: PartnerTables) -> npt.NDArray[np.bool_]:
    """Say which shared parameters are in the tables, and not absurd.

    Parameters
    ----------
    shared : Shared
    tables : PartnerTables

    Returns
    -------
    bool array, shape (n,)
    """
    inside = np.all(np.abs(shared.shapes - tables.box.shapes) <= tables.box.shapes_half, axis=1)
    inside &= np.isfinite(shared.log_prior)
    return np.asarray(inside & np.all((shared.sd > 1e-6) & (shared.sd <= WIDEST), axis=1))


def marginal_parts(
    shared: Shared, tables: PartnerTables, part: IntArray, *, parts: int, nodes: int = NODES
) -> FloatArray:
    """Log marginal likelihood of shared parameters, by parts of the partners, without the prior.

    Parameters
    ----------
    shared : Shared
    tables : PartnerTables
    part : int64 array, shape (n_partners,)
        Which part a partner belongs to.
    parts : int
    nodes : int
        Gauss-Hermite nodes along each level.

    Returns
    -------
    float64 array, shape (n, n_parts)
        Minus infinity outside of the tables, and where partners would differ absurdly.
    """
    inside = within(shared, tables)
    rows = np.flatnonzero(inside)
    total = np.zeros((len(rows), parts))
    points, log_weights = _hermite(nodes)
    cells = tables.cells
    step = max(1, int(_CHUNK_BYTES / (16.0 * (len(cells.segment_of) + len(cells.patterns)))))
    for first in range(0, len(rows), step):
        some = rows[first : first + step]
        log_marginals(
            tables.coefficients,
            tables.sizes[2:],
            tables.box.centre,
            tables.box.half,
            cells.group,
            cells.start,
            cells.pattern,
            _basis(shared.shapes[some], tables),
            np.ascontiguousarray(cells.means(shared.mean[some], shared.effect[some])),
            np.ascontiguousarray(shared.sd[some]),
            cells.shifts(shared.effect[some]),
            points,
            log_weights,
            tables.levels,
            part,
            total[first : first + step],
        )
    result = np.full((len(inside), parts), -np.inf)
    result[inside] = total
    return result


def partner_ranges(
    shared: Shared, tables: PartnerTables, *, reach: float
) -> tuple[FloatArray, FloatArray]:
    """Find where the partners' levels may be, given some plausible shared parameters.

    Parameters
    ----------
    shared : Shared
    tables : PartnerTables
    reach : float
        Standard deviations around each peak.

    Returns
    -------
    low, high : float64 array, shape (n_cells, 2)
        Of every cell, shift included.
    """
    low = np.full(tables.box.centre.shape, np.inf)
    high = np.full(tables.box.centre.shape, -np.inf)
    level_ranges(
        tables.coefficients,
        tables.sizes[2:],
        tables.box.centre,
        tables.box.half,
        tables.cells.group,
        tables.cells.start,
        tables.cells.pattern,
        _basis(shared.shapes, tables),
        tables.cells.means(shared.mean, shared.effect),
        shared.sd,
        tables.cells.shifts(shared.effect),
        reach,
        low,
        high,
    )
    return low, high


def sample_levels(shared: Shared, tables: PartnerTables, rng: np.random.Generator) -> PartnerLevels:
    """Draw every partner's levels once for each draw of the shared parameters.

    Parameters
    ----------
    shared : Shared
    tables : PartnerTables
    rng : numpy.random.Generator

    Returns
    -------
    PartnerLevels

    Notes
    -----
    Rejection sampling from a bivariate t with 7 degrees of freedom over the peak. Its bound is the
    largest weight met so far, with a margin (Caffo, Booth & Davis 2002).
    """
    cells = tables.cells
    partners, count = len(cells.group), len(shared.sd)
    size = tables.levels
    bank = np.zeros((_BANK, 2))
    bank[:, :size] = rng.standard_normal((_BANK, size))
    bank /= np.sqrt(rng.chisquare(_DF, _BANK) / _DF)[:, None]
    log_bank = -(_DF + size) / 2.0 * np.log1p((bank**2).sum(axis=1) / _DF)
    log_bank += gammaln((_DF + size) / 2.0) - gammaln(_DF / 2.0)
    draws = np.empty((count, partners, 2))
    even, kept = np.zeros(partners), np.zeros((partners, 2))
    basis = _basis(shared.shapes, tables)
    means, shifts = cells.means(shared.mean, shared.effect), cells.shifts(shared.effect)
    step = max(1, int(_CHUNK_BYTES / (32.0 * count)))
    for start in range(0, partners, step):
        part = slice(start, min(start + step, partners))
        first, last = cells.start[part.start], cells.start[part.stop]
        found = np.empty((count, part.stop - start, 2))
        draw_levels(
            rng,
            tables.coefficients[first:last],
            tables.sizes[2:],
            tables.box.centre[first:last],
            tables.box.half[first:last],
            cells.group[part],
            cells.start[part.start : part.stop + 1] - first,
            cells.pattern[first:last],
            basis,
            means,
            shared.sd,
            shifts,
            bank,
            log_bank,
            found,
            even[part],
            kept[part],
        )
        draws[:, part] = found
    return PartnerLevels(draws=draws, even=even, shrinkage=np.clip(1.0 - kept, 0.0, 1.0))


def levels_of_all(
    known: PartnerLevels,
    shared: Shared,
    *,
    cells: Cells,
    segment: IntArray,
    design: CovariateDesign | None = None,
    rng: np.random.Generator,
) -> PartnerLevels:
    """Add the partners without data, of whom nothing is known but their segment.

    Parameters
    ----------
    known : PartnerLevels
        Of the partners that have data.
    shared : Shared
        The draws that theirs were drawn with.
    cells : Cells
        Which partners these are.
    segment : int64 array, shape (n_partners,)
        Of all partners.
    design : CovariateDesign, optional
        Covariates of all partners.
    rng : numpy.random.Generator

    Returns
    -------
    PartnerLevels
    """
    count, partners, seen = len(shared.sd), len(segment), cells.partners
    if len(seen) == partners:
        return known
    unseen = np.setdiff1d(np.arange(partners), seen)
    draws = np.empty((count, partners, 2))
    draws[:, seen] = known.draws
    for d in range(2):
        away = rng.standard_normal((count, len(unseen)))
        away *= shared.sd[:, d, None]
        away += shared.mean[:, segment[unseen], d]
        if design is not None:
            columns = np.where(cells.of_partners, design.partner_rows[unseen] - cells.middle, 0.0)
            away += shared.effect[:, :, d] @ columns.T
        draws[:, unseen, d] = away
    even, shrinkage = np.ones(partners), np.zeros((partners, 2))
    even[seen], shrinkage[seen] = known.even, known.shrinkage
    return PartnerLevels(draws=draws, even=even, shrinkage=shrinkage)


def table_gap(
    values: PartnerValues, shared: Shared, draws: FloatArray, tables: PartnerTables
) -> FloatArray:
    """Table minus exact log-likelihood where the posterior is, partner by partner.

    Parameters
    ----------
    values : callable
        Exact log-likelihoods on grids.
    shared : Shared
        A few draws.
    draws : float64 array, shape (n, n_partners, 2)
        Levels drawn with them.
    tables : PartnerTables

    Returns
    -------
    float64 array, shape (n, n_partners)
    """
    cells = tables.cells
    draws = draws[:, cells.owner] + cells.shifts(shared.effect)[:, cells.pattern]
    gap = np.empty(draws.shape[:2])
    table_at(
        tables.coefficients,
        tables.sizes[2:],
        tables.box.centre,
        tables.box.half,
        _basis(shared.shapes, tables),
        draws,
        gap,
    )
    for k, (first, second) in enumerate(shared.shapes):
        exact = values(
            np.array([first]), np.array([second]), draws[k, :, :1].copy(), draws[k, :, 1:].copy()
        )
        gap[k] -= exact[:, 0, 0, 0, 0]
    return np.asarray(np.add.reduceat(gap, cells.start[:-1], axis=1))
