"""Covariates as columns of numbers: categories against the most frequent, numbers standardised."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import linalg

from ltvforecast.covariate_types import (
    CategoryCoding,
    CovariateCoding,
    CovariateLevel,
    NumberCoding,
)
from ltvforecast.errors import ConfigError
from ltvforecast.fitting.covariate_rows import (
    UNKNOWN,
    category_rows,
    cell_labels,
    cell_numbers,
    check_names,
    coded_rows,
    rounded,
)
from ltvforecast.types import FloatArray, IntArray

__all__ = ["CodedCovariates", "code_covariates"]

FEWEST: Mapping[CovariateLevel, int] = {"customer": 30, "partner": 3}
"""A category of fewer customers or partners shares a column with the other rare ones."""
MOST_LEVELS = 30
GROUPS = 20
"""Customers' numbers are rounded to so many values: the cost of a fit grows with the number of
distinct customers, and the loss is small: twenty equally large groups keep 98 % of the variance of
a normal covariate."""
PARTNERS_PER_COLUMN = 3
PARTNERS_LEFT = 3
"""Partners beyond the columns: of what is left the differences between partners are learnt."""
DEPENDENT = 1e-7

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class CodedCovariates:
    """Covariates of customers, or of partners, as a matrix.

    Attributes
    ----------
    codings : tuple of CategoryCoding or NumberCoding
        One a covariate, in the order asked for.
    rows : float64 array, shape (n, column)
        Columns in the order of ``names``; no missing value.
    notes : tuple of str
        What a reader should know of the coding.
    """

    codings: tuple[CovariateCoding, ...]
    rows: FloatArray
    notes: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(column for coding in self.codings for column in coding.columns)


def code_covariates(
    frame: pd.DataFrame,
    names: Sequence[str],
    *,
    level: CovariateLevel,
    as_of: dt.date,
    segments: Sequence[str] | None = None,
) -> CodedCovariates:
    """Turn covariates into columns of numbers, and keep how.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row a customer or a partner. Numbers, str, boolean or datetime64, as
        :func:`ltvforecast.data.covariate_columns.read_covariate` makes them; cells may be missing.
    names : sequence of str
        The columns wanted.
    level : {"customer", "partner"}
    as_of : datetime.date
        Dates count in years before it.
    segments : sequence of str, optional
        Of the partners, each with a mean of its own, which covariates must not repeat.

    Returns
    -------
    CodedCovariates

    Raises
    ------
    ConfigError
        No such column; one that is constant, wholly missing, or has too many categories; categories
        of partners of which most have one partner; columns that say the same as others; more
        columns than a third of the partners, or so many that only two partners are left.

    Notes
    -----
    *Categories*: a column of 0 and 1 for each, but for the most frequent one (``no`` for yes/no),
    which all others are compared with. Rare categories share the column ``other levels``, missing
    cells have ``unknown``. *Numbers* and *dates*: ``(value - mean) / sd``, so that an effect is
    for one standard deviation; a missing cell is 0 there and 1 in a column ``unknown``. Numbers of
    customers are rounded before, where there are more than 20 values, to the means of 20 equally
    large groups. A column ``unknown`` that repeats others, or a segment, is left out: partners
    that are not in the table at all have nothing known, and count once.

    Examples
    --------
    >>> frame = pd.DataFrame({"tier": ["a", "a", "b", "b", "a", "b", "a"],
    ...                       "size": [1.0, 2.0, 3.0, None, 1.0, 2.0, 3.0]})
    >>> coded = code_covariates(frame, ["tier"], level="partner", as_of=dt.date(2025, 1, 1))
    >>> coded.names, coded.rows[:, 0].tolist()
    (('tier = b',), [0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 0.0])
    """
    check_names(frame, names)
    notes: list[str] = []
    codings = [
        _coding(frame[name], name=name, level=level, as_of=as_of, notes=notes) for name in names
    ]
    known = _segment_columns(segments, rows=len(frame))
    codings = _without_repeated_unknowns(frame, codings, known, notes=notes)
    rows = coded_rows(codings, frame)
    coded = CodedCovariates(codings=tuple(codings), rows=rows, notes=tuple(notes))
    if level == "partner":
        _check_enough_partners(coded, len(frame))
    _check_independent(coded, known, segmented=known.shape[1] > 1)
    return coded


# --- how a covariate is coded ------------------------------------------------------------------


def _coding(
    column: pd.Series[Any], *, name: str, level: CovariateLevel, as_of: dt.date, notes: list[str]
) -> CovariateCoding:
    if column.isna().all():
        raise ConfigError(
            f"the covariate {name!r} is missing everywhere",
            expected="values that differ",
            remedy=f"fill it in, or leave {name!r} out",
        )
    is_number, yes_no = _is_number(column), pd.api.types.is_bool_dtype(column)
    known = column.dropna()
    same = bool((known == known.iloc[0]).all())
    if same and (is_number or len(known) == len(column)):
        raise ConfigError(
            f"the covariate {name!r} is {known.iloc[0]!s} wherever it is known",
            expected="values that differ",
            remedy=f"leave {name!r} out",
        )
    if is_number:
        return _number_coding(column, name=name, level=level, as_of=as_of, notes=notes)
    return _category_coding(column, name=name, level=level, yes_no=yes_no, notes=notes)


def _is_number(column: pd.Series[Any]) -> bool:
    kinds = pd.api.types
    if kinds.is_bool_dtype(column):
        return False
    return bool(kinds.is_numeric_dtype(column) or kinds.is_datetime64_any_dtype(column))


def _category_coding(
    column: pd.Series[Any], *, name: str, level: CovariateLevel, yes_no: bool, notes: list[str]
) -> CategoryCoding:
    labels = cell_labels(column)
    found, counts = np.unique(labels, return_counts=True)
    reference = str(found[np.argmax(counts)])
    if yes_no and "no" in found:
        reference = "no"
    rare = [
        str(label)
        for label, count in zip(found, counts, strict=True)
        if count < FEWEST[level] and label not in (reference, UNKNOWN) and not yes_no
    ]
    merged = tuple(rare) if len(rare) > 1 else ()
    levels = tuple(str(label) for label in found if label not in (reference, *merged))
    if len(levels) > MOST_LEVELS or (len(merged) > MOST_LEVELS and not levels):
        raise ConfigError(
            f"the covariate {name!r} has {len(found):,} categories, {len(levels) + 1:,} of them "
            f"with {FEWEST[level]} {level}s or more",
            expected=f"at most {MOST_LEVELS + 1} such categories, and more than one",
            remedy=f"join categories, or leave {name!r} out",
        )
    if level == "partner" and not yes_no:
        _check_shared(name, counts[found != UNKNOWN])
    if merged:
        few = ", ".join(map(repr, merged[:4])) + (", ..." if len(merged) > 4 else "")
        notes.append(
            f"{name}: {len(merged):,} categories of fewer than {FEWEST[level]} {level}s each are "
            f"taken together as 'other levels' ({few})"
        )
    shell = CategoryCoding(
        name=name,
        level=level,
        kind="yes-no" if yes_no else "category",
        reference=reference,
        levels=levels,
        merged=merged,
        average=(0.0,) * (len(levels) + bool(merged)),
    )
    return _with_average(shell, labels)


def _check_shared(name: str, counts: IntArray) -> None:
    """Refuse categories that hardly any two partners share: they are but names of partners."""
    alone = int((counts == 1).sum())
    rare = len(counts) > 2 and int(counts.max()) < FEWEST["partner"]
    if not rare and 2 * alone <= int(counts.sum()):
        return
    raise ConfigError(
        f"the covariate {name!r} has {len(counts):,} categories for {int(counts.sum()):,} "
        f"partners, {alone:,} of them with a single partner: what goes with such a category can't "
        "be told from what is that partner's own, which the model has anyway",
        expected="categories that most partners share with others",
        remedy=f"join categories in the partner table, or leave {name!r} out",
    )


def _with_average(coding: CategoryCoding, labels: npt.NDArray[np.object_]) -> CategoryCoding:
    known = labels[labels != UNKNOWN]
    share = category_rows(coding, known).mean(axis=0) if len(known) else np.zeros(1)
    return replace(coding, average=tuple(share.tolist()))


def _number_coding(
    column: pd.Series[Any], *, name: str, level: CovariateLevel, as_of: dt.date, notes: list[str]
) -> NumberCoding:
    is_date = pd.api.types.is_datetime64_any_dtype(column)
    shell = NumberCoding(
        name=name,
        level=level,
        kind="date" if is_date else "number",
        mean=0.0,
        sd=1.0,
        low=0.0,
        high=0.0,
        as_of=as_of if is_date else None,
    )
    values = cell_numbers(column, shell)
    known = np.sort(values[~np.isnan(values)])
    if not np.isfinite(known).all():
        raise ConfigError(
            f"the covariate {name!r} has an infinite value",
            expected="finite numbers",
            remedy="correct it, or leave the cell empty",
        )
    if level == "customer" and len(np.unique(known)) > GROUPS:
        ends, middles = _groups(known)
        shell = replace(shell, ends=ends, middles=middles)
        known = rounded(shell, known)
        notes.append(
            f"{name}: rounded to {len(middles)} values, the means of equally large groups of "
            "customers, so that customers alike count together"
        )
    sd = float(np.std(known))
    if not sd > 1e-12 * float(np.abs(known).max()):
        raise ConfigError(
            f"the covariate {name!r} hardly varies (standard deviation {sd:.3g})",
            expected="values that differ",
            remedy=f"leave {name!r} out",
        )
    return replace(
        shell,
        mean=float(np.mean(known)),
        sd=sd,
        low=float(np.nanmin(values)),
        high=float(np.nanmax(values)),
        unknown=bool(np.isnan(values).any()),
    )


def _groups(known: FloatArray) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Cut sorted values into equally large groups, equal values together."""
    inner = np.linspace(0.0, 1.0, GROUPS + 1)[1:-1]
    ends = np.unique(np.quantile(known, inner, method="inverted_cdf"))
    ends = ends[ends < known[-1]]
    group = np.searchsorted(ends, known, side="left")
    counts = np.bincount(group)
    middles = np.bincount(group, weights=known) / counts
    return tuple(ends.tolist()), tuple(middles.tolist())


def _check_enough_partners(coded: CodedCovariates, partners: int) -> None:
    columns = len(coded.names)
    if columns * PARTNERS_PER_COLUMN <= partners and columns + PARTNERS_LEFT <= partners:
        return
    raise ConfigError(
        f"{columns:,} columns of partner covariates ({', '.join(coded.names[:8])}) for "
        f"{partners:,} partners",
        expected=f"at least {PARTNERS_PER_COLUMN} partners for each column, and {PARTNERS_LEFT} "
        "partners more than columns",
        remedy="leave out covariates, or join categories in the partner table",
    )


# --- what is repeated --------------------------------------------------------------------------


def _segment_columns(segments: Sequence[str] | None, *, rows: int) -> FloatArray:
    """Give the columns of the means: one for each segment, or one for all."""
    if segments is None:
        return np.ones((rows, 1))
    names, place = np.unique(np.asarray(segments, dtype=str), return_inverse=True)
    return np.eye(len(names))[place]


def _without_repeated_unknowns(
    frame: pd.DataFrame,
    codings: Sequence[CovariateCoding],
    known: FloatArray,
    *,
    notes: list[str],
) -> list[CovariateCoding]:
    """Leave out columns ``unknown`` that segments and earlier such columns already tell."""
    told, kept = known, []
    for coding in codings:
        missing = frame[coding.name].isna().to_numpy(dtype=bool)
        if UNKNOWN not in _unknown_names(coding):
            kept.append(coding)
            continue
        column = missing.astype(np.float64)[:, None]
        if _explained(column[:, 0], told):
            notes.append(
                f"{coding.name}: where it is unknown is told by the segments or by other "
                "covariates, and not counted twice"
            )
            kept.append(_without_unknown(coding, cell_labels(frame[coding.name])))
        else:
            told = np.hstack([told, column])
            kept.append(coding)
    return kept


def _unknown_names(coding: CovariateCoding) -> tuple[str, ...]:
    if isinstance(coding, CategoryCoding):
        return coding.levels
    return (UNKNOWN,) if coding.unknown else ()


def _without_unknown(coding: CovariateCoding, labels: npt.NDArray[np.object_]) -> CovariateCoding:
    if isinstance(coding, NumberCoding):
        return replace(coding, unknown=False)
    levels = tuple(level for level in coding.levels if level != UNKNOWN)
    fewer = replace(coding, levels=levels, average=(0.0,) * (len(levels) + bool(coding.merged)))
    return _with_average(fewer, labels)


def _explained(column: FloatArray, others: FloatArray) -> bool:
    left = column - others @ np.linalg.lstsq(others, column, rcond=None)[0]
    return bool(np.linalg.norm(left) <= DEPENDENT * np.linalg.norm(column))


def _check_independent(coded: CodedCovariates, known: FloatArray, *, segmented: bool) -> None:
    """Refuse columns that can be worked out from others, and name which."""
    scale = np.linalg.norm(coded.rows, axis=0)
    matrix = np.hstack([known, coded.rows / np.where(scale > 0, scale, 1.0)])
    matrix[:, : known.shape[1]] /= np.linalg.norm(known, axis=0)
    triangle, order = linalg.qr(matrix, mode="r", pivoting=True)
    size = np.abs(np.diag(triangle))
    rank = int((size > DEPENDENT * size[0]).sum())
    fixed = known.shape[1]
    dependent = [int(place) for place in order[rank:]]
    if not dependent and rank == matrix.shape[1]:
        return
    place = next((p for p in dependent if p >= fixed), dependent[0])
    others = [p for p in order[:rank] if p != place]
    weights = np.linalg.lstsq(matrix[:, others], matrix[:, place], rcond=None)[0]
    used = [p for p, w in zip(others, weights, strict=True) if abs(w) > 1e-5]
    columns = sorted(p - fixed for p in {place, *used} if p >= fixed)
    named = [coded.names[p] for p in columns]
    owner = [coding.name for coding in coded.codings for _ in coding.columns]
    with_segments = segmented and any(p < fixed for p in (place, *used))
    told = " and ".join([*map(repr, named), *(["the segment"] if with_segments else [])])
    raise ConfigError(
        f"the covariates {told} say the same: one of them follows from the rest",
        expected="covariates of which none follows from others",
        remedy=f"leave out the covariate {owner[columns[-1]]!r}",
    )
