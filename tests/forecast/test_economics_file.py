from __future__ import annotations

import json
import math
import tomllib
from pathlib import Path
from textwrap import dedent

import pytest

from ltvforecast.economics_types import TERM_NAMES, Economics, Terms
from ltvforecast.errors import ConfigError
from ltvforecast.forecast import economics_file
from ltvforecast.forecast.economics_file import (
    economics_from_options,
    economics_from_table,
    economics_record,
    read_economics,
)

COMPLETE = dedent((economics_file.__doc__ or "").split("::\n", maxsplit=1)[1])
"""The file that the documentation shows."""


def written(folder: Path, text: str) -> Path:
    path = folder / "terms.toml"
    path.write_text(text, encoding="utf-8")
    return path


class TestReading:
    def test_the_documented_file_is_complete_and_can_be_read(self, tmp_path):
        economics = read_economics(written(tmp_path, COMPLETE))
        assert economics.tiers == ((0, 0.08), (10_000, 0.12))
        assert economics.by_segment == {"shop": Terms(commission=0.10)}
        assert economics.by_partner["p 17"].commission_on == "first_order"
        told = set(tomllib.loads(COMPLETE)) - {"segment", "partner"}
        assert told == set(TERM_NAMES) - {"commission"}

    def test_nothing_said_is_the_default(self, tmp_path):
        assert read_economics(written(tmp_path, "# nothing\n")) == Economics()

    def test_no_limit(self):
        economics = economics_from_table(
            {"commission_cap": 9, "partner": {"p": {"commission_cap": "none"}}}
        )
        assert economics.by_partner["p"].commission_cap == math.inf

    @pytest.mark.parametrize(
        ("text", "told"),
        [
            ("comission = 0.1", "terms.toml: unknown name comission"),
            ("[partner.p1]\ncomission = 0.1", "partner 'p1': unknown name comission"),
            ("[partner.p1]\ncommission = 1.1", "partner 'p1': commission 1.1"),
            ("[segment.s]\nmargin = -1", "segment 's': margin -1"),
            ("[segment.s]\nmargin = true", "segment 's': margin"),
            ("margin = '0.8'", "margin '0.8'"),
            ("tiers = [{ from = 0 }]", "tier 1 is"),
            ("tiers = [[0, 0.1]]", "tier 1 is"),
            ("tiers = 0.1", "tier 1 is 0.1"),
            ("tiers = []", "tiers are empty"),
            ("tiers = [{from=0, rate=0.1}, {from=0, rate=0.2}]", "tier 2 begins at 0"),
            ("tiers = [{from=0, rate='x'}]", "tier 1 is"),
            ("commission = 0.0\ntiers = [{from=0, rate=0.1}]", "both given"),
            ("[partner]\np1 = 0.1", "partner 'p1' is 0.1"),
            ("segment = 'shop'", "segment is 'shop'"),
            ("commission_cap = 'no'", "commission_cap 'no'"),
            ("[partner.p1]\nmargin=1\n[partner.p1]\nmargin=0.5", "can't be read"),
            ("margin = ", "can't be read"),
        ],
    )
    def test_what_is_wrong_is_named(self, tmp_path, text, told):
        with pytest.raises(ConfigError) as error:
            read_economics(written(tmp_path, text))
        assert told in error.value.found
        assert "terms.toml" in error.value.found

    def test_a_file_that_is_not_there(self, tmp_path):
        with pytest.raises(ConfigError, match="can't be read"):
            read_economics(tmp_path / "none.toml")


class TestOptions:
    def test_without_any(self):
        assert economics_from_options() == Economics()

    def test_options_go_before_the_file(self, tmp_path):
        path = written(
            tmp_path,
            "margin = 0.6\ndiscount_rate = 0.05\ntiers = [{from=0, rate=0.1}]\n"
            "[partner.p]\nmargin = 0.3\n",
        )
        economics = economics_from_options(path, margin=0.7, commission=0.2)
        assert (economics.margin, economics.discount_rate) == (0.7, 0.05)
        assert (economics.commission, economics.tiers) == (0.2, ())
        assert economics.by_partner["p"].margin == 0.3
        assert economics_from_options(path, discount_rate=0.0).tiers == ((0, 0.1),)

    def test_options_that_mean_nothing(self):
        with pytest.raises(ConfigError, match="commission 15"):
            economics_from_options(commission=15)


class TestRecord:
    @pytest.mark.parametrize(
        "economics",
        [
            Economics(),
            Economics(margin=0.8, commission=0.15, discount_rate=0.0),
            economics_from_table(tomllib.loads(COMPLETE)),
            Economics(
                acquisition_cost=0.0,
                by_segment={"s": Terms(tiers=((5.0, 0.1),), commission_cap=math.inf)},
                by_partner={"p": Terms(), "q": Terms(commission=0.0, commission_months=math.inf)},
            ),
        ],
    )
    def test_it_comes_back_as_it_was(self, economics):
        stored = json.dumps(economics_record(economics), allow_nan=False)
        assert economics_from_table(json.loads(stored)) == economics

    def test_plain_terms_are_three_numbers(self):
        record = economics_record(Economics(margin=0.8, commission=0.15))
        assert record == {"margin": 0.8, "commission": 0.15, "discount_rate": 0.1}
