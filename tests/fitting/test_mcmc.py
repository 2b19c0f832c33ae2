from __future__ import annotations

import logging
from importlib.util import find_spec

import numpy as np
import pytest

from ltvforecast.errors import ConfigError, ConvergenceError
from ltvforecast.fitting.mcmc import Sampling, approximate, sample_chains, thinned

TINY = Sampling(chains=2, tune=60, steps=60, sampler="pymc")


def made_model():
    """Normal with mean 1 and sd 2, and a half-normal, whose logarithm is what is sampled."""
    import pymc as pm

    with pm.Model() as model:
        first = pm.Normal("first", 1.0, 2.0)
        pm.HalfNormal("second", 1.0)
        pm.Deterministic("twice", 2 * first)
    return model


def impossible_model():
    import pymc as pm

    with pm.Model() as model:
        first = pm.Normal("first")
        pm.Potential("nowhere", pm.math.log(-1.0 - first**2))
    return model


@pytest.fixture
def plain_python():
    """Tiny models run as fast in plain Python as they compile."""
    import pytensor

    with pytensor.config.change_flags(mode="FAST_COMPILE"):
        yield


@pytest.mark.usefixtures("plain_python")
def test_chains_are_reproducible_quiet_and_told_of(
    capfd: pytest.CaptureFixture[str],
) -> None:
    steps = []
    found = sample_chains(
        made_model(), seed=3, sampling=TINY, what="a test", progress=lambda *at: steps.append(at)
    )
    assert found.sampler == "pymc"
    assert found.draws["first"].shape == (2, 60)
    np.testing.assert_allclose(found.draws["twice"], 2 * found.draws["first"])
    # at least 30 effective draws of sd 2: an error of .37 on the mean, allow 4
    assert found.draws["first"].mean() == pytest.approx(1.0, abs=1.5)
    assert (found.draws["second"] > 0).all()
    assert found.numbers is not None
    assert found.numbers.chains == 2
    assert steps[0] == ("sampling a test", 0, 240)
    assert steps[-1] == ("sampling a test", 240, 240)
    assert [done for _, done, _ in steps] == [0, 100, 200, 240]
    assert capfd.readouterr() == ("", "")
    assert logging.getLogger("pymc").level != logging.ERROR
    again = sample_chains(made_model(), seed=3, sampling=TINY)
    np.testing.assert_array_equal(found.draws["first"], again.draws["first"])


@pytest.mark.usefixtures("plain_python")
def test_what_can_not_start_is_refused_in_words() -> None:
    with pytest.raises(ConvergenceError, match="could not be sampled"):
        sample_chains(impossible_model(), seed=1, sampling=TINY)


@pytest.mark.parametrize(
    "sampling", [Sampling(chains=1), Sampling(tune=0), Sampling(steps=2, sampler="pymc")]
)
def test_numbers_that_make_no_sense_are_refused(sampling: Sampling) -> None:
    with pytest.raises(ConfigError, match="at least"):
        sample_chains(None, seed=1, sampling=sampling)


def test_a_sampler_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ltvforecast.fitting.mcmc.find_spec", lambda _: None)
    with pytest.raises(ConfigError, match="nutpie is not installed"):
        sample_chains(None, seed=1, sampling=Sampling(sampler="nutpie"))


def test_draws_are_kept_step_by_step_from_all_chains() -> None:
    values = np.arange(4 * 10 * 2, dtype=float).reshape(4, 10, 2)
    kept = thinned(values, 8)
    assert kept.shape == (8, 2)
    np.testing.assert_array_equal(kept[:4], values[:, 0])
    np.testing.assert_array_equal(kept[4:], values[:, 9])
    assert thinned(values, 5).shape == (5, 2)
    assert len({tuple(row) for row in thinned(values, 40)}) == 40


@pytest.mark.slow
def test_nutpie_samples_the_same_distribution_and_repeats_itself() -> None:
    if find_spec("nutpie") is None:
        pytest.skip("nutpie is optional")
    sampling = Sampling(chains=2, tune=300, steps=1000, sampler="nutpie")
    one, two = (sample_chains(made_model(), seed=5, sampling=sampling) for _ in range(2))
    np.testing.assert_array_equal(one.draws["first"], two.draws["first"])
    # at least 600 effective draws: errors of 4 % of the sd on the mean, 3 % on the sd; allow 4
    assert one.draws["first"].mean() == pytest.approx(1.0, abs=0.33)
    assert one.draws["first"].std() == pytest.approx(2.0, rel=0.12)
    assert one.draws["second"].mean() == pytest.approx(np.sqrt(2 / np.pi), abs=0.1)


@pytest.mark.slow
def test_a_quick_look_finds_independent_normals() -> None:
    found = approximate(made_model(), seed=6, draws=2000)
    again = approximate(made_model(), seed=6, draws=2000)
    assert found.numbers is None
    assert found.draws["first"].shape == (1, 2000)
    np.testing.assert_array_equal(found.draws["first"], again.draws["first"])
    # the first is normal, for which the approximation is exact up to its last steps' noise
    assert found.draws["first"].mean() == pytest.approx(1.0, abs=0.4)
    assert found.draws["first"].std() == pytest.approx(2.0, rel=0.15)


@pytest.mark.slow
def test_without_a_compiler_numba_does_the_work() -> None:
    import pytensor

    with pytensor.config.change_flags(cxx=""):
        found = sample_chains(made_model(), seed=7, sampling=TINY)
    assert found.draws["first"].mean() == pytest.approx(1.0, abs=1.5)
