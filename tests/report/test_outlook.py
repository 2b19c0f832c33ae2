from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from ltvforecast.forecast_types import PartnerForecast
from ltvforecast.report.basis import build_basis
from ltvforecast.report.outlook import months, silence_words, watch_list
from tests.report.made_forecast import AS_OF, EPOCH, make_forecast


def silenced(name: str, *, days: int) -> PartnerForecast:
    """Let one partner sell every day until so many days before the end."""
    forecast = make_forecast()
    last = (AS_OF - EPOCH).days - days
    daily = pd.DataFrame(
        {"partner_id": name, "day": range(last - 199, last + 1), "revenue": 10.0, "purchases": 1}
    )
    others = forecast.history[forecast.history["partner_id"] != name]
    return replace(forecast, history=pd.concat([others, daily], ignore_index=True))


def test_a_partner_that_fell_silent_leads_the_list() -> None:
    forecast = silenced("Partner 0001", days=30)
    partners = forecast.partners.copy()
    partners.loc[partners["partner_id"] == "Partner 0001", ["p_decline", "p_churn"]] = 0.0
    basis = build_basis(replace(forecast, partners=partners))
    row = watch_list(basis).tables[0]
    told = next(cells for cells in row.rows if cells[1].text == "Partner 0001")
    assert told[-1].text == "unusually silent"
    assert "30 days ago; usually every day" in told[6].detail
    assert silence_words(basis)[0].startswith("1 partner has been silent")
    assert "USD 2,000 in the 12 months before" in silence_words(basis)[0]


def test_a_pause_like_earlier_ones_is_no_silence() -> None:
    assert silence_words(build_basis(silenced("Partner 0001", days=2))) == ()


def test_the_list_says_who_counts_and_what_is_at_stake() -> None:
    basis = build_basis(make_forecast())
    section = watch_list(basis)
    assert "Only customers known today are counted" in section.paragraphs[0]
    likely = basis.watched[basis.watched["risk"] > 0.5]
    assert section.paragraphs[1].startswith(f"{len(likely)} partners of 30 will more likely")
    assert [row[0].text for row in section.tables[0].rows] == [
        str(n) for n in range(1, len(section.tables[0].rows) + 1)
    ]


def test_p_alive_is_never_mentioned() -> None:
    section = watch_list(build_basis(make_forecast()))
    headings = [column.heading.lower() for column in section.tables[0].columns]
    assert not any("alive" in text for text in (*headings, *section.paragraphs))


def test_nobody_at_risk_is_said() -> None:
    forecast = make_forecast()
    calm = forecast.partners.assign(p_decline=0.0, p_churn=0.0)
    # spread over the window, so that nobody is silent
    days = forecast.history.groupby("partner_id")["day"].transform("max")
    history = forecast.history.assign(day=forecast.history["day"] + (AS_OF - EPOCH).days - days)
    section = watch_list(build_basis(replace(forecast, partners=calm, history=history)))
    assert section.chart is None
    assert section.tables == ()
    assert "has a risk of 10% or more" in section.paragraphs[-1]


def test_months_hold_past_and_future() -> None:
    forecast = make_forecast()
    section = months(build_basis(forecast))
    ahead, past = section.tables
    assert len(ahead.rows) == 12
    whole = forecast.periods[forecast.periods["partner_id"] == "__programme__"]
    assert [row[1].value for row in ahead.rows] == whole["future_revenue"].tolist()
    assert len(past.rows) == 24
    assert sum(row[1].value for row in past.rows) == pytest.approx(
        forecast.history["revenue"].sum()
    )
    assert past.rows[0][0].detail == "in part"
    assert "no new customers" in section.paragraphs[1]


def test_a_long_past_and_a_long_future_are_cut_with_a_word() -> None:
    from ltvforecast.forecast_types import Horizon

    forecast = make_forecast(
        partners=2, history_days=1500, horizon=Horizon(text="10y", days=3652.5)
    )
    ahead, past = months(build_basis(forecast)).tables
    assert len(ahead.rows) == 72
    assert ahead.notes[0].startswith("The first 72 of 120 months")
    assert len(past.rows) == 24
    assert past.notes[0].startswith("The last 24 of ")


def test_known_and_new_customers_stand_apart() -> None:
    forecast = make_forecast(newcomers=True)
    section = months(build_basis(forecast))
    ahead = section.tables[0]
    whole = forecast.periods[forecast.periods["partner_id"] == "__programme__"]
    for place, name in enumerate(
        ("future_revenue", "existing_revenue", "new_revenue", "new_customers"), start=1
    ):
        assert [row[place].value for row in ahead.rows] == whole[name].tolist()
    words = " ".join(section.paragraphs)
    assert "dotted on top from those still to be won" in words
    assert "no new customers" not in words
    assert "known customers:" not in words
    watched = watch_list(build_basis(forecast)).paragraphs[0]
    assert "New customers are counted as far as they are expected" in watched
