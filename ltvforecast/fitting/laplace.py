"""Posterior draws without a chain: Laplace proposal, Pareto-smoothed importance sampling, a gate.

A heavy-tailed multivariate t is laid over the posterior mode, sampled in antithetic pairs, and
every proposal gets the weight that makes up for the difference to the true posterior. The Pareto
k of these weights says whether that can be trusted (Vehtari et al. 2024). If not, the proposal is
refitted to what it found, three times at most; if that fails too, the fit is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln, logsumexp

from ltvforecast.errors import ConvergenceError
from ltvforecast.fitting.chebyshev import weighted_total
from ltvforecast.fitting.mle import Optimum
from ltvforecast.fitting.priors import NormalPrior
from ltvforecast.fitting.psis import pareto_smooth
from ltvforecast.types import FloatArray, IntArray

__all__ = ["LogDensity", "PosteriorDraws", "sample_posterior"]

LogDensity = Callable[[FloatArray], FloatArray]
"""Log-density of many coordinate vectors, shape (n, d) to shape (n,)."""

_FEWEST_PROPOSALS = 4000
_PROPOSALS_PER_DRAW = 4
_FEWEST_EFFECTIVE = 400.0
_ROUNDS = 4
_KERNELS = 50
_MANY_COORDINATES = 10
"""Above this kernels are too far apart to follow anything: one wide component moves instead, and
there are twice as many proposals."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PosteriorDraws:
    """Equally weighted draws, and how good the proposal was.

    Attributes
    ----------
    theta : float64 array, shape (draws, d)
    k_hat : float
        Pareto shape of the importance weights.
    effective : float
        Effective number of proposals.
    refits : int
        How often the proposal had to be refitted.
    """

    theta: FloatArray
    k_hat: float
    effective: float
    refits: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _StudentT:
    """Multivariate t: ``centre + root @ z / sqrt(chi2 / df)``."""

    centre: FloatArray
    root: FloatArray
    df: float
    share: float


def sample_posterior(
    log_density: LogDensity,
    optimum: Optimum,
    *,
    prior: NormalPrior,
    draws: int,
    rng: np.random.Generator,
    what: str,
    proposals: int | None = None,
) -> PosteriorDraws:
    """Draw from a posterior whose mode is known.

    Parameters
    ----------
    log_density : callable
        Unnormalised log-posterior of many coordinate vectors.
    optimum : Optimum
        Its mode and curvature.
    prior : NormalPrior
        No direction is believed to be much wider than this; and a refitted proposal covers it.
    draws : int
    rng : numpy.random.Generator
    what : str
        What is being fitted, for the message.
    proposals : int, optional
        How many to begin with, twice as many whenever the proposal is refitted. By default (and at
        most) four for each draw, and no fewer than 4,000; twice that above ten coordinates.

    Returns
    -------
    PosteriorDraws

    Raises
    ------
    ConvergenceError
        The weights are too uneven even after the proposal was refitted.

    Examples
    --------
    >>> peak = Optimum(theta=np.zeros(2), value=0.0, gradient=np.zeros(2), curvature=np.eye(2))
    >>> weak = NormalPrior(names=("first", "second"), mean=(0.0, 0.0), sd=(9.0, 9.0))
    >>> found = sample_posterior(lambda z: -0.5 * (z * z).sum(1), peak, prior=weak, draws=1000,
    ...                          rng=np.random.default_rng(1), what="a test")
    >>> found.theta.shape, bool(abs(found.theta.std() - 1) < 0.05)
    ((1000, 2), True)
    """
    whole = max(_FEWEST_PROPOSALS, _PROPOSALS_PER_DRAW * draws)
    if len(optimum.theta) > _MANY_COORDINATES:
        whole *= 2
    needed = max(_FEWEST_EFFECTIVE, _FEWEST_EFFECTIVE / 1000.0 * draws)
    proposal: tuple[_StudentT, ...] = (_laplace_proposal(optimum, np.asarray(prior.sd)),)
    for rounds in range(_ROUNDS):
        count = whole if proposals is None else min(whole, proposals << rounds)
        count += count % 2
        limit = min(0.7, 1.0 - 1.0 / np.log10(count))
        points = _antithetic(proposal, count, rng)
        target = log_density(points)
        ratio = target - _log_mixture(points, proposal)
        log_weights = np.where(np.isfinite(target), ratio, -np.inf)
        weights, k_hat = _smooth(log_weights)
        effective = float(1.0 / np.sum(weights**2))
        if k_hat < limit and effective > needed:
            theta = points[_pick(points, weights, draws, rng)]
            return PosteriorDraws(theta=theta, k_hat=k_hat, effective=effective, refits=rounds)
        proposal = _refit(points, weights, proposal[0], prior, rng)
    raise ConvergenceError(
        f"the posterior of {what} could not be sampled reliably: Pareto k {k_hat:.2f}, "
        f"{effective:.0f} effective of {count} proposals",
        expected=f"Pareto k below {limit:.2f} and more than {needed:.0f} effective proposals",
        remedy="give the model more customers or a longer history, or remove extreme rows; a point "
        "fit with method='mle' shows which parameter is at an edge",
    )


def _smooth(log_weights: FloatArray) -> tuple[FloatArray, float]:
    """Smooth the weights; proposals outside the support keep weight zero."""
    inside = np.isfinite(log_weights)
    weights = np.zeros(len(log_weights))
    if inside.sum() < 100:
        weights[inside] = 1.0 / max(1, int(inside.sum()))
        weights[0] += 1.0 - weights.sum()
        return weights, np.inf
    weights[inside], k_hat = pareto_smooth(log_weights[inside])
    return weights, k_hat


def _laplace_proposal(optimum: Optimum, prior_sd: FloatArray) -> _StudentT:
    """Multivariate t with 7 degrees of freedom, nowhere wider than twice the prior."""
    values, vectors = np.linalg.eigh(optimum.curvature * np.outer(prior_sd, prior_sd))
    precision = (vectors * np.maximum(values, 0.25)) @ vectors.T
    root = prior_sd[:, None] * np.linalg.inv(np.linalg.cholesky(precision)).T
    return _StudentT(centre=optimum.theta, root=root, df=7.0, share=1.0)


def _refit(
    points: FloatArray,
    weights: FloatArray,
    first: _StudentT,
    prior: NormalPrior,
    rng: np.random.Generator,
) -> tuple[_StudentT, ...]:
    """Follow the weighted proposals: small kernels where they lie, and three wide safeguards.

    The kernels' width is the normal reference rule of density estimation (Scott 2015, section
    6.3.2) for as many points as there are kernels. In many coordinates no kernels: a component with
    the weighted proposals' mean and covariance, and a wider one.
    """
    size = points.shape[1]
    centre, covariance = _moments(points, weights)
    covariance += 1e-3 * first.root @ first.root.T
    root = np.asarray(np.linalg.cholesky(covariance), dtype=np.float64)
    if size > _MANY_COORDINATES:
        return (
            _StudentT(centre=first.centre, root=first.root, df=first.df, share=0.1),
            _StudentT(centre=centre, root=root, df=9.0, share=0.7),
            _StudentT(centre=centre, root=1.4 * root, df=5.0, share=0.2),
        )
    width = (4.0 / (size + 2.0) / _KERNELS) ** (1.0 / (size + 4.0))
    wide = (
        _StudentT(centre=first.centre, root=first.root, df=first.df, share=0.1),
        _StudentT(centre=centre, root=1.5 * root, df=5.0, share=0.2),
        _StudentT(centre=np.asarray(prior.mean), root=np.diag(prior.sd), df=7.0, share=0.1),
    )
    return wide + tuple(
        _StudentT(centre=points[k], root=width * root, df=7.0, share=0.6 / _KERNELS)
        for k in _pick(points, weights, _KERNELS, rng)
    )


def _antithetic(mixture: tuple[_StudentT, ...], count: int, rng: np.random.Generator) -> FloatArray:
    """Draw pairs that mirror each other in the centre of their component."""
    points = []
    for part in mixture:
        pairs = round(count * part.share) // 2
        z = rng.standard_normal((pairs, len(part.centre)))
        z /= np.sqrt(rng.chisquare(part.df, pairs) / part.df)[:, None]
        step = np.einsum("nj,ij->ni", z, part.root)
        points += [part.centre + step, part.centre - step]
    return np.concatenate(points)


def _log_mixture(points: FloatArray, mixture: tuple[_StudentT, ...]) -> FloatArray:
    density: FloatArray = logsumexp(
        [np.log(part.share) + _log_student(points, part) for part in mixture], axis=0
    )
    return density


def _log_student(points: FloatArray, part: _StudentT) -> FloatArray:
    size = points.shape[1]
    z = np.einsum("ij,nj->in", np.linalg.inv(part.root), points - part.centre)
    constant = gammaln((part.df + size) / 2.0) - gammaln(part.df / 2.0)
    constant -= size / 2.0 * np.log(part.df * np.pi) + np.linalg.slogdet(part.root)[1]
    density: FloatArray = constant - (part.df + size) / 2.0 * np.log1p((z * z).sum(0) / part.df)
    return density


def _pick(
    points: FloatArray, weights: FloatArray, draws: int, rng: np.random.Generator
) -> IntArray:
    """Resample systematically among neighbours, so that the draws spread as the weights do."""
    order = _neighbours(points, weights)
    total = np.cumsum(weights[order])
    at = (np.arange(draws) + rng.uniform()) / draws * total[-1]
    picked = order[np.minimum(np.searchsorted(total, at), len(order) - 1)]
    return rng.permutation(picked)


def _moments(points: FloatArray, weights: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Weighted mean and covariance."""
    centre = weighted_total(points.T, weights)
    spread = points - centre
    return centre, np.asarray(np.einsum("n,ni,nj->ij", weights, spread, spread))


def _neighbours(points: FloatArray, weights: FloatArray) -> IntArray:
    """Order points so that close ones are close: halve along each whitened axis in turn."""
    covariance = _moments(points, weights)[1]
    covariance += 1e-6 * _moments(points, np.full(len(points), 1.0 / len(points)))[1]
    whiten = np.linalg.inv(np.linalg.cholesky(covariance))
    along = np.einsum("ij,nj->ni", whiten, points)
    by_rank = np.argsort(along.T, axis=1, kind="stable")
    order = count = np.arange(len(points))
    rank = np.empty_like(by_rank)
    np.put_along_axis(rank, by_rank, count[None], axis=1)
    for depth in range(int(np.log2(len(points)))):
        axis = depth % len(rank)
        # group and rank in one integer: sorted many times as fast as by two keys
        group = ((count << depth) // len(points)) * len(points)
        order = by_rank[axis, np.sort(group + rank[axis, order]) - group]
    return order
