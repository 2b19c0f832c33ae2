"""Partner totals after each of several numbers of days, from one simulation."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import numpy as np

from ltvforecast.fit_types import FittedModel
from ltvforecast.forecast.horizon import Periods
from ltvforecast.forecast.prepare import prepare_programme
from ltvforecast.forecast.totals import simulated_totals
from ltvforecast.forecast_types import ForecastSpec, Horizon
from ltvforecast.types import FloatArray

__all__ = ["simulate_windows"]


def simulate_windows(
    model: FittedModel,
    days: Sequence[int],
    *,
    draws: int,
    seed: int,
    workers: int | None = None,
) -> FloatArray:
    """Simulate what every partner brings within so many days, by the bare model.

    Parameters
    ----------
    model : FittedModel
    days : sequence of int
        Lengths of the windows, all of which begin at ``as_of``; rising.
    draws : int
    seed : int
    workers : int, optional

    Returns
    -------
    float64 array, shape (window, draw, partner)
    """
    summary = model.summary
    spec = ForecastSpec(
        horizon=Horizon(text=f"{days[-1]}d", days=float(days[-1])),
        draws=draws,
        levels=(),
        seed=seed,
        layers=(),
    )
    edges = [0, *days]
    periods = Periods(
        starts=tuple(summary.as_of + dt.timedelta(days=day + 1) for day in edges[:-1]),
        ends=tuple(summary.as_of + dt.timedelta(days=day) for day in edges[1:]),
        edges_days=np.array(edges, dtype=np.float64),
    )
    programme, _ = prepare_programme(model, spec, periods, closed_forms=False)
    with simulated_totals(
        programme,
        partners=len(summary.partner_ids),
        draws=draws,
        periods=len(periods),
        workers=workers,
    ) as totals:
        within = np.cumsum(totals.revenue, axis=2)
        return np.asarray(np.moveaxis(within, 2, 0).swapaxes(1, 2) * programme.money_quantum)
