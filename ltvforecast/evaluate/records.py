"""The frozen records of a backtest, and of models side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from ltvforecast.forecast_types import Horizon

__all__ = ["COVERAGE_LEVELS", "MODEL", "PROGRAMME", "Comparison", "Evaluation", "Target"]

Target = Literal["existing", "total"]
"""Revenue of the customers known at the origin, or of all customers."""

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
        ``scores.csv``: one row for each origin, method, level and ``target``. Missing: not
        defined, or not forecast (a baseline without past errors has no intervals).
    pooled : pandas.DataFrame
        The same of revenue over all origins, with ``origins`` (how many), and ``coverage_50_se``,
        ``coverage_90_se`` (standard errors from resampling origins and partners).
    new_customers : pandas.DataFrame
        The same of the number of new customers; no row where none was forecast.
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
    risk_bands : pandas.DataFrame
        ``risk_bands.csv``: how many partners were given about this chance of no revenue, and how
        many really had none (see :func:`ltvforecast.evaluate.risk_bands.risk_bands`).
    horizon : Horizon
    settings : mapping
        What was asked for, seed and all.
    notes : tuple of str
        What a reader should know, in plain words.
    """

    scores: pd.DataFrame
    pooled: pd.DataFrame
    new_customers: pd.DataFrame
    forecasts: pd.DataFrame
    origins: pd.DataFrame
    new_partners: pd.DataFrame
    moved_customers: pd.DataFrame
    decile_lift: pd.DataFrame
    risk_bands: pd.DataFrame
    horizon: Horizon
    settings: Mapping[str, object]
    notes: tuple[str, ...]

    def _repr_html_(self) -> str:
        shown = self.pooled[self.pooled["level"] == "partner"].sort_values("crps")
        columns = ["method", "wape", "bias", "crps", "coverage_50", "coverage_90", "gini"]
        return str(shown[columns].to_html(index=False, escape=True, float_format="{:.3f}".format))


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Models side by side: how they predict customers they have not seen, and past forecasts.

    Attributes
    ----------
    table : pandas.DataFrame
        ``compare.csv``, one row a specification: ``spec``, its options, for ``purchase`` and for
        ``spend`` ``..._elpd_loo, ..._elpd_loo_se, ..._elpd_diff, ..._elpd_diff_se, ..._p_loo,
        ..._elpd_waic, ..._high_k_hat``, and the scores of partner forecasts at past dates
        ``wape, bias, crps, crps_diff, crps_diff_se, coverage_50, coverage_90``. A difference is
        to the best of those it can be compared with (the best has 0); missing: not comparable.
    scores : pandas.DataFrame
        Pooled scores of the rolling origins for every specification and level.
    sentences : tuple of str
        What the differences say, in plain words.
    notes : tuple of str
        What was refused and why, and what can't be trusted.
    settings : mapping
        What was asked for, seed and all.
    """

    table: pd.DataFrame
    scores: pd.DataFrame
    sentences: tuple[str, ...]
    notes: tuple[str, ...]
    settings: Mapping[str, object]

    def _repr_html_(self) -> str:
        columns = ["spec", "purchase_elpd_diff", "spend_elpd_diff", "wape", "crps", "coverage_90"]
        return str(self.table[columns].to_html(index=False, escape=True))
