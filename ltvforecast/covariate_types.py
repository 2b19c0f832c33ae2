"""The frozen records of covariates: how they are coded, and what goes with buying more."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ltvforecast.types import FloatArray, IntArray

__all__ = [
    "CategoryCoding",
    "CovariateCoding",
    "CovariateEffects",
    "CovariateLevel",
    "NumberCoding",
]

CovariateLevel = Literal["customer", "partner"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryCoding:
    """How a covariate of categories, or of yes and no, becomes columns of 0 and 1.

    Attributes
    ----------
    name : str
    level : {"customer", "partner"}
    kind : {"category", "yes-no"}
    reference : str
        The category all others are compared with: 0 in every column.
    levels : tuple of str
        Categories with a column of their own, ``"unknown"`` (missing cells) among them.
    merged : tuple of str
        Rare categories, which share the last column, ``"other levels"``.
    average : tuple of float
        Share of each column among the known rows it was made from: the row of a category never
        seen, and of a missing cell where ``"unknown"`` has no column.
    """

    name: str
    level: CovariateLevel
    kind: Literal["category", "yes-no"]
    reference: str
    levels: tuple[str, ...]
    merged: tuple[str, ...]
    average: tuple[float, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns."""
        last = ("other levels",) if self.merged else ()
        return tuple(f"{self.name} = {level}" for level in (*self.levels, *last))


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberCoding:
    """How a covariate of numbers or dates becomes a column in standard deviations.

    Attributes
    ----------
    name : str
    level : {"customer", "partner"}
    kind : {"number", "date"}
        A date is the number of years from it to ``as_of``.
    mean, sd : float
        Of the rows it was made from: the column is ``(value - mean) / sd``.
    low, high : float
        The range that was seen.
    ends, middles : tuple of float
        Upper ends of the groups that values are rounded into, but for the last group's, and the
        value that stands for each; both empty where values are not rounded.
    unknown : bool
        Whether missing cells have a column of their own.
    as_of : datetime.date or None
    """

    name: str
    level: CovariateLevel
    kind: Literal["number", "date"]
    mean: float
    sd: float
    low: float
    high: float
    ends: tuple[float, ...] = ()
    middles: tuple[float, ...] = ()
    unknown: bool = False
    as_of: dt.date | None = None

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns."""
        first = self.name if self.kind == "number" else f"{self.name}, years ago"
        return (first, f"{self.name} = unknown") if self.unknown else (first,)


CovariateCoding = CategoryCoding | NumberCoding


@dataclass(frozen=True, slots=True, kw_only=True)
class CovariateEffects:
    """Effects of covariates on purchase rate, dropout and spend, and what each customer has.

    Attributes
    ----------
    names : tuple of str
        One a coded column, for example ``"certified = yes"``.
    level : tuple of {"customer", "partner"}
        Whether a column belongs to the customer or to its main partner.
    draws : mapping of str to float64 array, shape (draw, column)
        ``log_rate`` (log factor on the purchase rate), ``dropout_logit`` (log factor on the odds
        of dropping out after a purchase) and ``log_spend`` (log factor on the mean spend), for one
        unit of the coded column.
    patterns : float64 array, shape (pattern, column)
        The distinct coded rows of customers; 0 in the columns of partners, whose effects are
        already in the partners' own parameters.
    customer_pattern : int64 array, shape (n_customers,)
        Row of ``patterns`` of each customer, in the summary's order.
    partner_rows : float64 array, shape (n_partners, column)
        Coded columns of each partner; 0 in the columns of customers.
    codings : tuple of CategoryCoding or NumberCoding
        How covariates were coded, so that a new partner or customer can be; their columns, in
        this order, are ``names``.
    """

    names: tuple[str, ...]
    level: tuple[CovariateLevel, ...]
    draws: Mapping[str, FloatArray]
    patterns: FloatArray
    customer_pattern: IntArray
    partner_rows: FloatArray
    codings: tuple[CovariateCoding, ...] = ()
