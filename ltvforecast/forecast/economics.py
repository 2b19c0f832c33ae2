"""What partners' revenue is worth under their money terms: draw by draw, period by period."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ltvforecast.economics_types import PartnerTerms, Tiers
from ltvforecast.errors import ForecastError
from ltvforecast.forecast.horizon import DAYS_PER_MONTH, DAYS_PER_YEAR
from ltvforecast.forecast.value import period_factors
from ltvforecast.types import FloatArray

__all__ = [
    "PartnerCash",
    "PartnerMoney",
    "add_money",
    "months_of_periods",
    "sum_money",
    "tiered_commission",
    "value_partners",
]

_WHOLE_MONTH = (28.0, 31.5)
"""Days of a period that counts as one month; the last one of 12mo has a quarter of a day more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerCash:
    """Simulated totals of some partners, each float64 of shape (draw, partner, period).

    Attributes
    ----------
    existing_revenue : float64 array
        Of customers known already, with all layers on it.
    new_revenue, first_order_revenue, new_customers : float64 array or None
        Of customers to come: all their revenue, that of their first orders alone, and their
        number. None: no new customers.
    eligible_revenue : float64 array or None
        Revenue, existing and new, within the months of a customer that the partner's commission
        is paid for. Needed only where ``commission_months`` is finite.
    """

    existing_revenue: FloatArray
    new_revenue: FloatArray | None = None
    first_order_revenue: FloatArray | None = None
    new_customers: FloatArray | None = None
    eligible_revenue: FloatArray | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerMoney:
    """What partners are worth, in draws.

    Attributes
    ----------
    ltv : float64 array, shape (draw, partner)
        Present value of margin less commission and running costs.
    before_commission : float64 array, shape (draw, partner)
        The same without any commission.
    discounted_base : float64 array, shape (draw, partner)
        Present value of all revenue less that on which commission is taken back: what a flat
        share of revenue would be paid on.
    cumulative_net : float64 array, shape (draw, partner, period)
        Discounted net cash up to the end of each period; the last one is ``ltv``.
    commission_by_period : float64 array, shape (draw, partner, period)
        Not discounted: what is owed for each period.
    partner_costs : float64 array, shape (draw, partner)
        Support and acquisition of customers, not discounted.
    """

    ltv: FloatArray
    before_commission: FloatArray
    discounted_base: FloatArray
    cumulative_net: FloatArray
    commission_by_period: FloatArray
    partner_costs: FloatArray

    @property
    def commission(self) -> FloatArray:
        """Commission over the whole horizon, not discounted, shape (draw, partner)."""
        return np.asarray(self.commission_by_period.sum(axis=2))


def value_partners(
    cash: PartnerCash, terms: PartnerTerms, *, edges_days: FloatArray
) -> PartnerMoney:
    r"""Apply the partners' money terms to their totals in each draw and period.

    .. math::
        V = \sum_j f_j \left[ g (1 - \rho) R_j - C_j - k m_j 1\{\text{active}\} - a n_j \right]

    with discount factor :math:`f`, margin :math:`g`, refund share :math:`\rho`, revenue :math:`R`,
    commission :math:`C`, support cost :math:`k` a month, length in months :math:`m`, cost
    :math:`a` of each of :math:`n` new customers.

    Parameters
    ----------
    cash : PartnerCash
    terms : PartnerTerms
        Of these partners, in the same order.
    edges_days : float64 array, shape (period + 1,)
        Days from now.

    Returns
    -------
    PartnerMoney

    Raises
    ------
    ForecastError
        A partner's commission ends with a customer's first months, and the revenue within them
        is not given.

    Notes
    -----
    Commission is :math:`C = \min(\text{share of } B + \text{bounty} \cdot n, \text{cap})`. Its base
    :math:`B` is all revenue, that of first orders, or that of customers' first months, less the
    part that is refunded and on which commission is taken back. Tiers and cap are by the month:
    see :func:`months_of_periods`. They are applied to the total of each draw, because a tiered
    commission of the mean is not the mean of the tiered commissions.

    A partner is active in a period if it brings revenue then or later in the horizon: nobody pays
    for support after the last sale, and a partner that only pauses is looked after meanwhile. The
    period of the last sale counts whole. A partner whose next sale lies beyond the horizon counts
    as inactive before the horizon ends, so that up to one gap between sales is left out.

    Cash falls evenly on each period (see :func:`ltvforecast.forecast.value.period_factors`), in
    which commission is owed; refunds come in the period of the sale.
    """
    _check_eligible(cash, terms)
    existing = cash.existing_revenue
    revenue = existing if cash.new_revenue is None else existing + cash.new_revenue
    months = months_of_periods(edges_days)
    kept = 1.0 - terms.refund_share[:, None]
    lasting = 1.0 - (terms.clawback_share * terms.refund_share)[:, None]
    commission = _share_of(_base(cash, terms, revenue) * lasting, terms, months)
    if cash.new_customers is not None:
        commission += terms.bounty[:, None] * cash.new_customers
    np.minimum(commission, terms.commission_cap[:, None] * months, out=commission)
    active = np.logical_or.accumulate(revenue[..., ::-1] > 0, axis=2)[..., ::-1]
    costs = terms.support_cost_per_month[:, None] * months * active
    if cash.new_customers is not None:
        costs += terms.customer_acquisition_cost[:, None] * cash.new_customers
    before = terms.margin[:, None] * kept * revenue - costs
    factors = _factors(terms, edges_days)
    cumulative = np.cumsum((before - commission) * factors, axis=2)
    return PartnerMoney(
        ltv=cumulative[..., -1].copy(),
        before_commission=_discounted(before, factors),
        discounted_base=_discounted(revenue * lasting, factors),
        cumulative_net=cumulative,
        commission_by_period=commission,
        partner_costs=costs.sum(axis=2),
    )


def months_of_periods(edges_days: FloatArray) -> FloatArray:
    """Give the length of each period in months, a calendar month being one.

    Parameters
    ----------
    edges_days : float64 array, shape (period + 1,)

    Returns
    -------
    float64 array, shape (period,)
        One from 28 to 31.5 days; else days over 30.4375.

    Notes
    -----
    Bounds of tiers, caps and support costs are by the month. In a period that is a fragment of a
    month, or a week, they are multiplied by this length: as if sales were even over the month.
    What the current month has brought before the forecast begins is not counted.

    Examples
    --------
    >>> months_of_periods(np.array([0.0, 31.0, 59.0, 66.0])).round(3)
    array([1.  , 1.  , 0.23])
    """
    days = np.diff(edges_days)
    whole = (days >= _WHOLE_MONTH[0]) & (days < _WHOLE_MONTH[1])
    return np.where(whole, 1.0, days / DAYS_PER_MONTH)


def tiered_commission(
    base: FloatArray, tiers: Tiers, *, months: FloatArray, whole_volume: bool = False
) -> FloatArray:
    """Give the commission on each period's volume by tiers.

    Parameters
    ----------
    base : float64 array, shape (..., period)
        Revenue that commission is paid on.
    tiers : tuple of (from, share)
        Bounds by the month, rising.
    months : float64 array, shape (period,)
        Length of each period; multiplies the bounds.
    whole_volume : bool
        The share of the highest tier reached holds for all of the volume; else each share holds
        inside its own tier.

    Returns
    -------
    float64 array, shape (..., period)

    Examples
    --------
    >>> tiers = ((0.0, 0.05), (1000.0, 0.10))
    >>> tiered_commission(np.array([1500.0]), tiers, months=np.ones(1))  # 50 and 50
    array([100.])
    >>> tiered_commission(np.array([1500.0]), tiers, months=np.ones(1), whole_volume=True)
    array([150.])
    """
    rate_before, total = 0.0, np.zeros_like(base)
    for bound, rate in tiers:
        edge = bound * months
        if whole_volume:
            total = np.where(base >= edge, rate * base, total)
        else:
            total += (rate - rate_before) * np.maximum(base - edge, 0.0)
        rate_before = rate
    return total


def sum_money(money: PartnerMoney, *, keep: npt.NDArray[np.bool_] | None = None) -> PartnerMoney:
    """Add up partners inside each draw, as if they were one.

    Parameters
    ----------
    money : PartnerMoney
    keep : bool array, shape (partner,), optional
        True for the partners to add up; all by default.

    Returns
    -------
    PartnerMoney
        Of one column.
    """
    where = slice(None) if keep is None else keep
    return PartnerMoney(
        **{
            name: getattr(money, name)[:, where].sum(axis=1, keepdims=True)
            for name in PartnerMoney.__slots__
        }
    )


def add_money(one: PartnerMoney, other: PartnerMoney) -> PartnerMoney:
    """Add two sums over partners, draw by draw: for partners taken in portions."""
    return PartnerMoney(
        **{name: getattr(one, name) + getattr(other, name) for name in PartnerMoney.__slots__}
    )


def _check_eligible(cash: PartnerCash, terms: PartnerTerms) -> None:
    limited = np.isfinite(terms.commission_months) & ~terms.first_order_only
    if cash.eligible_revenue is None and limited.any():
        partner = terms.partner_ids[int(np.argmax(limited))]
        raise ForecastError(
            f"commission of partner {partner!r} ends with a customer's first months, and the "
            "revenue within them was not simulated",
            expected="eligible_revenue where commission_months is given",
            remedy="simulate it, or leave commission_months out",
        )


def _base(cash: PartnerCash, terms: PartnerTerms, revenue: FloatArray) -> FloatArray:
    """Pick the revenue that each partner's commission is paid on."""
    limited = np.isfinite(terms.commission_months)
    base = revenue
    if limited.any() and cash.eligible_revenue is not None:
        base = np.where(limited[:, None], cash.eligible_revenue, base)
    if terms.first_order_only.any():
        first = 0.0 if cash.first_order_revenue is None else cash.first_order_revenue
        base = np.where(terms.first_order_only[:, None], first, base)
    return base


def _share_of(base: FloatArray, terms: PartnerTerms, months: FloatArray) -> FloatArray:
    commission = terms.commission[:, None] * base
    kinds = {
        (tiers, bool(whole))
        for tiers, whole in zip(terms.tiers, terms.whole_volume, strict=True)
        if tiers
    }
    for tiers, whole in sorted(kinds):
        same = [
            row
            for row, of_row in enumerate(terms.tiers)
            if of_row == tiers and terms.whole_volume[row] == whole
        ]
        commission[:, same] = tiered_commission(
            base[:, same], tiers, months=months, whole_volume=whole
        )
    return commission


def _factors(terms: PartnerTerms, edges_days: FloatArray) -> FloatArray:
    """Discount factors of shape (partner, period)."""
    rates, place = np.unique(terms.discount_rate, return_inverse=True)
    by_rate = [period_factors(edges_days, math.log1p(rate) / DAYS_PER_YEAR) for rate in rates]
    return np.asarray(by_rate, dtype=np.float64).reshape(len(rates), -1)[place]


def _discounted(cash: FloatArray, factors: FloatArray) -> FloatArray:
    """Sum over the periods in a fixed order, so that the result is the same everywhere."""
    total = np.zeros(cash.shape[:2])
    for period in range(cash.shape[2]):
        total += factors[:, period] * cash[..., period]
    return total
