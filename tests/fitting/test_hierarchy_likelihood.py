from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from ltvforecast.fitting.hierarchy_likelihood import PartnerRows, partner_rows, purchase_values
from ltvforecast.formulas import bgnbd
from tests.fitting.partner_chain import Programme, programme


def rows_of(data: Programme, partners: int | None = None) -> PartnerRows:
    return partner_rows(data.x, data.t_x, data.T, data.home, partners=partners or data.partners)


def test_values_are_the_sum_over_the_partner_s_customers() -> None:
    data = programme(seed=3, partners=4, sizes=[1, 7, 0, 60])
    shapes = np.array([-1.5, 0.3]), np.array([-2.0, 1.0, 4.0])
    u = np.linspace(-6.0, 2.0, 5) * np.ones((4, 1))
    v = np.linspace(-5.0, 5.0, 3) * np.ones((4, 1))
    values = purchase_values(rows_of(data), *shapes, u, v)
    for p in range(4):
        mine = data.home == p
        for at in np.ndindex(values.shape[1:]):
            r, phi = np.exp(shapes[0][at[0]]), np.exp(shapes[1][at[1]])
            alpha, level = r * np.exp(-u[p, at[2]]), v[p, at[3]]
            each = bgnbd.log_likelihood(
                data.x[mine], data.t_x[mine], data.T[mine],
                r, alpha, phi * expit(level), phi * expit(-level),
            )  # fmt: skip
            assert values[p][at] == pytest.approx(each.sum(), rel=1e-12, abs=1e-11)


def test_extreme_histories_stay_finite_and_right() -> None:
    x, t_x = np.array([5000.0, 1.0, 1.0, 2.0]), np.array([1.0, 1e-3, 900.0, 30.0])
    T = np.array([1e4, 1e4, 901.0, 38.0])
    count = np.array([1, 3, 9, 4])
    long = tuple(np.repeat(column, count) for column in (x, t_x, T))
    rows = partner_rows(*long, np.zeros(17, dtype=np.int64), partners=1)
    assert rows.weight.sum() == 17.0
    value = purchase_values(rows, np.zeros(1), np.full(1, -3.0), np.zeros((1, 1)), np.ones((1, 1)))
    phi = np.exp(-3.0)
    each = bgnbd.log_likelihood(x, t_x, T, 1.0, 1.0, phi * expit(1.0), phi * expit(-1.0))
    assert value.item() == pytest.approx(float(count @ each), rel=1e-12)


def test_a_partner_without_customers_says_nothing() -> None:
    data = programme(seed=1, partners=2, sizes=[3, 5])
    rows = rows_of(data, partners=4)
    assert rows.customers.tolist() == [3.0, 5.0, 0.0, 0.0]
    values = purchase_values(rows, np.zeros(1), np.zeros(1), np.zeros((4, 2)), np.zeros((4, 2)))
    assert np.all(values[2:] == 0.0)
    assert np.all(values[:2] < 0.0)


def test_part_gives_the_rows_of_the_partners_asked_for() -> None:
    rows = rows_of(programme(seed=2, partners=5, sizes=[4, 0, 9, 2, 6]))
    part = rows.part(np.array([2, 1, 4]))
    assert part.customers.tolist() == [9.0, 0.0, 6.0]
    np.testing.assert_array_equal(part.T[: part.start[1]], rows.T[rows.start[2] : rows.start[3]])


def test_the_order_of_customers_does_not_matter() -> None:
    data = programme(seed=2, partners=5)
    order = np.random.default_rng(1).permutation(len(data.x))
    shuffled = partner_rows(
        data.x[order], data.t_x[order], data.T[order], data.home[order], partners=5
    )
    for name in PartnerRows.__slots__:
        np.testing.assert_array_equal(getattr(shuffled, name), getattr(rows_of(data), name))
