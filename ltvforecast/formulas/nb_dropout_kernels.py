"""Compiled kernels of NB-dropout, one partner and one parameter vector at a time.

The integral over a partner's own rate is taken over its logarithm, in three parts with one peak
each (the partner is alive; it stopped within its last period with anybody new; it stopped later),
by the trapezoid rule under the substitution ``u = mode + width (v + (1 - exp(-v)) / 50)``. That
gives the long left tail of a log-gamma density a double-exponential decay, so that the rule
converges geometrically (Takahasi & Mori 1974).
"""

# the kernels' arguments stand in one order, as positions
# ruff: noqa: PLR0917

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ltvforecast.formulas.compiling import FloatArray, compiled
from ltvforecast.formulas.special import log_gamma, log_gamma_ratio

__all__ = [
    "MOST_NODES",
    "Histories",
    "IntArray",
    "Parameters",
    "fill_log_likelihood",
    "fill_posterior",
]

IntArray = npt.NDArray[np.int64]

MOST_NODES = 128
_DROP = 23.0
"""The integrand is followed until it is smaller than its peak by exp(-23), about 1e-10."""
_SPACING = 0.6
_TAIL = 0.02
"""With these two the logarithm of the likelihood has errors of about 1e-7."""


class Histories(NamedTuple):
    """New customers per period of several partners, on one calendar.

    Attributes
    ----------
    counts : float64 array, shape (partner, period)
        New customers; 0 where ``exposure`` is 0.
    exposure : float64 array, shape (partner, period)
        Share of the period that counts: 0 before the partner's start and in periods left out,
        less than 1 in the period in which it starts and in a last one cut short.
    edges : float64 array, shape (period + 1,)
        Where the periods begin and end, in periods.
    start : float64 array, shape (partner,)
        Since when a partner is there, on the scale of ``edges``.
    group : int64 array, shape (partner,)
        Its column in ``Parameters.alpha``.
    """

    counts: FloatArray
    exposure: FloatArray
    edges: FloatArray
    start: FloatArray
    group: IntArray


class Parameters(NamedTuple):
    """Parameter draws; symbols as in :mod:`ltvforecast.formulas.nb_dropout`.

    ``r, kappa, s, beta`` of shape (draw,), ``alpha`` of shape (draw, group), ``level`` of shape
    (draw, period).
    """

    r: FloatArray
    alpha: FloatArray
    kappa: FloatArray
    s: FloatArray
    beta: FloatArray
    level: FloatArray


@compiled
def _pack(counts: FloatArray, size: FloatArray, halve_last: bool) -> FloatArray:  # noqa: FBT001
    """Join neighbouring periods of one size, which enter the integrand together.

    Returns rows of size, number of periods, new customers in them.
    """
    packed = np.zeros((3, len(size)))
    used = 0
    for k in range(len(size)):
        here = 0.5 * size[k] if halve_last and k == len(size) - 1 else size[k]
        if here == 0.0:
            continue
        if used == 0 or packed[0, used - 1] != here:
            packed[0, used] = here
            used += 1
        packed[1, used - 1] += 1.0
        packed[2, used - 1] += counts[k]
    return packed[:, :used]


@compiled
def _log_density(u: float, shape: float, alpha: float, kappa: float, packed: FloatArray) -> float:
    """Log of the integrand over u = log rate, without what does not depend on u."""
    rate = math.exp(u)
    part = rate / kappa
    total = 0.0
    grown = 1.0  # product of (1 + rate size / kappa), whose logarithm is taken once
    for j in range(packed.shape[1]):
        lift = part * packed[0, j]
        periods, count = packed[1, j], packed[2, j]
        if lift < 1e-3:
            total += (count + periods * kappa) * math.log1p(lift)
        elif count > 0.0 or periods > 1.0:
            total += (count + periods * kappa) * math.log(1.0 + lift)
        else:
            grown *= 1.0 + lift
            if grown > 1e150:
                total += kappa * math.log(grown)
                grown = 1.0
    return shape * u - alpha * rate - total - kappa * math.log(grown)


@compiled
def _slopes(
    u: float, shape: float, alpha: float, kappa: float, packed: FloatArray
) -> tuple[float, float]:
    """First derivative of the log-density, and minus the second."""
    rate = math.exp(u)
    first, second = shape - alpha * rate, alpha * rate
    for j in range(packed.shape[1]):
        part = rate * packed[0, j] / (kappa + rate * packed[0, j])
        pull = (packed[2, j] + packed[1, j] * kappa) * part
        first -= pull
        second += pull * (1.0 - part)
    return first, second


@compiled
def _reach(
    direction: float,
    mode: float,
    sd: float,
    shape: float,
    alpha: float,
    kappa: float,
    packed: FloatArray,
) -> float:
    """How far from the mode the log-density has fallen by ``_DROP``; it is concave."""
    top = _log_density(mode, shape, alpha, kappa, packed)
    distance = 7.5 * sd
    for _ in range(60):
        low = _log_density(mode + direction * distance, shape, alpha, kappa, packed)
        if top - low >= _DROP:
            break
        distance *= min(max(1.05 * _DROP / max(top - low, 1.0), 1.1), 2.0)
    return distance


@compiled
def _place(v: float, sd: float) -> float:
    return sd * (v + _TAIL * (1.0 - math.exp(-v)))


@compiled
def _inverse_place(distance: float, sd: float) -> float:
    """Where the substitution has gone ``distance`` from the mode (negative: to the left)."""
    v = distance / sd if distance > 0.0 else -math.log1p(-distance / (_TAIL * sd))
    for _ in range(30):
        step = (_place(v, sd) - distance) / (sd * (1.0 + _TAIL * math.exp(-v)))
        v -= step
        if abs(step) < 1e-3:
            break
    return v


@compiled
def _lay_grid(
    shape: float,
    alpha: float,
    kappa: float,
    packed: FloatArray,
    nodes: FloatArray,
    weights: FloatArray,
) -> int:
    """Lay nodes over the integrand; weights are logarithms of integrand times spacing."""
    exposed = alpha
    for j in range(packed.shape[1]):
        exposed += packed[0, j] * packed[1, j]
    mode = math.log(shape / exposed)
    second = 1.0
    for _ in range(60):
        first, second = _slopes(mode, shape, alpha, kappa, packed)
        step = min(max(first / second, -2.0), 2.0)
        mode += step
        if abs(step) < 1e-3:
            break
    sd = min(1.0 / math.sqrt(second), 1.0)
    left = _reach(-1.0, mode, sd, shape, alpha, kappa, packed)
    right = _reach(1.0, mode, sd, shape, alpha, kappa, packed)
    low, high = _inverse_place(-left, sd), _inverse_place(right, sd)
    count = min(max(math.ceil((high - low) / _SPACING) + 1, 16), len(nodes))
    spacing = (high - low) / (count - 1)
    for i in range(count):
        v = low + i * spacing
        nodes[i] = mode + _place(v, sd)
        weights[i] = _log_density(nodes[i], shape, alpha, kappa, packed)
        weights[i] += math.log(spacing * sd * (1.0 + _TAIL * math.exp(-v)))
    return count


@compiled
def _log_sum(weights: FloatArray, count: int) -> float:
    top = -math.inf
    for i in range(count):
        top = max(top, weights[i])
    if top == -math.inf:
        return top
    total = 0.0
    for i in range(count):
        total += math.exp(weights[i] - top)
    return top + math.log(total)


@compiled
def _log_stopped_later(
    rate: float, kappa: float, size: FloatArray, drop: FloatArray, first: int
) -> float:
    """Log-probability to stop after ``first`` periods or later, with nobody new until then."""
    total, quiet = 0.0, 0.0
    for k in range(first, len(size)):
        half = kappa * math.log1p(0.5 * rate * size[k] / kappa)
        total += math.exp(drop[k] - quiet - half)
        quiet += kappa * math.log1p(rate * size[k] / kappa)
        if quiet > 50.0 and total > 0.0 and drop[k] - quiet < math.log(total) - 40.0:
            break
    return math.log(total) if total > 0.0 else -math.inf


@compiled
def _constant(r: float, alpha: float, kappa: float, counts: FloatArray, size: FloatArray) -> float:
    """All that does not depend on the rate: gamma density and negative binomial coefficients."""
    total = r * math.log(alpha) - log_gamma(r)
    for k in range(len(counts)):
        if counts[k] > 0.0:
            total += log_gamma_ratio(kappa, counts[k]) - log_gamma(counts[k] + 1.0)
            total += counts[k] * math.log(size[k] / kappa)
    return total


@compiled
def _survival(age: FloatArray, s: float, beta: float, drop: FloatArray) -> float:
    """Fill in log(S(k) - S(k + 1)) per period, and return log S at the end."""
    for k in range(len(drop)):
        fallen = s * math.log1p((age[k + 1] - age[k]) / (beta + age[k]))
        # two logs, because -expm1 alone is 0 for a period that has no length
        share = -math.expm1(-fallen)
        drop[k] = math.log(share) - s * math.log1p(age[k] / beta) if share > 0.0 else -math.inf
    return -s * math.log1p(age[len(drop)] / beta)


@compiled
def _one_partner(
    r: float,
    alpha: float,
    kappa: float,
    s: float,
    beta: float,
    counts: FloatArray,
    size: FloatArray,
    age: FloatArray,
    nodes: FloatArray,
    weights: FloatArray,
) -> tuple[float, float, int]:
    """Log-likelihood with the partner alive at the end, and with it stopped; and the nodes.

    ``nodes`` and ``weights`` are left as they are for the partner alive.
    """
    drop = np.empty(len(counts))
    survived = _survival(age, s, beta, drop)
    constant = _constant(r, alpha, kappa, counts, size)
    total, last = 0.0, -1
    for k in range(len(counts)):
        total += counts[k]
        if counts[k] > 0.0:
            last = k
    shape = r + total
    stopped = -math.inf
    known, before = counts[: last + 1], size[: last + 1]
    if last >= 0:  # within the last period with anybody new: half of its exposure
        packed = _pack(known, before, True)  # noqa: FBT003
        used = _lay_grid(shape, alpha, kappa, packed, nodes, weights)
        halving = counts[last] * math.log(0.5)
        stopped = _log_sum(weights, used) + drop[last] + constant + halving
    if last + 1 < len(counts):
        packed = _pack(known, before, False)  # noqa: FBT003
        used = _lay_grid(shape, alpha, kappa, packed, nodes, weights)
        for i in range(used):
            weights[i] += _log_stopped_later(math.exp(nodes[i]), kappa, size, drop, last + 1)
        stopped = np.logaddexp(stopped, _log_sum(weights, used) + constant)
    packed = _pack(counts, size, False)  # noqa: FBT003
    used = _lay_grid(shape, alpha, kappa, packed, nodes, weights)
    return _log_sum(weights, used) + survived + constant, stopped, used


@compiled
def _begin(start: float, edges: FloatArray) -> int:
    """First period that reaches beyond the start."""
    first = 0
    while first < len(edges) - 1 and edges[first + 1] <= start:
        first += 1
    return first


@compiled
def fill_log_likelihood(
    histories: Histories, parameters: Parameters, alive: FloatArray, stopped: FloatArray
) -> None:
    """Fill in the two parts of the likelihood, each of shape (draw, partner), as logarithms."""
    nodes, weights = np.empty(MOST_NODES), np.empty(MOST_NODES)
    for p in range(len(histories.start)):
        first = _begin(histories.start[p], histories.edges)
        counts = histories.counts[p, first:]
        age = np.maximum(histories.edges[first:] - histories.start[p], 0.0)
        for m in range(len(parameters.r)):
            size = histories.exposure[p, first:] * parameters.level[m, first:]
            alive[m, p], stopped[m, p], _ = _one_partner(
                parameters.r[m],
                parameters.alpha[m, histories.group[p]],
                parameters.kappa[m],
                parameters.s[m],
                parameters.beta[m],
                counts,
                size,
                age,
                nodes,
                weights,
            )


@compiled
def _quantile(nodes: FloatArray, weights: FloatArray, used: int, uniform: float) -> float:
    """Invert the cumulated weights, spread evenly between the middles of the nodes."""
    top = _log_sum(weights, used)
    below = 0.0
    for i in range(used):
        share = math.exp(weights[i] - top)
        if below + share >= uniform and share > 0.0:
            low = nodes[i] - 0.5 * (nodes[i] - nodes[max(i - 1, 0)])
            high = nodes[i] + 0.5 * (nodes[min(i + 1, used - 1)] - nodes[i])
            return float(low + (high - low) * min(max((uniform - below) / share, 0.0), 1.0))
        below += share
    return float(nodes[used - 1])


@compiled
def _same(parameters: Parameters, m: int) -> bool:
    """Whether a draw has the parameters of the one before it."""
    same = (
        parameters.r[m] == parameters.r[m - 1]
        and parameters.kappa[m] == parameters.kappa[m - 1]
        and parameters.s[m] == parameters.s[m - 1]
        and parameters.beta[m] == parameters.beta[m - 1]
    )
    for k in range(parameters.alpha.shape[1]):
        same = same and parameters.alpha[m, k] == parameters.alpha[m - 1, k]
    for k in range(parameters.level.shape[1]):
        same = same and parameters.level[m, k] == parameters.level[m - 1, k]
    return bool(same)


@compiled
def fill_posterior(
    histories: Histories,
    parameters: Parameters,
    uniform: FloatArray,
    active: FloatArray,
    rate: FloatArray,
    mean_rate: FloatArray,
) -> None:
    """Fill in P(active), a draw of the rate and its mean given active, each (draw, partner).

    What a draw has in common with the one before it is not computed anew.
    """
    nodes, weights = np.empty(MOST_NODES), np.empty(MOST_NODES)
    used = 0
    for p in range(len(histories.start)):
        first = _begin(histories.start[p], histories.edges)
        counts = histories.counts[p, first:]
        age = np.maximum(histories.edges[first:] - histories.start[p], 0.0)
        for m in range(len(parameters.r)):
            if m > 0 and _same(parameters, m):
                active[m, p], mean_rate[m, p] = active[m - 1, p], mean_rate[m - 1, p]
                rate[m, p] = math.exp(_quantile(nodes, weights, used, uniform[m, p]))
                continue
            size = histories.exposure[p, first:] * parameters.level[m, first:]
            alive, stopped, used = _one_partner(
                parameters.r[m],
                parameters.alpha[m, histories.group[p]],
                parameters.kappa[m],
                parameters.s[m],
                parameters.beta[m],
                counts,
                size,
                age,
                nodes,
                weights,
            )
            active[m, p] = 1.0 / (1.0 + math.exp(min(stopped - alive, 700.0)))
            top = _log_sum(weights, used)
            mean = 0.0
            for i in range(used):
                mean += math.exp(weights[i] - top + nodes[i])
            mean_rate[m, p] = mean
            rate[m, p] = math.exp(_quantile(nodes, weights, used, uniform[m, p]))
