"""Compiled sums of Chebyshev polynomials, with slopes, and carried on outside of their interval."""

# compiled functions take their arrays as positions
# ruff: noqa: PLR0917

from __future__ import annotations

from ltvforecast.formulas.compiling import compiled
from ltvforecast.types import FloatArray

__all__ = ["along", "beyond", "contract", "polynomials", "slopes"]


@compiled
def contract(table: FloatArray, basis: FloatArray, p: int, e: int, out: FloatArray, k: int) -> None:
    """Sum table ``p`` (n_shapes, n_1 * n_2) over the shapes of row ``e``, into ``out[k]``."""
    size = out.shape[1] * out.shape[2]
    flat = out.reshape(out.shape[0], size)
    for i in range(size):
        flat[k, i] = 0.0
    count = basis.shape[1]
    for s in range(0, count - 3, 4):
        one, two, three, four = basis[e, s], basis[e, s + 1], basis[e, s + 2], basis[e, s + 3]
        for i in range(size):
            flat[k, i] += (one * table[p, s, i] + two * table[p, s + 1, i]) + (
                three * table[p, s + 2, i] + four * table[p, s + 3, i]
            )
    for s in range(count - count % 4, count):
        factor = basis[e, s]
        for i in range(size):
            flat[k, i] += factor * table[p, s, i]


@compiled
def polynomials(z: float, made: FloatArray, k: int) -> None:
    """Write Chebyshev polynomials into ``made[k, 0]``; straight lines outside of [-1, 1]."""
    inside = min(max(z, -1.0), 1.0)
    before, here = inside, 1.0
    for i in range(made.shape[2]):
        made[k, 0, i] = here
        before, here = here, 2.0 * inside * here - before
    if z != inside:
        # the slope of polynomial i at the ends is i squared, up to its sign
        sign = 1.0
        for i in range(made.shape[2]):
            sign = -sign if inside < 0.0 else 1.0
            made[k, 0, i] += sign * i * i * (z - inside)


@compiled
def slopes(z: float, made: FloatArray, k: int) -> None:
    """Write their two derivatives at the nearest point of [-1, 1] into ``made[k, 1:]``."""
    inside = min(max(z, -1.0), 1.0)
    made[k, 1, 0], made[k, 2, 0] = 0.0, 0.0
    before, here = 1.0, inside
    if made.shape[2] > 1:
        made[k, 1, 1], made[k, 2, 1] = 1.0, 0.0
    for i in range(2, made.shape[2]):
        made[k, 1, i] = 2.0 * here + 2.0 * inside * made[k, 1, i - 1] - made[k, 1, i - 2]
        made[k, 2, i] = 4.0 * made[k, 1, i - 1] + 2.0 * inside * made[k, 2, i - 1]
        made[k, 2, i] -= made[k, 2, i - 2]
        before, here = here, 2.0 * inside * here - before


@compiled
def beyond(z: float) -> float:
    """How far outside of [-1, 1], with its sign."""
    return z - min(max(z, -1.0), 1.0)


@compiled
def along(c: FloatArray, first: FloatArray, rows: FloatArray, k: int) -> None:
    """Sum ``c[k]`` over the first level's polynomials, into ``rows[k, 0]``."""
    for j in range(c.shape[2]):
        rows[k, 0, j] = 0.0
    for i in range(c.shape[1]):
        factor = first[k, 0, i]
        for j in range(c.shape[2]):
            rows[k, 0, j] += factor * c[k, i, j]
