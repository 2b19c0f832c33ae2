"""Columns of covariates: cells to numbers, categories, yes/no or dates, one kind a column."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ltvforecast.data.amounts import numbers_in_text
from ltvforecast.data.dates import parse_days
from ltvforecast.data.findings import BoolArray
from ltvforecast.data.ids import flat, parse_bools, parse_text, same_but_case
from ltvforecast.data.quoting import shown
from ltvforecast.types import IntArray

__all__ = [
    "FORMULA",
    "PREFIX",
    "CovariateColumn",
    "Kind",
    "customer_covariates",
    "read_covariate",
]

Kind = Literal["number", "category", "yes-no", "date"]

PREFIX = "covariate: "
"""In front of the names of customers' covariates among the columns of transactions."""

FORMULA = r"^(=.*|#(REF!|N/A|DIV/0!|VALUE!|NAME\?|NUM!|NULL!|SPILL!|CALC!))$"
"""A spreadsheet's formula, or what it shows where a formula failed."""

MISSING = ("", "nan")
YES = ("yes", "y", "true")
NO = ("no", "n", "false")
INFINITE = r"^[+-]?(inf|infinity|∞)$"
LEADING_ZERO = r"^[+-]?0[0-9]"
MOSTLY = 0.9


@dataclass(frozen=True, slots=True, kw_only=True)
class CovariateColumn:
    """One column of covariates, understood.

    Attributes
    ----------
    cells : pandas.Series, length n
        Missing cells are missing. By kind: float64, str, boolean or datetime64[us].
    kind : {"number", "category", "yes-no", "date"}
    bad : bool array, shape (n,)
        Cells that are formulas, or infinite; they are missing in ``cells``.
    notes : tuple of str
        What a reader should know of how the column was understood.
    """

    cells: pd.Series[Any]
    kind: Kind
    bad: BoolArray
    notes: tuple[str, ...] = ()


def read_covariate(
    column: pa.ChunkedArray,
    *,
    name: str,
    decimal: Literal["point", "comma"] = "point",
    date_format: str | None = None,
) -> CovariateColumn:
    """Find out what kind of covariate a column holds, and read all its cells as that.

    Parameters
    ----------
    column : pyarrow.ChunkedArray
    name : str
        For the notes and messages.
    decimal : {"point", "comma"}
        Decimal mark of numbers in text.
    date_format : str or None
        Format of dates that are not ISO, as for ``datetime.strptime``.

    Returns
    -------
    CovariateColumn

    Raises
    ------
    TransactionError
        A nested column.

    Notes
    -----
    Text is taken as yes/no, as numbers or as dates only if every cell of the column is; as
    categories otherwise. Numbers of which none is other than 0 and 1 are taken as no and yes.
    Numbers with a leading zero (01) are names, so a column with one holds categories. Only empty
    cells and ``nan`` are missing.

    Examples
    --------
    >>> read_covariate(pa.chunked_array([["yes", "No", ""]]), name="certified").cells.tolist()
    [True, False, <NA>]
    >>> read_covariate(pa.chunked_array([["2", "3.5", None]]), name="visits").cells.tolist()
    [2.0, 3.5, nan]
    >>> read_covariate(pa.chunked_array([["2", "north", None]]), name="region").kind
    'category'
    """
    kind = column.type
    none = np.zeros(len(column), dtype=bool)
    if pa.types.is_boolean(kind):
        values = pd.Series(flat(column).to_pylist(), dtype="boolean")
        return CovariateColumn(cells=values, kind="yes-no", bad=none)
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        days = parse_days(column, name=name, date_format=None, timezone=None)
        return CovariateColumn(cells=_dates(days.day, days.missing), kind="date", bad=none)
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        numbers = pc.cast(flat(column), pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        return _number_column(numbers, np.isinf(numbers), name=name)
    return _text_column(
        parse_text(column, name=name), name=name, decimal=decimal, date_format=date_format
    )


def _dates(day: IntArray, missing: BoolArray) -> pd.Series[Any]:
    stamps = day.astype("datetime64[D]").astype("datetime64[us]")
    return pd.Series(np.where(missing, np.datetime64("NaT", "us"), stamps))


def _number_column(
    numbers: np.ndarray[Any, np.dtype[np.float64]], bad: BoolArray, *, name: str
) -> CovariateColumn:
    values = np.where(bad, np.nan, numbers)
    present = values[~np.isnan(values)]
    if present.size and np.isin(present, (0.0, 1.0)).all() and (present != present[0]).any():
        yes = pd.array([None if np.isnan(v) else bool(v) for v in values], dtype="boolean")
        return CovariateColumn(
            cells=pd.Series(yes),
            kind="yes-no",
            bad=bad,
            notes=(f"{shown(name)} holds only 0 and 1, taken as no and yes",),
        )
    return CovariateColumn(cells=pd.Series(values), kind="number", bad=bad)


def _text_column(
    text: pa.Array, *, name: str, decimal: Literal["point", "comma"], date_format: str | None
) -> CovariateColumn:
    """Judge the distinct texts, then give every row its text's value."""
    tidy = pc.replace_substring_regex(pc.utf8_trim_whitespace(text), r"\s+", " ")
    encoded = tidy.dictionary_encode()
    codes = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    found = _texts_to_cells(encoded.dictionary, name=name, decimal=decimal, date_format=date_format)
    missing = codes < 0
    place = np.where(missing, 0, codes)
    if len(found.cells) == 0:
        nothing = pd.Series([None] * len(codes), dtype="str")
        return CovariateColumn(cells=nothing, kind="category", bad=missing & ~missing)
    cells = found.cells.take(place).reset_index(drop=True)
    return CovariateColumn(
        cells=cells.mask(missing) if missing.any() else cells,
        kind=found.kind,
        bad=found.bad[place] & ~missing,
        notes=found.notes,
    )


def _texts_to_cells(
    names: pa.Array, *, name: str, decimal: Literal["point", "comma"], date_format: str | None
) -> CovariateColumn:
    """Find the kind that all texts are of: yes/no, numbers, dates, or else categories."""
    lower = pc.utf8_lower(names)
    formula = parse_bools(pc.match_substring_regex(names, FORMULA))
    infinite = parse_bools(pc.match_substring_regex(lower, INFINITE))
    missing = parse_bools(pc.is_in(lower, pa.array(MISSING, names.type)))
    kept = ~(missing | formula)
    usual = kept & ~infinite
    is_yes = parse_bools(pc.is_in(lower, pa.array(YES, names.type)))
    is_no = parse_bools(pc.is_in(lower, pa.array(NO, names.type)))
    numbers, _, not_number = numbers_in_text(names, decimal=decimal)
    not_number |= parse_bools(pc.match_substring_regex(names, LEADING_ZERO))
    if kept.any() and (is_yes | is_no)[kept].all():
        yes = pd.Series(is_yes).astype("boolean").mask(~kept)
        return CovariateColumn(cells=yes, kind="yes-no", bad=formula)
    if usual.any() and not not_number[usual].any():
        plain = np.where(usual, numbers, np.nan)
        return _number_column(plain, formula | infinite, name=name)
    days = _all_days(names, kept, date_format=date_format)
    if days is not None:
        return CovariateColumn(cells=_dates(days, ~kept), kind="date", bad=formula)
    labels = pd.Series(names.to_pylist(), dtype="str").mask(~kept)
    notes = _category_notes(names.filter(pa.array(kept)), not_number[kept], name=name)
    return CovariateColumn(cells=labels, kind="category", bad=formula, notes=tuple(notes))


def _all_days(names: pa.Array, kept: BoolArray, *, date_format: str | None) -> IntArray | None:
    """Read all texts that are there as days, of the declared format or else ISO."""
    if not kept.any():
        return None
    texts = pa.chunked_array([names])
    for each in dict.fromkeys((date_format, None)):
        days = parse_days(texts, name="", date_format=each, timezone=None)
        if not (days.bad | days.number)[kept].any():
            return days.day
    return None


def _category_notes(names: pa.Array, not_number: BoolArray, *, name: str) -> Sequence[str]:
    notes = []
    others = names.filter(pa.array(not_number)).to_pylist()
    if len(others) < len(names) and len(others) <= (1.0 - MOSTLY) * len(names):
        notes.append(
            f"{shown(name)} is taken as categories, for not all of it are numbers: "
            f"{', '.join(shown(text) for text in others[:3])}"
        )
    alike = same_but_case(names)
    if alike:
        notes.append(
            f"{shown(name)} has categories that differ only by upper and lower case, taken as "
            f"different: {', '.join(shown(text) for text in alike[:4])}"
        )
    return notes


def customer_covariates(
    frame: pd.DataFrame, customer_ids: Sequence[str], *, as_of_day: int
) -> tuple[pd.DataFrame | None, tuple[str, ...]]:
    """Give every customer one value of each covariate: the first that is known of it.

    Parameters
    ----------
    frame : pandas.DataFrame
        Of transactions: ``customer_id``, ``day``, ``amount_micros`` and columns whose names begin
        with ``PREFIX``. Refunds (negative amounts) and rows after ``as_of_day`` don't count.
    customer_ids : sequence of str
        The customers, in the order wanted; each has a purchase in ``frame``.
    as_of_day : int

    Returns
    -------
    pandas.DataFrame or None
        One row a customer, one column a covariate, under the source's names; None without any.
    notes : tuple of str
        How many customers had several values.

    Notes
    -----
    The value of the first purchase is known when the customer is won, and nothing that happened
    later can have caused it; the last value may be a consequence of how the customer bought. Where
    the first purchase doesn't tell, the earliest that does counts. Of several values on one day
    the lowest counts (false before true, A before B), so that the order of rows changes nothing.

    Examples
    --------
    >>> frame = pd.DataFrame({"customer_id": ["c", "c", "d"], "day": [2, 1, 1],
    ...                       "amount_micros": [1, 1, 1], "covariate: size": ["L", "S", "L"]})
    >>> table, notes = customer_covariates(frame, ["c", "d"], as_of_day=3)
    >>> table["size"].tolist(), notes[0]
    (['S', 'L'], "'size' differs between purchases of 1 of 2 customers; the first value counts")
    """
    columns = [name for name in frame.columns if str(name).startswith(PREFIX)]
    if not columns:
        return None, ()
    counted = (frame["amount_micros"] >= 0) & (frame["day"] <= as_of_day)
    customer = pd.Index(list(customer_ids), dtype="str").get_indexer(pd.Index(frame["customer_id"]))
    day = frame["day"].to_numpy()
    notes, found = [], {}
    for column in columns:
        rank, _ = pd.factorize(frame[column], sort=True)  # -1: missing
        told = np.flatnonzero(counted.to_numpy() & (customer >= 0) & (rank >= 0))
        told = told[np.lexsort((rank[told], day[told], customer[told]))]
        who, first = np.unique(customer[told], return_index=True)
        place = np.full(len(customer_ids), -1, dtype=np.int64)
        place[who] = told[first]
        name = column.removeprefix(PREFIX)
        found[name] = frame[column].array.take(place, allow_fill=True)
        size = 1 + rank.max(initial=0)
        pairs = np.unique(customer[told] * size + rank[told])
        several = int((np.bincount(pairs // size) > 1).sum())
        if several:
            notes.append(
                f"{shown(name)} differs between purchases of {several:,} of "
                f"{len(customer_ids):,} customers; the first value counts"
            )
    return pd.DataFrame(found), tuple(notes)
