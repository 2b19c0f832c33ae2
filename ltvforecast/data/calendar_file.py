"""Known closures, campaigns and holidays from a file: CSV or TOML."""

from __future__ import annotations

import csv
import datetime as dt
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from ltvforecast.errors import ConfigError
from ltvforecast.fit_types import Calendar

__all__ = ["read_calendar", "read_choice"]

_COLUMNS = ("start_date", "end_date", "factor")
_EXPECTED = "start_date and end_date as 2025-12-24, and factor as a number of 0 or more"


def read_calendar(path: str | Path) -> Calendar:
    r"""Read what is known of the calendar: days on which customers buy less or more than usual.

    Parameters
    ----------
    path : str or pathlib.Path
        A CSV file with columns ``start_date, end_date, factor``, one row an event, past or future;
        both days are included. Factor 0 is closed, 2 is twice the usual rate. Or a TOML file with
        a table ``[[event]]`` for each of them, and, if the season is known, ``index``: 12 numbers
        from January to December (or 52 weeks).

    Returns
    -------
    Calendar
        For ``fit(summary, calendar=...)``. Without ``index`` the season is estimated beside the
        events.

    Raises
    ------
    ConfigError
        The file can't be read, or a row means nothing.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> file = Path(folder.name) / "closures.csv"
    >>> _ = file.write_text("start_date,end_date,factor\n2025-12-24,2026-01-01,0\n")
    >>> read_calendar(file).events
    ((datetime.date(2025, 12, 24), datetime.date(2026, 1, 1), 0.0),)
    >>> folder.cleanup()
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
        if path.suffix.lower() == ".toml":
            content = tomllib.loads(text)
            rows, index = content.get("event", []), content.get("index", [])
        else:
            rows, index = list(csv.DictReader(text.splitlines())), []
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, csv.Error) as error:
        raise ConfigError(
            f"the calendar {path} can't be read: {error}",
            expected="`auto`, `off`, or a CSV or TOML file",
            remedy="correct the path or the file",
        ) from error
    if not isinstance(rows, list) or not (rows or index):
        raise ConfigError(
            f"the calendar {path} holds no event and no index",
            expected=_EXPECTED,
            remedy=f"give the columns {', '.join(_COLUMNS)}, and a row for each event",
        )
    return Calendar(
        kind="given",
        index=_numbers(index, path),
        events=tuple(_event(row, path, number) for number, row in enumerate(rows, start=1)),
    )


def read_choice(text: str) -> Calendar | Literal["auto", "off"]:
    """Understand ``auto``, ``off`` or the path of a file.

    Parameters
    ----------
    text : str

    Returns
    -------
    {"auto", "off"} or Calendar

    Raises
    ------
    ConfigError
        As :func:`read_calendar`.

    Examples
    --------
    >>> read_choice("auto")
    'auto'
    """
    if text == "auto":
        return "auto"
    return "off" if text == "off" else read_calendar(text)


def _event(row: object, path: Path, number: int) -> tuple[dt.date, dt.date, float]:
    told = row if isinstance(row, Mapping) else {}
    try:
        first, last = (_date(told[name]) for name in _COLUMNS[:2])
        factor = float(told["factor"])
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(
            f"event {number} of the calendar {path} can't be understood: {error!r}",
            expected=_EXPECTED,
            remedy="correct that row",
        ) from error
    return first, last, factor


def _date(value: object) -> dt.date:
    if isinstance(value, dt.date) and not isinstance(value, dt.datetime):
        return value
    return dt.date.fromisoformat(str(value).strip())


def _numbers(index: Sequence[object], path: Path) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    try:
        return np.array([float(str(number)) for number in index], dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"the index of the calendar {path} can't be understood: {error}",
            expected="12 or 52 numbers of 0 or more",
            remedy="correct the index",
        ) from error
