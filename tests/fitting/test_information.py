from __future__ import annotations

import warnings
from importlib.util import find_spec
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ltvforecast.errors import ConfigError
from ltvforecast.fit_types import FittedModel
from ltvforecast.fitting.fit_model import fit_model
from ltvforecast.fitting.information import (
    Difference,
    Information,
    compare_information,
    information_criteria,
)
from ltvforecast.fitting.pointwise import Observations, observations, to_inference_data
from ltvforecast.types import FloatArray
from tests.fitting.made_summary import summary_of


def arviz() -> Any:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=FutureWarning)
        import arviz

        return arviz


@pytest.mark.parametrize("part", ["purchase", "spend"])
def test_counted_rows_give_what_arviz_gives_for_all_customers(
    cdnow_model: FittedModel, part: str
) -> None:
    mine = information_criteria(observations(cdnow_model, part))  # type: ignore[arg-type]
    theirs = arviz().loo(to_inference_data(cdnow_model), var_name=part, reff=1.0)
    new = find_spec("arviz_stats") is not None
    elpd = theirs.elpd if new else theirs["elpd_loo"]
    p_loo = theirs.p if new else theirs["p_loo"]
    assert mine.elpd_loo == pytest.approx(elpd, abs=1e-6)
    assert mine.p_loo == pytest.approx(p_loo, abs=1e-6)
    # ArviZ 0.x takes the variance over n as we do, ArviZ 1 over n - 1
    free = (mine.customers / (mine.customers - 1)) ** 0.5 if new else 1.0
    assert mine.elpd_loo_se * free == pytest.approx(theirs.se if new else theirs["se"], rel=1e-9)


@pytest.mark.filterwarnings("ignore:For one or more samples")  # ArviZ on WAIC itself
@pytest.mark.skipif(find_spec("arviz_stats") is not None, reason="ArviZ 1 has no WAIC")
@pytest.mark.parametrize("part", ["purchase", "spend"])
def test_waic_is_that_of_arviz(cdnow_model: FittedModel, part: str) -> None:
    mine = information_criteria(observations(cdnow_model, part))  # type: ignore[arg-type]
    theirs = arviz().waic(to_inference_data(cdnow_model), var_name=part)
    assert mine.elpd_waic == pytest.approx(theirs["elpd_waic"], abs=1e-6)
    assert mine.elpd_waic_se == pytest.approx(theirs["se"], rel=1e-9)
    assert mine.p_waic == pytest.approx(theirs["p_waic"], abs=1e-6)


def made(values: FloatArray, weight: FloatArray, *, fingerprint: str = "f") -> Observations:
    """Observations whose log-likelihood is given: float64 array of shape (row, draw)."""
    return Observations(
        part="purchase",
        kind="numbers",
        weight=weight,
        columns=(np.arange(len(values), dtype=np.float64),),
        parameters=(np.arange(values.shape[1], dtype=np.float64),),
        formula=lambda row, draw: values[row.astype(int), draw.astype(int)],
        fingerprint=fingerprint,
    )


def test_leaving_out_is_the_exact_prediction_from_the_others() -> None:
    # y ~ N(mu, 1) with a flat prior: y_i given the others is N(mean of others, 1 + 1/(n - 1))
    rng = np.random.default_rng(5)
    y = rng.standard_normal(40)
    mu = rng.normal(y.mean(), 1 / np.sqrt(len(y)), 20_000)
    values = np.asarray(stats.norm.logpdf(y[:, None], mu[None, :], 1.0))
    found = information_criteria(made(values, np.ones(len(y))))
    others = (y.sum() - y) / (len(y) - 1)
    exact = stats.norm.logpdf(y, others, np.sqrt(1 + 1 / (len(y) - 1)))
    # Monte Carlo error of one density is about sd(log ratio) / sqrt(20,000) < .003
    np.testing.assert_allclose(found.elpd_rows, exact, atol=0.01)
    assert found.elpd_loo == pytest.approx(exact.sum(), abs=0.05)
    assert found.p_loo == pytest.approx(1.0, abs=0.35)  # one parameter
    assert found.high_k_hat == 0


def test_an_outlier_has_a_high_k_hat_and_counts_with_its_weight() -> None:
    rng = np.random.default_rng(6)
    mu = rng.standard_normal(1000)
    values = np.stack([stats.norm.logpdf(0.1, 0.3 * mu), stats.norm.logpdf(30.0, mu * 3)])
    found = information_criteria(made(values, np.array([5.0, 2.0])))
    assert found.high_k_hat == 2
    assert found.largest_k_hat > 0.7
    assert found.customers == 7


def test_a_customer_who_says_nothing_is_its_own_prediction() -> None:
    values = np.stack([np.zeros(200), np.random.default_rng(1).normal(-2, 0.1, 200)])
    found = information_criteria(made(values, np.ones(2)))
    assert found.elpd_rows[0] == 0.0
    assert found.high_k_hat == 0


def test_a_point_fit_is_refused(cdnow: pd.DataFrame) -> None:
    model = fit_model(summary_of(cdnow), method="mle")
    with pytest.raises(ConfigError, match="1 posterior draw"):
        information_criteria(observations(model, "purchase"))


def of_rows(elpd: list[float], weight: list[float], *, fingerprint: str = "f") -> Information:
    return Information(
        kind="numbers", fingerprint=fingerprint,
        weight=np.array(weight), elpd_rows=np.array(elpd),
        customers=int(sum(weight)), elpd_loo=float(np.dot(elpd, weight)), elpd_loo_se=0.0,
        p_loo=0.0, elpd_waic=0.0, elpd_waic_se=0.0, p_waic=0.0, high_k_hat=0, largest_k_hat=0.0,
    )  # fmt: skip


def test_differences_are_those_of_all_customers_one_by_one() -> None:
    one, other = [-1.0, -2.0, -3.0], [-1.5, -2.0, -5.0]
    weight = [4.0, 1.0, 2.0]
    found = compare_information(of_rows(one, weight), of_rows(other, weight))
    gain = np.repeat(np.subtract(one, other), [4, 1, 2])
    assert found.elpd_diff == pytest.approx(gain.sum())
    assert found.elpd_diff_se == pytest.approx(np.sqrt(len(gain) * gain.var()))


def test_likelihoods_of_different_data_are_never_compared() -> None:
    with pytest.raises(ConfigError, match="not the same ones"):
        compare_information(of_rows([0.0], [1.0]), of_rows([0.0], [1.0], fingerprint="g"))


@pytest.mark.parametrize(
    ("diff", "error", "clear"),
    [(10.0, 2.0, True), (-10.0, 2.0, True), (10.0, 6.0, False), (3.0, 0.1, False)],
)
def test_clear_is_over_four_and_over_two_errors(diff: float, error: float, clear: bool) -> None:
    assert Difference(elpd_diff=diff, elpd_diff_se=error).clear is clear
