"""From money in draws to columns: LTV to CAC, payback, what still pays, commission to accrue."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ltvforecast.economics_types import PartnerTerms
from ltvforecast.forecast.economics import PartnerMoney, add_money, sum_money
from ltvforecast.forecast.intervals import (
    interval_columns,
    interval_names,
    quantiles_of_sorted,
    tail_probabilities,
)
from ltvforecast.forecast.payback import (
    inverted_cdf,
    ltv_over_cac,
    ltv_to_cac,
    max_affordable_cac,
    max_affordable_commission,
    p_ltv_exceeds_cac,
    payback_months,
)
from ltvforecast.types import FloatArray

__all__ = [
    "ProgrammeMoney",
    "add_programmes",
    "money_columns",
    "money_notes",
    "programme_money",
    "programme_row",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgrammeMoney:
    """Partners added up inside each draw.

    Attributes
    ----------
    total : PartnerMoney
        Of all partners, as one column.
    with_cac : PartnerMoney
        Of the partners whose recruitment cost is known.
    cac : float
        Sum of these costs.
    partners_with_cac : int
    """

    total: PartnerMoney
    with_cac: PartnerMoney
    cac: float
    partners_with_cac: int


def money_columns(
    money: PartnerMoney, terms: PartnerTerms, *, months: FloatArray, levels: Sequence[int]
) -> dict[str, FloatArray]:
    """Build the money columns of the partner table.

    Parameters
    ----------
    money : PartnerMoney
    terms : PartnerTerms
        Of these partners, in the same order.
    months : float64 array, shape (period,)
        Length of each period.
    levels : sequence of int

    Returns
    -------
    dict of str to float64 array, shape (partner,)
        ``ltv`` and ``commission`` with intervals; ``cac``; ``ltv_to_cac`` (mean over mean),
        ``ltv_to_cac_median`` and interval; ``p_ltv_exceeds_cac``; ``max_affordable_cac``;
        ``max_affordable_commission``; ``payback_months`` (median) and interval, infinite if not
        within the horizon; ``p_payback`` (within the horizon). NaN: the cost is not known, or
        nothing can be divided by it.
    """
    return {
        **interval_columns("ltv", money.ltv, levels),
        **interval_columns("commission", money.commission, levels),
        **_against_cac(money, terms.acquisition_cost, months=months, levels=levels),
        "max_affordable_cac": max_affordable_cac(money.ltv),
        "max_affordable_commission": max_affordable_commission(
            money.before_commission, money.discounted_base, terms.acquisition_cost
        ),
    }


def money_notes(money: PartnerMoney, terms: PartnerTerms) -> tuple[str, ...]:
    """Say in plain words what to know of each partner's money; empty where there is nothing.

    Parameters
    ----------
    money : PartnerMoney
    terms : PartnerTerms

    Returns
    -------
    tuple of str
        One for each partner, for its warnings.
    """
    cac = np.nan_to_num(terms.acquisition_cost)
    free = terms.acquisition_cost == 0
    never = np.mean(money.before_commission < cac, axis=0) > 0.1
    loses = money.ltv.mean(axis=0) < 0
    told = []
    for partner in range(len(terms)):
        words = []
        if free[partner]:
            words.append("its acquisition cost is 0, so that LTV:CAC can't be given")
        if never[partner]:
            words.append("even without commission it doesn't pay with 90 % probability")
        if loses[partner]:
            words.append("it is expected to cost more than it earns")
        told.append("; ".join(words))
    return tuple(told)


def programme_money(money: PartnerMoney, terms: PartnerTerms) -> ProgrammeMoney:
    """Add up some partners inside each draw; portions are joined by :func:`add_programmes`."""
    known = np.isfinite(terms.acquisition_cost)
    return ProgrammeMoney(
        total=sum_money(money),
        with_cac=sum_money(money, keep=known),
        cac=float(terms.acquisition_cost[known].sum()),
        partners_with_cac=int(known.sum()),
    )


def add_programmes(one: ProgrammeMoney, other: ProgrammeMoney) -> ProgrammeMoney:
    """Join the sums of two portions of partners."""
    return ProgrammeMoney(
        total=add_money(one.total, other.total),
        with_cac=add_money(one.with_cac, other.with_cac),
        cac=one.cac + other.cac,
        partners_with_cac=one.partners_with_cac + other.partners_with_cac,
    )


def programme_row(
    programme: ProgrammeMoney, *, months: FloatArray, levels: Sequence[int]
) -> dict[str, float | None]:
    """Build the programme's own money, with joint intervals.

    Parameters
    ----------
    programme : ProgrammeMoney
    months : float64 array, shape (period,)
    levels : sequence of int

    Returns
    -------
    dict of str to float or None
        The names of :func:`money_columns`, and ``partners_with_cac``. LTV to CAC and payback
        compare like with like: the partners whose cost is known. None: not known, or, of
        ``payback_months``, not within the horizon (see ``p_payback``).
    """
    known = programme.partners_with_cac > 0
    cac = np.array([programme.cac if known else math.nan])
    total = programme.total
    columns = {
        **interval_columns("ltv", total.ltv, levels),
        **interval_columns("commission", total.commission, levels),
        "partners_with_cac": np.array([float(programme.partners_with_cac)]),
        **_against_cac(programme.with_cac, cac, months=months, levels=levels),
        "max_affordable_cac": max_affordable_cac(total.ltv),
        "max_affordable_commission": max_affordable_commission(
            total.before_commission, total.discounted_base, cac
        ),
    }
    values = {name: float(column[0]) for name, column in columns.items()}
    return {name: value if math.isfinite(value) else None for name, value in values.items()}


def _against_cac(
    money: PartnerMoney, cac: FloatArray, *, months: FloatArray, levels: Sequence[int]
) -> dict[str, FloatArray]:
    tails = tail_probabilities(levels)
    ratio = np.sort(ltv_over_cac(money.ltv, cac).T, axis=1)
    ratios = quantiles_of_sorted(ratio, np.array([0.5, *tails])).T
    back = payback_months(money.cumulative_net, cac, months)
    backs = inverted_cdf(back, np.array([0.5, *tails]))
    p_back = np.where(np.isnan(cac), math.nan, np.isfinite(back).mean(axis=0))
    ratio_names = ["ltv_to_cac_median", *interval_names("ltv_to_cac", levels)]
    back_names = ["payback_months", *interval_names("payback_months", levels)]
    return {
        "cac": np.array(cac, dtype=np.float64),
        "ltv_to_cac": ltv_to_cac(money.ltv, cac),
        **dict(zip(ratio_names, ratios, strict=True)),
        "p_ltv_exceeds_cac": p_ltv_exceeds_cac(money.ltv, cac),
        **dict(zip(back_names, backs, strict=True)),
        "p_payback": p_back,
    }
