"""What became of partners that were said to fall silent: the chances held against the past."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from ltvforecast.report.basis import Basis
from ltvforecast.report.document import Cell, Column, Table
from ltvforecast.report.wording import count, horizon_words, percent

__all__ = ["risk_table", "risk_words"]

Band = Mapping[str, float]
FEWEST = 5
"""A band with fewer partners is not held against its chance in words."""
STRICTER = 1.57
"""A 99 % interval is about so many times as wide as one of 90 %: six bands are looked at."""


def risk_words(basis: Basis) -> tuple[str, ...]:
    """Say how many of the partners that were said to fall silent really did.

    Parameters
    ----------
    basis : Basis

    Returns
    -------
    tuple of str
        Empty if no past forecast was tried.
    """
    bands = _nearest(basis)
    if not bands:
        return ()
    partners = sum(int(band["partners"]) for band in bands)
    silent = sum(int(band["silent"]) for band in bands)
    expected = sum(band["partners"] * band["expected"] for band in bands)
    told = (
        "How far to trust the chances of no revenue: forecasts of "
        f"{horizon_words('', bands[0]['horizon_days'])} ahead from "
        f"{count(int(bands[0]['windows']), 'past date')} gave {count(partners, 'such chance')}. By "
        f"them about {count(round(expected), 'partner')} should have fallen silent; {silent:,} did."
    )
    return (told + _example(bands) + _wrong(bands) + _far(basis, bands),)


def _nearest(basis: Basis) -> Sequence[Band]:
    """Find the bands of the past forecasts that looked about as far ahead as this one."""
    layers = basis.forecast.provenance.get("layers")
    found = layers.get("risk_bands") if isinstance(layers, Mapping) else None
    if not isinstance(found, Sequence) or not found:
        return ()
    days = basis.forecast.spec.horizon.days
    horizons = {float(band["horizon_days"]) for band in found}
    nearest = min(horizons, key=lambda each: abs(math.log(each / days)))
    return [band for band in found if float(band["horizon_days"]) == nearest]


def _example(bands: Sequence[Band]) -> str:
    """Name the band that a reader would doubt most: the one nearest to an even chance."""
    told = [band for band in bands if band["partners"] >= FEWEST and band["high"] > 0.05]
    if not told:
        return ""
    band = min(told, key=lambda each: abs(each["expected"] - 0.5))
    share = band["silent"] / band["partners"]
    return (
        f" Of the {count(int(band['partners']), 'partner')} with a chance of {_span(band)}, "
        f"{percent(share)} did."
    )


def _wrong(bands: Sequence[Band]) -> str:
    """Admit it where what came is clearly beside what was said."""
    more, fewer = [], []
    for band in bands:
        share = band["silent"] / band["partners"]
        if band["partners"] < FEWEST:
            continue
        if share - STRICTER * (share - band["silent_lo_90"]) > band["expected"]:
            more.append(band)
        if share + STRICTER * (band["silent_hi_90"] - share) < band["expected"]:
            fewer.append(band)
    words = ""
    if more:
        words += f" Where the chance was {_spans(more)}, clearly more fell silent than was said."
    if fewer:
        words += f" Where the chance was {_spans(fewer)}, clearly fewer fell silent than was said."
    return words


def _far(basis: Basis, bands: Sequence[Band]) -> str:
    if 0.45 <= bands[0]["horizon_days"] / basis.forecast.spec.horizon.days <= 2.2:
        return ""
    return f" Chances over as long as {basis.horizon} could not be tried yet."


def _spans(bands: Sequence[Band]) -> str:
    return " or ".join(_span(band) for band in bands)


def _span(band: Band) -> str:
    return f"{100 * band['low']:g}–{100 * band['high']:g}%"


def risk_table(basis: Basis) -> tuple[Table, ...]:
    """Show what became of partners in each band of the chance of no revenue.

    Parameters
    ----------
    basis : Basis

    Returns
    -------
    tuple of Table
        Empty if no past forecast was tried.
    """
    bands = _nearest(basis)
    if not bands:
        return ()
    horizon = horizon_words("", bands[0]["horizon_days"])
    note = (
        f"Counted over {count(int(bands[0]['windows']), 'past date')}, each forecast with what "
        "was known then. Only customers known at the date count on either side."
    )
    table = Table(
        name="risk-table",
        caption=f"Chances of no revenue for {horizon}, and how often it came so",
        columns=(
            Column(heading="Chance of no revenue", numeric=False),
            Column(heading="Partners", meaning="A partner counts once for each past date."),
            Column(heading="Average chance"),
            Column(heading="Fell silent", meaning="Really brought no revenue in that time."),
            Column(heading="Share", meaning="Under it what it may really be, nine times in ten."),
        ),
        rows=tuple(_row(band) for band in bands),
        notes=(note,),
    )
    return (table,)


def _row(band: Band) -> tuple[Cell, ...]:
    share = band["silent"] / band["partners"]
    low, high = band["silent_lo_90"], band["silent_hi_90"]
    return (
        Cell(text=_span(band), value=float(band["low"])),
        Cell(text=f"{int(band['partners']):,}", value=float(band["partners"])),
        Cell(text=percent(band["expected"]), value=float(band["expected"])),
        Cell(text=f"{int(band['silent']):,}", value=float(band["silent"])),
        Cell(text=percent(share), value=share, detail=f"{percent(low)} to {percent(high)}"),
    )
