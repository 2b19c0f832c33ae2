"""The size of an effect that brings its cost back."""

from __future__ import annotations

import numpy as np
import pytest

from ltvforecast.forecast.break_even import SIZES, break_even_sizes, possible_sizes
from ltvforecast.forecast.scenario_change import Change

AT = np.array(SIZES)


def test_a_linear_gain_gives_the_ratio() -> None:
    gains = AT[:, None] * np.array([10.0, 40.0, 2.0])
    np.testing.assert_allclose(break_even_sizes(AT, gains, 20.0), [2.0, 0.5, np.nan], rtol=1e-9)


def test_a_curved_gain_is_met_closely() -> None:
    curved = np.log1p(AT)[:, None]
    for size in (0.3, 1.0, 1.7, 3.0):
        found = break_even_sizes(AT, curved, float(np.log1p(size)))
        assert found[0] == pytest.approx(size, abs=0.06)


def test_what_pays_by_itself_needs_no_effect_and_what_never_pays_has_none() -> None:
    gains = np.array([[5.0, -3.0, 0.0], [6.0, -3.0, 0.0], [7.0, -3.0, 0.0], [9.0, -3.0, 0.0]])
    found = break_even_sizes(AT, gains, 2.0)
    np.testing.assert_array_equal(found, [0.0, np.nan, np.nan])


def test_a_loss_is_affordable_up_to_where_it_eats_the_gain() -> None:
    gains = np.array([10.0, 6.0, 2.0, -6.0])[:, None]
    assert break_even_sizes(AT, gains, 0.0)[0] == pytest.approx(2.5)


def test_without_a_cost_no_effect_is_needed() -> None:
    assert break_even_sizes(AT, AT[:, None] * 3.0, 0.0)[0] == 0.0


@pytest.mark.parametrize(
    ("change", "sizes"),
    [
        (Change(retention=1.05), SIZES),
        (Change(retention=1.6), (0.0, 1.0)),
        (Change(purchase_rate=0.7), (0.0, 1.0, 2.0)),
        (Change(order_value=4.0), (0.0, 1.0, 2.0)),
    ],
)
def test_sizes_that_leave_the_limits_are_not_tried(
    change: Change, sizes: tuple[float, ...]
) -> None:
    assert possible_sizes(change, SIZES) == sizes
