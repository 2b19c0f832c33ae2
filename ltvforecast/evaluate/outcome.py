"""What came after an origin from the customers known at it, and what came beside them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from ltvforecast.data.acquisitions import first_purchases
from ltvforecast.transaction_types import MICROS
from ltvforecast.types import FloatArray, IntArray

__all__ = ["Outcome", "known_revenue_after", "outcome_after"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """Revenue in the window after an origin.

    Attributes
    ----------
    partner : float64 array, shape (n_partners,)
        From customers known at the origin, through each partner known at the origin.
    customer : float64 array, shape (n_customers,)
        From each known customer, through any partner.
    programme : float
        From all known customers, through any partner: what ``partner`` sums to, and
        ``revenue_at_new_partners``.
    partner_total : float64 array, shape (n_partners,)
        From all customers, those first seen in the window too, through each partner known at the
        origin.
    partner_new_customers : int64 array, shape (n_partners,)
        Customers first seen in the window, by the partner of their first purchase.
    new_partners : tuple of str
        Partners that sold in the window but not up to the origin, sorted.
    revenue_at_new_partners : float
        From known customers through them.
    new_customers : int
        Customers first seen in the window; of the above, their revenue is part of
        ``partner_total`` only.
    revenue_of_new_customers : float
    moved_customers : tuple of str
        Known customers who bought in the window where they had never bought up to the origin,
        sorted.
    """

    partner: FloatArray
    customer: FloatArray
    programme: float
    partner_total: FloatArray
    partner_new_customers: IntArray
    new_partners: tuple[str, ...]
    revenue_at_new_partners: float
    new_customers: int
    revenue_of_new_customers: float
    moved_customers: tuple[str, ...]


def outcome_after(
    purchases: pd.DataFrame,
    *,
    customer_ids: Sequence[str],
    partner_ids: Sequence[str],
    origin_day: int,
    days: int,
) -> Outcome:
    """Add up what came in a window, apart for those known at the origin and for others.

    Parameters
    ----------
    purchases : pandas.DataFrame
        Netted purchases, as known when the window is judged: ``partner_id``, ``customer_id``,
        ``day``, ``amount_micros``.
    customer_ids, partner_ids : sequence of str
        Known at the origin.
    origin_day : int
        The window is the ``days`` after this day.
    days : int

    Returns
    -------
    Outcome

    Examples
    --------
    >>> purchases = pd.DataFrame({"partner_id": ["p", "p", "q", "p"], "day": [1, 12, 13, 14],
    ...                           "customer_id": ["c", "c", "c", "new"],
    ...                           "amount_micros": [9_000_000, 5_000_000, 3_000_000, 2_000_000]})
    >>> came = outcome_after(purchases, customer_ids=["c"], partner_ids=["p"], origin_day=10,
    ...                      days=10)
    >>> came.partner.tolist(), came.programme, came.new_partners, came.revenue_of_new_customers
    ([5.0], 8.0, ('q',), 2.0)
    """
    day = purchases["day"].to_numpy()
    rows, told = _window(purchases, customer_ids, origin_day, days)
    known, new = rows[told], rows[~told]
    elsewhere = known[~known["partner_id"].isin(partner_ids)]
    acquirer = pd.Index(partner_ids).get_indexer(
        pd.Index(first_purchases(new).customers["first_partner"])
    )
    return Outcome(
        partner=_sums(known, "partner_id", partner_ids),
        customer=_sums(known, "customer_id", customer_ids),
        programme=_total(known),
        partner_total=_sums(rows, "partner_id", partner_ids),
        partner_new_customers=np.bincount(
            acquirer[acquirer >= 0], minlength=len(partner_ids)
        ).astype(np.int64),
        new_partners=tuple(sorted(set(rows["partner_id"]) - set(partner_ids))),
        revenue_at_new_partners=_total(elsewhere),
        new_customers=int(new["customer_id"].nunique()),
        revenue_of_new_customers=_total(new),
        moved_customers=_moved(purchases[day <= origin_day], known),
    )


def known_revenue_after(
    purchases: pd.DataFrame,
    *,
    customer_ids: Sequence[str],
    partner_ids: Sequence[str],
    origin_day: int,
    days: int,
) -> tuple[FloatArray, float]:
    """Add up what the customers known at the origin spent in a window.

    Parameters
    ----------
    purchases, customer_ids, partner_ids, origin_day, days
        As for :func:`outcome_after`.

    Returns
    -------
    partner : float64 array, shape (n_partners,)
    programme : float
        New partners included.
    """
    rows, told = _window(purchases, customer_ids, origin_day, days)
    return _sums(rows[told], "partner_id", partner_ids), _total(rows[told])


def _window(
    purchases: pd.DataFrame, customer_ids: Sequence[str], origin_day: int, days: int
) -> tuple[pd.DataFrame, npt.NDArray[np.bool_]]:
    """Give the purchases of a window, and which are those of known customers."""
    day = purchases["day"].to_numpy()
    rows = purchases[(day > origin_day) & (day <= origin_day + days)]
    return rows, pd.Index(customer_ids).get_indexer(pd.Index(rows["customer_id"])) >= 0


def _sums(rows: pd.DataFrame, key: str, ids: Sequence[str]) -> FloatArray:
    place = pd.Index(ids).get_indexer(pd.Index(rows[key]))
    micros: IntArray = np.zeros(len(ids), dtype=np.int64)
    found = place >= 0
    np.add.at(micros, place[found], rows["amount_micros"].to_numpy()[found])
    return np.asarray(micros / MICROS)


def _total(rows: pd.DataFrame) -> float:
    return int(rows["amount_micros"].sum()) / MICROS


def _moved(before: pd.DataFrame, after: pd.DataFrame) -> tuple[str, ...]:
    pair = ["customer_id", "partner_id"]
    before = before[before["customer_id"].isin(after["customer_id"].unique())]
    seen = pd.MultiIndex.from_frame(before[pair].drop_duplicates())
    now = after[pair].drop_duplicates()
    first_time = ~pd.MultiIndex.from_frame(now).isin(seen)
    return tuple(sorted(set(now.loc[first_time, "customer_id"])))
