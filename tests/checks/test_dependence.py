from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy.stats import spearmanr

from ltvforecast.check_types import FitChecks
from ltvforecast.checks.dependence import check_dependence, single_amount_spearman
from ltvforecast.checks.sample import Purchases, Sample, take_sample
from ltvforecast.fit_types import Dependence, FittedModel
from tests.checks.made_orders import made_fit


@pytest.fixture(scope="module")
def sample(cdnow: FittedModel) -> Sample:
    return take_sample(cdnow, rng=np.random.default_rng(0))


def some(purchases: Purchases, mine: np.ndarray) -> Purchases:
    return Purchases(
        customer=purchases.customer[mine], day=purchases.day[mine], amount=purchases.amount[mine]
    )


def test_the_three_figures_of_cdnow(sample: Sample) -> None:
    """The mean amount says .206, the first .120 (p 5e-9), one repeat amount .10: half of it."""
    customers, purchases = sample.customers, sample.purchases
    assert purchases is not None
    repeat = customers[customers["frequency"] > 0]
    naive = spearmanr(repeat["frequency"], repeat["monetary_value"]).statistic
    assert naive == pytest.approx(0.206, abs=0.0005)
    first = spearmanr(customers["frequency"], customers["first_value"])
    assert first.statistic == pytest.approx(0.120, abs=0.0005)
    assert first.pvalue == pytest.approx(5e-9, rel=0.1)
    later = purchases.day > sample.first_day[purchases.customer]
    picks = single_amount_spearman(
        customers["frequency"].to_numpy(float),
        some(purchases, later),
        picks=200,
        rng=np.random.default_rng(1),
    )
    assert picks.mean() == pytest.approx(0.100, abs=0.003)
    assert picks.std() == pytest.approx(0.017, abs=0.002)


def test_one_amount_a_customer_is_level_and_the_mean_is_not(sample: Sample) -> None:
    """CDNOW's histories, amounts independent of them: exponential, levels of shape 3."""
    customers, purchases = sample.customers, sample.purchases
    assert purchases is not None
    rng = np.random.default_rng(5)
    frequency = customers["frequency"].to_numpy(float)
    repeat = frequency > 0
    single, naive = [], []
    for _ in range(60):
        level = rng.gamma(3.0, size=len(frequency))
        amount = rng.exponential(size=len(purchases.day)) / level[purchases.customer]
        made = dataclasses.replace(purchases, amount=amount)
        single.append(single_amount_spearman(frequency, made, picks=1, rng=rng)[0])
        later = purchases.day > sample.first_day[purchases.customer]
        total = np.bincount(purchases.customer[later], amount[later], minlength=len(frequency))
        mean = total[repeat] / frequency[repeat]
        naive.append(spearmanr(frequency[repeat], mean).statistic)
    # rank correlations under independence have sd 1/root(n - 1)
    error = 1 / np.sqrt(len(frequency) - 1)
    assert np.mean(single) == pytest.approx(0.0, abs=4 * error / np.sqrt(60))
    assert np.std(single) == pytest.approx(error, rel=0.3)
    assert np.mean(naive) > 0.1


def test_cdnow_depends_by_a_little(cdnow_checks: FitChecks) -> None:
    found = cdnow_checks["dependence"]
    assert found.verdict == "look"
    assert 0.15 < found.size < 0.3
    assert "too low" in found.remedy


def test_the_correlation_put_in_is_found() -> None:
    for world, rho in (("spend_more", 0.5), ("spend_less", -0.5)):
        model = made_fit(world, customers=1500, seed=3)
        sample = take_sample(model, rng=np.random.default_rng(1))
        found = check_dependence(model, sample, rng=np.random.default_rng(2))
        assert found.verdict != "fine"
        # about .03 from 1,500 ranks, on a scale of .2 for .5; and what the fit makes of it
        assert found.size == pytest.approx(rho, abs=0.2)
        assert ("too high" if rho < 0 else "too low") in found.remedy


def test_a_model_that_allows_for_it_is_fine(cdnow: FittedModel, sample: Sample) -> None:
    allowed = Dependence(
        rho=0.2, sd=0.03, likelihood_ratio=40.0, used=True, draws=np.array([0.2]), how="by hand"
    )
    model = dataclasses.replace(cdnow, dependence=allowed)
    found = check_dependence(model, sample, rng=np.random.default_rng(2))
    assert found.verdict == "fine"
    assert "allows for it" in found.sentence


def test_without_single_purchases_the_first_amounts_serve(
    cdnow: FittedModel, sample: Sample
) -> None:
    blind = dataclasses.replace(sample, purchases=None)
    found = check_dependence(cdnow, blind, rng=np.random.default_rng(2))
    assert found.verdict == "look"
    assert found.table["customers"].sum() == (sample.customers["first_value"] > 0).sum()
