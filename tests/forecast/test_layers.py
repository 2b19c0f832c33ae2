from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from ltvforecast.errors import ConfigError
from ltvforecast.forecast.layers import (
    LARGEST_RATIO,
    LAYER_NAMES,
    applied_layers,
    choose_estimate,
    combine,
    layer_draws,
    recent_revenue,
    unlearnt,
)
from ltvforecast.layer_types import LayerEstimate, Layers

AS_OF = dt.date(2025, 12, 31)
END = (AS_OF - dt.date(1970, 1, 1)).days
PLAIN = LayerEstimate(horizon_days=91.0, windows=3, programme_spread=0.0, freedom=30.0)

money = hnp.arrays(np.float64, 6, elements=st.floats(0.0, 1e6).filter(lambda v: v == 0 or v > 1e-3))


def made_draws(draws: int = 4000, partners: int = 5, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    revenue = rng.gamma(4.0, 25.0 * np.arange(1, partners + 1), size=(draws, partners))
    revenue[rng.uniform(size=revenue.shape) < 0.1] = 0.0
    return revenue


def layered(revenue: np.ndarray, estimate: LayerEstimate, **changes):
    options = {"recent": None, "customers": np.full(revenue.shape[1], 50), "names": LAYER_NAMES,
               "seed": 7}  # fmt: skip
    return layer_draws(revenue, estimate=estimate, **(options | changes))


class TestNames:
    def test_all_by_default_and_in_their_order(self):
        assert applied_layers(None) == LAYER_NAMES
        assert applied_layers(["width", "combination"]) == ("combination", "width")
        assert applied_layers([]) == ()

    def test_an_unknown_one_is_refused(self):
        with pytest.raises(ConfigError, match="with"):
            applied_layers(["with"])


class TestUnlearnt:
    def test_drift_grows_like_a_random_walk(self):
        assert unlearnt(365.0).programme_spread == pytest.approx(
            2 * unlearnt(365.0 / 4).programme_spread
        )

    def test_nothing_else_is_assumed(self):
        assumed = unlearnt(91.0)
        assert (assumed.weight, assumed.correction, assumed.partner_width) == (0.0, 0.0, 1.0)


class TestChooseEstimate:
    layers = Layers(
        estimates=(
            replace(PLAIN, horizon_days=28.0, programme_spread=0.02),
            replace(PLAIN, horizon_days=91.0, programme_spread=0.05, partner_swing=0.1),
        ),
        track_record=(),
        origins=(),
        how="",
    )

    def test_the_nearest_in_log_time_with_its_spread_stretched(self):
        chosen = choose_estimate(self.layers, 364.0)
        assert chosen.horizon_days == 364.0
        assert chosen.programme_spread == pytest.approx(0.10)
        assert chosen.partner_swing == pytest.approx(0.2)
        assert choose_estimate(self.layers, 30.0).programme_spread == pytest.approx(
            0.02 * np.sqrt(30 / 28)
        )

    def test_without_any_trial_the_drift(self):
        nothing = Layers(estimates=(), track_record=(), origins=(), how="")
        assert choose_estimate(nothing, 91.0) == unlearnt(91.0)


class TestRecentRevenue:
    history = pd.DataFrame(
        {
            "partner_id": ["a", "a", "b", "b", "z"],
            "day": [END, END - 56, END - 28, END + 1, END],
            "revenue": [100.0, 100.0, 80.0, 999.0, 5.0],
        }
    )

    def recent(self, ids=("a", "b"), days=91.0, **changes):
        return recent_revenue(
            self.history, ids, as_of=AS_OF, days=days, estimate=replace(PLAIN, **changes)
        )

    def test_exponential_smoothing_by_hand(self):
        # half-life 28 days: 100 + 100/4, 80/2; what comes later, or elsewhere, is not looked at
        assert self.recent(half_life_days=28.0) == pytest.approx([125.0, 40.0])

    def test_same_window_last_year(self):
        old = pd.DataFrame(
            {"partner_id": ["a", "b", "a"], "day": [END - 364, END - 363, END - 200],
             "revenue": [7.0, 11.0, 13.0]}
        )  # fmt: skip
        found = recent_revenue(
            old, ("a", "b"), as_of=AS_OF, days=91.0, estimate=replace(PLAIN, recent="last_year")
        )
        assert found == pytest.approx([0.0, 11.0])

    def test_no_window_last_year_in_a_short_history_or_for_a_long_horizon(self):
        assert self.recent(recent="last_year") is None
        assert self.recent(recent="last_year", days=400.0) is None


class TestCombine:
    @given(mean=money, recent=money, weight=st.floats(0.0, 1.0))
    def test_the_total_stays_and_nothing_is_negative(self, mean, recent, weight):
        mixed = combine(mean, recent, np.full(6, 30), weight=weight)
        assert mixed.sum() == pytest.approx(mean.sum(), rel=1e-9)
        assert (mixed >= 0).all()
        assert (mixed[mean == 0] == 0).all()

    def test_weight_nought_changes_nothing(self):
        mean = np.array([3.0, 5.0])
        assert combine(mean, np.array([9.0, 1.0]), np.array([50, 50]), weight=0.0) is mean

    def test_large_partners_move_further_and_none_beyond_the_limit(self):
        mean = np.full(4, 100.0)
        mixed = combine(
            mean, np.array([8.0, 8.0, 1.0, 1.0]), np.array([5, 500, 5, 500]), weight=0.9
        )
        assert mixed[1] > mixed[0] > 100 > mixed[2] > mixed[3]
        extreme = combine(mean, np.array([1e9, 1.0, 1.0, 1.0]), np.full(4, 10_000), weight=1.0)
        # each is moved by the limit at most; bringing the total back moves all alike
        assert 0.9 * LARGEST_RATIO**2 < extreme.max() / extreme.min() <= LARGEST_RATIO**2


class TestLayerDraws:
    def test_without_layers_the_draws_are_the_models(self):
        revenue = made_draws()
        got = layered(revenue, replace(PLAIN, correction=0.3, programme_spread=0.2), names=())
        assert got.revenue == pytest.approx(revenue, rel=1e-12)
        assert got.factor == pytest.approx(np.ones_like(revenue))

    def test_every_draw_is_its_factor_times_the_models_and_nothing_stays_nothing(self):
        revenue = made_draws()
        estimate = replace(
            PLAIN, correction=0.1, programme_spread=0.1, partner_width=1.25, partner_swing=0.1,
            weight=0.6,
        )  # fmt: skip
        got = layered(revenue, estimate, recent=np.array([5.0, 4.0, 3.0, 2.0, 1.0]))
        assert got.revenue == pytest.approx(revenue * got.factor, rel=1e-12)
        assert ((got.revenue == 0) == (revenue == 0)).all()

    def test_means_are_those_of_combination_and_correction_whatever_the_width(self):
        revenue = made_draws()
        recent = np.array([5.0, 4.0, 3.0, 2.0, 1.0])
        estimate = replace(
            PLAIN, correction=0.1, programme_spread=0.2, partner_width=0.7, weight=0.6
        )
        got = layered(revenue, estimate, recent=recent)
        aim = combine(revenue.mean(axis=0), recent, np.full(5, 50), weight=0.6) * np.exp(0.1)
        assert got.revenue.mean(axis=0) == pytest.approx(aim, rel=1e-9)
        assert got.mean_factor * revenue.mean(axis=0) == pytest.approx(aim, rel=1e-12)

    def test_correction_alone_multiplies_everything(self):
        revenue = made_draws()
        got = layered(revenue, replace(PLAIN, correction=-0.2), names=("correction",))
        assert got.revenue == pytest.approx(revenue * np.exp(-0.2), rel=1e-9)
        assert got.mean_factor == pytest.approx(np.full(5, np.exp(-0.2)))

    def test_the_programmes_factor_is_shared_and_as_wide_as_said(self):
        revenue = np.full((20_000, 3), 100.0)
        got = layered(revenue, replace(PLAIN, programme_spread=0.1, freedom=30.0))
        logs = np.log(got.revenue)
        assert np.ptp(logs, axis=1).max() < 1e-9
        # sd of t with 30 df is scale * sqrt(30/28); its standard error about .6 % of it
        assert logs[:, 0].std() == pytest.approx(0.1 * np.sqrt(30 / 28), rel=0.025)

    def test_a_swing_is_each_partners_own(self):
        revenue = np.full((20_000, 3), 100.0)
        got = layered(revenue, replace(PLAIN, partner_swing=0.2))
        logs = np.log(got.revenue)
        assert logs.std(axis=0) == pytest.approx([0.2] * 3, rel=0.02)
        assert abs(np.corrcoef(logs.T) - np.eye(3)).max() < 0.03

    def test_width_scales_the_log_spread(self):
        revenue = np.random.default_rng(3).lognormal(0.0, 0.3, size=(20_000, 2))
        got = layered(revenue, replace(PLAIN, partner_width=1.5))
        assert np.log(got.revenue).std(axis=0) == pytest.approx([0.45, 0.45], rel=0.02)

    def test_the_same_seed_gives_the_same_draws_and_another_does_not(self):
        revenue = made_draws()
        estimate = replace(PLAIN, programme_spread=0.1)
        first, again = layered(revenue, estimate), layered(revenue, estimate)
        assert (first.revenue == again.revenue).all()
        assert (layered(revenue, estimate, seed=8).revenue != first.revenue).any()

    def test_a_partner_that_never_sells_is_left_at_nothing(self):
        revenue = made_draws()
        revenue[:, 2] = 0.0
        got = layered(revenue, replace(PLAIN, programme_spread=0.1, weight=0.9),
                      recent=np.ones(5))  # fmt: skip
        assert (got.revenue[:, 2] == 0).all()
        assert np.isfinite(got.factor).all()
