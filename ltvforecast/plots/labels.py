"""Partner names and amounts of money as short labels that are safe to draw."""

from __future__ import annotations

import unicodedata

import numpy as np

__all__ = ["display_name", "short_amount"]

_UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_JOINERS = {"\u200c", "\u200d"}  # Persian and Indic scripts, and emoji, need them


def display_name(name: object, *, width: int = 120) -> str:
    r"""Show a name from the data on one line, without anything that acts unseen.

    Parameters
    ----------
    name : object
        The name as it stands in the data.
    width : int
        Longest result, in characters; what is longer is cut and ends in an ellipsis.

    Returns
    -------
    str
        White space is folded; control, direction-changing and unassigned characters become
        the replacement character; an empty name becomes ``(empty name)``.

    Examples
    --------
    >>> display_name("Alice & Sons\n")
    'Alice & Sons'
    >>> display_name("x" * 10, width=5)
    'xxxx…'
    """
    folded = " ".join(str(name).split())
    safe = "".join(
        "\ufffd" if unicodedata.category(c) in _UNSEEN and c not in _JOINERS else c for c in folded
    )
    if not safe:
        return "(empty name)"
    return safe if len(safe) <= width else safe[: width - 1].rstrip() + "…"


def short_amount(value: float) -> str:
    """Write an amount for the axis of a chart: three digits and k, M or bn.

    Parameters
    ----------
    value : float
        Any finite amount.

    Returns
    -------
    str

    Examples
    --------
    >>> [short_amount(v) for v in (0, 0.5, 950, 1500, 2_000_000, -3.2e9)]
    ['0', '0.5', '950', '1.5k', '2M', '−3.2bn']
    """
    size = abs(float(value))
    for unit, suffix in ((1e9, "bn"), (1e6, "M"), (1e3, "k")):
        if size >= unit * (1 - 1e-9):
            text = f"{size / unit:.3g}" if size < 1000 * unit else f"{size / unit:,.0f}"
            return _sign(value) + text + suffix
    return _sign(value) + np.format_float_positional(float(f"{size:.3g}"), trim="-")


def _sign(value: float) -> str:
    return "−" if value < 0 else ""
