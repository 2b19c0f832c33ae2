"""The whole line on both real data sets, against published figures and what really happened."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import ltvforecast as ltv
from ltvforecast.cli import main
from ltvforecast.fit_types import FittedModel

# 1 % a month, as in the published example
MONTHLY_ONE_PERCENT = 1.01**12 - 1


@pytest.fixture(scope="module")
def published() -> FittedModel:
    """CDNOW, 39 weeks, by maximum likelihood and the published spend likelihood."""
    summary = ltv.summarize(ltv.load_cdnow_sample(), as_of="1997-09-30", time_unit="week")
    return ltv.fit(summary, method="mle", spend="gamma-gamma-mean")


def test_cdnow_gives_the_published_parameters(published: FittedModel) -> None:
    # Fader, Hardie & Lee (2005) to three digits; to seven, the optimum of the same likelihood
    point = published.purchase.point
    assert point["r"] == pytest.approx(0.2425945, abs=1e-6)
    assert point["alpha"] == pytest.approx(4.41360, abs=1e-5)
    assert point["a"] == pytest.approx(0.79292, abs=1e-5)
    assert point["b"] == pytest.approx(2.42590, abs=2e-5)
    assert published.purchase.log_likelihood == pytest.approx(-9582.4292, abs=1e-4)
    # Fader & Hardie (2013): 6.25, 3.74, 15.44
    assert published.spend.point["p"] == pytest.approx(6.2496, abs=1e-4)
    assert published.spend.point["q"] == pytest.approx(3.7442, abs=1e-4)
    assert published.spend.point["v"] == pytest.approx(15.4435, abs=1e-3)


def test_the_first_customer_of_cdnow_is_worth_36_and_not_140(published: FittedModel) -> None:
    terms = ltv.Economics(discount_rate=MONTHLY_ONE_PERCENT)
    forecast = ltv.predict(published, horizon="12mo", economics=terms, draws=100, layers=())
    worth = forecast.customers.set_index("customer_id").loc["0001", "ltv"]
    # 36.28 is discounted at the end of each month, ours as money comes in: half a month's
    # discount (.5 %) more, and a month of 30.4375 instead of 30.415 days
    assert worth == pytest.approx(36.28 * 1.01**0.5, rel=1e-3)


def test_cdnow_holdout_is_forecast_as_published(published: FittedModel) -> None:
    forecast = ltv.predict(published, horizon="273d", draws=400)
    # sum of conditional expectations over the 39 weeks that followed: 1653.4 (1,882 happened)
    assert forecast.customers["expected_purchases"].sum() == pytest.approx(1653.4, abs=0.5)
    assert forecast.customers["p_alive"].mean() == pytest.approx(0.81344, abs=1e-4)


def test_the_demo_does_the_whole_job(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "demo"
    assert main(["demo", "--out", str(out), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["programme"]
    assert {path.name for path in out.iterdir()} == {"model", "forecast", "report.html"}
    partners = pd.read_csv(out / "forecast" / "partners.csv", dtype={"partner_id": str})
    assert len(partners) == 457
    for quantity in ("revenue_to_date", "future_revenue", "ltv"):
        assert partners[quantity].sum() == pytest.approx(told[quantity], rel=1e-9)
    # nobody can tell who is new in these data, and no acquisition cost is given
    unknown = ("new_", "p_acquiring", "cac", "ltv_to_cac", "p_ltv_exceeds", "payback", "p_payback")
    known = partners[[name for name in partners if not name.startswith(unknown)]]
    assert np.isfinite(known.select_dtypes("number").to_numpy()).all()
    periods = pd.read_csv(out / "forecast" / "periods.csv")
    whole = periods[periods["partner_id"] == "__programme__"]
    assert len(whole) == 12
    assert whole["future_revenue"].sum() == pytest.approx(told["future_revenue"], rel=1e-9)
