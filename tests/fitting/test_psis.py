from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from ltvforecast.fitting.psis import pareto_smooth


@pytest.mark.parametrize("shape", [0.2, 0.5, 0.9])
def test_the_shape_of_pareto_weights_is_found(shape: float) -> None:
    weights = stats.genpareto(shape).rvs(20_000, random_state=np.random.default_rng(1))
    smoothed, k_hat = pareto_smooth(np.log(weights + 1.0))
    # the tail has 424 weights: the sd of the estimate is (1 + k) / sqrt(424) < .1
    assert k_hat == pytest.approx(shape, abs=0.25)
    assert smoothed.sum() == pytest.approx(1.0, abs=1e-12)


def test_large_log_weights_get_large_weights() -> None:
    log_weights = np.random.default_rng(2).standard_normal(4000)
    smoothed, _ = pareto_smooth(log_weights)
    # outside the smoothed tail the weights are the given ones up to a factor
    body = log_weights < np.quantile(log_weights, 0.9)
    np.testing.assert_allclose(
        np.diff(np.log(smoothed[body])), np.diff(log_weights[body]), atol=1e-9
    )
    assert np.corrcoef(log_weights, np.log(smoothed))[0, 1] > 0.99


def test_a_constant_in_the_log_weights_changes_nothing() -> None:
    log_weights = np.random.default_rng(3).standard_normal(2000)
    plain, shifted = pareto_smooth(log_weights), pareto_smooth(log_weights - 1e6)
    np.testing.assert_allclose(plain[0], shifted[0], rtol=1e-7)
    assert plain[1] == pytest.approx(shifted[1], abs=1e-6)
