"""Weak priors, free of any scale: times count in mean ages, money in typical amounts.

They say what is plausible for any programme (rates within a factor of fifty of one purchase per
mean age, and so on), so that a handful of customers still gives a proper posterior and a large
data set doesn't notice them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ltvforecast.types import FloatArray

__all__ = ["EFFECT_SD", "PURCHASE_PRIOR", "SPEND_PRIOR", "NormalPrior", "with_effects"]

EFFECT_SD = 0.5
"""Of the normal prior of a covariate's effect, a log factor for one unit of its coded column. Two
in three factors are expected between .6 and 1.65, one in twenty beyond .38 or 2.66: what a tier, a
plan or one standard deviation goes with is seldom more. It has no unit, as codes have none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NormalPrior:
    """Independent normal priors of the coordinates a model is fitted in.

    Attributes
    ----------
    names : tuple of str
        What each coordinate says, in plain words.
    mean, sd : tuple of float
    """

    names: tuple[str, ...]
    mean: tuple[float, ...]
    sd: tuple[float, ...]

    def log_density(self, theta: FloatArray) -> FloatArray:
        """Log-density up to a constant.

        Parameters
        ----------
        theta : float64 array, shape (..., n_coordinates)

        Returns
        -------
        float64 array, shape (...)

        Examples
        --------
        >>> float(PURCHASE_PRIOR.log_density(np.array([1.5, 0.0, 0.0, np.log(3)])))
        -0.5
        """
        z = (theta - np.asarray(self.mean)) / np.asarray(self.sd)
        density: FloatArray = -0.5 * np.sum(z * z, axis=-1)
        return density

    def gradient(self, theta: FloatArray) -> FloatArray:
        """Gradient of :meth:`log_density`, of the shape of ``theta``."""
        gradient: FloatArray = (np.asarray(self.mean) - theta) / np.asarray(self.sd) ** 2
        return gradient


PURCHASE_PRIOR = NormalPrior(
    names=(
        "how much customers differ in how often they buy",
        "how often customers buy",
        "how likely a customer is to stop after a purchase",
        "how much customers differ in when they stop",
    ),
    mean=(0.0, 0.0, 0.0, float(np.log(3.0))),
    sd=(1.5, 2.0, 1.5, 1.5),
)
"""Of ``log r, log(r/alpha), logit a/(a+b), log(a+b)``; time in multiples of the mean age."""

SPEND_PRIOR = NormalPrior(
    names=(
        "how much one customer's amounts vary",
        "how large a typical amount is",
        "how much customers differ in what they spend",
    ),
    mean=(float(np.log(3.0)), 0.0, float(np.log(2.0))),
    sd=(1.0, 1.5, 1.0),
)
"""Of ``log p, log(mean spend), log(q-1)``; money in multiples of the median customer's amount."""


def with_effects(
    prior: NormalPrior, columns: tuple[str, ...], levels: tuple[int, ...]
) -> NormalPrior:
    """Add the effects of covariates to a prior.

    Parameters
    ----------
    prior : NormalPrior
    columns : tuple of str
        Coded columns.
    levels : tuple of int
        Coordinates that each of them has an effect on.

    Returns
    -------
    NormalPrior
        Effects come last, all columns' on the first level first.

    Examples
    --------
    >>> with_effects(SPEND_PRIOR, ("vip = yes",), (1,)).names[-1]
    "how 'vip = yes' goes with how large a typical amount is"
    """
    added = [f"how {name!r} goes with {prior.names[level]}" for level in levels for name in columns]
    return NormalPrior(
        names=(*prior.names, *added),
        mean=prior.mean + (0.0,) * len(added),
        sd=prior.sd + (EFFECT_SD,) * len(added),
    )
