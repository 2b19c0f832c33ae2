from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ltvforecast.data.covariate_columns import PREFIX, customer_covariates, read_covariate
from ltvforecast.data.summary import summarize
from ltvforecast.data.transactions import read_transactions
from ltvforecast.errors import ConfigError, TransactionError


def cells(values: list[Any], **options: Any) -> tuple[str, list[Any]]:
    found = read_covariate(pa.chunked_array([values]), name="c", **options)
    assert len(found.cells) == len(found.bad) == len(values)
    return found.kind, found.cells.astype(object).where(found.cells.notna(), None).tolist()


def test_text_is_of_the_kind_that_every_cell_is_of() -> None:
    assert cells(["yes", " NO ", "", None]) == ("yes-no", [True, False, None, None])
    assert cells(["True", "false"]) == ("yes-no", [True, False])
    assert cells(["2", "3.5", "nan", "1,234,567"]) == ("number", [2.0, 3.5, None, 1234567.0])
    assert cells(["north", " south  east "]) == ("category", ["north", "south east"])
    assert cells(["2", "two"]) == ("category", ["2", "two"])
    assert cells(["yes", "maybe"]) == ("category", ["yes", "maybe"])
    assert cells(["01", "02"]) == ("category", ["01", "02"])
    assert cells(["", None]) == ("category", [None, None])
    assert cells(["2025-01-31", ""]) == ("date", [pd.Timestamp("2025-01-31"), None])


def test_decimal_marks_and_formats_of_dates_are_as_declared() -> None:
    assert cells(["2,5", "3"], decimal="comma") == ("number", [2.5, 3.0])
    declared = cells(["31/01/2025"], date_format="%d/%m/%Y")
    assert declared == ("date", [pd.Timestamp("2025-01-31")])
    # a table in ISO beside transactions in another format
    assert cells(["2025-01-31"], date_format="%d/%m/%Y") == declared
    assert cells(["31/01/2025"])[0] == "category"


def test_typed_columns_keep_their_kind() -> None:
    assert cells([True, None]) == ("yes-no", [True, None])
    assert cells([3, None, 5]) == ("number", [3.0, None, 5.0])
    assert cells([dt.date(2025, 1, 31), None]) == ("date", [pd.Timestamp("2025-01-31"), None])
    assert cells([2.5, float("nan")]) == ("number", [2.5, None])


def test_zeros_and_ones_are_no_and_yes_and_it_is_said() -> None:
    found = read_covariate(pa.chunked_array([["0", "1", ""]]), name="vip")
    assert found.kind == "yes-no"
    assert found.notes == ("'vip' holds only 0 and 1, taken as no and yes",)
    assert cells([1, 1])[0] == "number"


def test_formulas_and_infinite_numbers_are_bad_whatever_the_kind() -> None:
    for values in (["1", "=A1", "#REF!"], ["yes", "=A1", "#N/A"], ["a", "=1+1", "#DIV/0!"]):
        found = read_covariate(pa.chunked_array([values]), name="c")
        assert found.bad.tolist() == [False, True, True]
        assert found.cells.isna().tolist() == [False, True, True]
    assert read_covariate(pa.chunked_array([["1", "inf"]]), name="c").bad.tolist() == [False, True]
    assert read_covariate(pa.chunked_array([[1.0, np.inf]]), name="c").bad.tolist() == [False, True]


def test_a_few_odd_cells_among_numbers_are_pointed_out() -> None:
    values = [*map(str, range(40)), "4O"]
    notes = read_covariate(pa.chunked_array([values]), name="size").notes
    assert notes == ("'size' is taken as categories, for not all of it are numbers: '4O'",)
    assert (
        "upper and lower case"
        in read_covariate(pa.chunked_array([["North", "north"]]), name="r").notes[0]
    )


@settings(max_examples=50)
@given(st.lists(st.one_of(st.none(), st.text(max_size=6)), min_size=1, max_size=12))
def test_any_text_is_read_and_the_order_of_rows_changes_nothing(values: list[str | None]) -> None:
    kind, there = cells(values)
    again, back = cells(values[::-1])
    assert kind == again
    assert repr(there) == repr(back[::-1])


# --- customers ---------------------------------------------------------------------------------

ROWS = pd.DataFrame(
    {
        "partner_id": "p",
        "customer_id": ["a", "a", "b", "b", "c"],
        "date": ["2025-01-02", "2025-01-01", "2025-01-03", "2025-01-05", "2025-01-05"],
        "amount": [1.0, 2.0, 3.0, 4.0, 5.0],
        "channel": ["web", "shop", None, "web", None],
        "size": [3, 3, 5, 9, 1],
    }
)


def test_the_first_known_value_counts_and_later_ones_are_told() -> None:
    read = read_transactions(ROWS, covariates=["channel", "size"])
    summary = summarize(read, as_of="2025-01-31")
    assert summary.covariates is not None
    assert summary.covariates["channel"].astype(object).where(
        summary.covariates["channel"].notna(), None
    ).tolist() == ["shop", "web", None]
    assert summary.covariates["size"].tolist() == [3.0, 5.0, 1.0]
    notes = " ".join(summary.account.notes)
    assert "'channel' differs between purchases of 1 of 3 customers" in notes
    assert "'size' differs between purchases of 1 of 3 customers" in notes


def test_nothing_after_the_as_of_date_is_known() -> None:
    read = read_transactions(ROWS, covariates="channel")
    summary = summarize(read, as_of="2025-01-04")
    assert summary.covariates is not None
    assert summary.covariates["channel"].isna().tolist() == [False, True]
    assert not any("differs" in note and "'channel'" in note and "2 of" in note
                   for note in summary.account.notes)  # fmt: skip


def test_the_order_of_rows_changes_nothing_even_within_a_day() -> None:
    frame = pd.DataFrame(
        {
            "customer_id": ["c", "c"],
            "day": [1, 1],
            "amount_micros": [1, 1],
            f"{PREFIX}x": ["b", "a"],
        }
    )
    for rows in (frame, frame.iloc[::-1]):
        table, _ = customer_covariates(rows, ["c"], as_of_day=2)
        assert table is not None
        assert table["x"].tolist() == ["a"]


def test_refunds_tell_nothing() -> None:
    frame = pd.DataFrame(
        {
            "customer_id": ["c", "c"],
            "day": [1, 2],
            "amount_micros": [-1, 1],
            f"{PREFIX}x": ["a", "b"],
        }
    )
    table, notes = customer_covariates(frame, ["c"], as_of_day=2)
    assert table is not None
    assert (table["x"].tolist(), notes) == (["b"], ())


def test_columns_not_asked_for_are_dropped_and_change_no_fingerprint() -> None:
    plain = summarize(read_transactions(ROWS.drop(columns=["channel", "size"])))
    asked = summarize(read_transactions(ROWS, covariates=["size"]))
    assert summarize(read_transactions(ROWS)).fingerprint == plain.fingerprint
    assert plain.covariates is None
    assert asked.fingerprint != plain.fingerprint
    other = ROWS.assign(size=[3, 3, 5, 9, 2])
    assert summarize(read_transactions(other, covariates=["size"])).fingerprint != asked.fingerprint


def test_covariates_that_are_no_free_column_are_refused_at_once() -> None:
    with pytest.raises(ConfigError) as refused:
        read_transactions(ROWS, covariates=["chanel", "amount"])
    assert "'chanel' is no column" in refused.value.found
    assert "'amount' is the amount" in refused.value.found
    assert "'channel'" in refused.value.expected


def test_a_formula_in_a_covariate_refuses_the_source_or_rejects_the_row() -> None:
    bad = ROWS.assign(channel=["web", "=A1", None, "web", None])
    with pytest.raises(TransactionError, match=r"covariate 'channel' is a formula.*data row 2"):
        read_transactions(bad, covariates=["channel"])
    read = read_transactions(bad, covariates=["channel"], on_bad_rows="reject")
    assert read.rejects["reason"].tolist() == ["covariate_not_a_value"]
    assert len(read_transactions(bad).frame) == 5
