"""Parameter draws of single customers: those of their partners, with the effects of covariates."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ltvforecast.types import FittedModel, FloatArray, IntArray

__all__ = ["customer_draws", "differs", "main_partners", "typical_customers"]

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
    found["alpha"] = found["alpha"] * np.exp(-shift["log_rate"])
    found["v"] = found["v"] * np.exp(shift["log_spend"])
    more = found["a"] * np.exp(shift["dropout_logit"])
    kept = (found["a"] + found["b"]) / (more + found["b"])
    found["a"], found["b"] = more * kept, found["b"] * kept
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
