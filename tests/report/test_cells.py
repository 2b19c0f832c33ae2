from __future__ import annotations

import pytest

from ltvforecast.report.basis import build_basis
from ltvforecast.report.cells import estimate, figure, part, probability
from tests.report.made_forecast import make_forecast


def test_an_estimate_shows_its_range() -> None:
    basis = build_basis(make_forecast())
    row = {"ltv": 1234.5, "ltv_lo_90": 1000.0, "ltv_hi_90": 2000.0}
    cell = estimate(basis, row, "ltv")
    assert (cell.text, cell.detail, cell.value) == ("1,230", "1,000 to 2,000", 1234.5)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0, "<1%"), (1.0, ">99%"), (0.42, "42%"), (float("nan"), "not known")],
)
def test_what_never_happened_in_the_futures_can_happen(value: float, text: str) -> None:
    assert probability(value).text == text


def test_shares_and_known_amounts() -> None:
    assert [part(v).text for v in (0.0, 0.0001, 0.25, 1.0, float("nan"))] == [
        "0%",
        "<0.1%",
        "25.0%",
        "100%",
        "–",
    ]
    assert [figure(v).text for v in (0.0, 12.5, 1234.5, -12.5)] == [
        "0.00",
        "12.50",
        "1,234",
        "−12.50",
    ]
