from __future__ import annotations

from dataclasses import replace

import numpy as np

from ltvforecast.economics_types import Economics
from ltvforecast.forecast_types import PartnerForecast
from ltvforecast.plots.chart_data import ranked_partners
from ltvforecast.report.basis import build_basis
from ltvforecast.report.document import Table
from ltvforecast.report.ranking import partners
from tests.report.made_forecast import make_forecast


def table_of(forecast: PartnerForecast) -> Table:
    return partners(build_basis(forecast)).tables[0]


def test_every_partner_has_a_row_with_its_numbers() -> None:
    forecast = make_forecast()
    table = table_of(forecast)
    ranked = ranked_partners(forecast)
    assert [row[1].text for row in table.rows] == ranked["partner_id"].tolist()
    headings = [column.heading for column in table.columns]
    worth = headings.index("Worth today")
    assert [row[worth].value for row in table.rows] == ranked["ltv"].tolist()
    assert all(len(row) == len(headings) for row in (*table.rows, table.total))
    assert table.total[worth].value == forecast.programme["ltv"]


def test_partners_that_cannot_be_told_apart_have_no_rank() -> None:
    forecast = make_forecast()
    rng = np.random.default_rng(0)
    draws = forecast.draws.copy()
    same = rng.gamma(0.3, 100, draws["ltv"].shape)
    sure = np.where(np.arange(30) < 4, 1e6 / (1 + np.arange(30)), same)
    draws["ltv"] = (("draw", "partner"), sure)
    table = table_of(replace(forecast, draws=draws))
    ranks = [row[0].text for row in table.rows]
    assert ranks[:4] == ["1", "2", "3", "4"]
    assert set(ranks[4:]) == {"–"}
    assert all(
        "too few customers to rank" in row[1].detail for row in table.rows[4:] if row[2].value <= 30
    )


def test_equal_partners_share_their_places() -> None:
    table = table_of(make_forecast(partners=12, revenue_scale=0.0))
    assert {row[0].detail for row in table.rows} == {"1 to 12"}
    assert {row[0].text for row in table.rows} == {"–"}


def test_a_remark_true_of_most_is_said_once() -> None:
    forecast = make_forecast()
    warned = forecast.partners.copy()
    warned["warnings"] = [f"{n} of 50 customers also buy elsewhere" for n in range(30)]
    warned.loc[3, "warnings"] += "; no purchase in the last 99 days"
    table = table_of(replace(forecast, partners=warned))
    assert not any("elsewhere" in row[1].detail for row in table.rows)
    assert sum("no purchase in the last 99 days" in row[1].detail for row in table.rows) == 1
    assert any(
        note.startswith("True of 30 of the 30 partners") and "… of … customers" in note
        for note in table.notes
    )


def test_commission_has_a_column_only_where_there_is_one() -> None:
    assert "Commission" not in [c.heading for c in table_of(make_forecast()).columns]
    paid = table_of(make_forecast(economics=Economics(commission=0.2)))
    assert "Commission" in [c.heading for c in paid.columns]
    assert all(len(row) == len(paid.columns) for row in (*paid.rows, paid.total))


def test_unknown_decline_is_not_a_number() -> None:
    table = table_of(make_forecast(decline_known=False))
    halving = [column.heading for column in table.columns].index("Chance of halving")
    assert {row[halving].text for row in table.rows} == {"not known"}


def test_segments_have_a_column_only_where_there_are_several() -> None:
    assert "Segment" not in [c.heading for c in table_of(make_forecast()).columns]
    forecast = make_forecast(segments=("<i>a</i>", "b"))
    table = table_of(forecast)
    assert table.columns[2].heading == "Segment"
    assert [row[2].text for row in table.rows] == ranked_partners(forecast)["segment"].tolist()
    assert all(len(row) == len(table.columns) for row in (*table.rows, table.total))
