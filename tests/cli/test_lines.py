from __future__ import annotations

import pandas as pd

from ltvforecast.cli.lines import check_lines
from ltvforecast.types import FitCheck, FitChecks, Verdict


def check(name: str, verdict: Verdict, remedy: str = "") -> FitCheck:
    return FitCheck(
        name=name, verdict=verdict, size=0.1, p_value=0.001,
        sentence=f"{name} found", remedy=remedy, table=pd.DataFrame(),
    )  # fmt: skip


CHECKS = FitChecks(
    done=(
        check("frequency", "fine"),
        check("tracking", "look", "find the season"),
        check("regularity", "fails", "count gaps"),
    ),
    left_out=("a reason",),
)


def test_those_that_matter_are_told_with_a_remedy_failures_first() -> None:
    assert check_lines(CHECKS) == [
        "check fails: regularity found",
        "  what to do: count gaps",
        "check look: tracking found",
        "  what to do: find the season",
        "1 check fine",
        "not checked: a reason",
    ]


def test_what_the_warnings_told_is_not_told_again() -> None:
    told = check_lines(CHECKS, warned=("regular purchase cycle: gaps are even",))
    assert not any("regularity" in line for line in told)


def test_every_check_on_demand_and_nothing_without_checks() -> None:
    assert check_lines(CHECKS, every=True)[0] == "check fine: frequency found"
    assert check_lines(FitChecks()) == []
