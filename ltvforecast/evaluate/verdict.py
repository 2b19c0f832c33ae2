"""Is an old forecast still good? Two tests that mind that partners share their luck, one rule."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import ndtr, ndtri
from scipy.stats import rankdata

from ltvforecast.evaluate.score_records import ForecastVerdict, VerdictWord
from ltvforecast.types import FloatArray

__all__ = ["judge_elapsed", "judge_window", "split_test", "total_test"]

REFIT_BELOW = 0.01
"""A right forecast is told to be refitted at most once in a hundred times."""
WATCH_BELOW = 0.10
LARGE_MISS = 0.05
"""A programme total that is off by less is no reason to refit, however clear it is."""
MANY_OUTSIDE = 0.20
"""Nor are partners outside their 90 % range, if they are fewer than this share."""
LEVEL = 90
_CHUNK = 4_000_000

RULE = (
    "Two questions are asked of the forecast's own simulated futures: how many miss the "
    "programme's total by as much, and how many have as many partners whose share of that total "
    "lies outside its 90 % range (shares, so that a good or bad season that all partners have in "
    "common counts once). The smaller chance is doubled, because two were asked. 'watch': below "
    f"{WATCH_BELOW:.0%}. 'refit': below {REFIT_BELOW:.0%}, and the total is off by {LARGE_MISS:.0%}"
    f" or more, or more than {MANY_OUTSIDE:.0%} of the partners are outside. A right forecast is "
    f"told 'watch' or 'refit' at most in {WATCH_BELOW:.0%} of all cases."
)
RULE_ELAPSED = (
    "While the window isn't complete, the programme's total of the periods that have passed is "
    "held against the sum of the ends of their 90 % intervals: as wide as if all periods had the "
    f"same luck, so that the chance is never understated. 'watch': below {WATCH_BELOW:.0%}. "
    f"'refit': below {REFIT_BELOW:.0%} and off by {LARGE_MISS:.0%} or more. Single partners are "
    "judged when the window is complete."
)


def total_test(actual: float, draws: FloatArray) -> float:
    """Two-sided chance of so extreme a total, if it is one more draw of the same distribution.

    Parameters
    ----------
    actual : float
    draws : float64 array, shape (draw,)

    Returns
    -------
    float
        At most ``alpha`` with probability at most ``alpha``, whatever the distribution.

    Examples
    --------
    >>> total_test(99.5, np.arange(99.0))
    0.02
    """
    below, above = int((draws <= actual).sum()), int((draws >= actual).sum())
    return min(1.0, 2.0 * (1 + min(below, above)) / (len(draws) + 1))


def split_test(actual: FloatArray, draws: FloatArray) -> tuple[float, int, tuple[int, int]]:
    """Chance of so many partners outside the 90 % range of their share of the total.

    Parameters
    ----------
    actual : float64 array, shape (partner,)
    draws : float64 array, shape (draw, partner)

    Returns
    -------
    p_value : float
    outside : int
        Partners outside.
    usual : tuple of int
        5 % and 95 % points of that number over the draws.

    Notes
    -----
    What came is put among the draws, every one of them is divided by its own total, and each of
    all these futures is asked how many of its partners lie outside. If what came is one more draw,
    its number is as likely as any to be the largest: the test is exact, whatever partners have in
    common (a permutation argument as behind Monte Carlo tests, Barnard 1963). Dividing by the
    total takes out any factor that all partners share, modelled or not.

    References
    ----------
    Barnard (1963), discussion of Bartlett, Journal of the Royal Statistical Society B 25, 294.
    """
    futures = len(draws) + 1
    totals = np.concatenate([[actual.sum()], draws.sum(axis=1)])
    totals = np.where(totals > 0, totals, 1.0)
    counts = np.zeros(futures, dtype=np.int64)
    tail = (1.0 - LEVEL / 100) / 2
    step = max(1, _CHUNK // futures)
    for start in range(0, len(actual), step):
        part = slice(start, start + step)
        shares = np.concatenate([actual[None, part], draws[:, part]]) / totals[:, None]
        place = (rankdata(shares, axis=0) - 0.5) / futures
        counts += ((place < tail) | (place > 1.0 - tail)).sum(axis=1)
    low, high = np.quantile(counts[1:], (0.05, 0.95))
    return (
        float((counts >= counts[0]).mean()),
        int(counts[0]),
        (math.floor(low), math.ceil(high)),
    )


def judge_window(partner: FloatArray, programme: float, draws: FloatArray) -> ForecastVerdict:
    """Judge a forecast whose whole window has passed.

    Parameters
    ----------
    partner : float64 array, shape (partner,)
        What came.
    programme : float
        What came in all; with known customers' revenue at partners that are new.
    draws : float64 array, shape (draw, partner)

    Returns
    -------
    ForecastVerdict
    """
    totals = draws.sum(axis=1)
    p_total = total_test(programme, totals)
    p_split, outside, usual = split_test(partner, draws)
    chance = min(1.0, 2.0 * min(p_total, p_split))
    miss = _miss(programme, float(totals.mean()))
    refit = (2.0 * p_total < REFIT_BELOW and abs(miss) >= LARGE_MISS) or (
        2.0 * p_split < REFIT_BELOW and outside > MANY_OUTSIDE * len(partner)
    )
    word = _word(chance, refit=refit)
    told = [_told_total(miss, p_total), _told_split(outside, len(partner), usual, p_split)]
    if word != "refit" and 4.0 / (len(draws) + 1) >= REFIT_BELOW:
        told.append(f"with only {len(draws)} simulated futures nothing rarer than 1 % can be seen")
    told.append(_advice(word, complete=True))
    return ForecastVerdict(
        word=word,
        reason="; ".join(told),
        rule=RULE,
        p_programme=p_total,
        p_split=p_split,
        outside=outside,
        outside_usual=usual,
    )


def judge_elapsed(
    actual: float, forecast: float, ends: tuple[float, float] | None, *, level: int
) -> ForecastVerdict:
    """Judge a forecast by the programme's total of the periods that have passed.

    Parameters
    ----------
    actual, forecast : float
        Over these periods.
    ends : tuple of float, or None
        Sums of the lower and of the upper ends of the periods' intervals.
    level : int
        Of these intervals, in percent.

    Returns
    -------
    ForecastVerdict

    Notes
    -----
    The standard deviation of a sum is at most the sum of the standard deviations, whatever the
    correlations; a programme's total is close to normal on either side.
    """
    miss = _miss(actual, forecast)
    low, high = (forecast, forecast) if ends is None else ends
    side = high - forecast if actual >= forecast else forecast - low
    if side <= 0:
        chance = 1.0
    else:
        z = abs(actual - forecast) / side * float(ndtri(0.5 + level / 200))
        chance = float(2.0 * ndtr(-z))
    word = _word(chance, refit=chance < REFIT_BELOW and abs(miss) >= LARGE_MISS)
    return ForecastVerdict(
        word=word,
        reason=f"{_told_total(miss, chance)}; {_advice(word, complete=False)}",
        rule=RULE_ELAPSED,
        p_programme=chance,
    )


def _miss(actual: float, forecast: float) -> float:
    return (actual - forecast) / forecast if forecast > 0 else 0.0


def _word(chance: float, *, refit: bool) -> VerdictWord:
    if refit:
        return "refit"
    return "watch" if chance < WATCH_BELOW else "still good"


def _told_total(miss: float, p_value: float) -> str:
    side = "more" if miss >= 0 else "less"
    return (
        f"the programme brought {abs(miss):.1%} {side} than forecast, a miss of a size that "
        f"{_odds(p_value)} if the forecast is right"
    )


def _told_split(outside: int, partners: int, usual: tuple[int, int], p_value: float) -> str:
    return (
        f"{outside:,} of {partners:,} partners have a share of the total outside its 90 % range, "
        f"where {usual[0]:,} to {usual[1]:,} are usual ({_odds(p_value)})"
    )


def _odds(p_value: float) -> str:
    if p_value >= 0.2:
        return "is nothing unusual"
    return f"comes once in {1.0 / max(p_value, 1e-4):,.0f} times" + (
        " or less" if p_value < 1e-4 else ""
    )


def _advice(word: VerdictWord, *, complete: bool) -> str:
    if word == "still good":
        return "what came agrees with the forecast"
    if word == "watch":
        if not complete:
            return "score again when more has passed"
        return "score the next forecast early, and see by `backtest` whether such misses are usual"
    return (
        "fit and predict anew; if `backtest` shows the same misses, the model's intervals are too "
        "narrow for this programme"
    )
