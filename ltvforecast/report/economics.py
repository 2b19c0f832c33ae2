"""Whether partners pay: worth against the cost of winning them, payback, and the highest costs."""

from __future__ import annotations

import math

import pandas as pd

from ltvforecast.plots.chart_data import costly_partners
from ltvforecast.report.basis import Basis, Row, amount, named, records, whole
from ltvforecast.report.cells import estimate, figure, name_cell, probability
from ltvforecast.report.document import Cell, Chart, Column, Section, Table
from ltvforecast.report.money_terms import costs_given, left_out_words, priced
from ltvforecast.report.wording import (
    count,
    long_date,
    money,
    months_text,
    odds,
    percent,
    share_text,
    times_text,
)

__all__ = ["economics", "horizon_months"]

SHOWN = 50
NAMED = 5
PAYS, DOUBTFUL = 0.9, 0.5
_TITLE = "Do the partners pay?"
_GIVE = (
    "Give margin and commission of the whole programme to the command predict: --margin 0.6 "
    "--commission 0.1. Tiers, bounties, running costs, and terms that differ by segment or partner "
    "stand in a file: --economics terms.toml. Or give each partner's own in columns of the partner "
    "table, such as acquisition_cost, commission_rate and margin."
)


def horizon_months(basis: Basis) -> float:
    """Give the length of the horizon in months."""
    return round(basis.forecast.spec.horizon.days / (365.25 / 12), 1)


def economics(basis: Basis) -> Section:
    """Set worth against costs, as far as costs are known.

    Parameters
    ----------
    basis : Basis

    Returns
    -------
    Section
    """
    if not costs_given(basis):
        said = (
            (
                "No margin, no commission and no costs were given, so this forecast can't say "
                f"whether a partner pays. {_GIVE}"
            ),
        )
        return Section(key="economics", title=_TITLE, paragraphs=said)
    words = _ratio_words(basis) if priced(basis) else (_unpriced(basis),)
    costly = costly_partners(basis.forecast)
    chart = Chart(
        name="economics",
        title=(
            f"Worth for each unit of cost: the {count(min(20, len(costly)), 'partner')} that cost "
            "the most to win"
        ),
        description=(
            "One line a partner. The mark is the expected worth over the cost; the thick line "
            f"holds the outcome half of the time, the thin line {odds(basis.level)}. The dashed "
            "line at 1 is break-even; diamonds are partners that more likely than not cost more "
            "than they bring. The figures are in the table below."
        ),
    )
    return Section(
        key="economics",
        title=_TITLE,
        paragraphs=(*words, _highest_words(basis), *left_out_words(basis)),
        chart=None if costly.empty else chart,
        tables=(_table(basis),),
    )


def _unpriced(basis: Basis) -> str:
    return (
        "What it cost to win the partners was not given, so their worth can't be set against it: "
        "give acquisition_cost in the economics file (--economics) or in the partner table. "
        f"Worth of the programme after all costs that were given: {amount(basis, _ltv(basis))}."
    )


def _ltv(basis: Basis) -> float:
    return whole(basis, "ltv")


def _ratio_words(basis: Basis) -> tuple[str, ...]:
    known, everyone = int(whole(basis, "partners_with_cac")), len(basis.ranked)
    ratio = whole(basis, "ltv_to_cac")
    cost = amount(basis, whole(basis, "cac"))
    partners = count(known, "partner")
    told = f"It cost {cost} to win the {partners}"
    told += ". " if known == everyone else f" of which the cost is known, of {everyone:,} in all. "
    if math.isnan(ratio):
        return (told + "Nothing can be divided by that.", _sunk_words(basis))
    low, high = (whole(basis, f"ltv_to_cac_{end}_{basis.level}") for end in ("lo", "hi"))
    together = "They are worth" if known > 1 else "It is worth"
    return (
        told + f"{together} {times_text(ratio)} times that (LTV:CAC, {times_text(low)} to "
        f"{times_text(high)}); the chance that the worth exceeds the cost is "
        f"{probability(whole(basis, 'p_ltv_exceeds_cac')).text}. {_payback_words(basis)}",
        *_single_words(basis),
        _sunk_words(basis),
    )


def _payback_words(basis: Basis) -> str:
    most = horizon_months(basis)
    middle = whole(basis, "payback_months")
    chance = probability(whole(basis, "p_payback")).text
    if math.isnan(middle):
        return (
            f"Within the {basis.horizon} ahead the cost is more likely than not still to be earned "
            f"back at their end; the chance of payback within them is {chance}."
        )
    low, high = (whole(basis, f"payback_months_{end}_{basis.level}") for end in ("lo", "hi"))
    ends = [months_text(math.inf if math.isnan(end) else end, most=most) for end in (low, high)]
    within = f"{ends[0]} to {ends[1]}" if ends[0] != ends[1] else f"also {odds(basis.level)}"
    return (
        f"The cost is earned back after about {months_text(middle, most=most)} months ({within})."
    )


def _single_words(basis: Basis) -> tuple[str, ...]:
    chances = basis.ranked.loc[basis.ranked["cac"].notna(), ["partner_id", "p_ltv_exceeds_cac"]]
    if len(chances) < 2:
        return ()
    chance = chances["p_ltv_exceeds_cac"]
    poor = chances[chance < DOUBTFUL].sort_values(["p_ltv_exceeds_cac", "partner_id"])
    told = (
        f"{int((chance >= PAYS).sum()):,} of the {len(chances):,} partners earn their cost with a "
        f"chance of {percent(PAYS)} or more"
    )
    if poor.empty:
        return (told + "; none is more likely to cost more than it brings.",)
    names = ", ".join(named(name) for name in poor["partner_id"].head(NAMED))
    more = f" and {len(poor) - NAMED:,} more" if len(poor) > NAMED else ""
    ones = "1 is more likely to cost more than it brings"
    several = f"{len(poor):,} are more likely to cost more than they bring"
    losing = f"{ones if len(poor) == 1 else several} in the {basis.horizon} ahead"
    return (f"{told}; {losing}: {names}{more}.",)


def _sunk_words(basis: Basis) -> str:
    return (
        f"The cost is set against what lies ahead, as if it were paid on {long_date(basis.start)}; "
        "what a partner brought before is not counted. So the figures say what it would be worth "
        "to win such a partner now, not whether an old one has earned its cost in all. A longer "
        "horizon counts more of what a partner brings."
    )


def _highest_words(basis: Basis) -> str:
    share = whole(basis, "max_affordable_commission")
    one_rate = (
        f"One commission rate for all partners could be as high as {share_text(share)} of revenue "
        "and the programme as a whole would still cover its costs"
        if share > 0
        else "Not even without commission would the programme as a whole cover its costs"
    )
    return (
        "The table says how much winning each partner may cost at most, and how high a flat "
        f"commission may be at most, to pay with a probability of {percent(PAYS)}. {one_rate} "
        "with that probability."
    )


def _table(basis: Basis) -> Table:
    known = priced(basis)
    table = basis.ranked
    if known:
        table = table[table["cac"].notna()].sort_values(
            ["cac", "partner_id"], ascending=[False, True]
        )
    shown: pd.DataFrame = table.head(SHOWN)
    order = "that cost the most to win" if known else "that are worth the most"
    notes = [f"All figures of all {len(basis.ranked):,} partners are in partners.csv."]
    if known and len(table) < len(basis.ranked):
        missing = len(basis.ranked) - len(table)
        notes.insert(0, f"Of {count(missing, 'partner')} the cost is not known: not in the table.")
    return Table(
        name="economics-table",
        caption=f"The {count(len(shown), 'partner')} {order}"
        + (f" (amounts in {basis.currency})" if basis.currency else ""),
        columns=_columns(basis, known=known),
        rows=tuple(_row(basis, row, known=known) for row in records(shown)),
        notes=tuple(notes),
        searchable=True,
    )


def _columns(basis: Basis, *, known: bool) -> tuple[Column, ...]:
    against = (
        Column(heading="Times its cost", meaning="LTV:CAC, the worth over the cost."),
        Column(heading="Chance that it pays", meaning="That the worth exceeds the cost."),
        Column(
            heading="Earned back after months",
            meaning=f"In half of the futures by then. “over {horizon_months(basis):g}”: not within "
            "the horizon.",
        ),
    )
    return (
        Column(heading="Partner", numeric=False),
        *((Column(heading="Cost to win it", meaning="CAC."),) if known else ()),
        Column(
            heading="Worth today",
            meaning="After commission and running costs, before the cost of winning the partner.",
        ),
        *(against if known else ()),
        Column(heading="Highest cost that still pays"),
        Column(heading="Highest commission that still pays", meaning="Of all revenue."),
    )


def _row(basis: Basis, row: Row, *, known: bool) -> tuple[Cell, ...]:
    share = float(row["max_affordable_commission"])
    return (
        name_cell(row["partner_id"]),
        *((figure(float(row["cac"])),) if known else ()),
        estimate(basis, row, "ltv"),
        *(_against_cost(basis, row) if known else ()),
        Cell(text=money(float(row["max_affordable_cac"])), value=float(row["max_affordable_cac"])),
        Cell(text=share_text(share), value=share),
    )


def _against_cost(basis: Basis, row: Row) -> tuple[Cell, ...]:
    chance = probability(float(row["p_ltv_exceeds_cac"]))
    ratio = float(row["ltv_to_cac"])
    if math.isnan(ratio):
        return (Cell(text="no cost", value=-1e9), chance, Cell(text="0", value=0.0))
    low, high = (float(row[f"ltv_to_cac_{end}_{basis.level}"]) for end in ("lo", "hi"))
    ends = f"{times_text(low)} to {times_text(high)}"
    return Cell(text=times_text(ratio), value=ratio, detail=ends), chance, _payback(basis, row)


def _payback(basis: Basis, row: Row) -> Cell:
    most = horizon_months(basis)
    middle = float(row["payback_months"])
    ends = [
        months_text(float(row[f"payback_months_{end}_{basis.level}"]), most=most)
        for end in ("lo", "hi")
    ]
    return Cell(
        text=months_text(middle, most=most),
        value=middle if math.isfinite(middle) else most + 1,  # sorted after all within it
        detail=f"{ends[0]} to {ends[1]}" if ends[0] != ends[1] else "",
    )
