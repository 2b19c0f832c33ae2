"""The copula's tables against SciPy's laws: quantiles, scores, moments."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from ltvforecast.formulas.copula_tables import (
    DROPOUT_NODES,
    HIGHEST_SCORE,
    NODES,
    SCORES,
    beta_nodes,
    gamma_log_nodes,
    normal_scores,
)


@pytest.mark.parametrize("shape", [0.02, 0.25, 1.0, 5.0, 400.0])
def test_scores_are_those_of_the_gamma_law(shape: float) -> None:
    scores, (first, step) = normal_scores(shape)
    z = np.linspace(-3.0, 5.5, 18)
    log_y = np.log(stats.gamma.ppf(stats.norm.cdf(z), shape))
    found = np.interp(log_y, first + step * np.arange(SCORES), scores)
    assert found == pytest.approx(z, abs=5e-3)
    assert np.all(np.diff(scores) >= 0)
    assert (scores[0], scores[-1]) == pytest.approx((-HIGHEST_SCORE, HIGHEST_SCORE), abs=1e-6)


@pytest.mark.parametrize("shape", [0.01, 0.25, 3.0, 5000.0])
def test_nodes_are_quantiles_and_finite_for_every_shape(shape: float) -> None:
    log_nodes = gamma_log_nodes(np.array([shape]))[0]
    assert np.isfinite(log_nodes).all()
    assert np.all(np.diff(log_nodes) > 0)
    far = log_nodes > -200
    score = stats.norm.ppf(stats.gamma.cdf(np.exp(log_nodes[far]), shape))
    nodes = np.polynomial.hermite_e.hermegauss(len(log_nodes))[0][far]
    inside = nodes < 5
    assert score[inside] == pytest.approx(nodes[inside], abs=1e-6)


@given(a=st.floats(0.05, 300), b=st.floats(0.05, 5000))
def test_dropout_nodes_have_the_moments_of_the_beta_law(a: float, b: float) -> None:
    nodes, weights = beta_nodes(a, np.array([b]))
    assert weights.sum() == pytest.approx(1.0)
    expected = 1.0
    for k in range(2 * DROPOUT_NODES):
        assert float(weights[0] @ nodes[0] ** k) == pytest.approx(expected, rel=1e-6)
        expected *= (a + k) / (a + b + k)


@pytest.mark.parametrize(("a", "b"), [(1.0, 1.0), (0.5, 0.5), (0.3, 0.7), (1.5, 0.5)])
def test_dropout_nodes_survive_the_removable_singularities(a: float, b: float) -> None:
    nodes, weights = beta_nodes(a, np.array([b]))
    assert float(weights[0] @ nodes[0] ** 3) == pytest.approx(stats.beta.moment(3, a, b))


@pytest.mark.parametrize(("shape", "least"), [(0.4, 2.0), (3.0, 1.0), (3.0, 40.0), (5.0, 5000.0)])
def test_nodes_beyond_a_limit_have_the_mean_of_the_rest(shape: float, least: float) -> None:
    log_nodes = gamma_log_nodes(np.array([shape]), np.array([least]))[0]
    mass = np.polynomial.hermite_e.hermegauss(NODES)[1]
    assert np.exp(log_nodes).min() >= least * (1 - 1e-12)
    if least < 100:
        expected = shape * stats.gamma.sf(least, shape + 1) / stats.gamma.sf(least, shape)
    else:
        expected = least + 1.0 / (1.0 - (shape - 1.0) / least)  # an exponential tail
    found = float(np.exp(log_nodes) @ mass / mass.sum())
    assert found - least == pytest.approx(expected - least, rel=0.02)
