"""Whether money terms mean something: ranges, tiers, and what contradicts what."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real
from typing import get_args

from ltvforecast.economics_types import TERM_NAMES, CommissionOn, Economics, Terms, TierRule
from ltvforecast.errors import ConfigError

__all__ = ["check_economics", "check_terms", "programme_terms"]

_SHARES = ("margin", "commission", "refund_share", "clawback_share")
_MONEY = ("bounty", "support_cost_per_month", "acquisition_cost", "customer_acquisition_cost")
_CHOICES: dict[str, tuple[str, ...]] = {
    "commission_on": get_args(CommissionOn),
    "tier_rule": get_args(TierRule),
}
_TIERS = (
    "bounds of 0 or more, each higher than the one before, each with a share of revenue from 0 to 1"
)


def check_economics(economics: Economics) -> Economics:
    """Refuse money terms that mean nothing.

    Parameters
    ----------
    economics : Economics

    Returns
    -------
    Economics
        As given.

    Raises
    ------
    ConfigError
        A share outside 0 to 1, a cost below 0, a discount rate outside (-1, 10], tiers that do
        not rise, or terms that contradict each other; the message names the segment or partner.

    Examples
    --------
    >>> check_economics(Economics(margin=0.8, commission=0.15)).margin
    0.8
    """
    if economics.tiers and economics.commission:
        raise _both("", "commission", "tiers")
    check_terms(programme_terms(economics))
    for kind, of_kind in (("segment", economics.by_segment), ("partner", economics.by_partner)):
        for name, terms in of_kind.items():
            check_terms(terms, where=f"{kind} {name!r}: ")
    return economics


def programme_terms(economics: Economics) -> Terms:
    """Give the programme's own terms, without segments and partners."""
    values = {name: getattr(economics, name) for name in TERM_NAMES}
    return Terms(**values | ({"commission": None} if economics.tiers else {"tiers": None}))


def check_terms(terms: Terms, *, where: str = "") -> Terms:
    """Refuse terms of one segment, partner or row that mean nothing.

    Parameters
    ----------
    terms : Terms
    where : str
        What messages begin with, for example ``"partner 'p1': "``.

    Returns
    -------
    Terms
        As given.

    Raises
    ------
    ConfigError
        As :func:`check_economics`.
    """
    for name in _SHARES:
        _require(
            name, getattr(terms, name), where, low=0.0, high=1.0,
            expected=f"{name} as a share of revenue, from 0 to 1",
            remedy=f"write 15 % as 0.15: {name} = 0.15",
        )  # fmt: skip
    for name in _MONEY:
        _require(
            name, getattr(terms, name), where, low=0.0, high=math.inf,
            expected=f"{name} as an amount of money of 0 or more",
            remedy=f"correct {name}; costs are written without a minus sign",
        )  # fmt: skip
    _check_discount(terms.discount_rate, where)
    _check_limits(terms, where)
    for name, choices in _CHOICES.items():
        choice = getattr(terms, name)
        if choice is not None and choice not in choices:
            raise ConfigError(
                f"{where}{name} {choice!r}",
                expected=f"{name} as one of: {', '.join(choices)}",
                remedy=f"correct {name}",
            )
    _check_tiers(terms.tiers, where)
    if terms.tiers and terms.commission is not None:
        raise _both(where, "commission", "tiers")
    limited = terms.commission_months is not None and math.isfinite(terms.commission_months)
    if terms.commission_on == "first_order" and limited:
        raise _both(where, 'commission_on = "first_order"', "commission_months")
    return terms


def _plain(value: object) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _words(value: object) -> str:
    return f"{value:g}" if isinstance(value, Real) else repr(value)


def _require(
    name: str, value: object, where: str, *, low: float, high: float, expected: str, remedy: str
) -> None:
    if value is None:
        return
    finite = isinstance(value, Real) and _plain(value) and math.isfinite(value)
    if not (finite and low <= value <= high):  # type: ignore[operator]
        raise ConfigError(f"{where}{name} {_words(value)}", expected=expected, remedy=remedy)


def _check_discount(rate: float | None, where: str) -> None:
    if rate is not None and not (_plain(rate) and -1.0 < rate <= 10.0):
        raise ConfigError(
            f"{where}discount rate {_words(rate)}",
            expected="an effective annual rate above -1 and up to 10 (10 % a year is 0.10)",
            remedy="write 10 % as 0.10",
        )


def _check_limits(terms: Terms, where: str) -> None:
    """Infinite is no limit; not a number and below zero are nothing."""
    months, cap = terms.commission_months, terms.commission_cap
    if months is not None and not (_plain(months) and months > 0):
        raise ConfigError(
            f"{where}commission_months {_words(months)}",
            expected="commission_months above 0",
            remedy="leave it out if commission is paid for good; commission = 0 is no commission",
        )
    if cap is not None and not (_plain(cap) and cap >= 0):
        raise ConfigError(
            f"{where}commission_cap {_words(cap)}",
            expected="commission_cap as an amount of money a month, 0 or more",
            remedy="leave it out if there is no cap",
        )


def _check_tiers(tiers: object, where: str) -> None:
    if tiers is None:
        return
    rows = tiers if isinstance(tiers, Sequence) and not isinstance(tiers, str) else (tiers,)
    if len(rows) == 0:
        raise ConfigError(
            f"{where}tiers are empty",
            expected=_TIERS,
            remedy="leave tiers out, or write commission = 0 if there is no commission",
        )
    before = -math.inf
    for number, row in enumerate(rows, start=1):
        pair = tuple(row) if isinstance(row, Sequence) and not isinstance(row, str) else ()
        numbers = len(pair) == 2 and all(_plain(value) and math.isfinite(value) for value in pair)
        if not (numbers and pair[0] >= 0 and 0 <= pair[1] <= 1):
            raise ConfigError(
                f"{where}tier {number} is {row!r}",
                expected=_TIERS,
                remedy="write 8 % as 0.08, and correct that tier",
            )
        if pair[0] <= before:
            raise ConfigError(
                f"{where}tier {number} begins at {pair[0]:g}, the one before at {before:g}",
                expected=_TIERS,
                remedy="put the tiers in rising order, with each bound once",
            )
        before = pair[0]


def _both(where: str, one: str, other: str) -> ConfigError:
    return ConfigError(
        f"{where}{one} and {other} are both given",
        expected="one of the two: they contradict each other",
        remedy="remove one of the two",
    )
