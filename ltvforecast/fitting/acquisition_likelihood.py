"""Coordinates, priors and likelihood of the acquisition model, many coordinate vectors at once."""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from ltvforecast.acquisition_types import AcquisitionCounts
from ltvforecast.fitting.acquisition_data import periods_per_year
from ltvforecast.fitting.priors import NormalPrior
from ltvforecast.formulas.nb_dropout import Histories, Parameters, log_likelihood, period_level
from ltvforecast.types import FloatArray, IntArray

__all__ = ["Layout", "acquisition_prior", "lay_out", "total_log_likelihood", "unpack"]

MOST_WORK = 4_000
"""Periods, and 10 for each partner, that the shared parameters are fitted to; of more, a sample.
That is 150 partners with 16 months each: enough for five parameters, and ten seconds."""
GROWTH_SD = 0.1
SEASON_SD = 0.3
SEASON_COLUMNS = 4
YEARS_FOR_GROWTH = 1.0
YEARS_FOR_SEASON = 2.0
_BLOCK = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What is fitted to which histories, and which coordinate says what.

    Attributes
    ----------
    histories : Histories
        Of the partners that the shared parameters are fitted to.
    years, phase : float64 array, shape (period,)
        Middle of each period in years from ``as_of``, and its place in the year.
    rate : float
        New customers a period and partner, the scale of the mean rate.
    age : float
        Partners' mean age in periods, the scale of the hazard.
    segments : int
    growth, season : bool
        Whether these are fitted.
    """

    histories: Histories
    years: FloatArray
    phase: FloatArray
    rate: float
    age: float
    segments: int
    growth: bool
    season: bool


def lay_out(
    counts: AcquisitionCounts, segment: IntArray, *, segments: int, season: bool = True
) -> Layout:
    """Choose what the history can tell, and the partners to learn it from.

    Parameters
    ----------
    counts : AcquisitionCounts
    segment : int64 array, shape (partner,)
    segments : int
    season : bool
        False: no seasons even if the history is long enough.

    Returns
    -------
    Layout
        With growth from one year of history on, with seasons from two.
    """
    edges_day = counts.edges_day.astype(np.float64)
    middle = (edges_day[1:] + edges_day[:-1]) / 2.0
    told = (len(counts.edges) - 1 - counts.left_out) / periods_per_year(counts)
    sample = _sample(counts)
    exposed = float(counts.exposure.sum())
    return Layout(
        histories=Histories(
            counts.counts[sample].astype(np.float64),
            counts.exposure[sample],
            counts.edges,
            counts.start[sample],
            segment[sample],
        ),
        years=(middle - edges_day[-1]) / 365.25,
        phase=(middle % 365.2425) / 365.2425,
        rate=(float(counts.counts.sum()) + 0.5) / max(exposed, 1e-6),
        age=max(float(counts.age.mean()), 1.0),
        segments=segments,
        growth=told >= YEARS_FOR_GROWTH,
        season=season and told >= YEARS_FOR_SEASON,
    )


def _sample(counts: AcquisitionCounts) -> IntArray:
    """Take partners in the order of a hash of their names until there are enough."""
    work = (counts.exposure > 0).sum(axis=1) + 10
    if work.sum() <= MOST_WORK:
        return np.arange(len(work))
    keys = [
        hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest()
        for name in counts.partner_ids
    ]
    order = np.array(sorted(range(len(keys)), key=keys.__getitem__), dtype=np.int64)
    enough = int(np.searchsorted(np.cumsum(work[order]), MOST_WORK)) + 1
    return np.sort(order[:enough])


def acquisition_prior(layout: Layout) -> NormalPrior:
    """Weak priors of the coordinates: rates in typical counts, times in mean ages.

    Parameters
    ----------
    layout : Layout

    Returns
    -------
    NormalPrior
    """
    rows: list[tuple[str, float, float]] = [
        ("how much partners differ in how many customers they bring", 0.0, 1.5),
        ("how many customers partners bring", 0.0, 2.0),
        ("how uneven good and bad periods are", float(np.log(5.0)), 1.5),
        ("how much partners differ in when they stop", float(np.log(1.5)), 1.0),
        ("how soon partners stop bringing customers", float(np.log(0.5)), 1.5),
    ]
    if layout.growth:
        rows.append(("how acquisition grows", 0.0, 1.0))
    if layout.season:
        rows += [("the seasons", 0.0, 1.0)] * SEASON_COLUMNS
    if layout.segments > 1:
        rows.append(("how much segments differ", float(np.log(0.25)), 0.7))
        rows += [("a segment's own level", 0.0, 1.0)] * layout.segments
    names, mean, sd = zip(*rows, strict=True)
    return NormalPrior(names=names, mean=mean, sd=sd)


def unpack(theta: FloatArray, layout: Layout) -> dict[str, FloatArray]:
    """Coordinates to parameters.

    Parameters
    ----------
    theta : float64 array, shape (n, d)
    layout : Layout

    Returns
    -------
    dict of str to float64 array, shape (n, columns)
        ``r, alpha, kappa, s, beta, growth, season`` (``alpha``: a column a segment; ``season``:
        no columns if it isn't fitted; ``growth`` 0 likewise).
    """
    r, kappa, s = np.exp(theta[:, 0, None]), np.exp(theta[:, 2, None]), np.exp(theta[:, 3, None])
    hazard = np.exp(theta[:, 4, None]) / layout.age
    at = 5
    growth = np.zeros((len(theta), 1))
    if layout.growth:
        growth = GROWTH_SD * theta[:, at, None]
        at += 1
    season = np.zeros((len(theta), 0))
    if layout.season:
        season = SEASON_SD * theta[:, at : at + SEASON_COLUMNS]
        at += SEASON_COLUMNS
    log_mean = np.log(layout.rate) + theta[:, 1, None]
    if layout.segments > 1:
        log_mean = log_mean + np.exp(theta[:, at, None]) * theta[:, at + 1 :]
    return {
        "r": r,
        "alpha": r * np.exp(-log_mean),
        "kappa": kappa,
        "s": s,
        "beta": s / hazard,
        "growth": growth,
        "season": season,
    }


def total_log_likelihood(theta: FloatArray, layout: Layout) -> FloatArray:
    """Log-likelihood of all partners in the layout.

    Parameters
    ----------
    theta : float64 array, shape (n, d)
    layout : Layout

    Returns
    -------
    float64 array, shape (n,)
        -inf where it can't be evaluated.
    """
    named = unpack(theta, layout)
    level = period_level(layout.years, layout.phase, named["growth"], named["season"])
    every = Parameters(
        r=named["r"][:, 0],
        alpha=named["alpha"],
        kappa=named["kappa"][:, 0],
        s=named["s"][:, 0],
        beta=named["beta"][:, 0],
        level=level,
    )
    blocks = [slice(k, k + _BLOCK) for k in range(0, len(theta), _BLOCK)]

    def evaluate(rows: slice) -> FloatArray:
        part = Parameters(*(np.ascontiguousarray(values[rows]) for values in every))
        return np.asarray(log_likelihood(layout.histories, part).sum(axis=1))

    if len(blocks) == 1:
        total = evaluate(blocks[0])
    else:
        with ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
            total = np.concatenate(list(pool.map(evaluate, blocks)))
    return np.where(np.isfinite(total), total, -np.inf)
