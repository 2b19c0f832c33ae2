"""Forecasts from past dates by the bare model, with what came: the evidence for the layers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import pandas as pd

from ltvforecast.data.attribution import Attribution
from ltvforecast.data.partner_merge import known_partners
from ltvforecast.data.partner_table import PartnerTable
from ltvforecast.data.refunds import net_refunds
from ltvforecast.data.summary import summarize
from ltvforecast.errors import ConfigError, ConvergenceError, LTVForecastError
from ltvforecast.evaluate.outcome import known_revenue_after
from ltvforecast.fit_types import FittedModel
from ltvforecast.fitting.fit_model import POINT_METHODS, CalendarChoice, fit_model
from ltvforecast.forecast.windows import simulate_windows
from ltvforecast.transaction_types import CustomerSummary, Transactions
from ltvforecast.types import FloatArray, IntArray

__all__ = ["HORIZONS", "PastForecast", "known_at", "past_forecasts", "plan_past"]

EPOCH = dt.date(1970, 1, 1)

HORIZONS = (28, 56, 91, 182, 365)
"""Days ahead that are tried: 4, 8, 13, 26 and 52 weeks."""
ORIGINS = 7
SHORTEST_HISTORY = 28
WHOLE_WEEKS_FROM = 21
SHORTEST_WINDOW = 7
DRAWS = 100
"""Enough for means, central ranges and places among the draws: twice as many teach the same."""
MOST_CUSTOMERS = 150_000
"""In larger programmes past forecasts are tried on so many customers, taken at random."""


MOST_PARTNERS = 300
"""Programmes with more partners take them together at past dates: telling them apart would take
most of the time of a fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PastForecast:
    """One window of one past forecast.

    Attributes
    ----------
    origin_day, days : int
        Days since 1970-01-01, and length of the window.
    history_days : int
        Length of the history that was known.
    draws : float64 array, shape (draw, partner)
    actual : float64 array, shape (partner,)
        Revenue of the customers known at the origin.
    total : float
        The same for the programme, new partners included.
    customers : int64 array, shape (partner,)
    partner_ids : tuple of str
    history : pandas.DataFrame
        As in :class:`ltvforecast.transaction_types.CustomerSummary`, up to the origin.
    together : bool
        Partners were taken together, though the model tells them apart.
    without_covariates : bool
        Covariates were left out, though the model has them.
    """

    origin_day: int
    days: int
    history_days: int
    draws: FloatArray
    actual: FloatArray
    total: float
    customers: IntArray
    partner_ids: tuple[str, ...]
    history: pd.DataFrame
    together: bool = False
    without_covariates: bool = False


def known_at(transactions: Transactions, day: int) -> Transactions:
    """Leave out every row dated after a day, refunds too.

    Parameters
    ----------
    transactions : Transactions
    day : int
        Days since 1970-01-01; known at its end.

    Returns
    -------
    Transactions
        The account of the reading stays as it is: it is of no use at an earlier date.
    """
    frame = transactions.frame
    return replace(transactions, frame=frame[frame["day"] <= day])


def plan_past(first_day: int, last_day: int) -> list[tuple[int, tuple[int, ...]]]:
    """Plan past dates to forecast from, and the windows whose outcome is known.

    Parameters
    ----------
    first_day, last_day : int
        Of the data, in days since 1970-01-01.

    Returns
    -------
    list of (int, tuple of int)
        Origin day and window lengths, latest first: up to seven dates over the later half of the
        history, whole weeks apart where there is room for it. What was known at still earlier
        dates is too little to tell how a model fares that knows as much as today's.

    Examples
    --------
    >>> plan_past(0, 364)[:3]
    [(343, (21,)), (322, (28, 42)), (301, (28, 56, 63))]
    """
    history = last_day - first_day + 1
    step = history // (2 * ORIGINS)
    if step >= WHOLE_WEEKS_FROM:
        step -= step % 7
    planned = []
    for back in range(1, ORIGINS + 1):
        ahead = step * back
        if ahead < SHORTEST_WINDOW:
            continue
        if history - ahead < SHORTEST_HISTORY:
            break
        windows = {days for days in HORIZONS if days < ahead} | {min(ahead, HORIZONS[-1])}
        planned.append((last_day - ahead, tuple(sorted(windows))))
    return planned


def past_forecasts(
    model: FittedModel,
    transactions: Transactions,
    *,
    calendar: CalendarChoice = "auto",
    workers: int,
    progress: Callable[[str, int, int], None] | None = None,
) -> tuple[list[PastForecast], int]:
    """Forecast from past dates with what was known then, and add what came.

    Parameters
    ----------
    model : FittedModel
        Says how to fit, and for which date.
    transactions : Transactions
        As known at the model's as-of date.
    calendar : {"auto", "off"} or Calendar
    workers : int
        Dates worked on side by side. Changes no number.
    progress : callable, optional

    Returns
    -------
    list of PastForecast
        Latest origin first.
    refused : int
        Dates at which nothing could be fitted.
    """
    as_of_day = (model.summary.as_of - EPOCH).days
    known = _sample(transactions)
    purchases = net_refunds(known, as_of=model.summary.as_of).frame
    purchases = purchases[purchases["day"] <= as_of_day]
    if purchases.empty:
        return [], 0
    plan = plan_past(int(purchases["day"].min()), as_of_day)

    def replay(planned: tuple[int, tuple[int, ...]]) -> list[PastForecast] | None:
        day, windows = planned
        return _from_origin(model, known, purchases, day, windows, calendar=calendar)

    tell = progress or _silent
    found: list[PastForecast] = []
    refused = 0
    for done, result in enumerate(_in_order(replay, plan, workers), start=1):
        tell("trying past dates", done, len(plan))
        refused += result is None
        found += result or []
    return found, refused


def _silent(_label: str, _done: int, _total: int) -> None:
    return


def _in_order(
    work: Callable[[tuple[int, tuple[int, ...]]], list[PastForecast] | None],
    plan: Sequence[tuple[int, tuple[int, ...]]],
    workers: int,
) -> Iterator[list[PastForecast] | None]:
    if workers <= 1:
        yield from map(work, plan)
        return
    with ThreadPoolExecutor(max_workers=workers) as pool:
        yield from pool.map(work, plan)


def _sample(transactions: Transactions) -> Transactions:
    """Keep the customers whose hashed id is lowest, if there are more than can be tried."""
    ids = transactions.frame["customer_id"]
    hashed = pd.util.hash_array(ids.to_numpy(dtype=object), categorize=True)
    count = len(np.unique(hashed))
    if count <= MOST_CUSTOMERS:
        return transactions
    kept = hashed < np.uint64(2**64 * (MOST_CUSTOMERS / count))
    return replace(transactions, frame=transactions.frame[kept])


def _from_origin(
    model: FittedModel,
    known: Transactions,
    purchases: pd.DataFrame,
    day: int,
    windows: tuple[int, ...],
    *,
    calendar: CalendarChoice,
) -> list[PastForecast] | None:
    settings = model.settings
    told = model.summary.partner_table
    then_known = known_at(known, day)
    try:
        summary = summarize(
            then_known,
            as_of=EPOCH + dt.timedelta(days=day),
            attribution=cast("Attribution", model.summary.allocation.rule),
            time_unit=model.summary.time_unit,
            partners=None
            if told is None
            else known_partners(PartnerTable(frame=told), set(then_known.frame["partner_id"])),
        )
        if not (summary.customers["frequency"] > 0).any():
            return None
        then = _fitted(model, summary, calendar)
        draws = simulate_windows(then, windows, draws=DRAWS, seed=settings.seed, workers=1)
    except LTVForecastError:
        return None
    together = model.partner_levels is not None and then.partner_levels is None
    return [
        replace(
            _window(summary, within, purchases, day, days),
            together=together,
            without_covariates=settings.covariates != then.settings.covariates,
        )
        for days, within in zip(windows, draws, strict=True)
    ]


def _fitted(model: FittedModel, summary: CustomerSummary, calendar: CalendarChoice) -> FittedModel:
    """Fit as the model was, without its covariates where they were still too much to ask."""
    settings = model.settings

    many = len(model.summary.partner_ids) > MOST_PARTNERS

    def fitted(covariates: tuple[str, ...]) -> FittedModel:
        return fit_model(
            summary,
            method="mle" if settings.method in POINT_METHODS else "laplace",
            model=settings.model,
            spend=settings.spend,
            dependence=settings.dependence,
            calendar=calendar,
            pooling="complete" if many else settings.pooling,
            covariates=covariates,
            on_refusal="together",
            draws=DRAWS,
            seed=settings.seed,
        )

    if settings.covariates:
        try:
            return fitted(settings.covariates)
        except (ConfigError, ConvergenceError):
            pass
    return fitted(())


def _window(
    summary: CustomerSummary, draws: FloatArray, purchases: pd.DataFrame, day: int, days: int
) -> PastForecast:
    actual, total = known_revenue_after(
        purchases,
        customer_ids=tuple(summary.customers["customer_id"]),
        partner_ids=summary.partner_ids,
        origin_day=day,
        days=days,
    )
    return PastForecast(
        origin_day=day,
        days=days,
        history_days=day - int(summary.history["day"].min()) + 1,
        draws=draws,
        actual=actual,
        total=total,
        customers=summary.partner_customers,
        partner_ids=summary.partner_ids,
        history=summary.history,
    )
