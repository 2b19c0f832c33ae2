from __future__ import annotations

from dataclasses import replace

import numpy as np

from ltvforecast.forecast_types import PartnerForecast
from ltvforecast.report.basis import build_basis
from ltvforecast.report.lifespan import lifespan
from tests.report.made_forecast import make_forecast


def with_lifespans(months: list[float]) -> PartnerForecast:
    forecast = make_forecast()
    count = len(forecast.partners)
    median = np.resize(np.array(months), count)
    table = forecast.partners.assign(
        median_lifespan_months=median,
        lifespan_censored=median >= 60,
        expected_lifespan_months=median,
        p_lasts_1y=np.where(median > 12, 0.9, 0.2),
        p_lasts_2y=np.where(median > 24, 0.8, 0.1),
        p_lasts_3y=np.where(median > 36, 0.7, 0.05),
        **{
            f"expected_lifespan_months_{end}_{level}": np.clip(median * factor, 0, 60)
            for end, factor in (("lo", 0.5), ("hi", 3.0))
            for level in forecast.spec.levels
        },
    )
    return replace(forecast, partners=table)


def test_those_that_may_not_last_are_listed_by_worth() -> None:
    forecast = with_lifespans([60.0, 0.0, 30.0])
    section = lifespan(build_basis(forecast))
    assert section is not None
    partners = forecast.partners
    lasting, ended = ((partners["median_lifespan_months"] == value).sum() for value in (60, 0))
    assert f"{lasting:,} will more likely than not still have revenue" in section.paragraphs[0]
    assert f"{ended:,} more likely than not had their last revenue" in section.paragraphs[0]
    rows = section.tables[0].rows
    listed = [str(row[0].value) for row in rows]
    worth = partners.set_index("partner_id")["ltv"]
    assert [worth[name] for name in listed] == sorted((worth[n] for n in listed), reverse=True)
    thirty = next(row for row in rows if row[1].value == 30.0)
    assert thirty[1].detail == "15 to 60 or more"
    assert [cell.text for cell in thirty[2:]] == ["90%", "80%", "5%"]


def test_a_programme_in_which_everybody_lasts_has_no_list() -> None:
    section = lifespan(build_basis(with_lifespans([60.0])))
    assert section is not None
    assert section.tables == ()
    assert "none more likely than not had their last revenue" in section.paragraphs[0]


def test_an_older_forecast_has_no_section() -> None:
    assert lifespan(build_basis(make_forecast())) is None
