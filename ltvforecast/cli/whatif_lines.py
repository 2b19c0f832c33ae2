"""What a what-if says on the screen: the difference, whom to support, and what was assumed."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

import pandas as pd

from ltvforecast.forecast.scenario import ScenarioResult
from ltvforecast.forecast.scenario_support import SupportRanking

__all__ = ["whatif_lines"]

TOP = 10

Row = Mapping[str, object] | Mapping[Hashable, object]


def whatif_lines(result: ScenarioResult, ranking: SupportRanking | None) -> list[str]:
    """Say what a change would be worth, and on what assumptions.

    Parameters
    ----------
    result : ScenarioResult
    ranking : SupportRanking or None

    Returns
    -------
    list of str
    """
    level, whole = max(result.spec.levels), result.programme
    lines = [
        (
            f"ltv of the programme: {_money(whole, 'base_ltv')} as things are, "
            f"{_money(whole, 'changed_ltv')} after the change"
        ),
        (
            f"change: {_signed(whole, 'change')}, with {level} % probability "
            f"{_ends(whole, level)}; more in {_percent(whole, 'p_gain')}, less in "
            f"{_percent(whole, 'p_loss')} of the draws"
        ),
        "",
        *_partner_lines(result.partners, level),
    ]
    if ranking is not None:
        lines += ["", *_support_lines(ranking, level)]
    told = result.assumptions if ranking is None else ranking.assumptions
    return [*lines, "", "assumed:", *(f"- {sentence}" for sentence in told)]


def _partner_lines(table: pd.DataFrame, level: int) -> list[str]:
    known = "break_even" in table
    head = f"{'partner':<24}{'as it is':>14}{'change':>14}{f'{level} % interval':>30}{'p(more)':>9}"
    lines = [head + (f"{'break-even':>12}" if known else "")]
    for row in table.head(TOP).to_dict("records"):
        line = (
            f"{str(row['partner_id'])[:23]:<24}{_money(row, 'base_ltv'):>14}"
            f"{_signed(row, 'change'):>14}{_ends(row, level):>30}{_percent(row, 'p_gain'):>9}"
        )
        if known:
            line += f"{'none' if pd.isna(row['break_even']) else _size(row['break_even']):>12}"
        lines.append(line)
    if len(table) > TOP:
        lines.append(f"... and {len(table) - TOP:,} more partners")
    if known:
        lines.append(
            "break-even: how many times the assumed effect would just bring the cost back; none: "
            "not within four times, or nobody behaves differently"
        )
    return lines


def _support_lines(ranking: SupportRanking, level: int) -> list[str]:
    whole = ranking.summary
    if not whole["supported"]:
        within = "" if whole["budget"] is None else " within the budget"
        return [f"support: there is no partner that is expected to bring back its cost{within}"]
    limit = "" if whole["budget"] is None else f" of a budget of {_money(whole, 'budget')}"
    lines = [
        (
            f"support {whole['supported']:,} partners for {_money(whole, 'cost')}{limit}: gain "
            f"{_money(whole, 'gain')} ({level} %: {_money(whole, f'gain_lo_{level}')} to "
            f"{_money(whole, f'gain_hi_{level}')}), pays with {_percent(whole, 'p_pays')} "
            "probability"
        )
    ]
    chosen = ranking.partners[ranking.partners["supported"]].head(TOP)
    for rank, row in enumerate(chosen.to_dict("records"), start=1):
        ratio = "" if pd.isna(row["gain_per_cost"]) else f", {row['gain_per_cost']:.2f} per cost"
        lines.append(
            f"{rank:>3}. {str(row['partner_id'])[:23]:<24}gain {_money(row, 'gain')}{ratio}, "
            f"pays with {_percent(row, 'p_pays')} probability"
        )
    return lines


def _number(row: Row, name: str) -> float:
    return float(str(dict(row)[name]))


def _money(row: Row, name: str) -> str:
    return f"{_number(row, name):,.0f}"


def _signed(row: Row, name: str) -> str:
    text = f"{_number(row, name):+,.0f}"
    return "0" if text in ("+0", "-0") else text


def _percent(row: Row, name: str) -> str:
    return f"{100 * _number(row, name):.0f} %"


def _ends(row: Row, level: int) -> str:
    return f"{_signed(row, f'change_lo_{level}')} to {_signed(row, f'change_hi_{level}')}"


def _size(size: object) -> str:
    return f"{float(str(size)):.2f} x"
