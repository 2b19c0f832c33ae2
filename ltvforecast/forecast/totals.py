"""Simulates every customer of a programme, block by block, and adds up."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np

from ltvforecast.engines.local import available_workers, run_blocks
from ltvforecast.errors import ConfigError
from ltvforecast.forecast.blocks import Programme, programme_blocks, simulate_block
from ltvforecast.forecast.records import Totals, new_totals

__all__ = ["simulated_totals", "whole_number"]

Progress = Callable[[str, int, int], None]

MAX_WORKERS = 8
BLOCKS = 200
"""Blocks aimed at, so that progress shows and workers share the load."""
LARGEST_IN_MEMORY = 1_000_000_000
"""Bytes of (draw, partner, period) totals, over all workers; beyond it they go to files."""


@contextmanager
def simulated_totals(
    programme: Programme,
    *,
    partners: int,
    draws: int,
    periods: int,
    workers: int | None = None,
    block_size: int | None = None,
    progress: Progress | None = None,
) -> Iterator[Totals]:
    """Simulate every customer of a programme, and add up; the totals live as long as the block.

    Parameters
    ----------
    programme : Programme
        Its customers' results are filled in.
    partners, draws, periods : int
    workers, block_size, progress
        As in :func:`ltvforecast.predict`.
    """
    threads = min(available_workers(), MAX_WORKERS) if workers is None else workers
    size = max(1, len(programme.results) // BLOCKS) if block_size is None else block_size
    blocks = programme_blocks(programme, whole_number("block_size", size, least=1))
    threads = min(whole_number("workers", threads, least=1), len(blocks))
    counted = programme.eligible is not None
    with _tallies(threads, partners, draws, periods, eligible=counted) as tallies:
        run_blocks(
            partial(simulate_block, programme=programme),
            blocks,
            tallies=tallies,
            label="simulating customers",
            progress=progress,
        )
        yield _merge(tallies)


def whole_number(name: str, value: int, *, least: int) -> int:
    """Refuse an option that is not a whole number, or too small.

    Parameters
    ----------
    name : str
        Of the option.
    value, least : int

    Returns
    -------
    int

    Raises
    ------
    ConfigError
        It is not.

    Examples
    --------
    >>> whole_number("draws", 200, least=1)
    200
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ConfigError(
            f"{name} {value!r}",
            expected=f"a whole number, {least} or more",
            remedy=f"correct {name}",
        )
    return int(value)


@contextmanager
def _tallies(
    count: int, partners: int, draws: int, periods: int, *, eligible: bool
) -> Iterator[list[Totals]]:
    """Make totals for each worker, in files of a temporary folder if they are large."""
    if count * partners * draws * periods * (16 if eligible else 8) <= LARGEST_IN_MEMORY:
        yield [new_totals(partners, draws, periods, eligible=eligible) for _ in range(count)]
        return
    with tempfile.TemporaryDirectory(prefix="ltvforecast-", ignore_cleanup_errors=True) as folder:
        yield [
            new_totals(
                partners,
                draws,
                periods,
                eligible=eligible,
                folder=Path(folder),
                number=number,
            )
            for number in range(count)
        ]


def _merge(tallies: Sequence[Totals]) -> Totals:
    """Add all totals to the first; whole numbers, so that the order is nothing."""
    first = tallies[0]
    for other in tallies[1:]:
        for partner in range(len(first.revenue)):
            first.revenue[partner] += other.revenue[partner]
        for partner in range(len(first.eligible)):
            first.eligible[partner] += other.eligible[partner]
        for name in Totals._fields:
            if name not in ("revenue", "eligible", "seen"):
                getattr(first, name).__iadd__(getattr(other, name))
    return first
