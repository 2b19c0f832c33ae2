"""One block of customers: closed forms, simulation, and a row of results for each customer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import gammaincc

from ltvforecast.forecast.dependence import SpendFactors
from ltvforecast.forecast.expectation import ExpectedPurchases
from ltvforecast.forecast.intervals import (
    interval_names,
    quantiles_of_sorted,
    tail_probabilities,
)
from ltvforecast.forecast.parameters import CustomerParameters
from ltvforecast.forecast.partner_expectation import PartnerPurchases
from ltvforecast.forecast.records import (
    Clock,
    Customers,
    Destinations,
    Draws,
    Eligible,
    Paths,
    Totals,
)
from ltvforecast.forecast.simulate import add_expected, simulate_customers
from ltvforecast.forecast.streams import open_side_stream, open_stream
from ltvforecast.types import FloatArray, IntArray

__all__ = ["Programme", "result_columns", "simulate_block"]

SLICE = 64
"""Customers whose (customer, draw) arrays exist at a time; a bucket is a sequence of slices."""
VARIANCE_DRAWS = 32
"""Variances are wanted roughly: about so many draws are enough."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Programme:
    """All that a block needs to know; customers in the order of simulation.

    Attributes
    ----------
    customers, destinations, clock
        See :mod:`ltvforecast.forecast.records`.
    parameters : CustomerParameters
    expected : ExpectedPurchases, PartnerPurchases or None
        The second where customers differ in their purchase parameters. None: totals are simulated,
        and ``results`` and ``variances`` stay empty.
    bucket_start : int64 array
        Bucket ``k`` has the customers ``bucket_start[k]`` to ``bucket_start[k + 1] - 1``.
    money_quantum, count_quantum : float
        Powers of two: money, and expected purchases, in one quantum.
    highest_spend : float
        What a customer's average purchase can't exceed; infinite for no limit.
    dependence : SpendFactors or None
        How customers' spend depends on how often they buy; None if it does not.
    earned_rate : float
        Margin less commission.
    levels : tuple of int
    seed : int
    results : float64 array, shape (n_customers, n_columns)
        Filled in: the columns of :func:`result_columns`.
    variances : float64 array, shape (n_customers, 2)
        Filled in: approximate variance of purchases, and of revenue in quanta, given the
        parameters, mean over some draws.
    eligible : Eligible or None
        Until when each customer's purchases count for a commission; None: not counted.
    """

    customers: Customers
    parameters: CustomerParameters
    destinations: Destinations
    clock: Clock
    expected: ExpectedPurchases | PartnerPurchases | None
    bucket_start: IntArray
    money_quantum: float
    count_quantum: float
    highest_spend: float
    dependence: SpendFactors | None
    earned_rate: float
    levels: tuple[int, ...]
    seed: int
    results: FloatArray
    variances: FloatArray
    eligible: Eligible | None = None


def result_columns(levels: Sequence[int]) -> list[str]:
    """Name the columns of ``Programme.results``.

    Examples
    --------
    >>> result_columns([])
    ['p_alive', 'p_active', 'expected_purchases', 'future_revenue', 'ltv']
    """
    names = ["p_alive", "p_active"]
    for name in ("expected_purchases", "future_revenue", "ltv"):
        names += [name, *interval_names(name, levels)]
    return names


def simulate_block(buckets: range, totals: Totals, *, programme: Programme) -> None:
    """Simulate all customers of some buckets, add to the totals and fill in their results.

    Parameters
    ----------
    buckets : range
    totals : Totals
        Added to.
    programme : Programme
        Its ``results`` and ``variances`` are filled in for these customers.
    """
    for bucket in buckets:
        first, last = programme.bucket_start[bucket : bucket + 2]
        if first == last:
            continue
        streams = (
            open_stream(programme.seed, bucket),
            open_side_stream(programme.seed, bucket),
        )
        for begin in range(first, last, SLICE):
            _simulate_slice(streams, slice(begin, min(begin + SLICE, last)), totals, programme)


def _simulate_slice(
    streams: tuple[np.random.Generator, np.random.Generator],
    place: slice,
    totals: Totals,
    programme: Programme,
) -> None:
    customers = Customers(*(values[place] for values in programme.customers))
    draws = programme.parameters.of(place)
    p_alive, p_buy = _probabilities(customers, draws, programme.clock.edges[:, -1])
    factor = np.ones(p_alive.shape)
    if programme.dependence is not None:
        factor = programme.dependence.of(customers, place)
    shape = p_alive.shape
    paths = Paths(p_alive, p_buy, factor, np.zeros(shape), np.zeros(shape), np.zeros(shape))
    simulate_customers(
        streams[0],
        customers,
        place.start,
        draws,
        programme.destinations,
        programme.clock,
        programme.money_quantum,
        programme.highest_spend,
        paths,
        totals,
        _eligible(programme.eligible, place),
        streams[1],
    )
    if programme.expected is not None:
        known = programme.expected, customers, draws
        _fill_in(programme, known, place=place, paths=paths, totals=totals)


def _fill_in(
    programme: Programme,
    known: tuple[ExpectedPurchases | PartnerPurchases, Customers, Draws],
    *,
    place: slice,
    paths: Paths,
    totals: Totals,
) -> None:
    """Fill in what closed forms and paths say of these customers, and add to the totals."""
    (expected, customers, draws), p_alive = known, paths.p_alive
    alive_purchases, alive_discounted = _given_alive(expected, customers, draws, place)
    purchases = p_alive * alive_purchases
    spend = _expected_spend(customers, draws, programme.highest_spend) * paths.spend_factor
    revenue, worth = purchases * spend, p_alive * alive_discounted * spend
    some = slice(None, None, max(1, p_alive.shape[1] // VARIANCE_DRAWS))
    programme.variances[place] = _variances(
        customers,
        Draws(*(values[:, some] for values in draws)),
        purchases[:, some],
        alive_purchases[:, some],
        spend[:, some] / programme.money_quantum,
    )
    add_expected(
        programme.destinations,
        place.start,
        revenue / programme.money_quantum,
        worth / programme.money_quantum,
        purchases / programme.count_quantum,
        totals,
    )
    programme.results[place] = _results(
        paths, (purchases, revenue, programme.earned_rate * worth), programme
    )


def _given_alive(
    expected: ExpectedPurchases | PartnerPurchases,
    customers: Customers,
    draws: Draws,
    place: slice,
) -> tuple[FloatArray, FloatArray]:
    """Give these customers' expected purchases given alive, plain and discounted."""
    if isinstance(expected, PartnerPurchases):
        return expected.purchases(customers.x, customers.T, draws, place)
    return expected.purchases(customers.x, customers.T)


def _eligible(eligible: Eligible | None, place: slice) -> Eligible:
    if eligible is None:
        return Eligible(np.empty(0, dtype=np.int64), np.empty(0))
    return Eligible(eligible.period[place], eligible.share[place])


def _probabilities(
    customers: Customers, draws: Draws, horizon: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """P(alive), and P(a purchase in the horizon, given alive), shape (customer, draw).

    Fader, Hardie and Lee (2008), "Computing P(alive) using the BG/NBD model", and the Lomax
    survival of the time to the next purchase; ``horizon`` has one entry for all draws or each.
    """
    x, t_x, T = (values[:, None] for values in customers[:3])
    idle = np.log1p((T - t_x) / (draws.alpha + t_x))
    with np.errstate(over="ignore", divide="ignore"):
        odds = np.exp((draws.r + x) * idle) * (draws.a / np.maximum(draws.b + x - 1.0, 0.0))
    p_alive = np.where(x > 0, 1.0 / (1.0 + odds), 1.0)
    p_buy = -np.expm1(-(draws.r + x) * np.log1p(horizon / (draws.alpha + T)))
    return p_alive, p_buy


def _expected_spend(customers: Customers, draws: Draws, highest_spend: float) -> FloatArray:
    """Give the expected value of a purchase, zeros included, shape (customer, draw).

    Fader and Hardie (2013) eq. 5, times what the limit on the average purchase takes away: for
    nu ~ Gamma(k, beta) the mean of 1/nu given nu > c is ``beta / (k - 1)`` times
    ``Q(k - 1, beta c) / Q(k, beta c)``, Q being the regularised upper incomplete gamma function.
    """
    n, total = customers.spend_n[:, None], customers.spend_sum[:, None]
    shape = draws.p * n + draws.q
    mean = draws.p * (draws.v + total) / (shape - 1.0)
    least = draws.p * (draws.v + total) / highest_spend
    # Chernoff: log P(Gamma(k - 1) < least); below -23 the limit takes less than 1e-10 away
    with np.errstate(divide="ignore"):
        below = shape - 1.0 - least + (shape - 1.0) * np.log(least / (shape - 1.0))
    cut = (least >= shape - 1.0) | (below > -23.0)
    mean[cut] *= _kept(shape[cut], least[cut])
    return np.asarray(mean * (1.0 - draws.zero_share))


def _kept(shape: FloatArray, least: FloatArray) -> FloatArray:
    """Give ``Q(shape - 1, least) / Q(shape, least)``, and its limit where both vanish."""
    above = gammaincc(shape, least)
    vanishing = above < 1e-280
    ratio = gammaincc(shape - 1.0, least) / np.where(vanishing, 1.0, above)
    return np.where(vanishing, (shape - 1.0) / least, ratio)


def _variances(
    customers: Customers,
    draws: Draws,
    purchases: FloatArray,
    alive_purchases: FloatArray,
    spend: FloatArray,
) -> FloatArray:
    """Approximate variances given the parameters, mean over draws: shape (customer, 2).

    Purchases given alive as if negative binomial, which ignores dropout; good enough to judge
    the distance of a simulated mean. Infinite where the spend model has no variance.
    """
    spread = 1.0 + 1.0 / (draws.r + customers.x[:, None])
    square = purchases * (1.0 + alive_purchases * spread)
    shape = draws.p * customers.spend_n[:, None] + draws.q
    paid = 1.0 - draws.zero_share
    with np.errstate(divide="ignore"):
        level = np.where(shape > 2.0, (shape - 1.0) / np.maximum(shape - 2.0, 0.0), np.inf)
    amount = (spend / paid) ** 2 * level
    paid_square = paid**2 * square + paid * (1.0 - paid) * purchases
    money = amount * (paid * purchases / draws.p + paid_square) - (purchases * spend) ** 2
    return np.stack([(square - purchases**2).mean(axis=1), money.mean(axis=1)], axis=1)


def _results(
    paths: Paths, expected: tuple[FloatArray, FloatArray, FloatArray], programme: Programme
) -> FloatArray:
    """Rows of :func:`result_columns`: closed-form means, intervals from the simulated paths."""
    probabilities = tail_probabilities(programme.levels)
    columns = [
        paths.p_alive.mean(axis=1, keepdims=True),
        (paths.p_alive * paths.p_buy).mean(axis=1, keepdims=True),
    ]
    simulated = (
        paths.purchases,
        paths.revenue * programme.money_quantum,
        paths.discounted * (programme.money_quantum * programme.earned_rate),
    )
    for mean, draws in zip(expected, simulated, strict=True):
        draws.sort(axis=1)
        columns += [mean.mean(axis=1, keepdims=True), quantiles_of_sorted(draws, probabilities)]
    return np.concatenate(columns, axis=1)
