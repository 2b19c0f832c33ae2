"""Daily counts of repeat purchases made up with a known season, step or noise."""

from __future__ import annotations

import numpy as np

from ltvforecast.fitting.repeat_counts import DailyCounts
from ltvforecast.formulas.clock import bins_of_days, normalised
from ltvforecast.types import FloatArray

FIRST_DAY = 19_000  # 2022-01-08


def made_season(strength: float, *, bins: int = 12) -> FloatArray:
    """One wave with its peak in November; ``strength`` is its height on the log scale."""
    angle = 2.0 * np.pi * ((np.arange(bins) + 0.5) / bins - 10.5 / 12)
    return normalised(np.exp(strength * np.cos(angle)))


def made_counts(
    *,
    days: int,
    per_day: float,
    seed: int,
    index: FloatArray | None = None,
    step: tuple[float, float] = (0.0, 1.0),
    shock: float = 0.0,
) -> DailyCounts:
    """Poisson counts; ``step`` is (share of the history, factor), ``shock`` weekly noise."""
    rng = np.random.default_rng(seed)
    day = FIRST_DAY + np.arange(days)
    rate = np.full(days, per_day) * (0.5 + 0.5 * np.minimum(np.arange(days) / 200.0, 1.0))
    truth = rate.copy()
    if index is not None:
        truth *= np.append(index, 1.0)[bins_of_days(day, len(index))]
    truth[int(step[0] * days) :] *= step[1]
    truth *= np.exp(shock * rng.standard_normal(days // 7 + 1))[np.arange(days) // 7]
    seen = rng.poisson(truth).astype(np.float64)
    return DailyCounts(first_day=FIRST_DAY, seen=seen, expected=rate)
