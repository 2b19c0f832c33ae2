r"""A yearly index from counts and expected counts: how strong, how sure, and draws of it.

Counts :math:`y_k` of successive months (or weeks) with expected counts :math:`E_k` are taken as

.. math:: y_k \sim \mathrm{Poisson}(E_k e^{\eta_k}), \quad
          \eta_k = c + g(t_k) + u_{b(k)} + \varepsilon_k

with a level, a random walk ``g`` with ``drift`` per square root of a year (what the purchase model
gets wrong over time must not be taken for season), the season ``u`` of the bin with standard
deviation ``strength``, and noise. The counts are made Gaussian by their working responses, as in
penalised quasi-likelihood (Breslow & Clayton 1993); then all of it is linear regression on waves
(the season) and on steps (the drift) with independent normal coefficients, and every likelihood
is a closed form. The three standard deviations are weighed on a grid by their marginal likelihood
(empirical Bayes, but their uncertainty is kept).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product

import numpy as np
from scipy.special import logsumexp

from ltvforecast.fitting.repeat_counts import DailyCounts
from ltvforecast.formulas.clock import bins_of_days, normalised
from ltvforecast.types import FloatArray, IntArray

__all__ = [
    "Scales",
    "SeasonFit",
    "draw_index",
    "fit_season",
    "season_and_level",
]

_STRENGTHS = (0.0, 0.03, 0.06, 0.12, 0.2, 0.35, 0.6, 1.0)
_DRIFTS = (0.02, 0.1, 0.25, 0.5, 1.0)
_NOISES = (0.0, 0.03, 0.08, 0.2, 0.5)
_USUAL = (0.4, 0.2, 0.2)
"""Half-normal priors of the three."""
_SHAPES = ((1.5, 2.0), (4.0, 1.0))
"""Seasons of one or two waves, and seasons with sharp peaks: spectrum of the prior, see below."""
_CAREFUL_DRIFT = 0.1
"""With less than two cycles at least so much of what is seen may be drift."""
_LEAST_TRUST = 0.01
_LEVEL_SD = 5.0
_KNOTS_PER_YEAR = 6
_MOST_WAVES = 13
_ROUNDS = 4
_MOST_CYCLES = 6
_SPAN = 12.0
"""Grid points whose likelihood is a factor of exp(12) below the best are left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scales:
    """Standard deviations of season, drift (over a year) and noise, of log counts.

    ``shape`` tells how smooth the season is: 0 a wave or two, 1 with sharp peaks.
    """

    shape: int
    strength: float
    drift: float
    noise: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SeasonFit:
    """Cells (months or weeks as they followed one another) and the scales that explain them.

    Attributes
    ----------
    bins : int
        12 or 52.
    place : int64 array, shape (n_cells,)
        Bin of each cell.
    start, end : int64 array, shape (n_cells,)
        First day, and the day after the last.
    time : float64 array, shape (n_cells,)
        Its middle, in years from the first.
    seen, expected : float64 array, shape (n_cells,)
    response, variance : float64 array, shape (n_cells,)
        Log of seen over expected as a working response, and its Poisson variance.
    trust : float
        Share of the year that was seen twice or more; 1 from two cycles on.
    scales : tuple of Scales
    log_weight : float64 array, shape (n_scales,)
        Logarithm of prior times marginal likelihood.
    """

    bins: int
    place: IntArray
    start: IntArray
    end: IntArray
    time: FloatArray
    seen: FloatArray
    expected: FloatArray
    response: FloatArray
    variance: FloatArray
    trust: float = 1.0
    scales: tuple[Scales, ...] = ()
    log_weight: FloatArray

    @property
    def evidence(self) -> float:
        """Log of how much likelier the counts are with a season than without."""
        flat = np.array([scale.strength == 0.0 for scale in self.scales])
        with_season, without = self.log_weight[~flat], self.log_weight[flat]
        if not (len(with_season) and len(without)):
            return float(np.inf if len(with_season) else -np.inf)
        return float(logsumexp(with_season) - logsumexp(without))

    def best(self, *, flat: bool) -> Scales:
        """Likeliest scales with or without a season."""
        fitting = np.array([(scale.strength == 0.0) == flat for scale in self.scales])
        return self.scales[int(np.argmax(np.where(fitting, self.log_weight, -np.inf)))]


def fit_season(counts: DailyCounts, bins: int, *, careful: bool) -> SeasonFit:
    """Weigh how much of the counts is season, drift and noise.

    Parameters
    ----------
    counts : DailyCounts
    bins : {12, 52}
    careful : bool
        Less than two cycles are known: never take all of it for season.

    Returns
    -------
    SeasonFit

    References
    ----------
    Breslow, N. E. and Clayton, D. G. (1993). Approximate inference in generalized linear mixed
    models. Journal of the American Statistical Association 88(421), 9-25.
    """
    cells = _cells(counts, bins)
    if careful:
        trust = len(counts.seen) / 365.25 - 1.0
        cells = replace(cells, trust=min(max(trust, _LEAST_TRUST), 1.0))
    grid = [
        Scales(shape=shape, strength=strength, drift=drift, noise=noise)
        for shape, strength, drift, noise in product((0, 1), _STRENGTHS, _DRIFTS, _NOISES)
        if (drift >= _CAREFUL_DRIFT or not careful) and (strength > 0.0 or shape == 0)
    ]
    log_share = float(np.log(cells.seen.sum() + 2.0) - np.log(cells.expected.sum() + 2.0))
    base = cells.expected * np.exp(log_share)
    eta = log_share + np.log((np.maximum(cells.seen, 0.0) + 2.0) / (base + 2.0))
    for _ in range(_ROUNDS):
        cells = _with_response(cells, eta)
        weights = _log_weights(cells, grid)
        kept = np.array([scale.strength == 0.0 for scale in grid])
        kept |= weights > weights.max() - _SPAN
        grid = [scale for scale, keep in zip(grid, kept, strict=True) if keep]
        cells = replace(cells, scales=tuple(grid), log_weight=weights[kept])
        eta = _smoothed(cells)
    return cells


def _cells(counts: DailyCounts, bins: int) -> SeasonFit:
    """Add days up to successive months or weeks, of the last six cycles."""
    since = max(0, len(counts.seen) - round(_MOST_CYCLES * 365.25))
    days = counts.days[since:]
    place = bins_of_days(days, bins)
    leap = np.flatnonzero(place < 0)
    place[leap] = place[np.maximum(leap - 1, 0)]
    place[place < 0] = bins_of_days(days[:1] - 1, bins)[0]
    edges = np.append(np.flatnonzero(np.diff(place, prepend=-1)), len(days))
    start, end = days[edges[:-1]], days[edges[1:] - 1] + 1
    expected = np.add.reduceat(counts.expected[since:], edges[:-1])
    some = expected > 1e-6
    return SeasonFit(
        bins=bins,
        place=place[edges[:-1]][some],
        start=start[some],
        end=end[some],
        time=((start + end) / 2.0 - start[0])[some] / 365.25,
        seen=np.maximum(np.add.reduceat(counts.seen[since:], edges[:-1]), 0.0)[some],
        expected=expected[some],
        response=np.zeros(int(some.sum())),
        variance=np.ones(int(some.sum())),
        log_weight=np.empty(0),
    )


def _with_response(cells: SeasonFit, eta: FloatArray) -> SeasonFit:
    """Working responses at the present fit: exact for the score and the curvature there."""
    mean = cells.expected * np.exp(eta)
    return replace(cells, response=eta + (cells.seen - mean) / mean, variance=1.0 / mean)


def _wave_powers(bins: int, shape: int) -> FloatArray:
    """Share of each wave in the variance of the log index: a stationary process on the circle.

    Wave ``k`` has the power ``(1 + (k / k_0)^2)^-n`` with the shape's ``k_0`` and ``n``, that of
    an autoregression, so that neighbours are alike.
    """
    turn, order = _SHAPES[shape]
    wave = np.arange(1, min(bins // 2, _MOST_WAVES) + 1)
    power = (1.0 + (wave / turn) ** 2) ** -order
    return np.asarray(np.repeat(power / power.sum(), 2))


def _waves(bins: int) -> FloatArray:
    """Cosine and sine of each wave at each bin, shape (bins, 2 waves)."""
    wave = np.arange(1, min(bins // 2, _MOST_WAVES) + 1)
    angle = 2.0 * np.pi / bins * np.arange(bins)[:, None] * wave
    return np.stack([np.cos(angle), np.sin(angle)], axis=2).reshape(bins, -1)


def _design(cells: SeasonFit) -> FloatArray:
    """Columns for the level, the drift's steps and the season's waves, one row a cell."""
    knots = np.arange(1.0, np.ceil(cells.time[-1] * _KNOTS_PER_YEAR)) / _KNOTS_PER_YEAR
    steps = (cells.time[:, None] >= knots).astype(np.float64)
    return np.column_stack([np.ones(len(cells.time)), steps, _waves(cells.bins)[cells.place]])


def _deviations(cells: SeasonFit, scale: Scales, columns: int) -> FloatArray:
    """Prior standard deviations of the coefficients, in the order of :func:`_design`."""
    waves = scale.strength * np.sqrt(_wave_powers(cells.bins, scale.shape))
    drift = np.full(columns - 1 - len(waves), scale.drift / np.sqrt(_KNOTS_PER_YEAR))
    return np.concatenate(([_LEVEL_SD], drift, waves))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sums:
    """What the likelihood needs of the cells at one size of noise."""

    matrix: FloatArray
    vector: FloatArray
    square: float
    log_variance: float


def _sums(cells: SeasonFit, design: FloatArray, noise: float) -> _Sums:
    precision = 1.0 / (cells.variance + noise**2)
    return _Sums(
        matrix=np.einsum("ki,k,kj->ij", design, precision, design),
        vector=np.einsum("ki,k->i", design, precision * cells.response),
        square=float(np.sum(precision * cells.response**2)),
        log_variance=-float(np.log(precision).sum()),
    )


def _log_weights(cells: SeasonFit, grid: list[Scales]) -> FloatArray:
    """Log of prior times marginal likelihood at each point of the grid."""
    design = _design(cells)
    sums = {noise: _sums(cells, design, noise) for noise in {scale.noise for scale in grid}}
    return np.array([_log_weight(cells, scale, sums[scale.noise]) for scale in grid])


def _log_weight(cells: SeasonFit, scale: Scales, sums: _Sums) -> float:
    deviation = _deviations(cells, scale, len(sums.vector))
    root = _root(sums, deviation)
    explained = np.linalg.solve(root, deviation * sums.vector)
    fit = 0.5 * float(explained @ explained) - float(np.log(np.diag(root)).sum())
    sizes = np.array([scale.strength, scale.drift, scale.noise]) / np.array(_USUAL)
    points = len(_SHAPES) * np.count_nonzero(_STRENGTHS) if scale.strength > 0 else 1
    prior = -0.5 * float(sizes @ sizes) - float(np.log(points))
    return fit - 0.5 * (sums.square + sums.log_variance) + prior


def _root(sums: _Sums, deviation: FloatArray) -> FloatArray:
    """Cholesky root of ``1 + S X'VX S``, S being the prior deviations (zeros do no harm)."""
    inner = deviation[:, None] * sums.matrix * deviation
    return np.asarray(np.linalg.cholesky(np.eye(len(deviation)) + inner))


def _coefficients(
    cells: SeasonFit, design: FloatArray, scale: Scales
) -> tuple[FloatArray, FloatArray]:
    """Posterior mean of the coefficients, and a root of their covariance."""
    sums = _sums(cells, design, scale.noise)
    deviation = _deviations(cells, scale, len(sums.vector))
    spread = deviation[:, None] * np.linalg.inv(_root(sums, deviation)).T
    mean: FloatArray = np.einsum("ij,kj,k->i", spread, spread, sums.vector)
    return mean, spread


def _smoothed(cells: SeasonFit) -> FloatArray:
    """Fitted log ratio of each cell, noise included, at the likeliest scales."""
    scale = cells.scales[int(np.argmax(cells.log_weight))]
    design = _design(cells)
    fitted = np.einsum("ki,i->k", design, _coefficients(cells, design, scale)[0])
    kept = scale.noise**2 / (scale.noise**2 + cells.variance)
    eta = fitted + kept * (cells.response - fitted)
    centre = np.log((cells.seen + 2.0) / (cells.expected + 2.0))
    return np.asarray(np.clip(eta, centre - 4.0, centre + 4.0))


def season_and_level(cells: SeasonFit, scale: Scales, *, until: int) -> tuple[FloatArray, float]:
    """Log index and log level at a day, from the cells that had ended by then.

    Parameters
    ----------
    cells : SeasonFit
    scale : Scales
    until : int
        The day after the last one known.

    Returns
    -------
    season : float64 array, shape (bins,)
    level : float
        Of seen over expected, without season, at that day.
    """
    known = cells.end <= until
    past = replace(
        cells,
        place=cells.place[known],
        time=cells.time[known],
        response=cells.response[known],
        variance=cells.variance[known],
    )
    design = _design(past)
    mean, _ = _coefficients(past, design, scale)
    waves = _waves(cells.bins)
    first = len(mean) - waves.shape[1]
    return np.einsum("bi,i->b", waves, mean[first:]), float(mean[:first].sum())


def draw_index(cells: SeasonFit, *, draws: int, rng: np.random.Generator) -> FloatArray:
    """Draw the index: scales by their weight, then the season given the scales.

    Parameters
    ----------
    cells : SeasonFit
    draws : int
    rng : numpy.random.Generator

    Returns
    -------
    float64 array, shape (draws, bins)
        Each with mean one over a year.

    Notes
    -----
    What was seen once may be no season at all. Below two cycles the log index is multiplied, in
    each draw, by the share of it that will come again: Beta(2w, 2(1-w)), with the mean ``w`` being
    the share of the year that was seen twice.
    """
    weight = np.exp(cells.log_weight - logsumexp(cells.log_weight))
    hits = rng.multinomial(draws, weight / weight.sum())
    design, waves = _design(cells), _waves(cells.bins)
    first = design.shape[1] - waves.shape[1]
    pieces = []
    for scale, count in zip(cells.scales, hits, strict=True):
        if count == 0:
            continue
        mean, spread = _coefficients(cells, design, scale)
        z = rng.standard_normal((count, len(mean)))
        drawn = mean[first:] + np.einsum("ni,ji->nj", z, spread[first:])
        pieces.append(np.einsum("nj,bj->nb", drawn, waves))
    log_index = rng.permutation(np.concatenate(pieces))
    if cells.trust < 1.0:
        log_index *= rng.beta(2.0 * cells.trust, 2.0 * (1.0 - cells.trust), (draws, 1))
    return normalised(np.exp(log_index))
