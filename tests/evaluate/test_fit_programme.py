from __future__ import annotations

import datetime as dt
import itertools
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ltvforecast.data.summary import summarize
from ltvforecast.data.synthetic import simulate_programme
from ltvforecast.data.transactions import read_transactions
from ltvforecast.evaluate import hindcast
from ltvforecast.evaluate.fit_programme import add_layers, fit
from ltvforecast.evaluate.hindcast import HORIZONS, past_forecasts, plan_past
from ltvforecast.fitting.store import load_model, save_model
from ltvforecast.forecast.predict import predict

EPOCH = dt.date(1970, 1, 1)


@pytest.fixture(scope="module")
def transactions():
    made = simulate_programme(partners=8, customers=400, days=400, seed=3)
    return read_transactions(made.transactions)


@pytest.fixture(scope="module")
def summary(transactions):
    return summarize(transactions)


@pytest.fixture(scope="module")
def model(summary):
    return fit(summary, draws=200, workers=1)


@pytest.fixture(scope="module")
def past(model, transactions):
    found, refused = past_forecasts(model, transactions, workers=1)
    assert refused == 0
    return found


class TestPlan:
    @pytest.mark.parametrize("history", [40, 60, 100, 365, 730, 2000])
    def test_windows_lie_in_the_history_and_rise(self, history):
        plan = plan_past(0, history - 1)
        for origin, windows in plan:
            assert origin + 1 >= history / 2 - 1
            assert origin >= 27
            assert list(windows) == sorted(set(windows))
            assert all(origin + days <= history - 1 for days in windows)
            assert windows[-1] == min(history - 1 - origin, HORIZONS[-1])
        assert [origin for origin, _ in plan] == sorted({o for o, _ in plan}, reverse=True)

    def test_a_history_of_a_month_is_too_short(self):
        assert plan_past(0, 30) == []

    def test_long_histories_try_every_horizon(self):
        tried = {days for _, windows in plan_past(0, 800) for days in windows}
        assert set(HORIZONS) <= tried


class TestPastForecasts:
    def test_what_came_is_the_known_customers_revenue(self, transactions, past):
        frame = transactions.frame
        one = past[-1]
        first = frame.groupby("customer_id")["day"].transform("min")
        inside = (
            (first <= one.origin_day)
            & (frame["day"] > one.origin_day)
            & (frame["day"] <= one.origin_day + one.days)
        )
        assert one.total == pytest.approx(frame.loc[inside, "amount_micros"].sum() / 1e6)
        by_partner = frame[inside].groupby("partner_id")["amount_micros"].sum() / 1e6
        assert one.actual == pytest.approx(by_partner.reindex(one.partner_ids).fillna(0).to_numpy())

    def test_nothing_after_a_date_moves_its_forecast(self, model, transactions, past):
        """Multiply all later amounts by ten: draws stay bit for bit, outcomes change."""
        origin = past[-1].origin_day
        frame = transactions.frame.copy()
        later = frame["day"] > origin
        frame.loc[later, "amount_micros"] *= 10
        again, _ = past_forecasts(model, replace(transactions, frame=frame), workers=1)
        before = [each for each in past if each.origin_day == origin]
        after = [each for each in again if each.origin_day == origin]
        assert len(before) == len(after) > 0
        for one, other in zip(before, after, strict=True):
            assert (one.draws == other.draws).all()
            assert other.total == pytest.approx(10 * one.total)

    def test_longer_windows_hold_shorter_ones(self, past):
        origin = past[-1].origin_day
        windows = [each for each in past if each.origin_day == origin]
        for shorter, longer in itertools.pairwise(windows):
            assert (longer.draws >= shorter.draws).all()
            assert longer.total >= shorter.total

    def test_workers_change_nothing(self, model, transactions, past):
        again, _ = past_forecasts(model, transactions, workers=2)
        assert [each.origin_day for each in again] == [each.origin_day for each in past]
        assert all((one.draws == other.draws).all() for one, other in zip(past, again, strict=True))

    def test_a_date_without_repeat_customers_is_counted(self):
        days = np.concatenate([np.arange(0, 120, 3), np.arange(300, 330)])
        frame = pd.DataFrame(
            {
                "partner_id": "p",
                "customer_id": [f"c{n}" for n in range(40)] + [f"c{n % 15}" for n in range(30)],
                "date": [EPOCH + dt.timedelta(days=20_000 + int(day)) for day in days],
                "amount": 10.0,
            }
        )
        known = read_transactions(frame)
        fitted = fit(summarize(known), draws=100, layers="off")
        _, refused = past_forecasts(fitted, known, workers=1)
        assert refused >= 3


class TestFit:
    def test_layers_are_learnt_from_the_transactions(self, model):
        assert [each.horizon_days for each in model.layers.estimates] == [28, 56, 91, 182, 365]
        assert model.layers.track_record
        assert "past dates" in model.layers.how

    def test_switched_off_or_without_transactions_there_are_none(self, summary, model):
        assert fit(summary, draws=100, layers="off").layers is None
        bare = replace(model, layers=None, summary=replace(summary, transactions=None))
        assert add_layers(bare) is bare

    def test_saved_and_loaded_they_are_the_same(self, model, tmp_path):
        save_model(model, tmp_path / "model")
        loaded = load_model(tmp_path / "model")
        assert loaded.layers == model.layers
        assert loaded.summary.transactions is None
        card = (tmp_path / "model" / "MODEL_CARD.md").read_text(encoding="utf-8")
        assert "What past forecasts taught" in card
        assert f"{model.layers.track_record[0].coverage_90:.1%}" in card


class TestPredict:
    def test_none_of_them_is_the_bare_model(self, model):
        bare = predict(replace(model, layers=None), horizon="13w", draws=200)
        none = predict(model, horizon="13w", draws=200, layers=[])
        assert (bare.draws["existing_revenue"] == none.draws["existing_revenue"]).all()
        pd.testing.assert_frame_equal(bare.customers, none.customers)

    def test_partners_periods_and_programme_add_up_with_all_of_them(self, model):
        made = predict(model, horizon="13w", draws=200)
        both = made.draws["existing_revenue"] + made.draws["new_revenue"]
        whole = both.sum("partner").to_numpy()
        assert made.programme["future_revenue"] == pytest.approx(whole.mean(), rel=1e-9)
        assert made.partners["future_revenue"].sum() == pytest.approx(whole.mean(), rel=1e-9)
        by_period = made.periods.groupby("partner_id")["future_revenue"].sum()
        assert by_period["__programme__"] == pytest.approx(whole.mean(), rel=1e-9)
        for _, row in made.partners.iterrows():
            assert by_period[row["partner_id"]] == pytest.approx(row["future_revenue"], rel=1e-9)

    def test_correction_moves_customers_and_partners_alike(self, model):
        estimates = tuple(
            replace(each, correction=0.2, weight=0.0) for each in model.layers.estimates
        )
        pushed = replace(model, layers=replace(model.layers, estimates=estimates))
        plain = predict(pushed, horizon="13w", draws=200, layers=["width"])
        moved = predict(pushed, horizon="13w", draws=200, layers=["width", "correction"])
        for quantity in ("future_revenue", "ltv"):
            for table in ("customers", "partners"):
                assert getattr(moved, table)[quantity].sum() == pytest.approx(
                    np.exp(0.2) * getattr(plain, table)[quantity].sum(), rel=1e-9
                )
        assert (moved.customers["p_active"] == plain.customers["p_active"]).all()

    def test_the_shared_factor_widens_the_programme_most(self, model):
        estimates = tuple(
            replace(each, partner_width=1.0, programme_spread=0.2)
            for each in model.layers.estimates
        )
        drifting = replace(model, layers=replace(model.layers, estimates=estimates))

        def relative(layers, table):
            made = predict(drifting, horizon="13w", draws=400, layers=layers)
            rows = made.partners if table == "partners" else pd.DataFrame([made.programme])
            return ((rows["ltv_hi_90"] - rows["ltv_lo_90"]) / rows["ltv"]).mean()

        grown = {t: relative(["width"], t) / relative([], t) for t in ("partners", "programme")}
        assert grown["programme"] > grown["partners"] > 1.0

    def test_provenance_names_what_is_on(self, model):
        made = predict(model, horizon="13w", draws=100, layers=["width"])
        told = made.provenance["layers"]
        assert told["on"] == ["width"]
        assert told["estimate"]["horizon_days"] == pytest.approx(91.0)
        assert len(told["track_record"]) == len(model.layers.track_record)


def test_partners_are_told_apart_at_past_dates_too_unless_there_are_too_many(
    model, transactions, past, monkeypatch
):
    assert model.partner_levels is not None
    assert not past[0].together
    monkeypatch.setattr(hindcast, "MOST_PARTNERS", 1)
    pooled, refused = past_forecasts(model, transactions, workers=1)
    assert refused == 0
    assert all(each.together for each in pooled)
    assert not np.array_equal(pooled[0].draws, past[0].draws)
    assert "partners were taken together" in add_layers(model, workers=1).layers.how


def lived_through(step):
    made = simulate_programme(
        partners=12, customers=1500, days=730, horizon_days=91, seed=11, step=step
    )
    known = summarize(read_transactions(made.transactions), as_of=made.as_of)
    model = fit(known, draws=200, calendar="off")
    return model, float(made.partners["future_revenue"].sum())


@pytest.mark.slow
def test_a_step_change_widens_the_intervals_instead_of_missing():
    """Purchase rates fall to .6 of what they were, 240 days before the as-of date."""
    steady, stepped = lived_through(None), lived_through((490.0, 0.6))
    calm, shaken = (
        next(each for each in model.layers.estimates if each.horizon_days == 91)
        for model, _ in (steady, stepped)
    )
    assert shaken.programme_spread > 2 * calm.programme_spread
    assert shaken.correction < calm.correction
    model, came = stepped
    bare, layered = (
        predict(model, horizon="91d", draws=400, layers=names).programme for names in ([], None)
    )
    assert came < bare["future_revenue_lo_90"]
    assert layered["future_revenue_lo_90"] <= came <= layered["future_revenue_hi_90"]
