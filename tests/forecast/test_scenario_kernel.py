"""Two futures on one path: each by itself as the closed forms say, and never apart by luck."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from ltvforecast.forecast.closed_forms import probabilities
from ltvforecast.forecast.records import Customers, Destinations, Draws, Eligible
from ltvforecast.forecast.scenario_futures import cut_segments
from ltvforecast.forecast.scenario_kernel import Futures, Likely, PairTotals, simulate_pair
from ltvforecast.formulas import bgnbd
from ltvforecast.types import FloatArray
from tests.forecast.test_simulate import COUNTED, HISTORIES, LARGEST_Z, PURCHASE, z_of_mean

EDGES = np.array([0.0, 13.0, 39.0, 52.0])
CHANGES = [(1.0, 1.0), (1.3, 1.0), (0.6, 1.0), (1.0, 0.7), (1.0, 1.2), (1.25, 0.8), (0.8, 1.15)]


@dataclass(frozen=True)
class Pair:
    """One customer, many futures, twice: shape (path, period) in purchases' worth."""

    base: FloatArray
    changed: FloatArray
    purchases: FloatArray


def simulate_both(
    history: tuple[float, float, float],
    purchase: tuple[float, float, float, float],
    rate: float,
    dropout: float,
    *,
    order_value: float = 1.0,
    spend: dict[str, float] = COUNTED,
    edges: FloatArray = EDGES,
    shares: tuple[float, ...] = (1.0,),
    novelty: float = 0.0,
    concentration: float = np.inf,
    concerned: int = 1,
    paths: int = 20_000,
    seed: int = 1,
) -> Pair:
    values = dict(zip(("r", "alpha", "a", "b"), purchase, strict=True)) | spend
    draws = Draws(*(np.full((1, paths), values[name]) for name in Draws._fields))
    one = Customers(*(np.array([value]) for value in (*history, 0.0, 0.0)))
    plain, cut = cut_segments(edges[None, :], 1.0), cut_segments(edges[None, :], rate)
    of_mine = cut if concerned else plain
    p_alive, p_buy = probabilities(one, draws, of_mine.edges[:, -1])
    shape = (len(shares), paths, len(edges) - 1)
    totals = PairTotals(
        np.zeros(shape, dtype=np.int64),
        np.zeros(shape, dtype=np.int64),
        np.zeros((2, paths), dtype=np.int64),
        np.zeros((2, paths)),
        np.zeros((0, 0, 0, 0), dtype=np.int64),
    )
    quantum = 2.0**-20
    everywhere = np.arange(1, len(shares) + 1) / len(shares)
    simulate_pair(
        np.random.Generator(np.random.SFC64(seed)),
        one,
        0,
        np.array([concerned]),
        draws,
        Destinations(
            np.array([0, len(shares)]),
            np.arange(len(shares)),
            np.array(shares),
            everywhere,
            novelty,
            concentration,
        ),
        Futures(plain, cut, dropout, order_value),
        quantum,
        np.inf,
        Likely(p_alive, p_buy, np.ones((1, paths))),
        totals,
        Eligible(np.empty(0, dtype=np.int64), np.empty(0)),
        np.random.Generator(np.random.SFC64(seed + 1)),
    )
    return Pair(
        base=totals.base.sum(axis=0) * quantum,
        changed=totals.changed.sum(axis=0) * quantum,
        purchases=totals.purchases.astype(np.float64),
    )


def expected(
    until: float,
    history: tuple[float, float, float],
    purchase: tuple[float, float, float, float],
    *,
    dropout: float = 1.0,
) -> tuple[float, float]:
    """Expected purchases with today's P(alive) and the future's dropout; and P(active)."""
    x, t_x, T = history
    r, alpha, a, b = purchase
    alive = float(bgnbd.p_alive(x, t_x, T, r, alpha, a, b))
    later = bgnbd.expected_purchases_alive(
        until, x, T, r, alpha, dropout * a, b + (1.0 - dropout) * a
    )
    active = alive * -np.expm1(-(r + x) * np.log1p(until / (alpha + T)))
    return alive * float(later), float(active)


@pytest.mark.parametrize(("rate", "dropout"), CHANGES)
@pytest.mark.parametrize("name", PURCHASE)
def test_each_future_by_itself_is_what_the_closed_form_says(
    name: str, rate: float, dropout: float
) -> None:
    purchase = PURCHASE[name]
    for history in HISTORIES:
        if dropout * purchase[2] >= purchase[2] + purchase[3] + history[0]:
            continue
        pair = simulate_both(history, purchase, rate, dropout, paths=10_000, seed=5)
        for number, (values, at, less) in enumerate(
            ((pair.base, 1.0, 1.0), (pair.changed, rate, dropout))
        ):
            so_far = np.cumsum(values, axis=1)
            for period in (0, 2):
                mean, active = expected(at * EDGES[period + 1], history, purchase, dropout=less)
                z = z_of_mean(so_far[:, period], mean, active)
                assert abs(z) < LARGEST_Z, (history, number, period, z)


@pytest.mark.parametrize(
    ("rate", "dropout", "order_value"),
    [(1.2, 1.0, 1.0), (1.0, 0.5, 1.0), (1.0, 1.0, 1.1), (1.3, 0.9, 1.2)],
)
@pytest.mark.parametrize("name", PURCHASE)
def test_more_never_brings_less_in_any_draw(
    name: str, rate: float, dropout: float, order_value: float
) -> None:
    money = {"p": 2.0, "q": 4.0, "v": 20.0, "zero_share": 0.1}
    for history in HISTORIES:
        pair = simulate_both(
            history, PURCHASE[name], rate, dropout, order_value=order_value, spend=money,
            shares=(0.6, 0.3, 0.1), novelty=0.1, concentration=2.0, paths=3000,
        )  # fmt: skip
        now, then = pair.base.sum(axis=1), pair.changed.sum(axis=1)
        assert (then >= now).all()
        assert (pair.purchases[1] >= pair.purchases[0]).all()


def test_less_never_brings_more_in_any_draw() -> None:
    for history in HISTORIES:
        pair = simulate_both(history, PURCHASE["CDNOW"], 0.8, 1.1, order_value=0.9, paths=3000)
        assert (pair.changed.sum(axis=1) <= pair.base.sum(axis=1)).all()


def test_without_a_change_there_is_no_difference_at_all() -> None:
    for history in HISTORIES:
        pair = simulate_both(history, PURCHASE["loyal"], 1.0, 1.0, paths=2000)
        assert (pair.base == pair.changed).all()


def test_whom_it_does_not_concern_stays_as_he_is() -> None:
    pair = simulate_both(
        (4.0, 20.0, 30.0), PURCHASE["loyal"], 1.5, 0.5, order_value=2.0, concerned=0
    )
    assert pair.base.sum() > 0
    assert (pair.base == pair.changed).all()


def test_nobody_drops_out_any_more() -> None:
    history, purchase = (20.0, 12.0, 15.0), PURCHASE["fickle"]
    pair = simulate_both(history, purchase, 1.0, 0.0)
    r, alpha, _, _ = purchase
    alive = float(bgnbd.p_alive(*history, *purchase))
    mean = alive * (r + history[0]) / (alpha + history[2]) * EDGES[-1]
    assert abs(z_of_mean(pair.changed.sum(axis=1), mean, alive)) < LARGEST_Z


def test_common_paths_make_the_difference_sure() -> None:
    """The coupling is what this is for: independent runs would need hundreds of times the draws."""
    history, purchase = (6.0, 30.0, 38.86), PURCHASE["CDNOW"]
    pair = simulate_both(history, purchase, 1.0, 0.95, seed=2)
    now, then = pair.base.sum(axis=1), pair.changed.sum(axis=1)
    assert np.var(then - now) < 0.05 * (np.var(now) + np.var(then))
