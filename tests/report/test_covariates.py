from __future__ import annotations

from dataclasses import replace

import numpy as np

from ltvforecast.covariate_types import CategoryCoding, CovariateEffects
from ltvforecast.fitting.covariate_words import CAUTION, effect_record
from ltvforecast.forecast_types import PartnerForecast
from ltvforecast.report.content import build_report
from tests.report.made_forecast import make_forecast


def with_covariates() -> PartnerForecast:
    coding = CategoryCoding(
        name="vip", level="customer", kind="yes-no", reference="no", levels=("yes",), merged=(),
        average=(0.5,),
    )  # fmt: skip
    draws = {
        "log_rate": np.log([[1.1], [1.2], [1.3]]),
        "dropout_logit": np.log([[0.7], [0.9], [1.2]]),
        "log_spend": np.log([[1.4], [1.5], [1.6]]),
    }
    effects = CovariateEffects(
        names=("vip = yes",), level=("customer",), draws=draws, patterns=np.eye(1),
        customer_pattern=np.zeros(1, np.int64), partner_rows=np.zeros((1, 1)), codings=(coding,),
    )  # fmt: skip
    forecast = make_forecast()
    told = {**forecast.provenance, "covariates": effect_record(effects)}
    return replace(forecast, provenance=told)


def test_factors_are_shown_with_their_ranges_and_the_caution() -> None:
    report = build_report(with_covariates())
    section = next(part for part in report.sections if part.key == "covariates")
    assert section.title == "What goes with buying more"
    assert CAUTION in section.paragraphs
    (row,) = section.tables[0].rows
    assert [cell.text for cell in row] == [
        "vip = yes (against no)", "customer", "× 1.20", "× 0.90", "× 1.50"
    ]  # fmt: skip
    assert row[2].detail == "1.11 to 1.29"


def test_without_covariates_there_is_no_such_part() -> None:
    report = build_report(make_forecast())
    assert all(part.key != "covariates" for part in report.sections)
