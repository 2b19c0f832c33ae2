"""The numbers behind each chart, picked and ordered, so that chart and table show the same."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from ltvforecast.errors import ConfigError, ForecastError
from ltvforecast.forecast_types import PartnerForecast
from ltvforecast.types import FloatArray, IntArray

__all__ = [
    "LANDMARKS",
    "PROGRAMME",
    "WORTH_WATCHING",
    "ParetoCurve",
    "as_of_date",
    "bounds",
    "by_week",
    "costly_partners",
    "forecast_by_period",
    "pareto_curve",
    "rank_ranges",
    "ranked_partners",
    "recent_revenue",
    "revenue_by_period",
    "watched_partners",
]

PROGRAMME = "__programme__"
LANDMARKS = (1, 2, 3, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000)
"""Numbers of partners at which a Pareto curve is read off."""
WATCHED = 15
WORTH_WATCHING = 0.10
"""Risks below this are not listed, however much money they concern."""
ENOUGH_PAUSES = 20
"""With k purely random pauses before it, one that still lasts exceeds twice the longest with
probability 2 / ((k + 1) (k + 2)): 0.4 % for 20."""
_EPOCH = dt.date(1970, 1, 1)
_DAY = dt.timedelta(days=1)


def bounds(forecast: PartnerForecast, quantity: str, level: int) -> tuple[str, str]:
    """Name the columns that hold an interval.

    Parameters
    ----------
    forecast : PartnerForecast
    quantity : str
        Such as ``"ltv"``.
    level : int
        In percent.

    Returns
    -------
    tuple of str
        ``(quantity_lo_level, quantity_hi_level)``.

    Raises
    ------
    ConfigError
        The forecast has no intervals of this level.
    """
    if level not in forecast.spec.levels:
        there = ", ".join(str(known) for known in forecast.spec.levels)
        raise ConfigError(
            f"the forecast has no {level} % intervals",
            expected=f"one of its levels: {there}",
            remedy="choose one of these, or predict again with the level you want",
        )
    return f"{quantity}_lo_{level}", f"{quantity}_hi_{level}"


def as_of_date(forecast: PartnerForecast) -> dt.date:
    """Read the last day the model knew of.

    Parameters
    ----------
    forecast : PartnerForecast

    Returns
    -------
    datetime.date
    """
    return _date(forecast.provenance["as_of"])


def ranked_partners(forecast: PartnerForecast) -> pd.DataFrame:
    """Order the partners by what they are worth.

    Parameters
    ----------
    forecast : PartnerForecast

    Returns
    -------
    pandas.DataFrame
        The partner table by falling ``ltv`` (equal ones by name), with ``rank`` from 1.
    """
    table = forecast.partners.sort_values(
        ["ltv", "partner_id"], ascending=[False, True], ignore_index=True
    )
    return table.assign(rank=np.arange(1, len(table) + 1))


def costly_partners(forecast: PartnerForecast) -> pd.DataFrame:
    """Pick the partners that worth can be set against: those with an acquisition cost above 0.

    Parameters
    ----------
    forecast : PartnerForecast

    Returns
    -------
    pandas.DataFrame
        Rows of the partner table by falling ``cac`` (equal ones by name).
    """
    table = forecast.partners[forecast.partners["cac"] > 0]
    return table.sort_values(["cac", "partner_id"], ascending=[False, True], ignore_index=True)


def rank_ranges(forecast: PartnerForecast, *, level: int = 90) -> tuple[IntArray, IntArray]:
    """Rank the partners by ``ltv`` in every draw and take the central range of each one's ranks.

    Parameters
    ----------
    forecast : PartnerForecast
    level : int
        In percent.

    Returns
    -------
    tuple of int64 arrays, each of shape (n_partners,)
        Best and worst rank, in the order of :func:`ranked_partners`. Partners that are equal in
        a draw share all of their places there.
    """
    values = _draws(forecast, "ltv")
    count = values.shape[1]
    best, worst = np.empty(values.shape, dtype=np.int64), np.empty(values.shape, dtype=np.int64)
    for draw, row in enumerate(values):
        rising = np.sort(row)
        best[draw] = count + 1 - np.searchsorted(rising, row, side="right")
        worst[draw] = count - np.searchsorted(rising, row, side="left")
    tail = (1 - level / 100) / 2
    low = np.quantile(best, tail, axis=0, method="inverted_cdf")
    high = np.quantile(worst, 1 - tail, axis=0, method="inverted_cdf")
    return low.astype(np.int64), high.astype(np.int64)


@dataclass(frozen=True, slots=True, kw_only=True)
class ParetoCurve:
    """What share of the total the first k partners bring.

    Attributes
    ----------
    quantity : str
        ``ltv``, or ``future_revenue`` where the programme's ``ltv`` is not positive.
    rank : int64 array, shape (k,)
        How many partners, the most valuable first.
    share : float64 array, shape (k,)
        Their expected value as a share of the programme's.
    low, high : float64 array, shape (k,)
        Central interval over the draws of that share.
    """

    quantity: str
    rank: IntArray
    share: FloatArray
    low: FloatArray
    high: FloatArray


def pareto_curve(
    forecast: PartnerForecast, *, level: int = 90, points: int = 150
) -> ParetoCurve | None:
    """Accumulate what the partners bring, the most valuable first.

    Parameters
    ----------
    forecast : PartnerForecast
    level : int
        Of the band, in percent.
    points : int
        About this many ranks are kept, always with the first ten, :data:`LANDMARKS`, the last
        of the head and the last of all.

    Returns
    -------
    ParetoCurve or None
        None if neither ``ltv`` nor revenue has a positive expected total.

    Notes
    -----
    The order of the partners is fixed by their expected value, and the shares are taken within
    each draw, so the band answers "how much will these k partners bring?".
    """
    bounds(forecast, "ltv", level)
    table = ranked_partners(forecast)
    earning = float(table["ltv"].sum()) > 0
    means = table["ltv" if earning else "future_revenue"].to_numpy(dtype=np.float64)
    if means.sum() <= 0:
        return None
    values = _draws(forecast, "ltv" if earning else "existing_revenue")
    count = values.shape[1]
    spread = np.unique(np.linspace(1, count, min(points, count)).round().astype(np.int64))
    head = int((table["tail"] == "head").sum())
    rank = np.unique([*range(1, 11), *LANDMARKS, head, *spread.tolist()])
    rank = rank[(rank >= 1) & (rank <= count)]
    totals = values.sum(axis=1)
    paid = totals > 0
    running = values[paid].cumsum(axis=1)[:, rank - 1] / totals[paid, None]
    tail = (1 - level / 100) / 2
    low, high = np.quantile(running, (tail, 1 - tail), axis=0)
    share = means.cumsum()[rank - 1] / means.sum()
    return ParetoCurve(
        quantity="ltv" if earning else "future_revenue", rank=rank, share=share, low=low, high=high
    )


def revenue_by_period(forecast: PartnerForecast, *, partner_id: str | None = None) -> pd.DataFrame:
    """Add up past revenue by calendar month, or by week where the forecast is by week.

    Parameters
    ----------
    forecast : PartnerForecast
    partner_id : str, optional
        One partner; the whole programme without it.

    Returns
    -------
    pandas.DataFrame
        ``start``, ``end`` (first and last day, as ``datetime.date``), ``revenue``, and
        ``complete``: False for a first period that the data enter, or a last month that
        ``as_of`` leaves, on the way. Periods without purchases are there, with 0. Weeks are
        counted back from ``as_of``.
    """
    history = forecast.history
    columns = ["start", "end", "revenue", "complete"]
    if history.empty:
        return pd.DataFrame({name: [] for name in columns})
    first = _EPOCH + dt.timedelta(days=int(history["day"].min()))
    as_of = as_of_date(forecast)
    edges = _week_starts(first, as_of) if by_week(forecast) else _month_starts(first, as_of)
    if partner_id is not None:
        history = history[history["partner_id"] == partner_id]
    revenue, _ = np.histogram(
        history["day"], bins=[(edge - _EPOCH).days for edge in edges], weights=history["revenue"]
    )
    rows = [
        (
            max(start, first),
            min(after - _DAY, as_of),
            taken,
            first <= start and after - _DAY <= as_of,
        )
        for start, after, taken in zip(edges, edges[1:], revenue.tolist(), strict=False)
    ]
    return pd.DataFrame(rows, columns=columns)


def by_week(forecast: PartnerForecast) -> bool:
    """Tell whether the forecast's periods are weeks; otherwise they are calendar months.

    Parameters
    ----------
    forecast : PartnerForecast

    Returns
    -------
    bool
    """
    periods = forecast.periods[forecast.periods["partner_id"] == PROGRAMME]
    longest = max(
        (_date(end) - _date(start)).days + 1
        for start, end in zip(periods["period_start"], periods["period_end"], strict=True)
    )
    return longest < 14 and forecast.spec.horizon.days < 62


def _month_starts(first: dt.date, as_of: dt.date) -> list[dt.date]:
    """First days of the months from the one of ``first`` to the one after ``as_of``."""
    months = range(12 * first.year + first.month - 1, 12 * as_of.year + as_of.month + 1)
    return [dt.date(month // 12, month % 12 + 1, 1) for month in months]


def _week_starts(first: dt.date, as_of: dt.date) -> list[dt.date]:
    """First days of the weeks that end with ``as_of``, and the day after it."""
    weeks = -(-((as_of - first).days + 1) // 7)
    return [as_of + _DAY - dt.timedelta(days=7 * week) for week in range(weeks, -1, -1)]


def forecast_by_period(forecast: PartnerForecast, *, partner_id: str | None = None) -> pd.DataFrame:
    """Pick the forecast by period of one partner or of the programme.

    Parameters
    ----------
    forecast : PartnerForecast
    partner_id : str, optional
        One partner; the whole programme without it.

    Returns
    -------
    pandas.DataFrame
        The rows of ``periods``, in order of time, with ``start`` and ``end`` as
        ``datetime.date``, and ``complete``: False for what the horizon has of a month or week
        that it does not hold whole.

    Raises
    ------
    ConfigError
        There is no such partner.
    """
    wanted = PROGRAMME if partner_id is None else partner_id
    rows = forecast.periods[forecast.periods["partner_id"] == wanted]
    if rows.empty:
        raise ConfigError(
            f"the forecast has no periods of partner {wanted!r}",
            expected=f"one of its {len(forecast.partners):,} partners",
            remedy="look up the name in the partner table",
        )
    start, end = ([_date(day) for day in rows[f"period_{edge}"]] for edge in ("start", "end"))
    shortest = 7 if by_week(forecast) else 28
    whole = [(last - first).days + 1 >= shortest for first, last in zip(start, end, strict=True)]
    table = rows.assign(start=start, end=end, complete=whole)
    return table.sort_values("start", ignore_index=True)


def recent_revenue(forecast: PartnerForecast) -> tuple[pd.Series[float], bool]:
    """Add up each partner's revenue in the window before ``as_of`` as long as the horizon.

    Parameters
    ----------
    forecast : PartnerForecast

    Returns
    -------
    pandas.Series
        Revenue by ``partner_id``; partners without any have 0.
    bool
        Whether the data reach back over the whole window.
    """
    last = (as_of_date(forecast) - _EPOCH).days
    start = last - round(forecast.spec.horizon.days)
    history = forecast.history
    inside = history[(history["day"] > start) & (history["day"] <= last)]
    sums = inside.groupby("partner_id")["revenue"].sum()
    complete = not history.empty and int(history["day"].min()) <= start + 1
    return sums.reindex(forecast.partners["partner_id"], fill_value=0.0), complete


def watched_partners(forecast: PartnerForecast) -> pd.DataFrame:
    """Weigh each partner's risk by the money it concerns.

    Parameters
    ----------
    forecast : PartnerForecast

    Returns
    -------
    pandas.DataFrame
        ``partner_id``, ``risk`` (probability), ``event`` (``"halving"``: revenue falls below
        half of the last equally long window; ``"silence"``: no revenue at all, where the
        former is not known), ``at_stake`` (revenue of that last window, or expected revenue
        where the former is not known), ``silent`` (bool: no purchase for more than twice the
        longest earlier pause), ``weight`` (money times risk; a silent partner's risk counts as
        certain), ``number`` (from 1, for the first 15 that are silent or have a risk of at least
        10 %; 0 for the others), ``p_churn``, ``p_decline``, ``future_revenue``, ``last_day``
        (int64, days since 1970-01-01; -1 without purchases) and ``usual_gap`` (days between
        purchase days, median; NaN below three). By falling ``weight``.

    Notes
    -----
    The model shares out what customers will buy by what they bought before: it does not see
    that a partner has closed while its customers buy elsewhere. ``silent`` does, for partners
    with at least 20 pauses to compare with.
    """
    table = forecast.partners[["partner_id", "future_revenue", "p_churn", "p_decline"]].copy()
    recent, _ = recent_revenue(forecast)
    known = table["p_decline"].notna()
    table["risk"] = table["p_decline"].where(known, table["p_churn"])
    table["event"] = np.where(known, "halving", "silence")
    table["at_stake"] = np.where(known, recent.to_numpy(), table["future_revenue"])
    as_of = (as_of_date(forecast) - _EPOCH).days
    days = forecast.history.groupby("partner_id")["day"]
    rhythms = {name: _rhythm(day.to_numpy(dtype=np.int64), as_of) for name, day in days}
    unknown = _Rhythm(last_day=-1, usual_gap=float("nan"), silent=False)
    rhythm = [rhythms.get(name, unknown) for name in table["partner_id"]]
    for name in _Rhythm._fields:
        table[name] = [getattr(one, name) for one in rhythm]
    table["weight"] = table["at_stake"] * table["risk"].mask(table["silent"], 1.0)
    table = table.sort_values(["weight", "partner_id"], ascending=[False, True], ignore_index=True)
    risky = (table["risk"] >= WORTH_WATCHING) | table["silent"]
    listed = risky & (table["at_stake"] > 0)
    number = listed.cumsum().where(listed, 0)
    return table.assign(number=number.where(number <= WATCHED, 0))


def _date(said: object) -> dt.date:
    return said if isinstance(said, dt.date) else dt.date.fromisoformat(str(said)[:10])


class _Rhythm(NamedTuple):
    last_day: int
    usual_gap: float
    silent: bool


def _rhythm(days: IntArray, as_of: int) -> _Rhythm:
    distinct = np.unique(days)
    last, gaps = int(distinct[-1]), np.diff(distinct)
    return _Rhythm(
        last_day=last,
        usual_gap=float(np.median(gaps)) if len(gaps) >= 2 else float("nan"),
        silent=len(gaps) >= ENOUGH_PAUSES and as_of - last > 2 * int(gaps.max()),
    )


def _draws(forecast: PartnerForecast, quantity: str) -> FloatArray:
    """Draws of shape (draw, partner) in the order of :func:`ranked_partners`."""
    if quantity not in forecast.draws:
        there = ", ".join(sorted(str(name) for name in forecast.draws.data_vars))
        raise ForecastError(
            f"the forecast has no draws of {quantity}",
            expected=f"draws of it beside those of {there}",
            remedy="predict again with this version",
        )
    ordered = ranked_partners(forecast)["partner_id"].tolist()
    values = forecast.draws[quantity].sel(partner=ordered).transpose("draw", "partner")
    return np.asarray(values.to_numpy(), dtype=np.float64)
