"""Charts of a fitted model: does it reproduce how often customers bought, and what is uncertain."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes

from ltvforecast.checks.frequency import purchase_frequencies
from ltvforecast.errors import ConfigError
from ltvforecast.fit_types import FittedModel
from ltvforecast.plots.style import (
    EMPHASIS,
    INK,
    MUTED,
    VALUE,
    axes_or_new,
    count_axis,
    finish,
)

__all__ = ["plot_frequency_fit", "plot_posterior", "plot_season"]

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def plot_frequency_fit(model: FittedModel, *, most: int = 7, ax: Axes | None = None) -> Axes:
    """Draw how many customers made how many repeat purchases, as seen and as expected.

    Parameters
    ----------
    model : FittedModel
    most : int
        The last bar holds this many repeat purchases or more.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure without it.

    Returns
    -------
    matplotlib.axes.Axes
    """
    table = purchase_frequencies(model, most=most)
    ax = axes_or_new(ax)
    place = table["repeat_purchases"].to_numpy()
    ax.bar(place, table["observed"], width=0.7, color=MUTED, label="customers seen")
    ax.plot(
        place,
        table["expected"],
        linestyle="none",
        marker="D",
        markersize=7,
        color=EMPHASIS,
        label="expected by the model",
    )
    named = [*place[: -1 : 1 + most // 12], most]
    ax.set_xticks(named, labels=[*(str(number) for number in named[:-1]), f"{most}+"])
    ax.set_xlabel("Repeat purchases")
    count_axis(ax.yaxis, "Customers")
    ax.legend(frameon=False, labelcolor=INK)
    return finish(ax, grid="y")


def plot_posterior(model: FittedModel, *, parameter: str = "r", ax: Axes | None = None) -> Axes:
    """Draw how sure the fit is of one parameter.

    Parameters
    ----------
    model : FittedModel
    parameter : str
        Of the purchase process (``r, alpha, a, b``) or of spend (``p, q, v``).
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure without it.

    Returns
    -------
    matplotlib.axes.Axes
        A histogram of the draws, with the point estimate as a dashed line. Where partners differ,
        of the average customer.

    Raises
    ------
    ConfigError
        There is no such parameter.
    """
    for fit in (model.purchase, model.spend):
        if parameter in fit.draws:
            break
    else:
        there = ", ".join([*model.purchase.draws, *model.spend.draws])
        raise ConfigError(
            f"the model has no parameter {parameter!r}",
            expected=f"one of {there}",
            remedy="choose one of these",
        )
    ax = axes_or_new(ax)
    ax.hist(model.average_draws[parameter], bins=40, color=VALUE)
    if parameter in fit.point:
        ax.axvline(fit.point[parameter], color=INK, linestyle=(0, (4, 3)), linewidth=1.2)
    ax.set_xlabel(parameter)
    count_axis(ax.yaxis, "Draws")
    return finish(ax, grid="y")


def plot_season(model: FittedModel, *, level: int = 90, ax: Axes | None = None) -> Axes:
    """Draw the seasonal clock: how fast customers buy in each part of the year.

    Parameters
    ----------
    model : FittedModel
    level : int
        Of the band around it, in percent; a given index has none.
    ax : matplotlib.axes.Axes, optional
        Where to draw; a new figure without it.

    Returns
    -------
    matplotlib.axes.Axes
        The index by month or week, 1 being the mean of the year.

    Raises
    ------
    ConfigError
        The model has no season.
    """
    calendar = model.calendar
    if len(calendar.index) == 0:
        raise ConfigError(
            f"a model without a season ({calendar.how})",
            expected="a model with a seasonal clock",
            remedy="fit with calendar='auto' and two years of history, or give an index",
        )
    ax = axes_or_new(ax)
    place = np.arange(1, len(calendar.index) + 1)
    if len(calendar.draws) > 1:
        tail = (100 - level) / 2
        low, high = np.percentile(calendar.draws, (tail, 100 - tail), axis=0)
        ax.fill_between(place, low, high, color=VALUE, alpha=0.25, label=f"{level} % range")
    ax.plot(place, calendar.index, color=EMPHASIS, marker="o", markersize=4, label="index")
    ax.axhline(1.0, color=MUTED, linewidth=1.0)
    if len(place) == len(_MONTHS):
        ax.set_xticks(place, labels=_MONTHS)
    else:
        ax.set_xlabel("Week of the year")
    ax.set_ylim(bottom=0.0)
    ax.set_ylabel("Purchases, 1 = mean of the year")
    ax.legend(frameon=False, labelcolor=INK)
    return finish(ax, grid="y")
