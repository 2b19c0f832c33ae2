from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from scipy.special import expit

from ltvforecast.errors import ConvergenceError, SummaryError
from ltvforecast.fitting import purchase as purchase_module
from ltvforecast.fitting.purchase import fit_purchase
from ltvforecast.formulas import bgnbd
from tests.fitting.made_summary import simulated_histories

NAMES = ("r", "alpha", "a", "b")


def fitted(x, t_x, T, *, method="laplace", draws=1000, seed=1):
    return fit_purchase(x, t_x, T, method=method, draws=draws, rng=np.random.default_rng(seed))


def history(customers: pd.DataFrame):
    return tuple(customers[name].to_numpy(dtype=float) for name in ("frequency", "recency", "T"))


def coordinates(fit) -> np.ndarray:
    """``log r, log(r/alpha), logit a/(a+b), log(a+b)`` of every draw."""
    r, alpha, a, b = (fit.draws[name][:, 0] for name in NAMES)
    return np.column_stack([np.log(r), np.log(r / alpha), np.log(a / b), np.log(a + b)])


# --- published values and other software --------------------------------------------------------


def test_cdnow_maximum_likelihood_is_the_published_one(cdnow) -> None:
    fit = fitted(*history(cdnow), method="mle")
    # Fader, Hardie & Lee (2005), table 2: .243, 4.414, .793, 2.426, log-likelihood -9582.4
    published = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}
    for name, value in published.items():
        assert round(fit.point[name], 3) == value
    assert round(fit.log_likelihood, 1) == -9582.4
    # more digits: own earlier computation with another optimiser and language of formulas
    finer = {"r": 0.2425945, "alpha": 4.41360, "a": 0.79292, "b": 2.42590}
    for name, value in finer.items():
        assert fit.point[name] == pytest.approx(value, rel=1e-5)
    assert fit.log_likelihood == pytest.approx(-9582.4292, abs=5e-5)
    assert fit.diagnostics.gradient_norm < 1e-8
    assert fit.diagnostics.flags == ()
    assert {name: value.shape for name, value in fit.draws.items()} == dict.fromkeys(NAMES, (1, 1))


def test_the_same_maximum_as_lifetimes(cdnow) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # lifetimes 0.11.3 is older than the pandas it runs on
        from lifetimes import BetaGeoFitter

        peer = BetaGeoFitter().fit(*history(cdnow), tol=1e-12)
    fit = fitted(*history(cdnow), method="mle")
    for name in NAMES:
        # lifetimes stops where its own tolerance lets it: four digits
        assert fit.point[name] == pytest.approx(float(peer.params_[name]), rel=5e-4)
    theirs = bgnbd.log_likelihood(*history(cdnow), *(float(peer.params_[name]) for name in NAMES))
    assert fit.log_likelihood >= float(np.sum(theirs)) - 1e-8


def test_the_log_likelihood_is_the_customers_sum(cdnow) -> None:
    fit = fitted(*history(cdnow))
    point = [fit.point[name] for name in NAMES]
    each = bgnbd.log_likelihood(*history(cdnow), *point)
    assert fit.log_likelihood == pytest.approx(float(np.sum(each)), abs=1e-8)


# --- the posterior ------------------------------------------------------------------------------


def metropolis(x, t_x, T, *, chains: int, steps: int, seed: int):
    """Plain random-walk Metropolis on the posterior written out anew; many chains abreast."""
    rng = np.random.default_rng(seed)
    distinct, counts = np.unique(np.column_stack([x, t_x, T]), axis=0, return_counts=True)

    def log_posterior(theta):
        r, phi = np.exp(theta[:, 0]), np.exp(theta[:, 3])
        alpha, share = r / np.exp(theta[:, 1]), expit(theta[:, 2])
        each = bgnbd.log_likelihood(
            *distinct.T, *(value[:, None] for value in (r, alpha, phi * share, phi * (1 - share)))
        )
        prior = stats.norm.logpdf(theta[:, 0], 0, 1.5)
        prior += stats.norm.logpdf(theta[:, 1], -np.log(T.mean()), 2)
        prior += stats.norm.logpdf(theta[:, 2], 0, 1.5)
        prior += stats.norm.logpdf(theta[:, 3], np.log(3), 1.5)
        return each @ counts + prior

    start = coordinates(fitted(x, t_x, T, draws=chains))
    step = np.linalg.cholesky(np.cov(start.T)) * 2.38 / 2.0
    state, height, kept = start, log_posterior(start), []
    for k in range(steps):
        trial = state + rng.standard_normal(state.shape) @ step.T
        trial_height = log_posterior(trial)
        accept = np.log(rng.uniform(size=chains)) < trial_height - height
        state = np.where(accept[:, None], trial, state)
        height = np.where(accept, trial_height, height)
        if k >= steps // 5:
            kept.append(state)
    return np.stack(kept, axis=1)


@pytest.mark.slow
def test_the_posterior_is_the_one_of_a_long_metropolis_run(cdnow) -> None:
    few = cdnow.sample(150, random_state=3)
    chains = metropolis(*history(few), chains=100, steps=4000, seed=2)
    pooled = chains.reshape(-1, 4)
    sd = pooled.std(axis=0)
    # the chains' own Monte-Carlo error, from how their means differ
    error = chains.mean(axis=1).std(axis=0, ddof=1) / np.sqrt(len(chains)) / sd
    assert error.max() < 0.02
    ours = coordinates(fitted(*history(few), draws=4000))
    # with n = 4,000 draws: 3 / sqrt(n), 3 / sqrt(2 n) and 3 * 2.1 / sqrt(n), plus the chains'
    gap = np.abs(ours.mean(axis=0) - pooled.mean(axis=0)) / sd
    assert np.all(gap < 3 / np.sqrt(4000) + 3 * error)
    np.testing.assert_allclose(ours.std(axis=0) / sd, 1.0, atol=0.034 + 0.03)
    for level in (0.05, 0.95):
        shift = np.quantile(ours, level, axis=0) - np.quantile(pooled, level, axis=0)
        assert np.all(np.abs(shift) / sd < 0.1 + 6 * error)


@pytest.mark.slow
def test_intervals_are_true_when_parameters_come_from_the_prior() -> None:
    rng, size, runs, kept = np.random.default_rng(8), 120, 200, 99
    ranks = np.empty((runs, 4))
    for run in range(runs):
        theta = rng.normal([0, -np.log(40.0), 0, np.log(3)], [1.5, 2, 1.5, 1.5])
        r, phi, share = np.exp(theta[0]), np.exp(theta[3]), expit(theta[2])
        x, t_x, T = simulated_histories(
            size,
            seed=run,
            r=r,
            alpha=r / np.exp(theta[1]),
            a=phi * share,
            b=phi * (1 - share),
            window=(40.0, 40.0),
        )
        draws = coordinates(fitted(x, t_x, T, draws=kept, seed=run))
        ranks[run] = (draws < theta).sum(axis=0)
    # simulation-based calibration (Talts et al. 2018): ranks are uniform on 0..99
    for k in range(4):
        counts = np.bincount((ranks[:, k] // 10).astype(int), minlength=10)
        assert stats.chisquare(counts).pvalue > 1e-3


def test_more_of_the_same_data_narrows_the_posterior_as_it_should(cdnow) -> None:
    once = coordinates(fitted(*history(cdnow), draws=2000))
    nine = tuple(np.tile(column, 9) for column in history(cdnow))
    ninefold = coordinates(fitted(*nine, draws=2000))
    # 1/3; sd of a ratio of two sds of 2,000 draws 2.2 %, skewness of the smaller set some percent
    np.testing.assert_allclose(ninefold.std(axis=0) / once.std(axis=0), 1 / 3, rtol=0.12)


def test_time_has_no_unit(cdnow) -> None:
    x, t_x, T = history(cdnow)
    weeks, days = fitted(x, t_x, T), fitted(x, t_x * 7, T * 7)
    for name in ("r", "a", "b"):
        np.testing.assert_allclose(days.draws[name], weeks.draws[name], rtol=1e-7)
    np.testing.assert_allclose(days.draws["alpha"], weeks.draws["alpha"] * 7, rtol=1e-7)
    shift = x.sum() * np.log(7)
    assert days.log_likelihood == pytest.approx(weeks.log_likelihood - shift, abs=1e-6)


def test_the_order_of_customers_does_not_matter(cdnow) -> None:
    one = fitted(*history(cdnow))
    other = fitted(*history(cdnow.sample(frac=1, random_state=1)))
    for name in NAMES:
        np.testing.assert_array_equal(one.draws[name], other.draws[name])


def test_parameters_are_recovered_from_simulated_customers() -> None:
    truth = {"r": 0.6, "alpha": 9.0, "a": 0.7, "b": 3.0}
    fit = fitted(*simulated_histories(8_000, seed=21, **truth))
    for name, value in truth.items():
        draws = fit.draws[name]
        assert abs(draws.mean() - value) < 4 * draws.std()
        assert draws.std() < 0.25 * value
    assert fit.diagnostics.trusted
    assert fit.diagnostics.flags == ()


# --- nodes --------------------------------------------------------------------------------------


def test_a_fit_on_nodes_is_the_fit_on_exact_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    histories = simulated_histories(40_000, seed=5, r=0.3, alpha=5.0, a=0.8, b=2.5)
    sizes = []
    original = purchase_module.log_likelihood

    def watched(theta, table):
        sizes.append(len(table))
        return original(theta, table)

    monkeypatch.setattr(purchase_module, "log_likelihood", watched)
    nodes = fitted(*histories, draws=500)
    assert min(sizes) < 5000
    monkeypatch.setattr(purchase_module, "_EXACT_ROWS", 10**9)
    exact = fitted(*histories, draws=500)
    sd = coordinates(exact).std(axis=0)
    for name in NAMES:
        assert nodes.point[name] == pytest.approx(exact.point[name], rel=1e-5)
    gap = np.abs(coordinates(nodes).mean(axis=0) - coordinates(exact).mean(axis=0)) / sd
    # the same proposals, weights equal to 1e-3: a draw or two is resampled differently
    assert gap.max() < 0.01


def test_nodes_that_miss_the_likelihood_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    histories = simulated_histories(25_000, seed=5, r=0.3, alpha=5.0, a=0.8, b=2.5)
    monkeypatch.setattr(purchase_module, "_LARGEST_ERROR", 0.0)
    fallen_back = fitted(*histories, method="mle")
    monkeypatch.setattr(purchase_module, "_EXACT_ROWS", 10**9)
    exact = fitted(*histories, method="mle")
    assert fallen_back.log_likelihood == pytest.approx(exact.log_likelihood, rel=1e-13)
    for name in NAMES:
        assert fallen_back.point[name] == pytest.approx(exact.point[name], rel=1e-9)


# --- data at the edge ---------------------------------------------------------------------------

EDGES = {
    "one customer, one purchase": ([0], [0], [30.0]),
    "one customer, a thousand purchases": ([1000], [999.5], [1000.0]),
    "nobody came back": (np.zeros(200), np.zeros(200), np.full(200, 60.0)),
    "most were acquired today": ([0, 0, 0, 1], [0, 0, 0, 3.0], [0.0, 0, 0, 9.0]),
    "every 91 days without fail": (
        np.arange(1, 12),
        np.arange(1, 12) * 91.0,
        np.arange(1, 12) * 95.0,
    ),
    "bought again at once and never more": (np.ones(300), np.ones(300), np.full(300, 900.0)),
    "100,000 purchases each": (np.full(20, 1e5), np.full(20, 364.0), np.full(20, 365.0)),
    "tiny and huge ages": ([0, 1, 90_000], [0, 5e-4, 9e4], [1e-3, 1e-3, 1e5]),
}


@pytest.mark.parametrize("method", ["laplace", "mle"])
@pytest.mark.parametrize("case", EDGES)
def test_data_at_the_edge_give_finite_parameters_and_a_word_about_it(
    case: str, method: str
) -> None:
    x, t_x, T = (np.asarray(column, dtype=float) for column in EDGES[case])
    if method == "mle" and not x.any():
        with pytest.raises(ConvergenceError, match="second day") as refused:
            fitted(x, t_x, T, method=method)
        assert "laplace" in refused.value.remedy
        return
    fit = fitted(x, t_x, T, method=method)
    for values in fit.draws.values():
        assert np.isfinite(values).all()
        assert (values > 0).all()
    assert np.isfinite(fit.log_likelihood)
    assert fit.diagnostics.flags or case == "tiny and huge ages"
    assert all(flag in fit.diagnostics.verdict for flag in fit.diagnostics.flags)


def test_extreme_but_plentiful_data_are_fitted() -> None:
    rng = np.random.default_rng(12)
    T = 10 ** rng.uniform(-3, 5, 2000)
    x = np.floor(10 ** rng.uniform(0, 5, 2000)) * rng.integers(0, 2, 2000)
    fit = fitted(x, np.where(x > 0, T * rng.uniform(0.01, 1, 2000), 0), T)
    assert all(np.isfinite(values).all() for values in fit.draws.values())
    assert fit.diagnostics.k_hat < 0.7


def test_without_repeat_purchases_the_dropout_is_the_priors(cdnow) -> None:
    fit = fitted(np.zeros(500), np.zeros(500), np.full(500, 30.0))
    theta = coordinates(fit)
    # prior of logit a/(a+b): N(0, 1.5); of log(a+b): N(log 3, 1.5); four standard errors
    for k, mean in ((2, 0.0), (3, np.log(3))):
        assert theta[:, k].mean() == pytest.approx(mean, abs=4 * 1.5 / np.sqrt(1000))
        assert theta[:, k].std() == pytest.approx(1.5, rel=0.12)
    dominated = [flag for flag in fit.diagnostics.flags if flag.startswith("prior-dominated")]
    assert any("stop after a purchase" in flag for flag in dominated)
    # and the rate is learnt: no purchase by 500 customers in 30 weeks
    assert np.exp(theta[:, 1]).max() < 0.1


def test_what_the_data_can_not_tell_is_flagged_at_its_boundary() -> None:
    loyal = fitted(np.full(300, 20.0), np.full(300, 99.9), np.full(300, 100.0), method="mle")
    said = " ".join(loyal.diagnostics.flags)
    assert "no customer is seen to stop" in said
    assert "do not differ in how often" in said


def test_nothing_to_fit_is_refused() -> None:
    with pytest.raises(ConvergenceError, match="none of them seen for longer than a day"):
        fitted([0, 0], [0, 0], [0.0, 0.0])
    with pytest.raises(ConvergenceError, match="0 customers"):
        fitted([], [], [])
    with pytest.raises(SummaryError, match="impossible purchase histories"):
        fitted([1], [5.0], [4.0])
