from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ltvforecast.economics_types import Economics, PartnerTerms, Terms
from ltvforecast.errors import ForecastError
from ltvforecast.forecast.economics import (
    PartnerCash,
    PartnerMoney,
    add_money,
    months_of_periods,
    sum_money,
    tiered_commission,
    value_partners,
)
from ltvforecast.forecast.terms import resolve_terms, take_terms
from ltvforecast.forecast.value import daily_discount, earned_rate, period_factors

QUARTER = np.array([0.0, 31.0, 59.0, 90.0])
"""January to March."""
SHAPE = (3, 4, 3)


def made(seed: int) -> PartnerCash:
    """Revenue and new customers: some of them nothing, some large."""
    rng = np.random.default_rng(seed)
    there = rng.random((3, *SHAPE)) < rng.choice([0.3, 0.7, 1.0])
    existing, new = rng.lognormal(rng.uniform(0, 10), 1.5, (2, *SHAPE)) * there[:2]
    people = rng.integers(0, 30, SHAPE) * there[2].astype(np.float64)
    return PartnerCash(existing_revenue=existing, new_revenue=new, new_customers=people)


totals = st.integers(0, 10_000).map(made)
revenues = totals.map(lambda cash: cash.existing_revenue)
shares = st.floats(0.0, 1.0)
TIERS = ((0.0, 0.05), (1_000.0, 0.08), (5_000.0, 0.10))


def terms_of(*, partners: int = 1, **changes) -> PartnerTerms:
    economics = Economics(**({"discount_rate": 0.0} | changes))
    return resolve_terms(economics, [f"p{n}" for n in range(partners)]).partners


def one_partner(*months: float) -> np.ndarray:
    """One draw of one partner."""
    return np.array([[months]], dtype=np.float64)


def money_of(*revenue: float, **changes) -> PartnerMoney:
    edges = np.concatenate([[0.0], 30.0 * np.arange(1, len(revenue) + 1)])
    cash = PartnerCash(existing_revenue=one_partner(*revenue))
    return value_partners(cash, terms_of(**changes), edges_days=edges)


class TestByHand:
    def test_marginal_tiers(self):
        # 7,000 in a month: 1,000 at 5 %, 4,000 at 8 %, 2,000 at 10 %: 50 + 320 + 200 = 570
        # 1,000: 50; 600: 30
        money = money_of(7_000, 1_000, 600, tiers=TIERS)
        assert money.commission_by_period[0, 0].tolist() == pytest.approx([570, 50, 30])
        assert money.ltv[0, 0] == pytest.approx(8_600 - 650)

    def test_whole_volume_tiers(self):
        # 7,000 reaches 10 %: 700; 5,000 just reaches it: 500; 4,999 stays at 8 %: 399.92
        money = money_of(7_000, 5_000, 4_999, tiers=TIERS, tier_rule="whole")
        assert money.commission_by_period[0, 0].tolist() == pytest.approx([700, 500, 399.92])

    def test_nothing_below_the_first_bound(self):
        # 10 % above 1,000 only: 0 of 1,000; 50 of 1,500
        money = money_of(1_000, 1_500, tiers=((1_000.0, 0.10),))
        assert money.commission_by_period[0, 0].tolist() == [0.0, pytest.approx(50)]

    def test_cap(self):
        # 570 and 50 as above, at most 500 a month
        money = money_of(7_000, 1_000, tiers=TIERS, commission_cap=500.0)
        assert money.commission_by_period[0, 0].tolist() == pytest.approx([500, 50])

    def test_tiers_and_cap_in_a_week(self):
        # a week is 7 / 30.4375 = 0.2300 months: the bounds are 230.0 and 1149.9, the cap is 114.99;
        # 600 a week: 230.0 at 5 % and 370.0 at 8 %: 11.50 + 29.60 = 41.10
        cash = PartnerCash(existing_revenue=one_partner(600.0, 6_000.0))
        terms = terms_of(tiers=TIERS, commission_cap=500.0)
        money = value_partners(cash, terms, edges_days=np.array([0.0, 7.0, 14.0]))
        assert money.commission_by_period[0, 0] == pytest.approx([41.10, 114.99], abs=0.01)

    def test_first_months_of_a_customer(self):
        # of 100 a month, 100, 40 and 0 come from customers in their first months: 10 % of these
        cash = PartnerCash(
            existing_revenue=one_partner(100, 100, 100), eligible_revenue=one_partner(100, 40, 0)
        )
        terms = terms_of(commission=0.10, commission_months=3.0, margin=0.5)
        money = value_partners(cash, terms, edges_days=QUARTER)
        assert money.commission_by_period[0, 0].tolist() == pytest.approx([10, 4, 0])
        assert money.ltv[0, 0] == pytest.approx(150 - 14)

    def test_first_order_only_with_bounty(self):
        # 30 % of first orders of 50 and 0, and 20 for each of 2 and 1 new customers: 55 and 20
        cash = PartnerCash(
            existing_revenue=one_partner(500, 500, 500),
            new_revenue=one_partner(60, 30, 0),
            first_order_revenue=one_partner(50, 0, 0),
            new_customers=one_partner(2, 1, 0),
        )
        terms = terms_of(commission=0.30, commission_on="first_order", bounty=20.0)
        money = value_partners(cash, terms, edges_days=QUARTER)
        assert money.commission_by_period[0, 0].tolist() == pytest.approx([55, 20, 0])
        assert money.ltv[0, 0] == pytest.approx(1_590 - 75)

    def test_first_order_without_new_customers_costs_nothing(self):
        money = money_of(500, 500, commission=0.30, commission_on="first_order", bounty=20.0)
        assert money.commission.tolist() == [[0.0]]

    def test_the_cap_holds_for_bounties_too(self):
        # 10 % of 300 and 3 bounties of 20 are 90; at most 70
        cash = PartnerCash(existing_revenue=one_partner(300), new_customers=one_partner(3))
        terms = terms_of(commission=0.10, bounty=20.0, commission_cap=70.0)
        money = value_partners(cash, terms, edges_days=QUARTER[:2])
        assert money.commission[0, 0] == pytest.approx(70)

    def test_support_while_active(self):
        # sales in the 1st and 3rd month: supported for 3 months of 4
        money = money_of(100, 0, 50, 0, support_cost_per_month=10.0)
        assert money.partner_costs[0, 0] == pytest.approx(30)
        assert money.ltv[0, 0] == pytest.approx(120)
        assert money_of(0, 0, support_cost_per_month=10.0).ltv[0, 0] == 0.0

    def test_customers_cost(self):
        # 3 new customers at 4 each; not commission
        cash = PartnerCash(existing_revenue=one_partner(100), new_customers=one_partner(3))
        terms = terms_of(customer_acquisition_cost=4.0)
        money = value_partners(cash, terms, edges_days=QUARTER[:2])
        assert (money.ltv[0, 0], money.commission[0, 0]) == (pytest.approx(88), 0.0)

    def test_refunds_and_clawback(self):
        # 1,000 of which 10 % comes back: margin 60 % of 900 = 540; commission 20 % of 1,000 = 200,
        # of the 20 on the refunded 100 half is taken back: 190
        money = money_of(
            1_000, margin=0.6, commission=0.2, refund_share=0.1, clawback_share=0.5
        )  # fmt: skip
        assert money.commission[0, 0] == pytest.approx(190)
        assert money.ltv[0, 0] == pytest.approx(350)
        assert money.discounted_base[0, 0] == pytest.approx(950)

    def test_discounting_between_periods(self):
        # 21 % a year, evenly over each of two years: (1 - 1/1.21) / ln 1.21
        # = 0.1735537 / 0.1906204 = 0.910468, and 0.910468 / 1.21 = 0.752453;
        # 50 % - 10 % of 100 and 200: 40 x 0.910468 + 80 x 0.752453 = 96.6149
        cash = PartnerCash(existing_revenue=one_partner(100, 200))
        terms = terms_of(margin=0.5, commission=0.1, discount_rate=0.21)
        money = value_partners(cash, terms, edges_days=np.array([0.0, 365.25, 730.5]))
        assert money.cumulative_net[0, 0] == pytest.approx([36.41872, 96.61496], abs=2e-5)
        assert money.ltv[0, 0] == pytest.approx(96.61496, abs=2e-5)
        assert money.commission[0, 0] == pytest.approx(30)  # owed, not discounted

    def test_terms_of_each_draw_and_not_of_the_mean(self):
        # 10 % above 1,000; draws of 0 and 2,000 owe 0 and 100, in the mean 50; the mean 1,000: 0
        draws = np.array([[[0.0]], [[2_000.0]]])
        terms = terms_of(tiers=((1_000.0, 0.10),))
        money = value_partners(
            PartnerCash(existing_revenue=draws), terms, edges_days=np.array([0.0, 30.0])
        )
        assert money.commission.mean() == pytest.approx(50)

    def test_each_partner_by_its_own_terms(self):
        economics = Economics(
            margin=0.5,
            discount_rate=0.0,
            commission=0.1,
            by_partner={
                "b": Terms(tiers=((0.0, 0.2),)),
                "c": Terms(commission_months=1.0),
                "d": Terms(margin=0.4, discount_rate=0.21),
            },
        )
        terms = resolve_terms(economics, ["a", "b", "c", "d"]).partners
        revenue = np.full((1, 4, 1), 100.0)
        cash = PartnerCash(existing_revenue=revenue, eligible_revenue=revenue * 0.3)
        money = value_partners(cash, terms, edges_days=np.array([0.0, 365.25]))
        assert money.commission[0] == pytest.approx([10, 20, 3, 10])
        assert money.ltv[0] == pytest.approx([40, 30, 47, 30 * 0.9104678], abs=1e-4)


class TestPeriods:
    def test_calendar_months_count_one(self):
        assert months_of_periods(QUARTER).tolist() == [1, 1, 1]
        assert months_of_periods(np.array([0.0, 29.0, 60.25])).tolist() == [1, 1]

    def test_fragments_and_weeks_count_their_days(self):
        edges = np.array([0.0, 10.0, 17.0, 51.0])
        assert months_of_periods(edges) == pytest.approx(np.array([10, 7, 34]) / 30.4375)


class TestLaws:
    @given(revenue=revenues, margin=shares, commission=shares, rate=st.floats(-0.5, 2.0))
    def test_linear_terms_alone_are_the_discounted_revenue_times_what_is_earned(
        self, revenue, margin, commission, rate
    ):
        economics = Economics(margin=margin, commission=commission, discount_rate=rate)
        terms = terms_of(partners=4, margin=margin, commission=commission, discount_rate=rate)
        money = value_partners(PartnerCash(existing_revenue=revenue), terms, edges_days=QUARTER)
        factors = period_factors(QUARTER, daily_discount(economics))
        plain = (revenue * factors).sum(axis=2)
        np.testing.assert_allclose(
            money.ltv, plain * earned_rate(economics), rtol=1e-12, atol=1e-12 * plain.max()
        )
        # numbers below 1e-300 have no twelve digits left
        np.testing.assert_allclose(
            money.commission, commission * revenue.sum(axis=2), rtol=1e-12, atol=1e-300
        )

    @given(
        cash=totals,
        name=st.sampled_from(
            ["commission", "bounty", "support_cost_per_month", "customer_acquisition_cost"]
        ),
        low=shares,
        more=shares,
        cap=st.sampled_from([500.0, math.inf]),
    )
    def test_no_cost_raises_the_value(self, cash, name, low, more, cap):
        high = min(low + more, 1.0)
        cheap, dear = (
            value_partners(
                cash,
                terms_of(partners=4, commission_cap=cap, discount_rate=0.1, **{name: cost}),
                edges_days=QUARTER,
            )
            for cost in (low, high)
        )
        slack = 1e-9 * (1.0 + np.abs(cheap.ltv))
        assert (dear.ltv <= cheap.ltv + slack).all()
        assert (dear.commission >= cheap.commission - slack).all()

    @given(revenue=revenues, low=shares, more=shares)
    def test_refunds_lower_the_value_and_margin_raises_it(self, revenue, low, more):
        cash, high = PartnerCash(existing_revenue=revenue), min(low + more, 1.0)

        def ltv(**changes) -> np.ndarray:
            return value_partners(
                cash, terms_of(partners=4, **changes), edges_days=QUARTER
            ).ltv  # fmt: skip

        assert (ltv(refund_share=high) <= ltv(refund_share=low) + 1e-9).all()
        assert (ltv(margin=high) >= ltv(margin=low) - 1e-9).all()

    @given(cash=totals, cap=st.floats(0.0, 1e4), tiered=st.booleans())
    def test_commission_is_between_nothing_and_its_cap(self, cash, cap, tiered):
        paid = {"tiers": TIERS} if tiered else {"commission": 0.3}
        terms = terms_of(partners=4, commission_cap=cap, bounty=5.0, **paid)
        money = value_partners(cash, terms, edges_days=QUARTER)
        assert (money.commission_by_period >= 0).all()
        assert (money.commission_by_period <= cap).all()

    @given(revenue=revenues, whole=st.booleans())
    def test_tiers_of_one_share_are_that_share(self, revenue, whole):
        tiers = ((0.0, 0.1), (1_000.0, 0.1), (9_000.0, 0.1))
        found = tiered_commission(revenue, tiers, months=np.ones(3), whole_volume=whole)
        np.testing.assert_allclose(found, 0.1 * revenue, rtol=1e-12, atol=1e-9)

    @given(volume=hnp.arrays(np.float64, 20, elements=st.floats(0.0, 1e5)))
    def test_rising_tiers_owe_more_for_more_and_at_an_increasing_rate(self, volume):
        volume = np.sort(volume)
        found = tiered_commission(volume, TIERS, months=np.ones(1))
        whole = tiered_commission(volume, TIERS, months=np.ones(1), whole_volume=True)
        assert (np.diff(found) >= -1e-9).all()
        assert (found <= whole + 1e-9).all()
        middle = tiered_commission(np.array([volume.mean()]), TIERS, months=np.ones(1))
        assert found.mean() >= middle[0] - 1e-9  # Jensen: the tiers are convex

    @given(cash=totals)
    def test_sums_and_portions(self, cash):
        terms = terms_of(
            partners=4, tiers=TIERS, bounty=3.0, support_cost_per_month=7.0, margin=0.7,
            discount_rate=0.1,
        )  # fmt: skip
        money = value_partners(cash, terms, edges_days=QUARTER)
        portions = []
        for columns in (slice(0, 1), slice(1, 4)):
            part = PartnerCash(
                existing_revenue=cash.existing_revenue[:, columns],
                new_revenue=cash.new_revenue[:, columns],
                new_customers=cash.new_customers[:, columns],
            )
            portions.append(value_partners(part, take_terms(terms, columns), edges_days=QUARTER))
        apart = np.concatenate([portion.ltv for portion in portions], axis=1)
        assert (apart == money.ltv).all()  # a partner's value doesn't depend on the others
        joined = add_money(*(sum_money(portion) for portion in portions))
        for name in PartnerMoney.__slots__:
            np.testing.assert_allclose(
                getattr(joined, name), getattr(sum_money(money), name), rtol=1e-9, atol=1e-9
            )

    @given(cash=totals)
    def test_the_value_is_that_before_commission_less_the_discounted_commission(self, cash):
        terms = terms_of(partners=4, tiers=TIERS, bounty=3.0, discount_rate=0.1)
        money = value_partners(cash, terms, edges_days=QUARTER)
        factors = period_factors(QUARTER, math.log(1.1) / 365.25)
        paid = (money.commission_by_period * factors).sum(axis=2)
        np.testing.assert_allclose(money.before_commission - paid, money.ltv, atol=1e-6)
        assert (money.cumulative_net[..., -1] == money.ltv).all()

    @given(revenue=revenues, scale=st.floats(1e-3, 1e3))
    def test_another_unit_of_money_changes_nothing_else(self, revenue, scale):
        def ltv(unit: float) -> np.ndarray:
            terms = terms_of(
                partners=4,
                tiers=tuple((bound * unit, share) for bound, share in TIERS),
                commission_cap=900.0 * unit,
                support_cost_per_month=5.0 * unit,
            )
            cash = PartnerCash(existing_revenue=revenue * unit)
            return value_partners(cash, terms, edges_days=QUARTER).ltv

        np.testing.assert_allclose(ltv(scale), ltv(1.0) * scale, rtol=1e-9, atol=1e-6)

    @given(revenue=revenues)
    def test_a_limit_of_months_that_nobody_reaches_changes_nothing(self, revenue):
        cash = PartnerCash(existing_revenue=revenue, eligible_revenue=revenue)
        limited = terms_of(partners=4, commission=0.2, commission_months=600.0)
        free = replace(limited, commission_months=np.full(4, math.inf))
        one, other = (value_partners(cash, t, edges_days=QUARTER) for t in (limited, free))
        assert (one.ltv == other.ltv).all()


def test_revenue_of_first_months_that_was_not_simulated_is_asked_for():
    with pytest.raises(ForecastError, match="'p0'"):
        money_of(100, commission=0.1, commission_months=12.0)
