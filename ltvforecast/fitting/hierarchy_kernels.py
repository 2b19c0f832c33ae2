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
_CLOSE = 1e-3
"""Squared length, in posterior standard deviations, of a Newton step that is the last."""


@compiled
def _contract(table: FloatArray, basis: FloatArray, out: FloatArray) -> None:
    """Sum a partner's table (n_shapes, n_1 * n_2) over the shared shapes."""
    flat = out.reshape(out.size)
    flat[:] = 0.0
    for s in range(basis.size):
        factor, row = basis[s], table[s]
        for i in range(flat.size):
            flat[i] += factor * row[i]


@compiled
def _polynomials(z: float, value: FloatArray) -> None:
    """Chebyshev polynomials; straight lines outside of [-1, 1]."""
    inside = min(max(z, -1.0), 1.0)
    before, here = inside, 1.0
    for k in range(value.size):
        value[k] = here
        before, here = here, 2.0 * inside * here - before
    if z != inside:
        # the slope of polynomial k at the ends is k squared, up to its sign
        sign = 1.0
        for k in range(value.size):
            sign = -sign if inside < 0.0 else 1.0
            value[k] += sign * k * k * (z - inside)


@compiled
def _slopes(z: float, slope: FloatArray, bend: FloatArray) -> None:
    """First two derivatives of the Chebyshev polynomials at the nearest point of [-1, 1]."""
    inside = min(max(z, -1.0), 1.0)
    slope[0], bend[0] = 0.0, 0.0
    before, here = 1.0, inside
    if slope.size > 1:
        slope[1], bend[1] = 1.0, 0.0
    for k in range(2, slope.size):
        slope[k] = 2.0 * here + 2.0 * inside * slope[k - 1] - slope[k - 2]
        bend[k] = 4.0 * slope[k - 1] + 2.0 * inside * bend[k - 1] - bend[k - 2]
        before, here = here, 2.0 * inside * here - before


@compiled
def _beyond(z: float) -> float:
    """How far outside of [-1, 1], with its sign."""
    return z - min(max(z, -1.0), 1.0)


@compiled
def _along(c: FloatArray, first: FloatArray, out: FloatArray) -> None:
    """Sum over the first level's polynomials."""
    out[:] = 0.0
    for i in range(first.size):
        factor, row = first[i], c[i]
        for j in range(row.size):
            out[j] += factor * row[j]


@compiled
def _total(row: FloatArray, second: FloatArray) -> float:
    total = 0.0
    for j in range(row.size):
        total += row[j] * second[j]
    return total


@compiled
def _height(
    c: FloatArray, at: FloatArray, box: FloatArray, prior: FloatArray, work: FloatArray
) -> float:
    """Log-likelihood plus the levels' normal exponents. ``box``: centre, half; ``prior``: mean, sd.

    Work is (3, 3, n): polynomials, slopes and bends of either level, and sums over the first.
    """
    total = 0.0
    for d in range(2):
        n = c.shape[d]
        z = (at[d] - box[0, d]) / box[1, d]
        _polynomials(z, work[d, 0, :n])
        total -= 0.5 * _FALL * _beyond(z) ** 2
        total -= 0.5 * ((at[d] - prior[0, d]) / prior[1, d]) ** 2
    row = work[2, 0, : c.shape[1]]
    _along(c, work[0, 0, : c.shape[0]], row)
    return total + _total(row, work[1, 0, : c.shape[1]])


@compiled
def _derivatives(
    c: FloatArray,
    at: FloatArray,
    box: FloatArray,
    prior: FloatArray,
    work: FloatArray,
    found: FloatArray,
) -> None:
    """Write gradient (2) and minus the Hessian (3: 11, 12, 22) after a call of ``_height``."""
    n, m = c.shape
    h, g = box[1, 0], box[1, 1]
    _slopes((at[0] - box[0, 0]) / h, work[0, 1, :n], work[0, 2, :n])
    _slopes((at[1] - box[0, 1]) / g, work[1, 1, :m], work[1, 2, :m])
    weight = 1.0 / prior[1, 0] ** 2, 1.0 / prior[1, 1] ** 2
    _along(c, work[0, 1, :n], work[2, 1, :m])
    _along(c, work[0, 2, :n], work[2, 2, :m])
    found[0] = _total(work[2, 1, :m], work[1, 0, :m]) / h
    found[1] = _total(work[2, 0, :m], work[1, 1, :m]) / g
    found[2] = -_total(work[2, 2, :m], work[1, 0, :m]) / (h * h)
    found[3] = -_total(work[2, 1, :m], work[1, 1, :m]) / (h * g)
    found[4] = -_total(work[2, 0, :m], work[1, 2, :m]) / (g * g)
    for d in range(2):
        out = _beyond((at[d] - box[0, d]) / box[1, d])
        if out != 0.0:
            found[d] -= _FALL * out / box[1, d]
            found[2 + 2 * d] = _FALL / box[1, d] ** 2
        found[d] -= (at[d] - prior[0, d]) * weight[d]
        found[2 + 2 * d] += weight[d]
    steep = found[2] <= 0.0 or found[4] <= 0.0
    if steep or found[2] * found[4] - found[3] ** 2 <= 1e-6 * found[2] * found[4]:
        # not a peak: keep to what curves down, at least as much as the prior
        found[2] = max(found[2], weight[0])
        found[4] = max(found[4], weight[1])
        limit = 0.9 * math.sqrt(found[2] * found[4])
        found[3] = min(max(found[3], -limit), limit)


@compiled
def _climb(
    c: FloatArray,
    at: FloatArray,
    box: FloatArray,
    prior: FloatArray,
    work: FloatArray,
    found: FloatArray,
) -> float:
    """Move ``at`` to the peak by Newton steps that are halved until they climb."""
    height = _height(c, at, box, prior, work)
    trial = np.empty(2)
    for _ in range(_MOST_STEPS):
        _derivatives(c, at, box, prior, work, found)
        area = found[2] * found[4] - found[3] ** 2
        first = (found[4] * found[0] - found[3] * found[1]) / area
        second = (found[2] * found[1] - found[3] * found[0]) / area
        gain = first * found[0] + second * found[1]
        scale = 1.0
        while scale > 1e-4:
            trial[0], trial[1] = at[0] + scale * first, at[1] + scale * second
            reached = _height(c, trial, box, prior, work)
            if reached >= height - 1e-11 * abs(height):
                break
            scale *= 0.5
        if scale <= 1e-4:
            height = _height(c, at, box, prior, work)
            break
        at[0], at[1], height = trial[0], trial[1], reached
        if gain < _CLOSE:
            break
    _derivatives(c, at, box, prior, work, found)
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
    box: FloatArray,
    prior: FloatArray,
    work: FloatArray,
    nodes: FloatArray,
    log_weights: FloatArray,
    levels: int,
) -> float:
    """Log of the integral of exp(height), by nodes at ``at + root z``."""
    n, m = c.shape
    row = work[2, 0, :m]
    second = levels == 2
    count = nodes.size if second else 1
    top, total = -np.inf, 0.0
    for i in range(nodes.size):
        u = at[0] + root[0] * nodes[i]
        centre = at[1] + root[1] * nodes[i]
        _polynomials((u - box[0, 0]) / box[1, 0], work[0, 0, :n])
        _along(c, work[0, 0, :n], row)
        outer = log_weights[i] - 0.5 * ((u - prior[0, 0]) / prior[1, 0]) ** 2
        outer -= 0.5 * _FALL * _beyond((u - box[0, 0]) / box[1, 0]) ** 2
        for k in range(count):
            v = centre + root[2] * nodes[k] if second else centre
            z = (v - box[0, 1]) / box[1, 1]
            _polynomials(z, work[1, 0, :m])
            height = outer - 0.5 * ((v - prior[0, 1]) / prior[1, 1]) ** 2
            height -= 0.5 * _FALL * _beyond(z) ** 2
            height += log_weights[k] if second else 0.0
            height += _total(row, work[1, 0, :m])
            if height > top:
                total = total * math.exp(top - height) + 1.0
                top = height
            else:
                total += math.exp(height - top)
    return top + math.log(total) + math.log(root[0] * root[2])


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
    work = np.empty((3, 3, max(c.shape)))
    at, found, root = np.empty(2), np.empty(5), np.empty(3)
    box, prior = np.empty((2, 2)), np.empty((2, 2))
    for p in range(table.shape[0]):
        at[:] = centre[p]
        for e in range(basis.shape[0]):
            _contract(table[p], basis[e], c)
            _place(p, e, centre, half, segment, mean, sd, box, prior)
            _climb(c, at, box, prior, work, found)
            _spread(found, root)
            value = _integral(c, at, root, box, prior, work, nodes, log_weights, levels)
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
    work = np.empty((3, 3, max(c.shape)))
    at, found, root = np.empty(2), np.empty(5), np.empty(3)
    box, prior = np.empty((2, 2)), np.empty((2, 2))
    for p in range(table.shape[0]):
        at[:] = centre[p]
        for e in range(basis.shape[0]):
            _contract(table[p], basis[e], c)
            _place(p, e, centre, half, segment, mean, sd, box, prior)
            _climb(c, at, box, prior, work, found)
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
    work = np.empty((3, 3, max(c.shape)))
    at, found, root, trial = np.empty(2), np.empty(5), np.empty(3), np.empty(2)
    box, prior = np.empty((2, 2)), np.empty((2, 2))
    weight, places = np.empty(tries), np.empty((tries, 2))
    count = basis.shape[0]
    for p in range(table.shape[0]):
        at[:] = centre[p]
        for e in range(count):
            _contract(table[p], basis[e], c)
            _place(p, e, centre, half, segment, mean, sd, box, prior)
            height = _climb(c, at, box, prior, work, found)
            _spread(found, root)
            begin = int(uniform[e, p, 0] * (bank.shape[0] - tries))
            total, squares = 0.0, 0.0
            for k in range(tries):
                z = bank[begin + k]
                trial[0] = at[0] + root[0] * z[0]
                trial[1] = at[1] + root[1] * z[0] + root[2] * z[1]
                places[k] = trial
                gap = _height(c, trial, box, prior, work) - height - log_bank[begin + k]
                weight[k] = math.exp(min(gap, 300.0))
                total += weight[k]
                squares += weight[k] ** 2
            chosen, left = 0, uniform[e, p, 1] * total - weight[0]
            while left > 0.0 and chosen < tries - 1:
                chosen += 1
                left -= weight[chosen]
            out[e, p] = places[chosen]
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
    work = np.empty((3, 3, max(c.shape)))
    box, flat = np.empty((2, 2)), np.ones((2, 2))
    for p in range(table.shape[0]):
        box[0], box[1] = centre[p], half[p]
        for e in range(basis.shape[0]):
            _contract(table[p], basis[e], c)
            flat[0] = levels[e, p]
            out[e, p] = _height(c, levels[e, p], box, flat, work)
