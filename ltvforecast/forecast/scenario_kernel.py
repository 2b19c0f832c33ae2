"""Two futures of each customer on one path: as things are, and as they would be (compiled).

Both futures share all that they can share, so that their difference is the effect of the change and
not luck. In each parameter draw a customer's purchases are one sequence in operational time:

1. A purchase rate f times as high is the same sequence run through f times as fast: what comes by
   the time e as things are is what comes by f e of the sequence.
2. A dropout chance c times as high is met with the same chances: whoever drops out under the lower
   one drops out under the higher one, too. Where dropout is decided purchase by purchase the same
   uniform decides; where it is drawn at once, Beta(c a, b + (1 - c) a) is Beta(a, b) times an
   independent Beta(c a, (1 - c) a).
3. A purchase goes to the same partner and is worth the same in both futures, times the change of
   the order value.

Each future by itself has the law of :mod:`ltvforecast.forecast.simulate` with its own parameters.
If nothing changes, even the random numbers are the same.

References
----------
Glasserman, P. and Yao, D. D. (1992). Some guidelines and guarantees for common random numbers.
Management Science 38(6), 884-908.
"""

from __future__ import annotations

# ruff: noqa: PLR0917 - compiled functions are called by position
from typing import NamedTuple

import numpy as np

from ltvforecast.forecast.partner_kernels import (
    MOST_NOVEL,
    draw_shares,
    known_places,
    mean_shares,
    most_cells,
    novel_places,
    split,
)
from ltvforecast.forecast.purchase_kernels import (
    count_purchases,
    draw_spend_level,
    eligible_part,
    first_time,
    own_draws,
    thin,
    whole,
)
from ltvforecast.forecast.records import Customers, Destinations, Draws, Eligible
from ltvforecast.formulas.compiling import compiled
from ltvforecast.types import FloatArray, IntArray

__all__ = ["Futures", "Likely", "PairTotals", "Segments", "simulate_pair"]


class Segments(NamedTuple):
    """Operational time, cut wherever a period of either future ends.

    ``edges`` (row, segment + 1) in the model's unit, rising from 0; ``base`` and ``changed``
    (row, segment): the period that a segment belongs to in either future, -1 beyond its end. One
    row serves all draws.
    """

    edges: FloatArray
    base: IntArray
    changed: IntArray


class Futures(NamedTuple):
    """What differs between the two futures, for those whom it concerns.

    ``plain`` are the segments of customers for whom nothing changes, ``cut`` those of the others;
    ``dropout`` and ``order_value`` are factors on their dropout chance and on their amounts.
    """

    plain: Segments
    cut: Segments
    dropout: float
    order_value: float


class Likely(NamedTuple):
    """What is known of some customers' futures, each of shape (customer, draw).

    ``p_alive``; ``p_buy``, a purchase before the last edge of the customer's segments, given
    alive; ``spend_factor``, on all amounts.
    """

    p_alive: FloatArray
    p_buy: FloatArray
    spend_factor: FloatArray


class PairTotals(NamedTuple):
    """Revenue of both futures in quanta, each of shape (partner, draw, period).

    ``purchases`` (2, draw) counts purchases in the horizon, as things are and as changed; ``size``
    (2, draw) approximates the money in quanta, to detect overflow. ``eligible`` (2, partner, draw,
    period) is the part of either future's revenue that counts for a commission; of shape
    (0, 0, 0, 0) unless asked for.
    """

    base: IntArray
    changed: IntArray
    purchases: IntArray
    size: FloatArray
    eligible: IntArray


@compiled
def simulate_pair(
    stream: np.random.Generator,
    customers: Customers,
    first: int,
    concerned: IntArray,
    draws: Draws,
    to: Destinations,
    futures: Futures,
    quantum: float,
    highest_spend: float,
    likely: Likely,
    totals: PairTotals,
    eligible: Eligible,
    side_stream: np.random.Generator,
) -> None:
    """Simulate both futures of some customers in all draws.

    Parameters
    ----------
    stream : numpy.random.Generator
        Advanced.
    customers : Customers
        These customers.
    first : int
        Place of the first of them in ``to``.
    concerned : int64 array, shape (customer,)
        1 for those whom the change concerns, else 0.
    draws : Draws
        Of these customers: each of shape (customer, draw), or (1, draw) if all have the same.
    to : Destinations
        Of all customers.
    futures : Futures
    quantum : float
        Money in one quantum.
    highest_spend : float
        What a customer's average purchase can't exceed; infinite for no limit.
    likely : Likely
    totals : PairTotals
        Added to.
    eligible : Eligible
        Of these customers, or of none.
    side_stream : numpy.random.Generator
        For what is eligible, so that the rest does not depend on whether that is asked for.
    """
    most = most_cells(to, first, len(customers.x))
    segments = max(futures.plain.base.shape[1], futures.cut.base.shape[1])
    counts = np.zeros((2, segments), dtype=np.int64)
    parts = np.zeros(most, dtype=np.int64)
    visits = np.zeros((2, most + MOST_NOVEL + 1 + len(to.programme)), dtype=np.int64)
    for i in range(len(customers.x)):
        base = mean_shares(to, first + i)
        _simulate_customer(
            stream,
            customers,
            i,
            own_draws(draws, i),
            to.partner[to.start[first + i] : to.start[first + i + 1]],
            base,
            to.programme,
            to.concentration,
            futures.cut if concerned[i] == 1 else futures.plain,
            futures.dropout if concerned[i] == 1 else 1.0,
            futures.order_value if concerned[i] == 1 else 1.0,
            quantum,
            highest_spend,
            likely,
            totals,
            counts,
            parts[: len(base)],
            visits,
            eligible.period[i] if len(eligible.period) > 0 else -1,
            eligible.share[i] if len(eligible.period) > 0 else 0.0,
            side_stream,
        )


@compiled
def _simulate_customer(
    stream: np.random.Generator,
    customers: Customers,
    i: int,
    draws: Draws,
    partners: IntArray,
    base: FloatArray,
    programme: FloatArray,
    concentration: float,
    segments: Segments,
    dropout: float,
    order_value: float,
    quantum: float,
    highest_spend: float,
    likely: Likely,
    totals: PairTotals,
    counts: IntArray,
    parts: IntArray,
    visits: IntArray,
    limit: int,
    limit_share: float,
    side_stream: np.random.Generator,
) -> None:
    """Simulate both futures of one customer in all draws; see ``simulate.py`` for the steps."""
    x, T, n, paid_sum = customers.x[i], customers.T[i], customers.spend_n[i], customers.spend_sum[i]
    edges = segments.edges
    own = 1 if len(edges) > 1 else 0
    cumulative = np.empty(len(base))
    novel = np.zeros((2, MOST_NOVEL + 1), dtype=np.int64)
    reach = np.empty(MOST_NOVEL + 1)
    single = len(partners) == 1 and base[-1] == 0.0
    visits[0, 0] = partners[0]
    for m in range(likely.p_alive.shape[1]):
        uniform = stream.random()
        probability = likely.p_alive[i, m] * likely.p_buy[i, m]
        if uniform >= probability:
            continue
        row = m * own
        shape, rate = draws.r[m] + x, draws.alpha[m] + T
        time = first_time(uniform / probability, likely.p_buy[i, m], shape, rate, edges[row, -1])
        shape, rate = shape + 1.0, rate + time
        begin, end, bought = count_purchases(
            stream,
            time,
            stream.standard_gamma(shape) / rate,
            shape / rate,
            draws.a[m],
            draws.b[m] + x,
            dropout,
            edges,
            row,
            counts,
        )
        p, zero, worth = draws.p[m], draws.zero_share[m], draws.v[m] + paid_sum
        level = draw_spend_level(stream, p * n + draws.q[m], p * worth / highest_spend)
        scale = worth / (level * quantum)
        scale *= likely.spend_factor[i, m]
        if not single:
            draw_shares(stream, base, concentration, bought, cumulative)
            reach[0] = -1.0
        for j in range(2 * begin, 2 * end):
            count, extra = counts[j % 2, j // 2], j % 2 == 1
            now, then = segments.base[row, j // 2], segments.changed[row, j // 2]
            if extra and dropout < 1.0:
                now = -1
            elif extra:
                then = -1
            if count == 0 or (now < 0 and then < 0):
                continue
            totals.purchases[0, m] += count if now >= 0 else 0
            totals.purchases[1, m] += count if then >= 0 else 0
            if single:
                places = 1
                visits[1, 0] = count
            else:
                split(stream, count, cumulative, parts)
                places = known_places(parts, partners, visits)
                places = novel_places(
                    stream,
                    parts[-1],
                    concentration * base[-1],
                    novel,
                    reach,
                    programme,
                    visits,
                    places,
                )
            _pay(
                stream,
                places,
                visits,
                m,
                now,
                then,
                p,
                zero,
                scale,
                order_value,
                totals,
                limit,
                limit_share,
                side_stream,
            )


@compiled
def _pay(
    stream: np.random.Generator,
    places: int,
    visits: IntArray,
    m: int,
    now: int,
    then: int,
    p: float,
    zero: float,
    scale: float,
    order_value: float,
    totals: PairTotals,
    limit: int,
    limit_share: float,
    side_stream: np.random.Generator,
) -> None:
    """Draw what purchases are worth, and add it up in either future's period, -1 for none.

    What comes up to the period ``limit`` (in it, a share) counts for a commission.
    """
    counted = len(totals.eligible) > 0
    for k in range(places):
        partner, paid = visits[0, k], thin(stream, visits[1, k], zero)
        if paid == 0:
            continue
        amount = stream.standard_gamma(p * paid) * scale
        part = -1.0
        for future in range(2):
            j = now if future == 0 else then
            if j < 0:
                continue
            worth = amount * order_value if future == 1 else amount
            money = max(whole(worth), 1)
            totals.size[future, m] += worth
            if future == 0:
                totals.base[partner, m, j] += money
            else:
                totals.changed[partner, m, j] += money
            if not counted or j > limit:
                continue
            young = money
            if j == limit:
                if future == 1 and part >= 0.0 and now == then:
                    young = int(np.rint(part * money))
                else:
                    young = eligible_part(side_stream, money, paid, p, limit_share)
                    part = young / money
            totals.eligible[future, partner, m, j] += young
