"""Run a block function over blocks with threads on this machine."""

from __future__ import annotations

import os
import queue
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TypeVar

from ltvforecast.errors import ConfigError

__all__ = ["available_workers", "run_blocks"]

Block = TypeVar("Block")
Tally = TypeVar("Tally")


def available_workers() -> int:
    """Count the processors this process may use.

    Examples
    --------
    >>> available_workers() >= 1
    True
    """
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run_blocks(
    work: Callable[[Block, Tally], None],
    blocks: Sequence[Block],
    *,
    tallies: Sequence[Tally],
    label: str = "blocks",
    progress: Callable[[str, int, int], None] | None = None,
) -> None:
    """Run ``work(block, tally)`` for every block, one thread for each tally.

    A tally is lent to one block at a time, so that ``work`` may add to it without a lock. Which
    tally a block meets is not fixed: what is added must not depend on order (whole numbers).

    Parameters
    ----------
    work : callable
        Should release the interpreter lock for most of its time.
    blocks : sequence
    tallies : sequence
        One a worker; with a single one everything runs in the calling thread.
    label : str
        Passed to ``progress``.
    progress : callable, optional
        Called as ``progress(label, done, total)`` from the calling thread.

    Raises
    ------
    ConfigError
        If there is no tally.
    Exception
        The first error of ``work``; blocks not yet begun are dropped.

    Examples
    --------
    >>> totals = [[0], [0]]
    >>> def add(block, tally):
    ...     tally[0] += sum(block)
    >>> run_blocks(add, [range(10), range(10, 20)], tallies=totals)
    >>> totals[0][0] + totals[1][0]
    190
    """
    if not tallies:
        raise ConfigError(
            "0 workers", expected="at least one worker", remedy="give --workers 1 or more"
        )
    if len(tallies) == 1 or len(blocks) <= 1:
        for done, block in enumerate(blocks, start=1):
            work(block, tallies[0])
            if progress is not None:
                progress(label, done, len(blocks))
        return
    _run_threads(work, blocks, tallies=tallies, label=label, progress=progress)


def _run_threads(
    work: Callable[[Block, Tally], None],
    blocks: Sequence[Block],
    *,
    tallies: Sequence[Tally],
    label: str,
    progress: Callable[[str, int, int], None] | None,
) -> None:
    free: queue.SimpleQueue[Tally] = queue.SimpleQueue()
    for tally in tallies:
        free.put(tally)

    def run(block: Block) -> None:
        tally = free.get()
        try:
            work(block, tally)
        finally:
            free.put(tally)

    with ThreadPoolExecutor(max_workers=len(tallies)) as pool:
        futures = [pool.submit(run, block) for block in blocks]
        try:
            for done, future in enumerate(as_completed(futures), start=1):
                future.result()
                if progress is not None:
                    progress(label, done, len(blocks))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
