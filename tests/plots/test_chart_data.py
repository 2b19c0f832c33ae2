from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np
import pytest

from ltvforecast.economics_types import Economics
from ltvforecast.errors import ConfigError, ForecastError
from ltvforecast.forecast_types import Horizon, PartnerForecast
from ltvforecast.plots.chart_data import (
    bounds,
    forecast_by_period,
    pareto_curve,
    rank_ranges,
    ranked_partners,
    recent_revenue,
    revenue_by_period,
    watched_partners,
)
from tests.report.made_forecast import AS_OF, EPOCH, make_forecast


@pytest.fixture(scope="module")
def forecast() -> PartnerForecast:
    return make_forecast()


def test_levels_that_are_not_there_are_refused(forecast: PartnerForecast) -> None:
    assert bounds(forecast, "ltv", 80) == ("ltv_lo_80", "ltv_hi_80")
    with pytest.raises(ConfigError, match="no 95 % intervals"):
        bounds(forecast, "ltv", 95)


def test_ranks_fall_with_worth_whatever_the_order_of_the_table(forecast: PartnerForecast) -> None:
    shuffled = replace(forecast, partners=forecast.partners.sample(frac=1, random_state=3))
    ranked = ranked_partners(shuffled)
    assert ranked["ltv"].is_monotonic_decreasing
    assert ranked["rank"].tolist() == list(range(1, 31))
    assert ranked["partner_id"].tolist() == ranked_partners(forecast)["partner_id"].tolist()


def test_places_follow_the_draws(forecast: PartnerForecast) -> None:
    best, worst = rank_ranges(forecast, level=90)
    assert (best <= worst).all()
    assert best.min() >= 1
    assert worst.max() <= 30
    draws = forecast.draws["ltv"].to_numpy()
    first = ranked_partners(forecast)["partner_id"].iloc[0]
    place = list(forecast.draws["partner"].to_numpy()).index(first)
    ranks = (draws > draws[:, [place]]).sum(axis=1) + 1
    assert best[0] == np.quantile(ranks, 0.05, method="inverted_cdf")
    assert worst[0] == np.quantile(ranks, 0.95, method="inverted_cdf")


def test_pareto_shares_are_those_of_the_draws(forecast: PartnerForecast) -> None:
    curve = pareto_curve(forecast, level=80)
    assert curve is not None
    assert curve.quantity == "ltv"
    table = ranked_partners(forecast)
    order = [list(forecast.draws["partner"].to_numpy()).index(name) for name in table["partner_id"]]
    draws = forecast.draws["ltv"].to_numpy()
    for rank, share, low, high in zip(curve.rank, curve.share, curve.low, curve.high, strict=True):
        first = draws[:, order[:rank]].sum(axis=1) / draws.sum(axis=1)
        assert share == pytest.approx(table["ltv"].head(rank).sum() / table["ltv"].sum())
        assert (low, high) == pytest.approx(tuple(np.quantile(first, (0.1, 0.9))))
    assert curve.rank[-1] == 30
    assert curve.share[-1] == pytest.approx(1.0)


def test_a_long_pareto_curve_is_thinned_but_keeps_its_landmarks() -> None:
    forecast = make_forecast(partners=1200, customers=3000)
    curve = pareto_curve(forecast)
    assert curve is not None
    assert len(curve.rank) < 190
    head = int((forecast.partners["tail"] == "head").sum())
    assert {1, 2, 3, 10, 100, 1000, head, 1200} <= set(curve.rank.tolist())


def test_pareto_falls_back_on_revenue_and_then_on_nothing() -> None:
    losing = make_forecast(economics=Economics(margin=0.1, commission=0.3))
    curve = pareto_curve(losing)
    assert curve is not None
    assert curve.quantity == "future_revenue"
    assert pareto_curve(make_forecast(revenue_scale=0.0)) is None


def test_missing_draws_are_named(forecast: PartnerForecast) -> None:
    with pytest.raises(ForecastError, match="no draws of ltv"):
        pareto_curve(replace(forecast, draws=forecast.draws.drop_vars("ltv")))


def test_months_add_up_and_say_where_they_are_incomplete(forecast: PartnerForecast) -> None:
    months = revenue_by_period(forecast)
    assert months["revenue"].sum() == pytest.approx(forecast.history["revenue"].sum())
    assert months["start"].iloc[0] == AS_OF - dt.timedelta(days=729)
    assert months["complete"].tolist() == [False] + [True] * 23
    one = revenue_by_period(forecast, partner_id="Partner 0003")
    own = forecast.history[forecast.history["partner_id"] == "Partner 0003"]
    assert len(one) == 24
    assert one["revenue"].sum() == pytest.approx(own["revenue"].sum())


def test_a_month_that_as_of_leaves_on_the_way_is_incomplete() -> None:
    forecast = make_forecast(partners=3, as_of=dt.date(2024, 11, 13))
    last = revenue_by_period(forecast).iloc[-1]
    assert (last["start"], last["end"]) == (dt.date(2024, 11, 1), dt.date(2024, 11, 13))
    assert not last["complete"]


def test_short_horizons_are_counted_in_weeks() -> None:
    forecast = make_forecast(
        partners=3, horizon=Horizon(text="8w", days=56.0), history_days=100,
        as_of=dt.date(2024, 11, 13),
    )  # fmt: skip
    weeks = revenue_by_period(forecast)
    assert len(weeks) == 15
    assert weeks["end"].iloc[-1] == dt.date(2024, 11, 13)
    assert weeks["complete"].tolist() == [False] + [True] * 14
    assert weeks["revenue"].sum() == pytest.approx(forecast.history["revenue"].sum())
    assert len(forecast_by_period(forecast)) == 8


def test_periods_of_nobody_are_refused(forecast: PartnerForecast) -> None:
    assert len(forecast_by_period(forecast, partner_id="Partner 0001")) == 12
    with pytest.raises(ConfigError, match="'Nobody'"):
        forecast_by_period(forecast, partner_id="Nobody")


def test_a_period_cut_short_is_incomplete() -> None:
    forecast = make_forecast(partners=2)
    periods = forecast.periods.copy()
    periods.loc[periods["period_end"] == "2025-12-31", "period_end"] = "2025-12-15"
    table = forecast_by_period(replace(forecast, periods=periods))
    assert table["complete"].tolist() == [True] * 11 + [False]


@pytest.mark.parametrize(("days", "complete"), [(366, True), (365, True), (364, False)])
def test_the_window_before_is_as_long_as_the_horizon(days: int, complete: bool) -> None:
    forecast = make_forecast(partners=4, history_days=days)
    recent, known = recent_revenue(forecast)
    assert known is complete
    history = forecast.history
    inside = history[history["day"] > (AS_OF - EPOCH).days - 365]
    assert recent.sum() == pytest.approx(inside["revenue"].sum())


def test_partners_are_watched_by_money_times_risk(forecast: PartnerForecast) -> None:
    table = watched_partners(forecast)
    assert table["weight"].is_monotonic_decreasing
    risk = table["risk"].mask(table["silent"], 1.0)
    assert (table["weight"] == table["at_stake"] * risk).all()
    assert set(table["event"]) == {"halving"}
    listed = table[table["number"] > 0]
    assert listed["number"].tolist() == list(range(1, len(listed) + 1))
    assert len(listed) <= 15
    assert ((listed["risk"] >= 0.1) | listed["silent"]).all()
    recent, _ = recent_revenue(forecast)
    assert table.set_index("partner_id")["at_stake"].to_dict() == pytest.approx(recent.to_dict())


def test_without_a_past_to_compare_with_the_risk_is_silence() -> None:
    table = watched_partners(make_forecast(decline_known=False))
    assert set(table["event"]) == {"silence"}
    assert (table["risk"] == table["p_churn"]).all()
    assert (table["at_stake"] == table["future_revenue"]).all()
    assert table["weight"].notna().all()


def test_last_purchase_and_usual_gap(forecast: PartnerForecast) -> None:
    row = watched_partners(forecast).set_index("partner_id").loc["Partner 0002"]
    days = np.sort(forecast.history.query("partner_id == 'Partner 0002'")["day"].to_numpy())
    assert row["last_day"] == days[-1]
    assert row["usual_gap"] == np.median(np.diff(days))


def test_a_random_pause_seldom_counts_as_silence() -> None:
    """The chance is 2 / ((k + 1) (k + 2)) after k pauses; here the last one is still running."""
    rng = np.random.default_rng(5)
    pauses = rng.exponential(size=(200_000, 21))
    silent = pauses[:, 20] > 2 * pauses[:, :20].max(axis=1)
    expected = 2 / (21 * 22)
    error = np.sqrt(expected * (1 - expected) / len(silent))
    assert abs(silent.mean() - expected) < 3 * error
