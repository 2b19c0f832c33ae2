"""New customers to come: per draw, partner and period, from each partner's own random stream."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ltvforecast.acquisition_types import AcquisitionFit, NewCustomers
from ltvforecast.errors import ForecastError
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

__all__ = ["predict_new_customers"]

EPOCH = dt.date(1970, 1, 1)
_STREAM = 0x6E6577  # "new": apart from the streams of customers known already


class _Pieces(NamedTuple):
    """The future cut at the edges asked for and at the model's own."""

    edges: FloatArray  # in the model's periods from the end of as_of
    period: IntArray  # which of the model's periods
    target: IntArray  # which of the periods asked for
    years: FloatArray  # middle of the model's period, from as_of
    phase: FloatArray


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
        Draw m uses parameter draw m, modulo their number.
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
    rising = len(edges) > 1 and edges[0] == 0.0 and bool((np.diff(edges) > 0).all())
    known = {name: row for row, name in enumerate(fit.counts.partner_ids)}
    names = tuple(fit.counts.partner_ids if partners is None else partners)
    strange = [name for name in names if name not in known]
    if strange or not rising or draws < 1:
        raise ForecastError(
            f"{len(strange)} unknown partners, period edges {edges[:3].tolist()}, {draws} draws",
            expected="partners of the fit, edges that rise from 0, at least one draw",
            remedy="ask for partners and periods of this model",
        )
    shape = (draws, len(names), len(edges) - 1)
    counts, life = np.zeros(shape), np.zeros(shape[:2])
    chance, expected = np.zeros(len(names)), np.zeros(shape[1:])
    if fit.status == "open":
        pieces = _cut(fit, edges)
        parameters = _parameters(fit, draws)
        ahead = _level_ahead(fit, pieces, draws)
        still_open = _open(fit, seed, draws)
        for place, name in enumerate(names):
            found = _one_partner(
                fit,
                known[name],
                pieces=pieces,
                parameters=parameters,
                ahead=ahead,
                rng=_stream(seed, name),
                still_open=still_open,
            )
            np.add.at(counts[:, place].T, pieces.target, found[0].T)
            life[:, place], chance[place] = found[1], found[2]
            np.add.at(expected[place], pieces.target, found[3])
    return NewCustomers(
        partner_ids=names, counts=counts, life_days=life, p_acquiring=chance, expected=expected
    )


def _one_partner(
    fit: AcquisitionFit,
    row: int,
    *,
    pieces: _Pieces,
    parameters: Parameters,
    ahead: FloatArray,
    rng: np.random.Generator,
    still_open: FloatArray,
) -> tuple[FloatArray, FloatArray, float, FloatArray]:
    """Return counts (draw, piece), life in days, chance to be acquiring, and expected counts."""
    table, only = fit.counts, slice(row, row + 1)
    histories = Histories(
        table.counts[only].astype(np.float64),
        table.exposure[only],
        table.edges,
        table.start[only],
        fit.partner_segment[only],
    )
    draws = len(parameters.r)
    uniform = 1.0 - rng.random((3, draws))
    active, rate, mean_rate = (
        values[:, 0] for values in partner_posterior(histories, parameters, uniform[0][:, None])
    )
    age, s, beta = float(table.age[row]), parameters.s, parameters.beta
    there = (uniform[1] <= active) & (still_open > 0)
    life = np.where(there, remaining_life(uniform[2], age, s, beta), 0.0)
    counts = simulate_new_customers(
        rng, rate=rate, life=life, kappa=parameters.kappa, edges=pieces.edges,
        period=pieces.period, level=ahead,
    )  # fmt: skip
    coming = expected_new_customers_active(
        mean_rate, age=age, s=s, beta=beta, edges=pieces.edges, level=ahead
    )
    share = _p_open(fit) * active
    return (
        counts,
        life * _days_per_period(fit),
        float(share.mean()),
        np.asarray((share[:, None] * coming).mean(axis=0)),
    )


def _p_open(fit: AcquisitionFit) -> float:
    """Chance that the programme is open; of a single partner its own history says it all."""
    total = fit.counts.total
    quiet = len(total) > 0 and total[-1] == 0
    return fit.p_open if quiet and len(fit.counts.partner_ids) > 1 else 1.0


def _open(fit: AcquisitionFit, seed: int, draws: int) -> FloatArray:
    stream = np.random.Generator(np.random.SFC64(np.random.SeedSequence([seed, _STREAM])))
    return (stream.random(draws) < _p_open(fit)).astype(np.float64)


def _stream(seed: int, name: str) -> np.random.Generator:
    digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    key = int.from_bytes(digest, "big")
    return np.random.Generator(np.random.SFC64(np.random.SeedSequence([seed, _STREAM, key])))


def _rows(fit: AcquisitionFit, name: str, draws: int) -> FloatArray:
    values = fit.draws[name]
    return np.asarray(values[np.arange(draws) % len(values)])


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


def _level_ahead(fit: AcquisitionFit, pieces: _Pieces, draws: int) -> FloatArray:
    edges_day = fit.counts.edges_day
    seen = float(edges_day[-1] - edges_day[fit.counts.left_out]) / 365.25
    return _level(fit, np.minimum(pieces.years, seen), pieces.phase, draws)


def _phase(day: FloatArray) -> FloatArray:
    return np.asarray((day % 365.2425) / 365.2425)


def _days_per_period(fit: AcquisitionFit) -> float:
    return 365.25 / 12.0 if fit.counts.unit == "month" else 7.0


def _cut(fit: AcquisitionFit, edges_days: FloatArray) -> _Pieces:
    """Cut the future at both kinds of edges, and place each piece in both."""
    own_days, own_periods = _own_edges(fit, float(edges_days[-1]))
    inner = own_days[(own_days > 0) & (own_days < edges_days[-1])]
    days = np.unique(np.concatenate([edges_days, inner]))
    middle = (days[1:] + days[:-1]) / 2.0
    period = np.searchsorted(own_days, middle, side="right") - 1
    today = float(fit.counts.edges_day[-1])
    of_period = (own_days[period] + own_days[period + 1]) / 2.0
    return _Pieces(
        edges=np.interp(days, own_days, own_periods),
        period=(period - period[0]).astype(np.int64),
        target=(np.searchsorted(edges_days, middle, side="right") - 1).astype(np.int64),
        years=of_period / 365.25,
        phase=_phase(today + of_period),
    )


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
