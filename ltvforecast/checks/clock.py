"""The model's own time: the calendar, or the seasonal clock that the fit found."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ltvforecast.fit_types import FittedModel
from ltvforecast.formulas.clock import (
    DAYS_PER_UNIT,
    cumulated_rates,
    operational_history,
    operational_time,
)
from ltvforecast.types import FloatArray

__all__ = ["ages_on_clock", "days_on_clock"]


def ages_on_clock(model: FittedModel) -> FloatArray:
    """Give every customer's age in the time of the purchase process.

    Parameters
    ----------
    model : FittedModel

    Returns
    -------
    float64 array, shape (n_customers,)
        In the model's time unit; the summary's ``T`` where the model has no calendar.
    """
    summary = model.summary
    T = summary.customers["T"].to_numpy(np.float64)
    if model.calendar.kind == "off":
        return T
    _, age = operational_history(
        np.zeros(len(T)),
        T,
        as_of_day=int(np.datetime64(summary.as_of, "D").astype(np.int64)),
        days_per_unit=DAYS_PER_UNIT[summary.time_unit],
        index=model.calendar.index,
        events=model.calendar.event_days,
    )
    return age


def days_on_clock(model: FittedModel, day: npt.ArrayLike) -> FloatArray:
    """Show what the clock says at the ends of days.

    Parameters
    ----------
    model : FittedModel
    day : array_like
        Days since 1970-01-01.

    Returns
    -------
    float64 array, of the shape of ``day``
        In days, from 0 at the end of the first of them; differences are ages.
    """
    ends = np.asarray(day, dtype=np.float64)
    first = int(ends.min())
    if model.calendar.kind == "off":
        return ends - first
    cumulated = cumulated_rates(
        model.calendar.index,
        model.calendar.event_days,
        first_day=first + 1,
        days=int(ends.max()) - first + 1,
    )
    return operational_time(ends, first_day=first, cumulated=cumulated)
