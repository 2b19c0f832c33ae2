"""What one new customer is like and where it buys: draws of forecast and what-if (compiled)."""

from __future__ import annotations

# ruff: noqa: PLR0917 - compiled functions are called by position
import numpy as np

from ltvforecast.forecast.newcomer_records import LAST_SCORE, Pairing, Terms
from ltvforecast.forecast.partner_kernels import novel_places, split
from ltvforecast.forecast.purchase_kernels import draw_spend_level, whole
from ltvforecast.formulas.compiling import compiled
from ltvforecast.types import FloatArray, IntArray

__all__ = [
    "MOST_SIMULATED",
    "draw_nature",
    "eligible_until",
    "factor_for_rest",
    "longer",
    "newcomer_places",
    "scale_away",
]

MOST_SIMULATED = 2000
"""New customers of one partner simulated in one draw."""
TRIES = 100


@compiled
def draw_nature(
    stream: np.random.Generator,
    pairing: Pairing,
    m: int,
    r: float,
    alpha: float,
    q: float,
    least: float,
) -> tuple[float, float, float]:
    """Draw what a new customer is like.

    Parameters
    ----------
    stream : numpy.random.Generator
        Advanced.
    pairing : Pairing
    m : int
        Which parameter draw.
    r, alpha, q : float
        Its parameters.
    least : float
        Lowest spend level.

    Returns
    -------
    level, gap, pace : float
        Spend level nu v, time to the next purchase, and the rate: 0 if it is still to draw.
    """
    if len(pairing.rho) > 0:
        score = stream.standard_normal()
        pace = max(np.exp(_quantile(pairing.log_rate, m, score)) / alpha, 1e-300)
        level = _paired_level(stream, pairing.log_spend, m, pairing.rho[m], score, least)
        return level, stream.standard_exponential() / pace, pace
    level = draw_spend_level(stream, q, least)
    return level, alpha * np.expm1(-np.log1p(-stream.random()) / r), 0.0


@compiled
def _quantile(table: FloatArray, m: int, score: float) -> float:
    """Interpolate row ``m`` of a table that is even in the normal score."""
    last = table.shape[1] - 1
    place = min(max((score + LAST_SCORE) * (last / (2.0 * LAST_SCORE)), 0.0), last - 1e-9)
    cell = int(place)
    return float(table[m, cell] + (place - cell) * (table[m, cell + 1] - table[m, cell]))


@compiled
def _paired_level(
    stream: np.random.Generator,
    log_spend: FloatArray,
    m: int,
    rho: float,
    score: float,
    least: float,
) -> float:
    """Draw nu v given the rate's normal score: a high spend level is a low nu."""
    width = np.sqrt((1.0 - rho) * (1.0 + rho))
    for _ in range(TRIES):
        high = rho * score + width * stream.standard_normal()
        level = float(np.exp(_quantile(log_spend, m, -high)))
        if level >= least:
            return level
    return least


@compiled
def newcomer_places(
    stream: np.random.Generator,
    count: int,
    terms: Terms,
    cumulative: FloatArray,
    parts: IntArray,
    novel: IntArray,
    reach: FloatArray,
    visits: IntArray,
) -> int:
    """Fill in at which partners so many later purchases are made.

    Parameters
    ----------
    stream : numpy.random.Generator
        Advanced.
    count : int
        Purchases.
    terms : Terms
    cumulative : float64 array, shape (2,)
        Shares of the acquiring partner and of novelty, cumulated.
    parts : int64 array, shape (2,)
        Working space.
    novel, reach
        See :func:`ltvforecast.forecast.partner_kernels.novel_places`.
    visits : int64 array, shape (2, most)
        Filled in: partner, and purchases there.

    Returns
    -------
    int
        How many entries there are.
    """
    visits[0, 0], visits[1, 0] = terms.partner, count
    if terms.novelty <= 0.0:
        return 1
    split(stream, count, cumulative, parts)
    visits[1, 0] = parts[0]
    concentration = terms.concentration * terms.novelty
    return novel_places(stream, parts[1], concentration, novel, reach, terms.programme, visits, 1)


@compiled
def eligible_until(
    days: FloatArray, piece: int, when: float, eligible_days: float
) -> tuple[int, float]:
    """Find until when the purchases of a new customer count for a commission.

    Parameters
    ----------
    days : float64 array, shape (piece + 1,)
        Edges of the pieces.
    piece : int
        In which the customer comes.
    when : float
        Share of the piece that is over by then.
    eligible_days : float

    Returns
    -------
    last : int
        The piece in which that ends.
    share : float
        Of that piece (from the customer's coming on) before the end.
    """
    start = days[piece] + when * (days[piece + 1] - days[piece])
    end = start + eligible_days
    pieces = len(days) - 1
    while piece < pieces and days[piece + 1] <= end:
        piece += 1
    if piece == pieces:
        return piece, 1.0
    begin = max(start, days[piece])
    return piece, (end - begin) / (days[piece + 1] - begin)


@compiled
def factor_for_rest(
    stream: np.random.Generator,
    expected: float,
    worth: float,
    square: float,
    drawn: int,
    total: int,
) -> float:
    """Draw by what to multiply so that those who were simulated stand for all of a draw.

    Parameters
    ----------
    stream : numpy.random.Generator
        Advanced.
    expected : float
        What all of them are expected to bring together.
    worth, square : float
        What those simulated bring together, and the sum of squares.
    drawn, total : int
        How many were simulated, and all.

    Returns
    -------
    float

    Notes
    -----
    The others together are a gamma variable with the mean that is expected and the variance that
    those simulated show.
    """
    mean, seen = expected / total, worth / drawn
    variance = max(square / drawn - seen * seen, 1e-12 * mean * mean)
    rest = float(total - drawn)
    more = stream.standard_gamma(rest * mean * mean / variance) * variance / mean
    return float(1.0 + more / worth)


@compiled
def scale_away(factor: float, away: IntArray, begin: int, end: int) -> None:
    """Multiply what is bought at other partners.

    Parameters
    ----------
    factor : float
    away : int64 array, shape (5, n)
        Purchases; the last two rows are money and its eligible part, in quanta.
    begin, end : int
        Which of them.
    """
    for k in range(begin, end):
        away[3, k] = whole(factor * away[3, k])
        away[4, k] = whole(factor * away[4, k])


@compiled
def longer(away: IntArray) -> IntArray:
    """Copy purchases to an array with room for twice as many.

    Parameters
    ----------
    away : int64 array, shape (5, n)

    Returns
    -------
    int64 array, shape (5, 2 n)
    """
    copied = np.empty((5, 2 * away.shape[1]), dtype=np.int64)
    copied[:, : away.shape[1]] = away
    return copied
