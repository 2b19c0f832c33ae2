"""Repeat purchases period by period, against what the model expects of customers of each age."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pandas as pd

from ltvforecast.check_types import FitCheck
from ltvforecast.checks.clock import days_on_clock
from ltvforecast.checks.replicates import REPLICATES, simulate_times
from ltvforecast.checks.sample import Sample
from ltvforecast.checks.verdict import error_beyond_chance, judge, predictive_p
from ltvforecast.fit_types import FittedModel
from ltvforecast.fitting.customer_draws import differs, typical_customers
from ltvforecast.formulas.bgnbd import expected_purchases
from ltvforecast.types import FloatArray, IntArray

__all__ = ["check_tracking", "expected_repeat_purchases", "period_edges"]

MOST_PERIODS, FEWEST_PERIODS = 104, 8
MOST_SIMULATED = 4_000_000
MOST_CUSTOMERS = 2_000
LOOK, FAILS = 0.10, 0.30
TREND_LOOK, TREND_FAILS = 0.05, 0.20
RECENT = 0.25
"""Share of the history whose level is compared with the rest."""
EPOCH = dt.date(1970, 1, 1)


def period_edges(first_day: int, last_day: int) -> IntArray:
    """Cut a history into weeks, or into several weeks each where it is long.

    Parameters
    ----------
    first_day, last_day : int
        Days since 1970-01-01; the last period ends with ``last_day``.

    Returns
    -------
    int64 array, shape (periods + 1,)
        Period ``j`` has the days after ``edges[j]``, up to ``edges[j + 1]``. Days of the first few
        that make no whole period are left out.

    Examples
    --------
    >>> period_edges(0, 21).tolist()
    [0, 7, 14, 21]
    """
    width = 7 * int(np.ceil(max(last_day - first_day, 1) / 7 / MOST_PERIODS))
    periods = max((last_day - first_day) // width, 0)
    return last_day - width * np.arange(periods, -1, -1)


def expected_repeat_purchases(
    parameters: Mapping[str, float],
    first_day: npt.ArrayLike,
    edges: npt.ArrayLike,
    *,
    days_per_unit: float,
) -> FloatArray:
    """Give the repeat purchases expected in each period, of customers by their first purchase.

    Parameters
    ----------
    parameters : mapping
        ``r, alpha, a, b``, in the model's time unit.
    first_day : array_like, shape (n,)
        Day of each customer's first purchase; on the model's clock if it has one.
    edges : array_like, shape (periods + 1,)
        Ends of days between which the periods lie, on the same clock. They may go beyond the
        history that the model was fitted to.
    days_per_unit : float
        Of the model's time unit.

    Returns
    -------
    float64 array, shape (periods,)
        Each cohort's expectation from birth, E[X(t)], added up and differenced.

    References
    ----------
    Fader, Hardie & Lee (2005), Marketing Science 24(2), 275-284, equation 9 and figures 3 and 4.
    """
    born, customers = np.unique(first_day, return_counts=True)
    age = np.maximum(np.asarray(edges)[:, None] - born[None, :], 0)
    known, place = np.unique(age, return_inverse=True)
    mean = expected_purchases(known / days_per_unit, 0.0, 0.0, 0.0, **parameters, nodes=16)
    return np.diff(mean[place.reshape(age.shape)] @ customers.astype(np.float64))


def check_tracking(
    model: FittedModel, sample: Sample, *, rng: np.random.Generator
) -> tuple[FitCheck, ...]:
    """Follow repeat purchases through the history: whether they come when they are expected.

    Parameters
    ----------
    model : FittedModel
    sample : Sample
        With purchases.
    rng : numpy.random.Generator

    Returns
    -------
    tuple of FitCheck
        ``tracking`` (single periods are off: seasons, campaigns, gaps in the data) and ``trend``
        (the last quarter of the history is off as a whole). Empty for histories shorter than eight
        periods. The table of both: ``period_start, period_end`` (ISO dates), ``actual``,
        ``expected``, ``expected_lo_90``, ``expected_hi_90``, ``cumulative_actual``,
        ``cumulative_expected``.

    Notes
    -----
    Purchases of one customer come in bunches while it is alive, so periods are correlated and vary
    more than Poisson counts; how much is simulated from the point estimate. Where customers differ
    in their parameters, each has its own.
    """
    purchases = sample.purchases
    edges = period_edges(int(sample.first_day.min()) - 1, sample.as_of_day)
    if purchases is None or len(edges) - 1 < FEWEST_PERIODS:
        return ()
    repeat = purchases.day > sample.first_day[purchases.customer]
    actual = _by_period(purchases.day[repeat].astype(np.float64), edges.astype(np.float64))
    shown = days_on_clock(model, np.concatenate([edges, sample.first_day]))
    ticks, born = shown[: len(edges)], shown[len(edges) :]
    own = typical_customers(model, sample.rows) if differs(model) else None
    expected = _expected(model, own, born, ticks, unit=sample.days_per_unit)
    replicates = _replicates(model, own, sample, born, ticks, rng=rng)
    table = _table(edges, actual, expected, replicates)
    return _whole(actual, expected, replicates, table), _recent(actual, expected, replicates, table)


def _expected(
    model: FittedModel,
    own: Mapping[str, FloatArray] | None,
    born: FloatArray,
    ticks: FloatArray,
    *,
    unit: float,
) -> FloatArray:
    """Repeat purchases expected in each period, by each customer's own parameters if they differ.

    Of many customers, so many as are enough stand for all, evenly spread over first days.
    """
    if own is None:
        return expected_repeat_purchases(model.purchase.point, born, ticks, days_per_unit=unit)
    size = len(born)
    order = np.argsort(born, kind="stable")
    rows = order[np.linspace(0, size - 1, min(size, MOST_CUSTOMERS)).round().astype(np.int64)]
    age = np.maximum(ticks[:, None] - born[rows], 0.0) / unit
    theirs = (own[name][rows] for name in ("r", "alpha", "a", "b"))
    mean = expected_purchases(age, 0.0, 0.0, 0.0, *theirs, nodes=16)
    return np.asarray(np.diff(mean.sum(axis=1)) * (size / len(rows)))


def _replicates(
    model: FittedModel,
    own: Mapping[str, FloatArray] | None,
    sample: Sample,
    born: FloatArray,
    ticks: FloatArray,
    *,
    rng: np.random.Generator,
) -> FloatArray:
    """Simulate the periods' totals, all times on the model's clock.

    Of fewer customers where all would be too many purchases; the deviations of independent
    customers grow with the root of their number.
    """
    everyone, unit, point = len(born), sample.days_per_unit, model.purchase.point
    mean = float(sample.customers["frequency"].mean()) + 1.0
    some = min(everyone, max(100, int(MOST_SIMULATED / REPLICATES / mean)))
    pick = rng.choice(everyone, some, replace=False)
    chosen = born[pick]
    theirs = None if own is None else {name: values[pick] for name, values in own.items()}
    age = (ticks[-1] - chosen) / unit
    deviations = np.empty((REPLICATES, len(ticks) - 1))
    for place in range(REPLICATES):
        customer, when = simulate_times(point if theirs is None else theirs, age, rng=rng)
        deviations[place] = _by_period(chosen[customer] + when * unit, ticks)
    # of all of them; where some stand for them, the mean of what was simulated is nearer
    centre = (
        expected_repeat_purchases(point, chosen, ticks, days_per_unit=unit)
        if theirs is None
        else deviations.mean(axis=0)
    )
    deviations -= centre
    expected = _expected(model, own, born, ticks, unit=unit)
    return np.asarray(expected + np.sqrt(everyone / some) * deviations)


def _by_period(day: FloatArray, edges: FloatArray) -> FloatArray:
    place = np.searchsorted(edges, day, side="left")
    inside = (place >= 1) & (place < len(edges))
    return np.bincount(place[inside] - 1, minlength=len(edges) - 1).astype(np.float64)


def _table(
    edges: IntArray, actual: FloatArray, expected: FloatArray, replicates: FloatArray
) -> pd.DataFrame:
    dates = [(EPOCH + dt.timedelta(days=int(edge))).isoformat() for edge in edges + 1]
    ends = [(EPOCH + dt.timedelta(days=int(edge))).isoformat() for edge in edges[1:]]
    low, high = np.quantile(replicates, [0.05, 0.95], axis=0)
    return pd.DataFrame(
        {
            "period_start": dates[:-1],
            "period_end": ends,
            "actual": actual,
            "expected": expected,
            "expected_lo_90": np.maximum(low, 0.0),
            "expected_hi_90": np.maximum(high, 0.0),
            "cumulative_actual": np.cumsum(actual),
            "cumulative_expected": np.cumsum(expected),
        }
    )


def _whole(
    actual: FloatArray, expected: FloatArray, replicates: FloatArray, table: pd.DataFrame
) -> FitCheck:
    size, p_value = error_beyond_chance(actual, expected, replicates)
    verdict = judge(size, p_value, look=LOOK, fails=FAILS)
    spread = np.maximum(replicates.std(axis=0), 1e-9)
    worst = table.iloc[int((np.abs(actual - expected) / spread).argmax())]
    found = (
        f"single periods are typically {size:.0%} off, beyond what chance gives; most from "
        f"{worst['period_start']} to {worst['period_end']}, with {worst['actual']:,.0f} where "
        f"{worst['expected']:,.0f} are expected"
    )
    return FitCheck(
        name="tracking",
        verdict=verdict,
        size=size,
        p_value=p_value,
        sentence="repeat purchases over time: "
        + (
            "periods are as expected, but for chance and little more"
            if verdict == "fine"
            else found
        ),
        remedy=""
        if verdict == "fine"
        else (
            "look whether a season, a campaign or a gap in the data lies behind it; forecast whole "
            "years, in which seasons even out, rather than parts of them"
        ),
        table=table,
    )


def _recent(
    actual: FloatArray, expected: FloatArray, replicates: FloatArray, table: pd.DataFrame
) -> FitCheck:
    last = slice(-max(1, round(RECENT * len(actual))), None)
    came, awaited = float(actual[last].sum()), float(expected[last].sum())
    size = came / max(awaited, 1e-9) - 1.0
    p_value = predictive_p(came, replicates[:, last].sum(axis=1))
    verdict = judge(size, p_value, look=TREND_LOOK, fails=TREND_FAILS)
    side = "more" if size > 0 else "fewer"
    way = "low" if size > 0 else "high"
    return FitCheck(
        name="trend",
        verdict=verdict,
        size=size,
        p_value=p_value,
        sentence=(
            f"recent level: since {table['period_start'].iloc[last.start]}, {came:,.0f} repeat "
            f"purchases, {abs(size):.0%} {side} than the model expects ({awaited:,.0f})"
        ),
        remedy=""
        if verdict == "fine"
        else (
            f"if this is the new level, the forecast is too {way} by about as much: look for the "
            "cause, and backtest; with a longer history, leave out its beginning"
        ),
        table=table,
    )
