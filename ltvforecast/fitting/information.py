"""How well a model predicts customers it has not seen: PSIS-LOO and WAIC on counted rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

from ltvforecast.errors import ConfigError
from ltvforecast.fitting.pointwise import Observations
from ltvforecast.fitting.psis import leave_one_out
from ltvforecast.types import FloatArray

__all__ = [
    "HIGH_K_HAT",
    "Difference",
    "Information",
    "compare_information",
    "information_criteria",
]

HIGH_K_HAT = 0.7
"""Above this the smoothed weights of a customer left out are not to be trusted."""
CLEAR_DIFFERENCE = 4.0
"""A smaller difference says nothing, whatever its standard error (Sivula et al. 2020)."""
_FEWEST_DRAWS = 100
_BLOCK = 2_000_000
"""Numbers in one block of rows by draws."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Information:
    """Expected log predictive density of customers not seen, two ways.

    Attributes
    ----------
    kind, fingerprint : str
        Of the observations: only equal ones can be compared.
    weight, elpd_rows : float64 array, shape (n_rows,)
        Customers in each row, and each one's ``elpd_loo``.
    customers : int
    elpd_loo, elpd_loo_se, p_loo : float
        Sum over customers, its standard error, and the effective number of parameters.
    elpd_waic, elpd_waic_se, p_waic : float
    high_k_hat : int
        Customers whose k-hat is above .7: for them the approximation is not to be trusted.
    largest_k_hat : float
    """

    kind: str
    fingerprint: str
    weight: FloatArray
    elpd_rows: FloatArray
    customers: int
    elpd_loo: float
    elpd_loo_se: float
    p_loo: float
    elpd_waic: float
    elpd_waic_se: float
    p_waic: float
    high_k_hat: int
    largest_k_hat: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """How much better one model predicts than another: ``elpd_diff`` is negative if worse."""

    elpd_diff: float
    elpd_diff_se: float

    @property
    def clear(self) -> bool:
        """Whether it is more than noise: over 4, and over twice its standard error."""
        size = abs(self.elpd_diff)
        return size > CLEAR_DIFFERENCE and size > 2.0 * self.elpd_diff_se


def information_criteria(
    observed: Observations, *, progress: Callable[[str, int, int], None] | None = None
) -> Information:
    """Compute PSIS-LOO and WAIC, each customer one observation.

    Parameters
    ----------
    observed : Observations
    progress : callable, optional
        Called as ``progress(label, done, total)``.

    Returns
    -------
    Information

    Raises
    ------
    ConfigError
        Too few posterior draws; a point fit has one.

    Notes
    -----
    Customers who look the same have the same log-likelihood in every draw, hence the same
    ``elpd`` and k-hat: each distinct row is smoothed once and counts ``weight`` times, in the sums
    and in the variance behind the standard error. The result is that of all customers one by one.
    A row whose likelihood is the same in all draws is its own prediction, with k-hat 0.

    References
    ----------
    Vehtari, Gelman & Gabry (2017), Statistics and Computing 27, 1413-1432 (PSIS-LOO);
    Watanabe (2010), Journal of Machine Learning Research 11, 3571-3594 (WAIC).
    """
    draws = len(observed.parameters[0])
    if draws < _FEWEST_DRAWS:
        raise ConfigError(
            f"{draws} posterior draw{'' if draws == 1 else 's'}",
            expected=f"at least {_FEWEST_DRAWS}: a point fit has no posterior to leave anyone out "
            "of",
            remedy="use method laplace with more draws",
        )
    size = len(observed)
    elpd, k_hat, density, variance = (np.empty(size) for _ in range(4))
    step = max(1, _BLOCK // draws)
    for start in range(0, size, step):
        rows = slice(start, start + step)
        values = observed.log_likelihood(rows)
        elpd[rows], k_hat[rows] = _left_out(values)
        density[rows] = logsumexp(values, axis=1) - np.log(draws)
        variance[rows] = values.var(axis=1)
        if progress is not None:
            progress(f"leaving customers out ({observed.part})", min(start + step, size), size)
    weight = observed.weight
    waic = density - variance
    return Information(
        kind=observed.kind,
        fingerprint=observed.fingerprint,
        weight=weight,
        elpd_rows=elpd,
        customers=round(float(weight.sum())),
        elpd_loo=_total(elpd, weight),
        elpd_loo_se=_error(elpd, weight),
        p_loo=_total(density - elpd, weight),
        elpd_waic=_total(waic, weight),
        elpd_waic_se=_error(waic, weight),
        p_waic=_total(variance, weight),
        high_k_hat=round(float(weight[k_hat > HIGH_K_HAT].sum())),
        largest_k_hat=float(k_hat.max()),
    )


def compare_information(one: Information, other: Information) -> Difference:
    """Tell how much better ``one`` predicts than ``other``, customer by customer.

    Parameters
    ----------
    one, other : Information

    Returns
    -------
    Difference

    Raises
    ------
    ConfigError
        They are likelihoods of different data, whose difference means nothing.

    References
    ----------
    Vehtari, Gelman & Gabry (2017), Statistics and Computing 27, 1413-1432, section 5.2; Sivula,
    Magnusson, Matamoros & Vehtari (2020), arXiv:2008.10296 (when a difference is none).
    """
    if one.fingerprint != other.fingerprint:
        raise ConfigError(
            f"likelihoods of {one.kind} and of {other.kind}"
            + (", but not the same ones" if one.kind == other.kind else ""),
            expected="two models of the same data",
            remedy="compare these by rolling origins, where both forecast the same money",
        )
    gain = one.elpd_rows - other.elpd_rows
    return Difference(elpd_diff=_total(gain, one.weight), elpd_diff_se=_error(gain, one.weight))


def _left_out(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    elpd, k_hat = values[:, 0].copy(), np.zeros(len(values))
    varies = np.ptp(values, axis=1) > 0
    if varies.any():
        elpd[varies], k_hat[varies] = leave_one_out(values[varies])
    return elpd, k_hat


def _total(values: FloatArray, weight: FloatArray) -> float:
    return float(values @ weight)


def _error(values: FloatArray, weight: FloatArray) -> float:
    """Give the standard error of the sum: root of customers times the variance over customers."""
    count = float(weight.sum())
    mean = float(values @ weight) / count
    return float(np.sqrt(((values - mean) ** 2) @ weight))
