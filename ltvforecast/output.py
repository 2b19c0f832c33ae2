"""Outputs appear whole or not at all, and replace nothing unasked."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ltvforecast.errors import ConfigError, OutputExistsError

__all__ = ["refuse_existing", "spreadsheet_safe", "whole_file", "whole_folder"]

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
"""A cell that begins so is run by spreadsheets (OWASP, "CSV Injection")."""


@contextmanager
def whole_folder(folder: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Give an empty folder to write into; it takes its name only when all is written.

    Parameters
    ----------
    folder : pathlib.Path
        The name it will have. Missing parents are made.
    overwrite : bool
        Replace a folder of that name.

    Yields
    ------
    pathlib.Path
        A temporary folder beside it.

    Raises
    ------
    OutputExistsError
        There is something of that name and ``overwrite`` is False.
    ConfigError
        The place can't be written to.
    """
    refuse_existing(folder, overwrite=overwrite)
    if folder.is_file():
        raise ConfigError(
            f"{folder} is a file",
            expected="the name of a folder",
            remedy="choose another name with --out",
        )
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    except OSError as error:
        raise _unwritable(folder, error) from error
    try:
        made.chmod(0o755)
        yield made
        if folder.exists():
            aside = made.with_name(made.name + ".old")
            folder.rename(aside)
            try:
                made.rename(folder)
            except OSError:
                aside.rename(folder)
                raise
            shutil.rmtree(aside)
        else:
            made.rename(folder)
    finally:
        shutil.rmtree(made, ignore_errors=True)


@contextmanager
def whole_file(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Give a temporary file name to write to; it takes its name only when all is written.

    Parameters
    ----------
    path : pathlib.Path
        The name it will have.
    overwrite : bool
        Replace a file of that name.

    Yields
    ------
    pathlib.Path
        A temporary name in the same folder.

    Raises
    ------
    OutputExistsError
        There is something of that name and ``overwrite`` is False.
    ConfigError
        The place can't be written to, or is a folder.
    """
    if path.is_dir():
        raise ConfigError(
            f"{path} is a folder", expected="the name of a file", remedy="add a file name to it"
        )
    refuse_existing(path, overwrite=overwrite)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(
            prefix=f".{path.stem}.", suffix=path.suffix, dir=path.parent
        )
    except OSError as error:
        raise _unwritable(path, error) from error
    os.close(descriptor)
    made = Path(name)
    try:
        yield made
        made.chmod(0o644)
        made.replace(path)
    finally:
        made.unlink(missing_ok=True)


def refuse_existing(path: Path, *, overwrite: bool) -> None:
    """Refuse a name that is taken, unless overwriting was asked for.

    Raises
    ------
    OutputExistsError
        There is something of that name and ``overwrite`` is False.
    """
    if path.exists() and not overwrite:
        raise OutputExistsError(
            f"{path} is already there",
            expected="a name that is not taken",
            remedy="choose another name with --out, or add --overwrite to replace it",
        )


def spreadsheet_safe(text: str) -> str:
    r"""Put an apostrophe before text that a spreadsheet would take for a formula.

    Parameters
    ----------
    text : str
        What goes into a cell of a CSV file.

    Returns
    -------
    str
        The text; with an apostrophe before it if it begins with ``= + - @``, a tab or a line
        break.

    Notes
    -----
    For ids and other text from outside, never for numbers: ``-1`` would become text.

    Examples
    --------
    >>> [spreadsheet_safe(text) for text in ("=1+1", "@sum", "Smith = Sons", "'quoted'", "")]
    ["'=1+1", "'@sum", 'Smith = Sons', "'quoted'", '']
    """
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def _unwritable(path: Path, error: OSError) -> ConfigError:
    return ConfigError(
        f"{path} can't be written: {error.strerror or error}",
        expected="a folder in which files may be made",
        remedy="choose another place with --out, or correct the permissions",
    )
