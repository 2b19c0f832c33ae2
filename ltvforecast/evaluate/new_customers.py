"""How many new customers each partner will bring: their fitted acquisition played forward."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ltvforecast.acquisition_types import AcquisitionFit, NewCustomers
from ltvforecast.errors import ForecastError
from ltvforecast.fit_types import FittedModel
from ltvforecast.forecast.horizon import parse_horizon, split_periods
from ltvforecast.forecast.intervals import check_levels, interval_columns
from ltvforecast.forecast.new_customers import predict_new_customers
from ltvforecast.forecast_types import Horizon
from ltvforecast.types import DEFAULT_SEED

__all__ = ["NewCustomerForecast", "forecast_new_customers"]

PROGRAMME = "__programme__"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCustomerForecast:
    """New customers of every partner in the horizon.

    Attributes
    ----------
    partners : pandas.DataFrame
        ``partner_id``, ``new_customers`` with intervals, ``p_acquiring`` (still bringing new
        customers); by falling ``new_customers``.
    periods : pandas.DataFrame
        ``partner_id`` (``__programme__`` for all), ``period_start``, ``period_end``,
        ``new_customers`` with intervals. NaN in both tables where it can't be told who was new
        (``fit.status == "unknown"``).
    fit : AcquisitionFit
        ``fit.reason`` says in plain words whether the programme still takes in new customers, and
        which early weeks were left out because nobody can tell who was new.
    simulated : NewCustomers
    """

    partners: pd.DataFrame
    periods: pd.DataFrame
    fit: AcquisitionFit
    simulated: NewCustomers

    def _repr_html_(self) -> str:
        return str(self.partners.head(10).to_html(index=False, escape=True))


def forecast_new_customers(
    model: FittedModel,
    *,
    horizon: str | Horizon,
    draws: int = 1000,
    levels: Sequence[int] = (50, 80, 90),
    seed: int = DEFAULT_SEED,
) -> NewCustomerForecast:
    """Forecast how many new customers each partner will bring.

    Parameters
    ----------
    model : FittedModel
        Fitted with its acquisition.
    horizon : str or Horizon
        As in :func:`ltvforecast.predict`.
    draws : int
        Simulated futures.
    levels : sequence of int
        Of the equal-tailed intervals, in percent.
    seed : int
        With that of a forecast of the model, the same new customers.

    Returns
    -------
    NewCustomerForecast

    Raises
    ------
    ForecastError
        The model was fitted without acquisition.

    Notes
    -----
    Counts of new customers by period are negative binomial around each partner's own rate; a
    partner stops for good at a random time (Pareto).

    References
    ----------
    Schmittlein, Morrison & Colombo (1987), Management Science 33(1), 1-24 (a random rate, and a
    random life, in calendar time).
    """
    summary, fitted = model.summary, model.acquisition
    if fitted is None:
        raise ForecastError(
            "a model fitted without acquisition",
            expected="a model that knows how partners bring new customers",
            remedy="fit again with acquisition 'auto'",
        )
    asked = parse_horizon(horizon, summary.as_of) if isinstance(horizon, str) else horizon
    periods = split_periods(asked, summary.as_of)
    ahead = predict_new_customers(fitted, periods.edges_days, seed=seed, draws=draws)
    wanted = check_levels(levels)
    tables = (
        _partner_table(ahead, wanted),
        _period_table(ahead, periods.starts, periods.ends, wanted),
    )
    if fitted.status == "unknown":
        for table in tables:
            table[table.select_dtypes("number").columns] = np.nan
    return NewCustomerForecast(
        partners=tables[0],
        periods=tables[1],
        fit=fitted,
        simulated=ahead,
    )


def _partner_table(ahead: NewCustomers, levels: tuple[int, ...]) -> pd.DataFrame:
    table = pd.DataFrame(
        {
            "partner_id": pd.array(ahead.partner_ids, dtype="str"),
            **interval_columns("new_customers", ahead.counts.sum(axis=2), levels),
            "p_acquiring": ahead.p_acquiring,
        }
    )
    return table.sort_values(
        ["new_customers", "partner_id"], ascending=[False, True], ignore_index=True
    )


def _period_table(
    ahead: NewCustomers,
    starts: Sequence[dt.date],
    ends: Sequence[dt.date],
    levels: tuple[int, ...],
) -> pd.DataFrame:
    draws = len(ahead.counts)
    whole = ahead.counts.sum(axis=1)
    every = np.concatenate([whole, ahead.counts.reshape(draws, -1)], axis=1)
    names = [PROGRAMME, *ahead.partner_ids]
    return pd.DataFrame(
        {
            "partner_id": pd.array(np.repeat(names, len(starts)), dtype="str"),
            "period_start": [day.isoformat() for day in starts] * len(names),
            "period_end": [day.isoformat() for day in ends] * len(names),
            **interval_columns("new_customers", every, levels),
        }
    )
