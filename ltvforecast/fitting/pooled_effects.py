"""Covariates where partners are taken together: customers of one kind share their parameters.

Customers of the same covariates, their own and their partner's, are one *kind*. The log-likelihood
of all is the sum over kinds, each at the common coordinates plus what its covariates add to some
of them, so that shapes and effects have one joint posterior.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from ltvforecast.fitting.covariate_design import CovariateDesign
from ltvforecast.fitting.mle import Objective
from ltvforecast.fitting.priors import NormalPrior
from ltvforecast.types import FloatArray, IntArray

__all__ = ["Kinds", "KindsLikelihood", "customer_kinds", "joint_objective", "unfolded"]

Table = TypeVar("Table")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kinds:
    """Kinds of customers by covariates.

    Attributes
    ----------
    rows : float64 array, shape (kind, column)
        Coded columns less their mean over customers.
    middle : float64 array, shape (column,)
        That mean.
    kind : int64 array, shape (n_customers,)
    """

    rows: FloatArray
    middle: FloatArray
    kind: IntArray

    def members(self) -> list[IntArray]:
        """Give the customers of each kind."""
        order = np.argsort(self.kind, kind="stable")
        ends = np.cumsum(np.bincount(self.kind, minlength=len(self.rows)))[:-1]
        return np.split(order, ends)


def customer_kinds(home: IntArray, pattern: IntArray, design: CovariateDesign) -> Kinds:
    """Sort customers by their own and their partner's covariates.

    Parameters
    ----------
    home, pattern : int64 array, shape (n_customers,)
        Each customer's partner, and row of ``design.patterns``.
    design : CovariateDesign

    Returns
    -------
    Kinds
    """
    of_partner, which = np.unique(design.partner_rows, axis=0, return_inverse=True)
    both = which.reshape(-1)[home] * len(design.patterns) + pattern
    pairs, kind = np.unique(both, return_inverse=True)
    first, second = np.divmod(pairs, len(design.patterns))
    rows = of_partner[first] + design.patterns[second]
    middle = np.bincount(kind) @ rows / len(kind)
    return Kinds(rows=rows - middle, middle=middle, kind=kind.astype(np.int64))


@dataclass(frozen=True, slots=True, kw_only=True)
class KindsLikelihood(Generic[Table]):
    """Log-likelihood of all kinds in common coordinates and effects.

    Attributes
    ----------
    tables : list
        One a kind.
    rows : float64 array, shape (kind, column)
    base : int
        Number of common coordinates; effects follow.
    levels : tuple of int
        Coordinates on which every column has an effect.
    value : callable
        Of coordinates (n, base) and a table.
    gradient : callable
        Values and gradients of coordinates (n, base) and a table.
    """

    tables: list[Table]
    rows: FloatArray
    base: int
    levels: tuple[int, ...]
    value: Callable[[FloatArray, Table], FloatArray]
    gradient: Callable[[FloatArray, Table], tuple[FloatArray, FloatArray]]

    def shifts(self, theta: FloatArray) -> FloatArray:
        """Give what every kind's covariates add, shape (n, kind, base)."""
        added = np.zeros((len(theta), len(self.rows), self.base))
        effects = theta[:, self.base :].reshape(len(theta), len(self.levels), -1)
        for place, level in enumerate(self.levels):
            added[:, :, level] = effects[:, place] @ self.rows.T
        return added

    def total(self, theta: FloatArray) -> FloatArray:
        """Sum over kinds, for many coordinate vectors, shape (n,)."""
        added = self.shifts(theta)
        total = np.zeros(len(theta))
        for k, table in enumerate(self.tables):
            total += self.value(theta[:, : self.base] + added[:, k], table)
        return total

    def total_gradient(self, theta: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Sum over kinds with its gradient, for many coordinate vectors, shapes (n,), (n, d)."""
        added = self.shifts(theta)
        value, gradient = np.zeros(len(theta)), np.zeros_like(theta)
        width = self.rows.shape[1]
        for k, table in enumerate(self.tables):
            here, slope = self.gradient(theta[:, : self.base] + added[:, k], table)
            value += here
            gradient[:, : self.base] += slope
            for place, level in enumerate(self.levels):
                at = self.base + place * width
                gradient[:, at : at + width] += slope[:, level, None] * self.rows[k]
        return value, gradient


def joint_objective(likelihood: KindsLikelihood[Table], prior: NormalPrior | None) -> Objective:
    """Log-posterior of common coordinates and effects, or the log-likelihood, with its gradient.

    Parameters
    ----------
    likelihood : KindsLikelihood
    prior : NormalPrior or None

    Returns
    -------
    callable
    """

    def evaluate(theta: FloatArray) -> tuple[FloatArray, FloatArray]:
        with np.errstate(all="ignore"):
            value, gradient = likelihood.total_gradient(theta)
        if prior is not None:
            value += prior.log_density(theta)
            gradient += prior.gradient(theta)
        return value, gradient

    return evaluate


def unfolded(
    effect: FloatArray, kinds: Kinds, design: CovariateDesign
) -> tuple[FloatArray, FloatArray]:
    """Take an effect to pieces: what to add for the reference, and for each partner.

    Parameters
    ----------
    effect : float64 array, shape (n, column)
    kinds : Kinds
    design : CovariateDesign

    Returns
    -------
    reference : float64 array, shape (n, 1)
        From the average customer to one whose columns are all 0.
    partner : float64 array, shape (n, partner) or (n, 1)
        From there to such a customer of each partner; one column if no covariate is of partners.
    """
    reference = -(effect @ kinds.middle)[:, None]
    if len(design.is_partner) == 0:
        return reference, np.zeros((len(effect), 1))
    return reference, effect @ design.partner_rows.T
