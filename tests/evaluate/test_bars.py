"""What forecasts must reach on real data, at past dates (minutes: run with ``-m slow``)."""

from __future__ import annotations

import pytest

from ltvforecast.evaluate.records import MODEL, Target
from tests.benchmarks.accuracy import CASES, TARGETS, WITHOUT, Case, scores

NOISE = 0.003
"""Of the WAPE, by a finite number of simulated futures: partner means of 300 draws have errors of
1/17 of their spread (about .15), averaged over 100 partners and 3 dates or more."""


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_better_than_what_people_do_today(case: Case, target: Target) -> None:
    table = scores(case, target=target, draws=300).set_index("method")
    ours = table.loc[MODEL]
    others = table.drop(index=[MODEL, WITHOUT])
    assert ours["crps"] < others["crps"].min()
    assert ours["wape"] <= others["wape"].min() + NOISE
    assert 0.85 <= ours["coverage_90"] <= 0.95
    assert 0.43 <= ours["coverage_50"] <= 0.57
