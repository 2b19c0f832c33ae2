"""Models whose partners have parameters of their own, made from pooled ones."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
import pandas as pd

from ltvforecast.covariate_types import CovariateEffects
from ltvforecast.fit_types import FittedModel
from ltvforecast.types import FloatArray
from tests.forecast.made_model import CDNOW, made_cohort, made_model, made_summary

# two kinds of partners: the second's customers buy twice as often, stay longer and spend less
OTHER = {**CDNOW, "alpha": 2.2, "a": 0.4, "b": 2.819, "v": 8.0}


def two_partners(customers: int = 300, *, draws: int = 100, seed: int = 3) -> FittedModel:
    """Make a programme of two partners, pooled; the first half of customers is the first's."""
    table = made_cohort(customers, CDNOW, observed=39.0, seed=seed)
    shares = [{"p0" if row < customers // 2 else "p1": 1.0} for row in range(customers)]
    return made_model(made_summary(table, shares=shares), draws=draws)


def with_draws(
    model: FittedModel, purchase: Mapping[str, FloatArray], spend: Mapping[str, FloatArray]
) -> FittedModel:
    """Exchange some of the parameter draws."""
    return dataclasses.replace(
        model,
        purchase=dataclasses.replace(model.purchase, draws={**model.purchase.draws, **purchase}),
        spend=dataclasses.replace(model.spend, draws={**model.spend.draws, **spend}),
    )


def by_group(model: FittedModel, *factors: Mapping[str, float]) -> FittedModel:
    """Give each partner the pooled draws times its own factors; a + b stays, so give ``a``."""
    known = {**model.purchase.draws, **model.spend.draws}
    made = {
        name: np.concatenate([values * each.get(name, 1.0) for each in factors], axis=1)
        for name, values in known.items()
    }
    made["b"] = known["a"] + known["b"] - made["a"]
    return with_draws(
        model,
        {name: made[name] for name in model.purchase.draws},
        {name: made[name] for name in model.spend.draws},
    )


def as_partner(model: FittedModel, group: int) -> FittedModel:
    """Make the pooled model of one partner's parameters."""
    return with_draws(
        model,
        {name: values[:, [group]] for name, values in model.purchase.draws.items()},
        {name: values[:, [group]] for name, values in model.spend.draws.items()},
    )


def with_effects(
    model: FittedModel, *, rate: float = 0.0, dropout: float = 0.0, spend: float = 0.0
) -> FittedModel:
    """Give every second customer a covariate with these effects."""
    customers = len(model.summary)
    draws = len(model.purchase.draws["r"])
    effects = CovariateEffects(
        names=("certified = yes",),
        level=("customer",),
        draws={
            "log_rate": np.full((draws, 1), rate),
            "dropout_logit": np.full((draws, 1), dropout),
            "log_spend": np.full((draws, 1), spend),
        },
        patterns=np.array([[0.0], [1.0]]),
        customer_pattern=np.arange(customers) % 2,
        partner_rows=np.zeros((len(model.summary.partner_ids), 1)),
    )
    return dataclasses.replace(model, effects=effects)


def closed_forms(customers: pd.DataFrame) -> FloatArray:
    """Columns that do not depend on random numbers."""
    names = ["p_alive", "p_active", "expected_purchases", "future_revenue", "ltv"]
    return customers[names].to_numpy(dtype=np.float64)
