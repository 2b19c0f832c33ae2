"""The periods of a forecast that have passed, each against what came in it."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from ltvforecast.evaluate.outcome import Outcome
from ltvforecast.evaluate.records import COVERAGE_LEVELS, PROGRAMME
from ltvforecast.evaluate.scores import (
    bias,
    interval_score,
    mean_absolute_error,
    normalised_gini,
    wape,
)
from ltvforecast.evaluate.table import INTERVAL_SCORE_LEVEL, SCORE_COLUMNS
from ltvforecast.forecast_types import PartnerForecast
from ltvforecast.types import FloatArray

__all__ = ["elapsed_partners", "elapsed_periods", "elapsed_scores", "whole_periods"]

EPOCH = dt.date(1970, 1, 1)


def whole_periods(forecast: PartnerForecast, *, last_day: int) -> list[tuple[int, int]]:
    """List first and last day of the forecast's periods that have passed, as day numbers.

    Parameters
    ----------
    forecast : PartnerForecast
    last_day : int
        Last day of the newer data, in days since 1970-01-01.

    Returns
    -------
    list of (int, int)
        Rising; both days are part of the period.
    """
    table = forecast.periods[["period_start", "period_end"]].drop_duplicates()
    found = [(_day(start), _day(end)) for start, end in table.itertuples(index=False)]
    return sorted(period for period in found if period[1] <= last_day)


def elapsed_periods(
    forecast: PartnerForecast,
    periods: Sequence[tuple[int, int]],
    came: Callable[[int, int], Outcome],
    *,
    partner_ids: Sequence[str],
) -> pd.DataFrame:
    """Set the period table against what came.

    Parameters
    ----------
    forecast : PartnerForecast
    periods : sequence of (int, int)
        From :func:`whole_periods`.
    came : callable
        ``came(before, days)``: what came in the ``days`` after the end of day ``before``.
    partner_ids : sequence of str
        In the order of the outcome.

    Returns
    -------
    pandas.DataFrame
        ``partner_id, period_start, period_end, forecast``, the ends of the levels that were
        forecast, ``actual`` and ``inside_90`` and so on (between the ends, which count as inside).
    """
    actual: dict[tuple[str, str], float] = {}
    for first, last in periods:
        outcome = came(first - 1, last - first + 1)
        start = _iso(first)
        actual |= {
            (partner, start): value
            for partner, value in zip(partner_ids, outcome.partner.tolist(), strict=True)
        }
        actual[PROGRAMME, start] = outcome.programme
    keys = list(zip(forecast.periods["partner_id"], forecast.periods["period_start"], strict=True))
    chosen = np.array([key in actual for key in keys])
    rows = forecast.periods[chosen]
    table = rows[["partner_id", "period_start", "period_end"]].reset_index(drop=True)
    table["forecast"] = rows["existing_revenue"].to_numpy(np.float64)
    for level in forecast.spec.levels:
        for end in ("lo", "hi"):
            column = rows[f"existing_revenue_{end}_{level}"]
            table[f"forecast_{end}_{level}"] = column.to_numpy(np.float64)
    table["actual"] = [actual[key] for key, kept in zip(keys, chosen, strict=True) if kept]
    for level in forecast.spec.levels:
        table[f"inside_{level}"] = _inside(table, level)
    return table


def elapsed_partners(periods: pd.DataFrame, levels: Sequence[int]) -> pd.DataFrame:
    """Add the periods up: means and actuals add; ends of intervals don't, and are missing.

    Parameters
    ----------
    periods : pandas.DataFrame
        From :func:`elapsed_periods`.
    levels : sequence of int

    Returns
    -------
    pandas.DataFrame
        ``partner_id, forecast, actual``, ends and ``inside``: missing if there are several
        periods, because the end of a sum is not the sum of ends.
    """
    grouped = periods.groupby("partner_id", sort=False)
    table = grouped[["forecast", "actual"]].sum().reset_index()
    several = len(periods) > len(table)
    for level in levels:
        for name in (f"forecast_lo_{level}", f"forecast_hi_{level}", f"inside_{level}"):
            table[name] = None if several else grouped[name].first().to_numpy()
    return table


def elapsed_scores(
    periods: pd.DataFrame, partners: pd.DataFrame, *, large: Sequence[str], levels: Sequence[int]
) -> pd.DataFrame:
    """Score what has passed.

    Parameters
    ----------
    periods, partners : pandas.DataFrame
        From :func:`elapsed_periods` and :func:`elapsed_partners`.
    large : sequence of str
        Partners of level ``partner``; level ``partner_all`` has all.
    levels : sequence of int

    Returns
    -------
    pandas.DataFrame
        As from :func:`ltvforecast.evaluate.table.score_rows`. Errors and the Gini coefficient are
        of totals over the periods; coverage and interval score are of single periods, because only
        these have intervals. There is no CRPS: it needs draws, which are kept of the whole window.
    """
    everyone = partners[partners["partner_id"] != PROGRAMME]["partner_id"]
    scored = []
    for level, chosen in (
        ("partner", list(large)),
        ("partner_all", everyone.tolist()),
        ("programme", [PROGRAMME]),
    ):
        total = partners[partners["partner_id"].isin(chosen)]
        cells = periods[periods["partner_id"].isin(chosen)]
        actual, point = (total[name].to_numpy(np.float64) for name in ("actual", "forecast"))
        row: dict[str, object] = dict.fromkeys(SCORE_COLUMNS, math.nan)
        row |= {
            "level": level,
            "wape": wape(actual, point),
            "bias": bias(actual, point),
            "mae": mean_absolute_error(actual, point),
            "gini": normalised_gini(actual, point),
            "interval_score": _interval_score(cells) if INTERVAL_SCORE_LEVEL in levels else None,
            "units": len(total),
        }
        for each in set(levels) & set(COVERAGE_LEVELS):
            row[f"coverage_{each}"] = float(_inside(cells, each).mean()) if len(cells) else None
        scored.append(row)
    return pd.DataFrame(scored)[["level", *SCORE_COLUMNS]].astype(
        dict.fromkeys(SCORE_COLUMNS[:-1], np.float64)
    )


def _inside(table: pd.DataFrame, level: int) -> pd.Series[bool]:
    return table["actual"].between(table[f"forecast_lo_{level}"], table[f"forecast_hi_{level}"])


def _interval_score(cells: pd.DataFrame) -> float:
    columns: list[FloatArray] = [
        cells[name].to_numpy(np.float64)
        for name in (
            "actual",
            f"forecast_lo_{INTERVAL_SCORE_LEVEL}",
            f"forecast_hi_{INTERVAL_SCORE_LEVEL}",
        )
    ]
    if not len(cells):
        return math.nan
    return float(interval_score(*columns, level=INTERVAL_SCORE_LEVEL).mean())


def _day(text: str) -> int:
    return (dt.date.fromisoformat(text) - EPOCH).days


def _iso(day: int) -> str:
    return (EPOCH + dt.timedelta(days=day)).isoformat()
