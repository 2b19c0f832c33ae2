from __future__ import annotations

import numpy as np

from ltvforecast.fitting.diagnostics import (
    edge_flags,
    point_diagnostics,
    posterior_diagnostics,
    prior_dominated,
)
from ltvforecast.fitting.laplace import PosteriorDraws
from ltvforecast.fitting.mle import Optimum
from ltvforecast.fitting.priors import NormalPrior

PRIOR = NormalPrior(names=("how often", "how long"), mean=(0.0, 0.0), sd=(1.0, 2.0))
LIMITS = ((0, 1, "boundary: all alike"), (1, 1, "boundary: for ever"), (1, -1, "boundary: at once"))
OPTIMUM = Optimum(
    theta=np.zeros(2), value=1.0, gradient=np.array([1e-9, -2e-9]), curvature=np.eye(2)
)


def draws(*sd: float, refits: int = 0) -> PosteriorDraws:
    theta = np.random.default_rng(1).normal(size=(4000, 2)) * np.array(sd)
    return PosteriorDraws(theta=theta, k_hat=0.123, effective=900.0, refits=refits)


def test_a_posterior_as_wide_as_its_prior_has_learnt_nothing() -> None:
    assert prior_dominated(draws(0.5, 1.0), PRIOR) == ()
    assert prior_dominated(draws(0.95, 1.0), PRIOR) == (0,)
    assert prior_dominated(draws(1.0, 1.9), PRIOR) == (0, 1)


def test_limits_are_named_once_and_not_where_the_prior_rules() -> None:
    assert edge_flags([True, False, True], LIMITS, prior=PRIOR) == [
        "boundary: all alike",
        "boundary: at once",
    ]
    ruled = edge_flags([True, True, True], LIMITS, prior=PRIOR, dominated=(0,))
    assert len(ruled) == 2
    assert ruled[0].startswith("prior-dominated: the data say almost nothing about how often")
    assert ruled[1] == "boundary: the data can't tell how long"


def test_verdicts_are_sentences_with_their_notes() -> None:
    clean = posterior_diagnostics(draws(1, 1), OPTIMUM, what="the test", flags=[])
    assert clean.verdict == "The posterior of the test was sampled reliably (Pareto k 0.12)."
    assert clean.trusted
    assert clean.gradient_norm == 2e-9
    noted = posterior_diagnostics(draws(1, 1, refits=2), OPTIMUM, what="x", flags=["a", "b"])
    assert "after 2 refits" in noted.verdict
    assert noted.verdict.endswith("Note 2: a; b.")
    point = point_diagnostics(OPTIMUM, what="the test", flags=["a"])
    assert point.k_hat is None
    assert "leave out how uncertain" in point.verdict
