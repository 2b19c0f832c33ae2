from __future__ import annotations

import csv
import dataclasses
import datetime as dt
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import ltvforecast as ltv
from ltvforecast.data.partner_table import PartnerTable
from ltvforecast.data.synthetic import simulate_programme
from ltvforecast.data.transactions import read_transactions
from ltvforecast.errors import ConfigError, ForecastError, LTVForecastError, OutputExistsError
from ltvforecast.evaluate.backtest import backtest
from ltvforecast.evaluate.records import MODEL, PROGRAMME, Evaluation
from ltvforecast.evaluate.store import save_evaluation

QUICK = {
    "horizon": "60d",
    "target": "existing",
    "origins": 2,
    "draws": 60,
    "layers": "off",  # tests/evaluate/test_fit_programme.py has them
    "workers": 1,
    "min_customers": 10,
}


@pytest.fixture(scope="module")
def orders() -> pd.DataFrame:
    programme = simulate_programme(
        partners=6, customers=250, days=300, horizon_days=1, seed=4, shared_customers=0.3
    )
    return programme.transactions


@pytest.fixture(scope="module")
def evaluation(orders: pd.DataFrame) -> Evaluation:
    return backtest(read_transactions(orders), baselines=["last_window", "partner_mean"], **QUICK)


@pytest.fixture(scope="module")
def whole(orders: pd.DataFrame) -> Evaluation:
    return backtest(
        read_transactions(orders),
        baselines=["last_window", "partner_mean"],
        **{**QUICK, "target": "total"},
    )


def test_the_total_counts_every_purchase_through_a_known_partner(
    orders: pd.DataFrame, whole: Evaluation
) -> None:
    day = pd.to_datetime(orders["date"])
    for origin in whole.origins.itertuples():
        partners = set(orders.loc[day <= origin.origin, "partner_id"])
        window = (day > origin.origin) & (day <= origin.window_end)
        theirs = orders[window & orders["partner_id"].isin(partners)]
        assert origin.actual == pytest.approx(theirs["amount"].sum())
        rows = whole.forecasts[whole.forecasts["origin"] == origin.origin]
        rows = rows[(rows["level"] == "partner") & (rows["method"] == MODEL)]
        by_partner = theirs.groupby("partner_id")["amount"].sum()
        expected = by_partner.reindex(rows["partner_id"], fill_value=0.0)
        assert np.allclose(rows["actual"], expected)


def test_new_customers_are_in_the_total_and_scored_apart(
    evaluation: Evaluation, whole: Evaluation
) -> None:
    counted = whole.scores[whole.scores["target"] == "new_customers"]
    assert set(counted["method"]) == {MODEL}
    assert set(counted["level"]) == {"partner", "partner_all", "programme"}
    assert len(whole.new_customers) == 3
    assert evaluation.new_customers.empty
    one = counted[counted["level"] == "programme"].set_index("origin")
    came = whole.origins.set_index("origin")["new_customers"]
    error = one["mae"] / came  # all partners are known, so that all new customers are someone's
    assert np.allclose(one["wape"], error)
    forecasts = whole.forecasts
    mine = forecasts[(forecasts["method"] == MODEL) & (forecasts["level"] == "programme")]
    existing = evaluation.forecasts[evaluation.forecasts["level"] == "programme"]
    existing = existing[existing["method"] == MODEL]
    assert (mine["forecast"].to_numpy() > existing["forecast"].to_numpy()).all()
    assert (whole.pooled["level"] == "programme").sum() == 3


def test_baselines_that_know_of_no_new_customers_are_named(whole: Evaluation) -> None:
    assert any(": partner_mean; held against" in note for note in whole.notes)


def test_a_target_that_means_nothing_is_refused(orders: pd.DataFrame) -> None:
    with pytest.raises(ConfigError, match="target 'all'"):
        backtest(orders, horizon="60d", target="all")  # type: ignore[arg-type]


def test_the_tables_have_the_promised_columns(evaluation: Evaluation) -> None:
    first = [
        "origin", "method", "level", "wape", "bias", "mae", "crps", "interval_score",
        "coverage_50", "coverage_80", "coverage_90", "coverage_95", "gini",
    ]  # fmt: skip
    assert list(evaluation.scores.columns[: len(first)]) == first
    target = evaluation.scores.groupby("level")["target"].unique().map(list)
    assert target["customer"] == ["existing"]
    assert target["partner"] == target["programme"] == ["existing"]
    assert set(evaluation.scores["level"]) == {"customer", "partner", "partner_all", "programme"}
    assert set(evaluation.scores["method"]) == {MODEL, "last_window", "partner_mean"}
    assert evaluation.scores["origin"].nunique() == 2


def test_every_method_is_scored_against_the_same_target(evaluation: Evaluation) -> None:
    rows = evaluation.forecasts
    spread = rows.groupby(["origin", "partner_id"])["actual"].nunique()
    assert (spread == 1).all()
    model = rows[rows["method"] == MODEL]
    total = model[model["partner_id"] == PROGRAMME].set_index("origin")["actual"]
    assert np.allclose(total.to_numpy(), evaluation.origins["actual"].to_numpy())


def test_risk_bands_count_every_partner_at_every_origin(evaluation: Evaluation) -> None:
    rows = evaluation.forecasts
    mine = rows[(rows["method"] == MODEL) & (rows["partner_id"] != PROGRAMME)]
    bands = evaluation.risk_bands
    assert bands["partners"].sum() == len(mine)
    assert bands["silent"].sum() == (mine["actual"] <= 0).sum()
    assert set(bands["windows"]) == {2}
    assert set(bands["horizon_days"]) == {60.0}


def test_actuals_are_what_known_customers_bought(
    orders: pd.DataFrame, evaluation: Evaluation
) -> None:
    day = pd.to_datetime(orders["date"])
    for origin in evaluation.origins.itertuples():
        known = set(orders.loc[day <= origin.origin, "customer_id"])
        mine = (day > origin.origin) & (day <= origin.window_end)
        theirs = orders[mine & orders["customer_id"].isin(known)]
        assert origin.actual == pytest.approx(theirs["amount"].sum())
        assert origin.customers == len(known)
        assert origin.new_customers == len(set(orders.loc[mine, "customer_id"]) - known)


def test_scores_are_those_of_the_forecasts(evaluation: Evaluation) -> None:
    rows = evaluation.forecasts
    scores = evaluation.pooled.set_index(["method", "level"])
    for method in (MODEL, "last_window"):
        of_method = rows[(rows["method"] == method) & (rows["level"] == "partner")]
        error = (of_method["actual"] - of_method["forecast"]).abs()
        for level, some in (("partner_all", of_method["customers"] >= 0),
                            ("partner", of_method["customers"] >= 10)):  # fmt: skip
            got = scores.loc[(method, level)]
            assert got["units"] == some.sum()
            assert got["wape"] == pytest.approx(error[some].sum() / of_method["actual"][some].sum())
            assert got["crps"] == pytest.approx(of_method["crps"][some].mean())
            pit = of_method["pit"][some].dropna()
            assert got["coverage_90"] == pytest.approx(((pit >= 0.05) & (pit <= 0.95)).mean())


def test_the_future_changes_no_forecast(orders: pd.DataFrame, evaluation: Evaluation) -> None:
    first = evaluation.origins["origin"].iloc[0]
    late = pd.to_datetime(orders["date"]) > first
    changed = orders.copy()
    changed.loc[late, "amount"] *= 3.0
    changed.loc[late, "partner_id"] = "somebody new"
    refund = changed[~late].iloc[[-1]].assign(date=orders["date"].max())
    refund["amount"] *= -1.0
    changed = pd.concat([changed, refund], ignore_index=True)
    again = backtest(
        read_transactions(changed), baselines=["last_window", "partner_mean"], **QUICK
    )  # fmt: skip
    then, now = (
        table[table["origin"] == first].set_index(["method", "partner_id"])
        for table in (evaluation.forecasts, again.forecasts)
    )
    columns = ["forecast", "forecast_lo_90", "forecast_hi_90", "customers", "revenue_to_date"]
    assert then[columns].equals(now[columns])
    assert not np.allclose(then["actual"], now["actual"])
    assert "somebody new" in set(again.new_partners["partner_id"])
    assert any("sold only after the origin" in note for note in again.notes)


def test_customers_who_moved_are_counted_and_listed(evaluation: Evaluation) -> None:
    counted = evaluation.origins.set_index("origin")["moved_customers"]
    listed = evaluation.moved_customers.groupby("origin").size()
    assert counted.sum() > 0
    assert listed.reindex(counted.index, fill_value=0).equals(counted)


def test_side_by_side_changes_no_number(orders: pd.DataFrame, evaluation: Evaluation) -> None:
    told: list[tuple[str, int, int]] = []
    again = backtest(
        orders,
        baselines=["last_window", "partner_mean"],
        progress=lambda *step: told.append(step),
        **{**QUICK, "workers": 2},
    )
    pd.testing.assert_frame_equal(again.scores, evaluation.scores)
    pd.testing.assert_frame_equal(again.forecasts, evaluation.forecasts)
    assert told[-1][1:] == (2, 2)


def test_refunds_of_the_window_lower_what_came(orders: pd.DataFrame) -> None:
    day = pd.to_datetime(orders["date"])
    known = set(orders.loc[day <= day.max() - pd.Timedelta(days=60), "customer_id"])
    bought = orders[orders["customer_id"].isin(known)]
    last = bought.iloc[[-1]]
    refund = last.assign(amount=-last["amount"])
    with_refund = pd.concat([orders, refund], ignore_index=True)
    options = {**QUICK, "origins": 1, "draws": 20}
    plain, netted = (
        backtest(frame, baselines=["last_window"], **options) for frame in (orders, with_refund)
    )
    difference = plain.origins["actual"].iloc[0] - netted.origins["actual"].iloc[0]
    assert difference == pytest.approx(float(last["amount"].iloc[0]))


def test_an_origin_without_repeat_customers_is_listed_and_the_rest_goes_on() -> None:
    days = [dt.date(2025, 1, 1) + dt.timedelta(days=k) for k in range(200)]
    once = [("p", f"first{k}", day, 10.0) for k, day in enumerate(days[:60])]
    rng = np.random.default_rng(0)
    later = [
        (f"p{k % 3}", f"c{k}", days[int(day)], float(rng.gamma(3.0, 10.0)))
        for k in range(120)
        for day in rng.integers(62, 200, 4)
    ]
    frame = pd.DataFrame([*once, *later], columns=["partner_id", "customer_id", "date", "amount"])
    done = backtest(
        frame, horizon="50d", origins=3, draws=40, workers=1, baselines=["last_window"],
        min_customers=1, layers="off",
    )  # fmt: skip
    assert done.origins["repeat_customers"].iloc[0] == 0
    assert "no customer had bought twice" in done.origins["refused"].iloc[0]
    assert any("no customer had bought twice" in note for note in done.notes)
    model = done.scores[done.scores["method"] == MODEL]
    assert set(model["origin"]) == set(done.origins["origin"].iloc[1:])


def test_nothing_to_fit_anywhere_is_an_error() -> None:
    days = pd.date_range("2025-01-01", periods=100, freq="D")
    frame = pd.DataFrame(
        {"partner_id": "p", "customer_id": [f"c{k}" for k in range(100)], "date": days,
         "amount": 5.0}
    )  # fmt: skip
    with pytest.raises(ForecastError, match="no customer had bought twice"):
        backtest(frame, horizon="20d", origins=2, draws=10, workers=1, baselines=[])


def test_too_short_a_history_says_what_works(orders: pd.DataFrame) -> None:
    with pytest.raises(ConfigError, match="longest horizon that works is 108d"):
        backtest(orders, horizon="12mo", origins=4)


def test_an_unknown_baseline_is_refused(orders: pd.DataFrame) -> None:
    with pytest.raises(ConfigError, match="crystal_ball"):
        backtest(orders, horizon="60d", baselines=["crystal_ball"])


def test_the_folder_is_whole_and_readable(evaluation: Evaluation, tmp_path: Path) -> None:
    folder = tmp_path / "backtest"
    save_evaluation(evaluation, folder)
    scores = pd.read_csv(folder / "scores.csv")
    assert list(scores.columns) == list(evaluation.scores.columns)
    assert np.allclose(scores["wape"], evaluation.scores["wape"])
    forecasts = pd.read_csv(folder / "forecasts.csv", dtype={"partner_id": str})
    assert len(forecasts) == len(evaluation.forecasts)
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    assert summary["settings"]["crps_estimator"] == "fair"
    assert len(summary["scores"]) == len(evaluation.pooled)
    bands = pd.read_csv(folder / "risk_bands.csv")
    assert np.allclose(bands["silent_share"], evaluation.risk_bands["silent_share"])
    assert summary["risk_bands"] == bands.to_dict(orient="records")
    assert {row["method"] for row in summary["scores"]} == {MODEL, "last_window", "partner_mean"}
    with pytest.raises(OutputExistsError):
        save_evaluation(evaluation, folder)
    save_evaluation(evaluation, folder, overwrite=True)


def test_no_id_is_a_formula_to_a_spreadsheet(evaluation: Evaluation, tmp_path: Path) -> None:
    partner, customer = "=1+1", "@x"
    first = evaluation.forecasts["partner_id"].iloc[0]
    hostile = dataclasses.replace(
        evaluation,
        forecasts=evaluation.forecasts.replace({"partner_id": {first: partner}}),
        new_partners=pd.DataFrame({"origin": ["2025-01-31"] * 2, "partner_id": [partner, "a\r=b"]}),
        moved_customers=pd.DataFrame({"origin": ["2025-01-31"], "customer_id": [customer]}),
    )
    save_evaluation(hostile, tmp_path / "backtest")
    with (tmp_path / "backtest" / "forecasts.csv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    named = evaluation.forecasts["partner_id"].tolist()
    assert [row["partner_id"] for row in rows] == ["'=1+1" if n == first else n for n in named]
    assert [float(row["forecast"]) for row in rows] == evaluation.forecasts["forecast"].tolist()
    with (tmp_path / "backtest" / "new_partners.csv").open(encoding="utf-8", newline="") as lines:
        assert [row["partner_id"] for row in csv.DictReader(lines)] == ["'=1+1", "a\r=b"]
    moved = (tmp_path / "backtest" / "moved_customers.csv").read_text(encoding="utf-8")
    assert moved == "origin,customer_id\n2025-01-31,'@x\n"


def test_it_shows_itself_in_a_notebook(evaluation: Evaluation) -> None:
    assert "last_window" in evaluation._repr_html_()


@pytest.mark.slow
def test_the_model_is_calibrated_on_its_own_story() -> None:
    # 40 partners x 3 origins of a programme that follows the model: coverage within three
    # standard errors of nominal (they come from drawing origins and partners again), and the
    # true model beats the carry-forward baseline.
    programme = simulate_programme(
        partners=40, customers=4000, days=700, horizon_days=1, seed=12, size_spread=0.5
    )
    done = backtest(
        programme.transactions, horizon="120d", origins=3, draws=300, workers=1,
        baselines=["last_window"],
    )  # fmt: skip
    pooled = done.pooled.set_index(["method", "level"])
    mine = pooled.loc[(MODEL, "partner")]
    for level in (50, 90):
        error = max(mine[f"coverage_{level}_se"], 0.02)
        assert abs(mine[f"coverage_{level}"] - level / 100) < 3 * error
    assert mine["crps"] < pooled.loc[("last_window", "partner")]["crps"]
    assert mine["wape"] < pooled.loc[("last_window", "partner")]["wape"]


def test_names_in_any_script_stay_with_their_numbers() -> None:
    rng = np.random.default_rng(6)
    partners = ["Ωmega", "äpfel", "Zoo", "zoo", "東京", "𝒳"]
    days = pd.date_range("2025-01-01", periods=160, freq="D")
    rows = [
        (partners[k % 6], f"{partners[k % 6]}-{k}", days[int(day)], 10.0 ** (k % 6) + 1.0)
        for k in range(90)
        for day in rng.integers(0, 160, 6)
    ]
    frame = pd.DataFrame(rows, columns=["partner_id", "customer_id", "date", "amount"])
    done = backtest(
        frame, horizon="40d", origins=1, draws=40, workers=1, baselines=["last_window"],
        min_customers=1, layers="off",
    )  # fmt: skip
    one = done.forecasts[done.forecasts["method"] == "last_window"].set_index("partner_id")
    assert set(one.index) == {*partners, PROGRAMME}
    for k, partner in enumerate(partners):
        price = 10.0**k + 1.0
        for column in ("forecast", "actual"):
            assert one.loc[partner, column] / price == pytest.approx(
                round(one.loc[partner, column] / price)
            )
            assert one.loc[partner, column] > 0
    model = done.forecasts[done.forecasts["method"] == MODEL].set_index("partner_id")
    ratio = model.loc[partners, "forecast"] / one.loc[partners, "actual"]
    assert ratio.between(0.3, 3.0).all()


def described(orders: pd.DataFrame) -> tuple[pd.DataFrame, PartnerTable]:
    """Orders with a plan of each customer, and a table in which late partners are another tier."""
    first = orders.groupby("partner_id")["date"].min().sort_values()
    table = pd.DataFrame({"partner_id": first.index, "segment": "all"})
    table["certified"] = ["yes" if k % 2 else "no" for k in range(len(table))]
    plan = {name: "ab"[k % 2] for k, name in enumerate(sorted(orders["customer_id"].unique()))}
    return orders.assign(plan=orders["customer_id"].map(plan)), ltv.read_partners(table)


def test_covariates_are_fitted_at_every_origin(orders: pd.DataFrame) -> None:
    frame, table = described(orders)
    quick = {**QUICK, "origins": 1, "baselines": ["partner_mean"], "pooling": "complete"}
    found = backtest(frame, partners=table, covariates=["certified", "plan"], **quick)
    assert found.settings["covariates"] == ["certified", "plan"]
    assert not any("without the covariate" in note for note in found.notes)
    plain = backtest(frame, partners=table, **quick)
    one, other = (each.forecasts.query("method == @MODEL") for each in (found, plain))
    assert not np.allclose(one["forecast"], other["forecast"])


def test_covariates_that_are_not_known_yet_are_left_out_and_it_is_said(
    orders: pd.DataFrame,
) -> None:
    day = pd.to_datetime(orders["date"])
    late = orders["partner_id"].isin(["p05", "p06"]) | orders["partner_id"].isin(
        sorted(orders["partner_id"].unique())[-3:]
    )
    begun = orders[~late | (day > day.max() - pd.Timedelta(days=40))]
    frame, _ = described(begun)
    names = sorted(frame["partner_id"].unique())
    table = ltv.read_partners(
        pd.DataFrame(
            {"partner_id": names, "new": ["yes" if k >= len(names) - 3 else "no" for k in range(6)]}
        )
    )
    quick = {**QUICK, "origins": 1, "baselines": ["partner_mean"], "pooling": "complete"}
    found = backtest(frame, partners=table, covariates=["new", "plan"], **quick)
    note = next(note for note in found.notes if "without the covariate" in note)
    assert "without the covariate new: the covariate 'new' is False wherever it is known" in note
    assert not any("no forecast by model" in note for note in found.notes)


def test_covariates_that_never_mean_anything_are_refused_before_any_origin(
    orders: pd.DataFrame,
) -> None:
    frame, table = described(orders)
    for names, message in (
        (["tier"], "tier"),
        (["certified", "certified"], "named twice"),
        ("certified", "a sequence of names"),
    ):
        with pytest.raises(LTVForecastError, match=message):
            backtest(frame, partners=table, covariates=names, **QUICK)
    with pytest.raises(ConfigError, match="covariates with method 'lifetimes'"):
        backtest(frame, partners=table, covariates=["plan"], method="lifetimes", **QUICK)
