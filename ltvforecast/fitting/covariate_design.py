"""Which covariates a model has: those of partners and those of customers, coded from a summary."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ltvforecast.covariate_types import CovariateCoding, CovariateEffects, CovariateLevel
from ltvforecast.errors import ConfigError
from ltvforecast.fitting.covariates import CodedCovariates, code_covariates
from ltvforecast.transaction_types import CustomerSummary
from ltvforecast.types import FloatArray, IntArray

__all__ = [
    "EFFECTS",
    "CovariateDesign",
    "covariate_effects",
    "design_covariates",
    "narrow_ranges",
    "usable_covariates",
]

EFFECTS = ("log_rate", "dropout_logit", "log_spend")
"""What a covariate may go with: buying more often, dropping out sooner, spending more."""

TABLE_COLUMNS = ("partner_id", "segment")


@dataclass(frozen=True, slots=True, kw_only=True)
class CovariateDesign:
    """Coded covariates of all customers and partners of a summary, columns of partners first.

    Attributes
    ----------
    names : tuple of str
        One a column.
    level : tuple of {"customer", "partner"}
    codings : tuple of CategoryCoding or NumberCoding
    patterns : float64 array, shape (pattern, column)
        The distinct rows of customers, in rising order; 0 in the columns of partners.
    customer_pattern : int64 array, shape (n_customers,)
    partner_rows : float64 array, shape (n_partners, column)
        In the order of ``CustomerSummary.partner_ids``; 0 in the columns of customers.
    notes : tuple of str
    """

    names: tuple[str, ...]
    level: tuple[CovariateLevel, ...]
    codings: tuple[CovariateCoding, ...]
    patterns: FloatArray
    customer_pattern: IntArray
    partner_rows: FloatArray
    notes: tuple[str, ...] = ()

    @property
    def is_partner(self) -> IntArray:
        """Numbers of the columns that belong to partners."""
        return np.flatnonzero(np.array(self.level, dtype=object) == "partner")

    @property
    def is_customer(self) -> IntArray:
        """Numbers of the columns that belong to customers."""
        return np.flatnonzero(np.array(self.level, dtype=object) == "customer")


def design_covariates(summary: CustomerSummary, names: Sequence[str]) -> CovariateDesign:
    """Find the covariates asked for, of partners or of customers, and code them.

    Parameters
    ----------
    summary : CustomerSummary
        With a partner table, or covariates of customers, or both.
    names : sequence of str
        A column of the partner table; or else a covariate that the transactions were read with.

    Returns
    -------
    CovariateDesign

    Raises
    ------
    ConfigError
        No such covariate, a name that both have, the segment (which every model with a partner
        table has anyway), or a covariate that can't be used
        (see :func:`ltvforecast.fitting.covariates.code_covariates`).

    Notes
    -----
    Partners are coded from those with transactions alone: the others can teach nothing.
    """
    table, own = summary.partner_table, summary.covariates
    of_partners = [] if table is None else [str(c) for c in table if c not in TABLE_COLUMNS]
    of_customers = [] if own is None else [str(c) for c in own]
    _check_names(names, of_partners, of_customers)
    ours = [name for name in names if name in of_partners]
    partner = customer = CodedCovariates(codings=(), rows=np.empty((0, 0)))
    if table is not None and ours:
        known = table.set_index("partner_id").loc[list(summary.partner_ids)].reset_index()
        partner = code_covariates(
            known, ours, level="partner", as_of=summary.as_of, segments=known["segment"].tolist()
        )
    theirs = [name for name in names if name not in ours]
    if own is not None and theirs:
        customer = code_covariates(own, theirs, level="customer", as_of=summary.as_of)
    return _joined(summary, partner, customer)


def usable_covariates(
    summary: CustomerSummary, names: Sequence[str]
) -> tuple[tuple[str, ...], dict[str, str]]:
    """Say which covariates can be used with what a summary knows; those named first come first.

    Parameters
    ----------
    summary : CustomerSummary
    names : sequence of str
        May be empty.

    Returns
    -------
    usable : tuple of str
    left_out : dict of str to str
        The others, and what is wrong with each beside those before it.
    """
    usable: tuple[str, ...] = ()
    left_out = {}
    for name in names:
        try:
            design_covariates(summary, (*usable, name))
        except ConfigError as error:
            left_out[name] = error.found
        else:
            usable = (*usable, name)
    return usable, left_out


def covariate_effects(design: CovariateDesign, draws: Mapping[str, FloatArray]) -> CovariateEffects:
    """Put draws of the effects and the design they belong to into one record.

    Parameters
    ----------
    design : CovariateDesign
    draws : mapping of str to float64 array, shape (draw, column)
        ``log_rate, dropout_logit, log_spend``.

    Returns
    -------
    CovariateEffects
    """
    return CovariateEffects(
        names=design.names,
        level=design.level,
        draws={name: np.asarray(draws[name], dtype=np.float64) for name in EFFECTS},
        patterns=design.patterns,
        customer_pattern=design.customer_pattern,
        partner_rows=design.partner_rows,
        codings=design.codings,
    )


def narrow_ranges(design: CovariateDesign, *, asked: bool) -> str:
    """Say what is wrong with effects of partners' covariates where partners are taken together.

    Parameters
    ----------
    design : CovariateDesign
    asked : bool
        Whether that was asked for.

    Returns
    -------
    str
        A flag in plain words; empty without covariates of partners.
    """
    names = [coding.name for coding in design.codings if coding.level == "partner"]
    if not names:
        return ""
    remedy = "; use --pooling partial" if asked else ""
    return (
        f"what goes with partners' {' and '.join(names)} is told with ranges that are too narrow, "
        f"because partners are taken together and what else they differ in is left out{remedy}"
    )


def _check_names(
    names: Sequence[str], of_partners: Sequence[str], of_customers: Sequence[str]
) -> None:
    problems = []
    for name in dict.fromkeys(names):
        if name in TABLE_COLUMNS:
            problems.append(f"{name!r} is in the model without being asked for")
        elif name in of_partners and name in of_customers:
            problems.append(f"{name!r} is both in the partner table and in the transactions")
        elif name not in of_partners and name not in of_customers:
            problems.append(f"there is no covariate {name!r}")
    problems += [f"{name!r} is named twice" for name in set(names) if list(names).count(name) > 1]
    if problems or not names:
        there = [*of_partners, *of_customers]
        raise ConfigError(
            "; ".join(problems) or "no covariate was named",
            expected=f"some of: {', '.join(there)}"
            if there
            else "a partner table, or transactions read with covariates, and there is neither",
            remedy="correct the names; `--partners FILE` brings the covariates of partners",
        )


def _joined(
    summary: CustomerSummary, partner: CodedCovariates, customer: CodedCovariates
) -> CovariateDesign:
    first, second = len(partner.names), len(customer.names)
    level: list[CovariateLevel] = ["partner"] * first
    level += ["customer"] * second
    patterns = np.zeros((1, first + second))
    customer_pattern = np.zeros(len(summary), dtype=np.int64)
    if second:
        distinct, which = np.unique(customer.rows, axis=0, return_inverse=True)
        patterns = np.hstack([np.zeros((len(distinct), first)), distinct])
        customer_pattern = which.reshape(-1).astype(np.int64)
    partner_rows = np.zeros((len(summary.partner_ids), first + second))
    if first:
        partner_rows[:, :first] = partner.rows
    return CovariateDesign(
        names=(*partner.names, *customer.names),
        level=tuple(level),
        codings=(*partner.codings, *customer.codings),
        patterns=patterns,
        customer_pattern=customer_pattern,
        partner_rows=partner_rows,
        notes=(*partner.notes, *customer.notes),
    )
