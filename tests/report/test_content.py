from __future__ import annotations

import datetime as dt
import math
from dataclasses import replace

import pytest

from ltvforecast.economics_types import Economics
from ltvforecast.errors import ForecastError
from ltvforecast.forecast_types import Horizon, PartnerForecast
from ltvforecast.report.content import OPTIONAL, SECTIONS, build_report
from ltvforecast.report.document import Report
from ltvforecast.report.wording import money, times_text
from tests.report.made_forecast import make_forecast


@pytest.fixture(scope="module")
def forecast() -> PartnerForecast:
    return make_forecast()


@pytest.fixture(scope="module")
def report(forecast: PartnerForecast) -> Report:
    return build_report(forecast)


def with_programme(forecast: PartnerForecast, **figures: float) -> PartnerForecast:
    return replace(forecast, programme={**forecast.programme, **figures})


def with_provenance(forecast: PartnerForecast, **said: object) -> PartnerForecast:
    return replace(forecast, provenance={**forecast.provenance, **said})


def test_the_headline_says_what_the_programme_is_worth(forecast: PartnerForecast) -> None:
    report = build_report(
        with_programme(
            forecast,
            ltv=3_312_345.0,
            ltv_lo_90=3_119_000.0,
            ltv_hi_90=3_503_000.0,
            future_revenue=3_470_000.0,
            future_revenue_lo_90=3_280_000.0,
            future_revenue_hi_90=3_680_000.0,
        )
    )
    assert report.headline == (
        "The 400 customers this partner programme had on 31 December 2024 are worth "
        "USD 3.31 million today, counting their purchases from 1 January 2025 to "
        "31 December 2025; nine times in ten the outcome should lie between USD 3.12 and "
        "3.50 million."
    )
    assert "USD 3.47 million of revenue (3.28 to 3.68 million) through 30 partners" in (
        report.summary
    )
    assert report.cards[0].figure == "USD 3.31 million"
    assert report.cards[0].detail == "90% range: 3.12 to 3.50 million"


def test_new_customers_are_said_to_be_left_out(report: Report) -> None:
    scope = {fact.term: fact.text for fact in report.scope}
    assert "buy for the first time after 31 December 2024" in scope["Not counted"]
    assert "New customers are not forecast: the model was fitted" in scope["Not counted"]
    assert "What they bring comes on top" in scope["Not counted"]


def test_new_customers_are_said_to_be_counted() -> None:
    forecast = make_forecast(newcomers=True)
    report = build_report(forecast)
    scope = {fact.term: fact.text for fact in report.scope}
    assert "those whom partners bring after it" in scope["Counted"]
    assert "first time" not in scope["Not counted"]
    assert "and those it will win" in report.headline
    brought = money(float(str(forecast.programme["new_revenue"])), "USD")
    assert f"{brought} of it from new customers" in report.summary
    cards = {card.label: card for card in report.cards}
    assert brought in cards["New customers expected"].detail
    known = forecast.programme["expected_active_customers"] - forecast.programme["new_customers"]
    assert cards["Customers expected to buy again"].figure == f"{round(known):,}"


def test_new_customers_that_were_switched_off_are_said_to_be(forecast: PartnerForecast) -> None:
    off = with_provenance(forecast, new_customers={"included": False, "why": "switched off"})
    scope = {fact.term: fact.text for fact in build_report(off).scope}
    assert "New customers were switched off for this forecast." in scope["Not counted"]


def test_the_cards_of_money_need_money_terms(report: Report) -> None:
    labels = {card.label for card in report.cards}
    assert not any("Commission" in label or "LTV:CAC" in label for label in labels)
    told = build_report(
        make_forecast(economics=Economics(margin=0.5, commission=0.1), costs=(2.0, math.nan))
    )
    cards = {card.label: card for card in told.cards}
    programme = told.forecast.programme
    assert cards["Commission for 12 months"].figure == money(programme["commission"], "USD")
    ratio = cards["Worth over acquisition cost (LTV:CAC)"]
    assert ratio.figure == times_text(programme["ltv_to_cac"])
    assert ratio.detail.startswith("15 partners whose cost is known")


def test_what_hangs_on_new_customers_is_missed() -> None:
    economics = Economics(margin=0.5, bounty=20.0, customer_acquisition_cost=3.0)
    alerts = build_report(make_forecast(economics=economics)).alerts
    assert (
        "Bounties and the costs of winning customers are not in the figures, because new "
        "customers are not forecast."
    ) in alerts
    counted = build_report(make_forecast(economics=economics, newcomers=True)).alerts
    assert not any("Bounties" in alert for alert in counted)


def test_money_terms_are_told(forecast: PartnerForecast) -> None:
    assert "No margin and no commission were given" in build_report(forecast).summary
    economics = Economics(margin=0.8, commission=0.15, discount_rate=0.0)
    told = build_report(make_forecast(economics=economics)).summary
    assert "of which 80% is margin, less 15% commission." in told
    assert "discounted" not in told


def test_a_currency_that_is_not_known_is_not_made_up() -> None:
    report = build_report(make_forecast(currency=None))
    assert "(the data name no currency)" in report.headline
    assert "USD" not in report.headline


def test_every_section_is_there_in_order(report: Report) -> None:
    assert [section.key for section in report.sections] == [
        key for key in SECTIONS if key not in OPTIONAL
    ]
    full = build_report(
        make_forecast(segments=("a", "b"), economics=Economics(commission=0.1), newcomers=True)
    )
    assert [section.key for section in full.sections] == [
        key for key in SECTIONS if key not in ("covariates", "lifespan", "streams")
    ]
    assert all(section.paragraphs or section.facts for section in report.sections)


@pytest.mark.parametrize("key", ["account", "allocation", "purchase", "fingerprint", "warnings"])
def test_what_is_not_told_is_missed_by_name(forecast: PartnerForecast, key: str) -> None:
    told = {name: said for name, said in forecast.provenance.items() if name != key}
    with pytest.raises(ForecastError, match=f"does not say its {key}, so the section “"):
        build_report(replace(forecast, provenance=told))


def test_a_missing_column_is_missed_with_its_section(forecast: PartnerForecast) -> None:
    with pytest.raises(ForecastError, match=r"section “partners” can't be written.* share"):
        build_report(replace(forecast, partners=forecast.partners.drop(columns="share")))


def test_no_partners_is_refused(forecast: PartnerForecast) -> None:
    with pytest.raises(ForecastError, match="no partners"):
        build_report(replace(forecast, partners=forecast.partners.head(0)))


def test_a_fit_that_is_not_trusted_comes_first(forecast: PartnerForecast) -> None:
    doubted = {
        "model": "bg-nbd",
        "parameters": {},
        "diagnostics": {"trusted": False, "verdict": "nothing to be relied on"},
    }
    report = build_report(
        with_provenance(
            forecast,
            purchase=doubted,
            warnings=["a remark", "purchase model: nothing to be relied on"],
        )
    )
    assert report.alerts[0] == "Purchase model: nothing to be relied on."
    assert report.alerts[-1] == "A remark."
    assert len(report.alerts) == len(set(report.alerts)) == 2


def test_a_forecast_far_beyond_the_past_is_questioned(forecast: PartnerForecast) -> None:
    assert not any("times the revenue" in alert for alert in build_report(forecast).alerts)
    taken = float(forecast.history["revenue"].sum())
    report = build_report(with_programme(forecast, future_revenue=3 * taken))
    told = next(a for a in report.alerts if "times the revenue of the 12 months before" in a)
    assert "although it counts no new customers. Find out why" in told
    counted = with_programme(make_forecast(newcomers=True), future_revenue=3 * taken)
    told = next(a for a in build_report(counted).alerts if "times the revenue" in a)
    assert told.endswith("of the 12 months before. Find out why before you use it.")


def test_money_that_does_not_reconcile_is_said(forecast: PartnerForecast) -> None:
    partners = forecast.partners.copy()
    partners.loc[0, "revenue_to_date"] += 12.34
    report = build_report(replace(forecast, partners=partners))
    assert any("differ by USD 12.34" in alert for alert in report.alerts)


def test_a_short_past_is_not_compared_with() -> None:
    report = build_report(make_forecast(history_days=100, decline_known=False))
    labels = [card.label for card in report.cards]
    assert "Revenue before, as far as known" in labels
    months = next(section for section in report.sections if section.key == "months")
    assert any("can't be set against an equally long past" in text for text in months.paragraphs)


def test_other_levels_are_used_where_90_is_not_there(forecast: PartnerForecast) -> None:
    spec = replace(forecast.spec, levels=(50, 80))
    report = build_report(replace(forecast, spec=spec))
    assert report.level == 80
    assert "eight times in ten" in report.headline


@pytest.mark.parametrize("given", [False, True], ids=["nothing given", "all given"])
@pytest.mark.parametrize(("partners", "scale"), [(1, 1000.0), (2, 1000.0), (3, 0.0), (300, 10.0)])
def test_no_number_is_missing_or_endless(partners: int, scale: float, given: bool) -> None:
    also = (
        {
            "newcomers": True,
            "segments": ("a", "b"),
            "costs": (0.5, math.nan, 0.0, 1e4),
            "economics": Economics(margin=0.5, commission=0.1),
        }
        if given
        else {}
    )
    report = build_report(make_forecast(partners=partners, revenue_scale=scale, **also))
    words = [report.headline, report.summary, *(card.figure for card in report.cards)]
    for section in report.sections:
        words += [*section.paragraphs, *(fact.text for fact in section.facts)]
        words += [
            cell.text + " " + cell.detail
            for table in section.tables
            for row in (*table.rows, table.total)
            for cell in row
        ]
    assert not [text for text in words if "nan" in text.lower().split() or "inf" in text.split()]


def test_weeks_are_called_weeks() -> None:
    forecast = make_forecast(
        partners=3, horizon=Horizon(text="8w", days=56.0), as_of=dt.date(2024, 11, 13)
    )
    months = next(s for s in build_report(forecast).sections if s.key == "months")
    assert months.title == "Forecast by week"
    assert "months" not in " ".join(months.paragraphs)
