"""The model that the repository ships stays readable, and still forecasts what its demo says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ltvforecast.data.datasets import load_complete_journey
from ltvforecast.data.summary import summarize
from ltvforecast.fitting.store import load_model
from ltvforecast.forecast.predict import predict

FOLDER = Path(__file__).parents[2] / "models" / "complete-journey"


def test_the_shipped_model_loads_and_knows_its_data() -> None:
    model = load_model(FOLDER)
    assert len(model.summary) == 2469
    assert len(model.summary.partner_ids) == 457
    assert model.purchase.diagnostics.trusted
    assert model.spend.diagnostics.trusted
    assert summarize(load_complete_journey(), as_of="2017-12-31").fingerprint == (
        model.summary.fingerprint
    )


def test_the_shipped_model_forecasts_the_programme() -> None:
    forecast = predict(load_model(FOLDER), horizon="90d", draws=100)
    told = forecast.programme
    # the same households spent 1,166,027.74 in the last 90 days of 2017, their busiest quarter
    assert told["existing_revenue"] == pytest.approx(1_166_000, rel=0.08)
    assert (
        told["existing_revenue_lo_90"] < told["existing_revenue"] < told["existing_revenue_hi_90"]
    )


def test_its_card_and_numbers_are_in_the_open() -> None:
    told = json.loads((FOLDER / "model.json").read_text(encoding="utf-8"))
    assert told["format_version"] == 1
    assert told["as_of"] == "2017-12-31"
    assert (FOLDER / "MODEL_CARD.md").read_text(encoding="utf-8").startswith("# Model card")
