from __future__ import annotations

import numpy as np
import pytest

from ltvforecast.errors import ConvergenceError
from ltvforecast.fitting.chain_diagnostics import (
    ChainNumbers,
    chain_numbers,
    judge_chains,
    judge_quick_look,
)

GOOD = ChainNumbers(
    chains=4, steps=1000, r_hat=1.002, ess_bulk=900.0, ess_tail=800.0, divergences=0, bfmi=0.9
)


def numbers(draws, *, diverging=None, energy=None) -> ChainNumbers:
    shape = draws.shape[:2]
    rng = np.random.default_rng(9)
    return chain_numbers(
        {"one": draws, "two": np.stack([rng.normal(size=shape)] * 2, axis=2)},
        diverging=np.zeros(shape) if diverging is None else diverging,
        energy=rng.normal(size=shape) if energy is None else energy,
    )


def test_independent_draws_are_as_many_as_there_are() -> None:
    found = numbers(np.random.default_rng(1).normal(size=(4, 1000)))
    assert found.r_hat < 1.01
    # 4,000 independent draws; the estimator scatters by a few percent, tails by more
    assert 3300 < found.ess_bulk < 4700
    assert 2800 < found.ess_tail < 4700
    # differences of independent energies have twice the variance
    assert found.bfmi == pytest.approx(2.0, abs=0.25)
    assert (found.chains, found.steps, found.divergences) == (4, 1000, 0)


def test_the_worst_parameter_counts() -> None:
    rng = np.random.default_rng(2)
    apart = rng.normal(size=(4, 500)) + np.array([0.0, 0.0, 0.0, 2.0])[:, None]
    assert numbers(apart).r_hat > 1.1
    # autoregression of .9 leaves (1 - .9) / (1 + .9) = 5 % of the draws
    slow = np.zeros((4, 2000))
    for step in range(1, 2000):
        slow[:, step] = 0.9 * slow[:, step - 1] + rng.normal(size=4)
    assert numbers(slow).ess_bulk == pytest.approx(8000 / 19, rel=0.35)


def test_energy_that_hardly_moves_and_divergent_steps_are_seen() -> None:
    rng = np.random.default_rng(3)
    draws = rng.normal(size=(2, 400))
    diverging = np.zeros((2, 400))
    diverging[1, 5:8] = 1
    found = numbers(draws, diverging=diverging, energy=np.cumsum(draws, axis=1))
    assert found.divergences == 3
    assert found.bfmi < 0.1


def test_a_chain_that_never_moves_is_no_reason_for_nan() -> None:
    found = numbers(np.ones((2, 100)), energy=np.ones((2, 100)))
    assert not found.r_hat < 1.01 or found.ess_bulk <= 200
    assert found.bfmi == 0.0
    with pytest.raises(ConvergenceError):
        judge_chains(found, what="a test")


def test_chains_that_pass_are_trusted_and_carry_their_numbers() -> None:
    found = judge_chains(GOOD, what="the test", flags=["odd"])
    assert found.trusted
    assert found.verdict.startswith("The posterior of the test was sampled reliably (4 chains")
    assert found.verdict.endswith("Note 1: odd.")
    assert (found.r_hat, found.ess_bulk, found.ess_tail) == (1.002, 900.0, 800.0)
    assert (found.divergences, found.bfmi, found.chains) == (0, 0.9, 4)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"r_hat": 1.02}, "R-hat 1.020"),
        ({"r_hat": np.inf}, "R-hat inf"),
        ({"ess_bulk": 399.0}, "399 effective draws"),
        ({"ess_tail": 12.0}, "12 effective draws in the tails"),
        ({"divergences": 1}, "1 divergent steps"),
        ({"bfmi": 0.2}, "BFMI 0.20"),
    ],
)
def test_every_gate_refuses_unless_told_otherwise(change: dict[str, float], said: str) -> None:
    held = {name: getattr(GOOD, name) for name in GOOD.__slots__}
    bad = ChainNumbers(**{**held, **change})
    with pytest.raises(ConvergenceError, match="have not converged") as refused:
        judge_chains(bad, what="the test")
    assert said in refused.value.found
    accepted = judge_chains(bad, what="the test", accept_unconverged=True)
    assert not accepted.trusted
    assert accepted.verdict.startswith("NOT CONVERGED, accepted by the user")
    assert said in accepted.verdict
    assert accepted.r_hat is None or np.isfinite(accepted.r_hat)


def test_a_quick_look_says_so() -> None:
    found = judge_quick_look(what="the test")
    assert not found.trusted
    assert found.verdict.startswith("A quick look, not for decisions")
