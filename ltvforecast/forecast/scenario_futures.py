"""Runs the two futures of a what-if over all customers: blocks, workers, totals."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from ltvforecast.engines.local import available_workers, run_blocks
from ltvforecast.errors import ForecastError
from ltvforecast.forecast.blocks import Programme, programme_blocks, slices
from ltvforecast.forecast.closed_forms import probabilities
from ltvforecast.forecast.records import Customers, Draws, Eligible
from ltvforecast.forecast.scenario_kernel import (
    Futures,
    Likely,
    PairTotals,
    Segments,
    simulate_pair,
)
from ltvforecast.types import FloatArray, IntArray

__all__ = ["Behaviour", "cut_segments", "simulated_pair"]

Progress = Callable[[str, int, int], None]

MAX_WORKERS = 8
BLOCKS = 200
LARGEST_IN_MEMORY = 1_000_000_000
"""Bytes of totals over all workers; beyond it they go to files."""
LARGEST_TOTAL = 2.0**62


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """How known customers would behave differently, and which of them.

    Attributes
    ----------
    purchase_rate, dropout, order_value : float
        Factors on how often they buy, on the chance to drop out after a purchase (at most what
        keeps every mean below one), and on what each purchase is worth.
    concerned : int64 array, shape (n_customers,)
        1 for those whom it concerns, in the order of simulation.
    """

    purchase_rate: float
    dropout: float
    order_value: float
    concerned: IntArray


def cut_segments(edges: FloatArray, rate: float) -> Segments:
    """Cut operational time at the period edges of both futures.

    Parameters
    ----------
    edges : float64 array, shape (row, period + 1)
        On the model's clock, rising from 0.
    rate : float
        So many times as fast the changed future runs.

    Returns
    -------
    Segments

    Examples
    --------
    >>> cut = cut_segments(np.array([[0.0, 2.0, 4.0]]), 0.25)
    >>> cut.edges.tolist(), cut.base.tolist(), cut.changed.tolist()
    ([[0.0, 0.5, 1.0, 2.0, 4.0]], [[0, 0, 0, 1]], [[0, 1, -1, -1]])
    """
    periods = edges.shape[1] - 1
    if rate == 1.0:
        place = np.broadcast_to(np.arange(periods), (len(edges), periods)).copy()
        return Segments(np.ascontiguousarray(edges), place, place.copy())
    both = np.concatenate([edges[:, 1:], rate * edges[:, 1:]], axis=1)
    order = np.argsort(both, axis=1, kind="stable")
    ends = np.take_along_axis(both, order, axis=1)
    periods_of: list[IntArray] = []
    for first in (0, periods):
        mine = (order >= first) & (order < first + periods)
        ended = np.cumsum(mine, axis=1) - mine
        periods_of.append(np.where(ended < periods, ended, -1))
    start = np.zeros((len(edges), 1))
    return Segments(np.ascontiguousarray(np.concatenate([start, ends], axis=1)), *periods_of)


@contextmanager
def simulated_pair(
    programme: Programme,
    behaviour: Behaviour,
    *,
    shape: tuple[int, int, int],
    workers: int | None = None,
    progress: Progress | None = None,
) -> Iterator[PairTotals]:
    """Simulate both futures of every customer, and add up; totals live as long as the block.

    Parameters
    ----------
    programme : Programme
        Read only.
    behaviour : Behaviour
    shape : tuple of int
        Numbers of partners, draws and periods.
    workers : int, optional
        Threads; changes no figure.
    progress : callable, optional
        Called as ``progress(label, done, total)``.

    Yields
    ------
    PairTotals

    Raises
    ------
    ForecastError
        Revenue beyond all bounds.
    """
    edges = programme.clock.edges
    plain = cut_segments(edges, 1.0)
    futures = Futures(
        plain,
        plain if behaviour.purchase_rate == 1.0 else cut_segments(edges, behaviour.purchase_rate),
        behaviour.dropout,
        behaviour.order_value,
    )
    blocks = programme_blocks(programme, max(1, len(behaviour.concerned) // BLOCKS))
    threads = min(available_workers(), MAX_WORKERS) if workers is None else workers
    counted = programme.eligible is not None
    with _tallies(min(threads, len(blocks)), shape, eligible=counted) as tallies:
        run_blocks(
            partial(_simulate_block, programme=programme, behaviour=behaviour, futures=futures),
            blocks,
            tallies=tallies,
            label="simulating both futures",
            progress=progress,
        )
        whole = tallies[0]
        for other in tallies[1:]:
            for name in PairTotals._fields:
                getattr(whole, name).__iadd__(getattr(other, name))
        _check_size(whole)
        yield whole


@contextmanager
def _tallies(
    count: int, shape: tuple[int, int, int], *, eligible: bool
) -> Iterator[list[PairTotals]]:
    """Make totals for each worker, in files of a temporary folder if they are large."""
    each = 4 if eligible else 2

    def totals(arrays: IntArray) -> PairTotals:
        return PairTotals(
            base=arrays[0],
            changed=arrays[1],
            purchases=np.zeros((2, shape[1]), dtype=np.int64),
            size=np.zeros((2, shape[1])),
            eligible=arrays[2:] if eligible else np.zeros((0, 0, 0, 0), dtype=np.int64),
        )

    if each * count * int(np.prod(shape)) * 8 <= LARGEST_IN_MEMORY:
        yield [totals(np.zeros((each, *shape), dtype=np.int64)) for _ in range(count)]
        return
    with tempfile.TemporaryDirectory(prefix="ltvforecast-", ignore_cleanup_errors=True) as folder:
        yield [
            totals(
                np.memmap(
                    Path(folder) / f"totals-{number}.bin",
                    dtype=np.int64,
                    mode="w+",
                    shape=(each, *shape),
                ).view(np.ndarray)
            )
            for number in range(count)
        ]


def _simulate_block(
    buckets: range,
    totals: PairTotals,
    *,
    programme: Programme,
    behaviour: Behaviour,
    futures: Futures,
) -> None:
    for some in slices(buckets, programme=programme):
        concerned = behaviour.concerned[some.place]
        p_alive, p_buy = probabilities(some.customers, some.draws, futures.plain.edges[:, -1])
        if concerned.any() and behaviour.purchase_rate > 1.0:
            _, p_longer = probabilities(some.customers, some.draws, futures.cut.edges[:, -1])
            p_buy = np.where(concerned[:, None] == 1, p_longer, p_buy)
        for part in some.parts:
            of = part.rows
            simulate_pair(
                part.stream,
                Customers(*(values[of] for values in some.customers)),
                some.place.start + of.start,
                concerned[of],
                Draws(*(values if len(values) == 1 else values[of] for values in some.draws)),
                programme.destinations,
                futures,
                programme.money_quantum,
                programme.highest_spend,
                Likely(p_alive[of], p_buy[of], some.spend_factor[of]),
                totals,
                Eligible(some.eligible.period[of], some.eligible.share[of]),
                part.side_stream,
            )


def _check_size(totals: PairTotals) -> None:
    largest = float(totals.size.max())
    if not largest < LARGEST_TOTAL:
        raise ForecastError(
            "a parameter draw under which the programme's revenue is beyond all bounds: "
            f"{largest / 2.0**44:.3g} times the usual",
            expected="revenue of a comparable size in all parameter draws",
            remedy="change behaviour by less, or fit with --method laplace",
        )
