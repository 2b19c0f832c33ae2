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


@pytest.mark.parametrize("how", [("--method", "nuts"), ("--spend", "gamma-gamma-mean")])
def test_ways_to_fit_without_covariates_say_so(
    files: tuple[Path, Path],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    how: tuple[str, str],
) -> None:
    assert fit(files, tmp_path / "model", "--covariate", "member", *how) != 0
    assert "covariates with" in capsys.readouterr().err
