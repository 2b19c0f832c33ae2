"""What the spend model is fitted to: whose amounts, with or without the first purchase."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import ndtri

from ltvforecast.errors import ConvergenceError, SummaryError
from ltvforecast.types import FloatArray, IntArray

__all__ = ["SpendData", "amounts_data", "first_purchase_gap", "means_data"]

_LEAST_VARIATION = 0.01
"""Amounts are never taken to vary by less than one percent: constant prices have no maximum."""
_CLEAR_GAP = float(np.log(1.1))
_LARGE_GAP = float(np.log(1.25))
"""Below this, knowing the only amount of a one-time customer is worth more than its bias costs."""
_FEWEST_PAIRS = 30
_ENOUGH_ALIKE = 1000
"""Of customers who all spend the same, more than this many say nothing new."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpendData:
    """Amounts per customer in multiples of ``unit``, and the share of purchases worth nothing.

    Attributes
    ----------
    n, total, log_total : float64 arrays, shape (n_customers,)
        Of customers with at least one positive amount: number of amounts, sum, sum of logs.
        For the published variant ``log_total`` is ``n`` times the log of the mean.
    unit : float
        Median over customers of their mean positive amount.
    zeros, purchases : int
        Purchases worth nothing, out of all.
    first_purchase : bool
        Whether first purchases are among the amounts.
    rows : int64 array, shape (n_customers,), or None
        Which of the customers given these are, in their order. None: all spend (nearly) the same,
        and what stands here was made so that they vary a little.
    flags : tuple of str
    """

    n: FloatArray
    total: FloatArray
    log_total: FloatArray
    unit: float
    zeros: int
    purchases: int
    first_purchase: bool
    rows: IntArray | None
    flags: tuple[str, ...] = ()

    @property
    def zero_share(self) -> float:
        """Share of purchases that were worth nothing."""
        return self.zeros / max(self.purchases, 1)


def amounts_data(customers: pd.DataFrame) -> SpendData:
    """Take every positive amount; leave first purchases out where their level differs a lot.

    Parameters
    ----------
    customers : pandas.DataFrame
        ``frequency, first_value, spend_n, spend_sum, spend_log_sum`` of a customer summary.

    Returns
    -------
    SpendData

    Raises
    ------
    ConvergenceError
        No amount is positive.
    SummaryError
        A sum is not finite, or negative.
    """
    n, total, log_total, first, frequency = _columns(
        customers, "spend_n", "spend_sum", "spend_log_sum", "first_value", "frequency"
    )
    _refuse_worthless(n, len(customers))
    purchases = int(frequency.sum()) + len(customers)
    zeros = max(0, purchases - int(n.sum()))
    gap, error, pairs = first_purchase_gap(n, log_total, first)
    clear = pairs >= _FEWEST_PAIRS and abs(gap) > max(_CLEAR_GAP, 3.0 * error)
    left_out = clear and abs(gap) > _LARGE_GAP
    if left_out:
        n, total, log_total = _without_first(n, total, log_total, first)
    kept = n > 0
    unit = float(np.median(total[kept] / n[kept]))
    total, log_total = total[kept] / unit, log_total[kept] - n[kept] * np.log(unit)
    n, total, log_total, alike, widened = _least_variation(n[kept], total, log_total)
    return SpendData(
        n=n,
        total=total,
        log_total=log_total,
        unit=unit,
        zeros=zeros,
        purchases=purchases,
        first_purchase=not left_out,
        rows=None if alike else np.flatnonzero(kept),
        flags=((_gap_flag(gap, pairs, left_out=left_out),) if clear else ()) + widened,
    )


def _gap_flag(gap: float, pairs: int, *, left_out: bool) -> str:
    higher = "larger" if gap > 0 else "smaller"
    found = (
        f"first purchases are {higher} than later ones of the same customers by "
        f"{abs(np.expm1(gap)):.0%} ({pairs:,} customers)"
    )
    if left_out:
        return (
            f"{found}: they were left out, and customers with a single purchase are given the "
            "spend of a typical customer"
        )
    high = "high" if gap > 0 else "low"
    return f"{found}: forecasts of customers with few purchases are somewhat too {high}"


def means_data(customers: pd.DataFrame) -> SpendData:
    """Take the mean repeat purchase of every customer who has one: the published variant.

    Parameters
    ----------
    customers : pandas.DataFrame
        ``frequency, monetary_value`` of a customer summary.

    Returns
    -------
    SpendData
        ``zeros`` counts the purchases of repeat customers whose mean is 0: other purchases worth
        nothing are inside the means already.

    Raises
    ------
    ConvergenceError
        No customer has a positive mean repeat purchase.
    """
    n, mean = _columns(customers, "frequency", "monetary_value")
    kept = (n > 0) & (mean > 0)
    if not kept.any():
        raise ConvergenceError(
            f"none of {len(customers):,} customers has a repeat purchase worth more than 0",
            expected="repeat purchases, which are all that the published spend model looks at",
            remedy="use spend='gamma-gamma', which also learns from first purchases",
        )
    unit = float(np.median(mean[kept]))
    n, mean = n[kept], mean[kept] / unit
    n, total, log_total, alike, widened = _least_variation(
        n, n * mean, n * np.log(mean), within=False
    )
    return SpendData(
        n=n,
        total=total,
        log_total=log_total,
        unit=unit,
        zeros=int(_columns(customers, "frequency")[0][~kept].sum()),
        purchases=int(customers["frequency"].sum()),
        first_purchase=False,
        rows=None if alike else np.flatnonzero(kept),
        flags=widened,
    )


def first_purchase_gap(
    n: FloatArray, log_total: FloatArray, first: FloatArray
) -> tuple[float, float, int]:
    """Mean log ratio of a customer's first amount to its later ones, with its standard error.

    Parameters
    ----------
    n, log_total, first : float64 array, shape (n_customers,)
        Number of positive amounts, sum of their logs, first amount (0 if worth nothing).

    Returns
    -------
    gap : float
        Mean of ``log(first) - mean(log(later))``. Comparing with the log of the later *mean*
        would find a gap where there is none, because means vary less than single amounts.
    error : float
    pairs : int
        Customers with a positive first and a positive later amount.

    Examples
    --------
    >>> first_purchase_gap(np.array([2.0, 3.0]), np.log([2.0, 8.0]), np.array([2.0, 4.0]))[0] > 0
    True
    """
    paired = (first > 0) & (n > 1)
    pairs = int(paired.sum())
    if pairs < 2:
        return 0.0, np.inf, pairs
    log_first = np.log(first[paired])
    gap = log_first - (log_total[paired] - log_first) / (n[paired] - 1.0)
    return float(gap.mean()), float(gap.std(ddof=1) / np.sqrt(pairs)), pairs


def _columns(customers: pd.DataFrame, *names: str) -> tuple[FloatArray, ...]:
    columns = tuple(customers[name].to_numpy(dtype=np.float64) for name in names)
    for name, column in zip(names, columns, strict=True):
        bad = ~np.isfinite(column) | ((column < 0) & (name != "spend_log_sum"))
        if bad.any():
            row = int(np.flatnonzero(bad)[0])
            raise SummaryError(
                f"{name} is {column[row]:g} for customer number {row + 1}",
                expected="finite amounts, none of them negative",
                remedy="build the summary with summarize(), which nets refunds",
            )
    return columns


def _refuse_worthless(n: FloatArray, customers: int) -> None:
    if n.sum() > 0:
        return
    raise ConvergenceError(
        f"all purchases of {customers:,} customers are worth 0",
        expected="at least one purchase with a positive amount",
        remedy="check that the right column is read as the amount, and whether refunds took "
        "everything away",
    )


def _without_first(
    n: FloatArray, total: FloatArray, log_total: FloatArray, first: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    has_first = first > 0
    later = n - has_first
    with np.errstate(divide="ignore"):
        log_first = np.where(has_first, np.log(first), 0.0)
    some = later > 0
    left = np.where(some, total - first, 0.0)
    return np.where(left > 0, later, 0.0), left, np.where(some, log_total - log_first, 0.0)


def _least_variation(
    n: FloatArray, total: FloatArray, log_total: FloatArray, *, within: bool = True
) -> tuple[FloatArray, FloatArray, FloatArray, bool, tuple[str, ...]]:
    """Give amounts that are (nearly) all the same a spread of one percent, and say so.

    The last but one tells whether customers were all alike, and rows were made up for them.

    The mean of the logs lies below the log of the mean by half the relative variance, so that a
    customer's spread is widened by lowering the sum of logs.
    """
    flags: tuple[str, ...] = ()
    spare = n - 1.0
    loose = bool(spare.sum() < 0.1 * len(n)) or not within
    if within and spare.sum() > 0:
        found = max(0.0, float(np.sum(n * np.log(total / n) - log_total))) / float(spare.sum())
        missing = 0.5 * _LEAST_VARIATION**2 - found
        if missing > 0:
            loose = True
            log_total = log_total - spare * missing
            flags = ("the amounts of one customer hardly vary; a spread of 1 % was assumed",)
    if loose and len(n) > 2 and float(np.log(total / n).std()) < _LEAST_VARIATION:
        flags += ("customers spend (nearly) the same; a spread of 1 % was assumed",)
        return *_set_apart(n, total, log_total), True, flags
    return n, total, log_total, False, flags


def _set_apart(
    n: FloatArray, total: FloatArray, log_total: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Spread customers who are all alike by normal scores, in the order of their amounts."""
    order = np.lexsort((n, total / n))
    kept = order[np.linspace(0, len(n) - 1, min(len(n), _ENOUGH_ALIKE)).astype(np.int64)]
    lift = _LEAST_VARIATION * ndtri((np.arange(len(kept)) + 0.5) / len(kept))
    return n[kept], total[kept] * np.exp(lift), log_total[kept] + n[kept] * lift
