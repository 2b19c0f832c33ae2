"""The rows of a source with their cells understood, before any of them is judged."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ltvforecast.data.amounts import Amounts, parse_amounts
from ltvforecast.data.columns import is_cents
from ltvforecast.data.covariate_columns import CovariateColumn, read_covariate
from ltvforecast.data.dates import Days, parse_days
from ltvforecast.data.findings import BoolArray
from ltvforecast.data.ids import Ids, parse_ids, parse_text
from ltvforecast.data.quoting import shown
from ltvforecast.data.refund_forms import STATUS_WORDS, TYPE_WORDS, Words, read_words
from ltvforecast.data.source import SourceTable
from ltvforecast.errors import TransactionError
from ltvforecast.types import IntArray

__all__ = ["Ledger", "Rules", "parse_ledger"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """How to read, as the user says it; see :func:`ltvforecast.read_transactions`."""

    amount_unit: Literal["units", "cents"] | None
    decimal: Literal["point", "comma"]
    date_format: str | None
    timezone: str | None
    currency: str | None
    refunds: Literal["net", "drop", "error"]
    pending: Literal["keep", "drop"]
    duplicates: Literal["drop", "keep", "error"]
    trim_ids: bool
    today: dt.date
    covariates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """One entry a row, in the order of the source.

    Attributes
    ----------
    partner, customer : Ids
    order, stream : Ids or None
    days : Days
    amounts : Amounts
        As read, before types and states have their say.
    refunded : Amounts or None
    type, status : Words or None
    currency : Ids or None
        In upper case.
    covariates : mapping of str to CovariateColumn
        By the source's column name.
    """

    partner: Ids
    customer: Ids
    order: Ids | None
    stream: Ids | None
    days: Days
    amounts: Amounts
    refunded: Amounts | None
    type: Words | None
    status: Words | None
    currency: Ids | None
    covariates: Mapping[str, CovariateColumn] = field(default_factory=dict)

    @property
    def typed_refund(self) -> BoolArray:
        """Rows whose type says that they are refunds."""
        return self._says(self.type, "refund", "chargeback")

    @property
    def reversed(self) -> BoolArray:
        """Rows whose status says that the sale was undone."""
        return self._says(self.status, "reversed", "chargeback", "void")

    @property
    def void(self) -> BoolArray:
        """Rows whose status says that what they tell of never took place."""
        return self._says(self.status, "void")

    @property
    def partly_refunded(self) -> BoolArray:
        """Rows whose status says that a part was refunded."""
        return self._says(self.status, "partly")

    @property
    def pending(self) -> BoolArray:
        """Rows whose status says that they are not settled."""
        return self._says(self.status, "pending")

    @property
    def chargeback(self) -> BoolArray:
        """Rows whose type or status tells of a chargeback or a dispute."""
        return self._says(self.type, "chargeback") | self._says(self.status, "chargeback")

    @property
    def signed_micros(self) -> IntArray:
        """Money as read, refund rows negative whatever their sign in the source."""
        read = self.amounts.micros
        if self.refunded is not None:  # a refund that tells its money there alone
            read = np.where(self.typed_refund & (read == 0), self.refunded.micros, read)
        return np.where(self.typed_refund, -np.abs(read), read)

    def _says(self, words: Words | None, *meanings: str) -> BoolArray:
        if words is None:
            return np.zeros(len(self.amounts.micros), dtype=bool)
        return words.says(*meanings)


def parse_ledger(source: SourceTable, roles: Mapping[str, str], rules: Rules) -> Ledger:
    """Understand every cell that plays a role.

    Parameters
    ----------
    source : SourceTable
    roles : mapping of str to str
        Role to column.
    rules : Rules

    Returns
    -------
    Ledger

    Raises
    ------
    ConfigError
        An unknown time zone, or a date format that doesn't tell the day.
    TransactionError
        A column of a type that can't play its role, or amounts whose unit is not declared.
    """
    unit = _amount_unit(roles, rules.amount_unit)

    def ids(role: str) -> Ids:
        name = roles[role]
        return parse_ids(source.table[name], name=name, trim=rules.trim_ids)

    def amounts(role: str) -> Amounts:
        name = roles[role]
        return parse_amounts(source.table[name], name=name, decimal=rules.decimal, unit=unit)

    def words(role: str, vocabulary: Mapping[str, str]) -> Words | None:
        name = roles.get(role)
        if name is None:
            return None
        return read_words(source.table[name], name=name, vocabulary=vocabulary)

    return Ledger(
        partner=ids("partner_id"),
        customer=ids("customer_id"),
        order=ids("transaction_id") if "transaction_id" in roles else None,
        stream=ids("revenue_stream") if "revenue_stream" in roles else None,
        days=parse_days(
            source.table[roles["date"]],
            name=roles["date"],
            date_format=rules.date_format,
            timezone=rules.timezone,
        ),
        amounts=amounts("amount"),
        refunded=amounts("refunded_amount") if "refunded_amount" in roles else None,
        type=words("type", TYPE_WORDS),
        status=words("status", STATUS_WORDS),
        currency=_currencies(source, roles),
        covariates={
            name: read_covariate(
                source.table[name], name=name, decimal=rules.decimal, date_format=rules.date_format
            )
            for name in rules.covariates
        },
    )


def _amount_unit(
    roles: Mapping[str, str], declared: Literal["units", "cents"] | None
) -> Literal["units", "cents"]:
    cents = [roles[role] for role in ("amount", "refunded_amount") if is_cents(roles.get(role, ""))]
    if declared is None and cents:
        raise TransactionError(
            f"column {' and '.join(shown(name) for name in cents)} seems to be in cents",
            expected="to be told the unit of the amounts",
            remedy="add `--amount-unit cents` if 1250 there means 12.50, or `--amount-unit units` "
            "if it means 1,250",
        )
    return declared or "units"


def _currencies(source: SourceTable, roles: Mapping[str, str]) -> Ids | None:
    if "currency" not in roles:
        return None
    name = roles["currency"]
    text = pc.utf8_upper(pc.utf8_trim_whitespace(parse_text(source.table[name], name=name)))
    found = parse_ids(pa.chunked_array([text]), name=name, trim=True)
    return found if len(found.names) else None
