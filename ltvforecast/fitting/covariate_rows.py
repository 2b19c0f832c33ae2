"""A coding of covariates applied: to a table, or to one customer or partner as a user types it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from ltvforecast.covariate_types import (
    CategoryCoding,
    CovariateCoding,
    CovariateEffects,
    NumberCoding,
)
from ltvforecast.errors import ConfigError
from ltvforecast.types import FloatArray

__all__ = [
    "UNKNOWN",
    "category_rows",
    "cell_labels",
    "cell_numbers",
    "check_names",
    "code_frame",
    "code_one",
    "coded_rows",
    "covariate_shift",
    "rounded",
]

UNKNOWN = "unknown"
"""The category of missing cells."""

DAYS_PER_YEAR = 365.25


def code_frame(
    codings: Sequence[CovariateCoding], frame: pd.DataFrame
) -> tuple[FloatArray, tuple[str, ...]]:
    """Code other customers or partners in the same way.

    Parameters
    ----------
    codings : sequence of CategoryCoding or NumberCoding
    frame : pandas.DataFrame
        A column for each; one row a customer or partner.

    Returns
    -------
    rows : float64 array, shape (n, column)
    notes : tuple of str
        Categories never seen, which count as the average; numbers beyond the range that was seen.

    Raises
    ------
    ConfigError
        A covariate has no column.
    """
    check_names(frame, [coding.name for coding in codings])
    notes = []
    for coding in codings:
        if isinstance(coding, CategoryCoding):
            labels = cell_labels(frame[coding.name])
            unseen = sorted(set(labels) - set(_known_labels(coding)) - {UNKNOWN})
            if unseen:
                notes.append(
                    f"{coding.name}: never seen when the model was fitted, and counted as the "
                    f"average: {', '.join(map(repr, unseen[:5]))}"
                )
        else:
            values = cell_numbers(frame[coding.name], coding)
            beyond = (values < coding.low) | (values > coding.high)
            if beyond.any():
                notes.append(_beyond(coding, count=int(beyond.sum())))
    return coded_rows(codings, frame), tuple(notes)


def code_one(
    codings: Sequence[CovariateCoding], values: Mapping[str, object]
) -> tuple[FloatArray, tuple[str, ...]]:
    """Code one new customer or partner, as a user describes it.

    Parameters
    ----------
    codings : sequence of CategoryCoding or NumberCoding
    values : mapping of str to object
        A value for every covariate: text as typed, numbers, booleans or dates; None or an empty
        text where it isn't known.

    Returns
    -------
    row : float64 array, shape (column,)
    notes : tuple of str
        Numbers beyond the range that was seen.

    Raises
    ------
    ConfigError
        A covariate without a value, or one that the model doesn't have; a category that was never
        seen (with the list of those that were: what the user typed is not guessed at); a value
        that is no number or no date.

    Examples
    --------
    >>> coding = CategoryCoding(name="tier", level="partner", kind="category", reference="a",
    ...                         levels=("b",), merged=(), average=(0.25,))
    >>> code_one([coding], {"tier": "b"})[0].tolist(), code_one([coding], {"tier": ""})[0].tolist()
    ([1.0], [0.25])
    """
    wanted = [coding.name for coding in codings]
    strange = [name for name in values if name not in wanted]
    absent = [name for name in wanted if name not in values]
    if strange or absent:
        raise ConfigError(
            "; ".join(
                [f"the model has no covariate {name!r}" for name in strange]
                + [f"no value for the covariate {name!r}" for name in absent]
            ),
            expected=f"a value for each of: {', '.join(wanted)}",
            remedy="correct the names; leave a value empty where it isn't known",
        )
    cells = {
        coding.name: [
            _said_label(coding, values[coding.name])
            if isinstance(coding, CategoryCoding)
            else _said_number(coding, values[coding.name])
        ]
        for coding in codings
    }
    notes, parts = [], []
    for coding in codings:
        if isinstance(coding, CategoryCoding):
            parts.append(category_rows(coding, np.array(cells[coding.name], dtype=object)))
            continue
        numbers = np.array(cells[coding.name], dtype=np.float64)
        if numbers[0] < coding.low or numbers[0] > coding.high:
            notes.append(_beyond(coding, count=1))
        parts.append(_number_rows(coding, numbers))
    return np.hstack([np.empty((1, 0)), *parts])[0], tuple(notes)


def covariate_shift(
    effects: CovariateEffects, codings: Sequence[CovariateCoding], values: Mapping[str, object]
) -> dict[str, FloatArray]:
    """Give what one partner's or customer's covariates add to its levels, in every draw.

    Parameters
    ----------
    effects : CovariateEffects
        Of a fitted model.
    codings : sequence of CategoryCoding or NumberCoding
        Those of ``effects.codings`` that apply: of a new partner, those of level ``"partner"``.
    values : mapping of str to object
        As for :func:`code_one`: a value for each of ``codings``.

    Returns
    -------
    dict of str to float64 array, shape (draw,)
        ``log_rate, dropout_logit, log_spend``: to be added to the segment's means.

    Raises
    ------
    ConfigError
        See :func:`code_one`.

    Examples
    --------
    >>> coding = CategoryCoding(name="vip", level="partner", kind="yes-no", reference="no",
    ...                         levels=("yes",), merged=(), average=(0.25,))
    >>> draws = {name: np.array([[0.1], [0.3]]) for name in
    ...          ("log_rate", "dropout_logit", "log_spend")}
    >>> effects = CovariateEffects(names=("vip = yes",), level=("partner",), draws=draws,
    ...                            patterns=np.zeros((1, 1)), partner_rows=np.eye(1),
    ...                            customer_pattern=np.zeros(1, np.int64), codings=(coding,))
    >>> covariate_shift(effects, effects.codings, {"vip": "yes"})["log_rate"].tolist()
    [0.1, 0.3]
    """
    row, _ = code_one(codings, values)
    places = [effects.names.index(name) for coding in codings for name in coding.columns]
    return {name: draws[:, places] @ row for name, draws in effects.draws.items()}


def check_names(frame: pd.DataFrame, names: Sequence[str]) -> None:
    """Refuse names that are no column of a table, or are given twice.

    Parameters
    ----------
    frame : pandas.DataFrame
    names : sequence of str

    Raises
    ------
    ConfigError
    """
    absent = [name for name in names if name not in frame]
    twice = sorted({name for name in names if list(names).count(name) > 1})
    if absent or twice:
        raise ConfigError(
            "; ".join(
                [f"there is no covariate {name!r}" for name in absent]
                + [f"the covariate {name!r} is named twice" for name in twice]
            ),
            expected=f"some of: {', '.join(map(str, frame.columns))}",
            remedy="correct the names",
        )


# --- rows --------------------------------------------------------------------------------------


def coded_rows(codings: Sequence[CovariateCoding], frame: pd.DataFrame) -> FloatArray:
    """Put the columns of all codings side by side.

    Parameters
    ----------
    codings : sequence of CategoryCoding or NumberCoding
    frame : pandas.DataFrame
        A column for each.

    Returns
    -------
    float64 array, shape (n, column)
    """
    parts = [
        category_rows(coding, cell_labels(frame[coding.name]))
        if isinstance(coding, CategoryCoding)
        else _number_rows(coding, cell_numbers(frame[coding.name], coding))
        for coding in codings
    ]
    return np.hstack([np.empty((len(frame), 0)), *parts])


def _known_labels(coding: CategoryCoding) -> tuple[str, ...]:
    return (coding.reference, *coding.levels, *coding.merged)


def cell_labels(column: pd.Series[Any]) -> npt.NDArray[np.object_]:
    """Give each cell's category: ``yes`` and ``no`` for booleans, ``unknown`` if it is missing.

    Examples
    --------
    >>> cell_labels(pd.Series([True, None], dtype="boolean")).tolist()
    ['yes', 'unknown']
    """
    if pd.api.types.is_bool_dtype(column):
        column = column.astype(object).map({True: "yes", False: "no"})
    labels = column.astype(object).where(column.notna(), UNKNOWN)
    return np.array([str(label) for label in labels], dtype=object)


def category_rows(coding: CategoryCoding, labels: npt.NDArray[np.object_]) -> FloatArray:
    """Give the columns of categories: 1 in a category's own column, the average if it has none.

    Parameters
    ----------
    coding : CategoryCoding
    labels : object array of str, shape (n,)

    Returns
    -------
    float64 array, shape (n, column)
    """
    place = {level: k for k, level in enumerate(coding.levels)}
    place |= dict.fromkeys(coding.merged, len(coding.levels))
    place[coding.reference] = -1
    rows = np.tile(np.array(coding.average, dtype=np.float64), (len(labels), 1))
    for label in set(labels) & set(place):
        row = np.zeros(rows.shape[1])
        if place[label] >= 0:
            row[place[label]] = 1.0
        rows[labels == label] = row
    return rows


def cell_numbers(column: pd.Series[Any], coding: NumberCoding) -> FloatArray:
    """Give each cell's number, or the years from its date to ``as_of``; NaN if it is missing.

    Parameters
    ----------
    column : pandas.Series
    coding : NumberCoding

    Returns
    -------
    float64 array, shape (n,)
    """
    if coding.kind == "number":
        return column.to_numpy(dtype=np.float64, na_value=np.nan)
    gap = pd.Timestamp(coding.as_of or dt.date.min) - column
    seconds: FloatArray = gap.dt.total_seconds().to_numpy(dtype=np.float64)
    return seconds / (86_400.0 * DAYS_PER_YEAR)


def rounded(coding: NumberCoding, values: FloatArray) -> FloatArray:
    """Put the value that stands for its group in each number's place.

    Parameters
    ----------
    coding : NumberCoding
    values : float64 array, shape (n,)

    Returns
    -------
    float64 array, shape (n,)
        Unchanged where the coding has no groups.
    """
    if not coding.middles:
        return values
    group = np.searchsorted(np.array(coding.ends), values, side="left")
    middle = np.array(coding.middles)[np.minimum(group, len(coding.ends))]
    return np.where(np.isnan(values), np.nan, middle)


def _number_rows(coding: NumberCoding, values: FloatArray) -> FloatArray:
    missing = np.isnan(values)
    standard = (rounded(coding, values) - coding.mean) / coding.sd
    columns = [np.where(missing, 0.0, standard)]
    if coding.unknown:
        columns.append(missing.astype(np.float64))
    return np.column_stack(columns)


# --- what a user types -------------------------------------------------------------------------


def _said_label(coding: CategoryCoding, value: object) -> str:
    if value is None or not str(value).strip():
        return UNKNOWN
    text = str(value).strip()
    if coding.kind == "yes-no":
        text = {"true": "yes", "y": "yes", "1": "yes", "false": "no", "n": "no", "0": "no"}.get(
            text.lower(), text.lower()
        )
    known = _known_labels(coding)
    if text not in known and text != UNKNOWN:
        raise ConfigError(
            f"{coding.name} is {text!r}, which was never seen when the model was fitted",
            expected=f"one of: {', '.join(known)}",
            remedy="choose one of these, or leave it empty for unknown",
        )
    return text


def _said_number(coding: NumberCoding, value: object) -> float:
    if value is None or not str(value).strip():
        return np.nan
    try:
        if coding.kind == "number":
            number = float(str(value))
            if np.isfinite(number):
                return number
        else:
            day = value if isinstance(value, dt.date) else dt.date.fromisoformat(str(value).strip())
            day = day.date() if isinstance(day, dt.datetime) else day
            return ((coding.as_of or dt.date.min) - day).days / DAYS_PER_YEAR
    except ValueError:
        pass
    raise ConfigError(
        f"{coding.name} is {str(value)!r}",
        expected="a finite number" if coding.kind == "number" else "a date such as 2025-03-04",
        remedy="correct it, or leave it empty for unknown",
    )


def _beyond(coding: NumberCoding, *, count: int) -> str:
    unit = " years ago" if coding.kind == "date" else ""
    how = (
        "counted as the nearest group that was"
        if coding.middles
        else "the effect is carried on in a straight line"
    )
    return (
        f"{coding.name}: {count:,} value(s) beyond the {coding.low:.4g} to {coding.high:.4g}{unit} "
        f"that were seen when the model was fitted; {how}"
    )
