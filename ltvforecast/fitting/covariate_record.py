"""Codings of covariates as plain JSON values, and back."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ltvforecast.covariate_types import CategoryCoding, CovariateCoding, NumberCoding

__all__ = ["coding_records", "codings_from"]


def coding_records(codings: Sequence[CovariateCoding]) -> list[dict[str, Any]]:
    """Give codings as JSON values.

    Parameters
    ----------
    codings : sequence of CategoryCoding or NumberCoding

    Returns
    -------
    list of dict
    """
    records = []
    for coding in codings:
        record = asdict(coding)
        if isinstance(coding, NumberCoding) and coding.as_of is not None:
            record["as_of"] = coding.as_of.isoformat()
        records.append(record)
    return records


def codings_from(records: Sequence[Mapping[str, Any]]) -> tuple[CovariateCoding, ...]:
    """Put codings together again.

    Parameters
    ----------
    records : sequence of mapping
        What :func:`coding_records` gave.

    Returns
    -------
    tuple of CategoryCoding or NumberCoding

    Raises
    ------
    KeyError, TypeError, ValueError
        They are not what :func:`coding_records` gave.

    Examples
    --------
    >>> coding = NumberCoding(name="visits", level="customer", kind="number", mean=2.0, sd=1.0,
    ...                       low=0.0, high=9.0)
    >>> codings_from(coding_records([coding])) == (coding,)
    True
    """
    return tuple(_coding(record) for record in records)


def _coding(record: Mapping[str, Any]) -> CovariateCoding:
    plain: dict[str, Any] = {
        name: tuple(cell) if isinstance(cell, list) else cell for name, cell in record.items()
    }
    if record["kind"] in ("category", "yes-no"):
        return CategoryCoding(**plain)
    as_of = plain.pop("as_of")
    return NumberCoding(**plain, as_of=None if as_of is None else dt.date.fromisoformat(as_of))
