from __future__ import annotations

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
)
from ltvforecast.types import CustomerSummary

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
