"""What one partner's new customers buy after they came, exactly, draw by draw (compiled).

Each new customer of a period arrives at a uniform time of the part of it that the partner lives to
see, and makes a first purchase there. Then

1. the rate is Gamma(r, alpha), so that the time to the first repeat purchase is Lomax, and given
   that time the rate is Gamma(r + 1, alpha + time);
2. after every repeat purchase the customer drops out with a probability Beta(a, b) of its own: few
   purchases are walked one by one, many are counted period by period;
3. the spend level 1/nu, nu ~ Gamma(q, v), is drawn once, up to a highest average purchase;
   n purchases together are worth Gamma(p n) / nu;
4. the first purchase belongs to the acquiring partner; later ones too, but for the novelty share,
   which may go anywhere, as that of customers known already.

Where frequent buyers spend more (or less) per purchase, rate and spend level are drawn from a
Gaussian copula, by tables of their quantiles. Of a partner with more than 2,000 new customers in a
draw, so many are simulated; the others together are a gamma variable with the mean that is
expected and the variance that those show, spread over periods and partners as theirs.

References
----------
Fader, P. S., Hardie, B. G. S. and Lee, K. L. (2005). "Counting your customers" the easy way.
Marketing Science 24(2), section 3. Fader, P. S. and Hardie, B. G. S. (2013). The Gamma-Gamma model
of monetary value. Joe, H. (2014), Dependence Modeling with Copulas, section 4.3.1.
"""

from __future__ import annotations

# ruff: noqa: PLR0917 - compiled functions are called by position
from typing import NamedTuple

import numpy as np

from ltvforecast.forecast.simulate import (
    LARGEST_MEAN,
    MOST_NOVEL,
    _compiled,
    _draw_shares,
    _eligible_part,
    _novel_places,
    _spend_level,
    _split,
    _thin,
    _whole,
)
from ltvforecast.types import FloatArray, IntArray

__all__ = [
    "LAST_SCORE",
    "MOST_SIMULATED",
    "Brought",
    "Law",
    "Pairing",
    "Terms",
    "Timing",
    "add_elsewhere",
    "simulate_newcomers_of",
]

MOST_SIMULATED = 2000
"""New customers of one partner simulated in one draw."""
LAST_SCORE = 6.0
"""Quantiles are tabulated for normal scores up to this."""
FEWEST_COUNTED = 10
"""Expected purchases up to which (and two a period) they are walked one by one."""
TRIES = 100


class Law(NamedTuple):
    """Parameters of the partner's customers, each of shape (draw,).

    ``first_factor`` multiplies first purchases, where these are of another level.
    """

    r: FloatArray
    alpha: FloatArray
    a: FloatArray
    b: FloatArray
    p: FloatArray
    q: FloatArray
    v: FloatArray
    zero_share: FloatArray
    first_factor: FloatArray


class Timing(NamedTuple):
    """Edges of the pieces, on the clock (draw or 1, piece + 1) and in days (piece + 1,).

    ``target`` (piece,) is the period of each piece.
    """

    clock: FloatArray
    days: FloatArray
    target: IntArray


class Pairing(NamedTuple):
    """Copula of rate and spend level: ``rho`` (draw,), and log-quantiles (draw, node).

    Of Gamma(r, 1) and Gamma(q, 1), at evenly spaced normal scores; empty for no relation.
    """

    rho: FloatArray
    log_rate: FloatArray
    log_spend: FloatArray


class Terms(NamedTuple):
    """Where purchases can go, and how money is counted.

    ``partner`` is the acquiring one, ``programme`` (partner,) cumulated shares;
    ``eligible_days`` below 0: not asked for.
    """

    partner: int
    programme: FloatArray
    novelty: float
    concentration: float
    quantum: float
    highest_spend: float
    eligible_days: float


class Brought(NamedTuple):
    """What stays with the acquiring partner, in quanta (draw, period); filled in.

    ``size`` (draw,) approximates all money, to detect overflow.
    """

    revenue: IntArray
    first_revenue: IntArray
    eligible: IntArray
    size: FloatArray


@_compiled
def simulate_newcomers_of(
    stream: np.random.Generator,
    side_stream: np.random.Generator,
    counts: IntArray,
    lived: FloatArray,
    expected: FloatArray,
    law: Law,
    timing: Timing,
    pairing: Pairing,
    terms: Terms,
    brought: Brought,
) -> IntArray:
    """Simulate one partner's new customers in all draws.

    Parameters
    ----------
    stream, side_stream : numpy.random.Generator
        Advanced. The latter is for what is eligible, so that nothing else depends on whether that
        is asked for.
    counts : int64 array, shape (draw, piece)
    lived : float64 array, shape (draw, piece)
        Share of each piece in which the partner is active.
    expected : float64 array, shape (draw,)
        What these customers are expected to bring together, in quanta.
    law, timing, pairing, terms
    brought : Brought
        Filled in.

    Returns
    -------
    int64 array, shape (5, n)
        Purchases at other partners: partner, draw, period, quanta, eligible quanta.
    """
    away = np.empty((5, 256), dtype=np.int64)
    used = 0
    visits = np.zeros((2, MOST_NOVEL + 2 + len(terms.programme)), dtype=np.int64)
    for m in range(len(counts)):
        total = counts[m].sum()
        if total == 0:
            continue
        before = used
        drawn = min(total, MOST_SIMULATED)
        away, used, worth, square = _simulate_draw(
            stream, side_stream, m, counts[m], lived[m], drawn, total,
            law, timing, pairing, terms, brought, visits, away, used,
        )  # fmt: skip
        if total > drawn and worth > 0.0:
            mean = expected[m] / total
            seen = worth / drawn
            variance = max(square / drawn - seen * seen, 1e-12 * mean * mean)
            rest = float(total - drawn)
            more = stream.standard_gamma(rest * mean * mean / variance) * variance / mean
            _scale(1.0 + more / worth, m, brought, away, before, used)
        for j in range(brought.revenue.shape[1]):
            brought.size[m] += brought.revenue[m, j]
        for k in range(before, used):
            brought.size[m] += away[3, k]
    return away[:, :used]


@_compiled
def _scale(factor: float, m: int, brought: Brought, away: IntArray, begin: int, end: int) -> None:
    for j in range(brought.revenue.shape[1]):
        brought.revenue[m, j] = _whole(factor * brought.revenue[m, j])
        brought.first_revenue[m, j] = _whole(factor * brought.first_revenue[m, j])
        brought.eligible[m, j] = _whole(factor * brought.eligible[m, j])
    for k in range(begin, end):
        away[3, k] = _whole(factor * away[3, k])
        away[4, k] = _whole(factor * away[4, k])


@_compiled
def _simulate_draw(
    stream: np.random.Generator,
    side_stream: np.random.Generator,
    m: int,
    counts: IntArray,
    lived: FloatArray,
    drawn: int,
    total: int,
    law: Law,
    timing: Timing,
    pairing: Pairing,
    terms: Terms,
    brought: Brought,
    visits: IntArray,
    away: IntArray,
    used: int,
) -> tuple[IntArray, int, float, float]:
    """Simulate ``drawn`` of the customers of one draw; give what they bring, and its square."""
    edges, target = timing.clock, timing.target
    row = m if len(edges) > 1 else 0
    pieces = edges.shape[1] - 1
    r, alpha, p, q, v = law.r[m], law.alpha[m], law.p[m], law.q[m], law.v[m]
    zero, first_factor = law.zero_share[m], law.first_factor[m]
    rho = pairing.rho[m] if len(pairing.rho) > 0 else 0.0
    least = p * v / terms.highest_spend
    revenue, first_revenue, eligible = brought.revenue, brought.first_revenue, brought.eligible
    bought = np.zeros(pieces, dtype=np.int64)
    shares = np.empty((2, 2))
    shares[0, 0], shares[0, 1] = 1.0 - terms.novelty, terms.novelty
    novel, reach = np.zeros((2, MOST_NOVEL + 1), dtype=np.int64), np.empty(MOST_NOVEL + 1)
    worth = square = 0.0
    seen = done = 0
    for k in range(pieces):
        seen += counts[k]
        upto = seen * drawn // total
        for _ in range(done, upto):
            when = lived[k] * stream.random()
            birth = edges[row, k] + when * (edges[row, k + 1] - edges[row, k])
            level, gap, pace = _nature(stream, pairing, m, rho, r, alpha, q, least)
            scale = v / (level * terms.quantum)
            money = 0
            if zero <= 0.0 or stream.random() >= zero:
                money = max(_whole(stream.standard_gamma(p) * scale * first_factor), 1)
                first_revenue[m, target[k]] += money
                revenue[m, target[k]] += money
                if terms.eligible_days >= 0.0:
                    eligible[m, target[k]] += money
            one = float(money)
            if birth + gap < edges[row, pieces]:
                if pace <= 0.0:
                    pace = stream.standard_gamma(r + 1.0) / (alpha + gap)
                begin, end, number = _repeats(
                    stream, birth + gap, pace, law.a[m], law.b[m], edges, row, k, bought
                )
                reach[0] = -1.0
                if terms.novelty > 0.0:
                    _draw_shares(stream, shares[0], terms.concentration, number, shares[1])
                away, used, later = _pay(
                    stream, side_stream, m, k, when, begin, end, p, zero, scale,
                    timing, terms, brought, bought, shares[1], novel, reach, visits, away, used,
                )  # fmt: skip
                one += later
            worth += one
            square += one * one
        done = upto
    return away, used, worth, square


@_compiled
def _nature(
    stream: np.random.Generator,
    pairing: Pairing,
    m: int,
    rho: float,
    r: float,
    alpha: float,
    q: float,
    least: float,
) -> tuple[float, float, float]:
    """Draw spend level nu v, time to the next purchase, and the rate: 0 if it is still to draw."""
    if len(pairing.rho) > 0:
        score = stream.standard_normal()
        pace = max(np.exp(_quantile(pairing.log_rate, m, score)) / alpha, 1e-300)
        level = _paired_level(stream, pairing.log_spend, m, rho, score, least)
        return level, stream.standard_exponential() / pace, pace
    level = _spend_level(stream, q, least)
    return level, alpha * np.expm1(-np.log1p(-stream.random()) / r), 0.0


@_compiled
def _pay(
    stream: np.random.Generator,
    side_stream: np.random.Generator,
    m: int,
    piece: int,
    when: float,
    begin: int,
    end: int,
    p: float,
    zero: float,
    scale: float,
    timing: Timing,
    terms: Terms,
    brought: Brought,
    bought: IntArray,
    cumulative: FloatArray,
    novel: IntArray,
    reach: FloatArray,
    visits: IntArray,
    away: IntArray,
    used: int,
) -> tuple[IntArray, int, float]:
    """Pay for a customer's repeat purchases, here and elsewhere; give the money in all."""
    days, target, own, asked = timing.days, timing.target, terms.partner, terms.eligible_days >= 0.0
    last, share, paid_in_all = len(bought), 1.0, 0.0
    if asked:
        start = days[piece] + when * (days[piece + 1] - days[piece])
        last, share = _limit(days, piece, start, start + terms.eligible_days)
    for j in range(begin, end):
        if bought[j] == 0:
            continue
        places = _places(stream, bought[j], terms, cumulative, novel, reach, visits)
        for n in range(places):
            paid = _thin(stream, visits[1, n], zero)
            if paid == 0:
                continue
            money = max(_whole(stream.standard_gamma(p * paid) * scale), 1)
            paid_in_all += money
            part = money if asked and j < last else 0
            if asked and j == last:
                part = _eligible_part(side_stream, money, paid, p, share)
            if visits[0, n] == own:
                brought.revenue[m, target[j]] += money
                brought.eligible[m, target[j]] += part
                continue
            if used == away.shape[1]:
                away = _longer(away)
            away[0, used], away[1, used], away[2, used] = visits[0, n], m, target[j]
            away[3, used], away[4, used] = money, part
            used += 1
    return away, used, paid_in_all


@_compiled
def _places(
    stream: np.random.Generator,
    count: int,
    terms: Terms,
    cumulative: FloatArray,
    novel: IntArray,
    reach: FloatArray,
    visits: IntArray,
) -> int:
    """Fill in at which partners so many purchases are made; give how many entries there are."""
    visits[0, 0], visits[1, 0] = terms.partner, count
    if terms.novelty <= 0.0:
        return 1
    parts = np.zeros(2, dtype=np.int64)
    _split(stream, count, cumulative, parts)
    visits[1, 0] = parts[0]
    concentration = terms.concentration * terms.novelty
    return _novel_places(stream, parts[1], concentration, novel, reach, terms.programme, visits, 1)


@_compiled
def _longer(away: IntArray) -> IntArray:
    longer = np.empty((5, 2 * away.shape[1]), dtype=np.int64)
    longer[:, : away.shape[1]] = away
    return longer


@_compiled
def _quantile(table: FloatArray, m: int, score: float) -> float:
    """Interpolate row ``m`` of a table that is even in the normal score."""
    last = table.shape[1] - 1
    place = min(max((score + LAST_SCORE) * (last / (2.0 * LAST_SCORE)), 0.0), last - 1e-9)
    cell = int(place)
    return float(table[m, cell] + (place - cell) * (table[m, cell + 1] - table[m, cell]))


@_compiled
def _paired_level(
    stream: np.random.Generator,
    log_spend: FloatArray,
    m: int,
    rho: float,
    score: float,
    least: float,
) -> float:
    """Draw nu v given the rate's normal score: a high spend level is a low nu."""
    width = np.sqrt((1.0 - rho) * (1.0 + rho))
    for _ in range(TRIES):
        high = rho * score + width * stream.standard_normal()
        level = float(np.exp(_quantile(log_spend, m, -high)))
        if level >= least:
            return level
    return least


@_compiled
def _limit(days: FloatArray, piece: int, start: float, end: float) -> tuple[int, float]:
    """Find the piece in which ``end`` lies, and the share of it (from ``start`` on) before it."""
    pieces = len(days) - 1
    while piece < pieces and days[piece + 1] <= end:
        piece += 1
    if piece == pieces:
        return piece, 1.0
    begin = max(start, days[piece])
    return piece, (end - begin) / (days[piece + 1] - begin)


@_compiled
def _repeats(
    stream: np.random.Generator,
    time: float,
    pace: float,
    a: float,
    b: float,
    edges: FloatArray,
    row: int,
    begin: int,
    bought: IntArray,
) -> tuple[int, int, int]:
    """Count repeat purchases by piece, the first being at ``time``, before the last edge.

    Returns the range of pieces in which ``bought`` is filled in, and the sum.
    """
    pieces = edges.shape[1] - 1
    horizon = edges[row, pieces]
    while begin < pieces - 1 and time > edges[row, begin + 1]:
        begin += 1
    bought[begin] = 1
    if pace * (horizon - time) <= FEWEST_COUNTED + 2 * (pieces - begin):
        now, number = begin, 1
        while stream.random() * (a + b + number - 1.0) >= a:
            time += stream.standard_exponential() / pace
            if not time < horizon:
                break
            while time > edges[row, now + 1]:
                now += 1
                bought[now] = 0
            bought[now] += 1
            number += 1
        return begin, now + 1, number
    dropout = min(max(stream.beta(a, b), 1e-300), 1.0 - 1e-16)
    left = np.floor(np.log1p(-stream.random()) / np.log1p(-dropout))
    number = 1
    for j in range(begin, pieces):
        if j > begin:
            bought[j] = 0
        mean = min(pace * (edges[row, j + 1] - time), LARGEST_MEAN)
        more = int(min(float(stream.poisson(mean)), left)) if left > 0 else 0
        bought[j] += more
        number += more
        left -= more
        time = edges[row, j + 1]
    return begin, pieces, number


@_compiled
def add_elsewhere(away: IntArray, revenue: IntArray, eligible: IntArray) -> None:
    """Add purchases at other partners to the totals.

    Parameters
    ----------
    away : int64 array, shape (5, n)
        What :func:`simulate_newcomers_of` returned.
    revenue, eligible : int64 array, shape (partner, draw, period)
        Added to; ``eligible`` may be empty.
    """
    for k in range(away.shape[1]):
        revenue[away[0, k], away[1, k], away[2, k]] += away[3, k]
        if len(eligible) > 0:
            eligible[away[0, k], away[1, k], away[2, k]] += away[4, k]
