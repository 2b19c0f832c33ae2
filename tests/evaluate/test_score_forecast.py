from __future__ import annotations

import csv
import dataclasses
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ltvforecast.data.summary import summarize
from ltvforecast.data.synthetic import simulate_programme
from ltvforecast.data.transactions import read_transactions
from ltvforecast.errors import ForecastError, LTVForecastError, TransactionError
from ltvforecast.evaluate.records import PROGRAMME
from ltvforecast.evaluate.score_forecast import score
from ltvforecast.evaluate.store import save_score, score_record
from ltvforecast.fitting.fit_model import fit_model
from ltvforecast.forecast.predict import predict
from ltvforecast.forecast_types import PartnerForecast

AS_OF, DAYS = pd.Timestamp("2025-06-30"), 70


@pytest.fixture(scope="module")
def orders() -> pd.DataFrame:
    frame = simulate_programme(
        partners=8, customers=400, days=300, horizon_days=1, seed=5, shared_customers=0.3
    ).transactions
    day = pd.to_datetime(frame["date"])
    # so that the data end long after the horizon does
    return frame.assign(date=day + (AS_OF + pd.Timedelta(days=DAYS + 20) - day.max()))


@pytest.fixture(scope="module")
def forecast(orders: pd.DataFrame) -> PartnerForecast:
    known = read_transactions(orders[orders["date"] <= AS_OF])
    model = fit_model(summarize(known, as_of=AS_OF.date()), draws=400)
    return predict(model, horizon=f"{DAYS}d", draws=400)


def until(orders: pd.DataFrame, days: int) -> pd.DataFrame:
    return orders[orders["date"] <= AS_OF + pd.Timedelta(days=days)]


def of_known(orders: pd.DataFrame, *, first: int = 1, last: int = DAYS) -> pd.DataFrame:
    """What customers known at the as-of date bought in some days after it, added up plainly."""
    known = set(orders.loc[orders["date"] <= AS_OF, "customer_id"])
    after = (orders["date"] - AS_OF).dt.days
    return orders[orders["customer_id"].isin(known) & after.between(first, last)]


def test_actuals_are_what_known_customers_bought(
    orders: pd.DataFrame, forecast: PartnerForecast
) -> None:
    found = score(forecast, orders)
    plain = of_known(orders).groupby("partner_id")["amount"].sum()
    mine = found.partners.set_index("partner_id")["actual"]
    expected = plain.reindex(mine.index, fill_value=0.0)
    np.testing.assert_allclose(mine, expected, atol=1e-6)
    assert found.complete
    assert found.programme["actual"] == pytest.approx(of_known(orders)["amount"].sum())
    fresh = orders[
        orders["date"].between(AS_OF + pd.Timedelta(days=1), found.window_end.isoformat())
    ]
    newcomers = fresh[~fresh["customer_id"].isin(of_known(orders)["customer_id"])]
    old = set(orders.loc[orders["date"] <= AS_OF, "customer_id"])
    newcomers = newcomers[~newcomers["customer_id"].isin(old)]
    assert found.beside["new_customers"] == newcomers["customer_id"].nunique()
    assert found.beside["revenue_of_new_customers"] == pytest.approx(newcomers["amount"].sum())


def test_intervals_are_those_of_the_draws(orders: pd.DataFrame, forecast: PartnerForecast) -> None:
    found = score(forecast, orders)
    draws = forecast.draws["existing_revenue"].to_pandas()
    for row in found.partners.to_dict(orient="records"):
        mine = draws[row["partner_id"]]
        assert row["forecast"] == pytest.approx(mine.mean())
        assert row["forecast_hi_90"] == pytest.approx(np.quantile(mine, 0.95))
        assert row["inside_90"] == (row["forecast_lo_90"] <= row["actual"] <= row["forecast_hi_90"])
        assert row["surprise"].startswith("as forecast") == row["inside_90"]
    assert set(found.scores["level"]) == {"partner", "partner_all", "programme"}
    assert found.verdict.word in ("still good", "watch", "refit")


def test_a_tripled_future_is_to_be_refitted(
    orders: pd.DataFrame, forecast: PartnerForecast
) -> None:
    amount = orders["amount"].where(orders["date"] <= AS_OF, 3 * orders["amount"])
    assert score(forecast, orders.assign(amount=amount)).verdict.word == "refit"


def test_an_unfinished_window_is_scored_by_its_whole_periods(
    orders: pd.DataFrame, forecast: PartnerForecast
) -> None:
    found = score(forecast, until(orders, 66))
    assert not found.complete
    assert (found.days_passed, found.days_asked) == (66, DAYS)
    assert found.scored_until.isoformat() == "2025-08-31"  # July and August have passed
    assert found.days_scored == 62
    table = forecast.periods[forecast.periods["period_end"] <= "2025-08-31"]
    expected = table.groupby("partner_id")["existing_revenue"].sum()
    mine = found.partners.set_index("partner_id")
    np.testing.assert_allclose(mine["forecast"], expected.reindex(mine.index))
    plain = of_known(until(orders, 66), last=62)["amount"].sum()
    assert found.programme["actual"] == pytest.approx(plain)
    assert found.periods["actual"].sum() == pytest.approx(2 * plain)  # partners, and all of them
    assert mine["forecast_hi_90"].isna().all()
    assert found.scores["crps"].isna().all()
    assert found.scores["coverage_90"].between(0, 1).all()
    assert any(note.startswith("66 of 70 days have passed") for note in found.notes)


def test_one_period_that_has_passed_keeps_its_interval(
    orders: pd.DataFrame, forecast: PartnerForecast
) -> None:
    found = score(forecast, until(orders, 40))
    first = forecast.periods[forecast.periods["period_start"] == "2025-07-01"]
    high = first.set_index("partner_id")["existing_revenue_hi_90"]
    mine = found.partners.set_index("partner_id")["forecast_hi_90"].astype(float)
    np.testing.assert_allclose(mine, high.reindex(mine.index))


def test_before_the_first_period_has_passed_nothing_is_scored(
    orders: pd.DataFrame, forecast: PartnerForecast
) -> None:
    with pytest.raises(ForecastError, match="20 of 70 days have passed") as refusal:
        score(forecast, until(orders, 20))
    assert "2025-07-31" in refusal.value.remedy


def test_refunds_after_the_window_still_count(
    orders: pd.DataFrame, forecast: PartnerForecast
) -> None:
    sale = of_known(orders).iloc[-1]
    refund = sale.to_frame().T.assign(
        date=orders["date"].max(), amount=-float(sale["amount"]), order_id="refund"
    )
    back = pd.concat([orders, refund[[c for c in orders.columns if c in refund]]])
    back = back.assign(amount=back["amount"].astype(float), date=pd.to_datetime(back["date"]))
    before, after = score(forecast, orders), score(forecast, back)
    lost = float(str(before.programme["actual"])) - float(str(after.programme["actual"]))
    assert 0 < lost <= sale["amount"] + 1e-6


def test_what_all_is_credited_to_one_partner_is_scored_so(
    orders: pd.DataFrame, forecast: PartnerForecast
) -> None:
    known = read_transactions(orders[orders["date"] <= AS_OF])
    summary = summarize(known, as_of=AS_OF.date(), attribution="first")
    first = predict(fit_model(summary, draws=200), horizon=f"{DAYS}d", draws=200)
    found = score(first, orders)
    main = first.customers.set_index("customer_id")["partner_id"]
    plain = of_known(orders)
    expected = plain.groupby(plain["customer_id"].map(main))["amount"].sum()
    mine = found.partners.set_index("partner_id")["actual"]
    np.testing.assert_allclose(mine, expected.reindex(mine.index, fill_value=0.0), atol=1e-6)
    assert mine.sum() == pytest.approx(plain["amount"].sum())


def refused(forecast: PartnerForecast, orders: pd.DataFrame) -> LTVForecastError:
    with pytest.raises(TransactionError) as refusal:
        score(forecast, orders)
    assert refusal.value.remedy
    return refusal.value


def test_another_programme_is_refused(orders: pd.DataFrame, forecast: PartnerForecast) -> None:
    strangers = orders.assign(customer_id="other-" + orders["customer_id"].astype(str))
    assert "customers are in these" in refused(forecast, strangers).found
    moved = orders.assign(partner_id="other-" + orders["partner_id"].astype(str))
    assert "partners are in these" in refused(forecast, moved).found
    cents = orders.assign(amount=orders["amount"] * 100)
    assert "100 times as much" in refused(forecast, cents).found
    assert "the last transaction is of" in refused(forecast, until(orders, 0)).found
    assert "the first transaction is of" in refused(forecast, orders[orders["date"] > AS_OF]).found
    account = {**dict(forecast.provenance["account"]), "currency": "EUR"}  # type: ignore[call-overload]
    euros = dataclasses.replace(forecast, provenance={**forecast.provenance, "account": account})
    assert "in USD; the forecast is in EUR" in refused(euros, orders.assign(currency="USD")).found


def test_restated_history_is_told(orders: pd.DataFrame, forecast: PartnerForecast) -> None:
    partner = orders["partner_id"].iloc[0]
    old = (orders["date"] <= AS_OF) & (orders["partner_id"] == partner)
    restated = orders.assign(amount=orders["amount"].where(~old, 1.2 * orders["amount"]))
    found = score(forecast, restated)
    assert found.agreement.restated_partners["partner_id"].tolist() == [partner]
    assert any("changed by more than 1%" in note for note in found.notes)
    assert score(forecast, orders).agreement.notes == ()
    lost = found.agreement.partners - 1
    gone = score(forecast, orders[orders["partner_id"] != partner])
    assert gone.agreement.missing_partners == (partner,)
    assert gone.agreement.partners_found == lost


@pytest.mark.parametrize("days", [90, 40, 66])
def test_the_folder_holds_plain_numbers(
    orders: pd.DataFrame, forecast: PartnerForecast, tmp_path: Path, days: int
) -> None:
    found = score(forecast, until(orders, days))
    odd = found.partners.assign(partner_id=["=1+1", *found.partners["partner_id"].iloc[1:]])
    save_score(dataclasses.replace(found, partners=odd), tmp_path / "s")
    told = json.loads((tmp_path / "s" / "score.json").read_text(encoding="utf-8"))
    assert told == json.loads(json.dumps(score_record(found), allow_nan=False))
    assert told["verdict"]["word"] == found.verdict.word
    with (tmp_path / "s" / "partners.csv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert rows[0]["partner_id"] == "'=1+1"
    assert float(rows[1]["actual"]) == pytest.approx(found.partners["actual"].iloc[1])
    whole = pd.read_csv(tmp_path / "s" / "periods.csv")
    assert PROGRAMME in set(whole["partner_id"])
