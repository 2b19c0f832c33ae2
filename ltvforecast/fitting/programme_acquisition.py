"""Fits how a programme brings new customers, from its customer summary alone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Literal

import numpy as np
import pandas as pd

from ltvforecast.acquisition_types import AcquisitionCounts, AcquisitionFit
from ltvforecast.errors import ConvergenceError
from ltvforecast.fit_types import Diagnostics, PurchaseFit
from ltvforecast.fitting.acquisition import fit_acquisition
from ltvforecast.fitting.acquisition_counts import count_acquisitions
from ltvforecast.fitting.left_truncation import Newness, judge_newness
from ltvforecast.formulas.clock import DAYS_PER_UNIT
from ltvforecast.transaction_types import CustomerSummary
from ltvforecast.types import IntArray

__all__ = ["AcquisitionChoice", "acquisition_counts", "fit_programme_acquisition"]

AcquisitionChoice = Literal["auto", "off"]

EPOCH = dt.date(1970, 1, 1)


def fit_programme_acquisition(
    summary: CustomerSummary,
    purchase: PurchaseFit,
    *,
    draws: int = 1000,
    rng: np.random.Generator,
) -> AcquisitionFit:
    """Count who was new when and through whom, and fit how partners bring new customers.

    Parameters
    ----------
    summary : CustomerSummary
        Segments of partners, if it knows any, are partially pooled.
    purchase : PurchaseFit
        Tells who was really new when the data begin.
    draws : int
        Posterior draws to keep.
    rng : numpy.random.Generator

    Returns
    -------
    AcquisitionFit
        ``unknown``, with the reason, also where the fit is not to be trusted: a programme's known
        customers can be forecast whether or not its new ones can.

    References
    ----------
    The model: :mod:`ltvforecast.formulas.nb_dropout`.
    """
    counts = acquisition_counts(summary)
    newness = _newness(summary, purchase)
    segments = _segments(summary)
    try:
        return fit_acquisition(counts, newness=newness, segments=segments, draws=draws, rng=rng)
    except ConvergenceError as error:
        return _untrusted(counts, error)


def acquisition_counts(summary: CustomerSummary) -> AcquisitionCounts:
    """Count new customers by acquiring partner and period.

    Parameters
    ----------
    summary : CustomerSummary
        Without ``first_partner`` (of an older version) a customer counts as acquired by its main
        partner.

    Returns
    -------
    AcquisitionCounts
        Of all partners who ever acquired a customer or were credited with a purchase.

    Raises
    ------
    SummaryError
        No customer.
    """
    customers = summary.customers
    known = "first_partner" if "first_partner" in customers else "partner_id"
    starts = pd.DataFrame(
        {"first_day": _first_day(summary), "first_partner": customers[known].astype(str)}
    )
    seen = pd.concat(
        [
            starts.rename(columns={"first_partner": "partner_id", "first_day": "day"}),
            summary.history[["partner_id", "day"]],
        ]
    )
    began = seen.groupby("partner_id", sort=True)["day"].min().rename("first_day").reset_index()
    return count_acquisitions(starts, began, as_of=summary.as_of)


def _first_day(summary: CustomerSummary) -> IntArray:
    age = summary.customers["T"].to_numpy(np.float64) * DAYS_PER_UNIT[summary.time_unit]
    return np.asarray((summary.as_of - EPOCH).days - np.rint(age), dtype=np.int64)


def _newness(summary: CustomerSummary, purchase: PurchaseFit) -> Newness:
    customers = summary.customers
    point = {
        name: purchase.point.get(name, float(np.median(purchase.draws[name])))
        for name in ("r", "alpha", "a", "b")
    }
    x, t_x, T = (customers[name].to_numpy(np.float64) for name in ("frequency", "recency", "T"))
    return judge_newness(
        x,
        t_x,
        T,
        point,
        first_day=_first_day(summary),
    )


def _segments(summary: CustomerSummary) -> Mapping[str, str] | None:
    table = summary.partner_table
    if table is None or "segment" not in table:
        return None
    told = table[table["segment"].notna()]
    return dict(zip(told["partner_id"].astype(str), told["segment"].astype(str), strict=True))


def _untrusted(counts: AcquisitionCounts, error: ConvergenceError) -> AcquisitionFit:
    reason = (
        f"How partners bring new customers can't be told from these data ({error.found}). "
        "No new customers are forecast."
    )
    return AcquisitionFit(
        status="unknown",
        reason=reason,
        p_open=1.0,
        draws={},
        point={},
        segments=("all partners",),
        partner_segment=np.zeros(len(counts.partner_ids), dtype=np.int64),
        counts=counts,
        log_likelihood=0.0,
        diagnostics=Diagnostics(trusted=False, verdict=reason),
    )
