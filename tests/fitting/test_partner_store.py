"""Models whose partners differ, and with covariates, saved and loaded; and handed to ArviZ."""

from __future__ import annotations

import dataclasses
import json
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ltvforecast.errors import ConfigError
from ltvforecast.fit_types import FittedModel
from ltvforecast.fitting.model_card import model_card
from ltvforecast.fitting.pointwise import log_likelihood, observations
from ltvforecast.fitting.store import load_model, save_model
from ltvforecast.forecast.predict import predict
from ltvforecast.formulas import bgnbd, gamma_gamma
from ltvforecast.partner_types import PartnerPooling
from tests.fitting.test_store import assert_same
from tests.forecast.made_partners import by_group, two_partners, with_effects


@pytest.fixture(scope="module")
def model() -> FittedModel:
    pooled = two_partners(customers=120, draws=40)
    customers = pooled.summary.customers
    n, total = (customers[name].to_numpy(np.float64) for name in ("spend_n", "spend_sum"))
    first = customers["first_value"].to_numpy(np.float64)
    more = np.maximum(n - 1, 1)
    logs = np.log(first) + np.where(
        n > 1, more * (np.log(np.maximum(total - first, 1e-9) / more) - 0.08), 0.0
    )
    summary = dataclasses.replace(pooled.summary, customers=customers.assign(spend_log_sum=logs))
    pooled = dataclasses.replace(pooled, summary=summary)
    made = by_group(pooled, {}, {"alpha": 0.5, "a": 0.5, "v": 0.4})
    made = with_effects(made, rate=0.3, dropout=-0.2, spend=0.1)
    pooling = PartnerPooling(
        table=pd.DataFrame({"partner_id": ["p0", "p1"], "purchase_rate": [0.1, 0.2]}),
        shared={"log_r": np.linspace(0, 1, 40), "mean_log_rate": np.ones((40, 1))},
        segment_names=("all",),
        how="made by hand",
    )
    return dataclasses.replace(made, partner_levels=pooling)


def test_a_loaded_model_forecasts_as_the_saved_one(model: FittedModel, tmp_path: Path) -> None:
    save_model(model, tmp_path / "m")
    save_model(model, tmp_path / "again")
    for path in (tmp_path / "m").iterdir():
        assert path.read_bytes() == (tmp_path / "again" / path.name).read_bytes(), path.name
    loaded = load_model(tmp_path / "m")
    assert_same(loaded.effects, model.effects)
    for part in ("purchase", "spend"):
        one, other = (getattr(each, part).draws for each in (loaded, model))
        for name, values in other.items():
            assert np.array_equal(np.broadcast_to(one[name], values.shape), values), name
    assert loaded.purchase.draws["r"].shape == (40, 1)
    assert loaded.purchase.draws["alpha"].shape == (40, 2)
    one, other = (predict(each, horizon="26w", draws=40, workers=1) for each in (loaded, model))
    pd.testing.assert_frame_equal(one.customers, other.customers, check_exact=True)
    assert one.draws.equals(other.draws)
    save_model(loaded, tmp_path / "third")
    for name in ("posterior.nc", "model.json"):
        assert (tmp_path / "third" / name).read_bytes() == (tmp_path / "m" / name).read_bytes()


def test_how_partners_differ_comes_back(model: FittedModel, tmp_path: Path) -> None:
    save_model(model, tmp_path / "m")
    found, told = load_model(tmp_path / "m").partner_levels, model.partner_levels
    assert found is not None
    assert told is not None
    assert (found.segment_names, found.how) == (told.segment_names, told.how)
    assert all(np.array_equal(found.shared[name], told.shared[name]) for name in told.shared)
    pd.testing.assert_frame_equal(found.table, told.table, check_dtype=False)


def test_the_parameters_told_are_those_of_the_average_customer(
    model: FittedModel, tmp_path: Path
) -> None:
    save_model(model, tmp_path / "m")
    record = json.loads((tmp_path / "m" / "model.json").read_text(encoding="utf-8"))
    alpha = model.purchase.draws["alpha"]
    half = (alpha[:, 0] + alpha[:, 1]) / 2  # 60 customers each
    told = record["parameters"]["purchase"]["alpha"]
    assert set(told) == {"mean", "sd", "q05", "q50", "q95"}
    assert told["mean"] == pytest.approx(half.mean())
    assert told["sd"] == pytest.approx(half.std())
    assert "partners have their own alpha, a, b, v" in model_card(model)


def test_arviz_takes_parameters_by_partner(model: FittedModel) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import arviz

        table = arviz.summary(model.posterior)
    rows = set(table.index)
    assert {"r", "alpha[p0]", "alpha[p1]", "effect_log_rate[certified = yes]"} <= rows
    assert float(table.loc["alpha[p0]", "mean"]) == pytest.approx(
        2 * float(table.loc["alpha[p1]", "mean"]), rel=0.01
    )


def test_the_likelihood_of_a_customer_is_by_its_own_parameters(model: FittedModel) -> None:
    found = log_likelihood(model)
    customers = model.summary.customers
    effects = model.effects
    assert effects is not None
    for row in (0, 61):
        has = effects.patterns[effects.customer_pattern[row], 0]
        group = row // 60
        r, alpha, a, b, p, q, v = (
            {**model.purchase.draws, **model.spend.draws}[name][:, group]
            for name in ("r", "alpha", "a", "b", *"pqv")
        )
        odds = a / b * np.exp(-0.2 * has)
        x, t_x, T = (float(customers[name].iloc[row]) for name in ("frequency", "recency", "T"))
        exact = bgnbd.log_likelihood(
            x, t_x, T, r, alpha * np.exp(-0.3 * has),
            (a + b) * odds / (1 + odds), (a + b) / (1 + odds),
        )  # fmt: skip
        np.testing.assert_allclose(found["purchase"][0, :, row], exact, rtol=1e-9)
        n, total, logs = (
            float(customers[name].iloc[row]) for name in ("spend_n", "spend_sum", "spend_log_sum")
        )
        exact = gamma_gamma.log_likelihood(n, total, logs, p, q, v * np.exp(0.1 * has))
        np.testing.assert_allclose(found["spend"][0, :, row], exact, rtol=1e-9)
    assert found.sizes["spender"] == (customers["spend_n"] > 0).sum()
    with pytest.raises(ConfigError, match="covariates"):
        observations(model, "purchase")


def test_partners_of_the_same_parameters_have_the_pooled_likelihood() -> None:
    pooled = two_partners(customers=60, draws=10)
    one, other = (log_likelihood(each) for each in (pooled, by_group(pooled, {}, {})))
    np.testing.assert_allclose(one["purchase"], other["purchase"], rtol=1e-9)
    np.testing.assert_allclose(one["spend"], other["spend"], rtol=1e-9)
