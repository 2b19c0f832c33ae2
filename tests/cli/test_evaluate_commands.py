"""The commands that hold forecasts against what came."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from ltvforecast.cli import main
from ltvforecast.data.synthetic import simulate_programme


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all orders, those of the first nine months, and a forecast from them."""
    folder = tmp_path_factory.mktemp("score")
    frame = simulate_programme(partners=5, customers=300, days=365, seed=3).transactions
    frame.to_csv(folder / "all.csv", index=False)
    day = pd.to_datetime(frame["date"])
    frame[day <= day.max() - pd.Timedelta(days=100)].to_csv(folder / "old.csv", index=False)
    fit = ["fit", str(folder / "old.csv"), "--out", str(folder / "model"), "--draws", "200"]
    predict = ["predict", str(folder / "model"), "--horizon", "8w", "--draws", "200"]
    assert main([*fit, "--layers", "off", "--quiet"]) == 0
    assert main([*predict, "--out", str(folder / "forecast"), "--quiet"]) == 0
    return folder


def test_score_says_what_came_and_writes_it(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["score", str(place / "forecast"), str(place / "all.csv")]
    assert main([*words, "--out", str(place / "scores")]) == 0
    told = capsys.readouterr().out
    assert "revenue of known customers" in told
    assert "verdict: " in told
    assert {path.name for path in (place / "scores").iterdir()} == {
        "score.json",
        "partners.csv",
        "periods.csv",
    }
    assert main([*words, "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["command"] == "score"
    assert record["complete"] is True
    assert record["verdict"]["word"] in ("still good", "watch", "refit")
    assert main([*words, "--out", str(place / "scores")]) == 2  # taken


def test_score_refuses_what_it_cannot_score(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["score", str(place / "model"), str(place / "all.csv")]) == 3
    assert main(["score", str(place / "forecast"), str(place / "old.csv")]) == 1
    streams = capsys.readouterr()
    assert "what to do: give a newer export" in streams.err
    assert "Traceback" not in streams.err


def test_compare_shows_both_views(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = [
        "compare", str(place / "all.csv"), "--models", "gamma-gamma,gamma-gamma-mean",
        "--horizon", "60d", "--origins", "1", "--draws", "100", "--workers", "1",
    ]  # fmt: skip
    assert main([*words, "--out", str(place / "compared")]) == 0
    told = capsys.readouterr().out
    assert "elpd_loo" in told
    assert "inside 90 %" in told
    assert {path.name for path in (place / "compared").iterdir()} == {
        "compare.csv",
        "scores.csv",
        "summary.json",
    }
    assert main(["compare", str(place / "all.csv"), "--models", "x,y", "--horizon", "60d"]) == 2
    assert "nothing that a fit offers" in capsys.readouterr().err
