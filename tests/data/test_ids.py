"""Ids are text, exactly as they stand."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ltvforecast.data.ids import Ids, all_text, parse_ids, parse_text, same_but_case
from ltvforecast.errors import TransactionError

HOSTILE = [
    "=cmd|' /C calc'!A0", "<script>alert(1)</script>", 'a"b', "a\nb", "\u202eabc", "\x00", "NULL",
    "NA", "nan", "None", "'; DROP TABLE customers; --", "\U0001f600", "x" * 100_000, "#N/A", "-1",
]  # fmt: skip


def column(*values: object) -> pa.ChunkedArray:
    return pa.chunked_array([list(values)])


def names(ids: Ids) -> list[str | None]:
    texts = ids.names.to_pylist()
    return [texts[code] if code >= 0 else None for code in ids.codes]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (column("00007", "7", None), ["00007", "7", None]),
        (column(7, 8, None), ["7", "8", None]),
        (column(7.0, 7.5, None), ["7", "7.5", None]),
        (column(float("nan"), 2.0**52, -3.0), [None, str(2**52), "-3"]),
        (pa.chunked_array([pa.array([1.0, None], pa.float32())]), ["1", None]),
        (column(Decimal("7.00"), Decimal("7.50"), Decimal("-0.01")), ["7", "7.5", "-0.01"]),
        (column(True, None), ["true", None]),
        (column(dt.date(2025, 3, 4)), ["2025-03-04"]),
        (column(b"abc"), ["abc"]),
        (pa.chunked_array([pa.array(["a", "b", "a"]).dictionary_encode()]), ["a", "b", "a"]),
        (pa.chunked_array([pa.nulls(2)]), [None, None]),
        (pa.chunked_array([["a"], ["b"]]), ["a", "b"]),
    ],
)
def test_text_of_every_type(values: pa.ChunkedArray, expected: list[str | None]) -> None:
    assert parse_text(values, name="id").to_pylist() == expected


@pytest.mark.parametrize("values", [column([1]), column({"a": 1}), column(b"\xff")])
def test_types_that_are_no_text(values: pa.ChunkedArray) -> None:
    with pytest.raises(TransactionError, match="'id' holds"):
        parse_text(values, name="id")
    assert len(all_text(values, name="id")) == 1


def test_empty_ids_are_missing() -> None:
    ids = parse_ids(column("a", "", " \t", None, "\u00a0", "a"), name="id", trim=False)
    assert names(ids) == ["a", None, None, None, None, "a"]
    assert not ids.spaced.any()


def test_hostile_ids_stay_as_they_are() -> None:
    ids = parse_ids(column(*HOSTILE), name="id", trim=False)
    assert names(ids) == HOSTILE
    assert not ids.spaced.any()
    assert names(parse_ids(column(*HOSTILE), name="id", trim=True))[:3] == HOSTILE[:3]


def test_ids_that_differ_by_spaces_only() -> None:
    values = column("ACME Ltd", " ACME Ltd", "ACME  Ltd", "ACME\u00a0Ltd", "ACMELtd", None, "b ")
    found = parse_ids(values, name="id", trim=False)
    assert found.spaced.tolist() == [True, True, True, True, False, False, False]
    assert names(found)[1] == " ACME Ltd"
    trimmed = parse_ids(values, name="id", trim=True)
    assert names(trimmed) == [*["ACME Ltd"] * 4, "ACMELtd", None, "b"]
    assert trimmed.trimmed.tolist() == [False, True, True, True, False, False, True]
    assert not trimmed.spaced.any()


def test_decimal_ids_beyond_exactness_are_refused() -> None:
    with pytest.raises(TransactionError, match="no longer exact"):
        parse_ids(column(2.0**53, 1.0), name="id", trim=False)
    assert names(parse_ids(column(2**53 + 1), name="id", trim=False)) == [str(2**53 + 1)]


def test_case_is_told_but_kept() -> None:
    assert same_but_case(pa.array(["Acme", "ACME", "b", "c"])) == ["ACME", "Acme"]
    assert same_but_case(pa.array([], pa.large_string())) == []


@given(st.lists(st.one_of(st.none(), st.text(max_size=4))), st.booleans())
def test_codes_and_names_say_what_stood_there(texts: list[str | None], trim: bool) -> None:
    ids = parse_ids(pa.chunked_array([pa.array(texts, pa.string())]), name="id", trim=trim)
    tidy = [None if text is None else " ".join(text.split()) for text in texts]
    expected = [(tidy if trim else texts)[i] if tidy[i] else None for i in range(len(texts))]
    assert names(ids) == expected
    assert len(set(ids.names.to_pylist())) == len(ids.names)
    spellings: dict[str | None, set[str | None]] = {}
    for spelt, plain in zip(texts, tidy, strict=True):
        spellings.setdefault(plain, set()).add(spelt)
    differ = [bool(plain) and not trim and len(spellings[plain]) > 1 for plain in tidy]
    np.testing.assert_array_equal(ids.spaced, np.array(differ, dtype=bool))
