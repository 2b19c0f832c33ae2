from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.special import logsumexp

from ltvforecast.fitting.hierarchy import PARTNER_PURCHASE_PRIORS
from ltvforecast.fitting.hierarchy_cells import plain_cells
from ltvforecast.fitting.hierarchy_levels import Anchors, Shared, shared_of
from ltvforecast.fitting.hierarchy_likelihood import partner_rows, purchase_values
from ltvforecast.fitting.hierarchy_tables import (
    Box,
    PartnerTables,
    fill_tables,
    log_marginal,
    sample_levels,
    table_gap,
)
from tests.fitting.partner_chain import programme

DATA = programme(seed=5, partners=4, sizes=[2, 30, 0, 200])
UNIT = DATA.T.mean()
ROWS = partner_rows(DATA.x, DATA.t_x / UNIT, DATA.T / UNIT, DATA.home, partners=4)
ETA = np.array(
    [
        [-0.7, 1.1, 1.6, -0.3, -1.0, 0.1],
        [-0.8, 0.9, 1.4, -2.0, -0.8, 1.0],
        [-0.6, 1.4, 1.7, 1.2, -1.2, -4.0],
    ]
)


def values(*grid: np.ndarray) -> np.ndarray:
    return purchase_values(ROWS, *grid)


def tables(finer: float = 1.0) -> PartnerTables:
    half = np.array([[3.0, 4.0], [1.5, 2.0], [4.0, 4.5], [1.0, 1.4]])
    box = Box(
        shapes=np.array([-0.7, 1.1]),
        shapes_half=np.array([0.3, 0.8]),
        centre=np.tile([1.6, -1.0], (4, 1)),
        half=half,
    )
    return fill_tables(
        values,
        box,
        customers=ROWS.customers,
        cells=plain_cells(np.zeros(4, np.int64), 1),
        levels=2,
        finer=finer,
    )


def shared() -> Shared:
    nothing = Anchors(estimate=np.zeros((1, 2)), precision=np.zeros((1, 2)))
    return shared_of(ETA, PARTNER_PURCHASE_PRIORS, nothing)


def test_the_integral_is_the_one_of_a_dense_grid() -> None:
    found, known = log_marginal(shared(), tables(1.5)), shared()
    for k in range(len(ETA)):
        total, spread, mean = known.log_prior[k], known.sd[k], known.mean[k, 0]
        z = np.linspace(-9.0, 9.0, 401)
        grids = [np.tile(mean[d] + spread[d] * z, (4, 1)) for d in range(2)]
        exact = values(known.shapes[k, :1], known.shapes[k, 1:], *grids)[:, 0, 0]
        weight = stats.norm.logpdf(z)[:, None] + stats.norm.logpdf(z)
        total += (logsumexp(exact + weight, axis=(1, 2)) + 2 * np.log(z[1] - z[0])).sum()
        # quadrature with five nodes: some hundredths for the skewed partner of two customers
        assert found[k] == pytest.approx(total, abs=0.03)
        assert log_marginal(known, tables(2.0), nodes=15)[k] == pytest.approx(total, abs=2e-3)


def test_outside_of_the_shapes_box_there_is_nothing() -> None:
    far = ETA + np.array([0.5, 0, 0, 0, 0, 0])
    nothing = Anchors(estimate=np.zeros((1, 2)), precision=np.zeros((1, 2)))
    found = log_marginal(shared_of(far, PARTNER_PURCHASE_PRIORS, nothing), tables())
    assert np.isneginf(found[2])
    assert np.isneginf(found[0])


def test_draws_are_those_of_the_conditional_posterior() -> None:
    many = 4000
    nothing = Anchors(estimate=np.zeros((1, 2)), precision=np.zeros((1, 2)))
    known = shared_of(np.repeat(ETA[:1], many, axis=0), PARTNER_PURCHASE_PRIORS, nothing)
    levels = sample_levels(known, tables(1.5), np.random.default_rng(1))
    z = np.linspace(-7.0, 7.0, 301)
    grids = [np.tile(known.mean[0, 0, d] + known.sd[0, d] * z, (4, 1)) for d in range(2)]
    exact = values(known.shapes[0, :1], known.shapes[0, 1:], *grids)[:, 0, 0]
    weight = np.exp(exact - exact.max(axis=(1, 2), keepdims=True) - 0.5 * (z[:, None] ** 2 + z**2))
    weight /= weight.sum(axis=(1, 2), keepdims=True)
    for p in range(4):
        for d in range(2):
            margin = weight[p].sum(axis=1 - d)
            mean = margin @ grids[d][p]
            sd = np.sqrt(margin @ (grids[d][p] - mean) ** 2)
            drawn = levels.draws[:, p, d]
            assert abs(drawn.mean() - mean) / sd < 4 / np.sqrt(many)
            assert abs(drawn.std() / sd - 1) < 4 / np.sqrt(2 * many) + 0.01
    assert levels.even.min() > 0.8
    assert np.all(levels.shrinkage[2] < 1e-9)
    assert np.all(levels.shrinkage[3] > levels.shrinkage[0])


def test_finer_tables_are_closer() -> None:
    draws = sample_levels(shared(), tables(), np.random.default_rng(2)).draws
    coarse = np.abs(table_gap(values, shared(), draws, tables())).max()
    fine = np.abs(table_gap(values, shared(), draws, tables(1.6))).max()
    assert coarse < 0.05
    assert fine < 0.1 * coarse + 1e-9
