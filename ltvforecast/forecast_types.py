"""The frozen records of a forecast: what was asked, and what each partner is worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd
import xarray as xr

from ltvforecast.economics_types import Economics
from ltvforecast.types import DEFAULT_SEED

__all__ = ["ForecastSpec", "Horizon", "PartnerForecast"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Horizon:
    """How far ahead, as asked and in days."""

    text: str
    days: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastSpec:
    """What the user asked of a forecast."""

    horizon: Horizon
    draws: int = 1000
    levels: tuple[int, ...] = (50, 80, 90)
    economics: Economics = field(default_factory=Economics)
    seed: int = DEFAULT_SEED
    layers: tuple[str, ...] = ("combination", "correction", "width")
    acquisition: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerForecast:
    """What each partner is worth, with draws.

    Attributes
    ----------
    partners, customers, periods : pandas.DataFrame
        The columns of ``partners.csv``, ``customers.parquet`` and ``periods.csv``.
    segments : pandas.DataFrame
        Segments side by side: the columns of ``segments.csv``.
    streams : pandas.DataFrame or None
        Revenue by stream: the columns of ``streams.csv``; None where no streams are told.
    programme : mapping
        The same names for the whole programme, with its own joint intervals.
    draws : xarray.Dataset
        ``existing_revenue``, ``ltv``, ``commission``, ``active_customers``, and ``new_customers``
        and ``new_revenue`` where they are forecast, with dimensions (draw, partner);
        ``stream_revenue`` (draw, revenue_stream) of the programme where streams are told.
    history : pandas.DataFrame
        Revenue by partner and day up to ``as_of`` (see :class:`CustomerSummary`).
    spec : ForecastSpec
    provenance : mapping
        Where the model and the data came from: everything the report says about itself.
    new_partners : pandas.DataFrame or None
        One more partner of each segment, then partners without any transaction: the columns of
        ``new_partners.csv``. They are in no total. None where nothing can be said of them.
    """

    partners: pd.DataFrame
    customers: pd.DataFrame
    periods: pd.DataFrame
    segments: pd.DataFrame
    streams: pd.DataFrame | None
    programme: Mapping[str, object]
    draws: xr.Dataset
    history: pd.DataFrame
    spec: ForecastSpec
    provenance: Mapping[str, object]
    new_partners: pd.DataFrame | None = None

    @property
    def recruits(self) -> pd.DataFrame | None:
        """Partners without any transaction that were forecast apart; None if there are none."""
        if self.new_partners is None:
            return None
        named = self.new_partners[self.new_partners["partner_id"] != ""]
        return None if named.empty else named.reset_index(drop=True)

    def _repr_html_(self) -> str:
        shown = [
            c
            for c in (
                "partner_id",
                "customers",
                "revenue_to_date",
                "ltv",
                "ltv_lo_90",
                "ltv_hi_90",
                "p_churn",
                "tail",
            )
            if c in self.partners
        ]
        return str(self.partners[shown].head(10).to_html(index=False, escape=True))
