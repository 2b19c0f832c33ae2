from __future__ import annotations

import numpy as np
import pytest

from ltvforecast.errors import ConvergenceError
from ltvforecast.fitting.mle import flat_directions, maximise, survey


def banana(theta):
    """Minus Rosenbrock's valley, with its analytic gradient; its top is at (1, 1)."""
    x, y = theta.T
    value = -((1 - x) ** 2) - 100 * (y - x * x) ** 2
    return value, np.stack([2 * (1 - x) + 400 * x * (y - x * x), -200 * (y - x * x)], axis=1)


WIDE = np.full(2, 50.0)


def test_the_top_of_a_curved_valley_is_found_to_ten_digits() -> None:
    top = maximise(banana, [np.array([-3.0, 5.0])], lower=-WIDE, upper=WIDE, what="a valley")
    np.testing.assert_allclose(top.theta, [1, 1], atol=1e-10)
    assert np.abs(top.gradient).max() < 1e-9
    # second derivatives of the valley at its top: -802, 400, -200
    np.testing.assert_allclose(top.curvature, [[802, -400], [-400, 200]], rtol=1e-6)


def test_the_best_of_several_starts_wins() -> None:
    def two_hills(theta):
        x = theta[:, 0]
        low, high = 1.0 * np.exp(-((x + 3) ** 2)), 2.0 * np.exp(-((x - 3) ** 2))
        return low + high, (-2 * (x + 3) * low - 2 * (x - 3) * high)[:, None]

    starts = [np.array([-3.1]), np.array([3.1])]
    bound = np.array([9.0])
    assert maximise(two_hills, starts, lower=-bound, upper=bound, what="hills").theta[0] > 0
    assert maximise(two_hills, starts[:1], lower=-bound, upper=bound, what="hills").theta[0] < 0


def test_a_maximum_at_a_bound_stays_there_and_the_rest_is_polished() -> None:
    def slope(theta):
        x, y = theta[:, 0], theta[:, 1] - 0.3
        return x - y**4 - y**2, np.stack([np.ones_like(x), -4 * y**3 - 2 * y], axis=1)

    top = maximise(slope, [np.zeros(2)], lower=-WIDE, upper=np.array([2.0, 50.0]), what="a slope")
    np.testing.assert_allclose(top.theta, [2.0, 0.3], atol=1e-9)


def test_nowhere_finite_is_refused() -> None:
    def nowhere(theta):
        return np.full(len(theta), -np.inf), np.full_like(theta, np.nan)

    with pytest.raises(ConvergenceError, match="a void can't be evaluated"):
        maximise(nowhere, [np.zeros(2)], lower=-WIDE, upper=WIDE, what="a void")


def test_second_derivatives_come_from_the_gradient_in_one_call() -> None:
    asked = []

    def counted(theta):
        asked.append(len(theta))
        return banana(theta)

    at = np.array([0.4, -0.2])
    here = survey(counted, at)
    x, y = at
    expected = [[-2 + 400 * (y - x * x) - 800 * x * x, 400 * x], [400 * x, -200]]
    np.testing.assert_allclose(-here.curvature, expected, rtol=1e-6)
    value, gradient = banana(at[None])
    assert here.value == value[0]
    np.testing.assert_array_equal(here.gradient, gradient[0])
    assert asked == [5]


def test_a_step_that_goes_too_far_is_halved() -> None:
    def edge(theta):
        x = theta[:, 0]
        with np.errstate(invalid="ignore", divide="ignore"):
            value = np.where(x < 1, np.log1p(-x) + 3 * x, -np.inf)
        return value, (3 - 1 / (1 - x))[:, None]

    bound = np.array([9.0])
    top = maximise(edge, [np.zeros(1)], lower=-bound, upper=bound, what="an edge")
    # 3 = 1 / (1 - x); Newton's first step from 0 is 2 long, beyond where the density ends
    np.testing.assert_allclose(top.theta, [2 / 3], atol=1e-9)


def test_a_direction_is_flat_when_going_on_costs_less_than_a_tenth() -> None:
    def level(theta):
        return -0.008 * theta[:, 0] - 0.009 * theta[:, 1]

    ways = [(0, 1), (1, 1), (0, -1)]
    assert flat_directions(level, np.zeros(2), ways) == (True, False, True)
