"""Fits how partners bring new customers (NB-dropout), by its posterior; or says why it can't."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from scipy.optimize import minimize

from ltvforecast.acquisition_types import AcquisitionCounts, AcquisitionFit
from ltvforecast.errors import ConvergenceError
from ltvforecast.fit_types import Diagnostics
from ltvforecast.fitting.acquisition_data import Judgement, judge_acquisitions
from ltvforecast.fitting.acquisition_likelihood import (
    Layout,
    acquisition_prior,
    lay_out,
    total_log_likelihood,
    unpack,
)
from ltvforecast.fitting.diagnostics import posterior_diagnostics, prior_dominated
from ltvforecast.fitting.laplace import PosteriorDraws, sample_posterior
from ltvforecast.fitting.left_truncation import Newness
from ltvforecast.fitting.mle import Optimum
from ltvforecast.types import FloatArray, IntArray

__all__ = ["fit_acquisition"]

_WHAT = "the acquisition of new customers"
_EVERYBODY = "all partners"
_MOST_SEGMENTS = 12
_GRADIENT_STEP = 0.02
_CURVATURE_STEP = 0.1
_PROPOSALS = 1500
"""To begin with: each of them costs as much as partners have periods."""
_FURTHEST = 8.0
"""Prior standard deviations within which the maximum is sought."""

Batch = Callable[[FloatArray], FloatArray]


def fit_acquisition(
    counts: AcquisitionCounts,
    *,
    newness: Newness | None = None,
    segments: Mapping[str, str] | None = None,
    draws: int = 1000,
    rng: np.random.Generator,
) -> AcquisitionFit:
    """Fit how many new customers partners bring, how evenly, and when they stop.

    Parameters
    ----------
    counts : AcquisitionCounts
        New customers by partner and period.
    newness : Newness, optional
        Which customers were really new, to recognise data that begin later than their customers.
    segments : mapping of str to str, optional
        Each partner's segment; the segments' mean rates are partially pooled. Partners without
        one are a segment of their own. Of more than 12 the smallest are taken together.
    draws : int
        Posterior draws to keep.
    rng : numpy.random.Generator

    Returns
    -------
    AcquisitionFit
        Without draws if nobody new can be forecast; ``reason`` says why.

    Raises
    ------
    ConvergenceError
        The fit is not to be trusted.

    Notes
    -----
    Shared parameters by a Laplace proposal and Pareto-smoothed importance sampling under weak
    priors; each partner's own rate and life are integrated out. Growth and seasons are left out
    if the posterior can't be sampled with them.

    References
    ----------
    The model: :mod:`ltvforecast.formulas.nb_dropout`.
    """
    judged = judge_acquisitions(counts, newness)
    names, segment = _segments(counts, segments)
    if judged.status != "open":
        return _nobody_new(judged, names, segment)
    layout = lay_out(judged.counts, segment, segments=len(names))
    simplified = ""
    try:
        optimum, found = _sample(layout, draws=draws, rng=rng)
    except ConvergenceError:
        if len(names) == 1 and not layout.season:
            raise
        names, segment = (_EVERYBODY,), np.zeros_like(segment)
        layout = lay_out(judged.counts, segment, segments=1, season=False)
        optimum, found = _sample(layout, draws=draws, rng=rng)
        simplified = "seasons and segments were left out, with which no posterior could be sampled"
    return AcquisitionFit(
        status="open",
        reason=judged.reason,
        p_open=judged.p_open,
        draws=_kept(unpack(found.theta, layout)),
        point=_point(unpack(optimum.theta[None, :], layout), names),
        segments=names,
        partner_segment=segment,
        counts=judged.counts,
        log_likelihood=float(total_log_likelihood(optimum.theta[None, :], layout)[0]),
        diagnostics=_diagnose(layout, optimum, found, simplified),
    )


def _nobody_new(judged: Judgement, names: tuple[str, ...], segment: IntArray) -> AcquisitionFit:
    return AcquisitionFit(
        status=judged.status,
        reason=judged.reason,
        p_open=judged.p_open,
        draws={},
        point={},
        segments=names,
        partner_segment=segment,
        counts=judged.counts,
        log_likelihood=0.0,
        diagnostics=Diagnostics(trusted=True, verdict=judged.reason),
    )


def _segments(
    counts: AcquisitionCounts, segments: Mapping[str, str] | None
) -> tuple[tuple[str, ...], IntArray]:
    if not segments:
        return (_EVERYBODY,), np.zeros(len(counts.partner_ids), dtype=np.int64)
    own = [segments.get(name, "(no segment)") for name in counts.partner_ids]
    sizes = {name: own.count(name) for name in set(own)}
    large = sorted(sizes, key=lambda name: (-sizes[name], name))
    if len(large) > _MOST_SEGMENTS:
        large = large[: _MOST_SEGMENTS - 1]
        own = [name if name in large else "(other segments)" for name in own]
    names = tuple(sorted(set(own)))
    place = {name: number for number, name in enumerate(names)}
    return names, np.array([place[name] for name in own], dtype=np.int64)


def _sample(
    layout: Layout, *, draws: int, rng: np.random.Generator
) -> tuple[Optimum, PosteriorDraws]:
    prior = acquisition_prior(layout)

    def log_density(theta: FloatArray) -> FloatArray:
        return total_log_likelihood(theta, layout) + prior.log_density(theta)

    centre, sd = np.asarray(prior.mean), np.asarray(prior.sd)
    optimum = _maximise(log_density, centre, sd)
    found = sample_posterior(
        log_density, optimum, prior=prior, draws=draws, rng=rng, what=_WHAT, proposals=_PROPOSALS
    )
    return optimum, found


def _maximise(log_density: Batch, start: FloatArray, sd: FloatArray) -> Optimum:
    """Climb from the prior's centre; derivatives by differences, a batch at a time.

    The steps are wide because the quadrature's nodes move with the parameters, which leaves
    errors of about 1e-7 a partner.
    """

    def loss(theta: FloatArray) -> tuple[float, FloatArray]:
        value, gradient = _gradient(log_density, theta)
        return (-value, -gradient) if np.isfinite(value) else (1e300, np.zeros_like(theta))

    bounds = list(zip(start - _FURTHEST * sd, start + _FURTHEST * sd, strict=True))
    found = minimize(
        loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"ftol": 1e-10}
    )
    theta = np.asarray(found.x, dtype=np.float64)
    value, gradient = _gradient(log_density, theta)
    return Optimum(
        theta=theta, value=value, gradient=gradient, curvature=-_hessian(log_density, theta)
    )


def _gradient(log_density: Batch, theta: FloatArray) -> tuple[float, FloatArray]:
    steps = _GRADIENT_STEP * np.eye(len(theta))
    values = log_density(np.concatenate([theta[None, :], theta + steps, theta - steps]))
    ahead, behind = values[1 : len(theta) + 1], values[len(theta) + 1 :]
    return float(values[0]), (ahead - behind) / (2.0 * _GRADIENT_STEP)


def _hessian(log_density: Batch, theta: FloatArray) -> FloatArray:
    size = len(theta)
    steps = _CURVATURE_STEP * np.eye(size)
    places = [theta + one + two for one in steps for two in steps]
    places += [theta + one - two for one in steps for two in steps]
    places += [theta - one - two for one in steps for two in steps]
    both, across, back = log_density(np.array(places)).reshape(3, size, size)
    return np.asarray((both - across - across.T + back) / (4.0 * _CURVATURE_STEP**2))


def _kept(named: Mapping[str, FloatArray]) -> dict[str, FloatArray]:
    return {name: values for name, values in named.items() if values.shape[1] and values.any()}


def _point(named: Mapping[str, FloatArray], names: tuple[str, ...]) -> dict[str, float]:
    point: dict[str, float] = {}
    for name, values in _kept(named).items():
        if name == "alpha" and len(names) > 1:
            point |= {f"alpha[{s}]": float(v) for s, v in zip(names, values[0], strict=True)}
        elif name == "season":
            point |= {f"season_{k + 1}": float(v) for k, v in enumerate(values[0])}
        else:
            point[name] = float(values[0, 0])
    return point


def _diagnose(
    layout: Layout, optimum: Optimum, found: PosteriorDraws, simplified: str
) -> Diagnostics:
    prior = acquisition_prior(layout)
    told = dict.fromkeys(prior.names[k] for k in prior_dominated(found, prior))
    flags = [
        f"prior-dominated: the data say almost nothing about {name}; there the forecast rests on "
        "a weak prior"
        for name in told
        if name != "a segment's own level"
    ]
    if not layout.season:
        flags.append("less than two years of new customers: seasons are not estimated")
    if simplified:
        flags[-1:] = [simplified]
    return posterior_diagnostics(found, optimum, what=_WHAT, flags=flags)
