"""Samples a built PyMC model: by nutpie where installed, else by PyMC itself, or by ADVI."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Literal

import numpy as np

from ltvforecast.errors import ConfigError, ConvergenceError
from ltvforecast.fitting.chain_diagnostics import ChainNumbers, chain_numbers
from ltvforecast.types import FloatArray

__all__ = ["NutsSampler", "Sampled", "Sampling", "approximate", "sample_chains", "thinned"]

NutsSampler = Literal["auto", "nutpie", "pymc"]
Progress = Callable[[str, int, int], None]

_TARGET_ACCEPT = 0.8
_ADVI_STEPS = 15_000
_ADVI_RATE = 0.005


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How to run the chains.

    Attributes
    ----------
    chains, tune, steps : int
        Chains, tuning steps of each, and steps kept of each.
    target_accept : float or None
        Higher means smaller steps; None: .95 where partners differ (.99 if steps diverge even so),
        else .8.
    sampler : {"auto", "nutpie", "pymc"}
        ``auto``: nutpie if it is installed. The choice changes the draws, not their distribution.
    cores : int or None
        Chains at a time; None: all processors with nutpie, whose chains are threads, and one with
        PyMC, whose chains would be processes.
    """

    chains: int = 4
    tune: int = 1000
    steps: int = 1000
    target_accept: float | None = None
    sampler: NutsSampler = "auto"
    cores: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampled:
    """Draws of every variable of a model.

    Attributes
    ----------
    draws : mapping of str to float64 array, shape (chain, step, ...)
        One chain for ADVI.
    sampler : {"nutpie", "pymc", "advi"}
    numbers : ChainNumbers or None
        None for ADVI.
    """

    draws: Mapping[str, FloatArray]
    sampler: Literal["nutpie", "pymc", "advi"]
    numbers: ChainNumbers | None


def sample_chains(
    model: Any,
    *,
    seed: int,
    sampling: Sampling | None = None,
    what: str = "the model",
    progress: Progress | None = None,
) -> Sampled:
    """Run Markov chains by the No-U-Turn sampler.

    Parameters
    ----------
    model : pymc.Model
        See :mod:`ltvforecast.fitting.pymc_models`.
    seed : int
        Same model, seed, sampler and versions: same draws.
    sampling : Sampling, optional
    what : str
        What is being sampled, for messages.
    progress : callable, optional
        Called with a label, steps done and steps in all. Nothing is printed either way.

    Returns
    -------
    Sampled
        Not judged yet: see :func:`ltvforecast.fitting.chain_diagnostics.judge_chains`.

    Raises
    ------
    ConfigError
        The sampler that was asked for is not installed, or a number makes no sense.
    ConvergenceError
        The chains can't even start.

    References
    ----------
    Hoffman & Gelman (2014), The No-U-Turn sampler, Journal of Machine Learning Research 15.
    """
    import pymc as pm

    chosen = sampling or Sampling()
    sampler = _sampler(chosen)
    tell = _teller(progress, what, total=chosen.chains * (chosen.tune + chosen.steps))
    tell(0)
    run = _by_nutpie if sampler == "nutpie" else _by_pymc
    with _ready():
        try:
            result = run(model, chosen, seed, tell)
        except (pm.exceptions.SamplingError, RuntimeError) as error:
            raise _can_not_start(what, error) from error
    tell(chosen.chains * (chosen.tune + chosen.steps))
    draws = _arrays(result.posterior)
    numbers = chain_numbers(
        draws,
        diverging=np.asarray(result.sample_stats["diverging"], dtype=np.float64),
        energy=np.asarray(result.sample_stats["energy"], dtype=np.float64),
    )
    return Sampled(draws=draws, sampler=sampler, numbers=numbers)


def approximate(
    model: Any,
    *,
    seed: int,
    draws: int,
    what: str = "the model",
    progress: Progress | None = None,
) -> Sampled:
    """Approximate a posterior by independent normal distributions (ADVI): a quick look.

    Parameters
    ----------
    model : pymc.Model
    seed : int
    draws : int
    what : str
    progress : callable, optional
        As for :func:`sample_chains`.

    Returns
    -------
    Sampled

    Raises
    ------
    ConvergenceError
        The approximation diverges.

    References
    ----------
    Kucukelbir, Tran, Ranganath, Gelman & Blei (2017), Automatic differentiation variational
    inference, Journal of Machine Learning Research 18.
    """
    import pymc as pm

    tell = _teller(progress, what, total=_ADVI_STEPS)
    tell(0)
    first, second = (int(state) for state in np.random.SeedSequence(seed).generate_state(2))
    with _ready(), model:
        try:
            fitted = pm.fit(
                _ADVI_STEPS,
                method="advi",
                random_seed=first,
                obj_optimizer=pm.adam(learning_rate=_ADVI_RATE),
                progressbar=False,
            )
            result = fitted.sample(draws, random_seed=second)
        except (pm.exceptions.SamplingError, FloatingPointError, RuntimeError) as error:
            raise _can_not_start(what, error) from error
    tell(_ADVI_STEPS)
    found = _arrays(result.posterior)
    if not all(np.isfinite(values).all() for values in found.values()):
        raise _can_not_start(what, "the approximation is not finite")
    return Sampled(draws=found, sampler="advi", numbers=None)


def thinned(values: FloatArray, count: int) -> FloatArray:
    """Keep so many draws, evenly spread over the steps, all chains in turn.

    Parameters
    ----------
    values : float64 array, shape (chain, step, ...)
    count : int
        At most chains times steps.

    Returns
    -------
    float64 array, shape (count, ...)
        Draw ``k`` is of chain ``k`` modulo the number of chains.

    Examples
    --------
    >>> thinned(np.array([[1.0, 2.0, 3.0], [10.0, 20.0, 30.0]]), 4).tolist()
    [1.0, 10.0, 3.0, 30.0]
    """
    chains, steps = values.shape[:2]
    rounds = -(-count // chains)
    step = np.rint(np.linspace(0, steps - 1, rounds)).astype(np.int64)
    kept = np.swapaxes(values[:, step], 0, 1)
    return kept.reshape(rounds * chains, *values.shape[2:])[:count]


def _by_nutpie(model: Any, sampling: Sampling, seed: int, tell: Callable[[int], None]) -> Any:
    import nutpie

    compiled = nutpie.compile_pymc_model(model)
    tell(0)
    return nutpie.sample(
        compiled,
        draws=sampling.steps,
        tune=sampling.tune,
        chains=sampling.chains,
        cores=min(sampling.cores or os.cpu_count() or 1, sampling.chains),
        seed=seed,
        target_accept=sampling.target_accept or _TARGET_ACCEPT,
        save_warmup=False,
        progress_bar=False,
    )


def _by_pymc(model: Any, sampling: Sampling, seed: int, tell: Callable[[int], None]) -> Any:
    import pymc as pm

    return pm.sample(
        draws=sampling.steps,
        tune=sampling.tune,
        chains=sampling.chains,
        cores=min(sampling.cores or 1, sampling.chains),
        random_seed=seed,
        nuts_sampler="pymc",
        model=model,
        target_accept=sampling.target_accept or _TARGET_ACCEPT,
        callback=_counter(tell),
        progressbar=False,
        compute_convergence_checks=False,
    )


def _sampler(sampling: Sampling) -> Literal["nutpie", "pymc"]:
    numbers = (("chains", 2), ("tune", 1), ("steps", 4))
    for name, least in numbers:
        if getattr(sampling, name) < least:
            raise ConfigError(
                f"{name} {getattr(sampling, name)}",
                expected=f"at least {least}",
                remedy=f"choose a larger number for {name}",
            )
    installed = find_spec("nutpie") is not None
    if sampling.sampler == "nutpie" and not installed:
        raise ConfigError(
            "the sampler nutpie is not installed",
            expected="nutpie, or sampler 'pymc' or 'auto'",
            remedy="install it: pip install nutpie; or choose 'pymc'",
        )
    return "nutpie" if installed and sampling.sampler != "pymc" else "pymc"


@contextmanager
def _ready() -> Iterator[None]:
    """Quiet libraries, a compiler that exists, and arithmetic that doesn't depend on caches.

    Without a C++ compiler PyTensor 2 would run everything in plain Python, a hundred times slower:
    Numba does it then. Numba's fast arithmetic rounds differently when compiled code comes from
    its cache, so that a seed would not give the same draws twice.
    """
    import pytensor

    logger = logging.getLogger("pymc")
    level = logger.level
    flags: dict[str, object] = {"numba__fastmath": False}
    if not pytensor.config.cxx and pytensor.config.mode == "Mode":
        flags["mode"] = "NUMBA"
    with pytensor.config.change_flags(**flags), warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=FutureWarning)
        warnings.filterwarnings("ignore", category=DeprecationWarning)
        # overflow at a trial point far out is a rejected step, not a fault
        warnings.filterwarnings("ignore", category=RuntimeWarning)
        logger.setLevel(logging.ERROR)
        try:
            yield
        finally:
            logger.setLevel(level)


def _teller(progress: Progress | None, what: str, *, total: int) -> Callable[[int], None]:
    def tell(done: int) -> None:
        if progress is not None:
            progress(f"sampling {what}", done, total)

    return tell


def _counter(tell: Callable[[int], None]) -> Callable[..., None]:
    """Count PyMC's steps; every hundredth is told."""
    done = 0

    def count(*, trace: Any, draw: Any) -> None:
        nonlocal done
        del trace, draw  # PyMC hands them over by name
        done += 1
        if done % 100 == 0:
            tell(done)

    return count


def _arrays(posterior: Any) -> dict[str, FloatArray]:
    return {
        str(name): np.asarray(values, dtype=np.float64)
        for name, values in posterior.data_vars.items()
    }


def _can_not_start(what: str, reason: object) -> ConvergenceError:
    return ConvergenceError(
        f"the posterior of {what} could not be sampled: {reason}",
        expected="a log-density that is finite around the priors",
        remedy="check priors that were changed; or use method='laplace'",
    )
