"""Which partners are worth how much: the ranking, and head and long tail."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ltvforecast.plots.chart_data import LANDMARKS, ParetoCurve, pareto_curve, rank_ranges
from ltvforecast.report.basis import Basis, amount, between, named, records, whole
from ltvforecast.report.document import Cell, Chart, Column, Section, Table
from ltvforecast.report.partner_table import Places, partner_table
from ltvforecast.report.wording import count, money_range, odds, percent, share_text

__all__ = ["head_and_tail", "partners"]


def partners(basis: Basis) -> Section:
    """Rank the partners, each with its intervals.

    Parameters
    ----------
    basis : Basis

    Returns
    -------
    Section
    """
    table = basis.ranked
    places = rank_ranges(basis.forecast, level=basis.level)
    unranked = _unranked(places)
    top = min(20, len(table))
    first = records(table.head(1))[0]
    said = [
        (
            f"The partner with the highest expected worth is {named(first['partner_id'])}, with "
            f"{amount(basis, first['ltv'])} ({between(basis, first, 'ltv')})."
        ),
        (
            "A range shows where the outcome should fall "
            f"{odds(basis.level)}. Where the ranges of two partners overlap widely, their order "
            "may well turn out the other way round; the range of places under each rank says "
            "how far."
        ),
    ]
    if len(table) > 1 and unranked.any():
        vague = int(unranked.sum())
        said.append(
            f"{len(table) - vague:,} of the {count(len(table), 'partner')} can be ranked with "
            f"some confidence. Each of the other {vague:,} could have any of more than "
            f"{int(_most_places(len(table))):,} places, mostly because it has too few customers; "
            "their order below is largely chance, so they carry no rank."
        )
    quiet = basis.watched.loc[basis.watched["silent"], "partner_id"]
    silent = (
        " “(silent)”: no purchase for more than twice as long as ever before."
        if table.head(top)["partner_id"].isin(quiet).any()
        else ""
    )
    return Section(
        key="partners",
        title="Partners, ranked by what they are worth",
        paragraphs=tuple(said),
        chart=Chart(
            name="partners",
            title=f"Worth today of the {count(top, 'most valuable partner')}",
            description=(
                "One line a partner. The dot is the expected worth, the thick line holds the "
                f"outcome half of the time, the thin line {odds(basis.level)}. "
                "The same figures are in the table below." + silent
            ),
        ),
        tables=(partner_table(basis, places=places, unranked=unranked),),
    )


def _most_places(partners: int) -> float:
    """Count the places that a partner with a rank may at most have."""
    return min(partners / 2, max(5, partners / 10)) if partners > 1 else 1


def _unranked(places: Places) -> npt.NDArray[np.bool_]:
    """Whose place is too uncertain for a rank."""
    best, worst = places
    return np.asarray(worst - best + 1 > _most_places(len(best)), dtype=np.bool_)


def head_and_tail(basis: Basis) -> Section:
    """Show how much of the worth few partners bring, and what the many others do.

    Parameters
    ----------
    basis : Basis

    Returns
    -------
    Section
    """
    title = "Head and long tail"
    curve = pareto_curve(basis.forecast, level=basis.level)
    if curve is None:
        said = "No revenue is expected, so there is nothing to share out among the partners."
        return Section(key="head-and-tail", title=title, paragraphs=(said,))
    everyone = len(basis.ranked)
    head = int((basis.ranked["tail"] == "head").sum())
    rows = tuple(
        (
            Cell(text=f"first {rank:,}" if rank > 1 else "the first", value=int(rank)),
            Cell(text=percent(rank / everyone), value=rank / everyone),
            Cell(
                text=share_text(share),
                value=share,
                detail=f"{share_text(low)} to {share_text(high)}" if rank < everyone else "",
            ),
        )
        for rank, share, low, high in _told_ranks(curve, head)
    )
    return Section(
        key="head-and-tail",
        title=title,
        paragraphs=_head_and_tail_words(basis, head, everyone),
        chart=Chart(
            name="pareto",
            title="Share of the worth that the first partners bring",
            description=(
                "A line that rises from nothing to 100% as more partners are counted, the most "
                f"valuable first; the band around it holds the outcome {odds(basis.level)}. The "
                "dashed lines mark 80% and the number of partners needed for it. "
                "The figures are in the table below."
            ),
        ),
        tables=(
            Table(
                name="pareto-table",
                caption="How the worth is spread over the partners",
                columns=(
                    Column(heading="Partners, most valuable first"),
                    Column(heading="Of all partners"),
                    Column(heading="Share of worth", meaning="Under it, its range."),
                ),
                rows=rows,
            ),
        ),
    )


def _head_and_tail_words(basis: Basis, head: int, everyone: int) -> tuple[str, ...]:
    if everyone == 1:
        return ("There is one partner, so all of the worth is with it.",)
    first = basis.ranked.iloc[0]
    said = (
        f"{count(head, 'partner')} of {everyone:,} bring about 80% of the worth: the head. "
        f"The first alone, {named(first['partner_id'])}, is expected to bring "
        f"{share_text(float(first['share']))}. " + _top_fifth(basis)
    ).rstrip()
    tail = basis.ranked.loc[basis.ranked["tail"] == "long_tail", "partner_id"].tolist()
    if not tail:
        return (said, "There is no long tail: every partner is needed for the 80%.")
    together = basis.forecast.draws["ltv"].sel(partner=tail).sum("partner").to_numpy()
    side = (1 - basis.level / 100) / 2
    low, high = np.quantile(together, (side, 1 - side))
    mean = float(basis.ranked.loc[basis.ranked["tail"] == "long_tail", "ltv"].sum())
    return (
        said,
        (
            f"The other {count(len(tail), 'partner')}, the long tail, are together worth "
            f"{amount(basis, mean)} ({money_range(low, high)}). As a group they can be forecast "
            "well even where each one of them can't: chance evens out over many customers."
        ),
    )


def _top_fifth(basis: Basis) -> str:
    """Say what share the most valuable fifth of the partners brings."""
    top, programme = int(whole(basis, "top_20_percent_partners")), basis.forecast.programme
    share = whole(basis, "top_20_percent_share")
    low, high = (
        float(str(programme[f"top_20_percent_share_{end}_{basis.level}"])) for end in ("lo", "hi")
    )
    if whole(basis, "ltv") <= 0:
        return ""
    bring = "brings" if top == 1 else "bring"
    return (
        f"The most valuable 20% of the partners, {top:,} of them, {bring} {share_text(share)} "
        f"({share_text(low)} to {share_text(high)})."
    )


def _told_ranks(curve: ParetoCurve, head: int) -> list[tuple[int, float, float, float]]:
    wanted = {*LANDMARKS, head, int(curve.rank[-1])}
    return [
        (int(rank), round(share, 9), round(low, 9), round(high, 9))
        for rank, share, low, high in zip(
            curve.rank, curve.share, curve.low, curve.high, strict=True
        )
        if rank in wanted
    ]
