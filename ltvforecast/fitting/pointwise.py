"""Log-likelihood of every observation in every posterior draw, on rows that count as many."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from types import MappingProxyType
from typing import Literal

import numpy as np
import xarray as xr

from ltvforecast.errors import ConfigError
from ltvforecast.fit_types import FittedModel, PurchaseFit, SpendFit
from ltvforecast.fitting.calendar import history_on_clock
from ltvforecast.fitting.compress import unique_rows
from ltvforecast.fitting.customer_draws import customer_draws, differs, main_partners
from ltvforecast.fitting.spend_data import SpendData, amounts_data, means_data
from ltvforecast.formulas import bgnbd, gamma_gamma
from ltvforecast.types import FloatArray, IntArray

__all__ = ["Observations", "Part", "log_likelihood", "observations", "to_inference_data"]

Part = Literal["purchase", "spend"]
_Formula = Callable[..., FloatArray]
_PIECE = 64
"""Customers with parameters of their own at a time."""

_PURCHASE: Mapping[str, tuple[_Formula, tuple[str, ...]]] = MappingProxyType(
    {"bg-nbd": (bgnbd.log_likelihood, bgnbd.PARAMETERS)}
)
"""By model: log-likelihood of ``x, t_x, T`` and the names of the parameters that follow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observations:
    """What one part of a model was fitted to, one row for all customers who look the same.

    Attributes
    ----------
    part : {"purchase", "spend"}
    kind : str
        Plain words: what an observation is.
    weight : float64 array, shape (n_rows,)
        Customers in each row.
    columns : tuple of float64 array, shape (n_rows,)
        Data of the rows.
    parameters : tuple of float64 array, shape (draw,)
        Posterior draws, in the order in which ``formula`` takes them.
    formula : callable
        Log-likelihood of ``(*columns, *parameters)``, broadcasting.
    fingerprint : str
        SHA-256 of kind and data: only models of the same data can be compared.
    """

    part: Part
    kind: str
    weight: FloatArray
    columns: tuple[FloatArray, ...]
    parameters: tuple[FloatArray, ...]
    formula: _Formula
    fingerprint: str

    def __len__(self) -> int:
        """Count the rows."""
        return len(self.weight)

    def log_likelihood(self, rows: slice) -> FloatArray:
        """Evaluate some rows: float64 array of shape (row, draw)."""
        data = (column[rows, None] for column in self.columns)
        return np.asarray(self.formula(*data, *(draws[None, :] for draws in self.parameters)))


def observations(model: FittedModel, part: Part) -> Observations:
    """Gather what one part of a model was fitted to; customers who look the same are one row.

    Parameters
    ----------
    model : FittedModel
    part : {"purchase", "spend"}

    Returns
    -------
    Observations

    Raises
    ------
    ConfigError
        A model whose likelihood is not known here, or that has parameters by group.
    """
    if model.effects is not None:
        raise ConfigError(
            "a model with covariates",
            expected="one set of parameters for the whole programme",
            remedy="compare this model by rolling origins alone, or hand it to ArviZ",
        )
    if part == "purchase":
        formula, names = _purchase_formula(model.purchase)
        rows = unique_rows(*history_on_clock(model.summary, model.calendar))
        columns = (rows.x, rows.t_x, rows.T)
        seasonal = "" if model.calendar.kind == "off" else " on a seasonal clock"
        kind, weight = f"purchase histories{seasonal}", rows.weight
    else:
        names = gamma_gamma.PARAMETERS
        formula, kind, every = _spend_columns(model)
        unique, counts = np.unique(np.stack(every), axis=1, return_counts=True)
        columns, weight = tuple(unique), counts.astype(np.float64)
    fit: PurchaseFit | SpendFit = model.purchase if part == "purchase" else model.spend
    digest = hashlib.sha256(kind.encode())
    for column in (*columns, weight):
        digest.update(np.ascontiguousarray(column).tobytes())
    return Observations(
        part=part,
        kind=kind,
        weight=weight,
        columns=columns,
        parameters=_draws(fit, names),
        formula=formula,
        fingerprint=digest.hexdigest(),
    )


def log_likelihood(model: FittedModel) -> xr.Dataset:
    """Log-likelihood of every customer in every posterior draw, as ArviZ takes it.

    Parameters
    ----------
    model : FittedModel

    Returns
    -------
    xarray.Dataset
        ``purchase`` with dimensions (chain, draw, customer), by the ids of the summary, and
        ``spend`` (chain, draw, spender): customers with an amount the spend model looks at. Eight
        bytes for each draw and customer.

    Raises
    ------
    ConfigError
        As for :func:`observations`.

    Notes
    -----
    One customer is one observation. With a seasonal calendar the purchase history is on its clock,
    whose density is not comparable with that in days. The spend is that of
    ``model.spend.model``: the density of all amounts (``gamma-gamma``) or of their mean
    (``gamma-gamma-mean``), which are not comparable with each other.

    Examples
    --------
    >>> import ltvforecast as ltv
    >>> found = ltv.log_likelihood(model)  # doctest: +SKIP
    >>> dict(found.sizes)  # doctest: +SKIP
    {'chain': 1, 'draw': 1000, 'customer': 2469, 'spender': 2465}
    """
    customers = model.summary.customers
    formula, names = _purchase_formula(model.purchase)
    histories = tuple(column[None, :] for column in history_on_clock(model.summary, model.calendar))
    spend_formula, _, columns = _spend_columns(model)
    amounts = tuple(column[None, :] for column in columns)
    if differs(model):
        purchase = _by_customer(model, formula, names, histories, np.arange(len(customers)))
        spend = _by_customer(
            model, spend_formula, gamma_gamma.PARAMETERS, amounts, _spenders(model)
        )
    else:
        purchase = formula(*histories, *(each[:, None] for each in _draws(model.purchase, names)))
        draws = _draws(model.spend, gamma_gamma.PARAMETERS)
        spend = spend_formula(*amounts, *(each[:, None] for each in draws))
    return xr.Dataset(
        {
            "purchase": (("chain", "draw", "customer"), purchase[None]),
            "spend": (("chain", "draw", "spender"), spend[None]),
        },
        coords={"customer": customers["customer_id"].to_numpy(dtype=np.str_)},
    )


def _by_customer(
    model: FittedModel,
    formula: _Formula,
    names: tuple[str, ...],
    columns: tuple[FloatArray, ...],
    rows: IntArray,
) -> FloatArray:
    """Evaluate with each customer's own parameters: shape (draw, customer)."""
    home, count = main_partners(model), len(model.purchase.draws["r"])
    result = np.empty((count, len(rows)))
    for first in range(0, len(rows), _PIECE):
        piece = slice(first, first + _PIECE)
        draws = customer_draws(model, rows[piece], home=home)
        result[:, piece] = formula(
            *(column[:, piece] for column in columns), *(draws[name] for name in names)
        )
    return result


def _spenders(model: FittedModel) -> IntArray:
    """Rows of the customers with an amount that the spend model looks at."""
    customers = model.summary.customers
    if model.spend.model == "gamma-gamma":
        first_too = amounts_data(customers).first_purchase
        left_out = 0 if first_too else (customers["first_value"] > 0).astype(np.int64)
        looked_at = customers["spend_n"] - left_out > 0
    else:
        looked_at = (customers["frequency"] > 0) & (customers["monetary_value"] > 0)
    return np.flatnonzero(looked_at.to_numpy()).astype(np.int64)


def to_inference_data(model: FittedModel) -> object:
    """Hand posterior draws and pointwise log-likelihood to ArviZ in one object.

    Parameters
    ----------
    model : FittedModel

    Returns
    -------
    arviz.InferenceData or xarray.DataTree
        Groups ``posterior`` and ``log_likelihood``: an ``InferenceData`` with ArviZ 0.x, a
        ``DataTree`` with ArviZ 1 and later.

    Examples
    --------
    >>> import arviz as az  # doctest: +SKIP
    >>> az.loo(ltv.to_inference_data(model), var_name="purchase")  # doctest: +SKIP
    """
    groups = {"posterior": model.posterior, "log_likelihood": log_likelihood(model)}
    if find_spec("arviz_stats") is not None:
        return xr.DataTree.from_dict(groups)
    return import_module("arviz").InferenceData(**groups)


def _purchase_formula(fit: PurchaseFit) -> tuple[_Formula, tuple[str, ...]]:
    if fit.model not in _PURCHASE:
        raise ConfigError(
            f"the purchase model {fit.model}",
            expected=f"one of {', '.join(_PURCHASE)}, whose likelihood by customer is known",
            remedy="compare this model by rolling origins alone",
        )
    return _PURCHASE[fit.model]


def _spend_columns(model: FittedModel) -> tuple[_Formula, str, tuple[FloatArray, ...]]:
    """Give formula, kind and data of the spend, in money and not in multiples of a unit."""
    customers = model.summary.customers
    if model.spend.model == "gamma-gamma":
        data = amounts_data(customers)
        kind = "all amounts" if data.first_purchase else "amounts after the first purchase"
        log_total = data.log_total + data.n * np.log(data.unit)
        return gamma_gamma.log_likelihood, kind, (data.n, data.total * data.unit, log_total)
    data = means_data(customers)
    return gamma_gamma.log_likelihood_mean, "mean repeat purchases", (data.n, _mean(data))


def _mean(data: SpendData) -> FloatArray:
    return np.asarray(data.total / data.n * data.unit)


def _draws(fit: PurchaseFit | SpendFit, names: tuple[str, ...]) -> tuple[FloatArray, ...]:
    groups = {fit.draws[name].shape[1] for name in names}
    if groups != {1}:
        raise ConfigError(
            f"{fit.model} with parameters for {max(groups)} groups",
            expected="one set of parameters for the whole programme",
            remedy="compare this model by rolling origins alone, or hand it to ArviZ",
        )
    return tuple(fit.draws[name][:, 0] for name in names)
