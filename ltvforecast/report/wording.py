"""Numbers, dates and chances put into words that a manager reads without a calculator."""

from __future__ import annotations

import datetime as dt
import math
import re
from decimal import Decimal

__all__ = [
    "chance",
    "count",
    "exact_money",
    "gap_words",
    "head_count",
    "horizon_words",
    "long_date",
    "money",
    "money_range",
    "months_text",
    "odds",
    "percent",
    "rounded",
    "share_text",
    "times_text",
]

_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_SCALES = ((1e9, " billion"), (1e6, " million"))
_UNITS = {"d": "day", "w": "week", "mo": "month", "y": "year"}


def rounded(value: float, *, digits: int = 3) -> str:
    """Write a number to a few significant digits, with thousands separators.

    Parameters
    ----------
    value : float
    digits : int

    Returns
    -------
    str

    Examples
    --------
    >>> [rounded(v) for v in (0, 0.123456, 7.5, 1234.5, -98_765)]
    ['0', '0.123', '7.5', '1,230', '−98,800']
    """
    if value == 0:
        return "0"
    decimals = digits - 1 - _magnitude(value, digits)
    text = f"{abs(round(value, decimals)):,.{max(decimals, 0)}f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return _sign(value) + text


def money(value: float, currency: str | None = None) -> str:
    """Write an amount to three significant digits, in millions where it is that large.

    Amounts below ten have two decimals.

    Parameters
    ----------
    value : float
    currency : str, optional
        Its code.

    Returns
    -------
    str

    Examples
    --------
    >>> money(3_512_345, "USD"), money(0.4), money(-12_345.6, "EUR"), money(0.001)
    ('USD 3.51 million', '0.40', 'EUR −12,300', '<0.01')
    """
    scale, word = _scale(value)
    if 0 < value < 0.005:
        return _code(currency) + "<0.01"
    if value and abs(value) < 9.995:
        return _code(currency) + _sign(value) + f"{abs(value):.2f}"
    return _code(currency) + rounded(value / scale) + word


def money_range(low: float, high: float, currency: str | None = None, *, joined: str = "to") -> str:
    """Write both ends of an interval alike, as precisely as the larger deserves.

    Parameters
    ----------
    low, high : float
    currency : str, optional
    joined : str
        The word between the ends.

    Returns
    -------
    str

    Examples
    --------
    >>> money_range(953_200, 1_204_000, "USD"), money_range(0, 834), money_range(9.5, 1.2e6)
    ('USD 0.95 to 1.20 million', '0 to 834', '9.50 to 1.2 million')
    """
    largest = max(abs(low), abs(high))
    scale, word = _scale(largest)
    if 0 < abs(low) < largest / 100 or largest < 9.995:
        ends = (money(low) if abs(low) < 9.995 else rounded(low, digits=2), money(high))
        return f"{_code(currency)}{ends[0]} {joined} {ends[1]}"
    decimals = min(2, 2 - _magnitude(largest / scale, 3))
    low_text, high_text = (
        _sign(end) + f"{abs(round(end / scale, decimals)):,.{max(decimals, 0)}f}"
        for end in (low, high)
    )
    if low == 0:
        low_text = "0"
    return f"{_code(currency)}{low_text} {joined} {high_text}{word}"


def exact_money(micros: int, currency: str | None = None) -> str:
    """Write an amount given in millionths without rounding anything away.

    Parameters
    ----------
    micros : int
    currency : str, optional

    Returns
    -------
    str
        With two decimals, or as many as there are.

    Examples
    --------
    >>> exact_money(1_234_500_000, "USD"), exact_money(-1)
    ('USD 1,234.50', '−0.000001')
    """
    whole = Decimal(abs(micros)) / 1_000_000
    cents = micros % 10_000 == 0
    return _code(currency) + _sign(micros) + (f"{whole:,.2f}" if cents else f"{whole:,.6f}")


def percent(probability: float) -> str:
    """Write a probability or share in whole percent, never rounding it to certainty.

    Parameters
    ----------
    probability : float

    Returns
    -------
    str

    Examples
    --------
    >>> [percent(p) for p in (0, 0.002, 0.456, 0.998, 1)]
    ['0%', '<1%', '46%', '>99%', '100%']
    """
    whole = round(100 * probability)
    if 0 < probability < 1 and whole in (0, 100):
        return "<1%" if whole == 0 else ">99%"
    return f"{_sign(whole)}{abs(whole):,}%"


def share_text(share: float) -> str:
    """Write a share of the whole with one decimal, since most partners' are small.

    Parameters
    ----------
    share : float

    Returns
    -------
    str

    Examples
    --------
    >>> [share_text(s) for s in (0, 0.0001, 0.0316, 0.99999, 1, -0.02)]
    ['0%', '<0.1%', '3.2%', '>99.9%', '100%', '−2.0%']
    """
    if share in (0, 1):
        return f"{share:.0%}"
    if 0 < share < 0.0005:
        return "<0.1%"
    if 0.9995 <= share < 1:
        return ">99.9%"
    return f"{100 * share:.1f}%".replace("-", "−")


def chance(probability: float) -> str:
    """Say a probability in words.

    Parameters
    ----------
    probability : float

    Returns
    -------
    str

    Examples
    --------
    >>> [chance(p) for p in (0.001, 0.2, 0.5, 0.8, 0.97)]
    ['very unlikely', 'unlikely', 'could go either way', 'likely', 'almost certain']
    """
    steps = (
        (0.05, "very unlikely"),
        (0.35, "unlikely"),
        (0.65, "could go either way"),
        (0.95, "likely"),
    )
    return next((words for limit, words in steps if probability < limit), "almost certain")


def odds(level: int) -> str:
    """Say how often the outcome should fall into an interval.

    Parameters
    ----------
    level : int
        In percent.

    Returns
    -------
    str

    Examples
    --------
    >>> odds(90), odds(50), odds(97)
    ('nine times in ten', 'half of the time', '97% of the time')
    """
    said = {
        50: "half of the time",
        80: "eight times in ten",
        90: "nine times in ten",
        95: "nineteen times in twenty",
        99: "ninety-nine times in a hundred",
    }
    return said.get(level, f"{level}% of the time")


def count(number: int, thing: str, things: str = "") -> str:
    """Write a number with its noun.

    Parameters
    ----------
    number : int
    thing : str
    things : str
        The plural, where it is not an added s.

    Returns
    -------
    str

    Examples
    --------
    >>> count(1, "partner"), count(2400, "partner"), count(0, "day")
    ('1 partner', '2,400 partners', '0 days')
    """
    return f"{number:,} {thing if number == 1 else things or thing + 's'}"


def head_count(value: float) -> str:
    """Write an expected number of customers, which need not be whole.

    Parameters
    ----------
    value : float

    Returns
    -------
    str

    Examples
    --------
    >>> [head_count(v) for v in (0.0, 0.04, 0.32, 21.4, 1155.8)]
    ['0', '<0.1', '0.3', '21', '1,160']
    """
    if 0 < value < 0.05:
        return "<0.1"
    if value < 9.95:
        return f"{value:.1f}".removesuffix(".0")
    return f"{value:.0f}" if value < 999.5 else rounded(value)


def times_text(ratio: float) -> str:
    """Write how many times one amount goes into another.

    Parameters
    ----------
    ratio : float

    Returns
    -------
    str

    Examples
    --------
    >>> [times_text(v) for v in (0.034, 0.6, 1.76, 28.5, -0.4)]
    ['0.03', '0.60', '1.76', '28.5', '−0.40']
    """
    if abs(ratio) >= 9.995:
        return rounded(ratio)
    return f"{ratio:.2f}".replace("-", "−")


def months_text(months: float, *, most: float) -> str:
    """Write after how many months something comes about.

    Parameters
    ----------
    months : float
        Infinite: not within the horizon.
    most : float
        Months of the horizon.

    Returns
    -------
    str

    Examples
    --------
    >>> [months_text(v, most=12.0) for v in (0.0, 4.0, 5.25, float("inf"))]
    ['0', '4', '5.2', 'over 12']
    """
    if math.isinf(months):
        return f"over {most:.1f}".removesuffix(".0")
    return f"{months:.1f}".removesuffix(".0")


def long_date(date: dt.date) -> str:
    """Write a date so that nobody mistakes the month for the day.

    Parameters
    ----------
    date : datetime.date

    Returns
    -------
    str

    Examples
    --------
    >>> long_date(dt.date(2025, 12, 31))
    '31 December 2025'
    """
    return f"{date.day} {_MONTHS[date.month - 1]} {date.year}"


def horizon_words(text: str, days: float) -> str:
    """Say how long a horizon is.

    Parameters
    ----------
    text : str
        As it was asked for, such as ``12mo``.
    days : float

    Returns
    -------
    str

    Examples
    --------
    >>> [horizon_words(*asked) for asked in (("12mo", 365.25), ("1.5y", 547.9), ("2026-03-31", 90))]
    ['12 months', '1.5 years', '90 days']
    """
    match = re.fullmatch(r"([0-9.]+)\s*(d|w|mo|y)", text.strip().lower())
    number, unit = (float(match[1]), _UNITS[match[2]]) if match else (round(days), "day")
    return f"{number:g} {unit}" + ("" if number == 1 else "s")


def gap_words(days: float) -> str:
    """Say how far apart purchase days are.

    Parameters
    ----------
    days : float
        NaN if not known.

    Returns
    -------
    str

    Examples
    --------
    >>> gap_words(1.0), gap_words(6.5), gap_words(float("nan"))
    ('every day', 'every 6.5 days', '')
    """
    if not math.isfinite(days):
        return ""
    return "every day" if days <= 1 else f"every {rounded(days, digits=2)} days"


def _scale(value: float) -> tuple[float, str]:
    # 999,500 already rounds to 1.00 million at three digits
    return next(((s, word) for s, word in _SCALES if abs(value) >= 0.9995 * s), (1.0, ""))


def _magnitude(value: float, digits: int) -> int:
    """Power of ten of the first digit, after rounding to ``digits`` digits."""
    return int(f"{abs(value):.{digits - 1}e}".partition("e")[2])


def _code(currency: str | None) -> str:
    return f"{currency} " if currency else ""


def _sign(value: float) -> str:
    return "−" if value < 0 else ""
