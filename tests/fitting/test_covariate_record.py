from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ltvforecast.data.partner_table import read_partners
from ltvforecast.data.summary import summarize
from ltvforecast.data.transactions import read_transactions
from ltvforecast.fitting.covariate_design import EFFECTS, covariate_effects, design_covariates
from ltvforecast.fitting.covariate_record import coding_records, codings_from
from ltvforecast.fitting.fit_model import fit_model
from ltvforecast.fitting.store import load_model, save_model
from ltvforecast.transaction_types import CustomerSummary


@pytest.fixture(scope="module")
def summary() -> CustomerSummary:
    rng = np.random.default_rng(4)
    ids = [f"c{k:03d}" for k in range(150)]
    first = pd.DataFrame(
        {
            "customer_id": ids,
            "partner_id": rng.choice(list("abcdefghijkl"), 150),
            "date": "2024-01-01",
            "amount": rng.lognormal(3.0, 0.5, 150).round(2),
            "vip": rng.choice(["yes", "no", ""], 150),
            "age": rng.integers(18, 80, 150).astype(float),
        }
    )
    later = first.iloc[:90].assign(date="2024-05-01", amount=20.0)
    table = pd.DataFrame(
        {
            "partner_id": list("abcdefghijkl"),
            "segment": ["x", "y"] * 6,
            "certified": ["yes", "no", None] * 4,
            "region": ["n", "n", "s"] * 4,
            "joined_on": pd.Series(["2023-01-01", "2022-06-01", None, "2021-01-01"] * 3),
            "commission_rate": [0.1, None, 0.2] * 4,
        }
    )
    frame = pd.concat([first, later], ignore_index=True)
    read = read_transactions(frame, covariates=["vip", "age"])
    return summarize(read, as_of="2024-12-31", partners=read_partners(table))


def test_codings_of_every_kind_come_back_through_json(summary: CustomerSummary) -> None:
    codings = design_covariates(summary, ["vip", "age", "joined_on"]).codings
    assert {coding.kind for coding in codings} == {"yes-no", "number", "date"}
    assert codings_from(json.loads(json.dumps(coding_records(codings)))) == codings


def test_what_was_told_and_how_it_was_coded_is_saved_with_the_model(
    summary: CustomerSummary, tmp_path: Path
) -> None:
    design = design_covariates(summary, ["vip", "age", "region"])
    rng = np.random.default_rng(1)
    draws = {name: rng.normal(0.0, 0.1, (1, len(design.names))) for name in EFFECTS}
    effects = covariate_effects(design, draws)
    model = dataclasses.replace(
        fit_model(summary, method="mle", calendar="off", dependence="off"), effects=effects
    )
    save_model(model, tmp_path / "m")
    back = load_model(tmp_path / "m")
    for one, other in (
        (back.summary.partner_table, summary.partner_table),
        (back.summary.covariates, summary.covariates),
    ):
        assert one is not None
        assert other is not None
        pd.testing.assert_frame_equal(one, other)
    assert back.effects is not None
    assert back.effects.codings == effects.codings
    assert back.effects.names == effects.names
    np.testing.assert_array_equal(back.effects.partner_rows, effects.partner_rows)
