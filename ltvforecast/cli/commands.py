"""One short function per command: read, one call, write."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from ltvforecast.cli import options as opt
from ltvforecast.cli.terminal import Terminal
from ltvforecast.config import parse_as_of, parse_columns, parse_levels
from ltvforecast.errors import TransactionError
from ltvforecast.types import (
    DEFAULT_SEED,
    Account,
    CustomerSummary,
    Economics,
    FittedModel,
    PartnerForecast,
    Transactions,
)

__all__ = ["app"]

app = typer.Typer(
    name="ltvforecast",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    help=(
        "What each partner's customers will be worth, with intervals that are true.\n\n"
        "Exit codes: 0 done; 1 the data or the fit is refused; 2 wrong usage; "
        "3 a saved model or forecast can't be read."
    ),
)


@app.callback(invoke_without_command=True)
def ltvforecast(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    """Forecast partner lifetime value from transactions."""
    from importlib.metadata import version as installed_version

    if version:
        typer.echo(installed_version("ltvforecast"))
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit


@app.command()
def check(
    source: opt.Source,
    *,
    rejects: Annotated[
        Path | None, typer.Option(help="Write the rejected rows to this CSV file.")
    ] = None,
    as_of: opt.AsOf = None,
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
    overwrite: opt.Overwrite = False,
    config: opt.Config = None,
    as_json: opt.Json = False,
    quiet: opt.Quiet = False,
    debug: opt.Debug = False,
) -> None:
    """Account for every row and every unit of money in a file of transactions.

    Example: ltvforecast check orders.csv --rejects rejected.csv
    """
    from ltvforecast.data.account import account_lines, account_record
    from ltvforecast.data.summary import summarize
    from ltvforecast.data.transactions import read_transactions, write_rejects

    terminal = Terminal(as_json=as_json, quiet=quiet)
    try:
        transactions = read_transactions(
            source, columns=parse_columns(column or []), amount_unit=amount_unit,
            decimal=decimal, date_format=date_format, timezone=timezone, currency=currency,
            refunds=refunds, pending=pending, duplicates=duplicates, on_bad_rows=on_bad_rows,
            trim_ids=trim_ids, sheet=sheet,
        )
    except TransactionError as error:
        if error.account is not None:
            terminal.show("\n".join(account_lines(error.account)))
        if error.rejects is not None and rejects is not None:
            write_rejects(error.rejects, rejects, overwrite=overwrite)
        raise
    if rejects is not None:
        write_rejects(transactions.rejects, rejects, overwrite=overwrite)
    summary = summarize(transactions, as_of=parse_as_of(as_of), attribution="share")
    terminal.show("\n".join([*account_lines(summary.account), "", *_summary_lines(summary)]))
    terminal.finish(
        "check",
        {"account": account_record(summary.account), **_summary_record(summary)},
        warnings=summary.warnings,
        outputs=[] if rejects is None else [str(rejects)],
    )
