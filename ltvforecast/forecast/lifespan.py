"""How long each partner goes on bringing revenue: median, interval and chances of lasting."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from ltvforecast.errors import ConfigError
from ltvforecast.fit_types import FittedModel
from ltvforecast.forecast.horizon import DAYS_PER_MONTH, Periods
from ltvforecast.forecast.intervals import check_levels, interval_names, tail_probabilities
from ltvforecast.forecast.newcomers import simulate_newcomers, why_no_newcomers
from ltvforecast.forecast.prepare import PROGRAMME, prepare_programme
from ltvforecast.forecast.totals import simulated_totals, whole_number
from ltvforecast.forecast_types import ForecastSpec, Horizon
from ltvforecast.transaction_types import CustomerSummary
from ltvforecast.types import DEFAULT_SEED, FloatArray, IntArray

__all__ = ["LIMIT_MONTHS", "Lifespans", "lifespan_table", "partner_lifespans"]

LIMIT_MONTHS = 60
"""Lifespans are followed for five years; 60 stands for 60 months or more."""
GUARD_MONTHS = 72
"""The sixth year is simulated too: who has revenue in it lasted longer than five."""
EDGES_MONTHS = (*range(25), *range(27, LIMIT_MONTHS + 1, 3), GUARD_MONTHS)
"""By months for two years and by quarters after, where a month more or less says nothing."""
YEARS = (1, 2, 3, 5)

BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifespans:
    """How long partners last.

    Attributes
    ----------
    months : float64 array, shape (draw, partner)
        Months from ``as_of`` to the end of the last period with revenue; 0: never any again. At
        most 60, which stands for 60 or more.
    beyond : bool array, shape (draw, partner)
        Whether there is revenue after five years.
    table : pandas.DataFrame
        See :func:`lifespan_table`; in the order of ``CustomerSummary.partner_ids``.
    programme : mapping
        The same names for the whole programme.
    """

    months: FloatArray
    beyond: BoolArray
    table: pd.DataFrame
    programme: Mapping[str, object]


def partner_lifespans(
    model: FittedModel,
    *,
    draws: int = 80,
    levels: Sequence[int] = (50, 80, 90),
    seed: int = DEFAULT_SEED,
    acquisition: bool = True,
    workers: int | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Lifespans:
    """Simulate how long each partner goes on bringing revenue.

    Parameters
    ----------
    model : FittedModel
    draws : int
        A draw over six years costs about three times what one over a year does. With 80 of them a
        chance has a standard error of at most 5.6 points.
    levels : sequence of int
        Of the intervals, in percent.
    seed : int
    acquisition : bool
        Count the revenue of customers still to come, where the model forecasts them.
    workers : int, optional
        Changes no number.
    progress : callable, optional
        Called as ``progress(label, done, total)``.

    Returns
    -------
    Lifespans

    Raises
    ------
    ConfigError
        An option that means nothing.
    ForecastError
        A model from which no forecast can be made.

    Notes
    -----
    A partner's lifespan is the time until its last revenue. No simulation sees the last revenue
    of all; it sees the last one before it ends. Taking that for the end would let everybody die
    near the end of the simulation. So six years are simulated and five are told: a partner with
    revenue in the sixth year has lasted more than five, and its lifespan is censored at 60 months.
    For all others the last revenue seen is the last of all, unless a pause outlasts the end of the
    sixth year: longer than one year for a lifespan of five, than three for one of three. Such
    pauses make lifespans too short, if anything, and only of partners with next to no revenue.

    In the other direction, the model knows customers who stop, and (with new customers) partners
    who stop winning new ones, but no partner that closes with all its customers; and under BG/NBD
    a customer that bought once can't stop before it buys again. So lifespans of partners with many
    customers are long, and mean: as far as their customers go.

    What past forecasts taught (layers) changes amounts but never makes something of nothing, so
    that it is not needed here.

    References
    ----------
    Fader, Hardie & Lee (2005), Marketing Science 24(2), 275-284; Royston & Parmar (2013),
    Restricted mean survival time, BMC Medical Research Methodology 13, 152.
    """
    draws = whole_number("draws", draws, least=1)
    levels = check_levels(levels)
    periods = _periods(model.summary)
    days = float(periods.edges_days[-1])
    spec = ForecastSpec(
        horizon=Horizon(text=f"{GUARD_MONTHS}mo", days=days),
        draws=draws,
        levels=(),
        seed=whole_number("seed", seed, least=0),
        layers=(),
    )
    programme, _ = prepare_programme(model, spec, periods)
    with simulated_totals(
        programme,
        partners=len(model.summary.partner_ids),
        draws=draws,
        periods=len(periods),
        workers=workers,
        progress=progress,
    ) as totals:
        active = _active(totals.revenue)
    if acquisition and not why_no_newcomers(model):
        active |= _active(
            simulate_newcomers(
                model,
                periods,
                draws=draws,
                seed=spec.seed,
                quantum=programme.money_quantum,
                workers=workers,
                progress=progress,
            ).revenue
        )
    return _lifespans(active, model.summary.partner_ids, levels)


def _periods(summary: CustomerSummary) -> Periods:
    edges = [round(month * DAYS_PER_MONTH) for month in EDGES_MONTHS]
    if summary.as_of.toordinal() + edges[-1] > dt.date.max.toordinal():
        raise ConfigError(
            f"six years after {summary.as_of} end beyond the year 9999",
            expected="a simulation within the calendar",
            remedy="check the dates of the transactions",
        )
    return Periods(
        starts=tuple(summary.as_of + dt.timedelta(days=day + 1) for day in edges[:-1]),
        ends=tuple(summary.as_of + dt.timedelta(days=day) for day in edges[1:]),
        edges_days=np.array(edges, dtype=np.float64),
    )


def _active(revenue: IntArray) -> BoolArray:
    """Tell in which periods there is revenue, partner by partner to need little memory."""
    active = np.empty(revenue.shape, dtype=np.bool_)
    for partner in range(len(revenue)):
        active[partner] = revenue[partner] > 0
    return active


def _lifespans(active: BoolArray, partner_ids: Sequence[str], levels: Sequence[int]) -> Lifespans:
    months, beyond = _last_months(active)
    table = lifespan_table(months, beyond, levels=levels)
    table.insert(0, "partner_id", pd.Series(list(partner_ids), dtype="str"))
    anyone = np.asarray(active.any(axis=0))[None]
    whole = lifespan_table(*_last_months(anyone), levels=levels)
    row = {str(name): whole[name].iloc[0].item() for name in whole}
    return Lifespans(
        months=months, beyond=beyond, table=table, programme={"partner_id": PROGRAMME, **row}
    )


def _last_months(active: BoolArray) -> tuple[FloatArray, BoolArray]:
    """Months to the end of the last active period, shape (draw, partner), and what goes beyond."""
    ends = np.array(EDGES_MONTHS[1:], dtype=np.float64)
    last = np.where(active, ends, 0.0).max(axis=2).T
    return np.minimum(last, float(LIMIT_MONTHS)), np.asarray(last > LIMIT_MONTHS)


def lifespan_table(months: FloatArray, beyond: BoolArray, *, levels: Sequence[int]) -> pd.DataFrame:
    """Sum up lifespans.

    Parameters
    ----------
    months : float64 array, shape (draw, partner)
    beyond : bool array, shape (draw, partner)
        See :class:`Lifespans`.
    levels : sequence of int
        Of the intervals, in percent.

    Returns
    -------
    pandas.DataFrame
        One row a partner: ``median_lifespan_months``; ``lifespan_censored`` (the median is 60
        months or more); ``expected_lifespan_months``, the mean within five years (restricted
        mean: what lies beyond counts as 60); ends of equal-tailed intervals of the lifespan,
        ``expected_lifespan_months_lo_90`` and so on, where 60 stands for 60 or more; and
        ``p_lasts_1y, p_lasts_2y, p_lasts_3y, p_lasts_5y``, the chances of revenue after so many
        years.

    Notes
    -----
    Median and ends are quantiles by the inverted distribution function, which needs no distance
    between draws: between 58 months and "60 or more" there is nothing to interpolate.

    Examples
    --------
    >>> table = lifespan_table(np.array([[3.0], [14.0], [60.0], [60.0]]),
    ...                        np.array([[False], [False], [False], [True]]), levels=[50])
    >>> table.T[0].to_dict()  # doctest: +NORMALIZE_WHITESPACE
    {'median_lifespan_months': 14.0, 'lifespan_censored': False,
     'expected_lifespan_months': 34.25, 'expected_lifespan_months_lo_50': 3.0,
     'expected_lifespan_months_hi_50': 60.0, 'p_lasts_1y': 0.75, 'p_lasts_2y': 0.5,
     'p_lasts_3y': 0.5, 'p_lasts_5y': 0.25}
    """
    ordered = np.where(beyond, np.inf, months)  # what is censored is the longest
    probabilities = [0.5, *tail_probabilities(levels).tolist()]
    median, *ends = np.quantile(ordered, probabilities, axis=0, method="inverted_cdf")
    names = interval_names("expected_lifespan_months", levels)
    return pd.DataFrame(
        {
            "median_lifespan_months": np.minimum(median, LIMIT_MONTHS),
            "lifespan_censored": np.isinf(median),
            "expected_lifespan_months": months.mean(axis=0),
            **{name: np.minimum(end, LIMIT_MONTHS) for name, end in zip(names, ends, strict=True)},
            **{f"p_lasts_{year}y": np.mean(ordered > 12 * year, axis=0) for year in YEARS},
        }
    )
