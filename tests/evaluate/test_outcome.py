from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ltvforecast.evaluate.outcome import known_revenue_after, outcome_after

purchase = st.tuples(
    st.sampled_from("pqr"), st.sampled_from("abcd"), st.integers(0, 30), st.integers(0, 10**9)
)


@given(st.lists(purchase, min_size=1, max_size=40))
def test_every_unit_of_money_in_the_window_is_counted_once(
    rows: list[tuple[str, str, int, int]],
) -> None:
    frame = pd.DataFrame(rows, columns=["partner_id", "customer_id", "day", "amount_micros"])
    before = frame[frame["day"] <= 15]
    customers, partners = sorted(set(before["customer_id"])), sorted(set(before["partner_id"]))
    came = outcome_after(
        frame, customer_ids=customers, partner_ids=partners, origin_day=15, days=10
    )
    partner, programme = known_revenue_after(
        frame, customer_ids=customers, partner_ids=partners, origin_day=15, days=10
    )
    assert np.array_equal(partner, came.partner)
    assert programme == came.programme
    window = frame[(frame["day"] > 15) & (frame["day"] <= 25)]
    assert came.programme == pytest.approx(came.customer.sum())
    assert came.programme == pytest.approx(came.partner.sum() + came.revenue_at_new_partners)
    assert came.programme + came.revenue_of_new_customers == pytest.approx(
        window["amount_micros"].sum() / 1e6
    )
    known = window[window["partner_id"].isin(before["partner_id"])]
    assert came.partner_total.sum() == pytest.approx(known["amount_micros"].sum() / 1e6)
    assert (came.partner_total >= came.partner - 1e-9).all()
    assert came.partner_new_customers.sum() <= came.new_customers
    assert set(came.new_partners) == set(window["partner_id"]) - set(before["partner_id"])
    assert came.new_customers == len(set(window["customer_id"]) - set(before["customer_id"]))


def test_a_customer_who_goes_somewhere_else_is_listed_and_still_counts() -> None:
    frame = pd.DataFrame(
        {
            "partner_id": ["p", "q", "q", "p", "q"],
            "customer_id": ["stays", "other", "moves", "moves", "moves"],
            "day": [1, 2, 3, 12, 13],
            "amount_micros": [10**6, 10**6, 10**6, 4 * 10**6, 5 * 10**6],
        }
    )
    came = outcome_after(
        frame,
        customer_ids=["moves", "other", "stays"],
        partner_ids=["p", "q"],
        origin_day=10,
        days=5,
    )
    assert came.moved_customers == ("moves",)
    assert came.partner.tolist() == [4.0, 5.0]
    assert came.customer.tolist() == [9.0, 0.0, 0.0]


def test_new_customers_are_their_first_partners() -> None:
    frame = pd.DataFrame(
        {
            "partner_id": ["p", "q", "q", "p", "new", "q"],
            "customer_id": ["c", "c", "d", "d", "e", "e"],
            "day": [1, 2, 12, 13, 12, 14],
            "amount_micros": [10**6, 10**6, 2 * 10**6, 4 * 10**6, 8 * 10**6, 16 * 10**6],
        }
    )
    came = outcome_after(frame, customer_ids=["c"], partner_ids=["p", "q"], origin_day=10, days=5)
    assert came.partner_new_customers.tolist() == [0, 1]  # e was acquired by a partner unknown then
    assert came.new_customers == 2
    assert came.partner_total.tolist() == [4.0, 18.0]
    assert came.partner.tolist() == [0.0, 0.0]


def test_window_ends_are_the_days_after_the_origin() -> None:
    frame = pd.DataFrame(
        {
            "partner_id": "p",
            "customer_id": "c",
            "day": [10, 11, 15, 16],
            "amount_micros": [1_000_000, 2_000_000, 4_000_000, 8_000_000],
        }
    )
    came = outcome_after(frame, customer_ids=["c"], partner_ids=["p"], origin_day=10, days=5)
    assert np.array_equal(came.partner, [6.0])
