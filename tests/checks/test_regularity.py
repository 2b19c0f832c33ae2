from __future__ import annotations

import numpy as np
import pytest

from ltvforecast.checks.regularity import check_regularity
from ltvforecast.checks.sample import Purchases


def gaps(shape: float, *, customers: int = 600, seed: int = 1) -> Purchases:
    rng = np.random.default_rng(seed)
    gap = np.maximum(np.round(rng.gamma(shape, 30.0 / shape, (customers, 4))), 1)
    day = np.cumsum(gap, axis=1).astype(np.int64)
    return Purchases(
        customer=np.repeat(np.arange(customers), 4), day=day.ravel(), amount=np.ones(day.size)
    )


@pytest.mark.parametrize(
    ("shape", "verdict", "says"),
    [
        pytest.param(1.0, "fine", "", id="random"),
        pytest.param(2.0, "look", "missed order", id="regular"),
        pytest.param(8.0, "fails", "missed order", id="nearly a cycle"),
        pytest.param(0.3, "fails", "burst", id="clumpy"),
    ],
)
def test_verdicts_of_made_gaps(shape: float, verdict: str, says: str) -> None:
    found = check_regularity(gaps(shape))
    assert found is not None
    assert found.verdict == verdict
    assert says in found.remedy
    assert found.table["customers"].sum() == 600
    assert found.table["expected_at_k"].sum() == pytest.approx(600)


def test_few_customers_say_nothing() -> None:
    assert check_regularity(gaps(1.0, customers=20)) is None
