"""Do the intervals hold what they say? Programmes of known truth, fitted and forecast."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd
import pytest

from ltvforecast.forecast.predict import predict
from ltvforecast.transaction_types import CustomerSummary
from ltvforecast.types import FloatArray
from tests.forecast.made_model import made_customers, made_summary

PROGRAMMES = 60
PARTNERS = 15
CUSTOMERS = 40  # a partner
HORIZON_WEEKS = 26
TRUTH = {"r": 0.7, "alpha": 6.0, "a": 0.9, "b": 3.0, "p": 4.0, "q": 4.0, "v": 30.0}


def lived(seed: int) -> tuple[CustomerSummary, FloatArray]:
    """Let customers live from birth; give the known past and each partner's future revenue."""
    rng = np.random.default_rng(seed)
    rows, future = [], np.zeros(PARTNERS)
    for customer in range(PARTNERS * CUSTOMERS):
        pace = rng.gamma(TRUTH["r"], 1 / TRUTH["alpha"])
        dropout = rng.beta(TRUTH["a"], TRUTH["b"])
        level = rng.gamma(TRUTH["q"], 1 / TRUTH["v"])
        T = rng.uniform(10, 78)
        times, amounts = [0.0], [rng.gamma(TRUTH["p"]) / level]
        while times[-1] < T + HORIZON_WEEKS:
            if len(times) > 1 and rng.random() < dropout:
                break
            times.append(times[-1] + rng.exponential() / pace)
            amounts.append(rng.gamma(TRUTH["p"]) / level)
        when, worth = np.array(times), np.array(amounts)
        past = when <= T
        coming = (when > T) & (when <= T + HORIZON_WEEKS)
        future[customer % PARTNERS] += worth[coming].sum()
        rows.append(
            (past.sum() - 1, when[past][-1], T, worth[0], worth[past][1:].sum(), worth[past])
        )
    x, t_x, T_all, first, later, known = zip(*rows, strict=True)
    table = made_customers(x, t_x, T_all, first=np.array(first), later=np.array(later))
    table["spend_log_sum"] = [float(np.log(values).sum()) for values in known]
    shares = [{f"p{customer % PARTNERS:02d}": 1.0} for customer in range(len(rows))]
    return made_summary(table, shares=shares), future


@pytest.mark.parametrize("pooling", ["complete", pytest.param("partial", marks=pytest.mark.slow)])
def test_intervals_hold_what_they_say(pooling: Literal["complete", "partial"]) -> None:
    from ltvforecast.fitting.fit_model import fit_model

    below = []
    for seed in range(PROGRAMMES):
        summary, future = lived(seed)
        fitted = fit_model(summary, pooling=pooling, draws=300, seed=seed)
        forecast = predict(fitted, horizon="26w", draws=300, seed=seed, lifespans=False)
        draws = forecast.draws["existing_revenue"].to_numpy()
        # randomised rank, so that no revenue at all, which is likely, counts fairly
        share = np.random.default_rng(seed).random(PARTNERS)
        below.append((draws < future).mean(axis=0) + share * (draws == future).mean(axis=0))
    rank = np.abs(2 * np.concatenate(below) - 1)
    coverage = pd.Series({level: float((rank < level / 100).mean()) for level in (50, 80, 90)})
    # 900 partner totals: binomial standard errors of 1.7, 1.3 and 1.0 points
    assert coverage[90] == pytest.approx(0.90, abs=0.03)
    assert coverage[80] == pytest.approx(0.80, abs=0.04)
    assert coverage[50] == pytest.approx(0.50, abs=0.05)
