"""Both futures of a what-if, simulated and valued under their money terms, draw by draw."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ltvforecast.economics_types import Economics, PartnerTerms, Terms
from ltvforecast.errors import ConfigError
from ltvforecast.fit_types import FittedModel
from ltvforecast.forecast.blocks import Programme
from ltvforecast.forecast.economics import PartnerCash, value_partners
from ltvforecast.forecast.exposure import first_months
from ltvforecast.forecast.horizon import DAYS_PER_MONTH, Periods, split_periods
from ltvforecast.forecast.layers import (
    LayeredDraws,
    layered_draws,
)
from ltvforecast.forecast.parameters import choose_draws
from ltvforecast.forecast.prepare import prepare_programme
from ltvforecast.forecast.scenario_change import Change, dropout_factor
from ltvforecast.forecast.scenario_futures import Behaviour, simulated_pair
from ltvforecast.forecast.scenario_kernel import PairTotals
from ltvforecast.forecast.scenario_newcomer_paths import Effect
from ltvforecast.forecast.scenario_newcomers import NewcomerPair, simulate_newcomer_futures
from ltvforecast.forecast.term_checks import check_terms
from ltvforecast.forecast.terms import resolve_terms, take_terms
from ltvforecast.forecast_types import ForecastSpec
from ltvforecast.types import FloatArray, IntArray

BoolArray = npt.NDArray[np.bool_]

__all__ = ["Case", "Valued", "largest_dropout", "prepare_case", "value_both"]

Progress = Callable[[str, int, int], None]

CHUNK = 8_000_000
"""Elements of (draw, partner, period) that are valued at a time."""
PIECE = 1024
"""Customers whose parameters are looked at together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What all sizes of a change share.

    Attributes
    ----------
    programme : Programme
        Known customers, ready to be simulated.
    concerned : int64 array, shape (n_customers,)
        1 for customers whose behaviour changes, in the order of simulation.
    partner_concerned : int64 array, shape (partner,)
        1 for partners whose money terms change.
    base_terms, changed_terms : PartnerTerms
    """

    model: FittedModel
    spec: ForecastSpec
    periods: Periods
    programme: Programme
    concerned: IntArray
    partner_concerned: IntArray
    base_terms: PartnerTerms
    changed_terms: PartnerTerms
    workers: int | None
    progress: Progress | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Valued:
    """Draws of both futures, each of shape (draw, partner).

    ``unmoved_ltv`` is what only the new money terms would make of it, behaviour being as it is.
    """

    base_ltv: FloatArray
    unmoved_ltv: FloatArray
    changed_ltv: FloatArray
    base_revenue: FloatArray
    changed_revenue: FloatArray


def prepare_case(
    model: FittedModel,
    spec: ForecastSpec,
    change: Change,
    concerned: tuple[str, ...],
    *,
    workers: int | None,
    progress: Progress | None,
) -> Case:
    """Prepare what the change is applied to.

    Parameters
    ----------
    model : FittedModel
    spec : ForecastSpec
    change : Change
        Checked already.
    concerned : tuple of str
        Partners whom it concerns.
    workers, progress
        As in :func:`ltvforecast.predict`.

    Returns
    -------
    Case

    Raises
    ------
    ConfigError
        New money terms that mean nothing, or a fall of retention that no chance can follow.
    """
    summary = model.summary
    periods = split_periods(spec.horizon, summary.as_of)
    base = resolve_terms(
        spec.economics, summary.partner_ids, partner_table=summary.partner_table
    ).partners
    plain = Economics(discount_rate=spec.economics.discount_rate)
    programme, order = prepare_programme(
        model,
        replace(spec, economics=plain),
        periods,
        eligible_until=first_months(summary, base.commission_months),
    )
    touched = np.isin(np.array(summary.partner_ids, dtype=object), list(concerned))
    home = summary.customers["partner_id"].isin(concerned).to_numpy()[order]
    _check_retention(model, programme, home, change)
    return Case(
        model=model,
        spec=spec,
        periods=periods,
        programme=programme,
        concerned=home.astype(np.int64),
        partner_concerned=touched.astype(np.int64),
        base_terms=base,
        changed_terms=_changed_terms(base, change.terms, touched.astype(bool)),
        workers=workers,
        progress=progress,
    )


def _check_retention(
    model: FittedModel, programme: Programme, home: BoolArray, change: Change
) -> None:
    factor = dropout_factor(change.retention)
    if factor <= 1.0:
        return
    largest = largest_dropout(model, programme, home)
    if factor >= largest:
        raise ConfigError(
            f"retention {100 * (change.retention - 1.0):+.3g} %: the dropout chance of some "
            f"customers times {factor:g} would be above 1",
            expected=f"retention not below -{100 * (largest - 1.0):.0f} %",
            remedy="choose a smaller fall",
        )


def largest_dropout(model: FittedModel, programme: Programme, home: BoolArray) -> float:
    """Give the factor on dropout chances at which somebody's mean chance would become one.

    Parameters
    ----------
    model : FittedModel
    programme : Programme
    home : bool array, shape (n_customers,)
        Customers who count.

    Returns
    -------
    float
        For somebody who has not bought again yet, which new customers have not.
    """
    groups = choose_draws(model, programme.parameters.draws.r.shape[1])
    largest = float(((groups.a + groups.b) / groups.a).min())
    where = np.flatnonzero(home) if programme.parameters.effects is not None else ()
    for first in range(0, len(where), PIECE):
        draws = programme.parameters.of(np.asarray(where[first : first + PIECE]))
        largest = min(largest, float(((draws.a + draws.b) / draws.a).min()))
    return largest


def _changed_terms(
    base: PartnerTerms, new: Mapping[str, float], touched: BoolArray
) -> PartnerTerms:
    """Put the new terms in the place of whatever holds for these partners."""
    values: dict[str, Any] = dict(new)
    check_terms(Terms(**values))
    arrays = {name: np.where(touched, value, getattr(base, name)) for name, value in values.items()}
    tiers = base.tiers
    if "commission" in values:
        tiers = tuple(() if own else old for own, old in zip(touched, tiers, strict=True))
    return replace(base, **arrays, tiers=tiers)


def value_both(case: Case, change: Change) -> Valued:
    """Simulate both futures and apply the money terms.

    Parameters
    ----------
    case : Case
    change : Change
        Its behaviour; the money terms are those of the case.

    Returns
    -------
    Valued
    """
    behaviour = Behaviour(
        purchase_rate=float(change.purchase_rate),
        dropout=dropout_factor(change.retention),
        order_value=float(change.order_value),
        concerned=case.concerned,
    )
    partners, draws = len(case.model.summary.partner_ids), case.spec.draws
    newcomers = _newcomers(case, change)
    with simulated_pair(
        case.programme,
        behaviour,
        shape=(partners, draws, len(case.periods)),
        workers=case.workers,
        progress=case.progress,
    ) as totals:
        quantum = case.programme.money_quantum
        layered = layered_draws(case.model, case.spec, _by_draw(totals.base, quantum))
        result = Valued(**{name: np.empty((draws, partners)) for name in Valued.__slots__})
        flows = _Flows(totals=totals, newcomers=newcomers, quantum=quantum, layered=layered)
        step = max(1, CHUNK // (draws * len(case.periods)))
        for first in range(0, partners, step):
            _add_values(result, case, slice(first, min(first + step, partners)), flows)
    return result


def _newcomers(case: Case, change: Change) -> NewcomerPair | None:
    if not case.spec.acquisition:
        return None
    return simulate_newcomer_futures(
        case.model,
        case.periods,
        Effect(
            float(change.purchase_rate),
            dropout_factor(change.retention),
            float(change.order_value),
            float(change.acquisition),
        ),
        concerned=case.partner_concerned,
        draws=case.spec.draws,
        seed=case.spec.seed,
        quantum=case.programme.money_quantum,
        eligible_days=None
        if case.programme.eligible is None
        else case.base_terms.commission_months * DAYS_PER_MONTH,
        workers=case.workers,
        progress=case.progress,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Flows:
    """Simulated totals of both futures, and what multiplies them."""

    totals: PairTotals
    newcomers: NewcomerPair | None
    quantum: float
    layered: LayeredDraws | None

    def cash(self, where: slice, future: int) -> PartnerCash:
        """Give what some partners bring in the future 0 (as things are) or 1 (as changed)."""
        existing = self._money((self.totals.base, self.totals.changed)[future][where])
        own = common = None
        if self.layered is not None:
            common = self.layered.programme_factor[:, None, None]
            own = _factor(self.layered, where)[:, :, None]
            existing *= own
        young = None
        if len(self.totals.eligible):
            young = self._money(self.totals.eligible[future][where])
            young *= 1.0 if own is None else own
        new = self.newcomers
        if new is None:
            return PartnerCash(existing_revenue=existing, eligible_revenue=young)
        if young is not None and new.eligible is not None:
            later = self._money(new.eligible[future][where])
            young += later * (1.0 if common is None else common)
        revenue, first = (
            self._money(values[future][where]) for values in (new.revenue, new.first_revenue)
        )
        if common is not None:
            revenue *= common
            first *= common
        return PartnerCash(
            existing_revenue=existing,
            new_revenue=revenue,
            first_order_revenue=first,
            new_customers=np.swapaxes(new.customers[future][where], 0, 1).astype(np.float64),
            eligible_revenue=young,
        )

    def _money(self, quanta: IntArray) -> FloatArray:
        return np.asarray(np.swapaxes(quanta, 0, 1) * self.quantum)


def _factor(layered: LayeredDraws, where: slice) -> FloatArray:
    """By what past forecasts teach to multiply each partner's draw, in both futures alike.

    Where known customers bring nothing as things are, no factor was drawn: there it is the
    partner's mean, times what all partners share.
    """
    common = layered.programme_factor / layered.programme_factor.mean()
    mean = layered.mean_factor[where] * common[:, None]
    return np.where(layered.revenue[:, where] > 0, layered.factor[:, where], mean)


def _add_values(result: Valued, case: Case, where: slice, flows: _Flows) -> None:
    """Fill in the partners ``where``."""
    old, new = (take_terms(terms, where) for terms in (case.base_terms, case.changed_terms))
    now, then = flows.cash(where, 0), flows.cash(where, 1)
    for target, cash, terms in (
        (result.base_ltv, now, old),
        (result.unmoved_ltv, now, new),
        (result.changed_ltv, then, new),
    ):
        money = value_partners(cash, terms, edges_days=case.periods.edges_days)
        target[:, where] = money.ltv
    for target, cash in ((result.base_revenue, now), (result.changed_revenue, then)):
        target[:, where] = cash.existing_revenue.sum(axis=2)
        if cash.new_revenue is not None:
            target[:, where] += cash.new_revenue.sum(axis=2)


def _by_draw(revenue: IntArray, quantum: float) -> FloatArray:
    """Sum over periods, partner by partner: shape (draw, partner)."""
    total = np.empty((revenue.shape[1], len(revenue)))
    for partner, of_partner in enumerate(revenue):
        total[:, partner] = of_partner.sum(axis=1)
    return total * quantum
