from __future__ import annotations

from dataclasses import fields

import ltvforecast as ltv
from ltvforecast.economics_types import TERM_NAMES, Economics, PartnerTerms, Terms


def test_the_public_names():
    assert ltv.Economics is Economics
    assert ltv.Terms is Terms
    assert ltv.Economics(margin=0.8, commission=0.15).discount_rate == 0.10


def test_a_segment_may_differ_in_every_term_of_the_programme():
    own = {part.name for part in fields(Economics)} - {"by_segment", "by_partner"}
    assert own == set(TERM_NAMES)


def test_every_term_of_the_programme_is_one_of_the_partner():
    resolved = {part.name for part in fields(PartnerTerms)} - {"partner_ids"}
    assert resolved == (
        set(TERM_NAMES) - {"tier_rule", "commission_on"} | {"whole_volume", "first_order_only"}
    )


def test_terms_can_be_hashed_and_compared():
    assert len({Economics(), Economics(), Economics(margin=0.5)}) == 2
    assert Economics(by_partner={"p": Terms(margin=0.5)}) != Economics()
