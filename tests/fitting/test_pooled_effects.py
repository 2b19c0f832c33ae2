from __future__ import annotations

import numpy as np
import pytest

from ltvforecast.fitting.compress import unique_rows
from ltvforecast.fitting.pooled_effects import customer_kinds, joint_objective, unfolded
from ltvforecast.fitting.pooled_purchase import _likelihood, fit_purchase_effects
from ltvforecast.fitting.pooled_spend import fit_spend_effects
from ltvforecast.fitting.priors import PURCHASE_PRIOR, with_effects
from ltvforecast.fitting.purchase_likelihood import log_likelihood, purchase_table
from tests.fitting.covariate_world import world

MEMBER = (0.3, -0.4, 0.2)
DATA = world(seed=3, sd=0.0, certified=0.25, member=MEMBER)
KINDS = customer_kinds(DATA.home, DATA.design.customer_pattern, DATA.design)
THETA = np.array([-0.3, -2.2, -1.1, 1.2, 0.2, -0.1, 0.3, -0.4])


def test_kinds_are_the_combinations_of_both_covariates() -> None:
    assert len(KINDS.rows) == 4
    back = KINDS.rows[KINDS.kind] + KINDS.middle
    has = DATA.design.partner_rows[DATA.home] + DATA.design.patterns[DATA.design.customer_pattern]
    np.testing.assert_allclose(back, has, atol=1e-12)


def test_without_effects_it_is_the_likelihood_of_all() -> None:
    likelihood = _likelihood(DATA.history, KINDS)
    plain = np.concatenate([THETA[:4], np.zeros(4)])
    alone = log_likelihood(THETA[None, :4], purchase_table(unique_rows(*DATA.history)))
    assert likelihood.total(plain[None])[0] == pytest.approx(alone[0], rel=1e-10)


def test_the_gradient_is_that_of_differences() -> None:
    prior = with_effects(PURCHASE_PRIOR, DATA.design.names, (1, 2))
    objective = joint_objective(_likelihood(DATA.history, KINDS), prior)
    steps = 1e-5 * np.eye(len(THETA))
    slope = (objective(THETA + steps)[0] - objective(THETA - steps)[0]) / 2e-5
    np.testing.assert_allclose(objective(THETA[None])[1][0], slope, rtol=1e-5, atol=1e-3)


def test_an_effect_is_taken_to_pieces_and_put_together() -> None:
    effect = np.array([[0.2, -0.1]])
    reference, of_partner = unfolded(effect, KINDS, DATA.design)
    own = effect @ DATA.design.patterns[DATA.design.customer_pattern].T
    whole = reference + of_partner[:, DATA.home] + own
    np.testing.assert_allclose(whole, effect @ KINDS.rows[KINDS.kind].T, atol=1e-12)


@pytest.mark.parametrize("method", ["laplace", "mle"])
def test_known_effects_are_found(method: str) -> None:
    fit, effects = fit_purchase_effects(
        DATA.history, DATA.home, DATA.design,
        method="mle" if method == "mle" else "laplace", rng=np.random.default_rng(1),
    )  # fmt: skip
    paid, on_spend = fit_spend_effects(
        DATA.customers, DATA.home, DATA.design,
        method="mle" if method == "mle" else "laplace", rng=np.random.default_rng(1),
    )  # fmt: skip
    draws = 1 if method == "mle" else 1000
    assert fit.draws["alpha"].shape == (draws, DATA.partners)
    assert fit.draws["r"].shape == (draws, 1)
    assert paid.draws["v"].shape == (draws, DATA.partners)
    found = (*effects["log_rate"].mean(0), *effects["dropout_logit"].mean(0), *on_spend.mean(0))
    truth = (0.25, MEMBER[0], 0.0, MEMBER[1], 0.0, MEMBER[2])
    # standard errors of 900 customers: .09 (rate), .14 (dropout), .03 (spend); three of them
    assert np.all(np.abs(np.subtract(found, truth)) < (0.27, 0.27, 0.42, 0.42, 0.1, 0.1))
    if method == "laplace":
        assert fit.diagnostics.k_hat is not None
        assert effects["log_rate"].std(axis=0).max() < 0.15
