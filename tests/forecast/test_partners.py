from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from ltvforecast.economics_types import Economics
from ltvforecast.forecast.economics import months_of_periods
from ltvforecast.forecast.flows import Flows
from ltvforecast.forecast.intervals import interval_names
from ltvforecast.forecast.layers import LayeredDraws
from ltvforecast.forecast.money_columns import programme_row as money_row
from ltvforecast.forecast.newcomers import Newcomers
from ltvforecast.forecast.partners import partner_table, programme_row, segment_table
from ltvforecast.forecast.predict import predict
from ltvforecast.forecast.records import new_totals
from ltvforecast.forecast.roll_up import RollUp, programme_of, roll_up
from ltvforecast.forecast.terms import resolve_terms
from ltvforecast.forecast.value import daily_discount, period_factors
from ltvforecast.forecast_types import ForecastSpec, Horizon
from ltvforecast.transaction_types import CustomerSummary
from tests.forecast.made_model import AS_OF_DAY, made_customers, made_model, made_summary

SPEC = ForecastSpec(
    horizon=Horizon(text="100d", days=100.0),
    levels=(80,),
    economics=Economics(margin=0.5, commission=0.1),
)
EDGES = np.array([0.0, 100.0])
DISCOUNTED = float(period_factors(EDGES, daily_discount(SPEC.economics))[0])


def summary_of(partners: int, *, customers: int = 40, history_days: int = 500) -> CustomerSummary:
    table = made_customers(np.zeros(customers), np.zeros(customers), np.full(customers, 20.0))
    shares = [{f"p{k % partners}": 1.0} for k in range(customers)]
    return made_summary(table, shares=shares, history_days=history_days)


def quanta(money: np.ndarray) -> np.ndarray:
    """Whole numbers of shape (partner, draw, 1) from money of shape (draw, partner)."""
    return np.round(np.asarray(money, dtype=np.float64)).astype(np.int64).T[:, :, None].copy()


def newcomers_of(customers: np.ndarray, revenue: np.ndarray) -> Newcomers:
    count, money = quanta(customers), quanta(revenue)
    partners, draws, _ = count.shape
    return Newcomers(
        forecast=True,
        reason="open",
        partner_ids=tuple(f"p{k}" for k in range(partners)),
        quantum=1.0,
        customers=count,
        revenue=money,
        first_revenue=money // 2,
        eligible=None,
        p_acquiring=np.full(partners, 0.9),
        life_days=np.full((partners, draws), 50.0),
        expected_customers=count[:, :, 0].astype(np.float64),
        expected_revenue=money[:, :, 0].astype(np.float64),
        self_check={},
    )


def rolled_of(
    revenue: np.ndarray,
    *,
    economics: Economics = SPEC.economics,
    newcomers: Newcomers | None = None,
    layered: LayeredDraws | None = None,
) -> RollUp:
    money = quanta(revenue)
    partners, draws, _ = money.shape
    totals = new_totals(partners, draws, 1)
    totals.revenue[:] = money
    totals.active[:] = np.ceil(money[:, :, 0] / 10)
    totals.expected_revenue[:-1] = np.round(money[:, :, 0].mean(axis=1, keepdims=True))
    return roll_up(
        Flows(totals=totals, newcomers=newcomers, quantum=1.0, layered=layered),
        resolve_terms(economics, [f"p{k}" for k in range(partners)]).partners,
        edges_days=EDGES,
        programme_share=np.full(partners, 1 / partners),
        levels=SPEC.levels,
    )


def test_the_columns_are_those_promised() -> None:
    table = partner_table(summary_of(2), rolled_of(np.ones((5, 2))), SPEC)

    def with_ends(name: str) -> list[str]:
        return [name, f"{name}_lo_80", f"{name}_hi_80"]

    assert table.columns.tolist() == [
        "partner_id", "segment", "customers", "revenue_to_date",
        *with_ends("existing_revenue"), *with_ends("new_customers"), *with_ends("new_revenue"),
        *with_ends("future_revenue"), *with_ends("lifetime_revenue"), *with_ends("ltv"),
        "p_churn", "p_decline", "p_acquiring",
        *with_ends("expected_active_customers"), *with_ends("commission"),
        "cac", "ltv_to_cac", "ltv_to_cac_median", *interval_names("ltv_to_cac", [80]),
        "p_ltv_exceeds_cac", *with_ends("payback_months"), "p_payback",
        "max_affordable_cac", "max_affordable_commission",
        *with_ends("expected_existing_revenue")[1:], *with_ends("expected_future_revenue")[1:],
        "share", "cumulative_share", "tail", "warnings",
    ]  # fmt: skip


def test_figures_by_hand() -> None:
    # p0 took 10 * 3 in all and 10 in the last 100 days, p1 20 * 3 and 20
    revenue = np.array([[0.0, 8.0], [10.0, 8.0], [4.0, 11.0], [6.0, 13.0]])
    table = partner_table(summary_of(2), rolled_of(revenue), SPEC).set_index("partner_id")
    assert table.index.tolist() == ["p1", "p0"]
    assert table["revenue_to_date"].tolist() == [60.0, 30.0]
    assert table["existing_revenue"].tolist() == [10.0, 5.0]
    assert table["lifetime_revenue"].tolist() == [70.0, 35.0]
    assert table["ltv"].tolist() == pytest.approx([10 * DISCOUNTED * 0.4, 5 * DISCOUNTED * 0.4])
    assert table["commission"].tolist() == pytest.approx([1.0, 0.5])
    assert table["p_churn"].tolist() == [0.0, 0.25]
    assert table["p_decline"].tolist() == [0.5, 0.5]
    assert table["share"].tolist() == pytest.approx([2 / 3, 1 / 3])
    assert table["cumulative_share"].tolist() == pytest.approx([2 / 3, 1.0])
    assert table["tail"].tolist() == ["head", "head"]
    assert table["existing_revenue_lo_80"].tolist() == pytest.approx([8.0, 1.2])


def test_the_tail_begins_after_the_partners_that_bring_four_fifths() -> None:
    revenue = np.array([[50.0, 30.0, 15.0, 5.0]])
    table = partner_table(summary_of(4), rolled_of(revenue), SPEC)
    assert table["tail"].tolist() == ["head", "head", "long_tail", "long_tail"]
    even = partner_table(summary_of(4), rolled_of(np.full((1, 4), 7.0)), SPEC)
    assert even["partner_id"].tolist() == ["p0", "p1", "p2", "p3"]
    assert even["tail"].tolist() == ["head"] * 4
    nothing = partner_table(summary_of(4), rolled_of(np.zeros((3, 4))), SPEC)
    assert nothing["share"].tolist() == [0.0] * 4
    assert nothing["tail"].tolist() == ["long_tail"] * 4
    assert nothing["p_churn"].tolist() == [1.0] * 4


def programme_told(summary: CustomerSummary, rolled: RollUp) -> dict[str, object]:
    return programme_row(
        summary,
        SPEC,
        table=partner_table(summary, rolled, SPEC),
        partners=rolled.partners,
        programme=programme_of(rolled.partners, np.ones(len(rolled.partners.ltv))),
        money=money_row(rolled.money, months=months_of_periods(EDGES), levels=SPEC.levels),
    )


def test_p_decline_needs_a_past_as_long_as_the_horizon() -> None:
    rolled = rolled_of(np.ones((3, 2)))
    assert partner_table(summary_of(2, history_days=100), rolled, SPEC)["p_decline"].notna().all()
    short = summary_of(2, history_days=99)
    assert partner_table(short, rolled, SPEC)["p_decline"].isna().all()
    assert programme_told(short, rolled)["p_decline"] is None
    forecast = predict(made_model(short), horizon="100d", draws=20)
    assert any("p_decline" in text for text in forecast.provenance["warnings"])


def test_the_programme_has_joint_intervals_and_concentration() -> None:
    rng = np.random.default_rng(3)
    revenue = np.round(rng.gamma(1.0, 1000.0, (500, 5)) * np.array([8, 1, 1, 1, 1]))
    summary, rolled = summary_of(5), rolled_of(revenue)
    table = partner_table(summary, rolled, SPEC)
    whole = programme_told(summary, rolled)
    assert whole["future_revenue_lo_80"] == pytest.approx(np.quantile(revenue.sum(axis=1), 0.1))
    assert whole["future_revenue_lo_80"] > table["future_revenue_lo_80"].sum()
    assert whole["ltv"] == pytest.approx(table["ltv"].sum(), rel=1e-12)
    assert whole["partners"] == 5
    assert whole["customers"] == 40
    assert whole["new_revenue"] is None
    assert whole["top_20_percent_partners"] == 1
    assert whole["top_20_percent_share"] == table["share"].iloc[0]
    share = revenue[:, 0] / revenue.sum(axis=1)
    assert whole["top_20_percent_share_hi_80"] == pytest.approx(np.quantile(share, 0.9))
    assert whole["head_partners"] + whole["long_tail_partners"] == 5
    tail = table.loc[table["tail"] == "long_tail", "ltv"].sum()
    assert whole["long_tail_ltv"] == pytest.approx(tail)
    assert whole["revenue_to_date"] == 3 * (10 + 20 + 30 + 40 + 50)


def test_new_customers_add_to_every_total_in_every_draw() -> None:
    known = np.array([[0.0, 80.0], [100.0, 80.0]])
    new = newcomers_of(np.array([[2.0, 0.0], [1.0, 3.0]]), np.array([[50.0, 0.0], [10.0, 60.0]]))
    rolled = rolled_of(known, newcomers=new, economics=Economics(bounty=5.0, commission=0.1))
    assert rolled.partners.future_revenue.tolist() == [[50.0, 80.0], [110.0, 140.0]]
    assert rolled.partners.commission.tolist() == [[5.0 + 10, 8.0], [11.0 + 5, 14.0 + 15]]
    table = partner_table(summary_of(2), rolled, SPEC, p_acquiring=np.array([0.9, 0.4])).set_index(
        "partner_id"
    )
    assert table.loc["p0", "new_customers"] == 1.5
    assert table.loc["p0", "new_revenue"] == 30.0
    assert table.loc["p0", "existing_revenue"] == 50.0
    assert table.loc["p0", "p_churn"] == 0.0  # no known customer in one draw, but new ones
    assert table["p_acquiring"].to_dict() == {"p0": 0.9, "p1": 0.4}
    assert rolled.programme_periods["new_customers"].tolist() == [3.0]
    assert rolled.programme_periods["future_revenue"].tolist() == [190.0]
    whole = programme_told(summary_of(2), rolled)
    assert whole["new_revenue"] == 60.0
    assert whole["expected_active_customers"] == 1.0 + 3.0


def test_what_partners_share_of_the_layers_is_on_new_revenue_too() -> None:
    known, count = np.full((2, 2), 100.0), np.ones((2, 2))
    layered = LayeredDraws(
        revenue=np.array([[50.0, 150.0], [200.0, 600.0]]),
        factor=np.array([[0.5, 1.5], [2.0, 6.0]]),
        mean_factor=np.ones(2),
        programme_factor=np.array([1.0, 4.0]),
    )
    rolled = rolled_of(known, newcomers=newcomers_of(count, 10 * count), layered=layered)
    assert rolled.partners.new_revenue is not None
    assert rolled.partners.new_revenue.tolist() == [[10.0, 10.0], [40.0, 40.0]]
    assert rolled.partners.future_revenue.tolist() == [[60.0, 160.0], [240.0, 640.0]]
    assert rolled.programme_periods["future_revenue"][0] == (220 + 880) / 2


def test_segments_are_added_up_inside_each_draw() -> None:
    revenue = np.array([[10.0, 0.0, 5.0], [0.0, 10.0, 5.0]])
    summary = dataclasses.replace(
        summary_of(3),
        partner_table=pd.DataFrame({"partner_id": ["p0", "p1"], "segment": ["shop", "shop"]}),
    )
    rolled = rolled_of(revenue)
    table = partner_table(summary, rolled, SPEC)
    assert table.set_index("partner_id")["segment"].to_dict() == {
        "p0": "shop", "p1": "shop", "p2": "other",
    }  # fmt: skip
    found = segment_table(summary, rolled, SPEC, table=table).set_index("segment")
    assert found["partners"].to_dict() == {"shop": 2, "other": 1}
    assert found.loc["shop", "future_revenue_lo_80"] == 10.0  # joint: the two never fail together
    assert found.loc["shop", "future_revenue_hi_80"] == 10.0
    assert found["ltv"].sum() == pytest.approx(table["ltv"].sum())
    assert found["share"].sum() == pytest.approx(1.0)
    assert found.loc["shop", "ltv_per_partner"] == pytest.approx(found.loc["shop", "ltv"] / 2)


def test_warnings_say_what_to_know_of_a_partner() -> None:
    table = made_customers(np.zeros(30), np.zeros(30), np.full(30, 20.0))
    shares = [{"big": 1.0}] * 12 + [{"big": 0.5, "shared": 0.5}] * 14 + [{"tiny": 1.0}] * 4
    summary = made_summary(table, shares=shares)
    history = pd.DataFrame(
        [
            ("big", AS_OF_DAY - 400, 5.0, 1),
            ("big", AS_OF_DAY, 5.0, 1),
            ("shared", AS_OF_DAY - 400, 5.0, 1),
            ("shared", AS_OF_DAY - 200, 5.0, 1),
            ("tiny", AS_OF_DAY - 9, 5.0, 1),
        ],
        columns=["partner_id", "day", "revenue", "purchases"],
    )
    summary = dataclasses.replace(summary, history=history)
    found = partner_table(summary, rolled_of(np.ones((2, 3))), SPEC).set_index("partner_id")
    assert found["warnings"].to_dict() == {
        "big": "14 of 26 customers also buy through other partners",
        "shared": "no purchase in the last 200 days; "
        "14 of 14 customers also buy through other partners",
        "tiny": "only 4 customers; first purchase only 10 days before the end of the data",
    }
