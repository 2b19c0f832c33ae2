"""Customers to a small table on which the likelihood is the same: unique rows, spectral nodes.

Two steps. *Unique rows*: customers with the same history are counted once (exact). *Spectral
nodes*: for one number of repeat purchases the log-likelihood of a customer is a smooth function
of two coordinates, so that a few hundred thousand rows can be replaced by a Chebyshev grid with
signed weights which gives every polynomial up to the grid's degree the same total. The error
falls geometrically with the number of nodes and is checked by the fit, not believed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from ltvforecast.errors import SummaryError
from ltvforecast.types import FloatArray, IntArray

__all__ = [
    "HistoryRows",
    "chebyshev_nodes",
    "chebyshev_weights",
    "log_nodes",
    "spectral_rows",
    "thin_rows",
    "unique_rows",
]

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


def chebyshev_nodes(size: int) -> FloatArray:
    """Roots of the Chebyshev polynomial of degree ``size``, in [-1, 1].

    Examples
    --------
    >>> chebyshev_nodes(2).round(4).tolist()
    [0.7071, -0.7071]
    """
    nodes: FloatArray = np.cos(np.pi * (np.arange(size) + 0.5) / size)
    return nodes


def chebyshev_weights(u: FloatArray, size: int) -> FloatArray:
    """Lagrange basis on the Chebyshev nodes, at the points ``u``.

    Parameters
    ----------
    u : float64 array, shape (n,)
        Points in [-1, 1].
    size : int
        Number of nodes.

    Returns
    -------
    float64 array, shape (n, size)
        Row ``i`` interpolates any polynomial of degree < ``size`` from its values on the nodes to
        the point ``u[i]``; each row adds to one.

    Notes
    -----
    By the discrete orthogonality of the Chebyshev polynomials on their roots,
    ``l_j(u) = (1 + 2 sum_m T_m(u) T_m(u_j)) / size`` for m = 1..size-1.

    References
    ----------
    Trefethen (2013), Approximation Theory and Approximation Practice, chapters 3 and 4.

    Examples
    --------
    >>> basis = chebyshev_weights(np.array([0.3]), 4)
    >>> bool(np.isclose((basis @ chebyshev_nodes(4) ** 3)[0], 0.3**3))
    True
    """
    polynomials = np.empty((len(u), size))
    polynomials[:, 0] = 1.0
    if size > 1:
        polynomials[:, 1] = u
    for m in range(2, size):
        polynomials[:, m] = 2.0 * u * polynomials[:, m - 1] - polynomials[:, m - 2]
    return polynomials @ _node_polynomials(size)


def _node_polynomials(size: int) -> FloatArray:
    angle = np.pi * (np.arange(size) + 0.5) / size
    table: FloatArray = 2.0 * np.cos(np.outer(np.arange(size), angle)) / size
    table[0] /= 2.0
    return table


def log_nodes(
    values: FloatArray, measures: tuple[FloatArray, ...], *, size: int = 14
) -> tuple[FloatArray, tuple[FloatArray, ...]]:
    """Replace positive numbers by a few, with the same totals of every smooth function of the log.

    Parameters
    ----------
    values : float64 array, shape (n,)
        Positive.
    measures : tuple of float64 arrays, shape (n,)
        Weights of the values, one array for each total that is wanted.
    size : int
        Nodes in a segment of width 2 on the log scale.

    Returns
    -------
    nodes : float64 array, shape (m,)
    measures : tuple of float64 arrays, shape (m,)
        Signed, one for each of the measures given.

    Notes
    -----
    ``log(v + S)`` as a function of ``log S`` is analytic within distance pi of the real line,
    whatever ``v``. On a segment of half width 1 the error of interpolation on 14 nodes is below
    ``6.4**-14 = 5e-12`` of the size of the function.

    Examples
    --------
    >>> total = np.exp(np.linspace(0, 3, 5000))
    >>> node, (weight,) = log_nodes(total, (np.ones(5000),))
    >>> len(node), bool(np.isclose(weight @ np.log(7 + node), np.log(7 + total).sum(), rtol=1e-11))
    (28, True)
    """
    position = np.log(values)
    low = float(position.min())
    segments = max(1, int(np.ceil((float(position.max()) - low) / 2.0)))
    width = max((float(position.max()) - low) / segments, 1e-12)
    which = np.minimum(((position - low) / width).astype(np.int64), segments - 1)
    kept: list[FloatArray] = []
    weights: list[list[FloatArray]] = [[] for _ in measures]
    for segment in np.flatnonzero(np.bincount(which, minlength=segments)):
        inside = which == segment
        start = low + float(segment) * width
        found = _segment_nodes(
            position[inside], [measure[inside] for measure in measures], start, width, size
        )
        kept.append(np.exp(found[0]))
        for into, weight in zip(weights, found[1], strict=True):
            into.append(weight)
    return np.concatenate(kept), tuple(np.concatenate(parts) for parts in weights)


def _segment_nodes(
    position: FloatArray, measures: list[FloatArray], start: float, width: float, size: int
) -> tuple[FloatArray, list[FloatArray]]:
    if len(position) <= 2 * size:
        return position, measures
    total = np.zeros((len(measures), size))
    for part in _blocks(len(position)):
        u = np.clip((position[part] - start) / width * 2.0 - 1.0, -1.0, 1.0)
        total += np.stack([measure[part] for measure in measures]) @ chebyshev_weights(u, size)
    return start + (chebyshev_nodes(size) + 1.0) * width / 2.0, list(total)


def _blocks(rows: int, *, size: int = 16_384) -> Iterator[slice]:
    """Cut a range in pieces that stay in the processor's cache."""
    for start in range(0, rows, size):
        yield slice(start, min(start + size, rows))


def spectral_rows(
    rows: HistoryRows,
    *,
    r: float,
    alpha: float,
    a: float,
    b: float,
    nodes: tuple[int, int] = (12, 6),
    fineness: float = 0.7,
) -> HistoryRows:
    """Replace unique rows by Chebyshev nodes with signed weights, near the given parameters.

    Parameters
    ----------
    rows : HistoryRows
        Unique rows with counts, sorted by ``x``.
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
    For fixed ``x`` a customer's log-likelihood (Fader, Hardie & Lee 2005, equation 6) depends on
    the times through ``log(alpha + T)`` and ``log(1 + exp(D))``, ``D = log(a / (b + x - 1)) +
    (r + x) L``. At these parameters it is linear in the first coordinate, and its singularities in
    the second lie where ``exp(D) = -1``: at ``L = -log(a / (b + x - 1)) / (r + x)`` plus or minus
    ``i pi / (r + x)``. Segments shrink towards that point.

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
        pieces.append(_slice(rows, slice(exact_from, start)))
        x = float(rows.x[start])
        with np.errstate(divide="ignore"):
            turn = float(np.log((b + x - 1.0) / a)) / (r + x) if x > 0 else np.inf
        pieces.append(
            _class_nodes(
                _slice(rows, slice(start, stop)),
                alpha=alpha,
                singularity=complex(turn, np.pi / (r + x)),
                nodes=nodes if x > 0 else (1, max(nodes[1], 8)),
                fineness=fineness,
            )
        )
        exact_from = int(stop)
    pieces.append(_slice(rows, slice(exact_from, len(rows))))
    return _join(pieces)


def _slice(rows: HistoryRows, part: slice | npt.NDArray[np.bool_] | IntArray) -> HistoryRows:
    return HistoryRows(x=rows.x[part], t_x=rows.t_x[part], T=rows.T[part], weight=rows.weight[part])


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
    lag = np.zeros_like(level) if nodes[0] == 1 else level - np.log(alpha + rows.t_x)
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
            pieces.append(_slice(rows, inside))
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
    grid_lag, basis_lag = _box(lag[inside], nodes[0])
    grid_level, basis_level = _box(level[inside], nodes[1])
    weight = (basis_lag * rows.weight[inside, None]).T @ basis_level
    T = np.broadcast_to(np.exp(grid_level) - alpha, weight.shape)
    t_x = np.exp(grid_level[None, :] - grid_lag[:, None]) - alpha
    x = float(rows.x[inside[0]])
    return HistoryRows(
        x=np.full(weight.size, x),
        t_x=t_x.ravel() if x > 0 else np.zeros(weight.size),
        T=T.ravel(),
        weight=weight.ravel(),
    )


def _box(values: FloatArray, size: int) -> tuple[FloatArray, FloatArray]:
    low, high = float(values.min()), float(values.max())
    half = max((high - low) / 2.0, 1e-12)
    middle = (high + low) / 2.0
    u = np.clip((values - middle) / half, -1.0, 1.0)
    return middle + half * chebyshev_nodes(size), chebyshev_weights(u, size)


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
