from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ltvforecast.data.synthetic import simulate_programme
from ltvforecast.errors import ConfigError, OutputExistsError
from ltvforecast.evaluate.compare import compare
from ltvforecast.evaluate.records import MODEL, Comparison
from ltvforecast.evaluate.side_by_side import crps_difference, score_sentences
from ltvforecast.evaluate.store import save_comparison

SPECS = ("gamma-gamma", "gamma-gamma-mean", "gamma-gamma/mle")


@pytest.fixture(scope="module")
def orders() -> pd.DataFrame:
    programme = simulate_programme(partners=6, customers=250, days=300, horizon_days=1, seed=4)
    return programme.transactions


@pytest.fixture(scope="module")
def comparison(orders: pd.DataFrame) -> Comparison:
    return compare(orders, SPECS, horizon="60d", origins=2, min_customers=10, draws=100, workers=1)


def test_the_table_has_a_row_for_each_model(comparison: Comparison) -> None:
    assert comparison.table["spec"].tolist() == list(SPECS)
    assert np.isfinite(comparison.table[["wape", "bias", "crps", "crps_diff"]].to_numpy()).all()
    assert comparison.table["crps_diff"].min() == 0.0
    best = comparison.table["crps_diff"].tolist()[int(comparison.table["crps"].argmin())]
    assert best == 0.0  # all models forecast all partners, so that pooled and paired agree


def test_likelihoods_are_compared_only_where_they_are_of_the_same_data(
    comparison: Comparison,
) -> None:
    amounts, means, point = comparison.table.to_dict(orient="records")
    assert amounts["purchase_elpd_diff"] == means["purchase_elpd_diff"] == 0.0
    assert np.isnan([amounts["spend_elpd_diff"], means["spend_elpd_diff"]]).all()
    assert np.isfinite([amounts["spend_elpd_loo"], means["spend_elpd_loo"]]).all()
    assert np.isnan(point["purchase_elpd_loo"])
    assert any("likelihoods of different data" in told for told in comparison.sentences)
    assert any("1 posterior draw" in note for note in comparison.notes)
    assert any("are the same here" in told for told in comparison.sentences)


def test_the_folder_is_whole(comparison: Comparison, tmp_path: Path) -> None:
    save_comparison(comparison, tmp_path / "c")
    told = json.loads((tmp_path / "c" / "summary.json").read_text(encoding="utf-8"))
    assert [each["spec"] for each in told["models"]] == list(SPECS)
    assert told["models"][2]["purchase_elpd_loo"] is None
    table = pd.read_csv(tmp_path / "c" / "compare.csv")
    assert table["crps"].tolist() == pytest.approx(comparison.table["crps"].tolist())
    with pytest.raises(OutputExistsError):
        save_comparison(comparison, tmp_path / "c")


def test_a_short_history_is_refused(orders: pd.DataFrame) -> None:
    with pytest.raises(ConfigError, match="days of history"):
        compare(orders, SPECS, horizon="200d")


def forecasts(crps: np.ndarray[tuple[int, int], np.dtype[np.float64]]) -> pd.DataFrame:
    """Rows of two origins and some partners, with a given CRPS of shape (partner, origin)."""
    partners, origins = crps.shape
    return pd.DataFrame(
        {
            "origin": np.tile([f"2025-0{number + 1}-01" for number in range(origins)], partners),
            "partner_id": np.repeat([f"p{number}" for number in range(partners)], origins),
            "method": MODEL,
            "level": "partner",
            "customers": 50,
            "crps": crps.ravel(),
        }
    )


def test_differences_of_crps_are_taken_pair_by_pair() -> None:
    rng = np.random.default_rng(3)
    base = rng.gamma(1.0, 100.0, (30, 3))
    worse = base + 5.0 + rng.normal(0.0, 0.5, base.shape)
    (mine, none), (gap, error), missing = crps_difference(
        [forecasts(base), forecasts(worse), None], min_customers=20
    )
    assert (mine, none) == (0.0, 0.0)
    assert gap == pytest.approx((worse - base).mean())
    assert 0.01 < error < 0.5  # without pairs it would be about 100 / sqrt(90)
    assert np.isnan(missing).all()
    told = score_sentences(["one", "other", "none"], [(mine, none), (gap, error), missing])
    assert len(told) == 1
    assert "one forecast partners better than other" in told[0]


def test_a_difference_within_noise_is_none() -> None:
    assert "no clear difference" in score_sentences(["a", "b"], [(0.0, 0.0), (1.0, 0.8)])[0]
