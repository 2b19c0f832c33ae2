"""The command line: read, one call, write; every refusal in plain words and no traceback."""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from typer.exceptions import Abort, Exit, TyperException

from ltvforecast.cli.commands import app
from ltvforecast.cli.terminal import SCHEMA_VERSION
from ltvforecast.errors import LTVForecastError

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:  # noqa: PLR0911 (an exit each)
    """Run one command and return its exit code.

    Parameters
    ----------
    arguments : sequence of str, optional
        The words after ``ltvforecast``; those of the process if not given.

    Returns
    -------
    int
        0 done; 1 the data or the fit is refused; 2 wrong usage; 3 a saved model or forecast
        can't be read; 130 interrupted.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        returned = app(words, standalone_mode=False)
    except LTVForecastError as error:
        return _refuse(
            words,
            code=error.exit_code,
            found=error.found,
            expected=error.expected,
            remedy=error.remedy,
            kind=type(error).__name__,
        )
    except Exit as stop:
        return stop.exit_code
    except (KeyboardInterrupt, Abort):
        sys.stderr.write("interrupted; nothing was left half-written\n")
        return 130
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
            for stream in (sys.stdout, sys.stderr):
                os.dup2(nowhere.fileno(), stream.fileno())
        return 0
    except TyperException as error:
        if "--json" in words:
            return _refuse(
                words,
                code=error.exit_code,
                found=error.format_message(),
                expected="a command and options as in --help",
                remedy="correct the command line",
                kind="UsageError",
            )
        sys.stderr.write(f"ltvforecast: {error.format_message()}\n  what to do: see --help\n")
        return error.exit_code
    except Exception as error:  # noqa: BLE001 (the last net: no traceback unasked)
        if "--debug" in words:
            traceback.print_exc()
        return _refuse(
            words,
            code=1,
            found=f"an unforeseen {type(error).__name__}: {error}",
            expected="a run without surprises: this is a fault of ltvforecast, not of your data",
            remedy="run again with --debug and report what it prints",
            kind="UnforeseenError",
        )
    return returned if isinstance(returned, int) else 0


def _refuse(
    words: list[str], *, code: int, found: str, expected: str, remedy: str, kind: str
) -> int:
    sys.stderr.write(f"ltvforecast: {found}\n  expected: {expected}\n  what to do: {remedy}\n")
    if "--json" in words:
        refusal = {
            "schema_version": SCHEMA_VERSION,
            "status": "refused",
            "exit_code": code,
            "error": {"kind": kind, "found": found, "expected": expected, "remedy": remedy},
        }
        sys.stdout.write(json.dumps(refusal, allow_nan=False) + "\n")
    return code
