"""What a partner without data is drawn from: the segment's means, and its spread around them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from ltvforecast.errors import ConfigError, ForecastError
from ltvforecast.fitting.hierarchy import new_partner_purchases
from ltvforecast.fitting.hierarchy_spend import new_partner_spend
from ltvforecast.forecast.recruit_parameters import (
    code_covariates,
    likeness,
    new_partner_model,
    new_partner_stream,
    table_covariates,
    why_no_new_partner,
)
from tests.forecast.made_partners import by_group
from tests.forecast.made_recruits import made_recruits, with_partner_covariate


def test_at_the_mean_it_is_the_fits_own_new_partner() -> None:
    """The fit's functions draw the same law; without spread they give the very same numbers."""
    model = made_recruits(rates=(1.0, 2.0), draws=20)
    assert model.partner_levels is not None
    like = likeness(model, "shop")
    found = new_partner_model(
        model, like, alike=np.full(20, like.partners[0]), normals=np.zeros((3, 20))
    )
    rng = np.random.default_rng(1)
    expected = {
        **new_partner_purchases(model.partner_levels, "shop", rng),
        **new_partner_spend(model.partner_levels, "shop", rng),
    }
    told = {**found.purchase.draws, **found.spend.draws}
    for name, values in expected.items():
        np.testing.assert_allclose(told[name][:, 0], values, rtol=1e-12)


def test_one_standard_deviation_is_the_fitted_spread() -> None:
    model = made_recruits(spread=0.4, draws=20)
    like = likeness(model, "blog")
    alike = np.full(20, like.partners[0])
    middle, high = (
        new_partner_model(model, like, alike=alike, normals=np.full((3, 20), place))
        for place in (0.0, 1.0)
    )

    def level(name: str) -> float:
        one, other = ({**m.purchase.draws, **m.spend.draws} for m in (middle, high))
        return float(np.log(other[name] / one[name])[0, 0])

    assert level("alpha") == pytest.approx(-0.4)
    assert level("v") == pytest.approx(0.4)
    assert level("a") - level("b") == pytest.approx(0.4)
    assert level("r") == level("p") == level("q") == 0.0


def test_draws_are_those_of_the_programmes_forecast() -> None:
    """With fewer futures than parameter draws, evenly spaced ones."""
    model = made_recruits(draws=20)
    r = np.linspace(0.2, 0.4, 20)
    assert model.partner_levels is not None
    shared = {**model.partner_levels.shared, "log_r": np.log(r)}
    model = replace(model, partner_levels=replace(model.partner_levels, shared=shared))
    like = likeness(model, "blog")
    found = new_partner_model(
        model, like, alike=np.full(5, like.partners[0]), normals=np.zeros((3, 5))
    )
    np.testing.assert_allclose(found.purchase.draws["r"][:, 0], r[[0, 4, 8, 12, 16]])


def test_partners_with_own_levels_but_no_spread_lend_theirs() -> None:
    model = made_recruits(pooled=False, draws=20)
    factors = [{"alpha": float(k + 1)} for k in range(len(model.summary.partner_ids))]
    model = by_group(model, *factors)
    like = likeness(model, None)
    alike = like.partners[np.arange(20) % len(like.partners)]
    found = new_partner_model(model, like, alike=alike, normals=np.zeros((3, 20)))
    expected = model.purchase.draws["alpha"][np.arange(20), alike]
    np.testing.assert_allclose(found.purchase.draws["alpha"][:, 0], expected)


def test_a_likeness_holds_the_partners_of_its_segment() -> None:
    model = made_recruits()
    table = model.summary.partner_table
    assert table is not None
    both = [likeness(model, name).partners for name in ("blog", "shop")]
    for name, places in zip(("blog", "shop"), both, strict=True):
        assert set(table["segment"].iloc[places]) == {name}
    assert sorted(np.concatenate(both)) == likeness(model, None).partners.tolist()


def test_covariates_are_coded_as_the_known_partners_were() -> None:
    model = with_partner_covariate(made_recruits(draws=20), 0.5)
    row, _ = code_covariates(model, {"certified": "yes"})
    assert row is not None
    assert row.tolist() == [1.0]
    assert code_covariates(model, None) == (None, ())
    table = model.summary.partner_table
    assert table is not None
    new = table.iloc[:1].assign(partner_id="acme")
    wide = np.append(["no"] * len(table), "yes")
    told = pd.concat([table, new], ignore_index=True).assign(certified=wide)
    known = replace(model, summary=replace(model.summary, partner_table=told))
    assert {name: row.tolist() for name, row in table_covariates(known, ["acme"]).items()} == {
        "acme": [1.0]
    }
    assert table_covariates(model, ["acme"]) == {}


def test_streams_are_apart() -> None:
    one = new_partner_stream(1, 0, "a", "b").random(4)
    assert (one == new_partner_stream(1, 0, "a", "b").random(4)).all()
    for other in ((1, 1, "a", "b"), (2, 0, "a", "b"), (1, 0, "ab", ""), (1, 0, "b", "a")):
        assert (one != new_partner_stream(*other).random(4)).all()  # type: ignore[arg-type]


def test_refusals_say_what_to_do() -> None:
    model = made_recruits()
    assert why_no_new_partner(model) == ""
    assert model.acquisition is not None
    empty = replace(
        model, acquisition=replace(model.acquisition, status="unknown", reason="It can't be told.")
    )
    assert "can't be told" in why_no_new_partner(empty)
    with pytest.raises(ForecastError, match="can't be told") as caught:
        likeness(empty, None)
    assert "fit again" in str(caught.value)
    with pytest.raises(ConfigError, match="leave the segment out"):
        likeness(model, "kiosk")
