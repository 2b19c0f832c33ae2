"""What lies ahead: the partners to watch, and revenue by month."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import pandas as pd

from ltvforecast.plots.chart_data import WORTH_WATCHING, revenue_by_period
from ltvforecast.plots.labels import display_name
from ltvforecast.report.basis import Basis, Row, amount, records, whole
from ltvforecast.report.cells import estimate, figure, heads, period_cell, probability
from ltvforecast.report.document import Cell, Chart, Column, Section, Table
from ltvforecast.report.risk_table import risk_table, risk_words
from ltvforecast.report.wording import chance, count, gap_words, long_date, money, odds, percent

__all__ = ["months", "silence_words", "watch_list"]

PAST_SHOWN, AHEAD_SHOWN = 24, 72
"""Months (or weeks) in the tables and in the chart."""
_EPOCH = dt.date(1970, 1, 1)


def watch_list(basis: Basis) -> Section:
    """List the partners where much money meets much risk.

    Parameters
    ----------
    basis : Basis

    Returns
    -------
    Section
    """
    table = basis.watched
    listed_rows = table[table["number"] > 0]
    said = [
        (
            "Partners are listed by the money they have at stake times the chance of losing it. "
            + (
                "New customers are counted as far as they are expected. "
                if basis.newcomers
                else "Only customers known today are counted: a partner that goes on winning new "
                "customers will do better than shown. "
            )
            + "Read the list as a list of calls to make, not of losses."
        ),
        *_halving_words(basis, table),
        *silence_words(basis),
    ]
    if listed_rows.empty:
        said.append(
            f"No partner with money at stake has a risk of {percent(WORTH_WATCHING)} or more."
        )
    said.extend(risk_words(basis))
    chart = Chart(
        name="watch-list",
        title="Money at stake and the chance that it drops away",
        description=(
            "Each mark is a partner: further right, more money at stake; further up, more "
            "likely to drop away. The numbered diamonds are the partners listed in the table "
            "below, under the same numbers."
        ),
    )
    return Section(
        key="watch-list",
        title="Watch-list",
        paragraphs=tuple(said),
        chart=None if listed_rows.empty else chart,
        tables=(
            *(() if listed_rows.empty else (_watch_table(basis, listed_rows),)),
            *risk_table(basis),
        ),
    )


def silence_words(basis: Basis) -> tuple[str, ...]:
    """Say which money stands with partners that have gone silent.

    Parameters
    ----------
    basis : Basis

    Returns
    -------
    tuple of str
        Empty if there are none.
    """
    silent = basis.watched[basis.watched["silent"] & (basis.watched["at_stake"] > 0)]
    if silent.empty:
        return ()
    known = basis.recent[silent["partner_id"]].sum()
    return (
        (
            f"{count(len(silent), 'partner has', 'partners have')} been silent more than twice as "
            f"long as ever before. They took {amount(basis, known)} in the {basis.horizon} before, "
            f"and the forecast still counts on {amount(basis, silent['future_revenue'].sum())} "
            "from them, because the model can't see that a partner has closed or changed its "
            "ways. The watch-list counts their revenue as lost: ask them first."
        ),
    )


def _halving_words(basis: Basis, table: pd.DataFrame) -> tuple[str, ...]:
    known = table[table["event"] == "halving"]
    silent = len(table) - len(known)
    said = []
    if len(known):
        likely = known[known["risk"] > 0.5]
        said.append(
            f"{count(len(likely), 'partner')} of {len(known):,} will more likely than not take "
            f"less than half of what they took in the {basis.horizon} before; in that time they "
            f"took {amount(basis, likely['at_stake'].sum())} together."
        )
    if silent:
        said.append(
            f"For {count(silent, 'partner')} the data do not hold {basis.horizon} of past "
            "revenue to compare with; there the risk is that of no revenue at all, and the "
            "money at stake is the expected revenue."
        )
    return tuple(said)


def _watch_table(basis: Basis, table: pd.DataFrame) -> Table:
    by_name = {row["partner_id"]: row for row in records(basis.ranked)}
    rows = tuple(
        (
            Cell(text=str(row["number"]), value=row["number"]),
            Cell(text=display_name(row["partner_id"]), value=display_name(row["partner_id"])),
            Cell(
                text=money(float(basis.recent[row["partner_id"]])),
                value=float(basis.recent[row["partner_id"]]),
            ),
            estimate(basis, by_name[row["partner_id"]], "future_revenue"),
            probability(row["p_decline"]),
            probability(row["p_churn"]),
            _last_purchase(basis, row),
            _verdict(row),
        )
        for row in records(table)
    )
    return Table(
        name="watch-table",
        caption="Partners to call first"
        + (f" (amounts in {basis.currency})" if basis.currency else ""),
        columns=(
            Column(heading="Number"),
            Column(heading="Partner", numeric=False),
            Column(heading=f"Revenue, last {basis.horizon}"),
            Column(heading=f"Expected, next {basis.horizon}"),
            Column(heading="Chance of halving"),
            Column(heading="Chance of no revenue"),
            Column(
                heading="Last purchase",
                numeric=False,
                meaning=f"By any of its customers, seen from {long_date(basis.as_of)}.",
            ),
            Column(heading="In words", numeric=False),
        ),
        rows=rows,
        heads=1,
        searchable=True,
    )


def _verdict(row: Row) -> Cell:
    event = "fall below half" if row["event"] == "halving" else "bring nothing"
    words = chance(row["risk"])
    said = f"may {event} or not" if words == "could go either way" else f"{words} to {event}"
    if not row["silent"]:
        return Cell(text=said, value=row["risk"])
    return Cell(
        text="unusually silent",
        value=1.0,
        detail=f"more than twice as long as ever before; by its customers alone {said}",
    )


def _last_purchase(basis: Basis, row: Row) -> Cell:
    last = int(row["last_day"])
    if last < 0:
        return Cell(text="none", value=-1.0)
    day = _EPOCH + dt.timedelta(days=last)
    ago = (basis.as_of - day).days
    gap = gap_words(float(row["usual_gap"]))
    when = "on the last day" if ago == 0 else f"{count(ago, 'day')} ago"
    return Cell(
        text=day.isoformat(), value=float(last), detail=when + (f"; usually {gap}" if gap else "")
    )


def months(basis: Basis) -> Section:
    """Show revenue by month (or week): what was, and what is expected.

    Parameters
    ----------
    basis : Basis

    Returns
    -------
    Section
    """
    unit = "week" if basis.weekly else "month"
    past = revenue_by_period(basis.forecast)
    shown = past.tail(PAST_SHOWN)
    said = [
        *_chart_words(basis, unit),
        _comparison(basis),
    ]
    return Section(
        key="months",
        title=f"Forecast by {unit}",
        paragraphs=tuple(said),
        chart=Chart(
            name="months",
            title=f"Revenue by {unit}, past and expected",
            description=(
                f"Past {unit}s as bars up to {long_date(basis.as_of)}, expected {unit}s as "
                + ("bars in two parts" if basis.newcomers else "dots")
                + " with ranges after it. The figures are in the tables below."
            ),
        ),
        tables=(_ahead_table(basis, unit), _past_table(basis, shown, len(past), unit)),
    )


def _chart_words(basis: Basis, unit: str) -> tuple[str, ...]:
    """Say what the chart shows, and which customers it counts."""
    seen = (
        f"Grey bars are what was taken, by {unit}; hatched bars are {unit}s that the data cover "
        "only in part. "
    )
    ranges = f"the thick line holds the outcome half of the time, the thin one {odds(basis.level)}."
    if basis.newcomers:
        return (
            seen + "Blue bars are what is expected: at the bottom from the customers known today, "
            "dotted on top from those still to be won. The mark is both together, with its ranges: "
            + ranges,
            "Of the customers known today more and more stop buying; those still to be won take "
            "their place. " + _season_words(basis),
        )
    return (
        seen
        + "Dots are what is expected from the customers known today, with their ranges: "
        + ranges,
        "Bars and dots do not count the same customers. The bars contain those who were new at the "
        "time; the dots contain no new customers, and lose those who stop buying. Where the dots "
        "lie lower, the gap is what new customers have to fill. " + _season_words(basis),
    )


def _season_words(basis: Basis) -> str:
    calendar = basis.forecast.provenance.get("calendar")
    if not isinstance(calendar, Mapping) or calendar.get("kind") == "off":
        return "Seasons, campaigns and price changes are not in the forecast."
    known = " Known closures and campaigns are, too." if calendar.get("events") else ""
    season = "The season is in the forecast." if calendar.get("index") else ""
    return f"{season}{known} Price changes are not in it.".strip()


def _comparison(basis: Basis) -> str:
    taken = float(basis.recent.sum())
    ahead = whole(basis, "future_revenue")
    if not basis.recent_complete:
        return (
            f"The data reach back less than {basis.horizon}, so the forecast can't be set "
            "against an equally long past."
        )
    ratio = f", {percent(ahead / taken)} of it" if taken > 0 else ""
    return (
        f"In the {basis.horizon} to {long_date(basis.as_of)} the programme took "
        f"{amount(basis, taken)}; expected in the {basis.horizon} ahead"
        f"{_who(basis)}: {amount(basis, ahead)}{ratio}{_parts(basis)}."
    )


def _who(basis: Basis) -> str:
    return "" if basis.newcomers else " from known customers"


def _parts(basis: Basis) -> str:
    if not basis.newcomers:
        return ""
    return (
        f"; {amount(basis, whole(basis, 'existing_revenue'))} of it from known customers and "
        f"{amount(basis, whole(basis, 'new_revenue'))} from new ones"
    )


def _ahead_table(basis: Basis, unit: str) -> Table:
    rows = tuple(
        (
            period_cell(row["start"], row["end"], complete=bool(row["complete"])),
            estimate(basis, row, "future_revenue"),
            *_apart(basis, row),
        )
        for row in records(basis.periods.head(AHEAD_SHOWN))
    )
    everything = len(basis.periods)
    notes = (
        (f"The first {len(rows)} of {everything:,} {unit}s; all of them are in periods.csv.",)
        if len(rows) < everything
        else ()
    )
    return Table(
        name="ahead-table",
        caption=f"Expected revenue{_who(basis)}, by {unit}"
        + (f" (amounts in {basis.currency})" if basis.currency else ""),
        columns=(
            Column(heading="From – to", numeric=False),
            Column(heading="Expected", meaning=f"Under it, its {basis.level}% range."),
            *_apart_columns(basis),
        ),
        rows=rows,
        notes=notes,
    )


def _apart(basis: Basis, row: Row) -> tuple[Cell, ...]:
    """Show known and new customers apart."""
    if not basis.newcomers:
        return ()
    return (
        estimate(basis, row, "existing_revenue"),
        estimate(basis, row, "new_revenue"),
        heads(basis, row, "new_customers"),
    )


def _apart_columns(basis: Basis) -> tuple[Column, ...]:
    names = ("From known customers", "From new customers", "New customers")
    return tuple(Column(heading=name) for name in names) if basis.newcomers else ()


def _past_table(basis: Basis, shown: pd.DataFrame, everything: int, unit: str) -> Table:
    rows = tuple(
        (
            period_cell(row["start"], row["end"], complete=bool(row["complete"])),
            figure(float(row["revenue"])),
        )
        for row in records(shown)
    )
    notes = (f"The last {len(shown)} of {everything} {unit}s.",) if len(shown) < everything else ()
    return Table(
        name="past-table",
        caption=f"Revenue so far, by {unit}"
        + (f" (amounts in {basis.currency})" if basis.currency else ""),
        columns=(Column(heading="From – to", numeric=False), Column(heading="Revenue")),
        rows=rows,
        notes=notes,
    )
