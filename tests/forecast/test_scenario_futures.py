"""Both futures of all customers: the base as forecast, blocks and workers nothing, limits kept."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ltvforecast.forecast import scenario_futures
from ltvforecast.forecast.blocks import Programme
from ltvforecast.forecast.horizon import parse_horizon, split_periods
from ltvforecast.forecast.prepare import prepare_programme
from ltvforecast.forecast.scenario_futures import Behaviour, cut_segments, simulated_pair
from ltvforecast.forecast.totals import simulated_totals
from ltvforecast.forecast_types import ForecastSpec
from ltvforecast.types import FloatArray
from tests.forecast.made_model import AS_OF
from tests.forecast.made_scenario import made_programme

SHAPE = (3, 100, 6)


@pytest.fixture(scope="module")
def programme() -> Programme:
    horizon = parse_horizon("6mo", AS_OF)
    spec = ForecastSpec(horizon=horizon, draws=SHAPE[1], levels=(80,), seed=4)
    model = made_programme(acquisition=False)
    return prepare_programme(model, spec, split_periods(horizon, AS_OF))[0]


def behaviour(programme: Programme, rate: float, dropout: float, value: float) -> Behaviour:
    count = len(programme.customers.x)
    return Behaviour(
        purchase_rate=rate,
        dropout=dropout,
        order_value=value,
        concerned=np.ones(count, dtype=np.int64),
    )


def totals(programme: Programme, asked: Behaviour, workers: int = 1) -> tuple[FloatArray, ...]:
    with simulated_pair(programme, asked, shape=SHAPE, workers=workers) as pair:
        return pair.base.copy(), pair.changed.copy()


def test_without_a_change_both_futures_are_the_forecast_to_the_last_bit(
    programme: Programme,
) -> None:
    now, then = totals(programme, behaviour(programme, 1.0, 1.0, 1.0))
    with simulated_totals(
        programme, partners=3, draws=SHAPE[1], periods=SHAPE[2], workers=1
    ) as plain:
        np.testing.assert_array_equal(now, plain.revenue)
    np.testing.assert_array_equal(then, now)


def test_the_order_value_leaves_the_base_alone(programme: Programme) -> None:
    plain, _ = totals(programme, behaviour(programme, 1.0, 1.0, 1.0))
    now, then = totals(programme, behaviour(programme, 1.0, 1.0, 1.25))
    np.testing.assert_array_equal(now, plain)
    np.testing.assert_allclose(then, 1.25 * now, atol=1e4)  # quanta: rounding of each amount


@pytest.mark.parametrize(
    ("rate", "dropout"), [(1.2, 1.0), (0.8, 1.1), (1.0, 0.7), (1.3, 0.9), (1.0, 1.2)]
)
def test_workers_and_files_change_nothing(
    programme: Programme, rate: float, dropout: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = behaviour(programme, rate, dropout, 1.0)
    one = totals(programme, asked, workers=1)
    monkeypatch.setattr(scenario_futures, "LARGEST_IN_MEMORY", 0)
    two = totals(programme, asked, workers=2)
    for mine, other in zip(one, two, strict=True):
        np.testing.assert_array_equal(mine, other)


@given(
    edges=st.lists(st.floats(0.0, 50.0), min_size=1, max_size=6),
    rate=st.floats(0.1, 10.0),
)
def test_segments_are_the_periods_of_both_futures(edges: list[float], rate: float) -> None:
    ends = np.cumsum([0.0, *edges])
    cut = cut_segments(ends[None, :], rate)
    assert (np.diff(cut.edges) >= 0).all()
    assert cut.edges[0, -1] == max(ends[-1], rate * ends[-1])
    lengths = np.diff(cut.edges[0])
    for place, scale in ((cut.base[0], 1.0), (cut.changed[0], rate)):
        inside = place >= 0
        found = np.bincount(place[inside], lengths[inside], minlength=len(edges))
        np.testing.assert_allclose(found, scale * np.diff(ends), atol=1e-9)
