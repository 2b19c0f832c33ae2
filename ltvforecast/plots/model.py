"""Charts of a fitted model: does it reproduce how often customers bought, and what is uncertain."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from ltvforecast.errors import ConfigError
from ltvforecast.formulas.bgnbd import purchase_count_pmf
from ltvforecast.plots.style import (
    EMPHASIS,
    INK,
    MUTED,
    VALUE,
    axes_or_new,
    count_axis,
    finish,
)
from ltvforecast.types import FittedModel

__all__ = ["plot_frequency_fit", "plot_posterior", "purchase_frequencies"]


def purchase_frequencies(model: FittedModel, *, most: int = 7) -> pd.DataFrame:
    """Count customers by repeat purchases, as seen and as the fitted model expects.

    Parameters
    ----------
    model : FittedModel
    most : int
        Customers with this many repeat purchases or more are counted together.

    Returns
    -------
    pandas.DataFrame
        ``repeat_purchases`` (0 to ``most``), ``observed`` (int64) and ``expected`` (float64)
        customers. Both add up to all customers.

    Notes
    -----
    Expected are the customers' probabilities, each over its own age, added up at the point
    estimate (Fader, Hardie & Lee 2005, figure 2).
    """
    frequency = model.summary.customers["frequency"].to_numpy(dtype=np.int64)
    age, customers = np.unique(model.summary.customers["T"], return_counts=True)
    counts = np.arange(most)
    chances = purchase_count_pmf(counts[:, None], age[None, :], 0, 0.0, 0.0, **model.purchase.point)
    expected = np.asarray(chances, dtype=np.float64) @ customers
    return pd.DataFrame(
        {
            "repeat_purchases": np.arange(most + 1),
            "observed": np.bincount(np.minimum(frequency, most), minlength=most + 1),
            "expected": np.append(expected, max(0.0, len(frequency) - expected.sum())),
        }
    )


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
        A histogram of the draws, with the point estimate as a dashed line.

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
    ax.hist(fit.draws[parameter].ravel(), bins=40, color=VALUE)
    if parameter in fit.point:
        ax.axvline(fit.point[parameter], color=INK, linestyle=(0, (4, 3)), linewidth=1.2)
    ax.set_xlabel(parameter)
    count_axis(ax.yaxis, "Draws")
    return finish(ax, grid="y")
