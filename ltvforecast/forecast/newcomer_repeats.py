"""Expected repeat purchases of new customers, tabulated once for very many partners.

Where partners share ``r`` and ``a + b``, what a new customer is expected to buy again depends on
the horizon in multiples of the partner's ``alpha`` and on its dropout alone: in each draw a smooth
function of two variables, for however many partners.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ltvforecast.forecast.newcomer_parameters import NewcomerParameters
from ltvforecast.forecast.newcomer_records import Law
from ltvforecast.formulas.bgnbd import expected_purchases_alive
from ltvforecast.formulas.chebyshev_sums import (
    chebyshev_coefficients,
    chebyshev_roots,
    chebyshev_sums,
)
from ltvforecast.types import FloatArray

__all__ = ["RepeatTable", "tabulate_repeats"]

FEWEST_GROUPS = 40
"""Groups of customers below which the table would cost more than it saves."""
NODES, DROPOUT_NODES = 16, 14
QUADRATURE_NODES = 16
_SAME = 1e-9
_PIECE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatTable:
    """Logarithm of expected repeat purchases over horizon by ``alpha``, by draw.

    Attributes
    ----------
    coefficients : float64 array, shape (1, draw, 1, NODES, DROPOUT_NODES)
        Chebyshev, of ``log(1 + scale * horizon / alpha)`` and ``log(a / b)``.
    scale, most : float64 array, shape (draw,)
        The first variable lies between 0 and ``most``.
    middle, half : float64 array, shape (draw,)
        Of the second.
    """

    coefficients: FloatArray
    scale: FloatArray
    most: FloatArray
    middle: FloatArray
    half: FloatArray

    def of(self, law: Law, horizon: FloatArray) -> FloatArray:
        """Look up one group's expected repeat purchases, shape (draw, k), from (draw, k)."""
        exposure = horizon.T / law.alpha
        u = 2.0 * np.log1p(self.scale * exposure) / self.most - 1.0
        w = ((np.log(law.a / law.b) - self.middle) / self.half)[None, :]
        rows = np.zeros(len(exposure), dtype=np.int64)
        found = chebyshev_sums(self.coefficients, rows, np.ones((len(rows), 1)), u, w)[0]
        return np.asarray((exposure * np.exp(found)).T)


def tabulate_repeats(parameters: NewcomerParameters, longest: FloatArray) -> RepeatTable | None:
    """Tabulate what new customers of any partner are expected to buy again.

    Parameters
    ----------
    parameters : NewcomerParameters
    longest : float64 array, shape (draw,) or (1,)
        Longest horizon, in the model's unit.

    Returns
    -------
    RepeatTable or None
        None where groups are few, or differ in more than ``alpha`` and dropout.
    """
    draws = parameters.draws
    if parameters.groups < FEWEST_GROUPS or len(draws.r) > 1:
        return None
    r, phi = draws.r[0], draws.a[0] + draws.b[0]
    low, high = np.full(len(r), np.inf), np.full(len(r), -np.inf)
    for first in range(0, max(len(draws.a), len(draws.b)), _PIECE):
        part = slice(first, first + _PIECE)
        a, b = (each[part] if len(each) > 1 else each for each in (draws.a, draws.b))
        if not bool((np.abs(a + b - phi) <= _SAME * phi).all()):
            return None
        odds = np.log(a / b)
        low, high = np.minimum(low, odds.min(axis=0)), np.maximum(high, odds.max(axis=0))
    middle, half = (low + high) / 2.0, (high - low) / 2.0 + 0.01
    odds = middle[:, None] + half[:, None] * chebyshev_roots(DROPOUT_NODES)
    share = 1.0 / (1.0 + np.exp(-odds))
    scale = np.maximum(1.0, (r + 1.0) * share.max(axis=1))
    most = np.log1p(scale * longest / draws.alpha.min(axis=0))
    place = most[:, None] * (1.0 + chebyshev_roots(NODES)) / 2.0
    exposure = (np.expm1(place) / scale[:, None])[:, :, None]
    a, b = (phi[:, None] * each for each in (share, 1.0 - share))
    count = expected_purchases_alive(
        exposure,
        0.0,
        0.0,
        r[:, None, None],
        1.0,
        a[:, None, :],
        b[:, None, :],
        nodes=QUADRATURE_NODES,
    )
    logged = chebyshev_coefficients(chebyshev_coefficients(np.log(count / exposure), 1), 2)
    return RepeatTable(
        coefficients=np.ascontiguousarray(logged)[None, :, None],
        scale=scale,
        most=most,
        middle=middle,
        half=half,
    )
