"""New customers to come: per draw, partner and period, from each partner's own random stream."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ltvforecast.acquisition_types import AcquisitionFit, NewCustomers
from ltvforecast.errors import ForecastError
from ltvforecast.forecast.streams import open_named_stream
from ltvforecast.formulas.nb_dropout import (
    Histories,
    Parameters,
    expected_new_customers_active,
    partner_posterior,
    period_level,
    remaining_life,
    simulate_new_customers,
)
from ltvforecast.types import FloatArray, IntArray

__all__ = ["Acquired", "AcquisitionPlan", "acquire", "plan_acquisition", "predict_new_customers"]

EPOCH = dt.date(1970, 1, 1)
_STREAM = 0x6E6577  # "new": apart from the streams of customers known already
_MOST_WORK = 500_000
_FEWEST_DISTINCT = 100
"""Of very many partners each gets fewer distinct parameter draws, several futures from each."""


class AcquisitionPlan(NamedTuple):
    """What all partners share: the future cut at the edges asked for and at the model's own.

    ``edges`` (piece + 1,) in the model's periods from the end of ``as_of``, ``days`` (piece + 1,)
    the same in days; ``period`` and ``target`` (piece,) the model's period and the one asked for;
    ``parameters`` and ``level`` (draw, piece) behind and ahead; ``still_open`` (draw,) 0 where the
    programme takes in nobody; ``rows`` places of the partners in the fit.
    """

    fit: AcquisitionFit
    seed: int
    edges: FloatArray
    days: FloatArray
    period: IntArray
    target: IntArray
    parameters: Parameters
    level: FloatArray
    still_open: FloatArray
    rows: dict[str, int]


class Acquired(NamedTuple):
    """One partner's new customers.

    ``counts`` (draw, piece) in whole numbers; ``lived`` (draw, piece) the share of each piece in
    which the partner is active; ``life_days`` (draw,); ``p_acquiring`` (draw,) and ``expected``
    (draw, piece) given the draw's parameters.
    """

    counts: FloatArray
    lived: FloatArray
    life_days: FloatArray
    p_acquiring: FloatArray
    expected: FloatArray


def predict_new_customers(
    fit: AcquisitionFit,
    edges_days: FloatArray,
    *,
    seed: int,
    draws: int,
    partners: Sequence[str] | None = None,
) -> NewCustomers:
    """Simulate every partner's new customers, given what it did so far.

    Parameters
    ----------
    fit : AcquisitionFit
    edges_days : float64 array, shape (period + 1,)
        Days after the end of ``as_of``, from 0.
    seed : int
        Not negative. A partner meets the same random numbers whatever the other partners are.
    draws : int
        Parameter draws are taken evenly spaced; if there are fewer, neighbours share one.
    partners : sequence of str, optional
        Only these; in blocks, because the result grows with draws x partners x periods.

    Returns
    -------
    NewCustomers
        All zero if the fit says that nobody new can be forecast.

    Raises
    ------
    ForecastError
        A partner that the fit doesn't know, or edges that don't rise from 0.

    Notes
    -----
    In each draw a partner is active or not, has a rate and a life; each period of the model
    (month or week) has its luck, which its pieces share. Growth is not carried further ahead than
    it was seen behind. Whether the programme itself is still open is one draw for all partners.
    """
    edges = np.asarray(edges_days, dtype=np.float64)
    _check_edges(edges, draws)
    names = tuple(fit.counts.partner_ids if partners is None else partners)
    _check_names(fit, names)
    shape = (draws, len(names), len(edges) - 1)
    counts, life = np.zeros(shape), np.zeros(shape[:2])
    chance, expected = np.zeros(len(names)), np.zeros(shape[1:])
    if fit.status == "open":
        plan = plan_acquisition(fit, edges, seed=seed, draws=draws)
        for place, name in enumerate(names):
            found = acquire(plan, name)
            np.add.at(counts[:, place].T, plan.target, found.counts.T)
            life[:, place], chance[place] = found.life_days, found.p_acquiring.mean()
            np.add.at(expected[place], plan.target, found.expected.mean(axis=0))
    return NewCustomers(
        partner_ids=names, counts=counts, life_days=life, p_acquiring=chance, expected=expected
    )


def _check_edges(edges: FloatArray, draws: int) -> None:
    rising = len(edges) > 1 and edges[0] == 0.0 and bool((np.diff(edges) > 0).all())
    if not rising or draws < 1:
        raise ForecastError(
            f"period edges {edges[:3].tolist()}, {draws} draws",
            expected="edges that rise from 0, at least one draw",
            remedy="ask for periods that follow one another",
        )


def _check_names(fit: AcquisitionFit, names: Sequence[str]) -> None:
    strange = sorted(set(names) - set(fit.counts.partner_ids))
    if strange:
        raise ForecastError(
            f"{len(strange)} unknown partners, such as {strange[0]!r}",
            expected="partners of the fit",
            remedy="ask for partners of this model",
        )


def plan_acquisition(
    fit: AcquisitionFit, edges_days: FloatArray, *, seed: int, draws: int
) -> AcquisitionPlan:
    """Work out what the futures of all partners share.

    Parameters
    ----------
    fit : AcquisitionFit
        With draws (``status`` is ``open``).
    edges_days : float64 array, shape (period + 1,)
        Days after the end of ``as_of``, rising from 0.
    seed, draws : int

    Returns
    -------
    AcquisitionPlan
    """
    own_days, own_periods = _own_edges(fit, float(edges_days[-1]))
    inner = own_days[(own_days > 0) & (own_days < edges_days[-1])]
    days = np.unique(np.concatenate([edges_days, inner]))
    middle = (days[1:] + days[:-1]) / 2.0
    period = np.searchsorted(own_days, middle, side="right") - 1
    of_period = (own_days[period] + own_days[period + 1]) / 2.0
    phase = _phase(float(fit.counts.edges_day[-1]) + of_period)
    return AcquisitionPlan(
        fit=fit,
        seed=seed,
        edges=np.interp(days, own_days, own_periods),
        days=days,
        period=(period - period[0]).astype(np.int64),
        target=(np.searchsorted(edges_days, middle, side="right") - 1).astype(np.int64),
        parameters=_parameters(fit, draws),
        level=_level_ahead(fit, of_period / 365.25, phase, draws),
        still_open=_open(fit, seed, draws),
        rows={name: row for row, name in enumerate(fit.counts.partner_ids)},
    )


def acquire(plan: AcquisitionPlan, name: str) -> Acquired:
    """Simulate one partner's new customers in all draws, from its own random stream.

    Parameters
    ----------
    plan : AcquisitionPlan
    name : str
        A partner of the fit.

    Returns
    -------
    Acquired
    """
    fit, parameters = plan.fit, plan.parameters
    table, row, draws = fit.counts, plan.rows[name], len(parameters.r)
    only = slice(row, row + 1)
    histories = Histories(
        table.counts[only].astype(np.float64),
        table.exposure[only],
        table.edges,
        table.start[only],
        fit.partner_segment[only],
    )
    rng = open_named_stream(plan.seed, _STREAM, name=name)
    uniform = 1.0 - rng.random((3, draws))
    active, rate, mean_rate = (
        values[:, 0] for values in partner_posterior(histories, parameters, uniform[0][:, None])
    )
    age, s, beta = float(table.age[row]), parameters.s, parameters.beta
    there = (uniform[1] <= active) & (plan.still_open > 0)
    life = np.where(there, remaining_life(uniform[2], age, s, beta), 0.0)
    counts = simulate_new_customers(
        rng, rate=rate, life=life, kappa=parameters.kappa, edges=plan.edges,
        period=plan.period, level=plan.level,
    )  # fmt: skip
    coming = expected_new_customers_active(
        mean_rate, age=age, s=s, beta=beta, edges=plan.edges, level=plan.level
    )
    share = _p_open(fit) * active
    width = np.diff(plan.edges)
    return Acquired(
        counts=counts,
        lived=np.clip((life[:, None] - plan.edges[:-1]) / width, 0.0, 1.0),
        life_days=life * _days_per_period(fit),
        p_acquiring=share,
        expected=share[:, None] * coming,
    )


def _p_open(fit: AcquisitionFit) -> float:
    """Chance that the programme is open; of a single partner its own history says it all."""
    total = fit.counts.total
    quiet = len(total) > 0 and total[-1] == 0
    return fit.p_open if quiet and len(fit.counts.partner_ids) > 1 else 1.0


def _open(fit: AcquisitionFit, seed: int, draws: int) -> FloatArray:
    stream = np.random.Generator(np.random.SFC64(np.random.SeedSequence([seed, _STREAM])))
    return (stream.random(draws) < _p_open(fit)).astype(np.float64)


def _rows(fit: AcquisitionFit, name: str, draws: int) -> FloatArray:
    values = fit.draws[name]
    distinct = min(draws, len(values), max(_FEWEST_DISTINCT, _MOST_WORK // len(fit.counts.start)))
    chosen = np.arange(distinct) * len(values) // distinct
    return np.asarray(values[chosen[np.arange(draws) * distinct // draws]])


def _parameters(fit: AcquisitionFit, draws: int) -> Parameters:
    edges_day = fit.counts.edges_day.astype(np.float64)
    middle = (edges_day[1:] + edges_day[:-1]) / 2.0
    return Parameters(
        r=_rows(fit, "r", draws)[:, 0],
        alpha=_rows(fit, "alpha", draws),
        kappa=_rows(fit, "kappa", draws)[:, 0],
        s=_rows(fit, "s", draws)[:, 0],
        beta=_rows(fit, "beta", draws)[:, 0],
        level=_level(fit, (middle - edges_day[-1]) / 365.25, _phase(middle), draws),
    )


def _level(fit: AcquisitionFit, years: FloatArray, phase: FloatArray, draws: int) -> FloatArray:
    none = np.zeros((draws, 0))
    growth = _rows(fit, "growth", draws) if "growth" in fit.draws else np.zeros((draws, 1))
    season = _rows(fit, "season", draws) if "season" in fit.draws else none
    return period_level(years, phase, growth, season)


def _level_ahead(
    fit: AcquisitionFit, years: FloatArray, phase: FloatArray, draws: int
) -> FloatArray:
    edges_day = fit.counts.edges_day
    seen = float(edges_day[-1] - edges_day[fit.counts.left_out]) / 365.25
    return _level(fit, np.minimum(years, seen), phase, draws)


def _phase(day: FloatArray) -> FloatArray:
    return np.asarray((day % 365.2425) / 365.2425)


def _days_per_period(fit: AcquisitionFit) -> float:
    return 365.25 / 12.0 if fit.counts.unit == "month" else 7.0


def _own_edges(fit: AcquisitionFit, until: float) -> tuple[FloatArray, FloatArray]:
    """Edges of the model's coming periods: in days after ``as_of``, and in periods from there."""
    if fit.counts.unit == "week":
        weeks = np.arange(np.ceil(until / 7.0) + 2.0)
        return 7.0 * weeks, weeks
    as_of, today = fit.counts.as_of, int(fit.counts.edges_day[-1])
    count = int(until / 28.0) + 2
    numbers = [as_of.year * 12 + as_of.month - 1 + k for k in range(count + 1)]
    firsts = [(dt.date(n // 12, n % 12 + 1, 1) - EPOCH).days - today for n in numbers]
    days = np.array(firsts, dtype=np.float64)
    gone = -days[0] / (days[1] - days[0])
    return days, np.arange(len(days)) - gone
