"""Partners not yet signed: laws, terms, refusals, and whether held-out new partners fit in."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ltvforecast.data.summary import summarize
from ltvforecast.data.transactions import read_transactions
from ltvforecast.economics_types import Economics, Terms
from ltvforecast.errors import ConfigError, ForecastError
from ltvforecast.fit_types import FittedModel
from ltvforecast.fitting.fit_model import fit_model
from ltvforecast.forecast.recruiting import (
    NewPartnerForecast,
    predict_new_partner,
    rank_segments,
)
from ltvforecast.layer_types import LayerEstimate, Layers
from ltvforecast.types import FloatArray
from tests.forecast.made_newcomers import LAW, made_newcomers, purchases
from tests.forecast.made_recruits import made_recruits, with_partner_covariate


@pytest.fixture(scope="module")
def model() -> FittedModel:
    return made_recruits(spread=0.3, draws=50)


def forecast(model: FittedModel, **options: object) -> NewPartnerForecast:
    asked = {"horizon": "12mo", "draws": 200} | options
    return predict_new_partner(model, **asked)  # type: ignore[arg-type]


def test_money_terms_of_the_segment_are_put_on(model: FittedModel) -> None:
    economics = Economics(
        margin=0.5,
        discount_rate=0.0,
        bounty=2.0,
        by_segment={"shop": Terms(commission=0.1, acquisition_cost=100.0)},
    )
    found = forecast(model, segment="shop", economics=economics)
    draws, row = found.draws, found.table.iloc[0]
    paid = 0.1 * draws["future_revenue"] + 2.0 * draws["new_customers"]
    np.testing.assert_allclose(draws["commission"], paid, rtol=1e-9)
    np.testing.assert_allclose(draws["ltv"], 0.5 * draws["future_revenue"] - paid, rtol=1e-9)
    assert row["cac"] == 100.0
    assert row["p_payback"] == pytest.approx(float((draws["ltv"] >= 100.0).mean()))
    assert row["ltv"] == pytest.approx(float(draws["ltv"].mean()))
    plain = forecast(model, segment="blog", economics=economics)
    np.testing.assert_allclose(
        plain.draws["commission"], 2.0 * plain.draws["new_customers"], rtol=1e-9
    )
    assert np.isnan(plain.table["cac"].iloc[0])


def test_periods_add_up_to_the_whole(model: FittedModel) -> None:
    found = forecast(model, segment="blog")
    for name in ("new_customers", "future_revenue"):
        assert found.periods[name].sum() == pytest.approx(found.table[name].iloc[0], rel=1e-9)
    assert found.periods["period_start"].iloc[0] == "2026-01-01"
    assert len(found.periods) == 12


def test_a_short_horizon_and_customers_first_months(model: FittedModel) -> None:
    economics = Economics(commission=0.2, commission_months=1.0, discount_rate=0.0)
    found = forecast(model, segment="shop", economics=economics, horizon="26w")
    some = found.draws["commission"] / found.draws["future_revenue"]
    assert 0.0 < float(some.mean()) < 0.2
    assert float(some.max()) <= 0.2 * (1 + 1e-9)


def test_the_same_again_and_another_name(model: FittedModel) -> None:
    one, again = (forecast(model, segment="shop") for _ in range(2))
    pd.testing.assert_frame_equal(one.table, again.table)
    assert one.draws.identical(again.draws)
    other = forecast(model, segment="shop", partner_id="acme")
    assert not one.draws["ltv"].equals(other.draws["ltv"])


def test_a_covariate_that_doubles_spend_doubles_revenue_draw_by_draw() -> None:
    model = with_partner_covariate(made_recruits(spread=0.3, draws=50), float(np.log(2.0)))
    with_it, without = (
        forecast(model, segment="shop", covariates={"certified": said}) for said in ("yes", "no")
    )
    np.testing.assert_allclose(
        with_it.draws["future_revenue"], 2.0 * without.draws["future_revenue"], rtol=1e-6
    )
    mixed = forecast(model, segment="shop")
    assert any("covariates" in note for note in mixed.notes)
    ratio = (mixed.draws["future_revenue"] / without.draws["future_revenue"]).to_numpy().round(5)
    assert set(ratio[np.isfinite(ratio)]) == {1.0, 2.0}


def test_what_all_partners_share_of_the_layers_is_put_on(model: FittedModel) -> None:
    estimate = LayerEstimate(horizon_days=365.25, windows=3, partners=30, correction=np.log(1.5))
    learnt = replace(
        model, layers=Layers(estimates=(estimate,), track_record=(), origins=(), how="")
    )
    plain, corrected = (
        forecast(each, segment="shop", layers=("correction",)) for each in (model, learnt)
    )
    np.testing.assert_allclose(
        corrected.draws["future_revenue"], 1.5 * plain.draws["future_revenue"], rtol=1e-9
    )


def test_without_pooling_of_levels_only_acquisition_differs() -> None:
    model = made_recruits(means=(2.0, 6.0), pooled=False, draws=50)
    found = forecast(model, segment="shop")
    assert any("complete pooling" in note for note in found.notes)
    assert found.table["new_customers"].iloc[0] > 0


def test_it_shows_itself_with_names_escaped(model: FittedModel) -> None:
    shown = forecast(model, segment="shop", partner_id="<b>")._repr_html_()
    assert "&lt;b&gt;" in shown
    assert "<b>&lt;" in shown
    assert "first customer" in shown


def test_segments_of_very_different_quality_are_ranked() -> None:
    model = made_recruits(means=(2.0, 6.0), uncertain=0.2, spread=0.3, draws=50)
    table = rank_segments(model, horizon="12mo", draws=400)
    assert table["segment"].tolist() == ["shop", "blog"]
    assert table["p_best"].iloc[0] > 0.95
    assert table["p_best"].sum() == pytest.approx(1.0)
    assert (table["ltv"].between(table["expected_ltv_lo_90"], table["expected_ltv_hi_90"])).all()
    # what is uncertain of a segment is much less than what its partners differ by
    widths = [table[f"{name}_hi_90"] - table[f"{name}_lo_90"] for name in ("expected_ltv", "ltv")]
    assert (widths[0] < 0.5 * widths[1]).all()


def test_segments_that_are_alike_can_not_be_told_apart() -> None:
    model = made_recruits(means=(3.0, 3.0), uncertain=0.3, draws=50)
    table = rank_segments(model, horizon="12mo", draws=200)
    assert (table["p_best"] > 0.2).all()


def test_one_segment_is_enough() -> None:
    model = made_recruits(means=(3.0,), rates=(1.0,), partners=4)
    table = rank_segments(model, horizon="12mo", draws=100)
    assert any("hardly known" in note for note in forecast(model).notes)
    assert len(table) == 1
    assert table["p_best"].iloc[0] == 1.0


def test_a_partner_of_the_table_has_its_own_segment_and_terms(model: FittedModel) -> None:
    told = model.summary.partner_table
    assert told is not None
    row = pd.DataFrame({"partner_id": ["acme"], "segment": ["shop"], "acquisition_cost": [7.0]})
    table = pd.concat([told, row], ignore_index=True)
    known = replace(model, summary=replace(model.summary, partner_table=table))
    found = forecast(known, partner_id="acme")
    assert found.table["segment"].iloc[0] == "shop"
    assert found.table["cac"].iloc[0] == 7.0


def test_what_can_not_be_told_is_refused(model: FittedModel) -> None:
    with pytest.raises(ConfigError, match="one of blog, shop"):
        forecast(model, segment="kiosk")
    with pytest.raises(ConfigError, match="no new partner"):
        forecast(model, partner_id=model.summary.partner_ids[0])
    with pytest.raises(ConfigError, match="p_start"):
        forecast(model, p_start=0.0)
    with pytest.raises(ConfigError, match="has none of partners"):
        forecast(model, covariates={"tier": "gold"})
    with pytest.raises(ConfigError, match="no segment to rank"):
        rank_segments(model, horizon="12mo", segments=[])
    with pytest.raises(ConfigError, match="horizon"):
        forecast(model, horizon="12")
    covariates = with_partner_covariate(model, 0.1)
    with pytest.raises(ConfigError, match="never seen"):
        forecast(covariates, covariates={"certified": "perhaps"})
    with pytest.raises(ConfigError, match="not told apart"):
        forecast(replace(covariates, partner_levels=None), covariates={"certified": "yes"})


def test_models_that_know_nothing_of_new_partners_are_refused(model: FittedModel) -> None:
    assert model.acquisition is not None
    without = replace(model, acquisition=None)
    closed = replace(
        model, acquisition=replace(model.acquisition, status="closed", reason="Closed cohort.")
    )
    alone = replace(model, settings=replace(model.settings, pooling="none"))
    for each, words in ((without, "without them"), (closed, "Closed"), (alone, "own data alone")):
        with pytest.raises(ForecastError, match=words):
            forecast(each, segment="shop")
        with pytest.raises(ForecastError, match="pooling partial"):
            rank_segments(each, horizon="12mo")


def later_partners(seed: int, count: int, days: float) -> FloatArray:
    """Revenue of partners of the same kind, in the first year after their first customer."""
    rng = np.random.default_rng(seed)
    revenue: list[float] = []
    while len(revenue) < count:
        rate, life = rng.gamma(0.8, 3.0 / 0.8), 30.0 * (rng.random() ** -1.0 - 1.0)
        months = np.arange(30)
        there = np.clip(life - months, 0.0, 1.0)
        came = rng.poisson(rate * rng.gamma(2.0, 0.5, 30) * there)
        born = np.sort(np.repeat(months, came) + rng.random(came.sum()) * np.repeat(there, came))
        born = born * 365.25 / 12
        if len(born) and born[0] < 18 * 365.25 / 12:  # seen before the data end
            since = born - born[0]
            revenue.append(float(purchases(rng, since[since < days], days, LAW)[2].sum()))
    return np.array(revenue)


@pytest.mark.slow
def test_new_partners_held_out_are_inside_the_intervals() -> None:
    ranks: list[float] = []
    for seed in range(4):
        made = made_newcomers(seed, partners=80)
        summary = summarize(read_transactions(made.transactions), as_of=made.as_of)
        model = fit_model(
            summary, calendar="off", dependence="off", pooling="partial", acquisition="auto",
            draws=400, seed=seed,
        )  # fmt: skip
        drawn = forecast(model, draws=1000).draws["future_revenue"].to_numpy()
        truth = later_partners(seed, 200, 365.25)
        ranks += [float((drawn < value).mean()) for value in truth]
    # 800 partners, but 4 fits whose parameters are off by some tenth each
    place = np.array(ranks)
    assert abs(place.mean() - 0.5) < 0.06
    for level, room in ((0.5, 0.08), (0.8, 0.06), (0.9, 0.05)):
        inside = (np.abs(2.0 * place - 1.0) < level).mean()
        assert abs(inside - level) < room, level
