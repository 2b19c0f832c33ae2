"""Season or none: what repeats is taken, what does not is left."""

from __future__ import annotations

import pytest

from ltvforecast.fitting.season_choice import choose_season
from tests.fitting.made_counts import made_counts, made_season

TRIES = 15


def chosen(**made: float | tuple[float, float]) -> int:
    """In how many of the tries a season was chosen."""
    return sum(
        choose_season(made_counts(seed=seed, **made)).chosen is not None  # type: ignore[arg-type]
        for seed in range(TRIES)
    )


@pytest.mark.parametrize("days", [500, 740, pytest.param(1100, marks=pytest.mark.slow)])
def test_pure_noise_is_hardly_ever_taken_for_a_season(days: int) -> None:
    """At a true rate of 2 %, three or more of 15 have a chance of .003."""
    assert chosen(days=days, per_day=4.0) <= 2


@pytest.mark.slow
def test_noise_by_the_week_is_no_season() -> None:
    assert chosen(days=900, per_day=8.0, shock=0.3) <= 2


@pytest.mark.parametrize("factor", [0.5, 1.8])
@pytest.mark.parametrize("share", [pytest.param(0.35, marks=pytest.mark.slow), 0.6])
def test_a_step_in_level_is_not_taken_for_a_season(share: float, factor: float) -> None:
    assert chosen(days=900, per_day=4.0, step=(share, factor)) <= 2


def test_a_season_that_repeats_is_found_and_said() -> None:
    for seed in range(5):
        counts = made_counts(days=900, per_day=4.0, index=made_season(0.4), seed=seed)
        choice = choose_season(counts)
        assert choice.chosen is not None
        assert "smaller than without (2.5 cycles of history)" in choice.why


def test_a_season_beside_a_step_is_found() -> None:
    counts = made_counts(days=1200, per_day=6.0, index=made_season(0.4), step=(0.55, 0.6), seed=1)
    assert choose_season(counts).chosen is not None


def test_a_week_of_feasts_is_found_by_the_week() -> None:
    index = made_season(0.0, bins=52)
    index[49:51] *= 4.0
    choice = choose_season(made_counts(days=1100, per_day=20.0, index=index, seed=2))
    assert choice.chosen is not None
    assert choice.chosen.bins == 52


def test_below_two_cycles_it_says_that_it_shrinks() -> None:
    counts = made_counts(days=600, per_day=20.0, index=made_season(0.6), seed=1)
    choice = choose_season(counts)
    assert choice.chosen is not None
    assert "shrunk" in choice.why
