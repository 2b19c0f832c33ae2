"""Estimates whether frequent buyers spend more per purchase, and whether forecasts should mind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import pandas as pd
from scipy.optimize import brentq

from ltvforecast.covariate_types import CovariateEffects
from ltvforecast.fit_types import Dependence, PurchaseFit, SpendFit
from ltvforecast.fitting.spend_data import first_purchase_gap
from ltvforecast.formulas.bgnbd import p_alive
from ltvforecast.formulas.copula import LARGEST_RHO, log_likelihood_factor
from ltvforecast.formulas.copula_tables import copula_tables
from ltvforecast.types import FloatArray, IntArray

__all__ = ["estimate_dependence"]

PRIOR_SD = 0.5
"""Of atanh rho, with mean 0: correlations beyond +-.75 are not expected."""
MOST_CUSTOMERS = 30_000
"""So many tell rho to about .01, which is closer than it matters."""
LEAST_RATIO = 6.63
"""Likelihood ratio from which rho is used: 1 % of chi-squared with one degree of freedom. What
is missed below it moves forecasts by less than their own uncertainty."""
STEP = 0.01
EDGE = float(np.arctanh(LARGEST_RHO))


def estimate_dependence(
    customers: pd.DataFrame,
    purchase: PurchaseFit,
    spend: SpendFit,
    *,
    home: IntArray | None = None,
    effects: CovariateEffects | None = None,
    rng: np.random.Generator,
) -> Dependence:
    """Estimate the correlation of purchase rate and spend level, all else as fitted.

    Parameters
    ----------
    customers : pandas.DataFrame
        ``frequency, recency, T, first_value, spend_n, spend_sum, spend_log_sum`` of a customer
        summary; times as ``purchase`` was fitted to them.
    purchase, spend : PurchaseFit, SpendFit
        Their points are taken as known. With many draws, rho gets as many, under a prior
        N(0, .5) on atanh rho; with a single one, the maximum of the likelihood.
    home : int64 array, shape (n_customers,), optional
        Each customer's partner, where partners differ: purchase rate, chance of being alive and
        spend level are then those of the partner, in the middle of its posterior; the shapes of
        the joint distribution stay those of the point.
    effects : CovariateEffects, optional
        Of the same customers; with ``home`` only.
    rng : numpy.random.Generator
        For the draws, and to choose 30,000 customers where there are more.

    Returns
    -------
    Dependence
        Its uncertainty is that of the customers looked at; nothing is scaled up to all.

    Notes
    -----
    Rate and spend level are joined by a Gaussian copula that keeps both margins
    (:mod:`ltvforecast.formulas.copula`), so that the profile likelihood of rho is the sum of
    ``log E[c]`` over customers. Of each customer one amount is looked at, the first. All of them
    would tell rho somewhat closer (standard deviation .02 instead of .03 with 3,000 customers),
    but where amounts vary within customers in another way than the model says, they find a
    relation where there is none: what is inferred from many amounts then differs from what is
    inferred from one, and frequent buyers have many. One amount each is the same for all.
    """
    if len(customers) > MOST_CUSTOMERS:
        chosen = np.sort(rng.choice(len(customers), MOST_CUSTOMERS, replace=False))
        customers = customers.iloc[chosen]
        home = None if home is None else home[chosen]
        if effects is not None:
            effects = replace(effects, customer_pattern=effects.customer_pattern[chosen])
    profile = _profile(customers, purchase, spend, home, effects)
    count = len(spend.draws["q"])
    precision = PRIOR_SD**-2 if count > 1 else 0.0

    def slope(eta: float) -> float:
        return profile(eta)[1] - precision * eta

    best = _root(slope)
    curvature = (slope(best - STEP) - slope(best + STEP)) / (2.0 * STEP)
    spread = 1.0 / np.sqrt(max(curvature, PRIOR_SD**-2))
    ratio = 2.0 * profile(best)[0]
    around = best + spread * rng.standard_normal(count) if count > 1 else np.array([best])
    draws = np.tanh(np.clip(around, -EDGE, EDGE))
    rho, sd = float(np.tanh(best)), float(spread * (1.0 - np.tanh(best) ** 2))
    used = ratio > LEAST_RATIO
    return Dependence(
        rho=rho,
        sd=sd,
        likelihood_ratio=ratio,
        used=used,
        draws=draws,
        how=_sentence(rho, sd, used=used),
    )


def _profile(
    customers: pd.DataFrame,
    purchase: PurchaseFit,
    spend: SpendFit,
    home: IntArray | None,
    effects: CovariateEffects | None,
) -> Callable[[float], tuple[float, float]]:
    """Make the log-likelihood of atanh rho, with its derivative."""
    r, alpha, a, b = (purchase.point[name] for name in ("r", "alpha", "a", "b"))
    p, q, v = (spend.point[name] for name in ("p", "q", "v"))
    x, t_x, T = (
        customers[name].to_numpy(dtype=np.float64) for name in ("frequency", "recency", "T")
    )
    amount = _first_amounts(customers, spend)
    each, row = np.unique(x, return_inverse=True)
    tables = copula_tables(r, a, b, p, q, n=[0, 1], x=each)
    rows = (row.astype(np.int64), (amount > 0).astype(np.int64))
    alive = p_alive(x, t_x, T, r, alpha, a, b)
    rate_scale, spend_scale = np.array(alpha), np.array(v)
    if home is not None:
        own = _middle({**purchase.draws, **spend.draws}, home)
        if effects is not None:
            own = _with_effects(own, effects)
        alive = p_alive(x, t_x, T, own["r"], own["alpha"], own["a"], own["b"])
        # scales with which the point's shapes give each customer the mean of its partner
        rate_scale = own["alpha"] * (r / own["r"])
        spend_scale = own["v"] * (own["p"] / p) * ((q - 1.0) / (own["q"] - 1.0) if q > 1.0 else 1.0)
    scales = (
        -np.log1p(T / rate_scale),
        -np.log1p(t_x / rate_scale),
        -np.log1p(amount / spend_scale),
    )

    def profile(eta: float) -> tuple[float, float]:
        rho = float(np.tanh(eta))
        each = log_likelihood_factor(rows, scales, alive, rho, tables)
        return float(each[0].sum()), float(each[1].sum()) * (1.0 - rho * rho)

    return profile


def _middle(draws: Mapping[str, FloatArray], home: IntArray) -> dict[str, FloatArray]:
    """Give each customer the median parameters of its partner."""
    middle = {name: np.median(values, axis=0) for name, values in draws.items()}
    return {name: value if len(value) == 1 else value[home] for name, value in middle.items()}


def _with_effects(
    own: Mapping[str, FloatArray], effects: CovariateEffects
) -> dict[str, FloatArray]:
    """Put the median effects of each customer's covariates on."""
    has = effects.patterns[effects.customer_pattern]
    add = {name: has @ np.median(values, axis=0) for name, values in effects.draws.items()}
    more = own["a"] * np.exp(add["dropout_logit"])
    kept = (own["a"] + own["b"]) / (more + own["b"])
    return {
        **own,
        "alpha": own["alpha"] * np.exp(-add["log_rate"]),
        "a": more * kept,
        "b": own["b"] * kept,
        "v": own["v"] * np.exp(add["log_spend"]),
    }


def _first_amounts(customers: pd.DataFrame, spend: SpendFit) -> FloatArray:
    """Give the value of everybody's first purchase, at the level of the later ones."""
    first = customers["first_value"].to_numpy(dtype=np.float64)
    if spend.first_purchase:
        return first
    n, log_total = (
        customers[name].to_numpy(dtype=np.float64) for name in ("spend_n", "spend_log_sum")
    )
    return np.asarray(first * np.exp(-first_purchase_gap(n, log_total, first)[0]))


def _root(slope: Callable[[float], float]) -> float:
    """Find where the slope is nothing, or the edge it points to."""
    low, high = slope(-EDGE), slope(EDGE)
    if low <= 0.0:
        return -EDGE
    if high >= 0.0:
        return EDGE
    return float(brentq(slope, -EDGE, EDGE, xtol=1e-4))


def _sentence(rho: float, sd: float, *, used: bool) -> str:
    if not used and abs(rho) > LARGEST_RHO - 1e-6:
        return (
            "It can't be told whether customers who buy often spend more per purchase, or less: "
            "they differ too little in one of the two. Forecasts take the two as unrelated."
        )
    found = f"correlation {rho:+.2f}, give or take {sd:.2f}"
    if not used:
        return (
            "No clear relation between how often customers buy and what they spend per purchase "
            f"({found}): forecasts take the two as unrelated."
        )
    more = "more" if rho > 0 else "less"
    return (
        f"Customers who buy often spend {more} per purchase than others ({found}): forecasts "
        "take this into account."
    )
