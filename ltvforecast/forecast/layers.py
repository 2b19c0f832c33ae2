"""Layers on top of the model's draws: what past forecasts taught about level, shares and width."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from ltvforecast.errors import ConfigError
from ltvforecast.fit_types import FittedModel
from ltvforecast.forecast_types import ForecastSpec
from ltvforecast.layer_types import LayerEstimate, Layers
from ltvforecast.types import FloatArray, IntArray

__all__ = [
    "ANNUAL_DRIFT",
    "DAYS_PER_YEAR",
    "LAYER_NAMES",
    "LayeredDraws",
    "applied_layers",
    "choose_estimate",
    "combine",
    "estimate_for",
    "layer_draws",
    "layered_draws",
    "recent_revenue",
    "unlearnt",
]

LAYER_NAMES = ("combination", "correction", "width")
"""The layers, each of which can be switched off by its name."""

DAYS_PER_YEAR = 365.25
SEASON_DAYS = 364
"""One year earlier, on the same day of the week."""

ANNUAL_DRIFT = 0.14
"""Log standard deviation, after one year, of a level that drifts as no model foresees: what is
assumed where nothing could be tried. It grows with the root of time as a random walk does (.10
after 26 weeks, .055 after 8)."""
PRIOR_FREEDOM = 2.0
"""The drift is worth so many past forecasts, and a lasting error of nought the next number."""
PRIOR_WINDOWS = 4.0
HALF_WEIGHT_CUSTOMERS = 20.0
"""A partner with so many customers gets half of the combination's weight, a large one all."""
LARGEST_RATIO = 4.0
"""The combination moves no partner by more than this factor, before the total is restored."""
LARGEST_LOG_FACTOR = 1.0
_LAYER_STREAM = 0x6C617965


@dataclass(frozen=True, slots=True, kw_only=True)
class LayeredDraws:
    """Draws of partner totals with the layers on, and what was done to each.

    Attributes
    ----------
    revenue : float64 array, shape (draw, partner)
    factor : float64 array, shape (draw, partner)
        By what the model's own draws were multiplied.
    mean_factor : float64 array, shape (partner,)
        By what the model's expected revenue is to be multiplied: combination and correction.
    programme_factor : float64 array, shape (draw,)
        What all partners of a draw share: correction and the programme's width. It concerns new
        customers' revenue too, for which nothing else was learnt.
    """

    revenue: FloatArray
    factor: FloatArray
    mean_factor: FloatArray
    programme_factor: FloatArray


def applied_layers(names: Iterable[str] | None) -> tuple[str, ...]:
    """Check which layers are wanted; all of them by default.

    Parameters
    ----------
    names : iterable of str, or str, optional
        A single name may stand alone; ``"none"``, as on the command line, is none of them.

    Returns
    -------
    tuple of str

    Raises
    ------
    ConfigError
        A name that no layer has.

    Examples
    --------
    >>> applied_layers(["width"])
    ('width',)
    >>> applied_layers("none")
    ()
    """
    if names is None:
        return LAYER_NAMES
    wanted = (names,) if isinstance(names, str) else tuple(names)
    if wanted == ("none",):
        return ()
    unknown = [name for name in wanted if name not in LAYER_NAMES]
    if unknown:
        raise ConfigError(
            f"layer {', '.join(map(repr, unknown))}",
            expected=f"some of {', '.join(LAYER_NAMES)}",
            remedy="correct the name",
        )
    return tuple(name for name in LAYER_NAMES if name in wanted)


def unlearnt(horizon_days: float) -> LayerEstimate:
    """Say what is assumed of a horizon over which nothing could be tried: a drifting level.

    Examples
    --------
    >>> round(unlearnt(182.625).programme_spread, 3)
    0.111
    """
    drift = ANNUAL_DRIFT * np.sqrt(horizon_days / DAYS_PER_YEAR)
    return LayerEstimate(
        horizon_days=horizon_days,
        programme_spread=float(drift * np.sqrt(1.0 + 1.0 / PRIOR_WINDOWS)),
        freedom=PRIOR_FREEDOM,
    )


def choose_estimate(layers: Layers, horizon_days: float) -> LayerEstimate:
    """Take the estimate for the nearest horizon tried, its spread scaled with the root of time.

    Parameters
    ----------
    layers : Layers
    horizon_days : float

    Returns
    -------
    LayerEstimate
    """
    tried = [estimate for estimate in layers.estimates if estimate.windows]
    if not tried:
        return unlearnt(horizon_days)
    nearest = min(tried, key=lambda each: abs(np.log(each.horizon_days / horizon_days)))
    stretch = float(np.sqrt(horizon_days / nearest.horizon_days))
    return replace(
        nearest,
        horizon_days=horizon_days,
        programme_spread=nearest.programme_spread * stretch,
        partner_swing=nearest.partner_swing * stretch,
    )


def estimate_for(model: FittedModel, spec: ForecastSpec) -> LayerEstimate | None:
    """Look up what past forecasts taught for a forecast's horizon.

    Parameters
    ----------
    model : FittedModel
    spec : ForecastSpec

    Returns
    -------
    LayerEstimate or None
        None where nothing was tried, or no layer is wanted.
    """
    if model.layers is None or not spec.layers:
        return None
    return choose_estimate(model.layers, spec.horizon.days)


def recent_revenue(
    history: pd.DataFrame,
    partner_ids: tuple[str, ...],
    *,
    as_of: dt.date,
    days: float,
    estimate: LayerEstimate,
) -> FloatArray | None:
    """Recent revenue of each partner: exponentially smoothed, or of the same window last year.

    Parameters
    ----------
    history : pandas.DataFrame
        ``partner_id``, ``day``, ``revenue``
        (see :class:`ltvforecast.transaction_types.CustomerSummary`).
    partner_ids : tuple of str
    as_of : datetime.date
    days : float
        Length of the window ahead.
    estimate : LayerEstimate

    Returns
    -------
    float64 array, shape (partner,), or None
        Only the proportions count. None where the history does not reach back a year.

    References
    ----------
    Brown (1959), Statistical forecasting for inventory control (simple exponential smoothing).
    """
    end = (as_of - dt.date(1970, 1, 1)).days
    day = history["day"].to_numpy(np.int64)
    revenue = history["revenue"].to_numpy(np.float64)
    if estimate.recent == "last_year":
        begin = end - SEASON_DAYS
        if not len(day) or begin < day.min() - 1 or days > SEASON_DAYS:
            return None
        weight = ((day > begin) & (day <= begin + round(days))).astype(np.float64)
    else:
        weight = np.where(day <= end, 2.0 ** (-(end - day) / estimate.half_life_days), 0.0)
    place = pd.Index(partner_ids).get_indexer(pd.Index(history["partner_id"]))
    known = place >= 0
    return np.bincount(place[known], (weight * revenue)[known], minlength=len(partner_ids)).astype(
        np.float64
    )


def combine(
    mean: FloatArray, recent: FloatArray | None, customers: IntArray, *, weight: float
) -> FloatArray:
    """Weigh the recent level into the partners' forecasts; their total stays what it is.

    Parameters
    ----------
    mean : float64 array, shape (partner,)
        The model's forecast.
    recent : float64 array, shape (partner,), or None
        In any unit: it is brought to the same total.
    customers : int64 array, shape (partner,)
    weight : float
        Of the recent level, for a large partner.

    Returns
    -------
    float64 array, shape (partner,)

    Examples
    --------
    >>> combine(np.array([50.0, 50.0]), np.array([3.0, 1.0]), np.array([20, 20]), weight=0.8)
    array([60., 40.])
    """
    total = mean.sum()
    if weight == 0 or recent is None or total <= 0 or recent.sum() <= 0:
        return mean
    own = weight * customers / (customers + HALF_WEIGHT_CUSTOMERS)
    mixed = (1.0 - own) * mean + own * recent * (total / recent.sum())
    mixed = np.clip(mixed, mean / LARGEST_RATIO, mean * LARGEST_RATIO)
    return np.asarray(mixed * (total / mixed.sum()))


def layer_draws(
    revenue: FloatArray,
    *,
    estimate: LayerEstimate,
    recent: FloatArray | None,
    customers: IntArray,
    names: tuple[str, ...],
    seed: int,
) -> LayeredDraws:
    """Put the layers on draws of partner totals.

    Parameters
    ----------
    revenue : float64 array, shape (draw, partner)
        The model's own draws.
    estimate : LayerEstimate
    recent : float64 array, shape (partner,), or None
        See :func:`recent_revenue`.
    customers : int64 array, shape (partner,)
    names : tuple of str
        Layers to put on, of ``LAYER_NAMES``.
    seed : int

    Returns
    -------
    LayeredDraws
        What the model draws as nothing stays nothing.

    Notes
    -----
    With Z a partner's draw over its mean and C its mean after combination and correction, the
    layered draw is C * Z**width * S * F, scaled back to the mean C: S is the partner's own swing
    (log-normal) and F the factor that all partners of a draw share (log t, between 1/e and e, of
    mean one).
    """
    draws, partners = revenue.shape
    mean = revenue.mean(axis=0)
    weight = estimate.weight if "combination" in names else 0.0
    aim = combine(mean, recent, customers, weight=weight)
    level = float(np.exp(estimate.correction)) if "correction" in names else 1.0
    aim = aim * level
    common = np.full(draws, level)
    safe = np.where(mean > 0, mean, 1.0)
    scaled = revenue / safe
    if "width" in names:
        streams = np.random.SeedSequence([seed, _LAYER_STREAM]).spawn(2)
        rng_programme, rng_partner = (np.random.default_rng(stream) for stream in streams)
        if estimate.partner_width != 1.0:
            np.power(scaled, estimate.partner_width, out=scaled)
        if estimate.partner_swing > 0:
            scaled *= np.exp(
                estimate.partner_swing * rng_partner.standard_normal((draws, partners))
            )
        shared = rng_programme.standard_t(estimate.freedom, size=draws) * estimate.programme_spread
        shared = np.exp(np.clip(shared, -LARGEST_LOG_FACTOR, LARGEST_LOG_FACTOR))
        shared /= shared.mean()
        common *= shared
        scaled *= shared[:, None]
        again = scaled.mean(axis=0)
        scaled /= np.where(again > 0, again, 1.0)
    layered = scaled * aim
    factor = np.divide(layered, revenue, out=np.ones_like(layered), where=revenue > 0)
    return LayeredDraws(
        revenue=layered,
        factor=factor,
        mean_factor=np.where(mean > 0, aim / safe, 1.0),
        programme_factor=common,
    )


def layered_draws(
    model: FittedModel, spec: ForecastSpec, revenue: FloatArray
) -> LayeredDraws | None:
    """Put the layers that a forecast wants on draws of partner totals.

    Parameters
    ----------
    model : FittedModel
    spec : ForecastSpec
    revenue : float64 array, shape (draw, partner)
        The model's own draws.

    Returns
    -------
    LayeredDraws or None
        None where nothing was tried, or no layer is wanted.
    """
    estimate = estimate_for(model, spec)
    if estimate is None:
        return None
    summary = model.summary
    recent = recent_revenue(
        summary.history,
        summary.partner_ids,
        as_of=summary.as_of,
        days=spec.horizon.days,
        estimate=estimate,
    )
    return layer_draws(
        revenue,
        estimate=estimate,
        recent=recent,
        customers=summary.partner_customers,
        names=spec.layers,
        seed=spec.seed,
    )
