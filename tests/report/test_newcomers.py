from __future__ import annotations

from dataclasses import replace

from ltvforecast.report.basis import build_basis
from ltvforecast.report.newcomers import new_customers, newcomer_range
from ltvforecast.report.wording import head_count
from tests.report.made_forecast import make_forecast


def test_why_new_customers_are_not_forecast() -> None:
    section = new_customers(build_basis(make_forecast()))
    assert section.tables == ()
    assert section.paragraphs[0].startswith(
        "New customers are not forecast: the model was fitted without them."
    )
    assert "comes on top" in section.paragraphs[0]


def test_switched_off_says_how_to_switch_on() -> None:
    forecast = make_forecast()
    off = {"included": False, "why": "switched off"}
    told = replace(forecast, provenance={**forecast.provenance, "new_customers": off})
    section = new_customers(build_basis(told))
    assert section.paragraphs[0].startswith("New customers were switched off")
    assert section.paragraphs[-1].endswith("without --no-acquisition.")


def test_chances_are_told_even_without_a_forecast() -> None:
    forecast = make_forecast()
    partners = forecast.partners.assign(p_acquiring=[0.95] * 3 + [0.2] * 27)
    section = new_customers(build_basis(replace(forecast, partners=partners)))
    assert "Of the 30 partners, 3 almost surely still win new customers" in section.paragraphs[1]
    assert "and 27 more likely than not have ceased to" in section.paragraphs[1]
    closed = partners.assign(p_acquiring=0.0)
    section = new_customers(build_basis(replace(forecast, partners=closed)))
    assert not any("almost surely" in text for text in section.paragraphs)


def test_who_brings_most_and_what_it_comes_to() -> None:
    forecast = make_forecast(newcomers=True)
    basis = build_basis(forecast)
    section = new_customers(basis)
    expected = head_count(float(str(forecast.programme["new_customers"])))
    assert f"{expected} new ones are expected" in section.paragraphs[0]
    assert f"({newcomer_range(basis)})" in section.paragraphs[0]
    table = section.tables[0]
    first = forecast.partners.sort_values("new_customers", ascending=False).head(20)
    assert [row[0].text for row in table.rows] == first["partner_id"].tolist()
    assert [row[2].value for row in table.rows] == first["p_acquiring"].tolist()
    assert [row[3].value for row in table.rows] == first["new_customers"].tolist()
    assert [row[4].value for row in table.rows] == first["new_revenue"].tolist()
    assert [row[5].value for row in table.rows] == (
        (first["new_revenue"] / first["future_revenue"]).tolist()
    )
    assert table.notes[0].startswith("The first 20 of 30 partners")
    assert table.total[4].value == forecast.programme["new_revenue"]
