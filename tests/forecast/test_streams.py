from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ltvforecast.forecast.streams import (
    BUCKETS,
    _bucket,
    bucket_blocks,
    buckets_together,
    open_stream,
    order_by_bucket,
)

ids = st.lists(st.text(min_size=0, max_size=8), unique=True, min_size=1, max_size=60)


@given(customers=ids, seed=st.integers(0, 2**32 - 1))
def test_the_order_of_rows_changes_nothing(customers: list[str], seed: int) -> None:
    shuffled = [customers[k] for k in np.random.default_rng(seed).permutation(len(customers))]
    first, second = order_by_bucket(customers), order_by_bucket(shuffled)
    assert [customers[k] for k in first.order] == [shuffled[k] for k in second.order]
    assert np.array_equal(first.start, second.start)


@given(customers=ids, size=st.integers(1, 100), few=st.integers(1, 100))
def test_blocks_hold_every_bucket_with_customers_once(
    customers: list[str], size: int, few: int
) -> None:
    start = order_by_bucket(customers).start
    together = buckets_together(start, few)
    assert BUCKETS % together == 0
    blocks = bucket_blocks(start, size, together)
    assert all(block.start % together == block.stop % together == 0 for block in blocks)
    buckets = [bucket for block in blocks for bucket in block]
    assert buckets == sorted(set(buckets))
    assert set(np.flatnonzero(np.diff(start))) <= set(buckets)
    sizes = [start[block.stop] - start[block.start] for block in blocks]
    assert sum(sizes) == len(customers)
    assert all(count >= size for count in sizes[:-1])


def test_buckets_are_the_same_for_ever() -> None:
    # pinned: other numbers would give every user other random numbers
    assert [_bucket(name) for name in ("", "1", "customer-7", "é")] == [692, 1910, 2138, 2351]
    assert open_stream(20_260_101, 17).random() == open_stream(20_260_101, 17).random()


def test_buckets_are_spread_evenly() -> None:
    start = order_by_bucket([str(number) for number in range(40_960)]).start
    counts = np.diff(start)
    assert len(counts) == BUCKETS
    assert abs(counts.var() / counts.mean() - 1) < 0.1
