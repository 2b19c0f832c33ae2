"""What partners share: shapes, segment means and spreads, their priors, and the coordinates.

A partner's level is normal around its segment's mean, segment means are normal around the
programme's. A spread with a half-normal prior is sampled by the normal score of its prior
probability: a posterior that piles up at a spread of 0 is nearly normal there. With several
segments, their means and the programme's are sampled as distances from what the data and the
spread of segments make of them, in units of what is left open then: a spread of segments near 0
would otherwise squeeze the means into a funnel.

Effects of covariates are sampled as they are; columns are taken from their means, so that effects
and means have little to do with each other.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import erf, erfinv, ndtr, ndtri

from ltvforecast.fitting.priors import EFFECT_SD, NormalPrior
from ltvforecast.types import FloatArray, IntArray

__all__ = [
    "APART",
    "SD_SCALE",
    "TAU_SCALE",
    "Anchors",
    "LevelPriors",
    "Shared",
    "guard_prior",
    "score_of",
    "shared_of",
    "spread_of",
]

SD_SCALE = 0.75
"""Of the half-normal prior of the spread of partners: a factor of two is common, of five is not."""
APART = 1.25
"""Spread of partners that are fitted apart: a factor of twelve between two is common."""
TAU_SCALE = 0.5
"""Of the half-normal prior of the spread of segments."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelPriors:
    """Priors of one model's shared parameters.

    Attributes
    ----------
    shapes : NormalPrior
        Of the two shared shapes.
    means : NormalPrior
        Of the programme's mean of one or two levels.
    apart : float or None
        A spread of partners so wide that they tell nothing of each other, instead of one that is
        learnt.
    """

    shapes: NormalPrior
    means: NormalPrior
    apart: float | None = None

    @property
    def levels(self) -> int:
        """Number of levels, 1 or 2."""
        return len(self.means.mean)


@dataclass(frozen=True, slots=True, kw_only=True)
class Anchors:
    """What the data alone say about each segment's mean, roughly.

    Attributes
    ----------
    estimate, precision : float64 array, shape (n_segments, n_levels)
        Precision 0: nothing.
    columns : float64 array, shape (n_segments, column), or None
        Mean covariates of each segment's partners, with which the estimates were made.
    """

    estimate: FloatArray
    precision: FloatArray
    columns: FloatArray | None = None

    @property
    def segments(self) -> int:
        """Number of segments."""
        return len(self.estimate)


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """Shared parameters of many draws; a missing second level has mean 0 and spread 1.

    Attributes
    ----------
    shapes : float64 array, shape (n, 2)
    mean : float64 array, shape (n, n_segments, 2)
    sd : float64 array, shape (n, 2)
    overall, tau : float64 array, shape (n, n_levels)
        The programme's mean, and the spread of segments (0 with one segment).
    log_prior : float64 array, shape (n,)
        With the Jacobian of the coordinates.
    effect : float64 array, shape (n, column, 2)
        Of covariates on either level.
    """

    shapes: FloatArray
    mean: FloatArray
    sd: FloatArray
    overall: FloatArray
    tau: FloatArray
    log_prior: FloatArray
    effect: FloatArray

    def part(self, chosen: IntArray) -> Shared:
        """Give some of the draws."""
        return Shared(**{name: getattr(self, name)[chosen] for name in Shared.__slots__})


def spread_of(score: FloatArray, scale: float) -> FloatArray:
    """Turn a normal score into a spread: standard normal scores give half-normal spreads.

    Parameters
    ----------
    score : float64 array
    scale : float
        Of the half-normal prior.

    Returns
    -------
    float64 array

    Examples
    --------
    >>> float(spread_of(np.array(0.0), 1.0).round(4))  # the median of a half-normal
    0.6745
    """
    spread: FloatArray = scale * np.sqrt(2.0) * erfinv(ndtr(score))
    return spread


def score_of(spread: float, scale: float) -> float:
    """Invert :func:`spread_of`.

    Examples
    --------
    >>> round(float(spread_of(score_of(0.3, 0.75), 0.75)), 12)
    0.3
    """
    return float(ndtri(erf(spread / scale / np.sqrt(2.0))))


def shared_of(
    eta: FloatArray, priors: LevelPriors, anchors: Anchors, *, columns: int = 0
) -> Shared:
    """Turn coordinates into shared parameters.

    Parameters
    ----------
    eta : float64 array, shape (n, size)
        Two shapes, then for each level: mean and score of the spread of partners; with several
        segments the standardised mean, and then score of the spread of segments and the
        standardised segment means; with covariates, their effects on the level last.
    priors : LevelPriors
    anchors : Anchors
    columns : int
        Number of columns of covariates.

    Returns
    -------
    Shared
    """
    count, segments, levels = len(eta), anchors.segments, priors.levels
    width = (eta.shape[1] - 2) // levels
    mean, sd = np.zeros((count, segments, 2)), np.ones((count, 2))
    overall, tau = np.empty((count, levels)), np.zeros((count, levels))
    effect = np.zeros((count, columns, 2))
    log_prior = priors.shapes.log_density(eta[:, :2])
    for d in range(levels):
        block = eta[:, 2 + d * width : 2 + (d + 1) * width]
        effect[:, :, d] = block[:, width - columns :]
        log_prior = log_prior - 0.5 * ((effect[:, :, d] / EFFECT_SD) ** 2).sum(axis=1)
        overall[:, d] = block[:, 0]
        learnt = priors.apart is None
        sd[:, d] = spread_of(block[:, 1], SD_SCALE) if learnt else priors.apart
        log_prior = log_prior - 0.5 * block[:, 1] ** 2
        if segments == 1:
            mean[:, 0, d] = overall[:, d]
            continue
        tau[:, d] = np.maximum(spread_of(block[:, 2], TAU_SCALE), 1e-9)
        log_prior = log_prior - 0.5 * block[:, 2] ** 2
        weak = priors.means.mean[d], priors.means.sd[d]
        estimate = np.broadcast_to(anchors.estimate[:, d], (count, segments))
        if anchors.columns is not None:
            estimate = estimate - effect[:, :, d] @ anchors.columns.T
        known = estimate, anchors.precision[:, d]
        found = _means(block[:, : width - columns], tau[:, d], known, weak)
        overall[:, d], mean[:, :, d], jacobian = found
        z = (mean[:, :, d] - overall[:, d, None]) / tau[:, d, None]
        log_prior = log_prior + jacobian - 0.5 * (z * z).sum(axis=1)
    log_prior = log_prior + priors.means.log_density(overall)
    return Shared(
        shapes=eta[:, :2],
        mean=mean,
        sd=sd,
        overall=overall,
        tau=tau,
        log_prior=log_prior,
        effect=effect,
    )


def _means(
    block: FloatArray,
    tau: FloatArray,
    anchors: tuple[FloatArray, FloatArray],
    weak: tuple[float, float],
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Programme's mean, segment means, and the log of their Jacobian over that of ``tau``s.

    Were a segment's data normal around its mean, all coordinates would be standard normal.
    """
    estimate, precision = anchors
    wide = tau[:, None]
    relative = (1.0 + precision * wide * wide) ** -0.5
    seen = precision * relative**2
    known = seen.sum(axis=1) + weak[1] ** -2
    middle = ((seen * estimate).sum(axis=1) + weak[0] * weak[1] ** -2) / known
    overall = middle + block[:, 0] / np.sqrt(known)
    centre = relative**2 * overall[:, None] + (seen * wide * wide) * estimate
    means = centre + wide * relative * block[:, 3:]
    return overall, means, np.log(relative).sum(axis=1) - 0.5 * np.log(known)


def guard_prior(
    priors: LevelPriors, segments: int, *, columns: tuple[str, ...] = ()
) -> NormalPrior:
    """How wide a proposal may be in every coordinate.

    Parameters
    ----------
    priors : LevelPriors
    segments : int
    columns : tuple of str
        Names of the columns of covariates.

    Returns
    -------
    NormalPrior
        The priors themselves; of standardised means, the standard normal.
    """
    names, mean, sd = list(priors.shapes.names), list(priors.shapes.mean), list(priors.shapes.sd)
    for d in range(priors.levels):
        name = priors.means.names[d]
        names += [name, f"{name}, partner by partner"]
        mean += [priors.means.mean[d] if segments == 1 else 0.0, 0.0]
        sd += [priors.means.sd[d] if segments == 1 else 1.0, 1.0]
        if segments > 1:
            names += [f"{name}, segment by segment"] + [f"{name} in one segment"] * segments
            mean += [0.0] * (1 + segments)
            sd += [1.0] * (1 + segments)
        names += [f"how {column!r} goes with {name}" for column in columns]
        mean += [0.0] * len(columns)
        sd += [EFFECT_SD] * len(columns)
    return NormalPrior(names=tuple(names), mean=tuple(mean), sd=tuple(sd))
