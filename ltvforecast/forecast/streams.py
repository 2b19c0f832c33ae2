"""Random streams that belong to customers and partners: blocks and workers change nothing.

Every customer falls into one of 4,096 buckets by a hash of its id. A bucket has its own random
stream and its customers are simulated in the order of their ids: whatever the blocks (whole
buckets), the workers or the order of rows, each customer meets the same random numbers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ltvforecast.types import IntArray

__all__ = [
    "BUCKETS",
    "BucketOrder",
    "bucket_blocks",
    "buckets_together",
    "open_named_stream",
    "open_side_stream",
    "open_stream",
    "order_by_bucket",
]

BUCKETS = 4096
_SIDE = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class BucketOrder:
    """Customers in the order in which they are simulated.

    Attributes
    ----------
    order : int64 array, shape (n_customers,)
        Row of the customer that stands at each place: by bucket, inside it by id.
    start : int64 array, shape (BUCKETS + 1,)
        Bucket ``k`` has the places ``start[k]`` to ``start[k + 1] - 1``.
    """

    order: IntArray
    start: IntArray


def order_by_bucket(customer_ids: Sequence[str]) -> BucketOrder:
    """Sort customers by bucket, inside a bucket by id.

    Parameters
    ----------
    customer_ids : sequence of str
        Distinct, in any order.

    Returns
    -------
    BucketOrder

    Examples
    --------
    >>> customers = ["b", "a", "c"]
    >>> places = order_by_bucket(customers)
    >>> [customers[row] for row in places.order] == [
    ...     sorted(customers)[row] for row in order_by_bucket(sorted(customers)).order
    ... ]
    True
    """
    buckets = np.fromiter(
        (_bucket(customer) for customer in customer_ids), dtype=np.int64, count=len(customer_ids)
    )
    by_id = np.array(sorted(range(len(customer_ids)), key=customer_ids.__getitem__), dtype=np.int64)
    order = by_id[np.argsort(buckets[by_id], kind="stable")]
    start = np.zeros(BUCKETS + 1, dtype=np.int64)
    np.cumsum(np.bincount(buckets, minlength=BUCKETS), out=start[1:])
    return BucketOrder(order=order, start=start)


def _bucket(customer_id: str) -> int:
    return _key(customer_id) % BUCKETS


def _key(name: str) -> int:
    text = name.encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "big")


def buckets_together(start: IntArray, customers: int) -> int:
    """Say how many buckets in a row hold about so many customers, or somewhat fewer.

    What is computed of them at once is the same, then, however they are put into blocks.

    Parameters
    ----------
    start : int64 array, shape (n_buckets + 1,)
    customers : int

    Returns
    -------
    int
        A power of two.

    Examples
    --------
    >>> buckets_together(np.arange(0, 40, 5), 12)
    2
    """
    wanted = customers * (len(start) - 1) / max(int(start[-1]), 1)
    return 1 << int(np.log2(np.clip(wanted, 1, len(start) - 1)))


def bucket_blocks(start: IntArray, block_size: int, together: int = 1) -> list[range]:
    """Group buckets into blocks of about ``block_size`` customers; empty ones at the end are left.

    Parameters
    ----------
    start : int64 array, shape (BUCKETS + 1,)
    block_size : int
        A block is closed when it has at least so many customers.
    together : int
        Buckets of which no block holds a part.

    Returns
    -------
    list of range
        Consecutive buckets.

    Examples
    --------
    >>> bucket_blocks(np.array([0, 2, 2, 5, 6]), 2)
    [range(0, 1), range(1, 3), range(3, 4)]
    """
    blocks = []
    first = 0
    for end in range(together, len(start), together):
        if start[end] - start[first] >= block_size:
            blocks.append(range(first, end))
            first = end
    if start[-1] > start[first]:
        blocks.append(range(first, len(start) - 1))
    return blocks


def open_stream(seed: int, bucket: int) -> np.random.Generator:
    """Open the random stream of a bucket.

    Parameters
    ----------
    seed : int
        Not negative.
    bucket : int

    Returns
    -------
    numpy.random.Generator

    Examples
    --------
    >>> open_stream(7, 3).random() == open_stream(7, 3).random() != open_stream(7, 4).random()
    True
    """
    return _open(seed, bucket)


def open_named_stream(seed: int, *purpose: int, name: str) -> np.random.Generator:
    """Open the random stream of a partner, or of whatever else has a name.

    Parameters
    ----------
    seed : int
        Not negative.
    *purpose : int
        Streams of one name for different purposes are independent. The first is above any bucket.
    name : str

    Returns
    -------
    numpy.random.Generator

    Examples
    --------
    >>> one = open_named_stream(7, 5000, name="north").random()
    >>> bool(one == open_named_stream(7, 5000, name="south").random())
    False
    """
    return _open(seed, *purpose, _key(name))


def open_side_stream(seed: int, bucket: int) -> np.random.Generator:
    """Open a bucket's second stream, for what is asked for only sometimes.

    Parameters
    ----------
    seed : int
        Not negative.
    bucket : int

    Returns
    -------
    numpy.random.Generator

    Examples
    --------
    >>> bool(open_side_stream(7, 3).random() == open_stream(7, 3).random())
    False
    """
    return _open(seed, bucket, _SIDE)


def _open(*keys: int) -> np.random.Generator:
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence(keys)))
