from __future__ import annotations

from pathlib import Path

import pytest

from ltvforecast.errors import ConfigError
from ltvforecast.fitting.prior_settings import (
    DEFAULT_PRIORS,
    PURCHASE_COORDINATES,
    SPEND_COORDINATES,
    Spread,
    changed_words,
    priors_from_table,
    read_priors,
)
from ltvforecast.fitting.priors import EFFECT_SD, PURCHASE_PRIOR, SPEND_PRIOR


def test_the_defaults_are_those_of_the_laplace_fit() -> None:
    assert DEFAULT_PRIORS.purchase is PURCHASE_PRIOR
    assert DEFAULT_PRIORS.spend is SPEND_PRIOR
    assert len(PURCHASE_COORDINATES) == len(PURCHASE_PRIOR.mean)
    assert len(SPEND_COORDINATES) == len(SPEND_PRIOR.mean)
    assert priors_from_table({}) == DEFAULT_PRIORS


def test_what_a_file_says_is_changed_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "settings.toml"
    path.write_text(
        "[fit]\ndraws = 10\n[priors]\nlog_rate = { mean = -1, sd = 0.5 }\n"
        "log_q_minus_1 = { mean = 2.0 }\nsegment_spread = { spend = 0.1 }\n"
        "covariate_effect = { rate = 0.2 }\n"
    )
    priors = read_priors(path)
    assert priors.purchase.mean == (0.0, -1.0, *PURCHASE_PRIOR.mean[2:])
    assert priors.purchase.sd == (1.5, 0.5, 1.5, 1.5)
    assert priors.purchase.names == PURCHASE_PRIOR.names
    assert priors.spend.mean == (*SPEND_PRIOR.mean[:2], 2.0)
    assert priors.spend.sd == SPEND_PRIOR.sd
    assert priors.partner_spread == DEFAULT_PRIORS.partner_spread
    assert priors.segment_spread.spend == 0.1
    assert priors.segment_spread.rate == DEFAULT_PRIORS.segment_spread.rate
    assert priors.covariate_effect == Spread(rate=0.2, dropout=EFFECT_SD, spend=EFFECT_SD)
    assert "covariate_effect: rate 0.2, dropout 0.5, spend 0.5" in changed_words(priors)


@pytest.mark.parametrize(
    ("table", "found"),
    [
        ({"alpha": {"sd": 1.0}}, "unknown name alpha"),
        ({"log_r": {"scale": 1.0}}, "log_r: unknown name scale"),
        ({"partner_spread": {"sd": 1.0}}, "partner_spread: unknown name sd"),
        ({"log_r": 1.0}, "log_r is 1.0"),
        ({"log_r": {"sd": 0.0}}, "sd of log_r is 0.0"),
        ({"log_r": {"sd": -1}}, "sd of log_r is -1"),
        ({"log_r": {"sd": True}}, "sd of log_r is True"),
        ({"log_r": {"mean": float("nan")}}, "mean of log_r is nan"),
        ({"log_r": {"mean": "0"}}, "mean of log_r is '0'"),
        ({"segment_spread": {"rate": float("inf")}}, "rate of segment_spread is inf"),
    ],
)
def test_what_means_nothing_is_refused_by_name(table: dict[str, object], found: str) -> None:
    with pytest.raises(ConfigError, match="priors") as refused:
        priors_from_table(table)
    assert found in refused.value.found
    assert refused.value.remedy


def test_files_without_priors_are_refused(tmp_path: Path) -> None:
    for text, found in (("[fit]\n", "no table"), ("a = = 1", "can't be read")):
        path = tmp_path / "settings.toml"
        path.write_text(text)
        with pytest.raises(ConfigError, match=found):
            read_priors(path)
    with pytest.raises(ConfigError, match="can't be read"):
        read_priors(tmp_path / "none.toml")
