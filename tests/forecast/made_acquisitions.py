"""Partners of known truth who bring new customers, simulated forward from when they join."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from ltvforecast.acquisition_types import AcquisitionCounts
from ltvforecast.fitting.acquisition_counts import count_acquisitions
from ltvforecast.types import FloatArray

EPOCH = dt.date(1970, 1, 1)
FIRST_YEAR = 2020


@dataclass(frozen=True)
class MadeAcquisitions:
    """What is known at ``as_of``, and the truth about the same partners."""

    counts: AcquisitionCounts
    customers: pd.DataFrame
    edges_days: FloatArray
    future: npt.NDArray[np.int64]  # (partner, month)
    active: npt.NDArray[np.bool_]


def month_edges(months: int) -> FloatArray:
    return np.array(
        [(dt.date(FIRST_YEAR + k // 12, k % 12 + 1, 1) - EPOCH).days for k in range(months + 1)],
        dtype=np.float64,
    )


def made_acquisitions(
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
) -> MadeAcquisitions:
    """Partners join at any time up to half a year ago, have good and bad months, and stop."""
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
    past = when < months
    names = np.array([f"p{k:03d}" for k in range(partners)])
    customers = pd.DataFrame(
        {
            "first_day": np.floor(np.interp(time, np.arange(every + 1), edges)).astype(np.int64),
            "first_partner": names[who],
        }
    )[past]
    began = customers.groupby("first_partner")["first_day"].min()
    table = count_acquisitions(
        customers,
        began.rename_axis("partner_id").reset_index(),
        as_of=EPOCH + dt.timedelta(days=int(edges[months]) - 1),
        unit="month",
    )
    known = np.isin(names, table.partner_ids)
    return MadeAcquisitions(
        counts=table,
        customers=customers,
        edges_days=edges[months:] - edges[months],
        future=count[known, months:],
        active=(stopped > months)[known],
    )
