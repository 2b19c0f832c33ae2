"""Compiled sums of Chebyshev polynomials, with slopes, and carried on outside of their interval."""

from __future__ import annotations

from ltvforecast.formulas.compiling import compiled
from ltvforecast.types import FloatArray

__all__ = ["along", "beyond", "contract", "polynomials", "slopes"]


@compiled
def contract(table: FloatArray, basis: FloatArray, p: int, e: int, out: FloatArray) -> None:
    """Sum table ``p`` (n_shapes, n_1 * n_2) over the shared shapes of row ``e``."""
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
def polynomials(z: float, made: FloatArray) -> None:
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
def slopes(z: float, made: FloatArray) -> None:
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
def beyond(z: float) -> float:
    """How far outside of [-1, 1], with its sign."""
    return z - min(max(z, -1.0), 1.0)


@compiled
def along(c: FloatArray, first: FloatArray, rows: FloatArray) -> None:
    """Sum over the first level's polynomials, into row 0."""
    rows[0] = 0.0
    for i in range(c.shape[0]):
        factor = first[0, i]
        for j in range(c.shape[1]):
            rows[0, j] += factor * c[i, j]
