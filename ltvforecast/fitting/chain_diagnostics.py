"""Whether Markov chains have converged: R-hat, effective draws, divergences, energy; and a gate."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec

import numpy as np
import xarray as xr

from ltvforecast.errors import ConvergenceError
from ltvforecast.fit_types import Diagnostics
from ltvforecast.types import FloatArray

__all__ = ["ChainNumbers", "chain_numbers", "judge_chains", "judge_quick_look"]

LARGEST_R_HAT = 1.01
FEWEST_EFFECTIVE = 400.0
SMALLEST_BFMI = 0.3


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainNumbers:
    """The worst of all parameters.

    Attributes
    ----------
    chains, steps : int
        Markov chains, and steps in each after tuning.
    r_hat, ess_bulk, ess_tail : float
        Largest R-hat and smallest effective sample sizes; R-hat is infinite where a chain is stuck.
    divergences : int
    bfmi : float
        Lowest of the chains.
    """

    chains: int
    steps: int
    r_hat: float
    ess_bulk: float
    ess_tail: float
    divergences: int
    bfmi: float


def chain_numbers(
    draws: Mapping[str, FloatArray], *, diverging: FloatArray, energy: FloatArray
) -> ChainNumbers:
    """Compute the diagnostics of chains with ArviZ, whichever of its generations is installed.

    Parameters
    ----------
    draws : mapping of str to float64 array, shape (chain, step, ...)
    diverging, energy : array, shape (chain, step)
        Which steps diverged, and the Hamiltonian at each.

    Returns
    -------
    ChainNumbers

    References
    ----------
    Vehtari, Gelman, Simpson, Carpenter & Bürkner (2021), Rank-normalization, folding, and
    localization: an improved R-hat, Bayesian Analysis 16(2); Betancourt (2016), Diagnosing
    suboptimal cotangent disintegrations in Hamiltonian Monte Carlo, arXiv:1604.00695 (BFMI).
    """
    with warnings.catch_warnings():
        # ArviZ 0.23 announces its own next generation when it is imported
        warnings.filterwarnings("ignore", category=FutureWarning)
        arviz = import_module("arviz")
    table = _table(draws)
    with np.errstate(all="ignore"):
        r_hat = _worst(arviz.rhat(table), largest=True)
        bulk = _worst(arviz.ess(table, method="bulk"), largest=False)
        tail = _worst(arviz.ess(table, method="tail"), largest=False)
        if find_spec("arviz_stats") is not None:
            stats = import_module("arviz_stats.base").array_stats
            fraction = stats.bfmi(energy, chain_axis=0, draw_axis=1)
        else:
            fraction = arviz.bfmi(energy)
    chains, steps = energy.shape
    lowest = float(np.min(fraction))
    return ChainNumbers(
        chains=chains,
        steps=steps,
        r_hat=r_hat,
        ess_bulk=bulk,
        ess_tail=tail,
        divergences=int(np.sum(diverging)),
        bfmi=lowest if np.isfinite(lowest) else 0.0,
    )


def _table(draws: Mapping[str, FloatArray]) -> xr.Dataset:
    """All parameters side by side."""
    columns = [np.reshape(values, (*values.shape[:2], -1)) for values in draws.values()]
    return xr.Dataset(
        {"parameters": (("chain", "draw", "parameter"), np.concatenate(columns, axis=2))}
    )


def _worst(found: xr.Dataset, *, largest: bool) -> float:
    values = np.asarray(found["parameters"], dtype=np.float64)
    if not np.isfinite(values).all():
        return np.inf if largest else 0.0
    return float(values.max() if largest else values.min())


def judge_chains(
    numbers: ChainNumbers, *, what: str, flags: Sequence[str] = (), accept_unconverged: bool = False
) -> Diagnostics:
    """Say in words whether chains can be used, and refuse them if not.

    Parameters
    ----------
    numbers : ChainNumbers
    what : str
        For example ``"the purchase process"``.
    flags : sequence of str
        Findings, each a sentence.
    accept_unconverged : bool
        Mark chains that fail instead of refusing them.

    Returns
    -------
    Diagnostics

    Raises
    ------
    ConvergenceError
        A gate is missed and ``accept_unconverged`` is False.

    Examples
    --------
    >>> good = ChainNumbers(chains=4, steps=1000, r_hat=1.002, ess_bulk=1500.0, ess_tail=1800.0,
    ...                     divergences=0, bfmi=0.9)
    >>> judge_chains(good, what="a test").trusted
    True
    """
    missed = _missed(numbers)
    if missed and not accept_unconverged:
        raise ConvergenceError(
            f"the chains of {what} have not converged: {'; '.join(missed)}",
            expected=f"R-hat below {LARGEST_R_HAT}, more than {FEWEST_EFFECTIVE:.0f} effective "
            f"draws, no divergent step, and BFMI above {SMALLEST_BFMI}",
            remedy="ask for more tuning and more draws, or use method='laplace'; to look at the "
            "draws all the same, accept them as unconverged, which every verdict will say",
        )
    if missed:
        verdict = (
            f"NOT CONVERGED, accepted by the user: the chains of {what} are not to be trusted "
            f"({'; '.join(missed)})."
        )
    else:
        verdict = (
            f"The posterior of {what} was sampled reliably ({numbers.chains} chains agree, R-hat "
            f"{numbers.r_hat:.3f}; at least {numbers.ess_bulk:,.0f} effective draws)."
        )
    return Diagnostics(
        trusted=not missed,
        verdict=verdict + _but(flags),
        effective_draws=numbers.ess_bulk,
        flags=tuple(flags),
        chains=numbers.chains,
        r_hat=numbers.r_hat if np.isfinite(numbers.r_hat) else None,
        ess_bulk=numbers.ess_bulk,
        ess_tail=numbers.ess_tail,
        divergences=numbers.divergences,
        bfmi=numbers.bfmi,
    )


def _missed(numbers: ChainNumbers) -> list[str]:
    gates = (
        (not numbers.r_hat < LARGEST_R_HAT, f"R-hat {numbers.r_hat:.3f}"),
        (not numbers.ess_bulk > FEWEST_EFFECTIVE, f"{numbers.ess_bulk:,.0f} effective draws"),
        (
            not numbers.ess_tail > FEWEST_EFFECTIVE,
            f"{numbers.ess_tail:,.0f} effective draws in the tails",
        ),
        (numbers.divergences > 0, f"{numbers.divergences:,} divergent steps"),
        (not numbers.bfmi > SMALLEST_BFMI, f"BFMI {numbers.bfmi:.2f}"),
    )
    return [said for fails, said in gates if fails]


def judge_quick_look(*, what: str, flags: Sequence[str] = ()) -> Diagnostics:
    """Mark a variational fit for what it is.

    Parameters
    ----------
    what : str
    flags : sequence of str
        Findings, each a sentence.

    Returns
    -------
    Diagnostics
        Never trusted.
    """
    return Diagnostics(
        trusted=False,
        verdict=f"A quick look, not for decisions: the posterior of {what} was approximated by "
        "independent normal distributions (ADVI), and nothing says how well. Its intervals are "
        "usually too narrow." + _but(flags),
        flags=tuple(flags),
    )


def _but(flags: Sequence[str]) -> str:
    return "" if not flags else f" Note {len(flags)}: " + "; ".join(flags) + "."
