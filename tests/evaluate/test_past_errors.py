from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ltvforecast.evaluate.past_errors import NEIGHBOURS, earlier_origins, error_draws


@given(st.integers(0, 3000), st.integers(1, 400))
def test_earlier_errors_were_known_at_the_origin(span: int, days: int) -> None:
    for origin, window in earlier_origins(1000 + span, first_day=1000, days=days):
        assert origin + window <= 1000 + span
        assert origin - 1000 + 1 >= window
        assert window <= days
        if span + 1 >= 2 * days:
            assert window == days


def test_draws_are_the_forecast_times_past_ratios() -> None:
    rng = np.random.default_rng(1)
    past = np.full(200, 10.0)
    actual = np.tile([5.0, 20.0], 100)
    ahead = error_draws(np.array([3.0, 0.0]), past, actual, draws=4000, fewest=20, rng=rng)
    assert ahead is not None
    assert set(np.unique(ahead[:, 0])) == {1.5, 6.0}
    assert abs((ahead[:, 0] == 1.5).mean() - 0.5) < 0.04
    assert np.all(ahead[:, 1] == 0.0)  # no past forecast of nothing: nothing


def test_errors_are_those_of_forecasts_of_like_size() -> None:
    rng = np.random.default_rng(1)
    small, large = np.full(NEIGHBOURS, 1.0), np.full(NEIGHBOURS, 1000.0)
    past = np.concatenate([small, large])
    actual = np.concatenate([3.0 * small, 1.1 * large])
    ahead = error_draws(np.array([2.0, 500.0]), past, actual, draws=50, fewest=20, rng=rng)
    assert ahead is not None
    assert np.allclose(ahead[:, 0], 6.0)
    assert np.allclose(ahead[:, 1], 550.0)


def test_forecasts_of_nothing_get_what_came_of_such() -> None:
    rng = np.random.default_rng(1)
    past = np.zeros(30)
    actual = np.concatenate([np.zeros(15), np.full(15, 8.0)])
    ahead = error_draws(np.array([0.0]), past, actual, draws=500, fewest=20, rng=rng)
    assert ahead is not None
    assert set(np.unique(ahead)) == {0.0, 8.0}


def test_too_few_past_errors_are_no_distribution() -> None:
    rng = np.random.default_rng(1)
    few = np.ones(4)
    assert error_draws(np.ones(2), few, few, draws=10, fewest=5, rng=rng) is None
    assert error_draws(np.ones(2), np.empty(0), np.empty(0), draws=10, fewest=0, rng=rng) is None
