from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ltvforecast.fitting.effect_columns import effect_columns
from tests.fitting.covariate_world import World, world

BETA = np.array([0.7, -0.4])


def with_an_empty_partner() -> World:
    """The last partner has nobody, and a covariate all the same."""
    data = world(seed=2, partners=6)
    rows = np.vstack([data.design.partner_rows, [[1.0, 0.0]]])
    return replace(data, partners=7, design=replace(data.design, partner_rows=rows))


DATA = with_an_empty_partner()


@pytest.mark.parametrize("apart", [True, False])
def test_the_reference_and_ones_own_columns_are_the_cell(apart: bool) -> None:
    design = DATA.design
    columns, cell = effect_columns(design, DATA.home, design.customer_pattern, apart=apart)
    own = design.patterns[design.customer_pattern] @ BETA
    reference = columns.of_reference @ BETA
    from_reference = own + (reference if apart else reference[DATA.home])
    np.testing.assert_allclose(columns.of_cells[cell] @ BETA, from_reference, atol=1e-12)


def test_means_of_partners_and_levels_of_customers_add_up_to_all_covariates() -> None:
    design = DATA.design
    columns, cell = effect_columns(design, DATA.home, design.customer_pattern, apart=True)
    assert columns.owner is not None
    np.testing.assert_array_equal(columns.owner[cell], DATA.home)
    whole = design.partner_rows[DATA.home] + design.patterns[design.customer_pattern]
    moved = columns.of_partners[DATA.home] + columns.of_cells[cell]
    np.testing.assert_allclose(moved + columns.middle, whole, atol=1e-12)
    # the average partner (of those with customers) and the average customer are not moved
    np.testing.assert_allclose(columns.of_partners[:6].mean(axis=0), 0.0, atol=1e-12)
    np.testing.assert_allclose(columns.of_cells[cell].mean(axis=0), 0.0, atol=1e-12)
    assert columns.of_partners[6, 0] == pytest.approx(1.0 - design.partner_rows[:6, 0].mean())


def test_taken_together_partners_have_no_mean_of_their_own() -> None:
    design = DATA.design
    columns, cell = effect_columns(design, DATA.home, design.customer_pattern, apart=False)
    assert columns.owner is None
    assert not columns.of_partners.any()
    assert len(columns.of_cells) == 4
    np.testing.assert_allclose(columns.of_cells[cell].mean(axis=0), 0.0, atol=1e-12)
    alone = replace(
        design, names=("member = yes",), level=("customer",), patterns=design.patterns[:, 1:],
        partner_rows=np.zeros((7, 1)),
    )  # fmt: skip
    columns, _ = effect_columns(alone, DATA.home, design.customer_pattern, apart=False)
    assert columns.of_reference.shape == (1, 1)
