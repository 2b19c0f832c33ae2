"""What a what-if takes for granted, in plain words: printed with every answer."""

from __future__ import annotations

import math

import numpy as np

from ltvforecast.economics_types import PartnerTerms
from ltvforecast.forecast.newcomers import why_no_newcomers
from ltvforecast.forecast.parameters import typical_parameters
from ltvforecast.forecast.scenario_change import Change, dropout_factor
from ltvforecast.forecast.scenario_value import Case
from ltvforecast.types import IntArray

__all__ = ["assumptions"]

_SHARES = ("margin", "commission", "discount_rate", "refund_share", "clawback_share")
_WORDS = {
    "margin": "margin",
    "commission": "commission",
    "discount_rate": "discount rate a year",
    "commission_cap": "most commission in a month",
    "bounty": "bounty for each new customer",
    "support_cost_per_month": "support cost a month",
    "customer_acquisition_cost": "cost of each new customer",
    "refund_share": "share of revenue still to be refunded",
    "clawback_share": "share of commission taken back on refunds",
}


def assumptions(case: Case, change: Change, concerned: tuple[str, ...]) -> tuple[str, ...]:
    """Say what a what-if takes for granted.

    Parameters
    ----------
    case : Case
    change : Change
    concerned : tuple of str
        Partners whom it concerns.

    Returns
    -------
    tuple of str
        A sentence or two each.
    """
    behaviour = _behaviour(case, change)
    said = [
        (
            f"Both futures begin after {case.model.summary.as_of} and last "
            f"{case.spec.horizon.text}. In each of {case.spec.draws:,} draws they share "
            "parameters, customers and luck, so that their difference is the effect of the change."
        ),
        _scope(case, concerned),
        *behaviour,
        *_money(case, change),
    ]
    if behaviour:
        said.append(
            "The effect on behaviour is assumed, not estimated: the data do not say that it will "
            "come about. It begins at once and lasts to the end of the horizon."
        )
    if change.purchase_rate != 1.0 or change.retention != 1.0:
        said.append(
            "Both futures are simulated anew, so that the one as things are differs a little from "
            "the forecast, by chance."
        )
    said.append(_newcomers(case, change))
    if case.model.layers is not None and case.spec.layers:
        said.append(
            f"What past forecasts taught ({', '.join(case.spec.layers)}) multiplies both futures "
            "alike."
        )
    return tuple(said)


def _scope(case: Case, concerned: tuple[str, ...]) -> str:
    partners, customers = len(case.partner_concerned), int(case.concerned.sum())
    if len(concerned) == partners:
        return f"It concerns all {partners:,} partners and their {customers:,} known customers."
    named = ", ".join(concerned[:3]) + (", ..." if len(concerned) > 3 else "")
    return (
        f"It concerns {len(concerned):,} of {partners:,} partners ({named}): behaviour changes for "
        f"the {customers:,} known customers whose main partner is one of them, whatever partner "
        "they then buy from; money terms change for these partners alone."
    )


def _behaviour(case: Case, change: Change) -> list[str]:
    said = []
    if change.purchase_rate != 1.0:
        said.append(
            f"Purchase rate {_percent(change.purchase_rate)}: as long as they stay, customers buy "
            f"{change.purchase_rate:.4g} times as often. With each purchase comes, as ever, the "
            "chance to drop out."
        )
    if change.retention != 1.0:
        now = _mean_dropout(case)
        said.append(
            f"Retention {_percent(change.retention)}: the chance that a customer drops out after a "
            f"purchase {'falls' if change.retention > 1.0 else 'rises'} by "
            f"{100 * abs(change.retention - 1.0):.3g} % of itself, on average from "
            f"{100 * now:.3g} % to {100 * now * dropout_factor(change.retention):.3g} %. Who has "
            "dropped out already does not come back."
        )
    if change.order_value != 1.0:
        said.append(
            f"Order value {_percent(change.order_value)}: every purchase is worth "
            f"{change.order_value:.4g} times as much, and nobody buys less often because of it."
        )
    return said


def _newcomers(case: Case, change: Change) -> str:
    why = why_no_newcomers(case.model) if case.spec.acquisition else "New customers are left out."
    if why:
        told = f"Only customers known today are in both futures. {why}"
        if change.acquisition != 1.0:
            told += " The change of acquisition changes nothing therefore."
        return told
    told = "Customers still to come are in both futures, and behave like the others."
    if change.acquisition != 1.0:
        told += (
            f" Acquisition {_percent(change.acquisition)}: {change.acquisition:.4g} times as many "
            "come, at the same times and of the same kind."
        )
    return told


def _mean_dropout(case: Case) -> float:
    """Mean chance to drop out after the next purchase, over the customers concerned."""
    typical = typical_parameters(case.programme.parameters)
    here = case.concerned == 1
    chance = typical.a / (typical.a + typical.b + case.programme.customers.x)
    return float(np.mean(np.broadcast_to(chance, here.shape)[here])) if here.any() else 0.0


def _percent(factor: float) -> str:
    return f"{100 * (factor - 1.0):+.3g} %".replace("-", "−")


def _money(case: Case, change: Change) -> list[str]:
    return [
        f"{_WORDS[name].capitalize()}: {_value(name, value)} instead of "
        f"{_present(name, case.base_terms, case.partner_concerned)}, from the first day on; nobody "
        "behaves differently because of it."
        for name, value in change.terms.items()
    ]


def _present(name: str, terms: PartnerTerms, concerned: IntArray) -> str:
    if name == "commission" and any(
        tiers for tiers, own in zip(terms.tiers, concerned, strict=True) if own
    ):
        return "tiers"
    values = getattr(terms, name)[concerned == 1]
    low, high = float(values.min()), float(values.max())
    return _value(name, low) if low == high else f"{_value(name, low)} to {_value(name, high)}"


def _value(name: str, value: float) -> str:
    if math.isinf(value):
        return "no limit"
    return f"{100 * value:.4g} %" if name in _SHARES else f"{value:,.2f}".removesuffix(".00")
