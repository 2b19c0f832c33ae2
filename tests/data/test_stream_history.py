from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ltvforecast.data.stream_history import UNSPECIFIED
from ltvforecast.data.summary import summarize
from ltvforecast.data.transactions import read_transactions

HOSTILE = "<script>alert(1)</script>"


def orders(rows: list[tuple[str, str, str, float, str | None]]) -> pd.DataFrame:
    names = ["partner_id", "customer_id", "date", "amount", "revenue_stream"]
    return pd.DataFrame(rows, columns=names)


def history_of(frame: pd.DataFrame, **how):
    return summarize(read_transactions(frame, duplicates="keep"), **how)


@pytest.fixture
def frame() -> pd.DataFrame:
    return orders(
        [
            ("p", "c", "2024-01-01", 100.0, "initial"),
            ("p", "c", "2024-01-01", 10.0, "service"),
            ("p", "c", "2024-03-01", 40.0, "renewal"),
            ("q", "c", "2024-04-01", 30.0, "renewal"),
            ("q", "d", "2024-04-01", 7.0, None),
            ("q", "d", "2024-05-01", -2.0, None),
        ]
    )


def test_first_purchase_days_stand_apart_whoever_the_partner(frame: pd.DataFrame) -> None:
    table = history_of(frame).stream_history
    got = {tuple(row[:3]): row[3] for row in table.itertuples(index=False)}
    assert got == {
        ("p", "initial", True): 100.0,
        ("p", "service", True): 10.0,
        ("p", "renewal", False): 40.0,
        ("q", "renewal", False): 30.0,  # c's first day was at p
        ("q", UNSPECIFIED, True): 5.0,  # the refund is off
    }


def test_what_has_no_stream_is_counted_in_a_note(frame: pd.DataFrame) -> None:
    notes = history_of(frame).account.notes
    assert any("1 of 5 purchases tell no revenue stream" in note for note in notes)
    told = history_of(frame.assign(revenue_stream="renewal")).account.notes
    assert not any("revenue stream" in note for note in told)


def test_a_source_without_streams_has_no_table_and_the_same_fingerprint(
    frame: pd.DataFrame,
) -> None:
    bare = history_of(frame.drop(columns="revenue_stream"))
    assert bare.stream_history is None
    assert not any("stream" in note for note in bare.account.notes)
    assert bare.fingerprint != history_of(frame).fingerprint


def test_age_is_counted_to_the_as_of_date_and_later_rows_are_out(frame: pd.DataFrame) -> None:
    table = history_of(frame, as_of="2024-03-01").stream_history
    row = table[table["revenue_stream"] == "initial"].iloc[0]
    half = 2.0 ** (-60 / 365)
    assert row["recent_revenue"] == pytest.approx(100 * half)
    assert row["recent_squares"] == pytest.approx(100**2 * half)
    assert set(table["partner_id"]) == {"p"}


def test_lines_of_one_day_and_stream_are_one_amount() -> None:
    lines = [("p", "c", "2024-01-01", 3.0, "service")] * 4
    row = history_of(orders(lines)).stream_history.iloc[0]
    assert row["purchases"] == 4
    assert row["recent_squares"] == pytest.approx(12.0**2)


def test_hostile_names_stay_as_they_stand() -> None:
    frame = orders([("=1+1", "c", "2024-01-01", 3.0, HOSTILE), ("p", "c", "2024-02-01", 1.0, "_")])
    table = history_of(frame).stream_history
    assert set(table["revenue_stream"]) == {HOSTILE, "_"}


@settings(max_examples=25)
@given(
    rows=st.lists(
        st.tuples(
            st.sampled_from("pqr"),
            st.sampled_from("cde"),
            st.integers(0, 800),
            st.integers(0, 10**6),
            st.sampled_from(["initial", "renewal", HOSTILE, None]),
        ),
        min_size=1,
        max_size=30,
    ),
    rule=st.sampled_from(["share", "first", "linear"]),
)
def test_streams_add_up_to_the_partners_history_to_the_cent(rows, rule) -> None:
    dated = [
        (p, c, str(np.datetime64("2022-01-01") + day), cents / 100, stream)
        for p, c, day, cents, stream in rows
    ]
    summary = history_of(orders(dated), attribution=rule)
    table = summary.stream_history
    whole = summary.history.groupby("partner_id")[["revenue", "purchases"]].sum()
    split = table.groupby("partner_id")[["revenue", "purchases"]].sum()
    pd.testing.assert_frame_equal(whole, split, atol=1e-4, rtol=0)
    assert np.isfinite(table.select_dtypes("number").to_numpy()).all()
