"""Runs the two futures of a what-if over the customers who are still to come."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ltvforecast.engines.local import available_workers, run_blocks
from ltvforecast.errors import ForecastError
from ltvforecast.fit_types import FittedModel
from ltvforecast.forecast.horizon import Periods
from ltvforecast.forecast.large_arrays import LargeArrays
from ltvforecast.forecast.new_customers import acquire, plan_acquisition
from ltvforecast.forecast.newcomer_setting import (
    SIDE_STREAM,
    VALUE_STREAM,
    NewcomerSetting,
    newcomer_setting,
)
from ltvforecast.forecast.newcomer_value import expected_worth
from ltvforecast.forecast.newcomers import why_no_newcomers
from ltvforecast.forecast.scenario_newcomer_paths import (
    BroughtPair,
    Effect,
    simulate_newcomer_pair,
)
from ltvforecast.types import FloatArray, IntArray

__all__ = ["NewcomerPair", "simulate_newcomer_futures"]

Progress = Callable[[str, int, int], None]

MAX_WORKERS = 8
LARGEST_TOTAL = 2.0**62
_WHO_STREAM = 0x77686F  # "who": who comes in one future only
_UNCHANGED = Effect(1.0, 1.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class NewcomerPair:
    """What customers still to come bring in both futures: pairs of arrays, base and changed.

    Each int64 of shape (partner, draw, period): ``revenue`` and ``first_revenue`` in quanta, by the
    partner who gets it, and ``eligible``, the part that counts for a commission (None unless asked
    for); ``customers`` in numbers, by the acquiring partner.
    """

    revenue: tuple[IntArray, IntArray]
    first_revenue: tuple[IntArray, IntArray]
    customers: tuple[IntArray, IntArray]
    eligible: tuple[IntArray, IntArray] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stage:
    """What all partners share."""

    names: tuple[str, ...]
    setting: NewcomerSetting
    effect: Effect
    concerned: IntArray
    eligible_days: FloatArray | None
    result: NewcomerPair
    size: FloatArray
    lock: threading.Lock


def simulate_newcomer_futures(
    model: FittedModel,
    periods: Periods,
    effect: Effect,
    *,
    concerned: IntArray,
    draws: int,
    seed: int,
    quantum: float,
    eligible_days: FloatArray | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> NewcomerPair | None:
    """Simulate both futures of every partner's new customers.

    Parameters
    ----------
    model : FittedModel
    periods : Periods
    effect : Effect
    concerned : int64 array, shape (partner,)
        1 for partners whose new customers it concerns.
    eligible_days : float64 array, shape (partner,), optional
        Count the revenue within so many days of a customer's first purchase apart.
    draws, seed, quantum, workers, progress
        As in :func:`ltvforecast.forecast.newcomers.simulate_newcomers`, whose numbers the base has
        if nothing changes.

    Returns
    -------
    NewcomerPair or None
        None where nobody new can be forecast.

    Raises
    ------
    ForecastError
        Revenue beyond all bounds.
    """
    fit = model.acquisition
    if why_no_newcomers(model) or fit is None:
        return None
    setting = newcomer_setting(
        model,
        plan_acquisition(fit, periods.edges_days, seed=seed, draws=draws),
        periods=periods,
        draws=draws,
        quantum=quantum,
    )
    stage = _stage(
        model.summary.partner_ids,
        setting,
        shape=(draws, len(periods)),
        effect=effect,
        concerned=concerned,
        eligible_days=eligible_days,
    )
    partners = range(len(model.summary.partner_ids))
    threads = min(available_workers(), MAX_WORKERS) if workers is None else workers
    run_blocks(
        lambda place, _: _simulate_partner(stage, place),
        list(partners),
        tallies=[None] * min(threads, len(partners)),
        label="simulating both futures of new customers",
        progress=progress,
    )
    if not float(stage.size.max()) < LARGEST_TOTAL:
        raise ForecastError(
            "a parameter draw under which new customers' revenue is beyond all bounds",
            expected="revenue of a comparable size in all parameter draws",
            remedy="change behaviour by less, or fit with --method laplace",
        )
    return stage.result


def _stage(
    names: tuple[str, ...],
    setting: NewcomerSetting,
    *,
    shape: tuple[int, int],
    effect: Effect,
    concerned: IntArray,
    eligible_days: FloatArray | None,
) -> _Stage:
    arrays = LargeArrays((len(names), *shape), 6 if eligible_days is None else 8)
    return _Stage(
        names=names,
        setting=setting,
        effect=effect,
        concerned=concerned,
        eligible_days=eligible_days,
        result=NewcomerPair(
            revenue=(arrays.new(), arrays.new()),
            first_revenue=(arrays.new(), arrays.new()),
            customers=(arrays.new(), arrays.new()),
            eligible=None if eligible_days is None else (arrays.new(), arrays.new()),
        ),
        size=np.zeros(shape[0]),
        lock=threading.Lock(),
    )


def _simulate_partner(stage: _Stage, place: int) -> None:
    name, setting = stage.names[place], stage.setting
    if name not in setting.plan.rows:
        return
    came = acquire(setting.plan, name)
    law, later, pairing = setting.of(place)
    result = stage.result
    shape = (2, *result.revenue[0].shape[1:])
    days = -1.0 if stage.eligible_days is None else float(stage.eligible_days[place])
    brought = BroughtPair(*(np.zeros(shape, dtype=np.int64) for _ in range(4)))
    away = simulate_newcomer_pair(
        setting.stream(VALUE_STREAM, name),
        setting.stream(SIDE_STREAM, name),
        setting.stream(_WHO_STREAM, name),
        came.counts.astype(np.int64),
        came.lived,
        expected_worth(came.counts, law, later, setting.terms),
        law,
        setting.timing,
        pairing,
        setting.terms._replace(partner=place, eligible_days=days),
        stage.effect if stage.concerned[place] == 1 else _UNCHANGED,
        brought,
    )
    for future in range(2):
        result.first_revenue[future][place] = brought.first_revenue[future]
        result.customers[future][place] = brought.customers[future]
    with stage.lock:
        for future in range(2):
            result.revenue[future][place] += brought.revenue[future]
            own = away[:, away[2] % 2 == future]
            where = (own[0], own[1], own[2] // 2)
            np.add.at(result.revenue[future], where, own[3])
            if result.eligible is not None:
                result.eligible[future][place] += brought.eligible[future]
                np.add.at(result.eligible[future], where, own[4])
        np.add(stage.size, brought.revenue.astype(np.float64).sum(axis=(0, 2)), out=stage.size)
        np.add.at(stage.size, away[1], away[3].astype(np.float64))
