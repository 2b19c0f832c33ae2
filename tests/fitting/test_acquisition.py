"""The acquisition fit finds what is there, pools segments, and says when it can't tell."""

from __future__ import annotations

import numpy as np
import pytest

from ltvforecast.acquisition_types import AcquisitionFit
from ltvforecast.fitting.acquisition import fit_acquisition
from ltvforecast.fitting.acquisition_likelihood import (
    MOST_WORK,
    acquisition_prior,
    lay_out,
    total_log_likelihood,
    unpack,
)
from tests.forecast.made_acquisitions import MadeAcquisitions, made_acquisitions

TRUTH = {"r": 0.8, "kappa": 2.0}
MEAN = 3.0


@pytest.fixture(scope="module")
def made() -> MadeAcquisitions:
    return made_acquisitions(5, partners=36, months=24)


@pytest.fixture(scope="module")
def fitted(made: MadeAcquisitions) -> AcquisitionFit:
    return fit_acquisition(made.counts, draws=400, rng=np.random.default_rng(1))


def test_the_posterior_holds_the_truth(fitted: AcquisitionFit) -> None:
    assert fitted.status == "open"
    assert fitted.diagnostics.trusted
    mean = fitted.draws["r"][:, 0] / fitted.draws["alpha"][:, 0]
    for found, true in ((fitted.draws["r"], 0.8), (fitted.draws["kappa"], 2.0), (mean, MEAN)):
        z = (np.log(found).mean() - np.log(true)) / np.log(found).std()
        assert abs(z) < 3.5
    assert np.abs(fitted.draws["growth"]).max() < 0.5
    assert np.abs(fitted.draws["season"].mean(axis=0)).max() < 0.35


def test_every_draw_is_finite_and_of_its_shape(fitted: AcquisitionFit) -> None:
    for name, columns in (
        ("r", 1), ("alpha", 1), ("kappa", 1), ("s", 1), ("beta", 1), ("growth", 1), ("season", 4),
    ):  # fmt: skip
        assert fitted.draws[name].shape == (400, columns)
        assert np.isfinite(fitted.draws[name]).all()
    assert set(fitted.point) == {"r", "alpha", "kappa", "s", "beta", "growth"} | {
        f"season_{k}" for k in (1, 2, 3, 4)
    }
    assert np.isfinite(fitted.log_likelihood)


def test_the_same_seed_gives_the_same_draws() -> None:
    made = made_acquisitions(2, partners=5, months=10)
    first, again = (
        fit_acquisition(made.counts, draws=50, rng=np.random.default_rng(1)) for _ in range(2)
    )
    for name, values in first.draws.items():
        np.testing.assert_array_equal(again.draws[name], values)


def test_segments_have_their_own_level_and_share_the_rest() -> None:
    made = made_acquisitions(8, partners=20, months=16, r=4.0, mean=2.0, beta=300.0)
    # the second half of the partners made ten times as large
    counts = made.counts
    large = np.arange(len(counts.partner_ids)) % 2 == 1
    grown = counts.counts * np.where(large, 10, 1)[:, None]
    table = type(counts)(
        **{name: getattr(counts, name) for name in counts.__slots__} | {"counts": grown}
    )
    segments = {
        name: "large" if big else "small"
        for name, big in zip(counts.partner_ids, large, strict=True)
    }
    fit = fit_acquisition(table, segments=segments, draws=200, rng=np.random.default_rng(2))
    assert fit.segments == ("large", "small")
    ratio = (fit.draws["alpha"][:, 1] / fit.draws["alpha"][:, 0]).mean()
    assert 5.0 < ratio < 18.0
    assert fit.draws["r"].shape == (200, 1)
    assert set(fit.point) >= {"alpha[large]", "alpha[small]"}


@pytest.mark.parametrize("partners", [1, 2])
def test_a_handful_of_partners_still_gives_a_proper_posterior(partners: int) -> None:
    made = made_acquisitions(3, partners=partners, months=10, beta=1000.0)
    fit = fit_acquisition(made.counts, draws=100, rng=np.random.default_rng(1))
    assert fit.status == "open"
    assert any("prior-dominated" in flag for flag in fit.diagnostics.flags)
    assert all(np.isfinite(values).all() for values in fit.draws.values())


def test_of_many_partners_the_sample_does_not_depend_on_the_order_of_anything() -> None:
    made = made_acquisitions(4, partners=400, months=24)
    segment = np.zeros(len(made.counts.partner_ids), dtype=np.int64)
    layout = lay_out(made.counts, segment, segments=1)
    size = len(layout.histories.start)
    assert size < 0.7 * len(segment)
    assert ((layout.histories.exposure > 0).sum() + 10 * size) < MOST_WORK + 40
    again = lay_out(made.counts, segment, segments=1)
    np.testing.assert_array_equal(again.histories.counts, layout.histories.counts)


def test_blocks_of_coordinates_change_nothing() -> None:
    made = made_acquisitions(6, partners=8, months=12)
    segment = np.arange(len(made.counts.partner_ids)) % 2
    layout = lay_out(made.counts, segment, segments=2)
    prior = acquisition_prior(layout)
    theta = np.asarray(prior.mean) + 0.3 * np.random.default_rng(1).standard_normal(
        (150, len(prior.mean))
    )
    every = total_log_likelihood(theta, layout)
    np.testing.assert_array_equal(total_log_likelihood(theta[70:71], layout), every[70:71])
    named = unpack(theta, layout)
    assert named["alpha"].shape == (150, 2)
    assert np.isfinite(every).all()
