"""The command recruit: segments in order, one new partner, a lead, and refusals in plain words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ltvforecast.cli import main
from ltvforecast.fitting.store import save_model
from tests.forecast.made_recruits import made_recruits, with_partner_covariate


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("recruit") / "model"
    save_model(made_recruits(spread=0.3, draws=100), folder)
    return folder


def recruit(*words: object) -> int:
    return main(["recruit", *map(str, words), "--horizon", "12mo", "--draws", "100"])


def test_segments_are_ranked(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert recruit(model, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert [row["segment"] for row in told["segments"]] == ["shop", "blog"]
    assert told["partner"] is None
    assert told["lead"] is None
    assert recruit(model) == 0
    words = capsys.readouterr().out
    assert words.index("shop") < words.index("blog")
    assert "p(best)" in words


def test_one_segment_with_terms_and_a_lead(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    terms = tmp_path / "terms.toml"
    terms.write_text("margin = 0.5\nacquisition_cost = 100.0\n", encoding="utf-8")
    words = (model, "--segment", "shop", "--economics", terms, "--lead-conversion", "12/240")
    assert recruit(*words, "--leads", 50, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["partner"]["segment"] == "shop"
    assert told["partner"]["cac"] == 100.0
    assert told["lead"]["leads"] == 50
    rate = told["lead"]["conversion_rate"]
    assert 0.03 < rate < 0.07
    assert told["lead"]["value"] == pytest.approx(rate * told["lead"]["customer_value"], rel=0.02)
    assert recruit(*words) == 0
    shown = capsys.readouterr().out
    assert "a lead is worth" in shown
    assert "its cost of 100 is paid back within the horizon" in shown
    assert "first customer" in shown


def test_covariates_are_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_model(with_partner_covariate(made_recruits(draws=100), 0.7), tmp_path / "m")
    found = []
    for said in ("yes", "no"):
        covariate = ("--covariate", f"certified={said}")
        assert recruit(tmp_path / "m", "--segment", "shop", *covariate, "--json") == 0
        found.append(json.loads(capsys.readouterr().out)["partner"]["future_revenue"])
    assert found[0] == pytest.approx(found[1] * 2.0138, rel=1e-3)  # exp(0.7)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--segment", "kiosk"), "one of blog, shop"),
        (("--covariate", "tier"), "NAME=VALUE"),
        (("--covariate", "tier=gold"), "none of partners"),
        (("--lead-conversion", "much"), "0.05"),
        (("--lead-conversion", "2"), "conversion rate"),
        (("--p-start", "0"), "p_start"),
    ],
)
def test_what_means_nothing_is_refused(
    model: Path, words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert recruit(model, *words) != 0
    streams = capsys.readouterr()
    assert said in streams.err
    assert "Traceback" not in streams.err
