"""Simulation-based calibration of every posterior: parameters, partners' levels and totals.

Run as ``python -m tests.benchmarks.calibration [--simulations N] [--keep FOLDER] [--write]``.
Parameters are drawn from a prior, data from the parameters, and the data are fitted: the truth
must then fall anywhere among the posterior draws, equally often (Talts, Betancourt, Simpson,
Vehtari & Gelman 2018, arXiv:1804.06788). So must what partners' customers do next, among its
forecasts. Each quantity's places are counted in 20 bins and tested by chi-square; a case is
calibrated if no p is below .05 divided by the number of its quantities. Everything follows from the
seed, whatever the number of processes. With ``--keep`` finished simulations are stored there and
not repeated; ``--write`` puts the tables into ACCURACY.md.
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import chisquare

from ltvforecast.evaluate.scores import coverage, randomised_pit
from tests.benchmarks.accuracy_page import table, write_section
from tests.benchmarks.calibration_cases import CASES, Checked, Failed

BINS = 20
LEVEL = 0.05
SEED = 20_260_101
_BLOCK = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the truth fell in one simulation.

    Attributes
    ----------
    number : int
        Of the simulation.
    places : mapping of str to float
        Between 0 and 1, by quantity; empty if the fit was refused.
    effective : float
        Draws behind the weighted ones.
    refused : str
        Why, or nothing.
    """

    number: int
    places: Mapping[str, float]
    effective: float = 0.0
    refused: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """One quantity over all simulations.

    Attributes
    ----------
    quantity : str
    chi_square, p : float
    inside_50, inside_90 : float
        Share of truths inside the central intervals.
    mean : float
        Of the places; .5 is unbiased.
    """

    quantity: str
    chi_square: float
    p: float
    inside_50: float
    inside_90: float
    mean: float


def place(number: int, checked: Checked | Failed) -> Place:
    """Rank the truth among the draws, ties broken at random."""
    if isinstance(checked, Failed):
        return Place(number=number, places={}, refused=checked.why)
    rng = np.random.default_rng([SEED, number])
    names = list(checked.truth)
    draws = np.stack([checked.draws[name] for name in names], axis=1)
    found = randomised_pit([checked.truth[name] for name in names], draws, rng=rng)
    return Place(
        number=number,
        places=dict(zip(names, (float(u) for u in found), strict=True)),
        effective=checked.effective,
    )


def simulate(case: str, numbers: Sequence[int]) -> list[Place]:
    """Run some simulations of one case; each has its own random stream."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [
            place(k, CASES[case](np.random.default_rng([SEED, list(CASES).index(case), k])))
            for k in numbers
        ]


def judged(places: Sequence[Place]) -> list[Calibration]:
    """Test every quantity for uniform places."""
    good = [each.places for each in places if not each.refused]
    found = []
    for name in good[0]:
        u = np.array([each[name] for each in good])
        counts = np.histogram(u, bins=BINS, range=(0.0, 1.0))[0]
        test = chisquare(counts)
        found.append(
            Calibration(
                quantity=name,
                chi_square=float(test.statistic),
                p=float(test.pvalue),
                inside_50=coverage(u, level=50),
                inside_90=coverage(u, level=90),
                mean=float(u.mean()),
            )
        )
    return found


def calibrated(lines: Sequence[Calibration]) -> bool:
    """Whether no quantity's p is too small for so many quantities."""
    return min(line.p for line in lines) >= LEVEL / len(lines)


def _stored(path: Path | None) -> list[Place]:
    if path is None or not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines()
    return [Place(**json.loads(line)) for line in lines]


def _store(path: Path | None, places: Sequence[Place]) -> None:
    if path is None:
        return
    with path.open("a", encoding="utf-8") as stream:
        for each in places:
            stream.write(json.dumps({name: getattr(each, name) for name in Place.__slots__}) + "\n")


def run(case: str, simulations: int, *, processes: int, keep: Path | None) -> list[Place]:
    """Run a case in several processes, in blocks that are stored as they finish."""
    path = None if keep is None else keep / f"{_file_name(case)}.jsonl"
    places = [each for each in _stored(path) if each.number < simulations]
    done = {each.number for each in places}
    left = [k for k in range(simulations) if k not in done]
    for block in _blocks(case, left, processes):
        _store(path, block)
        places += block
        print(f"\r{case}: {len(places):,} of {simulations:,}", end="", flush=True)
    print()
    return sorted(places, key=lambda each: each.number)


def _blocks(case: str, numbers: list[int], processes: int) -> Iterator[list[Place]]:
    blocks = [numbers[k : k + _BLOCK] for k in range(0, len(numbers), _BLOCK)]
    if processes == 1:
        yield from (simulate(case, block) for block in blocks)
        return
    with ProcessPoolExecutor(processes) as pool:
        for future in as_completed([pool.submit(simulate, case, block) for block in blocks]):
            yield future.result()


def _file_name(case: str) -> str:
    return "".join(letter if letter.isalnum() else "-" for letter in case.lower())


def told(case: str, places: Sequence[Place]) -> str:
    """Write one case as Markdown: its verdict, and a row for every quantity."""
    lines = judged(places)
    refused = [each for each in places if each.refused]
    effective = [each.effective for each in places if not each.refused]
    verdict = "calibrated" if calibrated(lines) else "NOT calibrated"
    smallest = min(line.p for line in lines)
    head = (
        f"**{case}**: {verdict}. {len(places):,} simulations, {len(refused)} fits refused; "
        f"smallest p of {len(lines)} quantities {smallest:.3f} (bar {LEVEL / len(lines):.4f}); "
        f"effective draws after weighting: median {np.median(effective):,.0f}, "
        f"least {min(effective):,.0f}."
    )
    rows = [
        [
            line.quantity, f"{line.chi_square:.1f}", f"{line.p:.3f}", f"{line.inside_50:.1%}",
            f"{line.inside_90:.1%}", f"{line.mean:.3f}",
        ]
        for line in lines
    ]  # fmt: skip
    names = ["quantity", f"chi-square ({BINS - 1})", "p", "inside 50 %", "inside 90 %", "mean"]
    return f"{head}\n\n{table(names, rows)}"


def main() -> None:
    """Run every case, print its table, and write all into the page if asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--simulations", type=int, default=200)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    if asked.keep is not None:
        asked.keep.mkdir(parents=True, exist_ok=True)
    texts = []
    for case in CASES:
        places = run(case, asked.simulations, processes=asked.processes, keep=asked.keep)
        texts.append(told(case, places))
        print(f"\n{texts[-1]}\n", flush=True)
    if asked.write:
        write_section("calibration", "\n\n".join(texts))


if __name__ == "__main__":
    main()
