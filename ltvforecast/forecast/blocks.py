"""One block of customers: closed forms, simulation, and a row of results for each customer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ltvforecast.forecast.closed_forms import expected_spend, probabilities
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
from ltvforecast.forecast.streams import (
    bucket_blocks,
    buckets_together,
    open_side_stream,
    open_stream,
)
from ltvforecast.types import FloatArray, IntArray

__all__ = [
    "Part",
    "Programme",
    "Slice",
    "programme_blocks",
    "result_columns",
    "simulate_block",
    "slices",
]

SLICE = 64
"""Customers whose (customer, draw) arrays exist at a time: those of some buckets, or a part."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Customers of a slice who are of one bucket.

    Attributes
    ----------
    rows : slice
        Of the slice.
    stream, side_stream : numpy.random.Generator
        Of the bucket; the second is for what is eligible.
    """

    rows: slice
    stream: np.random.Generator
    side_stream: np.random.Generator


@dataclass(frozen=True, slots=True, kw_only=True)
class Slice:
    """A few customers.

    Attributes
    ----------
    place : slice
        In the order of simulation.
    parts : tuple of Part
        The same customers by bucket, in order.
    customers : Customers
    draws : Draws
        Of these customers, or of all.
    spend_factor : float64 array, shape (customer, draw)
    eligible : Eligible
        Of these customers, or of none.
    """

    place: slice
    parts: tuple[Part, ...]
    customers: Customers
    draws: Draws
    spend_factor: FloatArray
    eligible: Eligible


def programme_blocks(programme: Programme, block_size: int) -> list[range]:
    """Put a programme's buckets into blocks of about so many customers.

    Parameters
    ----------
    programme : Programme
    block_size : int

    Returns
    -------
    list of range
    """
    start = programme.bucket_start
    return bucket_blocks(start, block_size, buckets_together(start, SLICE))


def slices(buckets: range, *, programme: Programme) -> Iterator[Slice]:
    """Take the customers of some buckets, a few at a time, in the order of simulation.

    Parameters
    ----------
    buckets : range
        A block of :func:`programme_blocks`.
    programme : Programme

    Yields
    ------
    Slice
    """
    step = buckets_together(programme.bucket_start, SLICE)
    for first in range(buckets.start, buckets.stop, step):
        for place, parts in _places(range(first, min(first + step, buckets.stop)), programme):
            customers = Customers(*(values[place] for values in programme.customers))
            draws = programme.parameters.of(place)
            factor = np.ones((len(customers.x), draws.r.shape[1]))
            if programme.dependence is not None:
                factor = programme.dependence.of(customers, place)
            yield Slice(
                place=place,
                parts=parts,
                customers=customers,
                draws=draws,
                spend_factor=factor,
                eligible=_eligible(programme.eligible, place),
            )


def _places(buckets: range, programme: Programme) -> Iterator[tuple[slice, tuple[Part, ...]]]:
    """Cut the customers of buckets that are taken together into slices."""
    start = programme.bucket_start[buckets.start : buckets.stop + 1]
    streams = {
        bucket: (open_stream(programme.seed, bucket), open_side_stream(programme.seed, bucket))
        for bucket, size in zip(buckets, np.diff(start), strict=True)
        if size > 0
    }
    for begin in range(start[0], start[-1], SLICE):
        end = min(begin + SLICE, int(start[-1]))
        parts = []
        for bucket, (stream, side_stream) in streams.items():
            low, high = start[bucket - buckets.start : bucket - buckets.start + 2]
            rows = slice(max(int(low) - begin, 0), min(int(high), end) - begin)
            if rows.start < rows.stop:
                parts.append(Part(rows=rows, stream=stream, side_stream=side_stream))
        yield slice(begin, end), tuple(parts)


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
    for some in slices(buckets, programme=programme):
        p_alive, p_buy = probabilities(some.customers, some.draws, programme.clock.edges[:, -1])
        shape = p_alive.shape
        paths = Paths(
            p_alive, p_buy, some.spend_factor, np.zeros(shape), np.zeros(shape), np.zeros(shape)
        )
        for part in some.parts:
            of = part.rows
            simulate_customers(
                part.stream,
                Customers(*(values[of] for values in some.customers)),
                some.place.start + of.start,
                Draws(*(values if len(values) == 1 else values[of] for values in some.draws)),
                programme.destinations,
                programme.clock,
                programme.money_quantum,
                programme.highest_spend,
                Paths(*(values[of] for values in paths)),
                totals,
                Eligible(some.eligible.period[of], some.eligible.share[of]),
                part.side_stream,
            )
        if programme.expected is not None:
            _fill_in(programme, programme.expected, some=some, paths=paths, totals=totals)


def _fill_in(
    programme: Programme,
    expected: ExpectedPurchases | PartnerPurchases,
    *,
    some: Slice,
    paths: Paths,
    totals: Totals,
) -> None:
    """Fill in what closed forms and paths say of these customers, and add to the totals."""
    customers, draws, p_alive = some.customers, some.draws, paths.p_alive
    alive_purchases, alive_discounted = _given_alive(expected, some)
    purchases = p_alive * alive_purchases
    spend = expected_spend(customers, draws, programme.highest_spend) * paths.spend_factor
    revenue, worth = purchases * spend, p_alive * alive_discounted * spend
    few = slice(None, None, max(1, p_alive.shape[1] // VARIANCE_DRAWS))
    programme.variances[some.place] = _variances(
        customers,
        Draws(*(values[:, few] for values in draws)),
        purchases[:, few],
        alive_purchases[:, few],
        spend[:, few] / programme.money_quantum,
    )
    add_expected(
        programme.destinations,
        some.place.start,
        revenue / programme.money_quantum,
        worth / programme.money_quantum,
        purchases / programme.count_quantum,
        totals,
    )
    programme.results[some.place] = _results(
        paths, (purchases, revenue, programme.earned_rate * worth), programme
    )


def _given_alive(
    expected: ExpectedPurchases | PartnerPurchases, some: Slice
) -> tuple[FloatArray, FloatArray]:
    """Give these customers' expected purchases given alive, plain and discounted."""
    x, T = some.customers.x, some.customers.T
    if isinstance(expected, PartnerPurchases):
        return expected.purchases(x, T, some.draws, some.place)
    return expected.purchases(x, T)


def _eligible(eligible: Eligible | None, place: slice) -> Eligible:
    if eligible is None:
        return Eligible(np.empty(0, dtype=np.int64), np.empty(0))
    return Eligible(eligible.period[place], eligible.share[place])


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
    tails = tail_probabilities(programme.levels)
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
        columns += [mean.mean(axis=1, keepdims=True), quantiles_of_sorted(draws, tails)]
    return np.concatenate(columns, axis=1)
