"""From the size of a misfit and its p-value to a verdict: both must speak."""

from __future__ import annotations

import numpy as np
from scipy.stats import chi2, norm

from ltvforecast.check_types import Verdict
from ltvforecast.types import FloatArray

__all__ = ["LOOK_P", "error_beyond_chance", "judge", "predictive_p"]

LOOK_P, FAILS_P = 0.005, 0.0005
"""A dozen checks at .005 tell of something in at most 6 in 100 programmes that the model fits."""


def judge(size: float, p_value: float, *, look: float, fails: float) -> Verdict:
    """Say whether a misfit is one to look at.

    Parameters
    ----------
    size : float
        Of the misfit; its sign does not matter.
    p_value : float
    look, fails : float
        From which size a misfit is worth a look, and from which the model fails.

    Returns
    -------
    {"fine", "look", "fails"}

    Notes
    -----
    In small samples large misfits come by chance, so the p-value has to be small; in large ones
    every model is rejected, so the misfit has to be large enough to matter for a forecast. Each
    alone would cry wolf.

    References
    ----------
    Benjamin et al. (2018), Nature Human Behaviour 2, 6-10 (.005 for "significant"); Gelman, Meng
    & Stern (1996), Statistica Sinica 6, 733-807 (realised discrepancies rather than p alone).

    Examples
    --------
    >>> judge(0.2, 1e-9, look=0.05, fails=0.15), judge(0.2, 0.03, look=0.05, fails=0.15)
    ('fails', 'fine')
    >>> judge(-0.06, 1e-9, look=0.05, fails=0.15), judge(0.01, 1e-9, look=0.05, fails=0.15)
    ('look', 'fine')
    """
    if p_value < FAILS_P and abs(size) >= fails:
        return "fails"
    return "look" if p_value < LOOK_P and abs(size) >= look else "fine"


def error_beyond_chance(
    actual: FloatArray, expected: FloatArray, replicates: FloatArray
) -> tuple[float, float]:
    """Measure by how much groups of customers, or periods, are off, beyond what chance explains.

    Parameters
    ----------
    actual, expected : float64 array, shape (group,)
    replicates : float64 array, shape (replicate, group)
        The same as ``actual``, simulated from the model.

    Returns
    -------
    size : float
        Root mean square error, less what chance alone gives, as a share of the root mean square
        of ``expected``: .1 means that groups are typically 10 % off.
    p_value : float
        Of the sum of squared errors in standard deviations. Its distribution is that of the
        replicates, taken as a multiple of chi-square with their mean and variance, so that the
        groups may be correlated.

    References
    ----------
    Satterthwaite (1946), Biometrics Bulletin 2, 110-114 (matching a multiple of chi-square).

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> expected = np.full(20, 100.0)
    >>> replicates = rng.poisson(expected, (200, 20)).astype(float)
    >>> size, p = error_beyond_chance(expected + 30.0, expected, replicates)
    >>> 0.25 < size < 0.3, p < 1e-9
    (True, True)
    """
    noise = np.mean((replicates - expected) ** 2, axis=0)
    told = noise > 0
    if not told.any():
        return 0.0, 1.0
    error = (actual - expected)[told]
    simulated = np.sum((replicates - expected)[:, told] ** 2 / noise[told], axis=1)
    mean, variance = float(simulated.mean()), float(simulated.var(ddof=1))
    scale = max(variance, 1e-12) / (2.0 * mean)
    found = float(np.sum(error**2 / noise[told]))
    beyond = max(0.0, float(np.sum(error**2 - noise[told])))
    size = np.sqrt(beyond / max(float(np.sum(expected[told] ** 2)), 1e-12))
    return float(size), float(chi2.sf(found / scale, mean / scale))


def predictive_p(actual: float, replicates: FloatArray) -> float:
    """Posterior predictive p-value, two-sided.

    Parameters
    ----------
    actual : float
    replicates : float64 array, shape (replicate,)

    Returns
    -------
    float
        Twice the share of replicates at least as far out on the same side, at most 1. Where the
        actual lies beyond all of them, the normal tail of its distance in standard deviations.

    References
    ----------
    Rubin (1984), Annals of Statistics 12, 1151-1172; Gelman, Meng & Stern (1996).

    Examples
    --------
    >>> predictive_p(5.0, np.arange(11.0))
    1.0
    >>> predictive_p(100.0, np.arange(11.0)) < 1e-9
    True
    """
    count = len(replicates)
    above, below = int((replicates >= actual).sum()), int((replicates <= actual).sum())
    by_rank = min(1.0, 2.0 * (min(above, below) + 1) / (count + 1))
    if min(above, below) > 0:
        return by_rank
    spread = float(replicates.std(ddof=1))
    if spread == 0.0:
        return by_rank
    return min(by_rank, float(2.0 * norm.sf(abs(actual - float(replicates.mean())) / spread)))
