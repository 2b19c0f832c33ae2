"""Real data to try things on: a grocer's year, shipped here, and the CDNOW cohort."""

from __future__ import annotations

import importlib.util
import zlib
from importlib.resources import files
from pathlib import Path

import pandas as pd

from ltvforecast.errors import LTVForecastError

__all__ = ["complete_journey_path", "load_cdnow", "load_cdnow_sample", "load_complete_journey"]


def load_complete_journey() -> pd.DataFrame:
    """Load a US grocer's year: 2,469 households, 457 stores, all of 2017; one row a basket.

    Stores play the partners; 87 % of the households use several.

    Returns
    -------
    pandas.DataFrame
        155,848 rows: ``partner_id`` (store) and ``customer_id`` (household) as text, ``date``
        (datetime64), ``amount`` (US dollars; 478 baskets are free), ``order_id`` and
        ``income_band`` (a customer covariate; missing in about half of the rows).

    Notes
    -----
    86 baskets are dated 2018-01-01, a time-zone spill. Most households "start" in the first weeks
    because the data do, not because they were new.

    References
    ----------
    dunnhumby, "The Complete Journey" (source files), in the form of the completejourney package;
    CC0. See ``NOTICE.md`` beside the file.

    Examples
    --------
    >>> baskets = load_complete_journey()
    >>> len(baskets), baskets["customer_id"].nunique(), baskets["partner_id"].nunique()
    (155848, 2469, 457)
    """
    frame = pd.read_parquet(complete_journey_path())
    return frame.astype({"partner_id": str, "customer_id": str})


def complete_journey_path() -> Path:
    """Find the Parquet file of :func:`load_complete_journey`, to read it as a user's file is read.

    Returns
    -------
    pathlib.Path

    Examples
    --------
    >>> complete_journey_path().name
    'complete_journey.parquet'
    """
    return Path(str(files("ltvforecast"))) / "data" / "files" / "complete_journey.parquet"


def load_cdnow_sample() -> pd.DataFrame:
    """Load the CDNOW 1/10 sample: 2,357 customers who first bought in early 1997, to mid-1998.

    The cohort on which BG/NBD and Gamma-Gamma were published.

    Returns
    -------
    pandas.DataFrame
        6,919 rows: ``partner_id`` (always ``"cdnow"``), ``customer_id`` (the sample's own number
        as text, ``"0001"`` to ``"2357"``), ``date`` (datetime64), ``amount`` (US dollars).

    Raises
    ------
    LTVForecastError
        The lifetimes package, which ships the file, is not installed.

    References
    ----------
    Fader & Hardie (2001), Journal of the Academy of Marketing Science 29; file
    ``CDNOW_sample.txt`` as shipped by lifetimes 0.11.3 (MIT).

    Examples
    --------
    >>> purchases = load_cdnow_sample()
    >>> len(purchases), purchases["customer_id"].nunique()
    (6919, 2357)
    """
    frame = pd.read_csv(
        _lifetimes_file("CDNOW_sample.txt"),
        sep=r"\s+",
        header=None,
        names=["master_id", "customer_id", "date", "units", "amount"],
        dtype={"master_id": str, "customer_id": str, "date": str},
    )
    frame["date"] = pd.to_datetime(frame["date"], format="%Y%m%d")
    return frame.assign(partner_id="cdnow")[["partner_id", "customer_id", "date", "amount"]]


def load_cdnow(*, partners: int = 40) -> pd.DataFrame:
    """Load all of CDNOW: 23,570 customers who first bought in early 1997, to mid-1998.

    Parameters
    ----------
    partners : int
        The customers are real; the partners are made up, by a checksum of the customer's number:
        there is no true difference between them.

    Returns
    -------
    pandas.DataFrame
        69,659 rows: ``partner_id`` (``"P00"``, ...), ``customer_id`` (text), ``date``
        (datetime64), ``amount`` (US dollars).

    Raises
    ------
    LTVForecastError
        The lifetimes package, which ships the file, is not installed.

    References
    ----------
    Fader & Hardie (2001), Journal of the Academy of Marketing Science 29; file
    ``CDNOW_master.txt`` as shipped by lifetimes 0.11.3 (MIT).

    Examples
    --------
    >>> purchases = load_cdnow()
    >>> len(purchases), purchases["customer_id"].nunique(), purchases["partner_id"].nunique()
    (69659, 23570, 40)
    """
    frame = pd.read_csv(
        _lifetimes_file("CDNOW_master.txt"),
        sep=r"\s+",
        header=0,
        names=["customer_id", "date", "units", "amount"],
        dtype={"customer_id": str, "date": str},
    )
    frame["date"] = pd.to_datetime(frame["date"], format="%Y%m%d")
    number = frame["customer_id"].map(lambda name: zlib.crc32(name.encode()) % partners)
    partner = number.map(lambda place: f"P{place:02d}")
    return frame.assign(partner_id=partner)[["partner_id", "customer_id", "date", "amount"]]


def _lifetimes_file(name: str) -> Path:
    """Find the file without importing lifetimes, whose import changes pandas options."""
    found = importlib.util.find_spec("lifetimes")
    for folder in (found.submodule_search_locations or []) if found else []:
        path = Path(folder) / "datasets" / name
        if path.is_file():
            return path
    raise LTVForecastError(
        "the lifetimes package, which ships the CDNOW data, is not there",
        expected="lifetimes 0.11.3 or later, with its data files",
        remedy="install it: pip install lifetimes",
    )
