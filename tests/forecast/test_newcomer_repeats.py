from __future__ import annotations

import numpy as np
import pytest

from ltvforecast.forecast.newcomer_parameters import NewcomerParameters
from ltvforecast.forecast.newcomer_repeats import FEWEST_GROUPS, tabulate_repeats
from ltvforecast.forecast.newcomer_value import expected_repeats
from ltvforecast.forecast.records import Draws


def parameters(groups: int = 60, draws: int = 5, *, spread: float = 0.6) -> NewcomerParameters:
    rng = np.random.default_rng(3)
    phi = np.exp(1.0 + 0.3 * rng.standard_normal(draws))
    logit = -1.2 + spread * rng.standard_normal((groups, draws))
    share, one = 1.0 / (1.0 + np.exp(-logit)), np.ones((1, draws))
    return NewcomerParameters(
        draws=Draws(
            r=np.exp(-0.5 + 0.2 * rng.standard_normal((1, draws))),
            alpha=70.0 * np.exp(spread * rng.standard_normal((groups, draws))),
            a=phi * share,
            b=phi * (1.0 - share),
            p=3.0 * one,
            q=4.0 * one,
            v=60.0 * one,
            zero_share=0.0 * one,
        ),
        first_factor=np.ones(draws),
        highest_spend=np.inf,
        rho=np.empty(0),
    )


@pytest.mark.parametrize("days", [30.0, 365.0, 2190.0])
def test_the_table_says_what_the_formula_says(days: float) -> None:
    given = parameters()
    table = tabulate_repeats(given, np.array([days]))
    assert table is not None
    horizon = np.broadcast_to(np.linspace(0.0, days, 9), (5, 9))
    for group in range(0, given.groups, 7):
        law = given.law(group)
        exact = expected_repeats(law, horizon)
        np.testing.assert_allclose(table.of(law, horizon), exact, rtol=3e-5, atol=1e-12)


def test_few_groups_and_other_shapes_have_no_table() -> None:
    longest = np.array([365.0])
    assert tabulate_repeats(parameters(FEWEST_GROUPS - 1), longest) is None
    given = parameters().draws
    other = NewcomerParameters(
        draws=given._replace(b=given.b * np.linspace(1.0, 1.1, 60)[:, None]),
        first_factor=np.ones(5),
        highest_spend=np.inf,
        rho=np.empty(0),
    )
    assert tabulate_repeats(other, longest) is None
