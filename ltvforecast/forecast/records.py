"""What the compiled simulation reads and fills in: tuples of arrays, as it can take them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from ltvforecast.types import FloatArray, IntArray

__all__ = [
    "Clock",
    "Customers",
    "Destinations",
    "DiscountLag",
    "Draws",
    "Eligible",
    "Paths",
    "Totals",
    "new_totals",
]


class Draws(NamedTuple):
    """Parameter draws, each of shape (row, draw); times in the model's unit.

    A row is a group or a customer; one row holds for all.
    """

    r: FloatArray
    alpha: FloatArray
    a: FloatArray
    b: FloatArray
    p: FloatArray
    q: FloatArray
    v: FloatArray
    zero_share: FloatArray


class Customers(NamedTuple):
    """What is known of each customer, each of shape (customer,)."""

    x: FloatArray
    t_x: FloatArray
    T: FloatArray
    spend_n: FloatArray
    spend_sum: FloatArray


class Destinations(NamedTuple):
    """Where a purchase can go: compressed partner shares per customer, and the programme.

    ``start`` (customer + 1), ``partner`` and ``weight`` (share) as in
    :class:`ltvforecast.transaction_types.CustomerSummary`; ``programme`` (partner,) is the
    cumulated share of each partner in the programme.
    """

    start: IntArray
    partner: IntArray
    weight: FloatArray
    programme: FloatArray
    novelty: float
    concentration: float


class Clock(NamedTuple):
    """Period edges (draw, period + 1) on the clock in the model's unit, and discount factors.

    One row of edges serves all draws. ``factors`` (period,) discount by the calendar.
    """

    edges: FloatArray
    factors: FloatArray


class Eligible(NamedTuple):
    """Until when each customer's purchases count for a commission; each of shape (customer,).

    All in the periods before ``period``, and each in it with probability ``share``. Without
    customers nothing is counted.
    """

    period: IntArray
    share: FloatArray


class DiscountLag(NamedTuple):
    """How discounting by the calendar differs from discounting on the clock.

    At ``times`` (piece, draw) of the clock, in the model's unit, ``weights`` (piece, draw) are the
    difference of the two discount factors times the length of the piece.
    """

    times: FloatArray
    weights: FloatArray


class Totals(NamedTuple):
    """What is added up over customers, in quanta of money or counts, partner by partner.

    ``revenue`` (partner, draw, period), ``active`` (partner, draw), ``purchases`` and
    ``customers`` (draw,); expectations given the parameters: ``expected_revenue`` and
    ``expected_discounted`` (partner + 1, draw), the last row to be shared out like the programme,
    ``expected_purchases`` (draw,) in count quanta; ``size`` (2, draw) approximates the simulated
    and expected money in quanta, to detect overflow. ``seen`` (partner,) is working space.
    ``eligible`` (partner, draw, period) is the part of ``revenue`` that counts for a commission;
    of shape (0, 0, 0) unless asked for.
    """

    revenue: IntArray
    active: IntArray
    purchases: IntArray
    customers: IntArray
    expected_revenue: IntArray
    expected_discounted: IntArray
    expected_purchases: IntArray
    size: FloatArray
    seen: IntArray
    eligible: IntArray


class Paths(NamedTuple):
    """Futures of some customers, each of shape (customer, draw).

    Given: ``p_alive``, ``p_buy`` (a purchase in the horizon, given alive) and ``spend_factor`` (on
    all amounts, see :mod:`ltvforecast.forecast.dependence`). Filled in:
    ``purchases``, ``revenue`` and ``discounted`` (both in quanta).
    """

    p_alive: FloatArray
    p_buy: FloatArray
    spend_factor: FloatArray
    purchases: FloatArray
    revenue: FloatArray
    discounted: FloatArray


def new_totals(
    partners: int,
    draws: int,
    periods: int,
    *,
    eligible: bool = False,
    folder: Path | None = None,
    number: int = 0,
) -> Totals:
    """Make totals of zero.

    Parameters
    ----------
    partners, draws, periods : int
    eligible : bool
        Count the revenue that is eligible for a commission too.
    folder : pathlib.Path, optional
        Keep the largest arrays in files there instead of in memory.
    number : int
        Tells the files of several totals apart.

    Returns
    -------
    Totals
    """

    def by_period(name: str) -> IntArray:
        shape = (partners, draws, periods)
        if folder is None:
            return np.zeros(shape, dtype=np.int64)
        file = folder / f"{name}-{number}.bin"
        return np.memmap(file, dtype=np.int64, mode="w+", shape=shape).view(np.ndarray)

    return Totals(
        revenue=by_period("revenue"),
        active=np.zeros((partners, draws), dtype=np.int64),
        purchases=np.zeros(draws, dtype=np.int64),
        customers=np.zeros(draws, dtype=np.int64),
        expected_revenue=np.zeros((partners + 1, draws), dtype=np.int64),
        expected_discounted=np.zeros((partners + 1, draws), dtype=np.int64),
        expected_purchases=np.zeros(draws, dtype=np.int64),
        size=np.zeros((2, draws)),
        seen=np.zeros(partners, dtype=np.int64),
        eligible=by_period("eligible") if eligible else np.zeros((0, 0, 0), dtype=np.int64),
    )
