from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ltvforecast.evaluate.hindcast import PastForecast
from ltvforecast.evaluate.learn_layers import (
    WEIGHTS,
    gather_evidence,
    learn_estimate,
    learn_layers,
    learn_programme,
)
from ltvforecast.forecast.layers import ANNUAL_DRIFT, unlearnt

FIRST_DAY = 17_000
DAYS = 91
IDS = tuple(f"p{number:03d}" for number in range(60))


def made_past(
    number: int,
    *,
    programme: float = 1.0,
    shares: float = 0.0,
    told: float = 1.0,
    spread: float = 1.0,
    swing: float = 0.0,
    customers: int = 100,
    days: int = DAYS,
    partners: int = 60,
    level_seen: bool = True,
    seed: int = 1,
) -> PastForecast:
    """Make a past forecast whose truth is known.

    The model claims a log-normal spread of .2; what comes is ``spread`` times as wide around
    ``programme`` times its forecast. Partners' true shares differ from the model's by a log sd of
    ``shares``, of which their recent revenue tells ``told``; a ``swing`` is told by nothing.
    """
    rng = np.random.default_rng([seed, number])
    mean = np.full(partners, 1000.0)
    lasting = np.random.default_rng(seed).normal(0.0, shares, partners) if shares else 0.0
    centre = mean * np.exp(lasting)
    claimed = 0.2
    draws = mean * rng.lognormal(-(claimed**2) / 2, claimed, size=(400, partners))
    noise = rng.normal(0.0, spread * claimed, partners) + rng.normal(0.0, swing, partners)
    actual = programme * centre * np.exp(noise - (spread * claimed) ** 2 / 2 - swing**2 / 2)
    origin = FIRST_DAY + 200 + number * days
    seen = mean * np.exp(told * lasting) if level_seen else np.roll(mean * np.exp(lasting), 1)
    history = pd.DataFrame(
        {
            "partner_id": np.tile(IDS[:partners], 4),
            "day": np.repeat([origin - 60, origin - 40, origin - 20, FIRST_DAY], partners),
            "revenue": np.tile(seen, 4),
        }
    )
    return PastForecast(
        origin_day=origin,
        days=days,
        history_days=origin - FIRST_DAY + 1,
        draws=draws,
        actual=actual,
        total=float(actual.sum()),
        customers=np.full(partners, customers),
        partner_ids=IDS[:partners],
        history=history,
    )


def evidence(count: int = 4, **how):
    return [gather_evidence(made_past(number, **how)) for number in range(count)]


class TestProgramme:
    def test_reference_value(self):
        """Normal with scaled inverse chi-squared prior, by hand: errors .1 and .3, prior
        variance .14^2 * 91 / 365.25 with 2 degrees of freedom, mean worth 4 windows of 0."""
        two = [
            replace(each, log_error=error, log_variance=0.0)
            for each, error in zip(evidence(2), (0.1, 0.3), strict=True)
        ]
        learnt = learn_programme(two, DAYS)
        prior = 0.14**2 * 91 / 365.25
        variance = (2 * prior + 0.02 + 4 * 2 / 6 * 0.04) / 4
        assert learnt.correction == pytest.approx(2 * 0.2 / 6)
        assert learnt.freedom == pytest.approx(4.0)
        assert learnt.programme_spread == pytest.approx(np.sqrt(variance * 7 / 6))

    def test_forecasts_that_were_right_narrow_the_prior_and_correct_nothing(self):
        right = [replace(each, log_error=0.0) for each in evidence(6)]
        learnt = learn_programme(right, DAYS)
        assert learnt.correction == 0.0
        assert learnt.programme_spread < 0.5 * unlearnt(DAYS).programme_spread

    def test_errors_narrow_only_with_their_number(self):
        wide = [replace(each, log_error=e) for each, e in zip(evidence(4), (-0.3, 0.3, -0.3, 0.3),
                                                              strict=True)]  # fmt: skip
        assert learn_programme(wide, DAYS).programme_spread > unlearnt(DAYS).programme_spread

    def test_overlapping_windows_count_once(self):
        same = [replace(each, log_error=0.2) for each in evidence(1)] * 5
        apart = [replace(each, log_error=0.2) for each in evidence(5)]
        assert learn_programme(same, DAYS).correction == pytest.approx(0.2 / 5)
        assert learn_programme(apart, DAYS).correction == pytest.approx(0.2 * 5 / 9)

    def test_the_models_own_variance_is_not_counted_twice(self):
        errors = (-0.05, 0.05, -0.05, 0.05)
        plain, known = (
            [replace(each, log_error=error, log_variance=own) for each, error in
             zip(evidence(4), errors, strict=True)]
            for own in (0.0, 0.002)
        )  # fmt: skip
        assert (
            learn_programme(known, DAYS).programme_spread
            < learn_programme(plain, DAYS).programme_spread
        )

    def test_predictive_intervals_of_new_errors_cover_what_they_claim(self):
        """Errors drawn from the prior: the t interval is then exact; 400 trials, se 1.5 %."""
        rng = np.random.default_rng(5)
        base = evidence(4)
        prior = ANNUAL_DRIFT**2 * DAYS / 365.25
        from scipy.stats import t as student

        inside = 0
        for _ in range(400):
            variance = 2 * prior / rng.chisquare(2)
            lasting = rng.normal(0.0, np.sqrt(variance / 4))
            errors = rng.normal(lasting, np.sqrt(variance), 5)
            past = [
                replace(each, log_error=error, log_variance=0.0)
                for each, error in zip(base, errors[:4], strict=True)
            ]
            learnt = learn_programme(past, DAYS)
            half = student.ppf(0.95, learnt.freedom) * learnt.programme_spread
            inside += abs(errors[4] - learnt.correction) <= half
        assert abs(inside / 400 - 0.9) < 3 * 0.015


class TestCombination:
    def test_recent_revenue_that_knows_the_shares_is_weighed_in(self):
        learnt = learn_estimate(evidence(shares=0.3), DAYS)
        assert learnt.weight >= 0.75
        assert learnt.gain > 0.2

    def test_recent_revenue_that_knows_nothing_is_not(self):
        learnt = learn_estimate(evidence(shares=0.3, level_seen=False), DAYS)
        assert learnt.weight == 0.0
        assert learnt.gain == 0.0

    def test_noise_is_seldom_taken_for_knowledge(self):
        """Recent revenue is the model's share plus noise of half its spread: no gain exists."""
        chosen = 0
        for seed in range(20):
            made = []
            for number in range(3):
                past = made_past(number, seed=seed)
                rng = np.random.default_rng([99, seed, number])
                noisy = past.history.assign(revenue=1000 * np.tile(rng.lognormal(0.0, 0.2, 60), 4))
                made.append(gather_evidence(replace(past, history=noisy)))
            chosen += learn_estimate(made, DAYS).weight > 0
        assert chosen <= 4

    def test_every_weight_can_be_chosen_from(self):
        assert 0 < min(WEIGHTS) < max(WEIGHTS) < 1

    def test_small_partners_tell_nothing(self):
        learnt = learn_estimate(evidence(shares=0.3, customers=5), DAYS)
        assert (learnt.weight, learnt.partners) == (0.0, 0)
        assert learnt.windows == 4


class TestWidth:
    @pytest.mark.parametrize("spread", [0.7, 1.0, 1.5])
    def test_the_width_that_came_is_found(self, spread):
        """480 totals, and a prior worth 20: a standard error of 1 / sqrt(2 * 480) = 3.2 %."""
        learnt = learn_estimate(evidence(8, spread=spread), DAYS)
        whole = np.hypot(learnt.partner_width, learnt.partner_swing / 0.2)
        assert abs(whole / spread - 1) < 3.5 * 0.032

    def test_skew_is_not_taken_for_a_wrong_width(self):
        """Few, large purchases: far from normal, and just as the model says."""
        made = []
        for number in range(8):
            past = made_past(number)
            rng = np.random.default_rng([8, number])
            draws, actual = rng.gamma(1.5, 1000 / 1.5, (400, 60)), rng.gamma(1.5, 1000 / 1.5, 60)
            made.append(gather_evidence(replace(past, draws=draws, actual=actual)))
        assert abs(learn_estimate(made, DAYS).partner_width - 1) < 3.5 * 0.032

    def test_one_window_with_few_partners_moves_it_less(self):
        one = learn_estimate(evidence(1, spread=2.0, partners=6), DAYS)
        many = learn_estimate(evidence(6, spread=2.0), DAYS)
        # all claim the same spread: width and swing can't be told apart, only their sum
        few, all_ = (np.hypot(0.2 * each.partner_width, each.partner_swing) for each in (one, many))
        assert 0.2 < few < 0.34 < all_ < 0.42

    def test_a_swing_beyond_any_width_is_found(self):
        """Two kinds of partners: for those with a narrow forecast no factor is enough."""
        made = []
        for number in range(4):
            past = made_past(number, swing=0.15, seed=3)
            draws = past.draws.copy()
            draws[:, ::2] = 1000 + (draws[:, ::2] - 1000) * 0.05
            rng = np.random.default_rng([5, number])
            actual = past.actual.copy()
            actual[::2] = 1000 * np.exp(rng.normal(0.0, 0.15, 30))
            made.append(gather_evidence(replace(past, draws=draws, actual=actual)))
        assert 0.1 <= learn_estimate(made, DAYS).partner_swing <= 0.2

    def test_without_one_none_is_found(self):
        assert learn_estimate(evidence(), DAYS).partner_swing == 0.0


class TestWindows:
    def test_of_each_date_the_longest_that_is_not_longer(self):
        past = [gather_evidence(made_past(0, days=days)) for days in (28, 56, 91, 182)]
        same = [replace(e, window=replace(e.window, origin_day=FIRST_DAY + 400)) for e in past]
        assert learn_estimate(same, 91).windows == 1
        assert learn_estimate(same, 91) == replace(learn_estimate(same[2:3], 91), horizon_days=91.0)

    def test_none_that_is_much_shorter(self):
        assert learn_estimate(evidence(days=28), 182) == unlearnt(182)


class TestLayers:
    def test_track_record_uses_only_what_had_ended_before(self):
        """A shock in the last window must not show in how earlier ones were forecast."""
        calm = [made_past(number) for number in range(4)]
        shocked = [*calm[:3], made_past(3, programme=3.0)]
        before, after = (
            learn_layers(past, refused=0, shares=True, seed=1) for past in (calm, shocked)
        )
        assert before.track_record[0].windows == after.track_record[0].windows == 4
        three = learn_layers(calm[:3], refused=0, shares=True, seed=1).track_record[0]
        errors = [
            record.wape * sum(past.actual.sum() for past in pasts)
            for record, pasts in ((three, calm[:3]), (after.track_record[0], shocked))
        ]
        own = np.abs(shocked[3].actual - 1000.0).sum()
        # the last window's own error is about all that is added
        assert errors[1] - errors[0] == pytest.approx(own, rel=0.15)

    def test_right_intervals_show_as_right(self):
        layers = learn_layers(
            [made_past(number) for number in range(8)], refused=1, shares=True, seed=1
        )
        record = layers.track_record[0]
        assert record.partners == 480
        assert abs(record.coverage_90 - 0.9) < 0.05
        assert abs(record.bias) < 0.05
        assert "1 more" in layers.how

    def test_no_shares_under_a_rule_that_ignores_who_sells(self):
        layers = learn_layers(
            [made_past(n, shares=0.3) for n in range(4)], refused=0, shares=False, seed=1
        )
        assert layers.track_record == ()
        assert all(each.weight == 0 and each.windows for each in layers.estimates)

    def test_nothing_tried_says_so(self):
        layers = learn_layers([], refused=0, shares=True, seed=1)
        assert layers.estimates == ()
        assert "too short" in layers.how

    def test_origins_are_dates_in_order(self):
        layers = learn_layers([made_past(1), made_past(0)], refused=0, shares=True, seed=1)
        assert layers.origins == tuple(
            dt.date(1970, 1, 1) + dt.timedelta(days=FIRST_DAY + 200 + DAYS * n) for n in (0, 1)
        )
