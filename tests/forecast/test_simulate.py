"""Simulated futures against the closed forms of the formulas, cell by cell."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from scipy import stats

from ltvforecast.forecast.closed_forms import probabilities
from ltvforecast.forecast.records import (
    Clock,
    Customers,
    Destinations,
    Draws,
    Eligible,
    Paths,
    new_totals,
)
from ltvforecast.forecast.simulate import simulate_customers
from ltvforecast.forecast.value import period_factors
from ltvforecast.formulas import bgnbd
from ltvforecast.types import FloatArray, IntArray
from tests.forecast.made_model import CDNOW

LARGEST_Z = 4.0
COUNTED = {"p": 1e9, "q": 1e9, "v": 1.0, "zero_share": 0.0}  # every purchase is worth 1 ± 0.00003

NOT_COUNTED = Eligible(np.empty(0, dtype=np.int64), np.empty(0))

# r, alpha, a, b
PURCHASE = {
    "CDNOW": (0.243, 4.414, 0.793, 2.426),
    "loyal": (2.0, 10.0, 0.05, 5.0),
    "fickle": (5.0, 3.0, 2.0, 1.0),
    "homogeneous": (300.0, 600.0, 30.0, 300.0),
}


@dataclass(frozen=True)
class Simulated:
    """One customer, many futures."""

    purchases: FloatArray
    revenue: FloatArray
    discounted: FloatArray
    totals_by_period: IntArray
    by_partner: FloatArray
    active: IntArray
    eligible: IntArray


def simulate_one(
    history: tuple[float, float, float],
    purchase: tuple[float, float, float, float],
    edges: FloatArray,
    *,
    spend: dict[str, float] = COUNTED,
    known: tuple[float, float] = (0.0, 0.0),
    delta: float = 0.0,
    paths: int = 40_000,
    shares: tuple[float, ...] = (1.0,),
    programme: tuple[float, ...] | None = None,
    novelty: float = 0.0,
    concentration: float = np.inf,
    highest_spend: float = np.inf,
    quantum: float = 2.0**-20,
    seed: int = 1,
    eligible: Eligible = NOT_COUNTED,
) -> Simulated:
    """Simulate one history as ``paths`` draws of the same parameters."""
    values = dict(zip(("r", "alpha", "a", "b"), purchase, strict=True)) | spend
    draws = Draws(*(np.full((1, paths), values[name]) for name in Draws._fields))
    one = Customers(*(np.array([value]) for value in (*history, *known)))
    p_alive, p_buy = probabilities(one, draws, edges[-1:])
    zeros = [np.zeros((1, paths)) for _ in range(3)]
    filled = Paths(p_alive, p_buy, np.ones((1, paths)), *zeros)
    everywhere = np.ones(len(shares)) / len(shares) if programme is None else np.array(programme)
    totals = new_totals(len(everywhere), paths, len(edges) - 1, eligible=len(eligible.period) > 0)
    simulate_customers(
        np.random.Generator(np.random.SFC64(seed)),
        one,
        0,
        draws,
        Destinations(
            np.array([0, len(shares)]),
            np.arange(len(shares)),
            np.array(shares),
            np.cumsum(everywhere),
            novelty,
            concentration,
        ),
        Clock(edges[None, :], period_factors(edges, delta)),
        quantum,
        highest_spend,
        filled,
        totals,
        eligible,
        np.random.default_rng(seed),
    )
    return Simulated(
        purchases=filled.purchases[0],
        revenue=filled.revenue[0] * quantum,
        discounted=filled.discounted[0] * quantum,
        totals_by_period=totals.revenue.sum(axis=0),
        by_partner=totals.revenue.sum(axis=2).T * quantum,
        active=totals.active.T,
        eligible=totals.eligible,
    )


def z_of_mean(values: FloatArray, expected: float, active: float = 1.0) -> float:
    """Distance from the mean in standard errors.

    The variance is at least what it must be for a count of mean m that is positive with
    probability ``active`` at most: m (1 - m), and m² (1 / active - 1).
    """
    least = max(expected * (1.0 - expected), expected**2 * (1.0 / max(active, 1e-99) - 1.0), 1e-12)
    variance = max(float(np.var(values)), least)
    return float((np.mean(values) - expected) / np.sqrt(variance / len(values)))


HISTORIES = [
    (0.0, 0.0, 0.0),
    (0.0, 0.0, 38.86),
    (1.0, 0.5, 1e5),
    (2.0, 30.43, 38.86),
    (4.0, 1e-4, 1e-3),
    (20.0, 12.0, 15.0),
    (20.0, 12.0, 38.0),
    (400.0, 350.0, 351.0),
    (100_000.0, 363.9, 364.0),
]


@pytest.mark.parametrize("purchase", PURCHASE.values(), ids=PURCHASE)
@pytest.mark.parametrize("history", HISTORIES, ids=str)
@pytest.mark.parametrize("horizon", [1 / 7, 39.0, 520.0])
def test_purchases_agree_with_the_closed_forms(
    history: tuple[float, float, float],
    purchase: tuple[float, float, float, float],
    horizon: float,
) -> None:
    x, t_x, T = history
    edges = horizon * np.array([0.0, 0.05, 0.3, 0.7, 1.0])
    paths = 4_000 if x > 1000 else 20_000
    found = simulate_one(history, purchase, edges, paths=paths)
    alive = bgnbd.p_alive(x, t_x, T, *purchase)
    active = float(bgnbd.p_active(horizon, x, t_x, T, *purchase))
    zs = [
        (np.mean(found.purchases > 0) - active) / np.sqrt(max(active * (1 - active), 1e-12) / paths)
    ]
    until = alive * np.array(
        [0.0, *(bgnbd.expected_purchases_alive(t, x, T, *purchase) for t in edges[1:])]
    )
    zs.append(z_of_mean(found.purchases, until[-1], active))
    by_period = found.totals_by_period * 2.0**-20
    there = alive * bgnbd.survival(edges, x, T, *purchase)  # at the period's start
    zs += [z_of_mean(by_period[:, j], until[j + 1] - until[j], there[j]) for j in range(4)]
    assert np.abs(zs).max() < LARGEST_Z, np.round(zs, 2)


@pytest.mark.parametrize("purchase", PURCHASE.values(), ids=PURCHASE)
@pytest.mark.parametrize("history", [HISTORIES[k] for k in (1, 3, 5, 7)], ids=str)
def test_purchase_counts_follow_the_closed_pmf(
    history: tuple[float, float, float], purchase: tuple[float, float, float, float]
) -> None:
    # FHL (2005) eq. 8 conditioned on the history; many periods force the one-by-one walk and
    # a single one the counting by period, which must agree with the same distribution
    for edges in (np.linspace(0.0, 20.0, 60), np.array([0.0, 20.0])):
        found = simulate_one(history, purchase, edges, paths=30_000)
        most = int(found.purchases.max()) + 1
        pmf = bgnbd.purchase_count_pmf(np.arange(most), edges[-1], *history, *purchase)
        counts = np.bincount(found.purchases.astype(np.int64), minlength=most).astype(float)
        expected = pmf * len(found.purchases)
        groups = np.minimum(np.cumsum(expected) // 50, np.sum(expected) // 50 - 1).astype(int)
        seen, due = np.bincount(groups, counts), np.bincount(groups, expected)
        seen, due = seen[due > 0], due[due > 0]
        due[-1] += len(found.purchases) - due.sum()
        assert stats.chisquare(seen, due).pvalue > 1e-4


@pytest.mark.parametrize("delta", [0.002, 0.05, -0.002])
def test_discounted_value_agrees_with_the_discounted_closed_form(delta: float) -> None:
    edges = np.linspace(0.0, 104.0, 105)
    for history in HISTORIES[:7]:
        found = simulate_one(history, PURCHASE["loyal"], edges, delta=delta)
        expected = bgnbd.expected_purchases(
            104.0, *history, *PURCHASE["loyal"], delta=delta, nodes=96
        )
        active = float(bgnbd.p_active(104.0, *history, *PURCHASE["loyal"]))
        assert abs(z_of_mean(found.discounted, float(expected), active)) < LARGEST_Z


@pytest.mark.parametrize("zero_share", [0.0, 0.3])
@pytest.mark.parametrize("known", [(0.0, 0.0), (3.0, 90.0), (50.0, 20.0)])
def test_spend_agrees_with_gamma_gamma(known: tuple[float, float], zero_share: float) -> None:
    # mean and variance of a total of N purchases: nu ~ Gamma(pn+q, v+S), total ~ Gamma(pN)/nu
    p, q, v = 6.25, 3.74, 15.44
    spend = {"p": p, "q": q, "v": v, "zero_share": zero_share}
    found = simulate_one(
        (20.0, 12.0, 12.5),
        PURCHASE["loyal"],
        np.linspace(0.0, 10.0, 11),
        spend=spend,
        known=known,
        paths=60_000,
    )
    shape, rate = p * known[0] + q, v + known[1]
    paid = 1.0 - zero_share
    first = p * rate / (shape - 1) * paid
    assert abs(z_of_mean(found.revenue - first * found.purchases, 0.0)) < LARGEST_Z
    second = (rate**2 / ((shape - 1) * (shape - 2))) * (
        p * paid * found.purchases
        + p**2 * (paid**2 * found.purchases**2 + paid * zero_share * found.purchases)
    )
    assert abs(z_of_mean(found.revenue**2 - second, 0.0)) < LARGEST_Z


def test_the_spend_level_is_drawn_once_for_all_periods() -> None:
    # with individual amounts nearly certain given nu, one nu makes all periods' means equal
    found = simulate_one(
        (400.0, 350.0, 351.0),
        PURCHASE["loyal"],
        np.array([0.0, 50.0, 100.0]),
        spend={"p": 1e7, "q": 4.0, "v": 3e-7, "zero_share": 0.0},
        paths=2_000,
    )
    counts = simulate_one(
        (400.0, 350.0, 351.0), PURCHASE["loyal"], np.array([0.0, 50.0, 100.0]), paths=10
    )
    assert counts.purchases.max() > 0
    mean = found.revenue / np.maximum(found.purchases, 1)
    assert np.std(np.log(mean[mean > 0])) > 0.3
    early, late = (found.totals_by_period * 2.0**-20).T
    both = (early > 0) & (late > 0)
    assert stats.spearmanr(early[both], late[both]).statistic > 0.5


def test_shares_fixed_or_dirichlet_have_the_right_mean_and_spread() -> None:
    shares = (0.5, 0.3, 0.2)
    arguments = ((20.0, 12.0, 12.1), PURCHASE["homogeneous"], np.array([0.0, 5.0, 10.0]))
    for concentration in (np.inf, 6.0, 0.01):
        found = simulate_one(*arguments, shares=shares, concentration=concentration)
        n = found.purchases
        rounded = np.rint(found.by_partner)
        assert np.array_equal(rounded.sum(axis=1), n)
        for partner, share in enumerate(shares):
            assert abs(z_of_mean(rounded[:, partner] - share * n, 0.0)) < LARGEST_Z
            # Dirichlet-multinomial variance: n s (1-s) (n + k) / (1 + k)
            stretch = 1.0 if np.isinf(concentration) else (n + concentration) / (1 + concentration)
            spread = (rounded[:, partner] - share * n) ** 2 - n * share * (1 - share) * stretch
            assert abs(z_of_mean(spread, 0.0)) < LARGEST_Z


@pytest.mark.parametrize("history", [(2.0, 30.43, 38.86), (3000.0, 363.0, 364.0)])
@pytest.mark.parametrize("concentration", [np.inf, 6.0])
def test_novel_purchases_go_anywhere_in_the_programme(
    history: tuple[float, float, float], concentration: float
) -> None:
    programme = (0.1, 0.2, 0.3, 0.4)
    found = simulate_one(
        history,
        PURCHASE["loyal"],
        np.array([0.0, 20.0, 30.0]),
        shares=(0.75, 0.25),
        programme=programme,
        novelty=0.2,
        concentration=concentration,
        paths=20_000,
    )
    expected = 0.8 * np.array([0.75, 0.25, 0.0, 0.0]) + 0.2 * np.array(programme)
    rounded = np.rint(found.by_partner)
    n = found.purchases
    # own shares and novelty together are one Dirichlet process with the mean ``expected``, so
    # that a partner's purchases vary like those of a Dirichlet-multinomial
    stretch = 1.0 if np.isinf(concentration) else (n + concentration) / (1 + concentration)
    for partner, share in enumerate(expected):
        apart = rounded[:, partner] - share * n
        assert abs(z_of_mean(apart, 0.0)) < LARGEST_Z, partner
        spread = apart**2 - n * share * (1 - share) * stretch
        assert abs(z_of_mean(spread, 0.0)) < LARGEST_Z, partner


def test_active_is_counted_once_for_each_partner_and_draw() -> None:
    found = simulate_one(
        (20.0, 12.0, 12.1),
        PURCHASE["loyal"],
        np.linspace(0.0, 20.0, 6),
        shares=(0.5, 0.5),
        paths=2_000,
    )
    assert np.array_equal(found.active, (found.by_partner > 0).astype(np.int64))


def test_partners_periods_and_customers_add_up_exactly() -> None:
    found = simulate_one(
        (20.0, 12.0, 12.1),
        PURCHASE["CDNOW"],
        np.linspace(0.0, 52.0, 13),
        spend={name: CDNOW[name] for name in ("p", "q", "v")} | {"zero_share": 0.05},
        shares=(0.5, 0.3, 0.2),
        programme=(0.2, 0.2, 0.2, 0.4),
        novelty=0.1,
        concentration=3.0,
        paths=2_000,
    )
    assert np.array_equal(found.by_partner.sum(axis=1), found.revenue)
    assert np.array_equal(found.totals_by_period.sum(axis=1) * 2.0**-20, found.revenue)


def test_a_hundred_years_of_a_heavy_buyer_stay_finite_and_quick() -> None:
    found = simulate_one(
        (100_000.0, 364.0, 364.0), PURCHASE["loyal"], np.linspace(0.0, 5218.0, 1201), paths=20
    )
    assert np.isfinite(found.revenue).all()
    assert found.purchases.max() > 100_000


def test_absurd_parameters_stay_finite() -> None:
    for purchase in ((1e-3, 1e-6, 1e-9, 1e-9), (1e-3, 1e6, 1e6, 1e-6), (1e6, 1e-3, 1e-6, 1e6)):
        for history in ((0.0, 0.0, 0.0), (3.0, 1.0, 50.0)):
            found = simulate_one(history, purchase, np.array([0.0, 1.0, 52.0]), paths=200)
            assert np.isfinite(found.revenue).all()
            assert (found.purchases >= 0).all()
