from __future__ import annotations

import numpy as np
import pytest

from ltvforecast.evaluate.verdict import judge_elapsed, judge_window, split_test, total_test
from ltvforecast.types import FloatArray

PARTNERS = 60


def futures(count: int, *, seed: int, shared: float = 0.2) -> FloatArray:
    """Draws in which all partners share one large factor, as a season does."""
    rng = np.random.default_rng(seed)
    size = np.geomspace(1.0, 300.0, PARTNERS)
    own = rng.gamma(size, 1.0, (count, PARTNERS))
    return np.asarray(own * np.exp(shared * rng.standard_normal((count, 1))))


def test_a_right_forecast_is_seldom_doubted_although_partners_share_their_luck() -> None:
    draws = futures(400, seed=1)
    words = [judge_window(y, float(y.sum()), draws).word for y in futures(300, seed=2)]
    doubted = sum(word != "still good" for word in words)
    # at most 10 %: binomial(300, .1) is above 50 with probability < .0002
    assert doubted <= 50
    assert words.count("refit") <= 12  # binomial(300, .01) is above 12 with probability < .0001
    assert doubted >= 1  # a test that never speaks is none


def test_a_common_factor_does_not_make_the_split_surprising() -> None:
    draws = futures(400, seed=3)
    one = futures(1, seed=4)[0]
    plain = split_test(one, draws)
    assert split_test(3.0 * one, draws) == plain  # a season that triples everyone is one surprise
    assert judge_window(3.0 * one, float(3.0 * one.sum()), draws).word == "refit"


def test_partners_that_change_places_are_seen_although_the_total_is_right() -> None:
    draws = futures(400, seed=5)
    turned = futures(1, seed=6)[0][::-1]
    verdict = judge_window(turned, float(draws.sum(axis=1).mean()), draws)
    assert verdict.word == "refit"
    assert verdict.p_split == pytest.approx(1 / 401)
    assert verdict.p_programme is not None
    assert verdict.p_programme > 0.5
    assert verdict.outside is not None
    assert verdict.outside_usual is not None
    assert verdict.outside > verdict.outside_usual[1]


def test_the_total_test_is_exact() -> None:
    rng = np.random.default_rng(7)
    chances = [total_test(float(rng.normal()), rng.normal(size=99)) for _ in range(2000)]
    for level in (0.02, 0.1, 0.5):
        share = np.mean(np.array(chances) <= level)
        assert abs(share - level) < 4 * np.sqrt(level * (1 - level) / 2000)


def test_a_small_miss_is_no_reason_to_refit_however_clear() -> None:
    rng = np.random.default_rng(8)
    draws = rng.normal(1000.0, 0.5, (500, 20))
    y = np.full(20, 1010.0)
    assert judge_window(y, float(y.sum()), draws).word == "watch"


def test_few_futures_are_told() -> None:
    draws = futures(100, seed=9)
    assert "only 100 simulated futures" in judge_window(draws[0], 1e9, draws).reason


@pytest.mark.parametrize(
    ("actual", "word"),
    [(100.0, "still good"), (109.0, "still good"), (112.0, "watch"), (130.0, "refit")],
)
def test_an_unfinished_window_is_judged_by_its_total(actual: float, word: str) -> None:
    verdict = judge_elapsed(actual, 100.0, (90.0, 110.0), level=90)
    assert verdict.word == word
    assert verdict.p_split is None


def test_the_end_of_the_interval_has_the_chance_of_its_level() -> None:
    assert judge_elapsed(110.0, 100.0, (90.0, 110.0), level=80).p_programme == pytest.approx(0.2)
