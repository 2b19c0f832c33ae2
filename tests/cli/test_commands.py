"""The command line: exit codes, words, JSON, and nothing half-written."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from ltvforecast.cli import main
from ltvforecast.data.synthetic import simulate_programme


@pytest.fixture(scope="module")
def orders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("orders") / "orders.csv"
    programme = simulate_programme(partners=5, customers=400, days=365, seed=3)
    programme.transactions.to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def model(orders: Path) -> Path:
    folder = orders.parent / "model"
    assert main(["fit", str(orders), "--out", str(folder), "--draws", "400", "--quiet"]) == 0
    return folder


@pytest.fixture(scope="module")
def forecast(model: Path) -> Path:
    folder = model.parent / "forecast"
    words = ["predict", str(model), "--horizon", "26w", "--draws", "200", "--out", str(folder)]
    assert main([*words, "--quiet"]) == 0
    return folder


def refusal(capsys: pytest.CaptureFixture[str], words: list[str]) -> tuple[int, str]:
    code = main(words)
    streams = capsys.readouterr()
    assert "Traceback" not in streams.err
    return code, streams.err


def test_check_prints_an_account_that_adds_up(
    orders: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", str(orders), "--json"]) == 0
    streams = capsys.readouterr()
    told = json.loads(streams.out)
    rows = len(pd.read_csv(orders))
    assert told["command"] == "check"
    assert told["account"]["rows_read"] == rows
    assert sum(line["rows"] for line in told["account"]["lines"]) == rows
    frame = pd.read_csv(orders)
    days = frame.groupby(["customer_id", "date"])["amount"].sum()
    assert told["purchase_days"] == len(days)
    assert told["free_purchase_days"] == int((days == 0).sum())
    assert told["first_day"] == frame["date"].min()[:10]


def test_the_whole_line_writes_what_the_contract_names(model: Path, forecast: Path) -> None:
    assert {path.name for path in model.iterdir()} >= {
        "model.json",
        "posterior.nc",
        "summary.parquet",
        "MODEL_CARD.md",
    }
    told = json.loads((model / "model.json").read_text(encoding="utf-8"))
    assert set(told["parameters"]["purchase"]) == {"r", "alpha", "a", "b"}
    assert set(told["parameters"]["purchase"]["r"]) == {"mean", "sd", "q05", "q50", "q95"}
    assert {path.name for path in forecast.iterdir()} >= {
        "partners.csv",
        "customers.parquet",
        "periods.csv",
        "programme.json",
        "draws.nc",
        "forecast.json",
    }
    partners = pd.read_csv(forecast / "partners.csv", dtype={"partner_id": str})
    assert partners["ltv"].is_monotonic_decreasing
    for quantity in ("existing_revenue", "future_revenue", "lifetime_revenue", "ltv"):
        for level in (50, 80, 90):
            low, high = partners[f"{quantity}_lo_{level}"], partners[f"{quantity}_hi_{level}"]
            assert (low <= high).all()
    report = forecast.parent / "report.html"
    assert main(["report", str(forecast), "--out", str(report), "--quiet"]) == 0
    assert "<html" in report.read_text(encoding="utf-8")


def test_same_inputs_give_the_same_bytes(model: Path, forecast: Path) -> None:
    again = forecast.parent / "again"
    words = ["predict", str(model), "--horizon", "26w", "--draws", "200", "--out", str(again)]
    assert main([*words, "--workers", "1", "--quiet"]) == 0
    written = [path.relative_to(forecast) for path in forecast.rglob("*") if path.is_file()]
    assert Path("model/model.json") in written
    for name in written:
        assert (forecast / name).read_bytes() == (again / name).read_bytes(), name


def predicted(model: Path, out: Path, *words: str) -> dict[str, dict[str, object]]:
    start = ["predict", str(model), "--horizon", "13w", "--draws", "100", "--out", str(out)]
    assert main([*start, "--quiet", *words]) == 0
    return {
        name: json.loads((out / name).read_text(encoding="utf-8"))
        for name in ("forecast.json", "programme.json")
    }


def test_money_terms_from_a_file_and_flags_that_win(model: Path, tmp_path: Path) -> None:
    file = tmp_path / "terms.toml"
    file.write_text(
        "margin = 0.6\ncommission = 0.1\ndiscount_rate = 0.05\nacquisition_cost = 500\n",
        encoding="utf-8",
    )
    told = predicted(model, tmp_path / "file", "--economics", str(file))
    record = told["forecast.json"]["provenance"]["economics"]
    assert record == {
        "margin": 0.6, "commission": 0.1, "discount_rate": 0.05, "acquisition_cost": 500.0,
    }  # fmt: skip
    assert told["programme.json"]["ltv_to_cac"] is not None
    won = predicted(model, tmp_path / "flags", "--economics", str(file), "--commission", "0.2")
    record = won["forecast.json"]["provenance"]["economics"]
    assert (record["commission"], record["margin"]) == (0.2, 0.6)
    settings = tmp_path / "run.toml"
    settings.write_text(f"[predict]\neconomics = '{file}'\nmargin = 0.7\n", encoding="utf-8")
    set_ = predicted(model, tmp_path / "set", "--config", str(settings))
    record = set_["forecast.json"]["provenance"]["economics"]
    assert (record["commission"], record["margin"]) == (0.1, 0.7)


def test_new_customers_can_be_left_out(model: Path, tmp_path: Path) -> None:
    off = predicted(model, tmp_path / "off", "--no-acquisition")
    assert off["programme.json"]["new_revenue"] is None
    assert off["forecast.json"]["provenance"]["new_customers"] == {
        "included": False, "why": "switched off",
    }  # fmt: skip
    settings = tmp_path / "run.toml"
    settings.write_text("[predict]\nacquisition = false\n", encoding="utf-8")
    same = predicted(model, tmp_path / "set", "--config", str(settings))
    assert same["programme.json"] == off["programme.json"]
    on = predicted(model, tmp_path / "on", "--acquisition", "--config", str(settings))
    assert on["forecast.json"]["provenance"]["new_customers"]["why"] != "switched off"


def test_an_economics_file_that_means_nothing_is_wrong_usage(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "terms.toml"
    file.write_text("margin = 60\n", encoding="utf-8")
    words = ["predict", str(model), "--horizon", "13w", "--out", str(tmp_path / "out")]
    code, told = refusal(capsys, [*words, "--economics", str(file)])
    assert code == 2
    assert "margin 60" in told
    assert not (tmp_path / "out").exists()


def test_an_output_that_is_there_is_not_replaced_unasked(
    orders: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (model / "model.json").read_bytes()
    code, told = refusal(capsys, ["fit", str(orders), "--out", str(model)])
    assert code == 2
    assert "--overwrite" in told
    assert (model / "model.json").read_bytes() == before


@pytest.mark.parametrize(
    ("horizon", "words"),
    [("0d", "0"), ("500y", "500"), ("12", "12"), ("soon", "soon"), ("1999-01-01", "1999-01-01")],
)
def test_a_horizon_that_means_nothing_is_wrong_usage(
    model: Path, tmp_path: Path, horizon: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "forecast"
    code, told = refusal(capsys, ["predict", str(model), "--horizon", horizon, "--out", str(out)])
    assert code in (1, 2)
    assert words in told
    assert "what to do" in told
    assert list(tmp_path.iterdir()) == []


BAD_FILES: dict[str, tuple[bytes, str]] = {
    "missing-column.csv": (b"partner_id,customer_id,date\nP,C,2025-01-01\n", "amount"),
    "empty.csv": (b"", "empty"),
    "header-only.csv": (b"partner_id,customer_id,date,amount\n", "row"),
    "latin1.csv": (
        "partner_id,customer_id,date,amount\nCafé,C,2025-01-01,1\n".encode("latin-1"),
        "UTF-8",
    ),
    "damaged.parquet": (b"PAR1 this is no parquet file PAR1", "Parquet"),
    "slashes.csv": (b"partner_id,customer_id,date,amount\nP,C,03/04/2025,1\n", "--date-format"),
    "comma.csv": (b'partner_id,customer_id,date,amount\nP,C,2025-01-01,"1.234,50"\n', "--decimal"),
    "text.csv": (b"partner_id,customer_id,date,amount\nP,C,2025-01-01,ten\n", "ten"),
    "spaces.csv": (
        b"partner_id,customer_id,date,amount\nP,C,2025-01-01,1\nP,C ,2025-01-02,1\n",
        "--trim-ids",
    ),
    "currencies.csv": (
        b"partner_id,customer_id,date,amount,currency\nP,C,2025-01-01,1,USD\nP,C,2025-01-02,1,EUR\n",
        "--currency",
    ),
}


@pytest.mark.parametrize("command", ["check", "fit"])
@pytest.mark.parametrize("name", sorted(BAD_FILES))
def test_bad_files_are_refused_in_words(
    name: str, command: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content, words = BAD_FILES[name]
    source = tmp_path / name
    source.write_bytes(content)
    extra = ["--out", str(tmp_path / "model")] if command == "fit" else []
    code, told = refusal(capsys, [command, str(source), *extra])
    assert code in (1, 2)
    assert words in told
    assert "what to do" in told
    assert list(tmp_path.iterdir()) == [source]


def test_a_folder_and_a_missing_file_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for source in (tmp_path, tmp_path / "nowhere.csv"):
        code, told = refusal(capsys, ["check", str(source)])
        assert code in (1, 2)
        assert "what to do" in told


def test_as_of_before_the_data_is_refused(
    orders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, told = refusal(
        capsys, ["fit", str(orders), "--as-of", "1990-01-01", "--out", str(tmp_path / "m")]
    )
    assert code in (1, 2)
    assert "1990-01-01" in told
    assert list(tmp_path.iterdir()) == []


def test_wrong_usage_exits_with_two(
    orders: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)  # a model that is there already would be refused with two as well
    for words in (
        ["fit"],
        ["nonsense"],
        ["fit", str(orders), "--method", "magic"],
        ["fit", str(orders), "--pooling", "magic"],
        ["check", str(orders), "--column", "amount"],
        ["check", str(orders), "--as-of", "31.12.2025"],
    ):
        assert refusal(capsys, words)[0] == 2, words
    assert list(tmp_path.iterdir()) == []


def test_unreadable_models_and_forecasts_exit_with_three(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert refusal(capsys, ["predict", str(tmp_path / "none"), "--horizon", "90d"])[0] == 3
    assert refusal(capsys, ["report", str(tmp_path / "none")])[0] == 3
    assert refusal(capsys, ["report", str(model), "--out", str(tmp_path / "r.html")])[0] == 3


def test_a_refusal_is_one_json_object_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in (["check", str(tmp_path / "none.csv"), "--json"], ["check", "--json"]):
        code = main(words)
        told = json.loads(capsys.readouterr().out)
        assert told["status"] == "refused"
        assert told["exit_code"] == code


def test_settings_come_from_a_file_and_flags_win(
    orders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = tmp_path / "run.toml"
    settings.write_text('[check]\nas-of = "2100-01-01"\nquiet = true\n', encoding="utf-8")
    assert main(["check", str(orders), "--config", str(settings), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["as_of"] == "2100-01-01"
    words = ["check", str(orders), "--config", str(settings), "--json", "--as-of", "2100-01-02"]
    assert main(words) == 0
    assert json.loads(capsys.readouterr().out)["as_of"] == "2100-01-02"
    settings.write_text("[check]\ncolour = 1\n", encoding="utf-8")
    code, told = refusal(capsys, ["check", str(orders), "--config", str(settings)])
    assert code == 2
    assert "colour" in told


def test_backtest_writes_the_scores_the_contract_names(
    orders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "backtest"
    words = ["backtest", str(orders), "--horizon", "8w", "--origins", "2", "--draws", "100"]
    assert main([*words, "--layers", "off", "--out", str(out), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["command"] == "backtest"
    scores = pd.read_csv(out / "scores.csv")
    assert set(scores) >= {
        "origin", "method", "level", "wape", "bias", "mae", "crps", "interval_score",
        "coverage_50", "coverage_80", "coverage_90", "coverage_95", "gini",
    }  # fmt: skip
    assert {"customer", "partner", "programme"} <= set(scores["level"])
    assert (out / "forecasts.csv").exists()
    code, told = refusal(capsys, [*words[:3], "10y", "--out", str(tmp_path / "other")])
    assert code == 2
    assert "longest" in told


def test_simulate_writes_data_and_truth(tmp_path: Path) -> None:
    out = tmp_path / "made-up.parquet"
    words = ["simulate", "--partners", "4", "--customers", "50", "--out", str(out), "--quiet"]
    assert main(words) == 0
    assert len(list(tmp_path.iterdir())) == 2
    assert main(["check", str(out), "--quiet"]) == 0


def test_a_reader_who_has_seen_enough_gets_no_traceback(orders: Path) -> None:
    words = [sys.executable, "-m", "ltvforecast", "check", str(orders)]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as command:
        assert command.stdout is not None
        assert command.stderr is not None
        command.stdout.close()
        assert command.stderr.read() == b""


def test_every_command_has_help_with_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    assert "Commands" in capsys.readouterr().out
    for command in ("check", "fit", "predict", "report", "backtest", "simulate", "demo"):
        assert main([command, "--help"]) == 0
        assert f"ltvforecast {command}" in capsys.readouterr().out


def test_fit_says_what_the_calendar_did_and_takes_events_from_a_file(
    orders: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    events = tmp_path / "campaigns.csv"
    events.write_text("start_date,end_date,factor\n2026-03-01,2026-03-31,2\n")
    words = ["fit", str(orders), "--draws", "200", "--layers", "off", "--calendar"]
    assert main([*words, str(events), "--out", str(tmp_path / "m")]) == 0
    assert "seasonal clock: 1 given events" in capsys.readouterr().out
    code, told = refusal(capsys, [*words, "nowhere.csv", "--out", str(tmp_path / "n")])
    assert code == 2
    assert "nowhere.csv" in told
