"""Columns of any type to text and ids, exactly as they stand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ltvforecast.data.findings import BoolArray, cells_as_text
from ltvforecast.data.quoting import shown
from ltvforecast.errors import TransactionError
from ltvforecast.types import IntArray

__all__ = ["Ids", "all_text", "flat", "parse_bools", "parse_ids", "parse_text", "same_but_case"]

TIDY = r"^[^\p{Z}\p{Cc}]+( [^\p{Z}\p{Cc}]+)*$"
"""No spaces but single plain ones between words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ids:
    """One id column as codes into its distinct texts.

    Attributes
    ----------
    codes : int64 array, shape (n,)
        -1 where missing: null, empty, or nothing but spaces.
    names : pyarrow array of text
    spaced : bool array, shape (n,)
        Rows whose id differs from another one only by spaces.
    trimmed : bool array, shape (n,)
        Rows whose id was changed by trimming.
    """

    codes: IntArray
    names: pa.Array
    spaced: BoolArray
    trimmed: BoolArray


def parse_text(column: pa.ChunkedArray, *, name: str) -> pa.Array:
    """Turn a column of any plain type into text, null where it is null or NaN.

    Parameters
    ----------
    column : pyarrow.ChunkedArray
    name : str
        For the message.

    Returns
    -------
    pyarrow.LargeStringArray
        Whole numbers have no decimals (7.0 becomes ``7``); text stays as it is (``00007``).

    Raises
    ------
    TransactionError
        The column is nested (a list, a struct), or binary that is not UTF-8.

    Examples
    --------
    >>> parse_text(pa.chunked_array([[7.0, None, 7.5]]), name="id").to_pylist()
    ['7', None, '7.5']
    """
    array = flat(column)
    kind = array.type
    try:
        if pa.types.is_floating(kind):
            return _float_text(array)
        text = pc.cast(array, pa.large_string())
    except pa.ArrowException as error:
        raise TransactionError(
            f"column {shown(name)} holds {kind}",
            expected="text, numbers or dates",
            remedy="choose another column, or turn it into text",
        ) from error
    if pa.types.is_decimal(kind) and kind.scale > 0:
        text = pc.replace_substring_regex(text, r"(\.[0-9]*?)0+$", r"\1")
        text = pc.replace_substring_regex(text, r"\.$", "")
    return text


def flat(column: pa.ChunkedArray) -> pa.Array:
    """Make one array of it, categories resolved.

    Examples
    --------
    >>> flat(pa.chunked_array([["a"], ["b"]])).to_pylist()
    ['a', 'b']
    """
    if pa.types.is_dictionary(column.type):
        column = pc.cast(column, column.type.value_type)
    array = column.combine_chunks()
    return pa.concat_arrays(array.chunks) if isinstance(array, pa.ChunkedArray) else array


def _float_text(array: pa.Array) -> pa.Array:
    values = array.to_numpy(zero_copy_only=False).astype(np.float64)
    whole = np.isfinite(values) & (np.trunc(values) == values) & (np.abs(values) < 2.0**53)
    as_whole = pc.cast(pa.array(np.where(whole, values, 0).astype(np.int64)), pa.large_string())
    text = pc.if_else(pa.array(whole), as_whole, pc.cast(array, pa.large_string()))
    return pc.if_else(pa.array(np.isnan(values)), pa.scalar(None, pa.large_string()), text)


def all_text(column: pa.ChunkedArray, *, name: str) -> list[str | None]:
    """Turn a column of any type, nested ones too, into a list of texts.

    Examples
    --------
    >>> all_text(pa.chunked_array([[[1, 2], None]]), name="tags")
    ['[1, 2]', None]
    """
    try:
        text: list[str | None] = parse_text(column, name=name).to_pylist()
    except TransactionError:  # a nested column, which plays no role
        text = cells_as_text(column)
    return text


def parse_ids(column: pa.ChunkedArray, *, name: str, trim: bool) -> Ids:
    """Read a column as ids: text, exactly as it stands.

    Parameters
    ----------
    column : pyarrow.ChunkedArray
    name : str
        For the message.
    trim : bool
        Strip spaces around ids and make runs of spaces inside them one.

    Returns
    -------
    Ids

    Raises
    ------
    TransactionError
        A nested column, or ids held as decimals so large that they are no longer exact.

    Examples
    --------
    >>> ids = parse_ids(pa.chunked_array([["a", " a", "", "b"]]), name="id", trim=False)
    >>> ids.codes, ids.spaced
    (array([ 0,  1, -1,  2]), array([ True,  True, False, False]))
    """
    if pa.types.is_floating(column.type) and _beyond_exact(column):
        raise TransactionError(
            f"column {shown(name)} holds ids as decimal numbers beyond 9,007,199,254,740,992, "
            "where they are no longer exact",
            expected="ids as text or whole numbers",
            remedy="store that column as text",
        )
    encoded = parse_text(column, name=name).dictionary_encode()
    codes = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    names = encoded.dictionary
    spaced = trimmed = np.zeros(len(codes), dtype=bool)
    if not pc.all(pc.match_substring_regex(names, TIDY)).as_py():
        names, recode, alike, changed = _tidy(names.to_pylist(), trim=trim)
        # the last element of each array is for missing ids, whose code is -1
        spaced, trimmed, codes = alike[codes], changed[codes], recode[codes]
    return Ids(
        codes=codes,
        names=names,
        spaced=spaced,
        trimmed=trimmed,
    )


def _tidy(texts: list[str], *, trim: bool) -> tuple[pa.Array, IntArray, BoolArray, BoolArray]:
    """Drop empty ids, find those that differ only by spaces, and trim them if asked.

    Returns the names left and, for each text and then once more for missing ones: its new code,
    whether another one differs from it only by spaces, and whether trimming changed it.
    """
    tidy = np.array([" ".join(text.split()) for text in texts], dtype=object)
    groups = pd.factorize(tidy)[0]
    empty = tidy == ""
    alike = (np.bincount(groups)[groups] > 1) & ~empty & (not trim)
    changed = (tidy != np.array(texts, dtype=object)) & ~empty & trim
    kept = pd.Series(tidy if trim else texts, dtype=object).where(~empty)
    codes, names = pd.factorize(kept)
    missing = np.array([False])
    return (
        pa.array(names.tolist(), pa.large_string()),
        np.append(codes, -1).astype(np.int64),
        np.concatenate([alike, missing]),
        np.concatenate([changed, missing]),
    )


def _beyond_exact(column: pa.ChunkedArray) -> bool:
    values = column.to_numpy()
    return bool((np.abs(values[np.isfinite(values)]) >= 2.0**53).any())


def same_but_case(names: pa.Array) -> list[str]:
    """Find ids that equal another one but for upper and lower case.

    Examples
    --------
    >>> same_but_case(pa.array(["a", "A", "b"]))
    ['A', 'a']
    """
    folded = pc.utf8_lower(names).to_pandas()
    twice = folded.duplicated(keep=False).to_numpy()
    return sorted(names.filter(pa.array(twice)).to_pylist())


def parse_bools(array: pa.Array) -> BoolArray:
    """Turn an Arrow answer into a mask; null is False.

    Examples
    --------
    >>> parse_bools(pa.array([True, None]))
    array([ True, False])
    """
    filled: BoolArray = pc.fill_null(array, fill_value=False).to_numpy(zero_copy_only=False).copy()
    return filled
