from __future__ import annotations

import datetime as dt
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ltvforecast.errors import ConfigError
from ltvforecast.forecast.horizon import parse_horizon, split_periods
from ltvforecast.forecast_types import Horizon

AS_OF = dt.date(2025, 12, 31)


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("90d", 90.0),
        ("26w", 182.0),
        ("12mo", 365.25),
        ("1mo", 365.25 / 12),
        ("2y", 730.5),
        (" 12 MO ", 365.25),
        ("0.5y", 182.625),
        ("2026-12-31", 365.0),
        ("2026-01-01", 1.0),
        ("100y", 36525.0),
    ],
)
def test_lengths_and_end_dates(text: str, days: float) -> None:
    horizon = parse_horizon(text, AS_OF)
    assert horizon.days == pytest.approx(days, abs=1e-9)
    assert horizon.text == text.strip()


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("12", "no unit"),
        ("0d", "future"),
        ("0mo", "future"),
        ("2025-12-31", "future"),
        ("2024-01-01", "future"),
        ("0.5d", "shorter than a day"),
        ("500y", "500 years"),
        ("9999999999999d", "years"),
        ("-3mo", "understood"),
        ("next year", "understood"),
        ("", "understood"),
        ("2026-13-01", "understood"),
        ("2026-02-30", "understood"),
        ("1e3d", "understood"),
        ("12m", "understood"),
        ("١٢mo", "understood"),
    ],
)
def test_what_means_nothing_is_refused_with_a_remedy(text: str, word: str) -> None:
    with pytest.raises(ConfigError, match=word) as refused:
        parse_horizon(text, AS_OF)
    assert refused.value.remedy


def test_a_year_is_twelve_calendar_months() -> None:
    periods = split_periods(parse_horizon("12mo", AS_OF), AS_OF)
    assert [day.isoformat() for day in periods.starts] == [
        f"2026-{month:02d}-01" for month in range(1, 13)
    ]
    assert periods.ends[-1] == dt.date(2026, 12, 31)
    assert periods.edges_days[-1] == 365.25


def test_short_horizons_are_cut_into_weeks() -> None:
    periods = split_periods(parse_horizon("26d", AS_OF), AS_OF)
    assert periods.edges_days.tolist() == [0.0, 7.0, 14.0, 21.0, 26.0]
    assert split_periods(parse_horizon("24d", AS_OF), AS_OF).edges_days.tolist() == [
        0.0, 7.0, 14.0, 24.0,
    ]  # fmt: skip
    assert len(split_periods(parse_horizon("61d", AS_OF), AS_OF)) == 9
    assert len(split_periods(parse_horizon("62d", AS_OF), AS_OF)) == 2


def test_fragments_join_their_neighbour() -> None:
    # the 28th: three days of January are left
    as_of = dt.date(2025, 1, 28)
    periods = split_periods(parse_horizon("2025-05-03", as_of), as_of)
    assert periods.starts == (dt.date(2025, 1, 29), dt.date(2025, 3, 1), dt.date(2025, 4, 1))
    assert periods.ends == (dt.date(2025, 2, 28), dt.date(2025, 3, 31), dt.date(2025, 5, 3))


@given(
    as_of=st.dates(dt.date(1970, 1, 1), dt.date(2200, 1, 1)),
    days=st.floats(1, 36525, allow_nan=False),
)
def test_periods_cover_the_horizon_without_gaps(as_of: dt.date, days: float) -> None:
    periods = split_periods(Horizon(text="x", days=days), as_of)
    edges = periods.edges_days
    assert edges[0] == 0.0
    assert edges[-1] == days
    assert (np.diff(edges) > 0).all()
    assert periods.starts[0] == as_of + dt.timedelta(days=1)
    assert abs((periods.ends[-1] - as_of).days - days) <= 0.5
    for end, start in itertools.pairwise(zip(periods.starts, periods.ends, strict=True)):
        assert start[0] - end[1] == dt.timedelta(days=1)
    for end, edge in zip(periods.ends[:-1], edges[1:-1], strict=True):
        assert (end - as_of).days == edge
    if len(periods) > 1:
        assert min(edges[1], edges[-1] - edges[-2]) >= 5


def test_the_calendar_ends_with_the_year_9999() -> None:
    with pytest.raises(ConfigError, match="9999"):
        split_periods(Horizon(text="2y", days=730.5), dt.date(9999, 1, 1))
    late = split_periods(Horizon(text="100d", days=100.0), dt.date(9999, 9, 22))
    assert late.ends[-1] == dt.date(9999, 12, 31)
