"""The account of rows and money: its lines, as text and as a record for JSON."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import numpy as np

from ltvforecast.data.findings import FIRST
from ltvforecast.data.quoting import shown
from ltvforecast.transaction_types import MICROS, Account, AccountLine, Disposition
from ltvforecast.types import IntArray

__all__ = ["account_line", "account_lines", "account_record", "money_text"]

DISPOSITIONS: tuple[Disposition, ...] = ("kept", "adjusted", "rejected")


def account_line(
    disposition: Disposition,
    reason: str,
    explanation: str,
    *,
    row: IntArray,
    money_in: IntArray,
    money_out: IntArray | None = None,
    examples: Sequence[str] = (),
) -> AccountLine:
    """Sum up the rows that share a reason.

    Parameters
    ----------
    disposition : {"kept", "adjusted", "rejected"}
    reason, explanation : str
    row : int64 array, shape (n,)
        Row numbers in the source.
    money_in : int64 array, shape (n,)
        Signed micros as read.
    money_out : int64 array, shape (n,), or None
        Micros that became purchases; None for none.
    examples : sequence of str

    Returns
    -------
    AccountLine

    Examples
    --------
    >>> line = account_line("rejected", "duplicate", "said twice", row=np.array([7, 3]),
    ...                     money_in=np.array([1_000_000, 2_000_000]))
    >>> line.rows, line.money_in_micros, line.money_out_micros, line.first_rows
    (2, 3000000, 0, (3, 7))
    """
    return AccountLine(
        disposition=disposition,
        reason=reason,
        explanation=explanation,
        rows=len(row),
        money_in_micros=int(money_in.sum()),
        money_out_micros=0 if money_out is None else int(money_out.sum()),
        first_rows=tuple(np.sort(row)[:FIRST].tolist()) if disposition != "kept" else (),
        examples=tuple(examples),
    )


def money_text(micros: int) -> str:
    """Write millionths as exact money: two decimals, or as many more as are needed.

    Examples
    --------
    >>> money_text(1_234_500_000), money_text(-1), money_text(0)
    ('1,234.50', '-0.000001', '0.00')
    """
    return f"{_exact(micros):,f}"


def _exact(micros: int) -> Decimal:
    whole, part = divmod(abs(micros), MICROS)
    decimals = f"{part:06d}".rstrip("0").ljust(2, "0")
    return Decimal(f"{'-' if micros < 0 else ''}{whole}.{decimals}")


def account_lines(account: Account) -> list[str]:
    r"""Write an account as a plain table that proves its sums.

    Parameters
    ----------
    account : Account

    Returns
    -------
    list of str
        Lines of text.

    Examples
    --------
    >>> line = AccountLine(disposition="kept", reason="sale", explanation="sales", rows=2,
    ...                    money_in_micros=3_000_000, money_out_micros=3_000_000)
    >>> account = Account(source="a.csv", rows_read=2, columns={"amount": "gross"}, lines=(line,))
    >>> print("\n".join(account_lines(account)))
    a.csv: 2 rows, no currency told
    columns: amount = 'gross'
                 rows  money read  money kept  difference
    kept   sale     2        3.00        3.00        0.00
    total           2        3.00        3.00        0.00
    2 rows read = 2 kept + 0 adjusted + 0 rejected
    3.00 read = 3.00 kept + 0.00 not kept
    kept, sale: sales
    """
    lines = sorted(account.lines, key=lambda line: DISPOSITIONS.index(line.disposition))
    table = [("", "", "rows", "money read", "money kept", "difference")]
    table += [(line.disposition, line.reason, *_figures(line.rows, line)) for line in lines]
    rows = sum(line.rows for line in lines)
    read, kept = account.money_read_micros, account.money_kept_micros
    table.append(
        ("total", "", f"{rows:,}", money_text(read), money_text(kept), money_text(read - kept))
    )
    counts = " + ".join(f"{account.rows_with(each):,} {each}" for each in DISPOSITIONS)
    zone = f", days in {account.timezone}" if account.timezone else ""
    currency = account.currency or "no currency told"
    columns = ", ".join(f"{role} = {shown(name)}" for role, name in account.columns.items())
    return [
        f"{account.source}: {account.rows_read:,} rows, {currency}{zone}",
        f"columns: {columns}",
        *_aligned(table),
        f"{account.rows_read:,} rows read = {counts}",
        f"{money_text(read)} read = {money_text(kept)} kept + {money_text(read - kept)} not kept",
        *[_told(line) for line in lines],
        *[f"note: {note}" for note in account.notes],
    ]


def _figures(rows: int, line: AccountLine) -> tuple[str, str, str, str]:
    read, kept = line.money_in_micros, line.money_out_micros
    return f"{rows:,}", money_text(read), money_text(kept), money_text(read - kept)


def _aligned(table: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(cells[i]) for cells in table) for i in range(len(table[0]))]
    return [
        "  ".join(
            cell.ljust(width) if i < 2 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        for cells in table
    ]


def _told(line: AccountLine) -> str:
    numbers = ", ".join(f"{row:,}" for row in line.first_rows)
    more = ", ..." if line.rows > len(line.first_rows) else ""
    word = "row" if line.rows == 1 else "rows"
    where = f"; {word} {numbers}{more}" if numbers else ""
    values = f": {', '.join(line.examples)}" if line.examples else ""
    return f"{line.disposition}, {line.reason}: {line.explanation}{where}{values}"


def account_record(account: Account) -> dict[str, object]:
    """Turn an account into plain values for JSON, money as exact decimal text.

    Parameters
    ----------
    account : Account

    Returns
    -------
    dict
        ``source, rows_read, currency, timezone, columns, money_read, money_kept, adds_up, lines,
        notes``.

    Examples
    --------
    >>> line = AccountLine(disposition="kept", reason="sale", explanation="sales", rows=2,
    ...                    money_in_micros=3_000_000, money_out_micros=3_000_000)
    >>> record = account_record(Account(source="a.csv", rows_read=2, columns={}, lines=(line,)))
    >>> record["money_read"], record["adds_up"]
    ('3.00', True)
    """
    return {
        "source": account.source,
        "rows_read": account.rows_read,
        "currency": account.currency,
        "timezone": account.timezone,
        "columns": dict(account.columns),
        "money_read": str(_exact(account.money_read_micros)),
        "money_kept": str(_exact(account.money_kept_micros)),
        "adds_up": sum(line.rows for line in account.lines) == account.rows_read,
        "lines": [
            {
                "disposition": line.disposition,
                "reason": line.reason,
                "explanation": line.explanation,
                "rows": line.rows,
                "money_read": str(_exact(line.money_in_micros)),
                "money_kept": str(_exact(line.money_out_micros)),
                "first_rows": list(line.first_rows),
                "examples": list(line.examples),
            }
            for line in account.lines
        ],
        "notes": list(account.notes),
    }
