"""All problems in one error, a line each."""

from __future__ import annotations

import pickle

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from ltvforecast.data.findings import Finding, refusal, rejecting_finding
from ltvforecast.data.quoting import shown
from ltvforecast.data.source import MalformedLine, SourceTable
from ltvforecast.errors import TransactionError
from ltvforecast.transaction_types import Account

ACCOUNT = Account(source="a.csv", rows_read=10, columns={}, lines=())


def source(*malformed: MalformedLine) -> SourceTable:
    return SourceTable(
        name="a.csv",
        table=pa.table({"amount": [f"v{i}" for i in range(10)]}),
        row=np.arange(2, 12),
        row_word="line",
        malformed=malformed,
    )


def finding(kind: str, *places: int) -> Finding:
    mask = np.zeros(10, dtype=bool)
    mask[list(places)] = True
    return Finding(
        reason=kind, kind=kind, text=f"it is {kind}", remedy=f"cure {kind}", mask=mask,
        column="amount",
    )  # fmt: skip


def refuse(*findings: Finding, malformed: tuple[MalformedLine, ...] = ()) -> TransactionError:
    return refusal(
        findings,
        source=source(*malformed),
        malformed_too=True,
        account=ACCOUNT,
        rejects=pd.DataFrame({"row": [2]}),
    )


def test_one_problem() -> None:
    error = refuse(finding("bad", 3, 1))
    assert error.found == (
        "a.csv (10 rows): it is bad: 2 of 10 rows (20.00%), lines 3, 5: 'v1', 'v3'"
    )
    assert error.remedy.startswith("cure bad; or leave out")
    assert "--on-bad-rows reject" in error.remedy


def test_several_problems_and_malformed_lines_have_a_line_each() -> None:
    bad_line = MalformedLine(row=12, text="a,b", fields=2, expected=1)
    error = refuse(finding("refuse", 0), finding("bad", *range(7)), malformed=(bad_line,))
    lines = error.found.splitlines()
    assert lines[0] == "3 problems in a.csv (11 rows):"
    assert lines[1] == "  - it is refuse: 1 of 11 rows (9.09%), line 2: 'v0'"
    assert lines[2] == "    do: cure refuse"
    assert "7 of 11 rows (63.64%), lines 2, 3, 4, 5, 6, ...: 'v0', 'v1'" in lines[3]
    assert "malformed line (2 fields, the header has 1): 1 of 11 rows" in lines[5]
    assert "'a,b'" in lines[5]


def test_a_refusal_without_bad_rows_does_not_offer_to_reject_them() -> None:
    assert "--on-bad-rows" not in refuse(finding("refuse", 0)).remedy


def test_the_first_finding_that_rejects_a_row_is_its_reason() -> None:
    findings = [finding("refuse", 0, 1), finding("bad", 1, 2), finding("reject", 2, 3)]
    assert rejecting_finding(findings, rows=10).tolist() == [-1, 1, 1, 2, -1, -1, -1, -1, -1, -1]


def test_the_account_survives_a_process_pool() -> None:
    error = pickle.loads(pickle.dumps(refuse(finding("bad", 1))))  # noqa: S301 - our own
    assert isinstance(error, TransactionError)
    assert error.account == ACCOUNT
    assert error.rejects["row"].tolist() == [2]
    assert "it is bad" in str(error)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "empty"),
        ("", "''"),
        (1.5, "'1.5'"),
        ("\x1b[31m", "'\\x1b[31m'"),
        ("\u202e", "'\\u202e'"),
    ],
)
def test_quoted_values_do_no_harm(value: object, text: str) -> None:
    assert shown(value) == text
