"""Which parameters hold for each customer: its partner's, with the effects of its covariates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ltvforecast.covariate_types import CovariateEffects
from ltvforecast.errors import ForecastError
from ltvforecast.fit_types import FittedModel
from ltvforecast.forecast.exposure import chosen_rows
from ltvforecast.forecast.records import Draws
from ltvforecast.types import FloatArray, IntArray

__all__ = [
    "CustomerParameters",
    "EffectDraws",
    "choose_draws",
    "customer_parameters",
    "effect_range",
    "typical_parameters",
]

LARGEST_EFFECT = 30.0
"""Of a covariate pattern, as a logarithm: a factor of 10 million million."""
_PIECE = 1024
"""Patterns whose (pattern, draw) effects exist at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectDraws:
    """Effects of covariates in the draws of a forecast, and what each customer has.

    Attributes
    ----------
    rate, dropout, spend : float64 array, shape (column, draw), or None
        Log factors on purchase rate, dropout odds and mean spend; None if all are 0.
    patterns : float64 array, shape (pattern, column)
    pattern : int64 array, shape (n_customers,)
        Row of ``patterns``, in the order of simulation.
    """

    rate: FloatArray | None
    dropout: FloatArray | None
    spend: FloatArray | None
    patterns: FloatArray
    pattern: IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class CustomerParameters:
    """Parameter draws by group, and each customer's group and covariates.

    Attributes
    ----------
    draws : Draws
        Each of shape (group, draw), or (1, draw) if all customers have the same.
    group : int64 array, shape (n_customers,)
        In the order of simulation.
    effects : EffectDraws or None
    """

    draws: Draws
    group: IntArray
    effects: EffectDraws | None

    @property
    def pooled(self) -> bool:
        """Whether all customers have the same parameters."""
        return self.effects is None and all(len(values) == 1 for values in self.draws)

    def of(self, place: slice | IntArray, draw: slice = slice(None)) -> Draws:
        """Gather the parameters of some customers.

        Parameters
        ----------
        place : slice or int64 array
            Customers, in the order of simulation.
        draw : slice
            Some of the draws only.

        Returns
        -------
        Draws
            Each of shape (customer, draw), or (1, draw) where they are the same for all.
        """
        group = self.group[place]
        draws = Draws(
            *(values[:, draw] if len(values) == 1 else values[group, draw] for values in self.draws)
        )
        return draws if self.effects is None else _shifted(draws, self.effects, place, draw)


def _shifted(draws: Draws, effects: EffectDraws, place: slice | IntArray, draw: slice) -> Draws:
    """Put the effects on: rates and spend are multiplied, and so are the odds of dropping out."""
    has = effects.patterns[effects.pattern[place]]
    alpha, a, b, v = draws.alpha, draws.a, draws.b, draws.v
    if effects.rate is not None:
        alpha = alpha * np.exp(-_summed(has, effects.rate[:, draw]))
    if effects.spend is not None:
        v = v * np.exp(_summed(has, effects.spend[:, draw]))
    if effects.dropout is not None:
        more = a * np.exp(_summed(has, effects.dropout[:, draw]))
        kept = (a + b) / (more + b)
        a, b = more * kept, b * kept
    return draws._replace(alpha=alpha, a=a, b=b, v=v)


def _summed(has: FloatArray, effect: FloatArray) -> FloatArray:
    """Matrix product whose bits don't depend on how many customers are taken at once."""
    total = np.zeros((len(has), effect.shape[1]))
    for column, values in zip(has.T, effect, strict=True):
        total += column[:, None] * values
    return total


def customer_parameters(model: FittedModel, order: IntArray, count: int) -> CustomerParameters:
    """Take so many parameter draws of a model, for its customers in this order.

    Parameters
    ----------
    model : FittedModel
    order : int64 array, shape (n_customers,)
        Rows of the summary.
    count : int
        Draws: evenly spaced if fewer than there are, else in turn again.

    Returns
    -------
    CustomerParameters
        With rows only for partners that are somebody's main partner.

    Raises
    ------
    ForecastError
        Parameters or effects that are not what they must be.
    """
    table = choose_draws(model, count)
    home = np.zeros(len(order), dtype=np.int64)
    if any(len(values) > 1 for values in table):
        home = _main_partners(model)[order]
        used, home = np.unique(home, return_inverse=True)
        table = Draws(*(values if len(values) == 1 else values[used] for values in table))
    effects = None if model.effects is None else _effects(model.effects, order, count)
    return CustomerParameters(draws=table, group=home.astype(np.int64), effects=effects)


def choose_draws(model: FittedModel, count: int) -> Draws:
    """Take so many parameter draws: evenly spaced if fewer than there are, else in turn again.

    Parameters
    ----------
    model : FittedModel
    count : int

    Returns
    -------
    Draws
        Each of shape (group, draw); a parameter that all groups share has one row.

    Raises
    ------
    ForecastError
        Parameters that are not positive and finite, or of neither one group nor as many as there
        are partners.
    """
    both = {**model.purchase.draws, **model.spend.draws}
    partners = len(model.summary.partner_ids)
    return Draws(*(_rows(name, both[name], partners, count) for name in Draws._fields))


def _rows(name: str, values: FloatArray, partners: int, count: int) -> FloatArray:
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 2 or values.shape[1] not in (1, partners) or len(values) == 0:
        raise ForecastError(
            f"draws of {name} of shape {values.shape}",
            expected=f"one group, or one for each of {partners} partners",
            remedy="fit again",
        )
    if values.strides[1] == 0 or bool((values == values[:, :1]).all()):
        values = values[:, :1]
    low = 0.0 if name == "zero_share" else np.finfo(np.float64).tiny
    if not (np.isfinite(values).all() and (values >= low).all()):
        raise ForecastError(
            f"parameter {name} with a draw of {values.min():g} to {values.max():g}",
            expected="positive, finite parameters",
            remedy="fit again; see the diagnostics of the fit",
        )
    return np.ascontiguousarray(values[chosen_rows(len(values), count)].T)


def _main_partners(model: FittedModel) -> IntArray:
    """Place of each customer's main partner among the partners, in the summary's order."""
    summary = model.summary
    place = {partner: number for number, partner in enumerate(summary.partner_ids)}
    home = summary.customers["partner_id"].map(place)
    if home.isna().any():
        first = summary.customers["partner_id"][home.isna()].iloc[0]
        raise ForecastError(
            f"a main partner {first!r} that is not among the partners",
            expected="main partners out of the summary's partner_ids",
            remedy="summarise and fit again, or load another model",
        )
    return np.asarray(home.to_numpy(), dtype=np.int64)


def _effects(found: CovariateEffects, order: IntArray, count: int) -> EffectDraws | None:
    columns = len(found.names)
    fits = found.patterns.shape[1:] == (columns,) and len(found.customer_pattern) == len(order)
    if not fits or not np.isfinite(found.patterns).all():
        raise ForecastError(
            f"covariate patterns of shape {found.patterns.shape} for {columns} columns, and "
            f"{len(found.customer_pattern)} customers with one",
            expected=f"finite rows of {columns}, and one for each of {len(order)} customers",
            remedy="fit again",
        )
    chosen: dict[str, FloatArray | None] = {}
    for name in ("log_rate", "dropout_logit", "log_spend"):
        values = np.ascontiguousarray(
            found.draws[name][chosen_rows(len(found.draws[name]), count)].T, dtype=np.float64
        )
        low, high = effect_range(values, found.patterns)
        if not (np.abs(low).max() < LARGEST_EFFECT and np.abs(high).max() < LARGEST_EFFECT):
            raise ForecastError(
                f"covariate effects {name} of {low.min():g} to {high.max():g}",
                expected=f"between -{LARGEST_EFFECT:g} and {LARGEST_EFFECT:g}",
                remedy="fit without the covariate that does it, or with it coded in larger units",
            )
        chosen[name] = values if low.any() or high.any() else None
    if all(values is None for values in chosen.values()):
        return None
    return EffectDraws(
        rate=chosen["log_rate"],
        dropout=chosen["dropout_logit"],
        spend=chosen["log_spend"],
        patterns=np.asarray(found.patterns, dtype=np.float64),
        pattern=found.customer_pattern[order],
    )


def typical_parameters(parameters: CustomerParameters) -> Draws:
    """Each customer's parameters in the middle of the posterior.

    Parameters
    ----------
    parameters : CustomerParameters

    Returns
    -------
    Draws
        Each of shape (n_customers,) or (1,): the exponential of the mean logarithm over draws; of
        ``zero_share`` the mean.
    """
    group, effects = parameters.group, parameters.effects
    middle = Draws(
        *(
            values.mean(axis=1) if name == "zero_share" else np.exp(np.log(values).mean(axis=1))
            for name, values in zip(Draws._fields, parameters.draws, strict=True)
        )
    )
    middle = Draws(*(values if len(values) == 1 else values[group] for values in middle))
    if effects is None:
        return middle

    def mean(values: FloatArray | None) -> FloatArray | None:
        return None if values is None else values.mean(axis=1, keepdims=True)

    averaged = EffectDraws(
        rate=mean(effects.rate),
        dropout=mean(effects.dropout),
        spend=mean(effects.spend),
        patterns=effects.patterns,
        pattern=effects.pattern,
    )
    columns = Draws(*(values[:, None] for values in middle))
    found = _shifted(columns, averaged, slice(None), slice(None))
    return Draws(*(values[:, 0] for values in found))


def effect_range(values: FloatArray, patterns: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Smallest and largest effect of any pattern in each draw.

    Parameters
    ----------
    values : float64 array, shape (column, draw)
    patterns : float64 array, shape (pattern, column)

    Returns
    -------
    low, high : float64 array, shape (draw,)

    Examples
    --------
    >>> effect_range(np.array([[1.0, -2.0]]), np.array([[0.0], [3.0]]))
    (array([ 0., -6.]), array([3., 0.]))
    """
    low, high = np.full(values.shape[1], np.inf), np.full(values.shape[1], -np.inf)
    for first in range(0, len(patterns), _PIECE):
        here = patterns[first : first + _PIECE] @ values
        low, high = np.minimum(low, here.min(axis=0)), np.maximum(high, here.max(axis=0))
    return low, high
