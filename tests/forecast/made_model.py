"""Fitted models and summaries made by hand, for tests of the forecast."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from ltvforecast.fit_types import Diagnostics, FitSettings, FittedModel, PurchaseFit, SpendFit
from ltvforecast.transaction_types import Account, Allocation, CustomerSummary
from ltvforecast.types import FloatArray, TimeUnit

AS_OF = dt.date(2025, 12, 31)
AS_OF_DAY = (AS_OF - dt.date(1970, 1, 1)).days

# CDNOW, weeks: Fader, Hardie and Lee (2005) table 2; Fader and Hardie (2013) p. 4
CDNOW = {
    "r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426,
    "p": 6.25, "q": 3.74, "v": 15.44, "zero_share": 0.0,
}  # fmt: skip

Share = Mapping[str, float]


def made_cohort(
    customers: int, parameters: Mapping[str, float], *, observed: float, seed: int
) -> pd.DataFrame:
    """Simulate histories forward from birth, knowing nothing of the conditional formulas."""
    rng = np.random.default_rng(seed)
    r, alpha, a, b, p, q, v = (parameters[name] for name in ("r", "alpha", "a", "b", "p", "q", "v"))
    T = rng.uniform(0.2, 1.0, customers) * observed
    pace, dropout = rng.gamma(r, 1 / alpha, customers), rng.beta(a, b, customers)
    x, t_x, time = np.zeros(customers), np.zeros(customers), np.zeros(customers)
    alive = np.ones(customers, dtype=bool)
    while alive.any():
        time = time + rng.exponential(1.0, customers) / pace
        alive &= time < T
        x[alive] += 1
        t_x[alive] = time[alive]
        alive &= rng.random(customers) > dropout
    level = rng.gamma(q, 1 / v, customers)
    first, later = rng.gamma(p, 1.0, customers) / level, rng.gamma(p * np.maximum(x, 1)) / level
    return made_customers(x, t_x, T, first=first, later=np.where(x > 0, later, 0.0))


def made_customers(
    x: Sequence[float] | FloatArray,
    t_x: Sequence[float] | FloatArray,
    T: Sequence[float] | FloatArray,
    *,
    first: FloatArray | float = 30.0,
    later: FloatArray | float = 0.0,
    ids: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Make the customer table: ``first`` and ``later`` are the money of those purchases."""
    x = np.asarray(x, dtype=np.float64)
    names = [f"c{number:06d}" for number in range(len(x))] if ids is None else list(ids)
    first = np.broadcast_to(np.asarray(first, dtype=np.float64), x.shape)
    later = np.broadcast_to(np.asarray(later, dtype=np.float64), x.shape)
    return pd.DataFrame(
        {
            "customer_id": pd.array(names, dtype="str"),
            "frequency": x.astype(np.int64),
            "recency": np.asarray(t_x, dtype=np.float64),
            "T": np.asarray(T, dtype=np.float64),
            "monetary_value": np.where(x > 0, later / np.maximum(x, 1), 0.0),
            "first_value": first,
            "spend_n": (x * (later > 0) + (first > 0)).astype(np.int64),
            "spend_sum": first + later,
            "spend_log_sum": np.zeros(len(x)),
            "revenue_to_date": first + later,
        }
    )


def made_summary(
    customers: pd.DataFrame,
    *,
    shares: Sequence[Share] | None = None,
    allocation: Allocation | None = None,
    time_unit: TimeUnit = "week",
    history_days: int = 500,
) -> CustomerSummary:
    """Make a summary; ``shares`` says for each customer partner → weight (default: one partner)."""
    shares = [{"p": 1.0}] * len(customers) if shares is None else shares
    names = sorted({partner for share in shares for partner in share})
    index = {partner: number for number, partner in enumerate(names)}
    partner = np.array([index[name] for share in shares for name in share], dtype=np.int64)
    weight = np.array([w for share in shares for w in share.values()], dtype=np.float64)
    start = np.cumsum([0, *(len(share) for share in shares)]).astype(np.int64)
    value = np.bincount(partner, weight, minlength=len(names))
    main = [max(share, key=lambda name: share[name]) for share in shares]
    history = pd.DataFrame(
        [
            (name, AS_OF_DAY - back, float(10 * (number + 1)), 1)
            for number, name in enumerate(names)
            for back in (history_days - 1, history_days // 2, 10)
        ],
        columns=["partner_id", "day", "revenue", "purchases"],
    )
    table = customers.copy()
    table.insert(1, "partner_id", pd.array(main, dtype="str"))
    order = np.argsort(table["customer_id"].to_numpy(), kind="stable")
    assert (order == np.arange(len(table))).all(), "made customers come sorted"
    return CustomerSummary(
        customers=table,
        partner_ids=tuple(names),
        share_start=start,
        share_partner=partner,
        share_weight=weight,
        programme_share=value / value.sum(),
        history=history.astype({"partner_id": "str"}),
        partner_customers=np.bincount(partner, minlength=len(names)).astype(np.int64),
        as_of=AS_OF,
        time_unit=time_unit,
        allocation=Allocation(rule="share") if allocation is None else allocation,
        account=Account(source="made by hand", rows_read=0, columns={}, lines=()),
        warnings=("a warning of the data",),
        fingerprint="0" * 64,
    )


def made_model(
    summary: CustomerSummary,
    parameters: Mapping[str, float] = CDNOW,
    *,
    draws: int = 200,
    spread: float = 0.05,
    spend: str = "gamma-gamma",
    first_purchase: bool = True,
    seed: int = 1,
) -> FittedModel:
    """Make a fitted model whose parameter draws spread by so much on the log scale."""
    rng = np.random.default_rng(seed)

    def around(value: float) -> FloatArray:
        return np.asarray(value * np.exp(spread * rng.standard_normal((draws, 1))))

    purchase = {name: around(parameters[name]) for name in ("r", "alpha", "a", "b")}
    money = {
        "p": around(parameters["p"]),
        "q": 1.0 + around(parameters["q"] - 1.0),
        "v": around(parameters["v"]),
        "zero_share": np.full((draws, 1), parameters["zero_share"]),
    }
    fine = Diagnostics(trusted=True, verdict="fine", k_hat=0.1)
    return FittedModel(
        purchase=PurchaseFit(
            model="bg-nbd",
            draws=purchase,
            point={name: parameters[name] for name in purchase},
            log_likelihood=-1.0,
            diagnostics=fine,
        ),
        spend=SpendFit(
            model=spend,
            first_purchase=first_purchase,
            draws=money,
            point={name: parameters[name] for name in money},
            log_likelihood=-1.0,
            diagnostics=fine,
        ),
        summary=summary,
        settings=FitSettings(draws=draws),
        package_version="0.1.0",
    )
