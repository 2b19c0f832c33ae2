from __future__ import annotations

from dataclasses import replace

from ltvforecast.report.basis import build_basis
from ltvforecast.report.explanation import glossary, method, provenance
from ltvforecast.types import Economics
from tests.report.made_forecast import make_forecast


def test_the_method_is_told_without_the_field_s_words() -> None:
    facts = method(build_basis(make_forecast())).facts
    text = " ".join(fact.text for fact in facts)
    for word in ("BG/NBD", "posterior", "Gamma", "quantile", "likelihood", "P(alive)"):
        assert word not in text
    assert "200 times" in text
    assert "New customers are not forecast yet" in [fact.term for fact in facts]
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
