"""The table of partners: segments, covariates and money terms, one checked row a partner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from narwhals.stable.v2.typing import IntoFrame

from ltvforecast.data.amounts import numbers_in_text
from ltvforecast.data.columns import ALIASES, normal_name
from ltvforecast.data.covariate_columns import FORMULA, read_covariate
from ltvforecast.data.findings import BoolArray, first_examples, row_line
from ltvforecast.data.ids import Ids, parse_bools, parse_ids, parse_text, same_but_case
from ltvforecast.data.quoting import shown
from ltvforecast.data.source import SourceTable, read_source
from ltvforecast.economics_types import TERM_COLUMNS
from ltvforecast.errors import ConfigError, SummaryError, TransactionError
from ltvforecast.types import FloatArray

__all__ = ["OTHER", "PartnerTable", "read_partners"]

OTHER = "other"
"""Segment of partners of which none is told."""

SHARES = ("commission_rate", "margin", "refund_share", "clawback_share")
"""Money terms that are shares of revenue, or of commission: 0 to 1."""
MEANINGS: Mapping[str, tuple[str, ...]] = {
    "partner_id": ALIASES["partner_id"],
    "segment": ("partner_segment", "partner_type"),
    **dict.fromkeys(TERM_COLUMNS, ()),
    "support_cost_per_month": ("monthly_support_cost",),
    "acquisition_cost": ("partner_acquisition_cost",),
}
"""Other names of each column that has a meaning; every further column is a covariate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerTable:
    """What the user tells of partners.

    Attributes
    ----------
    frame : pandas.DataFrame
        Sorted by ``partner_id``, one row a partner: ``partner_id`` and ``segment`` (str), money
        terms that are told (:data:`ltvforecast.economics_types.TERM_COLUMNS`; float64), and
        covariates under their own names: numbers as float64, categories as str, yes/no as boolean,
        dates as datetime64[us]. Missing cells are missing.
    notes : tuple of str
        What a reader should know of the reading.
    """

    frame: pd.DataFrame
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        """Count the partners."""
        return len(self.frame)


def read_partners(
    source: str | Path | IntoFrame,
    *,
    columns: Mapping[str, str] | None = None,
    decimal: Literal["point", "comma"] = "point",
    date_format: str | None = None,
    trim_ids: bool = False,
    sheet: str | None = None,
) -> PartnerTable:
    """Read the table of partners: who is of which segment, and whatever else is known of them.

    Parameters
    ----------
    source : str, pathlib.Path or dataframe
        A CSV, Parquet or Excel file, or any dataframe that Narwhals knows. Only a partner id is
        needed; ``segment`` and money terms are used if there: ``commission_rate`` (0.15 is 15 % of
        revenue) and those of :class:`ltvforecast.Terms` that are numbers, under their names. Every
        other column is a covariate (region, tier, certified, joined_on, ...).
    columns : mapping of str to str or None
        Role to column name, where recognition fails. An empty name says there is no such column.
    decimal : {"point", "comma"}
        Decimal mark of numbers in text.
    date_format : str or None
        Format of dates that are not ISO, as for ``datetime.strptime``.
    trim_ids : bool
        Strip spaces around ids and make runs of spaces inside them one; as the transactions are
        read.
    sheet : str or None
        Sheet of an Excel workbook; needed when it has several.

    Returns
    -------
    PartnerTable

    Raises
    ------
    ConfigError
        A file that is not there, or an option that means nothing.
    SummaryError
        The table can't be used as it is; all that was found is told at once, with rows and
        columns.

    Notes
    -----
    Ids are taken exactly as those of transactions are: text as it stands, whole numbers without
    decimals (1 and 1.0 are ``1``; the text ``01`` is another id).

    Examples
    --------
    >>> table = read_partners(pd.DataFrame({"Partner ID": [2, 1], "segment": ["reseller", None],
    ...                                     "certified": ["yes", "no"]}))
    >>> table.frame
      partner_id   segment  certified
    0          1     other      False
    1          2  reseller       True
    >>> table.notes
    ("1 of 2 partners have no segment; they are of the segment 'other'",)
    """
    try:
        table = read_source(source, sheet=sheet)
        return _partner_table(
            table,
            dict(columns or {}),
            decimal=decimal,
            date_format=date_format,
            trim_ids=trim_ids,
        )
    except TransactionError as error:
        raise SummaryError(
            f"the partner table: {error.found}", expected=error.expected, remedy=error.remedy
        ) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    """A table under judgement: what is wrong with it is gathered, and told at the end."""

    source: SourceTable
    problems: list[str]
    notes: list[str]

    def refuse(self, text: str, *, remedy: str) -> None:
        """Note a problem of the table as a whole."""
        self.problems.append(f"{text}\n    do: {remedy}")

    def refuse_rows(self, text: str, mask: BoolArray, column: str | None, *, remedy: str) -> None:
        """Note a problem of some rows, if there are any."""
        if mask.any():
            line = row_line(
                text,
                rows=self.source.row[mask],
                total=self.source.table.num_rows,
                word=self.source.row_word,
                examples=first_examples(self.source, mask, column),
            )
            self.refuse(line, remedy=remedy)


def _partner_table(
    table: SourceTable,
    chosen: Mapping[str, str],
    *,
    decimal: Literal["point", "comma"],
    date_format: str | None,
    trim_ids: bool,
) -> PartnerTable:
    reading = _Reading(source=table, problems=[], notes=[])
    _refuse_malformed(reading)
    roles = _roles(reading, chosen)
    found: dict[str, Any] = {}
    if "partner_id" in roles:
        found["partner_id"] = _read_ids(reading, roles["partner_id"], trim=trim_ids)
    found["segment"] = _read_segments(reading, roles.get("segment"))
    for role in TERM_COLUMNS:
        if role in roles:
            found[role] = _read_money_term(reading, role, roles[role], decimal=decimal)
    for name in table.table.column_names:
        if name in roles.values():
            continue
        if name.strip() in found:
            reading.refuse(
                f"column {shown(name)} is a covariate that has the name of another column",
                remedy="rename one of them",
            )
            continue
        covariate = read_covariate(
            table.table[name], name=name, decimal=decimal, date_format=date_format
        )
        reading.refuse_rows(
            f"{shown(name)} holds a formula, an error of one, or an infinite number",
            covariate.bad,
            name,
            remedy="write the value itself, or leave the cell empty",
        )
        reading.notes.extend(covariate.notes)
        found[name.strip()] = covariate.cells
    _refuse_if_any(reading)
    frame = pd.DataFrame(found).sort_values("partner_id", ignore_index=True)
    return PartnerTable(frame=frame, notes=tuple(reading.notes))


def _refuse_malformed(reading: _Reading) -> None:
    bad = reading.source.malformed
    if bad:
        lines = ", ".join(f"{each.row:,}" for each in bad[:5])
        reading.refuse(
            f"{len(bad):,} lines have not as many fields as the header: line {lines}: "
            f"{shown(bad[0].text)}",
            remedy="quote fields that hold the delimiter",
        )


def _refuse_if_any(reading: _Reading) -> None:
    problems, where = reading.problems, f"the partner table {reading.source.name}"
    if problems:
        raise SummaryError(
            "\n  - ".join([f"{len(problems)} problem(s) in {where}:", *problems]),
            expected="one row a partner, with an id and readable cells",
            remedy="correct what each line says, and read the table again",
        )


def _roles(reading: _Reading, chosen: Mapping[str, str]) -> dict[str, str]:
    """Find the columns that have a meaning; the role's own name wins over other known ones."""
    names = reading.source.table.column_names
    unknown = [role for role in chosen if role not in MEANINGS]
    if unknown:
        raise ConfigError(
            f"unknown column role {', '.join(shown(role) for role in unknown)} of partners",
            expected=f"one of: {', '.join(MEANINGS)}",
            remedy="correct it; every other column of the table is kept as a covariate",
        )
    roles: dict[str, str] = {}
    for role, others in MEANINGS.items():
        known = {normal_name(other) for other in others}
        exact = [name for name in names if name.strip() == role]
        same = [name for name in names if normal_name(name) == normal_name(role)]
        loose = [name for name in names if normal_name(name) in known]
        hits = [chosen[role]] if role in chosen else exact or same or loose
        hits = [name for name in hits if name]
        if len(hits) > 1:
            reading.refuse(
                f"{len(hits)} columns could be the {role}: {', '.join(map(shown, hits))}",
                remedy=f"name one of them {role}",
            )
        elif hits and hits[0] not in names:
            reading.refuse(
                f"column {shown(hits[0])}, said to be the {role}, is not there",
                remedy=f"choose among {', '.join(map(shown, names))}",
            )
        elif hits:
            roles[role] = hits[0]
        elif role == "partner_id":
            reading.refuse(
                f"no column for the partner_id; columns found: {', '.join(map(shown, names))}",
                remedy='name it partner_id, or in Python say columns={"partner_id": "..."}',
            )
    return roles


def _read_ids(reading: _Reading, column: str, *, trim: bool) -> pd.Series[str]:
    ids = parse_ids(reading.source.table[column], name=column, trim=trim)
    reading.refuse_rows(
        "no partner id", ids.codes < 0, None, remedy="fill it in, or remove the row"
    )
    reading.refuse_rows(
        "partner ids that differ only by spaces",
        ids.spaced,
        column,
        remedy="correct them, or ignore spaces with `--trim-ids`",
    )
    formula = parse_bools(pc.match_substring_regex(ids.names, FORMULA))
    reading.refuse_rows(
        "the partner id is a formula, or an error of one",
        np.append(formula, False)[ids.codes],
        column,
        remedy="write the id itself",
    )
    _refuse_twice(reading, ids)
    alike = same_but_case(ids.names)
    if alike:
        reading.notes.append(
            "partner ids that differ only by upper and lower case are taken as different: "
            + ", ".join(shown(name) for name in alike[:4])
        )
    text: pd.Series[str] = ids.names.take(pa.array(ids.codes, mask=ids.codes < 0)).to_pandas()
    return text.astype("str")


def _refuse_twice(reading: _Reading, ids: Ids) -> None:
    """Name every partner that has several rows, and its rows."""
    codes = pd.Series(ids.codes)
    twice = codes[codes.duplicated(keep=False) & (codes >= 0)]
    if twice.empty:
        return
    told = []
    for code in twice.unique()[:5]:
        rows = reading.source.row[(codes == code).to_numpy()]
        numbers = " and ".join(f"{row:,}" for row in rows[:4]) + (", ..." if len(rows) > 4 else "")
        told.append(f"{shown(ids.names[int(code)].as_py())} ({reading.source.row_word} {numbers})")
    reading.refuse(
        f"several rows of one partner: {', '.join(told)}"
        + (f" and {twice.nunique() - 5:,} more" if twice.nunique() > 5 else ""),
        remedy="keep one row for each partner",
    )


def _read_segments(reading: _Reading, column: str | None) -> pd.Series[str]:
    total = reading.source.table.num_rows
    if column is None:
        reading.notes.append(
            f"there is no column for the segment; all partners are of the segment {OTHER!r}"
        )
        return pd.Series([OTHER] * total, dtype="str")
    text = parse_text(reading.source.table[column], name=column)
    formula = parse_bools(pc.match_substring_regex(text, FORMULA))
    reading.refuse_rows(
        "the segment is a formula, or an error of one",
        formula,
        column,
        remedy="write the segment itself, or leave the cell empty",
    )
    tidy = pc.replace_substring_regex(pc.utf8_trim_whitespace(text), r"\s+", " ")
    empty = parse_bools(pc.is_null(tidy)) | parse_bools(pc.equal(tidy, ""))
    if empty.any():
        reading.notes.append(
            f"{int(empty.sum()):,} of {total:,} partners have no segment; they are of the segment "
            f"{OTHER!r}"
        )
    alike = same_but_case(pc.unique(tidy).drop_null())
    if alike:
        reading.notes.append(
            "segments that differ only by upper and lower case are taken as different: "
            + ", ".join(shown(name) for name in alike[:4])
        )
    segments: pd.Series[str] = tidy.to_pandas().astype("str").mask(pd.Series(empty), OTHER)
    return segments


def _read_money_term(
    reading: _Reading, role: str, column: str, *, decimal: Literal["point", "comma"]
) -> pd.Series[float]:
    kind = reading.source.table[column].type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        cells = pc.cast(reading.source.table[column].combine_chunks(), pa.float64(), safe=False)
        flat = cells if isinstance(cells, pa.Array) else pa.concat_arrays(cells.chunks)
        values = flat.to_numpy(zero_copy_only=False).astype(np.float64)
        bad = np.isinf(values)
    else:
        text = parse_text(reading.source.table[column], name=column)
        values, _, bad = numbers_in_text(text, decimal=decimal)
    share = role in SHARES
    reading.refuse_rows(
        f"{role} is not a finite number",
        bad,
        column,
        remedy="write a plain number, such as 0.15 for 15 %"
        if share
        else "write a plain number, without signs of currency",
    )
    for text, wrong, remedy in _out_of_range(role, values):
        reading.refuse_rows(text, wrong, column, remedy=remedy)
    return pd.Series(np.where(bad, np.nan, values))


def _out_of_range(role: str, values: FloatArray) -> tuple[tuple[str, BoolArray, str], ...]:
    """Find what a money term can't be: the finding, its rows, and the remedy."""
    if role == "discount_rate":
        wrong = (values <= -1) | (values > 10)
        return ((f"{role} is no rate a year", wrong, "write 10 % a year as 0.10"),)
    if role == "commission_months":
        remedy = "leave the cell empty where commission is paid for good"
        return ((f"{role} is not above 0", values <= 0, remedy),)
    negative = (f"{role} is negative", values < 0, "write costs as numbers of 0 or more")
    if role not in SHARES:
        return (negative,)
    whole = "revenue" if role != "clawback_share" else "commission"
    remedy = "write it as a share: 0.15 for 15 %"
    return (negative, (f"{role} is above 1, which is all {whole}", values > 1, remedy))
