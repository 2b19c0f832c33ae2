"""A forecast's check of itself: simulated means against the closed forms."""

from __future__ import annotations

import math

import numpy as np

from ltvforecast.errors import ForecastError
from ltvforecast.forecast.blocks import Programme
from ltvforecast.forecast.records import Totals
from ltvforecast.types import FloatArray

__all__ = ["check_simulation"]

LARGEST_Z = 5.0
LARGEST_TOTAL = 2.0**62


def check_simulation(programme: Programme, totals: Totals) -> dict[str, object]:
    """Compare the programme's simulated mean with its expectation, in standard errors.

    Parameters
    ----------
    programme : Programme
        After the simulation.
    totals : Totals

    Returns
    -------
    dict
        For ``purchases`` and ``revenue``: ``simulated`` and ``closed_form`` mean, ``z`` and
        ``checked`` (False where the spend model has no variance, so that a simulated mean
        proves nothing).

    Raises
    ------
    ForecastError
        The sums don't fit 64 bits, or the two disagree by more than 5 standard errors.

    Notes
    -----
    Both are taken in the same parameter draws, so their difference varies only by what is random
    given the parameters. Its variance is the larger of the one seen and the one the model
    implies: a rare event that never came must not look certain.
    """
    _check_size(totals)
    spread = [math.fsum(column) for column in programme.variances.T]
    purchases = _compare(
        totals.purchases.astype(np.float64),
        totals.expected_purchases.astype(np.float64) * programme.count_quantum,
        spread[0],
    )
    revenue = _compare(
        totals.revenue.sum(axis=(0, 2)).astype(np.float64) * programme.money_quantum,
        totals.expected_revenue.sum(axis=0).astype(np.float64) * programme.money_quantum,
        spread[1] * programme.money_quantum**2,
    )
    for name, said in (("purchases", purchases), ("revenue", revenue)):
        if said["checked"] and abs(float(str(said["z"]))) > LARGEST_Z:
            raise ForecastError(
                f"draws and closed form disagree on {name}: simulated {said['simulated']:.6g}, "
                f"expected {said['closed_form']:.6g}, {said['z']:.1f} standard errors apart",
                expected=f"at most {LARGEST_Z:g} standard errors",
                remedy="this is a fault of the program: please report it with the model",
            )
    return {"purchases": purchases, "revenue": revenue}


def _compare(simulated: FloatArray, expected: FloatArray, implied: float) -> dict[str, object]:
    difference = simulated - expected
    count = len(difference)
    seen = float(np.var(difference, ddof=1)) if count > 1 else 0.0
    checked = math.isfinite(implied) and max(seen, implied) > 0
    error = math.sqrt(max(seen, implied) / count) if checked else 1.0
    return {
        "simulated": float(np.mean(simulated)),
        "closed_form": float(np.mean(expected)),
        "z": float(np.mean(difference)) / error if checked else 0.0,
        "checked": checked,
    }


def _check_size(totals: Totals) -> None:
    largest = float(totals.size.max())
    if not largest < LARGEST_TOTAL:
        raise ForecastError(
            "a parameter draw under which the programme's revenue is beyond all bounds: "
            f"{largest / 2.0**44:.3g} times the usual",
            expected="revenue of a comparable size in all parameter draws",
            remedy="the spend model is hardly identified by these data: fit with --method "
            "laplace, or give it more purchases",
        )
