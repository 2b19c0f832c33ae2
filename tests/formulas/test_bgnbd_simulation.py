"""Closed forms against customers simulated from birth by the model's story alone.

No conditional formula is used in the simulation: each customer gets a purchase rate and a dropout
probability, a number of repeat purchases after which it leaves, and Poisson purchases before and
after T. Then what happened after T is compared with what the history predicts, customer by
customer; the differences have mean 0, so that their mean over its standard error is a z-score.
Seeds are fixed; |z| < 4 fails by chance once in 16,000.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest

from ltvforecast.formulas import bgnbd

CUSTOMERS = 200_000
T, AHEAD = 40.0, 30.0
PARAMETERS = [
    (0.243, 4.414, 0.793, 2.426),  # CDNOW
    (3.0, 20.0, 5.0, 50.0),  # frequent, loyal
    (1.5, 10.0, 1.0, 2.5),  # a = 1
    (2.0, 8.0, 0.3, 0.4),  # a + b < 1: leaves at once or hardly ever
]
GROUPS = [(0, 0), (1, 1), (2, 3), (4, 8), (9, 10_000)]


@dataclass(frozen=True)
class Life:
    """What was seen until T, and what came after."""

    x: npt.NDArray[np.float64]
    t_x: npt.NDArray[np.float64]
    alive: npt.NDArray[np.bool_]
    after: npt.NDArray[np.float64]
    alive_after: npt.NDArray[np.bool_]


def simulate(
    parameters: tuple[float, ...],
    rng: np.random.Generator,
    ahead: float | npt.NDArray[np.float64] = AHEAD,
) -> Life:
    r, alpha, a, b = parameters
    rate = rng.gamma(r, 1 / alpha, CUSTOMERS)
    dropout = np.clip(rng.beta(a, b, CUSTOMERS), 1e-12, 1 - 1e-12)
    # leaves after this many repeat purchases
    last = np.floor(np.log(rng.random(CUSTOMERS)) / np.log1p(-dropout)) + 1
    wanted = rng.poisson(rate * T)
    wanted_after = rng.poisson(rate * ahead)
    x = np.minimum(wanted, last)
    # the x-th of that many uniform times in (0, T)
    share = rng.beta(np.maximum(x, 1), np.maximum(wanted - x, 0) + 1)
    return Life(
        x=x,
        t_x=np.where(x > 0, T * share, 0.0),
        alive=wanted < last,
        after=np.minimum(wanted + wanted_after, last) - x,
        alive_after=wanted + wanted_after < last,
    )


def z_scores(difference: npt.NDArray[np.float64], x: npt.NDArray[np.float64]) -> list[float]:
    """Return one z-score a group of frequencies that has 200 customers or more."""
    scores = []
    for low, high in GROUPS:
        group = difference[(x >= low) & (x <= high)]
        if len(group) >= 200 and np.any(group != 0.0):
            scores.append(float(group.mean() / (group.std(ddof=1) / np.sqrt(len(group)))))
    assert len(scores) >= 3
    return scores


@pytest.mark.parametrize("parameters", PARAMETERS)
def test_conditional_quantities(parameters: tuple[float, ...]) -> None:
    life = simulate(parameters, np.random.default_rng(20_050_524))
    history = (life.x, life.t_x, T)
    p_alive = bgnbd.p_alive(*history, *parameters)
    expected = bgnbd.expected_purchases(AHEAD, *history, *parameters, nodes=16)
    active = bgnbd.p_active(AHEAD, *history, *parameters)
    stays = p_alive * bgnbd.survival(AHEAD, life.x, T, *parameters)
    repeat = life.x > 0
    assert np.all(life.alive[~repeat])
    assert max(map(abs, z_scores((life.alive - p_alive)[repeat], life.x[repeat]))) < 4
    assert max(map(abs, z_scores(life.after - expected, life.x))) < 4
    assert max(map(abs, z_scores((life.after > 0) - active, life.x))) < 4
    assert max(map(abs, z_scores(life.alive_after - stays, life.x))) < 4
    for n in (1, 2, 3):
        law = bgnbd.purchase_count_pmf(n, AHEAD, *history, *parameters)
        assert max(map(abs, z_scores((life.after == n) - law, life.x))) < 4


# The sum of e^(-delta t) over purchases is the expected number before an exponential time of rate
# delta: so a horizon drawn for each customer simulates discounting, without any times.
@pytest.mark.parametrize("parameters", PARAMETERS)
def test_discounted_transactions(parameters: tuple[float, ...]) -> None:
    rng, delta = np.random.default_rng(20_070_131), 0.02
    life = simulate(parameters, rng, rng.exponential(1 / delta, CUSTOMERS))
    x, customer = np.unique(life.x, return_inverse=True)
    # all are of one age, so that the future given alive depends on x alone
    if_alive = bgnbd.expected_purchases_alive(np.inf, x, T, *parameters, delta=delta)
    forever = bgnbd.p_alive(life.x, life.t_x, T, *parameters) * if_alive[customer]
    assert max(map(abs, z_scores(life.after - forever, life.x))) < 4


@pytest.mark.parametrize("parameters", PARAMETERS)
def test_new_customers(parameters: tuple[float, ...]) -> None:
    x = simulate(parameters, np.random.default_rng(7)).x
    error = x.std(ddof=1) / np.sqrt(CUSTOMERS)
    assert abs(x.mean() - bgnbd.expected_purchases(T, 0, 0, 0, *parameters)) < 4 * error
    law = bgnbd.purchase_count_pmf(np.arange(6), T, 0, 0, 0, *parameters)
    seen = np.bincount(x.astype(int), minlength=6)[:6] / CUSTOMERS
    assert np.all(np.abs(seen - law) < 4 * np.sqrt(law * (1 - law) / CUSTOMERS))
