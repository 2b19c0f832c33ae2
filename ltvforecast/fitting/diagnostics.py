"""What a fit's numbers mean, in plain words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ltvforecast.fit_types import Diagnostics
from ltvforecast.fitting.laplace import PosteriorDraws
from ltvforecast.fitting.mle import Optimum
from ltvforecast.fitting.priors import NormalPrior

__all__ = ["edge_flags", "point_diagnostics", "posterior_diagnostics", "prior_dominated"]

PRIOR_DOMINATED = 0.9
"""A posterior at least this wide, as a share of its prior, has learnt next to nothing."""


def prior_dominated(draws: PosteriorDraws, prior: NormalPrior) -> tuple[int, ...]:
    """Find the coordinates that the data say next to nothing about.

    Parameters
    ----------
    draws : PosteriorDraws
    prior : NormalPrior

    Returns
    -------
    tuple of int
        Coordinates whose posterior is more than 0.9 times as wide as their prior.
    """
    ratio = draws.theta.std(axis=0) / np.asarray(prior.sd)
    return tuple(int(k) for k in np.flatnonzero(ratio > PRIOR_DOMINATED))


def edge_flags(
    flat: Sequence[bool],
    limits: Sequence[tuple[int, int, str]],
    *,
    prior: NormalPrior,
    dominated: Sequence[int] = (),
) -> list[str]:
    """Say in words what the data can't tell.

    Parameters
    ----------
    flat : sequence of bool
        For each limit, whether the likelihood is as high there.
    limits : sequence of (coordinate, sign, sentence)
    prior : NormalPrior
    dominated : sequence of int
        Coordinates where the posterior is the prior: said once, without their limits.

    Returns
    -------
    list of str
    """
    flags = [
        f"prior-dominated: the data say almost nothing about {prior.names[k]}; there the forecast "
        "rests on a weak prior"
        for k in dominated
    ]
    reached = [limit for limit, found in zip(limits, flat, strict=True) if found]
    ways = [coordinate for coordinate, _, _ in reached]
    for coordinate, _, sentence in reached:
        if coordinate in dominated:
            continue
        both = f"boundary: the data can't tell {prior.names[coordinate]}"
        said = sentence if ways.count(coordinate) == 1 else both
        if said not in flags:
            flags.append(said)
    return flags


def posterior_diagnostics(
    draws: PosteriorDraws, optimum: Optimum, *, what: str, flags: Sequence[str]
) -> Diagnostics:
    """Judge a posterior that has passed its gate.

    Parameters
    ----------
    draws : PosteriorDraws
    optimum : Optimum
    what : str
        For example ``"the purchase process"``.
    flags : sequence of str
        Findings, each a sentence.

    Returns
    -------
    Diagnostics
    """
    again = f", after {draws.refits} refits of the proposal" if draws.refits else ""
    verdict = f"The posterior of {what} was sampled reliably (Pareto k {draws.k_hat:.2f}{again})."
    return Diagnostics(
        trusted=True,
        verdict=verdict + _but(flags),
        k_hat=draws.k_hat,
        effective_draws=draws.effective,
        gradient_norm=float(np.abs(optimum.gradient).max()),
        flags=tuple(flags),
    )


def point_diagnostics(optimum: Optimum, *, what: str, flags: Sequence[str]) -> Diagnostics:
    """Judge a maximum of the likelihood.

    Parameters
    ----------
    optimum : Optimum
    what : str
    flags : sequence of str
        Findings, each a sentence.

    Returns
    -------
    Diagnostics
    """
    steepest = float(np.abs(optimum.gradient).max())
    verdict = (
        f"The likelihood of {what} has its maximum here. It is one point: intervals made from it "
        "leave out how uncertain the parameters are."
    )
    return Diagnostics(
        trusted=True, verdict=verdict + _but(flags), gradient_norm=steepest, flags=tuple(flags)
    )


def _but(flags: Sequence[str]) -> str:
    return "" if not flags else f" Note {len(flags)}: " + "; ".join(flags) + "."
