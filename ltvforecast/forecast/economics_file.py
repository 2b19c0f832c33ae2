"""Money terms from a TOML file, from options, and back to a plain table.

A complete file; every line is optional::

    # the programme
    discount_rate = 0.10          # effective annual rate
    margin = 0.60                 # gross margin, share of revenue
    refund_share = 0.03           # still to be refunded, beyond the refunds in the transactions
    clawback_share = 1.0          # commission taken back on refunded revenue
    commission_on = "all"         # or "first_order": only a new customer's first order
    commission_months = 12        # only the first 12 months of a customer; "none": for good
    commission_cap = 5000         # most that a partner gets in a month; "none": no cap
    bounty = 20                   # to the partner, for each new customer
    support_cost_per_month = 50   # while the partner is active
    acquisition_cost = 1000       # to recruit a partner: its CAC
    customer_acquisition_cost = 4 # for each new customer, besides commission
    tier_rule = "marginal"        # or "whole": the tier reached holds for the whole month
    tiers = [                     # instead of a flat `commission = 0.10`
        { from = 0, rate = 0.08 },
        { from = 10000, rate = 0.12 },
    ]

    [segment.shop]                # segments are those of the partner table
    commission = 0.10             # flat here, so that the tiers don't hold

    [partner."p 17"]              # goes before its segment and before the partner table
    margin = 0.55
    commission_on = "first_order"
    commission = 0.30
"""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ltvforecast.economics_types import TERM_NAMES, Economics, Terms
from ltvforecast.errors import ConfigError
from ltvforecast.forecast.term_checks import check_economics, check_terms, programme_terms

__all__ = [
    "economics_from_options",
    "economics_from_table",
    "economics_record",
    "read_economics",
]

_OVERRIDES = ("segment", "partner")
_LIMITS = ("commission_months", "commission_cap")
_NO_LIMIT = "none"


def read_economics(path: str | Path) -> Economics:
    r"""Read money terms from a TOML file.

    Parameters
    ----------
    path : str or pathlib.Path
        Terms of the programme at the top, then ``[segment.NAME]`` and ``[partner.NAME]`` with
        what differs there; the names are the fields of :class:`ltvforecast.Economics`.

    Returns
    -------
    Economics

    Raises
    ------
    ConfigError
        The file can't be read, a name is unknown, or terms mean nothing or contradict each
        other; the message names the table and the key.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> file = Path(folder.name) / "terms.toml"
    >>> _ = file.write_text("margin = 0.6\ncommission = 0.1\n[partner.p1]\nbounty = 20\n")
    >>> read_economics(file).by_partner["p1"].bounty
    20
    >>> folder.cleanup()
    """
    try:
        content = tomllib.loads(Path(path).read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(
            f"the economics file {path} can't be read: {error}",
            expected="a TOML file with money terms, for example margin = 0.6, and each table once",
            remedy="correct the path or the line named above",
        ) from error
    return economics_from_table(content, where=f"{path}: ")


def economics_from_table(table: Mapping[str, object], *, where: str = "") -> Economics:
    """Turn a table as it stands in a TOML file into money terms.

    Parameters
    ----------
    table : mapping
    where : str
        What messages begin with.

    Returns
    -------
    Economics

    Raises
    ------
    ConfigError
        As :func:`read_economics`.

    Examples
    --------
    >>> economics_from_table({"tiers": [{"from": 0, "rate": 0.05}]}).tiers
    ((0, 0.05),)
    """
    own = {name: value for name, value in table.items() if name not in _OVERRIDES}
    values = _terms(own, where=where, also=_OVERRIDES)
    given: dict[str, Any] = {name: getattr(values, name) for name in own}
    overrides: dict[str, Any] = {}
    for kind in _OVERRIDES:
        of_kind = table.get(kind, {})
        if not isinstance(of_kind, Mapping):
            raise _no_table(f"{where}{kind} is {of_kind!r}", kind)
        overrides[f"by_{kind}"] = {
            name: _override(content, where=where, kind=kind, name=name)
            for name, content in of_kind.items()
        }
    return check_economics(Economics(**given, **overrides))


def economics_from_options(
    path: str | Path | None = None,
    *,
    discount_rate: float | None = None,
    margin: float | None = None,
    commission: float | None = None,
) -> Economics:
    """Put the options of a command over the terms of a file.

    Parameters
    ----------
    path : str or pathlib.Path, optional
        Of the economics file; without it the default terms.
    discount_rate, margin, commission : float, optional
        Instead of the programme's own; ``commission`` takes the place of its tiers, too. What the
        file says of a segment or a partner still holds.

    Returns
    -------
    Economics

    Raises
    ------
    ConfigError
        As :func:`read_economics`.

    Examples
    --------
    >>> economics_from_options(margin=0.8).margin
    0.8
    """
    economics = Economics() if path is None else read_economics(path)
    if discount_rate is not None:
        economics = replace(economics, discount_rate=discount_rate)
    if margin is not None:
        economics = replace(economics, margin=margin)
    if commission is not None:
        economics = replace(economics, commission=commission, tiers=())
    return check_economics(economics)


def economics_record(economics: Economics) -> dict[str, object]:
    """Turn money terms into a plain table that JSON can hold; the inverse of the reading.

    Margin, flat commission and discount rate are always in it, the rest where it is not the
    default.

    Examples
    --------
    >>> economics_record(Economics(commission=0.15))
    {'margin': 1.0, 'commission': 0.15, 'discount_rate': 0.1}
    """
    usual, always = Economics(), ("margin", "commission", "discount_rate")
    own = programme_terms(economics)
    record = {
        name: _plain(name, getattr(own, name))
        for name in TERM_NAMES
        if getattr(own, name) is not None
        and (name in always or getattr(own, name) != getattr(usual, name))
    }
    for kind, terms in zip(_OVERRIDES, (economics.by_segment, economics.by_partner), strict=True):
        if terms:
            record[kind] = {
                name: {
                    term: _plain(term, getattr(of_name, term))
                    for term in TERM_NAMES
                    if getattr(of_name, term) is not None
                }
                for name, of_name in terms.items()
            }
    return record


def _plain(name: str, value: object) -> object:
    if name in _LIMITS and value == math.inf:
        return _NO_LIMIT
    if name == "tiers" and isinstance(value, Sequence):
        return [{"from": float(bound), "rate": float(rate)} for bound, rate in value]
    return value if isinstance(value, str) else float(value)  # type: ignore[arg-type]


def _override(content: object, *, where: str, kind: str, name: str) -> Terms:
    place = f"{where}{kind} {name!r}"
    if not isinstance(content, Mapping):
        raise _no_table(f"{place} is {content!r}", kind)
    return _terms(content, where=f"{place}: ")


def _terms(table: Mapping[str, object], *, where: str, also: tuple[str, ...] = ()) -> Terms:
    unknown = sorted(set(table) - set(TERM_NAMES))
    if unknown:
        raise ConfigError(
            f"{where}unknown name {', '.join(unknown)}",
            expected=f"some of: {', '.join((*TERM_NAMES, *also))}",
            remedy="correct the name",
        )
    values: dict[str, Any] = dict(table)
    for name in _LIMITS:
        if values.get(name) == _NO_LIMIT:
            values[name] = math.inf
    if "tiers" in values:
        values["tiers"] = _tiers(values["tiers"], where)
    return check_terms(Terms(**values), where=where)


def _tiers(rows: object, where: str) -> tuple[tuple[Any, Any], ...]:
    tiers = []
    for number, row in enumerate(rows if isinstance(rows, list) else [rows], start=1):
        if not (isinstance(row, Mapping) and set(row) == {"from", "rate"}):
            raise ConfigError(
                f"{where}tier {number} is {row!r}",
                expected="tiers such as [{ from = 0, rate = 0.05 }, { from = 10000, rate = 0.08 }]",
                remedy="write each tier with from and rate",
            )
        tiers.append((row["from"], row["rate"]))
    return tuple(tiers)


def _no_table(found: str, kind: str) -> ConfigError:
    return ConfigError(
        found,
        expected=f"a table with money terms of a {kind}",
        remedy=f'write [{kind}."NAME"] on a line of its own and the terms below it',
    )
