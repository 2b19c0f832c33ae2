"""The four forms in which sources tell of refunds, turned into signed amounts.

A negative row; a row whose type says refund; a sale whose status flips to refunded; a column of
refunded money on the sale. What comes out is the same for all: refund rows with negative amounts,
and, on sales, the money already known to be refunded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ltvforecast.data.columns import normal_name
from ltvforecast.data.findings import BoolArray
from ltvforecast.data.ids import parse_text
from ltvforecast.types import IntArray

__all__ = ["Words", "own_refunds", "read_words", "reversal_rows"]


def _vocabulary(**words: str) -> dict[str, str]:
    return {word: meaning for meaning, listed in words.items() for word in listed.split()}


TYPE_WORDS: Mapping[str, str] = _vocabulary(
    refund="refund refunds refunded partialrefund paymentrefund return returns returned reversal "
    "reversed creditnote creditmemo clawback partialcapturereversal",
    chargeback="chargeback chargebacks dispute disputes disputed",
    sale="sale sales purchase order payment charge capture invoice subscription renewal initial "
    "upsell crosssell service onetime recurring conversion",
)
"""What a type (of a row) may say, in lower case without spaces or underscores."""

STATUS_WORDS: Mapping[str, str] = _vocabulary(
    reversed="refunded refund reversed reversal returned return",
    chargeback="chargeback chargedback dispute disputed",
    void="cancelled canceled voided void failed declined rejected expired closedlost deleted",
    partly="partiallyrefunded partialrefund partlyrefunded",
    pending="pending authorized authorised onhold processing inprogress inreview unpaid open draft "
    "awaitingpayment",
    done="approved paid complete completed settled closed closedwon success succeeded successful "
    "confirmed active captured fulfilled shipped delivered locked cleared due invoiced sale "
    "purchase",
)
"""What a status (of a sale) may say, likewise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What a type or status column says of every row.

    Attributes
    ----------
    meaning : text array, shape (n,)
        One of the meanings above; empty where nothing is said or the column is no refund signal.
    codes : int64 array, shape (n,)
        Equal for equal texts.
    unknown : bool array, shape (n,)
        Words that are not known, in a column with others that are.
    is_signal : bool
        Whether any of its words is known.
    """

    meaning: np.ndarray[tuple[int], np.dtype[np.str_]]
    codes: IntArray
    unknown: BoolArray
    is_signal: bool

    def says(self, *meanings: str) -> BoolArray:
        """Mask the rows with one of these meanings."""
        return np.isin(self.meaning, meanings)


def read_words(column: pa.ChunkedArray, *, name: str, vocabulary: Mapping[str, str]) -> Words:
    """Look up the words of a type or status column.

    Parameters
    ----------
    column : pyarrow.ChunkedArray
    name : str
        For the message.
    vocabulary : mapping of str to str
        Word, in lower case without spaces or underscores, to meaning.

    Returns
    -------
    Words
        A column none of whose words is known (a US state, a customer type) is no signal.

    Raises
    ------
    TransactionError
        A nested column.

    Examples
    --------
    >>> words = read_words(pa.chunked_array([["Sale", "Refund", "??"]]), name="type",
    ...                    vocabulary=TYPE_WORDS)
    >>> words.meaning.tolist(), words.unknown.tolist()
    (['sale', 'refund', ''], [False, False, True])
    """
    encoded = parse_text(column, name=name).dictionary_encode()
    codes = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    words = [normal_name(word) for word in encoded.dictionary.to_pylist()]
    meanings = [vocabulary.get(word, "") for word in words]
    is_signal = any(meanings)
    unknown = [is_signal and bool(word) and word not in vocabulary for word in words]
    return Words(
        meaning=np.array([*meanings, ""], dtype=np.str_)[codes],
        codes=codes,
        unknown=np.array([*unknown, False], dtype=bool)[codes],
        is_signal=is_signal,
    )


def reversal_rows(rows: pd.DataFrame) -> BoolArray:
    """Find reversed rows that reverse another row, rather than being the sale themselves.

    Parameters
    ----------
    rows : pandas.DataFrame
        ``order`` (-1: none), ``customer``, ``stream``, ``second``, ``amount`` and ``reversed``.

    Returns
    -------
    bool array, shape (n,)
        Reversed rows with a standing sale of the same order, customer and stream that is older,
        or of the same moment and amount. None of it depends on the order of the rows.
    """
    of_order = (rows["amount"] > 0) & (rows["order"] >= 0)
    flips = rows[of_order & rows["reversed"]]
    sales = rows[of_order & ~rows["reversed"]]
    found = np.zeros(len(rows), dtype=bool)
    if flips.empty or sales.empty:
        return found
    key = ["order", "customer", "stream"]
    oldest = sales.groupby(key)["second"].min().rename("oldest")
    compared = flips.join(oldest, on=key)
    older = np.asarray(compared["oldest"] < compared["second"], dtype=bool)
    exactly = [*key, "second", "amount"]
    same = pd.MultiIndex.from_frame(flips[exactly]).isin(pd.MultiIndex.from_frame(sales[exactly]))
    found[rows.index.get_indexer(flips.index)] = older | same
    return found


def own_refunds(rows: pd.DataFrame) -> tuple[IntArray, IntArray]:
    """Say how much of each sale is refunded by what its own row tells, and tell nothing twice.

    A refund that is also there as a row of the same order is left to that row, which has a date.

    Parameters
    ----------
    rows : pandas.DataFrame
        ``order`` (-1: none), ``customer``, ``partner``, ``stream``, ``second``, ``amount`` (signed
        micros, refund rows negative), ``reversed`` and ``refunded`` (micros >= 0 on the row).

    Returns
    -------
    refunded, told_twice : int64 arrays, shape (n,)
        Money refunded by the row itself, at most its amount; and how much more the row tells that
        refund rows tell too.

    Examples
    --------
    >>> rows = pd.DataFrame({"order": [0, 0], "customer": 0, "partner": 0, "stream": -1,
    ...                      "second": [0, 9], "amount": [100, -30], "reversed": [True, False],
    ...                      "refunded": 0})
    >>> own_refunds(rows)
    (array([70,  0]), array([30,  0]))
    """
    amount = rows["amount"].to_numpy()
    told = np.where(rows["reversed"], amount, np.minimum(rows["refunded"], amount))
    told = np.maximum(told, 0).astype(np.int64)
    twice = np.zeros(len(rows), dtype=np.int64)
    by_rows = rows[(amount < 0) & (rows["order"] >= 0)]
    if by_rows.empty or not told.any():
        return told, twice
    key = ["order", "customer"]
    total = -by_rows.groupby(key)["amount"].sum().rename("total")
    some = rows.assign(told=told, place=np.arange(len(rows)))[(told > 0) & (rows["order"] >= 0)]
    some = some.join(total, on=key).dropna(subset=["total"])
    some = some.sort_values([*key, "second", "amount", "stream", "partner", "told", "place"])
    before = some.groupby(key)["told"].cumsum() - some["told"]
    covered = (some["total"].astype(np.int64) - before).clip(lower=0)
    twice[some["place"].to_numpy()] = np.minimum(covered.to_numpy(), some["told"].to_numpy())
    return told - twice, twice
