from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ltvforecast.data.datasets import load_cdnow_sample, load_complete_journey
from ltvforecast.data.fitness import fitness_warnings, last_two_gaps, wheat_morrison

EPOCH = pd.Timestamp("1970-01-01")


def purchases(frame: pd.DataFrame, until: str | None = None) -> pd.DataFrame:
    if until is not None:
        frame = frame[frame["date"] <= until]
    micros = (frame["amount"] * 1e6).round().astype("int64")
    return frame.assign(day=(frame["date"] - EPOCH).dt.days, amount_micros=micros)


def warned(frame: pd.DataFrame, *, as_of_day: int | None = None) -> list[str]:
    """Summarise by plain pandas, independently of the summary module, and warn."""
    end = int(frame["day"].max()) if as_of_day is None else as_of_day
    grouped = frame.groupby("customer_id")
    first, last = grouped["day"].min(), grouped["day"].max()
    table = pd.DataFrame(
        {
            "frequency": grouped["day"].nunique() - 1,
            "recency": (last - first).astype(float),
            "T": (end - first).astype(float),
            "revenue_to_date": grouped["amount_micros"].sum() / 1e6,
        }
    ).reset_index()
    return list(fitness_warnings(frame, table, as_of_day=end))


def kinds(warnings: list[str]) -> set[str]:
    return {warning.split(":")[0] for warning in warnings}


def simulated(
    rng: np.random.Generator, *, customers: int = 400, shape: float = 1.0, partners: int = 4
) -> pd.DataFrame:
    """Customers arrive evenly over two years; gaps are Erlang with mean 40 days."""
    start = rng.uniform(0, 700, customers)
    gaps = rng.gamma(shape, 40.0 / shape, (customers, 60))
    times = start[:, None] + np.concatenate(
        [np.zeros((customers, 1)), np.cumsum(gaps, axis=1)], axis=1
    )
    who, _ = np.nonzero(times < 730)
    day = np.floor(times[times < 730]).astype(np.int64)
    return pd.DataFrame(
        {
            "partner_id": np.char.add("p", (who % partners).astype(str)),
            "customer_id": np.char.add("c", who.astype(str)),
            "day": day,
            "amount_micros": np.full(len(day), 20_000_000, dtype=np.int64),
        }
    )


def test_ordinary_purchases_get_no_warning() -> None:
    assert warned(simulated(np.random.default_rng(1)), as_of_day=730) == []


def test_regular_and_clumpy_purchases_are_told_apart() -> None:
    rng = np.random.default_rng(2)
    assert kinds(warned(simulated(rng, shape=4.0), as_of_day=730)) == {"regular purchase cycle"}
    assert kinds(warned(simulated(rng, shape=0.4), as_of_day=730)) == {"clumpy purchases"}


@pytest.mark.parametrize("k", [0.5, 1.0, 2.0, 4.0])
def test_wheat_morrison_recovers_the_shape(k: float) -> None:
    # M is exactly Beta(k, k) whatever the customer's rate; 40,000 pairs give a relative
    # standard error of about 1 %.
    rng = np.random.default_rng(3)
    rate = rng.gamma(0.5, 1.0, 40_000) + 1e-3
    first, last = rng.gamma(k, 1.0, (2, 40_000)) / rate
    assert wheat_morrison(first, last) == pytest.approx(k, rel=0.05)


@pytest.mark.parametrize("rate", [0.02, 0.3, 0.6])
def test_whole_days_do_not_look_like_regularity(rate: float) -> None:
    # Random purchases seen by whole days, at most one a day, have geometric gaps.
    gaps = np.random.default_rng(4).geometric(1.0 - np.exp(-rate), (2, 100_000))
    assert wheat_morrison(*gaps, grid=1.0) == pytest.approx(1.0, abs=0.03)
    assert wheat_morrison(*gaps) > 1.03


def test_wheat_morrison_without_information() -> None:
    assert wheat_morrison([], []) == 1.0
    assert wheat_morrison([1], [1], grid=1.0) == 1.0
    assert np.isfinite(wheat_morrison([30.0], [30.0]))


def test_last_two_gaps() -> None:
    frame = pd.DataFrame(
        {
            "customer_id": ["a", "a", "b", "a", "b", "b", "c", "b", "b"],
            "day": [5, 1, 0, 12, 10, 10, 3, 30, 33],
        }
    )
    first, last = last_two_gaps(frame)
    assert first.tolist() == [4, 20]
    assert last.tolist() == [7, 3]
    assert last_two_gaps(frame.iloc[:1])[0].tolist() == []


def test_cdnow_is_random_by_wheat_morrison_and_a_closed_cohort() -> None:
    frame = purchases(load_cdnow_sample(), until="1997-09-30")
    assert wheat_morrison(*last_two_gaps(frame)) == pytest.approx(1.06, abs=0.005)
    found = warned(frame)
    assert kinds(found) == {"closed cohort"}
    assert "since 1997-03-25" in found[0]


def test_complete_journey_is_left_truncated() -> None:
    frame = purchases(load_complete_journey())
    found = warned(frame)
    assert kinds(found) == {"left-truncated history"}
    assert "83%" in found[0]
    assert "2017-01-01" in found[0]


@pytest.mark.skipif("LTVFORECAST_REAL_DATA" not in os.environ, reason="no folder of real data")
def test_adventureworks_has_a_regular_cycle() -> None:
    path = Path(os.environ["LTVFORECAST_REAL_DATA"]) / "adventureworks_reseller.parquet"
    frame = purchases(pd.read_parquet(path))
    found = warned(frame)
    assert "regular purchase cycle" in kinds(found)
    text = next(text for text in found if text.startswith("regular"))
    assert "typical gap 91 days" in text or "typical gap 92 days" in text


def test_few_repeaters_short_history_and_concentration() -> None:
    rows = [("p", "c1", 0, 900.0), ("p", "c1", 50, 900.0)]
    rows += [("q", f"d{k}", k, 1.0) for k in range(60)]
    frame = pd.DataFrame(rows, columns=["partner_id", "customer_id", "day", "amount"])
    frame["amount_micros"] = (frame["amount"] * 1e6).astype("int64")
    found = warned(frame, as_of_day=60)
    assert kinds(found) == {
        "few repeat customers",
        "short history",
        "one partner holds most of the value",
        "one customer holds much of the value",
    }
    text = " ".join(found)
    assert "1 of 61 bought more than once" in text
    assert "60 days cover 1.2 typical gaps" in text
    assert "'p' has 97% of it" in text
    assert "'c1' has 97% of it" in text


def test_free_purchases_alone_do_not_divide_by_zero() -> None:
    frame = simulated(np.random.default_rng(6)).assign(amount_micros=0)
    assert warned(frame, as_of_day=730) == []
