"""From a fitted model to the parameters of customers who are still to come."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import gammaincinv, gammaln, ndtr

from ltvforecast.covariate_types import CovariateEffects
from ltvforecast.fit_types import FittedModel
from ltvforecast.forecast.exposure import chosen_rows
from ltvforecast.forecast.newcomer_records import LAST_SCORE, Law, Pairing
from ltvforecast.forecast.parameters import choose_draws
from ltvforecast.forecast.prepare import highest_spend, spend_statistics
from ltvforecast.forecast.records import Customers, Draws
from ltvforecast.types import FloatArray

__all__ = ["NewcomerParameters", "newcomer_parameters"]

NODES = 193
_STREAM = 0x666972  # "fir": of the level of first purchases
_NO_PAIRING = Pairing(np.empty(0), np.empty((0, 0)), np.empty((0, 0)))


@dataclass(frozen=True, slots=True, kw_only=True)
class NewcomerParameters:
    """Parameters of new customers, partner by partner where partners differ.

    Attributes
    ----------
    draws : Draws
        Each of shape (1 or partner, draw).
    first_factor : float64 array, shape (draw,)
        Level of first purchases against later ones; 1 where the spend model has them alike.
    highest_spend : float
        What a customer's average purchase can't exceed; infinite for no limit.
    rho : float64 array, shape (draw,)
        Correlation of purchase rate and spend level; empty for none.
    """

    draws: Draws
    first_factor: FloatArray
    highest_spend: float
    rho: FloatArray

    @property
    def groups(self) -> int:
        """Count the groups that differ in some parameter."""
        return max(len(values) for values in self.draws)

    def law(self, group: int) -> Law:
        """Take the parameters of one group, each of shape (draw,)."""
        own = (values[group if len(values) > 1 else 0] for values in self.draws)
        return Law._make([*(np.ascontiguousarray(each) for each in own), self.first_factor])

    def pairing(self, law: Law) -> Pairing:
        """Tabulate the quantiles of rate and spend level, where the two are related."""
        if len(self.rho) == 0:
            return _NO_PAIRING
        return Pairing(self.rho, _log_quantiles(law.r), _log_quantiles(law.q))

    @property
    def shared_shapes(self) -> bool:
        """Whether one table of quantiles serves all groups."""
        return all(
            bool((np.abs(values - values[:1]) <= 1e-12 * values[:1]).all())
            for values in (self.draws.r, self.draws.q)
        )


def newcomer_parameters(model: FittedModel, count: int, *, seed: int) -> NewcomerParameters:
    """Take so many parameter draws of a model, for customers still to come.

    Parameters
    ----------
    model : FittedModel
    count : int
        Draws: evenly spaced if fewer than there are, else in turn again.
    seed : int
        For the uncertainty of the level of first purchases.

    Returns
    -------
    NewcomerParameters

    Raises
    ------
    ForecastError
        Parameters that are not what they must be.

    Notes
    -----
    Where covariates of customers were fitted, new customers get the mean effects of those known.
    """
    draws = choose_draws(model, count)
    if model.effects is not None:
        draws = _average_customer(draws, model.effects, count)
    number, total = spend_statistics(model.summary.customers, model.spend)
    nothing = np.zeros_like(number)
    found = model.dependence
    rho = np.empty(0)
    if found is not None and found.used:
        rho = np.ascontiguousarray(found.draws[chosen_rows(len(found.draws), count)])
    return NewcomerParameters(
        draws=draws,
        first_factor=_first_factor(model, number, total, count=count, seed=seed),
        highest_spend=highest_spend(Customers(nothing, nothing, nothing, number, total)),
        rho=rho,
    )


def _average_customer(draws: Draws, effects: CovariateEffects, count: int) -> Draws:
    """Put the mean effects of the known customers on: on rate, odds of dropping out, and spend."""
    weight = np.bincount(effects.customer_pattern, minlength=len(effects.patterns))
    weight = weight / max(weight.sum(), 1)

    def factor(name: str) -> FloatArray:
        if name not in effects.draws:
            return np.ones(count)
        rows = effects.draws[name][chosen_rows(len(effects.draws[name]), count)]
        return np.asarray(np.exp(rows @ effects.patterns.T) @ weight)

    more = draws.a * factor("dropout_logit")
    kept = (draws.a + draws.b) / (more + draws.b)
    return draws._replace(
        alpha=draws.alpha / factor("log_rate"),
        a=more * kept,
        b=draws.b * kept,
        v=draws.v * factor("log_spend"),
    )


def _first_factor(
    model: FittedModel, number: FloatArray, total: FloatArray, *, count: int, seed: int
) -> FloatArray:
    """Measure first purchases against what the spend model expects of the same customers."""
    first = model.summary.customers["first_value"].to_numpy(np.float64)
    paid = first > 0
    if model.spend.first_purchase or not paid.any():
        return np.ones(count)
    p, q, v = (float(np.median(model.spend.draws[name])) for name in "pqv")
    number, total, first = number[paid], total[paid], first[paid]
    expected = p * (v + total) / np.maximum(p * number + q - 1.0, 1e-3)
    ratio = float(first.sum() / expected.sum())
    error = float(np.std(first - ratio * expected) / np.sqrt(len(first)) / first.mean())
    if len(model.spend.draws["p"]) == 1:
        error = 0.0
    stream = np.random.default_rng(np.random.SeedSequence([seed, _STREAM]))
    return np.asarray(ratio * np.exp(min(error, 1.0) * stream.standard_normal(count)))


def _log_quantiles(shape: FloatArray) -> FloatArray:
    """Logarithm of Gamma(shape, 1) at even normal scores, shape (draw, node)."""
    k, score = shape[:, None], np.linspace(-LAST_SCORE, LAST_SCORE, NODES)[None, :]
    leading = (np.log(ndtr(score)) + gammaln(k + 1.0)) / k  # P(k, y) = y^k / Gamma(k + 1) (1 - ..)
    with np.errstate(divide="ignore"):
        exact = np.log(gammaincinv(k, ndtr(score)))
    return np.ascontiguousarray(np.where(leading < -600.0, leading, exact))
