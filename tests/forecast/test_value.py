from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from ltvforecast.economics_types import Economics, Terms
from ltvforecast.errors import ConfigError
from ltvforecast.forecast.economics import PartnerCash, value_partners
from ltvforecast.forecast.terms import resolve_terms
from ltvforecast.forecast.value import (
    check_economics,
    daily_discount,
    earned_rate,
    earned_rates,
    period_factors,
)


@pytest.mark.parametrize(
    "economics",
    [
        Economics(margin=1.2),
        Economics(margin=-0.1),
        Economics(margin=float("nan")),
        Economics(commission=15),
        Economics(commission=-0.01),
        Economics(discount_rate=-1.0),
        Economics(discount_rate=10.5),
        Economics(discount_rate=float("nan")),
        Economics(discount_rate=float("inf")),
    ],
)
def test_terms_that_mean_nothing_are_refused(economics: Economics) -> None:
    with pytest.raises(ConfigError):
        check_economics(economics)


def test_terms_at_the_limits_are_taken() -> None:
    for economics in (
        Economics(),
        Economics(margin=0.0, commission=1.0, discount_rate=10.0),
        Economics(discount_rate=-0.5),
    ):
        assert check_economics(economics) is economics
    assert earned_rate(Economics(margin=0.3, commission=0.5)) == pytest.approx(-0.2)


def test_a_year_discounts_by_the_annual_rate() -> None:
    assert np.exp(-365.25 * daily_discount(Economics(discount_rate=0.25))) == pytest.approx(0.8)
    assert daily_discount(Economics(discount_rate=0.0)) == 0.0


@given(
    delta=st.floats(-0.01, 0.01),
    days=st.lists(st.floats(0.01, 400), min_size=1, max_size=5),
)
def test_factors_are_mean_present_values(delta: float, days: list[float]) -> None:
    edges = np.concatenate([[0.0], np.cumsum(days)])
    factors = period_factors(edges, delta)
    for factor, start, end in zip(factors, edges[:-1], edges[1:], strict=True):
        mean = quad(lambda t: np.exp(-delta * t), start, end)[0] / (end - start)
        assert factor == pytest.approx(mean, rel=1e-6)


def test_factors_become_one_as_the_rate_goes_to_zero() -> None:
    edges = np.array([0.0, 30.0, 365.0])
    for delta in (1e-6, 1e-10, 1e-15, 1e-300, 0.0):
        assert np.abs(period_factors(edges, delta) - 1).max() <= 400 * delta


def test_refunds_take_their_share_of_margin_and_commission() -> None:
    # 60 % of 0.9, less 20 % of 0.95 (half of the commission on refunds is taken back)
    economics = Economics(margin=0.6, commission=0.2, refund_share=0.1, clawback_share=0.5)
    assert earned_rate(economics) == pytest.approx(0.35)


def test_partners_whose_value_is_proportional_to_revenue_are_told_from_the_others() -> None:
    changed = {
        "plain": Terms(margin=0.5),
        "refunds": Terms(refund_share=0.2),
        "cac": Terms(acquisition_cost=100.0),
        "tiers": Terms(tiers=((0.0, 0.1), (10.0, 0.2))),
        "cap": Terms(commission_cap=5.0),
        "months": Terms(commission_months=6.0),
        "first": Terms(commission_on="first_order"),
        "bounty": Terms(bounty=1.0),
        "support": Terms(support_cost_per_month=1.0),
        "customers": Terms(customer_acquisition_cost=1.0),
    }
    economics = Economics(margin=0.8, commission=0.1, discount_rate=0.0, by_partner=changed)
    terms = resolve_terms(economics, list(changed)).partners
    rates = earned_rates(terms)
    assert rates[:3].tolist() == pytest.approx([0.4, 0.8 * 0.8 - 0.1 * 0.8, 0.7])
    assert np.isnan(rates[3:]).all()
    revenue = np.full((1, len(changed), 1), 100.0)
    cash = PartnerCash(
        existing_revenue=revenue, new_customers=revenue / 50, eligible_revenue=revenue / 2
    )
    ltv = value_partners(cash, terms, edges_days=np.array([0.0, 30.0])).ltv[0]
    assert ltv[:3].tolist() == pytest.approx((100 * rates[:3]).tolist())
    assert (np.abs(ltv[3:] - 70.0) > 0.5).all()  # 70 is what the flat terms would give
