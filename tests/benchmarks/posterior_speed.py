"""Our posterior against Markov chains on CDNOW: the same numbers, and the CPU time of each.

Run as ``python -m tests.benchmarks.posterior_speed [--sampler nutpie|pymc] [--steps N] [--write]``.
Both sides sample the same posterior in one process: same likelihood on the same compressed rows,
same priors. Means, standard deviations and quantiles of every coordinate are compared in posterior
standard deviations; their bars hold where both sides have 4,000 effective draws or more. CPU time
is that of a usable posterior, as either side is run by default (1,000 draws of ours; four chains of
1,000 tuning steps and 1,000 draws). It is told for 1,000 effective draws too: those of the chains'
worst coordinate, and of our weighted proposals. Times are CPU seconds, user and system, of this
process with all its threads, model compilation included, imports not; the chains' is the better of
two runs. ``--write`` puts the tables into ACCURACY.md.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ltvforecast.fit_types import PurchaseFit, SpendFit
from ltvforecast.fitting.mcmc import Sampling
from ltvforecast.fitting.purchase import fit_purchase
from ltvforecast.fitting.sampled_fit import ChainSettings, sample_purchase, sample_spend
from ltvforecast.fitting.spend import fit_spend
from tests.benchmarks.accuracy_page import table, write_section

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
    chains = ChainSettings(draws=draws, sampling=sampling)
    history = [customers[name].to_numpy(float) for name in ("frequency", "recency", "T")]
    if part == "purchases":
        return {
            "laplace": lambda: fit_purchase(*history, draws=draws, rng=np.random.default_rng(1)),
            "nuts": lambda: sample_purchase(*history, chains, rng=np.random.default_rng(2))[0],
        }
    return {
        "laplace": lambda: fit_spend(customers, draws=draws, rng=np.random.default_rng(3)),
        "nuts": lambda: sample_spend(customers, chains, rng=np.random.default_rng(4))[0],
    }


def told(part: str, *, draws: int, sampling: Sampling) -> str:
    """Fit both ways, and write the comparison and the CPU seconds as Markdown."""
    ways = fits(part, draws=draws, sampling=sampling)
    by_default = fits(part, draws=1000, sampling=Sampling(sampler=sampling.sampler))
    by_default["laplace"]()
    chains, first = timed(ways["nuts"])
    again, second = timed(ways["nuts"])
    ours, quick = timed(ways["laplace"])
    numbers = chains.diagnostics
    rows = [
        [
            line.name, f"{line.mean_gap:+.3f}", f"{line.sd_ratio:.3f}", f"{line.quantile_gap:.3f}",
            _bar(line.met),
        ]
        for line in compared(ours, chains)
    ]  # fmt: skip
    same = all(np.array_equal(chains.draws[name], again.draws[name]) for name in chains.draws)
    enough = min(numbers.ess_bulk or 0.0, numbers.ess_tail or 0.0) >= ENOUGH
    head = (
        f"**CDNOW, {part}, one group**: chains with {numbers.ess_bulk:,.0f} effective draws (tails "
        f"{numbers.ess_tail:,.0f}; {ENOUGH:,.0f} wanted: {_bar(enough)}), R-hat "
        f"{numbers.r_hat:.4f}; {draws:,} draws of ours, Pareto k {ours.diagnostics.k_hat:.2f}. The "
        f"same seed gave the same chains: {'yes' if same else 'NO'}. CPU seconds of these long "
        f"runs: chains {min(first, second):.2f}, ours {quick:.3f}; "
    )
    head += speed(by_default)
    return f"{head}\n\n{table(['', 'mean, sd', 'sd ratio', 'quantiles, sd', 'bars'], rows)}"


def speed(by_default: dict[str, Callable[[], PurchaseFit | SpendFit]]) -> str:
    """Compare CPU seconds as either side is run by default: the best of a few runs."""
    ours = [timed(by_default["laplace"]) for _ in range(3)]
    chains = [timed(by_default["nuts"]) for _ in range(2)]
    own, other = min(spent for _, spent in ours), min(spent for _, spent in chains)
    found, chain = ours[0][0].diagnostics, chains[0][0].diagnostics
    effective = min(chain.ess_bulk or 1.0, chain.ess_tail or 1.0)
    own_each, other_each = own / (found.effective_draws or 1.0), other / effective
    return (
        f"by default: chains {other:.2f}, ours {own:.3f}: {other / own:,.0f} times (bar "
        f"{SPEED_BAR:.0f}: {_bar(other >= SPEED_BAR * own)}); for 1,000 effective draws: chains "
        f"{1000 * other_each:.2f}, ours {1000 * own_each:.4f}: {other_each / own_each:,.0f} times."
    )


def _bar(met: bool) -> str:
    return "met" if met else "MISSED"


def main() -> None:
    """Compare purchases and spend, print, and write into the page if asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sampler", choices=("auto", "nutpie", "pymc"), default="auto")
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--draws", type=int, default=10_000)
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    import pymc  # noqa: F401 (imported before the clock starts)

    sampling = Sampling(steps=asked.steps, sampler=asked.sampler)
    texts = []
    for part in ("purchases", "spend"):
        texts.append(told(part, draws=asked.draws, sampling=sampling))
        print(f"\n{texts[-1]}\n", flush=True)
    if asked.write:
        write_section("chains-pooled", "\n\n".join(texts))


if __name__ == "__main__":
    main()
