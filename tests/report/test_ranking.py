from __future__ import annotations

import numpy as np
import pytest

from ltvforecast.economics_types import Economics
from ltvforecast.report.basis import build_basis
from ltvforecast.report.ranking import head_and_tail, partners
from ltvforecast.report.wording import share_text
from tests.report.made_forecast import make_forecast


def test_the_long_tail_is_worth_what_its_draws_say() -> None:
    forecast = make_forecast()
    tail = forecast.partners.query("tail == 'long_tail'")
    draws = forecast.draws["ltv"].sel(partner=tail["partner_id"].tolist()).sum("partner")
    low, high = np.quantile(draws.to_numpy(), (0.05, 0.95))
    said = head_and_tail(build_basis(forecast)).paragraphs[1]
    assert f"The other {len(tail)} partners, the long tail" in said
    assert f"USD {tail['ltv'].sum():,.0f}"[:8] in said
    assert f"({round(low, -2):,.0f} to {round(high, -2):,.0f})" in said


def test_the_pareto_table_reads_off_the_curve() -> None:
    forecast = make_forecast()
    table = head_and_tail(build_basis(forecast)).tables[0]
    shares = {int(row[0].value): float(row[2].value) for row in table.rows}
    ltv = forecast.partners["ltv"].sort_values(ascending=False)
    for rank, share in shares.items():
        assert share == pytest.approx(ltv.head(rank).sum() / ltv.sum())
    assert {1, 2, 3, 5, 10, 20, 30} <= set(shares)
    assert table.rows[-1][2].text == "100%"


def test_nothing_to_share_out_is_said() -> None:
    section = head_and_tail(build_basis(make_forecast(revenue_scale=0.0)))
    assert section.chart is None
    assert "No revenue is expected" in section.paragraphs[0]


def test_one_partner_has_it_all() -> None:
    section = head_and_tail(build_basis(make_forecast(partners=1)))
    assert section.paragraphs == ("There is one partner, so all of the worth is with it.",)
    ranked = partners(build_basis(make_forecast(partners=1))).tables[0]
    assert ranked.rows[0][0].text == "1"


def test_losses_are_shared_out_by_revenue() -> None:
    economics = Economics(margin=0.1, commission=0.3)
    section = head_and_tail(build_basis(make_forecast(economics=economics)))
    assert section.chart is not None
    assert section.tables[0].rows


def test_the_first_fifth_has_its_share_and_range() -> None:
    forecast = make_forecast()
    said = head_and_tail(build_basis(forecast)).paragraphs[0]
    told = forecast.programme
    share, low, high = (
        share_text(told[f"top_20_percent_share{end}"]) for end in ("", "_lo_90", "_hi_90")
    )
    assert f"20% of the partners, 6 of them, bring {share} ({low} to {high})." in said
