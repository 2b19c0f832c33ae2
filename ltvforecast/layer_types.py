"""The frozen records of past forecasts: what they teach, and how right they were."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Literal

__all__ = ["LayerEstimate", "Layers", "RiskBand", "TrackRecord"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerEstimate:
    """What past forecasts over about this horizon teach about the next one.

    A forecast made at a past date is compared with what came. Three layers follow from it, each
    of which can be switched off; without evidence each says nothing, but for a width that stands
    for the drift no model foresees.

    Attributes
    ----------
    horizon_days : float
    windows : int
        Past forecasts that were compared with what came.
    partners : int
        Partner totals compared, over all windows.
    correction : float
        Layer *correction*: the programme's forecast is multiplied by ``exp(correction)``.
    programme_spread, freedom : float
        Layer *width*: scale and degrees of freedom of the t distribution of the log factor that
        all partners of a draw share.
    partner_width, partner_swing : float
        Layer *width*: the model's spread of a partner's total is multiplied by the first; a
        partner's own log factor has the second as its standard deviation.
    weight : float
        Layer *combination*: weight of the recent level in a large partner's share. A partner of
        20 customers has half of it.
    recent : {"level", "last_year"}
        Exponentially smoothed revenue, or the same window one year earlier.
    half_life_days : float
        Of the smoothing.
    gain : float
        By how much the combination lowered the CRPS of partner totals in the windows (0.05: 5 %).
    """

    horizon_days: float
    windows: int = 0
    partners: int = 0
    correction: float = 0.0
    programme_spread: float = 0.0
    freedom: float = 2.0
    partner_width: float = 1.0
    partner_swing: float = 0.0
    weight: float = 0.0
    recent: Literal["level", "last_year"] = "level"
    half_life_days: float = 56.0
    gain: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackRecord:
    """How right this very model would have been before, layers learnt from earlier dates only.

    Attributes
    ----------
    horizon_days : float
    windows, partners : int
        Past forecasts, and partner totals in them.
    coverage_50, coverage_80, coverage_90 : float
        Share of partner totals inside the intervals.
    wape, wape_last_window : float
        Absolute error of partner totals as a share of what came: of the forecast, and of the last
        equally long window carried forward.
    bias : float
        Forecast over actual revenue of the programme, less one.
    """

    horizon_days: float
    windows: int
    partners: int
    coverage_50: float
    coverage_80: float
    coverage_90: float
    wape: float
    wape_last_window: float
    bias: float


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskBand:
    """What became of partners that past forecasts gave about this chance of falling silent.

    Attributes
    ----------
    horizon_days : float
    windows : int
        Past dates.
    low, high : float
        Chance of no revenue within the horizon, ``p_churn``: from ``low`` to below ``high``.
    partners : int
        Partners with such a chance, over all past dates.
    expected : float
        Their mean chance.
    silent : int
        So many of them really brought no revenue.
    silent_lo_90, silent_hi_90 : float
        90 % interval of the share that does.
    """

    horizon_days: float
    windows: int
    low: float
    high: float
    partners: int
    expected: float
    silent: int
    silent_lo_90: float
    silent_hi_90: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Layers:
    """What past forecasts teach, by horizon, and how right they were.

    Attributes
    ----------
    estimates : tuple of LayerEstimate
        By rising horizon.
    track_record : tuple of TrackRecord
        For the horizons that were tried.
    origins : tuple of datetime.date
        Past dates forecast from.
    how : str
        Plain words.
    risk_bands : tuple of RiskBand
        What became of partners that were said to fall silent, by horizon and chance.
    """

    estimates: tuple[LayerEstimate, ...]
    track_record: tuple[TrackRecord, ...]
    origins: tuple[dt.date, ...]
    how: str
    risk_bands: tuple[RiskBand, ...] = ()
