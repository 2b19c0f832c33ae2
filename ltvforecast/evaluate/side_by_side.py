"""What differences between models say, in plain words: clear, or none that is clear."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd

from ltvforecast.evaluate.records import MODEL
from ltvforecast.fitting.information import HIGH_K_HAT, Information, compare_information
from ltvforecast.fitting.pointwise import Part
from ltvforecast.types import FloatArray

__all__ = [
    "PARTS",
    "crps_difference",
    "high_k_hat_notes",
    "information_sentences",
    "score_sentences",
]

PARTS: tuple[Part, ...] = ("purchase", "spend")
RESAMPLES = 400


def information_sentences(
    names: Sequence[str], found: Sequence[Information | None], part: Part
) -> list[str]:
    """Say which model predicts customers it has not seen better, where that can be compared.

    Parameters
    ----------
    names : sequence of str
    found : sequence of Information or None
        In the same order; None: none was possible.
    part : {"purchase", "spend"}

    Returns
    -------
    list of str
    """
    groups: dict[str, list[tuple[str, Information]]] = {}
    for name, each in zip(names, found, strict=True):
        if each is not None:
            groups.setdefault(each.fingerprint, []).append((name, each))
    told = []
    for members in groups.values():
        ranked = sorted(members, key=lambda member: -member[1].elpd_loo)
        best_name, best = ranked[0]
        for name, other in ranked[1:]:
            gain = compare_information(best, other)
            size = f"elpd {gain.elpd_diff:,.1f} higher, se {gain.elpd_diff_se:,.1f}"
            if gain.elpd_diff == 0.0 and gain.elpd_diff_se == 0.0:
                told.append(f"{part}: {best_name} and {name} are the same here")
            elif gain.clear:
                told.append(f"{part}: {best_name} predicts better than {name} ({size})")
            else:
                told.append(f"{part}: no clear difference between {best_name} and {name} ({size})")
    if len(groups) > 1:
        kinds = "; ".join(
            f"{', '.join(name for name, _ in members)}: {members[0][1].kind}"
            for members in groups.values()
        )
        told.append(
            f"{part}: likelihoods of different data are not compared by LOO or WAIC ({kinds}); "
            "the rolling origins compare them, because all forecast the same money"
        )
    return told


def high_k_hat_notes(
    names: Sequence[str], found: Sequence[Information | None], part: Part
) -> list[str]:
    """Say for how many customers leaving out can't be approximated."""
    return [
        f"{name}, {part}: for {each.high_k_hat:,} of {each.customers:,} customers k-hat is above "
        f"{HIGH_K_HAT} (largest {each.largest_k_hat:.2f}): leaving them out changes the fit too "
        "much to be approximated, and the LOO is too optimistic"
        for name, each in zip(names, found, strict=True)
        if each is not None and each.high_k_hat
    ]


def crps_difference(
    forecasts: Sequence[pd.DataFrame | None], *, min_customers: int
) -> list[tuple[float, float]]:
    """Compare the mean CRPS of partner totals with that of the best model, pair by pair.

    Parameters
    ----------
    forecasts : sequence of pandas.DataFrame or None
        ``Evaluation.forecasts`` of each model.
    min_customers : int
        Smaller partners are left out.

    Returns
    -------
    list of (float, float)
        Mean difference (at least 0; the best has 0) and its standard error; NaN where there is
        no forecast.

    Notes
    -----
    Partners of one origin share its luck, and a partner is the same at all origins: the standard
    error is the spread over resampled origins and partners, both with replacement (Owen 2007,
    Annals of Applied Statistics 1, 386-411, the pigeonhole bootstrap). Few origins make it rough.
    """
    tables = [None if each is None else _crps(each, min_customers) for each in forecasts]
    shared = _shared([table for table in tables if table is not None])
    means = [
        math.inf if table is None or shared is None else float(table.loc[shared].mean())
        for table in tables
    ]
    if shared is None or not np.isfinite(means).any():
        return [(math.nan, math.nan)] * len(tables)
    best = tables[int(np.argmin(means))]
    found = []
    for table in tables:
        if table is None or best is None:
            found.append((math.nan, math.nan))
            continue
        gap = (table.loc[shared] - best.loc[shared]).unstack("origin")  # noqa: PD010
        values = np.asarray(gap, dtype=np.float64)
        found.append((float(np.nanmean(values)), _resampled_error(values)))
    return found


def _crps(forecasts: pd.DataFrame, min_customers: int) -> pd.Series[float]:
    mine = forecasts[
        (forecasts["method"] == MODEL)
        & (forecasts["level"] == "partner")
        & (forecasts["customers"] >= min_customers)
    ]
    return mine.set_index(["origin", "partner_id"])["crps"]


def _shared(tables: Sequence[pd.Series[float]]) -> pd.Index | None:
    if not tables:
        return None
    shared = tables[0].index
    for table in tables[1:]:
        shared = shared.intersection(table.index, sort=False)
    return shared if len(shared) else None


def _resampled_error(values: FloatArray) -> float:
    rng = np.random.default_rng(0)
    means = []
    for _ in range(RESAMPLES):
        some = values[np.ix_(*(rng.integers(0, size, size) for size in values.shape))]
        if np.isfinite(some).any():
            means.append(float(np.nanmean(some)))
    return float(np.std(means))


def score_sentences(names: Sequence[str], crps: Sequence[tuple[float, float]]) -> list[str]:
    """Say which model forecast partner totals better at past dates.

    Parameters
    ----------
    names : sequence of str
    crps : sequence of (float, float)
        From :func:`crps_difference`.

    Returns
    -------
    list of str

    Examples
    --------
    >>> score_sentences(["one", "other"], [(0.0, 0.0), (5.0, 1.0)])
    ['past forecasts: one forecast partners better than other (CRPS 5.00 lower, se 1.00)']
    """
    ranked = sorted(
        (gap, error, name)
        for name, (gap, error) in zip(names, crps, strict=True)
        if math.isfinite(gap)
    )
    told = []
    for gap, error, name in ranked[1:]:
        best = ranked[0][2]
        size = f"(CRPS {gap:,.2f} lower, se {error:,.2f})"
        if gap == 0.0 and error == 0.0:
            told.append(f"past forecasts: {best} and {name} forecast the same")
        elif gap > 2.0 * error:
            told.append(f"past forecasts: {best} forecast partners better than {name} {size}")
        else:
            told.append(f"past forecasts: no clear difference between {best} and {name} {size}")
    return told
