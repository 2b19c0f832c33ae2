from __future__ import annotations

import datetime as dt
import re

from hypothesis import given
from hypothesis import strategies as st

from ltvforecast.report.wording import (
    chance,
    exact_money,
    horizon_words,
    long_date,
    money,
    money_range,
    percent,
    rounded,
)

amounts = st.floats(min_value=0.01, max_value=1e12)


def read(text: str) -> float:
    number, _, scale = text.replace(",", "").replace("−", "-").partition(" ")
    return float(number) * {"": 1.0, "million": 1e6, "billion": 1e9}[scale]


@given(amounts)
def test_money_is_right_to_three_digits(value: float) -> None:
    shown = read(money(value))
    # half of the last digit shown; a tie, such as .875, misses it by the rounding of floats alone
    assert abs(shown - value) <= max(0.005 * value, 0.005) + 1e-12
    assert money(-value) == "−" + money(value)


@given(amounts, st.floats(min_value=0.0, max_value=1.0))
def test_ranges_hold_their_ends_to_a_hundredth_of_the_larger(value: float, part: float) -> None:
    low, high = part * value, value
    first, _, second = money_range(low, high).partition(" to ")
    scale = re.search(r" (million|billion)$", second)
    if scale and " " not in first and low >= high / 100:
        first += scale[0]
    first = "0.00" if first == "<0.01" else first
    assert abs(read(first) - low) <= max(0.011 * high, 0.006)
    assert abs(read(second) - high) <= max(0.006 * high, 0.006)


def test_ends_of_a_range_are_written_alike() -> None:
    assert money_range(3_119_000, 3_503_000, "USD") == "USD 3.12 to 3.50 million"
    assert money_range(999_600, 1_400_000) == "1.00 to 1.40 million"
    assert money_range(131_400, 155_200) == "131,000 to 155,000"
    assert money_range(0, 0) == "0 to 0"
    assert money_range(-1200, 3400) == "−1,200 to 3,400"
    assert money_range(1.5, 2.25, joined="and") == "1.50 and 2.25"


def test_rounding_up_to_the_next_unit() -> None:
    assert money(999_499) == "999,000"
    assert money(999_600) == "1 million"
    assert money(999_700_000) == "1 billion"
    assert rounded(999.9) == "1,000"


@given(st.integers(min_value=-(10**18), max_value=10**18))
def test_exact_money_loses_nothing(micros: int) -> None:
    shown = exact_money(micros).replace(",", "").replace("−", "-")
    whole, _, rest = shown.partition(".")
    assert int(whole + rest.ljust(6, "0")) == micros


@given(st.floats(min_value=0.0, max_value=1.0))
def test_percent_never_claims_certainty(probability: float) -> None:
    shown = percent(probability)
    assert (shown == "0%") == (probability == 0)
    assert (shown == "100%") == (probability == 1)


def test_words_for_chances_rise_with_them() -> None:
    words = list(dict.fromkeys(chance(step / 100) for step in range(101)))
    assert len(words) == 5
    assert words[0] == "very unlikely"
    assert words[-1] == "almost certain"


def test_horizons_and_dates() -> None:
    assert horizon_words("1mo", 30.4) == "1 month"
    assert horizon_words("26W", 182) == "26 weeks"
    assert horizon_words("2025-06-30", 181.0) == "181 days"
    assert long_date(dt.date(2024, 2, 3)) == "3 February 2024"
