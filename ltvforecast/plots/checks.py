"""Charts of fit checks: what came against what the model expects, straight from a check's table."""

from __future__ import annotations

import datetime as dt

import numpy as np
from matplotlib.axes import Axes

from ltvforecast.check_types import FitCheck, FitChecks
from ltvforecast.errors import ConfigError
from ltvforecast.plots.style import (
    BAND,
    EMPHASIS,
    GRID,
    INK,
    MUTED,
    VALUE,
    axes_or_new,
    count_axis,
    finish,
    month_axis,
)

__all__ = [
    "plot_conditional_expectation",
    "plot_pit_drift",
    "plot_predictive_checks",
    "plot_regularity",
    "plot_tracking",
]

EPOCH = dt.date(1970, 1, 1)


def plot_tracking(checks: FitChecks, *, cumulative: bool = False, ax: Axes | None = None) -> Axes:
    """Draw repeat purchases over time, as they came and as the model expects them.

    Parameters
    ----------
    checks : FitChecks
        What :func:`ltvforecast.check_fit` gives.
    cumulative : bool
        Add the periods up.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure without it.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ConfigError
        The check was left out.
    """
    table = _check(checks, "tracking").table
    ax = axes_or_new(ax)
    ends = [dt.date.fromisoformat(str(day)) for day in table["period_end"]]
    day = [(end - EPOCH).days for end in ends]
    prefix = "cumulative_" if cumulative else ""
    if not cumulative:
        ax.fill_between(
            day,
            table["expected_lo_90"].to_numpy(float),
            table["expected_hi_90"].to_numpy(float),
            color=BAND,
            linewidth=0,
            label="90 % of chance",
        )
    ax.plot(day, table[f"{prefix}expected"], color=VALUE, label="expected by the model")
    ax.plot(day, table[f"{prefix}actual"], color=INK, linestyle=(0, (4, 2)), label="came")
    ax.set_ylim(bottom=0.0)
    months = {(end.year, end.month) for end in ends}
    month_axis(ax.xaxis, [dt.date(year, month, 1) for year, month in sorted(months)])
    count_axis(ax.yaxis, "Repeat purchases" + (", added up" if cumulative else " a period"))
    ax.legend(frameon=False, labelcolor=INK)
    return finish(ax, grid="y")


def plot_conditional_expectation(
    checks: FitChecks, *, by: str = "frequency", ax: Axes | None = None
) -> Axes:
    """Draw purchases a customer after the split, as expected at the split and as they came.

    Parameters
    ----------
    checks : FitChecks
        What :func:`ltvforecast.check_fit` gives.
    by : {"frequency", "recency", "partner_size"}
        What the customers are grouped by, as known at the split.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure without it.

    Returns
    -------
    matplotlib.axes.Axes

    Raises
    ------
    ConfigError
        The check was left out, or there is none of that name.
    """
    table = _check(checks, f"holdout_by_{by}").table
    ax = axes_or_new(ax)
    each = table["customers"].to_numpy(float)
    place = np.arange(len(table))
    middle, low, high, came = (
        table[name].to_numpy(float) / each
        for name in ("expected", "expected_lo_90", "expected_hi_90", "actual")
    )
    ax.vlines(place, low, high, color=BAND, linewidth=8, label="90 % of chance")
    ax.plot(place, middle, color=VALUE, marker="o", linestyle="none", label="expected")
    ax.plot(place, came, color=EMPHASIS, marker="D", linestyle="none", label="came")
    ax.set_xticks(place, labels=[_without_unit(str(group)) for group in table["group"]])
    ax.set_xlabel(" ".join(str(table["group"].iloc[-1]).split(" ")[-2:]))
    ax.set_ylabel("Purchases a customer")
    ax.set_ylim(bottom=0.0)
    ax.legend(frameon=False, labelcolor=INK)
    return finish(ax, grid="y")


def plot_predictive_checks(checks: FitChecks, *, ax: Axes | None = None) -> Axes:
    """Draw figures of the data as multiples of what data simulated from the fit have.

    Parameters
    ----------
    checks : FitChecks
        What :func:`ltvforecast.check_fit` gives.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure without it.

    Returns
    -------
    matplotlib.axes.Axes
        1 is the median of the simulated data; the bar holds 99 % of them.
    """
    shown = [check for check in checks.done if "simulated" in check.table]
    ax = axes_or_new(ax, height=3.0)
    for place, check in enumerate(shown):
        simulated = check.table["simulated"].to_numpy(float)
        middle = max(float(simulated[2]), 1e-9)
        ax.hlines(place, simulated[0] / middle, simulated[-1] / middle, color=BAND, linewidth=8)
        ax.plot(
            float(check.table["actual"].iloc[0]) / middle,
            place,
            marker="D",
            color=MUTED if check.verdict == "fine" else EMPHASIS,
        )
    ax.axvline(1.0, color=INK, linestyle=(0, (4, 3)), linewidth=1.0)
    ax.set_yticks(range(len(shown)), labels=[check.name.replace("_", " ") for check in shown])
    ax.invert_yaxis()
    ax.set_xlabel("Data, as a multiple of the model's median (bar: 99 % of simulated data)")
    return finish(ax, grid="x")


def plot_regularity(checks: FitChecks, *, ax: Axes | None = None) -> Axes:
    """Draw where the last but one purchase falls between its neighbours.

    Parameters
    ----------
    checks : FitChecks
        What :func:`ltvforecast.check_fit` gives.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure without it.

    Returns
    -------
    matplotlib.axes.Axes
        Level for random purchases, high in the middle for regular ones, high at the ends for
        bursts.

    Raises
    ------
    ConfigError
        The check was left out.
    """
    table = _check(checks, "regularity").table
    ax = axes_or_new(ax)
    width = float(table["place"].iloc[0])
    middle = table["place"].to_numpy(float) - width / 2
    ax.bar(middle, table["customers"], width=0.9 * width, color=MUTED, label="customers seen")
    ax.plot(middle, table["expected"], color=VALUE, label="random purchases (the model)")
    ax.plot(
        middle, table["expected_at_k"], color=EMPHASIS, marker="D", label="gaps of the shape found"
    )
    ax.set_xlabel("Last gap, as a share of the last two")
    count_axis(ax.yaxis, "Customers")
    ax.legend(frameon=False, labelcolor=INK)
    return finish(ax, grid="y")


def plot_pit_drift(checks: FitChecks, *, ax: Axes | None = None) -> Axes:
    """Draw where actual revenue fell in its forecast distribution, origin by origin.

    Parameters
    ----------
    checks : FitChecks
        What :func:`ltvforecast.checks.pit_drift.check_pit` gives.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure without it.

    Returns
    -------
    matplotlib.axes.Axes
    """
    table = _check(checks, "pit_level").table
    ax = axes_or_new(ax, height=3.0)
    place = np.arange(len(table))
    ax.axhspan(0.05, 0.95, color=GRID, linewidth=0)
    ax.axhline(0.5, color=INK, linestyle=(0, (4, 3)), linewidth=1.0)
    ax.plot(place, table["programme"], color=EMPHASIS, marker="D", label="whole programme")
    ax.plot(place, table["partners"], color=VALUE, marker="o", label="mean of the partners")
    ax.set_xticks(place, labels=[str(origin) for origin in table["origin"]])
    ax.set_ylim(0.0, 1.0)
    ax.set_ylabel("Place in the forecast")
    ax.legend(frameon=False, labelcolor=INK)
    return finish(ax, grid="y")


def _check(checks: FitChecks, name: str) -> FitCheck:
    try:
        return checks[name]
    except KeyError:
        there = ", ".join(check.name for check in checks.done) or "none"
        reasons = "; ".join(checks.left_out) or "the model has no checks"
        raise ConfigError(
            f"no check {name!r} ({reasons})",
            expected=f"one of the checks made: {there}",
            remedy="fit again and make the checks at once, with check_fit(model)",
        ) from None


def _without_unit(group: str) -> str:
    """Shorten ``3 to 4 repeat purchases`` to ``3 to 4``: the axis tells the rest."""
    return group.rsplit(" ", 2)[0]
