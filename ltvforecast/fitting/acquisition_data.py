"""What the acquisition model is fitted to: is the programme still open, and who was really new."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace

import numpy as np

from ltvforecast.acquisition_types import AcquisitionCounts, AcquisitionStatus
from ltvforecast.fitting.left_truncation import Newness
from ltvforecast.formulas.nb_dropout import Histories, Parameters, log_likelihood, p_active
from ltvforecast.types import FloatArray

__all__ = ["Judgement", "judge_acquisitions", "periods_per_year", "programme_open"]

EPOCH = dt.date(1970, 1, 1)
CLOSED_BELOW = 0.05
DOUBTFUL_BELOW = 0.95
MEAN_LIFE_YEARS = 20.0
"""Prior of how long programmes take in new customers: Pareto with s = 1 and this beta."""
EVIDENCE = 5.0
"""Log-likelihood that old customers must explain before anything is left out."""
OLD_SHARE = 0.2
SHORTEST_YEARS = 0.5
"""So long a history is needed after what is left out."""
_KAPPAS = np.exp(np.linspace(np.log(0.05), np.log(500.0), 12))


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Whether new customers can be forecast, from which counts, and why.

    Attributes
    ----------
    status : {"open", "closed", "unknown"}
    reason : str
        In plain words.
    p_open : float
    counts : AcquisitionCounts
        With the periods left out that must be.
    """

    status: AcquisitionStatus
    reason: str
    p_open: float
    counts: AcquisitionCounts


def periods_per_year(counts: AcquisitionCounts) -> float:
    """Say how many periods make a year.

    Parameters
    ----------
    counts : AcquisitionCounts

    Returns
    -------
    float
    """
    return 12.0 if counts.unit == "month" else 365.25 / 7.0


def judge_acquisitions(counts: AcquisitionCounts, newness: Newness | None = None) -> Judgement:
    """Recognise a closed cohort, and a history in which most of who seems new is not.

    Parameters
    ----------
    counts : AcquisitionCounts
    newness : Newness, optional
        What :func:`ltvforecast.fitting.left_truncation.judge_newness` says of its customers;
        without it everybody seen for the first time is new.

    Returns
    -------
    Judgement
    """
    chance = programme_open(counts)
    if chance < CLOSED_BELOW:
        return Judgement(
            status="closed", reason=_closed_reason(counts, chance), p_open=chance, counts=counts
        )
    if newness is None or newness.evidence < EVIDENCE:
        judged = Judgement(
            status="open",
            reason="Everybody seen for the first time counts as a new customer.",
            p_open=chance,
            counts=counts,
        )
    else:
        judged = _leave_out(counts, newness, chance)
    quiet = _quiet(counts)
    if judged.status == "open" and quiet and chance < DOUBTFUL_BELOW:
        doubt = (
            f" Nobody was new in the last {quiet} {counts.unit}{'s' * (quiet > 1)}; the programme "
            f"still takes in new customers with a probability of {_small(chance)}."
        )
        return replace(judged, reason=judged.reason + doubt)
    return judged


def programme_open(counts: AcquisitionCounts) -> float:
    """Probability that the programme as a whole still takes in new customers.

    Parameters
    ----------
    counts : AcquisitionCounts

    Returns
    -------
    float

    Notes
    -----
    The programme is one partner of the NB-dropout model, with its own mean rate, a prior life of
    20 years (Pareto, s = 1) and log kappa ~ N(log 5, 1.5) on a grid. It speaks for what partners
    do together, and so is not implied by what the single partners do: a hundred partners with one
    new customer each and then none for a year have not all stopped by chance.
    """
    total = counts.total.astype(np.float64)[None, :]
    exposure = np.minimum(counts.exposure.max(axis=0), 1.0)[None, :]
    exposure = np.where(total > 0, np.maximum(exposure, 1e-3), exposure)
    until = int(np.flatnonzero(total[0])[-1]) + 1
    mean = float(total.sum() / exposure[0, :until].sum())
    one, size = np.ones(len(_KAPPAS)), total.shape[1]
    histories = Histories(total, exposure, counts.edges, np.zeros(1), np.zeros(1, dtype=np.int64))
    parameters = Parameters(
        r=0.5 * one,
        alpha=0.5 / mean * one[:, None],
        kappa=_KAPPAS,
        s=one,
        beta=MEAN_LIFE_YEARS * periods_per_year(counts) * one,
        level=np.ones((len(_KAPPAS), size)),
    )
    height = log_likelihood(histories, parameters)[:, 0]
    height -= 0.5 * ((np.log(_KAPPAS) - np.log(5.0)) / 1.5) ** 2
    weight = np.exp(height - height.max())
    return float(np.sum(weight * p_active(histories, parameters)[:, 0]) / weight.sum())


def _quiet(counts: AcquisitionCounts) -> int:
    """Periods at the end without anybody new."""
    return len(counts.total) - 1 - int(np.flatnonzero(counts.total)[-1])


def _closed_reason(counts: AcquisitionCounts, chance: float) -> str:
    total = counts.total
    quiet = _quiet(counts)
    last = len(total) - 1 - quiet
    end = EPOCH + dt.timedelta(days=int(counts.edges_day[last + 1]) - 1)
    before = total[: last + 1].mean()
    return (
        f"Closed cohort: nobody new since {end}, {quiet} {counts.unit}s in a row, after "
        f"{before:,.1f} a {counts.unit} before that (probability that the programme still takes in "
        f"new customers: {_small(chance)}). No new customers are forecast."
    )


def _small(chance: float) -> str:
    return "below 0.1 %" if chance < 0.001 else f"{chance:.1%}".replace("%", " %")


def _leave_out(counts: AcquisitionCounts, newness: Newness, chance: float) -> Judgement:
    seen, old = _by_period(counts, newness)
    after_seen, after_old = np.cumsum(seen[::-1])[::-1], np.cumsum(old[::-1])[::-1]
    clean = np.flatnonzero(after_old <= OLD_SHARE * after_seen)
    first = int(clean[0]) if len(clean) else len(seen)
    really = float(newness.probability.sum())
    if (len(seen) - first) / periods_per_year(counts) < SHORTEST_YEARS:
        reason = (
            f"It can't be told who was new: of {len(newness.probability):,} customers about "
            f"{newness.old_customers:,.0f} seem to start where the data begin and were there "
            f"before; at most about {really:,.0f} were really new. No new customers are forecast. "
            "An export that reaches further back would tell."
        )
        return Judgement(status="unknown", reason=reason, p_open=chance, counts=counts)
    if first == 0:
        reason = (
            f"About {newness.old_customers:,.0f} of {len(newness.probability):,} customers were "
            "there before the data begin; the counts of new customers allow for them."
        )
    else:
        begin = EPOCH + dt.timedelta(days=int(counts.edges_day[first]))
        reason = (
            f"New customers are counted from {begin} on: about {newness.old_customers:,.0f} of "
            f"{len(newness.probability):,} customers only seem to start where the data begin. "
            f"Of those first seen since, {after_old[first] / after_seen[first]:.0%} may be old "
            "ones too, which the counts allow for."
        )
    new_share = 1.0 - np.minimum(old / np.maximum(seen, 1e-9), 0.9)
    shortened = counts.without_first(first, new_share=new_share)
    return Judgement(status="open", reason=reason, p_open=chance, counts=shortened)


def _by_period(counts: AcquisitionCounts, newness: Newness) -> tuple[FloatArray, FloatArray]:
    """Count customers first seen per period, and those of them who are expected to be old.

    The latter's share is smoothed to fall with time, as it must.
    """
    place = np.searchsorted(counts.edges_day, newness.first_day, side="right") - 1
    size = len(counts.edges) - 1
    seen = np.bincount(place, minlength=size).astype(np.float64)
    old = np.bincount(place, 1.0 - newness.probability, minlength=size)
    share = np.minimum.accumulate(np.where(seen > 0, old / np.maximum(seen, 1e-9), 1.0))
    return seen, np.minimum(share * seen, seen)
