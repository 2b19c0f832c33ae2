"""The model fitted to the first part of the history, against what came in the last part."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ltvforecast.check_types import FitCheck
from ltvforecast.checks.clock import days_on_clock
from ltvforecast.checks.replicates import REPLICATES, parameter_draws, simulate_future_counts
from ltvforecast.checks.sample import Purchases, Sample, purchases_until
from ltvforecast.checks.verdict import error_beyond_chance, judge, predictive_p
from ltvforecast.errors import ConvergenceError
from ltvforecast.evaluate.hindcast import known_at
from ltvforecast.fit_types import FittedModel
from ltvforecast.fitting.purchase import fit_purchase
from ltvforecast.transaction_types import Transactions
from ltvforecast.types import FloatArray, IntArray

__all__ = ["HoldOut", "check_holdout", "hold_out"]

SPLIT = 2 / 3
FEWEST_REPEATERS, FEWEST_DAYS = 50, 28
LOOK, FAILS = 0.10, 0.30
EPOCH = dt.date(1970, 1, 1)
FREQUENCY_EDGES = np.array([0, 1, 2, 3, 5, 10, 20, 40, 80, 160])
PARTNER_EDGES = np.array([0, 10, 30, 100, 300, 1000, 3000])
RECENCY_BINS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class HoldOut:
    """What was known at the split, what was expected after it, and what came.

    Attributes
    ----------
    split_day, end_day : int
        Days since 1970-01-01.
    x, silence : float64 array, shape (n,)
        Repeat purchases up to the split, and days since the last purchase.
    partner_size : int64 array, shape (n,)
        Customers whom the customer's main partner had at the split.
    actual : float64 array, shape (n,)
        Purchase days after the split.
    simulated : float64 array, shape (replicate, n)
        The same, from the model's posterior.
    """

    split_day: int
    end_day: int
    x: FloatArray
    silence: FloatArray
    partner_size: IntArray
    actual: FloatArray
    simulated: FloatArray


def hold_out(
    model: FittedModel, sample: Sample, *, rng: np.random.Generator, split_day: int | None = None
) -> HoldOut | str:
    """Fit to what was known at a past date, and simulate what came after it.

    Parameters
    ----------
    model : FittedModel
        For its clock; its parameters are not used.
    sample : Sample
        With transactions.
    rng : numpy.random.Generator
    split_day : int, optional
        By default two thirds into the history.

    Returns
    -------
    HoldOut or str
        Why there is none, in plain words.

    Notes
    -----
    History and parameters come from rows dated up to the split only, refunds too. A seasonal
    clock is taken from the model, as if the seasons had been known.
    """
    transactions, purchases = sample.transactions, sample.purchases
    if transactions is None or purchases is None:
        return "no transactions are at hand"
    first = int(sample.first_day.min())
    if split_day is None:
        split_day = first + int(SPLIT * (sample.as_of_day - first))
    ids = pd.Index(sample.customers["customer_id"])
    known = purchases_until(known_at(transactions, split_day), split_day, customer_ids=ids)
    histories = _histories(known)
    repeaters = int((histories["x"] > 0).sum())
    days = sample.as_of_day - split_day
    if repeaters < FEWEST_REPEATERS or days < FEWEST_DAYS:
        return (
            f"up to {EPOCH + dt.timedelta(days=split_day)}, two thirds into the history, "
            f"{repeaters:,} customers had bought again, and {days} days follow (at least "
            f"{FEWEST_REPEATERS} and {FEWEST_DAYS} are wanted)"
        )
    x = histories["x"].to_numpy(np.float64)
    born, last = histories["first_day"].to_numpy(), histories["last_day"].to_numpy()
    clock = days_on_clock(model, np.concatenate([[split_day, sample.as_of_day], born, last]))
    horizon = float(clock[1] - clock[0])
    start = clock[2 : 2 + len(x)]
    T, t_x = clock[0] - start, clock[2 + len(x) :] - start
    try:
        fit = fit_purchase(x, t_x, T, draws=REPLICATES, rng=rng)
    except ConvergenceError as error:
        return f"no fit two thirds into the history: {error.found}"
    simulated = np.stack(
        [
            simulate_future_counts(parameters, x, t_x, T, horizon=horizon, rng=rng)
            for parameters in parameter_draws(fit.draws)
        ]
    )
    after = purchases.customer[purchases.day > split_day]
    came = np.bincount(after, minlength=len(ids)).astype(np.float64)
    customer = histories["customer"].to_numpy(np.int64)
    return HoldOut(
        split_day=split_day,
        end_day=sample.as_of_day,
        x=x,
        silence=(split_day - last).astype(np.float64),
        partner_size=_partner_sizes(transactions, split_day, ids, share=sample.share)[customer],
        actual=came[customer],
        simulated=simulated,
    )


def check_holdout(held: HoldOut) -> tuple[FitCheck, ...]:
    """Compare expected with actual purchases after the split: in all, and for kinds of customers.

    Parameters
    ----------
    held : HoldOut

    Returns
    -------
    tuple of FitCheck
        ``holdout_total``; ``holdout_by_frequency``, ``holdout_by_recency`` and
        ``holdout_by_partner_size`` (left out with one group only). Tables: ``group`` (label),
        ``customers``, ``actual``, ``expected``, ``expected_lo_90``, ``expected_hi_90``.

    Notes
    -----
    Groups are judged after the total has been set right, so that one misfit is told once.
    """
    silence = np.unique(np.quantile(held.silence, np.linspace(0, 1, RECENCY_BINS + 1)[:-1]))
    groups = (
        ("frequency", _binned(held.x, FREQUENCY_EDGES, "{} repeat purchases")),
        ("recency", _binned(held.silence, np.floor(silence).astype(np.int64), "{} days silent")),
        ("partner_size", _binned(held.partner_size, PARTNER_EDGES, "{} partner customers")),
    )
    checks = [_total(held)]
    for name, (labels, group) in groups:
        if len(labels) > 1:
            checks.append(_by_group(held, name, labels, group))
    return tuple(checks)


def _histories(known: Purchases) -> pd.DataFrame:
    days = pd.DataFrame({"customer": known.customer, "day": known.day})
    grouped = days.groupby("customer", sort=True)["day"]
    table = grouped.agg(["min", "max", "size"]).reset_index()
    return pd.DataFrame(
        {
            "customer": table["customer"],
            "x": table["size"] - 1.0,
            "first_day": table["min"],
            "last_day": table["max"],
        }
    )


def _partner_sizes(
    transactions: Transactions, split_day: int, ids: pd.Index[str], *, share: float
) -> IntArray:
    """Give each customer the number of customers of its main partner, both as of the split.

    The main partner has the most rows, the first name among equals.
    """
    frame = known_at(transactions, split_day).frame
    rows = frame.groupby(["customer_id", "partner_id"], sort=True).size().rename("rows")
    pairs = rows.reset_index().sort_values("rows", ascending=False, kind="stable")
    size = pairs.groupby("partner_id")["customer_id"].size()
    main = pairs.drop_duplicates("customer_id").set_index("customer_id")["partner_id"]
    theirs = main.map(size).reindex(ids).fillna(0)
    return np.round(theirs.to_numpy(np.float64) / share).astype(np.int64)


def _binned(value: FloatArray | IntArray, edges: IntArray, unit: str) -> tuple[list[str], IntArray]:
    """Sort customers into the bins that any of them is in, lowest first."""
    edges = np.unique(edges)
    place = np.maximum(np.searchsorted(edges, value, side="right") - 1, 0)
    used, group = np.unique(place, return_inverse=True)
    labels = []
    for index in used:
        low = int(edges[index])
        high = int(edges[index + 1]) - 1 if index + 1 < len(edges) else None
        text = f"{low:,} or more" if high is None else f"{low:,} to {high:,}"
        labels.append(unit.format(f"{low:,}" if high == low else text))
    return labels, group


def _total(held: HoldOut) -> FitCheck:
    actual, totals = float(held.actual.sum()), held.simulated.sum(axis=1)
    expected = float(totals.mean())
    size = actual / max(expected, 1e-9) - 1.0
    p_value = predictive_p(actual, totals)
    verdict = judge(size, p_value, look=LOOK, fails=FAILS)
    split = (EPOCH + dt.timedelta(days=held.split_day)).isoformat()
    low, high = np.quantile(totals, [0.05, 0.95])
    return FitCheck(
        name="holdout_total",
        verdict=verdict,
        size=size,
        p_value=p_value,
        sentence=(
            f"forecast from {split} to the end of the data: {actual:,.0f} purchases came, "
            f"{abs(size):.0%} {'more' if size > 0 else 'fewer'} than expected then "
            f"({expected:,.0f}, 90 % between {low:,.0f} and {high:,.0f})"
        ),
        remedy=""
        if verdict == "fine"
        else (
            "customers' habits changed during the history, so the intervals are too narrow: look "
            "for the cause, backtest over several dates, and allow for errors of this size"
        ),
        table=pd.DataFrame(
            {
                "group": ["all customers"],
                "customers": [len(held.actual)],
                "actual": [actual],
                "expected": [expected],
                "expected_lo_90": [float(low)],
                "expected_hi_90": [float(high)],
            }
        ),
    )


_WHAT = {
    "frequency": "customers by how often they had bought",
    "recency": "customers by how long they had been silent",
    "partner_size": "customers by the size of their partner",
}
_REMEDIES = {
    "frequency": (
        "read the forecast for single customers in these groups with care; if heavy buyers are "
        "off, look whether they are of another kind, and fit them apart"
    ),
    "recency": (
        "the model misjudges when silence means that a customer has gone: check by hand the "
        "customers who are silent for longer than is usual for them"
    ),
    "partner_size": (
        "partners differ in more than their customers' histories: compare partners of like size, "
        "and judge the small ones by their own history too"
    ),
}


def _by_group(held: HoldOut, name: str, labels: list[str], group: IntArray) -> FitCheck:
    member = np.zeros((len(group), len(labels)))
    member[np.arange(len(group)), group] = 1.0
    actual, replicates = held.actual @ member, held.simulated @ member
    plain = replicates.mean(axis=0)
    share = plain / max(float(plain.sum()), 1e-9)
    # what the groups would have, had each replicate's total (and the actual one) been forecast
    level = max(float(actual.sum()), 1e-9)
    scaled = replicates / np.maximum(replicates.sum(axis=1, keepdims=True), 1e-9) * level
    size, p_value = error_beyond_chance(actual, share * level, scaled)
    verdict = judge(size, p_value, look=LOOK, fails=FAILS)
    spread = np.maximum(scaled.std(axis=0), 1e-9)
    worst = int((np.abs(actual - share * level) / spread).argmax())
    found = (
        f"groups are typically {size:.0%} off, beyond what chance gives; most those with "
        f"{labels[worst]}, {actual[worst]:,.0f} purchases where {share[worst] * level:,.0f} are "
        "expected"
    )
    low, high = np.quantile(replicates, [0.05, 0.95], axis=0)
    return FitCheck(
        name=f"holdout_by_{name}",
        verdict=verdict,
        size=size,
        p_value=p_value,
        sentence=f"{_WHAT[name]}: with the total set right, "
        + (
            "groups buy as expected, but for chance and little more" if verdict == "fine" else found
        ),
        remedy="" if verdict == "fine" else _REMEDIES[name],
        table=pd.DataFrame(
            {
                "group": labels,
                "customers": member.sum(axis=0).astype(np.int64),
                "actual": actual,
                "expected": plain,
                "expected_lo_90": low,
                "expected_hi_90": high,
            }
        ),
    )
