from __future__ import annotations

import math

import numpy as np
import pytest

from ltvforecast.economics_types import Economics, Terms
from ltvforecast.forecast.economics import (
    PartnerCash,
    PartnerMoney,
    months_of_periods,
    value_partners,
)
from ltvforecast.forecast.money_columns import (
    add_programmes,
    money_columns,
    money_notes,
    programme_money,
    programme_row,
)
from ltvforecast.forecast.terms import resolve_terms, take_terms

EDGES = np.array([0.0, 31.0, 59.0, 90.0])
MONTHS = months_of_periods(EDGES)
LEVELS = (50, 90)
PARTNERS = ("free", "good", "poor", "unknown")
TERMS = resolve_terms(
    Economics(
        margin=0.5,
        commission=0.1,
        discount_rate=0.0,
        by_partner={
            "free": Terms(acquisition_cost=0.0),
            "good": Terms(acquisition_cost=100.0, tiers=((0.0, 0.1), (500.0, 0.2))),
            "poor": Terms(acquisition_cost=9_999.0),
        },
    ),
    PARTNERS,
).partners


def revenue_draws(draws: int = 400) -> np.ndarray:
    return np.random.default_rng(3).gamma(4.0, 100.0, size=(draws, len(PARTNERS), 3))


def valued(revenue: np.ndarray, terms=TERMS) -> PartnerMoney:
    return value_partners(PartnerCash(existing_revenue=revenue), terms, edges_days=EDGES)


REVENUE = revenue_draws()
MONEY = valued(REVENUE)


class TestPartners:
    def test_columns(self):
        columns = money_columns(MONEY, TERMS, months=MONTHS, levels=LEVELS)
        assert list(columns) == [
            *("ltv", "ltv_lo_50", "ltv_hi_50", "ltv_lo_90", "ltv_hi_90"),
            *("commission", "commission_lo_50", "commission_hi_50"),
            *("commission_lo_90", "commission_hi_90", "cac", "ltv_to_cac", "ltv_to_cac_median"),
            *("ltv_to_cac_lo_50", "ltv_to_cac_hi_50", "ltv_to_cac_lo_90", "ltv_to_cac_hi_90"),
            *("p_ltv_exceeds_cac", "payback_months", "payback_months_lo_50"),
            *("payback_months_hi_50", "payback_months_lo_90", "payback_months_hi_90"),
            *("p_payback", "max_affordable_cac", "max_affordable_commission"),
        ]
        assert all(column.shape == (4,) for column in columns.values())

    def test_a_partner_that_pays(self):
        columns = money_columns(MONEY, TERMS, months=MONTHS, levels=LEVELS)
        ltv = MONEY.ltv[:, 1]
        assert columns["ltv_to_cac"][1] == pytest.approx(ltv.mean() / 100)
        assert columns["ltv_to_cac_median"][1] == pytest.approx(np.median(ltv) / 100)
        assert columns["ltv_to_cac_lo_90"][1] == pytest.approx(np.quantile(ltv, 0.05) / 100)
        assert columns["p_ltv_exceeds_cac"][1] == np.mean(ltv > 100)
        assert columns["payback_months"][1] in (1.0, 2.0)
        assert columns["p_payback"][1] == 1.0

    def test_free_poor_and_unknown_ones(self):
        columns = money_columns(MONEY, TERMS, months=MONTHS, levels=LEVELS)
        assert columns["payback_months"][[0, 2]].tolist() == [0.0, math.inf]
        assert columns["p_payback"][[0, 2]].tolist() == [1.0, 0.0]
        assert np.isnan(columns["ltv_to_cac"][[0, 3]]).all()
        assert np.isnan(columns["ltv_to_cac_hi_90"][[0, 3]]).all()
        for name in ("cac", "payback_months", "p_payback", "p_ltv_exceeds_cac"):
            assert math.isnan(columns[name][3])
        assert columns["max_affordable_commission"][2] == 0.0
        assert columns["max_affordable_commission"][3] == pytest.approx(0.5)  # all of the margin
        assert (columns["max_affordable_cac"] > 0).all()

    def test_notes(self):
        free, good, poor, unknown = money_notes(MONEY, TERMS)
        assert (good, unknown) == ("", "")
        assert "acquisition cost is 0" in free
        assert "even without commission" in poor

    def test_a_partner_that_loses_money_is_said_to(self):
        terms = resolve_terms(Economics(margin=0.1, commission=0.3), PARTNERS).partners
        assert all("cost more than it earns" in note for note in money_notes(
            valued(REVENUE, terms), terms
        ))  # fmt: skip


class TestProgramme:
    def test_portions_add_up(self):
        portions = [
            programme_money(valued(REVENUE[:, at], take_terms(TERMS, at)), take_terms(TERMS, at))
            for at in (slice(0, 1), slice(1, 4))
        ]
        apart = programme_row(add_programmes(*portions), months=MONTHS, levels=LEVELS)
        whole = programme_row(programme_money(MONEY, TERMS), months=MONTHS, levels=LEVELS)
        assert list(apart) == list(whole)
        for name, value in whole.items():
            assert apart[name] == (value if value is None else pytest.approx(value))

    def test_like_is_compared_with_like(self):
        row = programme_row(programme_money(MONEY, TERMS), months=MONTHS, levels=LEVELS)
        assert row["partners_with_cac"] == 3
        assert row["cac"] == 10_099.0
        assert row["ltv"] == pytest.approx(MONEY.ltv.sum(axis=1).mean())
        assert row["ltv_to_cac"] == pytest.approx(MONEY.ltv[:, :3].sum(axis=1).mean() / 10_099)
        assert (row["payback_months"], row["p_payback"]) == (None, 0.0)

    def test_intervals_are_joint(self):
        row = programme_row(programme_money(MONEY, TERMS), months=MONTHS, levels=LEVELS)
        apart = money_columns(MONEY, TERMS, months=MONTHS, levels=LEVELS)
        assert row["ltv_lo_90"] == pytest.approx(np.quantile(MONEY.ltv.sum(axis=1), 0.05))
        assert row["ltv_lo_90"] > apart["ltv_lo_90"].sum()

    def test_no_cost_known_at_all(self):
        terms = resolve_terms(Economics(), PARTNERS).partners
        money = programme_money(valued(REVENUE, terms), terms)
        row = programme_row(money, months=MONTHS, levels=LEVELS)
        for name in ("cac", "ltv_to_cac", "p_ltv_exceeds_cac", "payback_months", "p_payback"):
            assert row[name] is None
        assert row["max_affordable_cac"] > 0
