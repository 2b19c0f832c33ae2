"""Changes read from text: what is meant, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ltvforecast.errors import ConfigError
from ltvforecast.forecast.scenario_change import (
    BEHAVIOUR,
    LIMITS,
    MONEY_TERMS,
    Change,
    check_change,
    dropout_factor,
    parse_change,
    scaled_change,
)


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("retention=+5%", "retention", 1.05),
        ("retention = -10 %", "retention", 0.9),
        ("order-value=−10%", "order_value", 0.9),
        ("PURCHASE_RATE=x1.1", "purchase_rate", 1.1),
        ("purchase_rate=×2", "purchase_rate", 2.0),
        ("acquisition=x0", "acquisition", 0.0),
        ("acquisition=+.5%", "acquisition", 1.005),
    ],
)
def test_behaviour_is_relative(text: str, name: str, value: float) -> None:
    change = parse_change([text])
    assert getattr(change, name) == value
    assert change.behaves
    assert not change.terms


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("commission=0.20", "commission", 0.2),
        ("discount_rate=-0.02", "discount_rate", -0.02),
        ("commission_cap=none", "commission_cap", float("inf")),
        ("support_cost_per_month=50", "support_cost_per_month", 50.0),
    ],
)
def test_money_terms_are_the_new_value(text: str, name: str, value: float) -> None:
    change = parse_change([text])
    assert change.terms == {name: value}
    assert not change.behaves


@pytest.mark.parametrize("name", BEHAVIOUR)
@pytest.mark.parametrize("value", ["", "5%", "1.05", "+5", "x", "x-1", "xnan", "+inf%", "++5%"])
def test_behaviour_without_a_clear_size_is_refused(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=r"\+5%"):
        parse_change([f"{name}={value}"])


@pytest.mark.parametrize("name", MONEY_TERMS)
@pytest.mark.parametrize("value", ["", "+5%", "x1.1", "nan", "20%", "1e400", "0,2"])
def test_money_terms_without_a_plain_number_are_refused(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match="plain number"):
        parse_change([f"{name}={value}"])


@pytest.mark.parametrize("text", ["", "=", "retention", "colour=+5%", "tiers=0.1", "=5"])
def test_an_unknown_key_is_refused_with_those_known(text: str) -> None:
    with pytest.raises(ConfigError) as told:
        parse_change([text])
    for name in (*BEHAVIOUR, *MONEY_TERMS):
        assert name in told.value.expected


def test_a_key_given_twice_is_refused() -> None:
    with pytest.raises(ConfigError, match="twice"):
        parse_change(["margin=0.5", "margin=0.6"])


def test_nothing_to_change_is_refused() -> None:
    for settings in ([], ["retention=+0%"], ["order_value=x1"]):
        with pytest.raises(ConfigError, match="nothing is changed"):
            parse_change(settings)


@pytest.mark.parametrize("name", BEHAVIOUR)
def test_factors_beyond_their_limits_are_refused(name: str) -> None:
    low, high = LIMITS[name]
    for factor in (low - 0.01, high + 0.01, float("nan"), float("inf")):
        with pytest.raises(ConfigError, match=name):
            check_change(Change(**{name: factor}))
    assert check_change(Change(**{name: high})).behaves


@given(text=st.text(max_size=20))
def test_whatever_is_typed_is_read_or_refused(text: str) -> None:
    try:
        change = parse_change([text])
    except ConfigError:
        return
    assert change.behaves or change.terms


@given(size=st.floats(0.0, 4.0), factor=st.floats(0.9, 1.2))
def test_a_scaled_change_grows_in_proportion(size: float, factor: float) -> None:
    scaled = scaled_change(Change(retention=factor, terms={"margin": 0.5}), size)
    assert scaled.retention - 1.0 == pytest.approx(size * (factor - 1.0), abs=1e-12)
    assert scaled.terms == {"margin": 0.5}
    assert dropout_factor(scaled.retention) == pytest.approx(2.0 - scaled.retention)
