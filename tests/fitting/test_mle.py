from __future__ import annotations

import numpy as np
import pytest

from ltvforecast.errors import ConvergenceError
from ltvforecast.fitting.mle import flat_directions, hessian, maximise


def banana(theta):
    """Minus Rosenbrock's valley, with its analytic gradient; its top is at (1, 1)."""
    x, y = theta
    value = -((1 - x) ** 2) - 100 * (y - x * x) ** 2
    return float(value), np.array([2 * (1 - x) + 400 * x * (y - x * x), -200 * (y - x * x)])


WIDE = np.full(2, 50.0)


def test_the_top_of_a_curved_valley_is_found_to_ten_digits() -> None:
    top = maximise(banana, [np.array([-3.0, 5.0])], lower=-WIDE, upper=WIDE, what="a valley")
    np.testing.assert_allclose(top.theta, [1, 1], atol=1e-10)
    assert np.abs(top.gradient).max() < 1e-9
    # second derivatives of the valley at its top: -802, 400, -200
    np.testing.assert_allclose(top.curvature, [[802, -400], [-400, 200]], rtol=1e-6)


def test_the_best_of_several_starts_wins() -> None:
    def two_hills(theta):
        x = theta[0]
        low, high = 1.0 * np.exp(-((x + 3) ** 2)), 2.0 * np.exp(-((x - 3) ** 2))
        return float(low + high), np.array([-2 * (x + 3) * low - 2 * (x - 3) * high])

    starts = [np.array([-3.1]), np.array([3.1])]
    bound = np.array([9.0])
    assert maximise(two_hills, starts, lower=-bound, upper=bound, what="hills").theta[0] > 0
    assert maximise(two_hills, starts[:1], lower=-bound, upper=bound, what="hills").theta[0] < 0


def test_a_maximum_at_a_bound_stays_there_and_the_rest_is_polished() -> None:
    def slope(theta):
        return float(theta[0] - (theta[1] - 0.3) ** 4 - (theta[1] - 0.3) ** 2), np.array(
            [1.0, -4 * (theta[1] - 0.3) ** 3 - 2 * (theta[1] - 0.3)]
        )

    top = maximise(slope, [np.zeros(2)], lower=-WIDE, upper=np.array([2.0, 50.0]), what="a slope")
    np.testing.assert_allclose(top.theta, [2.0, 0.3], atol=1e-9)


def test_nowhere_finite_is_refused() -> None:
    def nowhere(theta):
        return -np.inf, np.full_like(theta, np.nan)

    with pytest.raises(ConvergenceError, match="a void can't be evaluated"):
        maximise(nowhere, [np.zeros(2)], lower=-WIDE, upper=WIDE, what="a void")


def test_second_derivatives_come_from_the_gradient() -> None:
    at = np.array([0.4, -0.2])
    x, y = at
    expected = [[-2 + 400 * (y - x * x) - 800 * x * x, 400 * x], [400 * x, -200]]
    np.testing.assert_allclose(hessian(banana, at), expected, rtol=1e-6)


def test_a_direction_is_flat_when_going_on_costs_less_than_a_tenth() -> None:
    def level(theta):
        return -0.008 * theta[:, 0] - 0.009 * theta[:, 1]

    ways = [(0, 1), (1, 1), (0, -1)]
    assert flat_directions(level, np.zeros(2), ways) == (True, False, True)
