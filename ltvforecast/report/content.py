"""What the report says: every number is computed and every sentence written here."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from ltvforecast.errors import ForecastError
from ltvforecast.forecast_types import PartnerForecast
from ltvforecast.report.basis import Basis, amount, between, build_basis, listed, told, whole
from ltvforecast.report.cells import probability
from ltvforecast.report.commission import commission
from ltvforecast.report.covariates import covariates
from ltvforecast.report.data_account import data_quality, money_gap_micros
from ltvforecast.report.document import Card, Fact, Report, Section
from ltvforecast.report.economics import economics
from ltvforecast.report.explanation import glossary, method, provenance
from ltvforecast.report.lifespan import lifespan
from ltvforecast.report.money_terms import costs_given, left_out_words, summary_steps
from ltvforecast.report.newcomers import new_customers, newcomer_range
from ltvforecast.report.outlook import months, silence_words, watch_list
from ltvforecast.report.past import nearest_record, past
from ltvforecast.report.ranking import head_and_tail, partners
from ltvforecast.report.recruiting import recruiting
from ltvforecast.report.segments import segments
from ltvforecast.report.streams import streams
from ltvforecast.report.wording import (
    count,
    exact_money,
    head_count,
    long_date,
    odds,
    times_text,
)

__all__ = ["OPTIONAL", "SECTIONS", "build_report"]

SECTIONS: Mapping[str, Callable[[Basis], Section | None]] = {
    "partners": partners,
    "head-and-tail": head_and_tail,
    "segments": segments,
    "watch-list": watch_list,
    "lifespan": lifespan,
    "months": months,
    "new-customers": new_customers,
    "recruiting": recruiting,
    "economics": economics,
    "commission": commission,
    "streams": streams,
    "covariates": covariates,
    "past": past,
    "data": data_quality,
    "method": method,
    "glossary": glossary,
    "provenance": provenance,
}
"""The parts, in the order of the report."""
OPTIONAL = ("segments", "lifespan", "recruiting", "commission", "streams", "covariates")
"""Parts that are left out where there is nothing to say."""


def build_report(forecast: PartnerForecast) -> Report:
    """Write the report of a forecast, without deciding how it looks.

    Parameters
    ----------
    forecast : PartnerForecast

    Returns
    -------
    Report
        With all of :data:`SECTIONS`, but for the :data:`OPTIONAL` ones that have nothing to say.

    Raises
    ------
    ForecastError
        The forecast lacks something that a section must say; the message names the section.

    Notes
    -----
    Intervals are the 90 % ones, or the widest the forecast has.
    """
    basis = build_basis(forecast)
    return Report(
        title=f"Partner programme: what it is worth as of {long_date(basis.as_of)}",
        headline=_headline(basis),
        summary=_summary(basis),
        scope=_scope(basis),
        cards=_cards(basis),
        alerts=_alerts(basis),
        sections=tuple(
            section
            for key, write in SECTIONS.items()
            if (section := _section(key, write, basis)) is not None
        ),
        level=basis.level,
        forecast=forecast,
    )


def _section(key: str, write: Callable[[Basis], Section | None], basis: Basis) -> Section | None:
    try:
        return write(basis)
    except KeyError as missing:
        raise ForecastError(
            f"the section “{key}” can't be written: the forecast has no {missing.args[0]}",
            expected="all columns and figures of a forecast of this version",
            remedy="predict again with this version",
        ) from missing


def _headline(basis: Basis) -> str:
    programme = basis.forecast.programme
    currency = "" if basis.currency else " (the data name no currency)"
    customers = count(len(basis.forecast.customers), "customer")
    worth = amount(basis, whole(basis, "ltv"))
    span = f"from {long_date(basis.start)} to {long_date(basis.end)}"
    said = (
        f"This partner programme is worth {worth} today{currency}, counting what its {customers} "
        f"of {long_date(basis.as_of)} and those it will win buy {span}"
        if basis.newcomers
        else f"The {customers} this partner programme had on {long_date(basis.as_of)} are worth "
        f"{worth} today{currency}, counting their purchases {span}"
    )
    return (
        f"{said}; {odds(basis.level)} the outcome should lie between "
        f"{between(basis, programme, 'ltv', code=True, joined='and')}."
    )


def _summary(basis: Basis) -> str:
    programme = basis.forecast.programme
    new = ""
    if basis.newcomers:
        new = f", {amount(basis, whole(basis, 'new_revenue'))} of it from new customers,"
    return (
        f"{'It is' if basis.newcomers else 'They are'} expected to bring "
        f"{amount(basis, whole(basis, 'future_revenue'))} of revenue "
        f"({between(basis, programme, 'future_revenue')}){new} through "
        f"{count(len(basis.ranked), 'partner')}"
        + "".join(f", {step}" for step in summary_steps(basis))
        + "."
        + ("" if costs_given(basis) else " No margin and no commission were given, so costs are "
           "not in it.")
    )  # fmt: skip


def _scope(basis: Basis) -> tuple[Fact, ...]:
    day, end = long_date(basis.as_of), long_date(basis.end)
    span = f"in the {basis.horizon} from {long_date(basis.start)} to {end}"
    known = f"Purchases of customers who had bought by the end of {day}"
    if basis.newcomers:
        counted = f"{known}, and of those whom partners bring after it, {span}."
        not_counted = (
            f"Anything after {end}, revenue already received, and customers of partners that "
            "join later."
        )
    else:
        counted = f"{known}, {span}."
        not_counted = (
            f"Customers who buy for the first time after {day}, anything after {end}, and revenue "
            f"already received. {_why_no_newcomers(basis)} What they bring comes on top."
        )
    return (
        Fact(term="Counted", text=counted),
        Fact(term="Not counted", text=not_counted),
        Fact(
            term="Not known to the model",
            text=(
                "Campaigns, price changes, partners that close, and anything that has not happened "
                "before. "
                + (
                    "The ranges were tried against the past of these data: see “Right and wrong "
                    "before”."
                    if nearest_record(basis)
                    else "The ranges hold if customers go on as they did; they have not been tried "
                    "against the past of these data."
                )
            ),
        ),
    )


def _why_no_newcomers(basis: Basis) -> str:
    if basis.why_newcomers == "switched off":
        return "New customers were switched off for this forecast."
    return basis.why_newcomers


def _cards(basis: Basis) -> tuple[Card, ...]:
    programme = basis.forecast.programme
    range_words = f"{basis.level}% range: "
    head = int((basis.ranked["tail"] == "head").sum())
    known = len(basis.forecast.customers)
    past = f"in the {basis.horizon} before" if basis.recent_complete else "before, as far as known"
    active = whole(basis, "expected_active_customers")
    new = whole(basis, "new_customers") if basis.newcomers else 0.0
    return (
        Card(
            label="Worth today",
            figure=amount(basis, whole(basis, "ltv")),
            detail=range_words + between(basis, programme, "ltv"),
        ),
        Card(
            label=f"Revenue expected in {basis.horizon}",
            figure=amount(basis, whole(basis, "future_revenue")),
            detail=range_words + between(basis, programme, "future_revenue"),
        ),
        Card(
            label=f"Revenue {past}",
            figure=amount(basis, basis.recent.sum()),
            detail="from all customers of the time, new ones included",
        ),
        Card(
            label="Customers expected to buy again",
            figure=f"{round(active - new):,}",
            detail=f"of {count(known, 'customer')} known",
        ),
        *_newcomer_card(basis),
        Card(
            label="Partners that bring 80% of the worth",
            figure=f"{head:,}" if whole(basis, "ltv") > 0 else "–",
            detail=f"of {count(len(basis.ranked), 'partner')}",
        ),
        _falling_card(basis),
        *_money_cards(basis),
    )


def _falling_card(basis: Basis) -> Card:
    risky = (basis.watched["risk"] > 0.5) | basis.watched["silent"]
    falling = basis.watched[risky & (basis.watched["at_stake"] > 0)]
    halving = bool((basis.watched["event"] == "halving").all())
    lost = "take less than half of before" if halving else "take nothing any more"
    who = "" if basis.newcomers else " (known customers only)"
    return Card(
        label="Partners that may drop away",
        figure=f"{len(falling):,}",
        detail=f"more likely than not to {lost}{who}, or silent unusually "
        f"long; {amount(basis, falling['at_stake'].sum())} at stake",
    )


def _newcomer_card(basis: Basis) -> tuple[Card, ...]:
    if not basis.newcomers:
        return ()
    return (
        Card(
            label="New customers expected",
            figure=head_count(whole(basis, "new_customers")),
            detail=f"{basis.level}% range: {newcomer_range(basis)}; they bring "
            f"{amount(basis, whole(basis, 'new_revenue'))}",
        ),
    )


def _money_cards(basis: Basis) -> tuple[Card, ...]:
    cards = []
    if basis.paid:
        cards.append(
            Card(
                label=f"Commission for {basis.horizon}",
                figure=amount(basis, whole(basis, "commission")),
                detail=f"{basis.level}% range: "
                + between(basis, basis.forecast.programme, "commission"),
            )
        )
    ratio = whole(basis, "ltv_to_cac")
    if not math.isnan(ratio):
        known = count(int(whole(basis, "partners_with_cac")), "partner")
        exceeds = probability(whole(basis, "p_ltv_exceeds_cac")).text
        cards.append(
            Card(
                label="Worth over acquisition cost (LTV:CAC)",
                figure=times_text(ratio),
                detail=f"{known} whose cost is known; above 1 with a chance of {exceeds}",
            )
        )
    return tuple(cards)


def _alerts(basis: Basis) -> tuple[str, ...]:
    """Say what to know before using the figures, the gravest first."""
    forecast = basis.forecast
    section = "What to know first"
    found: list[str] = []
    for part in ("purchase", "spend"):
        fit = told(forecast, part, section=section)
        fitted = fit.get("diagnostics") if isinstance(fit, Mapping) else None
        if isinstance(fitted, Mapping) and not fitted["trusted"]:
            found.extend(listed(f"{part} model: {fitted['verdict']}"))
    gap = money_gap_micros(basis)
    if abs(gap) >= 5_000:
        found.append(
            "The partners' revenue to date and the account of the data differ by "
            f"{exact_money(abs(gap), basis.currency)}."
        )
    ahead, taken = whole(basis, "future_revenue"), float(basis.recent.sum())
    if basis.recent_complete and ahead > 2 * taken > 0:
        found.append(
            f"The forecast is {ahead / taken:.1f} times the revenue of the {basis.horizon} before"
            f"{'. ' if basis.newcomers else ', although it counts no new customers. '}"
            "Find out why before you use it."
        )
    found.extend(left_out_words(basis))
    found.extend(silence_words(basis))
    found.extend(listed(told(forecast, "warnings", section=section)))
    return tuple(dict.fromkeys(_sentence(text) for text in found))


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")
