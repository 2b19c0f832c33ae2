"""Acquisition from a summary alone: the same counts as from the purchases, and a record of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ltvforecast.acquisition_types import AcquisitionFit
from ltvforecast.data.acquisitions import first_purchases
from ltvforecast.data.refunds import net_refunds
from ltvforecast.data.summary import summarize
from ltvforecast.data.synthetic import simulate_programme
from ltvforecast.data.transactions import read_transactions
from ltvforecast.fit_types import FittedModel
from ltvforecast.fitting.acquisition_counts import count_acquisitions
from ltvforecast.fitting.acquisition_record import (
    acquisition_arrays,
    acquisition_record,
    restored_acquisition,
)
from ltvforecast.fitting.fit_model import fit_model
from ltvforecast.fitting.programme_acquisition import acquisition_counts
from ltvforecast.fitting.store import load_model, save_model
from ltvforecast.transaction_types import CustomerSummary


@pytest.fixture(scope="module")
def summary() -> CustomerSummary:
    made = simulate_programme(partners=8, customers=300, days=500, seed=6, shared_customers=0.3)
    return summarize(read_transactions(made.transactions), time_unit="week")


@pytest.fixture(scope="module")
def model(summary: CustomerSummary) -> FittedModel:
    return fit_model(
        summary, draws=50, acquisition="auto", pooling="complete", calendar="off", dependence="off"
    )


def test_a_summary_tells_the_same_counts_as_the_purchases(summary: CustomerSummary) -> None:
    assert summary.transactions is not None
    purchases = net_refunds(summary.transactions, as_of=summary.as_of).frame
    starts = first_purchases(purchases)
    told = count_acquisitions(starts.customers, starts.partners, as_of=summary.as_of)
    found = acquisition_counts(summary)
    assert found.partner_ids == told.partner_ids
    for name in ("edges_day", "counts", "first_counts", "exposure", "start"):
        np.testing.assert_array_equal(getattr(found, name), getattr(told, name))


def test_a_summary_of_an_older_version_takes_the_main_partner(summary: CustomerSummary) -> None:
    older = replace(summary, customers=summary.customers.drop(columns="first_partner"))
    assert acquisition_counts(older).total.sum() == len(summary)


def test_the_fit_is_part_of_the_model_and_changes_nothing_else(
    summary: CustomerSummary, model: FittedModel
) -> None:
    without = fit_model(summary, draws=50, pooling="complete", calendar="off", dependence="off")
    assert without.acquisition is None
    assert model.acquisition is not None
    assert model.acquisition.status == "open"
    assert model.acquisition.draws["r"].shape == (50, 1)
    for name, values in without.purchase.draws.items():
        np.testing.assert_array_equal(values, model.purchase.draws[name])


def test_segments_of_partners_are_pooled(summary: CustomerSummary) -> None:
    names = list(summary.partner_ids)
    table = pd.DataFrame(
        {"partner_id": names, "segment": ["gold"] * 4 + ["silver"] * (len(names) - 4)}
    )
    told = fit_model(
        replace(summary, partner_table=table),
        draws=50, acquisition="auto", pooling="complete", calendar="off", dependence="off",
    )  # fmt: skip
    assert told.acquisition is not None
    assert told.acquisition.segments == ("gold", "silver")
    assert told.acquisition.draws["alpha"].shape == (50, 2)


def assert_equal(one: AcquisitionFit, other: AcquisitionFit) -> None:
    assert (one.status, one.reason, one.p_open, one.segments) == (
        other.status, other.reason, other.p_open, other.segments,
    )  # fmt: skip
    assert (one.point, one.log_likelihood) == (other.point, other.log_likelihood)
    assert one.diagnostics == other.diagnostics
    assert set(one.draws) == set(other.draws)
    for name, values in one.draws.items():
        np.testing.assert_array_equal(values, other.draws[name])
    np.testing.assert_array_equal(one.partner_segment, other.partner_segment)
    assert (one.counts.partner_ids, one.counts.unit, one.counts.left_out, one.counts.as_of) == (
        other.counts.partner_ids, other.counts.unit, other.counts.left_out, other.counts.as_of,
    )  # fmt: skip
    for name in ("edges_day", "edges", "counts", "first_counts", "exposure", "start"):
        np.testing.assert_array_equal(getattr(one.counts, name), getattr(other.counts, name))


def test_a_fit_survives_its_record(model: FittedModel) -> None:
    fit = model.acquisition
    assert fit is not None
    closed = replace(fit, status="closed", draws={}, point={})
    for each in (fit, closed):
        text = json.dumps(acquisition_record(each), allow_nan=False)
        assert_equal(restored_acquisition(json.loads(text), acquisition_arrays(each)), each)


def test_a_record_that_does_not_fit_is_refused(model: FittedModel) -> None:
    fit = model.acquisition
    assert fit is not None
    record = acquisition_record(fit) | {"partner_ids": ["p"]}
    with pytest.raises(ValueError, match="1 partners"):
        restored_acquisition(record, acquisition_arrays(fit))


def test_a_saved_model_keeps_its_acquisition(model: FittedModel, tmp_path: Path) -> None:
    save_model(model, tmp_path / "model")
    save_model(model, tmp_path / "again")
    loaded = load_model(tmp_path / "model")
    assert loaded.acquisition is not None
    assert model.acquisition is not None
    assert_equal(loaded.acquisition, model.acquisition)
    first, second = ((tmp_path / name / "posterior.nc").read_bytes() for name in ("model", "again"))
    assert first == second
