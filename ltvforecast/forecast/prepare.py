"""From a fitted model and a specification to all that the simulation needs to know."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ltvforecast.errors import ForecastError
from ltvforecast.fit_types import FittedModel, SpendFit
from ltvforecast.forecast.blocks import Programme, result_columns
from ltvforecast.forecast.dependence import SpendFactors, tabulate_factors
from ltvforecast.forecast.expectation import ExpectedPurchases, tabulate_purchases
from ltvforecast.forecast.exposure import chosen_rows, eligible_periods, forecast_clock
from ltvforecast.forecast.horizon import Periods
from ltvforecast.forecast.parameters import (
    CustomerParameters,
    customer_parameters,
    typical_parameters,
)
from ltvforecast.forecast.partner_expectation import (
    Future,
    PartnerPurchases,
    expected_by_formula,
    tabulate_partner_purchases,
)
from ltvforecast.forecast.records import (
    Clock,
    Customers,
    Destinations,
    DiscountLag,
    Draws,
    Eligible,
)
from ltvforecast.forecast.streams import BucketOrder, order_by_bucket
from ltvforecast.forecast.value import daily_discount, earned_rate
from ltvforecast.forecast_types import ForecastSpec
from ltvforecast.formulas.clock import DAYS_PER_UNIT, operational_history
from ltvforecast.transaction_types import CustomerSummary
from ltvforecast.types import FloatArray, IntArray

__all__ = [
    "PROGRAMME",
    "choose_quantum",
    "highest_spend",
    "prepare_programme",
    "spend_statistics",
]

PROGRAMME = "__programme__"
"""Stands for the whole programme where a partner's id would stand."""
QUANTUM_BITS = 44

SPEND_LIMIT = 3.0
"""How many times the highest average purchase of any customer another one may reach."""


def prepare_programme(
    model: FittedModel,
    spec: ForecastSpec,
    periods: Periods,
    *,
    eligible_until: FloatArray | None = None,
    closed_forms: bool = True,
) -> tuple[Programme, IntArray]:
    """Bring a model into the form that the simulation takes.

    Parameters
    ----------
    model : FittedModel
    spec : ForecastSpec
    periods : Periods
    eligible_until : float64 array, shape (n_customers,), optional
        Days after ``as_of`` until which each customer's purchases count for a commission, in the
        order of the summary; 0 or less: none do. Asks for ``Totals.eligible``.
    closed_forms : bool
        Whether expectations and results of customers are wanted beside the simulated totals.

    Returns
    -------
    Programme
    order : int64 array, shape (n_customers,)
        Row in the summary of each customer of the programme.

    Raises
    ------
    ForecastError
        A model, a summary, parameters or limits from which no forecast can be made.
    """
    summary = model.summary
    _check_summary(model)
    places = order_by_bucket(summary.customers["customer_id"].tolist())
    parameters = customer_parameters(model, places.order, spec.draws)
    customers = _customers(model, places.order)
    _check_spend(customers, parameters, summary.customers["customer_id"].iloc[places.order])
    unit = DAYS_PER_UNIT[summary.time_unit]
    discount = daily_discount(spec.economics)
    clock, lag = forecast_clock(model, periods, draws=spec.draws, discount=discount)
    expected = None
    if closed_forms:
        expected = _expected(customers, parameters, clock, discount=discount * unit, lag=lag)
    money, count = _expected_totals(customers, parameters, expected, horizon=clock.edges[:, -1])
    programme = Programme(
        customers=customers,
        parameters=parameters,
        destinations=_destinations(summary, places),
        clock=clock,
        expected=expected,
        bucket_start=places.start,
        money_quantum=choose_quantum(money),
        count_quantum=choose_quantum(count),
        highest_spend=highest_spend(customers),
        dependence=_dependence(
            model,
            customers,
            parameters,
            horizon=float(np.mean(clock.edges[:, -1])),
            draws=spec.draws,
        ),
        earned_rate=earned_rate(spec.economics),
        levels=spec.levels,
        seed=spec.seed,
        results=np.zeros((len(summary), len(result_columns(spec.levels)))),
        variances=np.zeros((len(summary), 2)),
        eligible=_eligible(model, periods, eligible_until, places.order),
    )
    return programme, places.order


def _eligible(
    model: FittedModel, periods: Periods, until: FloatArray | None, order: IntArray
) -> Eligible | None:
    if until is None:
        return None
    found = eligible_periods(model, periods, until)
    return Eligible(found.period[order], found.share[order])


def _check_summary(model: FittedModel) -> None:
    summary = model.summary
    again = "summarise and fit again, or load another model"
    if model.purchase.model != "bg-nbd":
        raise ForecastError(
            f"a purchase model {model.purchase.model!r}",
            expected="bg-nbd",
            remedy="fit again with --model bg-nbd, or use the version that fitted this model",
        )
    if len(summary) == 0:
        raise ForecastError("no customers", expected="at least one", remedy=again)
    if PROGRAMME in summary.partner_ids:
        raise ForecastError(
            f"a partner called {PROGRAMME!r}",
            expected="other names: this one stands for the whole programme",
            remedy="rename that partner in the transactions",
        )
    if not _adds_up(summary):
        raise ForecastError(
            "partner shares that do not add to one for every customer, and for the programme",
            expected="at least one partner a customer, and weights that add to one",
            remedy=again,
        )
    x, t_x, T = (summary.customers[name].to_numpy() for name in ("frequency", "recency", "T"))
    wrong = ~((x >= 0) & (t_x >= 0) & (t_x <= T) & np.isfinite(T)) | ((x == 0) & (t_x > 0))
    if wrong.any():
        first = summary.customers.iloc[int(np.argmax(wrong))]
        raise ForecastError(
            f"{int(wrong.sum())} customers with an impossible history, such as "
            f"{first['customer_id']!r}: frequency {first['frequency']}, recency "
            f"{first['recency']:g}, T {first['T']:g}",
            expected="0 <= recency <= T, and recency 0 without repeat purchases",
            remedy=again,
        )


def _adds_up(summary: CustomerSummary) -> bool:
    counts = np.diff(summary.share_start)
    if len(counts) != len(summary) or counts.min() < 1:
        return False
    sums = np.append(
        np.add.reduceat(summary.share_weight, summary.share_start[:-1]),
        summary.programme_share.sum(),
    )
    return bool(np.abs(sums - 1.0).max() < 1e-9)


def _dependence(
    model: FittedModel,
    customers: Customers,
    parameters: CustomerParameters,
    *,
    horizon: float,
    draws: int,
) -> SpendFactors | None:
    found = model.dependence
    if found is None or not found.used:
        return None
    return tabulate_factors(
        customers,
        {**model.purchase.point, **model.spend.point},
        found.draws[chosen_rows(len(found.draws), draws)],
        horizon=horizon,
        highest_spend=highest_spend(customers),
        own=None if parameters.pooled else typical_parameters(parameters),
    )


def spend_statistics(customers: pd.DataFrame, spend: SpendFit) -> tuple[FloatArray, FloatArray]:
    """Count the amounts that inform each customer's spend level, and add them up.

    Parameters
    ----------
    customers : pandas.DataFrame
        See :class:`ltvforecast.transaction_types.CustomerSummary`.
    spend : SpendFit
        ``gamma-gamma-mean`` uses the mean of the repeat purchases; ``gamma-gamma`` the purchases
        worth something, the first one only if ``first_purchase``.

    Returns
    -------
    number, total : float64 array, shape (n_customers,)
    """
    if spend.model == "gamma-gamma-mean":
        value = customers["monetary_value"].to_numpy(dtype=np.float64)
        number = np.where(value > 0, customers["frequency"].to_numpy(dtype=np.float64), 0.0)
        return number, number * value
    number = customers["spend_n"].to_numpy(dtype=np.float64)
    total = customers["spend_sum"].to_numpy(dtype=np.float64)
    if not spend.first_purchase:
        first = customers["first_value"].to_numpy(dtype=np.float64)
        number = np.maximum(number - (first > 0), 0.0)
        total = np.where(number > 0, np.maximum(total - first, 0.0), 0.0)
    return number, total


def _customers(model: FittedModel, order: IntArray) -> Customers:
    table = model.summary.customers.iloc[order]
    number, total = spend_statistics(table, model.spend)
    x, t_x, T = (
        table[name].to_numpy(dtype=np.float64, copy=True) for name in ("frequency", "recency", "T")
    )
    t_x, T = operational_history(
        t_x,
        T,
        as_of_day=int(np.datetime64(model.summary.as_of, "D").astype(np.int64)),
        days_per_unit=DAYS_PER_UNIT[model.summary.time_unit],
        index=model.calendar.index,
        events=model.calendar.event_days,
    )
    return Customers(x, t_x, T, number.copy(), total.copy())


def highest_spend(customers: Customers) -> float:
    """Limit what a customer's average purchase can be: three times the highest average seen.

    The spend model's tail has no end: where it is heavy (q near 1), the few draws beyond anything
    ever seen would make up the mean. Elsewhere the limit takes nothing away.

    Examples
    --------
    >>> seen = Customers(*[np.zeros(2)] * 3, np.array([2.0, 0.0]), np.array([80.0, 0.0]))
    >>> highest_spend(seen)
    120.0
    """
    known = customers.spend_n > 0
    if not known.any():
        return float(np.inf)
    averages = customers.spend_sum[known] / customers.spend_n[known]
    return SPEND_LIMIT * float(averages.max())


def _check_spend(
    customers: Customers, parameters: CustomerParameters, customer_ids: pd.Series[str]
) -> None:
    """Refuse shapes under which a customer's expected spend is infinite."""
    p, q = parameters.draws.p, parameters.draws.q
    groups = parameters.group if max(len(p), len(q)) > 1 else np.zeros_like(parameters.group)
    # the customer of each group of whom least is known
    order = np.lexsort((customers.spend_n, groups))
    fewest = order[np.unique(groups[order], return_index=True)[1]]
    for customer in fewest:
        group = groups[customer]
        least = p[group % len(p)] * customers.spend_n[customer] + q[group % len(q)]
        if least.min() <= 1.0:
            raise ForecastError(
                f"no finite expected spend for customer {customer_ids.iloc[customer]!r} "
                f"({customers.spend_n[customer]:g} amounts known): "
                f"q = {q[group % len(q)].min():.3g}",
                expected="p * amounts + q above 1 in every parameter draw",
                remedy="fit with --method laplace, whose prior keeps q above 1",
            )


def _destinations(summary: CustomerSummary, places: BucketOrder) -> Destinations:
    counts = np.diff(summary.share_start)[places.order]
    start = np.zeros(len(counts) + 1, dtype=np.int64)
    np.cumsum(counts, out=start[1:])
    # position of each share in the summary: the customer's first, plus 0, 1, 2, ... within it
    rows = np.repeat(summary.share_start[:-1][places.order] - start[:-1], counts)
    rows += np.arange(start[-1])
    allocation = summary.allocation
    programme = np.cumsum(summary.programme_share, dtype=np.float64)
    return Destinations(
        start=start,
        partner=np.ascontiguousarray(summary.share_partner[rows], dtype=np.int64),
        weight=np.ascontiguousarray(summary.share_weight[rows], dtype=np.float64),
        programme=programme / programme[-1],
        novelty=float(allocation.novelty),
        concentration=float(allocation.concentration),
    )


def _expected(
    customers: Customers,
    parameters: CustomerParameters,
    clock: Clock,
    *,
    discount: float,
    lag: DiscountLag | None,
) -> ExpectedPurchases | PartnerPurchases:
    """Prepare expected purchases: one table if all customers buy by the same parameters."""
    horizon, draws, effects = clock.edges[:, -1], parameters.draws, parameters.effects
    alike = effects is None or (effects.rate is None and effects.dropout is None)
    if alike and all(len(values) == 1 for values in draws[:4]):
        return tabulate_purchases(
            customers.x,
            customers.T,
            Draws(*(values[0] for values in draws)),
            horizon=horizon,
            discount=discount,
            lag=lag,
        )
    return tabulate_partner_purchases(
        customers.x, customers.T, parameters, horizon=horizon, discount=discount, lag=lag
    )


def _expected_totals(
    customers: Customers,
    parameters: CustomerParameters,
    expected: ExpectedPurchases | PartnerPurchases | None,
    *,
    horizon: FloatArray,
) -> tuple[float, float]:
    """Rough programme totals of money and purchases, as if everybody were alive."""
    alpha = parameters.draws.alpha.mean(axis=0)
    middle = int(np.argsort(alpha, kind="stable")[len(alpha) // 2])
    draws = parameters.of(slice(None), slice(middle, middle + 1))
    if isinstance(expected, ExpectedPurchases):
        purchases = expected.purchases_in_draw(customers.x, customers.T, middle)
    else:
        plain = Future(horizon=horizon[[middle % len(horizon)]], discount=0.0, lag=None)
        purchases = expected_by_formula(customers.x, customers.T, draws, plain)[0][:, 0]
    p, q, v = (values[:, 0] for values in (draws.p, draws.q, draws.v))
    spend = p * (v + customers.spend_sum) / (p * customers.spend_n + q - 1.0)
    return float(np.sum(purchases * spend)), float(np.sum(purchases))


def choose_quantum(total: float) -> float:
    """Choose a power of two so that ``total`` is about ``2**44`` of it.

    64-bit sums then hold totals up to some 2**18 times as large, and a millionth part of the
    total is still counted in 10 million quanta.

    Examples
    --------
    >>> choose_quantum(1e6) == 2.0 ** (20 - 44)
    True
    """
    return float(2.0 ** (np.ceil(np.log2(total)) - QUANTUM_BITS)) if total > 0 else 1.0
