from __future__ import annotations

from dataclasses import replace

import pytest

from ltvforecast.economics_types import Economics, Terms
from ltvforecast.report.basis import Basis, build_basis
from ltvforecast.report.money_terms import (
    costs_given,
    differs,
    left_out_words,
    summary_steps,
    terms_text,
)
from ltvforecast.report.wording import money
from tests.report.made_forecast import make_forecast


def basis_of(**given: object) -> Basis:
    return build_basis(make_forecast(partners=3, **given))


def test_flat_terms_are_told_as_shares() -> None:
    steps = summary_steps(basis_of(economics=Economics(margin=0.8, commission=0.15)))
    assert steps == (
        "of which 80% is margin",
        "less 15% commission",
        "with later money discounted at 10% a year",
    )
    assert summary_steps(basis_of(economics=Economics(discount_rate=0.0))) == ()


def test_uneven_commission_is_told_as_money() -> None:
    economics = Economics(
        margin=0.5, commission=0.1, by_partner={"Partner 0002": Terms(commission=0.2, margin=0.4)}
    )
    basis = basis_of(economics=economics)
    paid = money(float(str(basis.forecast.programme["commission"])), "USD")
    steps = summary_steps(basis)
    assert f"less commission of {paid}" in steps
    assert "of which each partner's own margin is kept" in steps


def test_refunds_and_running_costs_are_steps() -> None:
    economics = Economics(refund_share=0.03, support_cost_per_month=50.0)
    steps = summary_steps(basis_of(economics=economics))
    assert steps[:2] == ("less what will still be refunded", "less running costs")


def test_the_partner_table_tells_too() -> None:
    basis = basis_of(costs=(1.0,))
    assert differs(basis, "acquisition_cost")
    assert not differs(basis, "margin")
    assert costs_given(basis)
    assert not costs_given(basis_of())
    assert not costs_given(basis_of(economics=Economics(discount_rate=0.3)))


@pytest.mark.parametrize(
    ("economics", "told"),
    [
        (Economics(bounty=1.0), "Bounties are not"),
        (Economics(commission=0.2, commission_on="first_order"), "Commission on first orders are"),
        (
            Economics(by_segment={"all partners": Terms(bounty=2.0)}),
            "Bounties are not in the figures",
        ),
    ],
)
def test_what_hangs_on_new_customers(economics: Economics, told: str) -> None:
    assert left_out_words(basis_of(economics=economics))[0].startswith(told)
    assert left_out_words(basis_of(economics=economics, newcomers=True)) == ()


def test_many_terms_of_their_own_are_counted() -> None:
    own = {f"p{number}": Terms(margin=0.5) for number in range(8)}
    text = terms_text(basis_of(economics=Economics(by_partner=own)))
    assert "p4" in text
    assert "p5" not in text
    assert "and 3 more with terms of their own" in text


def test_no_limits_are_said_in_words() -> None:
    economics = Economics(
        commission=0.3, commission_months=6.0, by_segment={"all partners": Terms(bounty=1.0)}
    )
    forecast = make_forecast(partners=2, economics=economics)
    text = terms_text(build_basis(replace(forecast)))
    assert "for a customer's first 6 months" in text
    assert "inf" not in text
