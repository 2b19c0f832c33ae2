"""Partially pooled models whose segments differ as told, with acquisition, made by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from ltvforecast.acquisition_types import AcquisitionFit
from ltvforecast.covariate_types import CategoryCoding, CovariateEffects
from ltvforecast.fit_types import Diagnostics, FittedModel
from ltvforecast.partner_types import PartnerPooling
from ltvforecast.types import FloatArray
from tests.forecast.made_acquisitions import made_acquisitions
from tests.forecast.made_model import (
    AS_OF,
    AS_OF_DAY,
    CDNOW,
    made_customers,
    made_model,
    made_summary,
)

SEGMENTS = ("blog", "shop")
LAW = {"r": 0.8, "kappa": 2.0, "s": 1.5, "beta": 30.0}


def made_recruits(
    *,
    means: Sequence[float] = (2.0, 6.0),
    rates: Sequence[float] = (1.0, 1.0),
    spread: float = 0.0,
    draws: int = 200,
    partners: int = 12,
    uncertain: float = 0.0,
    pooled: bool = True,
) -> FittedModel:
    """Partners take turns in two segments, of so many customers a month, and pace of purchases."""
    made = made_acquisitions(3, partners=partners, months=20, **{**LAW, "mean": 3.0})
    counts = made.counts
    names = counts.partner_ids
    segment = np.arange(len(names)) % len(means)
    rng = np.random.default_rng(9)

    def around(value: FloatArray | float, columns: int = 1) -> FloatArray:
        error = uncertain * rng.standard_normal((draws, columns))
        return np.asarray(np.broadcast_to(value, (draws, columns)) * np.exp(error))

    fit = AcquisitionFit(
        status="open",
        reason="made",
        p_open=1.0,
        draws={
            **{name: around(value) for name, value in LAW.items()},
            "alpha": around(LAW["r"] / np.array(means), len(means)),
        },
        point={},
        segments=tuple(SEGMENTS[: len(means)]),
        partner_segment=segment.astype(np.int64),
        counts=replace(
            counts,
            as_of=AS_OF,
            edges_day=counts.edges_day - counts.edges_day[-1] + AS_OF_DAY + 1,
        ),
        log_likelihood=0.0,
        diagnostics=Diagnostics(trusted=True, verdict="made"),
    )
    none = np.zeros(len(names))
    customers = made_customers(none, none, none + 9.0, first=1e6)  # no limit on spend
    summary = made_summary(customers, shares=[{name: 1.0} for name in names])
    told = pd.DataFrame({"partner_id": names, "segment": [SEGMENTS[k] for k in segment]})
    model = made_model(replace(summary, partner_table=told), draws=draws, spread=0.0)
    model = replace(model, acquisition=fit)
    if not pooled:
        return model
    return replace(model, partner_levels=_levels(told, rates, spread=spread, draws=draws))


def _levels(
    told: pd.DataFrame, rates: Sequence[float], *, spread: float, draws: int
) -> PartnerPooling:
    mean = np.log(CDNOW["r"] / CDNOW["alpha"] * np.array(rates))
    spend = np.log(CDNOW["p"] * CDNOW["v"] / (CDNOW["q"] - 1.0))
    segments = len(rates)

    def all_draws(value: float) -> FloatArray:
        return np.full(draws, value)

    def by_segment(value: FloatArray | float) -> FloatArray:
        return np.asarray(np.broadcast_to(value, (draws, segments)), dtype=np.float64)

    return PartnerPooling(
        table=told,
        shared={
            "log_r": all_draws(np.log(CDNOW["r"])),
            "log_phi": all_draws(np.log(CDNOW["a"] + CDNOW["b"])),
            "log_p": all_draws(np.log(CDNOW["p"])),
            "log_excess": all_draws(np.log(CDNOW["q"] - 1.0)),
            "mean_log_rate": by_segment(mean),
            "mean_dropout_logit": by_segment(np.log(CDNOW["a"] / CDNOW["b"])),
            "mean_log_spend": by_segment(spend),
            "sd_log_rate": all_draws(spread),
            "sd_dropout_logit": all_draws(spread),
            "sd_log_spend": all_draws(spread),
        },
        segment_names=SEGMENTS[:segments],
        how="made",
    )


def with_partner_covariate(model: FittedModel, effect: float) -> FittedModel:
    """Give the first half of the partners a covariate that multiplies spend by exp(effect)."""
    partners, draws = len(model.summary.partner_ids), len(model.purchase.draws["r"])
    zero = np.zeros((draws, 1))
    effects = CovariateEffects(
        names=("certified = yes",),
        level=("partner",),
        draws={"log_rate": zero, "dropout_logit": zero, "log_spend": zero + effect},
        patterns=np.zeros((1, 1)),
        customer_pattern=np.zeros(len(model.summary), dtype=np.int64),
        partner_rows=(np.arange(partners) < partners // 2).astype(np.float64)[:, None],
        codings=(
            CategoryCoding(
                name="certified", level="partner", kind="yes-no", reference="no",
                levels=("yes",), merged=(), average=(0.5,),
            ),
        ),
    )  # fmt: skip
    return replace(model, effects=effects)
