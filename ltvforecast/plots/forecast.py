"""Charts of a forecast: partners with intervals, head and long tail, by month, and at risk."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from ltvforecast.errors import ForecastError
from ltvforecast.forecast_types import PartnerForecast
from ltvforecast.plots.chart_data import (
    as_of_date,
    bounds,
    by_week,
    forecast_by_period,
    pareto_curve,
    ranked_partners,
    revenue_by_period,
    watched_partners,
)
from ltvforecast.plots.labels import display_name
from ltvforecast.plots.style import (
    BAND,
    EMPHASIS,
    INK,
    MUTED,
    VALUE,
    axes_or_new,
    figure_width,
    finish,
    money_axis,
    month_axis,
    period_days,
)

__all__ = ["plot_forecast", "plot_pareto", "plot_partner_intervals", "plot_watch_list"]

_EPOCH = dt.date(1970, 1, 1)
_SIDES = np.array([(9, 6), (-9, 6), (9, -8), (-9, -8), (0, 11), (0, -13)], dtype=np.float64)
"""Where a number may stand beside its mark, in points, the preferred first."""


def plot_partner_intervals(
    forecast: PartnerForecast, *, top: int = 20, level: int = 90, ax: Axes | None = None
) -> Axes:
    """Draw what the most valuable partners are worth, each with its interval.

    Parameters
    ----------
    forecast : PartnerForecast
    top : int
        How many partners.
    level : int
        Of the thin line, in percent; the thick line holds 50 %, where the forecast has it.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure without it.

    Returns
    -------
    matplotlib.axes.Axes
        Partners whose customers have stopped buying through them all at once carry ``(silent)``
        (see :func:`ltvforecast.plots.chart_data.watched_partners`).

    Raises
    ------
    ConfigError
        The forecast has no intervals of this level.
    """
    low, high = bounds(forecast, "ltv", level)
    table = ranked_partners(forecast).head(top)
    ax = axes_or_new(ax, height=1.0 + 0.25 * len(table))
    place = np.arange(len(table))
    ax.hlines(place, table[low], table[high], color=VALUE, linewidth=1.4)
    if 50 in forecast.spec.levels and level > 50:
        ax.hlines(place, table["ltv_lo_50"], table["ltv_hi_50"], color=VALUE, linewidth=5)
    ax.plot(table["ltv"], place, linestyle="none", marker="o", color=INK, markersize=4.5)
    watched = watched_partners(forecast)
    silent = set(watched.loc[watched["silent"], "partner_id"])
    room = max(14, int(4 * figure_width(ax)))
    names = [
        display_name(name, width=room - 9 * (name in silent))
        + (" (silent)" if name in silent else "")
        for name in table["partner_id"]
    ]
    ax.set_yticks(place, labels=names, parse_math=False)
    ax.set_ylim(len(table) - 0.4, -0.6)
    money_axis(ax.xaxis, f"Worth today, with its {level}% interval")
    if float(table[low].min()) >= 0:
        ax.set_xlim(left=0)
    return finish(ax, grid="x")


def plot_pareto(forecast: PartnerForecast, *, level: int = 90, ax: Axes | None = None) -> Axes:
    """Draw what share of the programme's value its first k partners bring, with a band.

    Parameters
    ----------
    forecast : PartnerForecast
    level : int
        Of the band, in percent.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure without it.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ForecastError
        No value and no revenue is expected, so there is nothing to share out.
    """
    curve = pareto_curve(forecast, level=level)
    if curve is None:
        raise ForecastError(
            "the programme's expected revenue is zero",
            expected="some revenue to share out among the partners",
            remedy="look at the partner table instead",
        )
    ax = axes_or_new(ax)
    rank = np.concatenate([[0], curve.rank])
    low, high, share = (
        np.concatenate([[0.0], side]) for side in (curve.low, curve.high, curve.share)
    )
    ax.fill_between(rank, low, high, color=BAND, linewidth=0)
    ax.plot(rank, share, color=VALUE, linewidth=1.8)
    head = int((forecast.partners["tail"] == "head").sum())
    ax.axhline(0.8, color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
    ax.axvline(head, color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
    ax.annotate(
        f"{head:,} of {int(rank[-1]):,} partners",
        (head, 0.0),
        xytext=(5, 5),
        textcoords="offset points",
        color=INK,
        ha="left" if head < 0.6 * rank[-1] else "right",
    )
    ax.set_xlim(0, rank[-1])
    ax.set_ylim(0, max(1.02, float(high.max())))
    ax.yaxis.set_major_formatter(PercentFormatter(1.0))
    ax.set_xlabel("Number of partners, the most valuable first")
    ax.set_ylabel("Share of the programme's worth")
    return finish(ax, grid="y")


def plot_forecast(
    forecast: PartnerForecast,
    *,
    partner_id: str | None = None,
    level: int = 90,
    periods: int = 24,
    ax: Axes | None = None,
) -> Axes:
    """Draw past revenue and the forecast, by month (by week where the forecast is by week).

    Parameters
    ----------
    forecast : PartnerForecast
    partner_id : str, optional
        One partner; the whole programme without it.
    level : int
        Of the thin line, in percent; the thick line holds 50 %, where the forecast has it.
    periods : int
        At most so many months (or weeks) of the past, and three times as many ahead.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure without it.

    Returns
    -------
    matplotlib.axes.Axes
        Where new customers are forecast, bars of what is expected have two parts: known
        customers at the bottom, new ones (dotted) on top.

    Raises
    ------
    ConfigError
        There is no such partner, or the forecast has no intervals of this level.
    """
    low, high = bounds(forecast, "future_revenue", level)
    past = revenue_by_period(forecast, partner_id=partner_id).tail(periods)
    ahead = forecast_by_period(forecast, partner_id=partner_id).head(3 * periods)
    ax = axes_or_new(ax)
    for whole, face, hatch in ((True, MUTED, None), (False, "none", "////")):
        part = past[past["complete"] == whole]
        left, width = period_days(part)
        ax.bar(
            left,
            part["revenue"],
            width=0.86 * width,
            align="edge",
            facecolor=face,
            edgecolor=MUTED,
            linewidth=0.8,
            hatch=hatch,
        )
    if ahead["new_revenue"].notna().all():
        _two_parts(ax, ahead)
        _ranges(ax, ahead, (low, high), colour=INK, face=BAND, narrow=4)
    else:
        _ranges(ax, ahead, (low, high), colour=VALUE, face=INK, narrow=5)
    today = (as_of_date(forecast) - _EPOCH).days + 1
    ax.axvline(today, color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
    _name_sides(ax, today)
    room = max(3, int(1.9 * figure_width(ax)))
    month_axis(ax.xaxis, [*past["start"], *ahead["start"]], most=room)
    money_axis(ax.yaxis, "Revenue in the week" if by_week(forecast) else "Revenue in the month")
    ax.set_ylim(0, 1.1 * ax.get_ylim()[1])
    return finish(ax, grid="y")


def _two_parts(ax: Axes, ahead: pd.DataFrame) -> None:
    """Draw what known and new customers are expected to bring, one on top of the other."""
    left, width = period_days(ahead)
    below = np.zeros(len(ahead))
    for name, face, hatch, label in (
        ("existing_revenue", BAND, None, "customers known today"),
        ("new_revenue", "none", "....", "new customers"),
    ):
        height = ahead[name].to_numpy(dtype=np.float64)
        ax.bar(
            left + 0.07 * width,
            height,
            bottom=below,
            width=0.86 * width,
            align="edge",
            facecolor=face,
            edgecolor=VALUE,
            linewidth=0.8,
            hatch=hatch,
            label=label,
        )
        below = below + height
    ax.legend(
        loc="lower left",
        bbox_to_anchor=(0.0, 1.0),
        ncols=2 if figure_width(ax) > 5 else 1,
        frameon=False,
        borderpad=0.2,
        labelcolor=INK,
    )


def _ranges(
    ax: Axes,
    ahead: pd.DataFrame,
    ends: tuple[str, str],
    *,
    colour: str,
    face: str,
    narrow: float,
) -> None:
    """Draw what is expected in each period, with its ranges."""
    left, width = period_days(ahead)
    middle = left + width / 2
    ax.vlines(middle, ahead[ends[0]], ahead[ends[1]], color=colour, linewidth=1.4)
    if "future_revenue_lo_50" in ahead and not ends[0].endswith("_50"):
        inner = ahead["future_revenue_lo_50"], ahead["future_revenue_hi_50"]
        ax.vlines(middle, *inner, color=colour, linewidth=narrow)
    for whole, filled in ((True, face), (False, "none")):
        shown = (ahead["complete"] == whole).to_numpy()
        ax.plot(
            middle[shown],
            ahead["future_revenue"].to_numpy()[shown],
            linestyle="none",
            marker="o",
            markersize=4.5,
            markerfacecolor=filled,
            markeredgecolor=INK,
        )


def plot_watch_list(forecast: PartnerForecast, *, shown: int = 300, ax: Axes | None = None) -> Axes:
    """Draw each partner's risk against the money it concerns; those to watch are numbered.

    Parameters
    ----------
    forecast : PartnerForecast
    shown : int
        At most so many partners are drawn, by money times risk.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure without it.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ForecastError
        No partner has any money at stake.
    """
    table = watched_partners(forecast)
    table = table[table["at_stake"] > 0].head(shown)
    if table.empty:
        raise ForecastError(
            "no partner has revenue that could be lost",
            expected="some past or expected revenue",
            remedy="look at the partner table instead",
        )
    ax = axes_or_new(ax)
    first, rest = table[table["number"] > 0], table[table["number"] == 0]
    ax.plot(
        rest["at_stake"],
        rest["risk"],
        linestyle="none",
        marker="o",
        markersize=4.5,
        markerfacecolor="none",
        markeredgecolor=MUTED,
        markeredgewidth=0.9,
    )
    ax.plot(
        first["at_stake"],
        first["risk"],
        linestyle="none",
        marker="D",
        markersize=5.5,
        color=EMPHASIS,
    )
    if float(table["at_stake"].max()) > 50 * float(table["at_stake"].min()):
        ax.set_xscale("log")
        money_axis(ax.xaxis, "Money at stake (each step is ten times more)", log=True)
    else:
        money_axis(ax.xaxis, "Money at stake")
        ax.set_xlim(left=0)
    ax.set_ylim(-0.03, 1.06)
    ax.yaxis.set_major_formatter(PercentFormatter(1.0))
    ax.set_ylabel("Chance that it drops away")
    _number_points(ax, first)
    return finish(ax, grid="both")


def _number_points(ax: Axes, points: pd.DataFrame) -> None:
    """Write each point's number beside it, on the side that is clearest of marks and numbers."""
    places = points[["at_stake", "risk"]].to_numpy(dtype=np.float64)
    marks = ax.transData.transform(places) * 72 / ax.figure.dpi
    numbers = np.empty((0, 2))
    for at, (number, place) in enumerate(zip(points["number"], places.tolist(), strict=True)):
        others = np.concatenate([np.delete(marks, at, axis=0), numbers])
        away = np.abs(others[None, :, :] - (marks[at] + _SIDES)[:, None, :]) * (1.0, 1.5)
        room = away.max(axis=2).min(axis=1, initial=11.0)
        best = _SIDES[int(np.argmax(room))]
        numbers = np.vstack([numbers, marks[at] + best])
        ax.annotate(
            str(number),
            (place[0], place[1]),
            xytext=(float(best[0]), float(best[1])),
            textcoords="offset points",
            color=INK,
            ha="center",
            va="center",
        )


def _name_sides(ax: Axes, today: int) -> None:
    """Write which side of the line is past and which is forecast."""
    for text, offset, side in (("past ", -3, "right"), (" forecast", 3, "left")):
        ax.annotate(
            text,
            (today, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(offset, -2),
            textcoords="offset points",
            ha=side,
            va="top",
            color=INK,
        )
