from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ltvforecast.data.partner_table import read_partners
from ltvforecast.data.summary import summarize
from ltvforecast.data.transactions import read_transactions
from ltvforecast.errors import ConfigError
from ltvforecast.fitting.covariate_design import (
    EFFECTS,
    covariate_effects,
    design_covariates,
    narrow_ranges,
    usable_covariates,
)
from ltvforecast.transaction_types import CustomerSummary

PARTNERS = [f"p{k:02d}" for k in range(12)]


def summary_with(*, covariates: tuple[str, ...] = ("channel",)) -> CustomerSummary:
    rng = np.random.default_rng(2)
    customers = [f"c{k:03d}" for k in range(200)]
    frame = pd.DataFrame(
        {
            "partner_id": rng.choice(PARTNERS, 200),
            "customer_id": customers,
            "date": "2025-01-01",
            "amount": 1.0,
            "channel": rng.choice(["web", "shop"], 200),
            "region": rng.choice(["a", "b"], 200),
        }
    )
    table = pd.DataFrame(
        {
            "partner_id": [*PARTNERS, "new"],
            "segment": ["x", "y"] * 6 + ["x"],
            "region": ["n", "n", "s"] * 4 + ["elsewhere"],
            "years": [*np.arange(12.0) ** 2, 99.0],
        }
    )
    read = read_transactions(frame, covariates=covariates)
    return summarize(read, as_of="2025-02-01", partners=read_partners(table))


def test_partner_and_customer_columns_stand_side_by_side() -> None:
    summary = summary_with()
    design = design_covariates(summary, ["channel", "region", "years"])
    assert design.names[:2] == ("region = s", "years")
    assert design.names[2] in {"channel = web", "channel = shop"}
    assert design.level == ("partner", "partner", "customer")
    assert design.is_partner.tolist() == [0, 1]
    assert design.is_customer.tolist() == [2]
    assert design.patterns.tolist() == [[0.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    assert design.partner_rows.shape == (12, 3)
    assert (design.partner_rows[:, 2] == 0).all()
    assert summary.covariates is not None
    own = design.names[2].removeprefix("channel = ")
    wanted = (summary.covariates["channel"] == own).astype(float)
    assert design.patterns[design.customer_pattern, 2].tolist() == wanted.tolist()
    assert summary.partner_table is not None
    region = summary.partner_table.set_index("partner_id")["region"]
    there = [float(region[name] == "s") for name in summary.partner_ids]
    assert design.partner_rows[:, 0].tolist() == there


def test_partners_without_transactions_do_not_shape_the_coding() -> None:
    design = design_covariates(summary_with(), ["region", "years"])
    assert design.patterns.shape == (1, 2)
    assert (design.customer_pattern == 0).all()
    np.testing.assert_allclose(design.partner_rows[:, 1].mean(), 0.0, atol=1e-12)


def test_what_can_not_be_used_yet_is_left_out_and_said() -> None:
    summary = summary_with()
    assert usable_covariates(summary, ()) == ((), {})
    assert summary.partner_table is not None
    table = summary.partner_table.assign(flat=1.0)
    known = replace(summary, partner_table=table)
    usable, left_out = usable_covariates(known, ("flat", "years", "channel", "years"))
    assert usable == ("years", "channel")
    assert "wherever it is known" in left_out["flat"]
    assert "named twice" in left_out["years"]


def test_ranges_that_are_too_narrow_are_told_with_what_to_do() -> None:
    summary = summary_with()
    of_partners = design_covariates(summary, ["years", "channel", "region"])
    told = narrow_ranges(of_partners, asked=True)
    assert told.startswith("what goes with partners' years and region is told with ranges that are")
    assert told.endswith("use --pooling partial")
    # who asked for partial pooling and could not have it is not told to ask for it
    assert "--pooling" not in narrow_ranges(of_partners, asked=False)
    assert narrow_ranges(design_covariates(summary, ["channel"]), asked=True) == ""


def test_it_makes_the_record_of_effects() -> None:
    design = design_covariates(summary_with(), ["channel", "years"])
    draws = {name: np.full((5, 2), 0.1) for name in EFFECTS}
    effects = covariate_effects(design, draws)
    assert effects.names == design.names
    assert sum(len(coding.columns) for coding in effects.codings) == len(effects.names)
    assert set(effects.draws) == set(EFFECTS)


def test_names_that_mean_nothing_or_two_things_are_refused() -> None:
    summary = summary_with(covariates=("channel", "region"))
    for names, message in (
        (["tier"], "there is no covariate 'tier'"),
        (["segment"], "in the model without being asked for"),
        (["region"], "both in the partner table and in the transactions"),
        (["years", "years"], "'years' is named twice"),
        ([], "no covariate was named"),
    ):
        with pytest.raises(ConfigError, match=message):
            design_covariates(summary, names)
    plain = summarize(
        pd.DataFrame({"partner_id": "p", "customer_id": "c", "date": "2025-01-01", "amount": [1.0]})
    )
    with pytest.raises(ConfigError, match="there is neither"):
        design_covariates(plain, ["tier"])
