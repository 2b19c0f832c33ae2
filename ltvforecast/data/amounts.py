"""Columns of any type to money in whole millionths, and the cells that are no number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ltvforecast.data.findings import BoolArray
from ltvforecast.data.ids import flat, parse_bools, parse_text
from ltvforecast.transaction_types import MICROS
from ltvforecast.types import IntArray

__all__ = ["LARGEST_AMOUNT", "Amounts", "numbers_in_text", "parse_amounts"]

LARGEST_AMOUNT = 9_000_000_000_000
"""Units of money whose millionths still fit into 64 bits."""

MISSING = ("", "nan")

NUMBER = {
    "point": (
        r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?$",
        # thousands only where they can't be a decimal comma: 1,234.50 or 1,234,567 but not 1,234
        r"^[+-]?[0-9]{1,3}((,[0-9]{3})+\.[0-9]+|(,[0-9]{3}){2,})$",
        ",",
    ),
    "comma": (
        r"^[+-]?([0-9]+,?[0-9]*|,[0-9]+)$",
        r"^[+-]?[0-9]{1,3}(\.[0-9]{3})+(,[0-9]+)?$",
        ".",
    ),
}
"""Decimal mark: pattern of plain numbers, pattern of numbers with thousands, thousands mark."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Amounts:
    """One money column in whole millionths; 0 where missing or bad.

    Attributes
    ----------
    micros : int64 array, shape (n,)
    missing, bad, too_large, rounded : bool array, shape (n,)
        ``bad``: not a number; ``rounded``: it had more than six decimals.
    """

    micros: IntArray
    missing: BoolArray
    bad: BoolArray
    too_large: BoolArray
    rounded: BoolArray


def parse_amounts(
    column: pa.ChunkedArray,
    *,
    name: str,
    decimal: Literal["point", "comma"],
    unit: Literal["units", "cents"],
) -> Amounts:
    """Read a column as money, rounded to whole millionths of the currency unit.

    Parameters
    ----------
    column : pyarrow.ChunkedArray
    name : str
        For the message.
    decimal : {"point", "comma"}
        The decimal mark of text; numbers need none.
    unit : {"units", "cents"}

    Returns
    -------
    Amounts

    Raises
    ------
    TransactionError
        A nested column.

    Notes
    -----
    Amounts that are not whole numbers pass through float64: exact to the millionth below nine
    thousand million units, and to about 16 significant digits above.

    Examples
    --------
    >>> money = parse_amounts(pa.chunked_array([["12.50", "1,234", ""]]), name="amount",
    ...                       decimal="point", unit="units")
    >>> money.micros, money.bad
    (array([12500000,        0,        0]), array([False,  True, False]))
    """
    scale = MICROS if unit == "units" else MICROS // 100
    largest = LARGEST_AMOUNT * (1 if unit == "units" else 100)
    kind = column.type
    if pa.types.is_integer(kind):
        return _whole_amounts(flat(column), scale=scale, largest=largest)
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        values = pc.cast(flat(column), pa.float64()).to_numpy(zero_copy_only=False)
        missing, bad = np.isnan(values), np.isinf(values)
    else:
        values, missing, bad = numbers_in_text(parse_text(column, name=name), decimal=decimal)
    values = np.where(missing | bad, 0.0, values)
    too_large = np.abs(values) > largest
    scaled = np.where(too_large, 0.0, values) * scale
    micros = np.rint(scaled)
    return Amounts(
        micros=micros.astype(np.int64),
        missing=missing,
        bad=bad,
        too_large=too_large,
        rounded=(np.abs(scaled - micros) > 1e-3) & (np.abs(scaled) < 2.0**40),
    )


def _whole_amounts(array: pa.Array, *, scale: int, largest: int) -> Amounts:
    missing = pc.is_null(array).to_numpy(zero_copy_only=False)
    filled = pc.fill_null(array, 0)
    too_large = np.abs(pc.cast(filled, pa.float64(), safe=False).to_numpy()) > largest
    no = np.zeros(len(missing), dtype=bool)
    values = filled.to_numpy()
    return Amounts(
        micros=np.where(too_large, 0, values).astype(np.int64) * scale,
        missing=missing,
        bad=no,
        too_large=too_large,
        rounded=no,
    )


def numbers_in_text(
    text: pa.Array, *, decimal: Literal["point", "comma"]
) -> tuple[np.ndarray[Any, np.dtype[np.float64]], BoolArray, BoolArray]:
    """Read texts as numbers, thousands grouped where that leaves no doubt.

    Parameters
    ----------
    text : pyarrow array of text
    decimal : {"point", "comma"}
        The decimal mark.

    Returns
    -------
    values : float64 array, shape (n,)
        NaN where missing or bad.
    missing, bad : bool array, shape (n,)
        Empty or ``nan``; no number, or one beyond what a float holds.

    Examples
    --------
    >>> numbers_in_text(pa.array(["1,234.5", "", "1,5"]), decimal="point")[0].tolist()
    [1234.5, nan, nan]
    """
    plain, grouped, thousands = NUMBER[decimal]
    trimmed = pc.utf8_trim_whitespace(text)
    missing = parse_bools(pc.is_in(pc.utf8_lower(trimmed), pa.array(MISSING, text.type)))
    missing |= parse_bools(pc.is_null(text))
    has_groups = pc.match_substring_regex(trimmed, grouped)
    good = pc.or_(pc.match_substring_regex(trimmed, plain), has_groups)
    cleaned = pc.if_else(has_groups, pc.replace_substring(trimmed, thousands, ""), trimmed)
    if decimal == "comma":
        cleaned = pc.replace_substring(cleaned, ",", ".")
    cleaned = pc.if_else(good, cleaned, pa.scalar(None, text.type))
    values = pc.cast(cleaned, pa.float64()).to_numpy(zero_copy_only=False)
    bad = ~missing & ~np.isfinite(values)
    return values, missing, bad
