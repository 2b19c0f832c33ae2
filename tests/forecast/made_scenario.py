"""A small model with known customers of three partners who also bring new ones."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import numpy as np

from ltvforecast.acquisition_types import AcquisitionCounts, AcquisitionFit
from ltvforecast.fit_types import Diagnostics, FittedModel
from ltvforecast.transaction_types import Allocation
from tests.forecast.made_model import AS_OF, CDNOW, made_cohort, made_model, made_summary

MONTHS = 24
PARTNERS = ("east", "north", "west")


def made_acquisition(*, rate: float = 4.0, draws: int = 50) -> AcquisitionFit:
    """Partners who bring ``rate`` new customers a month and have for two years."""
    first = dt.date(AS_OF.year - 1, 1, 1)
    days = [dt.date(first.year + k // 12, k % 12 + 1, 1) for k in range(MONTHS + 1)]
    partners = len(PARTNERS)
    counts = AcquisitionCounts(
        partner_ids=PARTNERS,
        unit="month",
        edges_day=np.array([(day - dt.date(1970, 1, 1)).days for day in days]),
        edges=np.arange(MONTHS + 1.0),
        counts=np.full((partners, MONTHS), round(rate)),
        first_counts=np.zeros(MONTHS, dtype=np.int64),
        exposure=np.ones((partners, MONTHS)),
        start=np.zeros(partners),
        left_out=0,
        as_of=AS_OF,
    )
    law = {"r": 2.0, "kappa": 5.0, "s": 1.0, "beta": 60.0}
    return AcquisitionFit(
        status="open",
        reason="Somebody new came last month.",
        p_open=1.0,
        draws={name: np.full((draws, 1), value) for name, value in law.items()}
        | {"alpha": np.full((draws, 1), 2.0 / rate)},
        point=law,
        segments=("all",),
        partner_segment=np.zeros(partners, dtype=np.int64),
        counts=counts,
        log_likelihood=-1.0,
        diagnostics=Diagnostics(trusted=True, verdict="fine", k_hat=0.1),
    )


def made_programme(
    *,
    customers: int = 60,
    acquisition: bool = True,
    novelty: float = 0.1,
    spread: float = 0.05,
    parameters: dict[str, float] | None = None,
) -> FittedModel:
    """Every third customer buys through two partners."""
    cohort = made_cohort(customers, CDNOW, observed=39.0, seed=3)
    shares = [
        ({"east": 1.0}, {"north": 0.7, "west": 0.3}, {"west": 1.0})[k % 3] for k in range(customers)
    ]
    summary = made_summary(
        cohort,
        shares=shares,
        allocation=Allocation(rule="share", novelty=novelty, concentration=5.0),
    )
    model = made_model(summary, CDNOW if parameters is None else parameters, spread=spread)
    return replace(model, acquisition=made_acquisition()) if acquisition else model
