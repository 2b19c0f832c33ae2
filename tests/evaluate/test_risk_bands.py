from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta, binom

from ltvforecast.evaluate.hindcast import PastForecast
from ltvforecast.evaluate.learn_layers import learn_layers
from ltvforecast.evaluate.risk_bands import (
    EDGES,
    SilenceForecast,
    band_table,
    learn_bands,
    risk_bands,
)


def told(chance, silent, *, origin: int = 0, days: int = 91) -> SilenceForecast:
    return SilenceForecast(
        origin_day=origin,
        days=days,
        chance=np.asarray(chance, dtype=np.float64),
        silent=np.asarray(silent, dtype=np.float64),
    )


def made_past(chance, silent, *, origin: int, days: int, draws: int = 200) -> PastForecast:
    chance = np.asarray(chance, dtype=np.float64)
    nothing = np.arange(draws)[:, None] < np.round(chance * draws)
    partners = len(chance)
    return PastForecast(
        origin_day=origin,
        days=days,
        history_days=365,
        draws=np.where(nothing, 0.0, 10.0),
        actual=np.where(np.asarray(silent) > 0, 0.0, 5.0),
        total=5.0 * partners,
        customers=np.full(partners, 30),
        partner_ids=tuple(f"p{k}" for k in range(partners)),
        history=pd.DataFrame(
            {"partner_id": [f"p{k}" for k in range(partners)], "day": origin, "revenue": 1.0}
        ),
    )


@given(
    chance=st.lists(st.integers(0, 200), min_size=1, max_size=60),
    edge=st.integers(0, len(EDGES) - 1),
    seed=st.integers(0, 2**16),
)
def test_every_partner_is_in_exactly_the_band_of_its_chance(chance, edge, seed) -> None:
    values = np.append(np.array(chance) / 200, EDGES[edge])
    silent = np.random.default_rng(seed).integers(0, 2, len(values))
    bands = risk_bands([told(values, silent)], days=91)
    assert sum(band.partners for band in bands) == len(values)
    assert sum(band.silent for band in bands) == silent.sum()
    assert sum(band.expected * band.partners for band in bands) == pytest.approx(values.sum())
    assert [band.low for band in bands] == sorted(band.low for band in bands)
    for band in bands:
        there = (values >= band.low) & ((values < band.high) | (band.high == 1.0))
        assert band.partners == there.sum()
        assert band.low <= band.expected <= band.high + 1e-12
        assert 0 <= band.silent_lo_90 <= band.silent / band.partners <= band.silent_hi_90 <= 1


def test_the_interval_is_jeffreys() -> None:
    """Brown, Cai & DasGupta (2001), 4.1: the ends of Beta(k + 1/2, n - k + 1/2); k = 2, n = 10."""
    (band,) = risk_bands([told(np.full(10, 0.3), np.arange(10) < 2)], days=91)
    assert band.silent_lo_90 == pytest.approx(beta(2.5, 8.5).ppf(0.05))
    assert band.silent_hi_90 == pytest.approx(beta(2.5, 8.5).ppf(0.95))
    none, everybody = (
        risk_bands([told(np.full(10, 0.3), np.full(10, value))], days=91)[0] for value in (0, 1)
    )
    assert none.silent_lo_90 == 0.0
    assert none.silent_hi_90 == pytest.approx(1 - everybody.silent_lo_90)
    assert everybody.silent_hi_90 == 1.0


def test_intervals_hold_the_true_share_nine_times_in_ten_on_average() -> None:
    """Exact coverage over all counts of 40, averaged over true shares (Brown et al. 2001, 4.1.1).

    For a single share it wavers with the discreteness of the counts, here by up to .08.
    """
    counts = np.arange(41)
    ends = []
    for k in counts:
        (band,) = risk_bands([told(np.full(40, 0.3), np.arange(40) < k)], days=91)
        ends.append((band.silent_lo_90, band.silent_hi_90))
    low, high = np.array(ends).T
    shares = np.linspace(0.05, 0.95, 181)
    held = np.array([binom(40, p).pmf(counts)[(low <= p) & (p <= high)].sum() for p in shares])
    assert held.mean() == pytest.approx(0.9, abs=0.01)
    assert held.min() > 0.82


def test_windows_that_overlap_count_once() -> None:
    silent = np.arange(40) < 12
    one = risk_bands([told(np.full(40, 0.3), silent)], days=91)[0]
    again = risk_bands([told(np.full(40, 0.3), silent)] * 5, days=91)[0]
    apart = risk_bands([told(np.full(40, 0.3), silent, origin=91 * k) for k in range(5)], days=91)[
        0
    ]
    assert (again.partners, again.silent, again.windows) == (200, 60, 5)
    assert again.silent_lo_90 == pytest.approx(one.silent_lo_90)
    assert again.silent_hi_90 == pytest.approx(one.silent_hi_90)
    assert apart.silent_hi_90 - apart.silent_lo_90 < 0.6 * (one.silent_hi_90 - one.silent_lo_90)


def test_bands_are_learnt_for_each_horizon_from_windows_of_just_that_length() -> None:
    past = [
        made_past([0.0, 0.3, 0.9], [0, 0, 1], origin=19_000, days=28),
        made_past([0.0, 0.4, 0.9], [0, 1, 1], origin=19_100, days=28),
        made_past([0.0, 0.1, 0.7], [0, 0, 1], origin=19_000, days=91),
        made_past([0.0, 0.1, 0.7], [0, 0, 1], origin=19_000, days=60),  # of no horizon
    ]
    bands = learn_bands(past)
    assert {band.horizon_days for band in bands} == {28.0, 91.0}
    middle = next(band for band in bands if band.horizon_days == 28 and band.low == 0.2)
    assert (middle.partners, middle.silent, middle.windows) == (2, 1, 2)
    assert middle.expected == pytest.approx(0.35)
    assert learn_layers(past, refused=0, shares=True, seed=1).risk_bands == bands


def test_under_rules_that_can_t_be_compared_with_sales_there_are_none() -> None:
    past = [made_past([0.0, 0.3], [0, 1], origin=19_000, days=28)]
    assert learn_layers(past, refused=0, shares=False, seed=1).risk_bands == ()


def test_nothing_tried_gives_no_band_and_an_empty_table() -> None:
    assert risk_bands([], days=91) == ()
    assert learn_bands([]) == ()
    table = band_table(())
    assert len(table) == 0
    assert "silent_share" in table


def test_the_table_has_the_share_beside_the_counts() -> None:
    table = band_table(risk_bands([told([0.3, 0.3, 0.9], [0, 1, 1])], days=91))
    assert table["silent_share"].tolist() == [0.5, 1.0]
    assert table.columns.tolist() == [
        "horizon_days", "windows", "low", "high", "partners", "expected", "silent",
        "silent_share", "silent_lo_90", "silent_hi_90",
    ]  # fmt: skip
