"""Old customers are told from new ones where the data begin late, and nowhere else."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ltvforecast.data.summary import customer_table
from ltvforecast.data.synthetic import simulate_programme
from ltvforecast.fitting.left_truncation import Newness, judge_newness
from ltvforecast.fitting.purchase import fit_purchase
from ltvforecast.types import FloatArray

DAYS = 1095


def judged(purchases: pd.DataFrame) -> tuple[Newness, pd.DataFrame]:
    end = int(purchases["day"].max())
    table = customer_table(purchases, as_of_day=end)
    x, t_x, T = (table[name].to_numpy(np.float64) for name in ("frequency", "recency", "T"))
    fitted = fit_purchase(x, t_x, T, method="mle", rng=np.random.default_rng(1))
    return judge_newness(x, t_x, T, fitted.point, first_day=end - T), table


def programme(alpha: float) -> pd.DataFrame:
    made = simulate_programme(partners=5, customers=3000, seed=2, alpha=alpha, days=DAYS)
    frame = made.transactions
    day = (frame["date"] - pd.Timestamp(0)).dt.days
    return frame.assign(day=day)[["customer_id", "day", "amount"]]


@pytest.mark.parametrize("alpha", [15.0, 60.0])
def test_a_programme_seen_from_its_start_has_no_old_customers(alpha: float) -> None:
    found, _ = judged(programme(alpha))
    assert found.evidence < 5.0
    assert found.old_customers < 0.02 * len(found.probability)


@pytest.mark.parametrize("alpha", [15.0, 60.0])
def test_a_programme_cut_at_the_left_has_as_many_as_there_are(alpha: float) -> None:
    whole = programme(alpha)
    cut = int(whole["day"].max()) - 365
    before = whole.groupby("customer_id")["day"].min() < cut
    found, table = judged(whole[whole["day"] >= cut])
    old = table["customer_id"].map(before).to_numpy(dtype=np.float64)
    assert found.evidence > 50.0
    # lower than the truth, because slow buyers are commoner among the old than among those seen
    assert 0.6 * old.sum() < found.old_customers < 1.1 * old.sum()
    place = np.argsort(found.probability)
    likeliest, surest = old[place[: len(old) // 5]], old[place[-len(old) // 5 :]]
    assert likeliest.mean() > 0.75
    assert surest.mean() < 0.22


def test_the_share_of_new_customers_rises_with_time_and_pace() -> None:
    T = np.tile(np.linspace(360.0, 10.0, 40), 2)
    x: FloatArray = np.repeat([10.0, 1.0], 40) * np.maximum(T / 360, 0.1)
    x = np.maximum(np.round(x), 1.0)
    found = judge_newness(
        x, T * 0.95, T, {"r": 1.0, "alpha": 40.0, "a": 0.5, "b": 5.0}, first_day=360 - T
    )
    quick, slow = np.split(found.probability, 2)
    assert quick[20] > slow[20]
    assert quick[30] > quick[1]


def test_nobody_and_one_day_are_all_new() -> None:
    parameters = {"r": 1.0, "alpha": 40.0, "a": 0.5, "b": 5.0}
    none = judge_newness([], [], [], parameters, first_day=[])
    assert len(none.probability) == 0
    today = judge_newness([0.0], [0.0], [0.0], parameters, first_day=[3])
    assert today.probability.tolist() == [1.0]
    assert today.old_customers == 0.0
