"""The look that all charts share: safe colours, quiet axes, labels taken literally."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.text import Text
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullLocator

from ltvforecast.plots.labels import short_amount
from ltvforecast.types import FloatArray

__all__ = [
    "BAND",
    "EMPHASIS",
    "GRID",
    "INK",
    "MUTED",
    "VALUE",
    "axes_or_new",
    "count_axis",
    "figure_width",
    "finish",
    "money_axis",
    "month_axis",
    "period_days",
]

INK = "#1b1e21"
"""Text and reference lines."""
MUTED = "#5f6770"
"""What was measured, and whatever stays in the background."""
GRID = "#d8dce0"
VALUE = "#0072b2"
"""What is forecast. Blue and vermilion of Okabe & Ito (2008), told apart in all forms of colour
blindness; shape or position always says the same as the colour."""
BAND = "#9ecae8"
"""The range of what is forecast."""
EMPHASIS = "#d55e00"
"""What to look at."""

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def axes_or_new(ax: Axes | None, *, width: float = 7.0, height: float = 4.0) -> Axes:
    """Return the Axes given, or a new one in a figure that a notebook shows.

    Parameters
    ----------
    ax : matplotlib.axes.Axes, optional
    width, height : float
        Of a new figure, in inches.

    Returns
    -------
    matplotlib.axes.Axes
    """
    if ax is not None:
        return ax
    from matplotlib import pyplot as plt

    return plt.figure(figsize=(width, height), layout="constrained").add_subplot()


def figure_width(ax: Axes) -> float:
    """Measure the figure around the Axes.

    Parameters
    ----------
    ax : matplotlib.axes.Axes

    Returns
    -------
    float
        In inches.
    """
    return float(ax.figure.bbox.width / ax.figure.dpi)


def finish(ax: Axes, *, grid: str) -> Axes:
    """Quieten the frame, and take every label literally, so that a ``$`` starts no formula.

    Parameters
    ----------
    ax : matplotlib.axes.Axes
    grid : {"x", "y", "both"}
        Across which axis the grid lines run.

    Returns
    -------
    matplotlib.axes.Axes
        The one given.
    """
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(MUTED)
    ax.tick_params(colors=INK, labelcolor=INK)
    ax.xaxis.label.set_color(INK)
    ax.yaxis.label.set_color(INK)
    ax.set_axisbelow(True)
    for name, axis in (("x", ax.xaxis), ("y", ax.yaxis)):
        if grid in (name, "both"):
            axis.grid(visible=True, color=GRID, linewidth=0.8)
    for text in ax.findobj(Text):
        text.set_parse_math(False)
    return ax


def money_axis(axis: Axis, label: str, *, log: bool = False) -> None:
    """Show amounts of money along an axis.

    Parameters
    ----------
    axis : matplotlib.axis.Axis
    label : str
    log : bool
        The axis is logarithmic: only powers of ten are named.
    """
    if log:
        axis.set_major_locator(LogLocator(base=10))
        axis.set_minor_locator(NullLocator())
    else:
        axis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 2.5, 5, 10]))
    axis.set_major_formatter(FuncFormatter(lambda value, _: short_amount(value)))
    axis.set_label_text(label)


def count_axis(axis: Axis, label: str) -> None:
    """Show counts along an axis, with thousands separators.

    Parameters
    ----------
    axis : matplotlib.axis.Axis
    label : str
    """
    axis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    axis.set_label_text(label)


def month_axis(axis: Axis, starts: Sequence[dt.date], *, most: int = 12) -> None:
    """Name months along an axis that counts days since 1970-01-01.

    Parameters
    ----------
    axis : matplotlib.axis.Axis
    starts : sequence of datetime.date
        First days of the periods shown; those that begin a month get a name, thinned out.
    most : int
        At most so many names.
    """
    epoch = dt.date(1970, 1, 1)
    months = list(dict.fromkeys((start.year, start.month) for start in starts))
    step = next(s for s in (1, 2, 3, 6, 12, 24, 60, 1200) if len(months) / s <= most)
    shown = [(y, m) for y, m in months if (m - 1 + 12 * y) % step == 0] or months[:1]
    axis.set_major_locator(FixedLocator([(dt.date(y, m, 1) - epoch).days for y, m in shown]))
    names = [
        f"{_MONTHS[m - 1]}\n{y}" if i == 0 or y != shown[i - 1][0] else _MONTHS[m - 1]
        for i, (y, m) in enumerate(shown)
    ]
    axis.set_ticklabels(names)


def period_days(periods: pd.DataFrame) -> tuple[FloatArray, FloatArray]:
    """Place periods along an axis that counts days since 1970-01-01.

    Parameters
    ----------
    periods : pandas.DataFrame
        ``start`` and ``end`` as ``datetime.date``.

    Returns
    -------
    tuple of float64 arrays, shape (period,)
        First day, and length in days.
    """
    epoch = dt.date(1970, 1, 1)
    start = np.array([(day - epoch).days for day in periods["start"]], dtype=np.float64)
    end = np.array([(day - epoch).days for day in periods["end"]], dtype=np.float64)
    return start, end - start + 1
