"""The lifetimes package as its users run it: maximum likelihood, expected purchases × spend."""

from __future__ import annotations

import contextlib
import io
import threading
import warnings

import numpy as np
import pandas as pd

from ltvforecast.types import FloatArray, IntArray

__all__ = ["lifetimes_forecast"]

PENALTIES = (0.0, 0.01, 0.1)
"""Tried in turn: its users add a penalty where the fit does not converge."""

_ONE_AT_A_TIME = threading.Lock()
"""It warns and prints of failed fits; silencing that is for the whole process."""


def lifetimes_forecast(
    customer: IntArray, day: IntArray, amount: FloatArray, *, origin_day: int, days: int
) -> FloatArray | None:
    """Forecast each customer's revenue with lifetimes' BG/NBD and Gamma-Gamma.

    Parameters
    ----------
    customer : int64 array, shape (n_purchases,)
        0, 1, ...; each number occurs.
    day : int64 array, shape (n_purchases,)
        Up to ``origin_day``.
    amount : float64 array, shape (n_purchases,)
    origin_day : int
    days : int
        Length of the window after the origin.

    Returns
    -------
    float64 array, shape (n_customers,), or None
        None where lifetimes does not converge, or gives numbers that are not finite.

    Notes
    -----
    Undiscounted: expected purchases in the window times the expected mean spend, which is fitted
    to customers with repeat purchases of value, as in that package's documentation. Customers
    without get the expectation for a customer with no purchase at all, which is the population's.

    References
    ----------
    Davidson-Pilon et al., lifetimes 0.11.3 (archived 2024).
    """
    table = _table(customer, day, amount, origin_day=origin_day)
    for penalty in PENALTIES:
        forecast = _fit_and_forecast(table, days=days, penalty=penalty)
        if forecast is not None:
            return forecast
    return None


def _table(
    customer: IntArray, day: IntArray, amount: FloatArray, *, origin_day: int
) -> pd.DataFrame:
    by_day = (
        pd.DataFrame({"customer": customer, "day": day, "amount": amount})
        .groupby(["customer", "day"], sort=True)["amount"]
        .sum()
        .reset_index()
    )
    grouped = by_day.groupby("customer", sort=True)
    first, last, count = grouped["day"].min(), grouped["day"].max(), grouped.size()
    repeat = grouped["amount"].sum() - grouped["amount"].first()
    return pd.DataFrame(
        {
            "frequency": (count - 1).astype(float),
            "recency": (last - first).astype(float),
            "T": (origin_day - first).astype(float),
            "monetary_value": (repeat / np.maximum(count - 1, 1)).astype(float),
        }
    )


def _fit_and_forecast(table: pd.DataFrame, *, days: int, penalty: float) -> FloatArray | None:
    spenders = table[(table["frequency"] > 0) & (table["monetary_value"] > 0)]
    if len(spenders) < 2:
        return None
    with (
        _ONE_AT_A_TIME,
        contextlib.redirect_stdout(io.StringIO()),
        warnings.catch_warnings(),
        np.errstate(all="ignore"),
    ):
        warnings.simplefilter("ignore")  # of its own overflows, which are checked below
        from lifetimes import BetaGeoFitter, GammaGammaFitter
        from lifetimes.utils import ConvergenceError

        counts, spend = BetaGeoFitter(penalizer_coef=penalty), GammaGammaFitter(penalty)
        history = (table["frequency"], table["recency"], table["T"])
        try:
            counts.fit(*history)
            spend.fit(spenders["frequency"], spenders["monetary_value"])
        except (ConvergenceError, ValueError, FloatingPointError, ZeroDivisionError):
            return None
        purchases = counts.conditional_expected_number_of_purchases_up_to_time(days, *history)
        value = spend.conditional_expected_average_profit(
            table["frequency"], table["monetary_value"]
        )
        forecast = np.asarray(purchases, dtype=np.float64) * np.asarray(value, dtype=np.float64)
    usable = bool(np.isfinite(forecast).all() and (forecast >= 0).all())
    return forecast if usable else None
