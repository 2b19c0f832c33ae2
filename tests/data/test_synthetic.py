from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from ltvforecast.data.synthetic import simulate_programme, write_programme
from ltvforecast.errors import ConfigError, OutputExistsError


def test_same_seed_same_programme_another_seed_another() -> None:
    one, same, other = (simulate_programme(partners=5, customers=200, seed=s) for s in (1, 1, 2))
    pd.testing.assert_frame_equal(one.transactions, same.transactions)
    pd.testing.assert_frame_equal(one.partners, same.partners)
    assert not one.transactions.equals(other.transactions)


def test_truth_adds_up_and_dates_stay_inside() -> None:
    made = simulate_programme(partners=20, customers=3_000, seed=4, shared_customers=0.3)
    partners, customers, rows = made.partners, made.customers, made.transactions
    cents = [round(100 * frame["future_revenue"].sum()) for frame in (partners, customers)]
    assert cents[0] == cents[1]
    assert partners["future_purchases"].sum() == customers["future_purchases"].sum()
    by_partner = rows.groupby("partner_id")["amount"].sum().reindex(partners["partner_id"])
    assert by_partner.fillna(0).to_numpy() == pytest.approx(partners["revenue_to_date"].to_numpy())
    counted = rows.groupby("partner_id")["customer_id"].nunique().reindex(partners["partner_id"])
    assert counted.fillna(0).tolist() == partners["customers"].tolist()
    assert rows["customer_id"].nunique() == 3_000
    assert rows["date"].max() <= pd.Timestamp("2025-12-31")
    assert rows["date"].min() >= pd.Timestamp("2024-01-02")
    assert (rows["amount"] >= 0.01).all()
    assert not customers.loc[~customers["alive"], "future_purchases"].any()


def test_purchases_follow_the_closed_forms() -> None:
    # Dropout nearly never, so a count is Poisson given the rate and the age, which is uniform on
    # (0, days): E[x] = r E[age] / alpha.
    made = simulate_programme(
        partners=3, customers=20_000, seed=5, days=400, horizon_days=200, r=2.0, alpha=50.0,
        a=1e-3, b=1e6,
    )  # fmt: skip
    n = len(made.customers)
    repeats = len(made.transactions) - n
    mean = 2.0 * 200.0 / 50.0
    # Its variance is E[mu] + Var(lambda age): lambda has mean .04 and second moment
    # r (r + 1) / alpha^2 = .0024, the age has second moment 400^2 / 3.
    variance = mean + 0.0024 * 400.0**2 / 3.0 - mean**2
    assert abs(repeats / n - mean) < 4 * np.sqrt(variance / n)
    future = made.customers["future_purchases"].to_numpy()
    later = 2.0 * 200.0 / 50.0
    assert abs(future.mean() - later) < 4 * np.sqrt((later + later**2 / 2.0) / n)
    assert made.customers["alive"].mean() > 0.999


def test_one_purchase_more_or_dead_is_a_coin_with_the_dropout_probability() -> None:
    # At purchase rates this high everyone alive buys on, so the number of repeat purchases ever
    # made is geometric; with p ~ Beta(a, b), P(D = 1) = a / (a + b) and E[1 / p] = (a + b - 1) /
    # (a - 1) for the mean.
    made = simulate_programme(
        partners=1, customers=4_000, seed=6, days=10, horizon_days=1_500, r=50.0, alpha=100.0,
        a=30.0, b=60.0,
    )  # fmt: skip
    first = made.transactions.groupby("customer_id").size().to_numpy() - 1
    lifetime = first + made.customers["future_purchases"].to_numpy()
    once = int((lifetime == 1).sum())
    assert 1e-4 < binom.cdf(once, 4_000, 30.0 / 90.0) < 1 - 1e-4
    mean = 89.0 / 29.0
    # Var D = E[Var] + Var[mean] = E[(1 - p) / p^2] + Var[1 / p], from the moments of 1 / p.
    second = 89.0 * 88.0 / (29.0 * 28.0)
    variance = second - mean + second - mean**2
    assert abs(lifetime.mean() - mean) < 4 * np.sqrt(variance / 4_000)


def test_spend_has_the_gamma_gamma_moments() -> None:
    made = simulate_programme(partners=4, customers=20_000, seed=7, p=3.0, q=6.0, v=50.0)
    spend = made.customers["mean_spend"].to_numpy()
    # p / nu with nu ~ Gamma(q, v): mean p v / (q - 1) = 30, variance mean^2 / (q - 2).
    assert abs(spend.mean() - 30.0) < 4 * np.sqrt(900.0 / 4.0 / len(spend))
    first = made.transactions.drop_duplicates("customer_id")["amount"].to_numpy()
    # An amount: second moment p (p + 1) v^2 / ((q - 1)(q - 2)) = 1500, so variance 600.
    assert abs(first.mean() - 30.0) < 4 * np.sqrt(600.0 / len(first))


@pytest.mark.parametrize(("partners", "most"), [(1, 1), (2, 2), (9, 3)])
def test_shared_customers_buy_at_two_or_three_partners(partners: int, most: int) -> None:
    made = simulate_programme(
        partners=partners, customers=2_000, seed=8, shared_customers=1.0, r=20.0, alpha=200.0
    )
    used = made.transactions.groupby("customer_id")["partner_id"].nunique()
    assert used.max() == most
    alone = simulate_programme(partners=partners, customers=2_000, seed=8)
    assert alone.transactions.groupby("customer_id")["partner_id"].nunique().max() == 1


def test_partner_sizes_spread_as_asked() -> None:
    even = simulate_programme(partners=50, customers=20_000, seed=9, size_spread=0.0).partners
    # Binomial(20000, 1/50): mean 400, standard deviation 19.8; the largest of 50 within 5 of them.
    assert np.abs(even["customers"] - 400).max() < 5 * 19.8
    uneven = simulate_programme(partners=50, customers=20_000, seed=9, size_spread=1.5).partners
    assert 1.0 < np.log(uneven["customers"].clip(lower=1)).std() < 2.0


def test_writing_puts_the_truth_beside_it(tmp_path: Path) -> None:
    made = simulate_programme(partners=3, customers=40, seed=10)
    file, truth = write_programme(made, tmp_path / "toy.parquet")
    assert truth == tmp_path / "toy.truth.json"
    assert len(pd.read_parquet(file)) == len(made.transactions)
    told = json.loads(truth.read_text())
    assert told["parameters"]["customers"] == 40
    assert told["future_revenue"] == pytest.approx(made.partners["future_revenue"].sum())
    assert [row["partner_id"] for row in told["partners"]] == ["P1", "P2", "P3"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["toy.parquet", "toy.truth.json"]
    with pytest.raises(OutputExistsError):
        write_programme(made, file)
    write_programme(made, file, overwrite=True)
    file.unlink()
    with pytest.raises(OutputExistsError, match=r"toy\.truth\.json"):
        write_programme(made, file)
    assert not file.exists()
    with pytest.raises(ConfigError, match=r"ending in \.parquet"):
        write_programme(made, tmp_path / "toy.csv")


@pytest.mark.parametrize(
    "wrong",
    [
        {"partners": 0}, {"customers": -1}, {"r": 0.0}, {"alpha": float("nan")},
        {"size_spread": -0.1}, {"shared_customers": 1.1}, {"alpha": 1e-9}, {"v": float("inf")},
    ],
    ids=str,
)  # fmt: skip
def test_impossible_settings_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        simulate_programme(**wrong)


def test_a_season_shapes_the_repeat_purchases_and_nothing_else() -> None:
    """Hardly any dropout, so that counts by month are Poisson: rates of the customers there."""
    season = [1.0] * 9 + [2.0, 3.0, 0.5]
    even, seasonal = (
        simulate_programme(
            partners=2, customers=3_000, seed=2, a=0.01, b=10.0, alpha=20.0, season=factors
        )
        for factors in (None, season)
    )
    assert even.customers["purchase_rate"].tolist() == seasonal.customers["purchase_rate"].tolist()
    counts = []
    for made in (even, seasonal):
        repeats = made.transactions[made.transactions.duplicated("customer_id")]
        last_year = repeats[repeats["date"] >= "2025-01-01"]
        counts.append(np.bincount(last_year["date"].dt.month, minlength=13)[1:])
    ratio = counts[1] / counts[0]
    error = np.sqrt(ratio**2 * (1.0 / counts[0] + 1.0 / counts[1]))
    assert (np.abs(ratio - season) < 4.0 * error + 0.02 * ratio).all()


def test_a_step_changes_the_level_from_that_day_on() -> None:
    made = simulate_programme(
        partners=2, customers=3_000, seed=3, days=600, a=0.01, b=10.0, step=(400, 0.25)
    )
    repeats = made.transactions[made.transactions.duplicated("customer_id")]
    age = (pd.Timestamp(made.as_of) - repeats["date"]).dt.days
    before, after = ((age >= low).sum() - (age >= low + 30).sum() for low in (200, 170))
    assert after / before == pytest.approx(0.25, abs=0.05)
    assert made.parameters["step"] == [400.0, 0.25]


@pytest.mark.parametrize(
    "wrong", [{"season": [1.0] * 11}, {"season": [0.0] * 12}, {"step": (10, 0.0)}]
)
def test_seasons_and_steps_that_mean_nothing_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        simulate_programme(partners=2, customers=10, **wrong)  # type: ignore[arg-type]
