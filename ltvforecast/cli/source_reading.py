"""A file of transactions read for a command, its account shown when it is refused."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ltvforecast.cli.terminal import Terminal
from ltvforecast.config import Reading
from ltvforecast.errors import TransactionError
from ltvforecast.transaction_types import Transactions

if TYPE_CHECKING:
    from ltvforecast.data.partner_table import PartnerTable

__all__ = ["own_covariates", "read_partner_table", "read_source"]


def read_source(
    source: str,
    reading: Reading,
    *,
    terminal: Terminal,
    rejects: Path | None,
    overwrite: bool,
    covariates: Sequence[str] = (),
) -> Transactions:
    """Read transactions as the flags say; write the rejected rows where they are wanted.

    ``covariates`` are columns to keep: those asked for that the partner table doesn't have.

    Raises
    ------
    TransactionError
        When the file is refused; its account is shown and its rejects are written first.
    """
    from ltvforecast.data.account import account_lines
    from ltvforecast.data.transactions import read_transactions, write_rejects

    try:
        transactions = read_transactions(
            source,
            columns=reading.columns,
            amount_unit=reading.amount_unit,
            decimal=reading.decimal,
            date_format=reading.date_format,
            timezone=reading.timezone,
            currency=reading.currency,
            refunds=reading.refunds,
            pending=reading.pending,
            duplicates=reading.duplicates,
            on_bad_rows=reading.on_bad_rows,
            trim_ids=reading.trim_ids,
            sheet=reading.sheet,
            covariates=covariates,
        )
    except TransactionError as error:
        if error.account is not None:
            terminal.show("\n".join(account_lines(error.account)))
        if error.rejects is not None and rejects is not None:
            write_rejects(error.rejects, rejects, overwrite=overwrite)
        raise
    if rejects is not None:
        write_rejects(transactions.rejects, rejects, overwrite=overwrite)
    return transactions


def read_partner_table(file: str | None, reading: Reading) -> PartnerTable | None:
    """Read the table of partners, if there is one; numbers, dates and ids as in the transactions.

    Raises
    ------
    SummaryError
        The table can't be used as it is.
    """
    from ltvforecast.data.partner_table import read_partners

    if file is None:
        return None
    return read_partners(
        file,
        decimal=reading.decimal,
        date_format=reading.date_format,
        trim_ids=reading.trim_ids,
    )


def own_covariates(names: Sequence[str], table: PartnerTable | None) -> tuple[str, ...]:
    """Give the covariates that the partner table doesn't have: the transactions must have them."""
    told = () if table is None else tuple(table.frame.columns)
    return tuple(name for name in names if name not in told)
