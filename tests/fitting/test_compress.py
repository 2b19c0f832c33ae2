from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ltvforecast.errors import SummaryError
from ltvforecast.fitting.compress import spectral_rows, thin_rows, unique_rows
from ltvforecast.fitting.purchase_likelihood import log_likelihood, purchase_table
from tests.fitting.made_summary import simulated_histories

histories = st.lists(
    st.tuples(st.integers(0, 3), st.integers(1, 5), st.integers(0, 4)), min_size=1, max_size=60
)


@given(histories=histories, grid=st.sampled_from([1.0, 7.0, 365.25 / 12, np.pi]))
@settings(max_examples=60)
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


def test_spectral_rows_give_the_likelihood_of_the_exact_rows() -> None:
    truth = {"r": 0.25, "alpha": 4.5, "a": 0.8, "b": 2.4}
    x, t_x, T = simulated_histories(120_000, seed=11, **truth)
    exact = purchase_table(unique_rows(x, t_x, T))
    small = dataclasses.replace(exact, rows=spectral_rows(exact.rows, **truth))
    assert len(small.rows) < len(exact.rows) / 12
    assert small.rows.weight.sum() == pytest.approx((x > 0).sum(), rel=1e-9)
    centre = np.array([np.log(0.25), np.log(0.25 / 4.5), np.log(0.8 / 2.4), np.log(3.2)])
    # posterior sd with 120,000 customers are below 0.02 in each coordinate: this is 3 of them
    near = centre + 0.06 * np.concatenate([np.zeros((1, 4)), np.eye(4), -np.eye(4)])
    gap = log_likelihood(near, small) - log_likelihood(near, exact)
    assert np.abs(gap).max() < 1e-3
    # coarser nodes are worse, so that the test above can fail
    coarse = dataclasses.replace(exact, rows=spectral_rows(exact.rows, **truth, nodes=(4, 2)))
    rough = log_likelihood(near, coarse) - log_likelihood(near, exact)
    assert np.abs(rough).max() > 1e-2
