"""CPU time of our posterior against the point fits of lifetimes, in one process.

Run as ``python -m tests.benchmarks.fit_speed [--customers N] [--draws M]``. Both sides fit the same
simulated customers: lifetimes its BetaGeoFitter and GammaGammaFitter, a point each; we the
posterior of both models. Times are CPU seconds, user and system, of this process with all its
threads. Imports are done before the clock starts, and given apart.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

TRUTH = {"r": 0.25, "alpha": 4.5, "a": 0.8, "b": 2.4, "p": 6.25, "q": 3.74, "v": 15.44}
TARGET = 0.1
"""Of lifetimes' CPU time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """CPU seconds of one fit and what it found."""

    name: str
    seconds: float
    found: dict[str, float]


def simulated(size: int, *, seed: int = 1) -> pd.DataFrame:
    """Draw customers of BG/NBD and Gamma-Gamma, in whole days of a two-year window, in weeks."""
    rng = np.random.default_rng(seed)
    T = np.floor(rng.uniform(26, 104, size) * 7)
    rate = rng.gamma(TRUTH["r"], 1 / (7 * TRUTH["alpha"]), size)
    dropout = np.clip(rng.beta(TRUTH["a"], TRUTH["b"], size), 1e-12, 1 - 1e-12)
    last = np.floor(np.log(rng.uniform(size=size)) / np.log1p(-dropout)) + 1
    bought = rng.poisson(rate * T).astype(float)
    x = np.minimum(bought, last)
    t_x = np.ceil(T * rng.beta(np.maximum(x, 1), bought - x + 1))
    n = x + 1
    level = rng.gamma(TRUTH["q"], 1 / TRUTH["v"], size)
    first = rng.gamma(TRUTH["p"], 1, size)
    later = rng.gamma(TRUTH["p"] * np.maximum(x, 1), 1) * (x > 0)
    # the sum of logs of k amounts with a given sum: of a symmetric Dirichlet, by its mean
    spread = n * (_mean_log_share(n) + np.log(first + later))
    return pd.DataFrame(
        {
            "frequency": x,
            "recency": np.where(x > 0, t_x, 0) / 7,
            "T": T / 7,
            "monetary_value": later / np.maximum(x, 1) / level,
            "first_value": first / level,
            "spend_n": n,
            "spend_sum": (first + later) / level,
            "spend_log_sum": spread - n * np.log(level),
        }
    )


def _mean_log_share(n: np.ndarray) -> np.ndarray:
    from scipy.special import psi

    return psi(TRUTH["p"]) - psi(TRUTH["p"] * n)


def measure(name: str, work: Callable[[], dict[str, float]]) -> Timing:
    """Count the CPU seconds of a piece of work, children and threads included."""
    before = os.times()
    found = work()
    after = os.times()
    seconds = sum(after[k] - before[k] for k in range(4))
    return Timing(name=name, seconds=seconds, found=found)


def lifetimes_fits(customers: pd.DataFrame) -> list[Timing]:
    """Point fits of lifetimes."""
    from lifetimes import BetaGeoFitter, GammaGammaFitter

    again = customers[customers["frequency"] > 0]

    def purchases() -> dict[str, float]:
        fitter = BetaGeoFitter()
        fitter.fit(customers["frequency"], customers["recency"], customers["T"])
        return {name: float(value) for name, value in fitter.params_.items()}

    def spend() -> dict[str, float]:
        fitter = GammaGammaFitter()
        fitter.fit(again["frequency"], again["monetary_value"])
        return {name: float(value) for name, value in fitter.params_.items()}

    return [
        measure("lifetimes BetaGeoFitter, point", purchases),
        measure("lifetimes GammaGammaFitter, point", spend),
    ]


def our_fits(customers: pd.DataFrame, draws: int) -> list[Timing]:
    """Posteriors of both models."""
    from ltvforecast.fitting.purchase import fit_purchase
    from ltvforecast.fitting.spend import fit_spend

    def purchases() -> dict[str, float]:
        fit = fit_purchase(
            customers["frequency"],
            customers["recency"],
            customers["T"],
            draws=draws,
            rng=np.random.default_rng(1),
        )
        return {name: float(values.mean()) for name, values in fit.draws.items()}

    def spend() -> dict[str, float]:
        fit = fit_spend(customers, draws=draws, rng=np.random.default_rng(2))
        return {name: float(values.mean()) for name, values in fit.draws.items()}

    return [
        measure(f"ltvforecast BG/NBD, posterior, {draws:,} draws", purchases),
        measure(f"ltvforecast Gamma-Gamma, posterior, {draws:,} draws", spend),
    ]


def imports() -> float:
    """Import all that either side needs; CPU seconds."""
    start = time.process_time()
    import arviz  # noqa: F401 (imported before the clock starts)
    import lifetimes  # noqa: F401 (imported before the clock starts)

    import ltvforecast.fitting.fit_model  # noqa: F401 (imported before the clock starts)

    return time.process_time() - start


def main() -> None:
    """Simulate, fit with both, print CPU seconds and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=1_000_000)
    parser.add_argument("--draws", type=int, default=1000)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    print(f"imports of both sides: {imports():.2f} CPU seconds")
    customers = simulated(options.customers)
    print(
        f"{options.customers:,} customers, {int(customers['frequency'].sum()):,} repeat purchases"
    )
    ours = our_fits(customers, options.draws)
    theirs = lifetimes_fits(customers)
    for timing in (*ours, *theirs):
        found = ", ".join(f"{name} {value:.4f}" for name, value in timing.found.items())
        print(f"{timing.name:<52}{timing.seconds:>9.2f} s   {found}")
    for what, us, them in zip(("purchases", "spend"), ours, theirs, strict=True):
        print(f"{what}: {us.seconds / them.seconds:.3f} of lifetimes' CPU time")
    ratio = sum(timing.seconds for timing in ours) / sum(timing.seconds for timing in theirs)
    verdict = "met" if ratio <= TARGET else "missed"
    print(f"both: {ratio:.3f} of lifetimes' CPU time (target {TARGET}: {verdict})")


if __name__ == "__main__":
    main()
