from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from ltvforecast.covariate_types import CovariateEffects
from ltvforecast.fitting.covariate_words import CAUTION, QUANTITIES, effect_table, effect_words
from ltvforecast.fitting.covariates import code_covariates

FRAME = pd.DataFrame(
    {
        "region": list("nnnnssssnn"),
        "years": [1.0, 2, 3, 4, 5, 6, 7, 8, 9, np.nan],
        "joined": pd.to_datetime([f"20{k:02d}-01-01" for k in range(10, 20)]),
    }
)
CODED = code_covariates(
    FRAME, ["region", "years", "joined"], level="customer", as_of=dt.date(2025, 1, 1)
)


def effects_of(means: dict[str, float], *, sd: float, draws: int = 4000) -> CovariateEffects:
    rng = np.random.default_rng(1)
    return CovariateEffects(
        names=CODED.names,
        level=("customer",) * len(CODED.names),
        draws={
            name: rng.normal(means.get(name, 0.0), sd, (draws, len(CODED.names)))
            for name in QUANTITIES
        },
        patterns=CODED.rows,
        customer_pattern=np.arange(len(FRAME)),
        partner_rows=np.zeros((1, len(CODED.names))),
        codings=CODED.codings,
    )


def test_factors_are_medians_with_equal_tails() -> None:
    table = effect_table(effects_of({"log_rate": np.log(1.2)}, sd=0.1))
    assert len(table) == 3 * len(CODED.names)
    rate = table[table["quantity"] == "log_rate"]
    # exp(log 1.2 + .1 z): median 1.2, 90 % between 1.2 exp(-.1645) = 1.018 and 1.415;
    # 4000 draws: the median's standard error is 1.25 * .1 / sqrt(4000) = .002, of the ends .0033
    np.testing.assert_allclose(rate["factor"], 1.2, rtol=0.01)
    np.testing.assert_allclose(rate["factor_lo_90"], 1.2 * np.exp(-0.16449), rtol=0.015)
    np.testing.assert_allclose(rate["factor_hi_90"], 1.2 * np.exp(0.16449), rtol=0.015)


def test_words_name_what_is_compared() -> None:
    words = effect_table(effects_of({}, sd=0.1))["words"].tolist()
    assert words[0].startswith("region = s (against n): purchases per unit of time while active ×")
    assert words[1].startswith("region = s (against n): odds of leaving after a purchase ×")
    assert words[3].startswith("years, 2.58 more: ")
    assert words[6].startswith("years = unknown: ")
    assert words[9].startswith("joined, 2.87 years earlier: ")
    assert effect_table(effects_of({}, sd=0.1))["covariate"].unique().tolist() == [
        "region",
        "years",
        "joined",
    ]


def test_clear_effects_come_first_and_causes_are_never_claimed() -> None:
    told = effect_words(effects_of({"log_rate": 0.5, "log_spend": -0.9}, sd=0.1))
    columns = len(CODED.names)
    assert len(told) == 2 * columns + 2
    assert all("mean spend" in sentence for sentence in told[:columns])
    assert all("purchases per" in sentence for sentence in told[columns : 2 * columns])
    assert (
        told[-2] == f"{columns} of {3 * columns} effects are unclear: 1 is inside their 90 % range"
    )
    assert told[-1] == CAUTION
    assert "not what a change would cause" in CAUTION


def test_a_point_fit_has_factors_and_no_ranges() -> None:
    point = effects_of({"log_rate": 1.0}, sd=0.0, draws=1)
    table = effect_table(point)
    assert (table["factor_lo_90"] == table["factor_hi_90"]).all()
    assert table["words"][0].endswith("× 2.72")
    assert effect_words(point)[0].startswith("a point fit has no ranges")


def test_without_covariates_nothing_is_said() -> None:
    none = CovariateEffects(
        names=(),
        level=(),
        draws={name: np.empty((5, 0)) for name in QUANTITIES},
        patterns=np.empty((1, 0)),
        customer_pattern=np.zeros(3, dtype=np.int64),
        partner_rows=np.empty((2, 0)),
    )
    assert effect_words(none) == ()
    assert effect_table(none).empty


def test_records_without_codings_are_told_by_their_columns() -> None:
    bare = CovariateEffects(
        names=("vip = yes",),
        level=("customer",),
        draws={name: np.zeros((5, 1)) for name in QUANTITIES},
        patterns=np.eye(1),
        customer_pattern=np.zeros(3, dtype=np.int64),
        partner_rows=np.zeros((2, 1)),
    )
    table = effect_table(bare)
    assert table["covariate"].tolist() == ["vip"] * 3
    assert table["factor"].tolist() == pytest.approx([1.0] * 3)
