"""Two futures of one partner's new customers on common paths, draw by draw (compiled).

As :mod:`ltvforecast.forecast.newcomer_paths`, with the coupling of
:mod:`ltvforecast.forecast.scenario_kernel`: a customer's clock starts at its first purchase, from
which a purchase rate f times as high runs through the same sequence f times as fast. Fewer new
customers are some of those that come as things are, each kept with the same probability; more are
those, and others beside them.
"""

from __future__ import annotations

# ruff: noqa: PLR0917 - compiled functions are called by position
from typing import NamedTuple

import numpy as np

from ltvforecast.forecast.newcomer_kernels import (
    MOST_SIMULATED,
    draw_nature,
    eligible_until,
    factor_for_rest,
    longer,
    newcomer_places,
    scale_away,
)
from ltvforecast.forecast.newcomer_records import Law, Pairing, Terms, Timing
from ltvforecast.forecast.partner_kernels import MOST_NOVEL, draw_shares
from ltvforecast.forecast.purchase_kernels import count_purchases, eligible_part, thin, whole
from ltvforecast.formulas.compiling import compiled
from ltvforecast.types import FloatArray, IntArray

__all__ = ["BroughtPair", "Effect", "simulate_newcomer_pair"]


class Effect(NamedTuple):
    """Factors on purchase rate, dropout chance, order value and number of new customers."""

    purchase_rate: float
    dropout: float
    order_value: float
    acquisition: float


class BroughtPair(NamedTuple):
    """What stays with the acquiring partner, (future, draw, period); filled in.

    ``revenue``, ``first_revenue`` and ``eligible`` (where asked for) in quanta, ``customers`` in
    numbers.
    """

    revenue: IntArray
    first_revenue: IntArray
    eligible: IntArray
    customers: IntArray


class Room(NamedTuple):
    """Working space: segments of a customer's life and what is bought in them."""

    cuts: FloatArray
    periods: IntArray
    counts: IntArray
    visits: IntArray
    novel: IntArray
    reach: FloatArray
    shares: FloatArray
    parts: IntArray


@compiled
def simulate_newcomer_pair(
    stream: np.random.Generator,
    side_stream: np.random.Generator,
    third_stream: np.random.Generator,
    counts: IntArray,
    lived: FloatArray,
    expected: FloatArray,
    law: Law,
    timing: Timing,
    pairing: Pairing,
    terms: Terms,
    effect: Effect,
    brought: BroughtPair,
) -> IntArray:
    """Simulate both futures of one partner's new customers in all draws.

    Parameters
    ----------
    stream, side_stream, third_stream : numpy.random.Generator
        Advanced; the second for what is eligible, the third for who comes in the changed future
        only, and for who does not.
    counts : int64 array, shape (draw, piece)
        New customers as things are.
    lived : float64 array, shape (draw, piece)
        Share of each piece in which the partner is active.
    expected : float64 array, shape (draw,)
        What these customers are expected to bring together as things are, in quanta.
    law, timing, pairing, terms
        See :mod:`ltvforecast.forecast.newcomer_paths`.
    effect : Effect
    brought : BroughtPair
        Filled in.

    Returns
    -------
    int64 array, shape (5, n)
        Purchases at other partners: partner, draw, 2 period + future (0, 1), quanta, and quanta
        that are eligible.
    """
    pieces = counts.shape[1]
    room = Room(
        np.empty((1, 2 * pieces + 1)),
        np.empty((2, 2 * pieces), dtype=np.int64),
        np.zeros((2, 2 * pieces), dtype=np.int64),
        np.zeros((2, MOST_NOVEL + 2 + len(terms.programme)), dtype=np.int64),
        np.zeros((2, MOST_NOVEL + 1), dtype=np.int64),
        np.empty(MOST_NOVEL + 1),
        np.empty((2, 2)),
        np.zeros(2, dtype=np.int64),
    )
    room.shares[0, 0], room.shares[0, 1] = 1.0 - terms.novelty, terms.novelty
    away = np.empty((5, 256), dtype=np.int64)
    used = 0
    whole_extra = max(int(np.floor(effect.acquisition - 1.0)), 0)
    part_extra = max(effect.acquisition - 1.0 - whole_extra, 0.0)
    for m in range(len(counts)):
        total, before = counts[m].sum(), used
        drawn = min(total, MOST_SIMULATED)
        worth = square = 0.0
        seen = done = 0
        for k in range(pieces):
            seen += counts[m, k]
            upto = seen * drawn // max(total, 1)
            for _ in range(done, upto):
                now = 0
                then = 1
                if effect.acquisition < 1.0 and third_stream.random() >= effect.acquisition:
                    then = 0
                away, used, one = _one(
                    stream, side_stream, m, k, lived[m, k], now, then,
                    law, timing, pairing, terms, effect, brought, room, away, used,
                )  # fmt: skip
                worth += one
                square += one * one
                more = whole_extra
                if part_extra > 0.0 and third_stream.random() < part_extra:
                    more += 1
                for _ in range(more):
                    away, used, _ = _one(
                        third_stream, third_stream, m, k, lived[m, k], 1, 1,
                        law, timing, pairing, terms, effect, brought, room, away, used,
                    )  # fmt: skip
            done = upto
        if total > drawn and worth > 0.0:
            factor = factor_for_rest(stream, expected[m], worth, square, drawn, total)
            _enlarge(factor, total / drawn, m, brought)
            scale_away(factor, away, before, used)
    return away[:, :used]


@compiled
def _enlarge(money: float, number: float, m: int, brought: BroughtPair) -> None:
    """Let those who were simulated stand for all of the draw, in both futures alike."""
    for future in range(2):
        for j in range(brought.revenue.shape[2]):
            for values in (brought.revenue, brought.first_revenue, brought.eligible):
                values[future, m, j] = whole(money * values[future, m, j])
            brought.customers[future, m, j] = whole(number * brought.customers[future, m, j])


@compiled
def _one(
    stream: np.random.Generator,
    side_stream: np.random.Generator,
    m: int,
    k: int,
    lived: float,
    first: int,
    last: int,
    law: Law,
    timing: Timing,
    pairing: Pairing,
    terms: Terms,
    effect: Effect,
    brought: BroughtPair,
    room: Room,
    away: IntArray,
    used: int,
) -> tuple[IntArray, int, float]:
    """Simulate a customer of piece ``k`` in the futures ``first`` to ``last``.

    Gives what it brings as things are.
    """
    edges, row = timing.clock, m if len(timing.clock) > 1 else 0
    when = lived * stream.random()
    birth = edges[row, k] + when * (edges[row, k + 1] - edges[row, k])
    alpha, p, zero = law.alpha[m], law.p[m], law.zero_share[m]
    least = p * law.v[m] / terms.highest_spend
    level, gap, pace = draw_nature(stream, pairing, m, law.r[m], alpha, law.q[m], least)
    scale = law.v[m] / (level * terms.quantum)
    amount = 0.0
    if zero <= 0.0 or stream.random() >= zero:
        amount = stream.standard_gamma(p) * scale * law.first_factor[m]
    one = _arrive(
        amount, m, timing.target[k], first, last, effect.order_value, terms.eligible_days, brought
    )
    cuts = _cut_life(edges, row, k, birth, effect.purchase_rate, room)
    if not birth + gap < cuts[0, -1]:
        return away, used, one
    if pace <= 0.0:
        pace = stream.standard_gamma(law.r[m] + 1.0) / (alpha + gap)
    begin, end, number = count_purchases(
        stream, birth + gap, pace, pace, law.a[m], law.b[m], effect.dropout,
        cuts, 0, room.counts,
    )  # fmt: skip
    if terms.novelty > 0.0:
        draw_shares(stream, room.shares[0], terms.concentration, number, room.shares[1])
        room.reach[0] = -1.0
    limit, share = -1, 0.0
    if terms.eligible_days >= 0.0:
        limit, share = eligible_until(timing.days, k, when, terms.eligible_days)
    for s in range(2 * begin, 2 * end):
        count, extra = room.counts[s % 2, s // 2], s % 2 == 1
        piece_now, piece_then = room.periods[0, s // 2], room.periods[1, s // 2]
        if first > 0 or (extra and effect.dropout < 1.0):
            piece_now = -1
        if last < 1 or (extra and effect.dropout > 1.0):
            piece_then = -1
        if count == 0 or (piece_now < 0 and piece_then < 0):
            continue
        away, used, paid = _bring(
            stream, side_stream, m, count, piece_now, piece_then, p, zero, scale, limit, share,
            timing, terms, effect.order_value, brought, room, away, used,
        )  # fmt: skip
        one += paid
    return away, used, one


@compiled
def _arrive(
    amount: float,
    m: int,
    j: int,
    first: int,
    last: int,
    order_value: float,
    eligible_days: float,
    brought: BroughtPair,
) -> float:
    """Count a new customer and its first purchase in period ``j``; give its money as things are."""
    one = 0.0
    for future in range(first, last + 1):
        brought.customers[future, m, j] += 1
        if amount > 0.0:
            money = max(whole(amount * (order_value if future == 1 else 1.0)), 1)
            brought.first_revenue[future, m, j] += money
            brought.revenue[future, m, j] += money
            if eligible_days >= 0.0:
                brought.eligible[future, m, j] += money
            one += money if future == 0 else 0
    return one


@compiled
def _cut_life(
    edges: FloatArray, row: int, k: int, birth: float, rate: float, room: Room
) -> FloatArray:
    """Cut a life that began in piece ``k`` where pieces of either future end; fills ``periods``."""
    pieces = edges.shape[1] - 1
    room.cuts[0, 0] = edges[row, k]
    if rate == 1.0:
        for j in range(k, pieces):
            room.cuts[0, j - k + 1] = edges[row, j + 1]
            room.periods[0, j - k] = room.periods[1, j - k] = j
        return room.cuts[:, : pieces - k + 1]
    now = then = k
    segments = 0
    while now < pieces or then < pieces:
        end_now = edges[row, now + 1] if now < pieces else np.inf
        end_then = birth + rate * (edges[row, then + 1] - birth) if then < pieces else np.inf
        room.periods[0, segments] = now if now < pieces else -1
        room.periods[1, segments] = then if then < pieces else -1
        if end_now <= end_then:
            now += 1
        else:
            then += 1
        segments += 1
        room.cuts[0, segments] = min(end_now, end_then)
    return room.cuts[:, : segments + 1]


@compiled
def _bring(
    stream: np.random.Generator,
    side_stream: np.random.Generator,
    m: int,
    count: int,
    now: int,
    then: int,
    p: float,
    zero: float,
    scale: float,
    limit: int,
    share: float,
    timing: Timing,
    terms: Terms,
    order_value: float,
    brought: BroughtPair,
    room: Room,
    away: IntArray,
    used: int,
) -> tuple[IntArray, int, float]:
    """Share later purchases out, draw what they are worth, and add it up; -1 is no piece."""
    visits, one = room.visits, 0.0
    places = newcomer_places(
        stream, count, terms, room.shares[1], room.parts, room.novel, room.reach, visits
    )
    for n in range(places):
        paid = thin(stream, visits[1, n], zero)
        if paid == 0:
            continue
        amount = stream.standard_gamma(p * paid) * scale
        before = -1.0
        for future in range(2):
            piece = now if future == 0 else then
            if piece < 0:
                continue
            money = max(whole(amount * (order_value if future == 1 else 1.0)), 1)
            one += money if future == 0 else 0
            part = money if piece < limit else 0
            if piece == limit and future == 1 and before >= 0.0 and now == then:
                part = int(np.rint(before * money))
            elif piece == limit:
                part = eligible_part(side_stream, money, paid, p, share)
                before = part / money
            if visits[0, n] == terms.partner:
                brought.revenue[future, m, timing.target[piece]] += money
                brought.eligible[future, m, timing.target[piece]] += part
                continue
            if used == away.shape[1]:
                away = longer(away)
            away[0, used], away[1, used] = visits[0, n], m
            away[2, used] = 2 * timing.target[piece] + future
            away[3, used], away[4, used] = money, part
            used += 1
    return away, used, one
