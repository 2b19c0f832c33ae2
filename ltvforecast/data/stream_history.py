"""Past revenue by partner and revenue stream, first purchases apart from later ones."""

from __future__ import annotations

import numpy as np
import pandas as pd

from ltvforecast.transaction_types import MICROS

__all__ = ["UNSPECIFIED", "stream_history", "stream_notes"]

UNSPECIFIED = "unspecified"
"""Stream of purchases that tell of none."""
HALF_LIFE_DAYS = 365.0
"""A purchase counts half for the mix of streams to come when it is a year old."""


def stream_history(
    purchases: pd.DataFrame, *, as_of_day: int, credit: pd.DataFrame | None = None
) -> pd.DataFrame | None:
    """Add up revenue by partner and stream.

    Parameters
    ----------
    purchases : pandas.DataFrame
        Refunds taken off: ``partner_id, customer_id, day, amount_micros`` and, if the source has
        it, ``revenue_stream``.
    as_of_day : int
        From which purchases' age is counted, in days since 1970-01-01.
    credit : pandas.DataFrame, optional
        ``customer_id, partner_id, weight``: whose a customer's purchases are, if not the
        partner's that made them.

    Returns
    -------
    pandas.DataFrame or None
        One row for each partner, stream and kind: ``partner_id``, ``revenue_stream`` (str),
        ``first`` (bool: of customers' first purchase days), ``revenue`` (float64), ``purchases``
        (int64, rows), ``recent_revenue`` (float64, counting half for each year of age) and
        ``recent_squares`` (float64, the squares of the amounts, counting likewise; a customer's
        purchases of one day and stream are one amount). Revenue and purchases add up to
        the partner's. None if the source has no streams.

    Examples
    --------
    >>> rows = pd.DataFrame({"partner_id": "p", "customer_id": "c", "day": [0, 365],
    ...                      "amount_micros": [5_000_000, 2_000_000],
    ...                      "revenue_stream": ["initial", None]})
    >>> stream_history(rows, as_of_day=365).T[[0, 1]]
                          0            1
    partner_id            p            p
    revenue_stream  initial  unspecified
    first              True        False
    revenue             5.0          2.0
    purchases             1            1
    recent_revenue      2.5          2.0
    recent_squares     12.5          4.0
    """
    if "revenue_stream" not in purchases:
        return None
    rows = purchases[["partner_id", "customer_id", "day", "amount_micros"]].assign(
        revenue_stream=purchases["revenue_stream"].fillna(UNSPECIFIED).astype("str"),
        first=purchases["day"] == purchases.groupby("customer_id")["day"].transform("min"),
    )
    if credit is not None:
        rows = rows.drop(columns="partner_id").merge(credit, on="customer_id")
        rows["amount_micros"] = rows["amount_micros"] * rows["weight"]
    key = ["partner_id", "revenue_stream", "first"]
    amounts = rows.groupby([*key, "customer_id", "day"], sort=True)["amount_micros"].sum()
    money = amounts.to_numpy(np.float64) / MICROS
    age = as_of_day - amounts.index.get_level_values("day").to_numpy(np.int64)
    weight = 2.0 ** (-age / HALF_LIFE_DAYS)
    recent = pd.DataFrame(
        {"recent_revenue": weight * money, "recent_squares": weight * money**2},
        index=amounts.index,
    )
    sums = rows.groupby(key, sort=True)["amount_micros"].agg(["sum", "size"])
    recent = recent.groupby(level=key, sort=True).sum()
    return pd.DataFrame(
        {
            **{name: sums.index.get_level_values(name) for name in key},
            "revenue": sums["sum"].to_numpy(np.float64) / MICROS,
            "purchases": sums["size"].to_numpy(np.int64),
            **{str(name): recent[name].to_numpy() for name in recent},
        }
    ).astype({"partner_id": "str", "revenue_stream": "str", "first": bool})


def stream_notes(purchases: pd.DataFrame) -> tuple[str, ...]:
    """Count the purchases that tell no stream, if others do.

    Parameters
    ----------
    purchases : pandas.DataFrame
        As in :func:`stream_history`.

    Returns
    -------
    tuple of str
        Empty if the source has no streams, or all purchases tell theirs.
    """
    if "revenue_stream" not in purchases:
        return ()
    missing = int(purchases["revenue_stream"].isna().sum())
    if not missing:
        return ()
    told = f"{missing:,} of {len(purchases):,} purchases tell no revenue stream"
    return (f"{told}; they are counted as {UNSPECIFIED!r}",)
