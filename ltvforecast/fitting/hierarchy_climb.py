"""Peak of a partner hierarchy's shared parameters, by values of the density alone."""

from __future__ import annotations

import numpy as np

from ltvforecast.errors import ConvergenceError
from ltvforecast.fitting.hierarchy_tables import Box
from ltvforecast.fitting.laplace import LogDensity
from ltvforecast.fitting.mle import Optimum
from ltvforecast.types import FloatArray

__all__ = ["STEP", "climb", "climb_by_slopes", "room"]

STEP = 0.02
"""Of differences, in coordinates of order one."""


def room(box: Box) -> FloatArray:
    """Say how far from the centre the peak of the shapes may lie, for differences around it.

    Parameters
    ----------
    box : Box

    Returns
    -------
    float64 array, shape (2,)
    """
    return np.maximum(box.shapes_half - 2.0 * STEP, 0.0)


def climb(density: LogDensity, eta: FloatArray, box: Box) -> Optimum:
    """Climb by Newton's method on values alone: the density takes many points at once.

    Parameters
    ----------
    density : callable
    eta : float64 array, shape (d,)
        Where to begin.
    box : Box
        Its shapes are not left.

    Returns
    -------
    Optimum
    """
    reach = room(box)
    factors = np.array([1.0, 0.5, 0.25, 0.1, 0.03, 0.01, 0.001])
    for _ in range(60):
        eta[:2] = np.clip(eta[:2], box.shapes - reach, box.shapes + reach)
        value, slope, curvature = _differences(density, eta)
        values, vectors = np.linalg.eigh(curvature)
        floor = 1e-6 * max(1.0, float(np.abs(values).max()))
        step = vectors @ ((vectors.T @ slope) / np.maximum(np.abs(values), floor))
        step *= min(1.0, 1.5 / max(float(np.abs(step).max()), 1e-12))
        trials = eta + factors[:, None] * step
        trials[:, :2] = np.clip(trials[:, :2], box.shapes - reach, box.shapes + reach)
        heights = density(trials)
        best = int(np.argmax(heights))
        if not heights[best] > value + 1e-6 * max(1.0, 1e-6 * abs(value)):
            break
        eta = trials[best]
        if heights[best] - value < 1e-3:
            value, slope, curvature = _differences(density, eta)
            break
    return Optimum(theta=eta, value=value, gradient=slope, curvature=curvature)


def climb_by_slopes(
    density: LogDensity, eta: FloatArray, box: Box, curvature: FloatArray | None
) -> Optimum:
    """Climb with the curvature of before, mended by what slopes say of it (BFGS).

    The whole curvature takes values by the square of the number of coordinates: it is computed at
    the beginning, at the end, and where steps fail.

    Parameters
    ----------
    density : callable
    eta : float64 array, shape (d,)
        Where to begin.
    box : Box
        Its shapes are not left.
    curvature : float64 array, shape (d, d), or None
        Minus the Hessian, as far as it is known.

    Returns
    -------
    Optimum
    """
    reach = room(box)
    factors = np.array([1.0, 0.5, 0.25, 0.1, 0.03, 0.01, 0.001])
    eta[:2] = np.clip(eta[:2], box.shapes - reach, box.shapes + reach)
    fresh = curvature is None
    bends = _differences(density, eta)[2] if curvature is None else curvature
    value, slope = _slopes(density, eta)
    for _ in range(60):
        values, vectors = np.linalg.eigh(bends)
        floor = 1e-6 * max(1.0, float(np.abs(values).max()))
        step = vectors @ ((vectors.T @ slope) / np.maximum(np.abs(values), floor))
        step *= min(1.0, 1.5 / max(float(np.abs(step).max()), 1e-12))
        trials = eta + factors[:, None] * step
        trials[:, :2] = np.clip(trials[:, :2], box.shapes - reach, box.shapes + reach)
        heights = density(trials)
        best = int(np.argmax(heights))
        gain = float(heights[best]) - value
        if not gain > 1e-3:
            if fresh:
                break
            bends, fresh = _differences(density, eta)[2], True
            continue
        moved = trials[best] - eta
        eta, fresh = trials[best], False
        value, before = float(heights[best]), slope
        slope = _slopes(density, eta)[1]
        change, pushed = before - slope, bends @ moved
        if moved @ change > 1e-3 * (moved @ pushed) > 0.0:
            bends = bends + np.outer(change, change) / (moved @ change)
            bends -= np.outer(pushed, pushed) / (moved @ pushed)
    value, slope, bends = _differences(density, eta)
    return Optimum(theta=eta, value=value, gradient=slope, curvature=bends)


def _slopes(density: LogDensity, eta: FloatArray) -> tuple[float, FloatArray]:
    """Value and gradient by central differences."""
    size, unit = len(eta), STEP * np.eye(len(eta))
    found = density(np.concatenate([eta[None], eta + unit, eta - unit]))
    if not np.isfinite(found).all():
        raise _not_finite()
    return float(found[0]), (found[1 : size + 1] - found[size + 1 :]) / (2.0 * STEP)


def _differences(density: LogDensity, eta: FloatArray) -> tuple[float, FloatArray, FloatArray]:
    """Value, gradient and minus the Hessian by central differences."""
    size = len(eta)
    unit = STEP * np.eye(size)
    first, second = np.triu_indices(size, 1)
    both = unit[first] + unit[second]
    found = density(np.concatenate([eta[None], eta + unit, eta - unit, eta + both, eta - both]))
    value, up, down = found[0], found[1 : size + 1], found[size + 1 : 2 * size + 1]
    rise, fall = np.split(found[2 * size + 1 :], 2)
    curvature = np.diag(2.0 * value - up - down)
    mixed = up[first] + up[second] + down[first] + down[second] - 2.0 * value - rise - fall
    curvature[first, second] = curvature[second, first] = mixed / 2.0
    if not np.isfinite(found).all():
        raise _not_finite()
    return float(value), (up - down) / (2.0 * STEP), curvature / STEP**2


def _not_finite() -> ConvergenceError:
    return ConvergenceError(
        "the posterior of what partners share is not finite near its peak",
        expected="finite values all around it",
        remedy="fit with pooling 'complete', or look for partners with absurd amounts",
    )
