"""What the compiled simulation of new customers reads: tuples of arrays, as it can take them."""

from __future__ import annotations

from typing import NamedTuple

from ltvforecast.types import FloatArray, IntArray

__all__ = ["LAST_SCORE", "Law", "Pairing", "Terms", "Timing"]

LAST_SCORE = 6.0
"""Quantiles are tabulated for normal scores up to this."""


class Law(NamedTuple):
    """Parameters of the partner's customers, each of shape (draw,).

    ``first_factor`` multiplies first purchases, where these are of another level.
    """

    r: FloatArray
    alpha: FloatArray
    a: FloatArray
    b: FloatArray
    p: FloatArray
    q: FloatArray
    v: FloatArray
    zero_share: FloatArray
    first_factor: FloatArray


class Timing(NamedTuple):
    """Edges of the pieces, on the clock (draw or 1, piece + 1) and in days (piece + 1,).

    ``target`` (piece,) is the period of each piece.
    """

    clock: FloatArray
    days: FloatArray
    target: IntArray


class Pairing(NamedTuple):
    """Copula of rate and spend level: ``rho`` (draw,), and log-quantiles (draw, node).

    Of Gamma(r, 1) and Gamma(q, 1), at evenly spaced normal scores; empty for no relation.
    """

    rho: FloatArray
    log_rate: FloatArray
    log_spend: FloatArray


class Terms(NamedTuple):
    """Where purchases can go, and how money is counted.

    ``partner`` is the acquiring one, ``programme`` (partner,) cumulated shares;
    ``eligible_days`` below 0: not asked for.
    """

    partner: int
    programme: FloatArray
    novelty: float
    concentration: float
    quantum: float
    highest_spend: float
    eligible_days: float
