"""What recruiting says on the screen: segments in order, one new partner, the worth of a lead."""

from __future__ import annotations

import math

import pandas as pd

from ltvforecast.forecast.lead_value import LeadValue
from ltvforecast.forecast.recruiting import NewPartnerForecast

__all__ = ["lead_lines", "partner_lines", "ranking_lines"]


def ranking_lines(ranking: pd.DataFrame, level: int) -> list[str]:
    """Put the segments in order.

    Parameters
    ----------
    ranking : pandas.DataFrame
        See :func:`ltvforecast.forecast.recruiting.rank_segments`.
    level : int

    Returns
    -------
    list of str
    """
    lines = [
        "one more partner of each segment, from its first customer on:",
        f"{'segment':<24}{'ltv':>12}{f'{level} % interval':>26}{'p(best)':>9}{'most to pay':>13}",
    ]
    for row in ranking.to_dict("records"):
        ends = f"{row[f'ltv_lo_{level}']:,.0f} to {row[f'ltv_hi_{level}']:,.0f}"
        best = f"{100 * row['p_best']:.0f} %"
        lines.append(
            f"{_printable(str(row['segment']))[:23]:<24}{row['ltv']:>12,.0f}{ends:>26}"
            f"{best:>9}{row['max_affordable_cac']:>13,.0f}"
        )
    meaning = (
        "p(best): that the average new partner of the segment is worth the most; most to pay: the "
        "cost of recruiting that is paid back with 90 % probability"
    )
    return [*lines, meaning]


def partner_lines(found: NewPartnerForecast, level: int) -> list[str]:
    """Say what one new partner would be worth.

    Parameters
    ----------
    found : NewPartnerForecast
    level : int

    Returns
    -------
    list of str
    """
    row = found.table.iloc[0]

    def told(name: str) -> str:
        low, high = row[f"{name}_lo_{level}"], row[f"{name}_hi_{level}"]
        return f"{row[name]:,.0f} ({level} % interval {low:,.0f} to {high:,.0f})"

    lines = [
        f"a new partner, in the {found.spec.horizon.text} from its first customer on:",
        f"ltv {told('ltv')}",
        f"revenue {told('future_revenue')}",
        f"customers {told('new_customers')}",
        f"no revenue at all: {100 * row['p_churn']:.0f} %",
        f"most to pay for recruiting it: {row['max_affordable_cac']:,.0f} (pays in 90 % of cases)",
    ]
    if not math.isnan(row["cac"]):
        lines.append(
            f"its cost of {row['cac']:,.0f} is paid back within the horizon with "
            f"{100 * row['p_payback']:.0f} % probability"
        )
    return [*lines, "", "assumed:", *(f"- {note}" for note in found.notes)]


def lead_lines(lead: LeadValue, level: int) -> list[str]:
    """Say what a lead is worth.

    Parameters
    ----------
    lead : LeadValue
    level : int

    Returns
    -------
    list of str
    """
    low, high = lead.value_interval[level]
    least, most = lead.customer_interval[level]
    worth = (
        f"a lead is worth {lead.value:,.2f} on average (known to {low:,.2f} to {high:,.2f}, "
        f"{level} %): a new customer's {lead.customer_value:,.2f} times a conversion of "
        f"{100 * lead.conversion_rate:.2g} %"
    )
    return [
        worth,
        f"a single customer's value: {least:,.2f} to {most:,.2f} ({level} %)",
        f"{lead.leads:,} leads pay with 90 % probability at up to {lead.most_to_pay:,.2f} each",
        *(f"- {note}" for note in lead.notes),
    ]


def _printable(name: str) -> str:
    """Keep what would steer the terminal out of it."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in name)
