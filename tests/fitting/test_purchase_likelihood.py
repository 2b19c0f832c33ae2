from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ltvforecast.fitting import purchase_likelihood
from ltvforecast.fitting.compress import spectral_rows, unique_rows
from ltvforecast.fitting.purchase_likelihood import (
    coordinate_gradient,
    log_likelihood,
    log_likelihood_gradient,
    purchase_parameters,
    purchase_table,
)
from ltvforecast.formulas import bgnbd

coordinates = st.tuples(st.floats(-4, 6), st.floats(-8, 4), st.floats(-5, 5), st.floats(-3, 7)).map(
    np.array
)


def table_of(seed: int, size: int = 300):
    rng = np.random.default_rng(seed)
    x = np.floor(10 ** rng.uniform(-1, 4, size))
    T = 10 ** rng.uniform(-3, 4, size)
    t_x = np.where(x > 0, T * rng.uniform(0.01, 1, size), 0)
    return (x, t_x, T), purchase_table(unique_rows(x, t_x, T))


def days_of(seed: int, size: int = 900):
    """Whole days and few purchases: many customers share a count, an age or a whole history."""
    rng = np.random.default_rng(seed)
    x = np.minimum(rng.geometric(0.3, size) - 1, 12).astype(float)
    T = rng.integers(20, 40, size).astype(float)
    t_x = np.where(x > 0, np.ceil(T * rng.uniform(0.01, 1, size)), 0)
    return (x, t_x, T), purchase_table(unique_rows(x, t_x, T))


TABLES = pytest.mark.parametrize("made", [table_of, days_of])


@TABLES
@given(theta=coordinates, seed=st.integers(0, 20))
@settings(max_examples=60)
def test_the_sum_over_the_table_is_the_sum_over_customers(made, theta, seed: int) -> None:
    (x, t_x, T), table = made(seed)
    each = bgnbd.log_likelihood(x, t_x, T, *purchase_parameters(theta))
    got = log_likelihood(theta[None, :], table)[0]
    among_many = log_likelihood(np.tile(theta, (100, 1)), table)
    # both round sums of 300 terms of size up to |ll|; 1e-12 is some 4,000 roundings
    allowed = 1e-12 * np.abs(each).sum() + 1e-9
    assert got == pytest.approx(np.sum(each), abs=allowed)
    np.testing.assert_allclose(among_many, np.sum(each), atol=allowed, rtol=0)


@TABLES
@given(theta=coordinates, seed=st.integers(0, 20))
@settings(max_examples=40)
def test_the_gradient_is_the_sum_of_the_customers_gradients(made, theta, seed: int) -> None:
    (x, t_x, T), table = made(seed)
    parameters = purchase_parameters(theta)
    each = bgnbd.log_likelihood_gradient(x, t_x, T, *parameters) * np.array(parameters)[:, None]
    got = log_likelihood_gradient(theta, table)[1] * np.array(parameters)
    scale = np.abs(each).sum(axis=1) + 1e-6
    np.testing.assert_allclose(got / scale, each.sum(axis=1) / scale, atol=1e-10)


def test_the_gradient_in_coordinates_is_the_slope() -> None:
    _, table = table_of(1, 40)
    theta, step = np.array([-0.5, -1.0, -0.7, 0.6]), 1e-5
    value, by_parameter = log_likelihood_gradient(theta, table)
    ahead = theta + step * np.eye(4)
    behind = theta - step * np.eye(4)
    slope = (log_likelihood(ahead, table) - log_likelihood(behind, table)) / (2 * step)
    # |ll| is about 1e6: rounding of the difference quotient 1e6 * 1e-16 / 1e-5
    np.testing.assert_allclose(
        coordinate_gradient(theta, by_parameter), slope, rtol=1e-5, atol=1e-4
    )
    assert value == pytest.approx(log_likelihood(theta[None, :], table)[0], rel=1e-14)


def on_nodes(table):
    """The same table with signed weights that are not whole, where rows are many."""
    rows = spectral_rows(table.rows, r=1.0, alpha=10.0, a=1.0, b=2.0, nodes=(3, 2))
    assert rows.weight.min() < 0
    return replace(table, rows=rows)


@pytest.mark.parametrize("size", [50, 300], ids=["some", "many"])
@pytest.mark.parametrize(
    "table",
    [table_of(2, 5000)[1], days_of(2)[1], on_nodes(days_of(3, 20_000)[1])],
    ids=["all different", "alike", "nodes"],
)
def test_many_vectors_at_once_are_the_same_as_one_by_one(table, size: int) -> None:
    theta = np.random.default_rng(1).normal([0.0, -2.3, -0.7, 1.0], 0.1, size=(size, 4))
    together = log_likelihood(theta, table)
    assert np.isfinite(together).all()
    alone = [log_likelihood(row[None, :], table)[0] for row in theta]
    # the sum of hundreds of terms of either sign is rounded differently: some 50 roundings
    np.testing.assert_allclose(together, alone, rtol=1e-14, atol=1e-14 * np.abs(alone).max())


def test_times_that_no_rows_share_are_not_kept(monkeypatch) -> None:
    _, table = days_of(6)
    theta = np.random.default_rng(4).normal(size=(100, 4))
    sorted_first = log_likelihood(theta, table)
    asked = []
    monkeypatch.setattr(purchase_likelihood, "_SHARED", 10)
    monkeypatch.setattr(purchase_likelihood, "_dropout_of_many", lambda *a: asked.append(a))
    np.testing.assert_allclose(log_likelihood(theta, table), sorted_first, rtol=1e-13)
    assert not asked


@TABLES
def test_gradients_at_many_vectors_are_the_same_as_one_by_one(made) -> None:
    _, table = made(4)
    theta = np.random.default_rng(2).normal(size=(2, 30, 4))
    value, by_parameter = log_likelihood_gradient(theta, table)
    gradient = coordinate_gradient(theta, by_parameter)
    assert value.shape == (2, 30)
    for place in np.ndindex(2, 30):
        one, its_parameters = log_likelihood_gradient(theta[place], table)
        its_gradient = coordinate_gradient(theta[place], its_parameters)
        np.testing.assert_allclose(value[place], one, rtol=1e-14)
        scale = np.abs(its_gradient).max()
        np.testing.assert_allclose(gradient[place], its_gradient, rtol=1e-13, atol=1e-13 * scale)


def test_customers_who_are_all_alike_lose_no_digits_among_many_vectors() -> None:
    """With ``r`` and ``alpha`` of e**24 dropout must still be known to far less than 0.1."""
    _, table = days_of(5)
    theta = np.tile([24.0, -2.0, -1.0, 1.0], (100, 1))
    alone = log_likelihood(theta[:1], table)
    np.testing.assert_allclose(log_likelihood(theta, table), alone[0], atol=1e-8, rtol=0)


def test_customers_without_repeat_purchases_have_no_dropout() -> None:
    table = purchase_table(unique_rows([0, 0], [0, 0], [5, 9]))
    theta = np.random.default_rng(3).normal(size=(100, 4))
    r, alpha, _, _ = purchase_parameters(theta)
    expected = -r * (np.log1p(5 / alpha) + np.log1p(9 / alpha))
    np.testing.assert_allclose(log_likelihood(theta, table), expected, rtol=1e-12)
    np.testing.assert_allclose(log_likelihood_gradient(theta, table)[0], expected, rtol=1e-12)


def test_parameters_beyond_floating_point_give_minus_infinity_not_nan() -> None:
    _, table = table_of(3)
    wild = np.array([[800.0, 0, 0, 0], [0, 900, 0, 0], [0, 0, -900, 0], [0, 0, 0, 1500.0]])
    assert not np.isnan(log_likelihood(wild, table)).any()
