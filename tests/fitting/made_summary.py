"""Customer summaries made by hand, from lists of purchases."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from importlib.resources import files

import numpy as np
import numpy.typing as npt
import pandas as pd

from ltvforecast.transaction_types import Account, AccountLine, Allocation, CustomerSummary

AS_OF = dt.date(1997, 9, 30)


def customers_of(
    days: Sequence[Sequence[float]], amounts: Sequence[Sequence[float]], T: Sequence[float]
) -> pd.DataFrame:
    """One row a customer from the ages at which it bought (the first is 0) and what for."""
    rows = []
    for number, (when, what, age) in enumerate(zip(days, amounts, T, strict=True)):
        z = np.asarray(what, dtype=np.float64)
        paid = z[z > 0]
        rows.append(
            {
                "customer_id": f"c{number:06d}",
                "partner_id": f"p{number % 3}",
                "frequency": len(when) - 1,
                "recency": float(when[-1]),
                "T": float(age),
                "monetary_value": float(z[1:].mean()) if len(z) > 1 else 0.0,
                "first_value": float(z[0]),
                "spend_n": len(paid),
                "spend_sum": float(paid.sum()),
                "spend_log_sum": float(np.log(paid).sum()),
                "revenue_to_date": float(z.sum()),
            }
        )
    return pd.DataFrame(rows)


def amounts_only(amounts: Sequence[npt.ArrayLike]) -> pd.DataFrame:
    """Customers whose amounts matter and whose dates do not."""
    plain = [np.asarray(what, dtype=np.float64).tolist() for what in amounts]
    days = [list(range(len(what))) for what in plain]
    return customers_of(days, plain, [float(len(what)) for what in plain])


def summary_of(customers: pd.DataFrame, *, time_unit: str = "week") -> CustomerSummary:
    """A summary in which every third customer also buys a quarter through another partner."""
    partner = np.arange(len(customers)) % 3
    second = partner == 0
    counts = 1 + second
    owner = np.repeat(np.arange(len(customers)), counts)
    is_second = np.concatenate(([False], owner[1:] == owner[:-1]))
    line = AccountLine(
        disposition="kept",
        reason="purchase",
        explanation="read as it stands",
        rows=len(customers),
        money_in_micros=int(customers["revenue_to_date"].sum() * 1e6),
        money_out_micros=int(customers["revenue_to_date"].sum() * 1e6),
        first_rows=(1, 2),
        examples=("4.00", "5.00"),
    )
    return CustomerSummary(
        customers=customers,
        partner_ids=("p0", "p1", "p2"),
        share_start=np.concatenate(([0], np.cumsum(counts))).astype(np.int64),
        share_partner=np.where(is_second, 1, partner[owner]).astype(np.int64),
        share_weight=np.where(is_second, 0.25, np.where(second[owner], 0.75, 1.0)),
        programme_share=np.array([0.25, 0.375, 0.375]),
        history=pd.DataFrame(
            {
                "partner_id": ["p0", "p1"],
                "day": [10_000, 10_001],
                "revenue": [1.25, 2.5],
                "purchases": [1, 2],
            }
        ),
        partner_customers=np.array([3, 4, 5], dtype=np.int64),
        as_of=AS_OF,
        time_unit=time_unit,
        allocation=Allocation(rule="share", how="by hand"),
        account=Account(
            source="by hand",
            rows_read=len(customers),
            columns={"amount": "amt"},
            lines=(line,),
            currency="USD",
        ),
        warnings=("a warning",),
        fingerprint="0123abcd",
    )


def cdnow_customers() -> pd.DataFrame:
    """CDNOW sample, calibration to 1997-09-30, times in weeks (Fader, Hardie & Lee 2005).

    As shipped with lifetimes 0.11.3; purchases of one day are merged.
    """
    path = files("lifetimes") / "datasets" / "CDNOW_sample.txt"
    with path.open() as stream:
        log = pd.read_csv(
            stream, sep=r"\s+", header=None, names=["master", "customer", "date", "units", "amount"]
        )
    log["date"] = pd.to_datetime(log["date"].astype(str))
    log = log[log["date"] <= pd.Timestamp(AS_OF)]
    daily = log.groupby(["customer", "date"])["amount"].sum().reset_index()
    days, amounts, ages = [], [], []
    for _, bought in daily.groupby("customer"):
        age = (bought["date"] - bought["date"].iloc[0]).dt.days
        days.append((age / 7).tolist())
        amounts.append(bought["amount"].tolist())
        ages.append((pd.Timestamp(AS_OF) - bought["date"].iloc[0]).days / 7)
    return customers_of(days, amounts, ages)


def simulated_histories(
    size: int,
    *,
    seed: int,
    r: float,
    alpha: float,
    a: float,
    b: float,
    window: tuple[float, float] = (40.0, 80.0),
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Histories drawn from BG/NBD itself, with ages spread evenly over ``window``.

    Purchases of a Poisson process in (0, T] are ordered uniforms: if dropout comes at the k-th of
    N, then ``x = k`` and ``t_x / T`` is the k-th smallest of N uniforms, Beta(k, N - k + 1).
    """
    rng = np.random.default_rng(seed)
    T = rng.uniform(*window, size)
    rate = rng.gamma(r, 1 / alpha, size)
    dropout = np.clip(rng.beta(a, b, size), 1e-300, 1 - 1e-16)
    last = np.floor(np.log(rng.uniform(size=size)) / np.log1p(-dropout)) + 1
    bought = rng.poisson(np.minimum(rate * T, 1e9)).astype(np.float64)
    x = np.minimum(bought, last)
    t_x = np.where(x > 0, T * rng.beta(np.maximum(x, 1), bought - x + 1), 0.0)
    return x, np.where(x > 0, np.maximum(t_x, 1e-12 * T), 0.0), T
