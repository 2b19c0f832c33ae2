"""The account adds up, in text and as a record."""

from __future__ import annotations

import json
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ltvforecast.data.account import account_line, account_lines, account_record, money_text
from ltvforecast.transaction_types import Account, AccountLine

LINES = (
    account_line("rejected", "duplicate", "said twice", row=np.array([9, 4, 8, 7, 6, 5]),
                 money_in=np.full(6, 1_500_000), examples=["'a\\x1b[31m'"]),
    account_line("kept", "sale", "sales", row=np.array([1, 2]), money_in=np.array([1, 2_000_000]),
                 money_out=np.array([1, 2_000_000])),
    account_line("adjusted", "refund_netted", "refunds", row=np.array([3]),
                 money_in=np.array([-1_234_567_890_000])),
)  # fmt: skip
ACCOUNT = Account(
    source="orders.csv",
    rows_read=9,
    columns={"amount": "=SUM(A1)\x1b[31m"},
    lines=LINES,
    notes=("a note",),
    currency="EUR",
    timezone="UTC",
)


@given(st.integers(-(10**24), 10**24))
def test_money_is_written_exactly(micros: int) -> None:
    text = money_text(micros)
    assert Decimal(text.replace(",", "")) * 10**6 == micros
    assert len(text.partition(".")[2]) >= 2


@pytest.mark.parametrize(
    ("micros", "text"),
    [
        (0, "0.00"),
        (10_000, "0.01"),
        (-500_000, "-0.50"),
        (1, "0.000001"),
        (10**21, "1,000,000,000,000,000.00"),
    ],
)
def test_money_has_the_decimals_it_needs(micros: int, text: str) -> None:
    assert money_text(micros) == text


def test_a_line_shows_its_first_rows_in_order() -> None:
    assert LINES[0].first_rows == (4, 5, 6, 7, 8)
    assert LINES[0].rows == 6
    assert LINES[0].money_in_micros == 9_000_000
    assert LINES[0].money_out_micros == 0


def test_the_text_proves_its_sums() -> None:
    lines = account_lines(ACCOUNT)
    text = "\n".join(lines)
    assert "9 rows read = 2 kept + 1 adjusted + 6 rejected" in lines
    assert "-1,234,556.889999 read = 2.000001 kept + -1,234,558.89 not kept" in lines
    assert lines[0] == "orders.csv: 9 rows, EUR, days in UTC"
    assert "rejected, duplicate: said twice; rows 4, 5, 6, 7, 8, ...: 'a\\x1b[31m'" in lines
    assert lines[-1] == "note: a note"
    assert "\x1b" not in text
    kept = next(i for i, line in enumerate(lines) if line.startswith("kept"))
    table = lines[kept - 1 : kept + 4]
    assert len({len(line) for line in table}) == 1


def test_the_record_is_json_with_exact_money() -> None:
    record = json.loads(json.dumps(account_record(ACCOUNT), allow_nan=False))
    assert record["adds_up"] is True
    assert sum(line["rows"] for line in record["lines"]) == record["rows_read"] == 9
    assert sum(Decimal(line["money_read"]) for line in record["lines"]) == Decimal(
        record["money_read"]
    )
    assert sum(Decimal(line["money_kept"]) for line in record["lines"]) == Decimal(
        record["money_kept"]
    )
    assert record["lines"][0]["first_rows"] == [4, 5, 6, 7, 8]


def test_an_account_that_does_not_add_up_says_so() -> None:
    line = AccountLine(
        disposition="kept", reason="sale", explanation="", rows=1,
        money_in_micros=0, money_out_micros=0,
    )  # fmt: skip
    account = Account(source="x", rows_read=2, columns={}, lines=(line,))
    assert account_record(account)["adds_up"] is False
