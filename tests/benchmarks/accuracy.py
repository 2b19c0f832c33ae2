"""Accuracy of every method on real data, at past dates: the table of the README.

Run as ``python -m tests.benchmarks.accuracy [--target existing|total] [--draws N] [--write]``:
revenue of the customers known at each date (``existing``), of all customers (``total``), or both.
``--write`` puts the table into the README, between its two marks. Data that may not be shipped are
tried too if the environment variable ``LTVFORECAST_REAL_DATA`` names the folder that holds them.
Everything follows from the seed; nothing depends on the clock.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from ltvforecast.data.datasets import load_cdnow, load_complete_journey
from ltvforecast.data.transactions import read_transactions
from ltvforecast.evaluate.backtest import backtest
from ltvforecast.evaluate.records import MODEL, Target

README = Path(__file__).parents[2] / "README.md"
BEGIN, END = "<!-- accuracy -->", "<!-- /accuracy -->"
WITHOUT = "ltvforecast, bare model"
TARGETS: tuple[Target, ...] = ("existing", "total")


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One data set and horizon."""

    name: str
    load: Callable[[], pd.DataFrame]
    horizon: str
    origins: int


def _adventure_works() -> pd.DataFrame:
    """Unit prices are the same number in every currency: they are not converted."""
    folder = Path(os.environ["LTVFORECAST_REAL_DATA"])
    return pd.read_parquet(folder / "adventureworks_reseller.parquet").drop(columns="currency")


CASES = (
    Case(name="Complete Journey, 8 weeks", load=load_complete_journey, horizon="8w", origins=4),
    Case(name="Complete Journey, 13 weeks", load=load_complete_journey, horizon="13w", origins=4),
    Case(name="CDNOW, 26 weeks", load=load_cdnow, horizon="26w", origins=3),
)
OPTIONAL = (
    Case(name="AdventureWorks, 13 weeks", load=_adventure_works, horizon="13w", origins=6),
    Case(name="AdventureWorks, 26 weeks", load=_adventure_works, horizon="26w", origins=4),
)


def cases() -> tuple[Case, ...]:
    """Give the cases whose data are here."""
    return CASES + (OPTIONAL if os.environ.get("LTVFORECAST_REAL_DATA") else ())


def scores(case: Case, *, target: Target, draws: int) -> pd.DataFrame:
    """Score every method on one case and target, at partner level, and the bare model too."""
    transactions = read_transactions(case.load())
    runs = (("auto", None, MODEL), ("off", [], WITHOUT))
    tables = []
    for layers, baselines, name in runs:
        evaluation = backtest(
            transactions,
            horizon=case.horizon,
            target=target,
            origins=case.origins,
            draws=draws,
            layers=layers,
            baselines=baselines,
        )
        pooled = evaluation.pooled.replace({"method": {MODEL: name}})
        tables.append(pooled[pooled["level"] == "partner"])
    table = pd.concat(tables, ignore_index=True).sort_values("crps", ignore_index=True)
    table.insert(0, "case", f"{case.name}, {case.origins} origins")
    table.insert(1, "target", target)
    return table


def markdown(table: pd.DataFrame) -> str:
    """Write the scores as one table in Markdown."""
    lines = [
        "| data | revenue | method | WAPE | bias | CRPS | inside 50 % | inside 90 % |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in table.to_dict("records"):
        method = f"**{row['method']}**" if row["method"] == MODEL else row["method"]
        crps, half, most = (
            "" if pd.isna(row[name]) else form.format(row[name])
            for name, form in (
                ("crps", "{:,.0f}"), ("coverage_50", "{:.0%}"), ("coverage_90", "{:.0%}")
            )
        )  # fmt: skip
        lines.append(
            f"| {row['case']} | {row['target']} | {method} | {row['wape']:.3f} "
            f"| {row['bias']:+.1%} | {crps} | {half} | {most} |"
        )
    return "\n".join(lines)


def write_readme(text: str) -> None:
    """Replace what stands between the two marks in the README."""
    old = README.read_text(encoding="utf-8")
    before, rest = old.split(BEGIN)
    _, after = rest.split(END)
    README.write_text(f"{before}{BEGIN}\n{text}\n{END}{after}", encoding="utf-8")


def main() -> None:
    """Print the table, and write it into the README if asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--draws", type=int, default=500)
    parser.add_argument("--target", choices=TARGETS)
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    found = []
    for case in cases():
        for target in TARGETS if asked.target is None else (asked.target,):
            found.append(scores(case, target=target, draws=asked.draws))
            print(markdown(found[-1]), flush=True)
    text = markdown(pd.concat(found, ignore_index=True))
    if asked.write:
        write_readme(text)


if __name__ == "__main__":
    main()
