"""Compiled inner part of the partner hierarchy: peak, integral and draws of a partner's levels.

A partner's log-likelihood at given shared shapes is ``sum_ij c_ij T_i(z_1) T_j(z_2)`` on a box,
with Chebyshev polynomials ``T``; outside the box, which is several standard deviations wide, it
goes on as a straight line less a parabola. Added to it are the normal densities of the two levels
around their group's mean. A partner whose customers differ in covariates has several cells, each
with a table and a box of its own: what is tabulated is added up over cells, every one looked up at
the partner's levels plus its shift.
"""

# compiled functions take their arrays as positions, and fill them in loops
# ruff: noqa: PLR0917

from __future__ import annotations

import math

import numpy as np

from ltvforecast.fitting.chebyshev_kernels import along, beyond, contract, polynomials, slopes
from ltvforecast.formulas.compiling import compiled
from ltvforecast.types import FloatArray, IntArray

__all__ = ["draw_levels", "level_ranges", "log_marginals", "table_at"]

_MOST_STEPS = 40
_FALL = 9.0
"""Curvature outside the box, in units of its half width: three standard deviations."""
_CLOSE = 0.02
"""Squared length, in posterior standard deviations, of a Newton step that is the last."""
_TRIAL_DRAWS, _TRIALS = 6, 32
"""Draws of the shared parameters, and proposals in each, from which a partner's bound is learnt."""
_MARGIN = 1.05
"""Of the bound over the largest weight met."""
_MOST_PROPOSALS = 1000
"""Where weights are so uneven, the partner fails its gate anyway."""


@compiled
def _height(
    c: FloatArray,
    at: FloatArray,
    box: FloatArray,
    prior: FloatArray,
    first: FloatArray,
    second: FloatArray,
    rows: FloatArray,
    cells: int,
) -> float:
    """Log-likelihood plus the levels' normal exponents. ``prior`` is mean and sd.

    Of every cell ``c`` has coefficients and ``box`` centre and half; ``first`` and ``second``
    (cell, 3, n) take the polynomials of either level with their slopes and bends, ``rows``
    (cell, 3, n_2) their sums over the first.
    """
    total = 0.0
    for d in range(2):
        total -= 0.5 * ((at[d] - prior[0, d]) / prior[1, d]) ** 2
    for k in range(cells):
        z = (at[0] - box[k, 0, 0]) / box[k, 1, 0]
        w = (at[1] - box[k, 0, 1]) / box[k, 1, 1]
        polynomials(z, first, k)
        polynomials(w, second, k)
        along(c, first, rows, k)
        total -= 0.5 * _FALL * (beyond(z) ** 2 + beyond(w) ** 2)
        for j in range(c.shape[2]):
            total += rows[k, 0, j] * second[k, 0, j]
    return total


@compiled
def _derivatives(
    c: FloatArray,
    at: FloatArray,
    box: FloatArray,
    prior: FloatArray,
    first: FloatArray,
    second: FloatArray,
    rows: FloatArray,
    found: FloatArray,
    cells: int,
) -> None:
    """Write gradient (2) and minus the Hessian (3: 11, 12, 22) after a call of ``_height``."""
    for d in range(5):
        found[d] = 0.0
    for k in range(cells):
        _add_derivatives(c, at, box, first, second, rows, found, k)
    for d in range(2):
        weight = 1.0 / prior[1, d] ** 2
        found[d] -= (at[d] - prior[0, d]) * weight
        found[2 + 2 * d] += weight
    steep = found[2] <= 0.0 or found[4] <= 0.0
    if steep or found[2] * found[4] - found[3] ** 2 <= 1e-6 * found[2] * found[4]:
        # not a peak: keep to what curves down, at least as much as the prior
        found[2] = max(found[2], 1.0 / prior[1, 0] ** 2)
        found[4] = max(found[4], 1.0 / prior[1, 1] ** 2)
        limit = 0.9 * math.sqrt(found[2] * found[4])
        found[3] = min(max(found[3], -limit), limit)


@compiled
def _add_derivatives(
    c: FloatArray,
    at: FloatArray,
    box: FloatArray,
    first: FloatArray,
    second: FloatArray,
    rows: FloatArray,
    found: FloatArray,
    k: int,
) -> None:
    """Add what cell ``k`` gives, its parabola included."""
    h, g = box[k, 1, 0], box[k, 1, 1]
    z, w = (at[0] - box[k, 0, 0]) / h, (at[1] - box[k, 0, 1]) / g
    slopes(z, first, k)
    slopes(w, second, k)
    for j in range(c.shape[2]):
        rows[k, 1, j], rows[k, 2, j] = 0.0, 0.0
    for i in range(1, c.shape[1]):
        slope, bend = first[k, 1, i], first[k, 2, i]
        for j in range(c.shape[2]):
            rows[k, 1, j] += slope * c[k, i, j]
            rows[k, 2, j] += bend * c[k, i, j]
    up, across, bent, mixed, arched = 0.0, 0.0, 0.0, 0.0, 0.0
    for j in range(c.shape[2]):
        up += rows[k, 1, j] * second[k, 0, j]
        across += rows[k, 0, j] * second[k, 1, j]
        bent -= rows[k, 2, j] * second[k, 0, j]
        mixed -= rows[k, 1, j] * second[k, 1, j]
        arched -= rows[k, 0, j] * second[k, 2, j]
    # outside of the box it is a straight line less a parabola
    if beyond(z) != 0.0:
        up, bent = up - _FALL * beyond(z), _FALL
    if beyond(w) != 0.0:
        across, arched = across - _FALL * beyond(w), _FALL
    found[0] += up / h
    found[1] += across / g
    found[2] += bent / (h * h)
    found[3] += mixed / (h * g)
    found[4] += arched / (g * g)


@compiled
def _climb(
    c: FloatArray,
    at: FloatArray,
    box: FloatArray,
    prior: FloatArray,
    first: FloatArray,
    second: FloatArray,
    rows: FloatArray,
    found: FloatArray,
    trial: FloatArray,
    cells: int,
) -> float:
    """Move ``at`` to the peak by Newton steps that are halved until they climb."""
    height = _height(c, at, box, prior, first, second, rows, cells)
    for _ in range(_MOST_STEPS):
        _derivatives(c, at, box, prior, first, second, rows, found, cells)
        area = found[2] * found[4] - found[3] ** 2
        up = (found[4] * found[0] - found[3] * found[1]) / area
        across = (found[2] * found[1] - found[3] * found[0]) / area
        gain = up * found[0] + across * found[1]
        scale, reached = 1.0, height
        while scale > 1e-4:
            trial[0], trial[1] = at[0] + scale * up, at[1] + scale * across
            reached = _height(c, trial, box, prior, first, second, rows, cells)
            if reached >= height - 1e-11 * abs(height):
                break
            scale *= 0.5
        if scale <= 1e-4:
            height = _height(c, at, box, prior, first, second, rows, cells)
            break
        at[0], at[1], height = trial[0], trial[1], reached
        if gain < _CLOSE:
            # so close to the peak that the curvature is the same
            return height
    _derivatives(c, at, box, prior, first, second, rows, found, cells)
    return height


@compiled
def _spread(found: FloatArray, root: FloatArray) -> None:
    """Lower Cholesky factor (11, 21, 22) of the inverse of minus the Hessian."""
    area = found[2] * found[4] - found[3] ** 2
    root[0] = math.sqrt(found[4] / area)
    root[1] = -found[3] / area / root[0]
    root[2] = 1.0 / math.sqrt(found[4])


@compiled
def _integral(
    c: FloatArray,
    at: FloatArray,
    root: FloatArray,
    height: float,
    box: FloatArray,
    prior: FloatArray,
    first: FloatArray,
    second: FloatArray,
    rows: FloatArray,
    nodes: FloatArray,
    log_weights: FloatArray,
    levels: int,
    cells: int,
) -> float:
    """Log of the integral of exp(height), by nodes at ``at + root z``; ``height`` is that there."""
    count = nodes.size if levels == 2 else 1
    total = 0.0
    for i in range(nodes.size):
        u = at[0] + root[0] * nodes[i]
        centre = at[1] + root[1] * nodes[i]
        outer = log_weights[i] - 0.5 * ((u - prior[0, 0]) / prior[1, 0]) ** 2 - height
        for k in range(cells):
            z = (u - box[k, 0, 0]) / box[k, 1, 0]
            polynomials(z, first, k)
            along(c, first, rows, k)
            outer -= 0.5 * _FALL * beyond(z) ** 2
        for n in range(count):
            v, inner = centre, outer
            if levels == 2:
                v, inner = centre + root[2] * nodes[n], outer + log_weights[n]
            inner -= 0.5 * ((v - prior[0, 1]) / prior[1, 1]) ** 2
            for k in range(cells):
                w = (v - box[k, 0, 1]) / box[k, 1, 1]
                polynomials(w, second, k)
                inner -= 0.5 * _FALL * beyond(w) ** 2
                for j in range(c.shape[2]):
                    inner += rows[k, 0, j] * second[k, 0, j]
            total += math.exp(min(inner, 600.0))
    return height + math.log(total) + math.log(root[0] * root[2])


@compiled
def _place(
    p: int,
    e: int,
    box_centre: FloatArray,
    box_half: FloatArray,
    group: IntArray,
    start: IntArray,
    pattern: IntArray,
    mean: FloatArray,
    sd: FloatArray,
    shift: FloatArray,
    box: FloatArray,
    prior: FloatArray,
    at: FloatArray,
) -> None:
    """Set boxes, in the partner's levels, and prior; the first draw begins in the boxes' middle."""
    first, last = start[p], start[p + 1]
    for d in range(2):
        prior[0, d], prior[1, d] = mean[e, group[p], d], sd[e, d]
        for cell in range(first, last):
            box[cell - first, 0, d] = box_centre[cell, d] - shift[e, pattern[cell], d]
            box[cell - first, 1, d] = box_half[cell, d]
    if e == 0:
        for d in range(2):
            at[d] = 0.0
            for cell in range(first, last):
                at[d] += box[cell - first, 0, d] / (last - first)


@compiled
def _contract_all(
    table: FloatArray, basis: FloatArray, first: int, last: int, e: int, c: FloatArray
) -> None:
    """Contract the tables of a partner's cells."""
    for cell in range(first, last):
        contract(table, basis, cell, e, c, cell - first)


@compiled
def log_marginals(
    table: FloatArray,
    sizes: tuple[int, int],
    centre: FloatArray,
    half: FloatArray,
    group: IntArray,
    start: IntArray,
    pattern: IntArray,
    basis: FloatArray,
    mean: FloatArray,
    sd: FloatArray,
    shift: FloatArray,
    nodes: FloatArray,
    log_weights: FloatArray,
    levels: int,
    part: IntArray,
    out: FloatArray,
) -> None:
    """Add every partner's log marginal likelihood to its part of ``out``, for many draws.

    Parameters
    ----------
    table : float64 array, shape (n_cells, n_shapes, n_1 * n_2)
    sizes : tuple of int
        ``n_1, n_2``.
    centre, half : float64 array, shape (n_cells, 2)
        The box of either level.
    group : int64 array, shape (n_partners,)
    start, pattern : int64 array, shape (n_partners + 1,), (n_cells,)
        A partner's cells, and the pattern of each.
    basis : float64 array, shape (n, n_shapes)
        Chebyshev polynomials of the shared shapes.
    mean, sd, shift : float64 array, shape (n, n_groups, 2), (n, 2), (n, n_patterns, 2)
    nodes, log_weights : float64 array, shape (q,)
        Gauss-Hermite, normalised: the weights times exp(-z^2 / 2) add to one.
    levels : int
        1: the second level is flat, and one node does for it.
    part : int64 array, shape (n_partners,)
        Column of ``out`` that a partner is added to.
    out : float64 array, shape (n, n_parts)
    """
    most = np.diff(start).max()
    c, box, prior = np.empty((most, *sizes)), np.empty((most, 2, 2)), np.empty((2, 2))
    first, second = np.empty((most, 3, sizes[0])), np.empty((most, 3, sizes[1]))
    rows = np.empty((most, 3, sizes[1]))
    at, found, root, trial = np.empty(2), np.empty(5), np.empty(3), np.empty(2)
    for p in range(group.size):
        cells = start[p + 1] - start[p]
        for e in range(basis.shape[0]):
            _contract_all(table, basis, start[p], start[p + 1], e, c)
            _place(p, e, centre, half, group, start, pattern, mean, sd, shift, box, prior, at)
            height = _climb(c, at, box, prior, first, second, rows, found, trial, cells)
            _spread(found, root)
            value = _integral(
                c,
                at,
                root,
                height,
                box,
                prior,
                first,
                second,
                rows,
                nodes,
                log_weights,
                levels,
                cells,
            )
            out[e, part[p]] += value - math.log(prior[1, 0] * prior[1, 1])


@compiled
def level_ranges(
    table: FloatArray,
    sizes: tuple[int, int],
    centre: FloatArray,
    half: FloatArray,
    group: IntArray,
    start: IntArray,
    pattern: IntArray,
    basis: FloatArray,
    mean: FloatArray,
    sd: FloatArray,
    shift: FloatArray,
    reach: float,
    low: FloatArray,
    high: FloatArray,
) -> None:
    """Widen ``low`` and ``high`` (n_cells, 2) to where the levels of a partner's cells may be."""
    most = np.diff(start).max()
    c, box, prior = np.empty((most, *sizes)), np.empty((most, 2, 2)), np.empty((2, 2))
    first, second = np.empty((most, 3, sizes[0])), np.empty((most, 3, sizes[1]))
    rows = np.empty((most, 3, sizes[1]))
    at, found, root, trial = np.empty(2), np.empty(5), np.empty(3), np.empty(2)
    for p in range(group.size):
        cells = start[p + 1] - start[p]
        for e in range(basis.shape[0]):
            _contract_all(table, basis, start[p], start[p + 1], e, c)
            _place(p, e, centre, half, group, start, pattern, mean, sd, shift, box, prior, at)
            _climb(c, at, box, prior, first, second, rows, found, trial, cells)
            _spread(found, root)
            wide = root[0], math.sqrt(root[1] ** 2 + root[2] ** 2)
            for cell in range(start[p], start[p + 1]):
                for d in range(2):
                    there = at[d] + shift[e, pattern[cell], d]
                    low[cell, d] = min(low[cell, d], there - reach * wide[d])
                    high[cell, d] = max(high[cell, d], there + reach * wide[d])


@compiled
def draw_levels(
    stream: np.random.Generator,
    table: FloatArray,
    sizes: tuple[int, int],
    centre: FloatArray,
    half: FloatArray,
    group: IntArray,
    start: IntArray,
    pattern: IntArray,
    basis: FloatArray,
    mean: FloatArray,
    sd: FloatArray,
    shift: FloatArray,
    bank: FloatArray,
    log_bank: FloatArray,
    out: FloatArray,
    even: FloatArray,
    kept: FloatArray,
) -> None:
    """Draw each partner's levels given each draw of the shared parameters, by rejection.

    Parameters
    ----------
    stream : numpy.random.Generator
        Advanced.
    table, sizes, centre, half, group, start, pattern, basis, mean, sd, shift
        As in :func:`log_marginals`.
    bank, log_bank : float64 array, shape (n_bank, 2), (n_bank,)
        Standard proposals and their log-density.
    out : float64 array, shape (n, n_partners, 2)
    even : float64 array, shape (n_partners,)
        Effective share of the proposals.
    kept : float64 array, shape (n_partners, 2)
        Mean of the levels' conditional variance over the group's.
    """
    most = np.diff(start).max()
    c, box, prior = np.empty((most, *sizes)), np.empty((most, 2, 2)), np.empty((2, 2))
    first, second = np.empty((most, 3, sizes[0])), np.empty((most, 3, sizes[1]))
    rows = np.empty((most, 3, sizes[1]))
    at, found, root, trial = np.empty(2), np.empty(5), np.empty(3), np.empty(2)
    count = basis.shape[0]
    trials = min(_TRIAL_DRAWS, count)
    for p in range(group.size):
        cells = start[p + 1] - start[p]
        bound, proposed, total, squares = 0.0, 0, 0.0, 0.0
        for turn in range(trials + count):
            # first a few draws all over are tried, to learn how large weights become
            e = turn - trials if turn >= trials else turn * (count - 1) // max(trials - 1, 1)
            _contract_all(table, basis, start[p], start[p + 1], e, c)
            _place(p, e, centre, half, group, start, pattern, mean, sd, shift, box, prior, at)
            height = _climb(c, at, box, prior, first, second, rows, found, trial, cells)
            _spread(found, root)
            for _ in range(_TRIALS if turn < trials else _MOST_PROPOSALS):
                n = int(stream.random() * bank.shape[0])
                z, w = bank[n, 0], bank[n, 1]
                trial[0], trial[1] = at[0] + root[0] * z, at[1] + root[1] * z + root[2] * w
                gap = _height(c, trial, box, prior, first, second, rows, cells) - height
                weight = math.exp(min(gap - log_bank[n], 300.0))
                proposed, total, squares = proposed + 1, total + weight, squares + weight**2
                if turn >= trials and stream.random() * bound <= weight:
                    break
                bound = max(bound, _MARGIN * weight) if turn < trials else bound
            if turn < trials:
                continue
            bound = max(bound, weight)
            out[e, p, 0], out[e, p, 1] = trial[0], trial[1]
            kept[p, 0] += (root[0] / prior[1, 0]) ** 2 / count
            kept[p, 1] += (root[1] ** 2 + root[2] ** 2) / prior[1, 1] ** 2 / count
        even[p] = total * total / squares / proposed


@compiled
def table_at(
    table: FloatArray,
    sizes: tuple[int, int],
    centre: FloatArray,
    half: FloatArray,
    basis: FloatArray,
    levels: FloatArray,
    out: FloatArray,
) -> None:
    """Evaluate tables at levels (n, n_cells, 2) into ``out`` (n, n_cells)."""
    c = np.empty((1, sizes[0], sizes[1]))
    first, second = np.empty((1, 3, sizes[0])), np.empty((1, 3, sizes[1]))
    rows, at, box, flat = (
        np.empty((1, 3, sizes[1])),
        np.empty(2),
        np.empty((1, 2, 2)),
        np.ones((2, 2)),
    )
    for p in range(table.shape[0]):
        box[0, 0], box[0, 1] = centre[p], half[p]
        for e in range(basis.shape[0]):
            contract(table, basis, p, e, c, 0)
            at[0], at[1] = levels[e, p, 0], levels[e, p, 1]
            flat[0] = at
            out[e, p] = _height(c, at, box, flat, first, second, rows, 1)
