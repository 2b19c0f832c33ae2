from __future__ import annotations

import functools

import numpy as np
import pytest
from scipy.special import logit

from ltvforecast.errors import ConvergenceError, SummaryError
from ltvforecast.fitting import hierarchy_gates
from ltvforecast.fitting.hierarchy import (
    PartnerPurchases,
    fit_partner_purchases,
    new_partner_purchases,
)
from ltvforecast.fitting.hierarchy_gates import Refused
from ltvforecast.fitting.purchase import fit_purchase
from tests.fitting.partner_chain import (
    Programme,
    chain,
    parameters_of,
    programme,
    simulated_future,
)

NAMES = ("r", "alpha", "a", "b")


def fitted(
    data: Programme,
    *,
    draws: int = 500,
    seed: int = 1,
    segments: list[str] | None = None,
    extra: int = 0,
) -> PartnerPurchases:
    found = fit_partner_purchases(
        data.x, data.t_x, data.T, data.home,
        partners=data.partners + extra, segments=segments, draws=draws,
        rng=np.random.default_rng(seed),
    )  # fmt: skip
    assert isinstance(found, PartnerPurchases), found
    return found


@functools.cache
def forty() -> PartnerPurchases:
    return fitted(programme(seed=1), extra=1)


def levels_of(fit: PartnerPurchases) -> np.ndarray:
    d = fit.purchase.draws
    return np.stack([np.log(d["r"] / d["alpha"]), np.log(d["a"] / d["b"])], axis=-1)


def test_the_record_is_whole() -> None:
    fit = forty()
    for name in NAMES:
        draws = fit.purchase.draws[name]
        assert draws.shape == (500, 1 if name == "r" else 41)
        assert np.isfinite(draws).all()
        assert (draws > 0).all()
    assert fit.purchase.diagnostics.trusted
    assert set(fit.shared) == {
        "log_r", "log_phi", "mean_log_rate", "sd_log_rate", "mean_dropout_logit",
        "sd_dropout_logit",
    }  # fmt: skip
    assert np.isfinite(fit.purchase.log_likelihood)
    assert fit.checks.table_error < 0.1
    assert fit.checks.quadrature_error < 0.1


def test_shrinkage_grows_with_the_number_of_customers() -> None:
    fit, sizes = forty(), np.append(programme(seed=1).sizes, 0)
    for kept in fit.shrinkage.values():
        assert kept.shape == (41,)
        assert kept[-1] == pytest.approx(0.0, abs=1e-9)
        assert kept[sizes >= 200].min() > 0.8
        assert np.corrcoef(kept, np.log1p(sizes))[0, 1] > 0.8
    assert "mostly the average of their segment" in fit.purchase.diagnostics.verdict


def test_a_partner_without_data_is_a_new_partner() -> None:
    fit = forty()
    new = [new_partner_purchases(fit, "all partners", np.random.default_rng(k)) for k in range(20)]
    for name in NAMES:
        one, other = np.log(fit.purchase.draws[name][:, -1]), np.log([n[name] for n in new])
        # 500 draws with the same shared parameters: 4 standard errors of mean and sd
        assert abs(one.mean() - other.mean()) < 4 * one.std() / np.sqrt(500)
        assert one.std() / other.std() == pytest.approx(1.0, abs=0.15)
    with pytest.raises(SummaryError, match="segment 'blog'"):
        new_partner_purchases(fit, "blog", np.random.default_rng(1))


def test_time_has_no_unit() -> None:
    data = programme(seed=1, partners=6)
    weeks = fitted(data)
    days = fit_partner_purchases(
        data.x, data.t_x * 7, data.T * 7, data.home,
        partners=6, draws=500, rng=np.random.default_rng(1),
    )  # fmt: skip
    assert isinstance(days, PartnerPurchases)
    for name in NAMES:
        factor = 7 if name == "alpha" else 1
        np.testing.assert_allclose(
            days.purchase.draws[name], factor * weeks.purchase.draws[name], rtol=1e-6
        )
    shift = data.x.sum() * np.log(7)
    assert days.purchase.log_likelihood == pytest.approx(
        weeks.purchase.log_likelihood - shift, abs=1e-5
    )
    np.testing.assert_allclose(
        days.shared["mean_log_rate"], weeks.shared["mean_log_rate"] - np.log(7), atol=1e-6
    )


def test_the_order_of_customers_does_not_matter() -> None:
    data, rng = programme(seed=1, partners=6), np.random.default_rng(3)
    order = rng.permutation(len(data.x))
    other = fit_partner_purchases(
        data.x[order], data.t_x[order], data.T[order], data.home[order],
        partners=6, draws=500, rng=np.random.default_rng(1),
    )  # fmt: skip
    assert isinstance(other, PartnerPurchases)
    for name in NAMES:
        np.testing.assert_array_equal(other.purchase.draws[name], fitted(data).purchase.draws[name])


@pytest.mark.parametrize("partners", [1, 2, 5])
def test_few_partners(partners: int) -> None:
    fit = fitted(programme(seed=3, partners=partners, sizes=[50, 1, 20, 3, 8][:partners]))
    assert fit.purchase.draws["alpha"].shape == (500, partners)
    assert fit.shared["sd_log_rate"].std() > 0.1


def test_one_partner_is_close_to_the_fit_without_partners() -> None:
    data = programme(seed=3, partners=1, sizes=[800])
    levels = levels_of(fitted(data))[:, 0]
    d = fit_purchase(data.x, data.t_x, data.T, draws=1000, rng=np.random.default_rng(1)).draws
    pooled = np.stack([np.log(d["r"] / d["alpha"]), np.log(d["a"] / d["b"])], axis=-1)[:, 0]
    assert np.all(np.abs(levels.mean(axis=0) - pooled.mean(axis=0)) < 0.4 * pooled.std(axis=0))


def test_partners_that_do_not_differ_are_found_out() -> None:
    fit = fitted(programme(seed=4, sd_u=1e-9, sd_v=1e-9))
    assert np.mean(fit.shared["sd_dropout_logit"] < 0.1) > 0.3
    assert np.quantile(fit.shared["sd_log_rate"], 0.05) < 0.1
    assert any("may not differ" in flag for flag in fit.purchase.diagnostics.flags)


def test_segments_have_their_own_means() -> None:
    names = ["shop", "blog"] * 20
    means = np.where(np.array(names) == "shop", -1.5, -3.0)
    fit = fitted(programme(seed=6, mean_u=means), segments=names, draws=500)
    assert fit.segment_names == ("blog", "shop")
    mean = fit.shared["mean_log_rate"]
    assert mean.shape == (500, 2)
    assert np.mean(mean[:, 1] > mean[:, 0]) > 0.99
    gap = (mean - [-3.0, -1.5]) / mean.std(axis=0)
    assert np.abs(gap.mean(axis=0)).max() < 3.0
    assert fit.shared["tau_log_rate"].mean() > fit.shared["tau_dropout_logit"].mean()


def test_impossible_questions_are_refused_in_words() -> None:
    data, rng = programme(seed=1, partners=3), np.random.default_rng(1)
    columns = data.x, data.t_x, data.T
    with pytest.raises(SummaryError, match="home partners"):
        fit_partner_purchases(*columns, data.home + 1, partners=3, rng=rng)
    with pytest.raises(SummaryError, match="2 segments for 3 partners"):
        fit_partner_purchases(*columns, data.home, partners=3, segments=["a", "b"], rng=rng)
    empty = np.empty(0)
    with pytest.raises(ConvergenceError):
        fit_partner_purchases(empty, empty, empty, np.empty(0, np.int64), partners=3, rng=rng)


def test_a_failed_gate_leaves_a_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hierarchy_gates, "SMALLEST_EVEN", 1.1)
    data = programme(seed=1, partners=3, sizes=[5, 9, 20])
    found = fit_partner_purchases(
        data.x, data.t_x, data.T, data.home, partners=3, rng=np.random.default_rng(1)
    )
    assert isinstance(found, Refused)
    assert "effective proposals" in found.gates[0]
    assert found.checks is not None


# --- against an independent sampler, and against the truth ---------------------------------------


@pytest.mark.slow
def test_the_posterior_is_the_one_of_a_long_metropolis_run() -> None:
    data = programme(seed=1)
    unit = data.T.mean()
    states, levels = chain(data, seed=11, burn=3000, sweeps=100_000)
    fit = fitted(data, draws=4000)
    mine = np.stack(
        [
            fit.shared["log_r"],
            fit.shared["log_phi"],
            fit.shared["mean_log_rate"][:, 0] + np.log(unit),
            fit.shared["mean_dropout_logit"][:, 0],
            np.log(fit.shared["sd_log_rate"]),
            np.log(fit.shared["sd_dropout_logit"]),
        ],
        axis=1,
    )
    sd = states.std(axis=0)
    # the chain has 6,000 to 9,000 effective draws: the errors of 4,000 of ours dominate
    assert np.all(np.abs(mine.mean(axis=0) - states.mean(axis=0)) < 0.1 * sd)
    np.testing.assert_allclose(mine.std(axis=0) / sd, 1.0, atol=0.05)
    own = levels_of(fit) + np.array([np.log(unit), 0.0])
    assert np.all(np.abs(own.mean(axis=0) - levels.mean(axis=0)) < 0.2 * levels.std(axis=0))
    np.testing.assert_allclose(own.std(axis=0) / levels.std(axis=0), 1.0, atol=0.1)
    kept = np.linspace(0, len(states) - 1, 4000).astype(np.int64)
    theirs = parameters_of(states[kept], levels[kept], unit)
    future = simulated_future(data, theirs, 26.0, np.random.default_rng(5))
    again = simulated_future(data, dict(fit.purchase.draws), 26.0, np.random.default_rng(6))
    for level in (0.05, 0.5, 0.95):
        gap = (np.quantile(again, level, 0) - np.quantile(future, level, 0)) / future.std(axis=0)
        # counts of tiny partners jump by one purchase; on average over partners they do not
        assert abs(gap.mean()) < 0.1
    assert again.sum(axis=1).std() / future.sum(axis=1).std() == pytest.approx(1.0, abs=0.05)


def coverage_and_scores(
    runs: int, sd_u: float, sd_v: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Central 90 % hits, sizes, and CRPS of partners against the pooled fit."""
    hits, sizes, scores = [], [], []
    for run in range(runs):
        data, rng = programme(seed=100 + run, sd_u=sd_u, sd_v=sd_v), np.random.default_rng(run)
        truth = data.future(26.0, rng)
        fit = fitted(data, draws=1000, seed=run)
        draws = simulated_future(data, dict(fit.purchase.draws), 26.0, rng)
        plain = fit_purchase(data.x, data.t_x, data.T, draws=1000, rng=rng).draws
        same = {k: np.broadcast_to(v, (1000, data.partners)) for k, v in plain.items()}
        pooled = simulated_future(data, same, 26.0, rng)
        below, at = (draws < truth).mean(axis=0), (draws == truth).mean(axis=0)
        pit = below + rng.uniform(size=data.partners) * at
        hits.append((pit > 0.05) & (pit < 0.95))
        sizes.append(data.sizes)
        scores.append([crps(draws, truth).sum(), crps(pooled, truth).sum()])
    return np.concatenate(hits), np.concatenate(sizes), np.sum(scores, axis=0)


def crps(draws: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Fair estimate of the continuous ranked probability score, by partner."""
    count, ordered = len(draws), np.sort(draws, axis=0)
    weight = 2 * np.arange(1, count + 1) - count - 1
    spread = (weight[:, None] * ordered).sum(axis=0) / (count * (count - 1))
    return np.abs(draws - truth).mean(axis=0) - spread


@pytest.mark.slow
def test_intervals_are_true_and_sharper_than_those_of_complete_pooling() -> None:
    hits, sizes, (ours, pooled) = coverage_and_scores(20, 0.5, 0.6)
    # 800 intervals; about 230 of small and 180 of large partners
    assert 0.87 <= hits.mean() <= 0.93
    for chosen in (sizes < 10, sizes >= 50):
        error = np.sqrt(0.09 / chosen.sum())
        assert abs(hits[chosen].mean() - 0.9) < 0.03 + error
    assert ours < 0.88 * pooled


@pytest.mark.slow
def test_intervals_are_true_where_partners_do_not_differ() -> None:
    hits, _, (ours, pooled) = coverage_and_scores(12, 1e-9, 1e-9)
    assert abs(hits.mean() - 0.9) < 3 * np.sqrt(0.09 / len(hits))
    assert ours < 1.03 * pooled


def test_logit_of_the_dropout_share_is_the_level() -> None:
    d = forty().purchase.draws
    share = d["a"] / (d["a"] + d["b"])
    np.testing.assert_allclose(logit(share), levels_of(forty())[..., 1], atol=1e-9)


def test_progress_names_what_is_done_step_by_step() -> None:
    told: list[tuple[str, int, int]] = []
    data = programme(seed=5, partners=6, sizes=[30] * 6)
    fit_partner_purchases(
        data.x, data.t_x, data.T, data.home, partners=6, draws=100,
        rng=np.random.default_rng(1), progress=lambda *step: told.append(step),
    )  # fmt: skip
    assert [step for _, step, _ in told][:3] == [1, 2, 3]
    assert told[0][0].startswith("tabulating the partners'")
    assert {steps for _, _, steps in told} == {4}
