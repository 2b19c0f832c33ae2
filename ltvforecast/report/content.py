"""What the report says: every number is computed and every sentence written here."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ltvforecast.errors import ForecastError
from ltvforecast.report.basis import Basis, amount, between, build_basis, listed, told, whole
from ltvforecast.report.data_account import data_quality, money_gap_micros
from ltvforecast.report.document import Card, Fact, Report, Section
from ltvforecast.report.explanation import glossary, method, provenance
from ltvforecast.report.outlook import months, silence_words, watch_list
from ltvforecast.report.past import nearest_record, past
from ltvforecast.report.ranking import head_and_tail, partners
from ltvforecast.report.wording import count, exact_money, long_date, odds, percent
from ltvforecast.types import PartnerForecast

__all__ = ["SECTIONS", "build_report"]

SECTIONS: Mapping[str, Callable[[Basis], Section]] = {
    "partners": partners,
    "head-and-tail": head_and_tail,
    "watch-list": watch_list,
    "months": months,
    "past": past,
    "data": data_quality,
    "method": method,
    "glossary": glossary,
    "provenance": provenance,
}
"""The parts, in the order of the report."""


def build_report(forecast: PartnerForecast) -> Report:
    """Write the report of a forecast, without deciding how it looks.

    Parameters
    ----------
    forecast : PartnerForecast

    Returns
    -------
    Report
        With all of :data:`SECTIONS`.

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
        sections=tuple(_section(key, write, basis) for key, write in SECTIONS.items()),
        level=basis.level,
        forecast=forecast,
    )


def _section(key: str, write: Callable[[Basis], Section], basis: Basis) -> Section:
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
    return (
        f"The {count(len(basis.forecast.customers), 'customer')} this partner programme had on "
        f"{long_date(basis.as_of)} are worth {amount(basis, whole(basis, 'ltv'))} today{currency}, "
        f"counting their purchases from {long_date(basis.start)} to {long_date(basis.end)}; "
        f"{odds(basis.level)} the outcome should lie between "
        f"{between(basis, programme, 'ltv', code=True, joined='and')}."
    )


def _summary(basis: Basis) -> str:
    programme, terms = basis.forecast.programme, basis.forecast.spec.economics
    steps = []
    if terms.margin < 1:
        steps.append(f"of which {percent(terms.margin)} is margin")
    if terms.commission > 0:
        steps.append(f"less {percent(terms.commission)} commission")
    if terms.discount_rate:
        rate = f"{100 * terms.discount_rate:g}%".replace("-", "−")
        steps.append(f"with later money discounted at {rate} a year")
    free = terms.margin == 1 and terms.commission == 0
    return (
        f"They are expected to bring {amount(basis, whole(basis, 'future_revenue'))} of revenue "
        f"({between(basis, programme, 'future_revenue')}) through "
        f"{count(len(basis.ranked), 'partner')}"
        + "".join(f", {step}" for step in steps)
        + "."
        + (" No margin and no commission were given, so costs are not in it." if free else "")
    )


def _scope(basis: Basis) -> tuple[Fact, ...]:
    return (
        Fact(
            term="Counted",
            text=(
                f"Purchases of customers who had bought by the end of {long_date(basis.as_of)}, "
                f"in the {basis.horizon} from {long_date(basis.start)} to {long_date(basis.end)}."
            ),
        ),
        Fact(
            term="Not counted",
            text=(
                f"Customers who buy for the first time after {long_date(basis.as_of)}, anything "
                f"after {long_date(basis.end)}, and revenue already received. New customers are "
                "not forecast yet: what they bring comes on top."
            ),
        ),
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


def _cards(basis: Basis) -> tuple[Card, ...]:
    programme = basis.forecast.programme
    range_words = f"{basis.level}% range: "
    head = int((basis.ranked["tail"] == "head").sum())
    known = len(basis.forecast.customers)
    past = f"in the {basis.horizon} before" if basis.recent_complete else "before, as far as known"
    risky = (basis.watched["risk"] > 0.5) | basis.watched["silent"]
    falling = basis.watched[risky & (basis.watched["at_stake"] > 0)]
    halving = bool((basis.watched["event"] == "halving").all())
    lost = "take less than half of before" if halving else "take nothing any more"
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
            figure=f"{round(whole(basis, 'expected_active_customers')):,}",
            detail=f"of {count(known, 'customer')} known",
        ),
        Card(
            label="Partners that bring 80% of the worth",
            figure=f"{head:,}" if whole(basis, "ltv") > 0 else "–",
            detail=f"of {count(len(basis.ranked), 'partner')}",
        ),
        Card(
            label="Partners that may drop away",
            figure=f"{len(falling):,}",
            detail=f"more likely than not to {lost} (known customers only), or silent unusually "
            f"long; {amount(basis, falling['at_stake'].sum())} at stake",
        ),
    )


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
            f"The forecast is {ahead / taken:.1f} times the revenue of the {basis.horizon} before, "
            "although it counts no new customers. Find out why before you use it."
        )
    found.extend(silence_words(basis))
    found.extend(listed(told(forecast, "warnings", section=section)))
    return tuple(dict.fromkeys(_sentence(text) for text in found))


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")
