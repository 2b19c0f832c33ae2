from __future__ import annotations

import math

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ltvforecast.economics_types import Economics
from ltvforecast.errors import ConfigError, ForecastError
from ltvforecast.plots.chart_data import costly_partners, forecast_by_period
from ltvforecast.plots.economics import plot_commission, plot_ltv_to_cac
from tests.report.made_forecast import HOSTILE, make_forecast

TERMS = Economics(margin=0.5, commission=0.1)


@pytest.fixture
def ax() -> Axes:
    return Figure().add_subplot()


def test_the_ratio_of_those_that_cost_most(ax: Axes) -> None:
    forecast = make_forecast(economics=TERMS, costs=(2.0, math.nan, 0.5))
    assert plot_ltv_to_cac(forecast, top=8, level=80, ax=ax) is ax
    shown = costly_partners(forecast).head(8).sort_values("ltv_to_cac", ascending=False)
    assert [label.get_text() for label in ax.get_yticklabels()] == shown["partner_id"].tolist()
    thin = np.array([segment[:, 0] for segment in ax.collections[0].get_segments()])
    assert thin.tolist() == shown[["ltv_to_cac_lo_80", "ltv_to_cac_hi_80"]].to_numpy().tolist()
    poor = shown["p_ltv_exceeds_cac"] < 0.5
    assert ax.lines[0].get_xdata().tolist() == shown.loc[~poor, "ltv_to_cac"].tolist()
    assert ax.lines[1].get_xdata().tolist() == shown.loc[poor, "ltv_to_cac"].tolist()
    assert set(ax.lines[2].get_xdata()) == {1.0}


def test_losses_are_drawn_on_an_even_axis(ax: Axes) -> None:
    plot_ltv_to_cac(
        make_forecast(economics=Economics(margin=0.1, commission=0.3), costs=(1.0,)), ax=ax
    )
    assert ax.get_xscale() == "linear"
    assert ax.get_xlim()[0] < 0


def test_far_apart_ratios_are_drawn_by_factors(ax: Axes) -> None:
    plot_ltv_to_cac(make_forecast(economics=TERMS, costs=(0.01, 100.0), partners=6), ax=ax)
    assert ax.get_xscale() == "log"
    assert 1.0 in ax.get_xticks()
    assert len(ax.get_xticks()) <= 10


@pytest.mark.filterwarnings("ignore:Glyph .* missing from font")
def test_hostile_names(ax: Axes) -> None:
    plot_ltv_to_cac(make_forecast(names=HOSTILE, economics=TERMS, costs=(1.0,)), ax=ax)
    ax.get_tightbbox()
    assert not any(label.get_parse_math() for label in ax.get_yticklabels())


def test_no_cost_is_refused(ax: Axes) -> None:
    for costs in ((math.nan,), (0.0,)):
        with pytest.raises(ForecastError, match="no partner has an acquisition cost"):
            plot_ltv_to_cac(make_forecast(economics=TERMS, costs=costs), ax=ax)


def test_commission_by_month(ax: Axes) -> None:
    forecast = make_forecast(economics=TERMS)
    assert plot_commission(forecast, ax=ax) is ax
    whole = forecast_by_period(forecast)
    assert [bar.get_height() for bar in ax.patches] == whole["commission"].tolist()
    ends = np.array([segment[:, 1] for segment in ax.collections[0].get_segments()])
    assert ends.tolist() == whole[["commission_lo_90", "commission_hi_90"]].to_numpy().tolist()
    own = forecast_by_period(forecast, partner_id="Partner 0002")
    other = Figure().add_subplot()
    plot_commission(forecast, partner_id="Partner 0002", periods=5, ax=other)
    assert [bar.get_height() for bar in other.patches] == own["commission"].head(5).tolist()


def test_levels_and_partners_that_are_not_there_are_refused(ax: Axes) -> None:
    forecast = make_forecast(economics=TERMS, costs=(1.0,), partners=3)
    with pytest.raises(ConfigError, match="no 95 % intervals"):
        plot_ltv_to_cac(forecast, level=95, ax=ax)
    with pytest.raises(ConfigError, match="no 95 % intervals"):
        plot_commission(forecast, level=95, ax=ax)
    with pytest.raises(ConfigError, match="'Nobody'"):
        plot_commission(forecast, partner_id="Nobody", ax=ax)
