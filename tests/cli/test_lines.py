from __future__ import annotations

import pandas as pd

from ltvforecast.check_types import FitCheck, FitChecks, Verdict
from ltvforecast.cli.lines import check_lines, forecast_lines
from ltvforecast.economics_types import Economics, Terms
from tests.report.made_forecast import make_forecast


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


def test_a_forecast_says_whether_new_customers_are_in_it() -> None:
    without = forecast_lines(make_forecast())
    assert without[0].startswith("customers known on 2024-12-31, next 12mo: revenue ")
    assert without[1].startswith("new customers are not included: New customers are not forecast")
    forecast = make_forecast(newcomers=True)
    told = forecast_lines(forecast)
    assert "known on 2024-12-31 and new ones" in told[0]
    number = float(str(forecast.programme["new_customers"]))
    assert told[1].startswith(f"of it from {number:,.0f} new customers (")
    assert f"{float(str(forecast.programme['new_revenue'])):,.0f} (90 % between" in told[1]


def test_commission_and_costs_are_told_where_they_are_known() -> None:
    assert not any("CAC" in line or "accrue" in line for line in forecast_lines(make_forecast()))
    economics = Economics(margin=0.5, commission=0.1)
    forecast = make_forecast(economics=economics, costs=(2.0,))
    told = forecast_lines(forecast)
    assert "margin 50%, commission 10%" in told[2]
    paid = float(str(forecast.programme["commission"]))
    assert told[3].startswith(f"commission to accrue {paid:,.0f} (90 % between")
    ratio = float(str(forecast.programme["ltv_to_cac"]))
    assert told[4].startswith("30 partners with an acquisition cost, 60,000 together")
    assert f"LTV:CAC {ratio:.2f} (" in told[4]
    own = Economics(commission=0.1, by_partner={"Partner 0001": Terms(commission=0.2)})
    assert "commission by its terms" in forecast_lines(make_forecast(economics=own))[2]
