"""What a change is worth: no change is nothing, more is never less, and money is arithmetic."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ltvforecast.economics_types import Economics
from ltvforecast.errors import ConfigError
from ltvforecast.fit_types import Calendar, FittedModel
from ltvforecast.forecast.predict import predict
from ltvforecast.forecast.scenario import ScenarioResult, scenario
from ltvforecast.forecast.scenario_change import Change
from ltvforecast.layer_types import LayerEstimate, Layers
from tests.forecast.made_model import AS_OF, CDNOW
from tests.forecast.made_scenario import made_programme

TERMS = Economics(margin=0.6, commission=0.1, support_cost_per_month=2.0, bounty=1.0)
LAYERS = Layers(
    estimates=(
        LayerEstimate(
            horizon_days=182.6, windows=4, partners=12, correction=0.1, programme_spread=0.1,
            freedom=5.0, partner_width=1.2, partner_swing=0.1, weight=0.5,
        ),
    ),
    track_record=(),
    origins=(AS_OF,),
    how="made by hand",
)  # fmt: skip


@pytest.fixture(scope="module")
def model() -> FittedModel:
    return made_programme()


def ask(model: FittedModel, change: Change, **more: object) -> ScenarioResult:
    options = {"horizon": "6mo", "draws": 150, "levels": (80,), "economics": TERMS, "workers": 1}
    return scenario(model, change=change, **(options | more))  # type: ignore[arg-type]


def gains(result: ScenarioResult) -> np.ndarray:
    return (result.draws["changed_ltv"] - result.draws["base_ltv"]).to_numpy()


@pytest.mark.parametrize("layers", [None, LAYERS])
def test_the_base_is_the_forecast_where_only_money_changes(
    model: FittedModel, layers: Layers | None
) -> None:
    model = replace(model, layers=layers)
    found = ask(model, Change(terms={"commission": 0.25}))
    forecast = predict(model, horizon="6mo", economics=TERMS, draws=150, levels=(80,), workers=1)
    np.testing.assert_allclose(found.draws["base_ltv"], forecast.draws["ltv"], rtol=1e-9)
    direct = predict(
        model, horizon="6mo", economics=replace(TERMS, commission=0.25), draws=150, levels=(80,),
        workers=1,
    )  # fmt: skip
    np.testing.assert_allclose(found.draws["changed_ltv"], direct.draws["ltv"], rtol=1e-9)
    row = found.partners.set_index("partner_id").loc["north"]
    assert row["base_ltv_lo_80"] == pytest.approx(
        forecast.partners.set_index("partner_id").loc["north", "ltv_lo_80"], rel=1e-9
    )


def test_commission_of_first_months_is_that_of_the_forecast_and_follows_the_change(
    model: FittedModel,
) -> None:
    terms = Economics(margin=0.6, commission=0.2, commission_months=8.0, discount_rate=0.0)
    found = ask(model, Change(terms={"margin": 0.7}), economics=terms)
    forecast = predict(model, horizon="6mo", economics=terms, draws=150, levels=(80,), workers=1)
    np.testing.assert_allclose(found.draws["base_ltv"], forecast.draws["ltv"], rtol=1e-9)
    assert float(forecast.draws["commission"].sum()) > 0
    moved = ask(model, Change(order_value=1.5), economics=terms)
    # revenue, and with it margin and commission, is half as much again
    np.testing.assert_allclose(
        moved.draws["changed_ltv"], 1.5 * moved.draws["base_ltv"], rtol=1e-6, atol=1e-4
    )
    faster = ask(model, Change(purchase_rate=1.3), economics=terms)
    assert float(str(faster.programme["change"])) > 0


def test_every_money_term_can_be_changed_and_given_again_changes_nothing(
    model: FittedModel,
) -> None:
    same = {"margin": 0.6, "commission": 0.1, "bounty": 1.0, "discount_rate": 0.1}
    assert not gains(ask(model, Change(terms=same))).any()
    for name, value in {
        "margin": 0.7, "bounty": 0.0, "support_cost_per_month": 0.0, "discount_rate": 0.0,
        "commission": 0.05,
    }.items():  # fmt: skip
        found = gains(ask(model, Change(terms={name: value})))
        assert (found >= -1e-9).all(), name
        assert found.sum() > 0, name


def test_a_commission_takes_the_place_of_tiers_for_those_concerned(model: FittedModel) -> None:
    tiered = Economics(tiers=((0.0, 0.05), (50.0, 0.2)))
    found = ask(model, Change(terms={"commission": 0.0}), economics=tiered, partners=["east"])
    moved = gains(found)
    east = list(found.draws["partner"].to_numpy()).index("east")
    assert moved[:, east].sum() > 0
    assert not np.delete(moved, east, axis=1).any()
    assert any("instead of tiers" in sentence for sentence in found.assumptions)


@pytest.mark.parametrize("layers", [None, LAYERS])
@pytest.mark.parametrize(
    "change",
    [
        Change(purchase_rate=1.1),
        Change(retention=1.1),
        Change(order_value=1.1),
        Change(acquisition=1.5),
        Change(purchase_rate=1.2, retention=1.05, order_value=1.02, acquisition=1.1),
    ],
)
def test_a_change_for_the_better_lowers_no_draw_of_the_programme(
    model: FittedModel, change: Change, layers: Layers | None
) -> None:
    found = ask(replace(model, layers=layers), change, economics=Economics(discount_rate=0.0))
    if layers is None:
        assert (gains(found).sum(axis=1) >= -1e-9).all()
        assert found.programme["p_loss"] == 0.0
    assert float(str(found.programme["change"])) > 0


def test_what_differs_is_the_difference_of_two_models() -> None:
    """Against models fitted elsewhere: their forecasts differ by the change, up to noise."""
    model = made_programme(acquisition=False, spread=0.0, customers=40)
    draws = 4000
    found = ask(model, Change(retention=1.3), draws=draws, economics=Economics(discount_rate=0.0))
    from tests.forecast.test_scenario_kernel import expected

    customers = model.summary.customers
    r, alpha, a, b, p, q, v = (CDNOW[name] for name in ("r", "alpha", "a", "b", "p", "q", "v"))
    horizon = 182.625 / 7.0
    mean = 0.0
    for row in customers.itertuples():
        history = (float(row.frequency), row.recency, row.T)
        spend = p * (v + row.spend_sum) / (p * row.spend_n + q - 1.0)
        now, then = (
            expected(horizon, history, (r, alpha, a, b), dropout=less)[0] for less in (1.0, 0.7)
        )
        mean += spend * (then - now)
    revenue = (found.draws["changed_revenue"] - found.draws["base_revenue"]).sum("partner")
    z = (float(revenue.mean()) - mean) / (float(revenue.std()) / np.sqrt(draws))
    assert abs(z) < 4.0


def test_a_change_concerns_the_partners_named(model: FittedModel) -> None:
    alone = replace(
        model,
        acquisition=None,
        summary=replace(model.summary, allocation=replace(model.summary.allocation, novelty=0.0)),
    )
    found = ask(alone, Change(order_value=1.5, terms={"margin": 0.9}), partners=["east"])
    assert found.concerned == ("east",)
    names = list(found.draws["partner"].to_numpy())
    moved = gains(found)
    assert moved[:, names.index("east")].sum() > 0
    assert not moved[:, names.index("west")].any()
    assert any("1 of 3 partners (east)" in sentence for sentence in found.assumptions)


def test_a_clock_and_partners_own_parameters_go_through(model: FittedModel) -> None:
    index = np.array([0.5, 0.5, 1.0, 1.0, 1.5, 1.5, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0])
    draws = np.stack([index, index[::-1]])
    seasonal = replace(
        model, calendar=Calendar(kind="estimated", index=index, draws=draws, how="made")
    )
    found = ask(seasonal, Change(purchase_rate=1.2))
    assert float(str(found.programme["change"])) > 0
    purchase = model.purchase
    own = {name: np.repeat(values, 3, axis=1) for name, values in purchase.draws.items()}
    own["a"] = own["a"] * np.array([0.2, 1.0, 2.0])
    grouped = replace(model, purchase=replace(purchase, draws=own), acquisition=None)
    found = ask(grouped, Change(retention=1.2), economics=Economics(discount_rate=0.0))
    assert (gains(found).sum(axis=1) >= -1e-9).all()
    assert gains(found).sum() > 0


def test_break_even_is_where_the_gain_is_the_cost(model: FittedModel) -> None:
    found = ask(model, Change(order_value=1.1), economics=Economics(), cost_per_partner=0.0)
    assert (found.partners["break_even"] == 0.0).all()
    gain = found.partners.set_index("partner_id")["change"]
    cost = float(2.5 * gain["east"])
    found = ask(model, Change(order_value=1.1), economics=Economics(), cost_per_partner=cost)
    # gain is linear in the order value
    assert found.partners.set_index("partner_id").loc["east", "break_even"] == pytest.approx(
        2.5, rel=1e-3
    )
    dear = ask(model, Change(order_value=1.1), economics=Economics(), cost_per_partner=1e9)
    assert dear.partners["break_even"].isna().all()
    money = ask(model, Change(terms={"margin": 0.9}), cost_per_partner=1.0)
    assert money.partners["break_even"].isna().all()


def test_break_even_of_a_higher_commission_is_the_lift_it_needs(model: FittedModel) -> None:
    plain = Economics(margin=0.5, commission=0.1, discount_rate=0.0)
    found = ask(
        model, Change(order_value=1.2, terms={"commission": 0.2}), economics=plain,
        cost_per_partner=0.0,
    )  # fmt: skip
    # 0.4 R = 0.3 R (1 + 0.2 s): s = 5 / 3
    np.testing.assert_allclose(found.partners["break_even"], 5.0 / 3.0, rtol=1e-3)


@pytest.mark.parametrize(
    ("change", "more", "said"),
    [
        (Change(), {}, "nothing is changed"),
        (Change(purchase_rate=11.0), {}, "0.1 to 10"),
        (Change(order_value=float("nan")), {}, "order_value"),
        (Change(retention=2.5), {}, "nobody drops out"),
        (Change(terms={"colour": 1.0}), {}, "colour"),
        (Change(terms={"margin": 2.0}), {}, "margin"),
        (Change(retention=1.1), {"partners": ["nobody"]}, "nobody"),
        (Change(retention=1.1), {"partners": []}, "no partner"),
        (Change(retention=1.1), {"cost_per_partner": -1.0}, "minus"),
        (Change(retention=1.1), {"draws": 0}, "draws"),
        (Change(retention=1.1), {"horizon": "12"}, "unit"),
    ],
)
def test_nonsense_is_refused(
    model: FittedModel, change: Change, more: dict[str, object], said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        ask(model, change, **more)


def test_a_fall_of_retention_that_no_chance_can_follow_is_refused() -> None:
    fickle = made_programme(acquisition=False, parameters=CDNOW | {"a": 3.0, "b": 1.0})
    with pytest.raises(ConfigError, match="above 1"):
        ask(fickle, Change(retention=0.6))
    assert ask(fickle, Change(retention=0.9)).programme["p_gain"] == 0.0


def test_the_answer_has_no_holes_and_says_what_it_assumes(model: FittedModel) -> None:
    found = ask(model, Change(retention=1.05, acquisition=1.1))
    numbers = found.partners.select_dtypes("number")
    assert np.isfinite(numbers.to_numpy()).all()
    assert found.partners["change"].is_monotonic_decreasing
    total = found.partners["change"].sum()
    assert float(str(found.programme["change"])) == pytest.approx(total)
    told = " ".join(found.assumptions)
    for words in ("Retention +5 %", "1.1 times as many", "assumed, not estimated", "150 draws"):
        assert words in told
    without = ask(model, Change(acquisition=1.1), acquisition=False)
    assert not gains(without).any()
    assert "changes nothing" in " ".join(without.assumptions)
    assert isinstance(found._repr_html_(), str)
    assert isinstance(found.partners, pd.DataFrame)
