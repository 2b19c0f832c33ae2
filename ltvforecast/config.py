"""A run's settings: a TOML file or flags, checked once at the edge."""

from __future__ import annotations

import datetime as dt
import tomllib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ltvforecast.errors import ConfigError

__all__ = [
    "Reading",
    "parse_as_of",
    "parse_columns",
    "parse_layers",
    "parse_levels",
    "parse_season",
    "read_settings_file",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How to read transactions; the fields are those of ``read_transactions``."""

    columns: Mapping[str, str]
    amount_unit: Literal["units", "cents"] | None
    decimal: Literal["point", "comma"]
    date_format: str | None
    timezone: str | None
    currency: str | None
    refunds: Literal["net", "drop", "error"]
    pending: Literal["keep", "drop"]
    duplicates: Literal["drop", "keep", "error"]
    on_bad_rows: Literal["fail", "reject"]
    trim_ids: bool
    sheet: str | None


SettingValue = str | int | float | bool | list[str]


def read_settings_file(
    path: Path, *, command: str, known: Collection[str]
) -> dict[str, SettingValue]:
    """Read one command's settings from a TOML file.

    The file has a table per command (``[fit]``, ``[predict]``, ...) whose keys are the long
    options without dashes in front, with ``-`` or ``_`` between words.

    Parameters
    ----------
    path : pathlib.Path
    command : str
        The table to read; a file without it gives no settings.
    known : collection of str
        The option names of the command, with underscores.

    Returns
    -------
    dict of str to setting
        Option name (with underscores) to value.

    Raises
    ------
    ConfigError
        The file is missing, is not TOML, or has a key that is no option of the command.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(
            f"the settings file {path} can't be read: {error}",
            expected=f"a TOML file with a table [{command}]",
            remedy="correct the path or the line named above",
        ) from error
    table = content.get(command, {})
    if not isinstance(table, dict):
        raise ConfigError(
            f"{path}: '{command}' is not a table",
            expected=f"a table [{command}] with one option a line",
            remedy=f"write [{command}] on a line of its own and the options below it",
        )
    settings = {key.replace("-", "_"): value for key, value in table.items()}
    unknown = sorted(set(settings) - set(known))
    if unknown:
        raise ConfigError(
            f"{path}, table [{command}]: unknown setting {', '.join(unknown)}",
            expected=f"some of: {', '.join(sorted(known))}",
            remedy=f"correct the name; `ltvforecast {command} --help` explains each option",
        )
    return settings


def parse_columns(mappings: Sequence[str]) -> dict[str, str]:
    """Turn ``role=name`` texts into a mapping; an empty name says there is no such column.

    Raises
    ------
    ConfigError
        A text without ``=``, or one role given twice.

    Examples
    --------
    >>> parse_columns(["customer_id=CustKey", "currency="])
    {'customer_id': 'CustKey', 'currency': ''}
    """
    columns: dict[str, str] = {}
    for text in mappings:
        role, separator, name = text.partition("=")
        if not separator or not role.strip():
            raise ConfigError(
                f"--column {text!r} has no role before a '='",
                expected="role=name, for example customer_id=CustKey",
                remedy="name the role first; `--column currency=` says there is no such column",
            )
        if role.strip() in columns:
            raise ConfigError(
                f"--column gives {role.strip()} twice: {columns[role.strip()]!r} and {name!r}",
                expected="each role once",
                remedy="remove one of the two",
            )
        columns[role.strip()] = name.strip()
    return columns


def parse_levels(text: str) -> tuple[int, ...]:
    """Turn ``50,80,90`` into interval levels in percent, rising.

    Raises
    ------
    ConfigError
        Not whole numbers between 1 and 99.

    Examples
    --------
    >>> parse_levels("90, 50")
    (50, 90)
    """
    try:
        levels = sorted({int(part) for part in text.split(",")})
    except ValueError:
        levels = []
    if not levels or levels[0] < 1 or levels[-1] > 99:
        raise ConfigError(
            f"--levels {text!r}",
            expected="whole percents between 1 and 99, separated by commas, such as 50,80,90",
            remedy="correct the list",
        )
    return tuple(levels)


def parse_layers(text: str) -> tuple[str, ...] | None:
    """Turn ``combination,width`` into names; ``all`` into None, ``none`` into no name.

    Examples
    --------
    >>> parse_layers("combination, width")
    ('combination', 'width')
    >>> parse_layers("none")
    ()
    """
    asked = text.strip().lower()
    if asked == "all":
        return None
    return () if asked == "none" else tuple(name.strip() for name in asked.split(","))


def parse_season(text: str | None) -> tuple[float, ...] | None:
    """Turn twelve numbers between commas into seasonal factors; None stays None.

    Raises
    ------
    ConfigError
        Not twelve numbers.

    Examples
    --------
    >>> parse_season("1,1,1,1,1,1,1,1,1,1,2,2")[-2:]
    (2.0, 2.0)
    """
    if text is None:
        return None
    try:
        factors = tuple(float(part) for part in text.split(","))
    except ValueError:
        factors = ()
    if len(factors) != 12:
        raise ConfigError(
            f"--season {text!r}",
            expected="twelve numbers separated by commas, from January to December",
            remedy="correct the list",
        )
    return factors


def parse_as_of(text: str | None) -> dt.date | None:
    """Turn ``2025-12-31`` into a date; None stays None.

    Raises
    ------
    ConfigError
        Not an ISO date.

    Examples
    --------
    >>> parse_as_of("2025-12-31")
    datetime.date(2025, 12, 31)
    """
    if text is None:
        return None
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        raise ConfigError(
            f"--as-of {text!r} is not a date",
            expected="an ISO date such as 2025-12-31",
            remedy="write year, month and day in this order",
        ) from None
