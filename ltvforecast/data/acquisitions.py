"""Who was new when, and through whom: first days of customers and of partners."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

__all__ = ["Starts", "first_purchases"]


class Starts(NamedTuple):
    """Where customers and partners begin.

    Attributes
    ----------
    customers : pandas.DataFrame
        Sorted by ``customer_id``: ``customer_id``, ``first_day`` (int64, days since 1970-01-01),
        ``first_partner``.
    partners : pandas.DataFrame
        Sorted by ``partner_id``: ``partner_id``, ``first_day`` (of any purchase through it).
    """

    customers: pd.DataFrame
    partners: pd.DataFrame


def first_purchases(purchases: pd.DataFrame) -> Starts:
    """Find each customer's first day and acquiring partner, and each partner's first day.

    Parameters
    ----------
    purchases : pandas.DataFrame
        ``customer_id``, ``partner_id``, ``day``, ``amount_micros``, netted and up to the as-of
        date.

    Returns
    -------
    Starts
        A customer who bought through several partners on its first day was acquired by the one
        with the largest amount there; the first by name if they are level.

    Examples
    --------
    >>> purchases = pd.DataFrame({"customer_id": ["c", "c", "d"], "partner_id": ["p", "q", "q"],
    ...                           "day": [8, 5, 9], "amount_micros": [1, 2, 3]})
    >>> first_purchases(purchases).customers.to_numpy().tolist()
    [['c', 5, 'q'], ['d', 9, 'q']]
    """
    keys = ["customer_id", "day", "partner_id"]
    days = purchases.groupby(keys)["amount_micros"].sum().reset_index()
    days = days.sort_values(
        ["customer_id", "day", "amount_micros", "partner_id"],
        ascending=[True, True, False, True],
        ignore_index=True,
    )
    first = days.drop_duplicates("customer_id", ignore_index=True)
    customers = pd.DataFrame(
        {
            "customer_id": first["customer_id"],
            "first_day": first["day"].to_numpy(np.int64),
            "first_partner": first["partner_id"],
        }
    )
    partners = purchases.groupby("partner_id", sort=True)["day"].min().rename("first_day")
    return Starts(customers=customers, partners=partners.astype(np.int64).reset_index())
