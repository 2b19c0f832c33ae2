from __future__ import annotations

import math

import numpy as np
import pytest

from ltvforecast.economics_types import Economics, Terms
from ltvforecast.errors import ConfigError
from ltvforecast.forecast.term_checks import check_economics, check_terms, programme_terms


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"margin": -0.1}, "margin -0.1"),
        ({"commission": 15}, "commission 15"),
        ({"commission": "0.1"}, "commission '0.1'"),
        ({"commission": True}, "commission"),
        ({"refund_share": 1.2}, "refund_share 1.2"),
        ({"clawback_share": math.nan}, "clawback_share nan"),
        ({"discount_rate": "10 %"}, "discount rate '10 %'"),
        ({"bounty": -1}, "bounty -1"),
        ({"acquisition_cost": math.inf}, "acquisition_cost inf"),
        ({"support_cost_per_month": -3.0}, "support_cost_per_month -3"),
        ({"commission_cap": -1}, "commission_cap -1"),
        ({"commission_cap": math.nan}, "commission_cap nan"),
        ({"commission_months": 0}, "commission_months 0"),
        ({"commission_months": "twelve"}, "commission_months 'twelve'"),
        ({"commission_on": "first"}, "commission_on 'first'"),
        ({"tier_rule": "slab"}, "tier_rule 'slab'"),
        ({"tiers": ((0.0, 0.1), (0.0, 0.2))}, "tier 2 begins at 0, the one before at 0"),
        ({"tiers": ((100.0, 0.1), (50.0, 0.2))}, "tier 2 begins at 50, the one before at 100"),
        ({"tiers": ((0.0, 8),)}, "tier 1 is"),
        ({"tiers": ((-5.0, 0.1),)}, "tier 1 is"),
        ({"tiers": (0.1,)}, "tier 1 is 0.1"),
        ({"tiers": 0.1}, "tier 1 is 0.1"),
        ({"tiers": ((0.0, 0.1), (math.inf, 0.2))}, "tier 2 is"),
        ({"tiers": ((0.0, 0.1),), "commission": 0.1}, "commission and tiers are both given"),
        ({"commission_on": "first_order", "commission_months": 3}, "commission_months are both"),
    ],
)
def test_terms_that_mean_nothing_are_refused_wherever_they_stand(changes, told):
    with pytest.raises(ConfigError) as programme:
        check_economics(Economics(**changes))
    assert told in programme.value.found
    with pytest.raises(ConfigError) as partner:
        check_economics(Economics(by_partner={"p 1": Terms(**changes)}))
    assert partner.value.found.startswith("partner 'p 1': ")
    with pytest.raises(ConfigError, match=r"^segment 'shop': "):
        check_economics(Economics(by_segment={"shop": Terms(**changes)}))


def test_a_partner_without_any_tier_is_refused():
    with pytest.raises(ConfigError, match="tiers are empty"):
        check_terms(Terms(tiers=()))


def test_terms_at_the_limits_are_taken():
    check_economics(
        Economics(
            margin=np.float32(0.5),
            tiers=((0, 0), (10, 1)),
            commission_cap=0,
            acquisition_cost=0,
            commission_months=math.inf,
            by_partner={"p": Terms(commission=1, commission_months=0.5)},
        )
    )


def test_the_programme_s_own_terms_say_either_tiers_or_a_flat_share():
    assert programme_terms(Economics(commission=0.2)).tiers is None
    assert programme_terms(Economics(tiers=((0.0, 0.1),))).commission is None
