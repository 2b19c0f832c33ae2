"""Season or none, by month or by week: what would have forecast later windows best."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ltvforecast.fitting.repeat_counts import DailyCounts
from ltvforecast.fitting.season import SeasonFit, fit_season, season_and_level
from ltvforecast.formulas.clock import bins_of_days
from ltvforecast.types import FloatArray, IntArray

__all__ = ["CYCLE_DAYS", "SeasonChoice", "choose_season", "is_short"]

CYCLE_DAYS = 366
"""One cycle, leap years included."""
_TWO_CYCLES = 2 * 365 - 14
"""Two years less a fortnight in which nobody happened to buy."""
_AHEAD_DAYS = 91
_WINDOW_DAYS = 30
_LEAST_EVIDENCE = 3.0
"""Log of how much likelier the counts must be with a season than without."""
_LEAST_WEEKLY = 4.0
"""Purchases a week below which weeks are not tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeasonChoice:
    """What was chosen, and why.

    Attributes
    ----------
    chosen : SeasonFit or None
        None: no season.
    why : str
        Plain words.
    """

    chosen: SeasonFit | None
    why: str


def choose_season(counts: DailyCounts) -> SeasonChoice:
    """Choose between no season, one by month and one by week.

    Parameters
    ----------
    counts : DailyCounts
        More than a cycle of them.

    Returns
    -------
    SeasonChoice

    Notes
    -----
    With two cycles or more, each candidate forecasts from the start of every third month, after
    the first cycle, the three windows of 30 days that follow, knowing the days before; its misses
    are Poisson deviances. A season is chosen if its misses are smaller than without one *and* all
    counts together are at least ``exp(3)`` times likelier with it. Below two cycles the past
    can't be rehearsed so: only the likelihoods decide, and what may be drift is taken for drift.
    """
    cycles = len(counts.seen) / 365.25
    careful = is_short(counts)
    by_month = fit_season(counts, 12, careful=careful)
    if careful:
        if by_month.evidence < _LEAST_EVIDENCE:
            return _none(f"{cycles:.1f} cycles of history do not show a season")
        why = (
            f"{cycles:.1f} cycles of history show one, but little of it twice: it is shrunk "
            "towards flat by how little is known"
        )
        return SeasonChoice(chosen=by_month, why=why)
    candidates = [by_month]
    if counts.seen.sum() * 7.0 / len(counts.seen) >= _LEAST_WEEKLY:
        candidates.append(fit_season(counts, 52, careful=False))
    candidates = [fit for fit in candidates if fit.evidence >= _LEAST_EVIDENCE]
    if not candidates:
        return _none(f"{cycles:.1f} cycles of history do not repeat one another")
    origins = _origins(counts)
    without = _misses(counts, by_month, origins, flat=True)
    misses = [_misses(counts, fit, origins, flat=False) for fit in candidates]
    best = int(np.argmin(misses))
    if misses[best] >= without:
        return _none("later quarters were forecast no better with a season")
    why = (
        f"from {len(origins)} past dates the following quarter's purchases were forecast with "
        f"misses {1.0 - misses[best] / without:.0%} smaller than without "
        f"({cycles:.1f} cycles of history)"
    )
    return SeasonChoice(chosen=candidates[best], why=why)


def is_short(counts: DailyCounts) -> bool:
    """Whether there are less than two cycles, so that most of the season was seen only once."""
    return len(counts.seen) < _TWO_CYCLES


def _none(why: str) -> SeasonChoice:
    return SeasonChoice(chosen=None, why=why)


def _origins(counts: DailyCounts) -> IntArray:
    """Start of every third month after the first cycle, with a window of days left to judge."""
    days = counts.days
    month = bins_of_days(days, 12)
    starts = days[1:][(np.diff(month) != 0) & (month[1:] >= 0) & (month[:-1] >= 0)]
    usable = starts[(starts >= days[0] + CYCLE_DAYS) & (starts <= days[-1] + 1 - _WINDOW_DAYS)]
    return np.asarray(usable[::3], dtype=np.int64)


def _misses(counts: DailyCounts, fit: SeasonFit, origins: IntArray, *, flat: bool) -> float:
    """Poisson deviance of the windows that follow each origin."""
    scale = fit.best(flat=flat)
    missed = 0.0
    for origin in origins:
        season, level = season_and_level(fit, scale, until=int(origin))
        ahead = slice(int(origin) - counts.first_day, int(origin) - counts.first_day + _AHEAD_DAYS)
        place = bins_of_days(counts.days[ahead], fit.bins)
        said = counts.expected[ahead] * np.exp(level + np.append(season, 0.0)[place])
        missed += _deviance(counts.seen[ahead], said)
    return missed


def _deviance(seen: FloatArray, said: FloatArray) -> float:
    edges = np.arange(0, len(seen), _WINDOW_DAYS)
    if len(seen) - edges[-1] < _WINDOW_DAYS // 2 and len(edges) > 1:
        edges = edges[:-1]
    y = np.maximum(np.add.reduceat(seen, edges), 0.0)
    mean = np.maximum(np.add.reduceat(said, edges), 1e-9)
    logs = np.where(y > 0, np.log(np.where(y > 0, y, 1.0) / mean), 0.0)
    return float(2.0 * np.sum(y * logs - (y - mean)))
