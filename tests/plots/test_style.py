from __future__ import annotations

import datetime as dt

import pytest
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ltvforecast.plots.style import (
    count_axis,
    figure_width,
    finish,
    money_axis,
    month_axis,
)

EPOCH = dt.date(1970, 1, 1)


@pytest.fixture
def ax() -> Axes:
    return Figure(figsize=(5, 3)).add_subplot()


def months(first: dt.date, count: int) -> list[dt.date]:
    start = 12 * first.year + first.month - 1
    return [dt.date(m // 12, m % 12 + 1, 1) for m in range(start, start + count)]


@pytest.mark.parametrize("count", [1, 5, 13, 36, 120, 1200])
def test_months_are_named_where_they_begin_and_never_crowd(ax: Axes, count: int) -> None:
    starts = months(dt.date(2023, 11, 1), count)
    ax.set_xlim((starts[0] - EPOCH).days, (starts[-1] - EPOCH).days + 31)
    month_axis(ax.xaxis, starts, most=12)
    places = ax.get_xticks().tolist()
    assert 1 <= len(places) <= 12
    assert {EPOCH + dt.timedelta(days=int(place)) for place in places} <= set(starts)
    assert all(label.get_text() for label in ax.get_xticklabels())


def test_the_year_stands_where_it_changes(ax: Axes) -> None:
    month_axis(ax.xaxis, months(dt.date(2023, 11, 1), 4))
    assert [label.get_text() for label in ax.get_xticklabels()] == [
        "Nov\n2023",
        "Dec",
        "Jan\n2024",
        "Feb",
    ]


def test_amounts_and_counts_on_axes(ax: Axes) -> None:
    ax.set_xlim(0, 40_000)
    ax.set_ylim(0, 4_000)
    money_axis(ax.xaxis, "Money")
    count_axis(ax.yaxis, "Count")
    ax.figure.draw_without_rendering()
    assert "20k" in [label.get_text() for label in ax.get_xticklabels()]
    assert "4,000" in [label.get_text() for label in ax.get_yticklabels()]


def test_labels_are_taken_literally(ax: Axes) -> None:
    ax.set_xlabel("$x$")
    ax.annotate("$y$", (0.5, 0.5))
    finish(ax, grid="x")
    assert not ax.xaxis.label.get_parse_math()
    assert not ax.texts[0].get_parse_math()


def test_width_is_that_of_the_figure(ax: Axes) -> None:
    assert figure_width(ax) == pytest.approx(5.0)
