from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from ltvforecast.economics_types import Economics, Terms
from ltvforecast.errors import ConfigError
from ltvforecast.forecast.terms import resolve_terms, take_terms

PARTNERS = ("a", "b", "c", "d")
TABLE = pd.DataFrame(
    {
        "partner_id": ["a", "b", "c", "new"],
        "segment": ["shop", "shop", "agency", "agency"],
        "commission_rate": [np.nan, 0.12, np.nan, np.nan],
        "acquisition_cost": [500.0, np.nan, 0.0, 250.0],
        "region": ["north", "south", "north", "south"],
    }
)
TIERS = ((0.0, 0.05), (100.0, 0.1))


def resolved(economics: Economics, table: pd.DataFrame | None = TABLE):
    return resolve_terms(economics, PARTNERS, partner_table=table)


class TestWhichHold:
    def test_partner_before_table_before_segment_before_programme(self):
        economics = Economics(
            margin=0.6,
            commission=0.01,
            by_segment={"shop": Terms(commission=0.05, margin=0.5)},
            by_partner={"b": Terms(margin=0.4)},
        )
        terms = resolved(economics).partners
        assert terms.partner_ids == PARTNERS
        assert terms.commission.tolist() == [0.05, 0.12, 0.01, 0.01]
        assert terms.margin.tolist() == [0.5, 0.4, 0.6, 0.6]
        over_table = Economics(by_partner={"b": Terms(commission=0.2)})
        assert resolved(over_table).partners.commission[1] == 0.2

    def test_costs_that_are_not_known(self):
        cost = resolved(Economics()).partners.acquisition_cost
        assert cost[[0, 2]].tolist() == [500.0, 0.0]
        assert np.isnan(cost[[1, 3]]).all()
        everywhere = resolved(Economics(acquisition_cost=80.0)).partners.acquisition_cost
        assert everywhere.tolist() == [500.0, 80.0, 0.0, 80.0]

    def test_without_a_table(self):
        terms = resolved(Economics(commission=0.2), None).partners
        assert terms.commission.tolist() == [0.2] * 4
        assert (terms.discount_rate == 0.1).all()
        assert np.isinf(terms.commission_cap).all()

    def test_flat_commission_displaces_tiers_and_the_other_way_round(self):
        economics = Economics(
            tiers=TIERS,
            by_segment={"agency": Terms(commission=0.3)},
            by_partner={"c": Terms(tiers=((0.0, 0.2),))},
        )
        terms = resolved(economics).partners
        assert terms.tiers == (TIERS, (), ((0.0, 0.2),), TIERS)
        assert terms.commission.tolist() == [0.0, 0.12, 0.0, 0.0]

    def test_first_order_and_first_months_displace_each_other(self):
        economics = Economics(
            commission=0.1,
            commission_months=12.0,
            by_segment={"shop": Terms(commission_on="first_order")},
            by_partner={"b": Terms(commission_months=3.0), "c": Terms(commission_months=math.inf)},
        )
        terms = resolved(economics).partners
        assert terms.first_order_only.tolist() == [True, False, False, False]
        assert terms.commission_months.tolist() == [math.inf, 3.0, math.inf, 12.0]

    def test_a_segment_s_terms_are_not_touched_by_a_term_of_its_own(self):
        economics = Economics(tier_rule="whole", tiers=TIERS, by_partner={"d": Terms(bounty=2.0)})
        terms = resolved(economics).partners
        assert terms.whole_volume.all()
        assert terms.bounty.tolist() == [0.0, 0.0, 0.0, 2.0]

    def test_partners_without_transactions_are_told_apart_with_their_terms(self):
        economics = Economics(
            commission=0.1,
            by_segment={"agency": Terms(commission=0.3)},
            by_partner={"unheard": Terms(bounty=9.0)},
        )
        new = resolved(economics).without_transactions
        assert new.partner_ids == ("new", "unheard")
        assert new.commission.tolist() == [0.3, 0.1]
        assert new.bounty.tolist() == [0.0, 9.0]
        assert new.acquisition_cost[0] == 250.0

    def test_some_of_them(self):
        terms = resolved(Economics(by_partner={"c": Terms(tiers=TIERS)})).partners
        some = take_terms(terms, np.array([2, 0]))
        assert some.partner_ids == ("c", "a")
        assert some.tiers == (TIERS, ())
        assert some.acquisition_cost.tolist() == [0.0, 500.0]
        assert take_terms(terms, slice(1, 3)).partner_ids == ("b", "c")

    def test_text_and_empty_cells(self):
        table = pd.DataFrame({"partner_id": ["a", "b", "c"], "margin": ["0.25", " ", None]})
        assert resolved(Economics(margin=0.5), table).partners.margin.tolist() == [
            0.25, 0.5, 0.5, 0.5,
        ]  # fmt: skip


class TestRefused:
    def test_a_segment_that_no_partner_has(self):
        economics = Economics(by_segment={"shops": Terms(margin=0.5)})
        with pytest.raises(ConfigError, match=r"'shops'[\s\S]*agency, shop"):
            resolved(economics)
        with pytest.raises(ConfigError, match="no partner has a segment"):
            resolved(economics, None)

    def test_two_rows_for_one_partner(self):
        table = pd.DataFrame({"partner_id": ["a", "b", "a"]})
        with pytest.raises(ConfigError, match="rows 1 and 3 are both of partner 'a'"):
            resolved(Economics(), table)

    @pytest.mark.parametrize(
        ("column", "cell"),
        [
            ("commission_rate", 1.5),
            ("commission_rate", "15 %"),
            ("commission_rate", math.inf),
            ("margin", -0.1),
            ("support_cost_per_month", -1.0),
            ("acquisition_cost", -1.0),
            ("refund_share", 1.1),
            ("bounty", True),
            ("commission_months", 0.0),
        ],
    )
    def test_a_cell_that_means_nothing_names_the_partner(self, column, cell):
        table = pd.DataFrame({"partner_id": ["a", "b"], column: [None, cell]}, dtype=object)
        with pytest.raises(ConfigError, match=f"partner 'b'.*{column.removesuffix('_rate')}"):
            resolved(Economics(), table)
