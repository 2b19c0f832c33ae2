"""What customers look like under the priors, and under a fitted model: data sets for ArviZ."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from ltvforecast.errors import ConfigError, SummaryError
from ltvforecast.fit_types import FittedModel
from ltvforecast.fitting.customer_draws import customer_draws, main_partners
from ltvforecast.fitting.prior_settings import DEFAULT_PRIORS, Priors
from ltvforecast.fitting.priors import NormalPrior
from ltvforecast.fitting.purchase_likelihood import purchase_parameters
from ltvforecast.fitting.spend_data import amounts_data
from ltvforecast.fitting.spend_likelihood import spend_parameters
from ltvforecast.transaction_types import CustomerSummary
from ltvforecast.types import DEFAULT_SEED, FloatArray

__all__ = ["posterior_predictive", "prior_predictive"]

_OBSERVED = ("frequency", "recency", "monetary_value")
_MOST_NUMBERS = 20_000_000
_MOST_PURCHASES = 1e9
"""Under weak priors a rate can be absurd; more purchases than this are not told apart."""


def prior_predictive(
    summary: CustomerSummary,
    *,
    priors: Priors = DEFAULT_PRIORS,
    draws: int = 200,
    customers: int = 2000,
    seed: int = DEFAULT_SEED,
) -> Any:
    """Simulate customers as the priors imagine them, before any data were seen.

    Parameters
    ----------
    summary : CustomerSummary
        Gives the customers' ages and the units of the priors (mean age, median amount).
    priors : Priors
        Of the pooled model.
    draws : int
        Sets of parameters.
    customers : int
        At most so many customers, evenly spread over the summary.
    seed : int

    Returns
    -------
    arviz.InferenceData or xarray.DataTree
        Whichever the installed ArviZ takes, with groups ``prior`` (``r, alpha, a, b, p, q, v,
        zero_share``), ``prior_predictive`` and ``observed_data`` (``frequency, recency,
        monetary_value`` by customer, as in the summary).

    Raises
    ------
    SummaryError
        The summary holds no customer.
    ConfigError
        A number makes no sense.

    Examples
    --------
    >>> seen = ltv.prior_predictive(summary)  # doctest: +SKIP
    >>> arviz.plot_ppc(seen, group="prior", var_names="frequency")  # doctest: +SKIP
    """
    rng = np.random.default_rng(seed)
    rows = _rows(summary, draws, customers)
    age = float(summary.customers["T"].mean())
    data = amounts_data(summary.customers)
    r, alpha, a, b = purchase_parameters(_prior_draws(priors.purchase, draws, rng))
    p, q, v = spend_parameters(_prior_draws(priors.spend, draws, rng))
    parameters = {"r": r, "alpha": alpha * age, "a": a, "b": b, "p": p, "q": q, "v": v * data.unit}
    parameters["zero_share"] = rng.uniform(size=draws)
    columns = {name: values[:, None] for name, values in parameters.items()}
    return _groups(
        prior=_by_draw(parameters),
        prior_predictive=_by_customer(simulate_customers(columns, _ages(rows), rng), rows),
        observed_data=_observed(rows),
    )


def posterior_predictive(
    model: FittedModel, *, draws: int = 500, customers: int = 2000, seed: int = DEFAULT_SEED
) -> Any:
    """Simulate customers as a fitted model imagines them, beside those that were seen.

    Parameters
    ----------
    model : FittedModel
        With a BG/NBD purchase process, however it was fitted.
    draws : int
        At most so many parameter draws, evenly spread over those of the model.
    customers : int
        At most so many customers, evenly spread over the summary.
    seed : int

    Returns
    -------
    arviz.InferenceData or xarray.DataTree
        Whichever the installed ArviZ takes, with groups ``posterior`` (the draws that were used),
        ``posterior_predictive`` and ``observed_data``.

    Raises
    ------
    ConfigError
        A number makes no sense, or the purchase process is another one.
    SummaryError
        The summary holds no customer.

    Notes
    -----
    Every simulated customer is a new one of the same age (and partner, where partners differ):
    what a check compares is the whole base, not the customer.

    Examples
    --------
    >>> seen = ltv.posterior_predictive(model)  # doctest: +SKIP
    >>> arviz.plot_ppc(seen, var_names="frequency")  # doctest: +SKIP
    """
    if model.purchase.model != "bg-nbd":
        raise ConfigError(
            f"the purchase model {model.purchase.model}",
            expected="bg-nbd, the model whose customers are simulated here",
            remedy="hold this model against the past with a backtest instead",
        )
    rng = np.random.default_rng(seed)
    rows = _rows(model.summary, draws, customers)
    both = {**model.purchase.draws, **model.spend.draws}
    there = min(len(values) for values in both.values())
    at = np.rint(np.linspace(0, there - 1, min(draws, there))).astype(np.int64)
    used = {name: values[at] for name, values in both.items()}
    chosen = pd.Index(model.summary.customers["customer_id"]).get_indexer(
        pd.Index(rows["customer_id"])
    )
    columns = customer_draws(model, chosen.astype(np.int64), home=main_partners(model), draw=at)
    return _groups(
        posterior=_by_draw({n: v[:, 0] if v.shape[1] == 1 else v for n, v in used.items()}),
        posterior_predictive=_by_customer(simulate_customers(columns, _ages(rows), rng), rows),
        observed_data=_observed(rows),
    )


def simulate_customers(
    parameters: Mapping[str, FloatArray], T: FloatArray, rng: np.random.Generator
) -> dict[str, FloatArray]:
    """Simulate the history and the mean repeat purchase of new customers.

    Parameters
    ----------
    parameters : mapping of str to float64 array, shape (draw, 1) or (draw, customer)
        ``r, alpha, a, b, p, q, v, zero_share``.
    T : float64 array, shape (customer,)
        Ages, in the unit of ``alpha``.
    rng : numpy.random.Generator

    Returns
    -------
    dict of str to float64 array, shape (draw, customer)
        ``frequency, recency, monetary_value``, as in a customer summary.

    Notes
    -----
    The purchases of a Poisson process in ``(0, T]`` are ordered uniforms: if the customer stops at
    the k-th of N, then ``t_x / T`` is the k-th smallest of N uniforms, Beta(k, N - k + 1).

    References
    ----------
    Fader, Hardie & Lee (2005), section 3; Fader & Hardie (2013), note 025, assumptions.
    """
    r, alpha, a, b, p, q, v, zero_share = (
        parameters[name] for name in ("r", "alpha", "a", "b", "p", "q", "v", "zero_share")
    )
    shape = (len(r), len(T))
    rate = rng.gamma(r, size=shape) / alpha
    bought = rng.poisson(np.minimum(rate * T, _MOST_PURCHASES)).astype(np.float64)
    stops = np.clip(rng.beta(a, b, size=shape), 1e-300, 1.0 - 1e-16)
    last = np.floor(np.log1p(-rng.uniform(size=shape)) / np.log1p(-stops)) + 1.0
    x = np.minimum(bought, last)
    t_x = np.where(x > 0, T * rng.beta(np.maximum(x, 1.0), bought - x + 1.0), 0.0)
    worth = rng.binomial(x.astype(np.int64), 1.0 - zero_share)
    level = np.maximum(rng.gamma(q, size=shape) / v, 1e-300)
    total = np.where(worth > 0, rng.gamma(p * np.maximum(worth, 1)) / level, 0.0)
    return {"frequency": x, "recency": t_x, "monetary_value": total / np.maximum(x, 1.0)}


def _rows(summary: CustomerSummary, draws: int, customers: int) -> pd.DataFrame:
    if len(summary) == 0:
        raise SummaryError(
            "the summary holds no customer",
            expected="at least one customer with a purchase up to the as-of date",
            remedy="choose a later as-of date, or check which rows were rejected",
        )
    if draws < 1 or customers < 1 or draws * customers > _MOST_NUMBERS:
        raise ConfigError(
            f"{draws:,} draws of {customers:,} customers",
            expected=f"at least one of each, and at most {_MOST_NUMBERS:,} numbers in all",
            remedy="ask for fewer draws or fewer customers",
        )
    size = min(customers, len(summary))
    chosen = np.rint(np.linspace(0, len(summary) - 1, size)).astype(np.int64)
    return summary.customers.iloc[chosen]


def _ages(rows: pd.DataFrame) -> FloatArray:
    return rows["T"].to_numpy(dtype=np.float64)


def _prior_draws(prior: NormalPrior, draws: int, rng: np.random.Generator) -> FloatArray:
    return np.asarray(rng.normal(prior.mean, prior.sd, size=(draws, len(prior.mean))))


def _by_draw(parameters: Mapping[str, FloatArray]) -> xr.Dataset:
    dims = ("chain", "draw", "group")
    return xr.Dataset(
        {name: (dims[: values.ndim + 1], values[None]) for name, values in parameters.items()}
    )


def _by_customer(simulated: Mapping[str, FloatArray], rows: pd.DataFrame) -> xr.Dataset:
    return xr.Dataset(
        {name: (("chain", "draw", "customer"), values[None]) for name, values in simulated.items()},
        coords={"customer": rows["customer_id"].to_numpy(dtype=object)},
    )


def _observed(rows: pd.DataFrame) -> xr.Dataset:
    return xr.Dataset(
        {name: ("customer", rows[name].to_numpy(dtype=np.float64)) for name in _OBSERVED},
        coords={"customer": rows["customer_id"].to_numpy(dtype=object)},
    )


def _groups(**groups: xr.Dataset) -> Any:
    """Put data sets together in the form that the installed ArviZ takes."""
    if find_spec("arviz_stats") is not None:
        return xr.DataTree.from_dict(groups)
    with warnings.catch_warnings():
        # ArviZ 0.23 announces its own next generation when it is imported
        warnings.filterwarnings("ignore", category=FutureWarning)
        return import_module("arviz").InferenceData(**groups)
