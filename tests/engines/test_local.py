from __future__ import annotations

import threading
import time

import pytest

from ltvforecast.engines.local import available_workers, run_blocks
from ltvforecast.errors import ConfigError


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_every_block_is_done_once_and_progress_counts_to_the_end(workers: int) -> None:
    tallies: list[list[int]] = [[] for _ in range(workers)]
    seen: list[tuple[str, int, int]] = []
    run_blocks(
        lambda block, tally: tally.append(block),
        range(20),
        tallies=tallies,
        label="counting",
        progress=lambda *told: seen.append(told),
    )
    assert sorted(block for tally in tallies for block in tally) == list(range(20))
    assert seen == [("counting", done, 20) for done in range(1, 21)]


def test_a_tally_is_lent_to_one_block_at_a_time() -> None:
    clashes = []

    def work(_: int, lock: threading.Lock) -> None:
        if not lock.acquire(blocking=False):
            clashes.append(1)
            return
        time.sleep(0.002)
        lock.release()

    run_blocks(work, range(40), tallies=[threading.Lock(), threading.Lock()])
    assert not clashes


@pytest.mark.parametrize("workers", [1, 3])
def test_the_first_error_comes_out_and_stops_the_rest(workers: int) -> None:
    done: list[int] = []

    def work(block: int, _: None) -> None:
        if block == 2:
            raise ValueError("block 2")
        time.sleep(0.005)
        done.append(block)

    with pytest.raises(ValueError, match="block 2"):
        run_blocks(work, range(200), tallies=[None] * workers)
    assert len(done) < 100


def test_no_blocks_and_no_workers() -> None:
    run_blocks(lambda *_: None, [], tallies=[None, None])
    with pytest.raises(ConfigError, match="0 workers"):
        run_blocks(lambda *_: None, [1], tallies=[])


def test_progress_comes_from_the_calling_thread() -> None:
    threads = set()
    run_blocks(
        lambda *_: None,
        range(8),
        tallies=[None, None],
        progress=lambda *_: threads.add(threading.get_ident()),
    )
    assert threads == {threading.get_ident()}
    assert available_workers() >= 1
