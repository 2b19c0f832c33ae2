"""Our posterior by partner against Markov chains: the same numbers, and the CPU time of each.

Run as ``python -m tests.benchmarks.partner_posterior_speed [--programme cdnow|large] [--part
purchases|spend] [--steps N] [--keep FOLDER] [--write]``. Both sides sample the same hierarchy in
one process: same likelihood on the same compressed rows, same priors. ``cdnow``: the CDNOW sample,
dealt out to 59 partners by lot; ``large``: 100,000 simulated customers of 500 partners. Compared
are what partners share, each partner's own levels, and the quantiles of what each partner's
customers buy next, all in the chains' standard deviations. The bars hold at 4,000 effective draws;
with fewer they are widened by three Monte Carlo errors of both sides (mean ``1/sqrt(n)``, standard
deviation ``1/sqrt(2n)``, 5 % quantile ``2.1/sqrt(n)``). The chains are compared with themselves
too, one half against the other: what they disagree on they can't be held against us. CPU time is
compared twice: as either side is run by default (1,000 draws of ours; four chains of 1,000 tuning
steps and 1,000 draws: what it takes to a usable posterior, where the bar is), where the chains
asked for are longer than that (not with ``--no-default-run``, which spares their time), and for
each effective draw of the runs that are compared.
Times are CPU seconds, user and system, of this process with all its threads, model compilation
included, imports not. With ``--keep`` the chains are stored in a folder and not run again; their
CPU seconds are then of the run that made them.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from ltvforecast.fitting.chain_diagnostics import ChainNumbers, judge_chains
from ltvforecast.fitting.hierarchy import PartnerPurchases, fit_partner_purchases
from ltvforecast.fitting.hierarchy_spend import PartnerSpend, fit_partner_spend
from ltvforecast.fitting.mcmc import Sampled, Sampling, sample_chains, thinned
from ltvforecast.fitting.prior_settings import DEFAULT_PRIORS
from ltvforecast.fitting.pymc_models import partner_groups
from ltvforecast.fitting.sampled_fit import (
    Partners,
    _mostly_large,
    _purchase_model,
    _spend_model,
)
from ltvforecast.fitting.spend_data import amounts_data
from tests.benchmarks.accuracy_page import table, write_section
from tests.benchmarks.partner_data import Array, by_partner, future_purchases, spenders
from tests.benchmarks.random_partners import PARTNERS, history_of, homes
from tests.fitting.made_summary import cdnow_customers
from tests.fitting.partner_chain import programme

MEAN_BAR, SD_BAR, QUANTILE_BAR = 0.1, 0.05, 0.1
LEVEL_BAR, FUTURE_BAR, SPEED_BAR = 0.2, 0.1, 30.0
ENOUGH = 4000.0
CAREFUL = 0.95
"""Acceptance that chains aim at where partners differ, as a fit by default."""
DEFAULT_STEPS = 4000
"""Of all chains together, after tuning."""
TAILS = (0.05, 0.95)
FUTURE = (0.05, 0.5, 0.95)
HORIZON = 26.0

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainRun:
    """Chains, and what they cost.

    Attributes
    ----------
    sampled : Sampled
    numbers : ChainNumbers
    tune : int
        Tuning steps of each chain.
    seconds : float
        CPU seconds.
    """

    sampled: Sampled
    numbers: ChainNumbers
    tune: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """One programme.

    Attributes
    ----------
    customers : pandas.DataFrame
    history : tuple of arrays
        ``x, t_x, T`` in weeks.
    home : int array
    partners : int
    """

    customers: pd.DataFrame
    history: tuple[Array, Array, Array]
    home: Array
    partners: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Draws of one side.

    Attributes
    ----------
    shared : mapping of str to array, shape (draw,)
    levels : mapping of str to array, shape (draw, n_partners)
    parameters : mapping of str to array, shape (draw, n_partners)
        ``r, alpha, a, b``; nothing for spend.
    effective : float
    """

    shared: Mapping[str, Array]
    levels: Mapping[str, Array]
    parameters: Mapping[str, Array]
    effective: float


def cdnow() -> Data:
    """The CDNOW sample, dealt out by lot."""
    customers = cdnow_customers()
    return Data(
        customers=customers, history=history_of(customers), home=homes(0), partners=PARTNERS
    )


def large(partners: int = 500, size: int = 100_000) -> Data:
    """Partners of very different sizes that do differ."""
    rng = np.random.default_rng(8)
    raw = np.exp(1.2 * rng.standard_normal(partners))
    sizes = np.maximum(np.round(raw / raw.sum() * size), 2).astype(np.int64)
    sizes[np.argmax(sizes)] += size - sizes.sum()
    data = programme(seed=8, partners=partners, sizes=sizes)
    level = np.log(50.0) + 0.4 * rng.standard_normal(partners)
    made = spenders(data.x, level[data.home], p=3.0, q=4.0, rng=rng)
    return Data(
        customers=made.customers,
        history=(data.x, data.t_x, data.T),
        home=data.home,
        partners=partners,
    )


PROGRAMMES: Mapping[str, Callable[[], Data]] = {"cdnow": cdnow, "large": large}


def timed(work: Callable[[], Result]) -> tuple[Result, float]:
    """Do a piece of work and count its CPU seconds."""
    start = time.process_time()
    found = work()
    return found, time.process_time() - start


def ours(data: Data, part: str, *, draws: int) -> PartnerPurchases | PartnerSpend:
    """Fit without a chain."""
    rng = np.random.default_rng(1)
    found = (
        fit_partner_purchases(
            *data.history, data.home, partners=data.partners, draws=draws, rng=rng
        )
        if part == "purchases"
        else fit_partner_spend(
            data.customers, data.home, partners=data.partners, draws=draws, rng=rng
        )
    )
    if not isinstance(found, PartnerPurchases | PartnerSpend):
        raise TypeError(str(found))
    return found


def chains(data: Data, part: str, *, sampling: Sampling) -> Sampled:
    """Build the same model for PyMC and sample it."""
    groups = partner_groups([f"p{k:04d}" for k in range(data.partners)])
    partners = Partners(groups=groups, home=data.home)
    model: Any
    centred = _mostly_large(partners)
    if part == "purchases":
        model, _ = _purchase_model(
            *data.history, partners=partners, priors=DEFAULT_PRIORS, centred=centred
        )
    else:
        model = _spend_model(
            amounts_data(data.customers), single=True, partners=partners, priors=DEFAULT_PRIORS,
            centred=centred,
        )  # fmt: skip
    return sample_chains(model, seed=2, sampling=sampling)


def kept_chains(data: Data, part: str, *, sampling: Sampling, path: Path | None) -> ChainRun:
    """Run the chains and count their CPU seconds, or read what was stored of them."""
    if path is not None and path.exists():
        with np.load(path) as stored:
            draws = {name: stored[name] for name in stored.files}
        told = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        numbers = ChainNumbers(**told["numbers"])
        return ChainRun(
            sampled=Sampled(draws=draws, sampler="nutpie", numbers=numbers),
            numbers=numbers,
            tune=int(told["tune"]),
            seconds=float(told["seconds"]),
        )
    found, seconds = timed(lambda: chains(data, part, sampling=sampling))
    assert found.numbers is not None
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, **dict(found.draws))
        told = {"numbers": asdict(found.numbers), "tune": sampling.tune, "seconds": seconds}
        path.with_suffix(".json").write_text(json.dumps(told), encoding="utf-8")
    return ChainRun(sampled=found, numbers=found.numbers, tune=sampling.tune, seconds=seconds)


def usual_seconds(data: Data, part: str, *, path: Path | None) -> float:
    """CPU seconds of chains as they are run by default, or what was stored of them."""
    record = None if path is None else path.with_suffix(".json")
    told = {} if record is None else json.loads(record.read_text(encoding="utf-8"))
    if "usual" not in told:
        _, told["usual"] = timed(
            lambda: chains(data, part, sampling=Sampling(target_accept=CAREFUL))
        )
        if record is not None:
            record.write_text(json.dumps(told), encoding="utf-8")
    return float(told["usual"])


def speed(*, usual: float | None, ours_quick: float, each: tuple[float, float]) -> str:
    """Say how many times slower the chains are, by default and for each effective draw."""
    said = []
    if usual is not None:
        ratio = usual / ours_quick
        said.append(
            f"as run by default: chains (4 of 1,000 + 1,000 steps) {usual:.1f}, ours (1,000 draws) "
            f"{ours_quick:.2f}: {ratio:,.0f} times (bar {SPEED_BAR:.0f}: "
            f"{_bar(ratio >= SPEED_BAR)})"
        )
    chain, own = each
    bar = f" (bar {SPEED_BAR:.0f}: {_bar(chain / own >= SPEED_BAR)})" if usual is None else ""
    said.append(
        f"for 1,000 effective draws of the runs compared: chains {1000 * chain:.1f}, ours "
        f"{1000 * own:.2f}: {chain / own:,.0f} times{bar}"
    )
    return f"CPU seconds {'; '.join(said)}."


def sample_of_ours(data: Data, found: PartnerPurchases | PartnerSpend) -> Sample:
    """Name our draws, in mean ages and typical amounts."""
    shared = found.shared
    if isinstance(found, PartnerPurchases):
        unit, own = np.log(data.history[2].mean()), found.purchase.draws
        return Sample(
            shared={
                "log r": shared["log_r"],
                "mean log rate": shared["mean_log_rate"][:, 0] + unit,
                "mean dropout logit": shared["mean_dropout_logit"][:, 0],
                "log(a+b)": shared["log_phi"],
                "sd of rates": shared["sd_log_rate"],
                "sd of dropouts": shared["sd_dropout_logit"],
            },
            levels={
                "log rate": np.log(own["r"] / own["alpha"]) + unit,
                "dropout logit": np.log(own["a"] / own["b"]),
            },
            parameters=own,
            effective=found.checks.effective_draws,
        )
    unit, paid = np.log(amounts_data(data.customers).unit), found.spend.draws
    return Sample(
        shared={
            "log p": shared["log_p"],
            "mean log spend": shared["mean_log_spend"][:, 0] - unit,
            "log(q-1)": shared["log_excess"],
            "sd of spend": shared["sd_log_spend"],
        },
        levels={"log spend": np.log(paid["p"] * paid["v"] / (paid["q"] - 1.0)) - unit},
        parameters={},
        effective=found.checks.effective_draws,
    )


_SHARED = {
    "purchases": {
        "log r": "log_r", "mean log rate": "log_rate", "mean dropout logit": "logit_dropout",
        "log(a+b)": "log_phi", "sd of rates": "sd_rate", "sd of dropouts": "sd_dropout",
    },
    "spend": {
        "log p": "log_p", "mean log spend": "log_mean_spend", "log(q-1)": "log_q_minus_1",
        "sd of spend": "sd_spend",
    },
}  # fmt: skip
_LEVELS = {
    "purchases": {"log rate": "partner_rate", "dropout logit": "partner_dropout"},
    "spend": {"log spend": "partner_spend"},
}


def sample_of_chains(found: Sampled, part: str) -> Sample:
    """Name the chains' draws alike, one chain after the other in turn."""
    first = next(iter(found.draws.values()))
    count = first.shape[0] * first.shape[1]
    flat = {name: thinned(values, count) for name, values in found.draws.items()}
    parameters = {}
    if part == "purchases":
        parameters = {name: flat[name] for name in ("alpha", "a", "b")}
        parameters["r"] = np.broadcast_to(flat["r"][:, None], flat["alpha"].shape)
    numbers = found.numbers
    return Sample(
        shared={name: flat[theirs] for name, theirs in _SHARED[part].items()},
        levels={name: flat[theirs] for name, theirs in _LEVELS[part].items()},
        parameters=parameters,
        effective=0.0 if numbers is None else min(numbers.ess_bulk, numbers.ess_tail),
    )


def gaps(one: Array, other: Array, levels: tuple[float, ...]) -> tuple[Array, Array, Array]:
    """Differences of mean and quantiles in sd of the other, and the ratio of sd, by column."""
    sd = other.std(axis=0)
    mean = (one.mean(axis=0) - other.mean(axis=0)) / sd
    tails = np.abs(np.quantile(one, levels, axis=0) - np.quantile(other, levels, axis=0)) / sd
    return mean, one.std(axis=0) / sd, tails.max(axis=0)


def shared_rows(one: Sample, other: Sample) -> list[list[str]]:
    """Compare what partners share, with bars for as many effective draws as there are."""
    slack = [0.0, 0.0, 0.0]
    least = min(one.effective, other.effective)
    if least < ENOUGH:
        error = 3.0 * np.sqrt(1.0 / one.effective + 1.0 / max(other.effective, 1.0))
        slack = [error, error / np.sqrt(2.0), 2.1 * error]
    rows = []
    for name, draws in one.shared.items():
        mean, ratio, tail = (float(v) for v in gaps(draws, other.shared[name], TAILS))
        met = (
            abs(mean) < MEAN_BAR + slack[0]
            and abs(ratio - 1) < SD_BAR + slack[1]
            and tail < QUANTILE_BAR + slack[2]
        )
        rows.append([name, f"{mean:+.3f}", f"{ratio:.3f}", f"{tail:.3f}", _bar(met)])
    return rows


def level_rows(one: Sample, other: Sample) -> list[list[str]]:
    """Compare partners' levels: the worst partner, and the sd ratios' range."""
    rows = []
    for name, draws in one.levels.items():
        mean, ratio, tail = gaps(draws, other.levels[name], TAILS)
        worst = float(np.abs(mean).max())
        met = worst < LEVEL_BAR
        rows.append(
            [
                f"partners' {name}, worst", f"{worst:.3f}", f"{ratio.min():.2f}-{ratio.max():.2f}",
                f"{tail.max():.3f}", _bar(met),
            ]
        )  # fmt: skip
    return rows


def future_row(data: Data, one: Sample, other: Sample, *, draws: int) -> list[list[str]]:
    """Compare partners' totals to come; whole numbers are spread over their unit."""
    if not one.parameters:
        return []
    totals = []
    for seed, side in ((3, one), (4, other), (5, other)):
        rng = np.random.default_rng(seed)
        place = np.arange(draws) % len(side.parameters["alpha"])
        if seed != 3:
            # the halves are every other draw
            place = (2 * np.arange(draws) + seed % 2) % len(side.parameters["alpha"])
        chosen = {name: values[place] for name, values in side.parameters.items()}
        count = by_partner(
            future_purchases(data.history, data.home, chosen, HORIZON, rng),
            data.home,
            data.partners,
        )
        totals.append(count + rng.uniform(size=count.shape))
    rows = []
    theirs = np.concatenate(totals[1:])
    for name, first, second in (
        ("partners' totals", totals[0], theirs),
        ("the same, chains' halves", totals[1], totals[2]),
    ):
        mean, ratio, tail = gaps(first, second, FUTURE)
        average = float(tail.mean())
        rows.append(
            [
                f"{name}, average", f"{float(np.abs(mean).mean()):.3f}",
                f"{ratio.min():.2f}-{ratio.max():.2f}", f"{average:.3f} (worst {tail.max():.3f})",
                _bar(average < FUTURE_BAR),
            ]
        )  # fmt: skip
    return rows


def _bar(met: bool) -> str:
    return "met" if met else "MISSED"


def compared(
    name: str,
    part: str,
    *,
    sampling: Sampling,
    draws: int,
    future_draws: int,
    keep: Path | None = None,
    default_run: bool = True,
) -> str:
    """Fit both ways and write the comparison as Markdown."""
    data = PROGRAMMES[name]()
    ours(data, part, draws=200)  # compiles
    _, quick = timed(lambda: ours(data, part, draws=1000))
    long, slow = timed(lambda: ours(data, part, draws=draws))
    print(f"{name}, {part}: ours {quick:.2f} and {slow:.2f} CPU seconds", flush=True)
    path = None if keep is None else keep / f"{name}-{part}.npz"
    run = kept_chains(data, part, sampling=sampling, path=path)
    one, other = sample_of_ours(data, long), sample_of_chains(run.sampled, part)
    rows = shared_rows(one, other) + level_rows(one, other)
    rows += future_row(data, one, other, draws=future_draws)
    size, numbers = len(data.home), run.numbers
    told = judge_chains(numbers, what=part, accept_unconverged=True)
    head = (
        f"**{name}, {part}**: {size:,} customers of {data.partners} partners. Chains: "
        f"{numbers.chains} of {run.tune:,} + {numbers.steps:,} steps, "
        f"{other.effective:,.0f} effective draws, R-hat {told.r_hat or np.inf:.3f}, "
        f"{told.divergences} divergent steps. Ours: {draws:,} draws, {one.effective:,.0f} "
        f"effective. "
    )
    long_run = default_run and numbers.chains * numbers.steps > DEFAULT_STEPS
    head += speed(
        usual=usual_seconds(data, part, path=path) if long_run else None,
        ours_quick=quick,
        each=(run.seconds / other.effective, slow / one.effective),
    )
    return f"{head}\n\n{table(['', 'mean, sd', 'sd ratio', 'quantiles, sd', 'bars'], rows)}"


def main() -> None:
    """Compare, print, and write into the page if asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programme", choices=tuple(PROGRAMMES), default="cdnow")
    parser.add_argument("--part", choices=("purchases", "spend"), default="purchases")
    parser.add_argument("--chains", type=int, default=4)
    parser.add_argument("--tune", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--target-accept", type=float, default=CAREFUL)
    parser.add_argument("--draws", type=int, default=4000)
    parser.add_argument("--future-draws", type=int, default=4000)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--no-default-run", dest="default_run", action="store_false")
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    import pymc  # noqa: F401 (imported before the clock starts)

    sampling = Sampling(
        chains=asked.chains, tune=asked.tune, steps=asked.steps, target_accept=asked.target_accept
    )
    text = compared(
        asked.programme,
        asked.part,
        sampling=sampling,
        draws=asked.draws,
        future_draws=asked.future_draws,
        keep=asked.keep,
        default_run=asked.default_run,
    )
    print(text)
    if asked.write:
        write_section(f"chains-{asked.programme}-{asked.part}", text)


if __name__ == "__main__":
    main()
