"""What a score and a comparison say on the screen."""

from __future__ import annotations

import math

import pandas as pd

from ltvforecast.evaluate.records import Comparison
from ltvforecast.evaluate.score_records import ForecastScore

__all__ = ["comparison_lines", "score_lines"]

TOP = 8
NAME = 36
LEVELS = (50, 80, 90)


def score_lines(score: ForecastScore) -> list[str]:
    """Say what came, what was inside, who surprised, and whether to refit."""
    return [
        *_headline(score),
        "",
        *_score_table(score),
        "",
        *_surprises(score),
        "",
        f"verdict: {score.verdict.word.upper()}",
        *(f"  {reason}" for reason in score.verdict.reason.split("; ")),
        *(f"note: {_printable(note)}" for note in score.notes),
    ]


def comparison_lines(comparison: Comparison) -> list[str]:
    """Show both views as tables, and say what the differences mean."""
    table = comparison.table
    lines = []
    for part in ("purchase", "spend"):
        lines.append(
            f"{f'{part}: customers left out':<{NAME}}{'elpd_loo':>12}{'(se)':>9}{'elpd_diff':>11}"
            f"{'(se)':>9}{'p_loo':>7}{'elpd_waic':>12}{'k>.7':>6}"
        )
        for _, row in table.iterrows():
            lines.append(
                f"{_printable(str(row['spec'])):<{NAME}.{NAME}}"
                + _number(row[f"{part}_elpd_loo"], 12, 1)
                + _number(row[f"{part}_elpd_loo_se"], 9, 1)
                + _number(row[f"{part}_elpd_diff"], 11, 1)
                + _number(row[f"{part}_elpd_diff_se"], 9, 1)
                + _number(row[f"{part}_p_loo"], 7, 1)
                + _number(row[f"{part}_elpd_waic"], 12, 1)
                + _number(row[f"{part}_high_k_hat"], 6, 0)
            )
        lines.append("")
    lines.append(
        f"{'partner forecasts from past dates':<{NAME}}{'wape':>8}{'bias':>8}{'crps':>12}"
        f"{'crps_diff':>12}{'(se)':>9}{'inside 90 %':>13}"
    )
    for _, row in table.iterrows():
        lines.append(
            f"{_printable(str(row['spec'])):<{NAME}.{NAME}}"
            + _number(row["wape"], 8, 3)
            + _number(row["bias"], 8, 3)
            + _number(row["crps"], 12, 2)
            + _number(row["crps_diff"], 12, 2)
            + _number(row["crps_diff_se"], 9, 2)
            + _number(row["coverage_90"], 13, 3)
        )
    sentences = [_printable(sentence) for sentence in comparison.sentences]
    notes = [f"note: {_printable(note)}" for note in comparison.notes]
    return [*lines, "", *sentences, *notes]


def _headline(score: ForecastScore) -> list[str]:
    whole, beside = score.programme, score.beside
    passed = (
        "" if score.complete else f"{score.days_passed} of {score.days_asked} days have passed; "
    )
    forecast, actual = float(str(whole["forecast"])), float(str(whole["actual"]))
    ends = [whole.get(f"forecast_{end}_90") for end in ("lo", "hi")]
    between = (
        ""
        if any(end is None for end in ends)
        else f" (90 % between {_money(ends[0])} and {_money(ends[1])})"
    )
    change = f" ({actual / forecast - 1:+.1%})" if forecast > 0 else ""
    span = f"forecast of {score.as_of} up to {score.window_end}"
    came = f"{_money(actual)} came, {_money(forecast)} was forecast{between}{change}"
    new = f"{_count(beside['new_customers'], 'new customer')} brought "
    return [
        f"{span}: {passed}scored up to {score.scored_until}",
        f"revenue of known customers: {came}",
        f"not part of the forecast: {new}{_money(beside['revenue_of_new_customers'])}",
    ]


def _score_table(score: ForecastScore) -> list[str]:
    labels = {
        "partner": "partners of some size",
        "partner_all": "all partners",
        "programme": "whole programme",
    }
    of_what = "" if score.complete else ", by period"
    inside = "".join(f"{f'{level} %':>8}" for level in LEVELS)
    head = f"{'':<26}{'units':>7}{'wape':>8}{'bias':>8}{'crps':>13}"
    lines = [f"{head}{inside}  (share inside{of_what})"]
    for _, row in score.scores.iterrows():
        lines.append(
            f"{labels.get(str(row['level']), str(row['level'])):<26}{int(row['units']):>7,}"
            + _number(row["wape"], 8, 3)
            + _number(row["bias"], 8, 3)
            + _number(row["crps"], 13, 2)
            + "".join(_number(row[f"coverage_{level}"], 8, 3) for level in LEVELS)
        )
    return lines


def _surprises(score: ForecastScore) -> list[str]:
    table = score.partners
    odd = table[~table["surprise"].str.startswith("as forecast")]
    if odd.empty:
        return ["no partner is outside its interval"]
    told = f"{len(odd):,} of {len(table):,} partners were outside"
    if score.complete:
        told += f" their 90 % interval (about {0.1 * len(table):,.0f} by chance)"
    else:
        told += " their interval in some period"
    lines = [f"{told}; the largest:", f"{'partner':<20}{'forecast':>12}{'came':>12}"]
    lines.extend(_surprise_line(row) for _, row in odd.head(TOP).iterrows())
    return lines


def _surprise_line(row: pd.Series) -> str:
    return (
        f"{_printable(str(row['partner_id'])):<20.20}{_money(row['forecast']):>12}"
        f"{_money(row['actual']):>12}  {row['surprise']}"
    )


def _count(value: object, what: str) -> str:
    number = int(str(value))
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _number(value: object, width: int, digits: int) -> str:
    number = math.nan if value is None else float(str(value))
    return f"{number:{width},.{digits}f}" if math.isfinite(number) else f"{'-':>{width}}"


def _money(value: object) -> str:
    amount = float(str(value))
    return f"{amount:,.0f}" if abs(amount) >= 1000 else f"{amount:,.2f}"


def _printable(text: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in text)
