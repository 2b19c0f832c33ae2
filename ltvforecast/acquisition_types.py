"""The frozen records of acquisition: who was new when, what was fitted to it, what is to come."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from ltvforecast.fit_types import Diagnostics
from ltvforecast.types import FloatArray, IntArray

__all__ = [
    "AcquisitionCounts",
    "AcquisitionFit",
    "AcquisitionStatus",
    "NewCustomers",
    "PeriodUnit",
]

PeriodUnit = Literal["month", "week"]
AcquisitionStatus = Literal["open", "closed", "unknown"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AcquisitionCounts:
    """New customers of every partner, period by period, on one calendar.

    A customer's acquiring partner is the one of its first purchase. A partner's clock starts with
    its first purchase of any kind. Where that is the purchase of its first new customer, this
    customer is not counted: it is how the partner came to be seen at all.

    Attributes
    ----------
    partner_ids : tuple of str
        Sorted.
    unit : {"month", "week"}
        Calendar months, or weeks counted back from ``as_of``.
    edges_day : int64 array, shape (period + 1,)
        First day of each period, in days since 1970-01-01; the last edge is the day after
        ``as_of``.
    edges : float64 array, shape (period + 1,)
        The same in periods: 0, 1, 2, ...; a last month cut short by ``as_of`` is less than one.
    counts : int64 array, shape (partner, period)
    first_counts : int64 array, shape (period,)
        The partners' very first new customers, which ``counts`` leaves out.
    exposure : float64 array, shape (partner, period)
        Share of the period that counts: 0 before the start and in periods left out; more than 1
        where some who seem new are not.
    start : float64 array, shape (partner,)
        Where each partner's clock starts, on the scale of ``edges``.
    left_out : int
        So many periods at the beginning do not count (exposure 0), because most of who seemed new
        in them was not.
    as_of : datetime.date
    """

    partner_ids: tuple[str, ...]
    unit: PeriodUnit
    edges_day: IntArray
    edges: FloatArray
    counts: IntArray
    first_counts: IntArray
    exposure: FloatArray
    start: FloatArray
    left_out: int
    as_of: dt.date

    @property
    def age(self) -> FloatArray:
        """Each partner's age at ``as_of``, in periods."""
        return np.asarray(self.edges[-1] - self.start)

    @property
    def total(self) -> IntArray:
        """New customers of the whole programme per period, all of them."""
        return np.asarray(self.counts.sum(axis=0) + self.first_counts)

    def without_first(self, periods: int, *, new_share: FloatArray) -> AcquisitionCounts:
        """Let the first periods count for nothing, and allow for old customers in the others.

        Partners seen in the periods left out keep their clock; a partner that starts later is as
        before.

        Parameters
        ----------
        periods : int
            How many to leave out.
        new_share : float64 array, shape (period,)
            Expected share of really new customers among those who seem new: the exposure of a
            period is divided by it, because it holds so many more.

        Returns
        -------
        AcquisitionCounts
        """
        counts, first, exposure = self.counts.copy(), self.first_counts.copy(), self.exposure.copy()
        exposure[:, periods:] /= new_share[periods:]
        counts[:, :periods] = 0
        first[:periods] = 0
        exposure[:, :periods] = 0.0
        return replace(self, counts=counts, first_counts=first, exposure=exposure, left_out=periods)


@dataclass(frozen=True, slots=True, kw_only=True)
class AcquisitionFit:
    """How partners bring new customers: NB-dropout, parameter draws of shape (draw, group).

    Attributes
    ----------
    status : {"open", "closed", "unknown"}
        ``closed``: nobody new for so long that nobody new is forecast. ``unknown``: it can't be
        told who was new, so that nobody new is forecast either. Then there are no draws.
    reason : str
        The status in plain words, with the figures that it rests on.
    p_open : float
        Probability that the programme as a whole still takes in new customers.
    draws : mapping of str to float64 array
        ``r, kappa, s, beta`` (draw, 1), ``alpha`` (draw, segment); rate and time in periods.
        ``growth`` (draw, 1), a year, if it was fitted; ``season`` (draw, 2 harmonics) likewise.
    point : mapping of str to float
        The same at the maximum of the posterior; ``alpha[segment]`` for each segment.
    segments : tuple of str
        Names of the columns of ``alpha``.
    partner_segment : int64 array, shape (partner,)
    counts : AcquisitionCounts
        What was fitted, and what a forecast starts from.
    log_likelihood : float
        At ``point``, without the prior.
    diagnostics : Diagnostics
    """

    status: AcquisitionStatus
    reason: str
    p_open: float
    draws: Mapping[str, FloatArray]
    point: Mapping[str, float]
    segments: tuple[str, ...]
    partner_segment: IntArray
    counts: AcquisitionCounts
    log_likelihood: float
    diagnostics: Diagnostics


@dataclass(frozen=True, slots=True, kw_only=True)
class NewCustomers:
    """Simulated new customers of every partner in the periods to come.

    Attributes
    ----------
    partner_ids : tuple of str
    counts : float64 array, shape (draw, partner, period)
        Whole numbers.
    life_days : float64 array, shape (draw, partner)
        Days until the partner stops bringing new customers; 0 if it already has.
    p_acquiring : float64 array, shape (partner,)
        Probability that the partner is still bringing new customers.
    expected : float64 array, shape (partner, period)
        Closed-form mean of ``counts`` over everything but the parameter draws.
    """

    partner_ids: tuple[str, ...]
    counts: FloatArray
    life_days: FloatArray
    p_acquiring: FloatArray
    expected: FloatArray
