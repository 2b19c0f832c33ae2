"""Are purchases as irregular as the model says? The Wheat-Morrison estimate as a fit check."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import beta, norm

from ltvforecast.check_types import FitCheck
from ltvforecast.checks.sample import Purchases
from ltvforecast.checks.verdict import judge
from ltvforecast.data.fitness import CLUMPY, REGULAR, gap_pattern, last_two_gaps

__all__ = ["check_regularity"]

VERY_REGULAR, VERY_CLUMPY = 3.0, 0.5
BINS = 10


def check_regularity(purchases: Purchases) -> FitCheck | None:
    """Compare customers' last two gaps with those of purely random purchases.

    Parameters
    ----------
    purchases : Purchases

    Returns
    -------
    FitCheck or None
        None with fewer than 30 customers with two gaps. ``size`` is the logarithm of the Erlang
        shape k; ``table`` has ``place`` (of the last gap in the sum of the two, upper ends of ten
        bins), ``customers``, ``expected`` (random purchases: equally many) and
        ``expected_at_k`` (Erlang gaps of the shape found).

    References
    ----------
    Wheat & Morrison (1990), Journal of Marketing Research 27(1), 87-93; see
    :func:`ltvforecast.data.fitness.wheat_morrison` for whole days.
    """
    frame = pd.DataFrame({"customer_id": purchases.customer, "day": purchases.day})
    found = gap_pattern(frame)
    if found is None:
        return None
    k = max(found.k, 0.01)
    size = float(np.log(k))
    p_value = float(2.0 * norm.sf(abs(found.k - 1.0) / found.error))
    look, fails = (REGULAR, VERY_REGULAR) if k > 1.0 else (CLUMPY, VERY_CLUMPY)
    verdict = judge(size, p_value, look=abs(float(np.log(look))), fails=abs(float(np.log(fails))))
    return FitCheck(
        name="regularity",
        verdict=verdict,
        size=size,
        p_value=p_value,
        sentence=(
            f"gaps between purchases: Wheat-Morrison k = {found.k:.2f} from {found.customers:,} "
            "customers (1 is random, as the model says; more is regular, less comes in bursts)"
        ),
        remedy="" if verdict == "fine" else _remedy(found.k),
        table=_table(frame, k),
    )


def _remedy(k: float) -> str:
    if k > 1.0:
        return (
            "a missed order means more than the model thinks: look yourself at customers more "
            "than two typical gaps late, and backtest before relying on the forecast"
        )
    return (
        "counts vary more than the intervals say: merge the orders of one burst into one "
        "transaction, and fit again"
    )


def _table(frame: pd.DataFrame, k: float) -> pd.DataFrame:
    first, last = last_two_gaps(frame)
    # the middle of the day spreads whole days over the bins
    place = (last - 0.5) / np.maximum(first + last - 1.0, 1.0)
    edges = np.linspace(0.0, 1.0, BINS + 1)
    return pd.DataFrame(
        {
            "place": edges[1:],
            "customers": np.histogram(place, edges)[0],
            "expected": np.full(BINS, len(place) / BINS),
            "expected_at_k": len(place) * np.diff(beta.cdf(edges, k, k)),
        }
    )
