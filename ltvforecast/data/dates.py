"""Columns of any type to days, and the cells that are no date or leave it open."""

from __future__ import annotations

import datetime as dt
import re
import warnings
import zoneinfo
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ltvforecast.data.findings import BoolArray
from ltvforecast.data.ids import flat, parse_bools, parse_text
from ltvforecast.errors import ConfigError
from ltvforecast.types import IntArray

__all__ = ["Days", "parse_days"]

DAY = 86_400
FIRST_SECOND = (dt.date(1, 1, 1) - dt.date(1970, 1, 1)).days * DAY
MISSING = ("", "nan", "nat")

OFFSET = r"(?P<offset>Z|z|UTC|[+-][0-9]{2}(?::?[0-9]{2})?)$"
ISO = (
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}"
    r"([Tt ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.,][0-9]+)?)?"
    r"( ?(Z|z|UTC|[+-][0-9]{2}(:?[0-9]{2})?))?)?$"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Days:
    """One date column as days and seconds since 1970-01-01 in the local time of the data.

    Attributes
    ----------
    day, second : int64 array, shape (n,)
    missing, bad, number, zoned : bool array, shape (n,)
        ``number``: a bare number, which only a declared format can make a date; ``zoned``: came
        with a time zone or an offset, and was converted.
    """

    day: IntArray
    second: IntArray
    missing: BoolArray
    bad: BoolArray
    number: BoolArray
    zoned: BoolArray


def parse_days(
    column: pa.ChunkedArray, *, name: str, date_format: str | None, timezone: str | None
) -> Days:
    """Read a column as days: native dates, ISO text, or text of one declared format.

    Parameters
    ----------
    column : pyarrow.ChunkedArray
    name : str
        For the message.
    date_format : str or None
        In the notation of ``datetime.strptime``; None: ISO (``2025-03-04``, optionally with a
        time and an offset) and nothing else.
    timezone : str or None
        Zone in which a day begins, for times that come with a zone or an offset. None: UTC.
        Times without either are taken as they are.

    Returns
    -------
    Days

    Raises
    ------
    ConfigError
        An unknown zone, or a format that doesn't tell the day.
    TransactionError
        A nested column.

    Examples
    --------
    >>> days = parse_days(pa.chunked_array([["1970-01-02", "1970-01-02T23:30-01:00", "3/4/25"]]),
    ...                   name="date", date_format=None, timezone=None)
    >>> days.day, days.bad
    (array([1, 2, 0]), array([False, False,  True]))
    """
    zone = _zone(timezone)
    if date_format is not None:
        _check_format(date_format)
    kind = column.type
    no = np.zeros(len(column), dtype=bool)
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        array = flat(column)
        missing = parse_bools(pc.is_null(array))
        seconds = _native_seconds(array)
        zoned = ~missing if getattr(kind, "tz", None) is not None else no
        bad, number = no, no
    elif date_format is None and (
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    ):
        missing = parse_bools(pc.is_null(parse_text(column, name=name)))
        seconds, bad, number, zoned = np.zeros(len(column), np.int64), no, ~missing, no
    else:
        text = pc.utf8_trim_whitespace(parse_text(column, name=name))
        missing = parse_bools(pc.is_in(pc.utf8_lower(text), pa.array(MISSING, text.type)))
        missing |= parse_bools(pc.is_null(text))
        seconds, good, zoned = (
            _iso_seconds(text) if date_format is None else _declared_seconds(text, date_format)
        )
        bad, number = ~missing & ~good, no
        zoned &= good
    bad = bad | (~missing & (seconds < FIRST_SECOND))
    seconds = np.where(missing | bad | number, 0, seconds)
    if zoned.any() and zone.key != "UTC":
        seconds[zoned] = _local(seconds[zoned], zone)
    return Days(
        day=seconds // DAY, second=seconds, missing=missing, bad=bad, number=number, zoned=zoned
    )


def _zone(timezone: str | None) -> zoneinfo.ZoneInfo:
    try:
        return zoneinfo.ZoneInfo(timezone or "UTC")
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ConfigError(
            f"unknown time zone {timezone!r}",
            expected="a name such as UTC, Europe/Berlin or America/New_York",
            remedy="correct --timezone",
        ) from error


def _check_format(date_format: str) -> None:
    """Refuse a format that can't tell one day from another."""
    probe = dt.datetime(2001, 2, 3, 4, 5, 6, tzinfo=dt.UTC)
    try:
        written = probe.strftime(date_format)
        with warnings.catch_warnings():  # Python 3.13 warns of formats without a year: refused here
            warnings.simplefilter("ignore", DeprecationWarning)
            told = dt.datetime.strptime(written, date_format).date()  # noqa: DTZ007 - a probe
            pd.to_datetime(pd.Series([written]), format=date_format, utc=True)
    except ValueError:
        told = None
    if told != probe.date():
        raise ConfigError(
            f"the date format {date_format!r} doesn't tell day, month and year",
            expected="a format such as %Y-%m-%d, %d/%m/%Y, %m/%d/%Y or %Y%m%d",
            remedy="correct --date-format",
        )


def _native_seconds(array: pa.Array) -> IntArray:
    if pa.types.is_date(array.type):
        days = pc.cast(pc.cast(array, pa.date32()), pa.int32())
        whole: IntArray = pc.fill_null(days, 0).to_numpy().astype(np.int64) * DAY
        return whole
    ticks = pc.fill_null(pc.cast(array, pa.int64()), 0).to_numpy()
    per_second = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}[array.type.unit]
    seconds: IntArray = np.floor_divide(ticks, per_second)
    return seconds


def _iso_seconds(text: pa.Array) -> tuple[IntArray, BoolArray, BoolArray]:
    """Read ISO text; the regular expression has checked hours, minutes and seconds."""
    good = parse_bools(pc.match_substring_regex(text, ISO))
    days = pc.utf8_slice_codeunits(pc.if_else(pa.array(good), text, "1970-01-01"), 0, 10)
    encoded = days.dictionary_encode()
    seconds, real = _to_seconds(encoded.dictionary, "%Y-%m-%d")
    index = encoded.indices.to_numpy()
    seconds, good = seconds[index], good & real[index]
    zoned = np.zeros(len(text), dtype=bool)
    timed = np.flatnonzero(good & parse_bools(pc.greater(pc.utf8_length(text), 10)))
    if timed.size:
        some = text.take(pa.array(timed))
        offset = pc.struct_field(pc.extract_regex(some, OFFSET), "offset")
        zoned[timed] = parse_bools(pc.is_valid(offset))
        seconds[timed] += _time_of_day(some) - _offset_seconds(offset)
    return seconds, good, zoned


def _time_of_day(text: pa.Array) -> IntArray:
    def part(start: int) -> IntArray:
        digits = pc.utf8_slice_codeunits(text, start, start + 2)
        number: IntArray = pc.cast(digits, pa.int64()).to_numpy().astype(np.int64)
        return number

    has_seconds = pc.equal(pc.utf8_slice_codeunits(text, 16, 17), ":")
    padded = pc.if_else(has_seconds, pc.utf8_slice_codeunits(text, 17, 19), "00")
    seconds = pc.cast(padded, pa.int64()).to_numpy().astype(np.int64)
    total: IntArray = part(11) * 3600 + part(14) * 60 + seconds
    return total


def _offset_seconds(offset: pa.Array) -> IntArray:
    encoded = offset.dictionary_encode()
    known = [0]
    for text in encoded.dictionary.to_pylist():
        digits = re.sub(r"[^0-9]", "", text).ljust(4, "0")
        size = int(digits[:2]) * 3600 + int(digits[2:4]) * 60
        known.append(-size if text.startswith("-") else size)
    index = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    seconds: IntArray = np.array(known, dtype=np.int64)[index + 1]
    return seconds


def _declared_seconds(text: pa.Array, date_format: str) -> tuple[IntArray, BoolArray, BoolArray]:
    encoded = text.dictionary_encode()
    seconds, real = _to_seconds(encoded.dictionary, date_format)
    index = pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    good = np.append(real, False)[index]
    zoned = good & ("%z" in date_format)
    return np.append(seconds, 0)[index], good, zoned


def _to_seconds(text: pa.Array, date_format: str) -> tuple[IntArray, BoolArray]:
    parsed = pd.to_datetime(
        pd.Series(text.to_pylist(), dtype="str"),
        format=date_format,
        errors="coerce",
        utc=True,
    ).dt.tz_localize(None)
    real = parsed.notna().to_numpy()
    seconds = parsed.to_numpy().astype("datetime64[s]").astype(np.int64)
    return np.where(real, seconds, 0), real


def _local(seconds: IntArray, zone: zoneinfo.ZoneInfo) -> IntArray:
    utc = pd.DatetimeIndex(seconds.astype("datetime64[s]")).tz_localize("UTC")
    local = utc.tz_convert(zone).tz_localize(None)
    return local.to_numpy().astype("datetime64[s]").astype(np.int64)
