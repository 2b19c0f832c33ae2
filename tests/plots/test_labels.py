from __future__ import annotations

import unicodedata

from hypothesis import given, settings
from hypothesis import strategies as st

from ltvforecast.plots.labels import display_name, short_amount


@settings(max_examples=50)
@given(st.text(max_size=40), st.integers(min_value=2, max_value=50))
def test_a_name_fits_and_holds_nothing_that_acts_unseen(name: str, width: int) -> None:
    shown = display_name(name, width=width)
    assert shown
    assert len(shown) <= max(width, len("(empty name)"))
    allowed = {"\u200c", "\u200d"}
    assert not [c for c in shown if unicodedata.category(c)[0] == "C" and c not in allowed]


def test_direction_changes_and_line_breaks_do_not_survive() -> None:
    assert display_name("a\u202eb\u2067c") == "a\ufffdb\ufffdc"
    assert display_name("one\r\ntwo\tthree") == "one two three"
    assert display_name("  ") == "(empty name)"


def test_ordinary_names_of_any_script_stay_as_they_are() -> None:
    for name in ("Müller & Söhne", "漢字", "שלום", "می\u200cخواهم", "$x_1^2$"):
        assert display_name(name) == name


@given(st.floats(min_value=-1e13, max_value=1e13).map(lambda v: round(v, 6)))
def test_amounts_are_short_and_signed(value: float) -> None:
    shown = short_amount(value)
    assert len(shown) <= 12
    assert ("−" in shown) == (value < 0)


def test_amounts_near_a_unit_are_not_a_thousand_of_the_smaller() -> None:
    assert short_amount(999.9999999999) == "1k"
    assert short_amount(1_000_000) == "1M"
    assert short_amount(12_345) == "12.3k"
