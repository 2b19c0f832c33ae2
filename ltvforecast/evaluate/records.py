"""The frozen record of a backtest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from ltvforecast.types import Horizon

__all__ = ["COVERAGE_LEVELS", "MODEL", "PROGRAMME", "Evaluation"]

COVERAGE_LEVELS = (50, 80, 90, 95)
"""Interval levels that are scored, in percent."""

MODEL = "ltvforecast"
"""This package's forecast among the methods."""

PROGRAMME = "__programme__"
"""Stands for the whole programme where a partner id is expected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """How right forecasts would have been at past dates.

    Attributes
    ----------
    scores : pandas.DataFrame
        ``scores.csv``: one row for each origin, method and level. Missing: not defined, or not
        forecast (a baseline without past errors has no intervals).
    pooled : pandas.DataFrame
        The same over all origins, with ``origins`` (how many), and ``coverage_50_se``,
        ``coverage_90_se`` (standard errors from resampling origins and partners).
    forecasts : pandas.DataFrame
        ``forecasts.csv``: one row for each origin, partner (or programme) and method.
    origins : pandas.DataFrame
        One row for each origin: what was known, what came, and who was new or moved.
    new_partners : pandas.DataFrame
        ``origin, partner_id``: partners that sold in the window but not up to the origin.
    moved_customers : pandas.DataFrame
        ``origin, customer_id``: customers who bought in the window where they never had before.
    decile_lift : pandas.DataFrame
        ``origin, method, level, decile, lift``: by falling forecast.
    horizon : Horizon
    settings : mapping
        What was asked for, seed and all.
    notes : tuple of str
        What a reader should know, in plain words.
    """

    scores: pd.DataFrame
    pooled: pd.DataFrame
    forecasts: pd.DataFrame
    origins: pd.DataFrame
    new_partners: pd.DataFrame
    moved_customers: pd.DataFrame
    decile_lift: pd.DataFrame
    horizon: Horizon
    settings: Mapping[str, object]
    notes: tuple[str, ...]

    def _repr_html_(self) -> str:
        shown = self.pooled[self.pooled["level"] == "partner"].sort_values("crps")
        columns = ["method", "wape", "bias", "crps", "coverage_50", "coverage_90", "gini"]
        return str(shown[columns].to_html(index=False, escape=True, float_format="{:.3f}".format))
