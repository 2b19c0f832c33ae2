"""New customers and what they will bring: simulated together, partner by partner, in each draw."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from ltvforecast.engines.local import available_workers, run_blocks
from ltvforecast.errors import ForecastError
from ltvforecast.fit_types import FittedModel
from ltvforecast.forecast.horizon import Periods
from ltvforecast.forecast.large_arrays import LargeArrays
from ltvforecast.forecast.new_customers import Acquired, acquire, plan_acquisition
from ltvforecast.forecast.newcomer_paths import Brought, add_elsewhere, simulate_newcomers_of
from ltvforecast.forecast.newcomer_records import Law
from ltvforecast.forecast.newcomer_setting import (
    SIDE_STREAM,
    VALUE_STREAM,
    NewcomerSetting,
    newcomer_setting,
)
from ltvforecast.forecast.newcomer_value import expected_worth, first_and_later_spend
from ltvforecast.transaction_types import CustomerSummary
from ltvforecast.types import FloatArray, IntArray

__all__ = ["Newcomers", "simulate_newcomers", "why_no_newcomers"]

Progress = Callable[[str, int, int], None]

MAX_WORKERS = 8
BLOCKS = 200
LARGEST_TOTAL = 2.0**62
LARGEST_Z = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Newcomers:
    """Customers who are still to come, and what they will bring each partner.

    Money is in whole quanta, partners in the order of the summary. Where nobody new is forecast
    everything is 0.

    Attributes
    ----------
    forecast : bool
        Whether new customers are forecast.
    reason : str
        The status of acquisition in plain words; why not, if not.
    partner_ids : tuple of str
    quantum : float
        Money in one quantum.
    customers : int64 array, shape (partner, draw, period)
        New customers, by acquiring partner and the period in which they come.
    revenue : int64 array, shape (partner, draw, period)
        All that new customers pay, by the partner who gets it.
    first_revenue : int64 array, shape (partner, draw, period)
        First purchases alone, part of ``revenue``.
    eligible : int64 array, shape (partner, draw, period), or None
        The part of ``revenue`` that comes within so many days of the customer's first purchase;
        None unless asked for.
    p_acquiring : float64 array, shape (partner,)
        Probability that the partner is still bringing new customers.
    life_days : float64 array, shape (partner, draw)
        Days until the partner stops bringing new customers; 0 if it already has.
    expected_customers : float64 array, shape (partner, draw)
        Closed-form means given the draw's parameters.
    expected_revenue : float64 array, shape (partner, draw)
        The same of ``revenue``, in quanta.
    self_check : mapping
        ``simulated`` and ``closed_form`` revenue of the programme, ``z`` and ``checked``: the
        closed form given the simulated numbers of customers. Not checked where purchases have no
        variance, or rate and spend level are related (the closed form is approximate there).
    """

    forecast: bool
    reason: str
    partner_ids: tuple[str, ...]
    quantum: float
    customers: IntArray
    revenue: IntArray
    first_revenue: IntArray
    eligible: IntArray | None
    p_acquiring: FloatArray
    life_days: FloatArray
    expected_customers: FloatArray
    expected_revenue: FloatArray
    self_check: Mapping[str, object]

    @property
    def active(self) -> IntArray:
        """New customers in the whole horizon, shape (partner, draw); each of them buys."""
        return np.asarray(self.customers.sum(axis=2))


def why_no_newcomers(model: FittedModel) -> str:
    """Say why no new customers are forecast; empty if they are.

    Parameters
    ----------
    model : FittedModel

    Returns
    -------
    str
        A sentence or two.
    """
    if model.acquisition is None:
        return "New customers are not forecast: the model was fitted without them."
    if model.acquisition.status != "open":
        return model.acquisition.reason
    q = np.asarray(model.spend.draws["q"])
    if q.min() <= 1.0:
        return (
            "New customers are not forecast: the spend model gives no finite mean for somebody "
            f"who has not bought yet (q = {q.min():.3g})."
        )
    return ""


def simulate_newcomers(
    model: FittedModel,
    periods: Periods,
    *,
    draws: int,
    seed: int,
    quantum: float,
    eligible_days: float | FloatArray | None = None,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Newcomers:
    """Simulate every partner's new customers, and all that they will buy, jointly in each draw.

    Parameters
    ----------
    model : FittedModel
    periods : Periods
    draws : int
        Draw m uses the same parameter draw as the forecast of known customers.
    seed : int
        A partner meets the same random numbers whatever the other partners are.
    quantum : float
        Money in one quantum, a power of two.
    eligible_days : float or float64 array of shape (partner,), optional
        Count the revenue within so many days of a customer's first purchase apart; of each
        customer by the days of its acquiring partner.
    workers : int, optional
        Threads; by default one for each processor, at most 8. Changes no number.
    progress : callable, optional

    Returns
    -------
    Newcomers
        All 0 if the acquisition fit says that nobody new can be forecast.

    Raises
    ------
    ForecastError
        Sums that don't fit 64 bits, or draws that disagree with the closed form.

    Notes
    -----
    Counts by :mod:`ltvforecast.forecast.new_customers`, what follows by
    :mod:`ltvforecast.forecast.newcomer_paths`. First purchases come when acquisition brings them;
    later ones run on the seasonal clock.

    References
    ----------
    Fader, Hardie & Lee (2005), Marketing Science 24(2); Fader & Hardie (2013), The gamma-gamma
    model of monetary value.
    """
    reason = why_no_newcomers(model)
    fit = model.acquisition
    if reason or fit is None:
        return _nobody(
            model,
            (len(model.summary.partner_ids), draws, len(periods)),
            quantum=quantum,
            reason=reason,
            eligible=eligible_days is not None,
        )
    setting = newcomer_setting(
        model,
        plan_acquisition(fit, periods.edges_days, seed=seed, draws=draws),
        periods=periods,
        draws=draws,
        quantum=quantum,
    )
    stage = _stage(model.summary, setting, shape=(draws, len(periods)), eligible_days=eligible_days)
    count = len(model.summary.partner_ids)
    threads = min(available_workers(), MAX_WORKERS) if workers is None else max(workers, 1)
    size = max(1, count // BLOCKS)
    blocks = [range(k, min(k + size, count)) for k in range(0, count, size)]
    run_blocks(
        lambda block, _: _simulate_block(stage, block),
        blocks,
        tallies=[None] * min(threads, len(blocks)),
        label="simulating new customers",
        progress=progress,
    )
    return _finished(model, stage, reason=fit.reason, draws=draws)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stage:
    """What all partners share, and where their results go; the lock guards the sums."""

    partner_ids: tuple[str, ...]
    setting: NewcomerSetting
    eligible_days: FloatArray
    customers: IntArray
    revenue: IntArray
    first_revenue: IntArray
    eligible: IntArray
    p_acquiring: FloatArray
    life_days: FloatArray
    expected_customers: FloatArray
    expected_revenue: FloatArray
    given: IntArray
    pool: IntArray
    size: FloatArray
    lock: threading.Lock


def _stage(
    summary: CustomerSummary,
    setting: NewcomerSetting,
    *,
    shape: tuple[int, int],
    eligible_days: float | FloatArray | None,
) -> _Stage:
    partners, draws = len(summary.partner_ids), shape[0]
    large = LargeArrays((partners, *shape), 3 if eligible_days is None else 4)
    return _Stage(
        partner_ids=summary.partner_ids,
        setting=setting,
        eligible_days=np.broadcast_to(
            np.float64(-1.0) if eligible_days is None else np.asarray(eligible_days, np.float64),
            (partners,),
        ),
        customers=large.new(),
        revenue=large.new(),
        first_revenue=large.new(),
        eligible=np.zeros((0, 0, 0), dtype=np.int64) if eligible_days is None else large.new(),
        p_acquiring=np.zeros(partners),
        life_days=np.zeros((partners, draws)),
        expected_customers=np.zeros((partners, draws)),
        expected_revenue=np.zeros((partners, draws)),
        given=np.zeros(draws, dtype=np.int64),
        pool=np.zeros(draws, dtype=np.int64),
        size=np.zeros(draws),
        lock=threading.Lock(),
    )


def _simulate_block(stage: _Stage, block: range) -> None:
    for place in block:
        if stage.partner_ids[place] in stage.setting.plan.rows:
            _simulate_partner(stage, place)


def _simulate_partner(stage: _Stage, place: int) -> None:
    name, setting = stage.partner_ids[place], stage.setting
    came = acquire(setting.plan, name)
    law, later, pairing = setting.of(place)
    counts = came.counts.astype(np.int64)
    expected = _expectations(stage, came, law, later)
    shape = stage.revenue.shape[1:]
    money = [np.zeros(shape, dtype=np.int64) for _ in range(3)]
    brought = Brought(money[0], money[1], money[2], np.zeros(shape[0]))
    away = simulate_newcomers_of(
        setting.stream(VALUE_STREAM, name),
        setting.stream(SIDE_STREAM, name),
        counts,
        came.lived,
        expected[-1],
        law,
        setting.timing,
        pairing,
        setting.terms._replace(partner=place, eligible_days=float(stage.eligible_days[place])),
        brought,
    )
    np.add.at(stage.customers[place].T, setting.timing.target, counts.T)
    stage.first_revenue[place] = brought.first_revenue
    stage.p_acquiring[place] = came.p_acquiring.mean()
    stage.life_days[place] = came.life_days
    _add(stage, place, brought, away=away, expected=expected)


def _expectations(
    stage: _Stage, came: Acquired, law: Law, later: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Expect customers, revenue kept, revenue that goes anywhere, and revenue given the counts."""
    terms = stage.setting.terms
    first, each = first_and_later_spend(law, terms.highest_spend)
    first, each = first / terms.quantum, each / terms.quantum
    customers = came.expected.sum(axis=1)
    repeats = each * (came.expected * later).sum(axis=1)
    kept = first * customers + (1.0 - terms.novelty) * repeats
    return customers, kept, terms.novelty * repeats, expected_worth(came.counts, law, later, terms)


def _add(
    stage: _Stage,
    place: int,
    brought: Brought,
    *,
    away: IntArray,
    expected: tuple[FloatArray, FloatArray, FloatArray, FloatArray],
) -> None:
    """Add to the sums, in whole numbers, so that the order of partners is nothing."""
    customers, kept, anywhere, given = expected
    stage.expected_customers[place], stage.expected_revenue[place] = customers, kept
    with stage.lock:
        stage.revenue[place] += brought.revenue
        if len(stage.eligible):
            stage.eligible[place] += brought.eligible
        add_elsewhere(away, stage.revenue, stage.eligible)
        np.add(stage.given, np.rint(np.minimum(given, 1e15)).astype(np.int64), out=stage.given)
        np.add(stage.pool, np.rint(np.minimum(anywhere, 1e15)).astype(np.int64), out=stage.pool)
        np.add(stage.size, brought.size, out=stage.size)


def _finished(model: FittedModel, stage: _Stage, *, reason: str, draws: int) -> Newcomers:
    if not float(stage.size.max()) < LARGEST_TOTAL:
        raise ForecastError(
            "a parameter draw under which new customers' revenue is beyond all bounds",
            expected="revenue of a comparable size in all parameter draws",
            remedy="fit with --method laplace, or give it more purchases",
        )
    share = model.summary.programme_share / model.summary.programme_share.sum()
    for place in range(len(share)):
        stage.expected_revenue[place] += share[place] * stage.pool
    reliable = stage.setting.paired is None and float(stage.setting.parameters.draws.q.min()) > 2.0
    return Newcomers(
        forecast=True,
        reason=reason,
        partner_ids=stage.partner_ids,
        quantum=stage.setting.terms.quantum,
        customers=stage.customers,
        revenue=stage.revenue,
        first_revenue=stage.first_revenue,
        eligible=stage.eligible if len(stage.eligible) else None,
        p_acquiring=stage.p_acquiring,
        life_days=stage.life_days,
        expected_customers=stage.expected_customers,
        expected_revenue=stage.expected_revenue,
        self_check=_check(stage, draws=draws, reliable=reliable),
    )


def _check(stage: _Stage, *, draws: int, reliable: bool) -> dict[str, object]:
    """Hold the programme's simulated revenue against its expectation given the counts."""
    simulated = np.zeros(draws)
    for revenue in stage.revenue:
        simulated += revenue.sum(axis=1)
    difference = simulated - stage.given
    spread = float(np.std(difference, ddof=1)) if draws > 1 else 0.0
    checked = reliable and draws >= 30 and spread > 0
    z = float(difference.mean() / (spread / np.sqrt(draws))) if checked else 0.0
    found: dict[str, object] = {
        "simulated": float(simulated.mean()) * stage.setting.terms.quantum,
        "closed_form": float(stage.given.mean()) * stage.setting.terms.quantum,
        "z": z,
        "checked": checked,
    }
    if abs(z) > LARGEST_Z:
        raise ForecastError(
            f"draws and closed form disagree on new customers' revenue: simulated "
            f"{found['simulated']:.6g}, expected {found['closed_form']:.6g}, {z:.1f} standard "
            "errors apart",
            expected=f"at most {LARGEST_Z:g} standard errors",
            remedy="this is a fault of the program: please report it with the model",
        )
    return found


def _nobody(
    model: FittedModel,
    shape: tuple[int, int, int],
    *,
    quantum: float,
    reason: str,
    eligible: bool,
) -> Newcomers:
    none = np.broadcast_to(np.int64(0), shape)
    zero = np.broadcast_to(np.float64(0.0), shape[:2])
    return Newcomers(
        forecast=False,
        reason=reason,
        partner_ids=model.summary.partner_ids,
        quantum=quantum,
        customers=none,
        revenue=none,
        first_revenue=none,
        eligible=none if eligible else None,
        p_acquiring=np.zeros(shape[0]),
        life_days=zero,
        expected_customers=zero,
        expected_revenue=zero,
        self_check={"simulated": 0.0, "closed_form": 0.0, "z": 0.0, "checked": False},
    )
