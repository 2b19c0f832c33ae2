"""The options that several commands share, each said once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from ltvforecast.config import read_settings_file

__all__ = [
    "AmountUnit",
    "AsOf",
    "Attribution",
    "Calendar",
    "Column",
    "Config",
    "Covariate",
    "Currency",
    "DateFormat",
    "Debug",
    "Decimal",
    "Duplicates",
    "ForecastFolder",
    "Futures",
    "Json",
    "Layers",
    "Levels",
    "MinCustomers",
    "ModelFolder",
    "OnBadRows",
    "Origins",
    "Overwrite",
    "Partners",
    "Pending",
    "Pooling",
    "Quiet",
    "Refunds",
    "Rejects",
    "Seed",
    "Sheet",
    "Source",
    "Target",
    "TimeZone",
    "TrimIds",
    "Workers",
]


def _take_settings(context: typer.Context, path: Path | None) -> Path | None:
    if path is not None:
        known = {
            parameter.name
            for parameter in context.command.params
            if parameter.name and parameter.name not in ("config", "help")
        }
        command = context.info_name or ""
        context.default_map = dict(read_settings_file(path, command=command, known=known))
    return path


Layers = Annotated[
    Literal["auto", "off"],
    typer.Option(help="Learn corrections and widths from forecasts at past dates, or do not."),
]
ModelFolder = Annotated[Path, typer.Argument(metavar="MODEL", help="Folder that `fit` wrote.")]
ForecastFolder = Annotated[
    Path, typer.Argument(metavar="FORECAST", help="Folder that `predict` wrote.")
]
Futures = Annotated[int, typer.Option(help="Simulated futures.", min=100, max=20_000)]
Levels = Annotated[str, typer.Option(help="Interval levels in percent.")]
MinCustomers = Annotated[int, typer.Option(help="Smaller partners are scored apart.", min=1)]
Origins = Annotated[int, typer.Option(help="Past dates to forecast from.", min=1)]
Source = Annotated[
    str, typer.Argument(metavar="TRANSACTIONS", help="CSV, Parquet or Excel file of transactions.")
]
Column = Annotated[
    list[str] | None,
    typer.Option(help="Say which column plays a role: customer_id=CustKey. Repeatable."),
]
AmountUnit = Annotated[
    Literal["units", "cents"] | None,
    typer.Option(help="Whether amounts are in whole units of money or in cents."),
]
Decimal = Annotated[
    Literal["point", "comma"], typer.Option(help="How decimals are written in text amounts.")
]
DateFormat = Annotated[
    str | None, typer.Option(help="Format of dates that are not ISO, such as %d/%m/%Y.")
]
TimeZone = Annotated[
    str | None, typer.Option("--timezone", help="Zone in which a day begins, for zoned times.")
]
Currency = Annotated[
    str | None, typer.Option(help="Keep only this currency when there are several.")
]
Covariate = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="Let rates, dropout and spend differ by it: a column of the partner table, or else of "
        "the transactions. Repeatable.",
    ),
]
Rejects = Annotated[Path | None, typer.Option(help="Write the rejected rows to this CSV file.")]
Refunds = Annotated[Literal["net", "drop", "error"], typer.Option(help="What to do with refunds.")]
Pending = Annotated[
    Literal["keep", "drop"], typer.Option(help="What to do with rows whose status is pending.")
]
Duplicates = Annotated[
    Literal["drop", "keep", "error"], typer.Option(help="What to do with repeated rows.")
]
OnBadRows = Annotated[
    Literal["fail", "reject"],
    typer.Option(help="Refuse the file when rows can't be read, or go on without them."),
]
TrimIds = Annotated[
    bool, typer.Option("--trim-ids", help="Ignore spaces around and doubled inside ids.")
]
Sheet = Annotated[str | None, typer.Option(help="Sheet of an Excel file.")]
AsOf = Annotated[
    str | None,
    typer.Option(metavar="DATE", help="Last day the model may know of [default: last purchase]."),
]
Attribution = Annotated[
    Literal["share", "first", "last", "linear", "position", "error"],
    typer.Option(help="Which partner a customer of several counts for."),
]
Calendar = Annotated[
    str,
    typer.Option(
        metavar="auto|off|FILE",
        help="Seasonal clock: estimated if the history shows one, off, or a CSV or TOML file of "
        "closures and campaigns (start_date,end_date,factor).",
    ),
]
Partners = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="Table of partners (CSV, Parquet or Excel): partner_id, segment, money terms, and "
        "whatever else is known of them.",
    ),
]
Target = Annotated[
    Literal["total", "existing"],
    typer.Option(
        help="What forecasts are held against: all revenue of the partners known at the date "
        "(total), or that of the customers known then (existing)."
    ),
]
Pooling = Annotated[
    Literal["partial", "complete", "none"],
    typer.Option(
        help="Let every partner have its own levels and borrow from the others (partial), take "
        "all customers together (complete), or judge each partner by itself (none)."
    ),
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace an output that is already there.")
]
Seed = Annotated[int, typer.Option(help="Seed of all randomness.", min=0)]
Workers = Annotated[
    int | None, typer.Option(help="Threads [default: all cores]. Changes no figure.", min=1)
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No messages, no progress.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of a fault.")]
Config = Annotated[
    Path | None,
    typer.Option(
        help="TOML file with a table per command; flags win over it.",
        is_eager=True,
        callback=_take_settings,
    ),
]
