"""The tables of a forecast: partners, periods, segments, and the programme's own row."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import numpy as np
import pandas as pd

from ltvforecast.forecast.horizon import Periods
from ltvforecast.forecast.intervals import interval_columns, interval_names, tail_probabilities
from ltvforecast.forecast.prepare import PROGRAMME
from ltvforecast.forecast.roll_up import PERIOD_QUANTITIES, GroupDraws, RollUp
from ltvforecast.forecast_types import ForecastSpec
from ltvforecast.transaction_types import CustomerSummary
from ltvforecast.types import FloatArray

__all__ = [
    "partner_table",
    "period_table",
    "programme_row",
    "reaches_back",
    "segment_table",
    "segments_of",
]

HEAD_SHARE = 0.8
"""The head brings this share of ltv; the partners after it are the long tail."""
TOP_SHARE = 0.2
"""Pareto: what this share of the partners brings."""
FEW_CUSTOMERS = 10
QUIET_DAYS = 90
ONE_SEGMENT = "all partners"
"""Segment of every partner where no partner table tells one."""


def segments_of(summary: CustomerSummary) -> list[str]:
    """Tell each partner's segment, in the summary's order.

    Parameters
    ----------
    summary : CustomerSummary

    Returns
    -------
    list of str
    """
    table = summary.partner_table
    if table is None or "segment" not in table:
        return [ONE_SEGMENT] * len(summary.partner_ids)
    known = dict(zip(table["partner_id"], table["segment"], strict=True))
    return [str(known.get(partner, "other")) for partner in summary.partner_ids]


def _quantities(
    draws: GroupDraws,
    revenue_to_date: FloatArray,
    money: Mapping[str, FloatArray],
    levels: tuple[int, ...],
) -> dict[str, FloatArray]:
    """Build the columns that partners, segments and the programme have in common."""
    future = draws.future_revenue

    def new(name: str, values: FloatArray | None) -> dict[str, FloatArray]:
        if values is not None:
            return interval_columns(name, values, levels)
        nothing = np.full(future.shape[1], np.nan)
        return dict.fromkeys([name, *interval_names(name, levels)], nothing)

    return {
        **interval_columns("existing_revenue", draws.existing_revenue, levels),
        **new("new_customers", draws.new_customers),
        **new("new_revenue", draws.new_revenue),
        **interval_columns("future_revenue", future, levels),
        **interval_columns("lifetime_revenue", revenue_to_date + future, levels),
        **_named(money, "ltv", levels),
        "p_churn": np.mean(future == 0, axis=0),
        **interval_columns("expected_active_customers", draws.active_customers, levels),
        **_named(money, "commission", levels),
        **{name: values for name, values in money.items() if not _is_told(name, levels)},
        **interval_columns(
            "expected_existing_revenue", draws.expected_existing_revenue, levels, mean=False
        ),
        **interval_columns(
            "expected_future_revenue", draws.expected_future_revenue, levels, mean=False
        ),
    }


def _named(
    money: Mapping[str, FloatArray], name: str, levels: tuple[int, ...]
) -> dict[str, FloatArray]:
    return {each: money[each] for each in (name, *interval_names(name, levels))}


def _is_told(name: str, levels: tuple[int, ...]) -> bool:
    """Whether a money column stands at its own place among the others."""
    ends = {each for base in ("ltv", "commission") for each in interval_names(base, levels)}
    return name in ends or name in ("ltv", "commission")


def partner_table(
    summary: CustomerSummary,
    rolled: RollUp,
    spec: ForecastSpec,
    *,
    p_acquiring: FloatArray | None = None,
    lifespans: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Build the partner table.

    Parameters
    ----------
    summary : CustomerSummary
    rolled : RollUp
    spec : ForecastSpec
    p_acquiring : float64 array, shape (partner,), optional
        None where it is not known.
    lifespans : pandas.DataFrame, optional
        See :class:`ltvforecast.forecast.lifespan.Lifespans`.

    Returns
    -------
    pandas.DataFrame
        The columns of ``partners.csv``, by falling ``ltv``, equal ones by id. ``p_decline`` is
        NaN where the data don't reach back as far as the horizon reaches ahead, and what is told
        of new customers where they are not forecast. ``share`` is of the worth of all partners
        that are worth something.
    """
    to_date = _revenue_since(summary, None)
    draws = rolled.partners
    table = pd.DataFrame(
        {
            "partner_id": pd.array(summary.partner_ids, dtype="str"),
            "segment": pd.array(segments_of(summary), dtype="str"),
            "customers": summary.partner_customers,
            "revenue_to_date": to_date,
            **_quantities(draws, to_date, rolled.columns, spec.levels),
        }
    )
    window = _revenue_since(summary, spec)
    decline = np.mean(draws.future_revenue < window / 2, axis=0)
    after = table.columns.tolist().index("p_churn")
    table.insert(after + 1, "p_decline", decline if reaches_back(summary, spec) else np.nan)
    table.insert(after + 2, "p_acquiring", np.nan if p_acquiring is None else p_acquiring)
    if lifespans is not None:
        told = lifespans.drop(columns="partner_id").reset_index(drop=True)
        table = pd.concat([table, told], axis=1)
    table["share"] = _shares(draws.ltv.mean(axis=0))
    table["warnings"] = [
        "; ".join(words for words in told if words)
        for told in zip(_partner_warnings(summary, spec), rolled.notes, strict=True)
    ]
    table = table.sort_values(["ltv", "partner_id"], ascending=[False, True], ignore_index=True)
    before = table["share"].cumsum() - table["share"]
    table.insert(len(table.columns) - 1, "cumulative_share", table["share"].cumsum().clip(upper=1))
    head = (before < HEAD_SHARE - 1e-12) & (table["share"] > 0)
    table.insert(len(table.columns) - 1, "tail", np.where(head, "head", "long_tail"))
    return table


def programme_row(
    summary: CustomerSummary,
    spec: ForecastSpec,
    *,
    table: pd.DataFrame,
    partners: GroupDraws,
    programme: GroupDraws,
    money: Mapping[str, float | None],
    lifespan: Mapping[str, object] | None = None,
) -> dict[str, object]:
    """Build the programme's own row, with joint intervals, concentration and counts.

    Parameters
    ----------
    summary : CustomerSummary
    spec : ForecastSpec
    table : pandas.DataFrame
        The partner table.
    partners, programme : GroupDraws
    money : mapping
        What follows from the money terms.
    lifespan : mapping, optional
        How long the programme lasts.

    Returns
    -------
    dict
        The content of ``programme.json``; None for what is not known.
    """
    to_date = float(np.round(summary.history["revenue"].sum(), 6))
    window = float(_revenue_since(summary, spec).sum())
    as_columns = {
        name: np.array([np.nan if value is None else value]) for name, value in money.items()
    }
    quantities = _quantities(programme, np.array([to_date]), as_columns, spec.levels)
    known = reaches_back(summary, spec)
    decline = float(np.mean(programme.future_revenue < window / 2)) if known else None
    top = max(1, round(TOP_SHARE * len(table)))
    index = {partner: column for column, partner in enumerate(summary.partner_ids)}
    places = [index[partner] for partner in table["partner_id"]]
    tail = places[int((table["tail"] == "head").sum()) :]
    return {
        "partner_id": PROGRAMME,
        "partners": len(table),
        "customers": len(summary),
        "revenue_to_date": to_date,
        **{name: _known(values[0]) for name, values in quantities.items()},
        "p_decline": decline,
        **{name: value for name, value in (lifespan or {}).items() if name != "partner_id"},
        "head_partners": int((table["tail"] == "head").sum()),
        "long_tail_partners": len(tail),
        **_scalars("long_tail_ltv", partners.ltv[:, tail].sum(axis=1), spec),
        "top_20_percent_partners": top,
        "top_20_percent_share": float(table["cumulative_share"].iloc[top - 1]),
        **_share_interval(partners.ltv, places[:top], spec),
        "partners_bringing_80_percent": int((table["tail"] == "head").sum()),
        "partners_without_revenue": float(np.mean(partners.future_revenue == 0, axis=0).sum()),
    }


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _scalars(name: str, draws: FloatArray, spec: ForecastSpec) -> dict[str, float]:
    columns = interval_columns(name, draws[:, None], spec.levels)
    return {each: float(values[0]) for each, values in columns.items()}


def _share_interval(ltv: FloatArray, best: list[int], spec: ForecastSpec) -> dict[str, float]:
    worth = np.maximum(ltv, 0.0)
    total = worth.sum(axis=1)
    share = worth[:, best].sum(axis=1)[total > 0] / total[total > 0]
    names = interval_names("top_20_percent_share", spec.levels)
    if len(share) == 0:
        return dict.fromkeys(names, 0.0)
    ends = np.quantile(share, tail_probabilities(spec.levels))
    return {name: float(end) for name, end in zip(names, ends, strict=True)}


def segment_table(
    summary: CustomerSummary, rolled: RollUp, spec: ForecastSpec, *, table: pd.DataFrame
) -> pd.DataFrame:
    """Put the segments side by side, the most valuable first.

    Parameters
    ----------
    summary : CustomerSummary
    rolled : RollUp
    spec : ForecastSpec
    table : pandas.DataFrame
        The partner table.

    Returns
    -------
    pandas.DataFrame
        The columns of ``segments.csv``: ``segment, partners, customers, revenue_to_date``, the
        quantities with joint intervals (partners are added up inside each draw), ``p_decline``,
        ``ltv_per_partner`` and ``share``. A customer of two partners counts for each of them.
    """
    names, segment = np.unique(np.asarray(segments_of(summary), dtype=str), return_inverse=True)
    member = (segment[:, None] == np.arange(len(names))).astype(np.float64)
    draws, levels = rolled.partners, spec.levels

    def added(name: str, values: FloatArray | None) -> dict[str, FloatArray]:
        if values is not None:
            return interval_columns(name, values @ member, levels)
        nothing = np.full(len(names), np.nan)
        return dict.fromkeys([name, *interval_names(name, levels)], nothing)

    to_date, window = (_revenue_since(summary, until) @ member for until in (None, spec))
    future = draws.future_revenue @ member
    decline = np.mean(future < window / 2, axis=0)
    partners = member.sum(axis=0)
    found = pd.DataFrame(
        {
            "segment": pd.array([str(name) for name in names], dtype="str"),
            "partners": partners.astype(np.int64),
            "customers": (summary.partner_customers @ member).astype(np.int64),
            "revenue_to_date": to_date,
            **added("existing_revenue", draws.existing_revenue),
            **added("new_customers", draws.new_customers),
            **added("new_revenue", draws.new_revenue),
            **interval_columns("future_revenue", future, levels),
            **added("ltv", draws.ltv),
            **interval_columns("ltv_per_partner", draws.ltv @ member / partners, levels),
            **added("commission", draws.commission),
            "p_decline": decline if reaches_back(summary, spec) else np.nan,
        }
    )
    share = table.groupby("segment")["share"].sum()
    found["share"] = found["segment"].map(share).to_numpy()
    return found.sort_values(["ltv", "segment"], ascending=[False, True], ignore_index=True)


def period_table(
    rolled: RollUp,
    periods: Periods,
    *,
    partner_ids: tuple[str, ...],
    ranked: pd.DataFrame,
) -> pd.DataFrame:
    """Build the period table: first the programme, then the partners as ranked.

    Parameters
    ----------
    rolled : RollUp
    periods : Periods
    partner_ids : tuple of str
    ranked : pandas.DataFrame
        The partner table, for its order.

    Returns
    -------
    pandas.DataFrame
        The columns of ``periods.csv``; dates as ISO text. ``commission`` is what is owed for the
        period, as finance accrues it.
    """
    place = {partner: row for row, partner in enumerate(partner_ids)}
    order = [place[partner] for partner in ranked["partner_id"]]
    count = len(periods)
    names = [PROGRAMME, *ranked["partner_id"]]
    values = {
        name: np.concatenate([rolled.programme_periods[name], column[order].ravel()])
        for name, column in rolled.periods.items()
        if name.startswith(PERIOD_QUANTITIES)
    }
    return pd.DataFrame(
        {
            "partner_id": pd.array(np.repeat(names, count), dtype="str"),
            "period_start": [day.isoformat() for day in periods.starts] * len(names),
            "period_end": [day.isoformat() for day in periods.ends] * len(names),
            **values,
        }
    )


def _shares(ltv: FloatArray) -> FloatArray:
    worth = np.maximum(ltv, 0.0)
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
