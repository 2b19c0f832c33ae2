from __future__ import annotations

import numpy as np
import pytest

from ltvforecast.errors import ConvergenceError, SummaryError
from ltvforecast.fitting.spend_data import amounts_data, first_purchase_gap, means_data
from tests.fitting.made_summary import amounts_only


def gamma_amounts(size: int, *, first: float = 1.0, seed: int = 1, number: int = 4):
    """Customers with Gamma(3) amounts at log-normal levels, the first times ``first``."""
    rng = np.random.default_rng(seed)
    factor = np.r_[first, np.ones(number - 1)]
    return [factor * rng.gamma(3, np.exp(rng.normal(2, 0.7)), number) for _ in range(size)]


def test_first_purchases_of_the_same_level_are_no_gap_although_means_vary_less() -> None:
    data = amounts_only(gamma_amounts(20_000))
    gap, error, pairs = first_purchase_gap(
        *(data[name].to_numpy(dtype=float) for name in ("spend_n", "spend_log_sum", "first_value"))
    )
    assert pairs == 20_000
    assert abs(gap) < 4 * error
    # the naive contrast, with the log of the later mean, is off by E log of a Gamma(3) minus that
    # of a Gamma(9) mean: about -1/6 + 1/18 = -.11, which is 20 of these errors
    naive = np.mean(np.log(data["first_value"]) - np.log(data["monetary_value"]))
    assert naive < -10 * error


def test_cdnow_first_purchases_are_kept(cdnow) -> None:
    data = amounts_data(cdnow)
    assert data.first_purchase
    assert data.flags == ()
    assert data.n.sum() == cdnow["spend_n"].sum()


def test_larger_first_purchases_are_left_out_and_it_is_said() -> None:
    amounts = gamma_amounts(300, first=2.0)
    amounts.append(np.array([50.0]))
    data = amounts_data(amounts_only(amounts))
    assert not data.first_purchase
    assert "first purchases are larger" in data.flags[0]
    # what is left: the three later amounts of each, and nothing of who bought once
    later = np.concatenate([z[1:] for z in amounts[:300]])
    assert data.n.sum() == len(later)
    assert data.total.sum() * data.unit == pytest.approx(later.sum(), rel=1e-12)
    assert data.log_total.sum() + data.n.sum() * np.log(data.unit) == pytest.approx(
        np.log(later).sum(), rel=1e-12
    )


def test_somewhat_larger_first_purchases_are_kept_and_it_is_said() -> None:
    data = amounts_data(amounts_only(gamma_amounts(3000, first=1.17)))
    assert data.first_purchase
    assert "by 1" in data.flags[0]
    assert "somewhat too high" in data.flags[0]
    assert data.n.sum() == 4 * 3000


def test_a_first_purchase_worth_nothing_takes_no_amount_away() -> None:
    amounts = [np.r_[0.0, z[1:]] if k % 2 else z for k, z in enumerate(gamma_amounts(200, first=3))]
    data = amounts_data(amounts_only(amounts))
    assert not data.first_purchase
    assert data.n.sum() == 3 * 200
    assert data.zeros == 100


def test_purchases_worth_nothing_are_counted_and_not_fitted() -> None:
    data = amounts_data(amounts_only([[0.0, 5.0], [3.0, 0.0, 4.0], [0.0]]))
    assert (data.zeros, data.purchases) == (3, 6)
    assert data.zero_share == 0.5
    assert sorted(data.n) == [1, 2]


def test_means_take_repeat_customers_with_positive_means(cdnow) -> None:
    data = means_data(cdnow)
    # 946 repeat customers: Fader & Hardie (2013), note 025, section 4
    assert len(data.n) == 946
    assert not data.first_purchase
    assert data.zeros == 0


def test_constant_amounts_are_given_one_percent_of_spread() -> None:
    data = amounts_data(amounts_only([[9.99] * 3] * 50))
    assert len(data.flags) == 2
    variation = (
        2
        * (data.n * np.log(data.total / data.n) - data.log_total).sum()
        / (data.n.sum() - len(data.n))
    )
    assert np.sqrt(variation) == pytest.approx(0.01, rel=1e-9)
    # 50 normal scores have nearly unit spread
    assert np.log(data.total / data.n).std() == pytest.approx(0.01, rel=0.05)
    assert data.unit == pytest.approx(9.99)


def test_equal_customers_with_varying_amounts_are_left_alone() -> None:
    rng = np.random.default_rng(2)
    data = amounts_data(amounts_only([rng.gamma(3, 2.0, 50_000) for _ in range(3)]))
    assert data.flags == ()


@pytest.mark.parametrize(
    ("column", "value"), [("spend_sum", np.inf), ("spend_log_sum", np.nan), ("first_value", -1.0)]
)
def test_impossible_amounts_are_refused(cdnow, column: str, value: float) -> None:
    broken = cdnow.head(5).copy()
    broken.loc[3, column] = value
    with pytest.raises(SummaryError, match=f"{column} is .* for customer number 4"):
        amounts_data(broken)


def test_nothing_of_value_is_refused_with_advice() -> None:
    with pytest.raises(ConvergenceError, match="are worth 0") as refused:
        amounts_data(amounts_only([[0.0, 0.0], [0.0]]))
    assert "amount" in refused.value.remedy
    with pytest.raises(ConvergenceError, match="repeat purchase worth more than 0") as refused:
        means_data(amounts_only([[5.0], [6.0]]))
    assert "gamma-gamma" in refused.value.remedy
