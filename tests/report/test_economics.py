from __future__ import annotations

import math
from dataclasses import replace

import pytest

from ltvforecast.economics_types import Economics, Terms
from ltvforecast.forecast_types import Horizon, PartnerForecast
from ltvforecast.report.basis import build_basis
from ltvforecast.report.document import Section
from ltvforecast.report.economics import economics
from ltvforecast.report.wording import money, share_text, times_text
from tests.report.made_forecast import HOSTILE, make_forecast

TERMS = Economics(margin=0.5, commission=0.1)


def section_of(forecast: PartnerForecast) -> Section:
    return economics(build_basis(forecast))


def test_without_costs_it_says_how_to_give_them() -> None:
    section = section_of(make_forecast())
    assert len(section.paragraphs) == 1
    assert section.tables == ()
    assert section.chart is None
    for words in ("No margin", "--margin", "--economics", "acquisition_cost"):
        assert words in section.paragraphs[0]
    assert section_of(make_forecast(economics=Economics(discount_rate=0.2))) == section


@pytest.mark.parametrize(
    "given",
    [
        Economics(bounty=5.0),
        Economics(by_segment={"all partners": Terms(margin=0.5)}),
        Economics(by_partner={"Partner 0001": Terms(commission=0.5)}),
    ],
)
def test_any_cost_is_given(given: Economics) -> None:
    assert section_of(make_forecast(economics=given)).tables


def test_without_acquisition_costs_there_is_no_ratio() -> None:
    forecast = make_forecast(economics=TERMS)
    section = section_of(forecast)
    assert "What it cost to win the partners was not given" in section.paragraphs[0]
    assert section.chart is None
    table = section.tables[0]
    assert [column.heading for column in table.columns] == [
        "Partner",
        "Worth today",
        "Highest cost that still pays",
        "Highest commission that still pays",
    ]
    assert [row[2].value for row in table.rows] == forecast.partners["max_affordable_cac"].tolist()


def test_worth_is_set_against_cost() -> None:
    forecast = make_forecast(economics=TERMS, costs=(2.0, math.nan, 0.5))
    section = section_of(forecast)
    whole = forecast.programme
    assert section.chart is not None
    assert f"It cost {money(whole['cac'], 'USD')} to win the 20 partners" in section.paragraphs[0]
    assert f"worth {times_text(whole['ltv_to_cac'])} times that" in section.paragraphs[0]
    known = forecast.partners[forecast.partners["cac"].notna()]
    ordered = known.sort_values(["cac", "partner_id"], ascending=[False, True])
    table = section.tables[0]
    names = ("cac", "ltv", "ltv_to_cac", "p_ltv_exceeds_cac")
    assert [row[0].text for row in table.rows] == ordered["partner_id"].tolist()
    for place, name in enumerate(names, start=1):
        assert [row[place].value for row in table.rows] == ordered[name].tolist(), name
    for place, name in ((6, "max_affordable_cac"), (7, "max_affordable_commission")):
        assert [row[place].value for row in table.rows] == ordered[name].tolist(), name
    assert table.notes[0].startswith("Of 10 partners the cost is not known")
    sure = int((known["p_ltv_exceeds_cac"] >= 0.9).sum())
    poor = int((known["p_ltv_exceeds_cac"] < 0.5).sum())
    assert section.paragraphs[1].startswith(f"{sure} of the 20 partners earn their cost")
    assert f"{poor} are more likely to cost more" in section.paragraphs[1]
    rate = share_text(whole["max_affordable_commission"])
    assert any(f"as high as {rate} of revenue" in text for text in section.paragraphs)


def test_payback_within_the_horizon_and_beyond() -> None:
    forecast = make_forecast(economics=TERMS, costs=(0.1, 1e6), partners=4)
    table = section_of(forecast).tables[0]
    by_name = {row[0].text: row[5] for row in table.rows}
    paid = forecast.partners.set_index("partner_id")["payback_months"]
    for name, cell in by_name.items():
        if math.isinf(paid[name]):
            assert cell.text == "over 12"
            assert cell.value == 13
        else:
            assert cell.text == f"{paid[name]:g}"
    assert {cell.text for cell in by_name.values()} > {"over 12"}


def test_a_programme_that_is_not_paid_back_says_so() -> None:
    section = section_of(make_forecast(economics=TERMS, costs=(1e6,)))
    assert "more likely than not still to be earned back" in section.paragraphs[0]
    assert "the chance of payback within them is <1%" in section.paragraphs[0]


def test_nothing_can_be_divided_by_no_cost() -> None:
    section = section_of(make_forecast(economics=TERMS, costs=(0.0,), partners=3))
    assert "Nothing can be divided by that." in section.paragraphs[0]
    assert section.chart is None
    assert {row[3].text for row in section.tables[0].rows} == {"no cost"}


def test_a_programme_that_loses_says_so() -> None:
    losing = make_forecast(economics=Economics(margin=0.1, commission=0.3), costs=(1.0,))
    programme = {**losing.programme, "max_affordable_commission": 0.0}
    text = " ".join(section_of(replace(losing, programme=programme)).paragraphs)
    assert "Not even without commission would the programme as a whole cover its costs" in text


def test_hostile_names_are_tamed() -> None:
    forecast = make_forecast(names=HOSTILE, economics=TERMS, costs=(1e5,))
    section = section_of(forecast)
    words = " ".join((*section.paragraphs, *(row[0].text for row in section.tables[0].rows)))
    assert "\u202e" not in words
    assert "\x00" not in words


def test_other_horizons_have_their_months() -> None:
    forecast = make_forecast(
        economics=TERMS, costs=(1e6,), horizon=Horizon(text="8w", days=56.0), partners=3
    )
    assert {row[5].text for row in section_of(forecast).tables[0].rows} == {"over 1.8"}
