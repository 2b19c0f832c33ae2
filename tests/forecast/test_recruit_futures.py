"""Futures of a partner without data, against closed forms that know nothing of the simulation."""

from __future__ import annotations

import numpy as np
import pytest

from ltvforecast.fit_types import FittedModel
from ltvforecast.forecast.horizon import Periods, parse_horizon, split_periods
from ltvforecast.forecast.newcomer_value import expected_new_customer_value
from ltvforecast.forecast.recruit_futures import (
    PartnerFutures,
    expected_partner,
    first_customer_share,
    simulate_partner,
)
from ltvforecast.forecast.recruit_parameters import likeness
from ltvforecast.types import FloatArray
from tests.forecast.made_model import AS_OF
from tests.forecast.made_recruits import LAW, made_recruits

DAYS_PER_MONTH = 365.25 / 12
DRAWS = 8000
MEANS = (2.0, 6.0)


def year() -> Periods:
    return split_periods(parse_horizon("12mo", AS_OF), AS_OF)


def simulated(model: FittedModel, segment: str, **options: object) -> PartnerFutures:
    asked = {"name": "n", "draws": DRAWS, "seed": 4} | options
    return simulate_partner(model, year(), likeness(model, segment), **asked)  # type: ignore[arg-type]


def z_of(values: FloatArray, expected: FloatArray | float) -> float:
    difference = values - expected
    return float(difference.mean() / (difference.std() / np.sqrt(len(difference))))


@pytest.fixture(scope="module")
def model() -> FittedModel:
    return made_recruits(means=MEANS, draws=20)


@pytest.fixture(scope="module")
def shop(model: FittedModel) -> PartnerFutures:
    return simulated(model, "shop", eligible_days=60.0)


def test_the_mean_number_of_customers_is_the_closed_form(
    model: FittedModel, shop: PartnerFutures
) -> None:
    """r / alpha times the integral of (beta / (beta + t))^s over twelve months, age 0."""
    assert model.acquisition is not None
    s, beta = LAW["s"], LAW["beta"]
    there = beta / (s - 1.0) * (1.0 - (beta / (beta + 12.0)) ** (s - 1.0))
    expected = MEANS[1] * there + first_customer_share(model.acquisition)
    # the last day of 12mo is a fraction of a day longer than twelve calendar months
    np.testing.assert_allclose(shop.expected_customers.mean(), expected, rtol=2e-3)
    assert abs(z_of(shop.customers.sum(axis=1), expected)) < 4.0


def test_the_mean_revenue_is_that_of_customers_who_come_over_the_year(
    model: FittedModel, shop: PartnerFutures
) -> None:
    """Each customer is worth the published mean over what is left of the year when it comes."""
    assert model.acquisition is not None

    def worth(months: float) -> float:
        days = DAYS_PER_MONTH * (12.0 - months)
        return float(expected_new_customer_value(model, days=days, draws=1)[0, 0])

    width = 0.25
    middles = np.arange(width / 2, 12.0, width)
    density = MEANS[1] * (LAW["beta"] / (LAW["beta"] + middles)) ** LAW["s"]
    expected = width * sum(d * worth(m) for d, m in zip(density, middles, strict=True))
    expected += first_customer_share(model.acquisition) * worth(0.0)
    np.testing.assert_allclose(shop.expected_revenue.mean(), expected, rtol=5e-3)
    assert abs(z_of(shop.revenue.sum(axis=1), shop.expected_revenue)) < 4.0


def test_levels_of_its_own_change_the_spread_and_the_closed_form_follows() -> None:
    apart = made_recruits(means=MEANS, spread=0.6, draws=20)
    found = simulated(apart, "shop")
    assert abs(z_of(found.revenue.sum(axis=1), found.expected_revenue)) < 4.0
    alike = simulated(made_recruits(means=MEANS, draws=20), "shop")
    assert found.expected_revenue.std() > 5.0 * alike.expected_revenue.std()
    # 16 quasi-random partners stand for all of them
    mean = expected_partner(apart, year(), likeness(apart, "shop"), draws=5, seed=4)
    np.testing.assert_allclose(mean.mean(), found.expected_revenue.mean(), rtol=0.05)


def test_without_levels_of_its_own_the_expectation_is_the_partners(
    model: FittedModel, shop: PartnerFutures
) -> None:
    mean = expected_partner(model, year(), likeness(model, "shop"), draws=5, seed=4)
    np.testing.assert_allclose(mean, shop.expected_revenue[0], rtol=1e-9)


def test_the_draws_expectation_varies_with_its_parameters() -> None:
    unsure = made_recruits(means=MEANS, uncertain=0.3, draws=50)
    mean = expected_partner(unsure, year(), likeness(unsure, "blog"), draws=50, seed=4)
    assert mean.std() / mean.mean() > 0.2


def test_parts_are_parts(shop: PartnerFutures) -> None:
    assert shop.eligible is not None
    # one unit of money in 2^44 is rounded apart
    assert (shop.first_revenue <= shop.eligible * (1 + 1e-9)).all()
    assert (shop.eligible <= shop.revenue * (1 + 1e-9)).all()
    assert not shop.first_revenue[shop.customers == 0].any()
    assert (shop.customers == np.rint(shop.customers)).all()


def test_who_never_starts_brings_nothing(model: FittedModel, shop: PartnerFutures) -> None:
    half = simulated(model, "shop", p_start=0.5)
    silent = half.customers.sum(axis=1) == 0
    assert not half.revenue[silent].any()
    # of those that start a few bring nobody: they began with another partner's customer
    never = (shop.customers.sum(axis=1) == 0).mean()
    assert abs(silent.mean() - (0.5 + 0.5 * never)) < 4.0 * 0.5 / np.sqrt(DRAWS)
    np.testing.assert_allclose(half.expected_revenue, 0.5 * shop.expected_revenue, rtol=1e-9)


def test_any_partner_is_a_mixture_of_the_segments(model: FittedModel) -> None:
    like = likeness(model, None)
    any_of = simulate_partner(model, year(), like, name="n", draws=DRAWS, seed=4)
    means = [simulated(model, name).expected_customers.mean() for name in ("blog", "shop")]
    low, high = sorted(means)
    assert low < any_of.expected_customers.mean() < high
    assert set(any_of.expected_customers.round(9)) == set(np.round(means, 9))


def test_the_same_seed_gives_the_same_bytes_and_another_name_others(model: FittedModel) -> None:
    one, again, other = (simulated(model, "blog", draws=200, name=name) for name in "aab")
    assert one.revenue.tobytes() == again.revenue.tobytes()
    assert one.revenue.tobytes() != other.revenue.tobytes()
    assert simulated(model, "blog", draws=200, seed=5).revenue.tobytes() != one.revenue.tobytes()


def test_what_else_is_asked_changes_no_number(model: FittedModel, shop: PartnerFutures) -> None:
    assert simulated(model, "shop").revenue.tobytes() == shop.revenue.tobytes()
