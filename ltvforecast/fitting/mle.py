"""Maximum of a log-density: several starts, L-BFGS-B, Newton polishing, and a look at edges."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize

from ltvforecast.errors import ConvergenceError
from ltvforecast.types import FloatArray

__all__ = ["Objective", "Optimum", "flat_directions", "hessian", "maximise"]

Objective = Callable[[FloatArray], tuple[float, FloatArray]]
"""Value and gradient of a log-density at one coordinate vector."""

_FAR = 12.0
_STEP = 1e-4
"""Step of the central differences of the gradient, whose error grows with its square."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Optimum:
    """The highest point found.

    Attributes
    ----------
    theta, gradient : float64 array, shape (d,)
    value : float
    curvature : float64 array, shape (d, d)
        Minus the Hessian, symmetric.
    """

    theta: FloatArray
    value: float
    gradient: FloatArray
    curvature: FloatArray


def hessian(objective: Objective, theta: FloatArray) -> FloatArray:
    """Second derivatives by central differences of the analytic gradient.

    Parameters
    ----------
    objective : callable
    theta : float64 array, shape (d,)

    Returns
    -------
    float64 array, shape (d, d)
        Symmetric.

    Examples
    --------
    >>> def bowl(theta):
    ...     return -float(theta @ theta), -2.0 * theta
    >>> hessian(bowl, np.array([1.0, 2.0])).round(6).tolist()
    [[-2.0, 0.0], [0.0, -2.0]]
    """
    size = len(theta)
    rows = np.empty((size, size))
    for k in range(size):
        step = np.zeros(size)
        step[k] = _STEP
        rows[k] = (objective(theta + step)[1] - objective(theta - step)[1]) / (2.0 * _STEP)
    return (rows + rows.T) / 2.0


def maximise(
    objective: Objective,
    starts: Sequence[FloatArray],
    *,
    lower: FloatArray,
    upper: FloatArray,
    what: str,
) -> Optimum:
    """Find the maximum within bounds.

    Parameters
    ----------
    objective : callable
        Value and gradient; the coordinates should be of order one.
    starts : sequence of float64 array, shape (d,)
        The best of the maxima reached from these is polished.
    lower, upper : float64 array, shape (d,)
    what : str
        What is being fitted, for the message.

    Returns
    -------
    Optimum

    Raises
    ------
    ConvergenceError
        No start leads to a finite value.

    Examples
    --------
    >>> def bowl(theta):
    ...     return -float((theta - 1) @ (theta - 1)), -2.0 * (theta - 1)
    >>> bound = np.full(2, 5.0)
    >>> maximise(bowl, [np.zeros(2)], lower=-bound, upper=bound, what="a bowl").theta.tolist()
    [1.0, 1.0]
    """
    best: tuple[float, FloatArray] | None = None
    for start in starts:
        found = _climb(objective, np.clip(start, lower, upper), lower, upper)
        if np.isfinite(found[0]) and (best is None or found[0] > best[0]):
            best = found
    if best is None:
        raise ConvergenceError(
            f"the likelihood of {what} can't be evaluated anywhere near sensible parameters",
            expected="histories and amounts that the model can describe",
            remedy="look for extreme values in the data with `ltvforecast check`",
        )
    return _polish(objective, best[1], lower, upper)


def _climb(
    objective: Objective, start: FloatArray, lower: FloatArray, upper: FloatArray
) -> tuple[float, FloatArray]:
    scale = max(1.0, abs(objective(start)[0]))
    scale = scale if np.isfinite(scale) else 1.0

    def descent(theta: FloatArray) -> tuple[float, FloatArray]:
        value, gradient = objective(theta)
        if not (np.isfinite(value) and np.isfinite(gradient).all()):
            return 1e10, np.zeros_like(theta)
        return -value / scale, -gradient / scale

    result = minimize(
        descent,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=list(zip(lower, upper, strict=True)),
        options={"maxiter": 500, "ftol": 1e-13, "gtol": 1e-9},
    )
    theta = np.asarray(result.x, dtype=np.float64)
    return objective(theta)[0], theta


def _polish(
    objective: Objective, theta: FloatArray, lower: FloatArray, upper: FloatArray
) -> Optimum:
    """Newton steps on the coordinates that no bound holds, until they no longer help."""
    value, gradient = objective(theta)
    here = Optimum(
        theta=theta, value=value, gradient=gradient, curvature=-hessian(objective, theta)
    )
    for _ in range(20):
        free = ~_held(here, lower, upper)
        if not free.any() or np.abs(here.gradient[free]).max() < 1e-10:
            break
        step = np.zeros_like(theta)
        step[free] = _newton_step(here.curvature[np.ix_(free, free)], here.gradient[free])
        better = _better(objective, here, step, lower=lower, upper=upper)
        if better is None:
            break
        here = better
    return here


def _held(here: Optimum, lower: FloatArray, upper: FloatArray) -> npt.NDArray[np.bool_]:
    """Find the coordinates that would leave their bounds."""
    down = (here.theta <= lower) & (here.gradient < 0)
    return down | ((here.theta >= upper) & (here.gradient > 0))


def _newton_step(curvature: FloatArray, gradient: FloatArray) -> FloatArray:
    values, vectors = np.linalg.eigh(curvature)
    values = np.maximum(np.abs(values), 1e-8 * max(1.0, float(np.abs(values).max())))
    step: FloatArray = vectors @ ((vectors.T @ gradient) / values)
    longest = float(np.abs(step).max())
    return step if longest <= 1.0 else step / longest


def _better(
    objective: Objective,
    here: Optimum,
    step: FloatArray,
    *,
    lower: FloatArray,
    upper: FloatArray,
) -> Optimum | None:
    """Halve a step until it climbs or, within rounding of the value, flattens the gradient."""
    rounding = 1e-13 * max(1.0, abs(here.value))
    free = step != 0.0
    steepness = float(np.abs(here.gradient[free]).max(initial=0.0))
    for _ in range(8):
        trial = np.clip(here.theta + step, lower, upper)
        value, gradient = objective(trial)
        gain = value - here.value
        flatter = float(np.abs(gradient[free]).max(initial=0.0)) < 0.9 * steepness
        if np.isfinite(value) and (gain > rounding or (gain > -rounding and flatter)):
            return Optimum(
                theta=trial, value=value, gradient=gradient, curvature=-hessian(objective, trial)
            )
        step = step / 2.0
    return None


def flat_directions(
    log_likelihood: Callable[[FloatArray], FloatArray],
    theta: FloatArray,
    directions: Sequence[tuple[int, int]],
) -> tuple[bool, ...]:
    """Find out which coordinates could as well go to their limit.

    Parameters
    ----------
    log_likelihood : callable
        Of coordinate vectors of shape (n, d), without any prior.
    theta : float64 array, shape (d,)
    directions : sequence of (coordinate, sign)
        Ways to a limit of the model.

    Returns
    -------
    tuple of bool
        True where twelve units further (a factor of 160,000: as good as the limit) the
        log-likelihood is lower by less than 0.1, or higher: the data can't tell the two apart.

    Examples
    --------
    >>> flat_directions(lambda theta: -np.exp(-theta[:, 0]), np.array([4.0]), [(0, 1), (0, -1)])
    (True, False)
    """
    trials = np.tile(theta, (len(directions) + 1, 1))
    for row, (coordinate, sign) in enumerate(directions):
        trials[row, coordinate] += _FAR * sign
    values = log_likelihood(trials)
    return tuple(bool(value > values[-1] - 0.1) for value in values[:-1])
