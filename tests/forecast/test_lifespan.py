from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ltvforecast.errors import ConfigError
from ltvforecast.forecast.lifespan import (
    EDGES_MONTHS,
    GUARD_MONTHS,
    LIMIT_MONTHS,
    _last_months,
    lifespan_table,
    partner_lifespans,
)
from tests.forecast.made_model import CDNOW, made_customers, made_model, made_summary
from tests.forecast.made_scenario import made_programme

PERIODS = len(EDGES_MONTHS) - 1
# a customer who never stops, and buys at a known rate: b far above a, r and alpha huge
STEADY = CDNOW | {"a": 1e-6, "b": 1e6}


def made(parameters=CDNOW, *, customers: int = 30, x: float = 4.0, T: float = 52.0, rate=None):
    if rate is not None:
        parameters = parameters | {"r": 1e6, "alpha": 1e6 / rate}
    some = made_customers(
        np.full(customers, x), np.full(customers, 0.9 * T), np.full(customers, T), later=30.0 * x
    )
    shares = [{f"p{k % 3}": 1.0} for k in range(customers)]
    return made_model(made_summary(some, shares=shares), parameters, spread=0.0, draws=5)


def test_every_year_and_the_limits_are_edges() -> None:
    assert EDGES_MONTHS[0] == 0
    assert EDGES_MONTHS[-1] == GUARD_MONTHS > LIMIT_MONTHS
    assert {12, 24, 36, LIMIT_MONTHS} <= set(EDGES_MONTHS)
    assert list(EDGES_MONTHS) == sorted(set(EDGES_MONTHS))


@given(
    shown=st.lists(st.booleans(), min_size=PERIODS * 4, max_size=PERIODS * 4),
)
def test_laws_of_the_table(shown) -> None:
    active = np.array(shown).reshape(2, 2, PERIODS)  # partner, draw, period
    months, beyond = _last_months(active)
    table = lifespan_table(months, beyond, levels=[50, 90])
    assert np.isfinite(table.to_numpy(dtype=float)).all()
    lasts = table[["p_lasts_1y", "p_lasts_2y", "p_lasts_3y", "p_lasts_5y"]].to_numpy()
    assert (np.diff(lasts, axis=1) <= 0).all()
    assert table["expected_lifespan_months"].between(0, LIMIT_MONTHS).all()
    low, high = table["expected_lifespan_months_lo_90"], table["expected_lifespan_months_hi_90"]
    assert (low <= table["median_lifespan_months"]).all()
    assert (table["median_lifespan_months"] <= high).all()
    # revenue after t months is just what "lasts t" says
    for year in (1, 2, 3, 5):
        later = np.array(EDGES_MONTHS[:-1]) >= 12 * year
        after = active[:, :, later].any(axis=2).mean(axis=1)
        assert table[f"p_lasts_{year}y"].to_numpy() == pytest.approx(after)


def test_more_revenue_never_shortens_a_life() -> None:
    rng = np.random.default_rng(1)
    some = rng.random((20, 50, PERIODS)) < 0.05
    more = some | (rng.random(some.shape) < 0.05)
    assert (_last_months(more)[0] >= _last_months(some)[0]).all()


def test_what_is_censored_is_told_and_not_infinite() -> None:
    active = np.zeros((2, 4, PERIODS), dtype=bool)
    active[0, :3, -1] = True  # three of four draws have revenue in the sixth year
    active[1, :, 2] = True
    months, beyond = _last_months(active)
    table = lifespan_table(months, beyond, levels=[90])
    assert table["lifespan_censored"].tolist() == [True, False]
    assert table["median_lifespan_months"].tolist() == [60.0, 3.0]
    assert table["expected_lifespan_months"].tolist() == [45.0, 3.0]
    assert table["p_lasts_5y"].tolist() == [0.75, 0.0]


def test_one_steady_customer_against_the_closed_form() -> None:
    """Poisson purchases at rate k a year: P(some after year t of six) = 1 - exp(-k (6 - t)).

    300 partners of one customer who never stops, 40 draws: 12,000 independent futures, standard
    errors at most .0046; four of them, and .001 for the rounding of years to days.
    """
    rate = 0.4  # a year
    some = made_customers(np.full(300, 2.0), np.full(300, 40.0), np.full(300, 52.0), later=60.0)
    summary = made_summary(some, shares=[{f"p{k:03d}": 1.0} for k in range(300)])
    weekly = rate / (365.25 / 7)
    parameters = STEADY | {"r": 1e7, "alpha": 1e7 / weekly}
    model = made_model(summary, parameters, spread=0.0, draws=5)
    table = partner_lifespans(model, draws=40, workers=1).table
    for year in (1, 2, 3, 5):
        known = 1 - np.exp(-rate * (6 - year))
        error = np.sqrt(known * (1 - known) / 12_000)
        assert table[f"p_lasts_{year}y"].mean() == pytest.approx(known, abs=4 * error + 0.001)


def test_a_busy_partner_lasts_and_the_programme_longer_than_any() -> None:
    found = partner_lifespans(made(STEADY, rate=1.0), draws=20, workers=1)
    assert found.table["lifespan_censored"].all()
    assert (found.table["p_lasts_5y"] == 1).all()
    short = partner_lifespans(made(CDNOW | {"a": 3.0, "b": 1.0}, x=2.0), draws=60, workers=1)
    assert (short.months.max(axis=1) <= LIMIT_MONTHS).all()
    assert short.programme["expected_lifespan_months"] == pytest.approx(
        short.months.max(axis=1).mean()
    )
    assert short.programme["partner_id"] == "__programme__"


def test_new_customers_only_lengthen_a_life() -> None:
    model = made_programme(acquisition=True, customers=30)
    known, both = (
        partner_lifespans(model, draws=20, workers=1, acquisition=new) for new in (False, True)
    )
    assert (both.months >= known.months).all()
    assert both.months.mean() > known.months.mean() + 1


def test_workers_change_nothing_and_seeds_do() -> None:
    model = made(CDNOW | {"a": 3.0, "b": 1.0}, x=2.0)
    one, two, other = (
        partner_lifespans(model, draws=30, workers=workers, seed=seed)
        for workers, seed in ((1, 1), (2, 1), (1, 2))
    )
    np.testing.assert_array_equal(one.months, two.months)
    assert (one.months != other.months).any()


def test_options_that_mean_nothing_are_refused() -> None:
    model = made()
    for wrong in ({"draws": 0}, {"levels": (0,)}, {"seed": -1}, {"workers": 0}):
        with pytest.raises(ConfigError):
            partner_lifespans(model, **{"draws": 5, **wrong})
    late = replace(model, summary=replace(model.summary, as_of=dt.date(9998, 1, 1)))
    with pytest.raises(ConfigError, match="9999"):
        partner_lifespans(late, draws=5)
