from __future__ import annotations

import datetime as dt
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ltvforecast.checks.frequency import purchase_frequencies
from ltvforecast.errors import ConfigError
from ltvforecast.fit_types import (
    Calendar,
    Diagnostics,
    FitSettings,
    FittedModel,
    PurchaseFit,
    SpendFit,
)
from ltvforecast.plots.model import plot_frequency_fit, plot_posterior, plot_season
from ltvforecast.transaction_types import Account, Allocation, CustomerSummary

# Fader, Hardie & Lee (2005), table 2
PUBLISHED = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}


@pytest.fixture
def ax() -> Axes:
    return Figure().add_subplot()


@pytest.fixture(scope="module")
def cdnow() -> FittedModel:
    """Take the paper's own customers (calibration period, in weeks) from the lifetimes package."""
    spec = find_spec("lifetimes")
    assert spec is not None
    assert spec.submodule_search_locations
    folder = Path(spec.submodule_search_locations[0]) / "datasets"
    return model_of(pd.read_csv(folder / "cdnow_customers_summary.csv"))


def model_of(customers: pd.DataFrame) -> FittedModel:
    trusted = Diagnostics(trusted=True, verdict="")
    rng = np.random.default_rng(1)
    summary = CustomerSummary(
        customers=customers,
        partner_ids=("p",),
        share_start=np.arange(len(customers) + 1),
        share_partner=np.zeros(len(customers), dtype=np.int64),
        share_weight=np.ones(len(customers)),
        programme_share=np.ones(1),
        history=pd.DataFrame(),
        partner_customers=np.array([len(customers)]),
        as_of=dt.date(1997, 9, 30),
        time_unit="week",
        allocation=Allocation(rule="share"),
        account=Account(source="", rows_read=0, columns={}, lines=()),
    )
    return FittedModel(
        purchase=PurchaseFit(
            model="bg-nbd",
            draws={
                name: mean * rng.lognormal(0, 0.05, (500, 1)) for name, mean in PUBLISHED.items()
            },
            point=PUBLISHED,
            log_likelihood=-9582.4,
            diagnostics=trusted,
        ),
        spend=SpendFit(
            model="gamma-gamma",
            first_purchase=True,
            draws={"p": rng.lognormal(0, 0.05, (500, 1))},
            point={"p": 1.0},
            log_likelihood=0.0,
            diagnostics=trusted,
        ),
        summary=summary,
        settings=FitSettings(),
        package_version="0",
    )


def test_customers_without_age_are_expected_to_have_bought_once() -> None:
    customers = pd.DataFrame({"frequency": [0, 0], "recency": [0.0, 0.0], "T": [0.0, 0.0]})
    table = purchase_frequencies(model_of(customers), most=2)
    assert table["expected"].tolist() == [2, 0, 0]


def test_the_fit_chart_shows_both(cdnow: FittedModel, ax: Axes) -> None:
    assert plot_frequency_fit(cdnow, most=5, ax=ax) is ax
    table = purchase_frequencies(cdnow, most=5)
    assert [bar.get_height() for bar in ax.patches] == table["observed"].tolist()
    assert ax.lines[0].get_ydata().tolist() == table["expected"].tolist()
    assert ax.get_xticklabels()[-1].get_text() == "5+"


def test_posterior_of_either_model(cdnow: FittedModel, ax: Axes) -> None:
    plot_posterior(cdnow, parameter="alpha", ax=ax)
    assert sum(bar.get_height() for bar in ax.patches) == 500
    assert ax.lines[0].get_xdata()[0] == 4.414
    plot_posterior(cdnow, parameter="p", ax=Figure().add_subplot())
    with pytest.raises(ConfigError, match="'mu'"):
        plot_posterior(cdnow, parameter="mu", ax=ax)


@pytest.mark.parametrize("bins", [12, 52])
def test_the_season_is_drawn_with_its_band(cdnow: FittedModel, ax: Axes, bins: int) -> None:
    index = 1.0 + 0.5 * np.sin(2.0 * np.pi * np.arange(bins) / bins)
    draws = index * np.array([[0.9], [1.0], [1.1]])
    seasonal = replace(cdnow, calendar=Calendar(kind="estimated", index=index, draws=draws))
    plot_season(seasonal, ax=ax)
    assert ax.lines[0].get_ydata().tolist() == index.tolist()
    band = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert band.max() == pytest.approx(np.percentile(draws, 95, axis=0).max())
    given = replace(cdnow, calendar=Calendar(kind="given", index=index))
    assert not plot_season(given, ax=Figure().add_subplot()).collections


def test_a_model_without_a_season_has_no_such_chart(cdnow: FittedModel, ax: Axes) -> None:
    with pytest.raises(ConfigError, match="without a season"):
        plot_season(cdnow, ax=ax)
