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

__all__ = ["Brought", "add_elsewhere", "simulate_newcomers_of"]


class Brought(NamedTuple):
    """What stays with the acquiring partner, in quanta (draw, period); filled in.

    ``size`` (draw,) approximates all money, to detect overflow.
    """

    revenue: IntArray
    first_revenue: IntArray
    eligible: IntArray
    size: FloatArray


@compiled
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
            factor = factor_for_rest(stream, expected[m], worth, square, drawn, total)
            _scale(factor, m, brought)
            scale_away(factor, away, before, used)
        for j in range(brought.revenue.shape[1]):
            brought.size[m] += brought.revenue[m, j]
        for k in range(before, used):
            brought.size[m] += away[3, k]
    return away[:, :used]


@compiled
def _scale(factor: float, m: int, brought: Brought) -> None:
    for j in range(brought.revenue.shape[1]):
        brought.revenue[m, j] = whole(factor * brought.revenue[m, j])
        brought.first_revenue[m, j] = whole(factor * brought.first_revenue[m, j])
        brought.eligible[m, j] = whole(factor * brought.eligible[m, j])


@compiled
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
    least = p * v / terms.highest_spend
    revenue, first_revenue, eligible = brought.revenue, brought.first_revenue, brought.eligible
    bought = np.zeros((2, pieces), dtype=np.int64)
    parts = np.zeros(2, dtype=np.int64)
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
            level, gap, pace = draw_nature(stream, pairing, m, r, alpha, q, least)
            scale = v / (level * terms.quantum)
            money = 0
            if zero <= 0.0 or stream.random() >= zero:
                money = max(whole(stream.standard_gamma(p) * scale * first_factor), 1)
                first_revenue[m, target[k]] += money
                revenue[m, target[k]] += money
                if terms.eligible_days >= 0.0:
                    eligible[m, target[k]] += money
            one = float(money)
            if birth + gap < edges[row, pieces]:
                if pace <= 0.0:
                    pace = stream.standard_gamma(r + 1.0) / (alpha + gap)
                begin, end, number = count_purchases(
                    stream, birth + gap, pace, pace, law.a[m], law.b[m], 1.0, edges, row, bought
                )
                reach[0] = -1.0
                if terms.novelty > 0.0:
                    draw_shares(stream, shares[0], terms.concentration, number, shares[1])
                away, used, later = _pay(
                    stream, side_stream, m, k, when, begin, end, p, zero, scale,
                    timing, terms, brought, bought, shares[1], parts, novel, reach, visits,
                    away, used,
                )  # fmt: skip
                one += later
            worth += one
            square += one * one
        done = upto
    return away, used, worth, square


@compiled
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
    parts: IntArray,
    novel: IntArray,
    reach: FloatArray,
    visits: IntArray,
    away: IntArray,
    used: int,
) -> tuple[IntArray, int, float]:
    """Pay for a customer's repeat purchases, here and elsewhere; give the money in all."""
    days, target, own, asked = timing.days, timing.target, terms.partner, terms.eligible_days >= 0.0
    last, share, paid_in_all = bought.shape[1], 1.0, 0.0
    if asked:
        last, share = eligible_until(days, piece, when, terms.eligible_days)
    for j in range(begin, end):
        if bought[0, j] == 0:
            continue
        places = newcomer_places(
            stream, bought[0, j], terms, cumulative, parts, novel, reach, visits
        )
        for n in range(places):
            paid = thin(stream, visits[1, n], zero)
            if paid == 0:
                continue
            money = max(whole(stream.standard_gamma(p * paid) * scale), 1)
            paid_in_all += money
            part = money if asked and j < last else 0
            if asked and j == last:
                part = eligible_part(side_stream, money, paid, p, share)
            if visits[0, n] == own:
                brought.revenue[m, target[j]] += money
                brought.eligible[m, target[j]] += part
                continue
            if used == away.shape[1]:
                away = longer(away)
            away[0, used], away[1, used], away[2, used] = visits[0, n], m, target[j]
            away[3, used], away[4, used] = money, part
            used += 1
    return away, used, paid_in_all


@compiled
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
