"""Simulated data against the closed forms, which the simulations do not use."""

from __future__ import annotations

import numpy as np
import pytest

from ltvforecast.checks.replicates import (
    parameter_draws,
    simulate_counts,
    simulate_future_counts,
    simulate_times,
    simulate_totals,
)
from ltvforecast.formulas.bgnbd import expected_purchases, purchase_count_pmf

# Fader, Hardie & Lee (2005), table 2; Fader & Hardie (2013), p. 4
PURCHASE = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}
SPEND = {"p": 6.25, "q": 3.74, "v": 15.44, "zero_share": 0.1}
MANY = 200_000


def z_score(sample: np.ndarray, mean: float) -> float:
    return float((sample.mean() - mean) / (sample.std() / np.sqrt(len(sample))))


def test_counts_from_birth() -> None:
    counts = simulate_counts(PURCHASE, np.full(MANY, 39.0), rng=np.random.default_rng(1))
    assert abs(z_score(counts, float(expected_purchases(39, 0, 0, 0, **PURCHASE)))) < 4
    for number in (0, 1, 4):
        chance = float(purchase_count_pmf(number, 39, 0, 0, 0, **PURCHASE))
        assert abs(z_score((counts == number).astype(float), chance)) < 4


def test_times_fall_as_expected_and_in_order() -> None:
    customer, age = simulate_times(PURCHASE, np.full(MANY, 39.0), rng=np.random.default_rng(2))
    assert (np.diff(customer) >= 0).all()
    assert (np.diff(age)[np.diff(customer) == 0] >= 0).all()
    assert age.max() <= 39
    for end in (5.0, 20.0, 39.0):
        counts = np.bincount(customer[age <= end], minlength=MANY).astype(float)
        assert abs(z_score(counts, float(expected_purchases(end, 0, 0, 0, **PURCHASE)))) < 4


def test_futures_given_a_history() -> None:
    history = [np.full(MANY, value) for value in (2.0, 30.43, 38.86)]
    found = simulate_future_counts(PURCHASE, *history, horizon=39.0, rng=np.random.default_rng(3))
    # 1.226 as published for this customer (Fader, Hardie & Lee 2005, section 5)
    assert found.mean() == pytest.approx(1.226, abs=0.02)
    assert abs(z_score(found, float(expected_purchases(39, 2, 30.43, 38.86, **PURCHASE)))) < 4
    assert abs(
        z_score(
            (found == 0).astype(float),
            float(purchase_count_pmf(0, 39, 2, 30.43, 38.86, **PURCHASE)),
        )
    ) < 4  # fmt: skip


def test_totals_have_the_mean_of_the_model() -> None:
    totals = simulate_totals(SPEND, np.full(MANY, 3.0), rng=np.random.default_rng(4))
    assert abs(z_score(totals, 0.9 * 3 * 6.25 * 15.44 / 2.74)) < 4
    assert simulate_totals(SPEND, np.zeros(3), rng=np.random.default_rng(4)).tolist() == [0, 0, 0]


def test_draws_are_spread_over_the_posterior() -> None:
    draws = {"r": np.arange(1000.0)[:, None]}
    taken = [each["r"] for each in parameter_draws(draws, replicates=5)]
    assert taken == [0.0, 249.0, 499.0, 749.0, 999.0]
    point = list(parameter_draws({"r": np.ones((1, 1))}, replicates=3))
    assert point == [{"r": 1.0}] * 3
