from __future__ import annotations

import inspect
from typing import get_args, get_type_hints

import pytest

from ltvforecast.errors import ConfigError
from ltvforecast.evaluate.backtest import backtest
from ltvforecast.evaluate.fit_programme import fit
from ltvforecast.evaluate.model_specs import AXES, choices_of, parse_models
from ltvforecast.fit_types import FitSettings


def test_order_and_defaults_do_not_matter() -> None:
    one, other = parse_models("gamma-gamma-mean/bg-nbd, method=mle")
    assert one.name == "gamma-gamma-mean/bg-nbd"
    assert (one.settings.model, one.settings.spend) == ("bg-nbd", "gamma-gamma-mean")
    assert other.settings == FitSettings(method="mle")


def test_a_list_is_as_good_as_a_text() -> None:
    assert parse_models(["mle", "laplace"]) == parse_models("mle,laplace")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("bg-nbd", "1 model"),
        ("bg-nbd,gamma-gamma", "the same model"),
        ("bg-nbd,mle/laplace", "gives method twice"),
        ("bg-nbd,pareto", "'pareto'"),
        ("bg-nbd,spend=lognormal", "'spend=lognormal'"),
        ("bg-nbd,colour=red", "'colour=red'"),
        ("bg-nbd,", "''"),
    ],
)
def test_what_means_nothing_is_refused(text: str, found: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        parse_models(text)
    assert found in refusal.value.found
    assert refusal.value.remedy


@pytest.mark.parametrize("axis", AXES)
def test_every_option_is_one_of_fit_and_of_backtest(axis: str) -> None:
    for function in (fit, backtest):
        assert axis in inspect.signature(function).parameters
    assert choices_of(axis) == get_args(get_type_hints(FitSettings)[axis])
    assert len(choices_of(axis)) >= 1
