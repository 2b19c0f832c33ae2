from __future__ import annotations

import dataclasses

from ltvforecast.fit_types import FittedModel
from ltvforecast.fitting.fit_model import fit_model
from ltvforecast.fitting.model_card import model_card
from tests.fitting.made_summary import summary_of


def test_the_card_says_what_how_and_how_far(cdnow_model: FittedModel) -> None:
    card = model_card(cdnow_model)
    for heading in ("## Data", "## Method", "## Parameters", "## Diagnostics", "## Limits"):
        assert heading in card
    for fact in ("1997-09-30", "2,357", "946 bought on a second day", "bg-nbd", "Pareto k", "USD"):
        assert fact in card
    assert "a warning" in card
    assert "nan" not in card.lower().split()
    assert "inf" not in card.lower().split()


def test_a_point_fit_says_that_it_has_no_uncertainty(cdnow) -> None:
    card = model_card(fit_model(summary_of(cdnow.head(500)), method="mle"))
    assert "There is no prior." in card
    assert "too narrow" in card


def test_names_from_the_data_are_no_markup(cdnow_model: FittedModel) -> None:
    hostile = "<script>alert(1)</script> ![x](http://evil) `code` | cell\n# heading"
    summary = cdnow_model.summary
    model = dataclasses.replace(
        cdnow_model,
        summary=dataclasses.replace(
            summary,
            account=dataclasses.replace(summary.account, source=hostile, currency="`<b>`"),
            warnings=(hostile,),
        ),
    )
    card = model_card(model)
    for line in card.splitlines():
        assert not line.startswith("# heading")
        outside = "".join(line.split("`")[::2]) if line.startswith("| Source") else line
        assert "<script>" not in outside
    warning = card.splitlines()[-1]
    assert "<" not in warning
    assert "\\!\\[x\\]" in warning
    assert "\\`code\\`" in warning
