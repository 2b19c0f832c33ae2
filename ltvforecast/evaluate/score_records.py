"""The frozen records of an old forecast held against what came."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import pandas as pd

__all__ = ["ForecastScore", "ForecastVerdict", "SameProgramme", "VerdictWord"]

VerdictWord = Literal["still good", "watch", "refit"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SameProgramme:
    """How far newer transactions agree with those a forecast was made from.

    Attributes
    ----------
    customers, customers_found : int
        Customers of the forecast, and those who are in the newer transactions at all.
    partners, partners_found : int
    revenue_then, revenue_now : float
        Revenue up to the as-of date, as the forecast knew it and as the newer file has it, refunds
        as known at the as-of date in both.
    missing_partners : tuple of str
        Partners of the forecast that the newer transactions don't have at all.
    restated_partners : pandas.DataFrame
        ``partner_id, revenue_then, revenue_now``: partners whose revenue up to the as-of date has
        changed by more than the tolerance, the largest change first.
    notes : tuple of str
        The same in plain words; empty where all agrees.
    """

    customers: int
    customers_found: int
    partners: int
    partners_found: int
    revenue_then: float
    revenue_now: float
    missing_partners: tuple[str, ...]
    restated_partners: pd.DataFrame
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastVerdict:
    """Whether a forecast is still to be used.

    Attributes
    ----------
    word : {"still good", "watch", "refit"}
    reason : str
        Plain words: what spoke for it.
    rule : str
        Plain words: when each word is given.
    p_programme : float or None
        How likely so large a miss of the programme's total is, if the forecast was right.
    p_split : float or None
        How likely so many partners are outside, once the programme's total is given.
    outside, outside_usual : int or None, and tuple of two int or None
        Partners whose share of the total is outside its 90 % range, and the 90 % range of that
        number if the forecast was right.
    """

    word: VerdictWord
    reason: str
    rule: str
    p_programme: float | None = None
    p_split: float | None = None
    outside: int | None = None
    outside_usual: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ForecastScore:
    """An old forecast against what has happened since.

    Attributes
    ----------
    partners : pandas.DataFrame
        ``partners.csv``: ``partner_id, customers, revenue_to_date, forecast, forecast_lo_50,
        forecast_hi_50, ..., actual, inside_50, inside_80, inside_90, pit, surprise``, the largest
        miss outside the 90 % interval first. While the window isn't complete, the forecast is that
        of the periods that have passed; ends, ``inside`` and ``pit`` are missing unless one period
        has passed.
    periods : pandas.DataFrame
        ``partner_id`` (``__programme__`` for all), ``period_start, period_end, forecast``, ends,
        ``actual`` and ``inside`` of every whole period that has passed.
    programme : mapping
        The programme's own row.
    scores : pandas.DataFrame
        ``level`` (partner, partner_all, programme) and the scores of ``backtest``. Coverage is
        that of partners over the whole window, or of partner-periods while it isn't complete.
    verdict : ForecastVerdict
    agreement : SameProgramme
    beside : mapping
        What is told apart and not held against the forecast: new customers, new partners.
    as_of, window_end, scored_until : datetime.date
        The forecast begins after ``as_of``, reaches to ``window_end`` and is scored up to
        ``scored_until``.
    days_passed, days_scored, days_asked : int
    complete : bool
        Whether the whole window has passed.
    notes : tuple of str
        What a reader should know, in plain words.
    """

    partners: pd.DataFrame
    periods: pd.DataFrame
    programme: Mapping[str, object]
    scores: pd.DataFrame
    verdict: ForecastVerdict
    agreement: SameProgramme
    beside: Mapping[str, object]
    as_of: dt.date
    window_end: dt.date
    scored_until: dt.date
    days_passed: int
    days_scored: int
    days_asked: int
    complete: bool
    notes: tuple[str, ...]

    def _repr_html_(self) -> str:
        columns = ["partner_id", "forecast", "actual", "surprise"]
        table = self.partners[columns].head(10).to_html(index=False, escape=True)
        return f"<p><b>{self.verdict.word}</b>: {self.verdict.reason}</p>{table}"
