"""Dates are ISO or of a declared format, and days begin in one declared zone."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ltvforecast.data.dates import Days, parse_days
from ltvforecast.errors import ConfigError

EPOCH = dt.date(1970, 1, 1)


def days(*values: object, date_format: str | None = None, timezone: str | None = None) -> Days:
    column = pa.chunked_array([list(values)])
    return parse_days(column, name="date", date_format=date_format, timezone=timezone)


def number(year: int, month: int, day: int) -> int:
    return (dt.date(year, month, day) - EPOCH).days


@pytest.mark.parametrize(
    "text",
    [
        "2025-03-04", "2025-03-04T23:59", "2025-03-04 23:59:59", "2025-03-04T23:59:59.999999999",
        "2025-03-04T00:00:00Z", "2025-03-04 23:59:59 UTC", "2025-03-04T12:00+02:00",
        "2025-03-04T12:00:00,5-0330", "2025-03-04T12:00:00+02", "  2025-03-04 ",
        "2025-03-05T00:30:00+01:00", "2025-03-03T23:30:00-01:00",
    ],
)  # fmt: skip
def test_iso_text(text: str) -> None:
    found = days(text)
    assert found.day.tolist() == [number(2025, 3, 4)]
    assert not (found.bad | found.missing).any()
    zoned = text.strip()[16:]
    assert found.zoned.tolist() == [any(mark in zoned for mark in ("Z", "UTC", "+", "-"))]


@pytest.mark.parametrize(
    "text",
    [
        "03/04/2025", "04.03.2025", "20250304", "2025-3-4", "2025/03/04", "25-03-04", "2025-03",
        "2025-02-30", "2025-13-01", "2025-03-04T24:00", "2025-03-04T12:60", "2025-03-04T12",
        "March 4, 2025", "1741046400", "2025-03-04 12:00 PM", "2025-03-04T12:00 Europe/Berlin",
        "\u0662\u0660\u0662\u0665-03-04", "2025-W10-2", "x", "0000-01-01",
    ],
)  # fmt: skip
def test_what_is_not_iso(text: str) -> None:
    assert days("2025-03-04", text).bad.tolist() == [False, True]


def test_whole_range_of_years() -> None:
    found = days("0001-01-01", "1969-12-31", "9999-12-31")
    assert found.day.tolist() == [number(1, 1, 1), -1, number(9999, 12, 31)]


@pytest.mark.parametrize("missing", [None, "", " ", "NaT", "nan"])
def test_missing(missing: str | None) -> None:
    found = days("2025-03-04", missing)
    assert found.missing.tolist() == [False, True]
    assert not found.bad.any()
    assert days("04/03/2025", missing, date_format="%d/%m/%Y").missing.tolist() == [False, True]


def test_declared_format() -> None:
    found = days("03/04/2025", "3/4/2025", "2025-04-03", "31/02/2025", date_format="%d/%m/%Y")
    assert found.day.tolist() == [number(2025, 4, 3)] * 2 + [0, 0]
    assert found.bad.tolist() == [False, False, True, True]
    assert days("03/04/2025", date_format="%m/%d/%Y").day.tolist() == [number(2025, 3, 4)]


def test_declared_format_with_offset_is_zoned() -> None:
    found = days(
        "04.03.2025 23:30 -0100", date_format="%d.%m.%Y %H:%M %z", timezone="Europe/Berlin"
    )
    assert found.day.tolist() == [number(2025, 3, 5)]
    assert found.zoned.tolist() == [True]


def test_bare_numbers_need_a_format() -> None:
    for value in (20250304, 20250304.0):
        found = days(value, None)
        assert found.number.tolist() == [True, False]
        assert found.missing.tolist() == [False, True]
        assert days(value, None, date_format="%Y%m%d").day.tolist()[0] == number(2025, 3, 4)


@pytest.mark.parametrize("date_format", ["%Y-%m", "%d/%m", "nonsense", "%Q", "%H:%M", ""])
def test_format_that_tells_no_day(date_format: str) -> None:
    with pytest.raises(ConfigError, match="doesn't tell day, month and year"):
        days("2025-03-04", date_format=date_format)


def test_unknown_zone() -> None:
    for zone in ("Middle/Earth", "../etc/passwd", "/etc/passwd"):
        with pytest.raises(ConfigError, match="unknown time zone"):
            days("2025-03-04", timezone=zone)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_native_times(unit: str) -> None:
    late = dt.datetime(2025, 3, 4, 23, 30)  # noqa: DTZ001 - naive on purpose
    naive = pa.chunked_array([pa.array([late, None], pa.timestamp(unit))])
    found = parse_days(naive, name="date", date_format=None, timezone="Asia/Tokyo")
    assert found.day.tolist()[0] == number(2025, 3, 4)
    assert found.missing.tolist() == [False, True]
    assert not found.zoned.any()
    aware = pa.chunked_array([pa.array([late, None], pa.timestamp(unit, tz="UTC"))])
    utc = parse_days(aware, name="date", date_format=None, timezone=None)
    assert utc.day.tolist()[0] == number(2025, 3, 4)
    tokyo = parse_days(aware, name="date", date_format=None, timezone="Asia/Tokyo")
    assert tokyo.day.tolist()[0] == number(2025, 3, 5)
    assert tokyo.zoned.tolist() == [True, False]


def test_native_times_before_1970_fall_on_their_day() -> None:
    found = days(dt.datetime(1969, 12, 31, 23, 59, 59, 999_999))  # noqa: DTZ001 - naive on purpose
    assert found.day.tolist() == [-1]


@pytest.mark.parametrize("kind", [pa.date32(), pa.date64()])
def test_native_dates(kind: pa.DataType) -> None:
    column = pa.chunked_array([pa.array([dt.date(2025, 3, 4), None], kind)])
    found = parse_days(column, name="date", date_format=None, timezone=None)
    assert found.day.tolist() == [number(2025, 3, 4), 0]
    assert found.missing.tolist() == [False, True]


def test_days_begin_in_the_declared_zone_across_clock_changes() -> None:
    # in Berlin the clocks went from UTC+1 to UTC+2 on 2025-03-30 and back on 2025-10-26
    found = days(
        "2025-03-29T23:30Z", "2025-03-30T21:30Z", "2025-03-30T22:30Z", "2025-10-26T22:30Z",
        timezone="Europe/Berlin",
    )  # fmt: skip
    assert found.day.tolist() == [
        number(2025, 3, 30), number(2025, 3, 30), number(2025, 3, 31), number(2025, 10, 26),
    ]  # fmt: skip


@given(
    st.lists(
        st.datetimes(
            dt.datetime(1900, 1, 1),  # noqa: DTZ001 - naive on purpose
            dt.datetime(2100, 1, 1),  # noqa: DTZ001 - naive on purpose
            timezones=st.integers(-14 * 60, 14 * 60).map(
                lambda minutes: dt.timezone(dt.timedelta(minutes=minutes))
            ),
        ),
        min_size=1,
    )
)
def test_instants_are_the_same_however_told(instants: list[dt.datetime]) -> None:
    told = days(*(each.isoformat() for each in instants))
    column = pa.chunked_array([pa.array(instants, pa.timestamp("us", tz="UTC"))])
    native = parse_days(column, name="date", date_format=None, timezone=None)
    np.testing.assert_array_equal(told.second, native.second)
    np.testing.assert_array_equal(
        told.day, [(each.astimezone(dt.UTC).date() - EPOCH).days for each in instants]
    )
    assert told.zoned.all()
