from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ltvforecast.forecast.payback import (
    highest_that_pays,
    inverted_cdf,
    ltv_over_cac,
    ltv_to_cac,
    max_affordable_cac,
    max_affordable_commission,
    p_ltv_exceeds_cac,
    payback_months,
)

values = hnp.arrays(
    np.float64, st.tuples(st.integers(1, 60), st.just(2)), elements=st.floats(-1e6, 1e6)
)


class TestByHand:
    # five draws of a partner that cost 100
    LTV = np.array([[50.0], [150.0], [200.0], [250.0], [100.0]])
    CAC = np.array([100.0])

    def test_ratio_of_means(self):
        # mean 750 / 5 = 150; 150 / 100 = 1.5
        assert ltv_to_cac(self.LTV, self.CAC).tolist() == [1.5]

    def test_ratios_of_draws(self):
        assert np.median(ltv_over_cac(self.LTV, self.CAC)) == 1.5

    def test_ratio_of_means_where_the_cost_varies(self):
        # (100 + 300) / (1 + 399) = 1; the mean of the ratios is 50.4
        assert ltv_to_cac(np.array([[100.0], [300.0]]), np.array([[1.0], [399.0]])) == 1.0

    def test_probability(self):
        # 150, 200 and 250 are above 100; 100 itself is not
        assert p_ltv_exceeds_cac(self.LTV, self.CAC).tolist() == [0.6]

    def test_cost_of_nothing(self):
        free = np.array([0.0])
        assert math.isnan(ltv_to_cac(self.LTV, free)[0])
        assert np.isnan(ltv_over_cac(self.LTV, free)).all()
        assert p_ltv_exceeds_cac(self.LTV, free).tolist() == [1.0]

    def test_cost_not_known(self):
        unknown = np.array([math.nan])
        net = np.ones((5, 1, 3))
        assert math.isnan(ltv_to_cac(self.LTV, unknown)[0])
        assert math.isnan(p_ltv_exceeds_cac(self.LTV, unknown)[0])
        assert np.isnan(payback_months(net, unknown, np.ones(3))).all()

    def test_payback(self):
        # cumulated net against 100, months of 1, 1 and 0.5
        net = np.array(
            [
                [[40.0, 100.0, 120.0]],  # exactly in the 2nd month
                [[130.0, 90.0, 80.0]],  # in the 1st, although support eats it up afterwards
                [[10.0, 20.0, 100.5]],  # at the end of the half month
                [[10.0, 20.0, 99.0]],  # never within the horizon
            ]
        )
        found = payback_months(net, self.CAC, np.array([1.0, 1.0, 0.5]))
        assert found[:, 0].tolist() == [2.0, 1.0, 2.5, math.inf]
        # sorted 1, 2, 2.5, never: the median is 2, the 75 % quantile 2.5, beyond it never
        ends = inverted_cdf(found, np.array([0.5, 0.75, 0.9]))
        assert ends[:, 0].tolist() == [2.0, 2.5, math.inf]

    def test_payback_of_nothing_is_at_once(self):
        net = np.full((2, 1, 3), -5.0)
        assert payback_months(net, np.array([0.0]), np.ones(3)).tolist() == [[0.0], [0.0]]

    def test_highest_cac(self):
        # of ten draws 100 ... 1,000, nine are 200 or more
        ltv = np.arange(1.0, 11.0)[:, None] * 100
        assert max_affordable_cac(ltv).tolist() == [200.0]
        assert max_affordable_cac(ltv - 400).tolist() == [0.0]

    def test_highest_commission(self):
        # half of revenue is margin, support costs 20, recruitment 30: with revenue R there is
        # 0.5 R - 50 for commission, a share of 0.5 - 50 / R of revenue; 2nd lowest R = 200: 0.25
        revenue = np.arange(1.0, 11.0)[:, None] * 100
        found = max_affordable_commission(0.5 * revenue - 20, revenue, np.array([30.0]))
        assert found.tolist() == [0.25]

    def test_highest_commission_of_a_partner_that_never_pays(self):
        revenue = np.full((10, 1), 100.0)
        assert max_affordable_commission(revenue * 0.5, revenue, np.array([60.0])) == 0.0
        nothing = np.zeros((10, 1))
        assert max_affordable_commission(nothing, nothing, np.array([60.0])) == 0.0

    def test_highest_commission_is_at_most_everything(self):
        nothing = np.zeros((10, 1))
        assert max_affordable_commission(nothing, nothing, np.array([math.nan])) == 1.0


class TestLaws:
    @given(ltv=values)
    def test_the_highest_cost_pays_and_a_higher_one_does_not(self, ltv):
        found = highest_that_pays(ltv)
        assert ((ltv >= found).mean(axis=0) >= 0.9 - 1e-12).all()
        assert ((ltv > found).mean(axis=0) <= 0.9 + 1e-12).all()
        higher = np.nextafter(found, math.inf)
        assert ((ltv >= higher).mean(axis=0) < 0.9 + 1e-12).all()

    @given(before=values, cac=st.floats(0.0, 1e5), seed=st.integers(0, 99))
    def test_commission_at_the_limit_pays_with_90_percent(self, before, cac, seed):
        base = np.random.default_rng(seed).gamma(1.0, 1e5, before.shape) + 1.0
        rate = max_affordable_commission(before, base, np.array([cac, cac]))
        pays = (before - rate * base >= cac - 1e-6).mean(axis=0)
        too_much = (before - (rate + 1e-6) * base >= cac + 1e-6).mean(axis=0)
        assert (pays[rate > 0] >= 0.9 - 1e-12).all()
        assert (too_much[(rate < 1)] <= 0.9 + 1e-12).all()

    @given(net=hnp.arrays(np.float64, (20, 1, 4), elements=st.floats(-100, 100)),
           low=st.floats(1, 100), more=st.floats(0, 100))  # fmt: skip
    def test_a_dearer_partner_pays_back_later(self, net, low, more):
        early, late = (
            payback_months(net, np.array([cac]), np.ones(4)) for cac in (low, low + more)
        )
        assert (early <= late).all()
        assert (np.isfinite(late) == (net >= low + more).any(axis=2)).all()

    @given(draws=values)
    def test_quantiles_are_draws_and_agree_with_numpy(self, draws):
        at = np.array([0.05, 0.5, 0.95])
        expected = np.quantile(draws, at, axis=0, method="inverted_cdf")
        np.testing.assert_array_equal(inverted_cdf(draws, at), expected)

    def test_a_quantile_may_be_never(self):
        draws = np.array([[1.0], [math.inf], [math.inf]])
        assert inverted_cdf(draws, np.array([0.05, 0.5])).tolist() == [[1.0], [math.inf]]

    def test_payback_of_constant_income(self):
        # 10 a month against 95: covered in the 10th month
        net = np.cumsum(np.full((1, 1, 24), 10.0), axis=2)
        assert payback_months(net, np.array([95.0]), np.ones(24))[0, 0] == pytest.approx(10)
