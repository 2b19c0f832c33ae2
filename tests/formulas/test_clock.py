"""Laws of the seasonal clock: additive, rising, flat is the calendar, a year is a year."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ltvforecast.formulas.clock import (
    bin_lengths,
    bins_of_days,
    calendar_time,
    cumulated_rates,
    exposure,
    normalised,
    operational_history,
    operational_time,
)
from ltvforecast.types import FloatArray

NO_EVENTS = np.empty((0, 3))
EPOCH = dt.date(1970, 1, 1)
DAYS = st.integers(min_value=-30_000, max_value=60_000)


@st.composite
def indices(draw: st.DrawFn) -> FloatArray:
    count = draw(st.sampled_from([12, 52]))
    size = st.floats(min_value=0.05, max_value=20.0)
    return normalised(draw(st.lists(size, min_size=count, max_size=count)))


def day_of(year: int, month: int, day: int) -> int:
    return (dt.date(year, month, day) - EPOCH).days


@given(DAYS)
def test_months_are_those_of_the_calendar(day: int) -> None:
    date = EPOCH + dt.timedelta(days=day)
    expected = -1 if (date.month, date.day) == (2, 29) else date.month - 1
    assert bins_of_days([day], 12)[0] == expected


@pytest.mark.parametrize("year", [1900, 2000, 2023, 2024])
@pytest.mark.parametrize("count", [12, 52])
def test_every_year_has_all_its_bins_whole(year: int, count: int) -> None:
    days = np.arange(day_of(year, 1, 1), day_of(year + 1, 1, 1))
    bins = bins_of_days(days, count)
    assert np.bincount(bins[bins >= 0]).tolist() == bin_lengths(count).tolist()
    assert (bins < 0).sum() == len(days) - 365
    assert (np.diff(bins[bins >= 0]) >= 0).all()


def test_other_numbers_of_bins_are_refused() -> None:
    with pytest.raises(ValueError, match="12 months or 52 weeks"):
        bin_lengths(4)


@given(indices(), DAYS)
def test_a_year_is_a_year_whatever_day_it_begins(index: FloatArray, start: int) -> None:
    date = EPOCH + dt.timedelta(days=start)
    if (date.month, date.day) == (2, 29):
        start += 1
        date += dt.timedelta(days=1)
    days = (date.replace(year=date.year + 1) - date).days
    clock = cumulated_rates(index, NO_EVENTS, first_day=start, days=days)
    assert clock[-1] == pytest.approx(days, rel=1e-12)


@given(indices(), DAYS, st.integers(min_value=1, max_value=900))
def test_the_clock_rises_and_has_an_inverse(index: FloatArray, start: int, days: int) -> None:
    clock = cumulated_rates(index, NO_EVENTS, first_day=start, days=days)
    assert (np.diff(clock) > 0.0).all()
    moments = start + np.linspace(0.0, days, 37)
    shown = operational_time(moments, first_day=start, cumulated=clock)
    assert np.allclose(calendar_time(shown, first_day=start, cumulated=clock), moments, atol=1e-6)


@given(DAYS, st.integers(min_value=1, max_value=900))
def test_a_flat_index_is_the_calendar(start: int, days: int) -> None:
    clock = cumulated_rates(np.ones(12), NO_EVENTS, first_day=start, days=days)
    assert clock.tolist() == list(range(days + 1))


@given(indices(), DAYS, st.lists(st.floats(0.0, 800.0), min_size=3, max_size=8))
def test_exposure_is_the_clock_and_additive(
    index: FloatArray, start: int, ends: list[float]
) -> None:
    edges = start + np.unique(np.concatenate([[0.0], ends]))
    if len(edges) < 2:
        edges = np.array([start, start + 1.5])
    events = np.array([[start + 3.0, start + 30.0, 0.0], [start + 20.0, start + 90.0, 2.5]])
    weight = exposure(edges, len(index), events)
    gained = weight @ np.append(index, 1.0)
    days = int(np.ceil(edges[-1])) - start + 1
    clock = cumulated_rates(index, events, first_day=start, days=days)
    shown = operational_time(edges, first_day=start, cumulated=clock)
    assert np.allclose(gained, np.diff(shown), rtol=1e-9, atol=1e-9)
    whole = exposure(edges[[0, -1]], len(index), events)
    assert np.allclose(whole[0], weight.sum(axis=0), atol=1e-9)


def test_events_multiply_the_days_they_cover_and_no_others() -> None:
    events = np.array([[2.0, 3.0, 0.0], [5.0, 5.0, 2.0]])
    clock = cumulated_rates(np.empty(0), events, first_day=0, days=7)
    assert clock.tolist() == [0.0, 1.0, 2.0, 2.0, 2.0, 3.0, 5.0, 6.0]


def test_ages_end_with_the_as_of_day_and_do_not_hold_the_day_of_birth() -> None:
    """Born on day 0, bought on day 4, as of day 9: days 1 to 4, and days 1 to 9."""
    events = np.array([[0.0, 0.0, 50.0], [1.0, 1.0, 3.0], [10.0, 10.0, 70.0]])
    t_x, T = operational_history(
        np.array([4.0, 0.0]),
        np.array([9.0, 0.0]),
        as_of_day=9,
        days_per_unit=1.0,
        index=np.empty(0),
        events=events,
    )
    assert t_x.tolist() == [6.0, 0.0]
    assert T.tolist() == [11.0, 0.0]


@given(indices(), st.sampled_from([1.0, 7.0, 365.25 / 12]))
def test_the_unit_of_time_is_only_a_unit(index: FloatArray, unit: float) -> None:
    ages = np.array([10.0, 400.0, 800.0])
    last = np.array([0.0, 111.0, 800.0])
    in_days, in_units = (
        operational_history(
            last / each,
            ages / each,
            as_of_day=20_000,
            days_per_unit=each,
            index=index,
            events=NO_EVENTS,
        )
        for each in (1.0, unit)
    )
    for days, units in zip(in_days, in_units, strict=True):
        assert np.allclose(units * unit, days, rtol=1e-9, atol=1e-9)
    assert (in_units[0] <= in_units[1]).all()


def test_without_index_and_events_ages_stay_bit_for_bit() -> None:
    ages = np.array([1.0 / 3.0, 7.7])
    kept = operational_history(
        ages / 2, ages, as_of_day=1, days_per_unit=7.0, index=np.empty(0), events=NO_EVENTS
    )
    assert kept[1] is ages
    assert kept[0].tolist() == (ages / 2).tolist()
