"""What a new customer is expected to be worth, in closed form, draw by draw."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ltvforecast.errors import ForecastError
from ltvforecast.fit_types import FittedModel
from ltvforecast.forecast.closed_forms import expected_spend
from ltvforecast.forecast.horizon import DAYS_PER_YEAR
from ltvforecast.forecast.newcomer_parameters import NewcomerParameters, newcomer_parameters
from ltvforecast.forecast.newcomer_records import Law, Terms, Timing
from ltvforecast.forecast.newcomer_repeats import RepeatTable
from ltvforecast.forecast.records import Customers, Draws
from ltvforecast.formulas.bgnbd import expected_purchases_alive
from ltvforecast.formulas.clock import DAYS_PER_UNIT
from ltvforecast.formulas.copula import log_spend_factor
from ltvforecast.formulas.copula_tables import copula_tables, limit_spend
from ltvforecast.types import DEFAULT_SEED, FloatArray

__all__ = [
    "PairedSpend",
    "expected_new_customer_value",
    "expected_repeats",
    "expected_worth",
    "first_and_later_spend",
    "later_purchases",
    "paired_spend",
]

NODES = 10
"""Horizons at which repeat purchases are evaluated, to interpolate between them."""
QUADRATURE_NODES = 16
FACTOR_NODES = 49
_PLACES = (0.5 - 0.5 / np.sqrt(3.0), 0.5 + 0.5 / np.sqrt(3.0))
"""Gauss-Legendre nodes in a piece, for customers who arrive evenly in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedSpend:
    """What it does to later revenue that frequent buyers spend more, by the horizon.

    Attributes
    ----------
    log_exposure : float64 array, shape (node,)
        Logarithm of horizon over alpha, rising.
    log_mean, slope : float64 array, shape (node,)
        Logarithm of the factor at ``rho``, and its derivative by rho.
    deviation : float64 array, shape (draw,)
        Of each draw's rho.
    """

    log_exposure: FloatArray
    log_mean: FloatArray
    slope: FloatArray
    deviation: FloatArray

    def of(self, horizon: FloatArray, alpha: FloatArray) -> FloatArray:
        """Compute the factor on later revenue, shapes (draw, k) and (draw,)."""
        place = np.log(np.maximum(horizon, 1e-300) / alpha[:, None])
        mean = np.interp(place, self.log_exposure, self.log_mean)
        slope = np.interp(place, self.log_exposure, self.slope)
        return np.asarray(np.exp(mean + slope * self.deviation[:, None]))


def expected_new_customer_value(
    model: FittedModel,
    *,
    days: float,
    discount_rate: float = 0.0,
    draws: int = 1000,
    seed: int = DEFAULT_SEED,
) -> FloatArray:
    """Work out the expected revenue of one new customer: its first purchase, and what follows.

    Parameters
    ----------
    model : FittedModel
    days : float
        Length of the customer's life that counts, from its first purchase on.
    discount_rate : float
        Effective annual rate; values are those on the day of the first purchase.
    draws : int
        Parameter draws: evenly spaced if fewer than there are, else in turn again.
    seed : int
        For the level of first purchases, where these are unlike later ones.

    Returns
    -------
    float64 array, shape (draw, group)
        One group, or one a partner in the order of the summary, in the unit of money.

    Raises
    ------
    ForecastError
        ``days`` below 0, or a spend model whose mean is infinite.

    Notes
    -----
    ``E[first] + E[Z] integral_0^days exp(-delta w) h(w) dw``: ``h`` is the purchase rate of BG/NBD
    with x = t_x = T = 0, and E[Z] = p v / (q - 1) less purchases worth nothing and what the highest
    average purchase takes away. Days are those of an average year: the season of the day on which
    the customer comes is left out.

    References
    ----------
    Fader, Hardie & Lee (2005), Marketing Science 24(2), equation 9 (discounted here); Fader &
    Hardie (2013), The gamma-gamma model of monetary value, equation 5.
    """
    if not (math.isfinite(days) and days >= 0.0 and discount_rate > -1.0):
        raise ForecastError(
            f"{days:g} days at a discount rate of {discount_rate:g}",
            expected="0 or more days, and a rate above -1",
            remedy="correct the two",
        )
    parameters = newcomer_parameters(model, draws, seed=seed)
    unit = DAYS_PER_UNIT[model.summary.time_unit]
    delta = math.log1p(discount_rate) / DAYS_PER_YEAR * unit
    pairs = paired_spend(parameters)
    value = np.empty((draws, parameters.groups))
    for group in range(parameters.groups):
        law = parameters.law(group)
        first, later = first_and_later_spend(law, parameters.highest_spend)
        horizon = np.full((draws, 1), days / unit)
        count = expected_repeats(law, horizon, delta=delta)[:, 0]
        if pairs is not None:
            count *= pairs.of(horizon, law.alpha)[:, 0]
        value[:, group] = first + later * count
    return value


def expected_repeats(law: Law, horizon: FloatArray, *, delta: float = 0.0) -> FloatArray:
    """Work out the expected (discounted) repeat purchases of a new customer.

    Parameters
    ----------
    law : Law
    horizon : float64 array, shape (draw, k)
        Since the first purchase, in the model's unit.
    delta : float
        Continuous discount rate a unit.

    Returns
    -------
    float64 array, shape (draw, k)

    Notes
    -----
    Evaluated where it has to be or, for more than ``NODES`` horizons, at Chebyshev nodes of
    ``log(1 + horizon / scale)`` between 0 and the longest, and interpolated.
    """
    if horizon.shape[1] <= NODES:
        return _repeats(law, horizon, delta)
    scale = (law.alpha / np.maximum(1.0, (law.r + 1.0) * law.a / (law.a + law.b)))[:, None]
    most = np.log1p(horizon.max(axis=1, keepdims=True) / scale)
    angle = np.pi * (np.arange(NODES) + 0.5) / NODES
    nodes = 0.5 * (1.0 - np.cos(angle))
    values = _repeats(law, scale * np.expm1(most * nodes), delta)
    place = np.log1p(horizon / scale) / np.where(most > 0, most, 1.0)
    weight = np.sin(angle) * (-1.0) ** np.arange(NODES)
    gap = place[:, :, None] - nodes
    near = np.abs(gap) < 1e-14
    share = weight / np.where(near, 1.0, gap)
    share = np.where(near.any(axis=2, keepdims=True), near, share)
    return np.asarray(np.einsum("mkn,mn->mk", share, values) / share.sum(axis=2))


def _repeats(law: Law, horizon: FloatArray, delta: float) -> FloatArray:
    r, alpha, a, b = (values[:, None] for values in (law.r, law.alpha, law.a, law.b))
    return expected_purchases_alive(
        horizon, 0.0, 0.0, r, alpha, a, b, delta=delta, nodes=QUADRATURE_NODES
    )


def first_and_later_spend(law: Law, highest_spend: float) -> tuple[FloatArray, FloatArray]:
    """Work out the expected value of the first purchase, and of a later one, each (draw,).

    Parameters
    ----------
    law : Law
    highest_spend : float

    Returns
    -------
    first, later : float64 array

    Raises
    ------
    ForecastError
        A draw in which the mean is infinite (q at most 1).
    """
    if law.q.min() <= 1.0:
        raise ForecastError(
            f"no finite expected spend of a new customer: q = {law.q.min():.3g}",
            expected="q above 1 in every parameter draw",
            remedy="fit with --method laplace, whose prior keeps q above 1",
        )
    none = np.zeros(1)
    draws = Draws(*(values[None, :] for values in law[: len(Draws._fields)]))
    later = expected_spend(Customers(none, none, none, none, none), draws, highest_spend)[0]
    return later * law.first_factor, later


def later_purchases(
    law: Law, timing: Timing, paired: PairedSpend | None, table: RepeatTable | None = None
) -> FloatArray:
    """Work out expected repeat purchases of who arrives evenly in each piece.

    Parameters
    ----------
    law : Law
    timing : Timing
    paired : PairedSpend or None
    table : RepeatTable, optional
        To look them up.

    Returns
    -------
    float64 array, shape (draw, piece)
        In multiples of the mean spend of a purchase.
    """
    edges = timing.clock
    start, width, end = edges[:, :-1], np.diff(edges, axis=1), edges[:, -1:]
    left = np.concatenate([end - start - place * width for place in _PLACES], axis=1)
    left = np.broadcast_to(left, (len(law.r), left.shape[1]))
    count = expected_repeats(law, left) if table is None else table.of(law, left)
    if paired is not None:
        count *= paired.of(left, law.alpha)
    return np.asarray(count.reshape(len(count), len(_PLACES), -1).mean(axis=1))


def expected_worth(counts: FloatArray, law: Law, later: FloatArray, terms: Terms) -> FloatArray:
    """Expect what so many new customers bring together, given when they come.

    Parameters
    ----------
    counts : float64 array, shape (draw, piece)
    law : Law
    later : float64 array, shape (draw, piece)
        See :func:`later_purchases`.
    terms : Terms

    Returns
    -------
    float64 array, shape (draw,)
        In quanta.
    """
    first, each = first_and_later_spend(law, terms.highest_spend)
    together = first * counts.sum(axis=1) + each * (counts * later).sum(axis=1)
    return np.asarray(together / terms.quantum)


def paired_spend(parameters: NewcomerParameters) -> PairedSpend | None:
    """Tabulate what the relation of rate and spend level does to later revenue.

    Parameters
    ----------
    parameters : NewcomerParameters

    Returns
    -------
    PairedSpend or None
        None where there is no relation. Shapes of the two laws are those in the middle of the
        posterior.
    """
    if len(parameters.rho) == 0:
        return None
    r, _, a, b, p, q, v = (float(np.median(values)) for values in parameters.draws[:7])
    log_exposure = np.linspace(np.log(1e-4), np.log(1e5), FACTOR_NODES)
    size = len(log_exposure)
    row, zero = np.zeros(size, dtype=np.int64), np.zeros(size)
    tables, row_n = limit_spend(
        copula_tables(r, a, b, p, q, n=np.zeros(1), x=np.zeros(1)),
        row,
        zero + q,
        zero + p * v / parameters.highest_spend,
    )
    middle = float(parameters.rho.mean())
    log_mean, slope = log_spend_factor(
        (row, row_n), (zero, zero, zero), zero + 1.0, np.exp(log_exposure), middle, tables
    )
    return PairedSpend(
        log_exposure=log_exposure,
        log_mean=log_mean,
        slope=slope,
        deviation=parameters.rho - middle,
    )
