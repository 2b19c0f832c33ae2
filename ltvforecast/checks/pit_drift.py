"""Whether what came crept up or down inside the forecasts' intervals from date to date."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
from scipy.stats import norm

from ltvforecast.check_types import FitCheck, FitChecks
from ltvforecast.checks.verdict import judge
from ltvforecast.evaluate.records import MODEL, Evaluation
from ltvforecast.types import FloatArray

__all__ = ["check_pit"]

FEWEST_ORIGINS = 3
LOOK, FAILS = 0.20, 0.35
SAME_PARAMETERS = 0.4
"""Two origins' errors are at least so much correlated, as their fits share customers and dates."""
EPOCH = dt.date(1970, 1, 1)


def check_pit(evaluation: Evaluation, *, method: str = MODEL) -> FitChecks:
    """Check where the actual totals fell in their intervals, on average and over time.

    Parameters
    ----------
    evaluation : Evaluation
        What :func:`ltvforecast.backtest` gives.
    method : str
        Whose forecasts.

    Returns
    -------
    FitChecks
        ``pit_level``: actuals were high or low at all origins. ``pit_drift``: they rose or fell
        within the intervals from origin to origin; needs three origins. Sizes are places in the
        distribution, between 0 and 1: how far the mean is from .5, and how far it moved from the
        first to the last origin. ``table``: ``origin``, ``programme`` (the programme's PIT),
        ``partners`` (mean PIT of the partners).

    Notes
    -----
    The PIT of an actual is the share of its predictive distribution below it. If forecasts are
    right, the programme's PITs at the origins, as normal scores, are standard normal, so that both
    tests know their variance and work with few origins. Windows that overlap share outcomes: two
    scores are taken to be correlated by the share of the window they have in common; for the level
    by .4 at least, since the fits share their errors too (a drift only gains from that). Partners'
    PITs are shown only: partners of one origin share its luck.

    References
    ----------
    Dawid (1984), Journal of the Royal Statistical Society A 147, 278-292 (PIT of sequential
    forecasts); Berkowitz (2001), Journal of Business & Economic Statistics 19, 465-474 (tests on
    normal scores).
    """
    rows = evaluation.forecasts
    rows = rows[rows["method"].eq(method) & rows["pit"].notna()]
    whole = rows[rows["level"].eq("programme")].groupby("origin", sort=True)["pit"].mean()
    if len(whole) < 1:
        return FitChecks(left_out=(f"no origin has a predictive distribution by {method}",))
    partners = rows[rows["level"].eq("partner")].groupby("origin")["pit"].mean()
    table = pd.DataFrame(
        {
            "origin": whole.index.astype(str),
            "programme": whole.to_numpy(np.float64),
            "partners": partners.reindex(whole.index).to_numpy(np.float64),
        }
    )
    score = norm.ppf(np.clip(table["programme"].to_numpy(np.float64), 1e-4, 1.0 - 1e-4))
    days = int(str(evaluation.settings["horizon_days"]))
    day = np.array([(dt.date.fromisoformat(o) - EPOCH).days for o in table["origin"]], dtype=float)
    shared = np.maximum(0.0, 1.0 - np.abs(day[:, None] - day[None, :]) / days)
    level = _level(table, score, shared)
    if len(whole) < FEWEST_ORIGINS:
        return FitChecks(
            done=(level,),
            left_out=(f"drift over time: {len(whole)} origins (at least {FEWEST_ORIGINS} needed)",),
        )
    return FitChecks(done=(level, _drift(table, score, shared, day)))


def _level(table: pd.DataFrame, score: FloatArray, shared: FloatArray) -> FitCheck:
    weight = np.full(len(score), 1.0 / len(score))
    alike = np.maximum(shared, SAME_PARAMETERS)
    p_value = _p_value(weight, score, alike)
    size = float(table["programme"].mean()) - 0.5
    verdict = judge(size, p_value, look=LOOK, fails=FAILS)
    side = "upper" if size > 0 else "lower"
    return FitCheck(
        name="pit_level",
        verdict=verdict,
        size=size,
        p_value=p_value,
        sentence=(
            f"level: over {len(score)} past dates the programme's actual revenue fell on average "
            f"at {size + 0.5:.0%} of its forecast distribution (50 % is the middle"
            + ("; no further off than by chance)" if verdict == "fine" else ")")
        ),
        remedy=""
        if verdict == "fine"
        else f"forecasts were off in one direction: plan with the {side} half of the intervals",
        table=table,
    )


def _drift(table: pd.DataFrame, score: FloatArray, shared: FloatArray, day: FloatArray) -> FitCheck:
    centred = day - day.mean()
    weight = centred / float(centred @ centred)
    p_value = _p_value(weight, score, shared)
    slope = float(weight @ table["programme"].to_numpy(np.float64))
    size = slope * float(day[-1] - day[0])
    verdict = judge(size, p_value, look=LOOK, fails=FAILS)
    way, then = ("up", "low") if size > 0 else ("down", "high")
    return FitCheck(
        name="pit_drift",
        verdict=verdict,
        size=size,
        p_value=p_value,
        sentence=(
            f"drift: from {table['origin'].iloc[0]} to {table['origin'].iloc[-1]} actual revenue "
            f"moved {way} inside its intervals, by {abs(size):.0%} of the distribution"
            + (", no more than chance would do" if verdict == "fine" else "")
        ),
        remedy=""
        if verdict == "fine"
        else (
            f"there is a trend that the model does not know: later forecasts come out too {then}; "
            "fit to a shorter, later history, and look for the cause"
        ),
        table=table,
    )


def _p_value(weight: FloatArray, score: FloatArray, shared: FloatArray) -> float:
    """Two-sided p-value of a weighted sum of correlated standard normal scores."""
    spread = float(np.sqrt(weight @ shared @ weight))
    return float(2.0 * norm.sf(abs(float(weight @ score)) / max(spread, 1e-12)))
