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
from ltvforecast.forecast.records import (
    Clock,
    Customers,
    Destinations,
    Draws,
    Eligible,
    Paths,
    Totals,
)
from ltvforecast.formulas.compiling import compiled
from ltvforecast.types import FloatArray, IntArray

__all__ = ["add_expected", "interpolate", "simulate_customers"]


@compiled
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


@compiled
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
                    totals.expected_revenue[partner, m] += whole(weight * revenue[i, m])
                    totals.expected_discounted[partner, m] += whole(weight * discounted[i, m])
        for m in range(revenue.shape[1]):
            totals.expected_purchases[m] += whole(purchases[i, m])
            totals.size[1, m] += revenue[i, m]


@compiled
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
    most = most_cells(to, first, len(customers.x))
    counts = np.zeros((2, len(clock.factors)), dtype=np.int64)
    parts = np.zeros(most, dtype=np.int64)
    visits = np.zeros((2, most + MOST_NOVEL + 1 + len(to.programme)), dtype=np.int64)
    for i in range(len(customers.x)):
        base = mean_shares(to, first + i)
        _simulate_customer(
            stream,
            customers,
            i,
            (first + i) * paths.p_alive.shape[1],
            own_draws(draws, i),
            to.partner[to.start[first + i] : to.start[first + i + 1]],
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


@compiled
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
        time = first_time(uniform / probability, paths.p_buy[i, m], shape, rate, edges[m * own, -1])
        shape, rate = shape + 1.0, rate + time
        begin, end, bought = count_purchases(
            stream,
            time,
            stream.standard_gamma(shape) / rate,
            shape / rate,
            draws.a[m],
            draws.b[m] + x,
            1.0,
            edges,
            m * own,
            counts,
        )
        paths.purchases[i, m] = bought
        totals.purchases[m] += bought
        totals.customers[m] += 1
        p, zero = draws.p[m], draws.zero_share[m]
        level = draw_spend_level(
            stream,
            p * customers.spend_n[i] + draws.q[m],
            p * (draws.v[m] + customers.spend_sum[i]) / highest_spend,
        )
        scale = (draws.v[m] + customers.spend_sum[i]) / (level * quantum)
        scale *= paths.spend_factor[i, m]
        if not single:
            draw_shares(stream, base, concentration, bought, cumulative)
            reach[0] = -1.0
        for j in range(begin, end):
            if counts[0, j] == 0:
                continue
            if single:
                places = 1
                visits[1, 0] = counts[0, j]
            else:
                split(stream, counts[0, j], cumulative, parts)
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
            for k in range(places):
                partner, paid = visits[0, k], visits[1, k]
                if seen[partner] != tag + m + 1:
                    seen[partner] = tag + m + 1
                    active[partner, m] += 1
                paid = thin(stream, paid, zero)
                if paid > 0:
                    amount = stream.standard_gamma(p * paid) * scale
                    money = max(whole(amount), 1)
                    revenue[partner, m, j] += money
                    if j <= limit:
                        totals.eligible[partner, m, j] += eligible_part(
                            side_stream, money, paid, p, share if j == limit else 1.0
                        )
                    totals.size[0, m] += amount
                    paths.revenue[i, m] += money
                    paths.discounted[i, m] += clock.factors[j] * money
