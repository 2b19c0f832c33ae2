"""Refunds in their four forms become the same thing, and nothing is counted twice."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from ltvforecast.data.refund_forms import (
    STATUS_WORDS,
    TYPE_WORDS,
    own_refunds,
    read_words,
    reversal_rows,
)


def rows(*entries: tuple[int, int, int, bool, int], customer: int = 0) -> pd.DataFrame:
    """Entries are order, second, amount, reversed, refunded."""
    frame = pd.DataFrame(entries, columns=["order", "second", "amount", "reversed", "refunded"])
    return frame.assign(customer=customer, partner=0, stream=-1)


def test_words_in_any_spelling() -> None:
    column = pa.chunked_array([["Refund", "PARTIAL_REFUND", "charge back", "sale", None, ""]])
    words = read_words(column, name="type", vocabulary=TYPE_WORDS)
    assert words.meaning.tolist() == ["refund", "refund", "chargeback", "sale", "", ""]
    assert words.is_signal
    assert not words.unknown.any()
    assert words.says("refund", "chargeback").tolist() == [True, True, True, False, False, False]


def test_no_known_word_is_no_signal_and_some_unknown_ones_are_told() -> None:
    states = read_words(
        pa.chunked_array([["CA", "NY", None]]), name="state", vocabulary=STATUS_WORDS
    )
    assert not states.is_signal
    assert not states.unknown.any()
    mixed = read_words(
        pa.chunked_array([["paid", "storniert", None]]), name="state", vocabulary=STATUS_WORDS
    )
    assert mixed.is_signal
    assert mixed.unknown.tolist() == [False, True, False]


def test_the_vocabularies_are_normal_words_with_one_meaning() -> None:
    for vocabulary in (TYPE_WORDS, STATUS_WORDS):
        assert all(word.isalpha() and word == word.casefold() for word in vocabulary)


@pytest.mark.parametrize(
    ("sale", "flip", "expected"),
    [
        ((1, 10, 100, False, 0), (1, 20, 100, True, 0), True),  # later
        ((1, 10, 100, False, 0), (1, 20, 40, True, 0), True),  # later, a part
        ((1, 10, 100, False, 0), (1, 10, 100, True, 0), True),  # same moment, same amount
        ((1, 10, 100, False, 0), (1, 10, 40, True, 0), False),  # another line of the order
        ((1, 20, 100, False, 0), (1, 10, 100, True, 0), False),  # earlier: undone, then sold
        ((2, 10, 100, False, 0), (1, 20, 100, True, 0), False),  # another order
        ((-1, 10, 100, False, 0), (-1, 20, 100, True, 0), False),  # no order at all
    ],
)
def test_which_flips_reverse_another_row(
    sale: tuple[int, int, int, bool, int], flip: tuple[int, int, int, bool, int], expected: bool
) -> None:
    assert reversal_rows(rows(sale, flip)).tolist() == [False, expected]
    assert reversal_rows(rows(flip, sale)).tolist() == [expected, False]


def test_a_flip_of_another_customer_or_stream_reverses_nothing() -> None:
    two = rows((1, 10, 100, False, 0), (1, 20, 100, True, 0))
    assert not reversal_rows(two.assign(customer=[0, 1])).any()
    assert not reversal_rows(two.assign(stream=[0, 1])).any()


def test_rows_with_a_gappy_index_are_placed_right() -> None:
    two = rows((9, 0, 1, False, 0), (1, 10, 100, False, 0), (1, 20, 100, True, 0))
    two.index = pd.Index([3, 7, 11])
    assert reversal_rows(two).tolist() == [False, False, True]


def test_own_refunds_are_at_most_the_sale() -> None:
    refunded, twice = own_refunds(
        rows((1, 0, 100, False, 30), (2, 0, 100, False, 130), (3, 0, 100, True, 0),
             (4, 0, -50, False, 50), (5, 0, 0, False, 5))
    )  # fmt: skip
    assert refunded.tolist() == [30, 100, 100, 0, 0]
    assert not twice.any()


def test_a_refund_told_by_a_row_too_counts_once() -> None:
    refunded, twice = own_refunds(
        rows((1, 0, 100, False, 30), (1, 5, -30, False, 0), (2, 0, 100, True, 0),
             (2, 5, -40, False, 0), (3, 0, 60, True, 0), (3, 0, 40, True, 0), (3, 9, -70, False, 0))
    )  # fmt: skip
    assert (refunded + twice).tolist() == [30, 0, 100, 0, 60, 40, 0]
    assert twice.tolist() == [30, 0, 40, 0, 30, 40, 0]


def test_a_refund_row_of_another_customer_is_another_refund() -> None:
    two = rows((1, 0, 100, False, 30), (1, 5, -30, False, 0)).assign(customer=[0, 1])
    refunded, twice = own_refunds(two)
    assert refunded.tolist() == [30, 0]
    assert not twice.any()


def test_nothing_depends_on_the_order_of_rows() -> None:
    rng = np.random.default_rng(5)
    n = 300
    table = pd.DataFrame({
        "order": rng.integers(-1, 60, n), "customer": rng.integers(0, 3, n),
        "partner": rng.integers(0, 2, n), "stream": -1, "second": rng.integers(0, 4, n),
        "amount": rng.integers(-50, 100, n), "reversed": rng.random(n) < 0.3,
        "refunded": rng.integers(0, 20, n), "id": np.arange(n),
    })  # fmt: skip
    mixed = table.sample(frac=1, random_state=5)
    for found in (reversal_rows, lambda rows: own_refunds(rows)[0]):
        plain = pd.Series(found(table), index=table["id"])
        again = pd.Series(found(mixed), index=mixed["id"])
        told = table.drop(columns="id").assign(found=plain.to_numpy())
        told_again = mixed.drop(columns="id").assign(found=again.to_numpy())
        columns = list(told.columns)
        pd.testing.assert_frame_equal(
            told.sort_values(columns, ignore_index=True),
            told_again.sort_values(columns, ignore_index=True),
        )
