"""Tables of expected purchases by partner, against the formula and against pooled forecasts."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from ltvforecast.forecast import partner_expectation
from ltvforecast.forecast.parameters import CustomerParameters, EffectDraws
from ltvforecast.forecast.partner_expectation import (
    Future,
    expected_by_formula,
    tabulate_partner_purchases,
)
from ltvforecast.forecast.records import DiscountLag, Draws
from ltvforecast.types import FloatArray

GROUPS, DRAWS, CUSTOMERS = 30, 4, 20_000


def made(
    *, effects: bool = False, shared: bool = True
) -> tuple[FloatArray, FloatArray, CustomerParameters]:
    rng = np.random.default_rng(5)
    r, phi = rng.uniform(0.3, 2.0, (2, 1, DRAWS))
    alpha = np.exp(rng.normal(2.0, 0.8, (GROUPS, DRAWS)))
    dropout = 1.0 / (1.0 + np.exp(rng.normal(1.5, 0.7, (GROUPS, DRAWS))))
    if not shared:
        r = r * np.exp(0.3 * rng.standard_normal((GROUPS, DRAWS)))
    draws = Draws(r, alpha, phi * dropout, phi * (1.0 - dropout), *[np.ones((1, DRAWS))] * 4)
    x = np.where(
        rng.random(CUSTOMERS) < 0.7,
        rng.integers(0, 16, CUSTOMERS),
        np.floor(16 * np.exp(rng.uniform(0, 4, CUSTOMERS))),
    ).astype(np.float64)
    T = rng.uniform(1.0, 200.0, CUSTOMERS)
    pattern = rng.integers(0, 3, CUSTOMERS)
    values = 0.4 * rng.standard_normal((2, DRAWS))
    given = EffectDraws(
        rate=values, dropout=-values, spend=None, patterns=rng.normal(size=(3, 2)), pattern=pattern
    )
    group = rng.integers(0, GROUPS, CUSTOMERS)
    return x, T, CustomerParameters(draws=draws, group=group, effects=given if effects else None)


@pytest.mark.parametrize(
    ("effects", "discount", "lagged"),
    [(False, 0.0, False), (False, 0.002, False), (False, -0.001, True), (True, 0.002, True)],
)
def test_tables_meet_the_formula_for_every_customer(
    effects: bool, discount: float, lagged: bool
) -> None:
    x, T, parameters = made(effects=effects)
    lag = None
    horizon = np.full(DRAWS, 52.0) * np.linspace(0.9, 1.1, DRAWS)
    if lagged:
        times = np.linspace(2.0, 50.0, 5)[:, None] * np.ones(DRAWS)
        lag = DiscountLag(times, 0.01 * np.cos(times))
    table = tabulate_partner_purchases(
        x, T, parameters, horizon=horizon, discount=discount, lag=lag
    )
    assert table.box is not None
    some = np.random.default_rng(1).permutation(CUSTOMERS)[:500]
    draws = parameters.of(some)
    exact = expected_by_formula(
        x[some], T[some], draws, Future(horizon=horizon, discount=discount, lag=lag)
    )
    values = table.purchases(x[some], T[some], draws, slice(None))
    for found, true in zip(values, exact, strict=True):
        assert np.abs(np.log(found / true)).max() < 1e-5


@pytest.mark.parametrize("kept", [0, 8_000_000])
def test_few_customers_and_shapes_that_differ_take_the_formula(
    kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partner_expectation, "MOST_KNOWN", kept)
    horizon = np.array([52.0])
    for x, T, parameters in (made(), made(shared=False), made(effects=True)):
        effects = parameters.effects
        if effects is not None:
            effects = dataclasses.replace(effects, pattern=effects.pattern[:300])
        few = CustomerParameters(
            draws=parameters.draws, group=parameters.group[:300], effects=effects
        )
        found = tabulate_partner_purchases(x[:300], T[:300], few, horizon=horizon, discount=0.001)
        assert found.box is None
        assert (found.known is not None) == (kept > 0)
        place = slice(40, 90)
        draws = few.of(place)
        exact = expected_by_formula(
            x[place], T[place], draws, Future(horizon=horizon, discount=0.001, lag=None)
        )
        for one, other in zip(
            found.purchases(x[place], T[place], draws, place), exact, strict=True
        ):
            np.testing.assert_allclose(one, other, rtol=1e-12)
        assert (exact[1] < exact[0]).all()


def test_one_group_of_one_age_needs_one_node() -> None:
    x, T, parameters = made()
    alone = CustomerParameters(
        draws=Draws(*(values[:1] for values in parameters.draws)),
        group=np.zeros(CUSTOMERS, dtype=np.int64),
        effects=None,
    )
    T = np.full(CUSTOMERS, 40.0)
    table = tabulate_partner_purchases(x, T, alone, horizon=np.array([52.0]), discount=0.0)
    future = Future(horizon=np.array([52.0]), discount=0.0, lag=None)
    for low in table.tables:
        assert low is not None
        assert low.coefficients.shape[3:] == (1, 1)
    found = table.purchases(x, T, alone.of(slice(None)), slice(None))[0]
    exact = expected_by_formula(x, T, alone.of(slice(None)), future)[0]
    assert np.abs(np.log(found / exact)).max() < 1e-5


def test_the_number_of_nodes_does_not_grow_with_partners(monkeypatch: pytest.MonkeyPatch) -> None:
    x, T, parameters = made()
    calls = []
    true = partner_expectation.expected_by_formula

    def counted(*given: object) -> object:
        calls.append(np.size(given[0]))
        return true(*given)

    monkeypatch.setattr(partner_expectation, "expected_by_formula", counted)
    known = {"horizon": np.array([52.0]), "discount": 0.001}
    tabulate_partner_purchases(x, T, parameters, **known)
    once = sum(calls)
    calls.clear()
    tabulate_partner_purchases(np.tile(x, 3), np.tile(T, 3), thrice(parameters), **known)
    assert sum(calls) == once


def thrice(parameters: CustomerParameters) -> CustomerParameters:
    return CustomerParameters(
        draws=Draws(*(np.tile(v, (3 if len(v) > 1 else 1, 1)) for v in parameters.draws)),
        group=np.concatenate([parameters.group + k * GROUPS for k in range(3)]),
        effects=None,
    )
