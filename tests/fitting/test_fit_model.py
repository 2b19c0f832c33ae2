from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from ltvforecast.errors import ConfigError, ConvergenceError, SummaryError
from ltvforecast.fit_types import FittedModel
from ltvforecast.fitting.fit_model import fit_model
from ltvforecast.fitting.prior_settings import priors_from_table
from ltvforecast.fitting.store import load_model, save_model
from tests.fitting.made_summary import customers_of, summary_of


def test_both_parts_are_fitted_with_what_was_asked(cdnow_model: FittedModel) -> None:
    shapes = {
        name: values.shape
        for part in (cdnow_model.purchase, cdnow_model.spend)
        for name, values in part.draws.items()
    }
    assert shapes == dict.fromkeys(("r", "alpha", "a", "b", "p", "q", "v", "zero_share"), (500, 1))
    assert cdnow_model.settings.draws == 500
    assert cdnow_model.settings.method == "laplace"
    assert dict(cdnow_model.posterior.sizes) == {"chain": 1, "draw": 500}


def test_purchase_and_spend_draws_are_independent(cdnow_model: FittedModel) -> None:
    purchase = np.log(np.hstack(list(cdnow_model.purchase.draws.values())))
    spend = np.log(np.hstack([cdnow_model.spend.draws[name] for name in ("p", "q", "v")]))
    across = np.corrcoef(purchase.T, spend.T)[:4, 4:]
    # 12 correlations of 500 pairs: sd .045 each
    assert np.abs(across).max() < 4 * 0.045


def test_same_seed_same_draws(cdnow, cdnow_model: FittedModel) -> None:
    again = fit_model(summary_of(cdnow), draws=500, pooling="complete")
    other = fit_model(summary_of(cdnow), draws=500, pooling="complete", seed=1)
    for name in ("r", "alpha", "a", "b"):
        np.testing.assert_array_equal(again.purchase.draws[name], cdnow_model.purchase.draws[name])
        assert not np.array_equal(other.purchase.draws[name], again.purchase.draws[name])


def test_a_point_fit_is_one_draw(cdnow) -> None:
    model = fit_model(summary_of(cdnow), method="mle")
    assert model.posterior.sizes["draw"] == 1
    assert model.posterior["r"].item() == model.purchase.point["r"]


def test_progress_is_told_from_start_to_end(cdnow) -> None:
    told = []
    fit_model(summary_of(cdnow.head(50)), method="mle", progress=lambda *step: told.append(step))
    assert [step[1:] for step in told] == [(0, 2), (1, 2), (2, 2)]
    assert all(step[0] for step in told)


def test_lifetimes_is_one_of_the_methods(cdnow, tmp_path) -> None:
    model = fit_model(summary_of(cdnow), method="lifetimes")
    assert model.purchase.point["r"] == pytest.approx(0.2426, abs=2e-4)
    assert model.settings.spend == model.spend.model == "gamma-gamma-mean"
    assert model.dependence is None
    save_model(model, tmp_path / "model")
    assert load_model(tmp_path / "model").purchase.point == model.purchase.point


@pytest.mark.slow
@pytest.mark.parametrize("method", ["nuts", "advi"])
def test_sampled_methods_give_the_same_record(cdnow, tmp_path, method) -> None:
    priors = priors_from_table({"log_r": {"sd": 1.0}})
    summary = summary_of(cdnow)
    model = fit_model(summary, method=method, pooling="complete", draws=400, priors=priors)
    assert model.purchase.draws["r"].shape == (400, 1)
    assert model.purchase.draws["r"].mean() == pytest.approx(0.243, abs=0.02)
    save_model(model, tmp_path / "model")
    loaded = load_model(tmp_path / "model")
    assert loaded.settings.priors == "log_r: mean 0, sd 1"
    chains = 4 if method == "nuts" else 1
    assert dict(model.posterior["r"].sizes) == {"chain": chains, "draw": 400 // chains}
    assert (loaded.purchase.draws["r"] == model.purchase.draws["r"]).all()
    assert loaded.purchase.diagnostics == model.purchase.diagnostics
    assert "log\\_r: mean 0, sd 1" in (tmp_path / "model" / "MODEL_CARD.md").read_text()


def test_priors_of_ones_own_need_a_sampler(cdnow) -> None:
    priors = priors_from_table({"log_r": {"sd": 1.0}})
    with pytest.raises(ConfigError, match="priors"):
        fit_model(summary_of(cdnow.head(50)), priors=priors)


@pytest.mark.parametrize(
    "option",
    [
        {"method": "metropolis"},
        {"model": "pareto"},
        {"spend": "normal"},
        {"draws": 0},
        {"draws": 2.5},
        {"draws": True},
        {"draws": 10**9},
        {"seed": -1},
        {"seed": "x"},
    ],
)
def test_options_that_mean_nothing_are_refused(cdnow, option: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=next(iter(option))):
        fit_model(summary_of(cdnow.head(3)), **option)


def test_no_customers_are_refused(cdnow) -> None:
    summary = summary_of(cdnow.head(3))
    with pytest.raises(SummaryError, match="no customer"):
        fit_model(dataclasses.replace(summary, customers=summary.customers.head(0)))


def test_a_programme_without_repeat_purchases_is_fitted_and_says_so() -> None:
    customers = customers_of([[0.0]] * 40, [[k + 1.0] for k in range(40)], [20.0] * 40)
    model = fit_model(summary_of(customers), draws=200)
    assert "prior-dominated" in model.purchase.diagnostics.verdict
    with pytest.raises(ConvergenceError, match="second day"):
        fit_model(summary_of(customers), method="mle")


def test_one_customer_is_enough_for_a_posterior() -> None:
    model = fit_model(summary_of(customers_of([[0.0, 4.0]], [[10.0, 12.0]], [9.0])), draws=200)
    values = np.concatenate([*model.purchase.draws.values(), *model.spend.draws.values()])
    assert np.isfinite(values).all()
