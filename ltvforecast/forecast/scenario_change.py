"""What is to be changed in a what-if: read from text, checked, and said in plain words."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from ltvforecast.errors import ConfigError

__all__ = [
    "BEHAVIOUR",
    "MONEY_TERMS",
    "Change",
    "check_change",
    "dropout_factor",
    "parse_change",
    "scaled_change",
]

BEHAVIOUR = ("purchase_rate", "retention", "order_value", "acquisition")
"""What customers do; changed by a factor."""
MONEY_TERMS = (
    "margin",
    "commission",
    "discount_rate",
    "commission_cap",
    "bounty",
    "support_cost_per_month",
    "customer_acquisition_cost",
    "refund_share",
    "clawback_share",
)
"""What is agreed or paid; changed to a new value."""

LIMITS: Mapping[str, tuple[float, float]] = {
    "purchase_rate": (0.1, 10.0),
    "retention": (0.0, 2.0),
    "order_value": (0.1, 10.0),
    "acquisition": (0.0, 10.0),
}
_NUMBER = r"[0-9]+(?:\.[0-9]+)?|\.[0-9]+"
_PERCENT = re.compile(rf"([+\-−])\s*({_NUMBER})\s*%", re.ASCII)
_TIMES = re.compile(rf"[x×*]\s*({_NUMBER})", re.ASCII)
_PLAIN = re.compile(rf"[+\-]?(?:{_NUMBER})", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What would be different.

    Attributes
    ----------
    purchase_rate : float
        Factor on how often customers buy from now on, as long as they stay.
    retention : float
        1.05 is "retention +5 %": the chance to drop out after a purchase falls by 5 % of itself.
        From 0 (twice the chance) to 2 (nobody drops out any more).
    order_value : float
        Factor on what a purchase is worth.
    acquisition : float
        Factor on the number of new customers.
    terms : mapping of str to float
        Money terms with their new value; see :data:`MONEY_TERMS`.

    Examples
    --------
    >>> Change(retention=1.05, terms={"commission": 0.20}).purchase_rate
    1.0
    """

    purchase_rate: float = 1.0
    retention: float = 1.0
    order_value: float = 1.0
    acquisition: float = 1.0
    terms: Mapping[str, float] = field(default_factory=dict, hash=False)

    @property
    def behaves(self) -> bool:
        """Whether anything but money terms changes."""
        return any(getattr(self, name) != 1.0 for name in BEHAVIOUR)


def parse_change(settings: Iterable[str]) -> Change:
    """Read a change from ``key=value`` texts.

    Parameters
    ----------
    settings : iterable of str
        Behaviour is relative: ``retention=+5%``, ``order_value=-10%``, ``purchase_rate=x1.1``.
        Money terms are the new value itself: ``commission=0.20``.

    Returns
    -------
    Change

    Raises
    ------
    ConfigError
        An unknown key, a key given twice, or a value that means nothing.

    Examples
    --------
    >>> parse_change(["retention=+5%", "purchase_rate=x1.1", "commission=0.20"])
    ... # doctest: +NORMALIZE_WHITESPACE
    Change(purchase_rate=1.1, retention=1.05, order_value=1.0, acquisition=1.0,
           terms={'commission': 0.2})
    """
    factors: dict[str, float] = {}
    terms: dict[str, float] = {}
    for text in settings:
        name, sign, value = (part.strip() for part in text.partition("="))
        key = name.lower().replace("-", "_")
        if not sign or key not in (*BEHAVIOUR, *MONEY_TERMS):
            raise ConfigError(
                f"--set {text!r}" + (f": {name!r} is nothing that can be changed" if sign else ""),
                expected=f"key=value with one of the keys {', '.join((*BEHAVIOUR, *MONEY_TERMS))}",
                remedy="correct the key, for example --set retention=+5% or --set commission=0.20",
            )
        if key in factors or key in terms:
            raise ConfigError(
                f"--set gives {key} twice", expected="each key once", remedy="remove one of them"
            )
        if key in BEHAVIOUR:
            factors[key] = _factor(key, value)
        else:
            terms[key] = _new_value(key, value)
    return check_change(Change(**factors, terms=terms))


def _factor(key: str, value: str) -> float:
    percent, times = _PERCENT.fullmatch(value), _TIMES.fullmatch(value)
    if percent:
        size = float(percent[2]) / 100.0
        return round(1.0 + size if percent[1] == "+" else 1.0 - size, 12)
    if times:
        return float(times[1])
    raise ConfigError(
        f"--set {key}={value}",
        expected=f"a change of {key}: +5%, -10% or x1.1",
        remedy=f"say by how much it changes, for example --set {key}=+5%",
    )


def _new_value(key: str, value: str) -> float:
    if key == "commission_cap" and value.lower() == "none":
        return math.inf
    if _PLAIN.fullmatch(value):
        return float(value)
    raise ConfigError(
        f"--set {key}={value}",
        expected=f"the new {key} itself, as a plain number with a decimal point (15 % is 0.15)",
        remedy=f"for example --set {key}={'0.20' if key == 'commission' else '0.15'}"
        if key in ("commission", "margin", "discount_rate", "refund_share", "clawback_share")
        else f"for example --set {key}=50",
    )


def check_change(change: Change) -> Change:
    """Refuse a change that means nothing or changes nothing.

    Raises
    ------
    ConfigError
        No change at all, an unknown money term, or a factor beyond its limits. The values of
        money terms are judged with the other terms they come among.
    """
    for name, (low, high) in LIMITS.items():
        factor = getattr(change, name)
        known = isinstance(factor, int | float) and not isinstance(factor, bool)
        if not (known and low <= factor <= high):
            raise ConfigError(
                f"{name} times {factor!r}",
                expected=f"a factor on {name} from {low:g} to {high:g}",
                remedy="beyond it the model knows nothing: choose a smaller change"
                if name != "retention"
                else "retention can rise by 100 % at most: then nobody drops out any more",
            )
    unknown = sorted(set(change.terms) - set(MONEY_TERMS))
    if unknown:
        raise ConfigError(
            f"an unknown money term {unknown[0]!r}",
            expected=f"some of {', '.join(MONEY_TERMS)}",
            remedy="correct the name",
        )
    if not change.behaves and not change.terms:
        raise ConfigError(
            "nothing is changed",
            expected="at least one change",
            remedy="say what to change, for example --set retention=+5%",
        )
    return change


def dropout_factor(retention: float) -> float:
    """Give the factor on the dropout chance: retention +5 % takes 5 % of it away.

    Examples
    --------
    >>> dropout_factor(1.05), dropout_factor(0.9)
    (0.95, 1.1)
    """
    return round(2.0 - retention, 12)


def scaled_change(change: Change, size: float) -> Change:
    """Make the changes of behaviour so many times as large; money terms stay as they are.

    Parameters
    ----------
    change : Change
    size : float
        0: behaviour as it is; 2: +5 % becomes +10 %.

    Returns
    -------
    Change

    Examples
    --------
    >>> scaled_change(Change(retention=1.05), 2.0).retention
    1.1
    """
    return replace(
        change,
        purchase_rate=1.0 + size * (change.purchase_rate - 1.0),
        retention=1.0 + size * (change.retention - 1.0),
        order_value=1.0 + size * (change.order_value - 1.0),
        acquisition=1.0 + size * (change.acquisition - 1.0),
    )
