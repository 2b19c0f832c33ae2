"""What goes to the screen: results to stdout, messages to stderr, or one JSON object."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["SCHEMA_VERSION", "Progress", "Terminal", "records"]

SCHEMA_VERSION = 1
"""Version of the JSON object that ``--json`` prints."""

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    """Where a command's words go.

    Attributes
    ----------
    as_json : bool
        Print one JSON object on stdout at the end and nothing else there.
    quiet : bool
        No messages and no progress; errors still show.
    """

    as_json: bool
    quiet: bool

    def say(self, text: str) -> None:
        """Write a message for the reader to stderr."""
        if not self.quiet:
            sys.stderr.write(text + "\n")

    def show(self, text: str) -> None:
        """Write a result to stdout, unless JSON will be printed there."""
        if not self.as_json:
            sys.stdout.write(text + "\n")

    def finish(
        self,
        command: str,
        content: Mapping[str, object],
        *,
        warnings: Sequence[str] = (),
        outputs: Sequence[str] = (),
    ) -> None:
        """Print the JSON object of a command that is done, if JSON was asked for."""
        if self.as_json:
            whole = {
                "schema_version": SCHEMA_VERSION,
                "command": command,
                "status": "ok",
                "warnings": list(warnings),
                "outputs": list(outputs),
                **content,
            }
            sys.stdout.write(json.dumps(whole, allow_nan=False, default=str) + "\n")

    @contextmanager
    def progress(self) -> Iterator[Progress | None]:
        """Show a progress bar on a terminal; elsewhere give None."""
        if self.quiet or self.as_json or not sys.stderr.isatty():
            yield None
            return
        from rich.console import Console
        from rich.progress import BarColumn, TaskID, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Bar

        columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
        with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
            tasks: dict[str, TaskID] = {}

            def advance(label: str, done: int, total: int) -> None:
                if label not in tasks:
                    tasks[label] = bar.add_task(label, total=total)
                bar.update(tasks[label], completed=done, total=total)

            yield advance


def records(table: pd.DataFrame) -> list[dict[str, object]]:
    """Give the rows of a table as plain JSON values; what is not known is null."""
    rows: list[dict[str, object]] = json.loads(table.to_json(orient="records", double_precision=15))
    return rows
