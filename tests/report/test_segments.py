from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ltvforecast.economics_types import Economics
from ltvforecast.report.basis import build_basis
from ltvforecast.report.segments import segments
from tests.report.made_forecast import HOSTILE, make_forecast


def test_one_segment_needs_no_section() -> None:
    assert segments(build_basis(make_forecast())) is None


def test_every_segment_has_its_numbers_side_by_side() -> None:
    economics = Economics(margin=0.5, commission=0.1)
    forecast = make_forecast(segments=("a", "b", "c"), newcomers=True, economics=economics)
    section = segments(build_basis(forecast))
    assert section is not None
    table = section.tables[0]
    place = {column.heading: number for number, column in enumerate(table.columns)}
    for heading, name in (
        ("Segment", "segment"),
        ("Partners", "partners"),
        ("Customers", "customers"),
        ("Worth today", "ltv"),
        ("Worth per partner", "ltv_per_partner"),
        ("Share of worth", "share"),
        ("Expected revenue", "future_revenue"),
        ("New customers", "new_customers"),
        ("Revenue from new customers", "new_revenue"),
        ("Commission", "commission"),
        ("Revenue to date", "revenue_to_date"),
    ):
        assert [row[place[heading]].value for row in table.rows] == (
            forecast.segments[name].tolist()
        ), heading
    assert table.total[place["Worth today"]].value == forecast.programme["ltv"]
    assert table.total[place["Worth per partner"]].value == pytest.approx(
        forecast.programme["ltv"] / 30
    )
    assert all(len(row) == len(table.columns) for row in (*table.rows, table.total))


def test_what_is_not_there_has_no_column() -> None:
    section = segments(build_basis(make_forecast(segments=("a", "b"))))
    assert section is not None
    headings = {column.heading for column in section.tables[0].columns}
    assert not {"New customers", "Commission"} & headings


def test_which_segment_s_partners_are_worth_more_is_counted_in_the_futures() -> None:
    forecast = make_forecast(segments=("a", "b"))
    table = forecast.partners
    means = [
        forecast.draws["ltv"]
        .sel(partner=table.loc[table["segment"] == name, "partner_id"].tolist())
        .mean("partner")
        for name in ("a", "b")
    ]
    chance = float(np.mean(means[0].to_numpy() > means[1].to_numpy()))
    assert chance > 0.9
    section = segments(build_basis(forecast))
    assert section is not None
    assert "The first comes out ahead in" in section.paragraphs[1]
    alike = forecast.draws.copy()
    rng = np.random.default_rng(0)
    alike["ltv"] = (("draw", "partner"), rng.gamma(5, 100, alike["ltv"].shape))
    undecided = segments(build_basis(replace(forecast, draws=alike)))
    assert undecided is not None
    assert "Which of the two comes out ahead is open" in undecided.paragraphs[1]


def test_hostile_names_are_tamed() -> None:
    section = segments(build_basis(make_forecast(names=HOSTILE, segments=HOSTILE[:6])))
    assert section is not None
    assert not any("\u202e" in text or "\x00" in text for text in section.paragraphs)
    assert not any("\u202e" in row[0].text for row in section.tables[0].rows)
