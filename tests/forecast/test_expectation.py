from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ltvforecast.forecast.expectation import (
    chebyshev_nodes,
    chebyshev_weights,
    tabulate_purchases,
)
from ltvforecast.forecast.records import Draws
from ltvforecast.formulas import bgnbd

RNG = np.random.default_rng(4)
COHORTS = {
    "one": (np.array([3.0]), np.array([40.0])),
    "all new": (np.zeros(3), np.zeros(3)),
    "usual": (RNG.integers(0, 12, 50).astype(float), RNG.uniform(1, 100, 50)),
    "heavy": (np.floor(10 ** RNG.uniform(0, 5, 50)), 10 ** RNG.uniform(-3, 5, 50)),
    "only heavy": (RNG.integers(20, 400, 50).astype(float), np.full(50, 52.0)),
}


@pytest.mark.parametrize("cohort", COHORTS)
@pytest.mark.parametrize(("horizon", "discount"), [(1.0, 0.0), (52.0, 0.002), (520.0, -0.001)])
@pytest.mark.parametrize("centre", [(0.24, 4.4, 0.8, 2.4), (3.0, 5.0, 0.02, 30.0)])
def test_interpolation_meets_the_formula(
    cohort: str, horizon: float, discount: float, centre: tuple[float, ...]
) -> None:
    x, T = COHORTS[cohort]
    spread = np.exp(0.2 * np.random.default_rng(1).standard_normal((8, 4)))
    r, alpha, a, b = (np.array(centre) * spread).T.copy()
    draws = Draws(r, alpha, a, b, r, r, r, r)
    table = tabulate_purchases(x, T, draws, horizon=horizon, discount=discount)
    plain, discounted = table.purchases(x, T)
    for found, delta in ((plain, 0.0), (discounted, discount)):
        exact = bgnbd.expected_purchases_alive(
            horizon, x[:, None], T[:, None], r, alpha, a, b, delta=delta, nodes=96
        )
        assert np.abs(found / exact - 1).max() < 1e-5
    assert np.allclose(table.purchases_in_draw(x, T, 5), plain[:, 5], rtol=1e-12)
    assert (discounted is plain) == (discount == 0)


@given(low=st.floats(-5, 5), width=st.floats(0.01, 10), count=st.integers(2, 30))
def test_weights_reproduce_polynomials(low: float, width: float, count: int) -> None:
    at = low + width * np.linspace(0, 1, 7)
    nodes = chebyshev_nodes(low, low + width, count)
    weights = chebyshev_weights(at, low, low + width, count)
    assert np.allclose(weights.sum(axis=1), 1.0, atol=1e-9)
    assert np.allclose(weights @ nodes, at, atol=1e-8)


def test_a_node_itself_takes_its_value() -> None:
    nodes = chebyshev_nodes(1.0, 4.0, 5)
    assert np.array_equal(chebyshev_weights(nodes, 1.0, 4.0, 5), np.eye(5))
