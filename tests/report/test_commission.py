from __future__ import annotations

import pytest

from ltvforecast.economics_types import Economics
from ltvforecast.forecast_types import Horizon
from ltvforecast.report.basis import build_basis
from ltvforecast.report.commission import commission
from ltvforecast.report.wording import money, share_text
from tests.report.made_forecast import make_forecast

TERMS = Economics(margin=0.5, commission=0.1, bounty=3.0)


def test_no_commission_no_section() -> None:
    assert commission(build_basis(make_forecast())) is None
    nothing = make_forecast(economics=TERMS, revenue_scale=0.0)
    assert commission(build_basis(nothing)) is None


def test_accruals_by_month_are_the_forecast_s() -> None:
    forecast = make_forecast(economics=TERMS, newcomers=True)
    section = commission(build_basis(forecast))
    assert section is not None
    whole = forecast.periods[forecast.periods["partner_id"] == "__programme__"]
    table = section.tables[0]
    assert [row[1].value for row in table.rows] == whole["commission"].tolist()
    assert [row[2].value for row in table.rows] == whole["future_revenue"].tolist()
    assert table.total[1].value == forecast.programme["commission"]
    assert sum(row[1].value for row in table.rows) == pytest.approx(table.total[1].value)
    total = float(str(forecast.programme["commission"]))
    assert f"Commission of {money(total, 'USD')}" in section.paragraphs[0]
    share = share_text(total / float(str(forecast.programme["future_revenue"])))
    assert f"{share} of the revenue expected" in section.paragraphs[0]
    assert "Bounties for new customers are in it." in section.paragraphs[0]


def test_the_partners_income_is_theirs() -> None:
    forecast = make_forecast(economics=TERMS)
    section = commission(build_basis(forecast))
    assert section is not None
    first = forecast.partners.sort_values("commission", ascending=False).head(20)
    rows = section.tables[1].rows
    assert [row[0].text for row in rows] == first["partner_id"].tolist()
    assert [row[1].value for row in rows] == first["commission"].tolist()
    assert [row[2].value for row in rows] == pytest.approx((first["commission"] / 12).tolist())
    assert [row[4].value for row in rows] == pytest.approx(
        (first["commission"] / forecast.programme["commission"]).tolist()
    )
    assert section.paragraphs[-1].startswith("Bounties are not in the figures")


def test_weeks_and_long_horizons() -> None:
    weekly = make_forecast(economics=TERMS, partners=2, horizon=Horizon(text="8w", days=56.0))
    section = commission(build_basis(weekly))
    assert section is not None
    assert "by week" in section.tables[0].caption
    long = make_forecast(economics=TERMS, partners=2, horizon=Horizon(text="10y", days=3652.5))
    section = commission(build_basis(long))
    assert section is not None
    assert len(section.tables[0].rows) == 72
    assert section.tables[0].notes == ("The first 72 of 120 months; the total is of all.",)
