"""Compiling scalar functions with Numba, and making broadcasting array functions of them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar, cast

import numba
import numpy as np
import numpy.typing as npt

__all__ = ["FloatArray", "Numbers", "apply", "compiled", "elementwise"]

FloatArray = npt.NDArray[np.float64]
Numbers = npt.ArrayLike
"""A number, or an array of numbers that broadcasts."""

_COMPILING = threading.RLock()

_Function = TypeVar("_Function", bound=Callable[..., object])


def compiled(function: _Function) -> _Function:
    """Compile a scalar or array function with Numba, cached on disk, releasing the GIL.

    Parameters
    ----------
    function : callable
        Written in the subset of Python that Numba compiles; may call other compiled functions.

    Returns
    -------
    callable
        Same signature. Divisions by zero give inf or nan as in NumPy; nothing is raised.

    Notes
    -----
    The cache notices changes of a function's own file only. Who edits a function that is compiled
    into others deletes ``__pycache__/*.nb?`` once.
    """
    return cast("_Function", numba.njit(cache=True, nogil=True, error_model="numpy")(function))


def elementwise(function: _Function) -> Callable[..., FloatArray]:
    """Make a broadcasting NumPy function of a compiled scalar one; compiled at the first call.

    Parameters
    ----------
    function : callable
        Scalars in, one scalar out.

    Returns
    -------
    callable
        Takes anything array-like, positional only.

    Examples
    --------
    >>> def half(value: float) -> float:
    ...     return value / 2.0
    >>> elementwise(half)([1, 2])
    array([0.5, 1. ])
    """
    # not cached on disk: it would be stored under the scalar function's name, and loaded for it
    ufunc = numba.vectorize(nopython=True)(function)

    def broadcast(*arguments: Numbers) -> FloatArray:
        if ufunc.types:
            return apply(ufunc, *arguments)
        with _COMPILING:  # two threads that compile the same function warn of each other
            return apply(ufunc, *arguments)

    return broadcast


def apply(ufunc: Callable[..., FloatArray], *arguments: Numbers) -> FloatArray:
    """Call a ufunc on float64 arrays, silencing floating-point flags that mean nothing here.

    Compiled code evaluates both sides of a branch where that is quicker, which may set the
    "divide by zero" flag although no such quotient is used.

    Parameters
    ----------
    ufunc : callable
        A NumPy ufunc.
    *arguments : array_like
        Broadcast against each other.

    Returns
    -------
    float64 array

    Examples
    --------
    >>> float(apply(np.add, 1, 2))
    3.0
    """
    with np.errstate(all="ignore"):
        return ufunc(*(np.asarray(value, dtype=np.float64) for value in arguments))
