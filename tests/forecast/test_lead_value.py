"""What a lead is worth: by hand where no randomness is left, and against simulation."""

from __future__ import annotations

import numpy as np
import pytest

from ltvforecast.economics_types import Economics, Terms
from ltvforecast.errors import ConfigError
from ltvforecast.fit_types import FittedModel
from ltvforecast.forecast.lead_value import LeadValue, lead_value
from ltvforecast.forecast.newcomer_value import expected_new_customer_value
from tests.forecast.made_model import CDNOW
from tests.forecast.made_partners import by_group
from tests.forecast.made_recruits import made_recruits

FIRST = CDNOW["p"] * CDNOW["v"] / (CDNOW["q"] - 1.0)
"""Expected first purchase: Fader & Hardie (2013), p v / (q - 1)."""


@pytest.fixture(scope="module")
def model() -> FittedModel:
    return made_recruits(draws=20)


def value(model: FittedModel, **options: object) -> LeadValue:
    asked = {"conversion_rate": 0.05, "horizon": "12mo", "draws": 500} | options
    return lead_value(model, **asked)  # type: ignore[arg-type]


def test_a_lead_by_hand(model: FittedModel) -> None:
    """Commission on first orders only: 5 % of (0.6 revenue - 0.1 first order - 3 bounty - 2)."""
    economics = Economics(
        margin=0.6, discount_rate=0.0, commission=0.1, commission_on="first_order", bounty=3.0,
        customer_acquisition_cost=2.0, support_cost_per_month=1000.0,
    )  # fmt: skip
    revenue = float(expected_new_customer_value(model, days=365.25, draws=1)[0, 0])
    customer = 0.6 * revenue - 0.1 * FIRST - 3.0 - 2.0
    found = value(model, economics=economics)
    assert found.customer_value == pytest.approx(customer, rel=1e-4)
    assert found.value == pytest.approx(0.05 * customer, rel=1e-4)
    assert any("cost of a new customer (2.00)" in note for note in found.notes)


def test_commission_of_the_first_months_and_refunds(model: FittedModel) -> None:
    economics = Economics(
        discount_rate=0.0, commission=0.2, commission_months=3.0, refund_share=0.1,
        clawback_share=0.5,
    )  # fmt: skip
    year, quarter = (
        float(expected_new_customer_value(model, days=days, draws=1)[0, 0])
        for days in (365.25, 3 * 365.25 / 12)
    )
    expected = 0.9 * year - 0.2 * 0.95 * quarter
    assert value(model, economics=economics).customer_value == pytest.approx(expected, rel=1e-4)


def test_discounting_is_that_of_the_closed_form(model: FittedModel) -> None:
    exact = float(expected_new_customer_value(model, days=365.25, discount_rate=0.3, draws=1)[0, 0])
    found = value(model, economics=Economics(discount_rate=0.3))
    assert found.customer_value == pytest.approx(exact, rel=2e-3)  # cash in mid-period


def test_simulated_customers_and_leads_have_the_expected_value(model: FittedModel) -> None:
    economics = Economics(margin=0.5, commission=0.1, commission_months=2.0)
    found = value(model, economics=economics, draws=8000, leads=200)
    for name, mean in (("customer", found.customer_value), ("per_lead", found.value)):
        draws = found.draws[name]
        assert abs(draws.mean() - mean) < 4.0 * draws.std() / np.sqrt(len(draws))


def test_chance_evens_out_over_many_leads(model: FittedModel) -> None:
    few, many = (value(model, leads=leads) for leads in (20, 5000))
    assert few.most_to_pay < many.most_to_pay < many.value
    paid = (many.draws["per_lead"] >= many.most_to_pay).mean()
    assert paid == pytest.approx(0.9, abs=0.003)
    # 5000 leads win 250 customers: a standard error of 5 to 10 %, of which 1.28 are taken off
    assert many.most_to_pay > 0.8 * many.value


def test_a_rate_known_from_counts_is_uncertain(model: FittedModel) -> None:
    """Beta(5.5, 95.5): mean 5.5 / 101."""
    found = value(model, conversion_rate=(5, 100))
    assert found.conversion_rate == pytest.approx(5.5 / 101, rel=0.05)
    low, high = found.value_interval[90]
    assert low < 0.7 * found.value < 1.4 * found.value < high
    sure = value(model)
    assert sure.value_interval[90][0] == pytest.approx(sure.value_interval[90][1])


def test_customers_of_a_partner_and_of_a_segment(model: FittedModel) -> None:
    partners = len(model.summary.partner_ids)
    factors = [{"v": 3.0 if place % 2 else 1.0} for place in range(partners)]
    apart = by_group(made_recruits(pooled=False, draws=20), *factors)
    table = apart.summary.partner_table
    assert table is not None
    one, other = (value(apart, partner=name) for name in apart.summary.partner_ids[:2])
    np.testing.assert_allclose(other.customer_value, 3.0 * one.customer_value, rtol=1e-6)
    inside = table["segment"] == "shop"
    share = np.mean([factors[place]["v"] for place in np.flatnonzero(inside)])
    found = value(apart, segment="shop")
    np.testing.assert_allclose(found.customer_value, share * one.customer_value, rtol=1e-6)
    terms = Economics(by_segment={"shop": Terms(margin=0.5)})
    halved = value(apart, segment="shop", economics=terms)
    np.testing.assert_allclose(halved.customer_value, 0.5 * found.customer_value, rtol=1e-9)


def test_it_shows_itself(model: FittedModel) -> None:
    assert "100 leads pay" in value(model, draws=100)._repr_html_()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"conversion_rate": 0.0}, "conversion rate"),
        ({"conversion_rate": 1.5}, "conversion rate"),
        ({"conversion_rate": (5, 3)}, "conversion rate"),
        ({"conversion_rate": (0, 0)}, "conversion rate"),
        ({"segment": "kiosk"}, "one of blog, shop"),
        ({"partner": "nobody"}, "no transactions"),
        ({"partner": "p000", "segment": "shop"}, "at most one"),
        ({"economics": Economics(tiers=((0.0, 0.1),))}, "tiers"),
        ({"leads": 0}, "leads"),
    ],
)
def test_what_means_nothing_is_refused(
    model: FittedModel, options: dict[str, object], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        value(model, **options)
