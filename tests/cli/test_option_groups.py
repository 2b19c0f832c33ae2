"""Groups of options: every option stands where the group stood, and the group is made of them."""

from __future__ import annotations

import inspect

import pytest

from ltvforecast.cli.option_groups import grouped
from ltvforecast.cli.terminal import Terminal
from ltvforecast.config import Reading
from ltvforecast.errors import ConfigError


def told(*, first: int = 1, reading: Reading, last: str = "z", terminal: Terminal) -> None:
    """Keep what was told."""
    KEPT.append((first, reading, last, terminal))


KEPT: list[tuple[int, Reading, str, Terminal]] = []


def test_options_stand_in_the_place_of_their_group() -> None:
    names = list(inspect.signature(grouped(told)).parameters)
    assert (names[0], names[1], names[-5:]) == (
        "first",
        "column",
        ["last", "config", "as_json", "quiet", "debug"],
    )
    assert not {"reading", "terminal"} & set(names)
    assert grouped(told).__doc__ == told.__doc__


def test_groups_are_made_of_what_was_told() -> None:
    command = grouped(told)
    options = {
        name: each.default for name, each in inspect.signature(command).parameters.items()
    } | {"column": ["customer_id=CustKey"], "refunds": "drop", "quiet": True, "first": 2}
    command(**options)
    first, reading, last, terminal = KEPT.pop()
    assert (first, last) == (2, "z")
    assert reading.columns == {"customer_id": "CustKey"}
    assert (reading.refunds, reading.decimal, reading.sheet) == ("drop", "point", None)
    assert (terminal.quiet, terminal.as_json) == (True, False)
    with pytest.raises(ConfigError):
        command(**options | {"column": ["CustKey"]})


def test_a_command_without_groups_is_as_it_was() -> None:
    def plain(*, days: int = 3) -> None: ...

    own = inspect.signature(plain, eval_str=True).parameters
    assert inspect.signature(grouped(plain)).parameters == own
