from __future__ import annotations

import numpy as np
import pytest

from ltvforecast.fitting.chebyshev import (
    chebyshev_nodes,
    chebyshev_polynomials,
    log_nodes,
    node_weights,
    weighted_total,
)


@pytest.mark.parametrize("size", [1, 2, 7, 14])
def test_node_weights_keep_totals_of_every_polynomial_of_their_degree(size: int) -> None:
    rng = np.random.default_rng(size)
    u, weight = rng.uniform(-1, 1, 50), rng.uniform(size=(50, 2))
    moments = np.einsum("mn,nk->mk", chebyshev_polynomials(u, size), weight)
    on_nodes, nodes = node_weights(moments), chebyshev_nodes(size)
    for degree in range(size):
        np.testing.assert_allclose(nodes**degree @ on_nodes, u**degree @ weight, atol=1e-12)
    # one degree further it fails, by the total of the Chebyshev polynomial that vanishes there
    missed = u**size @ weight - nodes**size @ on_nodes
    vanishing = chebyshev_polynomials(u, size + 1)[size] @ weight
    np.testing.assert_allclose(missed, vanishing * 2.0 ** (1 - size), atol=1e-12)


def test_polynomials_are_cosines_of_multiples() -> None:
    angle = np.linspace(0, np.pi, 9)
    np.testing.assert_allclose(
        chebyshev_polynomials(np.cos(angle), 6), np.cos(np.outer(np.arange(6), angle)), atol=1e-14
    )


@pytest.mark.parametrize("v", [1e-6, 0.3, 50.0, 1e7])
def test_log_nodes_keep_totals_of_the_spend_likelihood_whatever_the_scale(v: float) -> None:
    rng = np.random.default_rng(5)
    total = np.exp(rng.normal(2, 2.5, 30_000))
    n = rng.integers(1, 9, len(total)).astype(float)
    nodes, (weight, weight_n) = log_nodes(total, (np.ones(len(total)), n))
    assert len(nodes) < 200
    for got, of in ((weight, 1.0), (weight_n, n)):
        exact = np.sum(of * np.log1p(total / v))
        assert got @ np.log1p(nodes / v) == pytest.approx(exact, rel=1e-12)


def test_few_or_equal_values_stay_as_they_are() -> None:
    nodes, (weight,) = log_nodes(np.array([2.0, 3.0]), (np.ones(2),))
    np.testing.assert_allclose(np.sort(nodes), [2.0, 3.0])
    np.testing.assert_array_equal(weight, [1, 1])
    nodes, (weight,) = log_nodes(np.full(1000, 5.0), (np.ones(1000),))
    assert weight @ np.log(nodes) == pytest.approx(1000 * np.log(5.0), rel=1e-12)


def test_totals_are_matrix_products() -> None:
    rng = np.random.default_rng(1)
    values, weight = rng.normal(size=(3, 4, 50)), rng.normal(size=50)
    np.testing.assert_allclose(weighted_total(values, weight), values @ weight, atol=1e-13)
