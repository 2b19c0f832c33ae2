"""Partners with covariates: whose mean is moved, and which of a partner's customers are alike.

A covariate of partners moves the mean that a partner's levels are normal around: partners of one
segment and with the same covariates form a *group*. A covariate of customers moves the levels of
those customers: a partner's customers with the same covariates form a *cell*, with a log-likelihood
of its own, looked up at the partner's levels plus the shift of the cell's *pattern*. Columns are
taken from their means, so that levels are those of the average customer, and means those of the
average partner, whichever category others are compared with.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from ltvforecast.errors import ConfigError
from ltvforecast.fitting.covariate_design import CovariateDesign
from ltvforecast.types import FloatArray, IntArray

__all__ = ["Cells", "make_cells", "plain_cells"]

MOST_CELLS = 40_000
"""Each takes a table of some ten kilobytes."""
PILOT_PARTNERS = 300
"""Partners that show where the posterior of many more of them lies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cells:
    """Partners that have customers, their groups, and their customers' cells.

    Attributes
    ----------
    partners : int64 array, shape (n_partners,)
        Which of all partners these are.
    group : int64 array, shape (n_partners,)
    segment_of : int64 array, shape (n_groups,)
    columns : float64 array, shape (n_groups, column)
        Partners' covariates less their mean; 0 in the columns of customers.
    start : int64 array, shape (n_partners + 1,)
        The cells of partner ``p`` are ``start[p]`` to ``start[p + 1] - 1``.
    pattern : int64 array, shape (n_cells,)
    patterns : float64 array, shape (n_patterns, column)
        Customers' covariates less their mean; 0 in the columns of partners.
    names : tuple of str
        Of the columns; empty without covariates.
    middle : float64 array, shape (column,)
        The means that were taken off.
    of_partners : bool array, shape (column,)
        Which columns are those of partners.
    """

    partners: IntArray
    group: IntArray
    segment_of: IntArray
    columns: FloatArray
    start: IntArray
    pattern: IntArray
    patterns: FloatArray
    names: tuple[str, ...]
    middle: FloatArray
    of_partners: npt.NDArray[np.bool_]

    @property
    def segment(self) -> IntArray:
        """Segment of each partner, shape (n_partners,)."""
        return self.segment_of[self.group]

    @property
    def owner(self) -> IntArray:
        """Partner of each cell, shape (n_cells,)."""
        return np.repeat(np.arange(len(self.group)), np.diff(self.start))

    def means(self, mean: FloatArray, effect: FloatArray) -> FloatArray:
        """Give each group's mean, shape (n, n_groups, 2).

        Parameters
        ----------
        mean : float64 array, shape (n, n_segments, 2)
        effect : float64 array, shape (n, column, 2)
        """
        if not self.names:
            return mean
        moved = np.einsum("gk,nkd->ngd", self.columns, effect)
        return np.ascontiguousarray(mean[:, self.segment_of] + moved)

    def shifts(self, effect: FloatArray) -> FloatArray:
        """Give each pattern's shift of the levels, shape (n, n_patterns, 2)."""
        if not self.names:
            return np.zeros((len(effect), 1, 2))
        return np.ascontiguousarray(np.einsum("ck,nkd->ncd", self.patterns, effect))

    def reference_means(self, mean: FloatArray, effect: FloatArray) -> FloatArray:
        """Give segment means where every column is 0, shape (n, n_segments, 2)."""
        return np.asarray(mean - np.einsum("k,nkd->nd", self.middle, effect)[:, None])

    def reference_levels(self, levels: FloatArray, effect: FloatArray) -> FloatArray:
        """Give partners' levels for customers whose columns are 0, shape (n, n_partners, 2)."""
        theirs = np.where(self.of_partners, 0.0, self.middle)
        return np.asarray(levels - np.einsum("k,nkd->nd", theirs, effect)[:, None])

    def average_levels(self, overall: FloatArray, effect: FloatArray) -> FloatArray:
        """Give the levels of every cell, partners being average, at one draw, shape (n_cells, 2).

        Parameters
        ----------
        overall : float64 array, shape (1, n_levels)
        effect : float64 array, shape (1, column, 2)
        """
        mean = np.zeros(2)
        mean[: overall.shape[1]] = overall[0]
        moved = self.columns[self.group] @ effect[0]
        return np.asarray(mean + moved[self.owner] + self.shifts(effect)[0, self.pattern])

    def part(self, chosen: IntArray) -> tuple[Cells, IntArray]:
        """Give some of the partners, and which cells are theirs."""
        counts = np.diff(self.start)[chosen]
        start = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
        cells = np.repeat(self.start[chosen] - start[:-1], counts) + np.arange(start[-1])
        kept = replace(
            self,
            partners=self.partners[chosen],
            group=self.group[chosen],
            start=start,
            pattern=self.pattern[cells],
        )
        return kept, cells

    def pilot(self) -> tuple[Cells, IntArray] | None:
        """Give some of many partners, evenly spread, and which cells are theirs; of few: None."""
        count = len(self.group)
        if count <= 2 * PILOT_PARTNERS:
            return None
        size = max(PILOT_PARTNERS, count // 8)
        return self.part(np.linspace(0, count - 1, size).astype(np.int64))


def plain_cells(segment: IntArray, segments: int) -> Cells:
    """Partners without covariates: the group is the segment, and each is one cell.

    Parameters
    ----------
    segment : int64 array, shape (n_partners,)
    segments : int

    Returns
    -------
    Cells
    """
    count = len(segment)
    return Cells(
        partners=np.arange(count),
        group=np.asarray(segment, dtype=np.int64),
        segment_of=np.arange(segments),
        columns=np.zeros((segments, 0)),
        start=np.arange(count + 1),
        pattern=np.zeros(count, dtype=np.int64),
        patterns=np.zeros((1, 0)),
        names=(),
        middle=np.zeros(0),
        of_partners=np.zeros(0, dtype=bool),
    )


def make_cells(
    home: IntArray,
    segment: IntArray,
    segments: int,
    *,
    design: CovariateDesign | None,
    pattern: IntArray | None = None,
) -> tuple[Cells, IntArray]:
    """Sort customers into cells.

    Parameters
    ----------
    home : int64 array, shape (n_customers,)
        Each customer's partner.
    segment : int64 array, shape (n_all_partners,)
    segments : int
    design : CovariateDesign or None
    pattern : int64 array, shape (n_customers,), optional
        Row of ``design.patterns`` of each of these customers; needed with a design.

    Returns
    -------
    cells : Cells
        Of the partners that have customers.
    cell : int64 array, shape (n_customers,)

    Raises
    ------
    ConfigError
        Customers are of so many kinds that the fit would not fit into memory.

    Examples
    --------
    >>> cells, cell = make_cells(np.array([2, 0, 2]), np.zeros(3, np.int64), 1, design=None)
    >>> cells.partners.tolist(), cell.tolist()
    ([0, 2], [1, 0, 1])
    """
    if design is None or pattern is None:
        seen, cell = np.unique(home, return_inverse=True)
        plain = plain_cells(segment[seen], segments)
        return replace(plain, partners=seen), cell.astype(np.int64)
    many = len(design.patterns)
    pairs, cell = np.unique(home * many + pattern, return_inverse=True)
    if len(pairs) > MOST_CELLS:
        raise ConfigError(
            f"{many:,} kinds of customers by their covariates, {len(pairs):,} with partners told "
            "apart",
            expected=f"at most {MOST_CELLS:,} kinds of customers and partners",
            remedy="leave out a covariate of customers, join its categories, or choose "
            "pooling 'complete'",
        )
    seen, start = np.unique(pairs // many, return_index=True)
    weight = np.bincount(pattern, minlength=many).astype(np.float64)
    of_partners = np.array([level == "partner" for level in design.level])
    customer_mean = weight @ design.patterns / weight.sum()
    partner_mean = design.partner_rows[seen].mean(axis=0)
    of_groups, group = np.unique(
        np.column_stack([segment[seen], design.partner_rows[seen]]), axis=0, return_inverse=True
    )
    return Cells(
        partners=seen,
        group=group.reshape(-1).astype(np.int64),
        segment_of=of_groups[:, 0].astype(np.int64),
        columns=of_groups[:, 1:] - partner_mean,
        start=np.append(start, len(pairs)).astype(np.int64),
        pattern=pairs % many,
        patterns=design.patterns - customer_mean,
        names=design.names,
        middle=partner_mean + customer_mean,
        of_partners=of_partners,
    ), cell.astype(np.int64)
