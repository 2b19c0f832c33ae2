"""Which column plays which role: recognised from the common exports, or said by the user."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence

from ltvforecast.data.quoting import shown
from ltvforecast.errors import ConfigError, TransactionError

__all__ = [
    "ALIASES",
    "REQUIRED",
    "ROLES",
    "assign_columns",
    "is_cents",
    "is_commission",
    "normal_name",
]

ALIASES: Mapping[str, tuple[str, ...]] = {
    "partner_id": (
        "partner_key", "partnership_key", "partner", "affiliate_id", "affiliate", "promoter_id",
        "media_partner_id", "publisher_id", "reseller_id", "referrer_id", "channel_partner",
    ),
    "customer_id": (
        "customer_key", "customer", "stripe_customer_id", "client_id", "account_id", "user_id",
        "uid", "buyer_id", "email",
    ),
    "date": (
        "transaction_date", "order_date", "event_date", "charged_at", "paid_at", "created_at",
        "created_utc", "created", "close_date", "processed_at",
    ),
    "amount": (
        "sale_amount", "gross", "revenue", "order_total", "total_price", "total",
        "charge_amount",
    ),
    "transaction_id": ("order_id", "oid", "external_id", "event_id"),
    "currency": ("currency_code", "currency_iso_code"),
    "status": ("state", "financial_status", "deal_stage", "stage_name"),
    "type": ("transaction_type", "reporting_category"),
    "refunded_amount": ("refund_amount", "amount_refunded", "total_refunded"),
    "revenue_stream": ("stream",),
}  # fmt: skip
"""Other names of each role in the exports of partner platforms, payment and sales systems."""

ROLES = tuple(ALIASES)
REQUIRED = ("partner_id", "customer_id", "date", "amount")

SALE_BESIDE_COMMISSION = ("saleamount", "chargeamount")
"""Beside one of these a column called ``amount`` is usually the commission, so neither is taken."""


def normal_name(name: str) -> str:
    """Strip a name of case, spaces, underscores, hyphens and points.

    Examples
    --------
    >>> normal_name("Media Partner_ID")
    'mediapartnerid'
    """
    return re.sub(r"[\s_.\-]+", "", name).casefold()


def is_cents(name: str) -> bool:
    """Say whether a column's name tells that it holds cents or other minor units.

    Examples
    --------
    >>> is_cents("sale_amount_cents"), is_cents("AmountMinor"), is_cents("amount")
    (True, True, False)
    """
    return _without_cents(name) != normal_name(name)


def _without_cents(name: str) -> str:
    return re.sub(r"(in)?(cents|minor(units?)?)$", "", normal_name(name))


def assign_columns(names: Sequence[str], chosen: Mapping[str, str]) -> dict[str, str]:
    """Find the column of every role.

    A column bearing the role's own name wins over those bearing another known name for it; two
    that are equally good are an error, never a guess.

    Parameters
    ----------
    names : sequence of str
        The columns there are.
    chosen : mapping of str to str
        Role to column, as the user says; an empty text says that there is no such column.

    Returns
    -------
    dict of str to str
        Role to column, for the roles that have one.

    Raises
    ------
    ConfigError
        An unknown role, or one column for two roles.
    TransactionError
        A column that is not there, a required role without a column, or with several; all told
        at once.

    Examples
    --------
    >>> assign_columns(["Reseller ID", "email", "Order Date", "total"], {})
    {'partner_id': 'Reseller ID', 'customer_id': 'email', 'date': 'Order Date', 'amount': 'total'}
    """
    _check_choice(chosen)
    problems = [
        f"column {shown(name)}, said to be the {role}, is not there{_near(name, names)}"
        for role, name in chosen.items()
        if name and name not in names
    ]
    free = [name for name in names if name not in chosen.values()]
    assigned: dict[str, str] = {}
    for role in ROLES:
        if role in chosen:
            hits = [chosen[role]] if chosen[role] else []
        else:
            hits = _candidates(role, free)
        if len(hits) == 1:
            assigned[role] = hits[0]
        elif hits:
            problems.append(
                f"{len(hits)} columns could be the {role}: "
                f"{', '.join(shown(name) for name in hits)}; say which, for example "
                f"`--column {role}={hits[0]}`"
                + ("" if role in REQUIRED else f", or `--column {role}=` for none")
            )
        elif role in REQUIRED:
            problems.append(f"no column for the {role}{_near(role, free)}")
    if problems:
        raise TransactionError(
            "\n  - ".join(["the columns are not clear:", *problems])
            + f"\n  columns found: {', '.join(shown(name) for name in names)}",
            expected=f"one column each for {', '.join(REQUIRED)}",
            remedy="rename the columns, or say which is which, for example "
            "`--column customer_id=CustKey`"
            + (
                "; only one column was found, so check the delimiter (comma, semicolon, tab or |)"
                if len(names) == 1
                else ""
            ),
        )
    return assigned


def _check_choice(chosen: Mapping[str, str]) -> None:
    for role, name in chosen.items():
        if role not in ROLES:
            raise ConfigError(
                f"unknown column role {role!r}{_near(role, ROLES)}",
                expected=f"one of: {', '.join(ROLES)}",
                remedy="correct the word before the '='",
            )
        if not name and role in REQUIRED:
            raise ConfigError(
                f"the {role} was said to have no column",
                expected=f"a column for each of {', '.join(REQUIRED)}",
                remedy=f"name the column, for example `--column {role}=MyColumn`",
            )
    named = [name for name in chosen.values() if name]
    for name in named:
        if named.count(name) > 1:
            roles = " and ".join(role for role, column in chosen.items() if column == name)
            raise ConfigError(
                f"column {name!r} was said to be the {roles}",
                expected="a column of its own for every role",
                remedy="name another column for one of them",
            )


def _candidates(role: str, names: Sequence[str]) -> list[str]:
    """List the columns that could play a role, the best tier only."""
    own, others = normal_name(role), {normal_name(alias) for alias in ALIASES[role]}
    may_be_cents = role in ("amount", "refunded_amount")
    stems = {name: _without_cents(name) if may_be_cents else normal_name(name) for name in names}
    exact = [name for name in names if name == role]
    same = [name for name in names if normal_name(name) == own]
    loose = [name for name in names if stems[name] == own or stems[name] in others]
    if role == "amount" and any(stems[name] in SALE_BESIDE_COMMISSION for name in loose):
        return loose
    return exact or same or loose


def _near(wanted: str, names: Sequence[str]) -> str:
    """Suggest names that look like the one wanted, or like another name for its role."""
    known = [wanted, *ALIASES.get(wanted, ())]
    by_normal = {normal_name(name): name for name in names}
    near: list[str] = []
    for each in known:
        for hit in difflib.get_close_matches(normal_name(each), list(by_normal), n=2, cutoff=0.7):
            if by_normal[hit] not in near:
                near.append(by_normal[hit])
    near = [name for name in near if not is_commission(name)]
    return f" (close: {', '.join(shown(name) for name in near[:3])})" if near else ""


def is_commission(name: str) -> bool:
    """Say whether a column's name tells of what the partner is paid, which is not revenue.

    Examples
    --------
    >>> is_commission("Commission Amount"), is_commission("amount")
    (True, False)
    """
    return any(word in normal_name(name) for word in ("commission", "payout"))
