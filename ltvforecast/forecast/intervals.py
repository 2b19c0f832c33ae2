"""Means and equal-tailed intervals of draws, as named columns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ltvforecast.errors import ConfigError
from ltvforecast.types import FloatArray

__all__ = [
    "check_levels",
    "interval_columns",
    "interval_names",
    "quantiles_of_sorted",
    "tail_probabilities",
]


def check_levels(levels: Sequence[int]) -> tuple[int, ...]:
    """Sort interval levels and refuse those that mean nothing.

    Raises
    ------
    ConfigError
        Not whole percents from 1 to 99, or none.

    Examples
    --------
    >>> check_levels([90, 50, 90])
    (50, 90)
    """
    whole = sorted({int(level) for level in levels if level == int(level)})
    if not whole or len(set(levels)) != len(whole) or whole[0] < 1 or whole[-1] > 99:
        raise ConfigError(
            f"interval levels {', '.join(str(level) for level in levels) or '(none)'}",
            expected="whole percents from 1 to 99, such as 50,80,90",
            remedy="correct the levels",
        )
    return tuple(whole)


def tail_probabilities(levels: Sequence[int]) -> FloatArray:
    """Give the probabilities of the lower and upper end of each level, pair after pair.

    Examples
    --------
    >>> tail_probabilities([50, 90]).round(3)
    array([0.25, 0.75, 0.05, 0.95])
    """
    pairs = [((100 - level) / 200, (100 + level) / 200) for level in levels]
    return np.array(pairs, dtype=np.float64).ravel()


def interval_names(name: str, levels: Sequence[int]) -> list[str]:
    """Give the column names of the interval ends, in the order of :func:`tail_probabilities`.

    Examples
    --------
    >>> interval_names("ltv", [90])
    ['ltv_lo_90', 'ltv_hi_90']
    """
    return [f"{name}_{end}_{level}" for level in levels for end in ("lo", "hi")]


def quantiles_of_sorted(ordered: FloatArray, probabilities: FloatArray) -> FloatArray:
    """Quantiles of rows that are already sorted, linear between order statistics.

    Parameters
    ----------
    ordered : float64 array, shape (..., n)
        Rising along the last axis.
    probabilities : float64 array, shape (k,)

    Returns
    -------
    float64 array, shape (..., k)

    References
    ----------
    Hyndman, R. J. and Fan, Y. (1996). Sample quantiles in statistical packages. The American
    Statistician 50(4), definition 7.

    Examples
    --------
    >>> quantiles_of_sorted(np.array([[0.0, 1.0, 4.0]]), np.array([0.25, 0.5]))
    array([[0.5, 1. ]])
    """
    position = probabilities * (ordered.shape[-1] - 1)
    below = np.floor(position).astype(np.int64)
    above = np.minimum(below + 1, ordered.shape[-1] - 1)
    low, high = ordered[..., below], ordered[..., above]
    return np.asarray(low + (position - below) * (high - low))


def interval_columns(
    name: str, draws: FloatArray, levels: Sequence[int], *, mean: bool = True
) -> dict[str, FloatArray]:
    """Mean and equal-tailed intervals over draws.

    Parameters
    ----------
    name : str
        Name of the quantity; the ends are ``name_lo_90``, ``name_hi_90``.
    draws : float64 array, shape (draw, k)
    levels : sequence of int
    mean : bool
        Whether to give the mean, too.

    Returns
    -------
    dict of str to float64 array, shape (k,)

    Examples
    --------
    >>> columns = interval_columns("ltv", np.array([[0.0], [1.0], [2.0]]), [50])
    >>> {name: float(values[0]) for name, values in columns.items()}
    {'ltv': 1.0, 'ltv_lo_50': 0.5, 'ltv_hi_50': 1.5}
    """
    rows = np.array(draws.T, dtype=np.float64, order="C", copy=True)
    columns = {name: rows.mean(axis=1)} if mean else {}
    rows.sort(axis=1)
    ends = quantiles_of_sorted(rows, tail_probabilities(levels))
    columns.update(zip(interval_names(name, levels), ends.T, strict=True))
    return columns
