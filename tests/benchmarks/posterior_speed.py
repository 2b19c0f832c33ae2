"""Our posterior against Markov chains on CDNOW: the same numbers, and the CPU time of each.

Run as ``python -m tests.benchmarks.posterior_speed [--sampler nutpie|pymc] [--steps N]``. Both
sides sample the same posterior in one process: same likelihood on the same compressed rows, same
priors. Means, standard deviations and quantiles of every coordinate are compared in posterior
standard deviations; their bars hold where both sides have 4,000 effective draws or more. CPU time
is compared twice: in those long runs, and as either side is run by default (1,000 draws of ours;
four chains of 1,000 tuning steps and 1,000 draws). Times are CPU seconds, user and system, of this
process with all its threads, model compilation included, imports not; the chains' is the better of
two runs.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ltvforecast.fitting.mcmc import Sampling
from ltvforecast.fitting.purchase import fit_purchase
from ltvforecast.fitting.sampled_fit import sample_purchase, sample_spend
from ltvforecast.fitting.spend import fit_spend
from ltvforecast.types import PurchaseFit, SpendFit

MEAN_BAR, SD_BAR, QUANTILE_BAR, SPEED_BAR = 0.1, 0.05, 0.1, 100.0
ENOUGH = 4000.0
LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One coordinate in two samples of one posterior, in standard deviations of the chains."""

    name: str
    mean_gap: float
    sd_ratio: float
    quantile_gap: float

    @property
    def met(self) -> bool:
        """Whether all three bars are met."""
        return (
            abs(self.mean_gap) < MEAN_BAR
            and abs(self.sd_ratio - 1) < SD_BAR
            and self.quantile_gap < QUANTILE_BAR
        )


def coordinates(fit: PurchaseFit | SpendFit) -> dict[str, np.ndarray]:
    """Turn draws into the coordinates in which the posterior is nearly normal."""
    draws = {name: values[:, 0] for name, values in fit.draws.items()}
    if isinstance(fit, PurchaseFit):
        r, alpha, a, b = (draws[name] for name in ("r", "alpha", "a", "b"))
        return {
            "log r": np.log(r),
            "log(r/alpha)": np.log(r / alpha),
            "logit a/(a+b)": np.log(a / b),
            "log(a+b)": np.log(a + b),
        }
    p, q, v = (draws[name] for name in ("p", "q", "v"))
    return {
        "log p": np.log(p),
        "log mean spend": np.log(p * v / (q - 1)),
        "log(q-1)": np.log(q - 1),
    }


def compared(ours: PurchaseFit | SpendFit, chains: PurchaseFit | SpendFit) -> list[Comparison]:
    """Compare every coordinate of two fits."""
    found = []
    theirs = coordinates(chains)
    for name, draws in coordinates(ours).items():
        sd = theirs[name].std()
        gaps = np.quantile(draws, LEVELS) - np.quantile(theirs[name], LEVELS)
        found.append(
            Comparison(
                name=name,
                mean_gap=float(draws.mean() - theirs[name].mean()) / sd,
                sd_ratio=float(draws.std() / sd),
                quantile_gap=float(np.abs(gaps).max() / sd),
            )
        )
    return found


def timed(work: Callable[[], PurchaseFit | SpendFit]) -> tuple[PurchaseFit | SpendFit, float]:
    """Do a piece of work and count its CPU seconds."""
    start = time.process_time()
    fit = work()
    return fit, time.process_time() - start


def fits(
    part: str, *, draws: int, sampling: Sampling
) -> dict[str, Callable[[], PurchaseFit | SpendFit]]:
    """Both ways of fitting one part of the model to CDNOW."""
    from tests.fitting.made_summary import cdnow_customers

    customers = cdnow_customers()
    history = [customers[name].to_numpy(float) for name in ("frequency", "recency", "T")]
    if part == "purchases":
        return {
            "laplace": lambda: fit_purchase(*history, draws=draws, rng=np.random.default_rng(1)),
            "nuts": lambda: sample_purchase(
                *history, draws=draws, rng=np.random.default_rng(2), sampling=sampling
            ),
        }
    return {
        "laplace": lambda: fit_spend(customers, draws=draws, rng=np.random.default_rng(3)),
        "nuts": lambda: sample_spend(
            customers, draws=draws, rng=np.random.default_rng(4), sampling=sampling
        ),
    }


def show(part: str, *, draws: int, sampling: Sampling) -> None:
    """Fit both ways, and print the comparison and the CPU seconds."""
    ways = fits(part, draws=draws, sampling=sampling)
    by_default = fits(part, draws=1000, sampling=Sampling(sampler=sampling.sampler))
    by_default["laplace"]()
    chains, first = timed(ways["nuts"])
    again, second = timed(ways["nuts"])
    ours, quick = timed(ways["laplace"])
    told = chains.diagnostics
    effective = f"{told.ess_bulk:,.0f} (tails {told.ess_tail:,.0f})"
    print(f"\n{part}: {effective} effective draws of the chains, R-hat {told.r_hat:.4f}")
    print(f"{draws:,} draws of ours, Pareto k {ours.diagnostics.k_hat:.2f}")
    print(f"{'':<16}{'mean, sd':>10}{'sd ratio':>10}{'quantiles, sd':>15}")
    for line in compared(ours, chains):
        bars = "met" if line.met else "MISSED"
        print(
            f"{line.name:<16}{line.mean_gap:>10.3f}{line.sd_ratio:>10.3f}"
            f"{line.quantile_gap:>15.3f}  {bars}"
        )
    if min(told.ess_bulk, told.ess_tail) < ENOUGH:
        print("fewer than 4,000 effective draws: ask for more steps before reading the bars")
    same = all(np.array_equal(chains.draws[name], again.draws[name]) for name in chains.draws)
    print(f"the same seed gave the same chains: {same}")
    _speed("long runs", quick, min(first, second))
    usual = min(timed(by_default["laplace"])[1] for _ in range(3))
    _speed("by default", usual, min(timed(by_default["nuts"])[1] for _ in range(2)))


def _speed(label: str, ours: float, chains: float) -> None:
    bar = "met" if chains >= SPEED_BAR * ours else "MISSED"
    print(
        f"CPU seconds, {label}: ours {ours:.3f}, chains {chains:.2f}: {chains / ours:,.0f} times "
        f"(bar {SPEED_BAR:.0f}: {bar})"
    )


def main() -> None:
    """Compare purchases and spend."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sampler", choices=("auto", "nutpie", "pymc"), default="auto")
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--draws", type=int, default=10_000)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    import pymc  # noqa: F401 (imported before the clock starts)

    sampling = Sampling(steps=options.steps, sampler=options.sampler)
    for part in ("purchases", "spend"):
        show(part, draws=options.draws, sampling=sampling)


if __name__ == "__main__":
    main()
