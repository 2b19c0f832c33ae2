from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ltvforecast.data.summary import summarize
from ltvforecast.data.synthetic import simulate_programme
from ltvforecast.data.transactions import read_transactions
from ltvforecast.errors import ConvergenceError
from ltvforecast.fitting.hierarchy_gates import Refused
from ltvforecast.fitting.partner_levels import _refusal, fit_partners


@pytest.fixture(scope="module")
def summary():
    """Eight partners alike, and one, the largest, whose purchases are worth four times as much."""
    made = simulate_programme(partners=9, customers=700, days=500, seed=4).transactions
    largest = made["partner_id"].value_counts().index[0]
    made["amount"] = np.where(made["partner_id"] == largest, 4 * made["amount"], made["amount"])
    return summarize(read_transactions(made)), str(largest)


@pytest.fixture(scope="module")
def fitted(summary):
    return fit_partners(summary[0], draws=400, seed=1)


def test_the_partner_that_differs_is_seen_to(summary, fitted):
    table = fitted.table.set_index("partner_id")
    rich, others = table.loc[summary[1]], table.drop(index=summary[1])
    assert rich["mean_spend_lo_90"] > 2 * others["mean_spend"].max()
    assert rich["mean_spend_shrinkage"] > 0.9


def test_the_table_has_every_partner_and_adds_up(summary, fitted):
    table = fitted.table
    assert tuple(table["partner_id"]) == summary[0].partner_ids
    assert table["customers"].sum() == len(summary[0])
    for name in ("purchase_rate", "dropout", "mean_spend"):
        assert (table[f"{name}_lo_90"] <= table[name]).all()
        assert (table[name] <= table[f"{name}_hi_90"]).all()
        assert table[f"{name}_shrinkage"].between(-0.2, 1).all()


def test_little_data_are_told_as_such(fitted):
    told = fitted.table["warnings"].str.contains("dropout: mostly the segment average")
    assert (told == (fitted.table["dropout_shrinkage"] < 0.2)).all()


def test_segments_are_named_and_the_rest_is_other(summary):
    known = summary[0]
    fitted = fit_partners(known, segments={known.partner_ids[0]: "reseller"}, draws=200)
    assert fitted.table["segment"].tolist() == ["reseller"] + ["other"] * (
        len(known.partner_ids) - 1
    )


def test_the_same_seed_gives_the_same_fit(summary, fitted):
    pd.testing.assert_frame_equal(fit_partners(summary[0], draws=400, seed=1).table, fitted.table)


def test_a_refusal_says_why_and_what_to_do():
    refused = _refusal(Refused(what="the purchase process", gates=("k-hat 0.9 above 0.7",)))
    assert isinstance(refused, ConvergenceError)
    assert "k-hat 0.9" in refused.found
    assert "PyMC" in refused.remedy
