"""Log-likelihood of BG/NBD by partner, on grids of the shared shapes and the partner's own levels.

A partner ``p`` has two levels of its own, ``u = log(r / alpha)`` (log of the mean purchase rate)
and ``v = logit(a / (a + b))``; ``log r`` and ``log phi = log(a + b)`` are shared. On a grid of all
four the likelihood falls apart: what needs a logarithm for every customer depends on ``(r, u)``
alone, and only the chance of having stopped, ``log(1 + exp(D))``, joins it to ``(phi, v)``.
"""

# the compiled function takes its arrays as positions
# ruff: noqa: PLR0917

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ltvforecast.formulas.compiling import compiled
from ltvforecast.formulas.special import log_beta_change, log_gamma_ratio
from ltvforecast.types import FloatArray, IntArray

__all__ = ["PartnerRows", "partner_rows", "purchase_values"]

_FEW = 4.0
"""Customers with one history up to whose number factors are multiplied rather than logged."""
_LARGE_EXPONENT = 150.0
_FULL = 690.0
"""exp(709) is the largest number there is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerRows:
    """Purchase histories and how often each occurs, partner by partner, sorted by ``x``.

    Attributes
    ----------
    start : int64 array, shape (n_partners + 1,)
        The rows of partner ``p`` are ``start[p]`` to ``start[p + 1] - 1``.
    x, t_x, T, weight : float64 array, shape (n_rows,)
        Repeat purchases, time of the last one, age, and number of such customers.
    """

    start: IntArray
    x: FloatArray
    t_x: FloatArray
    T: FloatArray
    weight: FloatArray

    @property
    def customers(self) -> FloatArray:
        """Number of customers of each partner, shape (n_partners,)."""
        total = np.concatenate(([0.0], np.cumsum(self.weight)))
        return np.asarray(np.diff(total[self.start]))

    def part(self, chosen: IntArray) -> PartnerRows:
        """Give the rows of some partners."""
        counts = np.diff(self.start)[chosen]
        start = np.concatenate(([0], np.cumsum(counts))).astype(np.int64)
        rows = np.repeat(self.start[chosen] - start[:-1], counts) + np.arange(start[-1])
        return PartnerRows(
            start=start,
            x=self.x[rows],
            t_x=self.t_x[rows],
            T=self.T[rows],
            weight=self.weight[rows],
        )


def partner_rows(
    x: FloatArray, t_x: FloatArray, T: FloatArray, partner: npt.ArrayLike, *, partners: int
) -> PartnerRows:
    """Count the customers of each partner that have the same history.

    Parameters
    ----------
    x, t_x, T : float64 array, shape (n_customers,)
        Possible histories.
    partner : array_like of int, shape (n_customers,)
        The customer's home partner, from 0.
    partners : int
        Number of partners; some may have no customer.

    Returns
    -------
    PartnerRows

    Examples
    --------
    >>> rows = partner_rows(np.zeros(3), np.zeros(3), np.array([9.0, 9.0, 5.0]), [0, 0, 2],
    ...                     partners=3)
    >>> rows.start.tolist(), rows.weight.tolist()
    ([0, 1, 1, 2], [2.0, 1.0])
    """
    home = np.asarray(partner, dtype=np.int64)
    order = np.lexsort((t_x, T, x, home))
    home, x, t_x, T = home[order], x[order], t_x[order], T[order]
    new = np.ones(len(home), dtype=bool)
    new[1:] = (np.diff(home) != 0) | (np.diff(x) != 0) | (np.diff(T) != 0) | (np.diff(t_x) != 0)
    first = np.flatnonzero(new)
    return PartnerRows(
        start=np.searchsorted(home[first], np.arange(partners + 1)).astype(np.int64),
        x=x[first],
        t_x=t_x[first],
        T=T[first],
        weight=np.diff(np.append(first, len(home))).astype(np.float64),
    )


def purchase_values(
    rows: PartnerRows, log_r: FloatArray, log_phi: FloatArray, u: FloatArray, v: FloatArray
) -> FloatArray:
    """Log-likelihood of every partner on a grid of its own.

    Parameters
    ----------
    rows : PartnerRows
    log_r, log_phi : float64 array, shape (n_r,), (n_phi,)
        Shared shapes.
    u, v : float64 array, shape (n_partners, n_u), (n_partners, n_v)
        Each partner's grid of ``log(r / alpha)`` and ``logit(a / (a + b))``.

    Returns
    -------
    float64 array, shape (n_partners, n_r, n_phi, n_u, n_v)
        Exactly 0 for a partner without customers.

    References
    ----------
    Fader, Hardie & Lee (2005), Marketing Science 24(2), equation 6.

    Examples
    --------
    >>> rows = partner_rows(np.array([2.0]), np.array([30.43]), np.array([38.86]), [0], partners=1)
    >>> u, v = np.log([[0.243 / 4.414]]), np.log([[0.793 / 2.426]])
    >>> value = purchase_values(rows, np.log([0.243]), np.log([0.793 + 2.426]), u, v)
    >>> round(value.item(), 6)
    -9.458606
    """
    partners = len(rows.start) - 1
    values = np.empty((partners, len(log_r), len(log_phi), u.shape[1], v.shape[1]))
    _fill(rows.start, rows.x, rows.t_x, rows.T, rows.weight, log_r, log_phi, u, v, values)
    return values


@compiled
def _fill(
    start: IntArray,
    x: FloatArray,
    t_x: FloatArray,
    T: FloatArray,
    weight: FloatArray,
    log_r: FloatArray,
    log_phi: FloatArray,
    u: FloatArray,
    v: FloatArray,
    out: FloatArray,
) -> None:
    n_phi, n_v = log_phi.size, v.shape[1]
    dropout, odds = np.empty(n_phi * n_v), np.empty((0, n_phi * n_v))
    kind, largest, stopped = np.empty(x.size, np.int64), np.empty(0), np.empty(n_phi * n_v)
    for p in range(out.shape[0]):
        low, high = start[p], start[p + 1]
        kinds = _number_counts(x, low, high, kind)
        if odds.shape[0] < kinds:
            odds, largest = np.empty((2 * kinds, n_phi * n_v)), np.empty(2 * kinds)
        _by_dropout(x, weight, low, high, kind, log_phi, v[p], dropout, odds, largest)
        for i in range(log_r.size):
            r = math.exp(log_r[i])
            for j in range(u.shape[1]):
                alpha = math.exp(log_r[i] - u[p, j])
                bought = _by_rate(x, T, weight, low, high, r, alpha)
                _by_row(x, t_x, T, weight, low, high, kind, r, alpha, odds, largest, stopped)
                for k in range(n_phi):
                    for m in range(n_v):
                        at = k * n_v + m
                        out[p, i, k, j, m] = bought + dropout[at] + stopped[at]


@compiled
def _number_counts(x: FloatArray, low: int, high: int, kind: IntArray) -> int:
    """Count the distinct ``x > 0`` of sorted rows, and number them."""
    count, last = 0, 0.0
    for row in range(low, high):
        if x[row] > last:
            count, last = count + 1, x[row]
        kind[row] = count - 1
    return count


@compiled
def _by_rate(
    x: FloatArray, T: FloatArray, weight: FloatArray, low: int, high: int, r: float, alpha: float
) -> float:
    """Sum what depends on the purchase rate alone."""
    total, last, ratio = 0.0, 0.0, 0.0
    log_alpha = math.log(alpha)
    for row in range(low, high):
        if x[row] != last:
            last = x[row]
            ratio = log_gamma_ratio(r, last)
        growth = math.log1p(T[row] / alpha)
        total += weight[row] * (ratio - last * log_alpha - (r + last) * growth)
    return total


@compiled
def _by_dropout(
    x: FloatArray,
    weight: FloatArray,
    low: int,
    high: int,
    kind: IntArray,
    log_phi: FloatArray,
    v: FloatArray,
    total: FloatArray,
    odds: FloatArray,
    largest: FloatArray,
) -> None:
    """Sum what depends on dropout alone, and tabulate ``a / (b + x - 1)`` for each ``x``."""
    total[:] = 0.0
    for k in range(log_phi.size):
        phi = math.exp(log_phi[k])
        for m in range(v.size):
            at = k * v.size + m
            a, b = phi / (1.0 + math.exp(-v[m])), phi / (1.0 + math.exp(v[m]))
            last, change = 0.0, 0.0
            for row in range(low, high):
                if x[row] > last:
                    last = x[row]
                    change = log_beta_change(a, b, last)
                    odds[kind[row], at] = a / (b + last - 1.0)
                if x[row] > 0.0:
                    total[at] += weight[row] * change
    for row in range(low, high):
        if x[row] > 0.0:
            largest[kind[row]] = math.log(odds[kind[row]].max())


@compiled
def _by_row(
    x: FloatArray,
    t_x: FloatArray,
    T: FloatArray,
    weight: FloatArray,
    low: int,
    high: int,
    kind: IntArray,
    r: float,
    alpha: float,
    odds: FloatArray,
    largest: FloatArray,
    total: FloatArray,
) -> None:
    """Sum ``log(1 + exp(D))``: factors are multiplied up, and logged before they overflow."""
    total[:] = 0.0
    product = np.ones(total.size)
    filled = 0.0
    for row in range(low, high):
        if x[row] == 0.0:
            continue
        exponent = (r + x[row]) * math.log((alpha + T[row]) / (alpha + t_x[row]))
        top = exponent + largest[kind[row]]
        if weight[row] > _FEW or top > _LARGE_EXPONENT:
            rest = math.exp(-exponent)
            for at in range(total.size):
                total[at] += weight[row] * (exponent + math.log(rest + odds[kind[row], at]))
            continue
        growth = weight[row] * (max(top, 0.0) + 0.7)
        if filled + growth > _FULL:
            for at in range(total.size):
                total[at] += math.log(product[at])
                product[at] = 1.0
            filled = 0.0
        filled += growth
        factor = math.exp(exponent)
        for _ in range(int(weight[row])):
            for at in range(total.size):
                product[at] *= 1.0 + factor * odds[kind[row], at]
    for at in range(total.size):
        total[at] += math.log(product[at])
