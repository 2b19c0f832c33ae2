"""Whom to support first: order, budget, and how sure."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from ltvforecast.errors import ConfigError
from ltvforecast.forecast.scenario import ScenarioResult
from ltvforecast.forecast.scenario_change import Change
from ltvforecast.forecast.scenario_support import rank_support
from ltvforecast.forecast_types import ForecastSpec, Horizon

GAINS = np.array(
    [
        [10.0, 40.0, 1.0, 20.0],
        [14.0, 60.0, 3.0, 0.0],
        [12.0, 50.0, 2.0, 40.0],
        [12.0, 50.0, 2.0, 20.0],
    ]
)
"""Draws of four partners; means 12, 50, 2, 20."""


def made_result(concerned: tuple[str, ...] = ("a", "b", "c", "d")) -> ScenarioResult:
    base = np.full(GAINS.shape, 100.0)
    return ScenarioResult(
        partners=pd.DataFrame(),
        programme={},
        draws=xr.Dataset(
            {
                "base_ltv": (("draw", "partner"), base),
                "changed_ltv": (("draw", "partner"), base + GAINS),
            },
            coords={"draw": np.arange(4), "partner": ["a", "b", "c", "d"]},
        ),
        change=Change(retention=1.05),
        concerned=concerned,
        spec=ForecastSpec(horizon=Horizon(text="90d", days=90.0), draws=4, levels=(50,)),
        assumptions=("assumed",),
    )


def test_with_one_cost_the_largest_gain_comes_first() -> None:
    found = rank_support(made_result(), cost_per_partner=11.0)
    table = found.partners
    assert table["partner_id"].tolist() == ["b", "d", "a", "c"]
    assert table["supported"].tolist() == [True, True, True, False]
    np.testing.assert_allclose(table["gain_per_cost"], np.array([50, 20, 12, 2]) / 11.0)
    np.testing.assert_allclose(table["p_pays"], [1.0, 0.75, 0.75, 0.0])
    np.testing.assert_allclose(table["cumulative_cost"], [11, 22, 33, 33])
    np.testing.assert_allclose(table["cumulative_gain"], [50, 70, 82, 82])
    assert found.summary["supported"] == 3
    assert found.summary["net_gain"] == pytest.approx(82 - 33)
    assert found.summary["p_pays"] == 1.0
    assert found.summary["gain_lo_50"] == pytest.approx(
        np.quantile(GAINS[:, [0, 1, 3]].sum(1), 0.25)
    )
    assert found.assumptions[0] == "assumed"
    assert len(found.assumptions) == 2


def test_a_budget_stops_it_and_passes_over_what_no_longer_fits() -> None:
    found = rank_support(made_result(), cost_per_partner=11.0, budget=25.0)
    assert found.partners["supported"].tolist() == [True, True, False, False]
    assert found.summary["left"] == 3.0
    costs = {"a": 2.0, "b": 30.0, "c": 1.0, "d": 9.0}
    unequal = rank_support(made_result(), cost_per_partner=costs, budget=12.0)
    assert unequal.partners["partner_id"].tolist() == ["a", "d", "c", "b"]
    assert unequal.partners["supported"].tolist() == [True, True, True, False]
    assert unequal.summary["cost"] == 12.0


def test_what_costs_nothing_comes_first_and_has_no_ratio() -> None:
    found = rank_support(
        made_result(), cost_per_partner={"a": 1.0, "b": 1.0, "c": 0.0, "d": 1.0}
    ).partners
    assert found["partner_id"].iloc[0] == "c"
    assert np.isnan(found["gain_per_cost"].iloc[0])
    assert found["supported"].all()


def test_only_partners_concerned_are_ranked_and_nobody_may_be_worth_it() -> None:
    found = rank_support(made_result(("a", "c")), cost_per_partner=100.0)
    assert found.partners["partner_id"].tolist() == ["a", "c"]
    assert found.summary["supported"] == 0
    assert found.summary["gain"] == 0.0
    assert found.summary["p_pays"] == 0.0


@pytest.mark.parametrize(
    ("cost", "budget", "said"),
    [
        (-1.0, None, "minus"),
        (float("nan"), None, "cost"),
        (float("inf"), None, "cost"),
        (1.0, 0.0, "above 0"),
        (1.0, float("nan"), "budget"),
        ({"a": 1.0}, None, "no cost for partner 'b'"),
        ({"a": 1.0, "b": 1.0, "c": 1.0, "d": 1.0, "e": 1.0}, None, "a cost for 'e'"),
    ],
)
def test_nonsense_is_refused(
    cost: float | dict[str, float], budget: float | None, said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        rank_support(made_result(), cost_per_partner=cost, budget=budget)
