from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ltvforecast.forecast_types import PartnerForecast
from ltvforecast.report.basis import build_basis
from ltvforecast.report.content import build_report
from ltvforecast.report.html import render_html
from ltvforecast.report.streams import PROGRAMME, streams
from tests.report.made_forecast import make_forecast


def with_streams(names: tuple[str, ...]) -> PartnerForecast:
    forecast = make_forecast()
    whole = float(str(forecast.programme["future_revenue"]))
    share = np.arange(len(names), 0, -1.0)
    share /= share.sum()
    table = pd.DataFrame(
        {
            "partner_id": PROGRAMME,
            "revenue_stream": list(names),
            "revenue_to_date": 3.0 * share * whole,
            "future_revenue": share * whole,
            **{
                f"future_revenue_{end}_{level}": share * whole * factor
                for end, factor in (("lo", 0.8), ("hi", 1.2))
                for level in forecast.spec.levels
            },
            "share": share,
        }
    )
    other = table.assign(partner_id=forecast.partners["partner_id"].iloc[0], share=1.0)
    return replace(forecast, streams=pd.concat([table, other], ignore_index=True))


def test_streams_are_told_of_the_programme_and_add_up() -> None:
    forecast = with_streams(("renewal", "initial", "service"))
    section = streams(build_basis(forecast))
    assert section is not None
    assert "“" in section.paragraphs[0]
    assert "renewal" in section.paragraphs[0]
    assert "50" in section.paragraphs[0]  # three of six parts
    rows = section.tables[0].rows
    assert [row[0].value for row in rows] == ["renewal", "initial", "service"]
    expected = sum(float(str(row[3].value)) for row in rows)
    assert expected == pytest.approx(float(str(forecast.programme["future_revenue"])))
    assert [row[2].text for row in rows] == [row[4].text for row in rows]


@pytest.mark.parametrize("forecast", [make_forecast(), with_streams(("only one",))])
def test_without_several_streams_there_is_no_section(forecast: PartnerForecast) -> None:
    assert streams(build_basis(forecast)) is None


def test_hostile_streams_are_escaped() -> None:
    page = render_html(build_report(with_streams(("<script>alert(1)</script>", "b"))))
    assert "<script>alert" not in page
