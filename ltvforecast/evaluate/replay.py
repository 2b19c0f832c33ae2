"""One origin replayed: summary, fit, forecast and baselines from what was known, and what came."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import cast

import numpy as np
import pandas as pd

from ltvforecast.data.attribution import Attribution
from ltvforecast.data.partner_merge import known_partners
from ltvforecast.data.partner_table import PartnerTable
from ltvforecast.data.refunds import net_refunds
from ltvforecast.data.summary import summarize
from ltvforecast.errors import ConvergenceError, ForecastError, SummaryError
from ltvforecast.evaluate.baselines import History, baseline_forecast, history_until
from ltvforecast.evaluate.fit_programme import LayerChoice, fit
from ltvforecast.evaluate.hindcast import known_at
from ltvforecast.evaluate.outcome import Outcome, outcome_after
from ltvforecast.evaluate.past_errors import earlier_origins, error_draws
from ltvforecast.evaluate.records import MODEL, Target
from ltvforecast.fitting.covariate_design import usable_covariates
from ltvforecast.fitting.fit_model import (
    CalendarChoice,
    DependenceChoice,
    Method,
    PurchaseModel,
    SpendModel,
)
from ltvforecast.fitting.pooling import Pooling
from ltvforecast.forecast.predict import predict
from ltvforecast.forecast_types import Horizon, PartnerForecast
from ltvforecast.transaction_types import CustomerSummary, Transactions
from ltvforecast.types import FloatArray, TimeUnit

__all__ = [
    "QUANTILES",
    "Actual",
    "CustomerDistribution",
    "MethodForecast",
    "Replay",
    "ReplaySettings",
    "actual_of",
    "replay_origin",
]

EPOCH = dt.date(1970, 1, 1)
FEWEST_PAST_PARTNERS = 20
FEWEST_PAST_TOTALS = 3

CUSTOMER_LEVELS = (5, 15, 25, 35, 45, 55, 65, 75, 85, 95)
"""Interval levels whose ends are 20 quantiles at .025, .075, ... .975: the midpoint rule."""
ALL_LEVELS = tuple(sorted({*CUSTOMER_LEVELS, 50, 80, 90}))
QUANTILES = np.arange(0.025, 1.0, 0.05)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplaySettings:
    """What is the same at every origin."""

    horizon: Horizon
    days: int
    target: Target
    baselines: tuple[str, ...]
    segments: Mapping[str, str]
    partners: PartnerTable | None
    attribution: Attribution
    time_unit: TimeUnit
    method: Method
    model: PurchaseModel
    spend: SpendModel
    dependence: DependenceChoice
    calendar: CalendarChoice
    pooling: Pooling
    covariates: tuple[str, ...]
    layers: LayerChoice
    draws: int
    seed: int
    workers: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerDistribution:
    """What is kept of the predictive distributions of single customers.

    Attributes
    ----------
    quantiles : float64 array, shape (20, n_customers)
        At ``QUANTILES``.
    idle : float64 array, shape (n_customers,)
        Probability of buying nothing.
    """

    quantiles: FloatArray
    idle: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class MethodForecast:
    """One method's forecast at one origin; None where it has none.

    Attributes
    ----------
    method : str
    partner : float64 array, shape (n_partners,)
    partner_draws : float64 array, shape (draw, n_partners), or None
    programme_draws : float64 array, shape (draw,), or None
    customer : float64 array, shape (n_customers,), or None
    customer_distribution : CustomerDistribution or None
    """

    method: str
    partner: FloatArray
    partner_draws: FloatArray | None = None
    programme_draws: FloatArray | None = None
    customer: FloatArray | None = None
    customer_distribution: CustomerDistribution | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Actual:
    """Revenue in the window that forecasts are held against.

    Attributes
    ----------
    partner : float64 array, shape (n_partners,)
    programme : float
    """

    partner: FloatArray
    programme: float


def actual_of(outcome: Outcome, target: Target) -> Actual:
    """Take from an outcome what a target means.

    Parameters
    ----------
    outcome : Outcome
    target : {"existing", "total"}
        The programme's total of the latter is that of the partners known at the origin.

    Returns
    -------
    Actual
    """
    if target == "existing":
        return Actual(partner=outcome.partner, programme=outcome.programme)
    return Actual(partner=outcome.partner_total, programme=float(outcome.partner_total.sum()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """One origin: what was known, what each method said, and what came.

    Attributes
    ----------
    origin : datetime.date
    customer_ids, partner_ids : tuple of str
        Known at the origin, sorted.
    partner_customers, partner_revenue : float64 array, shape (n_partners,)
        Distinct customers, and revenue, up to the origin.
    repeat_customers : int
    outcome : Outcome
    actual : Actual
        What forecasts are held against.
    forecasts : tuple of MethodForecast
    new_customers : float64 array, shape (draw, n_partners), or None
        Forecast numbers of new customers.
    why_no_new_customers : str
        Where they were wanted and not forecast.
    refused : mapping of str to str
        Methods without a forecast here, and why.
    left_out : mapping of str to str
        Covariates that could not be used yet, and why.
    """

    origin: dt.date
    customer_ids: tuple[str, ...]
    partner_ids: tuple[str, ...]
    partner_customers: FloatArray
    partner_revenue: FloatArray
    repeat_customers: int
    outcome: Outcome
    actual: Actual
    forecasts: tuple[MethodForecast, ...]
    new_customers: FloatArray | None
    why_no_new_customers: str
    refused: Mapping[str, str]
    left_out: Mapping[str, str] = field(default_factory=dict)


def replay_origin(
    transactions: Transactions,
    *,
    origin_day: int,
    settings: ReplaySettings,
    progress: Callable[[str, int, int], None] | None = None,
) -> Replay:
    """Rebuild everything from what was known at an origin, forecast, and add what came.

    Parameters
    ----------
    transactions : Transactions
        All of them; only the outcome looks beyond the origin.
    origin_day : int
    settings : ReplaySettings
    progress : callable, optional

    Returns
    -------
    Replay
    """
    known = known_at(transactions, origin_day)
    origin = EPOCH + dt.timedelta(days=origin_day)
    summary = summarize(
        known,
        as_of=origin,
        attribution=settings.attribution,
        time_unit=settings.time_unit,
        partners=settings.partners
        and known_partners(settings.partners, set(known.frame["partner_id"])),
    )
    customer_ids = tuple(summary.customers["customer_id"].astype(str))
    forecasts: list[MethodForecast] = []
    refused: dict[str, str] = {}
    new_customers, why = None, ""
    covariates, left_out = usable_covariates(summary, settings.covariates)
    try:
        forecast = _forecast(summary, settings, covariates, progress)
        forecasts.append(_from_forecast(forecast))
        new_customers, why = _new_customers(forecast, settings)
    except (ConvergenceError, ForecastError, SummaryError) as error:
        refused[MODEL] = error.found
    history, past = _earlier(known, origin_day=origin_day, settings=settings)
    _check_same(history, customer_ids, summary.partner_ids)
    for number, name in enumerate(settings.baselines):
        rng = np.random.default_rng(np.random.SeedSequence([settings.seed, origin_day, number]))
        baseline = _baseline(name, history, past, settings=settings, rng=rng)
        if baseline is None:
            refused[name] = "not possible with the history at this date"
        else:
            forecasts.append(baseline)
    last = EPOCH + dt.timedelta(days=int(transactions.frame["day"].max()))
    outcome = outcome_after(
        net_refunds(transactions, as_of=last).frame,
        customer_ids=customer_ids,
        partner_ids=summary.partner_ids,
        origin_day=origin_day,
        days=settings.days,
    )
    return Replay(
        origin=origin,
        customer_ids=customer_ids,
        partner_ids=summary.partner_ids,
        partner_customers=summary.partner_customers.astype(np.float64),
        partner_revenue=history.by_partner(history.amount),
        repeat_customers=int((summary.customers["frequency"] > 0).sum()),
        outcome=outcome,
        actual=actual_of(outcome, settings.target),
        forecasts=tuple(forecasts),
        new_customers=new_customers,
        why_no_new_customers=why,
        refused=refused,
        left_out=left_out,
    )


def _check_same(
    history: History, customer_ids: tuple[str, ...], partner_ids: tuple[str, ...]
) -> None:
    """Refuse to score forecasts of different units against one another."""
    if (history.customer_ids, history.partner_ids) != (customer_ids, partner_ids):
        raise ForecastError(
            f"{len(history.customer_ids):,} customers and {len(history.partner_ids):,} partners "
            f"in the purchases, {len(customer_ids):,} and {len(partner_ids):,} in the summary",
            expected="the same customers and partners in both, in the same order",
            remedy="report this: it should not happen",
        )


def _forecast(
    summary: CustomerSummary,
    settings: ReplaySettings,
    covariates: tuple[str, ...],
    progress: Callable[[str, int, int], None] | None,
) -> PartnerForecast:
    if not (summary.customers["frequency"] > 0).any():
        raise SummaryError(
            "no customer had bought twice",
            expected="at least one repeat customer",
            remedy="choose fewer or later origins",
        )
    model = fit(
        summary,
        method=settings.method,
        model=settings.model,
        spend=settings.spend,
        dependence=settings.dependence,
        calendar=settings.calendar,
        pooling=settings.pooling,
        covariates=covariates,
        acquisition="auto" if settings.target == "total" else "off",
        layers=settings.layers,
        draws=settings.draws,
        seed=settings.seed,
        workers=settings.workers,
        progress=progress,
    )
    return predict(
        model,
        horizon=settings.horizon,
        draws=settings.draws,
        levels=ALL_LEVELS,
        seed=settings.seed,
        lifespans=False,
        workers=settings.workers,
        progress=progress,
    )


def _new_customers(
    forecast: PartnerForecast, settings: ReplaySettings
) -> tuple[FloatArray | None, str]:
    """Give the draws of new customers, or why there are none though they were wanted."""
    if "new_customers" in forecast.draws:
        return forecast.draws["new_customers"].to_numpy().astype(np.float64), ""
    if settings.target == "existing":
        return None, ""
    told = cast("Mapping[str, object]", forecast.provenance["new_customers"])
    return None, str(told["why"])


def _from_forecast(forecast: PartnerForecast) -> MethodForecast:
    draws = forecast.draws["existing_revenue"].to_numpy().astype(np.float64)
    if "new_revenue" in forecast.draws:
        draws += forecast.draws["new_revenue"].to_numpy()
    customers = forecast.customers
    ends = [(f"future_revenue_{end}_{level}", level) for level in CUSTOMER_LEVELS
            for end in ("lo", "hi")]  # fmt: skip
    quantiles = np.sort(customers[[name for name, _ in ends]].to_numpy(np.float64), axis=1)
    return MethodForecast(
        method=MODEL,
        partner=draws.mean(axis=0),
        partner_draws=draws,
        programme_draws=draws.sum(axis=1),
        customer=customers["future_revenue"].to_numpy(np.float64),
        customer_distribution=CustomerDistribution(
            quantiles=quantiles.T, idle=1.0 - customers["p_active"].to_numpy(np.float64)
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Past:
    """A still earlier date, whose outcome was known at the origin."""

    history: History
    days: int
    outcome: Outcome


def _earlier(
    known: Transactions, *, origin_day: int, settings: ReplaySettings
) -> tuple[History, tuple[_Past, ...]]:
    """Rebuild the history at the origin and at still earlier dates, refunds as known then."""
    judged = _netted(known, origin_day)
    now = history_until(judged, origin_day, segments=settings.segments)
    past = []
    dates = earlier_origins(origin_day, first_day=now.first_day, days=settings.days)
    for day, days in dates:
        netted = _netted(known_at(known, day), day)
        if netted.empty:
            continue
        then = history_until(netted, day, segments=settings.segments)
        came = outcome_after(
            judged,
            customer_ids=then.customer_ids,
            partner_ids=then.partner_ids,
            origin_day=day,
            days=days,
        )
        past.append(_Past(history=then, days=days, outcome=came))
    return now, tuple(past)


def _netted(known: Transactions, day: int) -> pd.DataFrame:
    return net_refunds(known, as_of=EPOCH + dt.timedelta(days=day)).frame


def _baseline(
    name: str,
    history: History,
    past: tuple[_Past, ...],
    *,
    settings: ReplaySettings,
    rng: np.random.Generator,
) -> MethodForecast | None:
    """Point forecast of a baseline, and draws from its own errors at still earlier dates."""
    point = baseline_forecast(name, history, days=settings.days)
    if point is None:
        return None
    then = [(baseline_forecast(name, each.history, days=each.days), each) for each in past]
    errors = [
        (known.partner, actual_of(each.outcome, settings.target))
        for known, each in then
        if known is not None
    ]
    partner = error_draws(
        point.partner,
        _joined([forecast for forecast, _ in errors]),
        _joined([actual.partner for _, actual in errors]),
        draws=settings.draws,
        fewest=FEWEST_PAST_PARTNERS,
        rng=rng,
    )
    programme = error_draws(
        point.partner.sum(keepdims=True),
        np.array([forecast.sum() for forecast, _ in errors]),
        np.array([actual.programme for _, actual in errors]),
        draws=settings.draws,
        fewest=FEWEST_PAST_TOTALS,
        rng=rng,
    )
    return MethodForecast(
        method=name,
        partner=point.partner,
        partner_draws=partner,
        programme_draws=None if programme is None else programme[:, 0],
        customer=point.customer,
    )


def _joined(parts: Sequence[FloatArray]) -> FloatArray:
    return np.concatenate(parts) if parts else np.empty(0)
