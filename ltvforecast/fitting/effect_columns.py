"""Where effects of covariates enter a PyMC model: which rows move partners, and which customers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ltvforecast.fitting.covariate_design import CovariateDesign
from ltvforecast.fitting.hierarchy_cells import make_cells
from ltvforecast.fitting.pooled_effects import customer_kinds
from ltvforecast.types import FloatArray, IntArray

__all__ = ["Covariates", "EffectColumns", "effect_columns"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Covariates:
    """Coded covariates, and the partner of each customer.

    Attributes
    ----------
    design : CovariateDesign
    home : int64 array, shape (n_customers,)
        As in ``design``.
    """

    design: CovariateDesign
    home: IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectColumns:
    """Coded columns of covariates less their means, row by row of what a model tells apart.

    A *cell* is customers who are alike: of the same covariates and, where partners differ, of the
    same partner. With effects ``beta`` the mean of partner ``p``'s level is moved by
    ``of_partners[p] @ beta``, and the level of cell ``c`` is that of partner ``owner[c]`` and
    ``of_cells[c] @ beta``. Where partners are taken together there is one level for all.

    Attributes
    ----------
    names : tuple of str
    owner : int64 array, shape (n_cells,), or None
        Partner of each cell; None where partners are taken together.
    of_partners : float64 array, shape (n_partners, column)
        Columns of partners; 0 where partners are taken together.
    of_cells : float64 array, shape (n_cells, column)
    of_reference : float64 array, shape (1, column) or (n_partners, column)
        What leads from the level of a partner (or of all) to that of its customers whose own
        columns are 0 before means are taken off.
    middle : float64 array, shape (column,)
        The means that were taken off.
    """

    names: tuple[str, ...]
    owner: IntArray | None
    of_partners: FloatArray
    of_cells: FloatArray
    of_reference: FloatArray
    middle: FloatArray


def effect_columns(
    design: CovariateDesign, home: IntArray, pattern: IntArray, *, apart: bool
) -> tuple[EffectColumns, IntArray]:
    """Sort customers into cells, and give the columns of each.

    Parameters
    ----------
    design : CovariateDesign
    home, pattern : int64 array, shape (n_customers,)
        Each customer's partner, and row of ``design.patterns``.
    apart : bool
        Whether partners have levels of their own.

    Returns
    -------
    columns : EffectColumns
    cell : int64 array, shape (n_customers,)

    Raises
    ------
    ConfigError
        Customers are of so many kinds that the fit would not fit into memory.

    Examples
    --------
    >>> design = CovariateDesign(names=("vip = yes",), level=("customer",), codings=(),
    ...                          patterns=np.array([[0.0], [1.0]]),
    ...                          customer_pattern=np.array([0, 1, 1, 0]),
    ...                          partner_rows=np.zeros((2, 1)))
    >>> columns, cell = effect_columns(design, np.array([0, 0, 1, 1]), design.customer_pattern,
    ...                                apart=True)
    >>> columns.owner.tolist(), columns.of_cells[:, 0].tolist(), cell.tolist()
    ([0, 0, 1, 1], [-0.5, 0.5, -0.5, 0.5], [0, 1, 3, 2])
    """
    count, width = design.partner_rows.shape
    if not apart:
        kinds = customer_kinds(home, pattern, design)
        rows = design.partner_rows if len(design.is_partner) else np.zeros((1, width))
        columns = EffectColumns(
            names=design.names,
            owner=None,
            of_partners=np.zeros((count, width)),
            of_cells=kinds.rows,
            of_reference=rows - kinds.middle,
            middle=kinds.middle,
        )
        return columns, kinds.kind
    segment = np.zeros(count, dtype=np.int64)
    cells, cell = make_cells(home, segment, 1, design=design, pattern=pattern)
    return EffectColumns(
        names=design.names,
        owner=cells.partners[cells.owner],
        of_partners=np.where(cells.of_partners, design.partner_rows - cells.middle, 0.0),
        of_cells=cells.patterns[cells.pattern],
        of_reference=-np.where(cells.of_partners, 0.0, cells.middle)[None],
        middle=cells.middle,
    ), cell
