"""New customers to come: their law, their streams, and whether the intervals hold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ltvforecast.acquisition_types import AcquisitionFit
from ltvforecast.errors import ForecastError
from ltvforecast.fit_types import Diagnostics
from ltvforecast.fitting.acquisition import fit_acquisition
from ltvforecast.forecast.new_customers import predict_new_customers
from ltvforecast.types import FloatArray
from tests.forecast.made_acquisitions import MadeAcquisitions, made_acquisitions


@pytest.fixture(scope="module")
def made() -> MadeAcquisitions:
    return made_acquisitions(11, partners=25, months=20)


@pytest.fixture(scope="module")
def fitted(made: MadeAcquisitions) -> AcquisitionFit:
    return fit_acquisition(made.counts, draws=300, rng=np.random.default_rng(1))


def test_shapes_and_whole_numbers(made: MadeAcquisitions, fitted: AcquisitionFit) -> None:
    coming = predict_new_customers(fitted, made.edges_days, seed=1, draws=500)
    size = len(fitted.counts.partner_ids)
    assert coming.counts.shape == (500, size, 12)
    assert coming.life_days.shape == (500, size)
    np.testing.assert_array_equal(coming.counts, np.round(coming.counts))
    assert not coming.counts[coming.life_days == 0].any()
    np.testing.assert_allclose(
        (coming.life_days > 0).mean(axis=0), coming.p_acquiring, atol=4 * 0.5 / np.sqrt(500)
    )


def test_the_mean_is_the_closed_form(made: MadeAcquisitions, fitted: AcquisitionFit) -> None:
    coming = predict_new_customers(fitted, made.edges_days, seed=2, draws=1500)
    total = coming.counts.sum(axis=(1, 2))
    z = (total.mean() - coming.expected.sum()) / (total.std() / np.sqrt(len(total)))
    assert abs(z) < 4.0
    each = coming.counts.sum(axis=2)
    error = np.maximum(each.std(axis=0), 0.05) / np.sqrt(len(each))
    z_each = (each.mean(axis=0) - coming.expected.sum(axis=1)) / error
    assert np.abs(z_each).max() < 5.0


def test_a_partner_meets_the_same_numbers_in_any_company(
    made: MadeAcquisitions, fitted: AcquisitionFit
) -> None:
    every = predict_new_customers(fitted, made.edges_days, seed=3, draws=100)
    some = [every.partner_ids[k] for k in (7, 2, 19)]
    few = predict_new_customers(fitted, made.edges_days, seed=3, draws=100, partners=some)
    np.testing.assert_array_equal(few.counts, every.counts[:, [7, 2, 19]])
    np.testing.assert_array_equal(few.life_days, every.life_days[:, [7, 2, 19]])
    other = predict_new_customers(fitted, made.edges_days, seed=4, draws=100)
    assert (other.counts != every.counts).any()


def test_the_periods_asked_for_change_no_total(
    made: MadeAcquisitions, fitted: AcquisitionFit
) -> None:
    end = float(made.edges_days[-1])
    months = predict_new_customers(fitted, made.edges_days, seed=5, draws=800)
    once = predict_new_customers(fitted, np.array([0.0, end]), seed=5, draws=800)
    odd = predict_new_customers(fitted, np.array([0.0, 3.0, 50.0, end]), seed=5, draws=800)
    np.testing.assert_allclose(months.expected.sum(axis=1), once.expected[:, 0], rtol=1e-9)
    np.testing.assert_allclose(odd.expected.sum(axis=1), once.expected[:, 0], rtol=1e-9)
    np.testing.assert_array_equal(months.counts.sum(axis=2), once.counts[:, :, 0])
    totals = [found.counts.sum(axis=(1, 2)) for found in (months, odd)]
    spread = np.hypot(*(total.std() for total in totals)) / np.sqrt(800)
    assert abs(totals[0].mean() - totals[1].mean()) < 4 * spread


def test_a_closed_programme_gets_nobody(made: MadeAcquisitions, fitted: AcquisitionFit) -> None:
    closed = replace(fitted, status="closed", draws={}, point={})
    coming = predict_new_customers(closed, made.edges_days, seed=1, draws=10)
    assert not coming.counts.any()
    assert not coming.p_acquiring.any()
    assert not coming.expected.any()


def test_a_programme_that_may_be_closed_stops_for_all_partners_in_the_same_draws(
    made: MadeAcquisitions, fitted: AcquisitionFit
) -> None:
    table = fitted.counts
    quiet = table.counts.copy()
    quiet[:, -1] = 0
    first = table.first_counts.copy()
    first[-1] = 0
    doubtful = replace(fitted, p_open=0.4, counts=replace(table, counts=quiet, first_counts=first))
    coming = predict_new_customers(doubtful, made.edges_days, seed=1, draws=1000)
    nobody = coming.counts.sum(axis=(1, 2)) == 0
    assert nobody.mean() == pytest.approx(0.6, abs=0.06)
    assert coming.p_acquiring.max() <= 0.4


@pytest.mark.parametrize(
    ("edges", "partners"),
    [([0.0], None), ([1.0, 2.0], None), ([0.0, 9.0, 9.0], None), ([0.0, 30.0], ["x"])],
)
def test_what_means_nothing_is_refused(
    fitted: AcquisitionFit, edges: list[float], partners: list[str] | None
) -> None:
    with pytest.raises(ForecastError, match="what to do"):
        predict_new_customers(fitted, np.array(edges), seed=1, draws=5, partners=partners)


def judged(
    made: MadeAcquisitions, fit: AcquisitionFit, seed: int
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Randomised ranks of the truth, and the squared and logarithmic errors of P(active)."""
    coming = predict_new_customers(fit, made.edges_days, seed=seed, draws=len(fit.draws["r"]))
    totals, truth = coming.counts.sum(axis=2), made.future.sum(axis=1)
    share = np.random.default_rng(seed + 1000).random(len(truth))
    rank = (totals < truth).mean(axis=0) + share * (totals == truth).mean(axis=0)
    chance = np.clip(coming.p_acquiring, 1e-9, 1 - 1e-9)
    log_loss = -np.where(made.active, np.log(chance), np.log1p(-chance))
    return rank, (chance - made.active) ** 2, log_loss


def knowing(made: MadeAcquisitions, truth: dict[str, float], *, draws: int) -> AcquisitionFit:
    """A fit that knows the true parameters: what no other can beat, on the same partners."""
    values = {"r": 0.8, "kappa": 2.0, "s": 1.0, "beta": 30.0, "growth": 0.0} | truth
    season = np.tile([values.pop("season", 0.0), 0.0], (draws, 1))
    values["alpha"] = values["r"] / 3.0
    told = {name: np.full((draws, 1), value) for name, value in values.items()}
    return AcquisitionFit(
        status="open",
        reason="made",
        p_open=1.0,
        draws=told | {"season": season},
        point={},
        segments=("all",),
        partner_segment=np.zeros(len(made.counts.partner_ids), dtype=np.int64),
        counts=made.counts,
        log_likelihood=0.0,
        diagnostics=Diagnostics(trusted=True, verdict="made"),
    )


def coverage(rank: FloatArray, level: float) -> float:
    return float((np.abs(2 * rank - 1) < level).mean())


def fit_of(made: MadeAcquisitions, seed: int, *, draws: int) -> AcquisitionFit:
    return fit_acquisition(made.counts, draws=draws, rng=np.random.default_rng(seed))


def test_intervals_hold_what_they_say_in_a_few_programmes() -> None:
    every = {seed: made_acquisitions(seed, partners=30) for seed in (21, 22)}
    found = [judged(made, fit_of(made, seed, draws=300), seed) for seed, made in every.items()]
    rank, brier, _ = (np.concatenate(column) for column in zip(*found, strict=True))
    # 60 partners: binomial standard errors of 6.5 and 3.9 points
    assert coverage(rank, 0.5) == pytest.approx(0.5, abs=0.2)
    assert coverage(rank, 0.9) == pytest.approx(0.9, abs=0.12)
    assert brier.mean() < 0.10


def test_with_the_true_parameters_intervals_are_exact() -> None:
    every = {seed: made_acquisitions(seed, partners=150) for seed in range(6)}
    found = [judged(made, knowing(made, {}, draws=200), seed) for seed, made in every.items()]
    rank, brier, log_loss = (np.concatenate(column) for column in zip(*found, strict=True))
    # 840 partners: binomial standard errors of 1.7 and 1.0 points
    assert coverage(rank, 0.5) == pytest.approx(0.5, abs=0.06)
    assert coverage(rank, 0.9) == pytest.approx(0.9, abs=0.035)
    assert brier.mean() < 0.07
    assert log_loss.mean() < 0.24


@pytest.mark.slow
@pytest.mark.parametrize(
    "truth",
    [
        {},
        {"growth": 0.15, "season": 0.4, "kappa": 1.5},
        {"kappa": 50.0, "s": 3.0, "beta": 90.0, "r": 1.5},
    ],
    ids=["dying partners", "growth, campaigns and seasons", "steady"],
)
def test_intervals_and_chances_hold_in_many_programmes(truth: dict[str, float]) -> None:
    found, best = [], []
    for seed in range(12):
        made = made_acquisitions(seed, partners=100, **truth)  # type: ignore[arg-type]
        found.append(judged(made, fit_of(made, seed, draws=500), seed))
        best.append(judged(made, knowing(made, truth, draws=500), seed))
    rank, brier, log_loss = (np.concatenate(column) for column in zip(*found, strict=True))
    rank_best, brier_best, log_loss_best = (
        np.concatenate(column) for column in zip(*best, strict=True)
    )
    # some 1,120 partners: binomial standard errors of 1.5 and .9 points, most of which the fit
    # shares with the one that knows the parameters
    assert coverage(rank, 0.5) == pytest.approx(coverage(rank_best, 0.5), abs=0.04)
    assert coverage(rank, 0.9) == pytest.approx(coverage(rank_best, 0.9), abs=0.02)
    assert rank.mean() == pytest.approx(0.5, abs=0.06)
    assert brier.mean() < brier_best.mean() + 0.004
    assert log_loss.mean() < log_loss_best.mean() + 0.015
