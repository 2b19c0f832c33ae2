"""The command whatif: answers with their assumptions, and refusals in plain words."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from ltvforecast.cli import main
from ltvforecast.economics_types import Economics
from ltvforecast.fitting.store import save_model
from ltvforecast.forecast.predict import predict
from ltvforecast.forecast.store import save_forecast
from tests.forecast.made_model import CDNOW, made_cohort, made_model, made_summary


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whatif") / "model"
    customers = made_cohort(60, CDNOW, observed=39.0, seed=3)
    shares = [{"north": 1.0} if i % 2 else {"=south": 1.0} for i in range(60)]
    save_model(made_model(made_summary(customers, shares=shares)), folder)
    return folder


@pytest.fixture(scope="module")
def forecast(model: Path) -> Path:
    from ltvforecast.fitting.store import load_model

    folder = model.parent / "forecast"
    economics = Economics(margin=0.5, commission=0.1)
    save_forecast(
        predict(load_model(model), horizon="26w", economics=economics, draws=100, levels=(80,)),
        folder,
    )
    shutil.copytree(model, folder / "model")
    return folder


def whatif(*words: object) -> int:
    return main(["whatif", *map(str, words)])


def test_a_forecast_is_asked_with_its_own_horizon_terms_and_seed(
    forecast: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert whatif(forecast, "--set", "commission=0.2", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    programme = json.loads((forecast / "programme.json").read_text(encoding="utf-8"))
    assert told["programme"]["base_ltv"] == pytest.approx(programme["ltv"], rel=1e-12)
    # ltv is linear in margin less commission: 0.5 - 0.2 instead of 0.5 - 0.1
    assert told["programme"]["changed_ltv"] == pytest.approx(0.75 * programme["ltv"], rel=1e-12)
    assert any("20 % instead of 10 %" in sentence for sentence in told["assumptions"])
    assert {row["partner_id"] for row in told["partners"]} == {"north", "=south"}


def test_the_answer_for_people_has_interval_and_assumptions(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("--horizon", "12mo", "--draws", 100, "--set", "retention=+5%")
    assert whatif(model, *words) == 0
    told = capsys.readouterr().out
    assert "retention +5 %" in told.lower()
    assert "assumed, not estimated" in told
    assert "90 % interval" in told
    assert "Only customers known today" in told


def test_a_budget_says_whom_to_support_and_the_table_is_safe_for_spreadsheets(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "whatif.csv"
    words = ("--horizon", "12mo", "--draws", 100, "--set", "order_value=+10%", "--out", out)
    money = ("--cost-per-partner", 5, "--budget", 6)
    assert whatif(model, *words, *money, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["support"]["supported"] == 1
    assert told["support"]["left"] == 1.0
    table = pd.read_csv(out)
    assert set(table["partner_id"]) == {"north", "'=south"}
    assert table["supported"].sum() == 1
    assert table["break_even"].between(0, 4).all()
    assert whatif(model, *words) == 2
    assert "--overwrite" in capsys.readouterr().err


def test_whom_to_support_is_said_in_words(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--horizon", "12mo", "--draws", 100, "--set", "order_value=+10%")
    assert whatif(model, *words, "--cost-per-partner", 5) == 0
    told = capsys.readouterr().out
    assert "support 2 partners for 10" in told
    assert "break-even: how many times" in told
    assert whatif(model, *words, "--cost-per-partner", 1e6, "--budget", 2e6) == 0
    told = capsys.readouterr().out
    assert "no partner that is expected to bring back its cost within the budget" in told
    assert "none" in told


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--set", "colour=+5%"], "purchase_rate"),
        (["--set", "retention"], "key=value"),
        (["--set", "retention=1.05"], "+5%"),
        (["--set", "retention=+150%"], "100 %"),
        (["--set", "retention=+5%", "--set", "retention=+6%"], "twice"),
        (["--set", "purchase_rate=-100%"], "0.1"),
        (["--set", "order_value=xnan"], "+5%"),
        (["--set", "commission=+5%"], "0.20"),
        (["--set", "commission=20"], "from 0 to 1"),
        (["--set", "support_cost_per_month=-5"], "0 or more"),
        (["--set", "retention=-150%"], "factor"),
        (["--set", "margin=0.5", "--partner", "nobody"], "nobody"),
        (["--set", "margin=0.5", "--budget", "5"], "--cost-per-partner"),
        (["--set", "margin=0.5", "--cost-per-partner", "-5"], "minus"),
        (["--set", "margin=0.5", "--cost-per-partner", "5", "--budget", "0"], "above 0"),
        (["--set", "margin=0.5", "--levels", "120"], "99"),
    ],
)
def test_nonsense_is_wrong_usage_in_plain_words(
    model: Path, words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert whatif(model, "--horizon", "26w", "--draws", 100, *words) == 2
    told = capsys.readouterr().err
    assert said in told
    assert "Traceback" not in told


def test_what_is_no_model_or_has_no_horizon_is_refused(
    model: Path, forecast: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert whatif(model, "--set", "margin=0.5") == 2
    assert "--horizon" in capsys.readouterr().err
    assert whatif(tmp_path, "--horizon", "26w", "--set", "margin=0.5") == 3
    alone = tmp_path / "forecast"
    shutil.copytree(forecast, alone)
    shutil.rmtree(alone / "model")
    assert whatif(alone, "--set", "margin=0.5") == 2
    assert "predict again" in capsys.readouterr().err
    assert whatif(model, "--horizon", "26w") == 2


def test_a_refusal_is_json_where_json_was_asked_for(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert whatif(model, "--horizon", "26w", "--set", "colour=red", "--json") == 2
    assert json.loads(capsys.readouterr().out)["status"] == "refused"
