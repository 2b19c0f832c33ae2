"""Cubic stand-in for a costly log-density, learnt from a few hundred values and checked on it.

The log-likelihood of what partners share is a sum over segments, each of which depends on the
shapes, the segment's means and the spreads alone. Near its peak every such part is almost a
quadratic, the more so the more partners there are, and a cubic is closer still. Draws are taken
from the stand-in, at next to no cost, and the true density says at a hundred of them how far off it
is. Where that is more than nothing, all of them are weighted by it (importance sampling), and where
the weights are too uneven, the stand-in is given up.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import comb

import numpy as np

from ltvforecast.fitting.chebyshev import weighted_total
from ltvforecast.fitting.laplace import LogDensity, PosteriorDraws
from ltvforecast.fitting.mle import Optimum
from ltvforecast.fitting.priors import NormalPrior
from ltvforecast.fitting.psis import pareto_smooth
from ltvforecast.types import FloatArray

__all__ = ["Parts", "StandInDraws", "sample_by_stand_in"]

_FIRST, _SECOND = 2.2, 1.3
"""Values for each term of a cubic: around the peak, and then where the posterior is."""
_FEWEST_POINTS = 60
_WIDER = 1.8
"""Standard deviations of the points that the stand-in is learnt from, in those of the peak."""
_KNOWN = 3.6
"""Distance from their centre, in their own standard deviations, up to which it is believed."""
_TAKEN = 1.3
"""Draws of the stand-in that are weighted, for each that is wanted."""
_CHEAP = 8
"""Values of the stand-in for each draw of it."""
_ROUNDS = 5
_DF, _DEFENSIVE = 8.0, 1.7
_CHECKED = 100
_AGREES = 0.03
"""Standard deviation of the log of the weights below which draws stay as they are."""
_FEWEST_EFFECTIVE = 400.0
_MOST_K = 0.67


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """A log-density that is a sum of parts, each of a few coordinates.

    Attributes
    ----------
    values : callable
        Coordinate vectors (n, d) to the parts' values (n, part): costly.
    coordinates : callable
        The same to what each part depends on (part, n, k), and to the rest of the log-density (n,),
        minus infinity where there is none: cheap.
    """

    values: Callable[[FloatArray], FloatArray]
    coordinates: Callable[[FloatArray], tuple[FloatArray, FloatArray]]


@dataclass(frozen=True, slots=True, kw_only=True)
class StandInDraws:
    """Draws, and how far off the stand-in was.

    Attributes
    ----------
    draws : PosteriorDraws
    error : float
        Standard deviation over draws of the error of the log-density; 0 where it was made up for.
    """

    draws: PosteriorDraws
    error: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Cubic:
    centre: FloatArray
    whiten: FloatArray
    factors: FloatArray


def sample_by_stand_in(
    parts: Parts,
    optimum: Optimum,
    *,
    prior: NormalPrior,
    draws: int,
    rng: np.random.Generator,
) -> StandInDraws | None:
    """Draw from a posterior with few values of its density.

    Parameters
    ----------
    parts : Parts
    optimum : Optimum
        Peak and curvature of the whole.
    prior : NormalPrior
        As in :func:`ltvforecast.fitting.laplace.sample_posterior`.
    draws : int
    rng : numpy.random.Generator

    Returns
    -------
    StandInDraws or None
        None: the density is not like a cubic, and has to be sampled as it is.

    References
    ----------
    Cappe, Douc, Guillin, Marin & Robert (2008), Adaptive importance sampling in general mixture
    classes, Statistics and Computing 18, 447-459.

    Examples
    --------
    >>> peak = Optimum(theta=np.zeros(2), value=0.0, gradient=np.zeros(2), curvature=np.eye(2))
    >>> weak = NormalPrior(names=("first", "second"), mean=(0.0, 0.0), sd=(9.0, 9.0))
    >>> normal = Parts(values=lambda z: -0.5 * (z * z).sum(1, keepdims=True),
    ...                coordinates=lambda z: (z[None], np.zeros(len(z))))
    >>> found = sample_by_stand_in(normal, peak, prior=weak, draws=1000,
    ...                            rng=np.random.default_rng(1))
    >>> found.draws.theta.shape, bool(found.error < 1e-6)
    ((1000, 2), True)
    """
    wanted = int(np.ceil(_TAKEN * max(draws, _FEWEST_EFFECTIVE)))
    stand_in = _first_draws(parts, optimum, prior, wanted=wanted, rng=rng)
    if stand_in is None:
        return None
    found, density = stand_in
    theta = found.theta[:wanted]

    def gap(rows: FloatArray) -> FloatArray:
        total = parts.values(rows).sum(axis=1) + parts.coordinates(rows)[1]
        return np.asarray(total - density(rows))

    few = gap(theta[:_CHECKED])
    if not np.isfinite(few).all():
        return None
    if few.std() < _AGREES:
        kept = PosteriorDraws(
            theta=theta[:draws], k_hat=found.k_hat, effective=found.effective, refits=found.refits
        )
        return StandInDraws(draws=kept, error=float(few.std()))
    off = np.concatenate([few, gap(theta[_CHECKED:])])
    return _weighted(found, theta, off, draws=draws, rng=rng)


def _first_draws(
    parts: Parts,
    optimum: Optimum,
    prior: NormalPrior,
    *,
    wanted: int,
    rng: np.random.Generator,
) -> tuple[PosteriorDraws, LogDensity] | None:
    """Learn the stand-in around the peak, then where its own draws are, and draw from it."""
    terms = comb(parts.coordinates(optimum.theta[None])[0].shape[2] + 3, 3)
    wide = (
        rng.standard_normal((max(_FEWEST_POINTS, int(_FIRST * terms)), len(optimum.theta))) * _WIDER
    )
    eta = optimum.theta + wide @ _root(optimum, prior).T
    values = parts.values(eta)
    for more in (max(_FEWEST_POINTS, int(_SECOND * terms)), 0):
        density = _learnt(parts, eta, values)
        count = _CHEAP * (wanted if more == 0 else more)
        found = _drawn(density, optimum, prior, count=count, rng=rng)
        if found is None or more == 0:
            break
        eta = np.concatenate([eta, found.theta[:more]])
        values = np.concatenate([values, parts.values(found.theta[:more])])
    return None if found is None else (found, density)


def _drawn(
    density: LogDensity,
    optimum: Optimum,
    prior: NormalPrior,
    *,
    count: int,
    rng: np.random.Generator,
) -> PosteriorDraws | None:
    """Sample what is cheap: a t over the peak, moved to where its weights say."""
    centre, root = optimum.theta, _root(optimum, prior)
    for rounds in range(_ROUNDS):
        scale = np.where(np.arange(count) % 4 == 0, _DEFENSIVE, 1.0)
        z = rng.standard_normal((count, len(centre)))
        z *= (scale / np.sqrt(rng.chisquare(_DF, count) / _DF))[:, None]
        eta = centre + np.einsum("nj,ij->ni", z, root)
        target = density(eta)
        inside = np.isfinite(target)
        if inside.sum() < 100:
            return None
        weights = np.zeros(count)
        weights[inside], k_hat = pareto_smooth((target - _log_student(z))[inside])
        effective = 1.0 / float(np.sum(weights**2))
        if k_hat < _MOST_K and effective > 0.25 * count:
            at = (np.arange(count // 2) + rng.uniform()) / (count // 2) * (1.0 - 1e-12)
            picked = np.searchsorted(np.cumsum(weights) / weights.sum(), at)
            return PosteriorDraws(
                theta=eta[rng.permutation(picked)],
                k_hat=k_hat,
                effective=effective,
                refits=rounds,
            )
        centre = weighted_total(eta.T, weights)
        away = (eta - centre) * np.sqrt(weights)[:, None]
        spread = np.einsum("ni,nj->ij", away, away)
        root = np.asarray(np.linalg.cholesky(spread + 1e-3 * root @ root.T))
    return None


def _log_student(z: FloatArray) -> FloatArray:
    """Log-density of the standard mixture, up to a constant."""
    size = z.shape[1]
    square = (z * z).sum(axis=1)
    narrow = 0.75 * (1.0 + square / _DF) ** (-(_DF + size) / 2.0)
    wide = (1.0 + square / (_DF * _DEFENSIVE**2)) ** (-(_DF + size) / 2.0) / _DEFENSIVE**size
    return np.asarray(np.log(narrow + 0.25 * wide))


def _weighted(
    found: PosteriorDraws,
    theta: FloatArray,
    off: FloatArray,
    *,
    draws: int,
    rng: np.random.Generator,
) -> StandInDraws | None:
    """Take draws by how much too rare they were."""
    if not np.isfinite(off).all():
        return None
    weights, k_hat = pareto_smooth(off)
    effective = 1.0 / float(np.sum(weights**2))
    together = 1.0 / (1.0 / effective + 1.0 / found.effective)
    if k_hat > _MOST_K or together < max(_FEWEST_EFFECTIVE, 0.6 * draws):
        return None
    total = np.cumsum(weights)
    at = (np.arange(draws) + rng.uniform()) / draws * total[-1]
    picked = np.minimum(np.searchsorted(total, at), len(total) - 1)
    kept = PosteriorDraws(
        theta=theta[rng.permutation(picked)],
        k_hat=max(k_hat, found.k_hat),
        effective=together,
        refits=found.refits,
    )
    return StandInDraws(draws=kept, error=0.0)


def _root(optimum: Optimum, prior: NormalPrior) -> FloatArray:
    """Root of the covariance that the peak's curvature says, at most twice as wide as the prior."""
    sd = np.asarray(prior.sd)
    values, vectors = np.linalg.eigh(optimum.curvature * np.outer(sd, sd))
    return np.asarray(sd[:, None] * vectors / np.sqrt(np.maximum(values, 0.25)))


def _learnt(parts: Parts, eta: FloatArray, values: FloatArray) -> LogDensity:
    """Fit a cubic to every part, by least squares that mind the peak more than the rim."""
    coordinates, rest = parts.coordinates(eta)
    total = values.sum(axis=1) + rest
    good = np.isfinite(total)
    weight = np.exp(0.25 * np.maximum(total[good] - total[good].max(initial=-np.inf), -40.0))
    cubics = [
        _fitted(coordinates[g][good], values[good, g], weight) for g in range(len(coordinates))
    ]

    def density(at: FloatArray) -> FloatArray:
        there, density = parts.coordinates(at)
        for cubic, place in zip(cubics, there, strict=True):
            density = density + _evaluated(cubic, place)
        return density

    return density


def _fitted(at: FloatArray, values: FloatArray, weight: FloatArray) -> _Cubic:
    centre = at.mean(axis=0)
    spread = at - centre
    # what does not vary, such as the spread of partners that are fitted apart, is left out
    covariance = spread.T @ spread / len(at) + 1e-12 * np.eye(at.shape[1])
    whiten = np.linalg.inv(np.linalg.cholesky(covariance)).T
    rows = (_polynomials(spread @ whiten) * weight).T
    factors = np.asarray(np.linalg.lstsq(rows, values * weight, rcond=1e-10)[0], np.float64)
    return _Cubic(centre=centre, whiten=whiten, factors=factors)


def _evaluated(cubic: _Cubic, at: FloatArray) -> FloatArray:
    """Give the cubic, and minus infinity where nothing was learnt."""
    z = np.einsum("nj,ji->ni", at - cubic.centre, cubic.whiten)
    value = np.einsum("tn,t->n", _polynomials(z), cubic.factors)
    return np.where((z * z).sum(axis=1) < _KNOWN**2, value, -np.inf)


def _polynomials(z: FloatArray) -> FloatArray:
    """All monomials up to the third degree, shape (term, n)."""
    size = z.shape[1]
    made = np.empty((comb(size + 3, 3), len(z)))
    made[0], made[1 : size + 1] = 1.0, z.T
    here = size + 1
    # of every coordinate: where the terms of one degree less are that have none before it
    before = [1 + np.arange(k, size) for k in range(size)]
    for _ in range(2):
        added = []
        for k in range(size):
            lower = before[k]
            np.multiply(made[1 + k], made[lower], out=made[here : here + len(lower)])
            added.append(np.arange(here, here + len(lower)))
            here += len(lower)
        before = [np.concatenate(added[k:]) for k in range(size)]
    return made
