from __future__ import annotations

import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ltvforecast.check_types import FitCheck, FitChecks
from ltvforecast.errors import ConfigError
from ltvforecast.plots.checks import (
    plot_conditional_expectation,
    plot_pit_drift,
    plot_predictive_checks,
    plot_regularity,
    plot_tracking,
)

TRACKING = pd.DataFrame(
    {
        "period_start": ["2025-01-01", "2025-01-08", "2025-01-15"],
        "period_end": ["2025-01-07", "2025-01-14", "2025-01-21"],
        "actual": [5.0, 9.0, 4.0],
        "expected": [6.0, 7.0, 8.0],
        "expected_lo_90": [3.0, 4.0, 5.0],
        "expected_hi_90": [9.0, 10.0, 11.0],
        "cumulative_actual": [5.0, 14.0, 18.0],
        "cumulative_expected": [6.0, 13.0, 21.0],
    }
)
GROUPS = pd.DataFrame(
    {
        "group": ["0 repeat purchases", "1 or more repeat purchases"],
        "customers": [10, 5],
        "actual": [4.0, 10.0],
        "expected": [5.0, 8.0],
        "expected_lo_90": [2.0, 6.0],
        "expected_hi_90": [8.0, 11.0],
    }
)
FIGURE = pd.DataFrame(
    {
        "actual": 3.0,
        "quantile": [0.005, 0.05, 0.5, 0.95, 0.995],
        "simulated": [1.0, 1.5, 2.0, 2.5, 2.8],
    }
)
GAPS = pd.DataFrame(
    {"place": [0.5, 1.0], "customers": [4, 6], "expected": [5.0, 5.0], "expected_at_k": [5.0, 5.0]}
)
PITS = pd.DataFrame({"origin": ["a", "b"], "programme": [0.2, 0.9], "partners": [0.4, 0.6]})


def check(name: str, table: pd.DataFrame) -> FitCheck:
    return FitCheck(
        name=name, verdict="look", size=1.0, p_value=0.001, sentence="", remedy="", table=table
    )


CHECKS = FitChecks(
    done=(
        check("tracking", TRACKING),
        check("holdout_by_frequency", GROUPS),
        check("heaviest_buyer", FIGURE),
        check("regularity", GAPS),
        check("pit_level", PITS),
    ),
    left_out=("a reason",),
)


@pytest.fixture
def ax() -> Axes:
    return Figure().add_subplot()


@pytest.mark.parametrize("cumulative", [False, True])
def test_tracking_shows_both_lines(ax: Axes, cumulative: bool) -> None:
    assert plot_tracking(CHECKS, cumulative=cumulative, ax=ax) is ax
    prefix = "cumulative_" if cumulative else ""
    drawn = [line.get_ydata().tolist() for line in ax.lines]
    assert drawn == [TRACKING[f"{prefix}{name}"].tolist() for name in ("expected", "actual")]


def test_conditional_expectation_is_a_customer(ax: Axes) -> None:
    plot_conditional_expectation(CHECKS, by="frequency", ax=ax)
    expected, came = ax.lines
    assert expected.get_ydata().tolist() == [0.5, 1.6]
    assert came.get_ydata().tolist() == [0.4, 2.0]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["0", "1 or more"]
    assert ax.get_xlabel() == "repeat purchases"


def test_predictive_checks_are_ratios(ax: Axes) -> None:
    plot_predictive_checks(CHECKS, ax=ax)
    assert ax.lines[0].get_xdata()[0] == 1.5
    assert [label.get_text() for label in ax.get_yticklabels()] == ["heaviest buyer"]


def test_regularity_and_pits(ax: Axes) -> None:
    plot_regularity(CHECKS, ax=ax)
    assert [bar.get_height() for bar in ax.patches] == [4, 6]
    other = Figure().add_subplot()
    plot_pit_drift(CHECKS, ax=other)
    assert other.lines[1].get_ydata().tolist() == [0.2, 0.9]


def test_a_check_that_was_not_made_says_why(ax: Axes) -> None:
    with pytest.raises(ConfigError, match="a reason"):
        plot_conditional_expectation(CHECKS, by="recency", ax=ax)
    with pytest.raises(ConfigError, match="no checks"):
        plot_tracking(FitChecks(), ax=ax)
