"""Maximum of a log-density by Newton's method from several starts, and a look at its edges.

Three or four coordinates of order one and a cheap analytic gradient of many points at once: Newton
steps with the Hessian by differences converge in about ten, to the last digit, each from one call.
They go uphill also where the surface is not concave (Dauphin et al. 2014), are never longer than
two units, and are halved until they climb. (L-BFGS-B of SciPy 1.17 starts the threads of the linear
algebra library at each of its steps, which takes longer than all else here.)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ltvforecast.errors import ConvergenceError
from ltvforecast.types import FloatArray

__all__ = ["Objective", "Optimum", "flat_directions", "maximise", "survey"]

Objective = Callable[[FloatArray], tuple[FloatArray, FloatArray]]
"""Values and gradients of a log-density at coordinate vectors: (n, d) to (n,) and (n, d)."""

_FAR = 12.0
_MOST_STEPS = 100
_LONGEST_STEP = 2.0
_ROUGHLY = 0.1
"""Good enough to tell which start is best: the next step would be some hundred times shorter."""
_EXACTLY = 1e-7
"""The next step would be lost in rounding."""
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


def survey(objective: Objective, theta: FloatArray) -> Optimum:
    """Value, gradient and second derivatives at one point, the latter by central differences.

    Parameters
    ----------
    objective : callable
        Called once, with the point and two more in each coordinate.
    theta : float64 array, shape (d,)

    Returns
    -------
    Optimum
        Of this point, whether or not it is a maximum.

    Examples
    --------
    >>> def bowl(theta):
    ...     return -(theta * theta).sum(1), -2.0 * theta
    >>> here = survey(bowl, np.array([1.0, 2.0]))
    >>> here.value, here.gradient.tolist(), (here.curvature.round(6) + 0.0).tolist()
    (-5.0, [-2.0, -4.0], [[2.0, 0.0], [0.0, 2.0]])
    """
    size = len(theta)
    steps = _STEP * np.eye(size)
    values, gradients = objective(np.concatenate([theta[None], theta + steps, theta - steps]))
    rows = (gradients[1 : size + 1] - gradients[size + 1 :]) / (2.0 * _STEP)
    return Optimum(
        theta=theta,
        value=float(values[0]),
        gradient=gradients[0],
        curvature=-(rows + rows.T) / 2.0,
    )


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
        Values and gradients of many points; the coordinates should be of order one.
    starts : sequence of float64 array, shape (d,)
        The best of the maxima reached from these is taken.
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
    ...     return -((theta - 1) ** 2).sum(1), -2.0 * (theta - 1)
    >>> bound = np.full(2, 5.0)
    >>> top = maximise(bowl, [np.zeros(2)], lower=-bound, upper=bound, what="a bowl")
    >>> top.theta.round(9).tolist()
    [1.0, 1.0]
    """
    best: Optimum | None = None
    for start in starts:
        here = survey(objective, np.clip(start, lower, upper))
        found = _climb(objective, here, lower=lower, upper=upper, close=_ROUGHLY)
        if np.isfinite(found.value) and (best is None or found.value > best.value):
            best = found
    if best is None:
        raise ConvergenceError(
            f"the likelihood of {what} can't be evaluated anywhere near sensible parameters",
            expected="histories and amounts that the model can describe",
            remedy="look for extreme values in the data with `ltvforecast check`",
        )
    return _climb(objective, best, lower=lower, upper=upper, close=_EXACTLY)


def _climb(
    objective: Objective,
    here: Optimum,
    *,
    lower: FloatArray,
    upper: FloatArray,
    close: float,
) -> Optimum:
    """Newton steps on the coordinates that no bound holds, until they are short or don't help."""
    for _ in range(_MOST_STEPS):
        free = ~_held(here, lower, upper)
        finite = np.isfinite(here.curvature).all() and np.isfinite(here.gradient).all()
        if not finite or not free.any() or np.abs(here.gradient[free]).max() < 1e-10:
            break
        step = np.zeros_like(here.theta)
        step[free] = _newton_step(here.curvature[np.ix_(free, free)], here.gradient[free])
        better = _better(objective, here, step, lower=lower, upper=upper)
        if better is None:
            break
        here = better
        if np.abs(step).max() < close:
            break
    return here


def _held(here: Optimum, lower: FloatArray, upper: FloatArray) -> npt.NDArray[np.bool_]:
    """Find the coordinates that would leave their bounds."""
    down = (here.theta <= lower) & (here.gradient < 0)
    return down | ((here.theta >= upper) & (here.gradient > 0))


def _newton_step(curvature: FloatArray, gradient: FloatArray) -> FloatArray:
    """Newton's step where the surface curves down; along other axes as far, but uphill."""
    values, vectors = np.linalg.eigh(curvature)
    values = np.maximum(np.abs(values), 1e-8 * max(1.0, float(np.abs(values).max())))
    step: FloatArray = vectors @ ((vectors.T @ gradient) / values)
    longest = float(np.abs(step).max())
    return step if longest <= _LONGEST_STEP else step * (_LONGEST_STEP / longest)


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
    for _ in range(12):
        trial = survey(objective, np.clip(here.theta + step, lower, upper))
        gain = trial.value - here.value
        flatter = float(np.abs(trial.gradient[free]).max(initial=0.0)) < 0.9 * steepness
        if np.isfinite(trial.value) and (gain > rounding or (gain > -rounding and flatter)):
            return trial
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
