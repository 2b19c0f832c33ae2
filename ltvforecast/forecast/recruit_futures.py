"""Futures of one partner without data: when its customers come, and what they will buy."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy.special import gammaincinv
from scipy.stats import norm, qmc

from ltvforecast.acquisition_types import AcquisitionFit
from ltvforecast.errors import ForecastError
from ltvforecast.fit_types import FittedModel
from ltvforecast.forecast.horizon import Periods
from ltvforecast.forecast.layers import choose_estimate, layer_draws
from ltvforecast.forecast.new_customers import AcquisitionPlan, plan_acquisition
from ltvforecast.forecast.newcomer_parameters import NewcomerParameters, newcomer_parameters
from ltvforecast.forecast.newcomer_paths import Brought, simulate_newcomers_of
from ltvforecast.forecast.newcomer_records import Law, Terms, Timing
from ltvforecast.forecast.newcomer_setting import newcomer_timing
from ltvforecast.forecast.newcomer_value import (
    expected_repeats,
    first_and_later_spend,
    paired_spend,
)
from ltvforecast.forecast.prepare import choose_quantum
from ltvforecast.forecast.recruit_parameters import (
    LEVELS,
    Likeness,
    new_partner_model,
    new_partner_stream,
)
from ltvforecast.formulas.nb_dropout import (
    expected_new_customers_active,
    remaining_life,
    simulate_new_customers,
)
from ltvforecast.types import FloatArray, IntArray

__all__ = ["PartnerFutures", "expected_partner", "first_customer_share", "simulate_partner"]

INNER_POINTS = 16
"""Partners over which the expectation of a segment is averaged, in each parameter draw."""
LARGEST_TOTAL = 2.0**62
_LAST_Z = 3.5
_PLACES = (0.5 - 0.5 / np.sqrt(3.0), 0.5 + 0.5 / np.sqrt(3.0))
"""Gauss-Legendre nodes in a piece, for customers who come evenly in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerFutures:
    """What a new partner brings in each draw and period.

    Attributes
    ----------
    customers : float64 array, shape (draw, period)
        Whole numbers.
    revenue, first_revenue : float64 array, shape (draw, period)
        Of all purchases, and of first ones alone; the layers that all partners share are on.
    eligible : float64 array, shape (draw, period), or None
        Revenue within so many days of the customer's first purchase.
    expected_customers, expected_revenue : float64 array, shape (draw,)
        Closed-form means given the draw's parameters and the partner's own levels.
    """

    customers: FloatArray
    revenue: FloatArray
    first_revenue: FloatArray
    eligible: FloatArray | None
    expected_customers: FloatArray
    expected_revenue: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class _Coming:
    """Customers by piece of the future, (draw, piece): the very first one and the others.

    ``expected`` is of the others, ``share`` the chance of the first, of a partner that starts.
    """

    counts: IntArray
    lived: FloatArray
    first: IntArray
    expected: FloatArray
    share: float


def first_customer_share(fit: AcquisitionFit) -> float:
    """Share of partners whose time began with a customer whom they won themselves.

    Parameters
    ----------
    fit : AcquisitionFit

    Returns
    -------
    float
        The others began with a customer whom another partner had won. It is this first customer
        that the counts leave out.
    """
    table = fit.counts
    began = table.start >= table.edges[table.left_out]
    if not began.any():
        return 1.0
    return float(min(table.first_counts.sum() / began.sum(), 1.0))


def simulate_partner(
    model: FittedModel,
    periods: Periods,
    like: Likeness,
    *,
    name: str,
    draws: int,
    seed: int,
    layers: tuple[str, ...] = (),
    eligible_days: float | None = None,
    p_start: float = 1.0,
) -> PartnerFutures:
    """Simulate a partner of which nothing is known but whom it is like.

    Parameters
    ----------
    model : FittedModel
    periods : Periods
    like : Likeness
    name : str
        Of its random streams, together with its segment.
    draws : int
        Draw m has the parameter draw that draw m of the programme's forecast has.
    seed : int
    layers : tuple of str
        The factors that all partners of a draw share are put on, as on other new customers.
    eligible_days : float, optional
    p_start : float
        Probability that the partner ever brings a customer.

    Returns
    -------
    PartnerFutures

    Raises
    ------
    ForecastError
        Revenue beyond all bounds.

    Notes
    -----
    Its time begins with its first customer, on the first day: the fit looked at partners from
    their first customer on. Then rate ~ Gamma(r, alpha), life ~ Pareto(s, beta) from age 0, and
    negative binomial counts. Everything that its customers buy counts, through whomever.
    """
    stream = new_partner_stream(seed, 0, name, like.segment)
    alike = like.partners[stream.integers(len(like.partners), size=draws)]
    own = new_partner_model(
        model, like, alike=alike, normals=stream.standard_normal((LEVELS, draws))
    )
    plan = plan_acquisition(_fit_of(model), periods.edges_days, seed=seed, draws=draws)
    coming = _coming(plan, _groups(model, alike), stream=stream, p_start=p_start)
    parameters = newcomer_parameters(own, draws, seed=seed)
    law, timing = parameters.law(0), newcomer_timing(model, plan, periods=periods, draws=draws)
    given, expected = _expectations(parameters, law, timing, coming)
    largest = float(np.percentile(given, 99.0)) if draws > 1 else float(given[0])
    terms = Terms(
        0,
        np.ones(1),
        0.0,
        np.inf,
        choose_quantum(max(largest, float(given.mean()))),
        parameters.highest_spend,
        -1.0 if eligible_days is None else eligible_days,
    )
    brought = _bought(
        coming,
        given,
        streams=[new_partner_stream(seed, purpose, name, like.segment) for purpose in (1, 2)],
        parameters=parameters,
        law=law,
        timing=timing,
        terms=terms,
    )
    level = _common_factor(model, periods, draws=draws, seed=seed, layers=layers)
    money = terms.quantum * level[:, None]
    counts = np.zeros((draws, len(periods)))
    np.add.at(counts.T, timing.target, (coming.counts + coming.first).T)
    return PartnerFutures(
        customers=counts,
        revenue=brought.revenue * money,
        first_revenue=brought.first_revenue * money,
        eligible=None if eligible_days is None else brought.eligible * money,
        expected_customers=(coming.expected.sum(axis=1) + coming.share) * p_start,
        expected_revenue=expected * p_start * level.mean(),
    )


def expected_partner(
    model: FittedModel,
    periods: Periods,
    like: Likeness,
    *,
    draws: int,
    seed: int,
    layers: tuple[str, ...] = (),
) -> FloatArray:
    """Expect a new partner's revenue, averaged over what partners have of their own.

    Parameters
    ----------
    model : FittedModel
    periods : Periods
    like : Likeness
    draws, seed : int
    layers : tuple of str

    Returns
    -------
    float64 array, shape (draw,)
        What the average partner brings, given the draw's parameters. All likenesses are averaged
        over the same quasi-random points, so that they can be compared draw by draw.

    References
    ----------
    Sobol' (1967), USSR Computational Mathematics and Mathematical Physics 7(4); scrambled.
    """
    plan = plan_acquisition(_fit_of(model), periods.edges_days, seed=seed, draws=draws)
    share = first_customer_share(plan.fit)
    timing = newcomer_timing(model, plan, periods=periods, draws=draws)
    points = qmc.Sobol(LEVELS + 1, scramble=True, rng=np.random.default_rng([seed, 1]))
    cube = points.random(INNER_POINTS)
    normals = np.clip(norm.ppf(cube[:, 1:]), -_LAST_Z, _LAST_Z)
    total = np.zeros(draws)
    for place, own in zip(cube[:, 0], normals, strict=True):
        alike = np.full(draws, like.partners[int(place * len(like.partners))])
        levels = np.repeat(own[:, None], draws, axis=1)
        one = new_partner_model(model, like, alike=alike, normals=levels)
        parameters = newcomer_parameters(one, draws, seed=seed)
        law = parameters.law(0)
        first, each, later, at_start = _spend(parameters, law, timing)
        coming = _expected_counts(plan, _groups(model, alike))
        total += first * coming.sum(axis=1) + each * (coming * later).sum(axis=1)
        total += share * (first + each * at_start)
    level = _common_factor(model, periods, draws=draws, seed=seed, layers=layers)
    return np.asarray(total / len(cube) * level.mean())


def _fit_of(model: FittedModel) -> AcquisitionFit:
    """Take the acquisition fit; a partner is signed by a programme that is open."""
    fit = model.acquisition
    if fit is None or fit.status != "open":
        raise AssertionError("likeness() refuses models without it")
    return replace(fit, p_open=1.0)


def _coming(
    plan: AcquisitionPlan, group: IntArray, *, stream: np.random.Generator, p_start: float
) -> _Coming:
    draws, parameters = len(group), plan.parameters
    uniform = 1.0 - stream.random((4, draws))
    started = uniform[2] <= p_start
    life = remaining_life(uniform[1], 0.0, parameters.s, parameters.beta) * started
    counts = simulate_new_customers(
        stream,
        rate=gammaincinv(parameters.r, 1.0 - uniform[0])
        / parameters.alpha[np.arange(draws), group],
        life=life,
        kappa=parameters.kappa,
        edges=plan.edges,
        period=plan.period,
        level=plan.level,
    )
    share = first_customer_share(plan.fit)
    first = np.zeros(counts.shape, dtype=np.int64)
    first[:, 0] = started & (uniform[3] <= share)
    return _Coming(
        counts=counts.astype(np.int64),
        lived=np.clip((life[:, None] - plan.edges[:-1]) / np.diff(plan.edges), 0.0, 1.0),
        first=first,
        expected=_expected_counts(plan, group),
        share=share,
    )


def _groups(model: FittedModel, alike: IntArray) -> IntArray:
    """Column of alpha of each of these partners, given by their places in the summary."""
    fit = _fit_of(model)
    names = [model.summary.partner_ids[place] for place in np.unique(alike)]
    row = {name: number for number, name in enumerate(fit.counts.partner_ids)}
    columns = np.array([fit.partner_segment[row[name]] for name in names], dtype=np.int64)
    return columns[np.unique(alike, return_inverse=True)[1]]


def _expected_counts(plan: AcquisitionPlan, group: IntArray) -> FloatArray:
    parameters = plan.parameters
    alpha = parameters.alpha[np.arange(len(group)), group]
    return expected_new_customers_active(
        parameters.r / alpha,
        age=0.0,
        s=parameters.s,
        beta=parameters.beta,
        edges=plan.edges,
        level=plan.level,
    )


def _spend(
    parameters: NewcomerParameters, law: Law, timing: Timing
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Expect a first purchase, a later one, and how many of these follow.

    The latter of who comes evenly in each piece, (draw, piece), and of who comes first of all.
    """
    first, each = first_and_later_spend(law, parameters.highest_spend)
    edges = timing.clock
    start, width, end = edges[:, :-1], np.diff(edges, axis=1), edges[:, -1:]
    left = np.concatenate([*(end - start - place * width for place in _PLACES), end], axis=1)
    left = np.broadcast_to(left, (len(law.r), left.shape[1]))
    count = expected_repeats(law, left)
    pairs = paired_spend(parameters)
    if pairs is not None:
        count *= pairs.of(left, law.alpha)
    evenly = count[:, :-1].reshape(len(count), len(_PLACES), -1).mean(axis=1)
    return first, each, evenly, count[:, -1]


def _expectations(
    parameters: NewcomerParameters, law: Law, timing: Timing, coming: _Coming
) -> tuple[FloatArray, FloatArray]:
    """Expect the revenue given the simulated numbers of customers, and before they are known."""
    first, each, later, at_start = _spend(parameters, law, timing)

    def revenue(evenly: FloatArray, begin: FloatArray) -> FloatArray:
        return np.asarray(
            first * (evenly.sum(axis=1) + begin)
            + each * ((evenly * later).sum(axis=1) + begin * at_start)
        )

    begin = coming.first[:, 0].astype(np.float64)
    return (
        revenue(coming.counts.astype(np.float64), begin),
        revenue(coming.expected, np.full_like(begin, coming.share)),
    )


def _bought(
    coming: _Coming,
    given: FloatArray,
    *,
    streams: list[np.random.Generator],
    parameters: NewcomerParameters,
    law: Law,
    timing: Timing,
    terms: Terms,
) -> Brought:
    """Simulate what the customers buy: who comes first of all, then the others."""
    draws, size = len(coming.counts), (len(coming.counts), int(timing.target[-1]) + 1)
    pairing = parameters.pairing(law)
    parts = []
    for counts, lived in (
        (coming.counts, coming.lived),
        (coming.first, np.zeros_like(coming.lived)),
    ):
        money = [np.zeros(size, dtype=np.int64) for _ in range(3)]
        part = Brought(money[0], money[1], money[2], np.zeros(draws))
        simulate_newcomers_of(
            streams[0], streams[1], counts, lived, given / terms.quantum, law, timing, pairing,
            terms, part,
        )  # fmt: skip
        parts.append(part)
    if not max(float(part.size.max()) for part in parts) < LARGEST_TOTAL:
        raise ForecastError(
            "a parameter draw under which a new partner's revenue is beyond all bounds",
            expected="revenue of a comparable size in all parameter draws",
            remedy="fit with --method laplace, or give it more purchases",
        )
    return Brought(*(np.asarray(one + other) for one, other in zip(*parts, strict=True)))


def _common_factor(
    model: FittedModel, periods: Periods, *, draws: int, seed: int, layers: tuple[str, ...]
) -> FloatArray:
    """Give the factor of the layers that all partners of a draw share."""
    if model.layers is None or not layers:
        return np.ones(draws)
    return layer_draws(
        np.ones((draws, 1)),
        estimate=choose_estimate(model.layers, float(periods.edges_days[-1])),
        recent=None,
        customers=np.ones(1, dtype=np.int64),
        names=layers,
        seed=seed,
    ).programme_factor
