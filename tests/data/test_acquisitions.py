from __future__ import annotations

import pandas as pd

from ltvforecast.data.acquisitions import first_purchases
from ltvforecast.data.summary import summarize


def purchases_of(rows: list[tuple[str, str, int, int]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["customer_id", "partner_id", "day", "amount_micros"])


def test_the_acquiring_partner_is_that_of_the_first_purchase_not_of_the_most() -> None:
    starts = first_purchases(
        purchases_of([("c", "q", 9, 900), ("c", "p", 5, 1), ("c", "q", 30, 900), ("d", "q", 7, 1)])
    )
    assert starts.customers.to_numpy().tolist() == [["c", 5, "p"], ["d", 7, "q"]]
    assert starts.partners.to_numpy().tolist() == [["p", 5], ["q", 7]]


def test_on_one_day_the_largest_amount_decides_and_then_the_name() -> None:
    rows = [
        ("c", "q", 5, 3),
        ("c", "q", 5, 3),
        ("c", "p", 5, 4),
        ("d", "q", 5, 4),
        ("d", "p", 5, 4),
    ]
    for order in (rows, rows[::-1]):
        assert first_purchases(purchases_of(order)).customers["first_partner"].tolist() == [
            "q",
            "p",
        ]


def test_a_summary_knows_who_acquired_each_customer() -> None:
    frame = pd.DataFrame(
        {
            "partner_id": ["q", "p", "p", "q"],
            "customer_id": ["c", "c", "c", "a"],
            "date": ["2025-01-01", "2025-01-02", "2025-01-03", "2025-01-09"],
            "amount": [1.0, 50.0, 50.0, 2.0],
        }
    )
    customers = summarize(frame).customers
    assert customers["partner_id"].tolist() == ["q", "p"]
    assert customers["first_partner"].tolist() == ["q", "q"]
