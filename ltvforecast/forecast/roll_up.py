"""From simulated totals to draws and columns of each partner, each period and the programme."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ltvforecast.economics_types import PartnerTerms
from ltvforecast.forecast.economics import PartnerCash, months_of_periods, value_partners
from ltvforecast.forecast.flows import Flows, existing_revenue
from ltvforecast.forecast.intervals import interval_columns, interval_names
from ltvforecast.forecast.money_columns import (
    ProgrammeMoney,
    add_programmes,
    money_columns,
    money_notes,
    programme_money,
)
from ltvforecast.forecast.terms import take_terms
from ltvforecast.types import FloatArray

__all__ = ["PERIOD_QUANTITIES", "GroupDraws", "RollUp", "programme_of", "roll_up"]

PERIOD_QUANTITIES = (
    "existing_revenue",
    "new_customers",
    "new_revenue",
    "future_revenue",
    "commission",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupDraws:
    """Draws of what partners, or the programme, bring: float64 arrays of shape (draw, group).

    Attributes
    ----------
    existing_revenue : float64 array
        Of customers known at ``as_of``.
    new_customers, new_revenue : float64 array or None
        None where new customers are not forecast.
    ltv, commission : float64 array
        Present value under the money terms; commission not discounted.
    active_customers : float64 array
        Customers who buy, new ones included.
    expected_existing_revenue, expected_new_revenue : float64 array (or None)
        Expected given the parameters of the draw.
    """

    existing_revenue: FloatArray
    new_customers: FloatArray | None
    new_revenue: FloatArray | None
    ltv: FloatArray
    commission: FloatArray
    active_customers: FloatArray
    expected_existing_revenue: FloatArray
    expected_new_revenue: FloatArray | None

    @property
    def future_revenue(self) -> FloatArray:
        """Existing and new revenue."""
        return _with(self.existing_revenue, self.new_revenue)

    @property
    def expected_future_revenue(self) -> FloatArray:
        """Expected existing and new revenue."""
        return _with(self.expected_existing_revenue, self.expected_new_revenue)


@dataclass(frozen=True, slots=True, kw_only=True)
class RollUp:
    """All that partners, periods and the programme are told from.

    Attributes
    ----------
    partners : GroupDraws
        Of shape (draw, partner).
    columns : dict of str to float64 array, shape (partner,)
        What follows from the money terms (see
        :func:`ltvforecast.forecast.money_columns.money_columns`).
    notes : tuple of str
        Of each partner's money, in plain words.
    money : ProgrammeMoney
    periods : dict of str to float64 array, shape (partner, period)
        Columns of the period table.
    programme_periods : dict of str to float64 array, shape (period,)
    """

    partners: GroupDraws
    columns: dict[str, FloatArray]
    notes: tuple[str, ...]
    money: ProgrammeMoney
    periods: dict[str, FloatArray]
    programme_periods: dict[str, FloatArray]


def roll_up(
    flows: Flows,
    terms: PartnerTerms,
    *,
    edges_days: FloatArray,
    programme_share: FloatArray,
    levels: tuple[int, ...],
) -> RollUp:
    """Put money terms on what partners bring, a few partners at a time, and add up.

    Parameters
    ----------
    flows : Flows
    terms : PartnerTerms
        Of all partners, in their order.
    edges_days : float64 array, shape (period + 1,)
    programme_share : float64 array, shape (partner,)
        How to share out the expectation of purchases that may go anywhere.
    levels : tuple of int

    Returns
    -------
    RollUp
    """
    months = months_of_periods(edges_days)
    eligible = bool(np.isfinite(terms.commission_months).any())
    size = (flows.draws, len(flows))
    ltv, commission = np.empty(size), np.empty(size)
    columns: list[dict[str, FloatArray]] = []
    by_period: list[dict[str, FloatArray]] = []
    notes: list[str] = []
    whole: ProgrammeMoney | None = None
    sums: dict[str, FloatArray] = {}
    for portion in flows.portions():
        cash, own = flows.cash(portion, eligible=eligible), take_terms(terms, portion)
        money = value_partners(cash, own, edges_days=edges_days)
        ltv[:, portion], commission[:, portion] = money.ltv, money.commission
        columns.append(money_columns(money, own, months=months, levels=levels))
        notes += money_notes(money, own)
        part = programme_money(money, own)
        whole = part if whole is None else add_programmes(whole, part)
        quantities = _by_period(cash, money.commission_by_period)
        by_period.append(_period_columns(quantities, levels))
        for name, values in quantities.items():
            if values is not None:
                sums[name] = sums.get(name, 0.0) + values.sum(axis=1, keepdims=True)
    if whole is None:
        raise AssertionError("a programme has at least one partner")
    together = {name: sums.get(name) for name in PERIOD_QUANTITIES}
    return RollUp(
        partners=_draws(flows, ltv, commission, programme_share),
        columns={name: np.concatenate([each[name] for each in columns]) for name in columns[0]},
        notes=tuple(notes),
        money=whole,
        periods={name: np.concatenate([each[name] for each in by_period]) for name in by_period[0]},
        programme_periods={
            name: values[0] for name, values in _period_columns(together, levels).items()
        },
    )


def _draws(
    flows: Flows, ltv: FloatArray, commission: FloatArray, programme_share: FloatArray
) -> GroupDraws:
    totals, new, layered = flows.totals, flows.newcomers, flows.layered
    own = totals.expected_revenue[:-1] + programme_share[:, None] * totals.expected_revenue[-1]
    expected = own.T * flows.quantum
    if layered is not None:
        expected *= layered.mean_factor
    active = totals.active.T.astype(np.float64)
    customers = revenue = expected_new = None
    if new is not None:
        common = 1.0 if layered is None else layered.programme_factor[:, None]
        level = 1.0 if layered is None else layered.programme_factor.mean()
        customers = new.customers.sum(axis=2).T.astype(np.float64)
        revenue = new.revenue.sum(axis=2).T * flows.quantum * common
        expected_new = new.expected_revenue.T * flows.quantum * level
        active += customers
    return GroupDraws(
        existing_revenue=existing_revenue(totals, flows.quantum)
        if layered is None
        else layered.revenue,
        new_customers=customers,
        new_revenue=revenue,
        ltv=ltv,
        commission=commission,
        active_customers=active,
        expected_existing_revenue=expected,
        expected_new_revenue=expected_new,
    )


def programme_of(partners: GroupDraws, active_customers: FloatArray) -> GroupDraws:
    """Add up the partners' draws to the programme's, of shape (draw, 1).

    Parameters
    ----------
    partners : GroupDraws
        Of shape (draw, partner).
    active_customers : float64 array, shape (draw,)
        Known customers of the programme who buy: who buys through several partners counts once.

    Returns
    -------
    GroupDraws
    """
    active = active_customers[:, None]
    if partners.new_customers is not None:
        active = active + _summed_up(partners.new_customers)
    return GroupDraws(
        existing_revenue=_summed_up(partners.existing_revenue),
        new_customers=None
        if partners.new_customers is None
        else _summed_up(partners.new_customers),
        new_revenue=None if partners.new_revenue is None else _summed_up(partners.new_revenue),
        ltv=_summed_up(partners.ltv),
        commission=_summed_up(partners.commission),
        active_customers=np.asarray(active),
        expected_existing_revenue=_summed_up(partners.expected_existing_revenue),
        expected_new_revenue=None
        if partners.expected_new_revenue is None
        else _summed_up(partners.expected_new_revenue),
    )


def _summed_up(values: FloatArray) -> FloatArray:
    return np.asarray(values.sum(axis=1, keepdims=True))


def _with(existing: FloatArray, new: FloatArray | None) -> FloatArray:
    return existing if new is None else existing + new


def _by_period(cash: PartnerCash, commission: FloatArray) -> dict[str, FloatArray | None]:
    return {
        "existing_revenue": cash.existing_revenue,
        "new_customers": cash.new_customers,
        "new_revenue": cash.new_revenue,
        "future_revenue": _with(cash.existing_revenue, cash.new_revenue),
        "commission": commission,
    }


def _period_columns(
    quantities: dict[str, FloatArray | None], levels: tuple[int, ...]
) -> dict[str, FloatArray]:
    """Columns with intervals, each of shape (partner, period); NaN for what is not forecast."""
    draws, partners, periods = next(
        values.shape for values in quantities.values() if values is not None
    )
    columns: dict[str, FloatArray] = {}
    for name, values in quantities.items():
        if values is None:
            told = [name, *interval_names(name, levels)]
            columns.update({each: np.full((partners, periods), np.nan) for each in told})
            continue
        own = interval_columns(name, values.reshape(draws, -1), levels)
        columns.update({each: ends.reshape(partners, periods) for each, ends in own.items()})
    return columns
