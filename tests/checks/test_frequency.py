from __future__ import annotations

import dataclasses

import pytest

from ltvforecast.check_types import FitChecks
from ltvforecast.checks.frequency import check_frequency, purchase_frequencies
from ltvforecast.fit_types import FittedModel
from tests.checks.made_orders import made_fit


def test_the_published_chi_square(cdnow: FittedModel) -> None:
    """4.82 with 7 and more together (Fader, Hardie & Lee 2005, section 4)."""
    table = purchase_frequencies(cdnow, most=7)
    assert table["observed"].sum() == 2357
    assert table["expected"].sum() == pytest.approx(2357)
    chi_square = ((table["observed"] - table["expected"]) ** 2 / table["expected"]).sum()
    assert chi_square == pytest.approx(4.82, abs=0.005)


def test_cdnow_is_fine(cdnow_checks: FitChecks) -> None:
    found = cdnow_checks["frequency"]
    assert found.verdict == "fine"
    assert found.remedy == ""
    table = found.table
    assert table["observed"].sum() == 2357
    assert table["expected"].sum() == pytest.approx(2357)
    assert (table["expected"] >= 5).all()
    assert table["fewest"].iloc[1:].tolist() == (table["most"].iloc[:-1] + 1).tolist()
    assert table["most"].iloc[-1] == -1


def test_heavy_buyers_get_wide_bars(right_model: FittedModel) -> None:
    summary = right_model.summary
    point = {**right_model.purchase.point, "alpha": right_model.purchase.point["alpha"] / 50}
    purchase = dataclasses.replace(right_model.purchase, point=point)
    table = check_frequency(dataclasses.replace(right_model, purchase=purchase)).table
    assert len(table) <= 12
    assert table["expected"].max() < len(summary) / 3
    assert (table["most"] > table["fewest"]).any()


def test_wrong_parameters_fail(cdnow: FittedModel) -> None:
    point = {**cdnow.purchase.point, "r": 3 * cdnow.purchase.point["r"]}
    purchase = dataclasses.replace(cdnow.purchase, point=point)
    found = check_frequency(dataclasses.replace(cdnow, purchase=purchase))
    assert found.verdict == "fails"
    assert "would have to move" in found.sentence
    assert found.remedy


@pytest.mark.slow
def test_two_kinds_of_customers_are_seen() -> None:
    found = [check_frequency(made_fit("two_kinds", customers=4000, seed=k)) for k in range(3)]
    assert all(check.verdict != "fine" for check in found)
