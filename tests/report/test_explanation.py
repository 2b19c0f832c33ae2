from __future__ import annotations

from dataclasses import replace

from ltvforecast.economics_types import Economics, Terms
from ltvforecast.report.basis import build_basis
from ltvforecast.report.explanation import glossary, method, provenance
from tests.report.made_forecast import make_forecast


def test_the_method_is_told_without_the_field_s_words() -> None:
    facts = method(build_basis(make_forecast())).facts
    text = " ".join(fact.text for fact in facts)
    for word in ("BG/NBD", "posterior", "Gamma", "quantile", "likelihood", "P(alive)"):
        assert word not in text
    assert "200 times" in text
    assert "New customers are not in the figures" in [fact.term for fact in facts]
    with_new = method(build_basis(make_forecast(newcomers=True))).facts
    assert "New customers" in [fact.term for fact in with_new]
    assert not any("floor for planning" in fact.text for fact in with_new)
    assert "by recency-weighted share of past purchases" in text


def test_the_glossary_is_in_order_and_speaks_of_these_terms() -> None:
    economics = Economics(margin=0.8, commission=0.15, discount_rate=0.075)
    facts = glossary(build_basis(make_forecast(economics=economics))).facts
    terms = [fact.term for fact in facts]
    assert terms == sorted(terms, key=str.lower)
    worth = next(fact.text for fact in facts if fact.term == "Worth today")
    assert "80%" in worth
    assert "15%" in worth
    assert "7.5% a year" in worth


def test_provenance_suffices_to_make_the_figures_again() -> None:
    forecast = make_forecast()
    facts = {fact.term: fact.text for fact in provenance(build_basis(forecast)).facts}
    assert facts["Forecast"].startswith("12mo: 1 January 2025 to 31 December 2025")
    assert facts["Simulated futures"] == "200, seed 1"
    assert facts["Purchase model"] == "BG/NBD (Fader, Hardie & Lee 2005)"
    assert facts["Purchase model: parameters"].startswith("r 0.243 (± 0.012), alpha 4.41")
    assert facts["Fingerprint of the data"] == forecast.provenance["fingerprint"]
    assert facts["Made with"] == "ltvforecast 0.1.0"
    assert "0.31 standard errors apart" in facts["Self-check of the simulation"]


def test_a_check_that_could_not_be_made_is_said() -> None:
    forecast = make_forecast()
    unchecked = {"revenue": {"simulated": 0.0, "closed_form": 0.0, "z": 0.0, "checked": False}}
    told = replace(forecast, provenance={**forecast.provenance, "self_check": unchecked})
    facts = {fact.term: fact.text for fact in provenance(build_basis(told)).facts}
    assert facts["Self-check of the simulation"] == "could not be made"


def test_the_words_of_money_are_explained_where_they_are_used() -> None:
    def terms(**given: object) -> set[str]:
        return {fact.term for fact in glossary(build_basis(make_forecast(**given))).facts}

    money = {"LTV:CAC", "Payback", "Highest cost that still pays", "Commission", "Bounty"}
    assert not money & terms()
    flat = terms(economics=Economics(margin=0.5, commission=0.1))
    assert money & flat == {"Commission", "Highest cost that still pays"}
    everything = terms(economics=Economics(commission=0.1, bounty=5.0), costs=(1.0,))
    assert money <= everything
    assert "New customer" in terms(newcomers=True)
    assert "New customer" not in terms()


def test_all_money_terms_are_in_the_provenance() -> None:
    economics = Economics(
        margin=0.6,
        tiers=((0.0, 0.08), (10_000.0, 0.12)),
        commission_cap=5000.0,
        bounty=20.0,
        refund_share=0.03,
        by_segment={"<b>": Terms(commission=0.2, commission_months=12.0)},
    )
    made = make_forecast(economics=economics, costs=(1.0,))
    facts = {fact.term: fact.text for fact in provenance(build_basis(made)).facts}
    told = facts["Money terms"]
    for words in (
        "margin 60%",
        "8% from 0, 12% from 10,000; marginal volume",
        "at most 5,000 a month",
        "bounty USD 20 for each new customer",
        "3% of revenue still refunded, with 100% of the commission",
        "discount rate 10% a year",
        "<b>",
        "commission 0.2, commission months 12",
        "from the partner table: acquisition cost",
    ):
        assert words in told
