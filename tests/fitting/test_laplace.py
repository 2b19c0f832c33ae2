from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from ltvforecast.errors import ConvergenceError
from ltvforecast.fitting.laplace import _neighbours, sample_posterior
from ltvforecast.fitting.mle import Optimum
from ltvforecast.fitting.priors import NormalPrior


def peak(curvature) -> Optimum:
    size = len(curvature)
    return Optimum(
        theta=np.zeros(size), value=0.0, gradient=np.zeros(size), curvature=np.asarray(curvature)
    )


def draw(log_density, curvature, *, draws=1000, seed=1):
    size = len(curvature)
    return sample_posterior(
        log_density,
        peak(curvature),
        prior=NormalPrior(names=("",) * size, mean=(0.0,) * size, sd=(3.0,) * size),
        draws=draws,
        rng=np.random.default_rng(seed),
        what="a test",
    )


def skewed(theta):
    """Independent log-gamma densities with shape 2, modes at 0, and a known mean and variance."""
    return np.sum(2.0 * theta - 2.0 * np.exp(theta), axis=1)


def test_a_normal_posterior_is_sampled_better_than_by_chance() -> None:
    covariance = np.array([[1.0, 0.9, 0.0], [0.9, 1.0, 0.3], [0.0, 0.3, 0.5]])
    precision = np.linalg.inv(covariance)

    def normal(theta):
        return -0.5 * np.einsum("ij,jk,ik->i", theta, precision, theta)

    means, covariances = [], []
    for seed in range(20):
        found = draw(normal, precision, seed=seed)
        assert found.k_hat < 0.5
        assert found.refits == 0
        means.append(found.theta.mean(axis=0))
        covariances.append(np.cov(found.theta.T))
    # 1,000 independent draws would leave .032 sd of noise on a mean; these leave less than a third
    assert np.all(np.std(means, axis=0) < 0.011 * np.sqrt(np.diag(covariance)))
    # mean of 20 covariances of 1,000 draws: an error of sqrt(2 / 20,000) = 1 % each, allow 4
    np.testing.assert_allclose(np.mean(covariances, axis=0), covariance, atol=0.04)


def test_a_skewed_posterior_has_its_exact_moments_and_quantiles() -> None:
    found = [draw(skewed, 2.0 * np.eye(3), seed=seed).theta for seed in range(10)]
    every = np.concatenate(found)
    exact = stats.loggamma(2.0, loc=-np.log(2.0))
    # 10 x 1,000 draws, three coordinates: mean to .01 sd, allow 4
    assert np.abs(every.mean(axis=0) - exact.mean()).max() < 0.04 * exact.std()
    for level in (0.05, 0.5, 0.95):
        # the share below an exact quantile has a binomial sd of at most .005; allow 4
        share = (every < exact.ppf(level)).mean(axis=0)
        np.testing.assert_allclose(share, level, atol=0.02)


def test_a_far_wrong_curvature_is_repaired_by_a_refit() -> None:
    found = draw(skewed, 60.0 * np.eye(3))
    assert found.refits > 0
    assert found.k_hat < 0.7
    exact = stats.loggamma(2.0, loc=-np.log(2.0))
    # effective draws above 400: 4 standard errors of .05
    assert np.abs(found.theta.mean(axis=0) - exact.mean()).max() < 0.2 * exact.std()


def test_a_posterior_that_can_not_be_sampled_is_refused_in_words() -> None:
    def two_needles(theta):
        near = -0.5 * np.sum(theta**2, axis=1) / 1e-6
        far = -0.5 * np.sum((theta - 2.0) ** 2, axis=1) / 1e-6
        return np.logaddexp(near, far)

    with pytest.raises(ConvergenceError, match="could not be sampled reliably") as refused:
        draw(two_needles, 1e-2 * np.eye(4))
    assert "effective" in refused.value.expected
    assert refused.value.remedy


def test_density_that_ends_somewhere_is_respected() -> None:
    def half(theta):
        inside = theta[:, 0] > -0.2
        return np.where(inside, -0.5 * np.sum(theta**2, axis=1), -np.inf)

    found = draw(half, np.eye(2))
    assert found.theta[:, 0].min() > -0.2
    expected = stats.truncnorm(-0.2, np.inf).mean()
    assert found.theta[:, 0].mean() == pytest.approx(expected, abs=0.1)


def test_same_seed_same_draws_and_another_seed_others() -> None:
    first, again, other = (draw(skewed, 2.0 * np.eye(2), seed=seed) for seed in (4, 4, 5))
    np.testing.assert_array_equal(first.theta, again.theta)
    assert not np.array_equal(first.theta, other.theta)


@pytest.mark.parametrize("draws", [1, 7, 2500])
def test_as_many_draws_as_asked(draws: int) -> None:
    assert draw(skewed, 2.0 * np.eye(2), draws=draws).theta.shape == (draws, 2)


@pytest.mark.parametrize(("size", "axes"), [(4000, 3), (137, 2), (1000, 1), (5, 4)])
def test_neighbours_are_the_halves_of_halves(size: int, axes: int) -> None:
    points = np.random.default_rng(size).normal(size=(size, axes)).round(1)
    order = _neighbours(points, np.full(size, 1.0 / size))
    whiten = np.linalg.inv(np.linalg.cholesky(np.cov(points.T, ddof=0).reshape(axes, axes)))
    along = points @ whiten.T
    assert sorted(order.tolist()) == list(range(size))
    # the second halving is along the second axis, and the first remains what it was
    half = (size + 1) // 2
    assert along[order[:half], 0].max() <= along[order[half:], 0].min() + 1e-9
    quarter = (size + 3) // 4
    low, high = order[:quarter], order[quarter:half]
    assert along[low, 1 % axes].max() <= along[high, 1 % axes].min() + 1e-9


def test_few_proposals_are_doubled_whenever_the_proposal_is_refitted() -> None:
    asked: list[int] = []

    def far(z: np.ndarray) -> np.ndarray:
        asked.append(len(z))
        return -0.5 * (((z - 6.0) / 0.5) ** 2).sum(axis=1)

    peak = Optimum(theta=np.zeros(2), value=0.0, gradient=np.zeros(2), curvature=np.eye(2))
    prior = NormalPrior(names=("one", "two"), mean=(0.0, 0.0), sd=(6.0, 6.0))
    found = sample_posterior(
        far, peak, prior=prior, draws=200, rng=np.random.default_rng(1), what="a test",
        proposals=1000,
    )  # fmt: skip
    assert asked == [1000, 2000, 4000, 4000][: found.refits + 1]
    assert found.refits > 0
    assert abs(found.theta.mean() - 6.0) < 0.2
