"""Which money terms hold for each partner: programme, segment, partner table, partner."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from ltvforecast.economics_types import TERM_COLUMNS, TERM_NAMES, Economics, PartnerTerms, Terms
from ltvforecast.errors import ConfigError
from ltvforecast.forecast.term_checks import check_economics, check_terms, programme_terms
from ltvforecast.types import FloatArray, IntArray

__all__ = ["ResolvedTerms", "resolve_terms", "take_terms"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResolvedTerms:
    """Terms of the partners of a forecast, and of those nothing is known of but their terms.

    Attributes
    ----------
    partners : PartnerTerms
        In the order of the forecast.
    without_transactions : PartnerTerms
        Partners of the partner table or the economics file without any transaction: new ones.
    """

    partners: PartnerTerms
    without_transactions: PartnerTerms


def resolve_terms(
    economics: Economics,
    partner_ids: Sequence[str],
    *,
    partner_table: pd.DataFrame | None = None,
) -> ResolvedTerms:
    """Find the terms that hold for each partner.

    Parameters
    ----------
    economics : Economics
    partner_ids : sequence of str
        Of the forecast.
    partner_table : pandas.DataFrame, optional
        One row a partner: ``partner_id``, and any of ``segment`` and the columns of
        :data:`ltvforecast.economics_types.TERM_COLUMNS`. Empty cells say nothing.

    Returns
    -------
    ResolvedTerms

    Raises
    ------
    ConfigError
        A segment that no partner has, two rows for one partner, or a row that means nothing.

    Notes
    -----
    A term is that of the most special place that gives it: first the partner's own table in the
    economics file, then its row in the partner table, then its segment, then the programme. Terms
    that exclude each other go together: a flat commission displaces tiers of a more general place
    and the other way round; so do ``commission_on = "first_order"`` and ``commission_months``.

    Examples
    --------
    >>> economics = Economics(commission=0.1, by_partner={"b": Terms(commission=0.2)})
    >>> found = resolve_terms(economics, ["a", "b"])
    >>> found.partners.commission, found.without_transactions.partner_ids
    (array([0.1, 0.2]), ())
    """
    check_economics(economics)
    rows = _rows(partner_table)
    segments = {partner: segment for partner, (segment, _) in rows.items() if segment}
    unknown = [name for name in economics.by_segment if name not in set(segments.values())]
    if unknown:
        known = ", ".join(sorted(set(segments.values()))) or "none: no partner has a segment"
        raise ConfigError(
            f"terms for the segment {unknown[0]!r}, which no partner has",
            expected=f"segments of the partner table ({known})",
            remedy="correct the name, or give the partner table with its column segment",
        )
    programme = programme_terms(economics)
    of_segment = {name: _over(programme, terms) for name, terms in economics.by_segment.items()}

    def terms_of(partner: str) -> Terms:
        segment, row = rows.get(partner, ("", None))
        terms = of_segment.get(segment, programme)
        for special in (row, economics.by_partner.get(partner)):
            terms = terms if special is None else _over(terms, special)
        return terms

    known_ids = set(partner_ids)
    new = sorted({*rows, *economics.by_partner} - known_ids)
    return ResolvedTerms(
        partners=_as_arrays({partner: terms_of(partner) for partner in partner_ids}),
        without_transactions=_as_arrays({partner: terms_of(partner) for partner in new}),
    )


def take_terms(terms: PartnerTerms, index: IntArray | slice) -> PartnerTerms:
    """Pick the terms of some partners.

    Parameters
    ----------
    terms : PartnerTerms
    index : int64 array or slice

    Returns
    -------
    PartnerTerms
    """
    where = np.arange(len(terms))[index]
    picked: dict[str, Any] = {
        name: getattr(terms, name)[where]
        for name in PartnerTerms.__slots__
        if name not in ("partner_ids", "tiers")
    }
    return PartnerTerms(
        partner_ids=tuple(terms.partner_ids[row] for row in where),
        tiers=tuple(terms.tiers[row] for row in where),
        **picked,
    )


def _over(general: Terms, special: Terms) -> Terms:
    """Let the special terms that are given go before the general ones."""
    given = {name: getattr(special, name) for name in TERM_NAMES}
    changed: dict[str, Any] = {name: value for name, value in given.items() if value is not None}
    if "tiers" in changed:
        changed.setdefault("commission", None)
    elif "commission" in changed:
        changed["tiers"] = None
    if changed.get("commission_on") == "first_order":
        changed.setdefault("commission_months", math.inf)
    elif math.isfinite(changed.get("commission_months", math.inf)):
        changed["commission_on"] = "all"
    return replace(general, **changed)


def _rows(table: pd.DataFrame | None) -> dict[str, tuple[str, Terms | None]]:
    """Read segment and terms of each row of the partner table."""
    if table is None or "partner_id" not in table:
        return {}
    names = table["partner_id"].astype(str).tolist()
    twice = table["partner_id"].astype(str).duplicated(keep=False).to_numpy()
    if twice.any():
        partner = names[int(np.argmax(twice))]
        places = [str(row) for row, name in enumerate(names, start=1) if name == partner]
        raise ConfigError(
            f"partner table: rows {' and '.join(places)} are both of partner {partner!r}",
            expected="one row for each partner",
            remedy="remove or merge the rows",
        )
    empty = [""] * len(names)
    segments = empty if "segment" not in table else table["segment"].fillna("").tolist()
    columns = {name: table[name].tolist() for name in TERM_COLUMNS if name in table}
    found = {}
    for row, (partner, segment) in enumerate(zip(names, segments, strict=True)):
        where = f"partner table, partner {partner!r}: "
        cells = {name: values[row] for name, values in columns.items()}
        found[partner] = (str(segment), _row_terms(cells, where))
    return found


def _row_terms(cells: Mapping[str, object], where: str) -> Terms | None:
    values: dict[str, Any] = {}
    for column, cell in cells.items():
        if cell is None or pd.isna(cell) or str(cell).strip() == "":  # type: ignore[call-overload]
            continue
        try:
            values[TERM_COLUMNS[column]] = float(str(cell))
        except ValueError:
            raise ConfigError(
                f"{where}{column} is {cell!r}",
                expected="a number with a decimal point, or an empty cell",
                remedy="correct that cell",
            ) from None
    return check_terms(Terms(**values), where=where) if values else None


def _as_arrays(terms: Mapping[str, Terms]) -> PartnerTerms:
    rows, usual = list(terms.values()), Economics()

    def column(name: str, absent: float) -> FloatArray:
        values = [getattr(row, name) for row in rows]
        return np.array([absent if v is None else v for v in values], dtype=np.float64)

    flat: dict[str, Any] = {
        name: column(name, math.nan if name == "acquisition_cost" else getattr(usual, name))
        for name in TERM_NAMES
        if name not in ("tiers", "tier_rule", "commission_on")
    }
    return PartnerTerms(
        partner_ids=tuple(terms),
        first_order_only=np.array([row.commission_on == "first_order" for row in rows], dtype=bool),
        tiers=tuple(row.tiers or () for row in rows),
        whole_volume=np.array([row.tier_rule == "whole" for row in rows], dtype=bool),
        **flat,
    )
