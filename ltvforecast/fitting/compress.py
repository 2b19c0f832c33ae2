"""Customers to a small table on which the likelihood is the same: unique rows, spectral nodes.

Two steps. *Unique rows*: customers with the same history are counted once (exact). *Spectral
nodes*: for one number of repeat purchases the log-likelihood of a customer is a smooth function
of two coordinates, so that a few hundred thousand rows can be replaced by Chebyshev grids with
signed weights on which every polynomial up to the grid's degree has the same total. The error
falls geometrically with the number of nodes and is checked by the fit, not believed.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from ltvforecast.errors import SummaryError
from ltvforecast.fitting.chebyshev import chebyshev_nodes, chebyshev_polynomials, node_weights
from ltvforecast.types import FloatArray, IntArray

__all__ = ["HistoryRows", "spectral_rows", "thin_rows", "unique_rows"]

_GRIDS = (1.0, 7.0, 365.25 / 12.0)
"""Days in a unit of time: on one of these grids whole days can be sorted as integers."""

_WIDEST = 0.6
"""Half width of the widest segment; every coordinate is a logarithm."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryRows:
    """Purchase histories and how often each occurs, sorted by ``x``, then ``T``, then ``t_x``.

    Attributes
    ----------
    x, t_x, T : float64 array, shape (n_rows,)
        Repeat purchases, time of the last one and age, both since the first purchase.
    weight : float64 array, shape (n_rows,)
        Number of customers; for spectral nodes any sign.
    """

    x: FloatArray
    t_x: FloatArray
    T: FloatArray
    weight: FloatArray

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.x)

    def part(self, chosen: slice | npt.NDArray[np.bool_] | IntArray) -> HistoryRows:
        """Give some of the rows."""
        return HistoryRows(
            x=self.x[chosen], t_x=self.t_x[chosen], T=self.T[chosen], weight=self.weight[chosen]
        )

    def rescaled(self, unit: float) -> HistoryRows:
        """Give the same rows with times in multiples of ``unit``."""
        return HistoryRows(x=self.x, t_x=self.t_x / unit, T=self.T / unit, weight=self.weight)


def unique_rows(x: npt.ArrayLike, t_x: npt.ArrayLike, T: npt.ArrayLike) -> HistoryRows:
    """Count customers with the same history.

    Parameters
    ----------
    x, t_x, T : array_like, shape (n_customers,)
        Repeat purchases, time of the last one and age, both since the first purchase.

    Returns
    -------
    HistoryRows
        Each distinct history once; the weights add to the number of customers.

    Raises
    ------
    SummaryError
        A history is not finite, is negative, or has its last purchase after the cut-off.

    Examples
    --------
    >>> rows = unique_rows([0, 2, 0], [0, 5, 0], [9, 9, 9])
    >>> rows.x.tolist(), rows.weight.tolist()
    ([0.0, 2.0], [2.0, 1.0])
    """
    columns = tuple(np.asarray(column, dtype=np.float64) for column in (x, t_x, T))
    _refuse_impossible(*columns)
    if len(columns[0]) == 0:
        return HistoryRows(x=columns[0], t_x=columns[1], T=columns[2], weight=columns[0])
    for grid in _GRIDS:
        packed = _pack(*columns, grid=grid)
        if packed is not None:
            return _unpack(*packed, grid=grid)
    return _unique_by_sorting(*columns)


def _refuse_impossible(x: FloatArray, t_x: FloatArray, T: FloatArray) -> None:
    good = np.isfinite(x) & np.isfinite(t_x) & np.isfinite(T)
    good &= (x >= 0) & (t_x >= 0) & (t_x <= T) & ((x > 0) == (t_x > 0)) & (x == np.floor(x))
    if good.all():
        return
    first = int(np.flatnonzero(~good)[0])
    raise SummaryError(
        f"{int((~good).sum()):,} impossible purchase histories; the first is customer number "
        f"{first + 1} with frequency {x[first]:g}, recency {t_x[first]:g}, T {T[first]:g}",
        expected="whole frequency >= 0, 0 <= recency <= T, and recency 0 exactly where frequency "
        "is 0",
        remedy="build the summary with summarize(), which merges purchases of one day",
    )


def _pack(
    x: FloatArray, t_x: FloatArray, T: FloatArray, *, grid: float
) -> tuple[IntArray, int] | None:
    """Make one sortable integer of each history, if its times are whole days exactly."""
    days_T, days_t_x = np.rint(T * grid), np.rint(t_x * grid)
    span = float(days_T.max()) + 1.0
    if (float(x.max()) + 1.0) * span * span >= 2.0**62:
        return None
    if not (np.array_equal(days_T / grid, T) and np.array_equal(days_t_x / grid, t_x)):
        return None
    key = ((x * span + days_T).astype(np.int64) * int(span)) + days_t_x.astype(np.int64)
    return key, int(span)


def _unpack(key: IntArray, span: int, *, grid: float) -> HistoryRows:
    key = np.sort(key)
    start = np.flatnonzero(np.concatenate(([True], key[1:] != key[:-1])))
    weight = np.diff(np.append(start, len(key))).astype(np.float64)
    key, days_t_x = np.divmod(key[start], span)
    x, days_T = np.divmod(key, span)
    return HistoryRows(x=x.astype(np.float64), t_x=days_t_x / grid, T=days_T / grid, weight=weight)


def _unique_by_sorting(x: FloatArray, t_x: FloatArray, T: FloatArray) -> HistoryRows:
    order = np.lexsort((t_x, T, x))
    x, t_x, T = x[order], t_x[order], T[order]
    new = (x[1:] != x[:-1]) | (t_x[1:] != t_x[:-1]) | (T[1:] != T[:-1])
    start = np.flatnonzero(np.concatenate(([True], new)))
    weight = np.diff(np.append(start, len(x))).astype(np.float64)
    return HistoryRows(x=x[start], t_x=t_x[start], T=T[start], weight=weight)


def thin_rows(rows: HistoryRows, *, customers: int) -> HistoryRows:
    """Take a systematic sample of customers, in the order of the rows, for a first look.

    Parameters
    ----------
    rows : HistoryRows
        Unique rows with counts.
    customers : int
        About how many customers to keep.

    Returns
    -------
    HistoryRows
        Rows that were hit; their weights count the sampled customers.

    Examples
    --------
    >>> rows = unique_rows([0] * 100, [0] * 100, [5] * 100)
    >>> thin_rows(rows, customers=10).weight.tolist()
    [10.0]
    """
    total = float(rows.weight.sum())
    if total <= customers:
        return rows
    step = total / customers
    hits = np.diff(np.floor(np.concatenate(([0.0], np.cumsum(rows.weight))) / step + 0.5))
    kept = hits > 0
    return HistoryRows(x=rows.x[kept], t_x=rows.t_x[kept], T=rows.T[kept], weight=hits[kept])


def spectral_rows(
    rows: HistoryRows,
    *,
    r: float,
    alpha: float,
    a: float,
    b: float,
    nodes: tuple[int, int] = (11, 5),
    fineness: float = 0.6,
) -> HistoryRows:
    """Replace rows by Chebyshev nodes with signed weights for the dropout part of the likelihood.

    Parameters
    ----------
    rows : HistoryRows
        Unique rows with counts and with repeat purchases, sorted by ``x``.
    r, alpha, a, b : float
        Parameters of the BG/NBD model near which the likelihood is wanted.
    nodes : tuple of int
        Nodes in a segment along ``L = log((alpha + T) / (alpha + t_x))`` and ``log(alpha + T)``.
    fineness : float
        Half width of a segment along ``L`` over its distance to the nearest singularity.

    Returns
    -------
    HistoryRows
        Segments with fewer rows than nodes keep their rows. Nodes can have a slightly negative
        ``t_x``, where the likelihood is still analytic.

    Notes
    -----
    What remains of a customer's log-likelihood (Fader, Hardie & Lee 2005, equation 6) when sums
    over ``x`` alone and ``T`` alone are taken out is ``log(1 + exp(D))``, with
    ``D = log(a / (b + x - 1)) + (r + x) L``. At these parameters it doesn't depend on
    ``log(alpha + T)``, and near them only a little; its singularities in ``L`` lie where
    ``exp(D) = -1``: at ``log((b + x - 1) / a) / (r + x)`` plus or minus ``i pi / (r + x)``.
    Segments shrink towards that point.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> T = rng.uniform(20, 40, 50_000)
    >>> rows = unique_rows(np.full(50_000, 2), T * rng.uniform(0.1, 1.0, 50_000), T)
    >>> small = spectral_rows(rows, r=0.25, alpha=4.0, a=0.8, b=2.4)
    >>> len(small) < 1000, round(small.weight.sum())
    (True, 50000)
    """
    small = nodes[0] * nodes[1]
    pieces: list[HistoryRows] = []
    edges = np.append(np.flatnonzero(np.diff(rows.x, prepend=-1.0)), len(rows))
    exact_from = 0
    for start, stop in pairwise(edges):
        if stop - start <= 2 * small:
            continue
        pieces.append(rows.part(slice(exact_from, start)))
        x = float(rows.x[start])
        turn = float(np.log((b + x - 1.0) / a)) / (r + x)
        pieces.append(
            _class_nodes(
                rows.part(slice(start, stop)),
                alpha=alpha,
                singularity=complex(turn, np.pi / (r + x)),
                nodes=nodes,
                fineness=fineness,
            )
        )
        exact_from = int(stop)
    pieces.append(rows.part(slice(exact_from, len(rows))))
    return _join(pieces)


def _join(pieces: list[HistoryRows]) -> HistoryRows:
    return HistoryRows(
        x=np.concatenate([piece.x for piece in pieces]),
        t_x=np.concatenate([piece.t_x for piece in pieces]),
        T=np.concatenate([piece.T for piece in pieces]),
        weight=np.concatenate([piece.weight for piece in pieces]),
    )


def _class_nodes(
    rows: HistoryRows,
    *,
    alpha: float,
    singularity: complex,
    nodes: tuple[int, int],
    fineness: float,
) -> HistoryRows:
    """Nodes for the rows of one ``x``."""
    level = np.log(alpha + rows.T)
    lag = level - np.log(alpha + rows.t_x)
    lag_edges = _graded_edges(float(lag.min()), float(lag.max()), singularity, fineness)
    count = max(1, int(np.ceil((level.max() - level.min()) / (2.0 * _WIDEST))))
    level_edges = np.linspace(level.min(), level.max(), count + 1)
    cell = np.searchsorted(lag_edges[1:-1], lag) * count + np.searchsorted(level_edges[1:-1], level)
    order = np.argsort(cell, kind="stable")
    bounds = np.append(np.flatnonzero(np.diff(cell[order], prepend=-1)), len(cell))
    pieces = []
    for start, stop in pairwise(bounds):
        inside = order[start:stop]
        if len(inside) <= nodes[0] * nodes[1]:
            pieces.append(rows.part(inside))
        else:
            pieces.append(_cell_nodes(rows, inside, lag, level, alpha=alpha, nodes=nodes))
    return _join(pieces)


def _cell_nodes(
    rows: HistoryRows,
    inside: IntArray,
    lag: FloatArray,
    level: FloatArray,
    *,
    alpha: float,
    nodes: tuple[int, int],
) -> HistoryRows:
    """Nodes for the rows of one cell, on the smallest box that holds them."""
    grid_lag, in_lag = _box(lag[inside], nodes[0])
    grid_level, in_level = _box(level[inside], nodes[1])
    moments = np.einsum("in,jn->ij", in_lag * rows.weight[inside], in_level)
    weight = node_weights(node_weights(moments).T).T
    T = np.broadcast_to(np.exp(grid_level) - alpha, weight.shape)
    t_x = np.exp(grid_level[None, :] - grid_lag[:, None]) - alpha
    return HistoryRows(
        x=np.full(weight.size, rows.x[inside[0]]),
        t_x=t_x.ravel(),
        T=T.ravel(),
        weight=weight.ravel(),
    )


def _box(values: FloatArray, size: int) -> tuple[FloatArray, FloatArray]:
    low, high = float(values.min()), float(values.max())
    half = max((high - low) / 2.0, 1e-12)
    middle = (high + low) / 2.0
    u = np.clip((values - middle) / half, -1.0, 1.0)
    return middle + half * chebyshev_nodes(size), chebyshev_polynomials(u, size)


def _graded_edges(low: float, high: float, singularity: complex, fineness: float) -> FloatArray:
    """Edges of segments that are short near the singularity and at most ``2 _WIDEST`` long."""
    edges = [low]
    waiting = [(low, high)]
    while waiting:
        left, right = waiting.pop()
        half, middle = (right - left) / 2.0, (right + left) / 2.0
        if half > min(_WIDEST, fineness * abs(middle - singularity)):
            waiting += [(middle, right), (left, middle)]
        else:
            edges.append(right)
    return np.asarray(edges)
