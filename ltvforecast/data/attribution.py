"""Which partner a customer's value belongs to: shares that add to one, customer by customer.

Purchase behaviour is fitted on whole customers; only their *value* is shared out. Splitting a
customer into (partner, customer) pairs instead would turn later purchases into first ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import minimize, minimize_scalar
from scipy.special import digamma, expit, gammaln, logit

from ltvforecast.errors import SummaryError
from ltvforecast.transaction_types import Allocation
from ltvforecast.types import FloatArray, IntArray

__all__ = [
    "Attribution",
    "Shares",
    "allocation_by_rule",
    "choose_allocation",
    "customer_shares",
]

Attribution = Literal["share", "first", "last", "linear", "position", "error"]
BoolArray = npt.NDArray[np.bool_]

ORIGINS = (0.4, 0.6, 0.8)
"""Earlier dates the shares are tried at, as fractions of the history; each is scored on the
fifth of the history that follows it, so that no purchase is scored twice."""
MIN_SPAN_DAYS = 28
MIN_SCORED_DAYS = 30.0
SHORTEST_HALF_LIFE = 7.0

# Weak priors: they decide only where the purchases are silent. Normal on the logit of novelty,
# on the log concentration and on the log half-life; two standard deviations are about
# (.003, .5), (.25, 100) and (6 days, 4 years).
PRIOR_NOVELTY = (float(logit(0.05)), 1.5)
PRIOR_LOG_CONCENTRATION = (float(np.log(5.0)), 1.5)
PRIOR_LOG_HALF_LIFE = (float(np.log(90.0)), 1.4)
BOUNDS = ((float(logit(1e-4)), float(logit(0.9))), (float(np.log(0.05)), float(np.log(1e5))))


class Shares(NamedTuple):
    """Customers' partner shares as compressed rows, as in ``CustomerSummary``.

    Attributes
    ----------
    customer_ids, partner_ids : tuple of str
        Sorted.
    share_start : int64 array, shape (n_customers + 1,)
    share_partner : int64 array, shape (n_shares,)
    share_weight : float64 array, shape (n_shares,)
        Positive; each customer's add to one.
    programme_share : float64 array, shape (n_partners,)
        Adds to one.
    """

    customer_ids: tuple[str, ...]
    partner_ids: tuple[str, ...]
    share_start: IntArray
    share_partner: IntArray
    share_weight: FloatArray
    programme_share: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class _Visits:
    """Purchases summed by (customer, partner, day), in that order; whatever the order of rows.

    ``pair`` numbers the distinct (customer, partner); ``credit`` is the part of the customer's
    purchase day that this partner earned: the partner with the largest value that day, evenly
    split where several are level.
    """

    customer_ids: tuple[str, ...]
    partner_ids: tuple[str, ...]
    customer: IntArray
    partner: IntArray
    day: IntArray
    value: FloatArray
    rows: FloatArray
    credit: FloatArray
    pair: IntArray
    pair_customer: IntArray
    pair_partner: IntArray

    def by_pair(self, weight: FloatArray) -> FloatArray:
        return _sums(self.pair, weight, len(self.pair_customer))

    def by_partner(self, weight: FloatArray) -> FloatArray:
        return _sums(self.partner, weight, len(self.partner_ids))

    def by_customer(self, pair_weight: FloatArray) -> FloatArray:
        return _sums(self.pair_customer, pair_weight, len(self.customer_ids))


def customer_shares(purchases: pd.DataFrame, allocation: Allocation, *, as_of_day: int) -> Shares:
    """Share every customer out between its partners.

    Parameters
    ----------
    purchases : pandas.DataFrame
        Netted purchases: ``partner_id``, ``customer_id``, ``day`` (days since 1970-01-01),
        ``amount_micros`` (>= 0). Rows after ``as_of_day`` are not looked at.
    allocation : Allocation
        The rule: ``share`` (past value, weighted by ``2 ** (-age / half_life_days)``; visits
        instead of value where all of it is zero), ``first`` and ``last`` (the partner of the first
        or last purchase day, by value if several served that day), ``linear`` (share of the
        transactions), ``position`` (40 % first purchase day, 40 % last, 20 % those between; 50/50
        with two days).
    as_of_day : int

    Returns
    -------
    Shares
        ``customer_ids, partner_ids, share_start, share_partner, share_weight, programme_share``.
        Permuting the rows changes nothing; renaming partners only permutes.

    Examples
    --------
    >>> purchases = pd.DataFrame({"customer_id": ["c", "c"], "partner_id": ["p", "q"],
    ...                           "day": [0, 30], "amount_micros": [10_000_000, 10_000_000]})
    >>> even = customer_shares(purchases, Allocation(rule="share"), as_of_day=30)
    >>> even.share_weight.tolist()
    [0.5, 0.5]
    >>> recent = Allocation(rule="share", half_life_days=30.0)
    >>> customer_shares(purchases, recent, as_of_day=30).share_weight.round(4).tolist()
    [0.3333, 0.6667]
    """
    visits = _visits(purchases, as_of_day=as_of_day)
    everything = np.ones(len(visits.day), dtype=bool)
    decay = _decay(as_of_day - visits.day, allocation.half_life_days)
    if allocation.rule == "share":
        weight = _past_share(visits, everything, decay)
    elif allocation.rule == "linear":
        weight = _normalised(visits, visits.by_pair(visits.rows))
    else:
        weight = _normalised(visits, visits.by_pair(_touch_credit(visits, allocation.rule)))
    kept = weight > 0
    counts = np.bincount(visits.pair_customer[kept], minlength=len(visits.customer_ids))
    return Shares(
        customer_ids=visits.customer_ids,
        partner_ids=visits.partner_ids,
        share_start=np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        share_partner=visits.pair_partner[kept],
        share_weight=weight[kept],
        programme_share=_programme_share(visits, everything, decay),
    )


def allocation_by_rule(purchases: pd.DataFrame, rule: Attribution, *, as_of_day: int) -> Allocation:
    """Turn the name of a rule into an allocation, chosen from the data where it is ``share``.

    Parameters
    ----------
    purchases : pandas.DataFrame
        As in :func:`customer_shares`.
    rule : {"share", "first", "last", "linear", "position", "error"}
        ``error`` refuses customers with several partners.
    as_of_day : int

    Returns
    -------
    Allocation

    Raises
    ------
    SummaryError
        With ``error``, if any customer bought through several partners; or for a name that is no
        rule.
    """
    if rule == "share":
        return choose_allocation(purchases, as_of_day=as_of_day)
    if rule == "error":
        _refuse_several_partners(purchases[purchases["day"] <= as_of_day])
        return Allocation(rule="share", how="every customer has one partner (checked)")
    how = {
        "first": "all of a customer's value to the partner of its first purchase day",
        "last": "all of a customer's value to the partner of its last purchase day",
        "linear": "a customer's value by share of its transactions",
        "position": "40 % to a customer's first purchase day, 40 % to its last, 20 % between",
    }
    if rule not in how:
        raise SummaryError(
            f"attribution {rule!r}",
            expected="one of share, first, last, linear, position, error",
            remedy="choose one of these",
        )
    return Allocation(rule=rule, how=how[rule])


def choose_allocation(purchases: pd.DataFrame, *, as_of_day: int) -> Allocation:
    """Choose recency weighting, novelty and concentration of the shares from the data.

    At three earlier dates (40, 60 and 80 % of the history) every customer known by then gets the
    shares it would have got, and its purchase days in the following fifth of the history are
    scored. A purchase day counts for the partner with the largest value that day.

    Parameters
    ----------
    purchases : pandas.DataFrame
        As in :func:`customer_shares`.
    as_of_day : int

    Returns
    -------
    Allocation
        ``rule="share"``. Trivial (no decay, no novelty, infinite concentration) when nobody has
        more than one partner.

    Notes
    -----
    The days ``n_p`` of a customer in a window, ``N`` in all, follow the Dirichlet-multinomial with
    ``alpha_p = phi * ((1 - novelty) * share_p + novelty * programme_share_p)``:

    ``log P = lgamma(phi) - lgamma(phi + N) + sum_p lgamma(alpha_p + n_p) - lgamma(alpha_p)``

    plus weak normal priors on the logit of novelty, the log of ``phi`` and the log half-life.
    Days rather than money are scored because a day is one choice and their number is known
    without error. It makes little odds: on Complete Journey, first half of 2017, the best of a
    coarse grid is 60 days for days, for shares of value and for days weighted by value alike.
    Purchases at partners that nobody had used before the date are not scored: no share could
    have foretold them.

    References
    ----------
    Mosimann (1962), Biometrika 49(1/2), 65-82, for the Dirichlet-multinomial (compound
    multinomial) distribution.

    Examples
    --------
    >>> purchases = pd.DataFrame({"customer_id": ["c", "d"], "partner_id": ["p", "q"],
    ...                           "day": [0, 30], "amount_micros": [10_000_000, 10_000_000]})
    >>> choose_allocation(purchases, as_of_day=30).how
    'no customer has more than one partner: nothing to share out'
    """
    visits = _visits(purchases, as_of_day=as_of_day)
    if len(visits.pair_customer) == len(visits.customer_ids):
        return Allocation(
            rule="share", how="no customer has more than one partner: nothing to share out"
        )
    first = int(visits.day.min())
    span = as_of_day - first
    edges = [first + round(fraction * span) for fraction in (*ORIGINS, 1.0)]
    windows = [_window(visits, edges[k], edges[k + 1]) for k in range(len(ORIGINS))]
    scored = sum(float(window.days.sum()) for window in windows)
    if span < MIN_SPAN_DAYS or scored < MIN_SCORED_DAYS:
        return Allocation(
            rule="share",
            novelty=float(expit(PRIOR_NOVELTY[0])),
            concentration=float(np.exp(PRIOR_LOG_CONCENTRATION[0])),
            how=(
                f"assumed, not chosen from the data: {span} days of history leave "
                f"{scored:.0f} purchase days to try the shares on (at least {MIN_SPAN_DAYS} days "
                f"and {MIN_SCORED_DAYS:.0f} purchase days are needed), so all of the past counts "
                "alike"
            ),
        )
    half_life, novelty, concentration = _maximise(visits, windows, longest=4.0 * span)
    return Allocation(
        rule="share",
        half_life_days=half_life,
        novelty=novelty,
        concentration=concentration,
        how=(
            f"chosen as what best foretold the partner of {scored:,.0f} purchase days after "
            f"{len(ORIGINS)} earlier dates: past value halves in weight every {half_life:.0f} "
            f"days, {novelty:.1%} of purchases go to a partner drawn from the whole programme, "
            f"concentration {concentration:.3g}"
        ),
    )


# ------------------------------------------------------------------ choosing the allocation


@dataclass(frozen=True, slots=True, kw_only=True)
class _Window:
    """What is scored after one date: cells (customer, partner) with purchase days, and totals."""

    origin: int
    past: BoolArray
    pair: IntArray
    count: FloatArray
    days: FloatArray


def _window(visits: _Visits, origin: int, end: int) -> _Window:
    past = visits.day <= origin
    later = ~past & (visits.day <= end)
    known_customer = np.zeros(len(visits.customer_ids), dtype=bool)
    known_customer[visits.customer[past]] = True
    known_partner = _programme_share(visits, past, np.ones(len(visits.day))) > 0
    later &= known_customer[visits.customer] & known_partner[visits.partner]
    count = visits.by_pair(np.where(later, visits.credit, 0.0))
    pair = np.flatnonzero(count)
    days = _sums(visits.pair_customer[pair], count[pair], len(visits.customer_ids))
    return _Window(origin=origin, past=past, pair=pair, count=count[pair], days=days[days > 0])


def _maximise(
    visits: _Visits, windows: list[_Window], *, longest: float
) -> tuple[float, float, float]:
    """Return half-life, novelty and concentration of the highest penalised likelihood."""
    days = np.concatenate([window.days for window in windows])
    count = np.concatenate([window.count for window in windows])
    centre, spread = PRIOR_LOG_HALF_LIFE

    def best(log_half_life: float) -> tuple[float, float, float]:
        cells = [_cells(visits, window, float(np.exp(log_half_life))) for window in windows]
        share, programme = (np.concatenate(column) for column in zip(*cells, strict=True))
        found = minimize(
            _loss,
            x0=[PRIOR_NOVELTY[0], PRIOR_LOG_CONCENTRATION[0]],
            args=(share, programme, count, days),
            jac=True,
            method="L-BFGS-B",
            bounds=BOUNDS,
        )
        penalty = 0.5 * ((log_half_life - centre) / spread) ** 2
        return float(found.fun) + penalty, float(found.x[0]), float(found.x[1])

    low, high = np.log(SHORTEST_HALF_LIFE), np.log(max(longest, 2.0 * SHORTEST_HALF_LIFE))
    grid = np.linspace(low, high, 9)
    losses = [best(point)[0] for point in grid]
    lowest = int(np.argmin(losses))
    around = (grid[max(lowest - 1, 0)], grid[min(lowest + 1, len(grid) - 1)])
    refined = minimize_scalar(
        lambda point: best(point)[0], bounds=around, method="bounded", options={"xatol": 0.01}
    )
    chosen = float(refined.x) if refined.fun <= losses[lowest] else float(grid[lowest])
    _, logit_novelty, log_concentration = best(chosen)
    return float(np.exp(chosen)), float(expit(logit_novelty)), float(np.exp(log_concentration))


def _cells(visits: _Visits, window: _Window, half_life: float) -> tuple[FloatArray, FloatArray]:
    """Return the past share of each scored cell, and its partner's share in the programme."""
    decay = np.zeros(len(visits.day))
    decay[window.past] = _decay(window.origin - visits.day[window.past], half_life)
    share = _past_share(visits, window.past, decay)
    programme = _programme_share(visits, window.past, decay)
    return share[window.pair], programme[visits.pair_partner[window.pair]]


def _loss(
    point: FloatArray, share: FloatArray, programme: FloatArray, count: FloatArray, days: FloatArray
) -> tuple[float, FloatArray]:
    """Penalised minus log-likelihood at (logit novelty, log concentration), and its gradient."""
    novelty, phi = float(expit(point[0])), float(np.exp(point[1]))
    base = (1.0 - novelty) * share + novelty * programme
    alpha = phi * base
    value = np.sum(gammaln(phi) - gammaln(phi + days)) + np.sum(
        gammaln(alpha + count) - gammaln(alpha)
    )
    slope = digamma(alpha + count) - digamma(alpha)
    d_novelty = np.sum(phi * (programme - share) * slope) * novelty * (1.0 - novelty)
    d_phi = phi * (np.sum(digamma(phi) - digamma(phi + days)) + np.sum(base * slope))
    off = np.array(
        [
            (point[0] - PRIOR_NOVELTY[0]) / PRIOR_NOVELTY[1],
            (point[1] - PRIOR_LOG_CONCENTRATION[0]) / PRIOR_LOG_CONCENTRATION[1],
        ]
    )
    scale = np.array([PRIOR_NOVELTY[1], PRIOR_LOG_CONCENTRATION[1]])
    return float(0.5 * off @ off - value), off / scale - np.array([d_novelty, d_phi])


# ------------------------------------------------------------------ the shares themselves


def _visits(purchases: pd.DataFrame, *, as_of_day: int) -> _Visits:
    known = purchases[purchases["day"] <= as_of_day]
    if known.empty:
        raise SummaryError(
            "no purchases up to the as-of date",
            expected="at least one purchase to share out",
            remedy="choose a later as-of date, or check which rows were rejected or refunded",
        )
    customer_codes, customers = pd.factorize(known["customer_id"], sort=True)
    partner_codes, partners = pd.factorize(known["partner_id"], sort=True)
    days = known["day"].to_numpy(np.int64)
    start, stretch = int(days.min()), int(days.max() - days.min()) + 1
    key = (customer_codes.astype(np.int64) * len(partners) + partner_codes) * stretch
    key += days - start
    order = np.argsort(key, kind="stable")
    cut = np.flatnonzero(np.diff(key[order], prepend=-1))
    cell = key[order][cut]
    value = np.add.reduceat(known["amount_micros"].to_numpy(np.int64)[order], cut)
    pair_key, pair = np.unique(cell // stretch, return_inverse=True)
    customer, day = cell // stretch // len(partners), cell % stretch + start
    return _Visits(
        customer_ids=tuple(str(name) for name in customers),
        partner_ids=tuple(str(name) for name in partners),
        customer=customer,
        partner=cell // stretch % len(partners),
        day=day,
        value=value / 1e6,
        rows=np.diff(np.append(cut, len(order))).astype(float),
        credit=_day_credit(customer, day, value),
        pair=pair.astype(np.int64),
        pair_customer=pair_key // len(partners),
        pair_partner=pair_key % len(partners),
    )


def _day_credit(customer: IntArray, day: IntArray, value: IntArray) -> FloatArray:
    """Give each purchase day to the partner with the largest value, evenly if several are level."""
    order = np.lexsort((day, customer))
    new = np.diff(customer[order], prepend=-1) != 0
    new |= np.diff(day[order], prepend=day[order][0]) != 0
    cut, group = np.flatnonzero(new), np.cumsum(new) - 1
    top = np.maximum.reduceat(value[order], cut)[group] == value[order]
    credit = np.empty(len(order))
    credit[order] = top / np.add.reduceat(top.astype(float), cut)[group]
    return credit


def _sums(group: IntArray, weight: FloatArray, groups: int) -> FloatArray:
    return np.bincount(group, weight, minlength=groups).astype(np.float64)


def _decay(age: IntArray, half_life: float) -> FloatArray:
    """Recency weight; ages beyond 900 half-lives count alike, so that it never underflows to 0."""
    return np.exp2(-np.minimum(age / half_life, 900.0))


def _past_share(visits: _Visits, past: BoolArray, decay: FloatArray) -> FloatArray:
    """Share of each pair in its customer's weighted past value; all zero without a past."""
    money = visits.by_pair(np.where(past, visits.value * decay, 0.0))
    calls = visits.by_pair(np.where(past, visits.rows * decay, 0.0))
    worthless = visits.by_customer(money) == 0
    return _normalised(visits, np.where(worthless[visits.pair_customer], calls, money))


def _programme_share(visits: _Visits, past: BoolArray, decay: FloatArray) -> FloatArray:
    share = visits.by_partner(np.where(past, visits.value * decay, 0.0))
    if share.sum() == 0:
        share = visits.by_partner(np.where(past, visits.rows * decay, 0.0))
    return np.asarray(share / share.sum())


def _normalised(visits: _Visits, weight: FloatArray) -> FloatArray:
    total = visits.by_customer(weight)[visits.pair_customer]
    return np.divide(weight, total, out=np.zeros_like(weight), where=total > 0)


def _touch_credit(visits: _Visits, rule: str) -> FloatArray:
    """Credit of each visit: its purchase day's credit under the rule, by value within the day."""
    order = np.lexsort((visits.day, visits.customer))
    customer, day = visits.customer[order], visits.day[order]
    new_customer = np.diff(customer, prepend=-1) != 0
    new_day = new_customer | (np.diff(day, prepend=day[0]) != 0)
    touch = np.cumsum(new_day) - 1
    touch_customer = customer[new_day]
    count = np.bincount(touch_customer)[touch_customer]
    starts = np.flatnonzero(np.diff(touch_customer, prepend=-1))
    rank = np.arange(len(touch_customer)) - starts[touch_customer]
    is_first, is_last = rank == 0, rank == count - 1
    if rule == "first":
        day_credit = is_first.astype(float)
    elif rule == "last":
        day_credit = is_last.astype(float)
    else:
        between = 0.2 / np.maximum(count - 2, 1)
        ends = np.where(count == 1, 1.0, np.where(count == 2, 0.5, 0.4))
        day_credit = np.where(is_first | is_last, ends, between)
    value, rows = visits.value[order], visits.rows[order]
    day_value = np.bincount(touch, value)[touch]
    weight = np.where(day_value > 0, value, rows)
    credit = np.empty(len(order))
    credit[order] = day_credit[touch] * weight / np.bincount(touch, weight)[touch]
    return credit


def _refuse_several_partners(purchases: pd.DataFrame) -> None:
    partners = purchases.groupby("customer_id")["partner_id"].nunique()
    several = partners[partners > 1].sort_index()
    if several.empty:
        return
    example = str(several.index[0])
    names = sorted(set(purchases.loc[purchases["customer_id"] == example, "partner_id"]))
    shown = ", ".join(map(str, names[:3])) + (", ..." if len(names) > 3 else "")
    raise SummaryError(
        f"{len(several):,} of {len(partners):,} customers bought through several partners; "
        f"the first is {example!r} ({len(names)}: {shown})",
        expected="one partner for every customer, because attribution is 'error'",
        remedy="correct the partner column, or choose how to share them out: attribution "
        "'share' (recommended), 'first', 'last', 'linear' or 'position'",
    )
