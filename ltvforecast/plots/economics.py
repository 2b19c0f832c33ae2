"""Charts of money: worth against the cost of winning partners, and commission by period."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from ltvforecast.errors import ForecastError
from ltvforecast.forecast_types import PartnerForecast
from ltvforecast.plots.chart_data import bounds, by_week, costly_partners, forecast_by_period
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
from ltvforecast.types import FloatArray

__all__ = ["plot_commission", "plot_ltv_to_cac"]

WIDE = 8.0
"""Ratios that reach over more than this factor are drawn on steps of equal factors."""
_NAMED = [m * 10.0**e for e in range(-3, 6) for m in (1, 2, 5)]


def plot_ltv_to_cac(
    forecast: PartnerForecast, *, top: int = 20, level: int = 90, ax: Axes | None = None
) -> Axes:
    """Draw LTV:CAC of the partners that cost the most to win, and the break-even line at 1.

    Parameters
    ----------
    forecast : PartnerForecast
    top : int
        How many partners, by acquisition cost.
    level : int
        Of the thin line, in percent; the thick line holds 50 %, where the forecast has it.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure without it.

    Returns
    -------
    matplotlib.axes.Axes
        Diamonds are partners that more likely than not are worth less than they cost.

    Raises
    ------
    ConfigError
        The forecast has no intervals of this level.
    ForecastError
        No partner has an acquisition cost.
    """
    low, high = bounds(forecast, "ltv_to_cac", level)
    table = costly_partners(forecast).head(top)
    if table.empty:
        raise ForecastError(
            "no partner has an acquisition cost",
            expected="acquisition_cost of at least one partner, above 0",
            remedy="give it in the economics file or in the partner table, and predict again",
        )
    table = table.sort_values(["ltv_to_cac", "partner_id"], ascending=[False, True])
    ax = axes_or_new(ax, height=1.0 + 0.25 * len(table))
    place = np.arange(len(table))
    ax.hlines(place, table[low], table[high], color=VALUE, linewidth=1.4)
    if 50 in forecast.spec.levels and level > 50:
        ends = table["ltv_to_cac_lo_50"], table["ltv_to_cac_hi_50"]
        ax.hlines(place, *ends, color=VALUE, linewidth=5)
    poor = (table["p_ltv_exceeds_cac"] < 0.5).to_numpy()
    ratio = table["ltv_to_cac"].to_numpy(dtype=np.float64)
    for which, marker, colour in ((~poor, "o", INK), (poor, "D", EMPHASIS)):
        ax.plot(
            ratio[which], place[which], linestyle="none", marker=marker, color=colour, markersize=5
        )
    ax.axvline(1.0, color=MUTED, linewidth=1.2, linestyle=(0, (4, 3)))
    ax.annotate(
        "break-even",
        (1.0, 1.0),
        xycoords=("data", "axes fraction"),
        xytext=(0, 3),
        textcoords="offset points",
        ha="center",
        color=INK,
    )
    room = max(14, int(4 * figure_width(ax)))
    names = [display_name(name, width=room) for name in table["partner_id"]]
    ax.set_yticks(place, labels=names, parse_math=False)
    ax.set_ylim(len(table) - 0.4, -0.6)
    _ratio_axis(ax, table[[low, high]].to_numpy(dtype=np.float64))
    return finish(ax, grid="x")


def _ratio_axis(ax: Axes, ends: FloatArray) -> None:
    """Name ratios along the x axis, by factors where they differ much."""
    least, most = min(1.0, float(ends.min())), max(1.0, float(ends.max()))
    label = "Worth per unit of cost (LTV:CAC)"
    if least > 0 and most > WIDE * least:
        ax.set_xscale("log")
        ax.set_xlim(0.85 * least, 1.15 * most)
        inside = [tick for tick in _NAMED if 0.85 * least <= tick <= 1.15 * most]
        wanted = inside if len(inside) <= 9 else inside[:: -(-len(inside) // 9)]
        ax.xaxis.set_major_locator(FixedLocator(sorted({1.0, *wanted})))
        ax.xaxis.set_minor_locator(NullLocator())
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.3g}"))
        ax.set_xlabel(label)
    else:
        money_axis(ax.xaxis, label)


def plot_commission(
    forecast: PartnerForecast,
    *,
    partner_id: str | None = None,
    level: int = 90,
    periods: int = 72,
    ax: Axes | None = None,
) -> Axes:
    """Draw the commission that is expected to fall due, by month (or week), with its range.

    Parameters
    ----------
    forecast : PartnerForecast
    partner_id : str, optional
        One partner; the whole programme without it.
    level : int
        Of the thin line, in percent; the thick line holds 50 %, where the forecast has it.
    periods : int
        At most so many months (or weeks).
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure without it.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ConfigError
        There is no such partner, or the forecast has no intervals of this level.
    """
    low, high = bounds(forecast, "commission", level)
    ahead = forecast_by_period(forecast, partner_id=partner_id).head(periods)
    ax = axes_or_new(ax)
    left, width = period_days(ahead)
    middle = left + width / 2
    ax.bar(
        left + 0.07 * width,
        ahead["commission"],
        width=0.86 * width,
        align="edge",
        facecolor=BAND,
        edgecolor=VALUE,
        linewidth=0.8,
    )
    ax.vlines(middle, ahead[low], ahead[high], color=INK, linewidth=1.4)
    if 50 in forecast.spec.levels and level > 50:
        ends = ahead["commission_lo_50"], ahead["commission_hi_50"]
        ax.vlines(middle, *ends, color=INK, linewidth=4)
    room = max(3, int(1.9 * figure_width(ax)))
    month_axis(ax.xaxis, list(ahead["start"]), most=room)
    money_axis(ax.yaxis, f"Commission of the {'week' if by_week(forecast) else 'month'}")
    ax.set_ylim(0, 1.05 * ax.get_ylim()[1])
    return finish(ax, grid="y")
