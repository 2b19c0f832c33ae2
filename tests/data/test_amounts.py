"""Money is whole millionths, and what is no number is never taken for one."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ltvforecast.data.amounts import LARGEST_AMOUNT, Amounts, parse_amounts


def amounts(
    *values: object,
    decimal: Literal["point", "comma"] = "point",
    unit: Literal["units", "cents"] = "units",
) -> Amounts:
    column = pa.chunked_array([list(values)])
    return parse_amounts(column, name="amount", decimal=decimal, unit=unit)


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("12.50", 12_500_000), ("12", 12_000_000), (".5", 500_000), ("5.", 5_000_000),
        ("+1", 1_000_000), ("-0.01", -10_000), ("  7 ", 7_000_000), ("1e3", 1_000_000_000),
        ("1.5E-2", 15_000), ("0", 0), ("-0", 0), ("1,234.50", 1_234_500_000),
        ("1,234,567", 1_234_567_000_000), ("-1,234,567.8", -1_234_567_800_000),
        ("1.005", 1_005_000), ("00012.50", 12_500_000),
    ],
)  # fmt: skip
def test_numbers_with_a_point(text: str, micros: int) -> None:
    found = amounts(text)
    assert found.micros.tolist() == [micros]
    assert not (found.bad | found.missing | found.rounded).any()


@pytest.mark.parametrize(
    "text",
    [
        "1.234,50", "1,234", "12,5", "$12", "12 EUR", "x", "n/a", "1,2,3", "1.2.3", "--1", "0x10",
        "1_000", "(12.50)", "12-", "1e", "1e999", "inf", "-inf", "\u0661\u0662", "1 234.50",
        "12,34,567.00", "\u221212", "True", "1,234.5.6",
    ],
)  # fmt: skip
def test_what_is_no_number_with_a_point(text: str) -> None:
    found = amounts("1", text)
    assert found.bad.tolist() == [False, True]
    assert found.micros.tolist() == [1_000_000, 0]


@pytest.mark.parametrize(
    ("text", "micros"),
    [
        ("1.234,50", 1_234_500_000), ("12,5", 12_500_000), ("1.234", 1_234_000_000),
        ("12", 12_000_000), ("-,5", -500_000), ("5,", 5_000_000),
        ("1.234.567,8", 1_234_567_800_000),
    ],
)  # fmt: skip
def test_numbers_with_a_comma(text: str, micros: int) -> None:
    assert amounts(text, decimal="comma").micros.tolist() == [micros]


@pytest.mark.parametrize("text", ["12.50", "1,234.50", "1,2,3", "1234.567", "1.23.456"])
def test_what_is_no_number_with_a_comma(text: str) -> None:
    assert amounts(text, decimal="comma").bad.tolist() == [True]


@pytest.mark.parametrize("missing", [None, "", "  ", "nan", "NaN"])
def test_missing_text(missing: str | None) -> None:
    found = amounts("1", missing)
    assert found.missing.tolist() == [False, True]
    assert not found.bad.any()


def test_native_numbers() -> None:
    assert amounts(1.005, None, float("nan")).missing.tolist() == [False, True, True]
    assert amounts(0.1 + 0.2).micros.tolist() == [300_000]
    assert amounts(float("inf"), 1.0).bad.tolist() == [True, False]
    assert amounts(7, None).micros.tolist() == [7_000_000, 0]
    assert amounts(7, None).missing.tolist() == [False, True]
    assert amounts(Decimal("12.345678"), None).micros.tolist() == [12_345_678, 0]
    assert amounts(1.5, decimal="comma").micros.tolist() == [1_500_000]
    assert amounts(True, False).bad.all()


def test_cents() -> None:
    assert amounts(1250, unit="cents").micros.tolist() == [12_500_000]
    assert amounts("1250", "12.5", unit="cents").micros.tolist() == [12_500_000, 125_000]
    assert amounts(1250.0, unit="cents").micros.tolist() == [12_500_000]


def test_too_large_is_told_and_never_wraps() -> None:
    for value in (1e13, -1e13, 10**18, "1e300", Decimal(10**20)):
        found = amounts(value)
        assert found.too_large.tolist() == [True]
        assert found.micros.tolist() == [0]
    assert amounts(float(LARGEST_AMOUNT)).micros.tolist() == [LARGEST_AMOUNT * 10**6]
    unsigned = pa.chunked_array([pa.array([2**63], pa.uint64())])
    found = parse_amounts(unsigned, name="a", decimal="point", unit="units")
    assert found.too_large.tolist() == [True]


def test_more_than_six_decimals_are_told() -> None:
    assert amounts("0.1234567", "0.123456", "1e-7").rounded.tolist() == [True, False, True]
    assert amounts(0.1 + 0.2, 1 / 3).rounded.tolist() == [False, True]


@given(st.lists(st.integers(-(10**13), 10**13), min_size=1), st.sampled_from(["point", "comma"]))
def test_text_of_whole_cents_is_exact(cents: list[int], decimal: Literal["point", "comma"]) -> None:
    texts = [f"{Decimal(c) / 100:.2f}" for c in cents]
    if decimal == "comma":
        texts = [text.replace(".", ",") for text in texts]
    found = amounts(*texts, decimal=decimal)
    # float64 holds whole millionths up to 2^53; above it the nearest one is within a few ulp
    exact = np.array([c * 10_000 for c in cents])
    error = np.abs(found.micros - exact)
    assert (error[np.abs(exact) < 2**53] == 0).all()
    assert (error <= 16).all()
