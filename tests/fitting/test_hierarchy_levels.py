from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from ltvforecast.fitting.hierarchy import PARTNER_PURCHASE_PRIORS
from ltvforecast.fitting.hierarchy_levels import Anchors, guard_prior, shared_of, spread_of


def anchors(segments: int) -> Anchors:
    rng = np.random.default_rng(segments)
    return Anchors(
        estimate=rng.standard_normal((segments, 2)), precision=rng.gamma(2.0, 3.0, (segments, 2))
    )


def test_standard_normal_scores_are_half_normal_spreads() -> None:
    score = np.linspace(-4.0, 3.5, 30)
    probability = stats.halfnorm.cdf(spread_of(score, 0.75), scale=0.75)
    np.testing.assert_allclose(probability, stats.norm.cdf(score), rtol=1e-9)


def test_the_density_of_one_segment_is_the_prior_stated() -> None:
    rng = np.random.default_rng(1)
    eta = rng.standard_normal((50, 6))
    found = shared_of(eta, PARTNER_PURCHASE_PRIORS, anchors(1))
    expected = stats.norm.logpdf(eta[:, 0], 0, 1.5) + stats.norm.logpdf(eta[:, 1], np.log(3), 1.5)
    expected += stats.norm.logpdf(eta[:, 2], 0, 2.0) + stats.norm.logpdf(eta[:, 4], 0, 1.5)
    step = 1e-5
    for k, d in ((3, 0), (5, 1)):
        expected += stats.halfnorm.logpdf(found.sd[:, d], scale=0.75)
        slope = spread_of(eta[:, k] + step, 0.75) - spread_of(eta[:, k] - step, 0.75)
        expected += np.log(slope / (2 * step))
    gap = found.log_prior - expected
    np.testing.assert_allclose(gap, gap[0], atol=1e-6)


@pytest.mark.parametrize("segments", [2, 5])
def test_the_density_of_segments_is_the_prior_stated(segments: int) -> None:
    # change of variables by a numerical Jacobian of everything that eta stands for
    rng, known = np.random.default_rng(segments), anchors(segments)
    size = 2 + 2 * (3 + segments)
    gaps = []
    for _ in range(8):
        eta = rng.standard_normal(size)

        def natural(at: np.ndarray) -> np.ndarray:
            f = shared_of(at[None], PARTNER_PURCHASE_PRIORS, known)
            return np.concatenate([f.shapes[0], f.overall[0], f.sd[0], f.tau[0], f.mean[0].ravel()])

        unit = 1e-5 * np.eye(size)
        jacobian = np.stack([(natural(eta + e) - natural(eta - e)) / 2e-5 for e in unit])
        f = shared_of(eta[None], PARTNER_PURCHASE_PRIORS, known)
        expected = stats.norm.logpdf(f.shapes[0], [0, np.log(3)], 1.5).sum()
        expected += stats.norm.logpdf(f.overall[0], 0, [2.0, 1.5]).sum()
        expected += stats.halfnorm.logpdf(f.sd[0], scale=0.75).sum()
        expected += stats.halfnorm.logpdf(f.tau[0], scale=0.5).sum()
        expected += stats.norm.logpdf(f.mean[0], f.overall[0], f.tau[0]).sum()
        gaps.append(f.log_prior[0] - expected - np.linalg.slogdet(jacobian)[1])
    np.testing.assert_allclose(gaps, gaps[0], atol=1e-5)


def test_a_name_for_every_coordinate() -> None:
    for segments, size in ((1, 6), (4, 16)):
        prior = guard_prior(PARTNER_PURCHASE_PRIORS, segments)
        assert len(prior.names) == len(prior.mean) == len(prior.sd) == size
