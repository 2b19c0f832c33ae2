"""Right and wrong before: forecasts from past dates on these data, and what they taught."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from ltvforecast.report.basis import Basis
from ltvforecast.report.document import Cell, Column, Fact, Section, Table
from ltvforecast.report.wording import count, horizon_words, percent

__all__ = ["nearest_record", "past", "past_words"]

TITLE = "Right and wrong before"
Facts = Mapping[str, object]


def past(basis: Basis) -> Section:
    """Say how right such forecasts would have been before, and what was learnt from that.

    Parameters
    ----------
    basis : Basis

    Returns
    -------
    Section
    """
    layers = _layers(basis)
    if layers is None:
        return Section(key="past", title=TITLE, paragraphs=(past_words(basis),))
    tables = (_table(layers),) if _records(layers) else ()
    return Section(
        key="past",
        title=TITLE,
        paragraphs=(past_words(basis),),
        tables=tables,
        facts=tuple(_facts(basis, layers)),
    )


def _layers(basis: Basis) -> Facts | None:
    found = basis.forecast.provenance.get("layers")
    return found if isinstance(found, Mapping) else None


def _records(layers: Facts) -> Sequence[Facts]:
    found = layers.get("track_record")
    return found if isinstance(found, Sequence) else ()


def nearest_record(basis: Basis) -> Facts | None:
    """Find the past forecasts whose horizon was nearest to the one of this forecast."""
    layers = _layers(basis)
    records = _records(layers) if layers else ()
    days = basis.forecast.spec.horizon.days
    return min(
        records, key=lambda each: abs(math.log(_number(each, "horizon_days") / days)), default=None
    )


def _number(record: Facts, name: str) -> float:
    return float(str(record[name]))


def past_words(basis: Basis) -> str:
    """Say in a few sentences how right such forecasts would have been before.

    Parameters
    ----------
    basis : Basis

    Returns
    -------
    str
    """
    record = nearest_record(basis)
    if record is None:
        return (
            "This forecast could not be tried on the past of these data: the history is too "
            "short, or the trial was switched off. Treat the ranges as the model's own claim."
        )
    days = _number(record, "horizon_days")
    inside, claimed = _number(record, "coverage_90"), 0.9
    error, last = _number(record, "wape"), _number(record, "wape_last_window")
    far = not 0.45 <= days / basis.forecast.spec.horizon.days <= 2.2
    sentence = (
        f"Forecasts of {horizon_words('', days)} ahead, made from "
        f"{count(int(_number(record, 'windows')), 'past date')} with what was known then, held "
        f"{percent(inside)} of what partners really took inside their 90% ranges. "
    )
    if inside < claimed - 0.05:
        sentence += "That is less than it should be: read the ranges as too narrow. "
    elif inside > claimed + 0.05:
        sentence += "That is more than it should be: the ranges are on the wide side. "
    sentence += f"They were {percent(error)} off on average, weighted by revenue; "
    alike = abs(error - last) < 0.05 * last
    better = "about as much as" if alike else "less than" if error < last else "more than"
    sentence += (
        f"carrying the last equally long window forward was {percent(last)} off, so the forecast "
        f"erred {better} that."
    )
    if far:
        sentence += (
            f" No forecast as long as {basis.horizon} could be tried yet: how well it holds over "
            "that time is not known from these data."
        )
    return sentence


def _table(layers: Facts) -> Table:
    columns = (
        Column(heading="Looking ahead", numeric=False),
        Column(heading="Past dates"),
        Column(heading="Partner totals", meaning="Partners with 20 customers or more, all dates."),
        Column(heading="Inside 50% range"),
        Column(heading="Inside 80% range"),
        Column(heading="Inside 90% range"),
        Column(heading="Error", meaning="Sum of absolute errors over the revenue that came."),
        Column(heading="Error of last window", meaning="Carried forward, as many do by hand."),
        Column(heading="Whole programme", meaning="Forecast over what came, less one."),
    )
    rows = tuple(_row(record) for record in _records(layers))
    return Table(
        name="past",
        caption="Forecasts from past dates against what came",
        columns=columns,
        rows=rows,
        notes=(
            "Each forecast used only what was known at its date, also of earlier forecasts.",
            "Revenue of customers who came later is not counted on either side.",
        ),
    )


def _row(record: Facts) -> tuple[Cell, ...]:
    shares = ("coverage_50", "coverage_80", "coverage_90", "wape", "wape_last_window")
    bias = _number(record, "bias")
    return (
        Cell(
            text=horizon_words("", _number(record, "horizon_days")),
            value=_number(record, "horizon_days"),
        ),
        *(
            Cell(text=f"{int(_number(record, name)):,}", value=_number(record, name))
            for name in ("windows", "partners")
        ),
        *(
            Cell(text=f"{100 * _number(record, name):.0f}%", value=_number(record, name))
            for name in shares
        ),
        Cell(text=f"{100 * bias:+.1f}%".replace("-", "−"), value=bias),
    )


def _facts(basis: Basis, layers: Facts) -> list[Fact]:
    estimate = layers["estimate"]
    on = basis.forecast.spec.layers
    if not isinstance(estimate, Mapping):
        return []
    learnt = {
        "combination": _combination(estimate),
        "correction": _correction(estimate),
        "width": _width(estimate),
    }
    titles = {
        "combination": "Recent revenue weighed in",
        "correction": "Correction of the total",
        "width": "Ranges widened to what really varied",
    }
    off = " (Switched off in this forecast.)"
    facts = [
        Fact(term=titles[name], text=text + ("" if name in on else off))
        for name, text in learnt.items()
    ]
    return [*facts, Fact(term="How this was found out", text=f"{layers['how']}.".capitalize())]


def _combination(estimate: Facts) -> str:
    weight = _number(estimate, "weight")
    if weight == 0:
        return (
            "Partners' recent revenue did not forecast their shares better than the model did: it "
            "is not weighed in."
        )
    source = (
        "revenue in the same window a year before"
        if estimate["recent"] == "last_year"
        else f"recent revenue (counted half after {_number(estimate, 'half_life_days'):g} days)"
    )
    return (
        f"For partners with many customers, {source} makes up {percent(weight)} of the share that "
        "a partner gets of the programme's forecast; for one of 20 customers half as much. On past "
        f"dates this lowered the error of partner totals by {percent(_number(estimate, 'gain'))}. "
        "The programme's total is not touched."
    )


def _correction(estimate: Facts) -> str:
    factor = math.expm1(_number(estimate, "correction"))
    if abs(factor) < 0.0005:
        return "Past totals were neither too high nor too low on average: nothing is corrected."
    word = "up" if factor > 0 else "down"
    return (
        f"Past totals were {'too low' if factor > 0 else 'too high'} on average: all figures are "
        f"moved {word} by {100 * abs(factor):.1f}%."
    )


def _width(estimate: Facts) -> str:
    spread = _number(estimate, "programme_spread")
    text = (
        f"The whole programme is taken to come out about {percent(spread)} higher or lower than "
        "the model foresees, for reasons that no customer's history tells: the economy, prices, "
        "competitors. All partners share this in each simulated future."
    )
    width = _number(estimate, "partner_width")
    if abs(width - 1) > 0.05:
        text += f" The ranges of single partners are {width:.1f} times as wide as the model's own."
    if _number(estimate, "partner_swing") > 0:
        text += (
            f" On top, each partner swings by {percent(_number(estimate, 'partner_swing'))} of "
            "its own."
        )
    return text
