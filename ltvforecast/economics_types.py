"""The frozen records of money terms: the programme's, a segment's, and those of each partner."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:  # arrays are only named here
    import numpy as np
    import numpy.typing as npt

    from ltvforecast.types import FloatArray

__all__ = [
    "TERM_COLUMNS",
    "TERM_NAMES",
    "CommissionOn",
    "Economics",
    "PartnerTerms",
    "Terms",
    "TierRule",
    "Tiers",
]

CommissionOn = Literal["all", "first_order"]
TierRule = Literal["marginal", "whole"]
Tiers = tuple[tuple[float, float], ...]
"""Commission by the volume of a month: (from this revenue on, this share), rising."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Money terms of a segment or a partner where they differ; None is as for the programme.

    The fields are those of :class:`Economics`.
    """

    margin: float | None = None
    commission: float | None = None
    discount_rate: float | None = None
    commission_on: CommissionOn | None = None
    commission_months: float | None = None
    tiers: Tiers | None = None
    tier_rule: TierRule | None = None
    commission_cap: float | None = None
    bounty: float | None = None
    support_cost_per_month: float | None = None
    acquisition_cost: float | None = None
    customer_acquisition_cost: float | None = None
    refund_share: float | None = None
    clawback_share: float | None = None


TERM_NAMES = tuple(part.name for part in fields(Terms))
"""Names of all money terms."""
TERM_COLUMNS: Mapping[str, str] = {
    "commission_rate": "commission",
    **{
        name: name
        for name in TERM_NAMES
        if name not in ("commission", "tiers", "tier_rule", "commission_on")
    },
}
"""Columns of the partner table that are money terms, and the term that each of them is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Economics:
    """Money terms of the programme, and where segments or partners differ.

    Attributes
    ----------
    margin : float
        Gross margin as a share of revenue, 0 to 1.
    commission : float
        Commission as a share of revenue, 0 to 1.
    discount_rate : float
        Effective annual rate, 0.10 = 10 % a year.
    commission_on : {"all", "first_order"}
        Whether commission is paid on all revenue or only on a new customer's first order.
    commission_months : float
        Commission is paid for so many months of a customer, counted from its first purchase;
        infinite: for good.
    tiers : tuple of (float, float)
        Instead of ``commission``: ``(from, share)``, a month's commission by the revenue of the
        partner in that month that commission is paid on. Below the first bound there is none.
    tier_rule : {"marginal", "whole"}
        Whether a tier's share holds for the revenue inside the tier, or for the whole month's
        revenue once the tier is reached.
    commission_cap : float
        Most that a partner gets in a month, bounties included; infinite: no cap.
    bounty : float
        Money to the partner for each new customer; part of the commission.
    support_cost_per_month : float
        What looking after the partner costs while it is active.
    acquisition_cost : float or None
        What it costs to recruit the partner, once and now: its CAC. None: not known.
    customer_acquisition_cost : float
        What each new customer costs besides commission; a running cost.
    refund_share : float
        Share of revenue still to be refunded, beyond the refunds that the transactions hold.
    clawback_share : float
        Share of the commission on refunded revenue that the partner gives back.
    by_segment, by_partner : mapping of str to Terms
        What differs. A partner's own terms go before those of its segment.

    Examples
    --------
    >>> Economics(margin=0.8, commission=0.15).discount_rate
    0.1
    """

    margin: float = 1.0
    commission: float = 0.0
    discount_rate: float = 0.10
    commission_on: CommissionOn = "all"
    commission_months: float = math.inf
    tiers: Tiers = ()
    tier_rule: TierRule = "marginal"
    commission_cap: float = math.inf
    bounty: float = 0.0
    support_cost_per_month: float = 0.0
    acquisition_cost: float | None = None
    customer_acquisition_cost: float = 0.0
    refund_share: float = 0.0
    clawback_share: float = 1.0
    by_segment: Mapping[str, Terms] = field(default_factory=dict, hash=False)
    by_partner: Mapping[str, Terms] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartnerTerms:
    """The money terms that hold for each partner: arrays of shape (partner,).

    Attributes
    ----------
    partner_ids : tuple of str
    margin, commission, discount_rate, commission_months, commission_cap, bounty : float64 array
    support_cost_per_month, customer_acquisition_cost, refund_share, clawback_share : float64 array
        As in :class:`Economics`; months and caps are infinite where there is no limit.
    acquisition_cost : float64 array
        NaN where it is not known.
    first_order_only : bool array
    tiers : tuple of Tiers
        Empty for a partner with a flat share.
    whole_volume : bool array
        Tiers by the rule ``whole``.
    """

    partner_ids: tuple[str, ...]
    margin: FloatArray
    commission: FloatArray
    discount_rate: FloatArray
    first_order_only: npt.NDArray[np.bool_]
    commission_months: FloatArray
    tiers: tuple[Tiers, ...]
    whole_volume: npt.NDArray[np.bool_]
    commission_cap: FloatArray
    bounty: FloatArray
    support_cost_per_month: FloatArray
    acquisition_cost: FloatArray
    customer_acquisition_cost: FloatArray
    refund_share: FloatArray
    clawback_share: FloatArray

    def __len__(self) -> int:
        """Count the partners."""
        return len(self.partner_ids)
