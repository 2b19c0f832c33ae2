"""A cohort whose frequent buyers spend more per purchase, or less, simulated forward from birth."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import gammaincinv, ndtr

from ltvforecast.types import FloatArray
from tests.forecast.made_model import made_customers

# days; a programme of repeat buyers
TRUTH = {
    "r": 0.8, "alpha": 60.0, "a": 0.8, "b": 4.0,
    "p": 4.0, "q": 4.0, "v": 60.0, "zero_share": 0.0,
}  # fmt: skip


def dependent_cohort(
    customers: int, rho: float, *, observed: float = 730.0, horizon: float = 365.0, seed: int = 1
) -> tuple[pd.DataFrame, FloatArray]:
    """Simulate histories and what each customer brings in the horizon, knowing no formula."""
    rng = np.random.default_rng(seed)
    s = rng.standard_normal(customers)
    w = rho * s + np.sqrt(1.0 - rho**2) * rng.standard_normal(customers)
    pace = gammaincinv(TRUTH["r"], ndtr(s)) / TRUTH["alpha"]
    level = gammaincinv(TRUTH["q"], ndtr(-w)) / TRUTH["v"]
    dropout = rng.beta(TRUTH["a"], TRUTH["b"], customers)
    T = rng.uniform(0.0, observed, customers)
    x, t_x, time, future = (np.zeros(customers) for _ in range(4))
    alive = np.ones(customers, dtype=bool)
    while alive.any():
        time = time + rng.exponential(1.0, customers) / np.maximum(pace, 1e-12)
        alive &= time < T + horizon
        past = alive & (time <= T)
        x[past] += 1
        t_x[past] = time[past]
        future[alive & (time > T)] += 1
        alive &= rng.random(customers) > dropout
    p = TRUTH["p"]
    first = rng.gamma(p, 1.0, customers) / level
    later = np.where(x > 0, rng.gamma(p * np.maximum(x, 1)) / level, 0.0)
    revenue = np.where(future > 0, rng.gamma(p * np.maximum(future, 1)) / level, 0.0)
    return made_customers(x, t_x, T, first=first, later=later), revenue
