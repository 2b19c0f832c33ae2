from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ltvforecast.fitting.partner_tables import partner_purchases, partner_spend
from ltvforecast.fitting.spend_data import amounts_data
from ltvforecast.formulas import bgnbd, gamma_gamma
from tests.fitting.made_summary import amounts_only, simulated_histories


def test_totals_of_a_smooth_function_are_kept_partner_by_partner() -> None:
    x, t_x, T = simulated_histories(3000, seed=1, r=0.5, alpha=5.0, a=0.8, b=2.5)
    home = np.random.default_rng(2).choice([0, 1, 3], 3000)
    made = partner_purchases(x, t_x, T, home, partners=5)
    table = made.table
    for partner in range(5):
        mine = home == partner
        ages, rows = made.T_partner == partner, made.row_partner == partner
        assert table.customers_by_count[made.x_partner == partner].sum() == mine.sum()
        growth = np.log1p(table.T[ages] / 7.0)
        assert growth @ table.customers_by_age[ages] == pytest.approx(np.log1p(T[mine] / 7).sum())
        assert table.rows.weight[rows].sum() == (x[mine] > 0).sum()
    assert len(np.unique(made.T_partner)) == 3


def test_partners_whose_customers_are_all_new_have_no_ages() -> None:
    made = partner_purchases(
        np.zeros(3), np.zeros(3), np.array([0.0, 0.0, 2.0]), np.array([0, 0, 1]), partners=2
    )
    assert made.table.customers_by_count.tolist() == [2.0, 1.0]
    assert made.T_partner.tolist() == [1]
    # a customer of age 0 has likelihood 1
    assert bgnbd.log_likelihood(0, 0, 0, 1.0, 2.0, 1.0, 3.0) == 0


def test_amounts_are_kept_partner_by_partner() -> None:
    rng = np.random.default_rng(3)
    amounts = [rng.gamma(5, 2, rng.integers(1, 6)) for _ in range(500)]
    customers = amounts_only(amounts)
    data = amounts_data(customers)
    home = rng.integers(0, 3, 500)
    made = partner_spend(data, home, partners=4)
    table = made.table
    value = 0.0
    for partner in range(4):
        nodes = made.S_partner == partner
        mine = home == partner
        assert made.amounts[partner] == data.n[mine].sum()
        value = table.weight_n[nodes] @ np.log1p(table.S[nodes] / 3)
        assert value == pytest.approx(data.n[mine] @ np.log1p(data.total[mine] / 3), abs=1e-9)
    assert made.amounts[3] == 0
    assert gamma_gamma.log_likelihood(0, 0, 0, 1.0, 2.0, 1.0) == 0


def test_customers_behind_the_amounts_are_found() -> None:
    free = pd.concat([amounts_only([[0.0], [4.0, 5.0], [0.0, 0.0], [6.0]])], ignore_index=True)
    rows = amounts_data(free).rows
    assert rows is not None
    assert rows.tolist() == [1, 3]
    rng = np.random.default_rng(4)
    # first purchases three times as large: they are left out, and one-time customers with them
    amounts = [np.append(30 * rng.gamma(9), 10 * rng.gamma(9, size=k % 3)) for k in range(90)]
    late = amounts_only(amounts)
    data = amounts_data(late)
    assert not data.first_purchase
    kept = data.rows
    assert kept is not None
    assert set(kept % 3) == {1, 2}
    np.testing.assert_allclose(
        data.total * data.unit, (late["spend_sum"] - late["first_value"])[kept]
    )


def test_customers_who_all_spend_the_same_are_no_ones_rows() -> None:
    assert amounts_data(amounts_only([[9.99]] * 50)).rows is None
