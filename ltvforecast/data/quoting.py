"""Values from the data, quoted so that a message stays short, whole and harmless."""

from __future__ import annotations

__all__ = ["shown"]


def shown(value: object, *, width: int = 40) -> str:
    """Quote a value for a message: short, on one line, and harmless to a terminal.

    Parameters
    ----------
    value : object
        None is shown as the word empty, without quotes.
    width : int
        Characters shown of it.

    Returns
    -------
    str
        With control characters and invisible ones escaped.

    Examples
    --------
    >>> shown("12 EUR")
    "'12 EUR'"
    >>> shown("x" * 50, width=5)
    "'xxxxx...'"
    """
    if value is None:
        return "empty"
    text = str(value)
    return repr(text if len(text) <= width else text[:width] + "...")
