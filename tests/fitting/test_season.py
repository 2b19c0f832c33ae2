"""A known season comes back with honest intervals; flat stays flat."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ltvforecast.fitting.season import draw_index, fit_season, season_and_level
from ltvforecast.formulas.clock import bin_lengths
from tests.fitting.made_counts import made_counts, made_season


def rng() -> np.random.Generator:
    return np.random.default_rng(1)


@pytest.mark.parametrize("bins", [12, 52])
def test_a_strong_season_comes_back(bins: int) -> None:
    truth = made_season(0.4, bins=bins)
    counts = made_counts(days=1100, per_day=20.0, index=truth, seed=3)
    fitted = fit_season(counts, bins, careful=False)
    draws = draw_index(fitted, draws=1000, rng=rng())
    assert fitted.evidence > 20.0
    assert np.abs(draws.mean(axis=0) / truth - 1.0).max() < 0.06
    assert np.allclose(draws @ bin_lengths(bins), 365.0)


def test_intervals_of_the_index_hold_the_truth_as_often_as_they_say() -> None:
    """24 programmes of 12 months: months of one programme are dependent, so that the coverage
    has a standard error of about .04 (sd of the programmes' coverage ~.2 / sqrt 24)."""
    truth = made_season(0.3)
    inside = []
    for seed in range(24):
        counts = made_counts(days=900, per_day=5.0, index=truth, seed=seed, shock=0.1)
        draws = draw_index(fit_season(counts, 12, careful=False), draws=400, rng=rng())
        low, high = np.quantile(draws, (0.05, 0.95), axis=0)
        inside.append(np.mean((low <= truth) & (truth <= high)))
    assert 0.78 < np.mean(inside) < 0.99


def test_noise_is_seen_as_noise_and_widens_the_index() -> None:
    truth = made_season(0.3)
    calm, wild = (
        fit_season(
            made_counts(days=1100, per_day=30.0, index=truth, seed=5, shock=shock),
            52,
            careful=False,
        )
        for shock in (0.0, 0.4)
    )
    assert calm.best(flat=False).noise < 0.1 < wild.best(flat=False).noise
    spread = [draw_index(fit, draws=500, rng=rng()).std(axis=0).mean() for fit in (calm, wild)]
    assert spread[1] > 1.5 * spread[0]


def test_counts_in_another_unit_of_expectation_give_the_same_season() -> None:
    counts = made_counts(days=900, per_day=10.0, index=made_season(0.3), seed=2)
    other = replace(counts, expected=counts.expected * 1.3)
    means = [
        draw_index(fit_season(each, 12, careful=False), draws=2000, rng=rng()).mean(axis=0)
        for each in (counts, other)
    ]
    assert np.abs(means[0] - means[1]).max() < 0.01


def test_with_little_history_the_season_is_shrunk_towards_flat() -> None:
    truth = made_season(0.4)
    short = made_counts(days=420, per_day=3.0, index=truth, seed=4)
    long = made_counts(days=1500, per_day=3.0, index=truth, seed=4)
    found = [
        np.log(draw_index(fit, draws=1000, rng=rng())).mean(axis=0).std()
        for fit in (fit_season(short, 12, careful=True), fit_season(long, 12, careful=False))
    ]
    assert found[0] < 0.8 * found[1]
    assert found[1] == pytest.approx(np.log(truth).std(), rel=0.25)


def test_days_without_any_purchase_do_no_harm() -> None:
    truth = made_season(0.4)
    counts = made_counts(days=800, per_day=0.05, index=truth, seed=6)
    draws = draw_index(fit_season(counts, 52, careful=False), draws=200, rng=rng())
    assert np.isfinite(draws).all()
    assert (draws > 0.0).all()


def test_what_is_known_at_a_day_does_not_depend_on_later_days() -> None:
    counts = made_counts(days=1100, per_day=10.0, index=made_season(0.4), seed=7)
    fitted = fit_season(counts, 12, careful=False)
    until = int(fitted.end[25])
    later = np.where(fitted.end > until, 9.0, fitted.response)
    scale = fitted.best(flat=False)
    known = season_and_level(fitted, scale, until=until)
    disturbed = season_and_level(replace(fitted, response=later), scale, until=until)
    assert known[0].tolist() == disturbed[0].tolist()
    assert known[1] == disturbed[1]
