"""What past forecasts teach: by how much to correct, to widen, and to trust the recent level."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from ltvforecast.evaluate.hindcast import HORIZONS, PastForecast
from ltvforecast.evaluate.risk_bands import learn_bands
from ltvforecast.evaluate.scores import bias, coverage, crps_normal, randomised_pit, wape
from ltvforecast.forecast.layers import (
    ANNUAL_DRIFT,
    DAYS_PER_YEAR,
    LAYER_NAMES,
    PRIOR_FREEDOM,
    PRIOR_WINDOWS,
    combine,
    layer_draws,
    recent_revenue,
    unlearnt,
)
from ltvforecast.layer_types import LayerEstimate, Layers, TrackRecord
from ltvforecast.types import FloatArray

__all__ = ["Evidence", "gather_evidence", "learn_estimate", "learn_layers", "learn_programme"]

EPOCH = dt.date(1970, 1, 1)

SHORTEST_PART = 0.3
"""A window counts for a horizon if it is at least this part of it."""
FEWEST_CUSTOMERS = 10
"""Partners with fewer customers tell nothing of shares and widths."""
SCORED_CUSTOMERS = 20
"""The track record counts partners with at least so many, as the backtest does by default."""
WEIGHTS = (0.15, 0.3, 0.45, 0.6, 0.75, 0.9)
WIDTHS = np.geomspace(0.6, 3.0, 65)
SWINGS = np.arange(0.0, 0.41, 0.02)
PRIOR_PARTNERS = 20.0
"""So many partner totals that fell as the model says stand for its own spread."""
LEAST_EVIDENCE = 2.0
"""A swing is believed if it raises the log-likelihood by so much (as AIC would, twice over)."""
END_SCORE = 2.0
LARGEST_SWING = 0.5
LARGEST_ERROR = 0.7
"""The log error of a programme counts as at most a factor of two."""
LARGEST_MODEL_SD = 0.3

_RECENT: tuple[LayerEstimate, ...] = (
    *(LayerEstimate(horizon_days=1.0, half_life_days=days) for days in (28.0, 56.0, 112.0)),
    LayerEstimate(horizon_days=1.0, recent="last_year"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """One past forecast, reduced to what the layers are learnt from.

    Attributes
    ----------
    window : PastForecast
    mean : float64 array, shape (partner,)
    spread : float64 array, shape (partner,)
        Half the width of the central 68 % of the draws over their mean.
    log_error : float
        Of the programme: log of actual over the median of the draws.
    log_variance : float
        Of the programme's draws.
    recent : mapping of int to float64 array, shape (partner,)
        Recent revenue in the ways that were possible, by their place in the list of all.
    told : bool array, shape (partner,)
        Partners large enough to tell something.
    """

    window: PastForecast
    mean: FloatArray
    spread: FloatArray
    log_error: float
    log_variance: float
    recent: Mapping[int, FloatArray]
    told: npt.NDArray[np.bool_]


def gather_evidence(past: PastForecast) -> Evidence:
    """Reduce a past forecast to what the layers are learnt from."""
    mean = past.draws.mean(axis=0)
    low, high = np.quantile(past.draws, (0.16, 0.84), axis=0)
    totals = np.log(np.maximum(past.draws.sum(axis=1), 1e-9))
    error = np.log(max(past.total, 1e-9)) - np.median(totals)
    recent = {}
    for place, way in enumerate(_RECENT):
        found = recent_revenue(
            past.history,
            past.partner_ids,
            as_of=EPOCH + dt.timedelta(days=past.origin_day),
            days=past.days,
            estimate=way,
        )
        if found is not None:
            recent[place] = found
    return Evidence(
        window=past,
        mean=mean,
        spread=(high - low) / 2 / np.where(mean > 0, mean, 1.0),
        log_error=float(np.clip(error, -LARGEST_ERROR, LARGEST_ERROR)),
        log_variance=min(float(totals.var()), LARGEST_MODEL_SD**2),
        recent=recent,
        told=(past.customers >= FEWEST_CUSTOMERS) & (mean > 0),
    )


def learn_layers(past: Sequence[PastForecast], *, refused: int, shares: bool, seed: int) -> Layers:
    """Learn the layers for every horizon that could be tried, and how right forecasts were.

    Parameters
    ----------
    past : sequence of PastForecast
    refused : int
        Dates at which nothing could be fitted.
    shares : bool
        Whether partners' totals can be compared with their sales: if a customer's value goes to
        one partner by rule, whoever sells, only the programme's can.
    seed : int

    Returns
    -------
    Layers
    """
    known = [gather_evidence(each) for each in past]
    estimates = (learn_estimate(known, days, shares=shares) for days in HORIZONS)
    records = (_track_record(known, days, seed=seed) for days in HORIZONS) if shares else ()
    origins = tuple(sorted({EPOCH + dt.timedelta(days=each.origin_day) for each in past}))
    return Layers(
        estimates=tuple(each for each in estimates if each.windows),
        track_record=tuple(record for record in records if record is not None),
        origins=origins,
        how=_how(origins, refused, shares=shares),
        risk_bands=learn_bands(past) if shares else (),
    )


def _how(origins: Sequence[dt.date], refused: int, *, shares: bool) -> str:
    if not origins:
        return (
            "the history is too short to try forecasts at past dates: nothing is corrected, and "
            "ranges are widened by a drift of 14 % a year"
        )
    told = (
        f"forecasts from {len(origins)} past dates between {origins[0]} and {origins[-1]}, each "
        "with what was known then, were compared with what came"
    )
    if refused:
        told += f"; at {refused} more nothing could be fitted"
    if not shares:
        told += (
            "; under this attribution rule partners' totals can't be compared with their sales, "
            "so only the programme's are"
        )
    return told


def learn_estimate(past: Sequence[Evidence], days: float, *, shares: bool = True) -> LayerEstimate:
    """Learn the layers for one horizon.

    Parameters
    ----------
    past : sequence of Evidence
        Any windows; of each date the longest counts that is not longer than the horizon.
    days : float
        The horizon.
    shares : bool
        Learn of partners too, not of the programme only.

    Returns
    -------
    LayerEstimate

    Notes
    -----
    Shorter windows count for as much as their part of the horizon. What is recent tells less of a
    longer window: a weight learnt from shorter ones is cut by the root of their part of it.
    Combination: the weight and
    kind of recent level with the lowest CRPS of partner totals, the programme's own error taken
    out, if it is lower than without by more than one standard error (one-standard-error rule). The
    CRPS is that of a normal distribution of the same mean and central 68 %. Then the factor on the
    spread by the places of what came among the draws, in its prior worth 20 totals that fell as
    the model says; and a swing, if it raises the likelihood enough.

    References
    ----------
    Breiman, Friedman, Olshen & Stone (1984), Classification and regression trees, section 3.4.3
    (one-standard-error rule); Gneiting, Raftery, Westveld & Goldman (2005), Monthly Weather Review
    133, 1098-1118 (estimation by minimum CRPS).
    """
    chosen = _longest(past, days)
    if not chosen:
        return unlearnt(days)
    estimate = learn_programme(chosen, days)
    told = int(sum(each.told.sum() for each in chosen))
    if not shares or not told:
        return estimate
    weight, place, gain = _learn_weight(chosen, days)
    part = np.array([_part(each, days) for each in chosen])
    weight *= float(np.sqrt(np.average(part, weights=part)))
    means = [_combined(each, weight, place) for each in chosen]
    width, swing = _learn_spread(chosen, means, days)
    return replace(
        estimate,
        partners=told,
        weight=weight,
        recent=_RECENT[place].recent,
        half_life_days=_RECENT[place].half_life_days,
        gain=gain,
        partner_width=width,
        partner_swing=swing,
    )


def _longest(past: Iterable[Evidence], days: float) -> list[Evidence]:
    """Of each past date the longest window that is not longer than the horizon."""
    best: dict[int, Evidence] = {}
    for each in past:
        window = each.window
        if not SHORTEST_PART * days <= window.days <= days:
            continue
        if window.history_days < 0.9 * window.days:
            continue
        other = best.get(window.origin_day)
        if other is None or other.window.days < window.days:
            best[window.origin_day] = each
    return list(best.values())


def _part(each: Evidence, days: float) -> float:
    return each.window.days / days


def learn_programme(chosen: Sequence[Evidence], days: float) -> LayerEstimate:
    """Learn correction and width of the programme's total.

    Parameters
    ----------
    chosen : sequence of Evidence
        One window for each past date; at least one.
    days : float
        The horizon.

    Returns
    -------
    LayerEstimate

    Notes
    -----
    The log errors d of k past totals are normal around a lasting error, with the conjugate prior
    that their variance is scaled inverse chi-squared with two degrees of freedom and the drift's
    variance as its scale, and that the lasting error is worth four windows of zero: the prediction
    is a t distribution (Gelman et al. 2013, Bayesian Data Analysis, section 3.3). Overlapping
    windows count as their total span over the horizon. The model's own variance is taken off the
    squares, for it is in the draws already.
    """
    part = np.array([_part(each, days) for each in chosen])
    error = np.array([each.log_error for each in chosen])
    own = np.array([each.log_variance for each in chosen])
    count = _independent(chosen, days)
    centre = float(np.average(error, weights=part))
    noise = float(np.average(own, weights=part))
    scatter = count * float(np.average((error - centre) ** 2, weights=part))
    scatter = max(scatter - max(count - 1.0, 0.0) * noise, 0.0)
    prior = ANNUAL_DRIFT**2 * days / DAYS_PER_YEAR
    windows, freedom = PRIOR_WINDOWS + count, PRIOR_FREEDOM + count
    between = PRIOR_WINDOWS / windows * max(count * centre**2 - noise, 0.0)
    variance = (PRIOR_FREEDOM * prior + scatter + between) / freedom
    return LayerEstimate(
        horizon_days=float(days),
        windows=len(chosen),
        correction=float(count * centre / windows),
        programme_spread=float(np.sqrt(variance * (1.0 + 1.0 / windows))),
        freedom=float(freedom),
    )


def _combined(each: Evidence, weight: float, place: int) -> FloatArray:
    return combine(each.mean, each.recent.get(place), each.window.customers, weight=weight)


def _scores(each: Evidence, mean: FloatArray) -> FloatArray:
    """CRPS of the partners that tell something, over what came, the programme's error out."""
    actual, aim = each.window.actual[each.told], mean[each.told]
    came = actual.sum()
    if came <= 0 or aim.sum() <= 0:
        return np.zeros(len(actual))
    aim = aim * np.clip(came / aim.sum(), 0.5, 2.0)
    sd = np.maximum(aim * each.spread[each.told], 1e-6 * aim.max())
    return np.asarray(crps_normal(actual, aim, sd) / came)


def _learn_weight(chosen: Sequence[Evidence], days: float) -> tuple[float, int, float]:
    """Weight and way of the recent level, and by what part it lowers the CRPS."""
    part = np.array([_part(each, days) for each in chosen])
    part = part / part.sum()
    plain = [_scores(each, each.mean) for each in chosen]
    before = float(sum(w * scores.sum() for w, scores in zip(part, plain, strict=True)))
    best = (0.0, 0.0, 0)
    ways = set.intersection(*(set(each.recent) for each in chosen))
    for place in sorted(ways):
        for weight in WEIGHTS:
            gains = np.concatenate(
                [
                    w * (scores - _scores(each, _combined(each, weight, place)))
                    for w, each, scores in zip(part, chosen, plain, strict=True)
                ]
            )
            error = np.sqrt(len(gains) * gains.var())
            if gains.sum() > error and gains.sum() > best[0]:
                best = (float(gains.sum()), weight, place)
    gain, weight, place = best
    return weight, place, float(gain / before) if before > 0 else 0.0


def _learn_spread(
    chosen: Sequence[Evidence], means: Sequence[FloatArray], days: float
) -> tuple[float, float]:
    """Width and swing of partner totals with the highest likelihood, given their prior.

    Relative errors are normal with variance ``(width spread)^2 + swing^2``. Each counts for as
    much as its window is a part of the horizon, and for less where windows overlap.
    """
    errors = [_relative_errors(each, mean) for each, mean in zip(chosen, means, strict=True)]
    spread = np.concatenate([each.spread[each.told] for each in chosen])
    error = np.concatenate(errors)
    weight = np.concatenate(
        [np.full(len(e), _part(each, days)) for e, each in zip(errors, chosen, strict=True)]
    )
    known = spread > 0
    if not known.any():
        return 1.0, 0.0
    spread, error, weight = spread[known], error[known], weight[known]
    weight = weight * _independent(chosen, days) / sum(_part(each, days) for each in chosen)
    variance = (WIDTHS[:, None, None] * spread) ** 2 + SWINGS[None, :, None] ** 2
    fit = -0.5 * ((np.log(variance) + error**2 / variance) * weight).sum(axis=2)
    fit -= 0.5 * PRIOR_PARTNERS * (2 * np.log(WIDTHS) + WIDTHS**-2.0)[:, None]
    alone = int(np.argmax(fit[:, 0]))
    both = np.unravel_index(int(np.argmax(fit)), fit.shape)
    if fit[both] - fit[alone, 0] < LEAST_EVIDENCE:
        return float(WIDTHS[alone]), 0.0
    return float(WIDTHS[both[0]]), float(SWINGS[both[1]])


def _relative_errors(each: Evidence, mean: FloatArray) -> FloatArray:
    """Relative errors of the partners' totals, the programme's own error out, whatever the skew.

    The place of a total among the draws (brought to this mean), as a normal score times their
    spread. Near the ends, where places tell no distance, at least its log distance from their
    median, up to a limit: one partner that closes is not the swing of all.
    """
    actual, aim, own = (values[each.told] for values in (each.window.actual, mean, each.mean))
    came = float(actual.sum())
    shift = np.clip(came / aim.sum(), 0.5, 2.0) if came > 0 else 1.0
    rng = np.random.default_rng([each.window.origin_day, each.window.days])
    draws = each.window.draws[:, each.told]
    brought = actual * own / (aim * shift)
    score = ndtri(randomised_pit(brought, draws, rng=rng))
    error = score * each.spread[each.told]
    with np.errstate(divide="ignore", invalid="ignore"):  # 0 of 0 is no distance
        distance = np.abs(np.log(brought) - np.log(np.median(draws, axis=0)))
    far = np.minimum(np.nan_to_num(distance, nan=0.0, posinf=LARGEST_SWING), LARGEST_SWING)
    at_end = np.abs(score) > END_SCORE
    error[at_end] = np.sign(score[at_end]) * np.maximum(np.abs(error), far)[at_end]
    return np.asarray(error)


def _independent(chosen: Sequence[Evidence], days: float) -> float:
    """Count windows, shorter ones in part, as if what overlaps were one."""
    part = np.array([_part(each, days) for each in chosen])
    mean_days = np.average([each.window.days for each in chosen], weights=part)
    ends = [each.window.origin_day + each.window.days for each in chosen]
    span = max(ends) - min(each.window.origin_day for each in chosen)
    return min(float(part.sum()), max(1.0, float(span / mean_days)))


def _track_record(known: Sequence[Evidence], days: int, *, seed: int) -> TrackRecord | None:
    """Score every window of this length with layers learnt from windows that had ended before."""
    rows: list[tuple[FloatArray, FloatArray, FloatArray, FloatArray]] = []
    totals = np.zeros((2, 0))
    for each in known:
        window = each.window
        scored = window.customers >= SCORED_CUSTOMERS
        if window.days != days or not scored.any() or window.history_days < 0.9 * days:
            continue
        earlier = [e for e in known if e.window.origin_day + e.window.days <= window.origin_day]
        layered = _layered(each, learn_estimate(earlier, days), seed)
        rng = np.random.default_rng([seed, window.origin_day, days])
        actual = window.actual[scored]
        rows.append(
            (
                actual,
                layered[:, scored].mean(axis=0),
                _last_window(window)[scored],
                randomised_pit(actual, layered[:, scored], rng=rng),
            )
        )
        came = np.array([[window.total], [float(layered.sum(axis=1).mean())]])
        totals = np.concatenate([totals, came], axis=1)
    if not rows:
        return None
    actual, forecast, last, pit = (np.concatenate(column) for column in zip(*rows, strict=True))
    return TrackRecord(
        horizon_days=float(days),
        windows=len(rows),
        partners=len(actual),
        coverage_50=coverage(pit, level=50),
        coverage_80=coverage(pit, level=80),
        coverage_90=coverage(pit, level=90),
        wape=wape(actual, forecast),
        wape_last_window=wape(actual, last),
        bias=bias(totals[0], totals[1]),
    )


def _layered(each: Evidence, estimate: LayerEstimate, seed: int) -> FloatArray:
    window = each.window
    recent = recent_revenue(
        window.history,
        window.partner_ids,
        as_of=EPOCH + dt.timedelta(days=window.origin_day),
        days=window.days,
        estimate=estimate,
    )
    return layer_draws(
        window.draws,
        estimate=estimate,
        recent=recent,
        customers=window.customers,
        names=LAYER_NAMES,
        seed=seed,
    ).revenue


def _last_window(window: PastForecast) -> FloatArray:
    history = window.history
    recent = history[history["day"] > window.origin_day - window.days]
    by_partner = recent.groupby("partner_id")["revenue"].sum()
    return by_partner.reindex(list(window.partner_ids), fill_value=0.0).to_numpy(np.float64)
