"""Lint, format and strict types, as part of the tests."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


ONE_SET_OF_STUBS = pytest.mark.skipif(
    sys.version_info >= (3, 12),
    reason="types are checked against one set of stubs: those that constraints.txt has for 3.11",
)


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(("ruff", "check", "."), id="ruff check"),
        pytest.param(("ruff", "format", "--check", "."), id="ruff format"),
        pytest.param(("mypy",), id="mypy", marks=ONE_SET_OF_STUBS),
    ],
)
def test_the_tools_have_nothing_to_say(words: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
