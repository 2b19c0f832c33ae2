from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.benchmarks.calibration import (
    CASES,
    SEED,
    Place,
    calibrated,
    judged,
    place,
    run,
    told,
)
from tests.benchmarks.calibration_cases import (
    KEPT,
    NARROW_PURCHASE,
    Checked,
    Failed,
    _kept,
    _narrowed,
)


def conjugate(number: int, *, narrow: float = 1.0, off: float = 0.0) -> Checked:
    """One normal observation of a standard normal mean; its posterior is known, or spoilt."""
    rng = np.random.default_rng([3, number])
    truth = rng.standard_normal()
    seen = truth + rng.standard_normal()
    draws = seen / 2 + off + narrow * np.sqrt(0.5) * rng.standard_normal(KEPT)
    return Checked(truth={"mean": truth}, draws={"mean": draws}, effective=float(KEPT))


def test_the_true_posterior_is_calibrated_and_spoilt_ones_are_not() -> None:
    def verdict(**spoilt: float) -> bool:
        return calibrated(judged([place(k, conjugate(k, **spoilt)) for k in range(400)]))

    assert verdict()
    assert not verdict(narrow=0.7)
    assert not verdict(narrow=1.5)
    assert not verdict(off=0.25)


def test_weights_turn_draws_of_one_prior_into_draws_of_the_other() -> None:
    rng = np.random.default_rng(4)
    wide = replace(NARROW_PURCHASE, mean=(0.0,) * 4, sd=(1.5,) * 4)
    theta = rng.normal(0.0, 1.5, (200_000, 4)) + 0.2
    spreads = np.abs(0.75 * rng.standard_normal((200_000, 2)))
    ratio = _narrowed(wide, NARROW_PURCHASE, theta, np.full(4, 0.2), spreads)
    weight = np.exp(ratio - ratio.max())
    mean = np.average(theta, axis=0, weights=weight)
    sd = np.sqrt(np.average((theta - mean) ** 2, axis=0, weights=weight))
    # 200,000 draws, some thousands effective
    np.testing.assert_allclose(mean, NARROW_PURCHASE.mean, atol=0.1)
    np.testing.assert_allclose(sd, NARROW_PURCHASE.sd, rtol=0.1)
    second = np.average(spreads**2, axis=0, weights=weight)
    np.testing.assert_allclose(second, 0.5**2, rtol=0.1)
    chosen, effective = _kept(ratio, rng)
    assert len(chosen) == KEPT
    assert 1000 < effective < 200_000


def test_refused_fits_are_counted_and_left_out() -> None:
    places = [place(k, conjugate(k)) for k in range(40)]
    places.append(place(40, Failed(why="a gate")))
    text = told("a case", places)
    assert "41 simulations, 1 fits refused" in text
    assert judged(places) == judged(places[:-1])


def test_what_was_stored_is_not_run_again(tmp_path, monkeypatch) -> None:
    case = next(iter(CASES))
    ran = []

    def simulated(name: str, numbers: list[int]) -> list[Place]:
        ran.extend(numbers)
        return [place(k, conjugate(k)) for k in numbers]

    monkeypatch.setattr("tests.benchmarks.calibration.simulate", simulated)
    first = run(case, 7, processes=1, keep=tmp_path)
    again = run(case, 12, processes=1, keep=tmp_path)
    assert ran == list(range(12))
    assert again[:7] == first


@pytest.mark.slow
@pytest.mark.parametrize("case", ["Gamma-Gamma, one group", "BG/NBD, one group"])
def test_posteriors_are_calibrated_and_narrower_ones_would_not_be(case: str) -> None:
    checked = [
        CASES[case](np.random.default_rng([SEED, list(CASES).index(case), k])) for k in range(120)
    ]
    good = [each for each in checked if isinstance(each, Checked)]
    assert len(good) == 120
    assert calibrated(judged([place(k, each) for k, each in enumerate(good)]))
    for distort in (lambda z: z.mean() + 0.5 * (z - z.mean()), lambda z: z + 0.7 * z.std()):
        spoilt = [
            replace(each, draws={name: distort(z) for name, z in each.draws.items()})
            for each in good
        ]
        lines = judged([place(k, each) for k, each in enumerate(spoilt)])
        assert not calibrated(lines)
        assert sum(line.p < 0.01 for line in lines) >= 3


@pytest.mark.slow
@pytest.mark.parametrize("case", ["BG/NBD, partners", "Gamma-Gamma, partners"])
def test_partners_posteriors_hold_the_truth(case: str) -> None:
    checked = [
        CASES[case](np.random.default_rng([SEED, list(CASES).index(case), k])) for k in range(40)
    ]
    lines = judged([place(k, each) for k, each in enumerate(checked)])
    # 40 simulations: z-scores of the mean place and of the share inside 90 %
    assert max(abs(line.mean - 0.5) for line in lines) < 4 * np.sqrt(1 / 12 / 40)
    assert min(line.inside_90 for line in lines) > 0.9 - 4 * np.sqrt(0.09 / 40)
