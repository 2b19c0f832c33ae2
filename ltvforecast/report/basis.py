"""What every part of the report stands on: dates, level, currency, orders; gathered once."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ltvforecast.errors import ForecastError
from ltvforecast.forecast_types import PartnerForecast
from ltvforecast.plots.chart_data import (
    as_of_date,
    by_week,
    forecast_by_period,
    ranked_partners,
    recent_revenue,
    watched_partners,
)
from ltvforecast.plots.labels import display_name
from ltvforecast.report.wording import horizon_words, money, money_range

__all__ = [
    "Basis",
    "Row",
    "amount",
    "between",
    "build_basis",
    "listed",
    "named",
    "records",
    "told",
    "whole",
]

Row = Mapping[str, Any]
_ISOLATE, _END = "\u2068", "\u2069"


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """What every part of the report needs to know.

    Attributes
    ----------
    forecast : PartnerForecast
    level : int
        Of the intervals shown, in percent: 90, or the widest there is.
    as_of, start, end : datetime.date
        Last day known, first and last day forecast.
    horizon : str
        Such as ``12 months``.
    currency : str or None
    account : mapping
        The account of the data.
    ranked, watched, periods : pandas.DataFrame
        Partners by worth, partners by risk, and the programme's forecast by period.
    recent : pandas.Series
        Revenue by partner in the window before ``as_of`` as long as the horizon.
    recent_complete : bool
        Whether the data cover that window.
    newcomers : bool
        Whether new customers are in the figures.
    why_newcomers : str
        Why not, or what is known of them.
    paid : bool
        Whether any partner is expected to get commission.
    segments : tuple of str
        Most valuable first.
    weekly : bool
        Whether periods are weeks; otherwise months.
    """

    forecast: PartnerForecast
    level: int
    as_of: dt.date
    start: dt.date
    end: dt.date
    horizon: str
    currency: str | None
    account: Mapping[str, object]
    ranked: pd.DataFrame
    watched: pd.DataFrame
    periods: pd.DataFrame
    recent: pd.Series[float]
    recent_complete: bool
    newcomers: bool
    why_newcomers: str
    paid: bool
    segments: tuple[str, ...]
    weekly: bool


def build_basis(forecast: PartnerForecast) -> Basis:
    """Gather it.

    Parameters
    ----------
    forecast : PartnerForecast

    Returns
    -------
    Basis

    Raises
    ------
    ForecastError
        The forecast has no partners, or does not say what a report must say.
    """
    if forecast.partners.empty:
        raise ForecastError(
            "the forecast has no partners",
            expected="at least one",
            remedy="check the transactions that the model was fitted to",
        )
    account = told(forecast, "account", section="Data quality and reconciliation")
    if not isinstance(account, Mapping):
        raise _untold("account", "Data quality and reconciliation")
    new = told(forecast, "new_customers", section="New customers")
    if not isinstance(new, Mapping):
        raise _untold("new_customers", "New customers")
    recent, complete = recent_revenue(forecast)
    periods = forecast_by_period(forecast)
    horizon = forecast.spec.horizon
    currency = account.get("currency")
    return Basis(
        forecast=forecast,
        level=90 if 90 in forecast.spec.levels else max(forecast.spec.levels),
        as_of=as_of_date(forecast),
        start=periods["start"].iloc[0],
        end=periods["end"].iloc[-1],
        horizon=horizon_words(horizon.text, horizon.days),
        currency=None if currency is None else display_name(currency, width=12),
        account=account,
        ranked=ranked_partners(forecast),
        watched=watched_partners(forecast),
        periods=periods,
        recent=recent,
        recent_complete=complete,
        newcomers=bool(new["included"]),
        why_newcomers=display_name(new["why"], width=600) if new["why"] else "",
        paid=bool((forecast.partners["commission"] > 0).any()),
        segments=tuple(str(name) for name in forecast.segments["segment"]),
        weekly=by_week(forecast),
    )


def told(forecast: PartnerForecast, key: str, *, section: str) -> object:
    """Read what the forecast says of itself, or name the section that can't be written.

    Parameters
    ----------
    forecast : PartnerForecast
    key : str
    section : str

    Returns
    -------
    object

    Raises
    ------
    ForecastError
        It is not there.
    """
    if key not in forecast.provenance:
        raise _untold(key, section)
    return forecast.provenance[key]


def whole(basis: Basis, quantity: str) -> float:
    """Read a figure of the whole programme.

    Parameters
    ----------
    basis : Basis
    quantity : str

    Returns
    -------
    float
        NaN where it is not known.
    """
    value = basis.forecast.programme[quantity]
    return math.nan if value is None else float(str(value))


def amount(basis: Basis, value: float) -> str:
    """Write an amount with its currency.

    Parameters
    ----------
    basis : Basis
    value : float

    Returns
    -------
    str
    """
    return money(float(value), basis.currency)


def between(
    basis: Basis, row: Row, quantity: str, *, code: bool = False, joined: str = "to"
) -> str:
    """Write the interval of a quantity.

    Parameters
    ----------
    basis : Basis
    row : mapping
        A partner's or a period's row, or the programme.
    quantity : str
    code : bool
        Whether to write the currency too.
    joined : str
        The word between the ends.

    Returns
    -------
    str
    """
    low, high = (float(row[f"{quantity}_{end}_{basis.level}"]) for end in ("lo", "hi"))
    return money_range(low, high, basis.currency if code else None, joined=joined)


def named(name: object) -> str:
    """Put a name from the data into a sentence, kept from turning the sentence around.

    Parameters
    ----------
    name : object

    Returns
    -------
    str
    """
    return f"“{_ISOLATE}{display_name(name, width=60)}{_END}”"


def listed(values: object) -> Sequence[str]:
    """Read one text or several as several.

    Parameters
    ----------
    values : object

    Returns
    -------
    sequence of str
    """
    if values is None or values is pd.NA or values != values:  # noqa: PLR0124  (NaN)
        return ()
    texts = [values] if isinstance(values, str) or not isinstance(values, Sequence) else values
    return tuple(display_name(text, width=600) for text in texts if str(text).strip())


def records(table: pd.DataFrame) -> list[Row]:
    """Go through a table row by row.

    Parameters
    ----------
    table : pandas.DataFrame

    Returns
    -------
    list of mapping
        Column name to value.
    """
    return [{str(name): value for name, value in row.items()} for row in table.to_dict("records")]


def _untold(key: str, section: str) -> ForecastError:
    return ForecastError(
        f"the forecast does not say its {key}, so the section “{section}” can't be written",
        expected=f"{key} in the forecast's provenance",
        remedy="predict again with this version",
    )
