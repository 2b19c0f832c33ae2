"""Polynomials of two or three variables by their Chebyshev coefficients, one set for each draw."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar, cast

import numba
import numpy as np
import numpy.typing as npt

from ltvforecast.formulas.compiling import compiled

_Function = TypeVar("_Function", bound=Callable[..., object])

__all__ = ["chebyshev_coefficients", "chebyshev_roots", "chebyshev_sums"]

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


def _compiled_sums(function: _Function) -> _Function:
    """Compile as others are, but let sums be added up in the order that is quickest."""
    loose = {"reassoc", "contract", "nsz", "arcp"}
    made = numba.njit(nogil=True, cache=True, error_model="numpy", fastmath=loose)(function)
    return cast("_Function", made)


def chebyshev_roots(count: int) -> FloatArray:
    """Chebyshev nodes of the first kind on [-1, 1], falling.

    Examples
    --------
    >>> chebyshev_roots(2).round(4).tolist()
    [0.7071, -0.7071]
    """
    return np.asarray(np.cos((2 * np.arange(count) + 1) * np.pi / (2 * count)))


def chebyshev_coefficients(values: FloatArray, axis: int) -> FloatArray:
    """Turn values at the Chebyshev roots into coefficients, along one axis.

    Parameters
    ----------
    values : float64 array
        At :func:`chebyshev_roots` along ``axis``.
    axis : int

    Returns
    -------
    float64 array
        Of the shape of ``values``: the interpolating polynomial is the sum of coefficient k times
        the Chebyshev polynomial of degree k.

    References
    ----------
    Press et al. (2007), Numerical Recipes, 3rd edition, equation 5.8.7.

    Examples
    --------
    >>> (chebyshev_coefficients(chebyshev_roots(3) ** 2, 0)[::2]).round(12).tolist()
    [0.5, 0.5]
    """
    count = values.shape[axis]
    degree, place = np.arange(count)[:, None], np.arange(count)[None, :]
    matrix = np.cos(degree * (2 * place + 1) * np.pi / (2 * count)) * (2.0 / count)
    matrix[0] /= 2.0
    return np.moveaxis(np.tensordot(matrix, values, axes=(1, axis)), 0, axis) + 0.0


@compiled
def _fill_polynomials(at: float, values: FloatArray) -> None:
    """Fill in the Chebyshev polynomials of rising degree at one point; the first is 1."""
    if len(values) > 1:
        values[1] = at
    for degree in range(2, len(values)):
        values[degree] = 2.0 * at * values[degree - 1] - values[degree - 2]


@_compiled_sums
def chebyshev_sums(
    coefficients: FloatArray,
    first_row: IntArray,
    row_weight: FloatArray,
    u: FloatArray,
    w: FloatArray,
) -> FloatArray:
    """Evaluate polynomials in (u, w), weighted over rows of coefficients.

    Parameters
    ----------
    coefficients : float64 array, shape (row, draw, table, degree of u, degree of w)
    first_row : int64 array, shape (customer,)
    row_weight : float64 array, shape (customer, rows)
        Weights of as many rows from ``first_row`` on.
    u, w : float64 array, shape (customer, draw)
        Points in [-1, 1]; either may have one row for all customers.

    Returns
    -------
    float64 array, shape (table, customer, draw)

    Examples
    --------
    The polynomial 1 + 2 u + 3 u w:

    >>> given = np.array([[1.0, 0.0], [2.0, 3.0]])[None, None, None]
    >>> row, one = np.zeros(1, dtype=np.int64), np.ones((1, 1))
    >>> chebyshev_sums(given, row, one, np.full((1, 1), 0.5), np.full((1, 1), 0.1)).ravel()
    array([2.15])
    """
    tables, degrees_u, degrees_w = coefficients.shape[2:]
    customers, draws = len(first_row), coefficients.shape[1]
    flat = coefficients.reshape(len(coefficients), draws, tables, degrees_u * degrees_w)
    result = np.zeros((tables, customers, draws))
    of_u, of_w = np.ones(degrees_u), np.ones(degrees_w)
    basis = np.empty(degrees_u * degrees_w)
    for i in range(customers):
        row_u, row_w = u[i * (len(u) > 1)], w[i * (len(w) > 1)]
        for m in range(draws):
            _fill_polynomials(row_u[m], of_u)
            _fill_polynomials(row_w[m], of_w)
            for j in range(degrees_u):
                for k in range(degrees_w):
                    basis[j * degrees_w + k] = of_u[j] * of_w[k]
            for row in range(row_weight.shape[1]):
                weight = row_weight[i, row]
                for table in range(tables):
                    values = flat[first_row[i] + row, m, table]
                    total = 0.0
                    for cell in range(len(basis)):
                        total += basis[cell] * values[cell]
                    result[table, i, m] += weight * total
    return result
