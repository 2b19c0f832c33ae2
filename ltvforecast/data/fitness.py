"""Do these purchases suit the models? Warnings in plain words, each with a number and a remedy."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from ltvforecast.types import IntArray

__all__ = ["GapPattern", "fitness_warnings", "gap_pattern", "last_two_gaps", "wheat_morrison"]

FEW_REPEATERS = 50
"""Below it the likelihood of four purchase parameters is nearly flat."""
TYPICAL_GAPS = 3.0
REGULAR, CLUMPY = 1.5, 0.8
MIN_GAP_PAIRS = 30
MIN_CUSTOMERS = 20
TRUNCATED_SHARE = 0.5
CLOSED_SHARE = 0.25
PARTNER_SHARE, CUSTOMER_SHARE = 0.5, 0.25


def fitness_warnings(
    purchases: pd.DataFrame, table: pd.DataFrame, *, as_of_day: int
) -> tuple[str, ...]:
    """Say what about these purchases does not suit BG/NBD and Gamma-Gamma, and what to do.

    Parameters
    ----------
    purchases : pandas.DataFrame
        Netted purchases up to ``as_of_day``: ``partner_id``, ``customer_id``, ``day``,
        ``amount_micros``.
    table : pandas.DataFrame
        One row a customer, times in days: ``frequency``, ``recency``, ``T``, ``revenue_to_date``
        (see :func:`ltvforecast.data.summary.customer_table`).
    as_of_day : int

    Returns
    -------
    tuple of str
        Empty where nothing is to be said.

    Examples
    --------
    >>> purchases = pd.DataFrame({"partner_id": ["p"], "customer_id": ["c"], "day": [0],
    ...                           "amount_micros": [1_000_000]})
    >>> table = pd.DataFrame({"customer_id": ["c"], "frequency": [0], "recency": [0.0],
    ...                       "T": [30.0], "revenue_to_date": [1.0]})
    >>> for warning in fitness_warnings(purchases, table, as_of_day=30):
    ...     print(warning.split(":")[0])
    few repeat customers
    one customer holds much of the value
    """
    found = (
        _few_repeaters(table),
        _short_history(table),
        _gap_pattern(purchases),
        _left_truncation(table, as_of_day=as_of_day),
        _closed_cohort(table, as_of_day=as_of_day),
        _one_partner(purchases),
        _one_customer(table),
    )
    return tuple(warning for warning in found if warning)


def wheat_morrison(
    first_gap: npt.ArrayLike, last_gap: npt.ArrayLike, *, grid: float = 0.0
) -> float:
    """Estimate how regular purchases are from each customer's last two gaps between them.

    Parameters
    ----------
    first_gap, last_gap : array_like, shape (n,)
        Positive; one pair a customer, ``last_gap`` the later.
    grid : float
        0: times are exact (the published estimator). Otherwise the gaps are whole multiples of
        this many time units and purchases within one unit were merged; rounding alone makes gaps
        look regular, and that is taken out.

    Returns
    -------
    float
        The Erlang shape k: 1 for purely random (Poisson) purchases, above 1 for regular ones,
        below 1 for clumpy ones.

    Notes
    -----
    ``M = last / (first + last)`` is Beta(k, k) distributed whatever the customer's own rate, so
    ``k = (1 - 4 Var M) / (8 Var M)``. On a grid, purely random gaps are geometric; given their
    sum of ``S`` units the later one is uniform on ``1 ... S - 1``; so
    ``M = (last - 1/2) / (S - 1)`` has mean 1/2 and variance ``(1 - 1 / (S - 1)^2) / 12``, and
    squared deviations are divided by the bracket. Purely random purchases at .3 a day, seen by
    whole days, give 1.9 without this and 1.0 with it.

    References
    ----------
    Wheat & Morrison (1990), Journal of Marketing Research 27(1), 87-93: estimating purchase
    regularity with two interpurchase times.

    Examples
    --------
    >>> wheat_morrison([30.0, 29.0, 31.0, 30.0], [30.0, 31.0, 29.0, 30.0]) > 100
    True
    """
    first = np.asarray(first_gap, dtype=np.float64)
    last = np.asarray(last_gap, dtype=np.float64)
    if grid > 0:
        places = np.round((first + last) / grid) - 1.0
        told = places > 1
        places = places[told]
        share = (np.round(last[told] / grid) - 0.5) / places
        scale = 1.0 - 1.0 / places**2
    else:
        share, scale = last / (first + last), np.ones(len(first))
    if len(share) == 0:
        return 1.0
    variance = float(np.mean((share - share.mean()) ** 2 / scale))
    return (1.0 - 4.0 * variance) / (8.0 * max(variance, 1e-6))


def last_two_gaps(purchases: pd.DataFrame) -> tuple[IntArray, IntArray]:
    """Find the last two gaps, in days, of each customer with three purchase days or more.

    Parameters
    ----------
    purchases : pandas.DataFrame
        ``customer_id``, ``day``.

    Returns
    -------
    tuple of int64 arrays, shape (n,)
        The gap before the last, and the last.

    Examples
    --------
    >>> purchases = pd.DataFrame({"customer_id": ["c"] * 4, "day": [0, 7, 7, 17]})
    >>> [gap.tolist() for gap in last_two_gaps(purchases)]
    [[7], [10]]
    """
    codes, _ = pd.factorize(purchases["customer_id"], sort=True)
    when = purchases["day"].to_numpy(np.int64)
    first, last = (int(when.min()), int(when.max())) if len(when) else (0, 0)
    stretch = last - first + 1
    days = np.unique(codes * stretch + when - first)
    customer, day = days // stretch, days % stretch + first
    same = (customer[2:] == customer[:-2]) if len(days) > 2 else np.zeros(0, dtype=bool)
    is_last = np.append(customer[1:] != customer[:-1], True)[2:]
    end = np.flatnonzero(same & is_last) + 2
    return day[end - 1] - day[end - 2], day[end] - day[end - 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class GapPattern:
    """How regular purchases are.

    Attributes
    ----------
    k, error : float
        Wheat-Morrison estimate of the Erlang shape, and its standard error if purchases are
        purely random (k = 1).
    customers : int
        With two gaps or more.
    typical_gap : float
        Median of the last two, in days.
    """

    k: float
    error: float
    customers: int
    typical_gap: float


def gap_pattern(purchases: pd.DataFrame) -> GapPattern | None:
    """Estimate how regular purchases are, and how surely.

    Parameters
    ----------
    purchases : pandas.DataFrame
        ``customer_id``, ``day``.

    Returns
    -------
    GapPattern or None
        None with fewer than 30 customers with two gaps: they tell nothing.

    Examples
    --------
    >>> weekly = pd.DataFrame({"customer_id": np.repeat(np.arange(40), 3), "day": [0, 7, 14] * 40})
    >>> gap_pattern(weekly).k > 100, gap_pattern(weekly[:60]) is None
    (True, True)
    """
    first, last = last_two_gaps(purchases)
    if len(first) < MIN_GAP_PAIRS:
        return None
    return GapPattern(
        k=wheat_morrison(first, last, grid=1.0),
        # Var M = 1/12 and Var (M - 1/2)^2 = 1/180 under k = 1, and dk/dV = -1/(8 V^2) = -18.
        error=float(18.0 * np.sqrt(1.0 / (180.0 * len(first)))),
        customers=len(first),
        typical_gap=float(np.median(np.concatenate([first, last]))),
    )


def _few_repeaters(table: pd.DataFrame) -> str:
    repeaters = int((table["frequency"] > 0).sum())
    if repeaters >= FEW_REPEATERS:
        return ""
    return (
        f"few repeat customers: {repeaters:,} of {len(table):,} bought more than once (at least "
        f"{FEW_REPEATERS} are wanted), so the forecast rests mostly on prior assumptions; use a "
        "longer history, or read the intervals and not the middle values"
    )


def _short_history(table: pd.DataFrame) -> str:
    repeat = table[table["frequency"] > 0]
    if repeat.empty:
        return ""
    gap = float((repeat["recency"] / repeat["frequency"]).median())
    span = float(table["T"].max())
    if span >= TYPICAL_GAPS * gap:
        return ""
    return (
        f"short history: {span:.0f} days cover {span / gap:.1f} typical gaps between purchases "
        f"({gap:.0f} days; at least {TYPICAL_GAPS:.0f} are wanted), so who has gone can't be told "
        "from who is only between purchases; use a longer history"
    )


def _gap_pattern(purchases: pd.DataFrame) -> str:
    found = gap_pattern(purchases)
    if found is None:
        return ""
    k, error, customers = found.k, found.error, found.customers
    if k > max(REGULAR, 1.0 + 2.0 * error):
        return (
            f"regular purchase cycle: gaps between purchases are far more even than random "
            f"(Wheat-Morrison k = {k:.1f} from {customers:,} customers, 1 is random; typical gap "
            f"{found.typical_gap:.0f} days), so a missed order means more than the model thinks "
            "and customers who have gone are believed in too long; look yourself at customers more "
            "than two gaps late, and try the forecast on an earlier as-of date before relying on it"
        )
    if k < min(CLUMPY, 1.0 - 2.0 * error):
        return (
            f"clumpy purchases: they come in bursts (Wheat-Morrison k = {k:.2f} from "
            f"{customers:,} customers, 1 is random), so purchase counts will vary more than the "
            "intervals say; merge the orders of one burst into one transaction"
        )
    return ""


def _left_truncation(table: pd.DataFrame, *, as_of_day: int) -> str:
    if len(table) < MIN_CUSTOMERS:
        return ""
    start = as_of_day - table["T"].to_numpy()
    entry = float(start.max() - start.min())
    early = float(np.mean(start <= start.min() + entry / 10))
    if entry < 10 or early <= TRUNCATED_SHARE:
        return ""
    begun = dt.date(1970, 1, 1) + dt.timedelta(days=int(start.min()))
    return (
        f"left-truncated history: {early:.0%} of the customers seem to start in the first "
        f"{entry / 10:.0f} days after {begun}, which is where the data begin and not where the "
        "customers began, so 'new' customers and ages are misleading at the start; use an export "
        "that reaches further back, and judge new customers only by later starters"
    )


def _closed_cohort(table: pd.DataFrame, *, as_of_day: int) -> str:
    if len(table) < MIN_CUSTOMERS:
        return ""
    span, quiet = float(table["T"].max()), float(table["T"].min())
    if quiet <= CLOSED_SHARE * span or quiet < 28:
        return ""
    last = dt.date(1970, 1, 1) + dt.timedelta(days=as_of_day - int(quiet))
    return (
        f"closed cohort: nobody new for {quiet:.0f} days (since {last}), {quiet / span:.0%} of the "
        "history, so nothing can be said about new customers and the forecast is for existing ones "
        "only; use an export that does not select customers by their start, if there is one"
    )


def _one_partner(purchases: pd.DataFrame) -> str:
    value = purchases.groupby("partner_id", sort=True)["amount_micros"].sum()
    total = int(value.sum())
    if len(value) < 2 or total == 0 or value.max() / total <= PARTNER_SHARE:
        return ""
    return (
        f"one partner holds most of the value: {str(value.idxmax())!r} has "
        f"{value.max() / total:.0%} of it, so programme totals and shared parameters are mostly "
        "about this partner; look at it on its own, and at the others without it"
    )


def _one_customer(table: pd.DataFrame) -> str:
    total = float(table["revenue_to_date"].sum())
    if total <= 0 or table["revenue_to_date"].max() / total <= CUSTOMER_SHARE:
        return ""
    top = int(table["revenue_to_date"].to_numpy().argmax())
    name, value = str(table["customer_id"].iloc[top]), float(table["revenue_to_date"].iloc[top])
    return (
        f"one customer holds much of the value: {name!r} has {value / total:.0%} of it, so totals "
        "hang on what this one does; plan for it by hand, and look at the forecast without it"
    )
