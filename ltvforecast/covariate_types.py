"""The frozen record of covariate effects: what goes with buying more often, longer, or for more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from ltvforecast.types import FloatArray, IntArray

__all__ = ["CovariateEffects", "CovariateLevel"]

CovariateLevel = Literal["customer", "partner"]


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
    """

    names: tuple[str, ...]
    level: tuple[CovariateLevel, ...]
    draws: Mapping[str, FloatArray]
    patterns: FloatArray
    customer_pattern: IntArray
    partner_rows: FloatArray
