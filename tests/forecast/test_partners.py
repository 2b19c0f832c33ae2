from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from ltvforecast.forecast.partners import GroupDraws, roll_up_partners, roll_up_programme
from ltvforecast.forecast.predict import predict
from ltvforecast.types import CustomerSummary, Economics, ForecastSpec, Horizon
from tests.forecast.made_model import AS_OF_DAY, made_customers, made_model, made_summary

SPEC = ForecastSpec(
    horizon=Horizon(text="100d", days=100.0),
    levels=(80,),
    economics=Economics(margin=0.5, commission=0.1),
)


def summary_of(partners: int, *, customers: int = 40, history_days: int = 500) -> CustomerSummary:
    table = made_customers(np.zeros(customers), np.zeros(customers), np.full(customers, 20.0))
    shares = [{f"p{k % partners}": 1.0} for k in range(customers)]
    return made_summary(table, shares=shares, history_days=history_days)


def draws_of(revenue: np.ndarray) -> GroupDraws:
    revenue = np.asarray(revenue, dtype=np.float64)
    return GroupDraws(
        existing_revenue=revenue,
        discounted=0.9 * revenue,
        active_customers=np.ceil(revenue / 10),
        expected_revenue=np.broadcast_to(revenue.mean(axis=0), revenue.shape),
        expected_discounted=0.9 * np.broadcast_to(revenue.mean(axis=0), revenue.shape),
    )


def test_the_columns_are_those_promised() -> None:
    table = roll_up_partners(summary_of(2), draws_of(np.ones((5, 2))), SPEC)

    def with_ends(name: str) -> list[str]:
        return [name, f"{name}_lo_80", f"{name}_hi_80"]

    assert table.columns.tolist() == [
        "partner_id", "customers", "revenue_to_date",
        *with_ends("existing_revenue"), *with_ends("future_revenue"),
        *with_ends("lifetime_revenue"), *with_ends("ltv"), "p_churn", "p_decline",
        *with_ends("expected_active_customers"), *with_ends("commission"),
        *with_ends("expected_existing_revenue")[1:], *with_ends("expected_ltv")[1:],
        "share", "cumulative_share", "tail", "warnings",
    ]  # fmt: skip


def test_figures_by_hand() -> None:
    # p0 took 10 * 3 in all and 10 in the last 100 days, p1 20 * 3 and 20
    revenue = np.array([[0.0, 8.0], [10.0, 8.0], [4.0, 11.0], [6.0, 13.0]])
    table = roll_up_partners(summary_of(2), draws_of(revenue), SPEC).set_index("partner_id")
    assert table.index.tolist() == ["p1", "p0"]
    assert table["revenue_to_date"].tolist() == [60.0, 30.0]
    assert table["existing_revenue"].tolist() == [10.0, 5.0]
    assert table["lifetime_revenue"].tolist() == [70.0, 35.0]
    assert table["ltv"].tolist() == pytest.approx([10 * 0.9 * 0.4, 5 * 0.9 * 0.4])
    assert table["commission"].tolist() == pytest.approx([1.0, 0.5])
    assert table["p_churn"].tolist() == [0.0, 0.25]
    assert table["p_decline"].tolist() == [0.5, 0.5]
    assert table["share"].tolist() == pytest.approx([2 / 3, 1 / 3])
    assert table["cumulative_share"].tolist() == pytest.approx([2 / 3, 1.0])
    assert table["tail"].tolist() == ["head", "head"]
    assert table["existing_revenue_lo_80"].tolist() == pytest.approx([8.0, 1.2])


def test_the_tail_begins_after_the_partners_that_bring_four_fifths() -> None:
    revenue = np.array([[50.0, 30.0, 15.0, 5.0]])
    table = roll_up_partners(summary_of(4), draws_of(revenue), SPEC)
    assert table["tail"].tolist() == ["head", "head", "long_tail", "long_tail"]
    even = roll_up_partners(summary_of(4), draws_of(np.full((1, 4), 7.0)), SPEC)
    assert even["partner_id"].tolist() == ["p0", "p1", "p2", "p3"]
    assert even["tail"].tolist() == ["head"] * 4
    nothing = roll_up_partners(summary_of(4), draws_of(np.zeros((3, 4))), SPEC)
    assert nothing["share"].tolist() == [0.0] * 4
    assert nothing["tail"].tolist() == ["long_tail"] * 4
    assert nothing["p_churn"].tolist() == [1.0] * 4


def test_p_decline_needs_a_past_as_long_as_the_horizon() -> None:
    draws = draws_of(np.ones((3, 2)))
    assert roll_up_partners(summary_of(2, history_days=100), draws, SPEC)["p_decline"].notna().all()
    short = summary_of(2, history_days=99)
    assert roll_up_partners(short, draws, SPEC)["p_decline"].isna().all()
    table = roll_up_partners(short, draws, SPEC)
    whole = roll_up_programme(
        short, SPEC, table=table, partners=draws, programme=draws_of(np.full((3, 1), 2.0))
    )
    assert whole["p_decline"] is None
    forecast = predict(made_model(short), horizon="100d", draws=20)
    assert any("p_decline" in text for text in forecast.provenance["warnings"])


def test_the_programme_has_joint_intervals_and_concentration() -> None:
    rng = np.random.default_rng(3)
    revenue = rng.gamma(1.0, 10.0, (500, 5)) * np.array([8, 1, 1, 1, 1])
    summary = summary_of(5)
    table = roll_up_partners(summary, draws_of(revenue), SPEC)
    whole = roll_up_programme(
        summary,
        SPEC,
        table=table,
        partners=draws_of(revenue),
        programme=draws_of(revenue.sum(axis=1, keepdims=True)),
    )
    assert whole["future_revenue_lo_80"] == pytest.approx(np.quantile(revenue.sum(axis=1), 0.1))
    assert whole["future_revenue_lo_80"] > table["future_revenue_lo_80"].sum()
    assert whole["partners"] == 5
    assert whole["customers"] == 40
    assert whole["top_20_percent_partners"] == 1
    assert whole["top_20_percent_share"] == table["share"].iloc[0]
    share = revenue[:, 0] / revenue.sum(axis=1)
    assert whole["top_20_percent_share_hi_80"] == pytest.approx(np.quantile(share, 0.9))
    assert whole["head_partners"] + whole["long_tail_partners"] == 5
    assert whole["revenue_to_date"] == 3 * (10 + 20 + 30 + 40 + 50)


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
    found = roll_up_partners(summary, draws_of(np.ones((2, 3))), SPEC).set_index("partner_id")
    assert found["warnings"].to_dict() == {
        "big": "14 of 26 customers also buy through other partners",
        "shared": "no purchase in the last 200 days; "
        "14 of 14 customers also buy through other partners",
        "tiny": "only 4 customers; first purchase only 10 days before the end of the data",
    }
