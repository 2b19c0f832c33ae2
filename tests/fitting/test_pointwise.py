from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from ltvforecast.errors import ConfigError
from ltvforecast.fit_types import FittedModel
from ltvforecast.fitting.fit_model import fit_model
from ltvforecast.fitting.pointwise import log_likelihood, observations, to_inference_data
from tests.fitting.made_summary import summary_of


@pytest.mark.parametrize("part", ["purchase", "spend"])
def test_rows_count_every_customer_and_sum_to_the_log_likelihood_of_the_fit(
    cdnow: pd.DataFrame, part: str
) -> None:
    for spend in ("gamma-gamma", "gamma-gamma-mean"):
        model = fit_model(summary_of(cdnow), method="mle", spend=spend)
        observed = observations(model, part)  # type: ignore[arg-type]
        total = observed.weight @ observed.log_likelihood(slice(None))[:, 0]
        fitted = model.purchase if part == "purchase" else model.spend
        # the fit sums over nodes and in other units; the same number to rounding
        assert total == pytest.approx(fitted.log_likelihood, abs=1e-4)
    assert len(observed) < observed.weight.sum()  # some customers look the same


def test_all_customers_one_by_one_are_the_counted_rows(cdnow_model: FittedModel) -> None:
    found = log_likelihood(cdnow_model)
    assert found.sizes["customer"] == len(cdnow_model.summary)
    assert found["customer"].to_numpy()[0] == cdnow_model.summary.customers["customer_id"].iloc[0]
    for part in ("purchase", "spend"):
        observed = observations(cdnow_model, part)
        one_by_one = found[part].to_numpy()[0]
        counted = np.repeat(
            observed.log_likelihood(slice(None)), observed.weight.astype(int), axis=0
        ).T
        np.testing.assert_allclose(
            np.sort(one_by_one, axis=1), np.sort(counted, axis=1), rtol=1e-9, atol=1e-9
        )


def test_other_data_have_another_fingerprint(cdnow: pd.DataFrame) -> None:
    one = fit_model(summary_of(cdnow), method="mle")
    same = fit_model(summary_of(cdnow), method="mle")
    fewer = fit_model(summary_of(cdnow.iloc[:2000]), method="mle")
    means = fit_model(summary_of(cdnow), method="mle", spend="gamma-gamma-mean")
    for part in ("purchase", "spend"):
        prints = [observations(each, part).fingerprint for each in (one, same, fewer)]
        assert prints[0] == prints[1] != prints[2]
    assert observations(one, "spend").fingerprint != observations(means, "spend").fingerprint
    assert observations(one, "purchase").fingerprint == observations(means, "purchase").fingerprint


def test_what_is_not_known_is_refused(cdnow_model: FittedModel) -> None:
    odd = dataclasses.replace(
        cdnow_model, purchase=dataclasses.replace(cdnow_model.purchase, model="no-such-model")
    )
    with pytest.raises(ConfigError, match="no-such-model"):
        observations(odd, "purchase")
    groups = {name: np.repeat(draws, 2, axis=1) for name, draws in cdnow_model.spend.draws.items()}
    grouped = dataclasses.replace(
        cdnow_model, spend=dataclasses.replace(cdnow_model.spend, draws=groups)
    )
    with pytest.raises(ConfigError, match="2 groups"):
        observations(grouped, "spend")


def test_arviz_takes_it_in_one_call(cdnow_model: FittedModel) -> None:
    data = to_inference_data(cdnow_model)
    assert dict(data.posterior.sizes) == {"chain": 1, "draw": 500}  # type: ignore[attr-defined]
    assert set(data.log_likelihood.data_vars) == {"purchase", "spend"}  # type: ignore[attr-defined]
