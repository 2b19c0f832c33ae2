"""Money terms in words: margin, commission, costs; what was given, and what it means."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import fields

from ltvforecast.economics_types import Economics, Terms
from ltvforecast.report.basis import Basis, amount, named, whole
from ltvforecast.report.document import Fact
from ltvforecast.report.wording import money, percent, rounded

__all__ = [
    "costs_given",
    "differs",
    "has",
    "left_out_words",
    "money_glossary",
    "priced",
    "rate_text",
    "summary_steps",
    "terms_text",
]

NAMED = 5
"""Segments, and partners, whose own terms are written out."""


def rate_text(rate: float) -> str:
    """Write a rate a year in percent.

    Examples
    --------
    >>> rate_text(0.075), rate_text(-0.01)
    ('7.5%', '−1%')
    """
    return f"{100 * rate:g}%".replace("-", "−")


def differs(basis: Basis, term: str) -> bool:
    """Tell whether segments, partners or the partner table have their own value of a term."""
    economics = basis.forecast.spec.economics
    own = (*economics.by_segment.values(), *economics.by_partner.values())
    return term in _told_by_table(basis) or any(getattr(each, term) is not None for each in own)


def has(basis: Basis, term: str) -> bool:
    """Tell whether a term is anything but its default for anybody."""
    economics = basis.forecast.spec.economics
    return getattr(economics, term) != getattr(Economics(), term) or differs(basis, term)


def priced(basis: Basis) -> bool:
    """Tell whether it is known of any partner what it cost to win it."""
    return bool(basis.ranked["cac"].notna().any())


def costs_given(basis: Basis) -> bool:
    """Tell whether any money terms were given beyond the discount rate."""
    economics = basis.forecast.spec.economics
    default = Economics(discount_rate=economics.discount_rate)
    told = set(_told_by_table(basis)) - {"discount_rate"}
    return economics != default or bool(told) or priced(basis)


def _told_by_table(basis: Basis) -> Sequence[str]:
    told = basis.forecast.provenance.get("partner_terms")
    return [str(name) for name in told] if isinstance(told, list | tuple) else []


def summary_steps(basis: Basis) -> tuple[str, ...]:
    """Say how worth comes from revenue, one step a text.

    Parameters
    ----------
    basis : Basis

    Returns
    -------
    tuple of str
    """
    terms = basis.forecast.spec.economics
    steps = []
    if differs(basis, "margin"):
        steps.append("of which each partner's own margin is kept")
    elif terms.margin < 1:
        steps.append(f"of which {percent(terms.margin)} is margin")
    if has(basis, "refund_share"):
        steps.append("less what will still be refunded")
    if basis.paid:
        flat = _commission_is_flat(basis)
        said = percent(terms.commission) if flat else amount(basis, whole(basis, "commission"))
        steps.append(f"less {said} commission" if flat else f"less commission of {said}")
    if has(basis, "support_cost_per_month") or has(basis, "customer_acquisition_cost"):
        steps.append("less running costs")
    if differs(basis, "discount_rate"):
        steps.append("with later money discounted")
    elif terms.discount_rate:
        steps.append(f"with later money discounted at {rate_text(terms.discount_rate)} a year")
    return tuple(steps)


def _commission_is_flat(basis: Basis) -> bool:
    uneven = ("tiers", "commission_on", "commission_months", "commission_cap", "bounty")
    refunded = has(basis, "refund_share")
    return not (refunded or differs(basis, "commission") or any(has(basis, t) for t in uneven))


def left_out_words(basis: Basis) -> tuple[str, ...]:
    """Warn of costs that hang on new customers where these are not forecast.

    Parameters
    ----------
    basis : Basis

    Returns
    -------
    tuple of str
        Empty where nothing is missing.
    """
    if basis.newcomers:
        return ()
    kinds = {
        "bounty": "bounties",
        "commission_on": "commission on first orders",
        "customer_acquisition_cost": "the costs of winning customers",
    }
    missing = [words for term, words in kinds.items() if has(basis, term)]
    if not missing:
        return ()
    verb = "are not in the figures, because"
    return (f"{' and '.join(missing)} {verb} new customers are not forecast".capitalize() + ".",)


def terms_text(basis: Basis) -> str:
    """Write down all money terms, as they were given.

    Parameters
    ----------
    basis : Basis

    Returns
    -------
    str
    """
    terms = basis.forecast.spec.economics
    told = [f"margin {percent(terms.margin)}"]
    if terms.tiers:
        steps = ", ".join(f"{percent(rate)} from {money(bound)}" for bound, rate in terms.tiers)
        told.append(f"commission by the month's revenue ({steps}; {terms.tier_rule} volume)")
    else:
        told.append(f"commission {percent(terms.commission)}")
    told += _limits(terms)
    costs = {
        "bounty": "bounty {} for each new customer",
        "support_cost_per_month": "support {} a month",
        "acquisition_cost": "cost of winning a partner {}",
        "customer_acquisition_cost": "cost of each new customer {}",
    }
    told += [
        words.format(money(float(getattr(terms, term)), basis.currency))
        for term, words in costs.items()
        if getattr(terms, term)
    ]
    if terms.refund_share:
        told.append(
            f"{percent(terms.refund_share)} of revenue still refunded, with "
            f"{percent(terms.clawback_share)} of the commission on it taken back"
        )
    told.append(f"discount rate {rate_text(terms.discount_rate)} a year")
    return ", ".join(told) + _exceptions(basis)


def _limits(terms: Economics) -> list[str]:
    told = []
    if terms.commission_on == "first_order":
        told.append("on first orders only")
    if math.isfinite(terms.commission_months):
        told.append(f"for a customer's first {rounded(terms.commission_months)} months")
    if math.isfinite(terms.commission_cap):
        told.append(f"at most {money(terms.commission_cap)} a month")
    return told


def _exceptions(basis: Basis) -> str:
    terms = basis.forecast.spec.economics
    own = [
        f"; {kind} {named(name)}: {_own_terms(special)}"
        for kind, of_kind in (("segment", terms.by_segment), ("partner", terms.by_partner))
        for name, special in list(of_kind.items())[:NAMED]
    ]
    left = max(len(terms.by_segment) - NAMED, 0) + max(len(terms.by_partner) - NAMED, 0)
    if left:
        own.append(f"; and {left:,} more with terms of their own")
    table = [name.replace("_", " ") for name in _told_by_table(basis)]
    if table:
        own.append(f"; by partner, from the partner table: {', '.join(table)}")
    return "".join(own)


def _own_terms(terms: Terms) -> str:
    told = []
    for term in fields(terms):
        value = getattr(terms, term.name)
        if value is not None:
            plain = (
                ", ".join(f"{rate:g} from {bound:g}" for bound, rate in value)
                if (isinstance(value, tuple))
                else (f"{value:g}" if isinstance(value, int | float) else str(value))
            )
            told.append(f"{term.name.replace('_', ' ')} {plain}")
    return ", ".join(told)


_GLOSSARY: Mapping[str, str] = {
    "CAC (acquisition cost)": (
        "What it costs to win a partner, once: recruiting, contract, set-up. What each new "
        "customer costs is another thing, and a running cost."
    ),
    "LTV:CAC": (
        "Expected worth today over acquisition cost: how many times the partner earns its cost. "
        "Above 1 it pays. Lifetime value (LTV) is the worth today within the horizon, so the ratio "
        "grows with a longer horizon."
    ),
    "Payback": (
        "Months until the money earned with a partner first covers its acquisition cost, as if "
        "that were paid at the start of the forecast; later money counts for less."
    ),
    "Highest cost that still pays": (
        "The most that winning the partner may cost so that it still earns it back in nine of ten "
        "simulated futures."
    ),
    "Highest commission that still pays": (
        "The highest flat share of all revenue, in place of the present commission and bounties, "
        "at which the partner still covers its costs in nine of ten simulated futures."
    ),
}


def money_glossary(basis: Basis) -> tuple[Fact, ...]:
    """Explain the words of money that the report uses.

    Parameters
    ----------
    basis : Basis

    Returns
    -------
    tuple of Fact
        None without costs.
    """
    if not costs_given(basis):
        return ()
    wanted = [term for term in _GLOSSARY if priced(basis) or term.startswith("Highest")]
    facts = [Fact(term=term, text=_GLOSSARY[term]) for term in wanted]
    if basis.paid:
        facts.append(
            Fact(
                term="Commission",
                text=(
                    "What partners are paid for what their customers buy, in the month of the "
                    "purchase and not discounted: what to accrue. Bounties are part of it."
                ),
            )
        )
    if has(basis, "bounty"):
        facts.append(Fact(term="Bounty", text="A fixed sum to the partner for each new customer."))
    return tuple(facts)
