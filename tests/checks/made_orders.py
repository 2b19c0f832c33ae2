"""Orders from the model, and from worlds in which one of its assumptions is wrong."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
from scipy.special import gammainccinv, gammaincinv, ndtr

from ltvforecast.data.summary import summarize
from ltvforecast.data.transactions import read_transactions
from ltvforecast.fit_types import FittedModel
from ltvforecast.fitting.fit_model import Method, fit_model
from ltvforecast.transaction_types import CustomerSummary

World = Literal[
    "model", "regular", "clumpy", "spend_more", "spend_less", "trend", "season", "partners",
    "two_kinds",
]  # fmt: skip

DAYS = 730
AS_OF = "2025-12-31"
SHAPE = {"regular": 4.0, "clumpy": 0.35}
RHO = {"spend_more": 0.5, "spend_less": -0.5}


def made_orders(world: World, *, customers: int = 1500, seed: int) -> pd.DataFrame:
    """Simulate forward from birth: BG/NBD and Gamma-Gamma, but for what the world is named after.

    ``regular`` and ``clumpy``: gamma gaps of shape 4 and .35 (Erlang and bursts) of the same mean;
    ``spend_more`` and ``spend_less``: rates and spend levels with a Gaussian copula of ±.5;
    ``trend``: purchases thin out evenly to four tenths at the end; ``season``: up and down by half
    within a year; ``partners``: partners' rates differ (log sd .7); ``two_kinds``: half the
    customers buy a third as often, half 1.7 times, all with nearly one rate each.
    """
    rng = np.random.default_rng(seed)
    birth = rng.uniform(0, DAYS, customers)
    pace = rng.standard_normal(customers)
    rho = RHO.get(world, 0.0)
    level = rho * pace + np.sqrt(1 - rho**2) * rng.standard_normal(customers)
    rate = gammaincinv(0.8, ndtr(pace)) / 40.0
    nu = np.maximum(gammainccinv(4.0, ndtr(level)) / 60.0, 1e-9)
    partner = rng.choice(40, customers, p=_sizes(rng, 40))
    if world == "partners":
        rate *= np.exp(0.7 * rng.standard_normal(40))[partner]
    if world == "two_kinds":
        rate = np.where(rng.random(customers) < 0.5, 1 / 3, 1.7) * rng.gamma(50, 1 / 50, customers)
        rate *= 0.02
    dropout = np.clip(rng.beta(0.8, 5.0, customers), 1e-12, 1 - 1e-12)
    who, time = _events(rng, birth, rate, dropout, shape=SHAPE.get(world, 1.0), world=world)
    amount = np.maximum(np.round(rng.gamma(4.0, 1.0, len(who)) / nu[who], 2), 0.01)
    day = np.datetime64(AS_OF, "D") + (np.floor(time).astype(np.int64) - (DAYS - 1))
    return pd.DataFrame(
        {
            "partner_id": [f"P{number:02d}" for number in partner[who]],
            "customer_id": [f"C{number:06d}" for number in who],
            "date": day.astype("datetime64[s]"),
            "amount": amount,
        }
    )


def bare_fit(summary: CustomerSummary, *, method: Method = "mle", draws: int = 400) -> FittedModel:
    """Fit without a seasonal clock and without dependence: the assumptions that are checked."""
    return fit_model(
        summary,
        method=method,
        pooling="complete",
        draws=draws,
        calendar="off",
        dependence="off",
        acquisition="off",
    )


def made_fit(world: World, *, customers: int = 1500, seed: int, draws: int = 400) -> FittedModel:
    """Fit those orders."""
    orders = made_orders(world, customers=customers, seed=seed)
    summary = summarize(read_transactions(orders), as_of=AS_OF)
    return bare_fit(summary, method="laplace", draws=draws)


def _events(rng, birth, rate, dropout, *, shape, world):  # type: ignore[no-untyped-def]
    who, time = [np.arange(len(birth))], [birth]
    now, alive = birth.copy(), np.arange(len(birth))
    while len(alive):
        gap = rng.gamma(shape, 1.0 / (shape * rate[alive]))
        now[alive] += np.maximum(gap, 1e-9)
        alive = alive[now[alive] < DAYS]
        happens = rng.random(len(alive)) < _intensity(now[alive], world)
        buys = alive[happens]
        who.append(buys)
        time.append(now[buys])
        gone = buys[rng.random(len(buys)) < dropout[buys]]
        alive = np.setdiff1d(alive, gone, assume_unique=True)
    return np.concatenate(who), np.concatenate(time)


def _intensity(time, world):  # type: ignore[no-untyped-def]
    if world == "trend":
        return 1.0 - 0.6 * time / DAYS
    if world == "season":
        return (1.0 + 0.5 * np.sin(2 * np.pi * time / 365.25)) / 1.5
    return np.ones(len(time))


def _sizes(rng, partners):  # type: ignore[no-untyped-def]
    size = rng.lognormal(0.0, 1.0, partners)
    return size / size.sum()
