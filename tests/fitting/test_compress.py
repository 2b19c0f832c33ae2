from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ltvforecast.errors import SummaryError
from ltvforecast.fitting.compress import (
    chebyshev_nodes,
    chebyshev_weights,
    log_nodes,
    spectral_rows,
    thin_rows,
    unique_rows,
)
from ltvforecast.fitting.purchase_likelihood import log_likelihood, purchase_table
from tests.fitting.made_summary import simulated_histories

histories = st.lists(
    st.tuples(st.integers(0, 3), st.integers(1, 5), st.integers(0, 4)), min_size=1, max_size=60
)


@given(histories=histories, grid=st.sampled_from([1.0, 7.0, 365.25 / 12, np.pi]))
@settings(max_examples=60, deadline=None)
def test_unique_rows_are_the_distinct_histories_with_their_counts(
    histories: list[tuple[int, int, int]], grid: float
) -> None:
    x = np.array([h[0] for h in histories], dtype=float)
    t_x = np.where(x > 0, np.array([h[1] for h in histories]), 0) / grid
    T = np.maximum(t_x, 0) + np.array([h[2] for h in histories]) / grid
    days_T = np.rint(T * grid) / grid
    T = np.where(np.abs(days_T - T) < 1e-12, days_T, T)
    rows = unique_rows(x, t_x, T)
    expected, counts = np.unique(np.column_stack([x, T, t_x]), axis=0, return_counts=True)
    np.testing.assert_array_equal(np.column_stack([rows.x, rows.T, rows.t_x]), expected)
    np.testing.assert_array_equal(rows.weight, counts)


def test_cdnow_has_the_published_number_of_customers_in_1016_rows(cdnow) -> None:
    rows = unique_rows(cdnow["frequency"], cdnow["recency"], cdnow["T"])
    # 2,357 customers: Fader, Hardie & Lee (2005); distinct daily histories counted by pandas
    assert rows.weight.sum() == 2357
    assert len(rows) == len(cdnow[["frequency", "recency", "T"]].drop_duplicates()) == 1016


@pytest.mark.parametrize(
    ("x", "t_x", "T"),
    [
        (1, 5.0, 4.0),
        (1, 0.0, 4.0),
        (0, 1.0, 4.0),
        (-1, 0.0, 4.0),
        (1.5, 1.0, 4.0),
        (1, np.nan, 4.0),
        (0, 0.0, np.inf),
        (0, 0.0, -1.0),
    ],
)
def test_impossible_histories_are_refused_with_the_first_of_them(
    x: float, t_x: float, T: float
) -> None:
    with pytest.raises(SummaryError, match="customer number 2"):
        unique_rows([0, x, x], [0, t_x, t_x], [3, T, T])


def test_a_thinned_sample_keeps_the_proportions() -> None:
    x, t_x, T = simulated_histories(20_000, seed=3, r=0.5, alpha=5, a=1, b=3)
    rows = unique_rows(x, t_x, T)
    thin = thin_rows(rows, customers=2000)
    assert abs(thin.weight.sum() - 2000) <= 1
    # systematic in the order of x: the share of x = 0 is right to one customer
    share = (x == 0).mean()
    assert abs(thin.weight[thin.x == 0].sum() - 2000 * share) <= 1.001


@pytest.mark.parametrize("size", [1, 2, 7, 14])
def test_chebyshev_weights_reproduce_every_polynomial_of_their_degree(size: int) -> None:
    u = np.linspace(-1, 1, 23)
    basis, nodes = chebyshev_weights(u, size), chebyshev_nodes(size)
    for degree in range(size):
        np.testing.assert_allclose(basis @ nodes**degree, u**degree, atol=1e-13)
    missed = np.abs(basis @ nodes**size - u**size).max()
    assert missed == pytest.approx(2.0 ** (1 - size), rel=1e-9)  # the Chebyshev polynomial itself


@pytest.mark.parametrize("v", [1e-6, 0.3, 50.0, 1e7])
def test_log_nodes_keep_totals_of_the_spend_likelihood_whatever_the_scale(v: float) -> None:
    rng = np.random.default_rng(5)
    total = np.exp(rng.normal(2, 2.5, 30_000))
    n = rng.integers(1, 9, len(total)).astype(float)
    nodes, (weight, weight_n) = log_nodes(total, (np.ones(len(total)), n))
    assert len(nodes) < 200
    for got, of in ((weight, 1.0), (weight_n, n)):
        exact = np.sum(of * np.log1p(total / v))
        assert got @ np.log1p(nodes / v) == pytest.approx(exact, rel=1e-10)


def test_few_or_equal_values_stay_as_they_are() -> None:
    nodes, (weight,) = log_nodes(np.array([2.0, 3.0]), (np.ones(2),))
    np.testing.assert_allclose(np.sort(nodes), [2.0, 3.0])
    np.testing.assert_array_equal(weight, [1, 1])
    nodes, (weight,) = log_nodes(np.full(1000, 5.0), (np.ones(1000),))
    assert weight @ np.log(nodes) == pytest.approx(1000 * np.log(5.0), rel=1e-12)


def test_spectral_rows_give_the_likelihood_of_the_exact_rows() -> None:
    truth = {"r": 0.25, "alpha": 4.5, "a": 0.8, "b": 2.4}
    x, t_x, T = simulated_histories(120_000, seed=11, **truth)
    rows = unique_rows(x, t_x, T)
    small = spectral_rows(rows, **truth)
    assert len(small) < len(rows) / 15
    assert small.weight.sum() == pytest.approx(len(x), rel=1e-9)
    centre = np.array([np.log(0.25), np.log(0.25 / 4.5), np.log(0.8 / 2.4), np.log(3.2)])
    # posterior sd with 120,000 customers are below 0.02 in each coordinate: this is 3 of them
    near = centre + 0.06 * np.concatenate([np.zeros((1, 4)), np.eye(4), -np.eye(4)])
    gap = log_likelihood(near, purchase_table(small)) - log_likelihood(near, purchase_table(rows))
    assert np.abs(gap).max() < 1e-3
    # coarser nodes are worse, so that the test above can fail
    coarse = spectral_rows(rows, **truth, nodes=(4, 2))
    rough = log_likelihood(near, purchase_table(coarse)) - log_likelihood(
        near, purchase_table(rows)
    )
    assert np.abs(rough).max() > 1e-2
