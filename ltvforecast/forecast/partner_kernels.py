"""At which partners one customer buys: shares, partners known and new (compiled).

A customer's shares are one Dirichlet draw, of which the novelty share is a Dirichlet process over
the programme, so that a customer who turns to a new partner comes back to it.

References
----------
Sethuraman, J. (1994). A constructive definition of Dirichlet priors. Statistica Sinica 4(2),
639-650.
"""

from __future__ import annotations

# ruff: noqa: PLR0917 - compiled functions are called by position
import numpy as np

from ltvforecast.forecast.records import Destinations
from ltvforecast.formulas.compiling import compiled
from ltvforecast.types import FloatArray, IntArray

__all__ = [
    "MOST_NOVEL",
    "draw_shares",
    "known_places",
    "mean_shares",
    "most_cells",
    "novel_places",
    "split",
]

MOST_NOVEL = 24
"""Partners a customer's novelty can keep coming back to in one draw; at the concentrations met
in data (below 2) they hold all but a millionth of it, and what is left goes anywhere."""
SMALLEST_NOVEL = 1e-6


@compiled
def most_cells(to: Destinations, first: int, count: int) -> int:
    """Count the cells that a customer needs at most: its partners and novelty.

    Parameters
    ----------
    to : Destinations
    first, count : int
        Which customers.

    Returns
    -------
    int
    """
    most = 1
    for i in range(first, first + count):
        most = max(most, to.start[i + 1] - to.start[i] + 1)
    return most


@compiled
def mean_shares(to: Destinations, i: int) -> FloatArray:
    """Give one customer's mean shares.

    Parameters
    ----------
    to : Destinations
    i : int
        Place of the customer.

    Returns
    -------
    float64 array, shape (cell,)
        Of the partners it knows, and of novelty at the end.
    """
    begin, end = to.start[i], to.start[i + 1]
    shares = np.empty(end - begin + 1)
    for k in range(end - begin):
        shares[k] = (1.0 - to.novelty) * to.weight[begin + k]
    shares[end - begin] = to.novelty
    return shares


@compiled
def draw_shares(
    stream: np.random.Generator,
    base: FloatArray,
    concentration: float,
    purchases: int,
    cumulative: FloatArray,
) -> None:
    """Make one Dirichlet draw; for a single purchase its mean says the same.

    Parameters
    ----------
    stream : numpy.random.Generator
        Advanced.
    base : float64 array, shape (cell,)
        Mean shares.
    concentration : float
        Infinite for the mean itself.
    purchases : int
    cumulative : float64 array, shape (cell,)
        Filled in: the shares, cumulated.
    """
    fixed = concentration == np.inf or purchases == 1
    total = 0.0
    for k in range(len(base)):
        if fixed:
            total += base[k]
        elif base[k] > 0:
            total += stream.standard_gamma(concentration * base[k])
        cumulative[k] = total
    if total <= 0.0:  # all shapes tiny: in the limit one cell takes all
        place = stream.random()
        for k in range(len(base)):
            place -= base[k]
            cumulative[k] = 1.0 if place < 0 or k == len(base) - 1 else 0.0
        total = 1.0
    for k in range(len(base)):
        cumulative[k] /= total


@compiled
def split(stream: np.random.Generator, count: int, cumulative: FloatArray, parts: IntArray) -> None:
    """Split purchases over cells: one by one if few, by successive binomials if many.

    Parameters
    ----------
    stream : numpy.random.Generator
        Advanced.
    count : int
        Purchases.
    cumulative : float64 array, shape (cell,)
        Shares, cumulated.
    parts : int64 array, shape (cell,)
        Filled in.
    """
    parts[:] = 0
    last = len(parts) - 1
    if count <= 10 * len(parts):
        for _ in range(count):
            uniform = stream.random()
            k = 0
            while k < last and uniform >= cumulative[k]:
                k += 1
            parts[k] += 1
        return
    left, taken = count, 0.0
    for k in range(last):
        mass = cumulative[k] - taken
        if mass > 0:
            chance = min(mass / (1.0 - taken), 1.0) if taken < 1.0 else 1.0
            parts[k] = stream.binomial(left, chance)
            left -= parts[k]
            if left == 0:
                return
        taken = cumulative[k]
    parts[last] = left


@compiled
def known_places(parts: IntArray, partners: IntArray, visits: IntArray) -> int:
    """Fill in the purchases at partners the customer knows.

    Parameters
    ----------
    parts : int64 array, shape (cell,)
        Purchases by cell, novelty at the end.
    partners : int64 array, shape (cell - 1,)
    visits : int64 array, shape (2, most)
        Filled in: partner, and purchases there.

    Returns
    -------
    int
        How many entries.
    """
    places = 0
    for k in range(len(parts) - 1):
        if parts[k] > 0:
            visits[0, places], visits[1, places] = partners[k], parts[k]
            places += 1
    return places


@compiled
def novel_places(
    stream: np.random.Generator,
    count: int,
    concentration: float,
    novel: IntArray,
    reach: FloatArray,
    programme: FloatArray,
    visits: IntArray,
    places: int,
) -> int:
    """Fill in the purchases that are novelty.

    Parameters
    ----------
    stream : numpy.random.Generator
        Advanced.
    count : int
        Purchases.
    concentration : float
        Of the Dirichlet process.
    novel : int64 array, shape (2, MOST_NOVEL + 1)
        Working space: novel partners of this draw, and purchases there.
    reach : float64 array, shape (MOST_NOVEL + 1,)
        Working space: their cumulated shares. A negative ``reach[0]`` says that this draw's
        novel partners are still to be drawn.
    programme : float64 array, shape (partner,)
        Cumulated shares in the programme.
    visits : int64 array, shape (2, most)
        Filled in: partner, and purchases there.
    places : int
        Entries that are filled in already.

    Returns
    -------
    int
        How many entries there are.
    """
    if count == 0:
        return places
    if reach[0] < 0:
        _draw_novel(stream, concentration, programme, novel, reach)
    split(stream, count, reach, novel[1])
    last = len(reach) - 1
    for k in range(last):
        if novel[1, k] > 0:
            visits[0, places], visits[1, places] = novel[0, k], novel[1, k]
            places += 1
    spread = novel[1, last]
    if spread <= len(programme):
        for _ in range(spread):
            visits[0, places], visits[1, places] = _anywhere(stream, programme), 1
            places += 1
        return places
    anywhere = np.zeros(len(programme), dtype=np.int64)
    split(stream, spread, programme, anywhere)
    for partner in range(len(anywhere)):
        if anywhere[partner] > 0:
            visits[0, places], visits[1, places] = partner, anywhere[partner]
            places += 1
    return places


@compiled
def _draw_novel(
    stream: np.random.Generator,
    concentration: float,
    programme: FloatArray,
    novel: IntArray,
    reach: FloatArray,
) -> None:
    """Draw where this customer's novelty goes: a few partners, by stick-breaking (Sethuraman 1994).

    ``novel[0]`` are the partners, ``reach`` their cumulated shares; what the last of them leaves
    is spread over the programme.
    """
    left = 1.0
    for k in range(len(reach) - 1):
        if left > SMALLEST_NOVEL and concentration < np.inf:
            left *= np.exp(np.log(1.0 - stream.random()) / concentration)
            novel[0, k] = _anywhere(stream, programme)
        reach[k] = 1.0 - left
    reach[-1] = 1.0


@compiled
def _anywhere(stream: np.random.Generator, programme: FloatArray) -> int:
    place = int(np.searchsorted(programme, stream.random(), side="right"))
    return min(place, len(programme) - 1)
