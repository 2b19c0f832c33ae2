"""The conditional future of a few customers, exactly, draw by draw (compiled).

For each customer and parameter draw, given the customer's history (x, t_x, T):

1. One uniform decides between no purchase in the horizon and at least one, with the closed-form
   probability, and is reused for the time of the first: a Lomax time truncated to the horizon.
2. Given a first purchase at T + s, the rate is Gamma(r + x + 1, alpha + T + s), the dropout
   probability Beta(a, b + x), and the two are independent. BG/NBD customers can drop out only
   right after a purchase.
3. Few further purchases are walked one by one (exponential gaps; each time dropout with its
   predictive probability); many are counted period by period: min(Poisson, purchases left), the
   number until dropout being geometric.
4. Each purchase goes to a partner: the customer's shares are one Dirichlet draw, of which the
   novelty share is a Dirichlet process over the programme.
5. The spend level 1/nu is drawn once, up to a highest average purchase; n purchases together are
   worth Gamma(p n) / nu.

Money is added up in whole quanta (64-bit integers), so that sums don't depend on their order and
partners add up to the programme exactly.

References
----------
Fader, P. S., Hardie, B. G. S. and Lee, K. L. (2005). "Counting your customers" the easy way.
Marketing Science 24(2). Fader, P. S. and Hardie, B. G. S. (2013). The Gamma-Gamma model of
monetary value. Sethuraman, J. (1994). A constructive definition of Dirichlet priors. Statistica
Sinica 4(2), 639-650.
"""

from __future__ import annotations

# ruff: noqa: PLR0917 - compiled functions are called by position
from collections.abc import Callable
from typing import Any, TypeVar

import numba
import numpy as np

from ltvforecast.forecast.records import (
    Clock,
    Customers,
    Destinations,
    Draws,
    Eligible,
    Paths,
    Totals,
)
from ltvforecast.types import FloatArray, IntArray

__all__ = ["add_expected", "interpolate", "simulate_customers"]

LARGEST_MEAN = 1e12
"""Cap on a period's Poisson mean; only absurd parameter draws ever meet it."""
LARGEST_QUANTA = 4e18
"""Cap on one amount in quanta; the programme total is checked against a lower bound."""
MOST_NOVEL = 24
"""Partners a customer's novelty can keep coming back to in one draw; at the concentrations met
in data (below 2) they hold all but a millionth of it, and what is left goes anywhere."""
SMALLEST_NOVEL = 1e-6

Function = TypeVar("Function", bound=Callable[..., Any])


def _compiled(function: Function) -> Function:
    """Compile, keep the machine code beside the source, and run without the interpreter lock."""
    compiled: Function = numba.njit(nogil=True, cache=True, error_model="numpy")(function)
    return compiled


@_compiled
def interpolate(
    table: FloatArray,
    row_start: IntArray,
    row_count: IntArray,
    row_weight: FloatArray,
    age_weight: FloatArray,
) -> FloatArray:
    """Weighted sums of table rows (see :mod:`ltvforecast.forecast.expectation`).

    Parameters
    ----------
    table : float64 array, shape (row, node, draw)
    row_start, row_count : int64 array, shape (customer,)
    row_weight : float64 array, shape (customer, most rows)
    age_weight : float64 array, shape (customer, node)

    Returns
    -------
    float64 array, shape (customer, draw)
    """
    result = np.zeros((len(row_start), table.shape[2]))
    for i in range(len(row_start)):
        for row in range(row_count[i]):
            for node in range(table.shape[1]):
                weight = row_weight[i, row] * age_weight[i, node]
                values = table[row_start[i] + row, node]
                for m in range(table.shape[2]):
                    result[i, m] += weight * values[m]
    return result


@_compiled
def add_expected(
    to: Destinations,
    first: int,
    revenue: FloatArray,
    discounted: FloatArray,
    purchases: FloatArray,
    totals: Totals,
) -> None:
    """Add the customers' expectations to the totals.

    Parameters
    ----------
    to : Destinations
        Of all customers.
    first : int
        Place of the first of these customers in ``to``.
    revenue, discounted, purchases : float64 array, shape (customer, draw)
        Expected, in quanta.
    totals : Totals
        Added to.
    """
    pool = totals.expected_revenue.shape[0] - 1
    for i in range(revenue.shape[0]):
        for cell in range(to.start[first + i], to.start[first + i + 1] + 1):
            if cell == to.start[first + i + 1]:
                partner, weight = pool, to.novelty
            else:
                partner, weight = to.partner[cell], (1.0 - to.novelty) * to.weight[cell]
            if weight > 0:
                for m in range(revenue.shape[1]):
                    totals.expected_revenue[partner, m] += _whole(weight * revenue[i, m])
                    totals.expected_discounted[partner, m] += _whole(weight * discounted[i, m])
        for m in range(revenue.shape[1]):
            totals.expected_purchases[m] += _whole(purchases[i, m])
            totals.size[1, m] += revenue[i, m]


@_compiled
def _whole(amount: float) -> int:
    return int(np.rint(min(amount, LARGEST_QUANTA)))


@_compiled
def simulate_customers(
    stream: np.random.Generator,
    customers: Customers,
    first: int,
    draws: Draws,
    to: Destinations,
    clock: Clock,
    quantum: float,
    highest_spend: float,
    paths: Paths,
    totals: Totals,
    eligible: Eligible,
    side_stream: np.random.Generator,
) -> None:
    """Simulate some customers in all draws.

    Parameters
    ----------
    stream : numpy.random.Generator
        Advanced.
    customers : Customers
        These customers.
    first : int
        Place of the first of them in ``to``.
    draws : Draws
        Theirs: each of shape (customer, draw), or (1, draw).
    to : Destinations
        Of all customers.
    clock : Clock
    quantum : float
        Money in one quantum.
    highest_spend : float
        What a customer's average purchase can't exceed; infinite for no limit.
    paths : Paths
        Filled in.
    totals : Totals
        Added to.
    eligible : Eligible
        Of these customers, or of none.
    side_stream : numpy.random.Generator
        For what is eligible, so that the rest does not depend on whether that is asked for.
    """
    counted = len(eligible.period) > 0
    most = 1
    for i in range(first, first + len(customers.x)):
        most = max(most, to.start[i + 1] - to.start[i] + 1)
    counts = np.zeros(len(clock.factors), dtype=np.int64)
    parts = np.zeros(most, dtype=np.int64)
    visits = np.zeros((2, most + MOST_NOVEL + 1 + len(to.programme)), dtype=np.int64)
    for i in range(len(customers.x)):
        begin, end = to.start[first + i], to.start[first + i + 1]
        base = np.empty(end - begin + 1)
        for k in range(end - begin):
            base[k] = (1.0 - to.novelty) * to.weight[begin + k]
        base[end - begin] = to.novelty
        _simulate_customer(
            stream,
            customers,
            i,
            (first + i) * paths.p_alive.shape[1],
            _draws_of(draws, i),
            to.partner[begin:end],
            base,
            to.programme,
            to.concentration,
            clock,
            quantum,
            highest_spend,
            paths,
            totals,
            counts,
            parts[: len(base)],
            visits,
            eligible.period[i] if counted else -1,
            eligible.share[i] if counted else 0.0,
            side_stream,
        )


@_compiled
def _draws_of(draws: Draws, i: int) -> Draws:
    """Give one customer's parameters, each of shape (draw,)."""
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


@_compiled
def _simulate_customer(
    stream: np.random.Generator,
    customers: Customers,
    i: int,
    tag: int,
    draws: Draws,
    partners: IntArray,
    base: FloatArray,
    programme: FloatArray,
    concentration: float,
    clock: Clock,
    quantum: float,
    highest_spend: float,
    paths: Paths,
    totals: Totals,
    counts: IntArray,
    parts: IntArray,
    visits: IntArray,
    limit: int,
    share: float,
    side_stream: np.random.Generator,
) -> None:
    """Simulate one customer in all draws, with its own parameters.

    Of what it buys in the periods before ``limit`` all is eligible, in that one ``share``; before
    period 0 none is counted.

    What is called inside the loop takes few arrays: handing over an array costs an atomic
    operation, which is as long as a random number takes.
    """
    x, T, edges = customers.x[i], customers.T[i], clock.edges
    own = 1 if len(edges) > 1 else 0
    revenue, active, seen = totals.revenue, totals.active, totals.seen
    cumulative = np.empty(len(base))
    novel = np.zeros((2, MOST_NOVEL + 1), dtype=np.int64)
    reach = np.empty(MOST_NOVEL + 1)
    single = len(partners) == 1 and base[-1] == 0.0
    visits[0, 0] = partners[0]
    for m in range(len(draws.r)):
        uniform = stream.random()
        probability = paths.p_alive[i, m] * paths.p_buy[i, m]
        if uniform >= probability:
            continue
        shape, rate = draws.r[m] + x, draws.alpha[m] + T
        time = _first_time(
            uniform / probability, paths.p_buy[i, m], shape, rate, edges[m * own, -1]
        )
        begin, end, bought = _count_purchases(
            stream,
            time,
            shape + 1.0,
            rate + time,
            draws.a[m],
            draws.b[m] + x,
            edges,
            m * own,
            counts,
        )
        paths.purchases[i, m] = bought
        totals.purchases[m] += bought
        totals.customers[m] += 1
        p, zero = draws.p[m], draws.zero_share[m]
        level = _spend_level(
            stream,
            p * customers.spend_n[i] + draws.q[m],
            p * (draws.v[m] + customers.spend_sum[i]) / highest_spend,
        )
        scale = (draws.v[m] + customers.spend_sum[i]) / (level * quantum)
        scale *= paths.spend_factor[i, m]
        if not single:
            _draw_shares(stream, base, concentration, bought, cumulative)
            reach[0] = -1.0
        for j in range(begin, end):
            if counts[j] == 0:
                continue
            if single:
                places = 1
                visits[1, 0] = counts[j]
            else:
                _split(stream, counts[j], cumulative, parts)
                places = _known_places(parts, partners, visits)
                places = _novel_places(
                    stream,
                    parts[-1],
                    concentration * base[-1],
                    novel,
                    reach,
                    programme,
                    visits,
                    places,
                )
            for k in range(places):
                partner, paid = visits[0, k], visits[1, k]
                if seen[partner] != tag + m + 1:
                    seen[partner] = tag + m + 1
                    active[partner, m] += 1
                paid = _thin(stream, paid, zero)
                if paid > 0:
                    amount = stream.standard_gamma(p * paid) * scale
                    money = max(_whole(amount), 1)
                    revenue[partner, m, j] += money
                    if j <= limit:
                        totals.eligible[partner, m, j] += _eligible_part(
                            side_stream, money, paid, p, share if j == limit else 1.0
                        )
                    totals.size[0, m] += amount
                    paths.revenue[i, m] += money
                    paths.discounted[i, m] += clock.factors[j] * money


@_compiled
def _eligible_part(
    stream: np.random.Generator, money: int, paid: int, p: float, share: float
) -> int:
    """Draw how much of a period's money is from purchases before the customer's limit.

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


@_compiled
def _spend_level(stream: np.random.Generator, shape: float, least: float) -> float:
    """Draw a gamma variable (shape > 1) that is at least ``least``, by rejection."""
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


@_compiled
def _first_time(uniform: float, p_buy: float, shape: float, rate: float, horizon: float) -> float:
    """Time of the first purchase, given that it falls in the horizon (inverse of Lomax)."""
    inside = min(uniform, 1.0 - 1e-16) * p_buy
    return min(float(rate * np.expm1(-np.log1p(-inside) / shape)), horizon)


@_compiled
def _count_purchases(
    stream: np.random.Generator,
    time: float,
    shape: float,
    rate: float,
    a: float,
    b: float,
    edges: FloatArray,
    row: int,
    counts: IntArray,
) -> tuple[int, int, int]:
    """Count purchases by period, the first being at ``time``; ``row`` of the edges holds.

    Returns the range of periods in which ``counts`` is filled in, and the sum.
    """
    periods = edges.shape[1] - 1
    horizon = edges[row, periods]
    begin, after = 0, periods
    while after - begin > 1:
        middle = (begin + after) // 2
        if edges[row, middle] < time:
            begin = middle
        else:
            after = middle
    counts[begin] = 1
    pace = stream.standard_gamma(shape) / rate
    if shape / rate * (horizon - time) <= 10 + 2 * (periods - begin):
        now = begin
        survived = 0
        while stream.random() * (a + b + survived) >= a:
            survived += 1
            time += stream.standard_exponential() / pace
            if not time < horizon:
                return begin, now + 1, survived
            while time > edges[row, now + 1]:
                now += 1
                counts[now] = 0
            counts[now] += 1
        return begin, now + 1, survived + 1
    dropout = min(max(stream.beta(a, b), 1e-300), 1.0 - 1e-16)
    left = np.floor(np.log1p(-stream.random()) / np.log1p(-dropout))
    total = 1
    for j in range(begin, periods):
        if j > begin:
            counts[j] = 0
        if left <= 0:
            return begin, j + 1, total
        mean = min(pace * (edges[row, j + 1] - time), LARGEST_MEAN)
        more = int(min(float(stream.poisson(mean)), left))
        counts[j] += more
        total += more
        left -= more
        time = edges[row, j + 1]
    return begin, periods, total


@_compiled
def _draw_shares(
    stream: np.random.Generator,
    base: FloatArray,
    concentration: float,
    purchases: int,
    cumulative: FloatArray,
) -> None:
    """Fill in one Dirichlet draw, cumulated; for a single purchase its mean says the same."""
    fixed = concentration == np.inf or purchases == 1
    total = 0.0
    for k in range(len(base)):
        if fixed:
            total += base[k]
        elif base[k] > 0:
            total += stream.standard_gamma(concentration * base[k])
        cumulative[k] = total
    if total <= 0.0:  # all shapes tiny: in the limit one cell takes all
        place = stream.random()
        for k in range(len(base)):
            place -= base[k]
            cumulative[k] = 1.0 if place < 0 or k == len(base) - 1 else 0.0
        total = 1.0
    for k in range(len(base)):
        cumulative[k] /= total


@_compiled
def _split(
    stream: np.random.Generator, count: int, cumulative: FloatArray, parts: IntArray
) -> None:
    """Split purchases over cells: one by one if few, by successive binomials if many."""
    parts[:] = 0
    last = len(parts) - 1
    if count <= 10 * len(parts):
        for _ in range(count):
            uniform = stream.random()
            k = 0
            while k < last and uniform >= cumulative[k]:
                k += 1
            parts[k] += 1
        return
    left, taken = count, 0.0
    for k in range(last):
        mass = cumulative[k] - taken
        if mass > 0:
            chance = min(mass / (1.0 - taken), 1.0) if taken < 1.0 else 1.0
            parts[k] = stream.binomial(left, chance)
            left -= parts[k]
            if left == 0:
                return
        taken = cumulative[k]
    parts[last] = left


@_compiled
def _known_places(parts: IntArray, partners: IntArray, visits: IntArray) -> int:
    """Fill in the purchases at partners the customer knows; give how many entries."""
    places = 0
    for k in range(len(parts) - 1):
        if parts[k] > 0:
            visits[0, places], visits[1, places] = partners[k], parts[k]
            places += 1
    return places


@_compiled
def _draw_novel(
    stream: np.random.Generator,
    concentration: float,
    programme: FloatArray,
    novel: IntArray,
    reach: FloatArray,
) -> None:
    """Draw where this customer's novelty goes: a few partners, by stick-breaking (Sethuraman 1994).

    The novelty share is a Dirichlet process over the programme, so that a customer who turns to a
    new partner comes back to it. ``novel[0]`` are the partners, ``reach`` their cumulated shares;
    what the last of them leaves is spread over the programme.
    """
    left = 1.0
    for k in range(len(reach) - 1):
        if left > SMALLEST_NOVEL and concentration < np.inf:
            left *= np.exp(np.log(1.0 - stream.random()) / concentration)
            novel[0, k] = _anywhere(stream, programme)
        reach[k] = 1.0 - left
    reach[-1] = 1.0


@_compiled
def _anywhere(stream: np.random.Generator, programme: FloatArray) -> int:
    place = int(np.searchsorted(programme, stream.random(), side="right"))
    return min(place, len(programme) - 1)


@_compiled
def _novel_places(
    stream: np.random.Generator,
    count: int,
    concentration: float,
    novel: IntArray,
    reach: FloatArray,
    programme: FloatArray,
    visits: IntArray,
    places: int,
) -> int:
    """Fill in the purchases that are novelty; give how many entries there are.

    A negative ``reach[0]`` says that this draw's novel partners are still to be drawn.
    """
    if count == 0:
        return places
    if reach[0] < 0:
        _draw_novel(stream, concentration, programme, novel, reach)
    _split(stream, count, reach, novel[1])
    last = len(reach) - 1
    for k in range(last):
        if novel[1, k] > 0:
            visits[0, places], visits[1, places] = novel[0, k], novel[1, k]
            places += 1
    spread = novel[1, last]
    if spread <= len(programme):
        for _ in range(spread):
            visits[0, places], visits[1, places] = _anywhere(stream, programme), 1
            places += 1
        return places
    anywhere = np.zeros(len(programme), dtype=np.int64)
    _split(stream, spread, programme, anywhere)
    for partner in range(len(anywhere)):
        if anywhere[partner] > 0:
            visits[0, places], visits[1, places] = partner, anywhere[partner]
            places += 1
    return places


@_compiled
def _thin(stream: np.random.Generator, count: int, zero: float) -> int:
    """Count the purchases worth something."""
    if zero <= 0.0:
        return count
    if count == 1:
        return 1 if stream.random() >= zero else 0
    return int(stream.binomial(count, 1.0 - zero))
