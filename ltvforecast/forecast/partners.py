"""From draws to the partner, programme and period tables: sums inside a draw, then quantiles."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ltvforecast.forecast.horizon import Periods
from ltvforecast.forecast.intervals import interval_columns, interval_names, tail_probabilities
from ltvforecast.forecast.layers import LayeredDraws
from ltvforecast.forecast.prepare import PROGRAMME
from ltvforecast.forecast.records import Totals
from ltvforecast.forecast.value import earned_rate
from ltvforecast.types import CustomerSummary, FloatArray, ForecastSpec, IntArray

__all__ = [
    "GroupDraws",
    "layered_partners",
    "partner_draws",
    "programme_draws",
    "programme_of",
    "roll_up_partners",
    "roll_up_periods",
    "roll_up_programme",
]

HEAD_SHARE = 0.8
"""The head brings this share of ltv; the partners after it are the long tail."""
TOP_SHARE = 0.2
"""Pareto: what this share of the partners brings."""
FEW_CUSTOMERS = 10
QUIET_DAYS = 90
CHUNK = 8_000_000
"""Elements of (draw, partner, period) whose quantiles are taken at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupDraws:
    """Draws of what partners, or the programme, bring: float64 arrays of shape (draw, group).

    Attributes
    ----------
    existing_revenue, discounted, active_customers
        Predicted; ``discounted`` is the present value of the revenue.
    expected_revenue, expected_discounted
        Expected given the parameters of the draw.
    """

    existing_revenue: FloatArray
    discounted: FloatArray
    active_customers: FloatArray
    expected_revenue: FloatArray
    expected_discounted: FloatArray


def partner_draws(
    totals: Totals, factors: FloatArray, *, quantum: float, programme_share: FloatArray
) -> GroupDraws:
    """Turn totals into draws of each partner.

    Parameters
    ----------
    totals : Totals
    factors : float64 array, shape (period,)
        Discount factors.
    quantum : float
        Money in one quantum.
    programme_share : float64 array, shape (partner,)
        How to share out the expectation of purchases that may go anywhere.

    Returns
    -------
    GroupDraws
        Of shape (draw, partner).
    """
    partners = len(programme_share)
    revenue = np.empty((totals.revenue.shape[1], partners))
    discounted = np.empty_like(revenue)
    for partner in range(partners):
        of_partner = totals.revenue[partner]
        revenue[:, partner] = of_partner.sum(axis=1)
        discounted[:, partner] = _discount(of_partner, factors)

    def shared_out(expected: IntArray) -> FloatArray:
        own = expected[:-1] + programme_share[:, None] * expected[-1]
        return np.asarray(own.T * quantum)

    return GroupDraws(
        existing_revenue=revenue * quantum,
        discounted=discounted * quantum,
        active_customers=totals.active.T.astype(np.float64),
        expected_revenue=shared_out(totals.expected_revenue),
        expected_discounted=shared_out(totals.expected_discounted),
    )


def programme_draws(totals: Totals, factors: FloatArray, *, quantum: float) -> GroupDraws:
    """Turn totals into draws of the whole programme, of shape (draw, 1)."""
    revenue = totals.revenue.sum(axis=0)
    return GroupDraws(
        existing_revenue=revenue.sum(axis=1)[:, None] * quantum,
        discounted=_discount(revenue, factors)[:, None] * quantum,
        active_customers=totals.customers[:, None].astype(np.float64),
        expected_revenue=totals.expected_revenue.sum(axis=0)[:, None] * quantum,
        expected_discounted=totals.expected_discounted.sum(axis=0)[:, None] * quantum,
    )


def layered_partners(draws: GroupDraws, layered: LayeredDraws) -> GroupDraws:
    """Put the layers on the partners' draws; what is active stays active.

    Parameters
    ----------
    draws : GroupDraws
        The model's own, of shape (draw, partner).
    layered : LayeredDraws

    Returns
    -------
    GroupDraws
    """
    return GroupDraws(
        existing_revenue=layered.revenue,
        discounted=draws.discounted * layered.factor,
        active_customers=draws.active_customers,
        expected_revenue=draws.expected_revenue * layered.mean_factor,
        expected_discounted=draws.expected_discounted * layered.mean_factor,
    )


def programme_of(partners: GroupDraws, active_customers: FloatArray) -> GroupDraws:
    """Add up the partners' draws to the programme's, of shape (draw, 1).

    Parameters
    ----------
    partners : GroupDraws
        Of shape (draw, partner).
    active_customers : float64 array, shape (draw, 1)
        Of the programme: who buys through several partners counts once.

    Returns
    -------
    GroupDraws
    """
    return GroupDraws(
        existing_revenue=partners.existing_revenue.sum(axis=1, keepdims=True),
        discounted=partners.discounted.sum(axis=1, keepdims=True),
        active_customers=active_customers,
        expected_revenue=partners.expected_revenue.sum(axis=1, keepdims=True),
        expected_discounted=partners.expected_discounted.sum(axis=1, keepdims=True),
    )


def _money(quanta: IntArray, quantum: float) -> FloatArray:
    return quanta.astype(np.float64) * quantum


def _discount(revenue: IntArray, factors: FloatArray) -> FloatArray:
    """Sum over the periods in a fixed order, so that the result is the same everywhere."""
    total = np.zeros(revenue.shape[0])
    for period, factor in enumerate(factors):
        total += factor * revenue[:, period]
    return total


def _quantities(
    draws: GroupDraws, revenue_to_date: FloatArray, spec: ForecastSpec
) -> dict[str, FloatArray]:
    """Build the columns that partners and the programme have in common."""
    levels, earned = spec.levels, earned_rate(spec.economics)
    revenue = draws.existing_revenue
    return {
        **interval_columns("existing_revenue", revenue, levels),
        **interval_columns("future_revenue", revenue, levels),
        **interval_columns("lifetime_revenue", revenue_to_date + revenue, levels),
        **interval_columns("ltv", draws.discounted * earned, levels),
        "p_churn": np.mean(revenue == 0, axis=0),
        **interval_columns("expected_active_customers", draws.active_customers, levels),
        **interval_columns("commission", revenue * spec.economics.commission, levels),
        **interval_columns("expected_existing_revenue", draws.expected_revenue, levels, mean=False),
        **interval_columns("expected_ltv", draws.expected_discounted * earned, levels, mean=False),
    }


def roll_up_partners(
    summary: CustomerSummary, draws: GroupDraws, spec: ForecastSpec
) -> pd.DataFrame:
    """Build the partner table.

    Parameters
    ----------
    summary : CustomerSummary
    draws : GroupDraws
        Of shape (draw, partner).
    spec : ForecastSpec

    Returns
    -------
    pandas.DataFrame
        The columns of ``partners.csv``, by falling ``ltv``, equal ones by id. ``p_decline`` is
        NaN where the data don't reach back as far as the horizon reaches ahead.
    """
    to_date = _revenue_since(summary, None)
    table = pd.DataFrame(
        {
            "partner_id": pd.array(summary.partner_ids, dtype="str"),
            "customers": summary.partner_customers,
            "revenue_to_date": to_date,
            **_quantities(draws, to_date, spec),
        }
    )
    window = _revenue_since(summary, spec)
    decline = np.mean(draws.existing_revenue < window / 2, axis=0)
    after = table.columns.tolist().index("p_churn")
    table.insert(after + 1, "p_decline", decline if reaches_back(summary, spec) else np.nan)
    table["share"] = _shares(draws.discounted.mean(axis=0))
    table["warnings"] = _partner_warnings(summary, spec)
    table = table.sort_values(["ltv", "partner_id"], ascending=[False, True], ignore_index=True)
    before = table["share"].cumsum() - table["share"]
    table.insert(len(table.columns) - 1, "cumulative_share", table["share"].cumsum().clip(upper=1))
    head = (before < HEAD_SHARE - 1e-12) & (table["share"] > 0)
    table.insert(len(table.columns) - 1, "tail", np.where(head, "head", "long_tail"))
    return table


def roll_up_programme(
    summary: CustomerSummary,
    spec: ForecastSpec,
    *,
    table: pd.DataFrame,
    partners: GroupDraws,
    programme: GroupDraws,
) -> dict[str, object]:
    """Build the programme's own row, with joint intervals, concentration and counts.

    Parameters
    ----------
    summary : CustomerSummary
    spec : ForecastSpec
    table : pandas.DataFrame
        The partner table.
    partners, programme : GroupDraws

    Returns
    -------
    dict
        The content of ``programme.json``.
    """
    to_date = float(np.round(summary.history["revenue"].sum(), 6))
    window = float(_revenue_since(summary, spec).sum())
    quantities = _quantities(programme, np.array([to_date]), spec)
    known = reaches_back(summary, spec)
    decline = float(np.mean(programme.existing_revenue < window / 2)) if known else None
    top = max(1, round(TOP_SHARE * len(table)))
    index = {partner: column for column, partner in enumerate(summary.partner_ids)}
    best = [index[partner] for partner in table["partner_id"].iloc[:top]]
    return {
        "partner_id": PROGRAMME,
        "partners": len(table),
        "customers": len(summary),
        "revenue_to_date": to_date,
        **{name: float(values[0]) for name, values in quantities.items()},
        "p_decline": decline,
        "head_partners": int((table["tail"] == "head").sum()),
        "long_tail_partners": int((table["tail"] == "long_tail").sum()),
        "top_20_percent_partners": top,
        "top_20_percent_share": float(table["cumulative_share"].iloc[top - 1]),
        **_share_interval(partners.discounted, best, spec),
        "partners_bringing_80_percent": int((table["tail"] == "head").sum()),
        "partners_without_revenue": float(np.mean(partners.existing_revenue == 0, axis=0).sum()),
    }


def _share_interval(
    discounted: FloatArray, best: list[int], spec: ForecastSpec
) -> dict[str, float]:
    total = discounted.sum(axis=1)
    share = discounted[:, best].sum(axis=1)[total > 0] / total[total > 0]
    names = interval_names("top_20_percent_share", spec.levels)
    if len(share) == 0:
        return dict.fromkeys(names, 0.0)
    ends = np.quantile(share, tail_probabilities(spec.levels))
    return {name: float(end) for name, end in zip(names, ends, strict=True)}


def roll_up_periods(
    totals: Totals,
    periods: Periods,
    spec: ForecastSpec,
    *,
    quantum: float,
    partner_ids: tuple[str, ...],
    ranked: pd.DataFrame,
    factor: FloatArray | None = None,
) -> pd.DataFrame:
    """Build the period table: first the programme, then the partners as ranked.

    Parameters
    ----------
    totals : Totals
    periods : Periods
    spec : ForecastSpec
    quantum : float
    partner_ids : tuple of str
    ranked : pandas.DataFrame
        The partner table, for its order.
    factor : float64 array, shape (draw, partner), optional
        Of the layers.

    Returns
    -------
    pandas.DataFrame
        The columns of ``periods.csv``; dates as ISO text.
    """
    partners, draws, count = totals.revenue.shape
    step = max(1, CHUNK // (draws * count))
    programme = np.zeros((draws, count))
    pieces = []
    for first in range(0, partners, step):
        piece = _money(np.moveaxis(totals.revenue[first : first + step], 1, 0), quantum)
        if factor is not None:
            piece *= factor[:, first : first + step, None]
        programme += piece.sum(axis=1)
        pieces.append(interval_columns("revenue", piece.reshape(draws, -1), spec.levels))
    pieces.insert(0, interval_columns("revenue", programme, spec.levels))
    values = {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}
    table = pd.DataFrame(
        {
            "partner_id": pd.array(np.repeat([PROGRAMME, *partner_ids], count), dtype="str"),
            "period_start": [day.isoformat() for day in periods.starts] * (partners + 1),
            "period_end": [day.isoformat() for day in periods.ends] * (partners + 1),
            **{f"existing_{name}": column for name, column in values.items()},
            **{f"future_{name}": column for name, column in values.items()},
        }
    )
    place = {partner: rank for rank, partner in enumerate([PROGRAMME, *ranked["partner_id"]])}
    order = np.argsort(table["partner_id"].map(place).to_numpy(), kind="stable")
    return table.iloc[order].reset_index(drop=True)


def _shares(worth: FloatArray) -> FloatArray:
    total = worth.sum()
    return worth / total if total > 0 else np.zeros_like(worth)


def _as_of_day(summary: CustomerSummary) -> int:
    return (summary.as_of - dt.date(1970, 1, 1)).days


def reaches_back(summary: CustomerSummary, spec: ForecastSpec) -> bool:
    """Tell whether the data cover a past as long as the horizon (to the nearest day)."""
    known = _as_of_day(summary) - int(summary.history["day"].min()) + 1
    return known >= round(spec.horizon.days)


def _revenue_since(summary: CustomerSummary, spec: ForecastSpec | None) -> FloatArray:
    """Revenue of each partner in the last window as long as the horizon, or ever."""
    history = summary.history
    if spec is not None:
        history = history[history["day"] > _as_of_day(summary) - round(spec.horizon.days)]
    by_partner = history.groupby("partner_id", sort=True)["revenue"].sum()
    return by_partner.reindex(list(summary.partner_ids), fill_value=0.0).to_numpy().round(6)


def _partner_warnings(summary: CustomerSummary, spec: ForecastSpec) -> list[str]:
    """Say in plain words what to know of each partner before believing its row."""
    days: Mapping[str, tuple[int, int]] = {
        str(partner): (int(group.min()), int(group.max()))
        for partner, group in summary.history.groupby("partner_id")["day"]
    }
    several = np.repeat(np.diff(summary.share_start) > 1, np.diff(summary.share_start))
    shared = np.bincount(summary.share_partner[several], minlength=len(summary.partner_ids))
    as_of = _as_of_day(summary)
    told = []
    for partner, customers, elsewhere in zip(
        summary.partner_ids, summary.partner_customers.tolist(), shared.tolist(), strict=True
    ):
        first, last = days.get(partner, (as_of, as_of))
        words = []
        if customers < FEW_CUSTOMERS:
            words.append("only 1 customer" if customers == 1 else f"only {customers} customers")
        if as_of - last > QUIET_DAYS:
            words.append(f"no purchase in the last {as_of - last} days")
        if 2 * elsewhere > customers:
            words.append(f"{elsewhere} of {customers} customers also buy through other partners")
        if as_of - first + 1 < spec.horizon.days / 2:
            words.append(f"first purchase only {as_of - first + 1} days before the end of the data")
        told.append("; ".join(words))
    return told
