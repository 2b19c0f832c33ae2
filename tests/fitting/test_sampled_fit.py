from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from ltvforecast.errors import ConfigError, ConvergenceError, SummaryError
from ltvforecast.fitting import sampled_fit
from ltvforecast.fitting.chain_diagnostics import ChainNumbers
from ltvforecast.fitting.mcmc import Sampled, Sampling
from ltvforecast.fitting.prior_settings import priors_from_table
from ltvforecast.fitting.purchase import fit_purchase
from ltvforecast.fitting.sampled_fit import (
    ChainSettings,
    home_partners,
    sample_purchase,
    sample_spend,
)
from ltvforecast.fitting.spend import fit_spend
from tests.benchmarks.posterior_speed import compared
from tests.fitting.made_summary import amounts_only, simulated_histories, summary_of

TINY = Sampling(chains=2, tune=30, steps=40, sampler="pymc")


@pytest.fixture
def plain_python():
    """So few steps are done before a compiler would have started."""
    import pytensor

    with pytensor.config.change_flags(mode="FAST_COMPILE"):
        yield


def history(customers):
    return [customers[name].to_numpy(float) for name in ("frequency", "recency", "T")]


@pytest.mark.usefixtures("plain_python")
def test_too_few_steps_are_refused_or_marked_everywhere(cdnow) -> None:
    few = history(cdnow.iloc[:150])
    with pytest.raises(ConvergenceError, match="have not converged"):
        sample_purchase(*few, ChainSettings(draws=50, sampling=TINY), rng=np.random.default_rng(1))
    settings = ChainSettings(draws=50, sampling=TINY, accept_unconverged=True)
    fit, drawn = sample_purchase(*few, settings, rng=np.random.default_rng(1))
    assert drawn.draws["log_r"].shape == (50,)
    assert not drawn.effects
    assert not fit.diagnostics.trusted
    assert fit.diagnostics.verdict.startswith("NOT CONVERGED, accepted by the user")
    assert fit.diagnostics.chains == 2
    assert {name: draws.shape for name, draws in fit.draws.items()} == dict.fromkeys(
        ("r", "alpha", "a", "b"), (50, 1)
    )
    assert fit.point["alpha"] == pytest.approx(np.median(fit.draws["alpha"]), rel=0.5)
    assert np.isfinite(fit.log_likelihood)


@pytest.mark.parametrize(("asked", "wanted"), [(None, [0.95, 0.99]), (0.9, [0.9])])
def test_chains_of_partners_that_diverge_are_tried_once_more_with_smaller_steps(
    monkeypatch, asked: float | None, wanted: list[float]
) -> None:
    numbers = ChainNumbers(
        chains=4, steps=1000, r_hat=1.0, ess_bulk=900.0, ess_tail=900.0, divergences=2, bfmi=1.0
    )
    tried: list[tuple[object, float | None]] = []

    def diverging(built: object, *, sampling: Sampling, **_options: object) -> Sampled:
        tried.append((built, sampling.target_accept))
        return Sampled(draws={}, sampler="pymc", numbers=numbers)

    monkeypatch.setattr(sampled_fit, "sample_chains", diverging)
    model = SimpleNamespace(coords={"partner": ("a", "b")})
    other = SimpleNamespace(coords={"partner": ("a", "b")})
    for again, last in ((None, model), (lambda: other, other)):
        tried.clear()
        found = sampled_fit._sampled(
            model,
            ChainSettings(draws=100, sampling=Sampling(target_accept=asked)),
            rng=np.random.default_rng(1),
            what="it",
            again=again,
        )
        assert [accept for _, accept in tried] == wanted
        assert tried[0][0] is model
        assert tried[-1][0] is (last if len(wanted) > 1 else model)
        assert found.numbers is numbers  # still to be refused


def test_homes_and_segments_follow_the_summary(cdnow) -> None:
    summary = summary_of(cdnow)
    partners = home_partners(summary, {"p1": "large"})
    assert partners.groups.partner_ids == summary.partner_ids
    assert partners.groups.segments == ("large", "other")
    assert partners.groups.segment_of.tolist() == [1, 0, 1]
    names = np.asarray(summary.partner_ids)[partners.home]
    assert (names == summary.customers["partner_id"]).all()
    assert home_partners(summary).groups.segments == ("all",)


def test_what_can_not_be_fitted_is_refused_before_anything_is_built() -> None:
    rng = np.random.default_rng(1)
    with pytest.raises(ConvergenceError, match="longer than a day"):
        sample_purchase([0, 0], [0, 0], [0, 0], rng=rng)
    with pytest.raises(ConvergenceError, match="0 customers"):
        sample_purchase([], [], [], rng=rng)
    with pytest.raises(SummaryError, match="impossible"):
        sample_purchase([1], [5], [3], rng=rng)
    with pytest.raises(ConvergenceError, match="worth 0"):
        sample_spend(amounts_only([[0.0, 0.0]]), rng=rng)


def test_means_by_partner_and_amounts_all_alike_are_refused(cdnow) -> None:
    partners = home_partners(summary_of(cdnow))
    alike = amounts_only([[9.99]] * len(cdnow))
    with pytest.raises(ConvergenceError, match="whatever their partner"):
        sample_spend(alike, partners=partners, rng=np.random.default_rng(1))
    with pytest.raises(ConfigError, match="by partner"):
        sample_spend(
            cdnow, spend="gamma-gamma-mean", partners=partners, rng=np.random.default_rng(1)
        )


@pytest.mark.slow
def test_chains_find_the_posterior_of_the_laplace_fit(cdnow) -> None:
    """Purchases and spend of CDNOW; tolerances for effective sizes of 4,000 and more."""
    settings = ChainSettings(draws=12_000, sampling=Sampling(steps=3000))
    rng = [np.random.default_rng(seed) for seed in range(4)]
    pairs = (
        (
            fit_purchase(*history(cdnow), draws=8000, rng=rng[0]),
            sample_purchase(*history(cdnow), settings, rng=rng[1])[0],
        ),
        (
            fit_spend(cdnow, draws=8000, rng=rng[2]),
            sample_spend(cdnow, settings, rng=rng[3])[0],
        ),
    )
    for ours, chains in pairs:
        assert chains.diagnostics.trusted
        assert chains.diagnostics.ess_bulk > 4000
        assert chains.diagnostics.ess_tail > 4000
        for line in compared(ours, chains):
            assert line.met, line
        # the point is a mean here and a mode there: within a tenth of a log unit of likelihood
        assert chains.log_likelihood == pytest.approx(ours.log_likelihood, abs=0.1)


@pytest.mark.slow
def test_a_quick_look_is_near_and_is_marked(cdnow) -> None:
    quick = ChainSettings(method="advi")
    look, _ = sample_purchase(*history(cdnow), quick, rng=np.random.default_rng(1))
    assert "quick look, not for decisions" in look.diagnostics.verdict
    assert not look.diagnostics.trusted
    ours = fit_purchase(*history(cdnow), draws=4000, rng=np.random.default_rng(2))
    for line in compared(ours, look):
        assert abs(line.mean_gap) < 0.7
        # independent normals are too narrow, not too wide
        assert 0.9 < line.sd_ratio < 2.5


@pytest.mark.slow
def test_priors_that_are_changed_are_felt(cdnow) -> None:
    few = history(cdnow.iloc[:200])
    priors = priors_from_table({"log_r": {"mean": 1.0, "sd": 0.05}})
    fit, _ = sample_purchase(*few, ChainSettings(priors=priors), rng=np.random.default_rng(3))
    assert np.log(fit.draws["r"]).mean() == pytest.approx(1.0, abs=0.2)
    assert any("prior-dominated" in flag for flag in fit.diagnostics.flags)


@pytest.mark.slow
def test_partners_borrow_strength_and_recover_their_rates() -> None:
    """Twelve partners of 5 to 160 customers, rates spread by .7 on the log scale."""
    rng = np.random.default_rng(4)
    sizes = np.array([5, 5, 8, 12, 20, 20, 40, 40, 80, 80, 160, 160])
    log_rate = np.log(0.1) + 0.7 * rng.normal(size=12)
    columns = [
        simulated_histories(size, seed=k, r=1.0, alpha=np.exp(-level), a=0.6, b=2.4)
        for k, (size, level) in enumerate(zip(sizes, log_rate, strict=True))
    ]
    x, t_x, T = (np.concatenate(parts) for parts in zip(*columns, strict=True))
    made = amounts_only([[1.0]] * len(x))
    names = np.repeat([f"p{k:02d}" for k in range(12)], sizes)
    summary = replace(
        summary_of(made.assign(partner_id=names)),
        partner_ids=(*(f"p{k:02d}" for k in range(12)), "p99"),
    )
    partners = home_partners(summary)
    settings = ChainSettings(draws=2000)
    fit, _ = sample_purchase(x, t_x, T, settings, partners=partners, rng=rng)
    assert fit.diagnostics.trusted
    found = np.log(fit.draws["r"] / fit.draws["alpha"])
    assert found.shape == (2000, 13)
    z = (found[:, :12].mean(axis=0) - log_rate) / found[:, :12].std(axis=0)
    # 12 correlated standard normals at most: .4 % beyond 3 each
    assert np.abs(z).max() < 3.5
    width = found.std(axis=0)
    assert width[12] > width[:12].max() > width[10:12].max()
    # no customer of its own: as wide as partners differ, around their mean
    assert found[:, 12].mean() == pytest.approx(found[:, :12].mean(), abs=0.4)
    assert 0.4 < width[12] < 1.6


@pytest.mark.parametrize(("customers", "centred"), [(20, False), (79, False), (80, True)])
def test_levels_themselves_are_sampled_where_the_middle_partner_is_large(
    customers: int, centred: bool
) -> None:
    sizes = (2, customers, 400)
    groups = sampled_fit.partner_groups(["p0", "p1", "p2"])
    partners = sampled_fit.Partners(groups=groups, home=np.repeat(np.arange(3), sizes))
    assert sampled_fit._mostly_large(partners) is centred
