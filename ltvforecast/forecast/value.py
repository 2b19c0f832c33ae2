"""What revenue is worth today: margin, commission and discounting, draw by draw."""

from __future__ import annotations

import math

import numpy as np

from ltvforecast.economics_types import Economics, PartnerTerms
from ltvforecast.forecast.horizon import DAYS_PER_YEAR
from ltvforecast.forecast.term_checks import check_economics
from ltvforecast.types import FloatArray

__all__ = [
    "check_economics",
    "daily_discount",
    "earned_rate",
    "earned_rates",
    "period_factors",
]


def daily_discount(economics: Economics) -> float:
    """Give the continuous discount rate per day, ``log(1 + annual rate) / 365.25``.

    Examples
    --------
    >>> round(math.exp(-365.25 * daily_discount(Economics(discount_rate=0.10))), 6)
    0.909091
    """
    return math.log1p(economics.discount_rate) / DAYS_PER_YEAR


def earned_rate(economics: Economics) -> float:
    """Give what is kept of one unit of revenue by the programme's flat terms.

    Margin less commission, both after refunds; tiers, caps and costs are not in it.

    Examples
    --------
    >>> earned_rate(Economics(margin=0.5, commission=0.25))
    0.25
    """
    refunded = economics.refund_share
    lasting = 1.0 - economics.clawback_share * refunded
    return economics.margin * (1.0 - refunded) - economics.commission * lasting


def earned_rates(terms: PartnerTerms) -> FloatArray:
    """Give what is kept of one unit of revenue of each partner whose value is that times revenue.

    Parameters
    ----------
    terms : PartnerTerms

    Returns
    -------
    float64 array, shape (partner,)
        NaN where the value is not proportional to revenue, because of tiers, a cap, a bounty, a
        running cost, or commission on a part of revenue: then it needs the simulated totals.

    Examples
    --------
    >>> from ltvforecast.economics_types import Terms
    >>> from ltvforecast.forecast.terms import resolve_terms
    >>> economics = Economics(commission=0.25, by_partner={"b": Terms(bounty=5.0)})
    >>> earned_rates(resolve_terms(economics, ["a", "b"]).partners)
    array([0.75,  nan])
    """
    lasting = 1.0 - terms.clawback_share * terms.refund_share
    earned = terms.margin * (1.0 - terms.refund_share) - terms.commission * lasting
    costs = terms.bounty + terms.support_cost_per_month + terms.customer_acquisition_cost
    free = np.isinf(terms.commission_cap) & np.isinf(terms.commission_months)
    flat = np.array([not tiers for tiers in terms.tiers], dtype=bool)
    proportional = flat & free & ~terms.first_order_only & (costs == 0)
    return np.where(proportional, earned, math.nan)


def period_factors(edges_days: FloatArray, discount_per_day: float) -> FloatArray:
    r"""Present value of one unit of revenue that falls evenly on each period.

    .. math:: e^{-\delta t_{j-1}} \frac{1 - e^{-\delta d_j}}{\delta d_j}

    Parameters
    ----------
    edges_days : float64 array, shape (n_periods + 1,)
        Days from now.
    discount_per_day : float
        Continuous rate; 0 gives ones.

    Returns
    -------
    float64 array, shape (n_periods,)

    Notes
    -----
    Exact for purchases that are uniform inside a period, as those of a Poisson process are.

    Examples
    --------
    >>> period_factors(np.array([0.0, 30.0, 61.0]), 0.0)
    array([1., 1.])
    >>> period_factors(np.array([0.0, 365.25]), math.log(1.1) / 365.25).round(4)
    array([0.9538])
    """
    exponent = discount_per_day * np.diff(edges_days)
    small = np.abs(exponent) < 1e-12
    safe = np.where(small, 1.0, exponent)
    within = np.where(small, 1.0 - exponent / 2, -np.expm1(-safe) / safe)
    return np.exp(-discount_per_day * edges_days[:-1]) * within
