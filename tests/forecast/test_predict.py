"""The whole forecast: exactness, conservation, and what must change nothing."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from scipy.special import gammaincc

from ltvforecast.economics_types import Economics
from ltvforecast.errors import ConfigError, ForecastError
from ltvforecast.fit_types import FittedModel
from ltvforecast.forecast import totals as totals_module
from ltvforecast.forecast.predict import predict
from ltvforecast.forecast_types import Horizon, PartnerForecast
from ltvforecast.formulas import bgnbd, gamma_gamma
from ltvforecast.transaction_types import Allocation, CustomerSummary
from tests.forecast.made_model import CDNOW, made_cohort, made_customers, made_model, made_summary

TERMS = Economics(margin=0.8, commission=0.15, discount_rate=0.12)


def made_programme(customers: int = 300, *, novelty: float = 0.1) -> CustomerSummary:
    """Most customers have one partner of seven, every third one two."""
    cohort = made_cohort(customers, CDNOW, observed=60.0, seed=5)
    shares = [
        {f"p{k % 7}": 1.0} if k % 3 else {f"p{k % 7}": 0.7, f"p{(k + 3) % 7}": 0.3}
        for k in range(customers)
    ]
    allocation = Allocation(rule="share", novelty=novelty, concentration=4.0)
    return made_summary(cohort, shares=shares, allocation=allocation)


@pytest.fixture(scope="module")
def model() -> FittedModel:
    return made_model(made_programme(), CDNOW | {"zero_share": 0.02})


@pytest.fixture(scope="module")
def forecast(model: FittedModel) -> PartnerForecast:
    return predict(model, horizon="12mo", economics=TERMS, draws=400, workers=1)


def assert_same(first: PartnerForecast, second: PartnerForecast) -> None:
    for name in ("partners", "customers", "periods", "history"):
        pd.testing.assert_frame_equal(getattr(first, name), getattr(second, name), check_exact=True)
    xr.testing.assert_identical(first.draws, second.draws)
    assert first.programme == second.programme
    assert first.provenance == second.provenance


@pytest.mark.parametrize(
    ("workers", "block_size"), [(1, 1), (2, 7), (3, 10_000), (5, None), (None, 50)]
)
def test_workers_and_blocks_change_no_bit(
    model: FittedModel, forecast: PartnerForecast, workers: int | None, block_size: int | None
) -> None:
    other = predict(
        model,
        horizon="12mo",
        economics=TERMS,
        draws=400,
        workers=workers,
        block_size=block_size,
    )
    assert_same(forecast, other)


def test_the_order_of_customers_changes_no_bit(
    model: FittedModel, forecast: PartnerForecast
) -> None:
    summary = model.summary
    order = np.random.default_rng(1).permutation(len(summary))
    counts = np.diff(summary.share_start)[order]
    rows = np.concatenate(
        [np.arange(summary.share_start[k], summary.share_start[k + 1]) for k in order]
    )
    shuffled = dataclasses.replace(
        summary,
        customers=summary.customers.iloc[order].reset_index(drop=True),
        share_start=np.concatenate([[0], np.cumsum(counts)]),
        share_partner=summary.share_partner[rows],
        share_weight=summary.share_weight[rows],
    )
    other = predict(
        dataclasses.replace(model, summary=shuffled),
        horizon="12mo",
        economics=TERMS,
        draws=400,
    )
    assert_same(forecast, other)


def known(table: pd.DataFrame) -> pd.DataFrame:
    """Leave out what can't be told without an acquisition fit and an acquisition cost."""
    unknown = ("new_", "p_acquiring", "cac", "ltv_to_cac", "p_ltv_exceeds", "payback", "p_payback")
    return table[[name for name in table if not name.startswith(unknown)]]


def test_large_totals_in_files_change_no_bit(
    model: FittedModel, forecast: PartnerForecast, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(totals_module, "LARGEST_IN_MEMORY", 1000)
    other = predict(model, horizon="12mo", economics=TERMS, draws=400, workers=2)
    assert_same(forecast, other)


def test_another_seed_gives_other_draws_and_the_same_expectations(
    model: FittedModel, forecast: PartnerForecast
) -> None:
    other = predict(model, horizon="12mo", economics=TERMS, draws=400, seed=7)
    assert not np.array_equal(other.draws["ltv"], forecast.draws["ltv"])
    for name in ("p_alive", "p_active", "expected_purchases", "future_revenue", "ltv"):
        assert np.array_equal(other.customers[name], forecast.customers[name])
    columns = [name for name in forecast.partners if name.startswith("expected_existing")]
    first = forecast.partners.sort_values("partner_id")[columns].to_numpy()
    assert np.array_equal(first, other.partners.sort_values("partner_id")[columns].to_numpy())


def test_partners_add_up_to_the_programme_exactly(forecast: PartnerForecast) -> None:
    draws, whole = forecast.draws, forecast.programme
    total = draws["existing_revenue"].sum("partner").to_numpy()
    assert np.mean(total) == whole["existing_revenue"] == whole["future_revenue"]
    for level in (50, 80, 90):
        ends = np.quantile(total, ((100 - level) / 200, (100 + level) / 200))
        assert ends.tolist() == pytest.approx(
            [whole[f"future_revenue_lo_{level}"], whole[f"future_revenue_hi_{level}"]], rel=1e-13
        )
    ltv = draws["ltv"].sum("partner").to_numpy()
    assert np.mean(ltv) == pytest.approx(whole["ltv"], rel=1e-13)
    assert forecast.partners["ltv"].sum() == pytest.approx(whole["ltv"], rel=1e-12)
    assert forecast.partners["revenue_to_date"].sum() == pytest.approx(whole["revenue_to_date"])
    assert draws["commission"].to_numpy() == pytest.approx(
        draws["existing_revenue"].to_numpy() * 0.15, rel=1e-13
    )


def test_periods_add_up_to_the_horizon(forecast: PartnerForecast) -> None:
    sums = forecast.periods.groupby("partner_id")["existing_revenue"].sum()
    assert sums["__programme__"] == pytest.approx(forecast.programme["existing_revenue"], rel=1e-12)
    partners = forecast.partners.set_index("partner_id")["existing_revenue"]
    assert sums.drop("__programme__").to_numpy() == pytest.approx(
        partners.sort_index().to_numpy(), rel=1e-12
    )
    assert forecast.periods["partner_id"].iloc[:12].eq("__programme__").all()
    ranked = forecast.periods["partner_id"].drop_duplicates().tolist()[1:]
    assert ranked == forecast.partners["partner_id"].tolist()


def test_customer_means_are_the_closed_forms(model: FittedModel, forecast: PartnerForecast) -> None:
    table = forecast.customers
    rows = np.arange(400) % 200
    r, alpha, a, b = (model.purchase.draws[name][rows, 0] for name in ("r", "alpha", "a", "b"))
    p, q, v = (model.spend.draws[name][rows, 0] for name in ("p", "q", "v"))
    x, t_x, T = (table[name].to_numpy()[:, None] for name in ("frequency", "recency", "T"))
    horizon = 365.25 / 7
    p_alive = bgnbd.p_alive(x, t_x, T, r, alpha, a, b)
    active = bgnbd.p_active(horizon, x, t_x, T, r, alpha, a, b)
    purchases = bgnbd.expected_purchases(horizon, x, t_x, T, r, alpha, a, b)
    known = model.summary.customers
    n, total = (known[name].to_numpy()[:, None] for name in ("spend_n", "spend_sum"))
    spend = 0.98 * gamma_gamma.expected_spend(n, total, p, q, v)
    # what the limit of three times the highest average takes away (a truncated gamma's mean)
    shape = p * n + q
    least = p * (v + total) / (3.0 * (total / np.maximum(n, 1)).max())
    spend *= gammaincc(shape - 1.0, least) / gammaincc(shape, least)
    delta = 7 * np.log(1.12) / 365.25
    worth = 0.65 * spend * bgnbd.expected_purchases(horizon, x, t_x, T, r, alpha, a, b, delta=delta)
    for name, exact in {
        "p_alive": p_alive,
        "p_active": active,
        "expected_purchases": purchases,
        "future_revenue": purchases * spend,
        "ltv": worth,
    }.items():
        assert table[name].to_numpy() == pytest.approx(exact.mean(axis=1), rel=1e-5), name


def test_simulated_means_agree_with_the_expectation_of_every_partner(
    forecast: PartnerForecast,
) -> None:
    check = forecast.provenance["self_check"]
    assert check["purchases"]["checked"]
    assert abs(check["purchases"]["z"]) < 4
    assert check["revenue"]["checked"]
    assert abs(check["revenue"]["z"]) < 4
    ends = ["expected_future_revenue_lo_50", "expected_future_revenue_hi_50"]
    middle = forecast.partners[ends].mean(axis=1)
    spread = forecast.draws["existing_revenue"].std("draw").to_series() / 20
    z = (forecast.partners.set_index("partner_id")["future_revenue"] - middle.to_numpy()) / spread
    assert np.abs(z).max() < 4


def test_expected_intervals_lie_inside_predicted_ones(forecast: PartnerForecast) -> None:
    for table in (forecast.partners, pd.DataFrame([forecast.programme])):
        for level in (50, 80, 90):
            for name in ("existing_revenue", "future_revenue"):
                assert (table[f"{name}_lo_{level}"] < table[f"expected_{name}_lo_{level}"]).all()
                assert (table[f"{name}_hi_{level}"] > table[f"expected_{name}_hi_{level}"]).all()


def test_everything_is_finite_and_probabilities_are(forecast: PartnerForecast) -> None:
    for table in (forecast.partners, forecast.customers, forecast.periods, forecast.segments):
        numbers = known(table).select_dtypes("number")
        assert np.isfinite(numbers.to_numpy()).all()
        for name in numbers:
            if name.startswith("p_") or "share" in name:
                assert numbers[name].between(0, 1).all()
    json.dumps(forecast.programme, allow_nan=False)
    json.dumps(forecast.provenance, allow_nan=False)


def test_money_in_other_units_only_changes_the_unit(
    model: FittedModel, forecast: PartnerForecast
) -> None:
    table = model.summary.customers.copy()
    for name in ("monetary_value", "first_value", "spend_sum"):
        table[name] *= 100
    history = model.summary.history.assign(revenue=lambda t: t["revenue"] * 100)
    draws = {**model.spend.draws, "v": model.spend.draws["v"] * 100}
    scaled = dataclasses.replace(
        model,
        summary=dataclasses.replace(model.summary, customers=table, history=history),
        spend=dataclasses.replace(model.spend, draws=draws),
    )
    other = predict(scaled, horizon="12mo", economics=TERMS, draws=400)
    for name in ("existing_revenue", "ltv"):
        assert other.draws[name].to_numpy() / 100 == pytest.approx(
            forecast.draws[name].to_numpy(), rel=1e-9, abs=1e-6
        )
    assert other.partners["p_churn"].tolist() == forecast.partners["p_churn"].tolist()
    assert other.customers["ltv"].to_numpy() / 100 == pytest.approx(
        forecast.customers["ltv"].to_numpy(), rel=1e-12
    )


@pytest.mark.parametrize(("unit", "days"), [("day", 1.0), ("month", 365.25 / 12)])
def test_the_time_unit_of_the_model_changes_nothing_but_rounding(
    model: FittedModel, forecast: PartnerForecast, unit: str, days: float
) -> None:
    table = model.summary.customers.copy()
    table[["recency", "T"]] *= 7 / days
    draws = {**model.purchase.draws, "alpha": model.purchase.draws["alpha"] * 7 / days}
    other = predict(
        dataclasses.replace(
            model,
            summary=dataclasses.replace(model.summary, customers=table, time_unit=unit),
            purchase=dataclasses.replace(model.purchase, draws=draws),
        ),
        horizon="12mo",
        economics=TERMS,
        draws=400,
    )
    assert other.programme["ltv"] == pytest.approx(forecast.programme["ltv"], rel=1e-6)


def test_without_discount_ltv_is_revenue(model: FittedModel) -> None:
    free = predict(model, horizon="12mo", economics=Economics(discount_rate=0.0), draws=50)
    assert np.array_equal(free.draws["ltv"], free.draws["existing_revenue"])
    assert np.array_equal(free.customers["ltv"], free.customers["future_revenue"])
    nearly = predict(model, horizon="12mo", economics=Economics(discount_rate=1e-9), draws=50)
    assert nearly.programme["ltv"] == pytest.approx(free.programme["ltv"], rel=1e-8)
    assert nearly.customers["ltv"].to_numpy() == pytest.approx(
        free.customers["ltv"].to_numpy(), rel=1e-8
    )


def test_a_commission_above_the_margin_gives_negative_ltv_in_order(model: FittedModel) -> None:
    loss = predict(model, horizon="12mo", economics=Economics(margin=0.1, commission=0.3), draws=50)
    assert loss.programme["ltv"] < 0
    assert (loss.partners["ltv_lo_90"] <= loss.partners["ltv_hi_90"]).all()
    assert (loss.customers["ltv_lo_90"] <= loss.customers["ltv_hi_90"]).all()
    assert loss.partners["share"].sum() == 0  # nobody is worth anything
    assert loss.partners["ltv"].is_monotonic_decreasing


def test_point_parameters_and_more_draws_than_there_are() -> None:
    summary = made_programme(60)
    point = made_model(summary, draws=1)
    forecast = predict(point, horizon="90d", draws=300)
    assert forecast.draws.sizes["draw"] == 300
    assert len(np.unique(forecast.draws["ltv"].sum("partner"))) > 250
    ends = ["expected_future_revenue_lo_90", "expected_future_revenue_hi_90"]
    expected = forecast.partners[ends].to_numpy()
    assert expected[:, 0] == pytest.approx(expected[:, 1], rel=1e-9)
    assert any("point estimate" in text for text in forecast.provenance["warnings"])


def test_one_customer_one_partner_one_draw() -> None:
    summary = made_summary(made_customers([2.0], [30.43], [38.86], later=60.0))
    forecast = predict(made_model(summary), horizon="26w", draws=1, levels=(90,))
    assert len(forecast.partners) == len(forecast.customers) == 1
    assert forecast.partners["tail"].tolist() in (["head"], ["long_tail"])
    many = predict(made_model(summary), horizon="26w", draws=4000)
    assert many.partners["tail"].tolist() == ["head"]
    assert many.partners["share"].tolist() == [1.0]
    p_active = many.customers["p_active"].iloc[0]
    error = np.sqrt(p_active * (1 - p_active) / 4000)
    assert abs(1 - many.partners["p_churn"].iloc[0] - p_active) < 4 * error


@pytest.mark.parametrize("horizon", ["1d", "100y"])
def test_extreme_histories_and_horizons_stay_finite(horizon: str) -> None:
    x = [0, 0, 100_000, 3, 1]
    t_x = [0, 0, 99_999.0, 5e-4, 0.5]
    T = [1e-3, 1e5, 1e5, 1e-3, 1e5]
    shares = [{"p": 1.0}, {"p": 0.5, "q": 0.5}, {"p": 0.9, "q": 0.1}, {"q": 1.0}, {"q": 1.0}]
    summary = made_summary(
        made_customers(x, t_x, T, later=np.array([0, 0, 3e6, 90.0, 30.0])),
        shares=shares,
        allocation=Allocation(rule="share", novelty=0.05, concentration=2.0),
    )
    forecast = predict(made_model(summary, draws=20), horizon=horizon, draws=20)
    for table in (known(forecast.partners).drop(columns="p_decline"), forecast.customers):
        assert np.isfinite(table.select_dtypes("number").to_numpy()).all()


def test_fixed_rules_leave_a_single_partner_alone() -> None:
    summary = made_programme(90, novelty=0.0)
    single = np.diff(summary.share_start) == 1
    only = dataclasses.replace(
        summary,
        share_weight=np.ones(len(summary)),
        share_partner=summary.share_partner[summary.share_start[:-1]],
        share_start=np.arange(len(summary) + 1),
    )
    assert not single.all()
    forecast = predict(made_model(only), horizon="12mo", draws=100)
    active = forecast.draws["active_customers"].sum("partner").mean()
    assert active == pytest.approx(forecast.programme["expected_active_customers"])


def test_a_customers_active_partners_count_once_in_the_programme(
    forecast: PartnerForecast,
) -> None:
    by_partner = forecast.partners["expected_active_customers"].sum()
    assert by_partner > forecast.programme["expected_active_customers"]
    expected = forecast.customers["p_active"].sum()
    # 300 customers: standard deviation below 10, of the mean of 400 draws below 10 / 20
    assert abs(forecast.programme["expected_active_customers"] - expected) < 4 * 10 / 20


def test_progress_is_told_to_the_end(model: FittedModel) -> None:
    told: list[tuple[str, int, int]] = []
    predict(model, horizon="30d", draws=5, progress=lambda *step: told.append(step))
    labels = list(dict.fromkeys(label for label, _, _ in told))
    assert "simulating customers" in labels
    for label in labels:
        steps = [(done, total) for name, done, total in told if name == label]
        assert steps[-1][0] == steps[-1][1]


@pytest.mark.parametrize(
    "wrong",
    [
        {"horizon": "12"},
        {"horizon": Horizon(text="x", days=-1.0)},
        {"horizon": Horizon(text="x", days=float("nan"))},
        {"draws": 0},
        {"draws": 2.5},
        {"draws": True},
        {"levels": (0,)},
        {"seed": -1},
        {"workers": 0},
        {"block_size": 0},
        {"economics": Economics(margin=2.0)},
    ],
    ids=str,
)
def test_options_that_mean_nothing_are_refused(
    model: FittedModel, wrong: dict[str, object]
) -> None:
    with pytest.raises(ConfigError):
        predict(model, **{"horizon": "30d", **wrong})


def replaced(model: FittedModel, **columns: object) -> FittedModel:
    table = model.summary.customers.assign(**columns)
    return dataclasses.replace(model, summary=dataclasses.replace(model.summary, customers=table))


def test_models_that_allow_no_forecast_are_refused(model: FittedModel) -> None:
    summary = model.summary
    none = dataclasses.replace(
        summary,
        customers=summary.customers.iloc[:0],
        share_start=np.zeros(1, dtype=np.int64),
    )
    grouped = {name: np.ones((5, 2)) for name in model.purchase.draws}
    infinite = {**model.spend.draws, "v": np.full((5, 1), np.inf)}
    heavy = {**model.spend.draws, "q": np.full((200, 1), 0.5), "p": np.full((200, 1), 0.1)}
    for wrong, word in [
        (dataclasses.replace(model, summary=none), "no customers"),
        (
            dataclasses.replace(
                model, purchase=dataclasses.replace(model.purchase, model="pareto-nbd")
            ),
            "pareto-nbd",
        ),
        (
            dataclasses.replace(model, purchase=dataclasses.replace(model.purchase, draws=grouped)),
            "of shape",
        ),
        (
            dataclasses.replace(model, spend=dataclasses.replace(model.spend, draws=infinite)),
            "parameter v",
        ),
        (
            dataclasses.replace(model, spend=dataclasses.replace(model.spend, draws=heavy)),
            "no finite expected spend",
        ),
        (
            dataclasses.replace(
                model,
                summary=dataclasses.replace(summary, share_weight=summary.share_weight * 0.9),
            ),
            "add to one",
        ),
        (
            dataclasses.replace(
                model,
                summary=dataclasses.replace(
                    summary, partner_ids=("__programme__", *summary.partner_ids[1:])
                ),
            ),
            "__programme__",
        ),
        (replaced(model, recency=1000.0), "impossible history"),
        (replaced(model, frequency=-1), "impossible history"),
    ]:
        with pytest.raises(ForecastError, match=word):
            predict(wrong, horizon="30d", draws=5)


def test_draws_that_disagree_with_the_closed_form_are_refused(
    model: FittedModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ltvforecast.forecast import blocks

    true = blocks.probabilities
    monkeypatch.setattr(
        blocks, "probabilities", lambda *known: (true(*known)[0], 0.5 * true(*known)[1])
    )
    with pytest.raises(ForecastError, match="disagree"):
        predict(model, horizon="12mo", draws=200, workers=1)


def test_spend_statistics_follow_the_spend_model() -> None:
    from ltvforecast.forecast.prepare import spend_statistics

    table = made_customers(
        [0, 2, 3],
        [0, 5, 5],
        [9, 9, 9],
        first=np.array([10.0, 20.0, 0.0]),
        later=np.array([0, 60.0, 90.0]),
    )
    summary = made_summary(table)
    for spend, first, number, total in [
        ("gamma-gamma", True, [1, 3, 3], [10, 80, 90]),
        ("gamma-gamma", False, [0, 2, 3], [0, 60, 90]),
        ("gamma-gamma-mean", False, [0, 2, 3], [0, 60, 90]),
    ]:
        fit = made_model(summary, spend=spend, first_purchase=first).spend
        found = spend_statistics(summary.customers, fit)
        assert found[0].tolist() == number
        assert found[1].tolist() == pytest.approx(total)
