"""The lifetimes package, where it is right, and where it is not."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from lifetimes import BetaGeoFitter, GammaGammaFitter

from ltvforecast.formulas import bgnbd, gamma_gamma
from tests.formulas.conftest import Histories

FHL = (0.243, 4.414, 0.793, 2.426)
SPEND = (6.25, 3.74, 15.44)


def lifetimes_model(parameters: tuple[float, ...]) -> BetaGeoFitter:
    """Give a lifetimes model these parameters, without fitting."""
    model = BetaGeoFitter()
    model.params_ = pd.Series(dict(zip(bgnbd.PARAMETERS, parameters, strict=True)))
    return model


def their_expectation(t: float, x: float, t_x: float, T: float, parameters: tuple[float, ...]):
    model = lifetimes_model(parameters)
    with np.errstate(all="ignore"):
        return model.conditional_expected_number_of_purchases_up_to_time(
            t, np.array([float(x)]), np.array([t_x]), np.array([T])
        )[0]


def test_conditional_expectations_and_p_alive_on_cdnow(cdnow: Histories) -> None:
    model = lifetimes_model(FHL)
    theirs = model.conditional_expected_number_of_purchases_up_to_time(
        39, cdnow.x, cdnow.t_x, cdnow.T
    )
    ours = bgnbd.expected_purchases(39, cdnow.x, cdnow.t_x, cdnow.T, *FHL)
    np.testing.assert_allclose(ours, theirs, rtol=1e-10)
    np.testing.assert_allclose(
        bgnbd.p_alive(cdnow.x, cdnow.t_x, cdnow.T, *FHL),
        model.conditional_probability_alive(cdnow.x, cdnow.t_x, cdnow.T),
        rtol=1e-12,
    )


def test_new_customers() -> None:
    model = lifetimes_model(FHL)
    theirs = [model.expected_number_of_purchases_up_to_time(t) for t in (1.0, 26.0, 520.0)]
    ours = bgnbd.expected_purchases([1.0, 26.0, 520.0], 0, 0, 0, *FHL)
    np.testing.assert_allclose(ours, theirs, rtol=1e-10)
    probabilities = [model.probability_of_n_purchases_up_to_time(39.0, n) for n in range(10)]
    ours = bgnbd.purchase_count_pmf(np.arange(10), 39.0, 0, 0, 0, *FHL)
    np.testing.assert_allclose(ours, probabilities, rtol=1e-9)


def test_log_likelihood_on_cdnow(cdnow: Histories) -> None:
    # theirs is the mean over customers of the negative log-likelihood, in log-parameters
    theirs = -BetaGeoFitter._negative_log_likelihood(
        np.log(FHL), cdnow.x, cdnow.t_x, cdnow.T, np.ones_like(cdnow.x), 0.0
    ) * len(cdnow.x)
    ours = bgnbd.log_likelihood(cdnow.x, cdnow.t_x, cdnow.T, *FHL).sum()
    assert ours == pytest.approx(float(theirs), rel=1e-12)


def test_gamma_gamma(cdnow: Histories) -> None:
    model = GammaGammaFitter()
    model.params_ = pd.Series(dict(zip(gamma_gamma.PARAMETERS, SPEND, strict=True)))
    theirs = model.conditional_expected_average_profit(cdnow.x, cdnow.zbar)
    ours = gamma_gamma.expected_spend(cdnow.x, cdnow.x * cdnow.zbar, *SPEND)
    np.testing.assert_allclose(ours, theirs, rtol=1e-13)
    paid = cdnow.x > 0
    x, zbar = cdnow.x[paid], cdnow.zbar[paid]
    likelihood = -GammaGammaFitter._negative_log_likelihood(
        np.log(SPEND), x, zbar, np.ones_like(x), 0.0
    ) * len(x)
    ours_total = gamma_gamma.log_likelihood_mean(x, zbar, *SPEND).sum()
    assert ours_total == pytest.approx(float(likelihood), rel=1e-12)


# lifetimes 0.11.3 takes the logarithm of 2F1(...; c) with c = a + b + x - 1 < 0, or divides by
# a - 1, or meets an overflow on both of its paths. Ours against FHL equation 10
# in 50-digit arithmetic.
@pytest.mark.parametrize(
    ("case", "exact"),
    [
        ((39.0, 0, 0.0, 10.0, (0.5, 10.0, 0.6, 0.3)), 0.552803771953217),
        ((365.0, 1000, 9.9, 10.0, (3.0, 20.0, 5.0, 50.0)), 232.004227721489),
        ((39.0, 2, 30.43, 38.86, (0.243, 4.414, 1.0, 2.426)), 1.10213678603996),
    ],
)
def test_where_lifetimes_returns_nan_or_infinity(
    case: tuple[float, int, float, float, tuple[float, ...]], exact: float
) -> None:
    t, x, t_x, T, parameters = case
    assert not np.isfinite(their_expectation(t, x, t_x, T, parameters))
    ours = bgnbd.expected_purchases(t, x, t_x, T, *parameters)
    assert ours == pytest.approx(exact, rel=1e-12)
