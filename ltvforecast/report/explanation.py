"""Method, glossary and provenance in plain words."""

from __future__ import annotations

from collections.abc import Mapping

from ltvforecast.plots.labels import display_name
from ltvforecast.report.basis import Basis, told
from ltvforecast.report.document import Fact, Section
from ltvforecast.report.money_terms import money_glossary, summary_steps, terms_text
from ltvforecast.report.past import past_words
from ltvforecast.report.wording import long_date, odds, rounded

__all__ = ["glossary", "method", "provenance"]

_WORDS = {
    "bg-nbd": "BG/NBD (Fader, Hardie & Lee 2005)",
    "gamma-gamma": "Gamma-Gamma on every purchase (Fader & Hardie 2013)",
    "laplace": "Laplace approximation with importance sampling",
    "nuts": "Markov chains (NUTS, PyMC)",
    "advi": "variational approximation (ADVI, PyMC): a quick look, not for decisions",
    "lifetimes": "maximum likelihood by the lifetimes package",
    "mle": "maximum likelihood",
    "gamma-gamma-mean": "Gamma-Gamma on average repeat purchases (Fader & Hardie 2013)",
}


def method(basis: Basis) -> Section:
    """Say how the figures come about, how to read them, and what they do not know.

    Parameters
    ----------
    basis : Basis

    Returns
    -------
    Section
    """
    spec = basis.forecast.spec
    outside = (100 - basis.level) / 2
    facts = (
        Fact(
            term="How the figures come about",
            text=(
                "For each customer the model looks at how often it bought, how long ago the last "
                "purchase was, how long it has been a customer, and how much it spent. From all "
                "customers together it learns how much customers differ in these habits and how "
                "easily they stop. Knowing that, it plays each customer's future forward "
                f"{spec.draws:,} times, with all that chance can do, and adds up each partner's "
                "customers within each of these futures."
            ),
        ),
        Fact(
            term="How to read a range",
            text=(
                "An expected figure is the average of these futures. The range beside it leaves "
                f"out the {outside:g}% of them with the lowest and the {outside:g}% with the "
                f"highest outcome, so the outcome should fall inside {odds(basis.level)}, and "
                "outside in the rest. A wide range is not a fault: it says that little can be "
                "known, mostly because a partner has few customers. Never add up the ends of "
                "ranges: the range of a sum is narrower than the sum of the ranges."
            ),
        ),
        Fact(
            term="What the ranges contain, and what not",
            text=(
                "They contain how unsure the model's settings are, how customers differ, and "
                "chance in purchases, stopping and spending. No customer's average purchase is "
                "taken to exceed three times the highest average seen so far. "
                + _beyond_the_model(basis)
                + " Campaigns, price changes, a competitor, a partner that closes: the model knows "
                "nothing of them, and a larger shock than the past had can put the outcome outside "
                "the range more often than stated."
            ),
        ),
        _newcomer_fact(basis),
        Fact(
            term="Has the forecast been tried on the past?",
            text=past_words(basis),
        ),
        Fact(
            term="Customers with several partners",
            text=_allocation(basis)
            + " Whatever the rule, the partners add up to the programme, in every one of the "
            "futures played.",
        ),
        Fact(
            term="Do frequent buyers spend more?",
            text=_relation(basis),
        ),
        Fact(term="Seasons", text=_season(basis)),
        Fact(
            term="Stopping is never seen",
            text=(
                "Customers do not say goodbye: whether one has stopped, or is only between two "
                "purchases, is a judgement with a probability. The chances in this report are "
                "therefore about things that can be checked later: that a partner takes nothing, "
                f"or less than half, in the {basis.horizon} ahead."
            ),
        ),
    )
    return Section(key="method", title="Method, and how to read it", facts=facts)


def _newcomer_fact(basis: Basis) -> Fact:
    if basis.newcomers:
        return Fact(
            term="New customers",
            text=(
                "Each partner brings new customers at a pace of its own, until at some time it "
                "ceases to; both are judged by when it brought new ones so far, and by what is "
                "usual among partners. How many come is played forward together with all else, and "
                "what they buy as for any customer. Partners that join later are not in it. "
                + basis.why_newcomers
            ).rstrip(),
        )
    why = "switched off" if basis.why_newcomers == "switched off" else basis.why_newcomers
    return Fact(
        term="New customers are not in the figures",
        text=(
            (f"{why.capitalize()}. " if why == "switched off" else f"{why} ")
            + f"All figures of the future are about customers who had bought by "
            f"{long_date(basis.as_of)}. What partners will bring in new customers comes on top. "
            "For a partner that still wins customers the figures are therefore a floor for "
            "planning, not its whole potential."
        ).strip(),
    )


def _season(basis: Basis) -> str:
    found = basis.forecast.provenance.get("calendar")
    if not isinstance(found, Mapping) or found.get("kind") == "off":
        why = display_name(found.get("how"), width=600) if isinstance(found, Mapping) else "off"
        return f"The forecast has no season: every day of the year counts the same ({why})."
    return (
        "The forecast counts time by a clock that runs faster in the strong part of the year and "
        "slower in the weak part, and the ranges contain how unsure that clock is. It takes for "
        "granted that the season keeps its shape and its dates, and that partners share it. "
        f"This one: {display_name(found.get('how'), width=600)}."
    )


def _relation(basis: Basis) -> str:
    found = basis.forecast.provenance.get("dependence")
    if isinstance(found, Mapping):
        return display_name(found.get("how"), width=600)
    return "Not looked at: how often customers buy and what they spend are taken as unrelated."


def _beyond_the_model(basis: Basis) -> str:
    layers = basis.forecast.provenance.get("layers")
    if isinstance(layers, Mapping) and "width" in basis.forecast.spec.layers:
        return (
            "They also contain how far programmes drift from what a model foresees, as far as "
            "past forecasts on these data show it."
        )
    return "The ranges take for granted that customers go on behaving as they did."


def _allocation(basis: Basis) -> str:
    said = told(basis.forecast, "allocation", section="Method, and how to read it")
    if isinstance(said, Mapping):
        said = said.get("how") or said.get("rule") or ""
    text = display_name(said, width=600).rstrip(".")
    return "A customer's value is shared out among its partners. The rule: " + text + "."


def glossary(basis: Basis) -> Section:
    """Explain the words used.

    Parameters
    ----------
    basis : Basis

    Returns
    -------
    Section
    """
    customers = "customers" if basis.newcomers else "known customers"
    whose = "all customers" if basis.newcomers else f"customers known on {long_date(basis.as_of)}"
    facts = (
        Fact(
            term="Active customer",
            text=f"Buys at least once in the {basis.horizon} ahead.",
        ),
        Fact(
            term="As of",
            text="The last day the model knows of. All later purchases are the future to it.",
        ),
        Fact(
            term="Chance of no revenue",
            text=(
                f"How likely it is that none of the partner's {customers} buys through it in the "
                f"{basis.horizon} ahead."
            ),
        ),
        Fact(
            term="Chance of halving",
            text=(
                f"How likely it is that the partner's revenue from {customers} falls below half of "
                f"its revenue in the {basis.horizon} before."
            ),
        ),
        Fact(term="Customer", text="Who buys."),
        Fact(term="Partner", text="Who brought or serves the customer."),
        Fact(
            term="Expected revenue",
            text=(
                f"Gross revenue from {long_date(basis.start)} to {long_date(basis.end)}, from "
                f"{whose}, on average over all futures played."
            ),
        ),
        Fact(
            term="Head and long tail",
            text=(
                "The head is the partners, most valuable first, that together bring 80% of the "
                "worth; the long tail is all others."
            ),
        ),
        Fact(
            term="Revenue to date",
            text="Revenue in the data up to the as-of date, after refunds.",
        ),
        Fact(
            term="Too few customers to rank",
            text=(
                f"The {basis.level}% range of the partner's place covers more than a tenth of "
                "the list (in a short list, more than five places or half of it), so its rank "
                "would be mostly chance."
            ),
        ),
        Fact(
            term="Worth today",
            text=(
                "Expected revenue, "
                + "".join(f"{step}, " for step in summary_steps(basis)).removesuffix(", ")
                + "."
                if summary_steps(basis)
                else "Expected revenue, as it is: no costs and no discount rate were given."
            ),
        ),
        *_newcomer_terms(basis),
        *money_glossary(basis),
    )
    return Section(
        key="glossary",
        title="Glossary",
        facts=tuple(sorted(facts, key=lambda fact: fact.term.lower())),
    )


def _newcomer_terms(basis: Basis) -> tuple[Fact, ...]:
    if not basis.newcomers:
        return ()
    return (
        Fact(
            term="New customer",
            text=f"Buys for the first time after {long_date(basis.as_of)}.",
        ),
        Fact(
            term="Chance that it still wins customers",
            text="How likely it is that the partner has not ceased to bring new customers.",
        ),
    )


def provenance(basis: Basis) -> Section:
    """Say where the figures come from, so that somebody can make them again.

    Parameters
    ----------
    basis : Basis

    Returns
    -------
    Section

    Raises
    ------
    ForecastError
        The forecast does not say how it was made.
    """
    title = "Where these figures come from"
    spec = basis.forecast.spec

    def said(*path: str) -> object:
        found = told(basis.forecast, path[0], section=title)
        for key in path[1:]:
            found = found.get(key) if isinstance(found, Mapping) else None
        return found

    facts = [
        ("Data", f"{_shown(said('data_source'))}, {_shown(said('first_day'))} to {basis.as_of}"),
        (
            "Forecast",
            (
                f"{display_name(spec.horizon.text)}: {long_date(basis.start)} to "
                f"{long_date(basis.end)} ({spec.horizon.days:g} days)"
            ),
        ),
        ("Simulated futures", f"{spec.draws:,}, seed {spec.seed}"),
        ("Money terms", terms_text(basis)),
    ]
    for part, label in (("purchase", "Purchase model"), ("spend", "Spend model")):
        facts.append((label, _shown(said(part, "model"))))
        facts.append((f"{label}: parameters", _parameters(said(part, "parameters"))))
        facts.append(
            (f"{label}: is it to be trusted?", _shown(said(part, "diagnostics", "verdict")))
        )
    facts += [
        (
            "Fit",
            (
                f"{_shown(said('fit', 'method'))}, {_shown(said('fit', 'draws'))} parameter draws, "
                f"seed {said('fit', 'seed')}, time in {_shown(said('time_unit'))}s"
            ),
        ),
        ("Self-check of the simulation", _self_check(said("self_check"))),
        ("Fingerprint of the data", _shown(said("fingerprint"))),
        ("Made with", f"ltvforecast {_shown(said('package_version'))}"),
    ]
    return Section(
        key="provenance",
        title=title,
        facts=tuple(Fact(term=term, text=text) for term, text in facts),
    )


def _parameters(said: object) -> str:
    if not isinstance(said, Mapping):
        return "not stated"
    return ", ".join(
        f"{name} {rounded(spread['mean'])} (± {rounded(spread['sd'], digits=2)})"
        for name, spread in said.items()
    )


def _self_check(said: object) -> str:
    if not isinstance(said, Mapping):
        return "not stated"
    found = [
        f"{name}: simulated {rounded(result['simulated'], digits=5)}, exact expectation "
        f"{rounded(result['closed_form'], digits=5)}, {rounded(abs(result['z']), digits=2)} "
        "standard errors apart"
        for name, result in said.items()
        if result.get("checked")
    ]
    return "; ".join(found) or "could not be made"


def _shown(value: object) -> str:
    if value is None:
        return "not stated"
    if isinstance(value, int):
        return f"{value:,}"
    return _WORDS.get(str(value), display_name(value, width=600))
