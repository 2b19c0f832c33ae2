"""What became of partners that were said to fall silent: shares by risk band, from past dates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields

import numpy as np
import pandas as pd
from scipy.special import betaincinv

from ltvforecast.evaluate.hindcast import HORIZONS, PastForecast
from ltvforecast.layer_types import RiskBand
from ltvforecast.types import FloatArray

__all__ = ["EDGES", "SilenceForecast", "band_table", "learn_bands", "risk_bands"]

EDGES = (0.0, 0.01, 0.05, 0.2, 0.5, 0.8, 1.0)
"""Ends of the bands of p_churn; a chance at an end belongs to the band above it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SilenceForecast:
    """One past forecast of whether partners bring no revenue at all.

    Attributes
    ----------
    origin_day, days : int
        Days since 1970-01-01, and length of the window.
    chance : float64 array, shape (partner,)
        Said chance of no revenue in the window.
    silent : float64 array, shape (partner,)
        1 where there really was none, else 0.
    """

    origin_day: int
    days: int
    chance: FloatArray
    silent: FloatArray


def risk_bands(past: Sequence[SilenceForecast], *, days: float) -> tuple[RiskBand, ...]:
    """Put partners of past forecasts into bands by their chance of falling silent, and count.

    Parameters
    ----------
    past : sequence of SilenceForecast
        Windows of one length, at one or more dates.
    days : float
        The horizon they stand for.

    Returns
    -------
    tuple of RiskBand
        By rising chance; bands without a partner are left out.

    Notes
    -----
    The 90 % interval is Jeffreys': the ends of the Beta(k + 1/2, n - k + 1/2) posterior, but 0
    where nobody was silent and 1 where everybody was. Where windows overlap, the same partner's
    same silence is counted several times; k and n are scaled down by the total span of the
    windows over the sum of their lengths, so that what overlaps counts once.

    References
    ----------
    Brown, Cai & DasGupta (2001), Interval estimation for a binomial proportion, Statistical
    Science 16(2), 101-133, section 4.1.

    Examples
    --------
    >>> told = SilenceForecast(origin_day=0, days=90, chance=np.array([0.0, 0.3, 0.4]),
    ...                        silent=np.array([0.0, 0.0, 1.0]))
    >>> [(band.low, band.partners, band.silent) for band in risk_bands([told], days=90)]
    [(0.0, 1, 0), (0.2, 2, 1)]
    """
    if not past:
        return ()
    chance = np.concatenate([each.chance for each in past])
    silent = np.concatenate([each.silent for each in past])
    own = _own_part(past)
    place = np.clip(np.searchsorted(EDGES, chance, side="right") - 1, 0, len(EDGES) - 2)
    bands = []
    for number in np.unique(place).tolist():
        there = place == number
        partners, lost = int(there.sum()), int(silent[there].sum())
        low, high = _jeffreys(lost * own, partners * own)
        bands.append(
            RiskBand(
                horizon_days=float(days),
                windows=len(past),
                low=EDGES[number],
                high=EDGES[number + 1],
                partners=partners,
                expected=float(chance[there].mean()),
                silent=lost,
                silent_lo_90=low,
                silent_hi_90=high,
            )
        )
    return tuple(bands)


def _own_part(past: Sequence[SilenceForecast]) -> float:
    """Part of the windows' total length that is not in another window, too."""
    covered, end = 0.0, -np.inf
    for each in sorted(past, key=lambda one: one.origin_day):
        until = each.origin_day + each.days
        covered += max(0, until - max(each.origin_day, end))
        end = max(end, until)
    return float(covered / sum(each.days for each in past))


def _jeffreys(k: float, n: float) -> tuple[float, float]:
    a, b = k + 0.5, n - k + 0.5
    low = 0.0 if k == 0 else float(betaincinv(a, b, 0.05))
    high = 1.0 if k == n else float(betaincinv(a, b, 0.95))
    return low, high


def learn_bands(past: Sequence[PastForecast]) -> tuple[RiskBand, ...]:
    """Count, for every horizon that was tried, what became of partners in each risk band.

    Parameters
    ----------
    past : sequence of PastForecast
        Forecasts of the bare model. What layers are put on it does not change which draws are
        nothing, so that the chances are those of a forecast with layers, too.

    Returns
    -------
    tuple of RiskBand
        By rising horizon and chance. Only windows exactly as long as the horizon count: how
        likely silence is depends on how long it is to last.
    """
    found: list[RiskBand] = []
    for days in HORIZONS:
        windows = [
            SilenceForecast(
                origin_day=each.origin_day,
                days=each.days,
                chance=(each.draws == 0).mean(axis=0),
                silent=(each.actual <= 0).astype(np.float64),
            )
            for each in past
            if each.days == days
        ]
        found += risk_bands(windows, days=days)
    return tuple(found)


def band_table(bands: Sequence[RiskBand]) -> pd.DataFrame:
    """Give risk bands as a table: the columns of ``risk_bands.csv``.

    Parameters
    ----------
    bands : sequence of RiskBand

    Returns
    -------
    pandas.DataFrame
        The fields of :class:`ltvforecast.layer_types.RiskBand`, and ``silent_share``.
    """
    names = [each.name for each in fields(RiskBand)]
    table = pd.DataFrame([asdict(band) for band in bands], columns=names)
    share = table["silent"].astype(np.float64) / table["partners"].astype(np.float64)
    table.insert(names.index("silent") + 1, "silent_share", share)
    return table
