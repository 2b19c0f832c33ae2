from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from ltvforecast.fitting.priors import PURCHASE_PRIOR, SPEND_PRIOR, NormalPrior


@pytest.mark.parametrize("prior", [PURCHASE_PRIOR, SPEND_PRIOR])
def test_the_density_is_normal_in_every_coordinate(prior: NormalPrior) -> None:
    theta = np.random.default_rng(1).normal(size=(7, len(prior.mean)))
    expected = stats.norm.logpdf(theta, prior.mean, prior.sd).sum(axis=1)
    got = prior.log_density(theta)
    np.testing.assert_allclose(np.diff(got), np.diff(expected), atol=1e-12)


@pytest.mark.parametrize("prior", [PURCHASE_PRIOR, SPEND_PRIOR])
def test_the_gradient_is_the_slope(prior: NormalPrior) -> None:
    theta = np.random.default_rng(2).normal(size=len(prior.mean))
    step = 1e-5 * np.eye(len(theta))
    slope = (prior.log_density(theta + step) - prior.log_density(theta - step)) / 2e-5
    np.testing.assert_allclose(prior.gradient(theta), slope, atol=1e-8)
