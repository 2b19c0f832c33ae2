from __future__ import annotations

import importlib.util
import subprocess
import sys

import pandas as pd
import pytest

from ltvforecast.data.datasets import load_cdnow_sample, load_complete_journey
from ltvforecast.errors import LTVForecastError


def test_complete_journey_is_the_file_described_in_its_notice() -> None:
    frame = load_complete_journey()
    assert {"partner_id", "customer_id", "date", "amount", "order_id"} <= set(frame.columns)
    assert len(frame) == 155_848
    assert frame["customer_id"].nunique() == 2_469
    assert frame["partner_id"].nunique() == 457
    assert (frame["amount"] == 0).sum() == 478
    assert (frame["date"] == "2018-01-01").sum() == 86
    assert frame["order_id"].is_unique
    used = frame.drop_duplicates(["customer_id", "partner_id"]).groupby("customer_id").size()
    assert (used > 1).mean() == pytest.approx(0.87, abs=0.005)
    first = frame.groupby("customer_id")["date"].min()
    assert (first < "2017-04-01").sum() == 2_280


def test_cdnow_sample_is_the_published_cohort() -> None:
    # Fader & Hardie, notes on the CDNOW data: 2,357 customers, 6,919 transactions,
    # first purchases from January to March 1997, to the end of June 1998.
    frame = load_cdnow_sample()
    assert list(frame.columns) == ["partner_id", "customer_id", "date", "amount"]
    assert len(frame) == 6_919
    assert frame["customer_id"].nunique() == 2_357
    assert frame["customer_id"].iloc[0] == "0001"
    assert set(frame["partner_id"]) == {"cdnow"}
    assert frame["date"].min() == pd.Timestamp("1997-01-01")
    assert frame["date"].max() == pd.Timestamp("1998-06-30")
    assert frame.groupby("customer_id")["date"].min().max() == pd.Timestamp("1997-03-25")


def test_cdnow_is_read_without_importing_lifetimes() -> None:
    script = (
        "import sys; from ltvforecast.data.datasets import load_cdnow_sample;"
        "load_cdnow_sample(); sys.exit('lifetimes' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_a_missing_lifetimes_is_said_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(LTVForecastError, match="CDNOW data, is not there") as raised:
        load_cdnow_sample()
    assert "pip install lifetimes" in raised.value.remedy
