"""Groups of options that commands take as one: how to read a file, and where words go."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable

from ltvforecast.cli import options as opt
from ltvforecast.cli.terminal import Terminal
from ltvforecast.config import Reading, parse_columns

__all__ = ["grouped"]


def _reading(
    *,
    column: opt.Column = None,
    amount_unit: opt.AmountUnit = None,
    decimal: opt.Decimal = "point",
    date_format: opt.DateFormat = None,
    timezone: opt.TimeZone = None,
    currency: opt.Currency = None,
    refunds: opt.Refunds = "net",
    pending: opt.Pending = "keep",
    duplicates: opt.Duplicates = "drop",
    on_bad_rows: opt.OnBadRows = "fail",
    trim_ids: opt.TrimIds = False,
    sheet: opt.Sheet = None,
) -> Reading:
    return Reading(
        columns=parse_columns(column or []),
        amount_unit=amount_unit,
        decimal=decimal,
        date_format=date_format,
        timezone=timezone,
        currency=currency,
        refunds=refunds,
        pending=pending,
        duplicates=duplicates,
        on_bad_rows=on_bad_rows,
        trim_ids=trim_ids,
        sheet=sheet,
    )


def _terminal(
    *,
    config: opt.Config = None,
    as_json: opt.Json = False,
    quiet: opt.Quiet = False,
    debug: opt.Debug = False,
) -> Terminal:
    return Terminal(as_json=as_json, quiet=quiet)


GROUPS: dict[str, Callable[..., object]] = {"reading": _reading, "terminal": _terminal}
"""Parameter of a command -> what makes it of options."""


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command all options of the groups that it takes, in the place of each group.

    Parameters
    ----------
    command : callable
        With a parameter ``reading`` or ``terminal``, or both.

    Returns
    -------
    callable
        As Typer can take it: every option is a parameter.
    """
    parameters: list[inspect.Parameter] = []
    members: dict[str, list[str]] = {}
    for name, parameter in inspect.signature(command, eval_str=True).parameters.items():
        if name not in GROUPS:
            parameters.append(parameter)
            continue
        options = inspect.signature(GROUPS[name], eval_str=True).parameters
        parameters += options.values()
        members[name] = list(options)

    @functools.wraps(command)
    def with_options(**told: object) -> None:
        made = {
            group: GROUPS[group](**{name: told.pop(name) for name in names})
            for group, names in members.items()
        }
        command(**told, **made)

    with_options.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return with_options
