"""Parameter draws of single customers: those of their partners, with the effects of covariates."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ltvforecast.fit_types import FittedModel
from ltvforecast.types import FloatArray, IntArray

__all__ = ["customer_draws", "differs", "main_partners", "moved_by_effects", "typical_customers"]

_PIECE = 256
"""Customers whose (draw, customer) arrays exist at a time."""


def differs(model: FittedModel) -> bool:
    """Whether customers of a model have different parameters."""
    both = (*model.purchase.draws.values(), *model.spend.draws.values())
    return model.effects is not None or any(values.shape[1] > 1 for values in both)


def main_partners(model: FittedModel) -> IntArray:
    """Place of each customer's main partner among the partners, in the summary's order.

    Parameters
    ----------
    model : FittedModel

    Returns
    -------
    int64 array, shape (n_customers,)
    """
    place = pd.Index(model.summary.partner_ids)
    return place.get_indexer(pd.Index(model.summary.customers["partner_id"])).astype(np.int64)


def customer_draws(
    model: FittedModel, rows: IntArray, *, home: IntArray, draw: IntArray | slice = slice(None)
) -> Mapping[str, FloatArray]:
    """Gather parameter draws of some customers.

    Parameters
    ----------
    model : FittedModel
    rows : int64 array, shape (n,)
        Their rows in the summary.
    home : int64 array, shape (n_customers,)
        As :func:`main_partners` gives it, of all customers.
    draw : int64 array or slice
        Some of the draws only.

    Returns
    -------
    mapping of str to float64 array, shape (draw, 1) or (draw, n)
        ``r, alpha, a, b, p, q, v, zero_share``.
    """
    both = {**model.purchase.draws, **model.spend.draws}
    found = {
        name: values[draw] if values.shape[1] == 1 else values[draw][:, home[rows]]
        for name, values in both.items()
    }
    effects = model.effects
    if effects is None:
        return found
    has = effects.patterns[effects.customer_pattern[rows]].T
    shift = {name: values[draw] @ has for name, values in effects.draws.items()}
    return moved_by_effects(found, shift)


def moved_by_effects(
    parameters: Mapping[str, FloatArray], shift: Mapping[str, FloatArray]
) -> dict[str, FloatArray]:
    """Add effects to the parameters of customers whose columns are 0.

    Parameters
    ----------
    parameters : mapping of str to float64 array
        Of purchases (``alpha, a, b`` and others), of spend (``v`` and others), or of both.
    shift : mapping of str to float64 array
        ``log_rate, dropout_logit`` for purchases, ``log_spend`` for spend.

    Returns
    -------
    dict of str to float64 array

    Examples
    --------
    >>> moved = moved_by_effects({"v": np.array([2.0])}, {"log_spend": np.log([1.5])})
    >>> round(float(moved["v"][0]), 6)
    3.0
    """
    found = dict(parameters)
    if "alpha" in found:
        found["alpha"] = found["alpha"] * np.exp(-shift["log_rate"])
        more = found["a"] * np.exp(shift["dropout_logit"])
        kept = (found["a"] + found["b"]) / (more + found["b"])
        found["a"], found["b"] = more * kept, found["b"] * kept
    if "v" in found:
        found["v"] = found["v"] * np.exp(shift["log_spend"])
    return found


def typical_customers(model: FittedModel, rows: IntArray) -> dict[str, FloatArray]:
    """Purchase parameters of some customers in the middle of the posterior.

    Parameters
    ----------
    model : FittedModel
    rows : int64 array, shape (n,)
        Their rows in the summary.

    Returns
    -------
    dict of str to float64 array, shape (n,)
        ``r, alpha, a, b``: the exponential of the mean logarithm over draws.
    """
    names, home = ("r", "alpha", "a", "b"), main_partners(model)
    found = {name: np.empty(len(rows)) for name in names}
    for first in range(0, len(rows), _PIECE):
        piece = slice(first, first + _PIECE)
        draws = customer_draws(model, rows[piece], home=home)
        for name in names:
            found[name][piece] = np.exp(np.log(draws[name]).mean(axis=0))
    return found
