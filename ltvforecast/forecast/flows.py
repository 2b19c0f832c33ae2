"""What partners bring, in every draw and period: the simulated totals with the layers on them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ltvforecast.forecast.economics import PartnerCash
from ltvforecast.forecast.layers import LayeredDraws
from ltvforecast.forecast.newcomers import Newcomers
from ltvforecast.forecast.records import Totals
from ltvforecast.types import FloatArray, IntArray

__all__ = ["Flows", "existing_revenue"]

PORTION = 4_000_000
"""Elements of (draw, partner, period) that are looked at together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flows:
    """Simulated totals of all partners, and what turns them into money.

    Attributes
    ----------
    totals : Totals
        Of known customers.
    newcomers : Newcomers or None
        None where new customers are not forecast.
    quantum : float
        Money in one quantum of either.
    layered : LayeredDraws or None
        Its factors go on the revenue of known customers; what all partners share of them goes on
        the revenue of new customers.
    """

    totals: Totals
    newcomers: Newcomers | None
    quantum: float
    layered: LayeredDraws | None

    def __len__(self) -> int:
        """Count the partners."""
        return len(self.totals.revenue)

    @property
    def draws(self) -> int:
        """Count the draws."""
        return int(self.totals.revenue.shape[1])

    def portions(self) -> Iterator[slice]:
        """Go through the partners, a few at a time, so that memory stays bounded."""
        step = max(1, PORTION // int(np.prod(self.totals.revenue.shape[1:])))
        for first in range(0, len(self), step):
            yield slice(first, min(first + step, len(self)))

    def cash(self, partners: slice, *, eligible: bool) -> PartnerCash:
        """Give some partners' money in each draw and period.

        Parameters
        ----------
        partners : slice
        eligible : bool
            Whether the revenue of customers' first months is wanted apart.

        Returns
        -------
        PartnerCash
            Arrays of shape (draw, partner, period).
        """
        own = None if self.layered is None else self.layered.factor[:, partners, None]
        common = None if self.layered is None else self.layered.programme_factor[:, None, None]
        existing = self._money(self.totals.revenue[partners], own)
        young = self._money(self.totals.eligible[partners], own) if eligible else None
        new = self.newcomers
        if new is None:
            return PartnerCash(existing_revenue=existing, eligible_revenue=young)
        if young is not None and new.eligible is not None:
            young += self._money(new.eligible[partners], common)
        return PartnerCash(
            existing_revenue=existing,
            new_revenue=self._money(new.revenue[partners], common),
            first_order_revenue=self._money(new.first_revenue[partners], common),
            new_customers=np.swapaxes(new.customers[partners], 0, 1).astype(np.float64),
            eligible_revenue=young,
        )

    def first_revenue(self) -> FloatArray | None:
        """Give the revenue of first purchases, shape (draw, partner); None without new customers.

        Returns
        -------
        float64 array or None
        """
        if self.newcomers is None:
            return None
        first = self.newcomers.first_revenue.sum(axis=2).T * self.quantum
        if self.layered is not None:
            first *= self.layered.programme_factor[:, None]
        return np.asarray(first)

    def _money(self, quanta: IntArray, factor: FloatArray | None) -> FloatArray:
        money = np.swapaxes(quanta, 0, 1) * self.quantum
        if factor is not None:
            money *= factor
        return np.asarray(money)


def existing_revenue(totals: Totals, quantum: float) -> FloatArray:
    """Give what known customers bring each partner in each draw, by the model alone.

    Parameters
    ----------
    totals : Totals
    quantum : float

    Returns
    -------
    float64 array, shape (draw, partner)
    """
    revenue = np.empty((totals.revenue.shape[1], len(totals.revenue)))
    for partner, of_partner in enumerate(totals.revenue):
        revenue[:, partner] = of_partner.sum(axis=1)
    return revenue * quantum
