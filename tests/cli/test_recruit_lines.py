from __future__ import annotations

import pytest

from ltvforecast.cli.lines import forecast_lines
from ltvforecast.cli.recruit_lines import lead_lines, partner_lines, ranking_lines
from ltvforecast.fit_types import FittedModel
from ltvforecast.forecast.lead_value import lead_value
from ltvforecast.forecast.recruiting import predict_new_partner, rank_segments
from tests.forecast.made_recruits import made_recruits
from tests.report.made_forecast import make_forecast


@pytest.fixture(scope="module")
def model() -> FittedModel:
    return made_recruits(draws=50)


def test_names_do_not_steer_the_terminal(model: FittedModel) -> None:
    ranking = rank_segments(model, horizon="26w", draws=100)
    ranking.loc[0, "segment"] = "a\x1b[31mb"
    lines = ranking_lines(ranking, 90)
    assert all(line.isprintable() for line in lines)
    assert lines[2].startswith("a\ufffd[31mb")


def test_a_partner_and_a_lead_are_told_with_what_is_assumed(model: FittedModel) -> None:
    found = predict_new_partner(model, horizon="26w", segment="shop", draws=100)
    lines = partner_lines(found, 80)
    row = found.table.iloc[0]
    assert f"ltv {row['ltv']:,.0f} (80 % interval" in lines[1]
    assert [f"- {note}" for note in found.notes] == lines[-len(found.notes) :]
    lead = lead_value(model, conversion_rate=0.05, horizon="26w", draws=100)
    assert f"a lead is worth {lead.value:,.2f} on average" in lead_lines(lead, 90)[0]


def test_partners_without_data_are_counted_after_a_forecast() -> None:
    forecast = make_forecast(newcomers=True)
    assert not any("without any transaction" in line for line in forecast_lines(forecast))
    table = forecast.new_partners
    assert table is not None
    table["partner_id"] = "late"
    assert "without any transaction: 1," in forecast_lines(forecast)[-1]
