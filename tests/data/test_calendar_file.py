"""Closures and campaigns from files, and what is refused."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from ltvforecast.data.calendar_file import read_calendar, read_choice
from ltvforecast.errors import ConfigError

EVENTS = (
    (dt.date(2025, 12, 24), dt.date(2026, 1, 1), 0.0),
    (dt.date(2026, 6, 1), dt.date(2026, 6, 7), 2.5),
)


def test_csv_and_toml_say_the_same(tmp_path: Path) -> None:
    table = tmp_path / "events.csv"
    table.write_text(
        "start_date,end_date,factor,label\n2025-12-24,2026-01-01,0,closed\n"
        "2026-06-01,2026-06-07,2.5,campaign\n"
    )
    listed = tmp_path / "events.toml"
    listed.write_text(
        "[[event]]\nstart_date = 2025-12-24\nend_date = 2026-01-01\nfactor = 0\n"
        "[[event]]\nstart_date = '2026-06-01'\nend_date = '2026-06-07'\nfactor = 2.5\n"
    )
    assert read_calendar(table).events == read_calendar(listed).events == EVENTS
    assert read_calendar(table).kind == "given"
    assert len(read_calendar(listed).index) == 0


def test_toml_can_hold_the_index(tmp_path: Path) -> None:
    file = tmp_path / "season.toml"
    file.write_text(f"index = {[1] * 11 + [2]}")
    assert read_calendar(file).index.tolist() == [1.0] * 11 + [2.0]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.csv", "start_date,end_date,factor\n", "no event and no index"),
        ("a.csv", "start_date,end_date,factor\nsoon,2026-01-01,0\n", "event 1"),
        ("a.csv", "start_date,factor\n2026-01-01,0\n", "event 1"),
        ("a.csv", "start_date,end_date,factor\n2026-01-01,2026-01-02,much\n", "event 1"),
        ("a.toml", "index = ['a']", "index"),
        ("a.toml", "event = 3", "no event"),
        ("a.toml", "event = [3]", "event 1"),
        ("a.toml", "= 3", "can't be read"),
    ],
)
def test_what_means_nothing_is_refused(tmp_path: Path, name: str, content: str, told: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(ConfigError, match=told):
        read_calendar(tmp_path / name)


def test_auto_off_or_a_file() -> None:
    assert read_choice("auto") == "auto"
    assert read_choice("off") == "off"
    with pytest.raises(ConfigError, match="can't be read"):
        read_choice("nowhere.csv")
