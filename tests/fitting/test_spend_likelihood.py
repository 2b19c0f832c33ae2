from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import gammaln

from ltvforecast.fitting.spend_likelihood import (
    amounts_table,
    coordinate_gradient,
    log_likelihood,
    log_likelihood_gradient,
    means_table,
    spend_parameters,
)

coordinates = st.tuples(st.floats(-3, 5), st.floats(-3, 3), st.floats(-5, 6)).map(np.array)


def amounts(seed: int, size: int = 400):
    rng = np.random.default_rng(seed)
    n = rng.integers(1, 30, size).astype(float)
    each = [rng.gamma(2, np.exp(rng.normal(0, 2)), int(k)) for k in n]
    return n, np.array([z.sum() for z in each]), np.array([np.log(z).sum() for z in each])


def direct(data, parameters, *, single: bool):
    """Fader & Hardie (2013), equations 1a and 2, written out customer by customer."""
    (n, S, SL), (p, q, v) = data, parameters
    shared = gammaln(p * n + q) - gammaln(q) + q * np.log(v) - (p * n + q) * np.log(v + S)
    if single:
        return shared - n * gammaln(p) + (p - 1) * SL
    zbar = S / n
    return shared - gammaln(p * n) - np.log(zbar) + p * n * np.log(n * zbar)


@given(theta=coordinates, seed=st.integers(0, 10), single=st.booleans())
@settings(max_examples=80)
def test_the_sum_over_the_table_is_the_sum_over_customers(theta, seed: int, single: bool) -> None:
    n, S, SL = amounts(seed)
    table = amounts_table(n, S, SL) if single else means_table(n, S / n)
    each = direct((n, S, SL), spend_parameters(theta), single=single)
    got = log_likelihood(theta[None, :], table)[0]
    p, q, v = spend_parameters(theta)
    # the direct form cancels terms of this size; nodes are exact to some 1e-11 of it
    size = np.sum(np.abs(gammaln(p * n + q)) + (p * n + q) * np.abs(np.log(v + S))) + 1
    assert got == pytest.approx(np.sum(each), abs=1e-10 * size)


@given(theta=coordinates, seed=st.integers(0, 5), single=st.booleans())
@settings(max_examples=40)
def test_the_gradient_in_coordinates_is_the_slope(theta, seed: int, single: bool) -> None:
    n, S, SL = amounts(seed, 60)
    table = amounts_table(n, S, SL) if single else means_table(n, S / n)
    step = 1e-4
    ahead = log_likelihood(theta + step * np.eye(3), table)
    behind = log_likelihood(theta - step * np.eye(3), table)
    slope = (ahead - behind) / (2 * step)
    got = coordinate_gradient(theta, log_likelihood_gradient(theta, table)[1])
    # third derivatives are at most of the size of the gradient's terms, about n p: times 1e-8
    size = 1 + np.abs(got).max() + n.sum() * np.exp(theta[0]) + len(n) * np.exp(max(theta[2], 0))
    np.testing.assert_allclose(got, slope, atol=1e-6 * size)


@pytest.mark.parametrize("single", [True, False])
def test_gradients_at_many_vectors_are_the_same_as_one_by_one(single: bool) -> None:
    n, S, SL = amounts(3)
    table = amounts_table(n, S, SL) if single else means_table(n, S / n)
    theta = np.random.default_rng(2).normal(size=(2, 30, 3))
    value, by_parameter = log_likelihood_gradient(theta, table)
    gradient = coordinate_gradient(theta, by_parameter)
    assert value.shape == (2, 30)
    for place in np.ndindex(2, 30):
        one, its_parameters = log_likelihood_gradient(theta[place], table)
        its_gradient = coordinate_gradient(theta[place], its_parameters)
        np.testing.assert_allclose(value[place], one, rtol=1e-13)
        scale = np.abs(its_gradient).max()
        np.testing.assert_allclose(gradient[place], its_gradient, rtol=1e-12, atol=1e-12 * scale)


def test_amounts_and_mean_likelihood_agree_up_to_a_constant_for_single_purchases() -> None:
    _, S, _ = amounts(1)
    ones = np.ones(len(S))
    theta = np.random.default_rng(2).normal(size=(5, 3))
    both = [
        log_likelihood(theta, table)
        for table in (amounts_table(ones, S, np.log(S)), means_table(ones, S))
    ]
    np.testing.assert_allclose(both[0], both[1], rtol=1e-11)
