"""Gates of a partner hierarchy: every approximation is measured, and a fit refused with reasons."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ltvforecast.fitting.hierarchy_levels import Shared
from ltvforecast.fitting.hierarchy_tables import (
    PartnerLevels,
    PartnerTables,
    PartnerValues,
    log_marginal,
    table_gap,
)
from ltvforecast.fitting.laplace import PosteriorDraws
from ltvforecast.types import FloatArray

__all__ = [
    "LARGEST_ERROR",
    "HierarchyChecks",
    "Refused",
    "check_hierarchy",
    "failed_gates",
    "finer_tables_help",
    "table_errors",
]

SMALLEST_EVEN = 0.3
"""Least effective share of the proposals for any partner's levels."""
LARGEST_ERROR = 0.1
"""Standard deviation over draws, in log units, of the error of tables and of quadrature."""
_CHECKED_DRAWS = 24
_MANY_NODES = 11


@dataclass(frozen=True, slots=True, kw_only=True)
class HierarchyChecks:
    """How good every approximation was.

    Attributes
    ----------
    k_hat, effective_draws, refits
        Of the shared parameters' importance weights (see :class:`laplace.PosteriorDraws`).
    smallest_even : float
        Least effective share of the proposals for any partner's levels.
    table_error, quadrature_error : float
        Standard deviation over posterior draws of the errors of the summed log-likelihood.
    stand_in_error : float
        The same of the stand-in for the density, where one was drawn from.
    partner_table_error : float
        The largest of any one partner.
    """

    k_hat: float
    effective_draws: float
    refits: int
    smallest_even: float
    table_error: float
    partner_table_error: float
    quadrature_error: float
    stand_in_error: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A posterior that is not to be trusted, and why: the reader samples it by NUTS instead.

    Attributes
    ----------
    what : str
    gates : tuple of str
        Each gate that failed, with what was found and what was needed.
    checks : HierarchyChecks or None
        None where it didn't come that far.
    """

    what: str
    gates: tuple[str, ...]
    checks: HierarchyChecks | None = None


def check_hierarchy(
    values: PartnerValues,
    tables: PartnerTables,
    found: PosteriorDraws,
    *,
    shared: Shared,
    levels: PartnerLevels,
    stand_in: float = 0.0,
) -> HierarchyChecks:
    """Measure every approximation where the posterior is.

    Parameters
    ----------
    values : callable
        Exact log-likelihoods on grids.
    tables : PartnerTables
    found : PosteriorDraws
        Of the shared parameters' coordinates.
    shared : Shared
        The same as parameters.
    levels : PartnerLevels
    stand_in : float
        Error of the stand-in for the density.

    Returns
    -------
    HierarchyChecks
    """
    chosen = np.arange(min(_CHECKED_DRAWS, len(shared.sd)))
    few = shared.part(chosen)
    table_error, partner_table_error = table_errors(values, tables, few, levels.draws[chosen])
    finer = log_marginal(few, tables, nodes=_MANY_NODES) - log_marginal(few, tables)
    return HierarchyChecks(
        k_hat=found.k_hat,
        effective_draws=found.effective,
        refits=found.refits,
        smallest_even=float(levels.even.min(initial=1.0)),
        table_error=table_error,
        partner_table_error=partner_table_error,
        quadrature_error=float(finer.std()),
        stand_in_error=stand_in,
    )


def table_errors(
    values: PartnerValues, tables: PartnerTables, shared: Shared, levels: FloatArray
) -> tuple[float, float]:
    """Measure how far tables are off, in log units: of all partners together, and the worst one's.

    Parameters
    ----------
    values : callable
    tables : PartnerTables
    shared : Shared
        A few draws.
    levels : float64 array, shape (n, n_partners, 2)
        Drawn with them.

    Returns
    -------
    together, worst : float
        Standard deviations: what is off by the same everywhere does no harm.
    """
    gap = table_gap(values, shared, levels, tables)
    return float(gap.sum(axis=1).std()), float(gap.std(axis=0).max(initial=0.0))


def failed_gates(checks: HierarchyChecks) -> tuple[str, ...]:
    """Name the gates that failed, each with what was found and what is needed.

    Parameters
    ----------
    checks : HierarchyChecks

    Returns
    -------
    tuple of str
        Empty: the fit can be trusted.
    """
    gates = []
    if not checks.smallest_even > SMALLEST_EVEN:
        gates.append(
            f"a partner's levels had only {checks.smallest_even:.0%} effective proposals "
            f"(more than {SMALLEST_EVEN:.0%} are needed)"
        )
    for name, error in (
        ("the tables of the log-likelihood", checks.table_error),
        ("one partner's table", checks.partner_table_error),
        ("the integrals over the partners' levels", checks.quadrature_error),
    ):
        if not error < LARGEST_ERROR:
            gates.append(
                f"{name} are off by {error:.2g} log units (less than {LARGEST_ERROR} is needed)"
            )
    return tuple(gates)


def finer_tables_help(checks: HierarchyChecks) -> bool:
    """Whether it is the tables that fail.

    Parameters
    ----------
    checks : HierarchyChecks

    Returns
    -------
    bool
    """
    return not max(checks.table_error, checks.partner_table_error) < LARGEST_ERROR
