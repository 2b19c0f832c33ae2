"""Expected purchases where customers differ in their parameters, by a table a draw or the formula.

Given alive, the expected number of purchases in the horizon depends on a customer through its
frequency x, through ``u = log(alpha + T)`` and through ``w = log(a / b)``, and smoothly so. Where
``r`` and ``a + b`` are shared by all customers of a draw, however many partners there are, its
logarithm is a polynomial in (u, w) for each x, of a few dozen coefficients a draw; the range of u
and w is that of the draw. High frequencies are interpolated in log x. Where the partners' ``r``
or ``a + b`` differ too, or customers are fewer than the nodes of such tables, the formula itself is
evaluated for each customer and draw.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from ltvforecast.forecast.expectation import EXACT_BELOW
from ltvforecast.forecast.parameters import CustomerParameters, effect_range
from ltvforecast.forecast.records import DiscountLag, Draws
from ltvforecast.formulas import bgnbd
from ltvforecast.formulas.chebyshev_sums import (
    chebyshev_coefficients,
    chebyshev_roots,
    chebyshev_sums,
)
from ltvforecast.types import FloatArray, IntArray

__all__ = ["Future", "PartnerPurchases", "expected_by_formula", "tabulate_partner_purchases"]

NODE_COUNTS = (2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 17, 21, 27, 36, 50)
TOLERANCE = 1e-6
"""Of the interpolated logarithm along each variable, between the nodes."""
QUADRATURE_NODES = 16
TRIAL_DRAWS = 12
MOST_KNOWN = 8_000_000
"""Numbers of customers times draws that are evaluated at once and kept: 128 MB."""
_PIECE = 256
_BETWEEN = 11
_SAME = 1e-12
"""Parameters that differ by no more, relatively, are shared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Future:
    """How far ahead, and how it is discounted; ``horizon`` has one entry or one a draw."""

    horizon: FloatArray
    discount: float
    lag: DiscountLag | None

    def of_draws(self, some: IntArray) -> Future:
        """Take some of the draws."""
        lag = self.lag
        if lag is not None:
            lag = DiscountLag(lag.times[:, some], lag.weights[:, some])
        horizon = self.horizon if len(self.horizon) == 1 else self.horizon[some]
        return Future(horizon=horizon, discount=self.discount, lag=lag)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Box:
    """Shared parameters of each draw, and the range of u and w; each of shape (draw,)."""

    r: FloatArray
    phi: FloatArray
    u: tuple[FloatArray, FloatArray]
    w: tuple[FloatArray, FloatArray]

    def of_draws(self, some: IntArray) -> _Box:
        u, w = ((low[some], high[some]) for low, high in (self.u, self.w))
        return _Box(r=self.r[some], phi=self.phi[some], u=u, w=w)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    """Coefficients of the logarithm, for some frequencies.

    Attributes
    ----------
    coefficients : float64 array, shape (row, draw, 1 or 2, degree of u, degree of w)
        Plain, and discounted if that is different.
    few : float64 array
        Frequencies with a row of their own, rising; empty where rows are degrees in log x.
    log_x : tuple of float
        Range of log x where they are.
    """

    coefficients: FloatArray
    few: FloatArray
    log_x: tuple[float, float]

    def values(self, x: FloatArray, u: FloatArray, w: FloatArray) -> FloatArray:
        """Evaluate: shape (1 or 2, customer, draw)."""
        if len(self.few):
            rows, weight = np.searchsorted(self.few, x), np.ones((len(x), 1))
        else:
            rows = np.zeros(len(x), dtype=np.int64)
            at = _scaled(np.log(x), *self.log_x)
            degree = np.arange(len(self.coefficients))
            weight = np.cos(degree * np.arccos(at)[:, None])
        return np.asarray(chebyshev_sums(self.coefficients, rows, weight, u, w))


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerPurchases:
    """Expected purchases given alive, of customers with parameters of their own.

    Attributes
    ----------
    future : Future
    box : _Box or None
        None where the formula itself is evaluated.
    tables : tuple of _Table
        For low and for high frequencies.
    known : tuple of float64 array, shape (n_customers, draw), or None
        Plain and discounted, where customers are so few that all are evaluated at once.
    """

    future: Future
    box: _Box | None
    tables: tuple[_Table | None, _Table | None] = (None, None)
    known: tuple[FloatArray, FloatArray] | None = None

    def purchases(
        self, x: FloatArray, T: FloatArray, draws: Draws, place: slice
    ) -> tuple[FloatArray, FloatArray]:
        """Give expected purchases given alive.

        Parameters
        ----------
        x, T : float64 array, shape (customer,)
            Among those the tables were made for.
        draws : Draws
            Their parameters, each of shape (customer, draw) or (1, draw).
        place : slice
            Their places among those the tables were made for.

        Returns
        -------
        plain, discounted : float64 array, shape (customer, draw)
        """
        if self.known is not None:
            return self.known[0][place], self.known[1][place]
        if self.box is None:
            return expected_by_formula(x, T, draws, self.future)
        u = _scaled(np.log(draws.alpha + T[:, None]), *self.box.u)
        w = _scaled(np.log(draws.a / draws.b), *self.box.w)
        result = np.empty((1 if self.future.discount == 0 else 2, *u.shape))
        for table, mine in zip(self.tables, (x < EXACT_BELOW, x >= EXACT_BELOW), strict=True):
            if table is not None and mine.any():
                own_w = w if len(w) == 1 else w[mine]
                result[:, mine] = table.values(x[mine], u[mine], own_w)
        np.exp(result, out=result)
        return result[0], result[-1]


def tabulate_partner_purchases(
    x: FloatArray,
    T: FloatArray,
    parameters: CustomerParameters,
    *,
    horizon: FloatArray,
    discount: float,
    lag: DiscountLag | None = None,
) -> PartnerPurchases:
    """Prepare the expectations of these customers.

    Parameters
    ----------
    x, T : float64 array, shape (n_customers,)
    parameters : CustomerParameters
        Of the same customers.
    horizon : float64 array, shape (1,) or (draw,)
        In the model's time unit, on the clock.
    discount : float
        Continuous rate per time unit; with 0 both expectations are the same.
    lag : DiscountLag, optional
        Where the clock is not the calendar.

    Returns
    -------
    PartnerPurchases

    Notes
    -----
    Tables cost the same whatever the number of partners and customers. Their degrees are raised
    until the logarithm is met to 1e-6 along each variable, the others being at the ends and in the
    middle of their range; together it is met to 1e-5, far below what is uncertain in a draw.
    Discounting is a factor, whose logarithm is a polynomial of lower degree on the same range; its
    coefficients are added.
    """
    future = Future(horizon=np.atleast_1d(horizon), discount=discount, lag=lag)
    box = _box(T, parameters)
    if box is None:
        return _by_formula(x, T, parameters, future)
    few, many = np.unique(x[x < EXACT_BELOW]), x[x >= EXACT_BELOW]
    plans = (
        _plan(few, box, future, exact=True) if len(few) else None,
        _plan(many, box, future, exact=False) if len(many) else None,
    )
    nodes = sum(plan.cost for plan in plans if plan is not None)
    if len(x) < nodes and lag is None:
        return _by_formula(x, T, parameters, future)
    low, high = (None if plan is None else _table(plan, box, future) for plan in plans)
    return PartnerPurchases(future=future, box=box, tables=(low, high))


def _by_formula(
    x: FloatArray, T: FloatArray, parameters: CustomerParameters, future: Future
) -> PartnerPurchases:
    """Evaluate all customers now if they are few: a call of the formula costs a millisecond."""
    draws = parameters.draws.r.shape[1]
    if len(x) * draws > MOST_KNOWN:
        return PartnerPurchases(future=future, box=None)
    known = np.empty((2, len(x), draws))
    for first in range(0, len(x), _PIECE):
        piece = slice(first, first + _PIECE)
        known[:, piece] = expected_by_formula(x[piece], T[piece], parameters.of(piece), future)
    return PartnerPurchases(future=future, box=None, known=(known[0], known[1]))


def expected_by_formula(
    x: FloatArray, T: FloatArray, draws: Draws, future: Future
) -> tuple[FloatArray, FloatArray]:
    """Evaluate the formula for each customer and draw; as :meth:`PartnerPurchases.purchases`."""
    known = (x[:, None], T[:, None], draws.r, draws.alpha, draws.a, draws.b)
    plain = _expected(future.horizon, *known, discount=0.0)
    if future.discount == 0:
        return plain, plain
    discounted = _expected(future.horizon, *known, discount=future.discount)
    if future.lag is not None:
        for times, weights in zip(future.lag.times, future.lag.weights, strict=True):
            discounted += weights * bgnbd.purchase_rate(times, *known)
    return plain, discounted


def _expected(horizon: FloatArray, *known: FloatArray, discount: float) -> FloatArray:
    found = bgnbd.expected_purchases_alive(horizon, *known, delta=discount, nodes=QUADRATURE_NODES)
    return np.maximum(found, 1e-300)


def _box(T: FloatArray, parameters: CustomerParameters) -> _Box | None:
    """Range of u and w in each draw; None if r or a + b differ between groups."""
    r, alpha, a, b = parameters.draws[:4]
    phi = a + b
    if not (_shared(r) and _shared(phi)):
        return None
    low, high = np.log(alpha.min(axis=0)), np.log(alpha.max(axis=0))
    odds = np.log(a / b)
    w_low, w_high = odds.min(axis=0), odds.max(axis=0)
    effects = parameters.effects
    if effects is not None and effects.rate is not None:
        least, most = effect_range(effects.rate, effects.patterns)
        low, high = low - most, high - least
    if effects is not None and effects.dropout is not None:
        least, most = effect_range(effects.dropout, effects.patterns)
        w_low, w_high = w_low + least, w_high + most
    u = np.log(np.exp(low) + T.min()), np.log(np.exp(high) + T.max())
    return _Box(r=r[0], phi=phi[0], u=u, w=(w_low, w_high))


def _shared(values: FloatArray) -> bool:
    return bool((np.abs(values - values[:1]) <= _SAME * values[:1]).all())


def _scaled(values: FloatArray, low: FloatArray | float, high: FloatArray | float) -> FloatArray:
    """Move [low, high] to [-1, 1]; a range without length to 0."""
    width = np.subtract(high, low)
    known = width > 1e-12
    place = (2.0 * values - low - high) / np.where(known, width, 1.0)
    return np.clip(np.where(known, place, 0.0), -1.0, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    """Numbers of nodes in (x, u, w): of the plain logarithm, and of that of the discounting."""

    few: FloatArray
    log_x: tuple[float, float]
    plain: tuple[int, int, int]
    factor: tuple[int, int, int] | None

    @property
    def cost(self) -> int:
        """Evaluations of the formula in a draw: twice where discounting is compared with none."""
        return math.prod(self.plain) + (0 if self.factor is None else 2 * math.prod(self.factor))


def _plan(x: FloatArray, box: _Box, future: Future, *, exact: bool) -> _Plan:
    """Find how many nodes are enough, in a few draws."""
    count = len(box.r)
    some = np.unique(np.linspace(0, count - 1, TRIAL_DRAWS).astype(np.int64))
    trial, its_future = box.of_draws(some), future.of_draws(some)
    log_x = (float(np.log(x.min())), float(np.log(x.max()))) if not exact else (0.0, 0.0)
    ends = np.unique([x.min(), x.max()])

    def counts(*, discounted: bool) -> tuple[int, int, int]:
        def values(at_x: FloatArray, z_u: FloatArray, z_w: FloatArray) -> FloatArray:
            return _on_grid(at_x, (z_u, z_w), trial, its_future, factor=discounted)

        across = np.array([-1.0, 0.0, 1.0])
        wide = [bool((high - low > 1e-12).any()) for low, high in (box.u, box.w)]
        of_u = _enough(lambda z: np.moveaxis(values(ends, z, across), 1, 0)) if wide[0] else 1
        of_w = _enough(lambda z: np.moveaxis(values(ends, across, z), 2, 0)) if wide[1] else 1
        if exact:
            return len(x), of_u, of_w
        if log_x[1] - log_x[0] < 1e-12:
            return 1, of_u, of_w
        of_x = _enough(lambda z: values(_unscaled_x(z, log_x), across, across))
        return of_x, of_u, of_w

    plain = counts(discounted=False)
    factor = None if future.discount == 0 else counts(discounted=True)
    return _Plan(few=x if exact else np.empty(0), log_x=log_x, plain=plain, factor=factor)


def _enough(values: Callable[[FloatArray], FloatArray]) -> int:
    """Find how many nodes meet ``values`` (nodes along its first axis) between the nodes."""
    between = np.cos(np.pi * (np.arange(_BETWEEN) + 0.3) / _BETWEEN)
    there = values(between)
    for count in NODE_COUNTS:
        coefficients = chebyshev_coefficients(values(chebyshev_roots(count)), 0)
        basis = np.cos(np.arange(count) * np.arccos(between)[:, None])
        if np.max(np.abs(np.tensordot(basis, coefficients, axes=1) - there)) < TOLERANCE:
            return count
    return 2 * NODE_COUNTS[-1]


def _unscaled_x(z: FloatArray, log_x: tuple[float, float]) -> FloatArray:
    low, high = log_x
    return np.exp((low + high + z * (high - low)) / 2.0)


def _on_grid(
    x: FloatArray,
    z: tuple[FloatArray, FloatArray],
    box: _Box,
    future: Future,
    *,
    factor: bool,
) -> FloatArray:
    """Logarithm of the formula, or of what discounting makes of it: (x, u, w, draw)."""
    found = np.empty((len(x), len(z[0]), len(z[1]), len(box.r)))
    for place, (now, draws) in enumerate(_nodes(z, box)):
        for row, each in enumerate(x):
            plain, discounted = expected_by_formula(
                np.full(len(z[1]), each),
                np.zeros(len(z[1])),
                draws._replace(alpha=now),
                future if factor else Future(horizon=future.horizon, discount=0.0, lag=None),
            )
            found[row, place] = np.log(discounted / plain) if factor else np.log(plain)
    return found


def _nodes(z: tuple[FloatArray, FloatArray], box: _Box) -> Iterator[tuple[FloatArray, Draws]]:
    """Parameters at the nodes of w, for one node of u after the other."""
    low, high = box.w
    w = (low + high + z[1][:, None] * (high - low)) / 2.0
    a = box.phi / (1.0 + np.exp(-w))
    b = box.phi / (1.0 + np.exp(w))
    for each in z[0]:
        now = np.exp((box.u[0] + box.u[1] + each * (box.u[1] - box.u[0])) / 2.0)[None, :]
        yield now, Draws(box.r[None, :], now, a, b, *[now] * 4)


def _table(plan: _Plan, box: _Box, future: Future) -> _Table:
    found = [_coefficients(plan, plan.plain, box, future, factor=False)]
    if plan.factor is not None:
        less = _coefficients(plan, plan.factor, box, future, factor=True)
        shape = np.maximum(found[0].shape, less.shape)
        found = [_padded(each, shape) for each in (found[0], less)]
        found[1] += found[0]
    # (row, u, w, draw) by table → (row, draw, table, u, w)
    stacked = np.stack([np.moveaxis(each, 3, 1) for each in found], axis=2)
    return _Table(coefficients=np.ascontiguousarray(stacked), few=plan.few, log_x=plan.log_x)


def _coefficients(
    plan: _Plan, counts: tuple[int, int, int], box: _Box, future: Future, *, factor: bool
) -> FloatArray:
    z_x, z_u, z_w = (chebyshev_roots(count) for count in counts)
    x = plan.few if len(plan.few) else _unscaled_x(z_x, plan.log_x)
    found = _on_grid(x, (z_u, z_w), box, future, factor=factor)
    if not len(plan.few):
        found = chebyshev_coefficients(found, 0)
    return chebyshev_coefficients(chebyshev_coefficients(found, 1), 2)


def _padded(values: FloatArray, shape: FloatArray) -> FloatArray:
    return np.pad(values, [(0, int(more)) for more in shape - values.shape])
