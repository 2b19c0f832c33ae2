"""What a lead is worth: a new customer's value times the chance that a lead becomes one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from html import escape

import numpy as np

from ltvforecast.economics_types import Economics, PartnerTerms
from ltvforecast.errors import ConfigError, ForecastError
from ltvforecast.fit_types import FittedModel
from ltvforecast.forecast.economics import PartnerCash, value_partners
from ltvforecast.forecast.exposure import forecast_clock
from ltvforecast.forecast.horizon import DAYS_PER_MONTH, Periods, parse_horizon, split_periods
from ltvforecast.forecast.intervals import check_levels, tail_probabilities
from ltvforecast.forecast.newcomer_parameters import NewcomerParameters, newcomer_parameters
from ltvforecast.forecast.newcomer_paths import Brought, simulate_newcomers_of
from ltvforecast.forecast.newcomer_records import Law, Terms, Timing
from ltvforecast.forecast.newcomer_value import (
    expected_repeats,
    first_and_later_spend,
    paired_spend,
)
from ltvforecast.forecast.partners import segments_of
from ltvforecast.forecast.payback import PAYS_WITH, highest_that_pays
from ltvforecast.forecast.prepare import choose_quantum
from ltvforecast.forecast.recruit_parameters import new_partner_stream
from ltvforecast.forecast.recruit_table import NEW_PARTNER, new_partner_terms
from ltvforecast.forecast.terms import resolve_terms, take_terms
from ltvforecast.forecast.totals import whole_number
from ltvforecast.forecast_types import Horizon
from ltvforecast.types import DEFAULT_SEED, FloatArray, IntArray

__all__ = ["LeadValue", "lead_value"]

MOST_PARTNERS = 100
"""Partners of different levels over which a customer of many partners is averaged."""
LARGEST_QUANTA = 2.0**62


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadValue:
    """What a lead is worth, and the most that may be paid for one.

    Attributes
    ----------
    value : float
        Expected value of a lead: on average one may pay that much.
    value_interval : mapping of int to (float, float)
        By level in percent: how sure that expectation is.
    most_to_pay : float
        For each of ``leads``: the price at which all of them together pay with a probability of
        90 %.
    customer_value : float
        Expected value of a new customer, its first purchase included.
    customer_value_interval : mapping of int to (float, float)
        How sure that expectation is.
    customer_interval : mapping of int to (float, float)
        Where a single customer's value will lie.
    conversion_rate : float
        Its mean.
    leads : int
    draws : mapping of str to float64 array, shape (draw,)
        ``value`` and ``customer_value`` expected given the draw's parameters; ``conversion_rate``;
        ``customer`` (the value of one simulated customer) and ``per_lead`` (the value of the
        simulated leads, divided by their number).
    notes : tuple of str
        Plain words.
    """

    value: float
    value_interval: Mapping[int, tuple[float, float]]
    most_to_pay: float
    customer_value: float
    customer_value_interval: Mapping[int, tuple[float, float]]
    customer_interval: Mapping[int, tuple[float, float]]
    conversion_rate: float
    leads: int
    draws: Mapping[str, FloatArray] = field(repr=False)
    notes: tuple[str, ...]

    def _repr_html_(self) -> str:
        level = max(self.value_interval)
        low, high = self.value_interval[level]
        notes = "".join(f"<li>{escape(note)}</li>" for note in self.notes)
        return (
            f"<p>A lead is worth {self.value:,.2f} ({level} %: {low:,.2f} to {high:,.2f}); "
            f"{self.leads:,} leads pay with 90 % probability at up to {self.most_to_pay:,.2f} "
            f"each.</p><ul>{notes}</ul>"
        )


def lead_value(
    model: FittedModel,
    *,
    conversion_rate: float | tuple[int, int],
    horizon: str | Horizon,
    economics: Economics | None = None,
    segment: str | None = None,
    partner: str | None = None,
    leads: int = 100,
    draws: int = 1000,
    levels: tuple[int, ...] = (50, 80, 90),
    seed: int = DEFAULT_SEED,
) -> LeadValue:
    """Say what a lead is worth: new customers' value times the chance to win one.

    Parameters
    ----------
    model : FittedModel
    conversion_rate : float, or tuple of int
        Share of leads that become customers, above 0 and up to 1; or ``(customers, leads)`` of the
        past, from which it is known only so well.
    horizon : str or Horizon
        From a customer's first purchase on.
    economics : Economics, optional
    segment, partner : str, optional
        Whose customer it becomes; at most one of the two. By default that of any partner.
    leads : int
        How many are bought, for ``most_to_pay``: chance evens out over many.
    draws, levels, seed
        As in :func:`ltvforecast.predict`.

    Returns
    -------
    LeadValue

    Raises
    ------
    ConfigError
        An option that means nothing; commission by the partner's volume.
    ForecastError
        A spend model without a finite mean.

    Notes
    -----
    Worth is margin less commission, bounty and the cost of a new customer, discounted; leads
    convert now. The support of a partner and a cap of its commission are not a single customer's
    and are left out. A rate given in counts is drawn from Beta(customers + 1/2, rest + 1/2).

    References
    ----------
    Fader, Hardie & Lee (2005), Marketing Science 24(2), equation 9; Jeffreys (1946) for the prior
    of the rate.
    """
    count = whole_number("draws", draws, least=1)
    seed, bought = whole_number("seed", seed, least=0), whole_number("leads", leads, least=1)
    told = check_levels(levels)
    text = horizon if isinstance(horizon, str) else f"{float(horizon.days)}d"
    periods = _periods(split_periods(parse_horizon(text, model.summary.as_of), model.summary.as_of))
    rate = _conversion(conversion_rate, count, seed)
    partners = _partners(model, segment, partner)
    terms = _terms(model, Economics() if economics is None else economics, segment, partner)
    parameters = newcomer_parameters(model, count, seed=seed)
    market = _Market(model=model, parameters=parameters, terms=terms, periods=periods, seed=seed)
    expected = _expected(market, partners, draws=count)
    customer = _simulated(market, partners, np.ones(count, dtype=np.int64), name="customer")
    stream = new_partner_stream(seed, 4, "leads")
    won = stream.binomial(bought, rate).astype(np.int64)
    per_lead = _simulated(market, partners, won, name="leads") / bought
    value = rate * expected
    return LeadValue(
        value=float(value.mean()),
        value_interval=_intervals(value, told),
        most_to_pay=max(float(highest_that_pays(per_lead[:, None])[0]), 0.0),
        customer_value=float(expected.mean()),
        customer_value_interval=_intervals(expected, told),
        customer_interval=_intervals(customer, told),
        conversion_rate=float(rate.mean()),
        leads=bought,
        draws={
            "value": value,
            "customer_value": expected,
            "conversion_rate": rate,
            "customer": customer,
            "per_lead": per_lead,
        },
        notes=_notes(terms, segment, partner, leads=bought),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Market:
    """What a customer's value rests on."""

    model: FittedModel
    parameters: NewcomerParameters
    terms: PartnerTerms
    periods: Periods
    seed: int


def _periods(periods: Periods) -> Periods:
    """Put the day of the first purchase apart, so that it is not discounted like its month."""
    edges = periods.edges_days
    if edges[1] <= 1.0:
        return periods
    return Periods(
        starts=(periods.starts[0], *periods.starts),
        ends=(periods.starts[0], *periods.ends),
        edges_days=np.concatenate([[0.0, 1.0], edges[1:]]),
    )


def _conversion(rate: float | tuple[int, int], draws: int, seed: int) -> FloatArray:
    if isinstance(rate, tuple):
        won, tried = (whole_number("conversion_rate", each, least=0) for each in rate)
        if 0 <= won <= tried and tried > 0:
            stream = new_partner_stream(seed, 3, "conversion")
            return np.asarray(stream.beta(won + 0.5, tried - won + 0.5, draws))
    elif 0.0 < rate <= 1.0:
        return np.full(draws, float(rate))
    raise ConfigError(
        f"a conversion rate of {rate}",
        expected="a number above 0, up to 1, or (customers, leads) such as (12, 240)",
        remedy="give the share of leads that become customers: 0.05 for 5 %",
    )


def _partners(model: FittedModel, segment: str | None, partner: str | None) -> IntArray:
    """Places of the partners whose customers stand for the lead's."""
    ids = model.summary.partner_ids
    if segment is not None and partner is not None:
        raise ConfigError(
            f"the segment {segment!r} and the partner {partner!r}",
            expected="at most one of the two",
            remedy="leave one out: a partner's customers are its own",
        )
    if partner is not None:
        if partner not in ids:
            raise ConfigError(
                f"the partner {partner!r}, which has no transactions",
                expected="a partner in the data",
                remedy="give its segment instead",
            )
        return np.array([ids.index(partner)], dtype=np.int64)
    names = segments_of(model.summary)
    if segment is not None and segment not in names:
        raise ConfigError(
            f"the segment {segment!r}, of which no partner is in the data",
            expected=f"one of {', '.join(sorted(set(names)))}",
            remedy="give one of these, or leave it out for any partner's customer",
        )
    inside = [segment is None or name == segment for name in names]
    return np.flatnonzero(inside).astype(np.int64)


def _terms(
    model: FittedModel, economics: Economics, segment: str | None, partner: str | None
) -> PartnerTerms:
    """Money terms of a single customer."""
    summary = model.summary
    if partner is None:
        terms = new_partner_terms(economics, summary, partner_id=NEW_PARTNER, segment=segment or "")
    else:
        found = resolve_terms(economics, summary.partner_ids, partner_table=summary.partner_table)
        place = summary.partner_ids.index(partner)
        terms = take_terms(found.partners, slice(place, place + 1))
    if terms.tiers[0]:
        raise ConfigError(
            "commission by tiers, which is by the volume of a partner and not of a customer",
            expected="commission as a share of revenue",
            remedy="give economics with the share of the tier that the partner is in",
        )
    return replace(
        terms,
        support_cost_per_month=np.zeros(1),
        commission_cap=np.full(1, np.inf),
    )


def _weights(model: FittedModel, partners: IntArray) -> FloatArray:
    """By how many customers they have: a lead becomes a customer of theirs."""
    weight = np.maximum(model.summary.partner_customers[partners].astype(np.float64), 1e-9)
    return np.asarray(weight / weight.sum())


def _expected(market: _Market, partners: IntArray, *, draws: int) -> FloatArray:
    """Expect a customer's value in each draw, averaged over the partners."""
    parameters = market.parameters
    weight = _weights(market.model, partners)
    if parameters.groups == 1:
        partners, weight = partners[:1], np.ones(1)
    elif len(partners) > MOST_PARTNERS:
        at = (np.arange(MOST_PARTNERS) + 0.5) / MOST_PARTNERS
        partners = partners[np.searchsorted(np.cumsum(weight), at)]
        weight = np.full(MOST_PARTNERS, 1.0 / MOST_PARTNERS)
    total = np.zeros(draws)
    for place, share in zip(partners, weight, strict=True):
        total += share * _expected_of(market, parameters.law(int(place)), draws=draws)
    return total


def _expected_of(market: _Market, law: Law, *, draws: int) -> FloatArray:
    months = float(market.terms.commission_months[0])
    edges = market.periods.edges_days
    limit = months * DAYS_PER_MONTH
    ends = np.clip(edges[1:], None, limit) if np.isfinite(limit) else edges[1:]
    first, each = first_and_later_spend(law, market.parameters.highest_spend)
    revenue = each[:, None] * _repeats(market, law, edges[1:], draws=draws)
    revenue[:, 0] += first
    eligible = each[:, None] * _repeats(market, law, ends, draws=draws)
    eligible[:, 0] += first
    firsts = np.zeros_like(revenue)
    firsts[:, 0] = first
    number = np.zeros_like(revenue)
    number[:, 0] = 1.0
    return _worth(market, revenue, firsts, eligible, number)


def _repeats(market: _Market, law: Law, ends: FloatArray, *, draws: int) -> FloatArray:
    """Expect repeat purchases between 0 and each of these days, period by period."""
    days, place = np.unique(np.append(0.0, ends), return_inverse=True)
    inner = Periods(starts=market.periods.starts, ends=market.periods.ends, edges_days=days)
    clock, _ = forecast_clock(market.model, inner, draws=draws, discount=0.0)
    horizon = np.broadcast_to(clock.edges, (draws, len(days)))[:, 1:]
    count = expected_repeats(law, np.ascontiguousarray(horizon))
    pairs = paired_spend(market.parameters)
    if pairs is not None:
        count *= pairs.of(horizon, law.alpha)
    upto = np.concatenate([np.zeros((draws, 1)), count], axis=1)
    return np.diff(upto[:, place], axis=1)


def _simulated(market: _Market, partners: IntArray, number: IntArray, *, name: str) -> FloatArray:
    """Simulate so many customers in each draw, who all come now; give their worth."""
    draws = len(number)
    stream = new_partner_stream(market.seed, 5, name)
    law = _law_of(market, partners, stream, draws=draws)
    clock, _ = forecast_clock(market.model, market.periods, draws=draws, discount=0.0)
    pieces = len(market.periods)
    timing = Timing(clock.edges, market.periods.edges_days, np.arange(pieces, dtype=np.int64))
    counts = np.zeros((draws, pieces), dtype=np.int64)
    counts[:, 0] = number
    first, each = first_and_later_spend(law, market.parameters.highest_spend)
    ends = market.periods.edges_days[1:]
    mean = first + each * _repeats(market, law, ends, draws=draws).sum(axis=1)
    largest = float(np.percentile(mean * np.maximum(number, 1), 99.0))
    months = float(market.terms.commission_months[0])
    terms = Terms(
        0, np.ones(1), 0.0, np.inf, choose_quantum(largest), market.parameters.highest_spend,
        months * DAYS_PER_MONTH if np.isfinite(months) else -1.0,
    )  # fmt: skip
    money = [np.zeros((draws, pieces), dtype=np.int64) for _ in range(3)]
    brought = Brought(money[0], money[1], money[2], np.zeros(draws))
    simulate_newcomers_of(
        stream, new_partner_stream(market.seed, 6, name), counts, np.zeros((draws, pieces)),
        mean * number / terms.quantum, law, timing, market.parameters.pairing(law), terms, brought,
    )  # fmt: skip
    if not float(brought.size.max()) < LARGEST_QUANTA:
        raise ForecastError(
            "a parameter draw under which a customer's revenue is beyond all bounds",
            expected="revenue of a comparable size in all parameter draws",
            remedy="fit with --method laplace, or give it more purchases",
        )
    revenue, firsts, eligible = (
        part.astype(np.float64) * terms.quantum
        for part in (brought.revenue, brought.first_revenue, brought.eligible)
    )
    return _worth(market, revenue, firsts, eligible, counts.astype(np.float64))


def _law_of(market: _Market, partners: IntArray, stream: np.random.Generator, *, draws: int) -> Law:
    """Take the parameters of another of the partners in each draw."""
    chosen = stream.choice(partners, size=draws, p=_weights(market.model, partners))
    parameters = market.parameters
    own = (
        values[chosen if len(values) > 1 else np.zeros(draws, np.int64), np.arange(draws)]
        for values in parameters.draws
    )
    return Law._make([*(np.ascontiguousarray(each) for each in own), parameters.first_factor])


def _worth(
    market: _Market,
    revenue: FloatArray,
    firsts: FloatArray,
    eligible: FloatArray,
    number: FloatArray,
) -> FloatArray:
    cash = PartnerCash(
        existing_revenue=np.zeros_like(revenue)[:, None],
        new_revenue=revenue[:, None],
        first_order_revenue=firsts[:, None],
        new_customers=number[:, None],
        eligible_revenue=eligible[:, None],
    )
    return value_partners(cash, market.terms, edges_days=market.periods.edges_days).ltv[:, 0]


def _intervals(values: FloatArray, levels: tuple[int, ...]) -> dict[int, tuple[float, float]]:
    ends = np.quantile(values, tail_probabilities(levels)).reshape(-1, 2)
    return {
        level: (float(low), float(high)) for level, (low, high) in zip(levels, ends, strict=True)
    }


def _notes(
    terms: PartnerTerms, segment: str | None, partner: str | None, *, leads: int
) -> tuple[str, ...]:
    whose = "any partner"
    if partner is not None:
        whose = f"the partner {partner!r}"
    elif segment is not None:
        whose = f"the segment {segment!r}"
    won = f"A lead that is won becomes a customer like those of {whose}, and first buys now."
    price = (
        f"On average a lead pays at any price below its value; at the most to pay, {leads:,} leads "
        f"together pay with a probability of {100 * PAYS_WITH:.0f} %."
    )
    notes = [won, price]
    if terms.customer_acquisition_cost[0] > 0:
        notes.append(
            f"The cost of a new customer ({terms.customer_acquisition_cost[0]:,.2f}) is taken off "
            "already: if it is the price of leads itself, set it to 0 here."
        )
    return tuple(notes)
