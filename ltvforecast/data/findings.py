"""What is wrong with which rows, and the one error that tells all of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa

from ltvforecast.data.quoting import shown
from ltvforecast.data.source import SourceTable
from ltvforecast.errors import TransactionError
from ltvforecast.transaction_types import Account
from ltvforecast.types import IntArray

__all__ = [
    "FIRST",
    "BoolArray",
    "Finding",
    "cells_as_text",
    "first_examples",
    "refusal",
    "rejecting_finding",
    "row_line",
]

FIRST = 5
"""How many rows are shown of each finding."""

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One rule and the rows that break it.

    Attributes
    ----------
    reason : str
        Short fixed name.
    kind : {"reject", "bad", "refuse"}
        ``reject``: such rows are rejected and counted; ``bad``: they stop the reading, unless
        bad rows are to be rejected; ``refuse``: they always stop it, for no row is at fault.
    text : str
        The finding in plain words, without the count.
    remedy : str
        What the reader can do about it.
    mask : bool array, shape (n,)
    column : str or None
        The source column whose values are shown.
    """

    reason: str
    kind: Literal["reject", "bad", "refuse"]
    text: str
    remedy: str = ""
    mask: BoolArray
    column: str | None = None


def cells_as_text(column: pa.ChunkedArray) -> list[str | None]:
    """Turn a few cells into text, whatever their type.

    Examples
    --------
    >>> cells_as_text(pa.chunked_array([[1.5, None]]))
    ['1.5', None]
    """
    return [None if value is None else str(value) for value in column.to_pylist()]


def first_examples(source: SourceTable, mask: BoolArray, column: str | None) -> tuple[str, ...]:
    """Quote what stands in a column on the first rows of a mask.

    Parameters
    ----------
    source : SourceTable
    mask : bool array, shape (n,)
    column : str or None
        None gives no examples.

    Returns
    -------
    tuple of str
    """
    if column is None:
        return ()
    first = np.flatnonzero(mask)[:FIRST]
    return tuple(shown(text) for text in cells_as_text(source.table[column].take(pa.array(first))))


def rejecting_finding(findings: Sequence[Finding], *, rows: int) -> IntArray:
    """Say for each row which finding rejects it: the first that holds, -1 for none.

    Parameters
    ----------
    findings : sequence of Finding
        In order of precedence; those that refuse the whole source reject no row.
    rows : int

    Returns
    -------
    int64 array, shape (rows,)

    Examples
    --------
    >>> mask = np.array([False, True])
    >>> rejecting_finding([Finding(reason="a", kind="reject", text="", mask=mask)], rows=2)
    array([-1,  0])
    """
    which = np.full(rows, -1, dtype=np.int64)
    for i, finding in enumerate(findings):
        if finding.kind != "refuse":
            which[finding.mask & (which < 0)] = i
    return which


def refusal(
    findings: Sequence[Finding],
    *,
    source: SourceTable,
    malformed_too: bool,
    account: Account,
    rejects: pd.DataFrame,
) -> TransactionError:
    """Tell all findings in one error, a line each.

    Parameters
    ----------
    findings : sequence of Finding
        Those that stop the reading; not empty unless there are malformed lines.
    source : SourceTable
    malformed_too : bool
        Whether malformed lines stop the reading.
    account : Account
        What would be kept and rejected without them.
    rejects : pandas.DataFrame

    Returns
    -------
    TransactionError
    """
    total = source.table.num_rows + len(source.malformed)
    told = [_finding_told(finding, source=source, total=total) for finding in findings]
    may_reject = any(finding.kind == "bad" for finding in findings)
    if source.malformed and malformed_too:
        told.append(_malformed_told(source, total=total))
        may_reject = True
    where = f"{source.name} ({total:,} rows)"
    if len(told) == 1:
        found, remedy = f"{where}: {told[0][0]}", told[0][1]
    else:
        lines = [f"{line}\n    do: {remedy}" for line, remedy in told]
        found = "\n  - ".join([f"{len(told)} problems in {where}:", *lines])
        remedy = "see the line of each problem"
    if may_reject:
        remedy += (
            "; or leave out the rows that can't be read, counted and listed, with "
            "`--on-bad-rows reject`"
        )
    return TransactionError(
        found,
        expected="rows that can be read without guessing",
        remedy=remedy,
        account=account,
        rejects=rejects,
    )


def _finding_told(finding: Finding, *, source: SourceTable, total: int) -> tuple[str, str]:
    line = row_line(
        finding.text,
        rows=source.row[finding.mask],
        total=total,
        word=source.row_word,
        examples=first_examples(source, finding.mask, finding.column),
    )
    return line, finding.remedy


def _malformed_told(source: SourceTable, *, total: int) -> tuple[str, str]:
    first = source.malformed[0]
    line = row_line(
        f"malformed line ({first.fields} fields, the header has {first.expected})",
        rows=np.array([line.row for line in source.malformed]),
        total=total,
        word=source.row_word,
        examples=tuple(shown(line.text) for line in source.malformed[:FIRST]),
    )
    return line, "quote fields that hold the delimiter, and write amounts with a point"


def row_line(text: str, *, rows: IntArray, total: int, word: str, examples: Sequence[str]) -> str:
    """Tell a finding with its count, the first rows and what stands there.

    Parameters
    ----------
    text : str
        The finding, without the count.
    rows : int64 array, shape (n,)
        Numbers of the rows that show it.
    total : int
        All rows of the source.
    word : str
        What the numbers count: line, sheet row, data row.
    examples : sequence of str

    Returns
    -------
    str

    Examples
    --------
    >>> row_line("no id", rows=np.array([7]), total=20, word="line", examples=())
    'no id: 1 of 20 rows (5.00%), line 7'
    """
    share = len(rows) / total
    percent = f"{share:.2%}" if share >= 0.0001 else "<0.01%"
    numbers = ", ".join(f"{row:,}" for row in np.sort(rows)[:FIRST])
    more = ", ..." if len(rows) > FIRST else ""
    word = word if len(rows) == 1 else f"{word}s"
    values = f": {', '.join(examples)}" if examples else ""
    return f"{text}: {len(rows):,} of {total:,} rows ({percent}), {word} {numbers}{more}{values}"
