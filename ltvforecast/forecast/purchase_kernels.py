"""When one customer buys and what it is worth: draws that all simulations share (compiled)."""

from __future__ import annotations

# ruff: noqa: PLR0917 - compiled functions are called by position
import numpy as np

from ltvforecast.forecast.records import Draws
from ltvforecast.formulas.compiling import compiled
from ltvforecast.types import FloatArray, IntArray

__all__ = [
    "count_purchases",
    "draw_spend_level",
    "eligible_part",
    "first_time",
    "own_draws",
    "thin",
    "whole",
]

LARGEST_MEAN = 1e12
"""Cap on a period's Poisson mean; only absurd parameter draws ever meet it."""
LARGEST_QUANTA = 4e18
"""Cap on one amount in quanta; the programme total is checked against a lower bound."""
FEWEST_COUNTED = 10
"""Expected purchases up to which (and two a period) they are walked one by one."""


@compiled
def own_draws(draws: Draws, i: int) -> Draws:
    """Give one customer's parameters.

    Parameters
    ----------
    draws : Draws
        Each of shape (customer, draw), or (1, draw) if all have the same.
    i : int
        Which customer.

    Returns
    -------
    Draws
        Each of shape (draw,).
    """
    return Draws(
        draws.r[i if len(draws.r) > 1 else 0],
        draws.alpha[i if len(draws.alpha) > 1 else 0],
        draws.a[i if len(draws.a) > 1 else 0],
        draws.b[i if len(draws.b) > 1 else 0],
        draws.p[i if len(draws.p) > 1 else 0],
        draws.q[i if len(draws.q) > 1 else 0],
        draws.v[i if len(draws.v) > 1 else 0],
        draws.zero_share[i if len(draws.zero_share) > 1 else 0],
    )


@compiled
def whole(amount: float) -> int:
    """Round an amount in quanta.

    Parameters
    ----------
    amount : float
        Not negative.

    Returns
    -------
    int
    """
    return int(np.rint(min(amount, LARGEST_QUANTA)))


@compiled
def thin(stream: np.random.Generator, count: int, zero: float) -> int:
    """Count the purchases worth something.

    Parameters
    ----------
    stream : numpy.random.Generator
        Advanced.
    count : int
        Purchases.
    zero : float
        Probability that one is worth nothing.

    Returns
    -------
    int
    """
    if zero <= 0.0:
        return count
    if count == 1:
        return 1 if stream.random() >= zero else 0
    return int(stream.binomial(count, 1.0 - zero))


@compiled
def eligible_part(
    stream: np.random.Generator, money: int, paid: int, p: float, share: float
) -> int:
    """Draw how much of a period's money is from purchases before the customer's limit.

    Parameters
    ----------
    stream : numpy.random.Generator
        Advanced.
    money : int
        Of the period, in quanta.
    paid : int
        Purchases in the period that are worth something.
    p : float
        Shape of one amount.
    share : float
        Of the period that is before the limit.

    Returns
    -------
    int
        In quanta.

    Notes
    -----
    The purchases are spread evenly, so that a binomial number of them comes before the limit;
    given their number, the share of gamma amounts in their sum is beta.
    """
    if share >= 1.0:
        return money
    before = int(stream.binomial(paid, share)) if share > 0.0 else 0
    if before == 0:
        return 0
    if before == paid:
        return money
    part = float(stream.beta(p * before, p * (paid - before)))
    if not 0.0 <= part <= 1.0:  # both shapes tiny
        part = before / paid
    return int(np.rint(money * part))


@compiled
def draw_spend_level(stream: np.random.Generator, shape: float, least: float) -> float:
    """Draw a gamma variable that is at least ``least``, by rejection.

    Parameters
    ----------
    stream : numpy.random.Generator
        Advanced.
    shape : float
        Above 1.
    least : float

    Returns
    -------
    float
    """
    if least <= shape:
        while True:
            level = float(stream.standard_gamma(shape))
            if level >= least:
                return level
    slope = (shape - 1.0) / least  # below 1: an exponential tail from ``least`` on covers it
    while True:
        beyond = float(stream.standard_exponential()) / (1.0 - slope)
        log_accept = (shape - 1.0) * np.log1p(beyond / least) - slope * beyond
        if np.log(1.0 - stream.random()) <= log_accept:
            return least + beyond


@compiled
def first_time(uniform: float, p_buy: float, shape: float, rate: float, horizon: float) -> float:
    """Time of the first purchase, given that it falls in the horizon (inverse of Lomax).

    Parameters
    ----------
    uniform : float
        From 0 to 1.
    p_buy : float
        Probability of a purchase in the horizon.
    shape, rate : float
        Of the gamma law of the purchase rate.
    horizon : float

    Returns
    -------
    float
    """
    inside = min(uniform, 1.0 - 1e-16) * p_buy
    return min(float(rate * np.expm1(-np.log1p(-inside) / shape)), horizon)


@compiled
def count_purchases(
    stream: np.random.Generator,
    time: float,
    pace: float,
    typical: float,
    a: float,
    b: float,
    factor: float,
    edges: FloatArray,
    row: int,
    counts: IntArray,
) -> tuple[int, int, int]:
    """Count purchases by period, the first being at ``time``, under one or two dropout chances.

    Parameters
    ----------
    stream : numpy.random.Generator
        Advanced.
    time : float
        Before the last edge.
    pace : float
        Purchase rate.
    typical : float
        Rate by which it is decided whether to walk from purchase to purchase or to count.
    a, b : float
        Of the dropout chance after a purchase.
    factor : float
        On the dropout chance, for the second one; 1 for a single one.
    edges : float64 array, shape (row, period + 1)
    row : int
        Of the edges, that holds.
    counts : int64 array, shape (2, period)
        Filled in: purchases under both dropout chances, and those that only the lower one leaves.

    Returns
    -------
    first, after, total : int
        The range of periods in which ``counts`` is filled in, and its sum.

    Notes
    -----
    Where dropout is decided purchase by purchase the same uniform decides under both chances;
    where it is drawn at once, Beta(c a, b + (1 - c) a) is Beta(a, b) times an independent
    Beta(c a, (1 - c) a).
    """
    periods = edges.shape[1] - 1
    high, high_b, low = a, b, a
    if factor < 1.0:
        low = factor * a
    elif factor > 1.0:
        high, high_b = factor * a, b - (factor - 1.0) * a
    begin, after = 0, periods
    while after - begin > 1:
        middle = (begin + after) // 2
        if edges[row, middle] < time:
            begin = middle
        else:
            after = middle
    counts[0, begin], counts[1, begin] = 1, 0
    if typical * (edges[row, periods] - time) <= FEWEST_COUNTED + 2 * (periods - begin):
        return _walk(stream, time, pace, high, low, a + b, begin, edges, row, counts)
    chance = min(max(stream.beta(high, high_b), 1e-300), 1.0 - 1e-16)
    log_left = np.log1p(-stream.random())
    left = np.floor(log_left / np.log1p(-chance))
    longer = left
    if low <= 0.0:
        longer = np.inf
    elif low < high:
        chance = max(chance * stream.beta(low, high - low), 1e-300)
        longer = max(np.floor(log_left / np.log1p(-chance)), left)
    total = 1
    for j in range(begin, periods):
        if j > begin:
            counts[0, j], counts[1, j] = 0, 0
        if longer <= 0:
            return begin, j + 1, total
        mean = min(pace * (edges[row, j + 1] - time), LARGEST_MEAN)
        drawn = float(stream.poisson(mean))
        more = int(min(drawn, longer))
        both = int(min(drawn, left))
        counts[0, j] += both
        counts[1, j] += more - both
        total += more
        left -= both
        longer -= more
        time = edges[row, j + 1]
    return begin, periods, total


@compiled
def _walk(
    stream: np.random.Generator,
    time: float,
    pace: float,
    high: float,
    low: float,
    total: float,
    begin: int,
    edges: FloatArray,
    row: int,
    counts: IntArray,
) -> tuple[int, int, int]:
    """Walk from purchase to purchase until both have dropped out or the horizon ends."""
    horizon = edges[row, edges.shape[1] - 1]
    now, survived, kind = begin, 0, 0
    while True:
        place = stream.random() * (total + survived)
        if place < high:
            kind = 1
        if place < low or (kind == 1 and low == high):
            return begin, now + 1, survived + 1
        survived += 1
        time += stream.standard_exponential() / pace
        if not time < horizon:
            return begin, now + 1, survived
        while time > edges[row, now + 1]:
            now += 1
            counts[0, now], counts[1, now] = 0, 0
        counts[kind, now] += 1
