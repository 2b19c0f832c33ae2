"""The table of partners held against the transactions: who is missing there, and who is new."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import pandas as pd

from ltvforecast.data.partner_table import OTHER, PartnerTable
from ltvforecast.data.quoting import shown
from ltvforecast.errors import SummaryError

__all__ = ["MergedPartners", "known_partners", "merge_partners"]

NAMED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class MergedPartners:
    """All partners, those of the table and those of the transactions.

    Attributes
    ----------
    frame : pandas.DataFrame
        As in :class:`ltvforecast.data.partner_table.PartnerTable`.
    notes, warnings : tuple of str
        What a reader should know; and what may be wrong.
    """

    frame: pd.DataFrame
    notes: tuple[str, ...]
    warnings: tuple[str, ...]


def merge_partners(table: PartnerTable, partner_ids: Sequence[str]) -> MergedPartners:
    """Put the partners of the transactions and those of the table into one table.

    Parameters
    ----------
    table : PartnerTable
    partner_ids : sequence of str
        Partners with transactions.

    Returns
    -------
    MergedPartners
        Partners that only the transactions know are of the segment ``other`` and have no
        covariates, with a warning. Those that only the table knows are kept, with a note: a new
        partner can be forecast from its segment.

    Raises
    ------
    SummaryError
        The table has partners, and none of them has a transaction.

    Examples
    --------
    >>> table = PartnerTable(frame=pd.DataFrame({"partner_id": ["p"], "segment": ["reseller"]}))
    >>> merged = merge_partners(table, ["p", "q"])
    >>> merged.frame["segment"].tolist(), merged.warnings[0]  # doctest: +NORMALIZE_WHITESPACE
    (['reseller', 'other'], "1 of 2 partners with transactions are not in the partner table and
     are of the segment 'other': 'q'")
    """
    told = table.frame["partner_id"].tolist()
    bought, listed = set(partner_ids), set(told)
    if told and not bought & listed:
        raise SummaryError(
            f"none of the {len(told):,} partners in the partner table has a transaction: there "
            f"{_few(told)}, in the transactions {_few(sorted(bought))}",
            expected="the same ids in both, character by character",
            remedy="correct the ids, or choose another column for the partner id; spaces are "
            "ignored with `--trim-ids`",
        )
    absent, fresh = sorted(bought - listed), sorted(listed - bought)
    frame = table.frame.set_index("partner_id").reindex(sorted(bought | listed))
    frame["segment"] = frame["segment"].fillna(OTHER).astype("str")
    warnings, notes = [], list(table.notes)
    if absent:
        warnings.append(
            f"{len(absent):,} of {len(bought):,} partners with transactions are not in the partner "
            f"table and are of the segment {OTHER!r}: {_few(absent)}{_alike(absent, fresh)}"
        )
    if fresh:
        notes.append(
            f"in the partner table, but without any transaction yet: {len(fresh):,} ({_few(fresh)})"
        )
    frame.index = frame.index.astype("str")
    return MergedPartners(
        frame=frame.rename_axis("partner_id").reset_index(),
        notes=tuple(notes),
        warnings=tuple(warnings),
    )


def known_partners(table: PartnerTable, partner_ids: Collection[str]) -> PartnerTable:
    """Keep the partners that had a transaction by a past date: of others nothing was known then.

    Parameters
    ----------
    table : PartnerTable
    partner_ids : collection of str
        Partners with a transaction by that date.

    Returns
    -------
    PartnerTable
        May be empty.

    Notes
    -----
    What the table says of a partner is what it says today; how it was at that date isn't known.
    """
    kept = table.frame["partner_id"].isin(list(partner_ids))
    return PartnerTable(frame=table.frame[kept].reset_index(drop=True), notes=table.notes)


def _few(names: Sequence[str]) -> str:
    return ", ".join(shown(name) for name in names[:NAMED]) + (
        ", ..." if len(names) > NAMED else ""
    )


def _alike(absent: Sequence[str], fresh: Sequence[str]) -> str:
    """Point out ids that would fit but for case, spaces, or a decimal point after a number."""
    by_plain = {_plain(name): name for name in fresh}
    pairs = [(name, by_plain[_plain(name)]) for name in absent if _plain(name) in by_plain]
    if not pairs:
        return ""
    told = ", ".join(f"{shown(one)} there is {shown(other)} here" for one, other in pairs[:2])
    return f"; {len(pairs):,} of them are nearly there ({told})"


def _plain(name: str) -> str:
    return "".join(name.split()).casefold().removesuffix(".0").lstrip("0")
