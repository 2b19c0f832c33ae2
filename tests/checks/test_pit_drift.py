from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from ltvforecast.checks.pit_drift import check_pit
from ltvforecast.evaluate.records import MODEL, PROGRAMME, Evaluation
from ltvforecast.forecast_types import Horizon


def evaluation_of(pit: list[float] | np.ndarray, *, step: int = 90, days: int = 90) -> Evaluation:
    origins = [
        str(np.datetime64("2024-01-01") + np.timedelta64(step * place, "D"))
        for place in range(len(pit))
    ]
    rows = [
        {"origin": origin, "level": level, "partner_id": partner, "method": MODEL, "pit": value}
        for origin, value in zip(origins, pit, strict=True)
        for level, partner in (("programme", PROGRAMME), ("partner", "p"))
    ]
    empty = pd.DataFrame()
    return Evaluation(
        scores=empty, pooled=empty, new_customers=empty, forecasts=pd.DataFrame(rows),
        origins=empty,
        new_partners=empty, moved_customers=empty, decile_lift=empty, risk_bands=empty,
        horizon=Horizon(text=f"{days}d", days=days), settings={"horizon_days": days}, notes=(),
    )  # fmt: skip


def test_a_rise_through_the_intervals_is_a_drift() -> None:
    checks = check_pit(evaluation_of([0.01, 0.2, 0.8, 0.99]))
    drift, level = checks["pit_drift"], checks["pit_level"]
    assert drift.verdict == "fails"
    assert drift.size > 0.9
    assert "moved up" in drift.sentence
    assert "too low" in drift.remedy
    assert level.verdict == "fine"
    falling = check_pit(evaluation_of([0.99, 0.8, 0.2, 0.01]))["pit_drift"]
    assert falling.size == pytest.approx(-drift.size)
    assert "too high" in falling.remedy


def test_always_high_is_a_level_and_no_drift() -> None:
    checks = check_pit(evaluation_of([0.999, 0.997, 0.999, 0.998, 0.999]))
    assert checks["pit_level"].verdict != "fine"
    assert "upper half" in checks["pit_level"].remedy
    assert checks["pit_drift"].verdict == "fine"


def test_false_alarms_of_right_forecasts() -> None:
    """Scores correlated as overlapping windows make them: alarms no more often than promised."""
    rng = np.random.default_rng(1)
    alarms = {"pit_level": 0, "pit_drift": 0}
    p_values = []
    runs = 300
    for _ in range(runs):
        # thirds of windows, three in each window, and each window one third on from the last
        parts = rng.standard_normal(7)
        score = (parts[:5] + parts[1:6] + parts[2:7]) / np.sqrt(3)
        checks = check_pit(evaluation_of(norm.cdf(score), step=30, days=90))
        p_values.append(checks["pit_drift"].p_value)
        for name in alarms:
            alarms[name] += checks[name].verdict != "fine"
    limit = 0.005 + 4 * np.sqrt(0.005 / runs)
    assert alarms["pit_level"] / runs < limit
    assert alarms["pit_drift"] / runs < limit
    assert np.mean(np.array(p_values) < 0.1) == pytest.approx(0.1, abs=4 * np.sqrt(0.09 / runs))


def test_two_origins_have_no_drift() -> None:
    checks = check_pit(evaluation_of([0.3, 0.6]))
    assert [check.name for check in checks.done] == ["pit_level"]
    assert "2 origins" in checks.left_out[0]
    assert check_pit(evaluation_of([float("nan")])).done == ()
