from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ltvforecast.errors import ConfigError, ForecastError
from ltvforecast.forecast_types import Horizon, PartnerForecast
from ltvforecast.plots.chart_data import forecast_by_period, ranked_partners, watched_partners
from ltvforecast.plots.forecast import (
    plot_forecast,
    plot_pareto,
    plot_partner_intervals,
    plot_watch_list,
)
from tests.report.made_forecast import HOSTILE, make_forecast

CHARTS = (plot_partner_intervals, plot_pareto, plot_forecast, plot_watch_list)
Chart = Callable[..., Axes]


@pytest.fixture(scope="module")
def forecast() -> PartnerForecast:
    return make_forecast()


@pytest.fixture
def ax() -> Axes:
    return Figure().add_subplot()


@pytest.mark.parametrize("chart", CHARTS)
def test_charts_draw_on_the_axes_given_and_return_it(
    chart: Chart, forecast: PartnerForecast, ax: Axes
) -> None:
    assert chart(forecast, ax=ax) is ax
    ax.figure.draw_without_rendering()


@pytest.mark.parametrize("chart", CHARTS)
def test_without_axes_a_notebook_gets_a_figure(chart: Chart, forecast: PartnerForecast) -> None:
    import matplotlib as mpl

    with mpl.rc_context({"backend": "agg"}):
        from matplotlib import pyplot as plt

        made = chart(forecast)
        assert plt.gcf() is made.figure
        plt.close(made.figure)


# Matplotlib's own font lacks some scripts, and says so to whoever draws with it.
@pytest.mark.filterwarnings("ignore:Glyph .* missing from font")
@pytest.mark.parametrize("chart", CHARTS)
@pytest.mark.parametrize(
    "make",
    [
        partial(make_forecast, partners=1, customers=5),
        partial(make_forecast, names=HOSTILE),
        partial(make_forecast, decline_known=False),
        partial(make_forecast, horizon=Horizon(text="8w", days=56.0)),
        partial(make_forecast, newcomers=True),
    ],
    ids=["one partner", "hostile names", "no past to compare", "weeks", "new customers"],
)
def test_charts_of_unusual_forecasts(
    chart: Chart, make: Callable[[], PartnerForecast], ax: Axes
) -> None:
    chart(make(), ax=ax)
    with np.errstate(all="raise"):
        ax.get_tightbbox()
    assert all(np.isfinite(limit) for limit in (*ax.get_xlim(), *ax.get_ylim()))


def test_partner_intervals_show_the_first_with_their_numbers(
    forecast: PartnerForecast, ax: Axes
) -> None:
    plot_partner_intervals(forecast, top=5, level=80, ax=ax)
    first = ranked_partners(forecast).head(5)
    assert [label.get_text() for label in ax.get_yticklabels()] == first["partner_id"].tolist()
    assert ax.lines[0].get_xdata().tolist() == first["ltv"].tolist()
    thin = np.array([segment[:, 0] for segment in ax.collections[0].get_segments()])
    assert thin.tolist() == first[["ltv_lo_80", "ltv_hi_80"]].to_numpy().tolist()


def test_levels_that_are_not_there_are_refused(forecast: PartnerForecast, ax: Axes) -> None:
    for chart in (plot_partner_intervals, plot_pareto, plot_forecast):
        with pytest.raises(ConfigError, match="no 95 % intervals"):
            chart(forecast, level=95, ax=ax)


def test_a_name_with_dollars_is_no_formula(ax: Axes) -> None:
    plot_partner_intervals(make_forecast(names=("$\\frac{1}$", "$a$ and $b$")), ax=ax)
    assert not any(label.get_parse_math() for label in ax.get_yticklabels())
    ax.get_tightbbox()


def test_one_partner_s_own_months(forecast: PartnerForecast, ax: Axes) -> None:
    plot_forecast(forecast, partner_id="Partner 0002", ax=ax)
    own = forecast.history[forecast.history["partner_id"] == "Partner 0002"]["revenue"].sum()
    assert sum(bar.get_height() for bar in ax.patches) == pytest.approx(own)
    with pytest.raises(ConfigError, match="'Nobody'"):
        plot_forecast(forecast, partner_id="Nobody", ax=ax)


def test_new_customers_stand_on_top_of_the_known(ax: Axes) -> None:
    forecast = make_forecast(newcomers=True)
    plot_forecast(forecast, ax=ax)
    whole = forecast_by_period(forecast)
    bars = {each.get_label(): each.patches for each in ax.containers if len(each.patches)}
    below, above = bars["customers known today"], bars["new customers"]
    assert [bar.get_height() for bar in below] == whole["existing_revenue"].tolist()
    assert [bar.get_height() for bar in above] == pytest.approx(whole["new_revenue"].tolist())
    assert [bar.get_y() for bar in above] == [bar.get_height() for bar in below]
    assert all(bar.get_hatch() for bar in above)
    assert not any(bar.get_hatch() for bar in below)


def test_the_watched_carry_their_numbers(forecast: PartnerForecast, ax: Axes) -> None:
    plot_watch_list(forecast, ax=ax)
    listed = watched_partners(forecast).query("number > 0")
    assert [text.get_text() for text in ax.texts] == [str(number) for number in listed["number"]]
    assert ax.lines[1].get_xdata().tolist() == listed["at_stake"].tolist()


def test_nothing_to_draw_is_said(ax: Axes) -> None:
    nothing = make_forecast(revenue_scale=0.0)
    with pytest.raises(ForecastError, match="expected revenue is zero"):
        plot_pareto(nothing, ax=ax)
    with pytest.raises(ForecastError, match="no partner has revenue"):
        plot_watch_list(nothing, ax=ax)
    plot_partner_intervals(nothing, ax=ax)
    plot_forecast(nothing, ax=ax)


def test_importing_the_charts_leaves_pyplot_alone() -> None:
    import subprocess

    script = "import sys, ltvforecast.plots.forecast; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
