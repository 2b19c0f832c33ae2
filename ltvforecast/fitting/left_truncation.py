"""How many of the customers who seem new really are, where data begin later than customers do.

Who was a customer before the data begin shows itself within its own interpurchase time: a weekly
buyer first seen in the tenth month is new, a yearly buyer need not be. Old customers therefore
come to light at a rate that falls as the fitted purchase model says, new ones at a steady one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ltvforecast.formulas.bgnbd import p_alive
from ltvforecast.types import FloatArray, IntArray

__all__ = ["Newness", "judge_newness"]

_ROUNDS = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Newness:
    """Which of the customers first seen in the data were really new.

    Attributes
    ----------
    probability : float64 array, shape (customer,)
        That the customer was new when it was first seen.
    first_day : int64 array, shape (customer,)
        When it was first seen, in days since 1970-01-01.
    old_customers : float
        Expected number of old customers among those seen.
    evidence : float
        By how much the log-likelihood is higher than without any old customers.
    """

    probability: FloatArray
    first_day: IntArray
    old_customers: float
    evidence: float


def judge_newness(
    x: npt.ArrayLike,
    t_x: npt.ArrayLike,
    T: npt.ArrayLike,
    purchase: Mapping[str, float],
    *,
    first_day: npt.ArrayLike,
) -> Newness:
    """Estimate how many of the customers seen were there before the data begin.

    Parameters
    ----------
    x, t_x, T : array_like, shape (customer,)
        Repeat purchases, time of the last one and age, counted from the first purchase seen. The
        data are taken to begin with the first of all purchases.
    purchase : mapping
        BG/NBD parameters ``r, alpha, a, b``, time as in ``T``.
    first_day : array_like, shape (customer,)
        Day of the first purchase seen, in days since 1970-01-01; handed through.

    Returns
    -------
    Newness

    Notes
    -----
    First sightings at time t after the data begin are a Poisson process of intensity
    ``N E[rate exp(-rate t)] + nu`` with ``N`` old customers and ``nu`` new ones a unit of time.
    Given its history a customer's rate is Gamma(r + x, alpha + T) if it is alive and
    Gamma(r + x, alpha + t_x) if it is not, so that ``a_i = E[rate exp(-rate t_i)]`` is a mixture
    of two closed forms, and the log-likelihood is, up to a constant ::

        sum_i log(N a_i + nu) - N (1 - (alpha / (alpha + W))^r) - nu W

    with W the length of the history; it is concave and maximised by EM. Old customers are taken
    to have the purchase rates of those seen.

    Examples
    --------
    Ten frequent buyers, all first seen at once, and two later:

    >>> T = np.array([100.0] * 10 + [40.0, 20.0])
    >>> found = judge_newness(T / 5, T - 1, T,
    ...                       {"r": 20.0, "alpha": 100.0, "a": 0.1, "b": 10.0},
    ...                       first_day=100 - T)
    >>> bool(found.old_customers > 9), bool(found.probability[-1] > 0.99)
    (True, True)
    """
    x, t_x, T = (np.asarray(value, dtype=np.float64) for value in (x, t_x, T))
    r, alpha, a, b = (float(purchase[name]) for name in ("r", "alpha", "a", "b"))
    day = np.asarray(first_day, dtype=np.int64)
    window = float(T.max(initial=0.0))
    if window <= 0.0:
        return Newness(probability=np.ones(len(T)), first_day=day, old_customers=0.0, evidence=0.0)
    seen = window - T
    alive = p_alive(x, t_x, T, r, alpha, a, b)
    intensity = alive * _first_sighting(seen, r + x, alpha + T)
    intensity += (1.0 - alive) * _first_sighting(seen, r + x, alpha + t_x)
    shown = -np.expm1(-r * np.log1p(window / alpha))
    old, steady = len(T) / 2.0 / shown, len(T) / 2.0 / window
    for _ in range(_ROUNDS):
        was_old = old * intensity / (old * intensity + steady)
        before = old
        old = float(was_old.sum()) / shown
        steady = max(float(len(T) - was_old.sum()), 1e-9) / window
        if abs(old - before) * shown < 1e-6 * len(T):
            break
    was_old = old * intensity / (old * intensity + steady)
    height = np.log(old * intensity + steady).sum() - len(T) * np.log(len(T) / window)
    return Newness(
        probability=1.0 - was_old,
        first_day=day,
        old_customers=float(was_old.sum()),
        evidence=max(float(height), 0.0),
    )


def _first_sighting(t: FloatArray, shape: FloatArray, rate: FloatArray) -> FloatArray:
    """E[rate exp(-rate t)] of a gamma law."""
    density: FloatArray = shape / rate * np.exp(-(shape + 1.0) * np.log1p(t / rate))
    return density
