from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from ltvforecast.errors import ConfigError, SummaryError
from ltvforecast.fitting.predictive import (
    posterior_predictive,
    prior_predictive,
    simulate_customers,
)
from ltvforecast.fitting.prior_settings import priors_from_table
from ltvforecast.formulas.bgnbd import purchase_count_pmf
from tests.fitting.made_summary import summary_of

TRUTH = {"r": 0.6, "alpha": 5.0, "a": 0.8, "b": 2.5, "p": 4.0, "q": 5.0, "v": 30.0}


def columns(**parameters: float) -> dict[str, np.ndarray]:
    return {name: np.array([[value]]) for name, value in parameters.items()}


def test_simulated_customers_follow_the_model() -> None:
    T = np.full(200_000, 30.0)
    rng = np.random.default_rng(1)
    made = simulate_customers(columns(**TRUTH, zero_share=0.0), T, rng)
    x = made["frequency"][0]
    purchase = {name: TRUTH[name] for name in ("r", "alpha", "a", "b")}
    share = purchase_count_pmf(np.arange(8), 30.0, 0, 0.0, 0.0, **purchase)
    seen = np.bincount(x.astype(int), minlength=8)[:8] / len(x)
    z = (seen - share) / np.sqrt(share * (1 - share) / len(x))
    assert np.abs(z).max() < 4
    assert ((made["recency"] > 0) == (made["frequency"] > 0)).all()
    assert (made["recency"] <= T).all()
    again = made["monetary_value"][0][x > 0]
    mean = TRUTH["p"] * TRUTH["v"] / (TRUTH["q"] - 1)
    assert again.mean() == pytest.approx(mean, abs=4 * again.std() / np.sqrt(len(again)))
    assert (made["monetary_value"][0][x == 0] == 0).all()
    # of one-time repeaters the only amount is v times a beta prime of p and q
    single = made["monetary_value"][0][x == 1][:5000]
    law = stats.betaprime(TRUTH["p"], TRUTH["q"], scale=TRUTH["v"])
    assert stats.kstest(single, law.cdf).pvalue > 1e-4


def test_some_purchases_are_worth_nothing() -> None:
    T = np.full(50_000, 30.0)
    made = simulate_customers(columns(**TRUTH, zero_share=0.3), T, np.random.default_rng(2))
    once = made["frequency"][0] == 1
    assert (made["monetary_value"][0][once] == 0).mean() == pytest.approx(0.3, abs=0.02)


def test_replicas_of_a_fitted_model_look_like_the_data(cdnow_model) -> None:
    found = posterior_predictive(cdnow_model, draws=200)
    seen, made = found["observed_data"], found["posterior_predictive"]
    assert dict(made.sizes) == {"chain": 1, "draw": 200, "customer": 2000}
    assert dict(found["posterior"].sizes) == {"chain": 1, "draw": 200}
    for statistic in (
        lambda table: (table["frequency"] == 0).mean("customer"),
        lambda table: table["frequency"].mean("customer"),
        lambda table: table["monetary_value"].sum("customer"),
    ):
        replicas = np.asarray(statistic(made)).ravel()
        value = float(statistic(seen))
        # a posterior predictive p-value, which a good model keeps from the ends
        assert 0.01 < (replicas < value).mean() < 0.99


def test_same_seed_same_replicas(cdnow_model) -> None:
    one, two, other = (
        posterior_predictive(cdnow_model, draws=5, customers=50, seed=seed) for seed in (1, 1, 2)
    )
    key = "posterior_predictive"
    np.testing.assert_array_equal(one[key]["recency"], two[key]["recency"])
    assert not np.array_equal(one[key]["recency"], other[key]["recency"])


def test_partners_of_their_own_are_simulated_with_their_parameters(cdnow_model) -> None:
    model = cdnow_model
    rich = np.array([1.0, 1.0, 1000.0])
    draws = {name: np.tile(v, (1, 3)) for name, v in model.spend.draws.items()}
    draws["v"] = draws["v"] * rich
    several = replace(model, spend=replace(model.spend, draws=draws))
    made = posterior_predictive(several, draws=20)["posterior_predictive"]
    home = model.summary.customers.set_index("customer_id")["partner_id"]
    mine = (home.loc[made["customer"].to_numpy()] == "p2").to_numpy()
    value = np.asarray(made["monetary_value"]).mean(axis=(0, 1))
    assert value[mine].mean() > 200 * value[~mine].mean()


def test_the_prior_is_wide_around_the_programme(cdnow) -> None:
    summary = summary_of(cdnow)
    found = prior_predictive(summary, draws=400, customers=50)
    frequency = np.asarray(found["prior_predictive"]["frequency"])
    assert np.isfinite(frequency).all()
    assert found["observed_data"]["frequency"].sizes["customer"] == 50
    prior = found["prior"]
    rate = np.log(np.asarray(prior["r"] / prior["alpha"])) + np.log(cdnow["T"].mean())
    # normal with mean 0 and sd 2: 400 draws, 4 standard errors
    assert rate.mean() == pytest.approx(0.0, abs=0.4)
    assert rate.std() == pytest.approx(2.0, abs=0.3)
    narrow = priors_from_table({"log_rate": {"sd": 0.01}})
    tight = prior_predictive(summary, priors=narrow, draws=50, customers=50)["prior"]
    assert np.log(np.asarray(tight["r"] / tight["alpha"])).std() < 0.02


def test_what_can_not_be_simulated_is_refused(cdnow, cdnow_model) -> None:
    with pytest.raises(ConfigError, match="fewer draws"):
        posterior_predictive(cdnow_model, draws=10**6, customers=10**6)
    with pytest.raises(ConfigError, match="0 draws"):
        prior_predictive(summary_of(cdnow), draws=0)
    other = replace(cdnow_model, purchase=replace(cdnow_model.purchase, model="pareto-nbd"))
    with pytest.raises(ConfigError, match="pareto-nbd"):
        posterior_predictive(other)
    with pytest.raises(SummaryError, match="no customer"):
        prior_predictive(summary_of(cdnow.iloc[:0]))


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of ArviZ using Matplotlib's old ways
def test_arviz_draws_them_as_they_are(cdnow_model) -> None:
    import arviz
    import matplotlib as mpl

    mpl.use("Agg")
    found = posterior_predictive(cdnow_model, draws=20, customers=100)
    if hasattr(arviz, "plot_ppc"):
        arviz.plot_ppc(found, var_names=["frequency"], num_pp_samples=10)
    else:
        arviz.plot_ppc_dist(found, var_names=["frequency"], num_samples=10)
    assert len(arviz.summary(found, var_names=["r", "alpha"])) == 2
