"""Compiled inner part of the partner hierarchy: peak, integral and draws of a partner's levels.

A partner's log-likelihood at given shared shapes is ``sum_ij c_ij T_i(z_1) T_j(z_2)`` on a box,
with Chebyshev polynomials ``T``; outside the box, which is several standard deviations wide, it
goes on as a straight line less a parabola. Added to it are the normal densities of the two levels
around their segment's mean.
"""

# compiled functions take their arrays as positions, and fill them in loops
# ruff: noqa: PLR0917

from __future__ import annotations

import math

import numpy as np

from ltvforecast.formulas.compiling import compiled
from ltvforecast.types import FloatArray, IntArray

__all__ = ["draw_levels", "level_ranges", "log_marginals", "table_at"]

_MOST_STEPS = 40
_FALL = 9.0
"""Curvature outside the box, in units of its half width: three standard deviations."""
_CLOSE = 0.02
"""Squared length, in posterior standard deviations, of a Newton step that is the last."""


@compiled
def _contract(table: FloatArray, basis: FloatArray, p: int, e: int, out: FloatArray) -> None:
    """Sum partner ``p``'s table (n_shapes, n_1 * n_2) over the shared shapes of row ``e``."""
    n, m = out.shape
    flat = out.reshape(n * m)
    flat[:] = 0.0
    count = basis.shape[1]
    for s in range(0, count - 3, 4):
        one, two, three, four = basis[e, s], basis[e, s + 1], basis[e, s + 2], basis[e, s + 3]
        for i in range(n * m):
            flat[i] += (one * table[p, s, i] + two * table[p, s + 1, i]) + (
                three * table[p, s + 2, i] + four * table[p, s + 3, i]
            )
    for s in range(count - count % 4, count):
        factor = basis[e, s]
        for i in range(n * m):
            flat[i] += factor * table[p, s, i]


@compiled
def _polynomials(z: float, made: FloatArray) -> None:
    """Write Chebyshev polynomials into row 0; straight lines outside of [-1, 1]."""
    inside = min(max(z, -1.0), 1.0)
    before, here = inside, 1.0
    for k in range(made.shape[1]):
        made[0, k] = here
        before, here = here, 2.0 * inside * here - before
    if z != inside:
        # the slope of polynomial k at the ends is k squared, up to its sign
        sign = 1.0
        for k in range(made.shape[1]):
            sign = -sign if inside < 0.0 else 1.0
            made[0, k] += sign * k * k * (z - inside)


@compiled
def _slopes(z: float, made: FloatArray) -> None:
    """Write the polynomials' two derivatives at the nearest point of [-1, 1] into rows 1, 2."""
    inside = min(max(z, -1.0), 1.0)
    made[1, 0], made[2, 0] = 0.0, 0.0
    before, here = 1.0, inside
    if made.shape[1] > 1:
        made[1, 1], made[2, 1] = 1.0, 0.0
    for k in range(2, made.shape[1]):
        made[1, k] = 2.0 * here + 2.0 * inside * made[1, k - 1] - made[1, k - 2]
        made[2, k] = 4.0 * made[1, k - 1] + 2.0 * inside * made[2, k - 1] - made[2, k - 2]
        before, here = here, 2.0 * inside * here - before


@compiled
def _beyond(z: float) -> float:
    """How far outside of [-1, 1], with its sign."""
    return z - min(max(z, -1.0), 1.0)


@compiled
def _along(c: FloatArray, first: FloatArray, rows: FloatArray) -> None:
    """Sum over the first level's polynomials, into row 0."""
    rows[0] = 0.0
    for i in range(c.shape[0]):
        factor = first[0, i]
        for j in range(c.shape[1]):
            rows[0, j] += factor * c[i, j]


@compiled
def _height(
    c: FloatArray,
    at: FloatArray,
    box: FloatArray,
    prior: FloatArray,
    first: FloatArray,
    second: FloatArray,
    rows: FloatArray,
) -> float:
    """Log-likelihood plus the levels' normal exponents. ``box``: centre, half; ``prior``: mean, sd.

    ``first`` and ``second`` (3, n) take the polynomials of either level with their slopes and
    bends, ``rows`` (3, n_2) their sums over the first.
    """
    z, w = (at[0] - box[0, 0]) / box[1, 0], (at[1] - box[0, 1]) / box[1, 1]
    _polynomials(z, first)
    _polynomials(w, second)
    _along(c, first, rows)
    total = -0.5 * _FALL * (_beyond(z) ** 2 + _beyond(w) ** 2)
    for d in range(2):
        total -= 0.5 * ((at[d] - prior[0, d]) / prior[1, d]) ** 2
    for j in range(c.shape[1]):
        total += rows[0, j] * second[0, j]
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
) -> None:
    """Write gradient (2) and minus the Hessian (3: 11, 12, 22) after a call of ``_height``."""
    n, m = c.shape
    _slopes((at[0] - box[0, 0]) / box[1, 0], first)
    _slopes((at[1] - box[0, 1]) / box[1, 1], second)
    rows[1], rows[2] = 0.0, 0.0
    for i in range(1, n):
        slope, bend = first[1, i], first[2, i]
        for j in range(m):
            rows[1, j] += slope * c[i, j]
            rows[2, j] += bend * c[i, j]
    found[:] = 0.0
    for j in range(m):
        found[0] += rows[1, j] * second[0, j]
        found[1] += rows[0, j] * second[1, j]
        found[2] -= rows[2, j] * second[0, j]
        found[3] -= rows[1, j] * second[1, j]
        found[4] -= rows[0, j] * second[2, j]
    _scale_and_bend(at, box, prior, found)


@compiled
def _scale_and_bend(at: FloatArray, box: FloatArray, prior: FloatArray, found: FloatArray) -> None:
    """Turn derivatives on the box into those of the levels, prior and parabola included."""
    h, g = box[1, 0], box[1, 1]
    found[0] /= h
    found[1] /= g
    found[2] /= h * h
    found[3] /= h * g
    found[4] /= g * g
    for d in range(2):
        out, weight = _beyond((at[d] - box[0, d]) / box[1, d]), 1.0 / prior[1, d] ** 2
        if out != 0.0:
            found[d] -= _FALL * out / box[1, d]
            found[2 + 2 * d] = _FALL / box[1, d] ** 2
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
) -> float:
    """Move ``at`` to the peak by Newton steps that are halved until they climb."""
    height = _height(c, at, box, prior, first, second, rows)
    for _ in range(_MOST_STEPS):
        _derivatives(c, at, box, prior, first, second, rows, found)
        area = found[2] * found[4] - found[3] ** 2
        up = (found[4] * found[0] - found[3] * found[1]) / area
        across = (found[2] * found[1] - found[3] * found[0]) / area
        gain = up * found[0] + across * found[1]
        scale, reached = 1.0, height
        while scale > 1e-4:
            trial[0], trial[1] = at[0] + scale * up, at[1] + scale * across
            reached = _height(c, trial, box, prior, first, second, rows)
            if reached >= height - 1e-11 * abs(height):
                break
            scale *= 0.5
        if scale <= 1e-4:
            height = _height(c, at, box, prior, first, second, rows)
            break
        at[0], at[1], height = trial[0], trial[1], reached
        if gain < _CLOSE:
            # so close to the peak that the curvature is the same
            return height
    _derivatives(c, at, box, prior, first, second, rows, found)
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
) -> float:
    """Log of the integral of exp(height), by nodes at ``at + root z``; ``height`` is that there."""
    count = nodes.size if levels == 2 else 1
    total = 0.0
    for i in range(nodes.size):
        u = at[0] + root[0] * nodes[i]
        centre = at[1] + root[1] * nodes[i]
        z = (u - box[0, 0]) / box[1, 0]
        _polynomials(z, first)
        _along(c, first, rows)
        outer = log_weights[i] - 0.5 * ((u - prior[0, 0]) / prior[1, 0]) ** 2 - height
        outer -= 0.5 * _FALL * _beyond(z) ** 2
        for k in range(count):
            v, inner = centre, outer
            if levels == 2:
                v, inner = centre + root[2] * nodes[k], outer + log_weights[k]
            w = (v - box[0, 1]) / box[1, 1]
            _polynomials(w, second)
            inner -= 0.5 * ((v - prior[0, 1]) / prior[1, 1]) ** 2 + 0.5 * _FALL * _beyond(w) ** 2
            for j in range(c.shape[1]):
                inner += rows[0, j] * second[0, j]
            total += math.exp(min(inner, 600.0))
    return height + math.log(total) + math.log(root[0] * root[2])


@compiled
def _place(
    p: int,
    e: int,
    box_centre: FloatArray,
    box_half: FloatArray,
    segment: IntArray,
    mean: FloatArray,
    sd: FloatArray,
    box: FloatArray,
    prior: FloatArray,
) -> None:
    for d in range(2):
        box[0, d], box[1, d] = box_centre[p, d], box_half[p, d]
        prior[0, d], prior[1, d] = mean[e, segment[p], d], sd[e, d]


@compiled
def log_marginals(
    table: FloatArray,
    sizes: tuple[int, int],
    centre: FloatArray,
    half: FloatArray,
    segment: IntArray,
    basis: FloatArray,
    mean: FloatArray,
    sd: FloatArray,
    nodes: FloatArray,
    log_weights: FloatArray,
    levels: int,
    out: FloatArray,
) -> None:
    """Add every partner's log marginal likelihood to ``out``, for many shared parameters.

    Parameters
    ----------
    table : float64 array, shape (n_partners, n_shapes, n_1 * n_2)
    sizes : tuple of int
        ``n_1, n_2``.
    centre, half : float64 array, shape (n_partners, 2)
        The box of either level.
    segment : int64 array, shape (n_partners,)
    basis : float64 array, shape (n, n_shapes)
        Chebyshev polynomials of the shared shapes.
    mean, sd : float64 array, shape (n, n_segments, 2), (n, 2)
    nodes, log_weights : float64 array, shape (q,)
        Gauss-Hermite, normalised: the weights times exp(-z^2 / 2) add to one.
    levels : int
        1: the second level is flat, and one node does for it.
    out : float64 array, shape (n,)
    """
    c = np.empty((sizes[0], sizes[1]))
    first, second, rows = np.empty((3, sizes[0])), np.empty((3, sizes[1])), np.empty((3, sizes[1]))
    at, found, root, trial = np.empty(2), np.empty(5), np.empty(3), np.empty(2)
    box, prior = np.empty((2, 2)), np.empty((2, 2))
    for p in range(table.shape[0]):
        at[:] = centre[p]
        for e in range(basis.shape[0]):
            _contract(table, basis, p, e, c)
            _place(p, e, centre, half, segment, mean, sd, box, prior)
            height = _climb(c, at, box, prior, first, second, rows, found, trial)
            _spread(found, root)
            value = _integral(
                c, at, root, height, box, prior, first, second, rows, nodes, log_weights, levels
            )
            out[e] += value - math.log(prior[1, 0] * prior[1, 1])


@compiled
def level_ranges(
    table: FloatArray,
    sizes: tuple[int, int],
    centre: FloatArray,
    half: FloatArray,
    segment: IntArray,
    basis: FloatArray,
    mean: FloatArray,
    sd: FloatArray,
    reach: float,
    low: FloatArray,
    high: FloatArray,
) -> None:
    """Widen ``low`` and ``high`` (n_partners, 2) to where a partner's levels may be."""
    c = np.empty((sizes[0], sizes[1]))
    first, second, rows = np.empty((3, sizes[0])), np.empty((3, sizes[1])), np.empty((3, sizes[1]))
    at, found, root, trial = np.empty(2), np.empty(5), np.empty(3), np.empty(2)
    box, prior = np.empty((2, 2)), np.empty((2, 2))
    for p in range(table.shape[0]):
        at[:] = centre[p]
        for e in range(basis.shape[0]):
            _contract(table, basis, p, e, c)
            _place(p, e, centre, half, segment, mean, sd, box, prior)
            _climb(c, at, box, prior, first, second, rows, found, trial)
            _spread(found, root)
            wide = root[0], math.sqrt(root[1] ** 2 + root[2] ** 2)
            for d in range(2):
                low[p, d] = min(low[p, d], at[d] - reach * wide[d])
                high[p, d] = max(high[p, d], at[d] + reach * wide[d])


@compiled
def draw_levels(
    table: FloatArray,
    sizes: tuple[int, int],
    centre: FloatArray,
    half: FloatArray,
    segment: IntArray,
    basis: FloatArray,
    mean: FloatArray,
    sd: FloatArray,
    bank: FloatArray,
    log_bank: FloatArray,
    tries: int,
    uniform: FloatArray,
    out: FloatArray,
    even: FloatArray,
    kept: FloatArray,
) -> None:
    """Draw each partner's levels given each draw of the shared parameters.

    Parameters
    ----------
    table, sizes, centre, half, segment, basis, mean, sd
        As in :func:`log_marginals`.
    bank, log_bank : float64 array, shape (n_bank, 2), (n_bank,)
        Standard proposals and their log-density; ``tries`` of them in a row are used.
    tries : int
    uniform : float64 array, shape (n, n_partners, 2)
        Where in the bank to begin, and which of the weighted proposals to take.
    out : float64 array, shape (n, n_partners, 2)
    even : float64 array, shape (n_partners,)
        Mean effective share of the proposals.
    kept : float64 array, shape (n_partners, 2)
        Mean of the levels' conditional variance over the segment's.
    """
    c = np.empty((sizes[0], sizes[1]))
    first, second, rows = np.empty((3, sizes[0])), np.empty((3, sizes[1])), np.empty((3, sizes[1]))
    at, found, root, trial = np.empty(2), np.empty(5), np.empty(3), np.empty(2)
    box, prior = np.empty((2, 2)), np.empty((2, 2))
    weight, places = np.empty(tries), np.empty((tries, 2))
    count = basis.shape[0]
    for p in range(table.shape[0]):
        at[:] = centre[p]
        for e in range(count):
            _contract(table, basis, p, e, c)
            _place(p, e, centre, half, segment, mean, sd, box, prior)
            height = _climb(c, at, box, prior, first, second, rows, found, trial)
            _spread(found, root)
            begin = int(uniform[e, p, 0] * (bank.shape[0] - tries))
            total, squares = 0.0, 0.0
            for k in range(tries):
                z, w = bank[begin + k, 0], bank[begin + k, 1]
                trial[0], trial[1] = at[0] + root[0] * z, at[1] + root[1] * z + root[2] * w
                places[k, 0], places[k, 1] = trial[0], trial[1]
                gap = _height(c, trial, box, prior, first, second, rows) - height
                gap -= log_bank[begin + k]
                weight[k] = math.exp(min(gap, 300.0))
                total += weight[k]
                squares += weight[k] ** 2
            chosen, left = 0, uniform[e, p, 1] * total - weight[0]
            while left > 0.0 and chosen < tries - 1:
                chosen += 1
                left -= weight[chosen]
            out[e, p, 0], out[e, p, 1] = places[chosen, 0], places[chosen, 1]
            even[p] += total * total / squares / tries / count
            kept[p, 0] += (root[0] / prior[1, 0]) ** 2 / count
            kept[p, 1] += (root[1] ** 2 + root[2] ** 2) / prior[1, 1] ** 2 / count


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
    """Evaluate tables at levels (n, n_partners, 2) into ``out`` (n, n_partners)."""
    c = np.empty((sizes[0], sizes[1]))
    first, second, rows = np.empty((3, sizes[0])), np.empty((3, sizes[1])), np.empty((3, sizes[1]))
    at, box, flat = np.empty(2), np.empty((2, 2)), np.ones((2, 2))
    for p in range(table.shape[0]):
        box[0], box[1] = centre[p], half[p]
        for e in range(basis.shape[0]):
            _contract(table, basis, p, e, c)
            at[0], at[1] = levels[e, p, 0], levels[e, p, 1]
            flat[0] = at
            out[e, p] = _height(c, at, box, flat, first, second, rows)
