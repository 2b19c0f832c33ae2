"""Programmes of known truth whose partners bring new customers, who buy, and die."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from ltvforecast.types import FloatArray
from tests.forecast.made_acquisitions import EPOCH, month_edges

LAW = {"r": 0.8, "alpha": 60.0, "a": 0.8, "b": 4.0, "p": 4.0, "q": 4.0, "v": 60.0}
"""Purchases and spend, in days."""


@dataclass(frozen=True)
class MadeNewcomers:
    """What is known at ``as_of``, and what customers bring in the horizon, by partner."""

    transactions: pd.DataFrame
    as_of: dt.date
    horizon_days: float
    new_customers: Mapping[str, int]
    new_revenue: Mapping[str, float]
    existing_revenue: Mapping[str, float]
    active: Mapping[str, bool]


def made_newcomers(
    seed: int,
    *,
    partners: int = 60,
    months: int = 36,
    horizon: int = 12,
    r: float = 0.8,
    mean: float = 3.0,
    kappa: float = 2.0,
    s: float = 1.0,
    beta: float = 30.0,
    growth: float = 0.0,
    season: float = 0.0,
    law: Mapping[str, float] = LAW,
) -> MadeNewcomers:
    """Partners join at any time up to half a year ago, have campaigns and lulls, and stop."""
    rng = np.random.default_rng(seed)
    every = months + horizon
    joined = rng.uniform(0, months - 6, partners)
    rate = rng.gamma(r, mean / r, partners)
    stopped = joined + beta * (rng.random(partners) ** (-1 / s) - 1.0)
    month = np.arange(every)
    level = np.exp(
        growth * (month + 0.5 - months) / 12 + season * np.cos(np.pi * (month + 0.5) / 6)
    )
    begin = np.maximum(month, joined[:, None])
    end = np.minimum(month + 1, stopped[:, None])
    luck = rng.gamma(kappa, 1 / kappa, (partners, every))
    count = rng.poisson(rate[:, None] * luck * level * np.clip(end - begin, 0.0, 1.0))
    who, when = np.repeat(np.argwhere(count > 0), count[count > 0], axis=0).T
    time = begin[who, when] + rng.random(len(who)) * (end - begin)[who, when]
    edges = month_edges(every)
    born = np.interp(time, np.arange(every + 1), edges)
    customer, moment, amount = purchases(rng, born, float(edges[-1]), law)
    names = np.array([f"p{k:03d}" for k in range(partners)])
    new = born[customer] >= edges[months]
    table = pd.DataFrame(
        {
            "partner_id": names[who[customer]],
            "customer_id": [f"c{k:06d}" for k in customer],
            "date": pd.to_datetime(np.floor(moment), unit="D"),
            "amount": np.maximum(np.round(amount, 2), 0.01),
        }
    )
    known = sorted(set(names[who[born < edges[months]]]))
    born_new = who[born >= edges[months]]
    later = ~new & (moment >= edges[months])
    return MadeNewcomers(
        transactions=table[moment < edges[months]],
        as_of=EPOCH + dt.timedelta(days=int(edges[months]) - 1),
        horizon_days=float(edges[-1] - edges[months]),
        new_customers={name: int((names[born_new] == name).sum()) for name in known},
        new_revenue={
            name: float(table["amount"][new & (table["partner_id"] == name)].sum())
            for name in known
        },
        existing_revenue={
            name: float(table["amount"][later & (table["partner_id"] == name)].sum())
            for name in known
        },
        active={name: bool(stopped[k] > months) for k, name in enumerate(names) if name in known},
    )


def purchases(
    rng: np.random.Generator, born: FloatArray, end: float, law: Mapping[str, float]
) -> tuple[npt.NDArray[np.int64], FloatArray, FloatArray]:
    """Customers' purchases from birth on, the first included: customer, time and amount."""
    pace = rng.gamma(law["r"], 1 / law["alpha"], len(born))
    dropout = rng.beta(law["a"], law["b"], len(born))
    level = rng.gamma(law["q"], 1 / law["v"], len(born))
    who, time = np.arange(len(born)), born
    customers, times = [who], [time]
    while len(who):
        time = time + rng.exponential(1.0, len(who)) / pace[who]
        kept = time < end
        who, time = who[kept], time[kept]
        customers.append(who)
        times.append(time)
        kept = rng.random(len(who)) >= dropout[who]
        who, time = who[kept], time[kept]
    customer = np.concatenate(customers)
    amount = rng.gamma(law["p"], 1.0, len(customer)) / level[customer]
    return customer, np.concatenate(times), amount
