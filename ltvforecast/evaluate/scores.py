"""Scores of forecasts against what came: errors, CRPS, intervals, calibration and ranking."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr
from scipy.stats import rankdata

from ltvforecast.errors import ForecastError
from ltvforecast.types import FloatArray

__all__ = [
    "CRPS_ESTIMATOR",
    "bias",
    "coverage",
    "crps_from_draws",
    "crps_from_quantiles",
    "crps_normal",
    "decile_lift",
    "interval_score",
    "mean_absolute_error",
    "normalised_gini",
    "randomised_pit",
    "wape",
]

CRPS_ESTIMATOR = "fair"
"""Unbiased for the distribution the draws come from; computed by probability-weighted moments."""


def wape(actual: npt.ArrayLike, forecast: npt.ArrayLike) -> float:
    """Weighted absolute percentage error: sum of absolute errors over the sum of actuals.

    Parameters
    ----------
    actual, forecast : array_like, shape (n,)

    Returns
    -------
    float
        0 is perfect; NaN where all actuals are zero.

    References
    ----------
    Kolassa & Schütz (2007), Foresight 6, 40-43: the ratio of MAE to the mean.

    Examples
    --------
    >>> wape([100.0, 0.0], [90.0, 10.0])
    0.2
    """
    y, f = _pair(actual, forecast)
    return _ratio(float(np.abs(y - f).sum()), float(np.abs(y).sum()))


def bias(actual: npt.ArrayLike, forecast: npt.ArrayLike) -> float:
    """Relative error of the total: sum of forecasts over sum of actuals, less one.

    Parameters
    ----------
    actual, forecast : array_like, shape (n,)

    Returns
    -------
    float
        .1 means 10 % too much was forecast; NaN where the actuals sum to zero.

    Examples
    --------
    >>> bias([100.0, 100.0], [90.0, 90.0])
    -0.1
    """
    y, f = _pair(actual, forecast)
    return _ratio(float(f.sum() - y.sum()), float(y.sum()))


def mean_absolute_error(actual: npt.ArrayLike, forecast: npt.ArrayLike) -> float:
    """Mean absolute error, in the unit of the actuals.

    Parameters
    ----------
    actual, forecast : array_like, shape (n,)

    Returns
    -------
    float
        NaN of nothing.

    Examples
    --------
    >>> mean_absolute_error([1.0, 2.0], [2.0, 4.0])
    1.5
    """
    y, f = _pair(actual, forecast)
    return float(np.abs(y - f).mean()) if len(y) else math.nan


def crps_from_draws(actual: npt.ArrayLike, draws: npt.ArrayLike) -> FloatArray:
    """Continuous ranked probability score of each unit, by the fair estimator.

    Parameters
    ----------
    actual : array_like, shape (n,)
    draws : array_like, shape (draw, n)
        A single draw is a point forecast, whose score is the absolute error.

    Returns
    -------
    float64 array, shape (n,)
        In the unit of the actuals; lower is better. The fair estimator may be a little below
        zero where the draws are nearly all equal to the actual.

    Notes
    -----
    ``mean |X - y| - sum_ij |X_i - X_j| / (2 M (M - 1))``: unbiased in the number of draws M, so
    that forecasts with few and with many draws can be compared. Computed by scoringrules
    (estimator ``pwm``, the same number from sorted draws in O(M log M)).

    References
    ----------
    Gneiting & Raftery (2007), JASA 102, 359-378, equation 21; Ferro (2014), Quarterly Journal of
    the Royal Meteorological Society 140, 1917-1923 (fair scores); Zamo & Naveau (2018),
    Mathematical Geosciences 50, 209-234 (that the two estimators are one).

    Examples
    --------
    >>> crps_from_draws([1.0], [[0.0], [1.0], [2.0]]).round(6) + 0.0
    array([0.])
    >>> crps_from_draws([5.0], [[3.0]])
    array([2.])
    """
    y = _vector(actual)
    x = _draws_of(draws, len(y))
    if len(x) == 1 or not len(y):
        return np.asarray(np.abs(x[0] - y))
    import scoringrules  # its import compiles for seconds; only scoring needs it

    scores = scoringrules.crps_ensemble(
        y, np.ascontiguousarray(x.T), estimator="pwm", backend="numpy"
    )
    return np.asarray(scores, dtype=np.float64)


def crps_from_quantiles(
    actual: npt.ArrayLike, quantiles: npt.ArrayLike, probabilities: npt.ArrayLike
) -> FloatArray:
    """Approximate the CRPS of each unit from its quantiles, as twice the mean pinball loss.

    Parameters
    ----------
    actual : array_like, shape (n,)
    quantiles : array_like, shape (k, n)
    probabilities : array_like, shape (k,)
        Should be the midpoints of k equal parts of (0, 1): .5/k, 1.5/k, ...

    Returns
    -------
    float64 array, shape (n,)
        In the unit of the actuals.

    Notes
    -----
    The CRPS is twice the integral of the pinball loss over all probabilities; this is the
    midpoint rule, from scoringrules. For where draws of each unit were not kept.

    References
    ----------
    Laio & Tamea (2007), Hydrology and Earth System Sciences 11, 1267-1277.

    Examples
    --------
    >>> crps_from_quantiles([2.0], [[1.0]], [0.5])
    array([1.])
    """
    y = _vector(actual)
    q = _draws_of(quantiles, len(y))
    import scoringrules  # as in crps_from_draws

    scores = scoringrules.crps_quantile(
        y, np.ascontiguousarray(q.T), _vector(probabilities), backend="numpy"
    )
    return np.asarray(scores, dtype=np.float64)


def crps_normal(actual: npt.ArrayLike, mean: npt.ArrayLike, sd: npt.ArrayLike) -> FloatArray:
    """Continuous ranked probability score of normal distributions.

    Parameters
    ----------
    actual, mean, sd : array_like, shape (n,)
        ``sd`` positive.

    Returns
    -------
    float64 array, shape (n,)
        In the unit of ``actual``; smaller is better.

    References
    ----------
    Gneiting, Raftery, Westveld & Goldman (2005), Monthly Weather Review 133, 1098-1118, eq. 5.

    Notes
    -----
    Written out, and not taken from the scoring library: estimation calls it in every fit, and
    importing that library takes seconds.

    Examples
    --------
    >>> bool(abs(crps_normal([0.0], [0.0], [1.0])[0] - (2**0.5 - 1) / np.pi**0.5) < 1e-12)
    True
    """
    y, centre, spread = _vector(actual), _vector(mean), _vector(sd)
    z = (y - centre) / spread
    density = np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    return np.asarray(spread * (z * (2 * ndtr(z) - 1) + 2 * density - 1 / math.sqrt(math.pi)))


def interval_score(
    actual: npt.ArrayLike, lower: npt.ArrayLike, upper: npt.ArrayLike, *, level: float
) -> FloatArray:
    """Interval (Winkler) score of each unit: the width, plus a fine for being outside.

    Parameters
    ----------
    actual, lower, upper : array_like, shape (n,)
    level : float
        Of the interval, in percent.

    Returns
    -------
    float64 array, shape (n,)
        ``(u - l) + 2/alpha (l - y)_+ + 2/alpha (y - u)_+`` with ``alpha = 1 - level/100``; in the
        unit of the actuals; lower is better. Computed by scoringrules.

    References
    ----------
    Gneiting & Raftery (2007), JASA 102, 359-378, equation 43.

    Examples
    --------
    >>> interval_score([3.0], [0.0], [1.0], level=90).round(9)
    array([41.])
    """
    y, low = _pair(actual, lower)
    _, high = _pair(actual, upper)
    import scoringrules  # as in crps_from_draws

    scores = scoringrules.interval_score(y, low, high, 1.0 - _level(level), backend="numpy")
    return np.asarray(scores, dtype=np.float64).reshape(y.shape)  # it squeezes a single unit


def randomised_pit(
    actual: npt.ArrayLike, draws: npt.ArrayLike, *, rng: np.random.Generator
) -> FloatArray:
    """Where each actual falls in its forecast distribution, as a number between 0 and 1.

    Parameters
    ----------
    actual : array_like, shape (n,)
    draws : array_like, shape (draw, n)
    rng : numpy.random.Generator
        Breaks ties: an actual that equals some draws (mostly at zero) falls anywhere among them.

    Returns
    -------
    float64 array, shape (n,)
        Exactly uniform, whatever the number of draws, if the actual is one more draw of the same
        distribution: ``(L + U (E + 1)) / (M + 1)`` with L draws below, E equal, M in all.

    References
    ----------
    Czado, Gneiting & Held (2009), Biometrics 65, 1254-1261 (randomised for atoms);
    Hamill (2001), Monthly Weather Review 129, 550-560 (ranks among M draws).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> pit = randomised_pit([9.0], [[1.0], [2.0], [3.0]], rng=rng)
    >>> bool(0.75 <= pit[0] <= 1.0)
    True
    """
    y = _vector(actual)
    x = _draws_of(draws, len(y))
    below = (x < y).sum(axis=0)
    equal = (x == y).sum(axis=0)
    places = rng.uniform(size=len(y)) * (equal + 1)
    return np.asarray((below + places) / (len(x) + 1), dtype=np.float64)


def coverage(pit: npt.ArrayLike, *, level: float, weights: npt.ArrayLike | None = None) -> float:
    """Share of actuals inside their central interval, from their randomised PIT.

    Parameters
    ----------
    pit : array_like, shape (n,)
        From :func:`randomised_pit`. NaN: no distribution was forecast; left out.
    level : float
        Of the interval, in percent.
    weights : array_like, shape (n,), optional
        For example revenue before the forecast, so that large partners count for more.

    Returns
    -------
    float
        Should be near ``level / 100``; NaN of nothing.

    Notes
    -----
    Counting actuals between closed interval ends over-covers where draws are tied (small counts,
    nothing bought); the randomised PIT does not.

    Examples
    --------
    >>> coverage([0.1, 0.5, 0.99], level=90)
    0.6666666666666666
    >>> coverage([0.1, 0.5, 0.99], level=90, weights=[1.0, 1.0, 8.0])
    0.2
    """
    u = np.asarray(pit, dtype=np.float64)
    w = np.ones(len(u)) if weights is None else np.asarray(weights, dtype=np.float64)
    known = np.isfinite(u)
    tail = (1.0 - _level(level)) / 2
    inside = (u[known] >= tail) & (u[known] <= 1.0 - tail)
    return _ratio(float(w[known][inside].sum()), float(w[known].sum()))


def normalised_gini(actual: npt.ArrayLike, forecast: npt.ArrayLike) -> float:
    """How well the forecasts rank the units, by value: 1 as well as can be, 0 not at all.

    Parameters
    ----------
    actual, forecast : array_like, shape (n,)

    Returns
    -------
    float
        Gini coefficient of the actuals in the order of the forecasts, over that in their own
        order; equal forecasts share their places. -1: exactly the wrong way round. NaN where all
        actuals are equal.

    References
    ----------
    Wang, Liu & Miao (2019), "A deep probabilistic model for customer lifetime value prediction",
    arXiv:1912.07753.

    Examples
    --------
    >>> normalised_gini([1.0, 2.0, 3.0], [10.0, 20.0, 30.0])
    1.0
    >>> normalised_gini([1.0, 2.0, 3.0], [5.0, 5.0, 5.0])
    0.0
    """
    y, f = _pair(actual, forecast)
    if len(y) < 2:
        return math.nan
    middle = (len(y) + 1) / 2
    of_forecast = float(((rankdata(f) - middle) * y).sum())
    of_actual = float(((rankdata(y) - middle) * y).sum())
    return _ratio(of_forecast, of_actual)


def decile_lift(actual: npt.ArrayLike, forecast: npt.ArrayLike, *, groups: int = 10) -> FloatArray:
    """Mean actual of each tenth by falling forecast, as a multiple of the mean of all.

    Parameters
    ----------
    actual, forecast : array_like, shape (n,)
    groups : int
        10 for deciles.

    Returns
    -------
    float64 array, shape (groups,)
        The first is the tenth with the highest forecasts. Units with equal forecasts share their
        actuals evenly. NaN where the actuals sum to zero.

    Raises
    ------
    ForecastError
        Fewer units than groups.

    Examples
    --------
    >>> decile_lift([3.0, 1.0, 0.0, 0.0], [9.0, 5.0, 2.0, 1.0], groups=2)
    array([2., 0.])
    """
    y, f = _pair(actual, forecast)
    if len(y) < groups or groups < 1:
        raise ForecastError(
            f"{len(y)} units for {groups} groups",
            expected="at least one unit in each group",
            remedy="ask for fewer groups",
        )
    tied = np.unique(f, return_inverse=True)[1]
    shared = (np.bincount(tied, y) / np.bincount(tied))[tied]
    falling = shared[np.argsort(-f, kind="stable")]
    means = np.array([part.mean() for part in np.array_split(falling, groups)])
    overall = float(y.mean())
    return np.asarray(means / overall if overall else np.full(groups, math.nan))


def _vector(values: npt.ArrayLike) -> FloatArray:
    vector = np.asarray(values, dtype=np.float64)
    if vector.ndim != 1 or not np.isfinite(vector).all():
        raise ForecastError(
            f"values to score of shape {vector.shape}"
            + ("" if np.isfinite(vector).all() else ", some not finite"),
            expected="one finite number a unit",
            remedy="check how the forecasts and actuals were put together",
        )
    return vector


def _pair(actual: npt.ArrayLike, forecast: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    y, f = _vector(actual), _vector(forecast)
    if len(y) != len(f):
        raise ForecastError(
            f"{len(f)} forecasts for {len(y)} actuals",
            expected="one forecast for each actual, in the same order",
            remedy="align them by partner or customer first",
        )
    return y, f


def _draws_of(draws: npt.ArrayLike, units: int) -> FloatArray:
    x = np.asarray(draws, dtype=np.float64)
    if x.ndim != 2 or x.shape[1] != units or not len(x) or not np.isfinite(x).all():
        raise ForecastError(
            f"draws of shape {x.shape} for {units} actuals",
            expected="finite draws of shape (draw, unit), at least one draw",
            remedy="put draws on the first axis and units on the second",
        )
    return x


def _level(level: float) -> float:
    if not 0 < level < 100:
        raise ForecastError(
            f"interval level {level!r}",
            expected="percent between 0 and 100",
            remedy="give 90 for a 90 % interval",
        )
    return level / 100


def _ratio(above: float, below: float) -> float:
    return above / below if below else math.nan
