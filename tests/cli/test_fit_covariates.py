"""Command `fit --covariate`: what is fitted and told, and what is refused in words."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import ltvforecast as ltv
from ltvforecast.cli import main
from ltvforecast.fitting.store import load_model


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder, rng = tmp_path_factory.mktemp("covariates"), np.random.default_rng(3)
    orders = ltv.simulate_programme(partners=12, customers=400, seed=5).transactions
    ids = orders["customer_id"].unique()
    chosen = dict(zip(ids, rng.uniform(size=len(ids)) < 0.4, strict=True))
    member = orders["customer_id"].map(chosen)
    orders = orders.assign(
        member=np.where(member, "yes", "no"), again=np.where(member, "1", "0"),
        plan="basic", nothing="", amount=(orders["amount"] * np.where(member, 1.5, 1.0)).round(2),
    )  # fmt: skip
    partners = pd.DataFrame({"partner_id": sorted(orders["partner_id"].unique())})
    partners["certified"] = ["yes" if k % 3 == 0 else "no" for k in range(len(partners))]
    orders.to_csv(folder / "orders.csv", index=False)
    partners.to_csv(folder / "partners.csv", index=False)
    return folder / "orders.csv", folder / "partners.csv"


def fit(files: tuple[Path, Path], out: Path, *words: str) -> int:
    return main(
        ["fit", str(files[0]), "--partners", str(files[1]), "--out", str(out), "--layers", "off",
         "--draws", "200", *words]
    )  # fmt: skip


def test_effects_are_told_kept_and_used(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "model"
    words = ("--covariate", "certified", "--covariate", "member", "--pooling", "complete")
    assert fit(files, out, *words, "--json") == 0
    told = json.loads(capsys.readouterr().out)
    found = {(row["column"], row["quantity"]): row for row in told["covariates"]["effects"]}
    assert len(found) == 6
    spend = found["member = yes", "log_spend"]
    # true factor 1.5
    assert spend["factor_lo_90"] < 1.5 < spend["factor_hi_90"] * 1.1
    assert spend["factor_lo_90"] > 1.2
    model = load_model(out)
    for verdict in (model.purchase.diagnostics.verdict, model.spend.diagnostics.verdict):
        assert "partners' certified is told with ranges that are too narrow" in verdict
        assert "use --pooling partial" in verdict
    assert model.effects is not None
    assert model.settings.covariates == ("certified", "member")
    assert "What goes with buying more" in (out / "MODEL_CARD.md").read_text(encoding="utf-8")
    forecast = ltv.predict(model, horizon="12w", draws=200)
    assert forecast.provenance["covariates"]["effects"]
    assert np.isfinite(forecast.customers["future_revenue"]).all()


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (("plan",), "wherever it is known"),
        (("nothing",), "missing everywhere"),
        (("member", "again"), "say the same"),
        (("shoe_size",), "shoe_size"),
        (("segment",), "in the model without being asked for"),
        (("member", "member"), "named twice"),
    ],
)
def test_what_means_nothing_is_refused(
    files: tuple[Path, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    names: tuple[str, ...],
    said: str,
) -> None:
    words = [word for name in names for word in ("--covariate", name)]
    assert fit(files, tmp_path / "model", *words) != 0
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("how", [("--method", "lifetimes"), ("--spend", "gamma-gamma-mean")])
def test_ways_to_fit_without_covariates_say_so(
    files: tuple[Path, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    how: tuple[str, str],
) -> None:
    assert fit(files, tmp_path / "model", "--covariate", "member", *how) != 0
    assert "covariates with" in capsys.readouterr().err


def test_backtest_takes_them_too(
    files: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["backtest", str(files[0]), "--partners", str(files[1]), "--horizon", "60d",
             "--origins", "1", "--draws", "100", "--layers", "off", "--pooling", "complete",
             "--target", "existing", "--out", str(tmp_path / "scores"), "--json"]  # fmt: skip
    assert main([*words, "--covariate", "shoe_size"]) != 0
    assert "shoe_size" in capsys.readouterr().err
    assert main([*words, "--covariate", "certified", "--covariate", "member"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert not any("without the covariate" in note for note in told["warnings"])
    settings = json.loads((tmp_path / "scores" / "summary.json").read_text())["settings"]
    assert settings["covariates"] == ["certified", "member"]


@pytest.mark.slow
@pytest.mark.parametrize(("method", "pooling"), [("nuts", "partial"), ("advi", "complete")])
def test_chains_and_quick_looks_leave_the_same_record(
    files: tuple[Path, Path], tmp_path: Path, method: str, pooling: str
) -> None:
    words = ("--covariate", "certified", "--covariate", "member", "--pooling", pooling, "--json")
    assert fit(files, tmp_path / "fast", *words) == 0
    priors = tmp_path / "priors.toml"
    priors.write_text("[priors]\ncovariate_effect = { rate = 0.4 }\n")
    words = (*words, "--method", method, "--priors", str(priors), "--accept-unconverged")
    assert fit(files, tmp_path / "sampled", *words) == 0
    one, other = load_model(tmp_path / "fast"), load_model(tmp_path / "sampled")
    assert one.effects is not None
    assert other.effects is not None
    assert other.effects.codings == one.effects.codings
    for ours, theirs in (
        (one.effects.draws, other.effects.draws),
        (one.purchase.draws, other.purchase.draws),
        (one.spend.draws, other.spend.draws),
    ):
        assert {n: d.shape for n, d in theirs.items()} == {n: d.shape for n, d in ours.items()}
    for name, draws in one.effects.draws.items():
        gap = other.effects.draws[name].mean(axis=0) - draws.mean(axis=0)
        # 200 draws of a slightly other posterior; ADVI's means are right, its ranges too narrow
        assert np.all(np.abs(gap) < 0.6 * draws.std(axis=0))
    assert "covariate_effect: rate 0.4" in other.settings.priors
    assert "What goes with buying more" in (tmp_path / "sampled" / "MODEL_CARD.md").read_text()
    assert np.isfinite(
        ltv.predict(other, horizon="12w", draws=200).partners["future_revenue"]
    ).all()
