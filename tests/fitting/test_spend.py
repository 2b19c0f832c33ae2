from __future__ import annotations

import warnings

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import minimize
from scipy.special import gammaln

from ltvforecast.errors import ConvergenceError
from ltvforecast.fitting.spend import fit_spend
from tests.fitting.made_summary import amounts_only

NAMES = ("p", "q", "v")


def fitted(customers, *, method="laplace", spend="gamma-gamma", draws=1000, seed=1):
    return fit_spend(
        customers, method=method, spend=spend, draws=draws, rng=np.random.default_rng(seed)
    )


def simulated(size: int, *, seed: int, p: float, q: float, v: float):
    """Amounts of Gamma-Gamma itself, one to eight a customer."""
    rng = np.random.default_rng(seed)
    return amounts_only(
        [rng.gamma(p, 1.0, rng.integers(1, 9)) / rng.gamma(q, 1.0 / v) for _ in range(size)]
    )


# --- published values and other software --------------------------------------------------------


def test_cdnow_maximum_likelihood_of_the_means_is_the_published_one(cdnow) -> None:
    fit = fitted(cdnow, method="mle", spend="gamma-gamma-mean")
    # Fader & Hardie (2013), note 025: p 6.25, q 3.74, v 15.44
    for name, value in {"p": 6.25, "q": 3.74, "v": 15.44}.items():
        assert round(fit.point[name], 2) == value
    # more digits: lifetimes 0.11.3 with a tight tolerance
    for name, value in {"p": 6.2496, "q": 3.7442, "v": 15.4435}.items():
        assert fit.point[name] == pytest.approx(value, abs=6e-5)
    assert fit.diagnostics.gradient_norm < 1e-8
    assert not fit.first_purchase


def test_the_same_maximum_as_lifetimes(cdnow) -> None:
    again = cdnow[cdnow["frequency"] > 0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # lifetimes 0.11.3 is older than the pandas it runs on
        from lifetimes import GammaGammaFitter

        peer = GammaGammaFitter().fit(again["frequency"], again["monetary_value"])
    fit = fitted(cdnow, method="mle", spend="gamma-gamma-mean")
    for name in NAMES:
        # lifetimes stops where its own tolerance lets it
        assert fit.point[name] == pytest.approx(float(peer.params_[name]), rel=1e-3)


def test_the_maximum_of_the_amounts_is_where_another_optimiser_finds_it(cdnow) -> None:
    n, S, SL = (
        cdnow.loc[cdnow["spend_n"] > 0, name].to_numpy(dtype=float)
        for name in ("spend_n", "spend_sum", "spend_log_sum")
    )

    def minus(theta):
        p, q, v = np.exp(theta)
        each = (p - 1) * SL - n * gammaln(p) + gammaln(p * n + q) - gammaln(q)
        return -np.sum(each + q * np.log(v) - (p * n + q) * np.log(v + S))

    best = minimize(
        minus, np.log([3, 4, 30]), method="Nelder-Mead", tol=1e-10, options={"maxiter": 5000}
    )
    fit = fitted(cdnow, method="mle")
    for name, value in zip(NAMES, np.exp(best.x), strict=True):
        assert fit.point[name] == pytest.approx(value, rel=1e-4)
    assert fit.log_likelihood == pytest.approx(-best.fun, abs=1e-6)


# --- the posterior ------------------------------------------------------------------------------


def test_parameters_are_recovered_from_simulated_amounts() -> None:
    truth = {"p": 2.5, "q": 3.5, "v": 20.0}
    fit = fitted(simulated(4000, seed=31, **truth))
    for name, value in truth.items():
        draws = fit.draws[name]
        assert abs(draws.mean() - value) < 4 * draws.std()
        assert draws.std() < 0.1 * value
    assert fit.first_purchase
    assert fit.diagnostics.flags == ()


@pytest.mark.parametrize("spend", ["gamma-gamma", "gamma-gamma-mean"])
def test_money_has_no_unit(cdnow, spend: str) -> None:
    cents = cdnow.copy()
    for name in ("monetary_value", "first_value", "spend_sum", "revenue_to_date"):
        cents[name] *= 100
    cents["spend_log_sum"] += cents["spend_n"] * np.log(100)
    units, hundredths = fitted(cdnow, spend=spend), fitted(cents, spend=spend)
    for name in ("p", "q", "zero_share"):
        np.testing.assert_allclose(hundredths.draws[name], units.draws[name], rtol=1e-6)
    np.testing.assert_allclose(hundredths.draws["v"], 100 * units.draws["v"], rtol=1e-6)


def test_the_order_of_customers_does_not_matter(cdnow) -> None:
    one, other = fitted(cdnow), fitted(cdnow.sample(frac=1, random_state=1))
    for name in NAMES:
        np.testing.assert_allclose(one.draws[name], other.draws[name], rtol=1e-8)


def test_more_of_the_same_data_narrows_the_posterior_as_it_should(cdnow) -> None:
    once = fitted(cdnow, draws=2000)
    nine = fitted(cdnow.loc[cdnow.index.repeat(9)].reset_index(drop=True), draws=2000)
    for name in NAMES:
        ratio = np.log(nine.draws[name]).std() / np.log(once.draws[name]).std()
        # 1/3; the sd of a ratio of two sds of 2,000 draws is 2.2 %
        assert ratio == pytest.approx(1 / 3, rel=0.1)


def test_the_share_of_purchases_worth_nothing_has_its_beta_posterior() -> None:
    rng = np.random.default_rng(4)
    amounts = [rng.gamma(2, 10, 4) * (rng.uniform(size=4) > 0.25) for _ in range(200)]
    customers = amounts_only(amounts)
    zeros = int(sum((z == 0).sum() for z in amounts))
    fit = fitted(customers, draws=4000)
    share = fit.draws["zero_share"]
    expected = (1 + zeros) / (2 + 800)
    assert share.mean() == pytest.approx(expected, abs=4 * share.std() / np.sqrt(4000))
    assert share.std() == pytest.approx(np.sqrt(expected * (1 - expected) / 803), rel=0.06)
    assert fitted(customers, method="mle").draws["zero_share"].item() == zeros / 800


# --- spend at the edge --------------------------------------------------------------------------

RNG = np.random.default_rng(6)
EDGES = {
    "one customer, one purchase": [[25.0]],
    "one customer, many purchases": [RNG.gamma(3, 10, 400)],
    "two customers": [[5.0, 6.0], [80.0]],
    "all prices equal": [[9.99] * 3] * 100,
    "all prices equal, nobody came back": [[9.99]] * 20_000,
    "each customer always pays the same": [[z] * 4 for z in RNG.lognormal(3, 1, 200)],
    "fifteen orders of magnitude": [10 ** RNG.uniform(-6, 9, 12) for _ in range(200)],
    "one enormous amount": [*RNG.gamma(3, 1, (300, 3)), [1e12]],
}


@pytest.mark.parametrize("method", ["laplace", "mle"])
@pytest.mark.parametrize("case", EDGES)
def test_spend_at_the_edge_gives_finite_parameters(case: str, method: str) -> None:
    fit = fitted(amounts_only(EDGES[case]), method=method)
    for name in NAMES:
        assert np.isfinite(fit.draws[name]).all()
        assert (fit.draws[name] > 0).all()
    assert (fit.draws["q"] > 1).all()
    mean = fit.draws["p"] * fit.draws["v"] / (fit.draws["q"] - 1)
    assert np.isfinite(mean).all()
    assert np.isfinite(fit.log_likelihood)


def test_equal_prices_give_that_price() -> None:
    fit = fitted(amounts_only(EDGES["all prices equal"]))
    mean = fit.draws["p"] * fit.draws["v"] / (fit.draws["q"] - 1)
    np.testing.assert_allclose(mean, 9.99, rtol=0.01)
    assert any("spread of 1 % was assumed" in flag for flag in fit.diagnostics.flags)


@pytest.mark.parametrize("method", ["laplace", "mle"])
def test_heavy_tails_are_flagged_and_the_mean_exists_all_the_same(method: str) -> None:
    fit = fitted(simulated(3000, seed=9, p=3.0, q=0.7, v=20.0), method=method)
    assert any(flag.startswith("heavy-tailed spend") for flag in fit.diagnostics.flags)
    assert (fit.draws["q"] > 1).all()
    light = fitted(simulated(3000, seed=9, p=3.0, q=3.0, v=20.0), method=method)
    assert not any("heavy" in flag for flag in light.diagnostics.flags)


def test_one_purchase_says_little_about_how_customers_differ() -> None:
    fit = fitted(amounts_only([[25.0]]))
    assert any(flag.startswith("prior-dominated") for flag in fit.diagnostics.flags)


def test_customers_whose_means_and_amounts_disagree_are_flagged() -> None:
    rng = np.random.default_rng(10)
    # every amount is paid twice, so that the means of customers vary twice as much as single
    # amounts would have it
    amounts = [
        rng.permutation(np.repeat(rng.gamma(4, 1, 3), 2)) / rng.gamma(5, 0.1) for _ in range(2000)
    ]
    fit = fitted(amounts_only(amounts))
    assert any("in another way than the model assumes" in flag for flag in fit.diagnostics.flags)


def test_no_revenue_is_refused() -> None:
    with pytest.raises(ConvergenceError, match="worth 0"):
        fitted(amounts_only([[0.0, 0.0]] * 5))


@pytest.mark.slow
def test_intervals_are_true_when_parameters_come_from_the_prior() -> None:
    rng, runs, kept = np.random.default_rng(8), 200, 99
    ranks = np.empty((runs, 3))
    for run in range(runs):
        theta = rng.normal([np.log(3), 0, np.log(2)], [1, 1.5, 1])
        p, q = np.exp(theta[0]), 1 + np.exp(theta[2])
        v = np.exp(theta[1]) * (q - 1) / p
        # amounts below 1e-12 of the typical one are no money; they are as rare as p is small
        amounts = [
            np.maximum(rng.gamma(p, 1.0, rng.geometric(0.4)), 1e-12) / rng.gamma(q, 1 / v)
            for _ in range(100)
        ]
        fit = fitted(amounts_only(amounts), draws=kept, seed=run)
        p_draws, q_draws, v_draws = (fit.draws[name][:, 0] for name in NAMES)
        draws = (p_draws, p_draws * v_draws / (q_draws - 1), q_draws)
        truth = (p, np.exp(theta[1]), q)
        ranks[run] = [(one < true).sum() for one, true in zip(draws, truth, strict=True)]
    # simulation-based calibration (Talts et al. 2018): ranks are uniform on 0..99. The prior of
    # the mean is centred on the data's own median: 100 customers outweigh it fifty to one
    for k in range(3):
        counts = np.bincount((ranks[:, k] // 10).astype(int), minlength=10)
        assert stats.chisquare(counts).pvalue > 1e-3
