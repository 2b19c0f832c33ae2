"""Covariates by Markov chains: the records of the fast posterior, and the posterior itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from ltvforecast.fit_types import FitSettings
from ltvforecast.fitting.effect_columns import Covariates
from ltvforecast.fitting.hierarchy import PartnerPurchases, fit_partner_purchases
from ltvforecast.fitting.hierarchy_spend import PartnerSpend, fit_partner_spend
from ltvforecast.fitting.mcmc import Sampling
from ltvforecast.fitting.pooled_purchase import fit_purchase_effects
from ltvforecast.fitting.pymc_models import partner_groups
from ltvforecast.fitting.sampled_fit import ChainSettings, Partners, sample_purchase
from ltvforecast.fitting.sampled_partners import (
    _own,
    sample_partner_purchases,
    sample_partner_spend,
)
from ltvforecast.fitting.together import Asked, purchase_together, spend_together
from tests.fitting.covariate_world import World, world

Array = npt.NDArray[np.float64]
MEMBER = (0.3, -0.4, 0.2)
CERTIFIED = float(np.log(1.3))
CHAINS = ChainSettings(draws=1200)
FEW = Sampling(chains=2, tune=10, steps=10, sampler="pymc", target_accept=0.8)
TINY = ChainSettings(draws=16, sampling=FEW, accept_unconverged=True)


def known(data: World) -> tuple[Partners, Covariates]:
    groups = partner_groups([f"p{k:02d}" for k in range(data.partners)])
    return (
        Partners(groups=groups, home=data.home),
        Covariates(design=data.design, home=data.home),
    )


def assert_near(ours: Array, chains: Array, *, effective: float) -> None:
    """Means and standard deviations by column: the bars of the accuracy page, and three errors."""
    error = 3.0 * np.sqrt(1.0 / effective + 1.0 / 1000.0)
    gap = (ours.mean(axis=0) - chains.mean(axis=0)) / chains.std(axis=0)
    assert np.abs(gap).max() < 0.1 + error
    ratio = ours.std(axis=0) / chains.std(axis=0)
    assert np.abs(ratio - 1.0).max() < 0.05 + error / np.sqrt(2.0)


@pytest.fixture
def plain_python() -> Iterator[None]:
    """So few steps are done before a compiler would have started."""
    import pytensor

    with pytensor.config.change_flags(mode="FAST_COMPILE"):
        yield


@pytest.mark.usefixtures("plain_python")
def test_records_are_those_of_the_fast_posterior() -> None:
    data = world(seed=5, partners=4, median=8)
    data = replace(data, partners=5, design=replace(
        data.design, partner_rows=np.vstack([data.design.partner_rows, [[1.0, 0.0]]])
    ))  # fmt: skip
    partners, covariates = known(data)
    settings, rng = TINY, np.random.default_rng(1)
    bought = sample_partner_purchases(
        data.history, partners, settings, covariates=covariates, rng=rng
    )
    paid = sample_partner_spend(data.customers, partners, settings, covariates=covariates, rng=rng)
    assert bought.effects is not None
    assert paid.effects is not None
    effects = {**bought.effects, **paid.effects}
    assert {name: draws.shape for name, draws in effects.items()} == dict.fromkeys(
        ("log_rate", "dropout_logit", "log_spend"), (16, 2)
    )
    assert bought.purchase.draws["alpha"].shape == (16, 5)
    assert bought.purchase.draws["r"].shape == (16, 1)
    assert paid.spend.draws["v"].shape == (16, 5)
    assert bought.shared["mean_log_rate"].shape == (16, 1)
    assert np.isfinite(bought.purchase.log_likelihood)
    assert np.isfinite(paid.spend.log_likelihood)


@pytest.mark.usefixtures("plain_python")
def test_taken_together_too() -> None:
    data = world(seed=5, partners=4, median=8)
    rng = np.random.default_rng(1)
    asked = Asked(
        settings=FitSettings(method="nuts", pooling="complete", draws=16),
        chains=TINY,
        on_refusal="sample",
        design=data.design,
    )
    bought, effects = purchase_together(data.history, asked, home=data.home, rng=rng)
    fast, same = fit_purchase_effects(data.history, data.home, data.design, draws=16, rng=rng)
    assert {n: d.shape for n, d in bought.draws.items()} == {
        n: d.shape for n, d in fast.draws.items()
    }
    assert {n: d.shape for n, d in effects.items()} == {n: d.shape for n, d in same.items()}
    alike: pd.DataFrame = data.customers.assign(
        first_value=5.0, monetary_value=5.0, spend_n=1, spend_sum=5.0, spend_log_sum=np.log(5.0)
    )
    paid, on_spend = spend_together(alike, asked, home=data.home, rng=rng)
    assert paid.draws["v"].shape == (16, 1)
    assert on_spend["log_spend"].shape == (16, 2)
    assert not on_spend["log_spend"].any()


def test_what_is_a_partners_own_is_what_is_sure_given_what_partners_share() -> None:
    rng = np.random.default_rng(6)
    mean = rng.standard_normal((4000, 1))
    # its own data leave .3 of the variance open; the mean of all is uncertain on top
    z = np.sqrt(0.3) * rng.standard_normal((4000, 2)) + np.array([0.0, 0.8]) * mean
    # standard error of a variance of 4,000 draws: .3 sqrt(2 / 4000) = .007
    np.testing.assert_allclose(_own(z, [mean]), 0.7, atol=0.03)
    # with too few draws for a regression, it is the whole variance
    few = _own(z[:6], [mean[:6]])
    np.testing.assert_allclose(few, np.clip(1.0 - z[:6].var(axis=0), 0.0, 1.0))


@pytest.mark.slow
def test_the_posterior_is_that_of_markov_chains() -> None:
    """Twelve partners, some 300 customers, effects on all three quantities."""
    data = world(seed=7, partners=12, certified=CERTIFIED, member=MEMBER)
    partners, covariates = known(data)
    bought = sample_partner_purchases(
        data.history, partners, CHAINS, covariates=covariates, rng=np.random.default_rng(2)
    )
    paid = sample_partner_spend(
        data.customers, partners, CHAINS, covariates=covariates, rng=np.random.default_rng(3)
    )
    ours = fit_partner_purchases(
        *data.history, data.home, partners=12, covariates=data.design, draws=4000,
        rng=np.random.default_rng(1),
    )  # fmt: skip
    spent = fit_partner_spend(
        data.customers, data.home, partners=12, covariates=data.design, draws=4000,
        rng=np.random.default_rng(1),
    )  # fmt: skip
    assert isinstance(ours, PartnerPurchases)
    assert isinstance(spent, PartnerSpend)
    effective = bought.purchase.diagnostics.ess_tail
    assert effective is not None
    assert bought.purchase.diagnostics.trusted
    assert paid.spend.diagnostics.trusted
    for fast, chains in ((ours, bought), (spent, paid)):
        assert fast.effects is not None
        assert chains.effects is not None
        for name, draws in chains.effects.items():
            assert_near(fast.effects[name], draws, effective=effective)
        for name in fast.shared:
            assert_near(
                fast.shared[name].reshape(4000, -1), chains.shared[name].reshape(1200, -1),
                effective=effective,
            )  # fmt: skip
        np.testing.assert_allclose(
            [*fast.shrinkage.values()], [*chains.shrinkage.values()], atol=0.15
        )
    for name in ("alpha", "a", "b"):
        assert_near(
            np.log(ours.purchase.draws[name]), np.log(bought.purchase.draws[name]),
            effective=effective,
        )  # fmt: skip
    assert_near(np.log(spent.spend.draws["v"]), np.log(paid.spend.draws["v"]), effective=effective)
    assert bought.effects is not None
    assert abs(bought.effects["log_rate"][:, 1].mean() - MEMBER[0]) < 0.5


@pytest.mark.slow
def test_taken_together_the_posterior_is_that_of_markov_chains() -> None:
    data = world(seed=3, sd=0.0, partners=12, certified=0.25, member=MEMBER)
    _, covariates = known(data)
    bought, drawn = sample_purchase(
        *data.history, covariates=covariates, rng=np.random.default_rng(2)
    )
    ours, fast = fit_purchase_effects(
        data.history, data.home, data.design, draws=4000, rng=np.random.default_rng(1)
    )
    assert bought.diagnostics.trusted
    assert bought.diagnostics.ess_tail is not None
    effective = min(1000.0, bought.diagnostics.ess_tail)
    for name, draws in drawn.effects.items():
        assert_near(fast[name], draws, effective=effective)
    for name in ("r", "alpha", "a", "b"):
        assert_near(np.log(ours.draws[name]), np.log(bought.draws[name]), effective=effective)
    # the point is a mean here and a mode there
    assert bought.log_likelihood == pytest.approx(ours.log_likelihood, abs=1.0)
