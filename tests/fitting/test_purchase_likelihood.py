from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ltvforecast.fitting.compress import unique_rows
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


@given(theta=coordinates, seed=st.integers(0, 20))
@settings(max_examples=80, deadline=None)
def test_the_sum_over_the_table_is_the_sum_over_customers(theta, seed: int) -> None:
    (x, t_x, T), table = table_of(seed)
    each = bgnbd.log_likelihood(x, t_x, T, *purchase_parameters(theta))
    got = log_likelihood(theta[None, :], table)[0]
    # both round sums of 300 terms of size up to |ll|; 1e-12 is some 4,000 roundings
    assert got == pytest.approx(np.sum(each), abs=1e-12 * np.abs(each).sum() + 1e-9)


@given(theta=coordinates, seed=st.integers(0, 20))
@settings(max_examples=40, deadline=None)
def test_the_gradient_is_the_sum_of_the_customers_gradients(theta, seed: int) -> None:
    (x, t_x, T), table = table_of(seed)
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
    assert value == log_likelihood(theta[None, :], table)[0]


def test_many_vectors_at_once_are_the_same_as_one_by_one() -> None:
    _, table = table_of(2, 5000)
    theta = np.random.default_rng(1).normal(size=(50, 4))
    together = log_likelihood(theta, table)
    alone = [log_likelihood(row[None, :], table)[0] for row in theta]
    np.testing.assert_allclose(together, alone, rtol=1e-14)


def test_parameters_beyond_floating_point_give_minus_infinity_not_nan() -> None:
    _, table = table_of(3)
    wild = np.array([[800.0, 0, 0, 0], [0, 900, 0, 0], [0, 0, -900, 0], [0, 0, 0, 1500.0]])
    assert not np.isnan(log_likelihood(wild, table)).any()
