from __future__ import annotations

import numpy as np
import pytest

from ltvforecast.checks.verdict import error_beyond_chance, judge, predictive_p


def test_both_size_and_p_value_must_speak() -> None:
    bounds = {"look": 0.1, "fails": 0.3}
    assert judge(0.5, 0.2, **bounds) == "fine"
    assert judge(0.05, 1e-12, **bounds) == "fine"
    assert judge(-0.5, 0.002, **bounds) == "look"
    assert judge(-0.2, 1e-12, **bounds) == "look"
    assert judge(-0.5, 1e-12, **bounds) == "fails"


def test_chance_alone_gives_a_level_p_value() -> None:
    """Correlated groups: a common factor, as customers alive together give periods."""
    rng = np.random.default_rng(1)
    expected = np.linspace(20, 200, 15)

    def sample(count: int) -> np.ndarray:
        return rng.poisson(expected * rng.gamma(100, 1 / 100, (count, 1))).astype(float)

    replicates = sample(400)
    found = [error_beyond_chance(each, expected, replicates) for each in sample(1000)]
    p_values = np.array([p for _, p in found])
    for level in (0.01, 0.05, 0.5):
        # binomial error over 1,000 data sets, and as much again for the 400 replicates
        assert np.mean(p_values < level) == pytest.approx(
            level, abs=4 * np.sqrt(2 * level * (1 - level) / 1000)
        )
    # both ways, chance taken off leaves nothing in half of the cases
    assert np.mean([size == 0.0 for size, _ in found]) > 0.4


def test_the_size_is_the_error_that_was_put_in() -> None:
    rng = np.random.default_rng(2)
    expected = np.full(40, 500.0)
    wrong = expected * np.where(np.arange(40) % 2, 1.2, 0.8)
    size, p_value = error_beyond_chance(
        rng.poisson(wrong).astype(float), expected, rng.poisson(expected, (200, 40)).astype(float)
    )
    # 20 %, give or take sd of a group's count over root 40: 500^-.5 / 40^.5 = .007
    assert size == pytest.approx(0.2, abs=4 * 0.007)
    assert p_value < 1e-9


def test_groups_without_any_variation_say_nothing() -> None:
    assert error_beyond_chance(np.ones(2), np.ones(2), np.ones((5, 2))) == (0.0, 1.0)
    assert predictive_p(1.0, np.ones(10)) == 1.0


def test_predictive_p_values_are_uniform_and_go_on_beyond_the_replicates() -> None:
    rng = np.random.default_rng(3)
    draws = rng.standard_normal((2000, 201))
    found = np.array([predictive_p(float(row[0]), row[1:]) for row in draws])
    assert np.mean(found < 0.1) == pytest.approx(0.1, abs=4 * np.sqrt(0.09 / 2000))
    far = [predictive_p(distance, draws[0]) for distance in (4.0, 6.0, -6.0)]
    assert far[0] < 0.005
    assert far[1] < 1e-6
    assert far[2] < 1e-6
