"""Programmes in which it is known what covariates go with, on all three quantities."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import expit

from ltvforecast.fitting.covariate_design import CovariateDesign

Array = npt.NDArray[np.float64]
AS_OF = dt.date(2025, 1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Histories in weeks, amounts, and a design: partners ``certified``, customers ``member``."""

    x: Array
    t_x: Array
    T: Array
    home: npt.NDArray[np.int64]
    partners: int
    design: CovariateDesign
    customers: pd.DataFrame

    @property
    def history(self) -> tuple[Array, Array, Array]:
        return self.x, self.t_x, self.T


def world(
    *,
    seed: int,
    partners: int = 30,
    median: float = 25.0,
    sd: float = 0.3,
    certified: float = 0.0,
    member: tuple[float, float, float] = (0.0, 0.0, 0.0),
    other_reference: bool = False,
) -> World:
    """A third of partners is certified (rate only), two in five customers are members (all)."""
    rng = np.random.default_rng(seed)
    sizes = np.clip(np.round(np.exp(rng.normal(np.log(median), 0.8, partners))), 2, 300)
    home = np.repeat(np.arange(partners), sizes.astype(np.int64))
    n = len(home)
    has = (np.arange(partners) % 3 == 0).astype(np.float64)
    is_member = (rng.uniform(size=n) < 0.4).astype(np.float64)
    u = -2.3 + sd * rng.standard_normal(partners) + certified * has
    v = -1.0 + sd * rng.standard_normal(partners)
    level = 3.0 + sd * rng.standard_normal(partners)
    u, v, level = (
        quantity[home] + effect * is_member
        for quantity, effect in zip((u, v, level), member, strict=True)
    )
    T = np.ceil(rng.uniform(20.0, 78.0, n) * 7) / 7
    rate = rng.gamma(0.8, np.exp(u) / 0.8)
    dropout = np.clip(rng.beta(3.0 * expit(v), 3.0 * expit(-v)), 1e-300, 1 - 1e-16)
    last = np.floor(np.log(rng.uniform(size=n)) / np.log1p(-dropout)) + 1
    bought = rng.poisson(rate * T).astype(np.float64)
    x = np.minimum(bought, last)
    t_x = T * rng.beta(np.maximum(x, 1), bought - x + 1)
    t_x = np.where(x > 0, np.minimum(np.ceil(t_x * 7) / 7, T), 0.0)
    rows = np.zeros((partners, 2))
    rows[:, 0] = has
    patterns = np.array([[0.0, 0.0], [0.0, 1.0]])
    if other_reference:
        rows[:, 0] = 1.0 - has
        patterns = patterns[::-1].copy()
    design = CovariateDesign(
        names=("certified = yes", "member = yes"),
        level=("partner", "customer"),
        codings=(),
        patterns=patterns,
        customer_pattern=is_member.astype(np.int64),
        partner_rows=rows,
    )
    return World(
        x=x, t_x=t_x, T=T, home=home, partners=partners, design=design,
        customers=_amounts(x, level, rng),
    )  # fmt: skip


def _amounts(x: Array, level: Array, rng: np.random.Generator) -> pd.DataFrame:
    p, q = 4.0, 4.0
    nu = rng.gamma(q, p / ((q - 1.0) * np.exp(level)))
    rows = []
    for number in range(len(x)):
        z = np.maximum(rng.gamma(p, 1.0 / nu[number], int(x[number]) + 1), 0.01)
        rows.append(
            {
                "frequency": int(x[number]),
                "monetary_value": float(z[1:].mean()) if len(z) > 1 else 0.0,
                "first_value": float(z[0]),
                "spend_n": len(z),
                "spend_sum": float(z.sum()),
                "spend_log_sum": float(np.log(z).sum()),
            }
        )
    return pd.DataFrame(rows)
