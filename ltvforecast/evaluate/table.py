"""From replays to tables: a row for every forecast, and scores by origin, method and level."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from ltvforecast.evaluate.records import COVERAGE_LEVELS, MODEL, PROGRAMME
from ltvforecast.evaluate.replay import QUANTILES, CustomerDistribution, Replay
from ltvforecast.evaluate.risk_bands import SilenceForecast, band_table, risk_bands
from ltvforecast.evaluate.scores import (
    bias,
    coverage,
    crps_from_draws,
    crps_from_quantiles,
    decile_lift,
    interval_score,
    mean_absolute_error,
    normalised_gini,
    randomised_pit,
    wape,
)
from ltvforecast.types import FloatArray

__all__ = [
    "INTERVAL_SCORE_LEVEL",
    "SCORE_COLUMNS",
    "customer_rows",
    "forecast_rows",
    "lift_rows",
    "new_customer_rows",
    "pool_scores",
    "risk_band_rows",
    "score_rows",
]

INTERVAL_SCORE_LEVEL = 90
SCORE_COLUMNS = [
    "wape",
    "bias",
    "mae",
    "crps",
    "interval_score",
    *(f"coverage_{level}" for level in COVERAGE_LEVELS),
    "gini",
    *(f"revenue_weighted_coverage_{level}" for level in COVERAGE_LEVELS),
    "units",
]
ENDS = [f"forecast_{end}_{level}" for level in COVERAGE_LEVELS for end in ("lo", "hi")]
RESAMPLES = 400


def forecast_rows(replay: Replay, *, rng: np.random.Generator) -> pd.DataFrame:
    """One row for each partner and method, and for the programme and each method.

    Parameters
    ----------
    replay : Replay
    rng : numpy.random.Generator
        Breaks ties of the PIT.

    Returns
    -------
    pandas.DataFrame
        ``origin, level, partner_id, method, customers, revenue_to_date, actual, forecast,
        forecast_lo_50, ..., crps, interval_score, pit``. Without a predictive distribution the
        ends, the interval score and the PIT are missing and the CRPS is the absolute error.
    """
    frames = []
    for forecast in replay.forecasts:
        frames.append(
            _unit_rows(
                forecast.method,
                replay.actual.partner,
                forecast.partner,
                forecast.partner_draws,
                rng=rng,
            ).assign(
                level="partner",
                partner_id=list(replay.partner_ids),
                customers=replay.partner_customers.astype(np.int64),
                revenue_to_date=replay.partner_revenue,
            )
        )
        total = forecast.programme_draws
        frames.append(
            _unit_rows(
                forecast.method,
                np.array([replay.actual.programme]),
                forecast.partner.sum(keepdims=True),
                None if total is None else total[:, None],
                rng=rng,
            ).assign(
                level="programme",
                partner_id=PROGRAMME,
                customers=len(replay.customer_ids),
                revenue_to_date=float(replay.partner_revenue.sum()),
            )
        )
    rows = pd.concat(frames, ignore_index=True)
    first = ["origin", "level", "partner_id", "method", "customers", "revenue_to_date"]
    rows = rows.assign(origin=replay.origin.isoformat())
    return rows[[*first, *(name for name in rows.columns if name not in first)]]


def new_customer_rows(replay: Replay, *, rng: np.random.Generator) -> pd.DataFrame:
    """One row for each partner, and one for the programme, of the number of new customers.

    Parameters
    ----------
    replay : Replay
    rng : numpy.random.Generator

    Returns
    -------
    pandas.DataFrame
        The columns of :func:`forecast_rows`; no row if none were forecast.
    """
    draws = replay.new_customers
    if draws is None:
        return pd.DataFrame()
    came = replay.outcome.partner_new_customers.astype(np.float64)
    partner = _unit_rows(MODEL, came, draws.mean(axis=0), draws, rng=rng).assign(
        level="partner",
        partner_id=list(replay.partner_ids),
        customers=replay.partner_customers.astype(np.int64),
        revenue_to_date=replay.partner_revenue,
    )
    total = draws.sum(axis=1)[:, None]
    whole = _unit_rows(MODEL, came.sum(keepdims=True), total.mean(axis=0), total, rng=rng).assign(
        level="programme",
        partner_id=PROGRAMME,
        customers=len(replay.customer_ids),
        revenue_to_date=float(replay.partner_revenue.sum()),
    )
    rows = pd.concat([partner, whole], ignore_index=True)
    return rows.assign(origin=replay.origin.isoformat())


def customer_rows(replay: Replay, *, rng: np.random.Generator) -> pd.DataFrame:
    """One row for each customer and method that forecasts customers; columns as above.

    Notes
    -----
    Draws of single customers are not kept: the CRPS comes from 20 quantiles, and the PIT is known
    to within the twentieth between two of them, in which it is placed at random; where nothing was
    bought, it is anywhere below the probability of that.
    """
    actual = replay.outcome.customer
    frames = []
    for forecast in replay.forecasts:
        if forecast.customer is None:
            continue
        rows = _unit_rows(forecast.method, actual, forecast.customer, None, rng=rng)
        if forecast.customer_distribution is not None:
            rows = rows.assign(**_customer_scores(forecast.customer_distribution, actual, rng=rng))
        frames.append(rows)
    if not frames:
        return pd.DataFrame()
    return pd.concat(frames, ignore_index=True).assign(
        origin=replay.origin.isoformat(), level="customer", revenue_to_date=math.nan
    )


def score_rows(rows: pd.DataFrame, *, min_customers: int) -> pd.DataFrame:
    """Score every origin, method and level.

    Parameters
    ----------
    rows : pandas.DataFrame
        From :func:`forecast_rows` and :func:`customer_rows`.
    min_customers : int
        Level ``partner`` has the partners with at least so many customers at the origin; level
        ``partner_all`` has all.

    Returns
    -------
    pandas.DataFrame
        ``origin, method, level`` and ``SCORE_COLUMNS``; ``total`` is the sum of actuals.
    """
    scored = []
    for (origin, method, level), group in rows.groupby(["origin", "method", "level"], sort=False):
        named = {"origin": origin, "method": method}
        if level == "partner":
            large = group[group["customers"] >= min_customers]
            scored.append({**named, "level": "partner", **_scores(large)})
            scored.append({**named, "level": "partner_all", **_scores(group)})
        else:
            scored.append({**named, "level": level, **_scores(group)})
    return pd.DataFrame(scored)


def pool_scores(scores: pd.DataFrame, rows: pd.DataFrame, *, min_customers: int) -> pd.DataFrame:
    """Put the origins together, method by method and level by level.

    Parameters
    ----------
    scores : pandas.DataFrame
        From :func:`score_rows`.
    rows : pandas.DataFrame
        From :func:`forecast_rows`; for the standard errors of coverage.
    min_customers : int

    Returns
    -------
    pandas.DataFrame
        ``method, level``, the scores, ``origins``, ``coverage_50_se`` and ``coverage_90_se``.

    Notes
    -----
    Every score is that of all units of all origins together, but the Gini coefficient, which is
    the mean over origins. Coverage is not binomial, because partners of one origin share its
    luck: its standard error comes from drawing origins and partners again, both with replacement.
    """
    pooled = []
    for (method, level), group in scores.groupby(["method", "level"], sort=False):
        units, total = group["units"].to_numpy(float), group["total"].to_numpy(float)
        revenue = group["revenue"].to_numpy(float)
        row: dict[str, object] = {"method": method, "level": level}
        for name in SCORE_COLUMNS[:-1]:
            weight = units
            if name in ("wape", "bias"):
                weight = total
            elif name.startswith("revenue_weighted"):
                weight = revenue
            elif name == "gini":
                weight = np.ones(len(group))
            row[name] = _mean(group[name].to_numpy(float), weight)
        row["units"] = int(units.sum())
        row["origins"] = len(group)
        of_level = _of_level(rows, str(method), str(level), min_customers=min_customers)
        for nominal in (50, 90):
            row[f"coverage_{nominal}_se"] = _coverage_error(of_level, level=nominal)
        pooled.append(row)
    return pd.DataFrame(pooled)


def lift_rows(rows: pd.DataFrame) -> pd.DataFrame:
    """Lift of each tenth by falling forecast, where there are at least ten units.

    Returns
    -------
    pandas.DataFrame
        ``origin, method, level, decile, lift``; decile 1 has the highest forecasts.
    """
    found = []
    ranked = rows[rows["level"] != "programme"]
    for (origin, method, level), group in ranked.groupby(["origin", "method", "level"], sort=False):
        if len(group) >= 10:
            lift = decile_lift(group["actual"].to_numpy(float), group["forecast"].to_numpy(float))
            found.append(
                pd.DataFrame(
                    {
                        "origin": origin,
                        "method": method,
                        "level": level,
                        "decile": np.arange(1, 11),
                        "lift": lift,
                    }
                )
            )
    columns = ["origin", "method", "level", "decile", "lift"]
    return pd.concat(found, ignore_index=True) if found else pd.DataFrame(columns=columns)


def _unit_rows(
    method: str,
    actual: FloatArray,
    point: FloatArray,
    draws: FloatArray | None,
    *,
    rng: np.random.Generator,
) -> pd.DataFrame:
    missing = np.full(len(actual), math.nan)
    ends = dict.fromkeys(ENDS, missing)
    scores = {"crps": np.abs(actual - point), "interval_score": missing, "pit": missing}
    if draws is not None:
        probabilities = [
            (100 + sign * level) / 200 for level in COVERAGE_LEVELS for sign in (-1, 1)
        ]
        ends = dict(zip(ENDS, np.quantile(draws, probabilities, axis=0), strict=True))
        scores = {
            "crps": crps_from_draws(actual, draws),
            "interval_score": _interval_scores(actual, ends),
            "pit": randomised_pit(actual, draws, rng=rng),
        }
    return pd.DataFrame({"method": method, "actual": actual, "forecast": point, **ends, **scores})


def _interval_scores(actual: FloatArray, ends: dict[str, FloatArray]) -> FloatArray:
    low, high = (ends[f"forecast_{end}_{INTERVAL_SCORE_LEVEL}"] for end in ("lo", "hi"))
    return interval_score(actual, low, high, level=INTERVAL_SCORE_LEVEL)


def _customer_scores(
    forecast: CustomerDistribution, actual: FloatArray, *, rng: np.random.Generator
) -> dict[str, FloatArray]:
    quantiles = forecast.quantiles
    below = (quantiles <= actual).sum(axis=0)
    edges = np.concatenate([[0.0], QUANTILES, [1.0]])
    place = rng.uniform(size=len(actual))
    pit = edges[below] + place * (edges[below + 1] - edges[below])
    low, high = quantiles[:2].mean(axis=0), quantiles[-2:].mean(axis=0)  # .05 and .95
    return {
        "crps": crps_from_quantiles(actual, quantiles, QUANTILES),
        "interval_score": interval_score(actual, low, high, level=INTERVAL_SCORE_LEVEL),
        "pit": np.where(actual > 0, pit, place * forecast.idle),
    }


def _scores(group: pd.DataFrame) -> dict[str, object]:
    actual, point = (group[name].to_numpy(np.float64) for name in ("actual", "forecast"))
    pit, weight = (group[name].to_numpy(np.float64) for name in ("pit", "revenue_to_date"))
    interval = group["interval_score"].to_numpy(np.float64)
    weighted = {
        f"revenue_weighted_coverage_{level}": coverage(pit, level=level, weights=weight)
        for level in COVERAGE_LEVELS
    }
    return {
        "wape": wape(actual, point),
        "bias": bias(actual, point),
        "mae": mean_absolute_error(actual, point),
        "crps": _mean(group["crps"].to_numpy(np.float64), np.ones(len(group))),
        "interval_score": _mean(interval, np.ones(len(group))),
        **{f"coverage_{level}": coverage(pit, level=level) for level in COVERAGE_LEVELS},
        "gini": normalised_gini(actual, point),
        **weighted,
        "units": len(group),
        "total": float(actual.sum()),
        "revenue": float(weight.sum()),
    }


def _mean(values: FloatArray, weights: FloatArray) -> float:
    known = np.isfinite(values)
    below = float(weights[known].sum())
    return float((values[known] * weights[known]).sum() / below) if below else math.nan


def _of_level(rows: pd.DataFrame, method: str, level: str, *, min_customers: int) -> pd.DataFrame:
    of_method = rows[rows["method"] == method]
    if level == "partner":
        mine = of_method["level"].eq("partner") & (of_method["customers"] >= min_customers)
        return of_method[mine]
    if level == "partner_all":
        return of_method[of_method["level"] == "partner"]
    return of_method[of_method["level"] == level]


def _coverage_error(rows: pd.DataFrame, *, level: int) -> float:
    """Find the standard error of coverage, drawing origins and partners again."""
    if rows.empty or rows["pit"].isna().all():
        return math.nan
    pit = rows.pivot_table(index="origin", columns="partner_id", values="pit", sort=False)
    tail = (1 - level / 100) / 2
    values = pit.to_numpy(np.float64)
    known = np.isfinite(values)
    inside = known & (values >= tail) & (values <= 1 - tail)
    rng = np.random.default_rng(0)
    shares = []
    for _ in range(RESAMPLES):
        some = np.ix_(
            rng.integers(0, len(values), len(values)),
            rng.integers(0, values.shape[1], values.shape[1]),
        )
        if known[some].any():
            shares.append(inside[some].sum() / known[some].sum())
    return float(np.std(shares))


def risk_band_rows(replays: Sequence[Replay], *, days: int) -> pd.DataFrame:
    """Count what became of partners in each band of the chance of no revenue.

    Parameters
    ----------
    replays : sequence of Replay
    days : int
        Length of the windows.

    Returns
    -------
    pandas.DataFrame
        The columns of ``risk_bands.csv``, of this package's forecast; no row if there was none.
    """
    told = [
        SilenceForecast(
            origin_day=replay.origin.toordinal(),
            days=days,
            chance=(forecast.partner_draws == 0).mean(axis=0),
            silent=(replay.actual.partner <= 0).astype(np.float64),
        )
        for replay in replays
        for forecast in replay.forecasts
        if forecast.method == MODEL and forecast.partner_draws is not None
    ]
    return band_table(risk_bands(told, days=days))
