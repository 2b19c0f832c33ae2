"""The table of partners without data: in the forecast, apart from its totals."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ltvforecast.economics_types import Economics, Terms
from ltvforecast.fit_types import FittedModel
from ltvforecast.forecast.predict import predict
from ltvforecast.forecast.recruit_table import NEW_PARTNER, new_partner_terms, recruit_words
from ltvforecast.forecast.recruiting import predict_new_partner, rank_segments
from ltvforecast.forecast.store import load_forecast, save_forecast
from ltvforecast.forecast_types import PartnerForecast
from tests.forecast.made_recruits import made_recruits

TERMS = Economics(margin=0.5, by_partner={"=late": Terms(acquisition_cost=50.0)})


def with_rows(model: FittedModel, **rows: str) -> FittedModel:
    told = model.summary.partner_table
    assert told is not None
    more = pd.DataFrame({"partner_id": list(rows), "segment": list(rows.values())})
    table = pd.concat([told, more], ignore_index=True)
    return replace(model, summary=replace(model.summary, partner_table=table))


@pytest.fixture(scope="module")
def model() -> FittedModel:
    return made_recruits(spread=0.3, draws=50)


@pytest.fixture(scope="module")
def forecast(model: FittedModel) -> PartnerForecast:
    asked = with_rows(model, first="shop", second="shop", odd="kiosk")
    return predict(asked, horizon="12mo", economics=TERMS, draws=100)


def test_segments_come_first_and_then_the_names(forecast: PartnerForecast) -> None:
    table = forecast.new_partners
    assert table is not None
    assert table["partner_id"].tolist() == ["", "", "=late", "first", "odd", "second"]
    assert table["segment"].tolist() == ["shop", "blog", "", "shop", "kiosk", "shop"]
    assert (table["partners"] > 0).tolist() == [True, True, False, True, False, True]
    recruits = forecast.recruits
    assert recruits is not None
    assert recruits["partner_id"].tolist() == ["=late", "first", "odd", "second"]
    assert recruits["p_best"].isna().all()
    assert recruits.set_index("partner_id")["cac"].dropna().to_dict() == {"=late": 50.0}
    assert "nobody of its segment" in recruits.set_index("partner_id")["warnings"]["odd"]


def test_who_is_known_as_little_has_the_same_row(forecast: PartnerForecast) -> None:
    table = forecast.new_partners
    assert table is not None
    shop, first, second = (table.iloc[place] for place in (0, 3, 5))
    for name in ("ltv", "ltv_lo_90", "new_customers", "max_affordable_cac"):
        assert shop[name] == first[name] == second[name]


def test_rows_are_those_of_the_functions(model: FittedModel, forecast: PartnerForecast) -> None:
    table = forecast.new_partners
    assert table is not None
    ranked = rank_segments(model, horizon="12mo", economics=Economics(margin=0.5), draws=100)
    pd.testing.assert_frame_equal(ranked, table.iloc[:2].drop(columns="partner_id"))
    alone = predict_new_partner(
        model, segment="blog", horizon="12mo", economics=Economics(margin=0.5), draws=100
    )
    assert alone.table["ltv"].iloc[0] == table["ltv"].iloc[1]


def test_they_are_in_no_total(model: FittedModel, forecast: PartnerForecast) -> None:
    plain = predict(model, horizon="12mo", economics=Economics(margin=0.5), draws=100)
    assert plain.recruits is None
    assert plain.programme["ltv"] == forecast.programme["ltv"]
    assert plain.partners["partner_id"].tolist() == forecast.partners["partner_id"].tolist()
    warnings = forecast.provenance["warnings"]
    assert isinstance(warnings, (list, tuple))
    told = [each for each in warnings if "without any transaction" in each]
    assert told == [recruit_words(["=late", "first", "odd", "second"])]
    assert "not in the programme's figures" in told[0]


def test_it_is_saved_and_loaded(forecast: PartnerForecast, tmp_path: Path) -> None:
    save_forecast(forecast, tmp_path / "f")
    again = load_forecast(tmp_path / "f").new_partners
    assert again is not None
    assert forecast.new_partners is not None
    pd.testing.assert_frame_equal(again, forecast.new_partners)
    assert "'=late" in (tmp_path / "f" / "new_partners.csv").read_text(encoding="utf-8")


def test_where_they_can_not_be_forecast_they_are_counted_and_named(
    model: FittedModel, tmp_path: Path
) -> None:
    asked = with_rows(model, a="shop", b="shop", c="shop", d="shop")
    for found in (
        predict(replace(asked, acquisition=None), horizon="26w", draws=100),
        predict(asked, horizon="26w", draws=100, acquisition=False),
    ):
        assert found.new_partners is None
        warnings = found.provenance["warnings"]
        assert isinstance(warnings, (list, tuple))
        told = [each for each in warnings if "without any transaction" in each]
        assert len(told) == 1
        assert told[0].startswith("4 partners without any transaction (a, b, c, ...): not forecast")
        save_forecast(found, tmp_path / "f", overwrite=True)
        assert load_forecast(tmp_path / "f").new_partners is None


def test_terms_of_a_segment_and_of_a_name(model: FittedModel) -> None:
    economics = Economics(
        commission=0.1,
        by_segment={"shop": Terms(commission=0.2), "blog": Terms(margin=0.3)},
        by_partner={"acme": Terms(bounty=4.0)},
    )

    def terms(name: str, segment: str) -> tuple[float, float, float]:
        found = new_partner_terms(economics, model.summary, partner_id=name, segment=segment)
        assert found.partner_ids == (name,)
        return found.commission[0], found.margin[0], found.bounty[0]

    assert terms(NEW_PARTNER, "shop") == (0.2, 1.0, 0.0)
    assert terms(NEW_PARTNER, "blog") == (0.1, 0.3, 0.0)
    assert terms(NEW_PARTNER, "") == (0.1, 1.0, 0.0)
    assert terms("acme", "") == (0.1, 1.0, 4.0)


def test_one_recruit_is_told_of_in_the_singular() -> None:
    assert recruit_words(["a"]).startswith("1 partner without any transaction (a) is forecast")
    assert np.char.count(recruit_words(["a"]), "they") == 0


def test_a_segment_of_few_partners_is_told_to_be_one(forecast: PartnerForecast) -> None:
    table = forecast.new_partners
    assert table is not None
    told = table.set_index("segment")["warnings"].iloc[:2]
    assert told["shop"].startswith("only 4 partners like it in the data")
    assert not told["blog"]
